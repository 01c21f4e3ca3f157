//! Commands and boards in few words: `"todo(a b) doing(c)"` is a board with two lists, named by their
//! ids, and three tasks.

use crate::ledger::Ledger;
use boardcast_core::access::Access;
use boardcast_core::cursor::BoardKey;
use boardcast_core::model::{BoardId, Description, ListId, Name, TaskId, Timestamp, Title};
use boardcast_core::protocol::{Command, Fingerprint, Precondition, Request, Slot};
use boardcast_core::rules::place::{Family, Sibling};

/// When the boards of these tests were made.
pub(crate) const BEFORE: Timestamp = Timestamp(1_000);
/// When the command under test comes.
pub(crate) const NOW: Timestamp = Timestamp(2_000);

pub(crate) fn board_id(text: &str) -> BoardId {
    BoardId::parse(text).unwrap()
}

pub(crate) fn list_id(text: &str) -> ListId {
    ListId::parse(text).unwrap()
}

pub(crate) fn task_id(text: &str) -> TaskId {
    TaskId::parse(text).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn title(text: &str) -> Title {
    Title::parse(text).unwrap()
}

pub(crate) fn description(text: &str) -> Description {
    Description::parse(text).unwrap()
}

/// The fingerprint of a create that chose its id.
pub(crate) fn birth(text: &str) -> Option<Fingerprint> {
    Some(Fingerprint::of(&[text.as_bytes()]))
}

/// `top`, `bottom`, `index N`, `before ID` or `after ID`.
pub(crate) fn slot<Id>(text: &str, id: impl Fn(&str) -> Id) -> Slot<Id> {
    match text.split_once(' ') {
        None if text == "top" => Slot::Top,
        None if text == "bottom" => Slot::Bottom,
        Some(("index", index)) => Slot::Index(index.parse().unwrap()),
        Some(("before", neighbour)) => Slot::Before(id(neighbour)),
        Some(("after", neighbour)) => Slot::After(id(neighbour)),
        _ => panic!("{text:?} is no slot"),
    }
}

pub(crate) fn create_board(id: &str) -> Command {
    Command::CreateBoard {
        board_id: board_id(id),
        name: name(id),
        key: BoardKey([7; 32]),
        birth: birth(id),
    }
}

pub(crate) fn edit_board(id: &str, to: Option<&str>) -> Command {
    Command::EditBoard {
        board_id: board_id(id),
        name: to.map(name),
    }
}

pub(crate) fn delete_board(id: &str) -> Command {
    Command::DeleteBoard {
        board_id: board_id(id),
    }
}

pub(crate) fn restore_board(id: &str) -> Command {
    Command::RestoreBoard {
        board_id: board_id(id),
    }
}

pub(crate) fn create_list(id: &str, board: &str, at: &str) -> Command {
    Command::CreateList {
        list_id: list_id(id),
        board_id: board_id(board),
        name: name(id),
        slot: slot(at, list_id),
        birth: birth(id),
    }
}

pub(crate) fn edit_list(id: &str, to: Option<&str>) -> Command {
    Command::EditList {
        list_id: list_id(id),
        name: to.map(name),
    }
}

pub(crate) fn move_list(id: &str, to: &str) -> Command {
    Command::MoveList {
        list_id: list_id(id),
        slot: slot(to, list_id),
    }
}

pub(crate) fn delete_list(id: &str) -> Command {
    Command::DeleteList {
        list_id: list_id(id),
    }
}

pub(crate) fn restore_list(id: &str) -> Command {
    Command::RestoreList {
        list_id: list_id(id),
    }
}

pub(crate) fn create_task(id: &str, list: &str, at: &str) -> Command {
    Command::CreateTask {
        task_id: task_id(id),
        list_id: list_id(list),
        title: title(id),
        description: description(""),
        slot: slot(at, task_id),
        birth: birth(id),
    }
}

pub(crate) fn edit_task(id: &str, to: Option<&str>, details: Option<&str>) -> Command {
    Command::EditTask {
        task_id: task_id(id),
        title: to.map(title),
        description: details.map(description),
    }
}

pub(crate) fn move_task(id: &str, list: Option<&str>, to: &str) -> Command {
    Command::MoveTask {
        task_id: task_id(id),
        list_id: list.map(list_id),
        slot: slot(to, task_id),
    }
}

pub(crate) fn delete_task(id: &str) -> Command {
    Command::DeleteTask {
        task_id: task_id(id),
    }
}

pub(crate) fn restore_task(id: &str) -> Command {
    Command::RestoreTask {
        task_id: task_id(id),
    }
}

/// What anybody may ask for in open mode.
pub(crate) fn ask(command: Command) -> Request {
    Request {
        access: Access::open(),
        command,
        precondition: None,
        idempotency: None,
    }
}

/// The same with `If-Match`.
pub(crate) fn ask_if(command: Command, precondition: Precondition) -> Request {
    Request {
        precondition: Some(precondition),
        ..ask(command)
    }
}

/// A ledger with the board `main` and whatever stands on it.
pub(crate) fn standing(lists: &str) -> Ledger {
    let mut ledger = Ledger::default();
    add_board(&mut ledger, "main", lists);
    ledger
}

/// Adds a board and whatever stands on it.
pub(crate) fn add_board(ledger: &mut Ledger, board: &str, lists: &str) {
    let mut commit = |command| {
        ledger.commit(&ask(command), BEFORE).unwrap();
    };
    commit(create_board(board));
    for list in lists.split_terminator(')') {
        let (list, tasks) = list.trim().split_once('(').expect("list(task task)");
        commit(create_list(list, board, "bottom"));
        for task in tasks.split_whitespace() {
            commit(create_task(task, list, "bottom"));
        }
    }
}

/// What stands on the board `main`, in the words of [`standing`].
pub(crate) fn shown(ledger: &Ledger) -> String {
    shown_on(ledger, "main")
}

/// What stands on a board, in the words of [`add_board`].
pub(crate) fn shown_on(ledger: &Ledger, board: &str) -> String {
    let list = |list: Sibling| {
        let tasks = ledger.siblings(Family::Tasks(&list_id(&list.id)));
        let tasks: Vec<_> = tasks.into_iter().map(|task| task.id).collect();
        format!("{}({})", list.id, tasks.join(" "))
    };
    let lists = ledger.siblings(Family::Lists(&board_id(board)));
    let lists: Vec<_> = lists.into_iter().map(list).collect();
    lists.join(" ")
}
