//! `/boards/{id}/events`: the stream.

use super::App;
use super::answer::{self, Problem};
use super::decode::{Parameters, PathId};
use crate::engine::{From, NoStream};
use crate::live::{Hangup, Heartbeat};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use boardcast_core::cursor::Cursor;
use boardcast_core::model::BoardId;
use http::header::ACCEPT;
use http::{HeaderMap, Version};

/// A caller with a cursor whose board is gone is told never to come back; one without, that there is
/// no such board. Overload and shutdown answer with a stream that says when to come back: a
/// browser's `EventSource` would give up for ever on anything but 200.
pub(super) async fn watch(
    State(app): State<App>,
    Extension(hangup): Extension<Hangup>,
    version: Version,
    board_id: Result<PathId<BoardId>, Problem>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !accepts_stream(&headers) {
        return Err(Problem::NotAcceptable);
    }
    let (from, heartbeat) = read_wishes(parameters, &headers)?;
    let watched = match board_id {
        Ok(PathId(board_id)) => {
            app.engine
                .watch(&app.auth.access(), board_id, from, heartbeat, hangup)
                .await
        }
        Err(_) => Err(NoStream::NoBoard),
    };
    match watched {
        Ok(stream) => Ok(answer::stream(version, stream.into_body())),
        Err(NoStream::ComeBack { retry_ms }) => Ok(answer::turned_away(version, retry_ms)),
        Err(NoStream::NoBoard) if matches!(from, From::Cursor(_) | From::Unreadable) => {
            Ok(answer::never_come_back())
        }
        Err(NoStream::NoBoard) => Err(Problem::NoSuchThing),
    }
}

fn accepts_stream(headers: &HeaderMap) -> bool {
    let names = |what| {
        let accepted = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        accepted
            .flat_map(|value| value.split(','))
            .any(|range| range.trim_start().starts_with(what))
    };
    !names("application/json") || names("text/event-stream")
}

fn read_wishes(
    mut parameters: Parameters,
    headers: &HeaderMap,
) -> Result<(From, Heartbeat), Problem> {
    let after = parameters.take("after")?;
    let wants_snapshot = match parameters.take("snapshot")?.as_deref() {
        None => false,
        Some("1") => true,
        Some(_) => return Err(Problem::invalid("snapshot", "must be 1 or left out")),
    };
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
    let last_event_id = headers.get("last-event-id").filter(|id| !id.is_empty());
    let from = match (last_event_id, after) {
        (Some(id), _) => cursor_from(id.to_str().unwrap_or_default()),
        (None, Some(after)) => cursor_from(&after),
        (None, None) if wants_snapshot => From::Snapshot,
        (None, None) => From::Head,
    };
    Ok((from, heartbeat))
}

fn cursor_from(text: &str) -> From {
    Cursor::parse(text).map_or(From::Unreadable, From::Cursor)
}
