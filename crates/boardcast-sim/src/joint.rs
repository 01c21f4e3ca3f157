//! Checks every block of a stream of several boards, connection after connection, as the witness
//! does for one board. Sans-IO: blocks come in, a [`MergedReport`] and a [`Fold`] a board come out.
//!
//! Here stand the rules that only such a stream has: what its ids are made of, that an element moves
//! only with its own board's snapshot or event, and that a task which changes boards has left the
//! one before it comes to the other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cursor::{elements, seq_of};
use crate::fold::{Fold, same_board};
use crate::sse::Block;

/// How the body of every stream begins, to the letter.
const FIRST_LINE: &[u8] = b"data: {\"type\":\"connected\"}\n";

/// More violations than this say nothing new.
const VIOLATIONS_MAX: usize = 100;

/// What a watcher of several boards saw, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergedReport {
    /// Numbered events.
    pub events: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Connections after the first.
    pub reconnects: u64,
    /// Times that a board was said to be gone.
    pub gone: u64,
    /// Every broken rule as a sentence, in order.
    pub violations: Vec<String>,
    /// The data line of every event, by board and cursor.
    pub recorded: BTreeMap<(String, String), String>,
}

impl MergedReport {
    /// Notes a broken rule.
    pub fn violation(&mut self, sentence: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(sentence);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Connected,
    Anything,
    /// Nothing: the server said that it ends here.
    End,
}

/// What is known of one of the boards.
#[derive(Debug, Default)]
struct Part {
    /// Its element of the id.
    cursor: Option<String>,
    fold: Fold,
    /// On this connection nothing more comes of it.
    is_over: bool,
}

/// The state of a watcher of several boards that outlives its connections.
#[derive(Debug)]
pub struct Joint {
    /// In the order asked.
    boards: Vec<String>,
    parts: BTreeMap<String, Part>,
    asks_snapshot: bool,
    expected: Expected,
    retry_ms: Option<u64>,
    report: MergedReport,
}

impl Joint {
    /// One of these boards, in this order, that has seen nothing yet.
    pub fn new(boards: Vec<String>, asks_snapshot: bool) -> Self {
        let parts = boards.iter().map(|board| (board.clone(), Part::default()));
        Joint {
            parts: parts.collect(),
            boards,
            asks_snapshot,
            expected: Expected::Connected,
            retry_ms: None,
            report: MergedReport::default(),
        }
    }

    /// What a client would send as `Last-Event-ID`; empty before the first.
    pub fn id(&self) -> String {
        let element = |board: &String| {
            let cursor = self.parts[board].cursor.as_ref()?;
            Some(format!("{board}:{cursor}"))
        };
        self.boards
            .iter()
            .filter_map(element)
            .collect::<Vec<_>>()
            .join(",")
    }

    /// Where each board stands of which anything is known.
    pub fn places(&self) -> BTreeMap<String, String> {
        let place = |(board, part): (&String, &Part)| Some((board.clone(), part.cursor.clone()?));
        self.parts.iter().filter_map(place).collect()
    }

    /// The last `retry` a server sent, in milliseconds.
    pub fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// Whether more may come of a board on this connection.
    pub fn follows(&self, board: &str) -> bool {
        self.parts.get(board).is_some_and(|part| !part.is_over)
    }

    /// What it saw.
    pub fn report(&self) -> &MergedReport {
        &self.report
    }

    /// What it saw, to be added to.
    pub fn report_mut(&mut self) -> &mut MergedReport {
        &mut self.report
    }

    /// A board as it folded it.
    pub fn board(&self, board: &str) -> Option<&Value> {
        self.parts.get(board)?.fold.board()
    }

    /// What it saw, and what it made of each board.
    pub fn into_parts(self) -> (MergedReport, BTreeMap<String, Fold>) {
        let folds = self.parts.into_iter();
        let folds = folds.map(|(board, part)| (board, part.fold)).collect();
        (self.report, folds)
    }

    /// A new connection answered 200.
    pub fn begin(&mut self) {
        self.expected = Expected::Connected;
        for part in self.parts.values_mut() {
            part.is_over = false;
        }
    }

    /// The next block.
    pub fn see(&mut self, block: &Block) {
        self.retry_ms = block.retry.or(self.retry_ms);
        if self.expected == Expected::Connected {
            self.see_first(block);
        } else if block.event.is_some() && block.id.is_some() {
            self.violation(format!("a named event with an id: {}", shown(block)));
        } else if block.is_message() {
            self.see_message(block);
        }
    }

