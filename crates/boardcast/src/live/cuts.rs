//! Watchers that are to be sent nothing more, on their way from whoever takes their rights away to the
//! one thread that sends.
//!
//! The thread looks at one flag before every send, and at nothing else unless it is up: a read of
//! memory that nobody writes to, which costs nothing beside the send. When it is up the thread takes
//! the names before it sends, and by that says so to whoever waits. So there are two cases for a
//! send: it began before the names were taken, and then it is over when they are; or it comes after,
//! and then the thread knows the names. Either way, once they are taken nothing more goes to them,
//! and the flag may be seen late: that only delays the taking, for which [`Cuts::cut`] waits.
//!
//! All orders in which threads can meet here are tried: `tests/cutting.rs` compiles this file once more,
//! over a checker's locks.

use super::shard::Token;
use super::{AtomicBool, Condvar, Mutex, MutexGuard};
use crate::sabotage::{self, Spot};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

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
    /// On return these are sent nothing more. `tell` ends the sleep of the one who sends, or the next
    /// one.
    pub fn cut(&self, watchers: Vec<Token>, tell: impl FnOnce()) {
        let order = self.order(watchers);
        tell();
        self.wait(order);
    }

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
    fn wait(&self, Order(number): Order) {
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
