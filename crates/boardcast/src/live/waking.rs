//! How one thread says to another that there is something to look at, without saying it twice: a
//! board's bell rings once until it was heard, and an inbox wakes its reader once until it was emptied.
//! A wake-up that were lost here would leave watchers behind for ever, so all orders in which threads
//! can meet in this file are tried: `tests/waking.rs` compiles it once more, over a checker's locks.

use super::{Mutex, MutexGuard};
use crate::sabotage::{self, Spot};
use std::fmt;
use std::mem;
use std::sync::{Arc, PoisonError};

/// Who reads an inbox, and may be asleep.
pub(super) trait Wake {
    /// Ends its sleep, or the next one.
    fn wake(&self);
}

/// What waits for one reader.
pub(super) struct Inbox<M, W> {
    waiting: Mutex<Waiting<M>>,
    reader: W,
}

struct Waiting<M> {
    messages: Vec<M>,
    wakes: u64,
}

impl<M, W: Wake> Inbox<M, W> {
    /// An empty inbox.
    pub(super) fn new(reader: W) -> Self {
        let waiting = Mutex::new(Waiting {
            messages: Vec::new(),
            wakes: 0,
        });
        Self { waiting, reader }
    }

    /// Adds a message. Whoever finds the inbox empty wakes the reader, who takes everything there is.
    pub(super) fn push(&self, message: M) {
        let wakes = {
            let mut waiting = self.waiting();
            waiting.messages.push(message);
            let is_first = waiting.messages.len() == 1;
            let wakes = is_first != sabotage::hits(Spot::InboxWakesLate);
            waiting.wakes += u64::from(wakes);
            wakes
        };
        if wakes {
            self.reader.wake();
        }
    }

    /// Moves everything into `messages`, which is empty.
    pub(super) fn empty_into(&self, messages: &mut Vec<M>) {
        mem::swap(messages, &mut self.waiting().messages);
    }

    /// How often the reader was woken so far.
    pub(super) fn wakes(&self) -> u64 {
        self.waiting().wakes
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<M>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M, W> fmt::Debug for Inbox<M, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

/// Says that something has grown to whoever listens, if anybody does.
pub(super) struct Bell(Mutex<Option<Listener>>);

struct Listener {
    ring: Arc<dyn Fn() + Send + Sync>,
    /// And was not heard yet.
    has_rung: bool,
}

impl Bell {
    /// A bell that nobody listens to.
    pub(super) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// From now on `ring` is called when the bell rings: once, until it was heard. What grew before is
    /// to be looked at without being told.
    pub(super) fn listen(&self, ring: impl Fn() + Send + Sync + 'static) {
        *self.listener() = Some(Listener {
            ring: Arc::new(ring),
            has_rung: false,
        });
    }

    /// Nobody listens any more. A ring that has begun may still come.
    pub(super) fn ignore(&self) {
        *self.listener() = None;
    }

    /// Something has grown.
    pub(super) fn ring(&self) {
        let ring = self.listener().as_mut().and_then(|listener| {
            let had_rung = mem::replace(&mut listener.has_rung, true);
            (!had_rung).then(|| Arc::clone(&listener.ring))
        });
        // Outside the lock: whoever is woken takes it at once.
        if let Some(ring) = ring {
            ring();
        }
    }

    /// To be called before what has grown is looked at: what the look doesn't see rings again.
    pub(super) fn heard(&self) {
        if let Some(listener) = &mut *self.listener() {
            listener.has_rung = false;
        }
    }

    fn listener(&self) -> MutexGuard<'_, Option<Listener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").finish_non_exhaustive()
    }
}
