//! The core. What is read is printed as it was, or as the one form that everybody prints; what is decided
//! keeps what must hold of any board.

use crate::asks::{
    add_board, ask, ask_if, board_id, create_board, create_list, create_task, delete_board,
    delete_list, delete_task, description, edit_board, edit_list, edit_task, list_id, move_list,
    move_task, restore_board, restore_list, restore_task, task_id,
};
use crate::ledger::Ledger;
use allocation_counter::measure;
use boardcast_core::cursor::{Cursor, Mark, Meeting};
use boardcast_core::frame::json;
use boardcast_core::limits::{ID_CHARS_MAX, RANK_CHARS_MAX};
use boardcast_core::model::{
    BoardId, Description, ListId, Login, Malformed, Name, PersonName, Snapshot, Timestamp, Title,
    TokenName,
};
use boardcast_core::people::{Agent, PasswordHash};
use boardcast_core::protocol::{Command, Event, Precondition};
use boardcast_core::rank::Rank;
use boardcast_core::rules::apply;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// Bytes that a reader may hold at once for each byte that it reads, and beside that: what is read, and the forms of it
/// that are compared.
const TIMES_MAX: u64 = 64;
const BESIDE_MAX: u64 = 64 * 1024;

/// Takes which reader in the first byte, as a letter, and what it reads in the others.
pub fn wire(bytes: &[u8]) {
    let Some((reader, bytes)) = bytes.split_first() else {
        return;
    };
    if *reader == b'd' {
        return rules(bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let held = measure(|| read(*reader, text)).bytes_max;
    let bound = BESIDE_MAX + TIMES_MAX * text.len() as u64;
    assert!(held <= bound, "{held} bytes for {}", text.len());
}

fn read(reader: u8, text: &str) {
    match reader {
        b'i' => texts(text),
        b'c' => cursor(text),
        b'r' => ranks(text),
        b't' => time(text),
        b'e' => drop(event(text)),
        b's' => fold(text),
        _ => {}
    }
}

/// What every checked text is: itself, here and in JSON.
fn kept<T>(text: &str) -> Option<T>
where
    T: FromStr<Err = Malformed> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    let value: T = text.parse().ok()?;
    assert_eq!(value.to_string(), text);
    assert_eq!(again(&value), value);
    Some(value)
}

/// Into JSON and back.
fn again<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_slice(&json(value)).expect("what was written can be read")
}

fn texts(text: &str) {
    let is_id = kept::<BoardId>(text).is_some();
    assert_eq!(is_id, kept::<ListId>(text).is_some());
    assert!(!is_id || text.len() <= ID_CHARS_MAX);
    for is_line in [
        kept::<Title>(text).is_some(),
        kept::<Name>(text).is_some(),
        kept::<PersonName>(text).is_some(),
        kept::<TokenName>(text).is_some(),
    ] {
        assert!(!is_line || !text.contains(char::is_control) && !text.trim().is_empty());
    }
    kept::<Description>(text);
    if let Ok(login) = Login::parse(text) {
        assert_eq!(kept::<Login>(login.as_str()), Some(login));
    }
    if let Ok(hash) = PasswordHash::parse(text) {
        assert_eq!(hash.as_str(), text);
    }
    let agent = Agent::of(text);
    assert_eq!(Agent::of(agent.as_str()), agent);
}

fn cursor(text: &str) {
    let Ok(cursor) = Cursor::parse(text) else {
        return;
    };
    assert_eq!(cursor.to_string(), text);
    assert_eq!(again(&cursor), cursor);
    assert_eq!(cursor.meets(cursor.seq), Meeting::Skip);
    assert_eq!(cursor.meets(0), Meeting::Skip);
    if cursor.seq < u64::MAX - 1 {
        assert_eq!(cursor.meets(cursor.seq + 1), Meeting::Deliver);
        assert_eq!(cursor.meets(cursor.seq + 2), Meeting::Gap);
    }
}

/// `below above count`, the first two also as `-` for none.
fn ranks(text: &str) {
    let mut words = text.split(' ');
    let mut rank = || words.next().and_then(kept::<Rank>);
    let (below, above) = (rank(), rank());
    if let (Some(below), Some(above)) = (&below, &above)
        && below >= above
    {
        return;
    }
    let (below, above) = (below.as_ref(), above.as_ref());
    let is_between = |rank: &Rank| {
        below.is_none_or(|below| below < rank) && above.is_none_or(|above| rank < above)
    };
    if let Some(made) = Rank::between(below, above) {
        assert!(is_between(&made), "{made}");
        assert_eq!(kept::<Rank>(made.as_str()), Some(made));
    }
    let count = words.next().and_then(|count| count.parse().ok());
    let count: u8 = count.unwrap_or(1);
    if let Some(ranks) = Rank::spread(below, above, count.into(), RANK_CHARS_MAX) {
        assert_eq!(ranks.len(), usize::from(count));
        assert!(ranks.is_sorted_by(|a, b| a < b) && ranks.iter().all(is_between));
    }
}

fn time(text: &str) {
    let Ok(time) = Timestamp::parse(text) else {
        return;
    };
    assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
    let _ = time.minus_millis(i64::MAX);
}

/// An event that can be read is written in one form, whatever form it had.
fn event(text: &str) -> Option<Event> {
    let event: Event = serde_json::from_str(text).ok()?;
    assert_eq!(again(&event), event);
    assert_eq!(json(&again(&event)), json(&event));
    Some(event)
}

