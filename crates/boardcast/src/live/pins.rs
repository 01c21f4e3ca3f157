//! Bounds the memory of encoded snapshots. Readers at the same place share one; slow readers at
//! different places each pin their own, so past the bound the oldest readers' connections are closed.

use super::Snapshot;
use super::reactor::{Inbox, Message};
use super::shard::Token;
use super::takeover::WeakLoan;
use boardcast_core::limits::SNAPSHOTS_BYTES_MAX;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::watch;

/// Closes one connection from anywhere, at once and without an orderly end.
#[derive(Clone, Debug)]
pub struct Hangup(Whose);

#[derive(Clone, Debug)]
enum Whose {
    Connection(Arc<watch::Sender<bool>>, Hands),
    Watcher(Arc<Inbox>, Token),
}

/// What lies between a body and the kernel.
#[derive(Clone, Debug)]
enum Hands {
    /// Nobody knows; whoever serves the connection ends it once it has heard.
    Unknown,
    /// Nothing: whoever polls the body has it.
    None,
    /// A socket that can be closed from here.
    Loan(WeakLoan),
    /// A connection that carries other streams too.
    Shared(Arc<Hangup>),
}

/// Nobody knows what lies between a body and the kernel, and it is for [`Hangup::hung_up`] to close
/// the connection.
impl Default for Hangup {
    fn default() -> Self {
        Self::with(Hands::Unknown)
    }
}

impl Hangup {
    fn with(hands: Hands) -> Self {
        Self(Whose::Connection(
            Arc::new(watch::Sender::new(false)),
            hands,
        ))
    }

    /// Where whoever polls a body is the client.
    #[must_use]
    pub fn of_reader() -> Self {
        Self::with(Hands::None)
    }

    /// Of a socket that is lent: it is closed at once, and on return nothing more goes out on it.
    pub(super) fn of_loan(loan: WeakLoan) -> Self {
        Self::with(Hands::Loan(loan))
    }

    /// Of one stream among others on a connection. It alone is reset, which throws away what waits for its
    /// reader; the connection is closed only if its socket is full, as then anybody's bytes may wait there.
    #[must_use]
    pub fn of_stream(connection: &Arc<Self>) -> Self {
        Self::with(Hands::Shared(Arc::clone(connection)))
    }

    /// Of a watcher whose socket a reactor has.
    pub(super) fn of_watcher(inbox: Arc<Inbox>, watcher: Token) -> Self {
        Self(Whose::Watcher(inbox, watcher))
    }

    /// Closes the connection.
    pub fn hang_up(&self) {
        match &self.0 {
            Whose::Connection(tx, hands) => {
                match hands {
                    Hands::Loan(loan) => loan.close(),
                    Hands::Shared(connection) => connection.hang_up_if_bytes_wait(),
                    Hands::Unknown | Hands::None => {}
                }
                tx.send_replace(true);
            }
            Whose::Watcher(inbox, watcher) => inbox.push(Message::Cut(*watcher)),
        }
    }

    /// Closes the connection if anything that was handed over may not be the kernel's yet.
    pub fn hang_up_if_bytes_wait(&self) {
        let may_wait = match &self.0 {
            Whose::Connection(_, Hands::Unknown | Hands::Shared(_)) | Whose::Watcher(..) => true,
            Whose::Connection(_, Hands::None) => false,
            Whose::Connection(_, Hands::Loan(loan)) => loan.may_bytes_wait(),
        };
        if may_wait {
            self.hang_up();
        }
    }

    /// Bytes are handed over, unless `is_refused` says in this moment that they may not be. What is
    /// handed over waits, for [`Hangup::hang_up_if_bytes_wait`], until the kernel has it.
    pub(super) fn hand_over(&self, is_refused: impl FnOnce() -> bool) -> bool {
        match &self.0 {
            Whose::Connection(_, Hands::Loan(loan)) => loan.hand_over(is_refused),
            Whose::Connection(_, Hands::Shared(connection)) => connection.hand_over(is_refused),
            _ => !is_refused(),
        }
    }

    /// Returns when somebody hung up a connection of ours.
    pub async fn hung_up(&self) {
        match &self.0 {
            // Can't fail: `self` holds a sender.
            Whose::Connection(tx, _) => _ = tx.subscribe().wait_for(|hung_up| *hung_up).await,
            Whose::Watcher(..) => std::future::pending().await,
        }
    }
}

/// All readers that hold a snapshot.
#[derive(Debug)]
pub struct Pins {
    bytes_max: usize,
    /// Bytes of all snapshots that somebody holds, each counted once.
    bytes: Arc<AtomicUsize>,
    readers: Mutex<Readers>,
}

/// Oldest first. Those that have finished are swept out when they are half of all.
#[derive(Debug, Default)]
struct Readers {
    pins: VecDeque<Pin>,
    sweep_at: usize,
    /// Whose readers were all told to let go, and some haven't yet.
    closing: Vec<Weak<Snapshot>>,
}

