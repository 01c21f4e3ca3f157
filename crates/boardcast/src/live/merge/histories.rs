//! Random commits over three boards, seen through whatever tails and log still have at that moment:
//! a watcher of all three gets each board's log exactly, in the order of the commits.

use super::world::{From, Happening, World, place, shown};
use super::{Merge, MergeStep};
use crate::live::Page;
use boardcast_core::cursor::Cursor;
use boardcast_core::limits::SNAPSHOT_SLICE_BYTES;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::sample::Index;
use proptest::test_runner::Config;
use std::collections::BTreeMap;

const BOARDS: [&str; 3] = ["a", "b", "c"];

/// What happens next.
#[derive(Clone, Debug)]
enum Turn {
    /// One transaction over some boards. What is deleted comes back.
    Commit(Vec<(usize, bool)>),
    Publish,
    /// One step of the watcher, after what it asked for was read.
    Step,
    /// What it asked for is read now, and handed over later.
    Read,
    Prune(usize, Index),
    Trim(usize, Index),
    /// Whether events are large.
    Pad(bool),
}

fn any_board() -> impl Strategy<Value = usize> {
    0..BOARDS.len()
}

fn any_commit() -> impl Strategy<Value = Turn> {
    let ends = prop_oneof![15 => Just(false), 1 => Just(true)];
    vec((any_board(), ends), 1..4).prop_map(Turn::Commit)
}

/// Before anybody watches.
fn any_past() -> impl Strategy<Value = Turn> {
    prop_oneof![
        6 => any_commit(),
        4 => Just(Turn::Publish),
        1 => (any_board(), any::<Index>()).prop_map(|(board, seq)| Turn::Prune(board, seq)),
    ]
}

fn any_turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        6 => any_commit(),
        5 => Just(Turn::Publish),
        8 => Just(Turn::Step),
        3 => Just(Turn::Read),
        1 => (any_board(), any::<Index>()).prop_map(|(board, seq)| Turn::Prune(board, seq)),
        3 => (any_board(), any::<Index>()).prop_map(|(board, seq)| Turn::Trim(board, seq)),
        1 => prop_oneof![4 => Just(false), 1 => Just(true)].prop_map(Turn::Pad),
    ]
}

/// Where each board begins; a number is bent to one that can be served.
fn any_from() -> impl Strategy<Value = (u8, Index)> {
    (0_u8..6, any::<Index>())
}

fn from(world: &World, board: usize, (kind, index): (u8, Index)) -> From {
    let log = &world.logs[board];
    let (floor, head) = (log.floor, log.head().seq);
    match kind {
        _ if log.is_deleted => From::Gone(floor),
        0 => From::Snapshot,
        1 => From::Lost(floor),
        2 => From::Head,
        _ => From::After(floor + index.index(usize::try_from(head - floor + 1).unwrap()) as u64),
    }
}

/// A read that the watcher asked for.
enum Reading {
    None,
    Log(usize, Cursor),
    Snapshot(usize),
    LogRead(usize, Page),
    SnapshotRead(usize, Option<(Bytes, Cursor)>),
}

/// A watcher and its client.
struct Watched {
    merge: Merge,
    reading: Reading,
    /// A block of which slices are still to come.
    begun: Vec<u8>,
    /// What the client has of each board; none where it has nothing.
    has: BTreeMap<&'static str, u64>,
    /// Boards whose part is over.
    over: Vec<&'static str>,
    last_ordinal: u64,
}

impl Watched {
    /// Serves the read that was asked for.
    fn read(&mut self, world: &World) {
        self.reading = match std::mem::replace(&mut self.reading, Reading::None) {
            Reading::Log(board, place) => Reading::LogRead(board, world.read_log(board, place)),
            Reading::Snapshot(board) => Reading::SnapshotRead(board, world.read_snapshot(board)),
            other => other,
        };
    }

    /// True if something is still going on.
    fn step(&mut self, world: &World) -> bool {
        self.read(world);
        match std::mem::replace(&mut self.reading, Reading::None) {
            Reading::LogRead(board, page) => self.merge.log_read(board, page),
            Reading::SnapshotRead(board, read) => self.merge.snapshot_read(board, read),
            _ => {}
        }
        match world.step(&mut self.merge) {
            MergeStep::Send(bytes) => self.take(world, &bytes),
            MergeStep::ReadLog(board, place) => self.reading = Reading::Log(board, place),
            MergeStep::ReadSnapshot(board) => self.reading = Reading::Snapshot(board),
            MergeStep::Wait | MergeStep::End => return false,
        }
        true
    }

    fn take(&mut self, world: &World, bytes: &[u8]) {
        assert!(!bytes.is_empty());
        self.begun.extend_from_slice(bytes);
        if self.merge.is_between_blocks() {
            for block in shown(&std::mem::take(&mut self.begun)) {
                self.take_block(world, &block);
            }
        }
    }

