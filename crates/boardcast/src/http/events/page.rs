//! The log as pages of JSON, for whoever can't or won't hold a stream open. With `wait` the request
//! stays until there is an event.

use super::super::App;
use super::super::answer::{self, Problem};
use super::super::decode::Parameters;
use crate::auth::Asker;
use crate::store::sqlite::EventsRead;
use axum::response::Response;
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::Segment;
use boardcast_core::limits::EVENTS_WAIT_SECONDS_MAX;
use boardcast_core::model::BoardId;
use std::time::Duration;

pub(super) async fn read(
    app: &App,
    asker: &Asker,
    board_id: BoardId,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let after = parameters.take("after")?;
    let limit = parameters.limit()?;
    let wait = read_wait(&mut parameters)?;
    parameters.finish()?;
    let after = after.map(|after| Cursor::parse(&after));
    match app
        .engine
        .events(&asker.access, board_id, after, limit, wait)
        .await?
    {
        EventsRead::Events(place, segment) => Ok(answer::events(encode(place, Some(&segment)))),
        EventsRead::CaughtUp(place) => Ok(answer::events(encode(place, None))),
        EventsRead::Unservable => Err(Problem::CursorGone),
        EventsRead::NoBoard => Err(Problem::NoSuchThing),
    }
}

fn read_wait(parameters: &mut Parameters) -> Result<Duration, Problem> {
    let expected = format!("must be a number of seconds from 0 to {EVENTS_WAIT_SECONDS_MAX}");
    let seconds = parameters.read("wait", &expected)?.unwrap_or(0);
    if seconds <= EVENTS_WAIT_SECONDS_MAX {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(Problem::invalid("wait", expected))
    }
}

/// The events' bytes are put together as they are in the log: the same as on a stream.
fn encode(place: Cursor, segment: Option<&Segment>) -> Vec<u8> {
    let mut json = br#"{"events":["#.to_vec();
    let mut cursor = place;
    for frame in segment
        .iter()
        .flat_map(|segment| segment.frames_after(place))
    {
        if cursor != place {
            json.push(b',');
        }
        cursor = frame.cursor;
        json.extend(format!(r#"{{"id":"{cursor}","data":"#).as_bytes());
        json.extend(frame.json());
        json.push(b'}');
    }
    json.extend(format!(r#"],"cursor":"{cursor}"}}"#).as_bytes());
    json
}
