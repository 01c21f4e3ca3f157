//! Watchers that are to be sent nothing more, on their way from whoever takes their rights away to the
//! one thread that sends.
//!
//! The thread looks at one flag before every send, and at nothing else unless it is up: a read of
//! memory that nobody writes to, which costs nothing beside the send. When it is up the thread takes
//! the names before it sends, and by that says so to whoever waits. So there are two cases for a
//! send: it began before the names were taken, and then it is over when they are; or it comes after,
//! and then the thread knows the names. Either way, once they are taken nothing more goes to them,
//! and the flag may be seen late: that only delays the taking, for which [`Cuts::wait`] waits.

use super::shard::Token;
use crate::sabotage::{self, Spot};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The watchers, and how far they were taken.
#[derive(Debug, Default)]
pub struct Cuts {
    are_pending: AtomicBool,
    orders: Mutex<Orders>,
    taken: Condvar,
}

#[derive(Debug, Default)]
struct Orders {
    watchers: Vec<Token>,
    given: u64,
    taken: u64,
    /// Nothing is sent any more.
    is_over: bool,
}

/// A call of [`Cuts::order`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order(u64);

impl Cuts {
    /// Orders that these be sent nothing more.
    pub fn order(&self, watchers: Vec<Token>) -> Order {
        let mut orders = self.orders();
        orders.watchers.extend(watchers);
        orders.given += 1;
        // Under the lock, so that a taking can't come between the names and the flag.
        self.are_pending.store(true, Ordering::Release);
        Order(orders.given)
    }

    /// Waits until an order was taken, which is before the next send.
    pub fn wait(&self, Order(number): Order) {
        let mut orders = self.orders();
        while orders.taken < number && !orders.is_over {
            orders = self
                .taken
                .wait(orders)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether anything was ordered that was not taken. Looked at by the one who sends, before every
    /// send.
    #[must_use]
    pub fn are_pending(&self) -> bool {
        self.are_pending.load(Ordering::Acquire) && !sabotage::hits(Spot::CutsIgnored)
    }

    /// Takes what was ordered. The caller sends nothing to these from now on.
    #[must_use]
    pub fn take(&self) -> Vec<Token> {
        let mut orders = self.orders();
        self.are_pending.store(false, Ordering::Relaxed);
        orders.taken = orders.given;
        self.taken.notify_all();
        std::mem::take(&mut orders.watchers)
    }

    /// Nothing is sent any more, to nobody: nobody need wait.
    pub fn close(&self) {
        self.orders().is_over = true;
        self.taken.notify_all();
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spine;
    use std::sync::Arc;
    use std::sync::mpsc;

    fn watcher(slot: u32) -> Token {
        Token { slot, turn: 0 }
    }

    #[test]
    fn what_is_ordered_is_taken_once() {
        let cuts = Cuts::default();
        assert!(!cuts.are_pending());
        cuts.order(vec![watcher(1)]);
        cuts.order(vec![watcher(2), watcher(3)]);
        assert!(cuts.are_pending());
        assert_eq!(cuts.take(), [1, 2, 3].map(watcher));
        assert!(!cuts.are_pending());
        assert_eq!(cuts.take(), []);
    }

    #[test]
    fn whoever_orders_waits_for_the_taking_and_for_nothing_after_the_end() {
        let cuts = Arc::<Cuts>::default();
        let (taken_tx, taken_rx) = mpsc::channel();
        let orderer = Arc::clone(&cuts);
        let ordering = spine::spawn("orderer", move || {
            orderer.wait(orderer.order(vec![watcher(1)]));
            taken_tx.send(()).unwrap();
        });
        while !cuts.are_pending() {
            std::hint::spin_loop();
        }
        assert!(taken_rx.try_recv().is_err(), "it waits");
        assert_eq!(cuts.take(), [watcher(1)]);
        taken_rx.recv().unwrap();
        ordering.join().unwrap();
        cuts.close();
        cuts.wait(cuts.order(vec![watcher(2)]));
    }
}
