//! What the server takes from outside: a wall clock that the world sets, and randomness from the seed.

use boardcast::outside::Outside;
use boardcast_core::model::Timestamp;
use boardcast_sim::random::Random;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

/// Some day.
const START_MS: i64 = 1_795_468_677_123;

pub(crate) struct Nature {
    now_ms: AtomicI64,
    random: Mutex<Random>,
}

impl Nature {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            now_ms: AtomicI64::new(START_MS),
            random: Mutex::new(random),
        }
    }

    /// Sets the wall clock on, or back.
    pub(crate) fn turn(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Outside for Nature {
    fn now(&self) -> Timestamp {
        Timestamp(self.now_ms.load(Ordering::Relaxed))
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut random = self.random.lock().expect("nobody panics with it");
        bytes.fill_with(|| random.draw() as u8);
    }

    fn has_threads(&self) -> bool {
        false
    }
}
