//! `/boards`.

use super::super::answer::Code;
use super::super::boards::{BoardsPage, DeletedBoardsPage, DeletedPage};
use super::examples;
use super::operation::{ETAG, Fields, Operation, named, text, words};
use boardcast_core::limits::DELETED_DAYS_KEPT;
use boardcast_core::model::{Board, BoardId, Name, Snapshot};
use serde_json::json;

pub(crate) fn page() -> Operation {
    Operation::read("List boards")
        .about("Those that the caller may see, in the order of their ids; with what the caller is on each, where there are accounts.")
        .paged(named::<BoardId>(""))
        .with_schema::<BoardId>()
        .query("deleted", words(["1"]), "Those that were deleted and can come back, instead.")
        .ok::<BoardsPage>("A page of boards.", examples::boards())
        .or::<DeletedBoardsPage>()
}

pub(crate) fn create() -> Operation {
    Operation::write("Make a board")
        .about("Its log begins here. Who makes it is its admin.")
        .takes(
            Fields::new()
                .must::<Name>("name", "What people call it.")
                .may::<BoardId>("id", "Its id. Without one the server makes one.")
                .example(json!({ "name": "Garden" })),
        )
        .created::<Board>("The board.", examples::board())
        .refuses(&[Code::IdTaken])
}

pub(crate) fn read() -> Operation {
    Operation::read("Read a board")
        .about("All of it, as of `cursor`: events after that place change exactly this state.")
        .path::<BoardId>("id", examples::BOARD)
        .validated()
        .ok::<Snapshot>("The board with its lists and tasks.", examples::snapshot())
        .saying(ETAG)
}

pub(crate) fn edit() -> Operation {
    Operation::write_to("Rename a board")
        .path::<BoardId>("id", examples::BOARD)
        .takes(
            Fields::patch()
                .changes::<Name>("name", "What people call it.")
                .example(json!({ "name": "Our board" })),
        )
        .ok::<Board>("The board.", examples::board())
}

pub(crate) fn delete() -> Operation {
    Operation::write_to("Delete a board")
        .about(format!(
            "Streams of it end. It can come back for {DELETED_DAYS_KEPT} days."
        ))
        .path::<BoardId>("id", examples::BOARD)
        .nothing("It is gone.")
}

pub(crate) fn restore() -> Operation {
    Operation::write_to("Bring a board back")
        .about("As it was. Whoever followed it gets a snapshot. A board that lives stays as it is.")
        .path::<BoardId>("id", examples::BOARD)
        .ok::<Board>("The board.", examples::board())
}

pub(crate) fn deleted() -> Operation {
    Operation::read("List what was deleted on a board")
        .about(format!(
            "Lists and tasks of the last {DELETED_DAYS_KEPT} days, the last one first. Tasks that went with their list come back with it."
        ))
        .path::<BoardId>("id", examples::BOARD)
        .paged(text().pattern(Some("^[0-9]{1,19}$")))
        .ok::<DeletedPage>("A page of lists and tasks.", examples::deleted())
}