    fn take_block(&mut self, world: &World, block: &str) {
        let (what, id) = block.split_once(':').unwrap();
        match what.split(' ').collect::<Vec<_>>()[..] {
            ["connected"] => {}
            ["snapshot", told] => {
                let (board, seq) = self.named(told);
                assert!(self.has.get(board).is_none_or(|&had| had <= seq), "{block}");
                self.has.insert(board, seq);
            }
            [board, "gone"] => {
                let mut logs = world.logs.iter();
                assert!(logs.any(|log| log.name == board && log.was_deleted));
                self.end(board);
            }
            [told] => self.take_event(world, told),
            [told, "deleted"] => {
                self.take_event(world, told);
                self.end(&told[..1]);
            }
            _ => panic!("{block}"),
        }
        let has = self.has.iter();
        let expected: String = has.map(|(board, seq)| format!(" {board}{seq}")).collect();
        assert_eq!(id, expected, "{block}");
    }

    /// The next one of its board's log, committed after all before, and published.
    fn take_event(&mut self, world: &World, told: &str) {
        let (board, seq) = self.named(told);
        assert_eq!(self.has.insert(board, seq), Some(seq - 1), "{told}");
        let log = world.logs.iter().find(|log| log.name == board).unwrap();
        let logged = &log.events[usize::try_from(seq - 1).unwrap()];
        assert_eq!(logged.cursor, place(seq));
        assert!(self.last_ordinal < logged.ordinal, "{told} is out of order");
        assert!(logged.ordinal <= world.committed(), "{told} is too early");
        self.last_ordinal = logged.ordinal;
    }

    fn named(&self, told: &str) -> (&'static str, u64) {
        let (board, seq) = told.split_at(1);
        let board = BOARDS.into_iter().find(|name| *name == board).unwrap();
        assert!(!self.over.contains(&board), "{told} after the end");
        (board, seq.parse().unwrap())
    }

    fn end(&mut self, board: &str) {
        let board = BOARDS.into_iter().find(|name| *name == board).unwrap();
        self.over.push(board);
    }
}

fn happen(world: &mut World, turn: &Turn) {
    match turn {
        Turn::Commit(changes) => {
            let mut is_deleted = [false; BOARDS.len()];
            for (board, log) in world.logs.iter().enumerate() {
                is_deleted[board] = log.is_deleted;
            }
            let happening = |&(board, ends): &(usize, bool)| {
                let was_deleted = std::mem::replace(&mut is_deleted[board], false);
                if was_deleted {
                    return (board, Happening::Restored);
                }
                is_deleted[board] = ends;
                let happening = if ends {
                    Happening::Deleted
                } else {
                    Happening::Changed
                };
                (board, happening)
            };
            let changes: Vec<_> = changes.iter().map(happening).collect();
            world.commit(&changes);
        }
        Turn::Publish => {
            world.publish();
        }
        Turn::Prune(board, seq) => {
            let seq = seq.index(world.logs[*board].events.len() + 1);
            world.prune(*board, seq as u64);
        }
        Turn::Trim(board, seq) => {
            let seq = seq.index(world.logs[*board].events.len() + 1);
            world.trim(*board, seq as u64);
        }
        Turn::Pad(large) => world.padding = if *large { SNAPSHOT_SLICE_BYTES / 2 } else { 0 },
        Turn::Step | Turn::Read => unreachable!("the watcher's"),
    }
}

proptest! {
    #![proptest_config(Config::with_cases(1_000))]

    #[test]
    fn each_boards_log_comes_whole_and_all_in_the_order_of_the_commits(
        past in vec(any_past(), 0..12),
        froms in [any_from(), any_from(), any_from()],
        rows_max in 1_usize..4,
        turns in vec(any_turn(), 0..60),
    ) {
        let mut world = World::of(&BOARDS);
        world.rows_max = rows_max;
        for turn in &past {
            happen(&mut world, turn);
        }
        let boards = froms.into_iter().enumerate();
        let froms: Vec<_> = boards.map(|(board, begin)| from(&world, board, begin)).collect();
        let mut has = BTreeMap::new();
        for (board, begin) in froms.iter().enumerate() {
            let seq = match *begin {
                From::Head => world.logs[board].head().seq,
                From::After(seq) | From::Lost(seq) | From::Gone(seq) => seq,
                From::Snapshot | From::Unknown => continue,
            };
            has.insert(BOARDS[board], seq);
        }
        let mut watched = Watched {
            merge: world.watch(&froms),
            reading: Reading::None,
            begun: Vec::new(),
            has,
            over: Vec::new(),
            last_ordinal: 0,
        };
        for turn in &turns {
            match turn {
                Turn::Step => _ = watched.step(&world),
                Turn::Read => watched.read(&world),
                turn => happen(&mut world, turn),
            }
        }
        while world.publish() {}
        while watched.step(&world) {}
        for log in &world.logs {
            let is_over = watched.over.contains(&log.name);
            let has = watched.has.get(log.name).copied();
            assert!(is_over || has == Some(log.head().seq), "{}", log.name);
            assert!(is_over || !log.is_deleted);
        }
    }
}
