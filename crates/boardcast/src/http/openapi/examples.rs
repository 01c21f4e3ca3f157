//! What the document shows: things and events made by the program itself, on the board of a first
//! start.

use boardcast_core::access::{Actor, Role, Scope};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame;
use boardcast_core::model::{
    Board, Description, List, ListWithTasks, Malformed, Snapshot, Task, TaskSummary, Timestamp,
};
use boardcast_core::people::{Member, Token};
use boardcast_core::protocol::{Change, Event};
use serde::Serialize;
use serde_json::{Value, json};
use std::str::FromStr;

/// The board of a first start, its lists and one of its tasks.
pub(super) const BOARD: &str = "board-1";
pub(super) const LIST: &str = "list-todo";
pub(super) const OTHER_LIST: &str = "list-doing";
pub(super) const TASK: &str = "task-try";

/// 2026-11-23T21:17:57.123Z.
const NOW: Timestamp = Timestamp(1_795_468_677_123);

fn valid<T: FromStr<Err = Malformed>>(text: &str) -> T {
    text.parse().expect("examples are valid")
}

fn cursor() -> Cursor {
    Cursor::parse("42-03b7710c9ae4").expect("a cursor")
}

pub(super) fn board() -> Board {
    Board {
        id: valid(BOARD),
        name: valid("Demo board"),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(super) fn list() -> List {
    List {
        id: valid(OTHER_LIST),
        board_id: valid(BOARD),
        name: valid("Doing"),
        rank: boardcast_core::rank::Rank::parse("V").expect("a rank"),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(super) fn task() -> Task {
    Task {
        id: valid(TASK),
        list_id: valid(OTHER_LIST),
        title: valid("Try Boardcast"),
        description: Description::default(),
        rank: boardcast_core::rank::Rank::parse("V").expect("a rank"),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(super) fn snapshot() -> Snapshot {
    Snapshot {
        board: board(),
        lists: vec![ListWithTasks {
            list: list(),
            tasks: vec![TaskSummary::from(&task())],
        }],
        cursor: cursor(),
    }
}

/// A page of boards.
pub(super) fn boards() -> Value {
    json!({ "boards": [board()], "next": null })
}

/// A page of what was deleted.
pub(super) fn deleted() -> Value {
    json!({ "deleted": [{ "task": task(), "deletedAt": NOW }], "next": null })
}

/// A page of events.
pub(super) fn events() -> Value {
    let data = message("task_moved");
    json!({ "events": [{ "id": cursor(), "data": data }], "cursor": cursor() })
}

/// The page of a person who signed in.
pub(super) fn me() -> Value {
    let user = json!({ "id": "user_1", "login": "ada", "name": "Ada", "isAdmin": true });
    json!({ "mode": "accounts", "user": user, "via": "session", "canSetUp": false })
}

pub(super) fn user() -> Value {
    json!({
        "id": "user_2", "kind": "person", "login": "ben", "name": "Ben", "isAdmin": false,
        "hasPassword": false, "disabled": false, "createdAt": NOW,
    })
}

pub(super) fn invite() -> Value {
    json!({ "invite": SECRET_OF_INVITE, "endsAt": NOW })
}

pub(super) const SECRET_OF_INVITE: &str = "bci_…";

pub(super) fn member() -> Member {
    Member {
        user_id: valid("user_2"),
        name: valid("Ben"),
        login: Some(valid("ben")),
        role: Role::Editor,
        disabled: false,
    }
}

pub(super) fn token() -> Token {
    Token {
        id: valid("token_1"),
        name: valid("deploy script"),
        scope: Scope::Write,
        boards: Some(vec![valid(BOARD)]),
        created_at: NOW,
        ends_at: None,
        used_at: None,
    }
}

/// A new token.
pub(super) fn token_with_secret() -> Value {
    with(token(), &[("secret", "bct_…".into())])
}

pub(super) fn session() -> Value {
    json!({
        "id": "session_1", "createdAt": NOW, "seenAt": NOW, "endsAt": NOW,
        "agent": "Mozilla/5.0", "current": true,
    })
}

pub(super) fn ticket() -> Value {
    json!({ "ticket": "bck_…", "endsAt": NOW })
}

fn with(thing: impl Serialize, more: &[(&str, Value)]) -> Value {
    let mut value = serde_json::to_value(thing).expect("plain data");
    for (name, field) in more {
        value[*name] = field.clone();
    }
    value
}

/// What a stream says, by its type.
pub(super) fn message(tag: &str) -> Option<Value> {
    let said = match tag {
        "connected" => json!({ "type": "connected" }),
        "snapshot" => json!({ "type": "snapshot", "board": snapshot() }),
        "board_gone" => json!({ "type": "board_gone", "boardId": BOARD }),
        _ => {
            let change = changes().into_iter();
            let mut events = change.map(event);
            return events.find(|event| event["type"] == tag);
        }
    };
    Some(said)
}

/// One change of every kind that anybody is told of.
fn changes() -> Vec<Change> {
    vec![
        Change::BoardCreated { board: board() },
        Change::BoardUpdated { board: board() },
        Change::BoardDeleted,
        Change::ListCreated { list: list() },
        Change::ListUpdated { list: list() },
        Change::ListMoved { list: list() },
        Change::ListDeleted {
            list_id: valid(LIST),
        },
        Change::TaskCreated { task: task() },
        Change::TaskUpdated { task: task() },
        Change::TaskMoved { task: task() },
        Change::TaskDeleted {
            task_id: valid(TASK),
        },
    ]
}

/// As the log has it.
fn event(change: Change) -> Value {
    let event = Event {
        change,
        board_id: valid(BOARD),
        by: Some(Actor::Person {
            id: valid("user_1"),
            name: valid("Ada"),
        }),
        at: NOW,
    };
    serde_json::from_slice(&frame::json(&event)).expect("what was just written")
}
