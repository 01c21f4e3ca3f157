//! `/boards/{id}/events` and `/events`: the log as a stream of one board, of several, and as pages.

mod page;

use super::answer::{self, Problem};
use super::decode::{Parameters, PathId};
use super::security::Suspicion;
use super::{App, Peer, credential};
use crate::auth::Asker;
use crate::engine::{From, NoStream, Wish};
use crate::live::{Hangup, Heartbeat};
use crate::outside::random_within;
use crate::store::Failure;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use boardcast_core::cursor::Cursor;
use boardcast_core::limits::{BOARDS_PER_STREAM_MAX, ID_CHARS_MAX, RETRY_SPREAD_MS};
use boardcast_core::model::BoardId;
use boardcast_core::protocol::Refusal;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Version};

/// The log of one board, as the caller accepts it.
pub(super) async fn watch(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Extension(hangup): Extension<Hangup>,
    version: Version,
    board_id: Result<PathId<BoardId>, Problem>,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if wants_page(&headers) {
        let asker = credential::identify(&app, &headers, &peer, None).await?;
        let PathId(board_id) = board_id?;
        return page::read(&app, &asker, board_id, parameters).await;
    }
    let caller = Caller {
        headers: &headers,
        peer: &peer,
        version,
    };
    let named = board_id.as_ref().ok().map(|PathId(board_id)| board_id);
    let boards: Vec<_> = named.cloned().into_iter().collect();
    let asker = match caller.identify(&app, &mut parameters, &boards).await? {
        Ok(asker) => asker,
        Err(answer) => return Ok(answer),
    };
    let (place, wishes) = read_wishes(parameters, &headers)?;
    let from = match &place {
        None if wishes.snapshot => From::Snapshot,
        None => From::Head,
        Some(place) => from_cursor(place),
    };
    let Ok(permit) = app.edge.admit_stream(&peer) else {
        return Ok(turn_away(&app, peer, version));
    };
    let watched = match board_id {
        Ok(PathId(board_id)) => {
            app.engine
                .watch(&asker.access, board_id, from, wishes.heartbeat, hangup)
                .await
        }
        Err(_) => Err(NoStream::NoBoard),
    };
    let (watched, offer) = match watched {
        Ok(mut stream) => {
            stream.line.permit.count_for(permit);
            let (body, offer) = stream.into_body();
            (Ok(body), Some(offer))
        }
        Err(none) => (Err(none), None),
    };
    let mut response = answer(version, watched, place.is_some())?;
    if let Some(offer) = offer {
        response.extensions_mut().insert(offer);
    }
    Ok(response)
}

/// The logs of several boards in one stream.
pub(super) async fn watch_many(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Extension(hangup): Extension<Hangup>,
    version: Version,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = Caller {
        headers: &headers,
        peer: &peer,
        version,
    };
    let named = parameters.first("boards").unwrap_or_default().split(',');
    let boards: Vec<_> = named.filter_map(|name| name.parse().ok()).collect();
    let asker = match caller.identify(&app, &mut parameters, &boards).await? {
        Ok(asker) => asker,
        Err(answer) => return Ok(answer),
    };
    if wants_page(&headers) {
        return Err(Problem::NotAcceptable);
    }
    let boards = read_boards(&mut parameters)?;
    let (place, wishes) = read_wishes(parameters, &headers)?;
    let boards = place_each(boards, place.as_deref(), wishes.snapshot);
    let Ok(permit) = app.edge.admit_stream(&peer) else {
        return Ok(turn_away(&app, peer, version));
    };
    let watched = app
        .engine
        .watch_many(&asker.access, boards, wishes.heartbeat, hangup)
        .await;
    let watched = watched.map(|mut stream| {
        stream.line.permit.count_for(permit);
        stream.into_body()
    });
    answer(version, watched, place.is_some())
}

