//! `/tickets`.

use super::super::answer::Code;
use super::super::tickets::Drawn;
use super::examples;
use super::operation::{Fields, Operation, list};
use boardcast_core::limits::{BOARDS_PER_STREAM_MAX, TICKET_SECONDS};
use boardcast_core::model::BoardId;
use serde_json::json;

pub(crate) fn draw() -> Operation {
    Operation::change_people("Draw a ticket")
        .about(format!("Lets one stream of these boards in where no header can be sent: a browser's `EventSource` at another site, say. Good for {TICKET_SECONDS} s, once."))
        .for_anybody()
        .takes(
            Fields::new()
                .must_be("boards", list::<BoardId>(1, BOARDS_PER_STREAM_MAX, "The boards that it is good for."))
                .example(json!({ "boards": [examples::BOARD] })),
        )
        .with_schema::<BoardId>()
        .created::<Drawn>("The ticket.", examples::ticket())
        .refuses(&[Code::TooManyTickets])
        .never(&[Code::AccountsOff, Code::NotAllowed])
}
