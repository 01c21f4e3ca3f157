//! Who watches what, and getting bytes to them. Knows no SQL and no routes: the log is handed in
//! behind [`Log`], and what a watcher gets is decided without IO in [`watcher`].
//!
//! There is one way to a watcher: read the log after its place. The [`hub`]'s tails are only the
//! newest piece of that log, kept in memory while somebody watches.

pub mod body;
mod chunks;
pub mod cuts;
pub mod hub;
pub mod leases;
mod merge;
mod pages;
mod permit;
mod pins;
pub mod reactor;
pub mod shard;
mod socket;
pub mod takeover;
#[cfg(test)]
mod tests;
mod waking;
mod watcher;
mod wheel;

pub use leases::{Lease, Leases, Revoked};
pub use merge::{Asked, Merge};
pub use permit::{AddressPermit, AddressStreams, StreamPermit};
pub use pins::{Hangup, Part, Pins};
pub use socket::GuardedSocket;
pub use watcher::{Heartbeat, Start, Watcher};

use crate::sabotage::{self, Spot};
use boardcast_core::access::{Access, Revocation};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::{self, Segment};
use boardcast_core::model::BoardId;
use bytes::Bytes;
use hub::Hub;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};

/// What a commit means to those who watch: who lost their rights is cut, and only then the others are
/// shown what happened, so that nobody sees an event of the commit that shut them out. Called after
/// the commit, before anybody in it is answered.
pub fn publish(leases: &Leases, hub: &Hub, revocations: &[Revocation], segments: Vec<Segment>) {
    let is_late = sabotage::hits(Spot::RevokedLate);
    if !is_late {
        leases.revoke(revocations);
    }
    hub.publish(segments);
    if is_late {
        leases.revoke(revocations);
    }
}

/// The durable log, as watchers read it.
pub trait Log: Send + Sync + 'static {
    /// Where a living board's log stands, and whether a cursor is a place in it, for a caller whose
    /// rights are judged in the same read. It begins after the call does: whoever registered with the
    /// hub before misses nothing.
    fn locate<'a>(
        &'a self,
        access: &'a Access,
        board_id: &'a BoardId,
        cursor: Option<Cursor>,
    ) -> Reading<'a, Located>;

    /// The next events after a place, as many as one bounded read gives.
    fn after<'a>(&'a self, board_id: &'a BoardId, place: Cursor) -> Reading<'a, Page>;

    /// The whole board, encoded; `None` if there is no such living board. Never older than the call.
    fn snapshot<'a>(&'a self, board_id: &'a BoardId) -> Reading<'a, Option<Arc<Snapshot>>>;
}

/// A read on its way.
pub type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T, ReadError>> + Send + 'a>>;

/// The data file could not be read now; the cause is in the log of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data file is not available")]
pub struct ReadError;

/// Where a living board's log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Its newest event.
    pub head: Cursor,
    /// Whether the cursor asked about is a place that can be served from. False if none was.
    pub is_good: bool,
}

/// What there is of a board for a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Located {
    /// It lives, and stands here.
    At(Location),
    /// No such living board, as far as this caller may know.
    NoBoard,
    /// The caller's credential is good for nothing any more.
    NotSignedIn,
}

/// One bounded read of the log.
#[derive(Clone, Debug)]
pub enum Page {
    /// Events from the next one on.
    Events(Segment),
    /// Nothing after the place, or it is no place in this board's log: its own board is gone.
    Empty,
    /// The next event is no longer kept: only a snapshot helps.
    Gap,
}

/// A board encoded once, for everyone who needs it at this place.
#[derive(Debug)]
pub struct Snapshot {
    cursor: Cursor,
    frame: Bytes,
    json_len: usize,
    /// Set by the first reader that holds it; gives its bytes back when the last one lets go.
    counted: OnceLock<pins::CountedBytes>,
}

impl Snapshot {
    /// From the board's JSON and the place at which it is true.
    #[must_use]
    pub fn new(board_json: &[u8], cursor: Cursor) -> Self {
        Self {
            cursor,
            frame: frame::snapshot(board_json, cursor),
            json_len: board_json.len(),
            counted: OnceLock::new(),
        }
    }

    /// The last event it contains.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// As a block of a stream.
    #[must_use]
    pub fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// As the JSON of the board: a part of the same bytes.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        let start = frame::SNAPSHOT_PREFIX.len();
        &self.frame[start..start + self.json_len]
    }
}
