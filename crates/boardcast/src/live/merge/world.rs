//! A log of a few boards that a test moves by hand: what is committed, what of it is published, what
//! the tails still have and what the file still serves. The tails are the hub's own.

use super::super::hub::{After, Hub, Seat};
use super::super::{Page, Start};
use super::{Asked, Heartbeat, Merge, MergeStep};
use boardcast_core::cursor::{Cursor, Mark};
use boardcast_core::frame::{Segment, SegmentBuilder};
use boardcast_core::model::BoardId;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub(super) struct World {
    hub: Arc<Hub>,
    /// One for each board, once somebody watches.
    seats: Vec<Seat>,
    pub(super) logs: Vec<Log>,
    ordinal: u64,
    /// Commits that are in the file and in no tail, oldest first.
    unpublished: VecDeque<Vec<Segment>>,
    /// Events in one read of the log.
    pub(super) rows_max: usize,
    /// Bytes that each event and snapshot is made longer by.
    pub(super) padding: usize,
}

pub(super) struct Log {
    pub(super) name: &'static str,
    pub(super) events: Vec<Logged>,
    /// The number up to which nothing is served.
    pub(super) floor: u64,
    /// The number up to which no tail has anything.
    trimmed: u64,
    pub(super) is_deleted: bool,
    /// Whether it is or was.
    pub(super) was_deleted: bool,
}

#[derive(Clone)]
pub(super) struct Logged {
    pub(super) cursor: Cursor,
    pub(super) ordinal: u64,
    json: String,
}

/// What happens to a board in a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Changed,
    Deleted,
    Restored,
}

