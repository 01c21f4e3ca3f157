//! `/tickets`: what lets one stream in that can't send a credential.

use super::answer::{self, Problem};
use super::change::Change;
use axum::response::Response;
use boardcast_core::limits::{BOARDS_PER_STREAM_MAX, TICKET_SECONDS};
use boardcast_core::model::{BoardId, Timestamp};
use http::StatusCode;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

/// What lets one stream in.
#[derive(Serialize, ToSchema)]
#[schema(as = Ticket)]
#[serde(rename_all = "camelCase")]
pub(super) struct Drawn {
    /// What goes into the stream's address, as `ticket`.
    ticket: String,
    /// When it ends at the latest.
    ends_at: Timestamp,
}

pub(super) async fn draw(change: Change) -> Result<Response, Problem> {
    let mut fields = change.fields()?;
    let boards: Option<Vec<BoardId>> = fields.list("boards", BOARDS_PER_STREAM_MAX)?;
    fields.finish()?;
    let boards = boards.filter(|boards| !boards.is_empty());
    let boards = boards.ok_or_else(|| Problem::invalid("boards", "must name a board at least"))?;
    let outside = change.app.engine.outside();
    let access = &change.asker.access;
    let tickets = &change.app.auth.tickets;
    let ticket = tickets.draw(access, boards, outside, Instant::now())?;
    let seconds = i64::try_from(TICKET_SECONDS).expect("half a minute");
    let drawn = Drawn {
        ticket: ticket.reveal().to_owned(),
        ends_at: Timestamp(outside.now().0 + seconds * 1_000),
    };
    Ok(answer::secret(StatusCode::CREATED, &drawn))
}