/// As overload does.
fn turn_away(app: &App, peer: Peer, version: Version) -> Response {
    let log = &app.edge.log;
    let now = app.engine.outside().now();
    log.note(Suspicion::TooManyStreams, peer.address, now);
    turned_away(app, version)
}

fn turned_away(app: &App, version: Version) -> Response {
    let retry_ms = random_within(app.engine.outside(), &RETRY_SPREAD_MS);
    answer::turned_away(version, retry_ms)
}

/// Whoever asks for a stream.
struct Caller<'a> {
    headers: &'a HeaderMap,
    peer: &'a Peer,
    version: Version,
}

impl Caller<'_> {
    /// Who it is, by its ticket too. A caller with a cursor whose credential is gone is told never to
    /// come back, in the way that a browser's `EventSource` understands.
    async fn identify(
        &self,
        app: &App,
        parameters: &mut Parameters,
        boards: &[BoardId],
    ) -> Result<Result<Asker, Response>, Problem> {
        let ticket = parameters.take("ticket")?;
        let ticket = ticket.as_deref().map(|ticket| (ticket, boards));
        let has_cursor =
            last_event_id(self.headers).is_some() || parameters.first("after").is_some();
        let asker = credential::identify(app, self.headers, self.peer, ticket).await;
        match asker {
            Ok(asker) => Ok(Ok(asker)),
            Err(Problem::Failed(Failure::Unavailable)) => Ok(Err(turned_away(app, self.version))),
            Err(_) if has_cursor => Ok(Err(answer::never_come_back())),
            Err(problem) => Err(problem),
        }
    }
}

/// A caller with a cursor whose board or credential is gone is told never to come back; one without,
/// what is missing. Overload and shutdown answer with a stream that says when to come back: a
/// browser's `EventSource` would give up for ever on anything but 200.
fn answer(
    version: Version,
    watched: Result<Body, NoStream>,
    has_cursor: bool,
) -> Result<Response, Problem> {
    match watched {
        Ok(body) => Ok(answer::stream(version, body)),
        Err(NoStream::ComeBack { retry_ms }) => Ok(answer::turned_away(version, retry_ms)),
        Err(NoStream::NoBoard | NoStream::NotSignedIn) if has_cursor => {
            Ok(answer::never_come_back())
        }
        Err(NoStream::NoBoard) => Err(Problem::NoSuchThing),
        Err(NoStream::NotSignedIn) => Err(Refusal::NotSignedIn.into()),
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    let names = |what| {
        let accepted = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let mut ranges = accepted.flat_map(|value| value.split(','));
        ranges.any(|range| {
            let essence = range.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case(what)
        })
    };
    names("application/json") && !names("text/event-stream")
}

/// What a stream's caller wants besides its place.
struct Wishes {
    snapshot: bool,
    heartbeat: Heartbeat,
}

/// The place that the caller has, if any, and its wishes.
fn read_wishes(
    mut parameters: Parameters,
    headers: &HeaderMap,
) -> Result<(Option<String>, Wishes), Problem> {
    let after = parameters.take("after")?;
    let snapshot = parameters.is_set("snapshot")?;
    let heartbeat = match parameters.take("heartbeat")?.as_deref() {
        None => Heartbeat::Comment,
        Some("event") => Heartbeat::Event,
        Some(_) => {
            return Err(Problem::invalid(
                "heartbeat",
                "must be \"event\" or left out",
            ));
        }
    };
    parameters.finish()?;
    // The header wins: when a browser reconnects, its URL still holds the old place.
    let last_event_id = last_event_id(headers).map(|id| id.to_str().unwrap_or_default().to_owned());
    Ok((
        last_event_id.or(after),
        Wishes {
            snapshot,
            heartbeat,
        },
    ))
}

fn last_event_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get("last-event-id").filter(|id| !id.is_empty())
}

fn from_cursor(text: &str) -> From {
    Cursor::parse(text).map_or(From::Unreadable, From::Cursor)
}

