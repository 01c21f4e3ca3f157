//! Bounds the memory of encoded snapshots. Readers at the same place share one; slow readers at
//! different places each pin their own, so past the bound the oldest reader's connection is closed.

use super::Snapshot;
use boardcast_core::limits::SNAPSHOTS_BYTES_MAX;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::watch;

/// Closes one connection from anywhere, at once and without an orderly end.
#[derive(Clone, Debug)]
pub struct Hangup(Arc<watch::Sender<bool>>);

impl Default for Hangup {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Hangup {
    /// Closes the connection.
    pub fn hang_up(&self) {
        self.0.send_replace(true);
    }

    /// Returns when somebody hung up.
    pub async fn hung_up(&self) {
        // Can't fail: `self` holds a sender.
        let _ = self.0.subscribe().wait_for(|hung_up| *hung_up).await;
    }
}

/// All readers that hold a snapshot, oldest first.
#[derive(Debug)]
pub struct Pins {
    bytes_max: usize,
    pins: Mutex<Vec<Pin>>,
}

#[derive(Debug)]
struct Pin {
    held: Weak<Held>,
    hangup: Hangup,
}

/// One reader's hold of a snapshot.
#[derive(Debug)]
struct Held(Arc<Snapshot>);

/// Which part of a snapshot a reader gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The block of a stream.
    Frame,
    /// The JSON of the board.
    Json,
}

struct HeldBytes(Arc<Held>, Part);

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        match self.1 {
            Part::Frame => self.0.0.frame(),
            Part::Json => self.0.0.json(),
        }
    }
}

impl Default for Pins {
    fn default() -> Self {
        Self::new(SNAPSHOTS_BYTES_MAX)
    }
}

impl Pins {
    fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            pins: Mutex::default(),
        }
    }

    /// A reader's bytes of a snapshot: as long as they live they count, and `hangup` may be used.
    pub fn hold(&self, snapshot: &Arc<Snapshot>, part: Part, hangup: &Hangup) -> Bytes {
        let held = Arc::new(Held(Arc::clone(snapshot)));
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        pins.push(Pin {
            held: Arc::downgrade(&held),
            hangup: hangup.clone(),
        });
        pins.retain(|pin| pin.held.strong_count() > 0);
        while pins.len() > 1 && pinned_bytes(&pins) > self.bytes_max {
            tracing::warn!("slow readers hold too many snapshots: the oldest one is closed");
            pins.remove(0).hangup.hang_up();
        }
        Bytes::from_owner(HeldBytes(held, part))
    }
}

fn pinned_bytes(pins: &[Pin]) -> usize {
    let mut seen = BTreeSet::new();
    let held = pins.iter().filter_map(|pin| pin.held.upgrade());
    held.filter(|held| seen.insert(Arc::as_ptr(&held.0) as usize))
        .map(|held| held.0.frame().len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use boardcast_core::cursor::Cursor;

    fn snapshot(bytes: usize) -> Arc<Snapshot> {
        Arc::new(Snapshot::new(&vec![b' '; bytes], Cursor::START))
    }

    fn is_hung_up(hangup: &Hangup) -> bool {
        *hangup.0.borrow()
    }

    #[test]
    fn past_the_bound_the_oldest_reader_is_closed() {
        let pins = Pins::new(2_500);
        let hangups: Vec<_> = (0..3).map(|_| Hangup::default()).collect();
        let held: Vec<_> = hangups
            .iter()
            .map(|hangup| pins.hold(&snapshot(1_000), Part::Frame, hangup))
            .collect();
        assert_eq!(
            hangups.iter().map(is_hung_up).collect::<Vec<_>>(),
            [true, false, false]
        );
        drop(held);
    }

    #[test]
    fn a_shared_snapshot_counts_once_and_a_finished_reader_not_at_all() {
        let pins = Pins::new(2_500);
        let shared = snapshot(1_000);
        let hangups: Vec<_> = (0..20).map(|_| Hangup::default()).collect();
        let held: Vec<_> = hangups
            .iter()
            .map(|hangup| pins.hold(&shared, Part::Json, hangup))
            .collect();
        assert_eq!(held[0].len(), 1_000);
        for _ in 0..20 {
            drop(pins.hold(&snapshot(1_000), Part::Frame, &Hangup::default()));
        }
        assert!(!hangups.iter().any(is_hung_up));
    }
}
