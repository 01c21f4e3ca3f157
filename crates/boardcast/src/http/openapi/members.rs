//! `/boards/{id}/members`.

use super::super::answer::Code;
use super::super::members::Members;
use super::examples;
use super::operation::{Fields, Operation};
use boardcast_core::access::Role;
use boardcast_core::limits::MEMBERS_PER_BOARD_MAX;
use boardcast_core::model::{BoardId, Login, UserId};
use boardcast_core::people::Member;
use serde_json::json;

pub(crate) fn read() -> Operation {
    Operation::read_people("List a board's members")
        .for_somebody()
        .path::<BoardId>("id", examples::BOARD)
        .ok::<Members>(
            "Everyone on it.",
            json!({ "members": [examples::member()] }),
        )
        .never(&[Code::NotAllowed])
}

pub(crate) fn add() -> Operation {
    putting("Add a member by login")
        .path::<BoardId>("id", examples::BOARD)
        .takes(
            role()
                .must::<Login>("login", "What they sign in with.")
                .example(json!({ "login": "ben", "role": "editor" })),
        )
        .refuses(&[Code::UnknownReference])
}

pub(crate) fn set() -> Operation {
    putting("Set a member's role")
        .path::<BoardId>("id", examples::BOARD)
        .path::<UserId>("user", "user_2")
        .takes(role().example(json!({ "role": "viewer" })))
}

pub(crate) fn remove() -> Operation {
    Operation::change_people("Remove a member")
        .about("Or leave. Their streams of the board end before this is answered.")
        .for_somebody()
        .path::<BoardId>("id", examples::BOARD)
        .path::<UserId>("user", "user_2")
        .nothing("They are no member any more.")
        .refuses(&[Code::LastAdmin])
}

fn putting(summary: &'static str) -> Operation {
    Operation::change_people(summary)
        .about(format!(
            "A board has up to {MEMBERS_PER_BOARD_MAX} members, and an admin always."
        ))
        .for_somebody()
        .ok::<Member>("Was one before.", examples::member())
        .created::<Member>("Is one now.", examples::member())
        .refuses(&[Code::LastAdmin, Code::TooMany])
}

fn role() -> Fields {
    Fields::new().must::<Role>("role", "What they are on the board.")
}
