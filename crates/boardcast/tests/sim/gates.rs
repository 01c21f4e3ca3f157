//! Reads of the log take time: each passes a gate before it begins and one before its answer is seen,
//! and while a gate is shut the world goes on.

use crate::swarm::Mistake;
use boardcast::live::{Located, Location, Log, Page, ReadError, Reading, Snapshot};
use boardcast::store::sqlite::Readers;
use boardcast_core::access::Access;
use boardcast_core::cursor::Cursor;
use boardcast_core::model::BoardId;
use boardcast_sim::random::Random;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};

/// All gates.
pub(crate) struct Gates(Mutex<State>);

struct State {
    random: Random,
    /// How many pass on average before one finds its gate shut; 0: all pass.
    shut_one_in: u64,
    /// For a while nobody finds one shut.
    are_open: bool,
    next: u64,
    /// Whoever waits, oldest first.
    waiting: BTreeMap<u64, Waker>,
}

impl Gates {
    pub(crate) fn new(random: Random, shut_one_in: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            random,
            shut_one_in,
            are_open: false,
            next: 0,
            waiting: BTreeMap::new(),
        })))
    }

    /// Opens all gates, until they are shut again.
    pub(crate) fn open_all(&self) {
        self.state().are_open = true;
        while self.open_one(0) {}
    }

    /// Whoever comes now may find one shut again.
    pub(crate) fn shut(&self) {
        self.state().are_open = false;
    }

    /// Lets one of those through that wait; false if nobody does.
    pub(crate) fn open_one(&self, choice: u64) -> bool {
        let mut state = self.state();
        let waiting = state.waiting.len() as u64;
        if waiting == 0 {
            return false;
        }
        let index = usize::try_from(choice % waiting).expect("few wait");
        let key = *state.waiting.keys().nth(index).expect("so many wait");
        let waker = state.waiting.remove(&key).expect("it waits");
        drop(state);
        waker.wake();
        true
    }

    async fn pass(&self) {
        let mut turn = None;
        poll_fn(|context| {
            let mut state = self.state();
            match turn {
                None => {
                    let one_in = state.shut_one_in;
                    if state.are_open || one_in == 0 || !state.random.one_in(one_in) {
                        return Poll::Ready(());
                    }
                    let own = state.next;
                    state.next += 1;
                    turn = Some(own);
                    state.waiting.insert(own, context.waker().clone());
                    Poll::Pending
                }
                Some(own) => match state.waiting.get_mut(&own) {
                    Some(waker) => {
                        waker.clone_from(context.waker());
                        Poll::Pending
                    }
                    None => Poll::Ready(()),
                },
            }
        })
        .await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics with it")
    }
}

/// The log behind the gates.
pub(crate) struct Gated {
    readers: Arc<Readers>,
    gates: Arc<Gates>,
    mistake: Option<Mistake>,
    /// Bytes of the largest snapshot so far.
    largest: AtomicUsize,
    /// For [`Mistake::HeadBeforeRegistration`]: what was read too early.
    early: Mutex<Early>,
}

/// What was read of a board, and for which cursor.
type Early = BTreeMap<BoardId, (Option<Cursor>, Located)>;

impl Gated {
    pub(crate) fn new(
        readers: Arc<Readers>,
        gates: Arc<Gates>,
        mistake: Option<Mistake>,
    ) -> Arc<Self> {
        Arc::new(Self {
            readers,
            gates,
            mistake,
            largest: AtomicUsize::new(0),
            early: Mutex::default(),
        })
    }

    pub(crate) fn largest_snapshot(&self) -> usize {
        self.largest.load(Ordering::Relaxed)
    }

    /// Reads where a board stands, for a watcher that is registered only later.
    pub(crate) async fn read_early(&self, board_id: &BoardId, cursor: Option<Cursor>) {
        let found = self.readers.locate(&Access::open(), board_id, cursor).await;
        if let Ok(located) = found {
            self.early().insert(board_id.clone(), (cursor, located));
        }
    }

    fn early(&self) -> MutexGuard<'_, Early> {
        self.early.lock().expect("nobody panics with it")
    }

    async fn read_location(
        &self,
        access: &Access,
        board_id: &BoardId,
        cursor: Option<Cursor>,
    ) -> Result<Located, ReadError> {
        match self.early().remove(board_id) {
            Some((asked, located)) if asked == cursor => return Ok(located),
            _ => {}
        }
        let located = self.readers.locate(access, board_id, cursor).await?;
        let is_taken = |head: Cursor| cursor.is_some_and(|cursor| cursor.seq <= head.seq);
        Ok(match (self.mistake, located) {
            (Some(Mistake::MarkNotChecked), Located::At(Location { head, is_good })) => {
                Located::At(Location {
                    head,
                    is_good: is_good || is_taken(head),
                })
            }
            _ => located,
        })
    }
}

impl Log for Gated {
    fn locate<'a>(
        &'a self,
        access: &'a Access,
        board_id: &'a BoardId,
        cursor: Option<Cursor>,
    ) -> Reading<'a, Located> {
        Box::pin(async move {
            self.gates.pass().await;
            let found = self.read_location(access, board_id, cursor).await;
            self.gates.pass().await;
            found
        })
    }

    fn after<'a>(&'a self, board_id: &'a BoardId, place: Cursor) -> Reading<'a, Page> {
        Box::pin(async move {
            self.gates.pass().await;
            let page = self.readers.after(board_id, place).await;
            self.gates.pass().await;
            page
        })
    }

    fn snapshot<'a>(&'a self, board_id: &'a BoardId) -> Reading<'a, Option<Arc<Snapshot>>> {
        Box::pin(async move {
            self.gates.pass().await;
            let snapshot = self.readers.snapshot(board_id).await;
            if let Ok(Some(snapshot)) = &snapshot {
                let bytes = snapshot.frame().len();
                self.largest.fetch_max(bytes, Ordering::Relaxed);
            }
            self.gates.pass().await;
            snapshot
        })
    }
}
