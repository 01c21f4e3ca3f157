//! A stream as a body: that it sends what its watcher decides, when it is silent, and how it ends.

use super::{World, board, deletion, frames, place, segment, snapshot};
use crate::live::body::{Line, Stream};
use crate::live::{Hangup, Heartbeat, Leases, Log, Pins, Start, Watcher};
use crate::outside::Outside;
use axum::body::{Body, BodyDataStream};
use boardcast_core::access::{Access, Revocation};
use boardcast_core::limits::SNAPSHOT_SLICE_BYTES;
use boardcast_core::limits::{HEARTBEAT_SECONDS, RETRY_SPREAD_MS};
use boardcast_core::model::Timestamp;
use futures_util::{FutureExt, StreamExt};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

/// A clock that stands still and randomness that isn't.
struct Still;

impl Outside for Still {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// A world in which streams can be opened.
struct Streaming {
    world: World,
    drain_tx: watch::Sender<bool>,
    leases: Arc<Leases>,
    permits: Arc<Semaphore>,
}

impl Streaming {
    fn with_events(count: u64) -> Self {
        Self {
            world: World::with_events(count),
            drain_tx: watch::Sender::new(false),
            leases: Arc::default(),
            permits: Arc::new(Semaphore::new(1)),
        }
    }

    fn open(&self, start: Start, heartbeat: Heartbeat) -> Reader {
        let stream = Stream {
            seat: self.world.attach(),
            watcher: Watcher::new(start, heartbeat),
            line: Line {
                log: Arc::clone(&self.world.log) as Arc<dyn Log>,
                pins: Arc::<Pins>::default(),
                hangup: Hangup::default(),
                drain_rx: self.drain_tx.subscribe(),
                outside: Arc::new(Still),
                lease: self.leases.take(&Access::open(), vec![board()]),
                permit: Arc::clone(&self.permits)
                    .try_acquire_owned()
                    .unwrap()
                    .into(),
            },
        };
        Reader(Body::into_data_stream(stream.into_body().0))
    }