#[derive(Debug)]
struct Pin {
    held: Weak<Held>,
    hangup: Hangup,
}

/// A snapshot's share in [`Pins::bytes`].
#[derive(Debug)]
pub(super) struct CountedBytes {
    all: Arc<AtomicUsize>,
    own: usize,
}

impl CountedBytes {
    fn add(all: &Arc<AtomicUsize>, own: usize) -> Self {
        all.fetch_add(own, Ordering::Relaxed);
        Self {
            all: Arc::clone(all),
            own,
        }
    }
}

impl Drop for CountedBytes {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
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
    /// With another bound.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: Arc::default(),
            readers: Mutex::default(),
        }
    }

    /// Bytes of all snapshots that somebody holds, now.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// A reader's bytes of a snapshot: as long as they live they count, and `hangup` may be used.
    pub fn hold(&self, snapshot: &Arc<Snapshot>, part: Part, hangup: &Hangup) -> Bytes {
        snapshot
            .counted
            .get_or_init(|| CountedBytes::add(&self.bytes, snapshot.frame().len()));
        let held = Arc::new(Held(Arc::clone(snapshot)));
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.add(Pin {
            held: Arc::downgrade(&held),
            hangup: hangup.clone(),
        });
        readers.closing.retain(|closing| !is(closing, snapshot));
        let bytes = self.bytes();
        if bytes > self.bytes_max {
            readers.close_oldest(bytes - self.bytes_max, snapshot);
        }
        Bytes::from_owner(HeldBytes(held, part))
    }
}

impl Readers {
    fn add(&mut self, pin: Pin) {
        if self.pins.len() >= self.sweep_at {
            self.pins.retain(|pin| pin.held.strong_count() > 0);
            self.sweep_at = 2 * self.pins.len() + 64;
        }
        self.pins.push_back(pin);
    }

    /// Closes everyone who holds the oldest snapshots, as many as it takes to let go of so many bytes.
    /// The one just taken stays.
    fn close_oldest(&mut self, bytes: usize, newest: &Arc<Snapshot>) {
        self.pins.retain(|pin| pin.held.strong_count() > 0);
        self.closing.retain(|closing| closing.strong_count() > 0);
        let closing = self.closing.iter().filter_map(Weak::upgrade);
        let mut freed: usize = closing.map(|closing| closing.frame().len()).sum();
        while freed < bytes
            && let Some(oldest) = self.oldest_but(newest)
        {
            tracing::warn!("slow readers hold too many snapshots: the oldest ones are closed");
            freed += oldest.frame().len();
            self.close(&oldest);
            self.closing.push(Arc::downgrade(&oldest));
        }
    }

    fn oldest_but(&self, newest: &Arc<Snapshot>) -> Option<Arc<Snapshot>> {
        let held = self.pins.iter().filter_map(|pin| pin.held.upgrade());
        let mut snapshots = held.map(|held| Arc::clone(&held.0));
        snapshots.find(|snapshot| !Arc::ptr_eq(snapshot, newest))
    }

    fn close(&mut self, snapshot: &Arc<Snapshot>) {
        self.pins.retain(|pin| {
            let held = pin.held.upgrade();
            let is_held = held.is_some_and(|held| Arc::ptr_eq(&held.0, snapshot));
            if is_held {
                pin.hangup.hang_up();
            }
            !is_held
        });
    }
}

fn is(weak: &Weak<Snapshot>, snapshot: &Arc<Snapshot>) -> bool {
    std::ptr::eq(weak.as_ptr(), Arc::as_ptr(snapshot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use boardcast_core::cursor::Cursor;

    fn snapshot(bytes: usize) -> Arc<Snapshot> {
        Arc::new(Snapshot::new(&vec![b' '; bytes], Cursor::START))
    }

    fn is_hung_up(hangup: &Hangup) -> bool {
        matches!(&hangup.0, Whose::Connection(tx, _) if *tx.borrow())
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
    fn past_the_bound_as_many_are_closed_as_it_takes_and_none_for_what_is_being_closed() {
        let pins = Pins::new(2_500);
        let hangups: Vec<_> = (0..6).map(|_| Hangup::default()).collect();
        let hold = |bytes, hangup| pins.hold(&snapshot(bytes), Part::Frame, hangup);
        let mut held: Vec<_> = hangups[..4]
            .iter()
            .map(|hangup| hold(500, hangup))
            .collect();
        held.push(hold(1_200, &hangups[4]));
        let are_closed = || hangups.iter().map(is_hung_up).collect::<Vec<_>>();
        assert_eq!(are_closed(), [true, true, false, false, false, false]);
        // The first two haven't let go yet, and that is known.
        held.push(hold(10, &hangups[5]));
        assert_eq!(are_closed(), [true, true, false, false, false, false]);
        drop(held);
        assert_eq!(pins.bytes(), 0);
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
