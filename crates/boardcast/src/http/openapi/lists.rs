//! `/lists`.

use super::super::answer::Code;
use super::examples;
use super::operation::{ETAG, Fields, Operation};
use boardcast_core::limits::LISTS_PER_BOARD_MAX;
use boardcast_core::model::{BoardId, List, ListId, Name};
use serde_json::json;

pub(crate) fn create() -> Operation {
    Operation::write("Make a list")
        .about(format!("At the end of the board, unless it is told where. A board holds up to {LISTS_PER_BOARD_MAX}."))
        .takes(
            Fields::new()
                .must::<BoardId>("boardId", "The board it stands on.")
                .must::<Name>("name", "What people call it.")
                .may::<ListId>("id", "Its id. Without one the server makes one.")
                .slot::<ListId>()
                .example(json!({ "boardId": examples::BOARD, "name": "Later" })),
        )
        .created::<List>("The list.", examples::list())
        .saying(ETAG)
        .refuses(&[Code::UnknownReference, Code::NeighbourGone, Code::BoardFull, Code::IdTaken])
}

pub(crate) fn edit() -> Operation {
    Operation::write_to("Rename a list")
        .path::<ListId>("id", examples::OTHER_LIST)
        .takes(
            Fields::patch()
                .changes::<Name>("name", "What people call it.")
                .example(json!({ "name": "In progress" })),
        )
        .ok::<List>("The list.", examples::list())
        .saying(ETAG)
}

pub(crate) fn move_list() -> Operation {
    Operation::write_to("Move a list")
        .about("Among its board's lists. At most one of the three fields; with none it goes to the end.")
        .path::<ListId>("id", examples::OTHER_LIST)
        .takes(
            Fields::patch()
                .slot::<ListId>()
                .example(json!({ "before": examples::LIST })),
        )
        .ok::<List>("The list.", examples::list())
        .saying(ETAG)
        .refuses(&[Code::NeighbourGone])
}

pub(crate) fn delete() -> Operation {
    Operation::write_to("Delete a list")
        .about("Its tasks go with it.")
        .path::<ListId>("id", examples::LIST)
        .nothing("It is gone.")
}

pub(crate) fn restore() -> Operation {
    Operation::write_to("Bring a list back")
        .about("With the tasks that went with it. A list that lives stays as it is.")
        .path::<ListId>("id", examples::LIST)
        .ok::<List>("The list.", examples::list())
        .saying(ETAG)
        .refuses(&[Code::BoardFull])
}
