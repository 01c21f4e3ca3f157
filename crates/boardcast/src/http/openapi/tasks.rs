//! `/tasks`.

use super::super::answer::Code;
use super::examples;
use super::operation::{ETAG, Fields, Operation};
use boardcast_core::limits::TASKS_PER_BOARD_MAX;
use boardcast_core::model::{Description, ListId, Task, TaskId, Title};
use serde_json::json;

pub(crate) fn create() -> Operation {
    Operation::write("Make a task")
        .about(format!("At the end of its list, unless it is told where. A board holds up to {TASKS_PER_BOARD_MAX}."))
        .takes(
            Fields::new()
                .must::<Title>("title", "What is to be done.")
                .must::<ListId>("listId", "The list it stands in.")
                .may::<TaskId>("id", "Its id. Without one the server makes one.")
                .may::<Description>("description", "The details.")
                .slot::<TaskId>()
                .example(json!({ "listId": examples::LIST, "title": "Water the plants" })),
        )
        .created::<Task>("The task.", examples::task())
        .saying(ETAG)
        .refuses(&[Code::UnknownReference, Code::NeighbourGone, Code::BoardFull, Code::IdTaken])
}

pub(crate) fn read() -> Operation {
    Operation::read("Read a task")
        .path::<TaskId>("id", examples::TASK)
        .validated()
        .ok::<Task>("The task.", examples::task())
        .saying(ETAG)
}

pub(crate) fn edit() -> Operation {
    Operation::write_to("Change a task's text")
        .path::<TaskId>("id", examples::TASK)
        .takes(
            Fields::patch()
                .changes::<Title>("title", "What is to be done.")
                .may::<Description>("description", "The details; null removes them.")
                .example(json!({ "title": "Try it with two" })),
        )
        .ok::<Task>("The task.", examples::task())
        .saying(ETAG)
}

pub(crate) fn move_task() -> Operation {
    Operation::write_to("Move a task")
        .about("Within its list, or to another one of any board. At most one of `position`, `before` and `after`; with none it goes to the end. Name a neighbour: that still means the same when somebody else moves a task in that moment.")
        .path::<TaskId>("id", examples::TASK)
        .takes(
            Fields::patch()
                .may::<ListId>("listId", "The list to move to. Without it: its own.")
                .slot::<TaskId>()
                .example(json!({ "listId": examples::LIST, "position": "top" })),
        )
        .ok::<Task>("The task.", examples::task())
        .saying(ETAG)
        .refuses(&[Code::UnknownReference, Code::NeighbourGone, Code::BoardFull])
}

pub(crate) fn delete() -> Operation {
    Operation::write_to("Delete a task")
        .path::<TaskId>("id", examples::TASK)
        .nothing("It is gone.")
}

pub(crate) fn restore() -> Operation {
    Operation::write_to("Bring a task back")
        .about("To its list, at its old place if that is free. A task that lives stays as it is.")
        .path::<TaskId>("id", examples::TASK)
        .ok::<Task>("The task.", examples::task())
        .saying(ETAG)
        .refuses(&[Code::ListGone, Code::BoardFull])
}
