//! Reading connections are few, so neither a crowd, nor readers that leave, nor one that panics may
//! use them up.

use super::Readers;
use crate::live::Log;
use crate::store::contract::{Bench, board_id, create_board, task_id};
use boardcast_core::access::Access;
use boardcast_core::limits::{READERS_MAX, SNAPSHOTS_AT_ONCE_MAX, WAL_BYTES_MAX};
use std::future::poll_fn;
use std::sync::mpsc::channel;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use tokio::task::yield_now;

/// Asks for a snapshot and leaves again before it is made.
async fn ask_and_leave(readers: &Readers, board: &str) {
    let id = board_id(board);
    let mut asked = readers.snapshot(&id);
    for _ in 0..10 {
        let is_pending = poll_fn(|context| Poll::Ready(asked.as_mut().poll(context).is_pending()));
        assert!(is_pending.await, "the gate is closed");
        yield_now().await;
    }
}

fn busy(readers: &Readers) -> usize {
    READERS_MAX - readers.permits.available_permits()
}

#[tokio::test]
async fn a_reader_that_panics_gives_its_connection_back() {
    let mut bench = Bench::new();
    bench.furnish(1);
    for _ in 0..3 * READERS_MAX {
        let panicked = bench
            .readers
            .read(|_| -> rusqlite::Result<()> { panic!("on purpose") });
        assert!(panicked.await.is_err());
    }
    for _ in 0..3 * READERS_MAX {
        assert!(
            bench
                .readers
                .task(&Access::open(), task_id("t0"))
                .await
                .unwrap()
                .is_some()
        );
    }
    assert_eq!(
        (busy(&bench.readers), bench.readers.pool.idle().len()),
        (0, READERS_MAX)
    );
}

#[tokio::test]
async fn a_read_that_fails_leaves_its_connection_fit_for_the_next() {
    let mut bench = Bench::new();
    bench.furnish(1);
    for _ in 0..3 * READERS_MAX {
        let failed = bench.readers.read(|connection| {
            connection.query_row("SELECT name FROM board", [], |row| row.get::<_, i64>(0))
        });
        assert!(failed.await.is_err());
        let refused = bench
            .readers
            .read(|connection| connection.execute("DELETE FROM board", []));
        assert!(refused.await.is_err(), "a reading connection can't write");
    }
    assert!(
        bench
            .readers
            .task(&Access::open(), task_id("t0"))
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
#[allow(
    clippy::await_holding_lock,
    reason = "the gate is what the reads shall wait for"
)]
async fn whoever_asks_for_snapshots_and_leaves_takes_no_readers_from_the_others() {
    let mut bench = Bench::new();
    bench.furnish(1);
    let boards: Vec<_> = (0..6).map(|index| format!("b{index}")).collect();
    for board in &boards {
        bench.accept(create_board(board));
    }
    let readers = Arc::clone(&bench.readers);
    let gate = readers.gate();
    let closed = gate.write().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..5 {
        ask_and_leave(&readers, "b").await;
    }
    assert_eq!(busy(&readers), 1, "one at a time per board");
    for board in &boards {
        ask_and_leave(&readers, board).await;
    }
    assert_eq!(busy(&readers), SNAPSHOTS_AT_ONCE_MAX, "a few in all");
    drop(closed);
    assert!(
        readers
            .task(&Access::open(), task_id("t0"))
            .await
            .unwrap()
            .is_some()
    );
    // Of each board, so that nobody's turn is still on its way.
    for board in boards.iter().map(String::as_str).chain(["b"]) {
        assert!(bench.snapshot(board).await.is_some());
    }
    let known = readers
        .snapshots
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    assert!(
        known.len() <= 1,
        "{} boards are remembered for nobody",
        known.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_past_its_bound_waits_for_the_reads_that_run_and_then_starts_anew() {
    let mut bench = Bench::new();
    bench.furnish(1);
    let ballast = "x".repeat(WAL_BYTES_MAX as usize);
    bench.writer.note_setting("ballast", &ballast).unwrap();
    let (began_tx, began_rx) = channel();
    let (end_tx, end_rx) = channel::<()>();
    let readers = Arc::clone(&bench.readers);
    let running = tokio::spawn(async move {
        let read = readers.read(move |connection| {
            began_tx.send(()).expect("the test waits");
            let _ = end_rx.recv();
            connection.query_row("SELECT count(*) FROM task", [], |row| row.get::<_, i64>(0))
        });
        read.await
    });
    began_rx.recv().expect("it runs");
    let wal = super::super::wal_path(&bench.data());
    let mut writer = bench.writer;
    let shortening = tokio::task::spawn_blocking(move || writer.maintain().map(|_| writer));
    assert!(std::fs::metadata(&wal).unwrap().len() > WAL_BYTES_MAX);
    drop(end_tx);
    assert_eq!(running.await.unwrap(), Ok(1));
    let _writer = shortening.await.unwrap().expect("nothing fatal");
    assert_eq!(std::fs::metadata(&wal).unwrap().len(), 0);
    assert!(
        bench
            .readers
            .task(&Access::open(), task_id("t0"))
            .await
            .unwrap()
            .is_some()
    );
}
