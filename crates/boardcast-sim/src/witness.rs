//! Checks every block of one board's stream, connection after connection. Sans-IO: blocks come in,
//! a [`Report`] and a [`Fold`] come out.
//!
//! The contract's rules of the stream stand here: how a body begins, that numbers go up by one
//! between snapshots (I1), that an id means the same bytes for ever (I3), what ends a stream.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::cursor::seq_of;
use crate::fold::{Fold, same_board};
use crate::http1::header;
use crate::sse::Block;

/// How the body of every stream begins, to the letter.
const FIRST_LINE: &[u8] = b"data: {\"type\":\"connected\"}\n";

/// More violations than this say nothing new; they are counted in the last entry's place.
const VIOLATIONS_MAX: usize = 100;

/// What a watcher saw, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Numbered events.
    pub events: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Connections after the first.
    pub reconnects: u64,
    /// Numbers passed over without a snapshot.
    pub lost: u64,
    /// Events seen again.
    pub duplicates: u64,
    /// Events with a number at or below the last one, not seen before.
    pub out_of_order: u64,
    /// Every broken rule as a sentence, in order.
    pub violations: Vec<String>,
    /// Number and raw block of every event, if the watcher was asked to keep them.
    pub recorded: BTreeMap<u64, Vec<u8>>,
}

impl Report {
    /// Notes a broken rule.
    pub fn violation(&mut self, sentence: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(sentence);
        } else if self.violations.len() == VIOLATIONS_MAX {
            self.violations.push(format!(
                "more than {VIOLATIONS_MAX} violations; the rest is not kept"
            ));
        }
    }
}

/// What the next block with data has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Connected,
    Snapshot,
    Anything,
    /// Nothing: the server said that it ends here.
    End,
}

/// The state of one board's watcher that outlives its connections.
#[derive(Debug)]
pub struct Witness {
    /// Keep every event's raw block.
    records: bool,
    /// A first connection asks for a snapshot.
    asks_snapshot: bool,
    report: Report,
    fold: Fold,
    /// What a client would send as `Last-Event-ID`.
    last_id: Option<String>,
    last_seq: Option<u64>,
    /// A digest of the data under every event id seen.
    digests: HashMap<String, u64>,
    expected: Expected,
    /// The headers said that the connection ends here.
    is_closed: bool,
    retry_ms: Option<u64>,
}

impl Witness {
    /// One that has seen nothing yet.
    pub fn new(records: bool, asks_snapshot: bool) -> Self {
        Witness {
            records,
            asks_snapshot,
            report: Report::default(),
            fold: Fold::new(),
            last_id: None,
            last_seq: None,
            digests: HashMap::new(),
            expected: Expected::Connected,
            is_closed: false,
            retry_ms: None,
        }
    }

    /// What a client would send as `Last-Event-ID`.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The number in it.
    pub fn last_seq(&self) -> Option<u64> {
        self.last_seq
    }

    /// The last `retry` a server sent, in milliseconds.
    pub fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// What it saw.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What it saw, to be added to.
    pub fn report_mut(&mut self) -> &mut Report {
        &mut self.report
    }

    /// The board as it folded it.
    pub fn board(&self) -> Option<&Value> {
        self.fold.board()
    }

    /// What it saw, and what it made of it.
    pub fn into_parts(self) -> (Report, Fold) {
        (self.report, self.fold)
    }

    /// Whether the stream stands behind `connected`.
    pub fn is_connected(&self) -> bool {
        matches!(self.expected, Expected::Anything | Expected::Snapshot)
    }