/// The boards asked for, each once.
fn read_boards(parameters: &mut Parameters) -> Result<Vec<String>, Problem> {
    let text = parameters.take("boards")?;
    let text = text
        .ok_or_else(|| Problem::invalid("boards", "is missing: name boards, joined by commas"))?;
    let mut boards: Vec<String> = Vec::new();
    for board in text.split(',').filter(|board| !board.is_empty()) {
        if !boards.iter().any(|known| known == board) {
            boards.push(board.into());
        }
    }
    // Such a name comes back in an event, and no event is larger than a frame.
    if boards
        .iter()
        .any(|board| board.chars().count() > ID_CHARS_MAX)
    {
        return Err(Problem::invalid(
            "boards",
            format!("holds a name of more than {ID_CHARS_MAX} characters: no id is that long"),
        ));
    }
    if (1..=BOARDS_PER_STREAM_MAX).contains(&boards.len()) {
        Ok(boards)
    } else {
        Err(Problem::invalid(
            "boards",
            format!("must name 1 to {BOARDS_PER_STREAM_MAX} boards"),
        ))
    }
}

/// Gives each board the place that the id says: `board:cursor`, joined by commas. Boards of the id
/// that are not asked for are passed over; so what is known stays known when the set changes. A board
/// that the id should name but that can't be read from it begins with a snapshot.
fn place_each(boards: Vec<String>, id: Option<&str>, snapshot: bool) -> Vec<Wish> {
    let elements = id.into_iter().flat_map(|id| id.split(','));
    let elements: Vec<_> = elements.map(|element| element.split_once(':')).collect();
    let is_broken = elements.contains(&None);
    let place = |board: String| {
        let named = elements.iter().flatten().find(|(name, _)| *name == board);
        let from = match named {
            Some((_, cursor)) => from_cursor(cursor),
            None if is_broken => From::Unreadable,
            None if snapshot => From::Snapshot,
            None => From::Head,
        };
        // Kept in the ids until the snapshot is written, so that a cut before that loses nothing. A
        // name that can be no board's has no place in them: it may hold anything, line ends too.
        let element = match from {
            _ if BoardId::parse(&board).is_err() => None,
            From::Cursor(cursor) => Some(cursor.to_string()),
            From::Unreadable => Some("?".to_owned()),
            From::Head | From::Snapshot => None,
        };
        Wish {
            board,
            from,
            element,
        }
    };
    boards.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "5-0123456789ab";

    fn elements(boards: &[&str], id: &str) -> Vec<Option<String>> {
        let boards = boards.iter().map(|&board| board.to_owned()).collect();
        let wishes = place_each(boards, Some(id), false);
        wishes.into_iter().map(|wish| wish.element).collect()
    }

    #[test]
    fn an_id_places_the_boards_that_it_names() {
        let id = format!("a:{GOOD},gone:{GOOD}");
        let wishes = place_each(vec!["b".into(), "a".into()], Some(&id), true);
        let from: Vec<_> = wishes.iter().map(|wish| wish.from).collect();
        assert_eq!(from, [From::Snapshot, from_cursor(GOOD)]);
        assert_eq!(elements(&["b", "a"], &id), [None, Some(GOOD.to_owned())]);
    }

    #[test]
    fn what_an_id_says_unreadably_stays_unreadable_until_the_snapshot() {
        let unreadable = Some("?".to_owned());
        assert_eq!(
            elements(&["a", "b"], "a:nonsense"),
            [unreadable.clone(), None]
        );
        assert_eq!(
            elements(&["a", "b"], "nonsense"),
            [unreadable.clone(), unreadable]
        );
    }

    /// It would end the `id` line and begin one of its own.
    #[test]
    fn a_name_that_can_be_no_boards_stays_out_of_the_ids() {
        let name = "b\ndata: {}";
        for id in [format!("{name}:{GOOD}"), "nonsense".to_owned()] {
            assert_eq!(elements(&[name], &id), [None]);
        }
    }
}
