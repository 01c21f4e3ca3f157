//! Events as they stand on the wire, to the letter and at their largest.

use crate::asks::{board_id, description, list_id, name, task_id, title};
use boardcast_core::cursor::{Cursor, Mark};
use boardcast_core::frame::{SegmentBuilder, json};
use boardcast_core::limits::{
    DESCRIPTION_JSON_BYTES_MAX, FRAME_BYTES_MAX, ID_CHARS_MAX, RANK_CHARS_MAX, TITLE_CHARS_MAX,
};
use boardcast_core::model::{Board, List, Task, Timestamp};
use boardcast_core::protocol::{Change, Event};
use boardcast_core::rank::Rank;

const MADE: Timestamp = Timestamp(1_795_468_600_000);
const AT: Timestamp = Timestamp(1_795_468_677_123);

fn board() -> Board {
    Board {
        id: board_id("board-1"),
        name: name("Garden \"2026\""),
        version: 3,
        created_at: MADE,
        updated_at: AT,
    }
}

fn list() -> List {
    List {
        id: list_id("list_1"),
        board_id: board_id("board-1"),
        name: name("To do"),
        rank: Rank::parse("V001").unwrap(),
        version: 2,
        created_at: MADE,
        updated_at: AT,
    }
}

fn task() -> Task {
    Task {
        id: task_id("task_1"),
        list_id: list_id("list_1"),
        title: title("Büro putzen 🧹"),
        description: description("one\ntwo\u{2028}three"),
        rank: Rank::parse("V").unwrap(),
        version: 7,
        created_at: MADE,
        updated_at: AT,
    }
}

fn event(change: Change) -> Event {
    Event {
        change,
        board_id: board_id("board-1"),
        by: None,
        at: AT,
    }
}

/// The event is written like this: `type`, what it carries, then the same tail for all. And it reads
/// back.
fn check(change: Change, kind: &str, carried: &str) {
    let event = event(change);
    let expected = format!(
        r#"{{"type":"{kind}",{carried}"boardId":"board-1","by":null,"at":"2026-11-23T21:17:57.123Z"}}"#
    );
    let written = json(&event);
    assert_eq!(String::from_utf8(written.clone()).unwrap(), expected);
    assert_eq!(serde_json::from_slice::<Event>(&written).unwrap(), event);
}

const BOARD: &str = r#""board":{"id":"board-1","name":"Garden \"2026\"","version":3,"createdAt":"2026-11-23T21:16:40.000Z","updatedAt":"2026-11-23T21:17:57.123Z"},"#;
const LIST: &str = r#""list":{"id":"list_1","boardId":"board-1","name":"To do","rank":"V001","version":2,"createdAt":"2026-11-23T21:16:40.000Z","updatedAt":"2026-11-23T21:17:57.123Z"},"#;
const TASK: &str = r#""task":{"id":"task_1","listId":"list_1","title":"Büro putzen 🧹","description":"one\ntwo\u2028three","rank":"V","version":7,"createdAt":"2026-11-23T21:16:40.000Z","updatedAt":"2026-11-23T21:17:57.123Z"},"#;

#[test]
fn events_about_a_board_are_written_to_the_letter() {
    let board = board();
    check(
        Change::BoardCreated {
            board: board.clone(),
        },
        "board_created",
        BOARD,
    );
    check(
        Change::BoardUpdated {
            board: board.clone(),
        },
        "board_updated",
        BOARD,
    );
    check(Change::BoardRestored { board }, "board_restored", BOARD);
    check(Change::BoardDeleted, "board_deleted", "");
}

#[test]
fn events_about_a_list_are_written_to_the_letter() {
    let list = list();
    let list_id = list.id.clone();
    check(
        Change::ListCreated { list: list.clone() },
        "list_created",
        LIST,
    );
    check(
        Change::ListUpdated { list: list.clone() },
        "list_updated",
        LIST,
    );
    check(Change::ListMoved { list }, "list_moved", LIST);
    check(
        Change::ListDeleted { list_id },
        "list_deleted",
        r#""listId":"list_1","#,
    );
}

#[test]
fn events_about_a_task_are_written_to_the_letter() {
    let task = task();
    let task_id = task.id.clone();
    check(
        Change::TaskCreated { task: task.clone() },
        "task_created",
        TASK,
    );
    check(
        Change::TaskUpdated { task: task.clone() },
        "task_updated",
        TASK,
    );
    check(Change::TaskMoved { task }, "task_moved", TASK);
    check(
        Change::TaskDeleted { task_id },
        "task_deleted",
        r#""taskId":"task_1","#,
    );
}

/// Bytes of a character inside a JSON string.
fn width(c: char) -> usize {
    json(&c.to_string()).len() - 2
}

#[test]
fn the_largest_task_fits_into_a_frame() {
    // Plain, escaped by a letter, escaped by a number, and the longest in UTF-8.
    let all = ['d', '"', '\u{1}', '\u{85}', '\u{2028}', '\u{1f9f9}'];
    let widest = all.into_iter().map(width).max().unwrap();
    assert_eq!(
        widest,
        width('\u{2028}'),
        "the widest that a title may have"
    );
    // Of line separators alone it would be blank.
    let line = "\u{2028}".repeat(TITLE_CHARS_MAX - 1) + "\u{1f9f9}";
    let id = "i".repeat(ID_CHARS_MAX);
    for filler in all {
        let chars = DESCRIPTION_JSON_BYTES_MAX / width(filler);
        let rest = DESCRIPTION_JSON_BYTES_MAX % width(filler);
        let details = filler.to_string().repeat(chars) + &"d".repeat(rest);
        let task = Task {
            id: task_id(&id),
            list_id: list_id(&id),
            title: title(&line),
            description: description(&details),
            rank: Rank::parse(&"z".repeat(RANK_CHARS_MAX)).unwrap(),
            version: u64::MAX,
            created_at: Timestamp(i64::MAX),
            updated_at: Timestamp(i64::MAX),
        };
        let event = Event {
            change: Change::TaskCreated { task },
            board_id: board_id(&id),
            by: None,
            at: Timestamp(i64::MAX),
        };
        let mut segment = SegmentBuilder::new(event.board_id.clone());
        let cursor = Cursor {
            seq: u64::MAX,
            mark: Mark([0xff; 6]),
        };
        let written = json(&event);
        assert!(written.len() > DESCRIPTION_JSON_BYTES_MAX + widest * (TITLE_CHARS_MAX - 1));
        segment.push(cursor, 1, &written);
        assert!(segment.len() <= FRAME_BYTES_MAX);
    }
}