    /// The body has ended in order.
    pub fn end(&mut self) {
        if self.expected == Expected::Connected {
            self.violation("an empty body".to_owned());
        }
    }

    fn see_first(&mut self, block: &Block) {
        if block.retry.is_some() && block.data.is_none() {
            self.expected = Expected::End;
            return;
        }
        self.expected = Expected::Anything;
        if !block.raw.starts_with(FIRST_LINE) {
            self.violation(format!("the body begins with {}", shown(block)));
        }
        // Boards that begin at the head are named here for the first time.
        if !self.asks_snapshot {
            for (board, cursor) in self.elements_of(block) {
                if let Some(part) = self.parts.get_mut(&board) {
                    part.cursor.get_or_insert(cursor);
                }
            }
        }
        self.check_id(block);
    }

    fn see_message(&mut self, block: &Block) {
        let message = block.json();
        let kind = message["type"].as_str().unwrap_or_default();
        let board = match kind {
            "snapshot" => &message["board"]["id"],
            _ => &message["boardId"],
        };
        let board = board.as_str().unwrap_or_default().to_owned();
        let is_over = self.parts.get(&board).map(|part| part.is_over);
        match (self.expected, is_over) {
            (Expected::End, _) => self.violation(format!("after the end: {}", shown(block))),
            (_, None) => self.violation(format!("of a board not asked for: {}", shown(block))),
            (_, Some(true)) => self.violation(format!("of a board that ended: {}", shown(block))),
            (_, Some(false)) => match kind {
                "board_gone" => self.see_gone(&board),
                "snapshot" => self.see_snapshot(&board, &message, block),
                _ => self.see_event(&board, &message, block),
            },
        }
        self.check_id(block);
    }

    /// Known to be gone, whatever was known of it.
    fn see_gone(&mut self, board: &str) {
        self.report.gone += 1;
        let part = self.part(board);
        (part.fold, part.is_over) = (Fold::new(), true);
    }

    fn see_snapshot(&mut self, board: &str, message: &Value, block: &Block) {
        self.report.snapshots += 1;
        let cursor = self.cursor_of(board, block);
        let part = self.part(board);
        // I2: a snapshot of the place we stand at holds nothing new.
        if let (Some(known), true) = (part.fold.board(), part.cursor == cursor)
            && let Err(difference) = same_board(known, &message["board"])
        {
            let rule = "is not what its events made";
            self.violation(format!(
                "the snapshot of {board} at {cursor:?} {rule}: {difference}"
            ));
        }
        self.fold(board, message, cursor);
    }

    fn see_event(&mut self, board: &str, message: &Value, block: &Block) {
        self.report.events += 1;
        let Some(cursor) = self.cursor_of(board, block) else {
            return self.violation(format!("an event without its place: {}", shown(block)));
        };
        match self.part(board).cursor.clone() {
            None => self.violation(format!("in place of a snapshot: {}", shown(block))),
            Some(before) => {
                // I1
                if seq_of(&before).map(|seq| seq + 1) != seq_of(&cursor) {
                    self.violation(format!("of {board} {cursor} came after {before}"));
                }
            }
        }
        self.record(board, &cursor, block);
        if message["type"] == "task_created" {
            self.check_arrival(board, message, block);
        }
        self.fold(board, message, Some(cursor));
        self.part(board).is_over = message["type"] == "board_deleted";
    }

    /// I3: an event has the same data whenever it comes.
    fn record(&mut self, board: &str, cursor: &str, block: &Block) {
        let data = block.data.clone().unwrap_or_default();
        let place = (board.to_owned(), cursor.to_owned());
        let before = self.report.recorded.insert(place, data.clone());
        if before.is_some_and(|before| before != data) {
            self.violation(format!("{cursor} carried other data before: {data}"));
        }
    }

    /// A task that comes to a board stands on no other one: of a move between boards the old board's
    /// event comes first. Where it stands elsewhere with a later version, that board's snapshot ran
    /// ahead.
    fn check_arrival(&mut self, board: &str, message: &Value, block: &Block) {
        let version = message["task"]["version"].as_u64();
        let has_it_still = |part: &Part| {
            let known = find_task(&part.fold, &message["task"]["id"]);
            known.is_some_and(|known| known["version"].as_u64() < version)
        };
        let mut others = self.parts.iter().filter(|(other, _)| *other != board);
        if let Some((other, _)) = others.find(|(_, part)| has_it_still(part)) {
            let sentence = format!("it has not left {other} yet: {}", shown(block));
            self.violation(sentence);
        }
    }

