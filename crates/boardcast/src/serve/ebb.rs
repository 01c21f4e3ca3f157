//! When a crowd has gone: then the memory that it needed goes back to the system. An allocator keeps
//! it else, for as long as the process lives.

use boardcast_core::limits::{EBB_CONNECTIONS_MIN, EBB_LOOK_SECONDS};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

const LOOK: Duration = Duration::from_secs(EBB_LOOK_SECONDS);

/// Looks now and then how many of the connections are open, until the drain.
pub(super) async fn watch_connections(
    permits: Arc<Semaphore>,
    connections_max: usize,
    mut drain_rx: watch::Receiver<bool>,
) {
    let mut ebb = Ebb::default();
    while tokio::time::timeout(LOOK, drain_rx.changed())
        .await
        .is_err()
    {
        if ebb.look(connections_max - permits.available_permits()) {
            // It walks through all memory, and whoever needs some meanwhile waits.
            let giving = tokio::task::spawn_blocking(boardcast_heap::give_back);
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
