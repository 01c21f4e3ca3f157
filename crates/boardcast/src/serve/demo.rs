//! The board that a new data file begins with, so that a first start has something to show.

use super::Opened;
use crate::config::ServeArgs;
use crate::outside::{Outside, random_bytes};
use crate::store::{Answered, Asked, Failure};
use anyhow::{Context, ensure};
use boardcast_core::access::Access;
use boardcast_core::cursor::BoardKey;
use boardcast_core::model::{BoardId, Description, ListId, Malformed, Name, TaskId, Title};
use boardcast_core::protocol::{Command, Request, Slot};

/// Notes in the file that its first start is over, and whether that made the demo board.
const SETTING: &str = "demo";

/// Makes the demo board if this is the file's first start and a person wants it. A crash in between
/// leaves all of the board or nothing of it, and the next start goes on.
pub(super) fn make_on_first_start(
    opened: &mut Opened,
    args: &ServeArgs,
    outside: &dyn Outside,
) -> anyhow::Result<bool> {
    let writer = &mut opened.writer;
    if writer.setting(SETTING)?.is_some() {
        return Ok(false);
    }
    // Whoever has accounts has begun already.
    let is_wanted = !args.no_demo && !opened.has_accounts;
    if is_wanted {
        let committed = writer.commit(&requests(outside).context("the demo board is valid")?)?;
        // A refusal means that an earlier start got this far: its ids are taken.
        let unavailable = Answered::Change(Err(Failure::Unavailable));
        let is_unavailable = committed.answers.contains(&unavailable);
        ensure!(
            !is_unavailable,
            "{} can't be written: is the disk full?",
            args.data.display()
        );
    }
    writer.note_setting(SETTING, if is_wanted { "made" } else { "left out" })?;
    Ok(is_wanted)
}

fn requests(outside: &dyn Outside) -> Result<Vec<Asked>, Malformed> {
    let board_id = BoardId::parse("board-1")?;
    let key = BoardKey(random_bytes(outside));
    let name = Name::parse("Demo board")?;
    let mut commands = vec![Command::CreateBoard {
        board_id: board_id.clone(),
        name,
        key,
        birth: None,
    }];
    for (id, name) in [
        ("list-todo", "To do"),
        ("list-doing", "Doing"),
        ("list-done", "Done"),
    ] {
        commands.push(Command::CreateList {
            list_id: ListId::parse(id)?,
            board_id: board_id.clone(),
            name: Name::parse(name)?,
            slot: Slot::Bottom,
            birth: None,
        });
    }
    let watch = "curl -N http://localhost:3000/boards/board-1/events";
    for (id, list_id, title, description) in [
        (
            "task-watch",
            "list-todo",
            "Watch this board from a second terminal",
            watch,
        ),
        (
            "task-cut",
            "list-todo",
            "Pull the cable, plug it back in: nothing is missed",
            "",
        ),
        ("task-try", "list-doing", "Try Boardcast", ""),
        ("task-start", "list-done", "Start the server", ""),
    ] {
        commands.push(Command::CreateTask {
            task_id: TaskId::parse(id)?,
            list_id: ListId::parse(list_id)?,
            title: Title::parse(title)?,
            description: Description::parse(description)?,
            slot: Slot::Bottom,
            birth: None,
        });
    }
    let request = |command| {
        Asked::Change(Request {
            access: Access::open(),
            command,
            precondition: None,
            idempotency: None,
        })
    };
    Ok(commands.into_iter().map(request).collect())
}
