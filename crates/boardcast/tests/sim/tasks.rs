//! Wake-ups: whoever waits has a flag, and whoever wakes it raises the flag. The world looks at flags
//! in an order that the seed gives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};

#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes the flag down; true if it was raised.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.raise();
    }
}

/// Carries out what waits for nothing.
pub(crate) fn at_once<T>(work: impl Future<Output = T>) -> Option<T> {
    let flag = Arc::<Flag>::default();
    let waker = Arc::clone(&flag).into();
    let mut work = Box::pin(work);
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(done);
        }
        if !flag.take() {
            return None;
        }
    }
}