impl World {
    /// Boards with their first event, published before anybody watches.
    pub(super) fn of(names: &[&'static str]) -> Self {
        let log = |&name| Log {
            name,
            events: Vec::new(),
            floor: 0,
            trimmed: 0,
            is_deleted: false,
            was_deleted: false,
        };
        let mut world = Self {
            hub: Arc::new(Hub::new(0)),
            seats: Vec::new(),
            logs: names.iter().map(log).collect(),
            ordinal: 0,
            unpublished: VecDeque::new(),
            rows_max: 100,
            padding: 0,
        };
        for board in 0..names.len() {
            world.happen(&[(board, Happening::Changed)]);
        }
        world
    }

    /// Commits changes of boards, in this order, and publishes them.
    pub(super) fn change(&mut self, boards: &[usize]) {
        let changes: Vec<_> = boards.iter().map(|&b| (b, Happening::Changed)).collect();
        self.happen(&changes);
    }

    pub(super) fn happen(&mut self, changes: &[(usize, Happening)]) {
        self.commit(changes);
        while self.publish() {}
    }

    /// One transaction: it is in the file now.
    pub(super) fn commit(&mut self, changes: &[(usize, Happening)]) {
        let mut segments = BTreeMap::new();
        for &(board, happening) in changes {
            let logged = self.append(board, happening);
            let id = BoardId::parse(self.logs[board].name).unwrap();
            segments
                .entry(board)
                .or_insert_with(|| SegmentBuilder::new(id))
                .push(logged.cursor, logged.ordinal, logged.json.as_bytes());
        }
        let segments = segments.into_values().filter_map(SegmentBuilder::build);
        self.unpublished.push_back(segments.collect());
    }

    fn append(&mut self, board: usize, happening: Happening) -> Logged {
        self.ordinal += 1;
        let padding = "x".repeat(self.padding);
        let log = &mut self.logs[board];
        let seq = log.head().seq + 1;
        let kind = match happening {
            Happening::Changed => "task_updated",
            Happening::Deleted => "board_deleted",
            Happening::Restored => "board_restored",
        };
        let name = log.name;
        let json =
            format!(r#"{{"type":"{kind}","boardId":"{name}","seq":{seq},"padding":"{padding}"}}"#);
        let logged = Logged {
            cursor: place(seq),
            ordinal: self.ordinal,
            json,
        };
        log.events.push(logged.clone());
        log.is_deleted = happening == Happening::Deleted;
        log.was_deleted |= log.is_deleted;
        if happening == Happening::Restored {
            log.floor = seq;
        }
        logged
    }

    /// Publishes the oldest commit that isn't; false if all are.
    pub(super) fn publish(&mut self) -> bool {
        let segments = self.unpublished.pop_front();
        let is_there = segments.is_some();
        self.hub.publish(segments.unwrap_or_default());
        is_there
    }

    /// A board is purged and made anew under its old id.
    pub(super) fn make_anew(&mut self, board: usize) {
        self.ordinal += 1;
        let mut segment = SegmentBuilder::new(BoardId::parse(self.logs[board].name).unwrap());
        segment.push(place(1), self.ordinal, br#"{"type":"board_created"}"#);
        self.hub.publish(segment.build().into_iter().collect());
    }

    /// Up to which ordinal everything is published.
    pub(super) fn committed(&self) -> u64 {
        self.hub.committed()
    }

    /// The tail forgets a board's events up to a number.
    pub(super) fn trim(&mut self, board: usize, seq: u64) {
        self.logs[board].trimmed = seq;
    }

    /// The file forgets a board's events up to a number.
    pub(super) fn prune(&mut self, board: usize, seq: u64) {
        let log = &mut self.logs[board];
        assert!(seq <= log.head().seq);
        log.floor = log.floor.max(seq);
    }

    /// A watcher of all boards: registered first, then each place is judged.
    pub(super) fn watch(&mut self, froms: &[From]) -> Merge {
        let name = |log: &Log| BoardId::parse(log.name).unwrap();
        let seats = self.logs.iter().map(|log| self.hub.attach(name(log)));
        self.seats = seats.collect();
        let asked = self
            .logs
            .iter()
            .zip(froms)
            .map(|(log, from)| log.ask(*from));
        Merge::new(asked.collect(), Heartbeat::Comment)
    }

    pub(super) fn step(&self, merge: &mut Merge) -> MergeStep {
        merge.step(self.hub.committed(), |board, place| self.look(board, place))
    }

    fn look(&self, board: usize, place: Cursor) -> After<Segment> {
        self.seats[board].peek(|tail| match tail.after(place) {
            After::CaughtUp => After::CaughtUp,
            After::Events(_) if place.seq < self.logs[board].trimmed => After::Behind,
            After::Events(segment) => After::Events(segment.clone()),
            After::Behind => After::Behind,
            After::Gone => After::Gone,
        })
    }

    /// What the file has after a place.
    pub(super) fn read_log(&self, board: usize, place: Cursor) -> Page {
        let log = &self.logs[board];
        if place.seq >= log.head().seq {
            return Page::Empty;
        }
        if place.seq < log.floor {
            return Page::Gap;
        }
        let mut segment = SegmentBuilder::new(BoardId::parse(log.name).unwrap());
        let after = log.events.iter().skip(usize::try_from(place.seq).unwrap());
        for logged in after.take(self.rows_max) {
            segment.push(logged.cursor, logged.ordinal, logged.json.as_bytes());
        }
        segment.build().map_or(Page::Empty, Page::Events)
    }

    /// The whole board, if it lives.
    pub(super) fn read_snapshot(&self, board: usize) -> Option<(Bytes, Cursor)> {
        let log = &self.logs[board];
        let (name, cursor) = (log.name, log.head());
        let padding = "x".repeat(self.padding);
        let json = format!(
            r#"{{"id":"{name}","seq":{},"padding":"{padding}"}}"#,
            cursor.seq
        );
        (!log.is_deleted).then(|| (json.into(), cursor))
    }

    /// Everything that a watcher gets until it waits or ends, reads served at once.
    pub(super) fn run(&self, merge: &mut Merge) -> Vec<String> {
        let mut sent = Vec::new();
        loop {
            match self.step(merge) {
                MergeStep::Send(bytes) => sent.extend_from_slice(&bytes),
                MergeStep::ReadLog(board, place) => {
                    merge.log_read(board, self.read_log(board, place));
                }
                MergeStep::ReadSnapshot(board) => {
                    merge.snapshot_read(board, self.read_snapshot(board));
                }
                MergeStep::Wait => return shown(&sent),
                MergeStep::End => {
                    let mut shown = shown(&sent);
                    shown.push("end".to_owned());
                    return shown;
                }
            }
        }
    }
}

/// Where a watcher of a board begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    Head,
    After(u64),
    Snapshot,
    /// With a snapshot, because the event of that number can't be served.
    Lost(u64),
    /// It had that event of a board that is gone.
    Gone(u64),
    Unknown,
}

impl Log {
    pub(super) fn head(&self) -> Cursor {
        place(self.events.len() as u64)
    }

    fn ask(&self, from: From) -> Asked {
        let head = self.head();
        let at = |place| Some(Start::After { place, head });
        let (start, element) = match from {
            From::Head => (at(head), None),
            From::After(seq) => (at(place(seq)), Some(seq)),
            From::Snapshot => (Some(Start::Snapshot), None),
            From::Lost(seq) => (Some(Start::Snapshot), Some(seq)),
            From::Gone(seq) => (None, Some(seq)),
            From::Unknown => (None, None),
        };
        Asked {
            board: self.name.to_owned(),
            start,
            element: element.map(|seq| place(seq).to_string()),
        }
    }
}

pub(super) fn place(seq: u64) -> Cursor {
    let low = seq.to_be_bytes();
    let mut mark = [0xab; 6];
    mark[2..].copy_from_slice(&low[4..]);
    Cursor {
        seq,
        mark: Mark(mark),
    }
}

/// Blocks in few words: what it tells, and where it leaves each board. `a2: a2 b1` is the second event
/// of the board `a`, with an id that says so.
pub(super) fn shown(sent: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(sent).unwrap();
    assert!(text.is_empty() || text.ends_with("\n\n"), "whole blocks");
    text.split_terminator("\n\n").map(shown_block).collect()
}

fn shown_block(block: &str) -> String {
    let line = |field: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| line.strip_prefix(field)?.strip_prefix(": "))
    };
    let Some(data) = line("data") else {
        return block.to_owned();
    };
    assert!(block.starts_with("data: "), "an id never comes first");
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let board = data["boardId"].as_str().unwrap_or_default();
    let what = match data["type"].as_str().unwrap() {
        "task_updated" => format!("{board}{}", data["seq"]),
        "board_deleted" => format!("{board}{} deleted", data["seq"]),
        "board_gone" => format!("{board} gone"),
        "snapshot" => {
            let board = &data["board"];
            format!("snapshot {}{}", board["id"].as_str().unwrap(), board["seq"])
        }
        "connected" => "connected".to_owned(),
        other => panic!("{other} is never sent"),
    };
    let id = line("id").unwrap_or_default().split(',');
    let elements = id.filter(|element| !element.is_empty()).map(|element| {
        let (board, cursor) = element.split_once(':').unwrap();
        let cursor = Cursor::parse(cursor).unwrap();
        assert_eq!(cursor, place(cursor.seq));
        format!(" {board}{}", cursor.seq)
    });
    format!("{what}:{}", elements.collect::<String>())
}
