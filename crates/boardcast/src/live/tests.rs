//! Watchers and streams over a log in memory: what they decide and send, without files and sockets,
//! on a clock that the test turns.

mod costs;
mod cutting;
mod leases;
mod shards;
mod steps;
mod streams;
mod waking;

use super::hub::{Hub, Seat};
use super::{Located, Log, Page, ReadError, Reading, Snapshot};
use boardcast_core::access::Access;
use boardcast_core::cursor::{Cursor, Mark};
use boardcast_core::frame::{Segment, SegmentBuilder};
use boardcast_core::model::BoardId;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(in crate::live) fn board() -> BoardId {
    BoardId::parse("board-1").unwrap()
}

pub(in crate::live) fn place(seq: u64) -> Cursor {
    let low = seq.to_be_bytes();
    Cursor {
        seq,
        mark: Mark([0xaa, 0xbb, low[4], low[5], low[6], low[7]]),
    }
}

fn json(seq: u64) -> Vec<u8> {
    format!("{{\"type\":\"task_created\",\"n\":{seq}}}").into_bytes()
}

/// The events of these numbers as one commit.
pub(in crate::live) fn segment(seqs: RangeInclusive<u64>) -> Segment {
    let mut builder = SegmentBuilder::new(board());
    for seq in seqs {
        builder.push(place(seq), seq, &json(seq));
    }
    builder.build().unwrap()
}

/// The board's deletion, as the last event.
fn deletion(seq: u64) -> Segment {
    let mut builder = SegmentBuilder::new(board());
    builder.push(
        place(seq),
        seq,
        br#"{"type":"board_deleted","boardId":"board-1"}"#,
    );
    builder.build().unwrap()
}

/// These events' bytes on the wire.
pub(in crate::live) fn frames(seqs: RangeInclusive<u64>) -> String {
    let before = *seqs.start() - 1;
    String::from_utf8(segment(seqs).after(place(before)).to_vec()).unwrap()
}

/// A whole board of so many bytes at a place.
fn snapshot(bytes: usize, at: u64) -> Arc<Snapshot> {
    Arc::new(Snapshot::new(&vec![b'1'; bytes], place(at)))
}

/// A durable log in memory, read in pages of a few commits, and the hub beside it.
struct World {
    hub: Arc<Hub>,
    log: Arc<MemoryLog>,
}

#[derive(Default)]
struct MemoryLog {
    commits: Mutex<Vec<Segment>>,
    /// The newest event that is no longer served.
    floor: AtomicU64,
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    fails: AtomicBool,
    /// Whoever has it holds up the answer to every read of the log.
    gate: Arc<tokio::sync::Mutex<()>>,
}

impl World {
    /// A board with so many events, each of its own commit, that nobody watches.
    fn with_events(count: u64) -> Self {
        let world = Self {
            hub: Arc::new(Hub::new(0)),
            log: Arc::default(),
        };
        (1..=count).for_each(|seq| world.commit(segment(seq..=seq)));
        world
    }

    /// Makes a commit durable and publishes it.
    fn commit(&self, segment: Segment) {
        self.log.commits.lock().unwrap().push(segment.clone());
        self.hub.publish(vec![segment]);
    }

    /// Deletes the oldest events up to this one.
    fn prune(&self, up_to: u64) {
        self.log.floor.store(up_to, Ordering::Relaxed);
    }

    fn attach(&self) -> Seat {
        self.hub.attach(board())
    }
}

impl MemoryLog {
    fn page(&self, place: Cursor) -> Page {
        let commits = self.commits.lock().unwrap();
        let next = commits.iter().find(|commit| commit.last().seq > place.seq);
        match next {
            Some(_) if place.seq < self.floor.load(Ordering::Relaxed) => Page::Gap,
            Some(commit) => Page::Events(commit.clone()),
            None => Page::Empty,
        }
    }
}

impl Log for MemoryLog {
    fn locate<'a>(
        &'a self,
        _: &'a Access,
        _: &'a BoardId,
        _: Option<Cursor>,
    ) -> Reading<'a, Located> {
        unreachable!("the cursor is judged before there is a stream");
    }

    fn after<'a>(&'a self, _: &'a BoardId, place: Cursor) -> Reading<'a, Page> {
        Box::pin(async move {
            let page = self.read(|| self.page(place));
            drop(self.gate.lock().await);
            page
        })
    }

    fn snapshot<'a>(&'a self, _: &'a BoardId) -> Reading<'a, Option<Arc<Snapshot>>> {
        Box::pin(async move { self.read(|| self.snapshot.lock().unwrap().clone()) })
    }
}

impl MemoryLog {
    fn read<T>(&self, read: impl FnOnce() -> T) -> Result<T, ReadError> {
        match self.fails.load(Ordering::Relaxed) {
            true => Err(ReadError),
            false => Ok(read()),
        }
    }
}