    /// A stream that has been greeted, after an event of a log that reaches up to another.
    async fn after(&self, after: u64, head: u64) -> Reader {
        let start = Start::After {
            place: place(after),
            head: place(head),
        };
        let mut reader = self.open(start, Heartbeat::Comment);
        assert!(
            reader
                .next()
                .await
                .starts_with("data: {\"type\":\"connected\"}")
        );
        reader
    }
}

struct Reader(BodyDataStream);

impl Reader {
    async fn next(&mut self) -> String {
        let bytes = self.0.next().await.expect("not the end").unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// The stream breaks off here.
    async fn expect_revoked(&mut self) {
        let failed = self.0.next().await.expect("not an orderly end");
        assert!(failed.unwrap_err().to_string().contains("taken away"));
    }

    async fn expect_end(&mut self) {
        assert!(self.0.next().await.is_none());
    }

    async fn expect_sent_away(&mut self) {
        let farewell = self.next().await;
        let ms = farewell.trim_end().strip_prefix("retry: ").unwrap();
        assert_eq!(farewell, format!("retry: {ms}\n\n"));
        assert!(RETRY_SPREAD_MS.contains(&ms.parse().unwrap()));
        self.expect_end().await;
    }
}

const SILENCE: Duration = Duration::from_secs(HEARTBEAT_SECONDS);

#[tokio::test(start_paused = true)]
async fn a_stream_says_that_it_is_alive_after_every_silence() {
    let streaming = Streaming::with_events(3);
    let mut reader = streaming.after(3, 3).await;
    for _ in 0..3 {
        let since = Instant::now();
        assert_eq!(reader.next().await, ":\n\n");
        assert_eq!(since.elapsed().as_secs(), SILENCE.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_begins_the_silence_anew() {
    let streaming = Streaming::with_events(3);
    let mut reader = streaming.after(3, 3).await;
    let almost = SILENCE - Duration::from_secs(1);
    for seq in 4..=6 {
        let quiet = timeout(almost, reader.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        streaming.world.commit(segment(seq..=seq));
        assert_eq!(reader.next().await, frames(seq..=seq));
    }
    let since = Instant::now();
    assert_eq!(reader.next().await, ":\n\n");
    assert_eq!(since.elapsed().as_secs(), SILENCE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_can_be_an_event_without_an_id() {
    let streaming = Streaming::with_events(3);
    let mut reader = streaming.open(Start::Snapshot, Heartbeat::Event);
    *streaming.world.log.snapshot.lock().unwrap() = Some(snapshot(10, 3));
    assert!(!reader.next().await.contains("id:"));
    assert!(reader.next().await.contains("snapshot"));
    assert_eq!(reader.next().await, "event: ping\ndata: {}\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_stream_replays_and_then_follows_without_a_pause() {
    let streaming = Streaming::with_events(3);
    let mut reader = streaming.after(0, 3).await;
    let since = Instant::now();
    for seq in 1..=3 {
        assert_eq!(reader.next().await, frames(seq..=seq));
    }
    streaming.world.commit(segment(4..=5));
    assert_eq!(reader.next().await, frames(4..=5));
    assert_eq!(since.elapsed(), Duration::ZERO);
    assert!(reader.0.next().now_or_never().is_none(), "and waits");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_comes_back_late_finds_a_snapshot_where_its_place_was_pruned() {
    let streaming = Streaming::with_events(4);
    let mut reader = streaming.after(1, 4).await;
    assert_eq!(reader.next().await, frames(2..=2));
    streaming.world.prune(4);
    let board = snapshot(SNAPSHOT_SLICE_BYTES, 4);
    *streaming.world.log.snapshot.lock().unwrap() = Some(Arc::clone(&board));
    let whole = reader.next().await + &reader.next().await;
    assert_eq!(whole.as_bytes(), *board.frame());
    streaming.world.commit(segment(5..=5));
    assert_eq!(reader.next().await, frames(5..=5));
}

#[tokio::test(start_paused = true)]
async fn the_boards_deletion_is_the_last_thing_that_is_sent() {
    let streaming = Streaming::with_events(2);
    let mut reader = streaming.after(1, 2).await;
    streaming.world.commit(deletion(3));
    assert_eq!(reader.next().await, frames(2..=2));
    assert!(reader.next().await.contains("board_deleted"));
    reader.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_sends_the_caller_away() {
    let streaming = Streaming::with_events(3);
    streaming.world.log.fails.store(true, Ordering::Relaxed);
    streaming.after(0, 3).await.expect_sent_away().await;
    let mut reader = streaming.open(Start::Snapshot, Heartbeat::Comment);
    assert!(reader.next().await.contains("connected"));
    reader.expect_sent_away().await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_streams_that_wait_that_follow_and_that_have_not_begun() {
    for events_waiting in [0, 1] {
        let streaming = Streaming::with_events(3);
        let mut reader = streaming.after(3, 3).await;
        let drain = async {
            sleep(Duration::from_secs(1)).await;
            (0..events_waiting).for_each(|_| streaming.world.commit(segment(4..=4)));
            streaming.drain_tx.send_replace(true);
        };
        tokio::join!(reader.expect_sent_away(), drain);
        drop(reader);
        streaming
            .open(Start::Snapshot, Heartbeat::Comment)
            .expect_sent_away()
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_a_snapshot_end_first() {
    let streaming = Streaming::with_events(3);
    let board = snapshot(2 * SNAPSHOT_SLICE_BYTES, 3);
    *streaming.world.log.snapshot.lock().unwrap() = Some(Arc::clone(&board));
    let mut reader = streaming.open(Start::Snapshot, Heartbeat::Comment);
    assert!(reader.next().await.contains("connected"));
    let mut whole = reader.next().await;
    streaming.drain_tx.send_replace(true);
    for _ in 0..2 {
        whole += &reader.next().await;
    }
    assert_eq!(whole.as_bytes(), *board.frame());
    reader.expect_sent_away().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_program_is_gone_ends() {
    let streaming = Streaming::with_events(3);
    let mut reader = streaming.after(3, 3).await;
    drop(streaming);
    reader.expect_sent_away().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_leaves_nothing_behind() {
    let streaming = Streaming::with_events(3);
    for start in [
        Start::Snapshot,
        Start::After {
            place: place(1),
            head: place(3),
        },
        Start::After {
            place: place(3),
            head: place(3),
        },
    ] {
        *streaming.world.log.snapshot.lock().unwrap() = Some(snapshot(SNAPSHOT_SLICE_BYTES, 3));
        let mut reader = streaming.open(start, Heartbeat::Comment);
        reader.next().await;
        let _ = reader.0.next().now_or_never();
        assert_eq!(
            (
                streaming.world.hub.seats(),
                streaming.permits.available_permits()
            ),
            (1, 0)
        );
        drop(reader);
        let hub = &streaming.world.hub;
        assert_eq!((hub.seats(), hub.boards(), hub.bytes()), (0, 0, 0));
        assert_eq!(streaming.permits.available_permits(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_the_right_to_it_breaks_off_wherever_it_stands() {
    let board = snapshot(3 * SNAPSHOT_SLICE_BYTES, 3);
    let at_head = Start::After {
        place: place(3),
        head: place(3),
    };
    let behind = Start::After {
        place: place(1),
        head: place(3),
    };
    // A stream, and the pieces that it has sent when the rights go.
    for (start, pieces) in [
        (at_head, 0),
        (at_head, 1),
        (behind, 1),
        (behind, 2),
        (Start::Snapshot, 1),
        (Start::Snapshot, 2),
    ] {
        let streaming = Streaming::with_events(3);
        *streaming.world.log.snapshot.lock().unwrap() = Some(Arc::clone(&board));
        let mut reader = streaming.open(start, Heartbeat::Comment);
        for _ in 0..pieces {
            reader.next().await;
        }
        streaming.leases.revoke(&[Revocation::Everyone]);
        streaming.world.commit(segment(4..=4));
        reader.expect_revoked().await;
        reader.expect_end().await;
        drop(reader);
        assert!(streaming.leases.is_empty());
        assert_eq!(streaming.world.hub.seats(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_is_woken_when_its_rights_go() {
    let streaming = Streaming::with_events(3);
    let mut reader = streaming.after(3, 3).await;
    let since = Instant::now();
    let revoke = async {
        sleep(Duration::from_secs(1)).await;
        streaming.leases.revoke(&[Revocation::Everyone]);
    };
    tokio::join!(reader.expect_revoked(), revoke);
    assert_eq!(since.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_of_the_log_before_the_rights_went_is_not_sent() {
    let streaming = Streaming::with_events(3);
    let gate = Arc::clone(&streaming.world.log.gate);
    let mut reader = streaming.after(1, 3).await;
    let answer = gate.lock().await;
    let revoke = async {
        sleep(Duration::from_secs(1)).await;
        streaming.leases.revoke(&[Revocation::Everyone]);
        drop(answer);
    };
    tokio::join!(reader.expect_revoked(), revoke);
}
