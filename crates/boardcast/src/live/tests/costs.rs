//! What a delivery costs, counted: nothing that grows with the watchers but one send to each.

use super::{World, place, segment};
use crate::live::hub::Ear;
use crate::live::shard::{Ask, Ending, Sent, Shard, Sink, Token};
use crate::live::tests::shards::Still;
use crate::live::{Heartbeat, Snapshot, Start, Watcher};
use allocation_counter::{AllocationInfo, measure};
use boardcast_core::cursor::Cursor;
use boardcast_core::model::BoardId;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Sockets that take everything, and remember only how often and from where.
#[derive(Default)]
struct Takers {
    sends: usize,
    sources: BTreeSet<usize>,
}

impl Sink for Takers {
    fn send(&mut self, _: Token, bytes: &[u8]) -> Sent {
        self.sends += 1;
        self.sources.insert(bytes.as_ptr().addr());
        Sent::All
    }

    fn is_full(&mut self, _: Token, _: bool) {}

    fn close(&mut self, _: Token, _: Ending) {
        unreachable!("nobody ends");
    }

    fn read_log(&mut self, _: Ask, _: &BoardId, _: Cursor) {
        unreachable!("nobody is behind");
    }

    fn read_snapshot(&mut self, _: Ask, _: &BoardId) {
        unreachable!("nobody is lost");
    }

    fn hold(&mut self, _: Token, _: &Arc<Snapshot>) -> Bytes {
        unreachable!("nobody is lost");
    }
}

/// Counts what it is told; there is one board.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Ear for Bell {
    fn published(&self, _: u32) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What one event costs.
struct Cost {
    told: usize,
    sends: usize,
    /// Places in memory that were sent from.
    sources: usize,
    allocations: AllocationInfo,
}

fn cost_of_an_event(watchers: usize) -> Cost {
    /// Until everything that grows once has grown.
    const BEFORE: u64 = 4;
    let (world, bell) = (World::with_events(1), Arc::<Bell>::default());
    let ear = Arc::clone(&bell) as Arc<dyn Ear>;
    let mut shard = Shard::new(ear, Arc::new(Still), Duration::ZERO);
    let mut takers = Takers::default();
    let start = Start::After {
        place: place(1),
        head: place(1),
    };
    for _ in 0..watchers {
        let watcher = Watcher::new(start, Heartbeat::Comment);
        shard.add(Vec::new(), world.attach(), watcher, Duration::ZERO);
    }
    while shard.turn(Duration::ZERO, &mut takers) {}
    let mut publish = |seq| {
        let event = segment(seq..=seq);
        takers = Takers::default();
        bell.0.store(0, Ordering::Relaxed);
        let allocations = measure(|| {
            world.hub.publish(vec![event]);
            shard.published(0);
            while shard.turn(Duration::ZERO, &mut takers) {}
        });
        Cost {
            told: bell.0.load(Ordering::Relaxed),
            sends: takers.sends,
            sources: takers.sources.len(),
            allocations,
        }
    };
    (2..2 + BEFORE).for_each(|seq| _ = publish(seq));
    publish(2 + BEFORE)
}

#[test]
fn an_event_is_told_once_encoded_once_and_sent_once_to_each_and_no_delivery_allocates() {
    let (few, many) = (cost_of_an_event(10), cost_of_an_event(1_000));
    for (cost, watchers) in [(&few, 10), (&many, 1_000)] {
        assert_eq!((cost.told, cost.sends, cost.sources), (1, watchers, 1));
    }
    let allocated = |cost: &Cost| (cost.allocations.count_total, cost.allocations.bytes_total);
    assert_eq!(allocated(&few), allocated(&many));
    assert!(few.allocations.count_total > 0, "they are counted");
}