    fn fold(&mut self, board: &str, message: &Value, cursor: Option<String>) {
        let part = self.part(board);
        let folded = part.fold.apply(message, cursor.as_deref());
        part.cursor = cursor.or(part.cursor.take());
        if let Err(broken) = folded {
            self.violation(format!("{board}: {broken}"));
        }
    }

    /// The id is what is known of the boards in the order asked, and nothing else. So no element
    /// moves but the one whose snapshot or event this is.
    fn check_id(&mut self, block: &Block) {
        let known = self.id();
        let id = block.id.clone().unwrap_or_default();
        if id != known {
            let sentence = format!("its id is {id:?}, known is {known:?}: {}", shown(block));
            self.violation(sentence);
        }
    }

    fn cursor_of(&mut self, board: &str, block: &Block) -> Option<String> {
        let mut elements = self.elements_of(block).into_iter();
        elements
            .find(|(other, _)| other == board)
            .map(|(_, cursor)| cursor)
    }

    /// The elements of the block's id; each board once.
    fn elements_of(&mut self, block: &Block) -> Vec<(String, String)> {
        let Some(id) = &block.id else {
            return Vec::new();
        };
        let found = elements(id).unwrap_or_else(|malformed| {
            self.violation(malformed);
            Vec::new()
        });
        let boards: BTreeSet<_> = found.iter().map(|(board, _)| board).collect();
        if boards.len() < found.len() {
            self.violation(format!("a board twice in {id:?}"));
        }
        found
    }

    fn part(&mut self, board: &str) -> &mut Part {
        self.parts
            .get_mut(board)
            .expect("a board that is asked for")
    }

    fn violation(&mut self, sentence: String) {
        self.report.violation(sentence);
    }
}

fn find_task<'a>(fold: &'a Fold, id: &Value) -> Option<&'a Value> {
    let lists = fold.board()?["lists"].as_array()?.iter();
    let mut tasks = lists.filter_map(|list| list["tasks"].as_array()).flatten();
    tasks.find(|task| task["id"] == *id)
}

