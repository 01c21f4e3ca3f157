//! When a crowd has gone: then the memory that it needed goes back to the system. An allocator keeps
//! it else, for as long as the process lives.

use boardcast_core::limits::{EBB_CONNECTIONS_MIN, EBB_LOOK_SECONDS};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

const LOOK: Duration = Duration::from_secs(EBB_LOOK_SECONDS);

/// Looks now and then how many of the connections are open, until the drain, and has memory given back
/// when many have gone.
pub(super) async fn watch_connections(
    permits: Arc<Semaphore>,
    connections_max: usize,
    mut drain_rx: watch::Receiver<bool>,
    give_back: impl Fn() + Copy + Send + 'static,
) {
    let mut ebb = Ebb::default();
    while tokio::time::timeout(LOOK, drain_rx.changed())
        .await
        .is_err()
    {
        if ebb.look(connections_max - permits.available_permits()) {
            // It walks through all memory, and whoever needs some meanwhile waits.
            let giving = tokio::task::spawn_blocking(give_back);
            giving.await.expect("it doesn't panic");
        }
    }
}

/// How many connections there were at most since memory was given back.
#[derive(Default)]
struct Ebb {
    high: usize,
}

impl Ebb {
    /// Whether so many have gone that it is worth it: more than are left.
    fn look(&mut self, open: usize) -> bool {
        self.high = self.high.max(open);
        let gone = self.high - open;
        let is_low = gone >= EBB_CONNECTIONS_MIN && gone > open;
        if is_low {
            self.high = open;
        }
        is_low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn memory_is_given_back_once_when_a_crowd_has_gone_and_not_after_the_drain() {
        const MAX: usize = 2 * EBB_CONNECTIONS_MIN;
        static GIVEN: AtomicUsize = AtomicUsize::new(0);
        let given = || GIVEN.load(Ordering::Relaxed);
        let permits = Arc::new(Semaphore::new(MAX));
        let (drain_tx, drain_rx) = watch::channel(false);
        let watching = watch_connections(Arc::clone(&permits), MAX, drain_rx, || {
            GIVEN.fetch_add(1, Ordering::Relaxed);
        });
        let watching = tokio::spawn(watching);
        let crowd = permits.acquire_many(u32::try_from(MAX).unwrap()).await;
        tokio::time::sleep(3 * LOOK).await;
        assert_eq!(given(), 0, "everyone is here");
        drop(crowd);
        tokio::time::sleep(3 * LOOK).await;
        assert_eq!(given(), 1);
        drain_tx.send(true).unwrap();
        watching.await.unwrap();
        assert_eq!(given(), 1);
    }

    #[test]
    fn it_ebbs_once_more_have_gone_than_are_left() {
        let mut ebb = Ebb::default();
        for (open, is_low) in [
            (0, false),
            (1_000, false),
            (500, false),
            (499, true),
            (0, false),
            (EBB_CONNECTIONS_MIN - 1, false),
            (0, false),
            (EBB_CONNECTIONS_MIN, false),
            (0, true),
            (0, false),
        ] {
            assert_eq!(ebb.look(open), is_low, "at {open}");
        }
    }
}
