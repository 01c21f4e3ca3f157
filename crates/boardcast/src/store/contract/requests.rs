//! Requests as tests ask them: the ids are the names, everything else is plain.

use super::IntoRequest;
use boardcast_core::access::Access;
use boardcast_core::cursor::BoardKey;
use boardcast_core::model::{BoardId, Description, ListId, Name, TaskId, Title};
use boardcast_core::protocol::{Command, Fingerprint, IdempotencyKey, Precondition, Request, Slot};

impl IntoRequest for Command {
    fn into_request(self) -> Request {
        Request {
            access: Access::open(),
            command: self,
            precondition: None,
            idempotency: None,
        }
    }
}

/// A request under an idempotency key; `body` stands for all that its fingerprint covers.
pub(crate) fn keyed(command: Command, key: &str, body: &str) -> Request {
    Request {
        idempotency: Some(IdempotencyKey {
            key: key.into(),
            fingerprint: Fingerprint::of(&[body.as_bytes()]),
        }),
        ..command.into_request()
    }
}

/// A request that only one version of the thing admits.
pub(crate) fn if_version(command: Command, version: u64) -> Request {
    Request {
        precondition: Some(Precondition::VersionIn(vec![version])),
        ..command.into_request()
    }
}

pub(crate) fn board_id(id: &str) -> BoardId {
    BoardId::parse(id).expect("an id")
}

pub(crate) fn list_id(id: &str) -> ListId {
    ListId::parse(id).expect("an id")
}

pub(crate) fn task_id(id: &str) -> TaskId {
    TaskId::parse(id).expect("an id")
}

/// The secret of a board's marks, known to the tests.
pub(crate) fn key_of(board: &str) -> BoardKey {
    BoardKey(*blake3::hash(board.as_bytes()).as_bytes())
}

pub(crate) fn create_board(id: &str) -> Command {
    Command::CreateBoard {
        board_id: board_id(id),
        name: Name::parse(&format!("Board {id}")).expect("a name"),
        key: key_of(id),
        birth: birth("", id),
    }
}

pub(crate) fn rename_board(id: &str, name: &str) -> Command {
    Command::EditBoard {
        board_id: board_id(id),
        name: Some(Name::parse(name).expect("a name")),
    }
}

pub(crate) fn delete_board(id: &str) -> Command {
    Command::DeleteBoard {
        board_id: board_id(id),
    }
}

pub(crate) fn create_list(board: &str, id: &str) -> Command {
    Command::CreateList {
        list_id: list_id(id),
        board_id: board_id(board),
        name: Name::parse(&format!("List {id}")).expect("a name"),
        slot: Slot::Bottom,
        birth: birth(board, id),
    }
}

pub(crate) fn delete_list(id: &str) -> Command {
    Command::DeleteList {
        list_id: list_id(id),
    }
}

pub(crate) fn create_task(list: &str, id: &str) -> Command {
    create_task_with(list, id, "")
}

pub(crate) fn create_task_with(list: &str, id: &str, description: &str) -> Command {
    Command::CreateTask {
        task_id: task_id(id),
        list_id: list_id(list),
        title: Title::parse(&format!("Task {id}")).expect("a title"),
        description: Description::parse(description).expect("a description"),
        slot: Slot::Bottom,
        birth: birth(list, id),
    }
}

pub(crate) fn retitle(id: &str, title: &str) -> Command {
    Command::EditTask {
        task_id: task_id(id),
        title: Some(Title::parse(title).expect("a title")),
        description: None,
    }
}

pub(crate) fn describe(id: &str, description: &str) -> Command {
    Command::EditTask {
        task_id: task_id(id),
        title: None,
        description: Some(Description::parse(description).expect("a description")),
    }
}

pub(crate) fn move_task(id: &str, list: &str, slot: Slot<TaskId>) -> Command {
    Command::MoveTask {
        task_id: task_id(id),
        list_id: Some(list_id(list)),
        slot,
    }
}

pub(crate) fn delete_task(id: &str) -> Command {
    Command::DeleteTask {
        task_id: task_id(id),
    }
}

/// As if a client had chosen the id: the same create has the same one.
fn birth(parent: &str, id: &str) -> Option<Fingerprint> {
    Some(Fingerprint::of(&[parent.as_bytes(), id.as_bytes()]))
}