/// The beginning of the block as a message can show it.
fn shown(block: &Block) -> String {
    let text = String::from_utf8_lossy(&block.raw);
    format!("{:?}", text.chars().take(200).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::Parser;

    const AT: &str = "2026-11-23T21:17:57.123Z";

    fn id(a: u64, b: u64) -> String {
        format!("a:{a}-03b7710c9ae4,b:{b}-03b7710c9ae4")
    }

    fn connected(id: &str) -> String {
        let id = if id.is_empty() {
            String::new()
        } else {
            format!("id: {id}\n")
        };
        format!("data: {{\"type\":\"connected\"}}\nretry: 5\n{id}\n")
    }

    fn block(data: &str, id: &str) -> String {
        format!("data: {data}\nid: {id}\n\n")
    }

    fn deleted(board: &str, id: &str) -> String {
        let data = format!(
            r#"{{"type":"task_deleted","taskId":"t","boardId":"{board}","by":null,"at":"{AT}"}}"#
        );
        block(&data, id)
    }

    fn created(board: &str, version: u64, id: &str) -> String {
        let task = format!(
            r#"{{"id":"t","listId":"l","title":"t","description":"","rank":"V","version":{version},"createdAt":"{AT}","updatedAt":"{AT}"}}"#
        );
        let data = format!(
            r#"{{"type":"task_created","task":{task},"boardId":"{board}","by":null,"at":"{AT}"}}"#
        );
        block(&data, id)
    }

    /// A board with one list, which holds the task t or nothing.
    fn snapshot(board: &str, holds_task: bool, seq: u64, id: &str) -> String {
        let tasks = if holds_task {
            r#"[{"id":"t","rank":"V","version":1}]"#
        } else {
            "[]"
        };
        let data = format!(
            r#"{{"type":"snapshot","board":{{"id":"{board}","lists":[{{"id":"l","rank":"V","tasks":{tasks}}}],"cursor":"{seq}-03b7710c9ae4"}}}}"#
        );
        block(&data, id)
    }

    fn see(asks_snapshot: bool, bodies: &[&[String]]) -> Joint {
        let mut joint = Joint::new(vec!["a".into(), "b".into()], asks_snapshot);
        for body in bodies {
            let mut parser = Parser::default();
            parser.push(body.concat().as_bytes());
            joint.begin();
            parser.for_each(|block| joint.see(&block.unwrap()));
            joint.end();
        }
        joint
    }

    #[track_caller]
    fn check(bodies: &[&[String]], said: &[&str]) {
        let violations = see(false, bodies).report.violations;
        assert_eq!(violations.len(), said.len(), "{violations:?}");
        for (sentence, part) in violations.iter().zip(said) {
            assert!(sentence.contains(part), "{sentence:?} doesn't say {part:?}");
        }
    }

    #[test]
    fn a_good_stream_leaves_nothing_to_say_and_is_folded() {
        let a_alone = "a:4-03b7710c9ae4".to_owned();
        let first = [
            connected(""),
            snapshot("a", true, 4, &a_alone),
            snapshot("b", false, 9, &id(4, 9)),
            ":\n\n".into(),
            deleted("a", &id(5, 9)),
            created("b", 2, &id(5, 10)),
        ];
        let again = |version| [connected(&id(5, 10)), created("a", version, &id(6, 10))];
        let joint = see(true, &[&first, &again(3)[..1]]);
        assert_eq!(joint.report.violations, Vec::<String>::new());
        assert_eq!((joint.report.events, joint.report.snapshots), (2, 2));
        assert_eq!(joint.id(), id(5, 10));
        let tasks =
            |board: &str| joint.parts[board].fold.board().unwrap()["lists"][0]["tasks"].clone();
        assert_eq!(tasks("a"), serde_json::json!([]));
        assert_eq!(tasks("b")[0]["id"], "t");
        // It has not left b.
        let joint = see(true, &[&first, &again(3)]);
        assert!(joint.report.violations[0].contains("not left b yet"));
        // It came to a before it went to b, as the snapshot of b already says.
        let joint = see(true, &[&first, &again(1)]);
        assert_eq!(joint.report.violations, Vec::<String>::new());
    }

    #[test]
    fn an_element_moves_only_with_its_own_board() {
        check(
            &[&[connected(&id(1, 1)), deleted("a", &id(2, 2))]],
            &["known is"],
        );
        check(
            &[&[connected(&id(1, 1)), deleted("a", &id(1, 1))]],
            &["1-03b7710c9ae4 came after"],
        );
        let other_order = "b:1-03b7710c9ae4,a:1-03b7710c9ae4";
        check(&[&[connected(other_order)]], &["known is"]);
    }

    #[test]
    fn a_gap_and_a_duplicate_are_reported() {
        check(
            &[&[connected(&id(1, 1)), deleted("a", &id(3, 1))]],
            &["of a 3-03b7710c9ae4 came after 1-"],
        );
        let again = [
            connected(&id(1, 1)),
            deleted("a", &id(2, 1)),
            deleted("a", &id(2, 1)),
        ];
        check(&[&again], &["came after 2-"]);
    }

    #[test]
    fn a_resumed_stream_connects_where_it_was() {
        check(
            &[&[connected(&id(1, 1))], &[connected(&id(2, 1))]],
            &["known is"],
        );
        check(&[&[connected(&id(1, 1))], &[connected("")]], &["known is"]);
    }

    #[test]
    fn after_its_end_nothing_comes_of_a_board_until_the_next_connection() {
        let over = format!(r#"{{"type":"board_deleted","boardId":"a","by":null,"at":"{AT}"}}"#);
        let gone = r#"{"type":"board_gone","boardId":"a"}"#;
        let first = [
            connected(&id(1, 1)),
            block(&over, &id(2, 1)),
            deleted("b", &id(2, 2)),
        ];
        let second = [connected(&id(2, 2)), block(gone, &id(2, 2))];
        let third = [connected(&id(2, 2)), snapshot("a", false, 4, &id(4, 2))];
        check(&[&first, &second, &third], &[]);
        let late = [&second[..], &[snapshot("a", false, 4, &id(4, 2))]].concat();
        check(&[&first, &late], &["of a board that ended", "known is"]);
    }

    #[test]
    fn a_snapshot_that_was_asked_for_comes_first() {
        let joint = see(true, &[&[connected(""), deleted("a", "a:2-03b7710c9ae4")]]);
        assert!(joint.report.violations[0].contains("in place of a snapshot"));
    }
}