    /// A new connection answered 200 with these headers; `connection` is a proxy's own, if one is
    /// in between.
    pub fn begin(&mut self, headers: &[(String, String)], is_proxied: bool) {
        self.expected = Expected::Connected;
        self.is_closed = false;
        for (name, value) in [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-cache"),
            ("connection", "keep-alive"),
        ] {
            let sent = header(headers, name)
                .unwrap_or_default()
                .to_ascii_lowercase();
            let is_ours = !(is_proxied && name == "connection");
            if name == "connection" && sent == "close" {
                // Only to who is turned away, as the first block will show.
                self.is_closed = is_ours;
            } else if is_ours && !sent.contains(value) {
                self.violation(format!("header {name} is {sent:?}, without {value}"));
            }
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

    /// The body has ended in order, which it may at any block's end but not before the first.
    pub fn end(&mut self) {
        if self.expected == Expected::Connected {
            self.violation("an empty body".to_owned());
        }
    }

    /// Every body begins with `connected`, unless the server turns the caller away with a bare
    /// `retry`.
    fn see_first(&mut self, block: &Block) {
        if block.retry.is_some() && block.data.is_none() {
            self.expected = Expected::End;
            return;
        }
        if self.is_closed {
            self.violation("header connection is close, and it is a stream".to_owned());
        }
        if !block.raw.starts_with(FIRST_LINE) {
            self.violation(format!("the body begins with {}", shown(block)));
        }
        // Without an id a snapshot follows.
        let Some(id) = &block.id else {
            self.expected = Expected::Snapshot;
            return;
        };
        self.expected = Expected::Anything;
        match &self.last_id {
            Some(sent) if sent != id => {
                self.violation(format!("resumed after {sent}, connected at {id}"));
            }
            Some(_) => {}
            None => {
                if self.asks_snapshot {
                    self.violation(format!("a snapshot was asked for, connected at {id}"));
                }
                self.move_to(id);
            }
        }
    }

    fn see_message(&mut self, block: &Block) {
        let message = block.json();
        let kind = message["type"].as_str().unwrap_or_default();
        match (self.expected, kind) {
            (Expected::End, _) => self.violation(format!("after the end: {}", shown(block))),
            (_, "connected") => self.violation("a second connected".to_owned()),
            (_, "") => self.violation(format!("no JSON object with a type: {}", shown(block))),
            (_, "snapshot") => self.see_snapshot(&message, block.id.as_deref()),
            _ => self.see_event(&message, block),
        }
        if kind == "board_deleted" {
            self.expected = Expected::End;
        }
    }

    fn see_snapshot(&mut self, message: &Value, id: Option<&str>) {
        self.expected = Expected::Anything;
        self.report.snapshots += 1;
        // I2: a snapshot of the place we stand at holds nothing new.
        if let (Some(board), true) = (self.fold.board(), id == self.last_id())
            && let Err(difference) = same_board(board, &message["board"])
        {
            let rule = "is not what its events made";
            self.violation(format!("the snapshot at {id:?} {rule}: {difference}"));
        }
        self.fold(message, id);
        match id {
            Some(id) => self.move_to(id),
            None => self.violation("a snapshot without id".to_owned()),
        }
    }

    fn see_event(&mut self, message: &Value, block: &Block) {
        if self.expected == Expected::Snapshot {
            self.violation(format!("in place of the snapshot: {}", shown(block)));
            self.expected = Expected::Anything;
        }
        let Some(id) = &block.id else {
            return self.fold(message, None);
        };
        self.report.events += 1;
        let known = self.is_known(id, block);
        if !self.follows(id, known) {
            return;
        }
        self.fold(message, Some(id));
        self.move_to(id);
        if let (true, Ok(seq)) = (self.records, seq_of(id)) {
            self.report.recorded.insert(seq, block.raw.clone());
        }
    }

    /// I3: whether the id was seen before, which it may only be with the same data.
    fn is_known(&mut self, id: &str, block: &Block) -> bool {
        let mut hasher = DefaultHasher::new();
        block.data.hash(&mut hasher);
        let digest = hasher.finish();
        let before = self.digests.insert(id.to_owned(), digest);
        if before.is_some_and(|before| before != digest) {
            self.violation(format!("{id} carried other data before: {}", shown(block)));
        }
        before.is_some()
    }

    /// I1: whether the event is new and may be folded. One after a gap is, so that a gap is
    /// reported once.
    fn follows(&mut self, id: &str, known: bool) -> bool {
        let (Ok(seq), Some(last)) = (seq_of(id), self.last_seq) else {
            return true;
        };
        let after = self.last_id.clone().unwrap_or_default();
        if seq > last + 1 {
            self.report.lost += seq - last - 1;
            self.violation(format!("lost: after {after} came {id}"));
        } else if seq <= last && known {
            self.report.duplicates += 1;
            self.violation(format!("duplicate: after {after} came {id} again"));
        } else if seq <= last {
            self.report.out_of_order += 1;
            self.violation(format!("out of order: after {after} came {id}"));
        }
        seq > last
    }

    fn fold(&mut self, message: &Value, id: Option<&str>) {
        if let Err(broken) = self.fold.apply(message, id) {
            self.violation(broken);
        }
    }

    fn move_to(&mut self, id: &str) {
        match seq_of(id) {
            Ok(seq) => self.last_seq = Some(seq),
            Err(malformed) => self.violation(malformed),
        }
        self.last_id = Some(id.to_owned());
    }

    fn violation(&mut self, sentence: String) {
        self.report.violation(sentence);
    }
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

    const CONNECTED: &str = "data: {\"type\":\"connected\"}\nretry: 10\nid: 1-03b7710c9ae4\n\n";
    const CONNECTED_BARE: &str = "data: {\"type\":\"connected\"}\n\n";

    fn event(seq: u64) -> String {
        let data = format!(
            r#"{{"type":"task_deleted","taskId":"t{seq}","boardId":"b","by":null,"at":"2026-11-23T21:17:57.123Z"}}"#
        );
        format!("data: {data}\nid: {seq}-03b7710c9ae4\n\n")
    }

    fn snapshot(seq: u64, name: &str) -> String {
        let board = format!(
            r#"{{"id":"b","name":"{name}","version":1,"createdAt":"c","updatedAt":"u","lists":[],"cursor":"{seq}-03b7710c9ae4"}}"#
        );
        format!("data: {{\"type\":\"snapshot\",\"board\":{board}}}\nid: {seq}-03b7710c9ae4\n\n")
    }

    fn headers() -> Vec<(String, String)> {
        [
            ("Content-Type", "text/event-stream"),
            ("cache-control", "no-cache"),
            ("Connection", "keep-alive"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// Shows one connection with an orderly body.
    fn show(witness: &mut Witness, body: &[&str]) {
        let mut parser = Parser::default();
        parser.push(body.concat().as_bytes());
        witness.begin(&headers(), false);
        parser.for_each(|block| witness.see(&block.unwrap()));
        witness.end();
    }

    /// What a witness says of these connections.
    fn report(bodies: &[&[&str]]) -> Report {
        let mut witness = Witness::new(true, false);
        bodies.iter().for_each(|body| show(&mut witness, body));
        witness.report
    }

    #[track_caller]
    fn check_violates(bodies: &[&[&str]], rule: &str) -> Report {
        let report = report(bodies);
        let said = report.violations.first().expect("a violation");
        assert!(said.contains(rule), "{said:?} doesn't say {rule:?}");
        assert_eq!(
            report.violations.len(),
            1,
            "one fault is one violation: {:?}",
            report.violations
        );
        report
    }

    #[test]
    fn a_good_stream_leaves_nothing_to_say() {
        let ping = "event: ping\ndata: {}\n\n";
        let first: &[&str] = &[CONNECTED, &event(2), ping, &event(3), ":\n\n"];
        let resumed = CONNECTED.replace("1-", "3-");
        let report = report(&[
            first,
            &[&resumed, &event(4)],
            &[CONNECTED_BARE, &snapshot(9, "B"), &event(10)],
        ]);
        assert_eq!(report.violations, Vec::<String>::new());
        assert_eq!((report.events, report.snapshots), (4, 1));
        assert_eq!(
            report.recorded.keys().copied().collect::<Vec<_>>(),
            [2, 3, 4, 10]
        );
        assert_eq!(report.recorded[&2], event(2).into_bytes());
    }

    #[test]
    fn a_gap_is_reported_with_both_ids() {
        let report = check_violates(
            &[&[CONNECTED, &event(2), &event(5)]],
            "after 2-03b7710c9ae4 came 5-03b7710c9ae4",
        );
        assert_eq!(report.lost, 2);
    }

    #[test]
    fn a_duplicate_is_reported() {
        let report = check_violates(
            &[&[CONNECTED, &event(2), &event(3), &event(2), &event(4)]],
            "duplicate",
        );
        assert_eq!(
            (report.duplicates, report.out_of_order, report.lost),
            (1, 0, 0)
        );
    }

    #[test]
    fn an_old_event_not_seen_before_is_out_of_order() {
        let report = check_violates(
            &[&[CONNECTED_BARE, &snapshot(5, "B"), &event(4)]],
            "out of order",
        );
        assert_eq!(
            (report.duplicates, report.out_of_order, report.lost),
            (0, 1, 0)
        );
    }

    #[test]
    fn an_id_that_carries_other_bytes_is_reported() {
        let other = event(2).replace("t2", "t9");
        let report = report(&[&[CONNECTED, &event(2), &other]]);
        assert!(
            report.violations[0].contains("carried other data before"),
            "{:?}",
            report.violations
        );
    }

    #[test]
    fn a_body_begins_with_connected_to_the_letter() {
        check_violates(
            &[&["data: {\"type\": \"connected\"}\nid: 1-03b7710c9ae4\n\n"]],
            "the body begins with",
        );
        check_violates(&[&[":\n\n", &snapshot(1, "B")]], "the body begins with");
        check_violates(&[&[CONNECTED, CONNECTED]], "a second connected");
        check_violates(&[&[]], "an empty body");
    }

    #[test]
    fn a_resume_connects_at_the_cursor_that_was_sent() {
        check_violates(
            &[&[CONNECTED, &event(2)], &[CONNECTED]],
            "resumed after 2-03b7710c9ae4",
        );
    }

    #[test]
    fn without_an_id_on_connected_a_snapshot_follows() {
        check_violates(&[&[CONNECTED_BARE, &event(2)]], "in place of the snapshot");
    }

    #[test]
    fn a_server_may_end_in_order_between_connected_and_the_snapshot() {
        assert_eq!(
            report(&[&[CONNECTED_BARE]]).violations,
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_snapshot_at_the_place_reached_holds_nothing_new() {
        let connected = CONNECTED.replace("1-", "5-");
        let bodies =
            |second: &str| report(&[&[CONNECTED_BARE, &snapshot(5, "B")], &[&connected, second]]);
        assert_eq!(bodies(&snapshot(5, "B")).violations, Vec::<String>::new());
        assert!(
            bodies(&snapshot(5, "C")).violations[0].contains("is not what its events made: name")
        );
    }

    #[test]
    fn a_stream_may_turn_the_caller_away_and_then_ends() {
        assert_eq!(
            report(&[&["retry: 1500\n\n"]]).violations,
            Vec::<String>::new()
        );
        check_violates(&[&["retry: 1500\n\n", &event(2)]], "after the end");
    }

    #[test]
    fn nothing_comes_after_board_deleted() {
        let deleted = event(2).replace("task_deleted", "board_deleted");
        assert_eq!(
            report(&[&[CONNECTED, &deleted]]).violations,
            Vec::<String>::new()
        );
        check_violates(&[&[CONNECTED, &deleted, &event(3)]], "after the end");
    }

    #[test]
    fn malformed_ids_and_data_are_reported() {
        let nonsense = event(2).replace("2-03b7710c9ae4", "two");
        check_violates(&[&[CONNECTED, &nonsense]], "is not a cursor");
        let cut_json = "data: {\"type\":\n\n";
        check_violates(&[&[CONNECTED, cut_json]], "no JSON object with a type");
        let numbered_ping = "event: ping\ndata: {}\nid: 2-03b7710c9ae4\n\n";
        check_violates(&[&[CONNECTED, numbered_ping]], "a named event with an id");
    }

    #[test]
    fn a_snapshot_that_was_asked_for_comes_first() {
        let ask = |body: &[&str]| {
            let mut witness = Witness::new(false, true);
            show(&mut witness, body);
            witness.report.violations
        };
        assert_eq!(
            ask(&[CONNECTED_BARE, &snapshot(1, "B")]),
            Vec::<String>::new()
        );
        let violations = ask(&[CONNECTED, &event(2)]);
        assert!(
            violations[0].contains("a snapshot was asked for"),
            "{violations:?}"
        );
    }

    #[test]
    fn headers_of_the_stream_are_checked() {
        let mut witness = Witness::new(false, false);
        witness.begin(&[], false);
        assert_eq!(witness.report().violations.len(), 3);
    }
}