/// A snapshot in the first line or none, and events in the others.
fn fold(text: &str) {
    let mut lines = text.lines();
    let snapshot = lines.next().unwrap_or_default();
    let mut state: Option<Snapshot> = serde_json::from_str(snapshot).ok();
    if let Some(snapshot) = &state {
        assert_eq!(again(snapshot), *snapshot);
        if !is_in_order(snapshot) {
            return;
        }
    }
    for (seq, event) in (1..).zip(lines.map_while(event)) {
        let mark = Mark([seq as u8; 6]);
        apply(&mut state, &event, Cursor { seq, mark });
        let state = state.as_ref();
        assert!(state.is_none_or(is_in_order), "after event {seq}");
        assert!(state.is_none_or(|state| state.cursor.seq == seq));
    }
}

/// By rank, then id; and everything once.
fn is_in_order(snapshot: &Snapshot) -> bool {
    let mut ids: Vec<_> = snapshot.lists.iter().map(|entry| &entry.list.id).collect();
    let lists = snapshot.lists.iter().map(|entry| &entry.list);
    let lists_sorted = lists.is_sorted_by(|a, b| (&a.rank, &a.id) < (&b.rank, &b.id));
    ids.sort();
    let tasks_sorted = snapshot.lists.iter().all(|entry| {
        let is_here = entry.tasks.iter().all(|task| task.list_id == entry.list.id);
        is_here
            && entry
                .tasks
                .is_sorted_by(|a, b| (&a.rank, &a.id) < (&b.rank, &b.id))
    });
    let tasks = snapshot.lists.iter().flat_map(|entry| &entry.tasks);
    let mut task_ids: Vec<_> = tasks.map(|task| &task.id).collect();
    task_ids.sort();
    lists_sorted
        && tasks_sorted
        && ids.is_sorted_by(|a, b| a < b)
        && task_ids.is_sorted_by(|a, b| a < b)
}

/// Commands of four bytes each, decided and carried out in the ledger that the core's tests keep; it
/// asserts what must hold of any store. A viewer folds along.
fn rules(bytes: &[u8]) {
    const COMMANDS_MAX: usize = 200;
    let mut ledger = Ledger::default();
    add_board(&mut ledger, "b0", "l0(t0 t1 t2) l1(t3)");
    add_board(&mut ledger, "b1", "l2(t4)");
    let boards = ["b0", "b1"].map(board_id);
    let mut viewers: Vec<_> = boards
        .iter()
        .map(|id| (id, ledger.snapshot(id), ledger.head(id)))
        .collect();
    for (turn, word) in (0..).zip(bytes.chunks_exact(4).take(COMMANDS_MAX)) {
        let request = match word[3] >> 5 {
            6 => ask_if(command(word), Precondition::Exists),
            7 => ask_if(command(word), Precondition::VersionIn(vec![1, 2])),
            _ => ask(command(word)),
        };
        let _ = ledger.commit(&request, Timestamp(10_000 + turn));
        for (id, state, place) in &mut viewers {
            follow(&ledger, id, state, place);
            assert_eq!(*state, ledger.snapshot(id));
        }
    }
}

fn follow(ledger: &Ledger, id: &BoardId, state: &mut Option<Snapshot>, place: &mut Cursor) {
    match ledger.log_after(id, *place) {
        Some(events) => {
            for (cursor, event) in events {
                apply(state, event, *cursor);
            }
        }
        None => *state = ledger.snapshot(id),
    }
    *place = ledger.head(id);
}

/// What, about which thing, in which list, and where.
fn command(word: &[u8]) -> Command {
    let [what, thing, other, at] = *word else {
        unreachable!("four bytes")
    };
    let board = format!("b{}", other % 2);
    let list = format!("l{}", other % 8);
    let (own_list, task) = (format!("l{}", thing % 8), format!("t{}", thing % 32));
    let slot = |id: &str| match at % 5 {
        0 => "top".to_owned(),
        1 => "bottom".to_owned(),
        2 => format!("index {}", at >> 3),
        3 => format!("before {id}{}", at >> 3),
        _ => format!("after {id}{}", at >> 3),
    };
    let text = ["a", "b", "\u{2028}\""][usize::from(at % 3)];
    match what % 32 {
        0 => create_board(&board),
        1 => edit_board(&board, Some(text)),
        2 => delete_board(&board),
        3 => restore_board(&board),
        4 | 5 => create_list(&own_list, &board, &slot("l")),
        6 => edit_list(&own_list, Some(text)),
        7 | 8 => move_list(&own_list, &slot("l")),
        9 => delete_list(&own_list),
        10 => restore_list(&own_list),
        11 => edit_task(&task, Some(text), None),
        12 => Command::EditTask {
            task_id: task_id(&task),
            title: None,
            description: Some(description(text)),
        },
        13 | 14 => delete_task(&task),
        15 | 16 => restore_task(&task),
        17..=22 => create_task(&task, &list, &slot("t")),
        23..=27 => move_task(&task, Some(&list), &slot("t")),
        _ => match move_task(&task, None, &slot("t")) {
            Command::MoveTask { task_id, slot, .. } if what >= 128 => Command::MoveTask {
                task_id,
                list_id: Some(list_id(&list)),
                slot,
            },
            own => own,
        },
    }
}
