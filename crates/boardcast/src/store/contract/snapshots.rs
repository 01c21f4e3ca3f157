//! Snapshots are shared while the board stands still and never older than the request for them.

use super::requests::{board_id, create_task};
use super::{Bench, check, folded};
use crate::live::{Log, Snapshot};
use boardcast_core::cursor::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

async fn take(bench: &Bench) -> Arc<Snapshot> {
    let snapshot = bench.readers.snapshot(&board_id("b")).await;
    snapshot.expect("readable").expect("it lives")
}

#[tokio::test]
async fn who_asks_while_the_board_stands_gets_the_same_bytes() {
    check(async |mut bench: Bench| {
        bench.furnish(3);
        let held = take(&bench).await;
        let board = board_id("b");
        let again = (0..20).map(|_| bench.readers.snapshot(&board));
        for same in futures_util::future::join_all(again).await {
            assert!(Arc::ptr_eq(&held, &same.unwrap().unwrap()));
        }
        bench.accept(create_task("l", "new"));
        let next = take(&bench).await;
        assert!(!Arc::ptr_eq(&held, &next));
        assert_eq!(next.cursor().seq, held.cursor().seq + 1);
        assert!(Arc::ptr_eq(&next, &take(&bench).await));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_snapshot_is_older_than_its_request_however_many_ask() {
    check(async |mut bench: Bench| {
        bench.furnish(1);
        let answered = Arc::new(AtomicU64::new(bench.head("b").await.seq));
        let is_over = Arc::new(AtomicBool::new(false));
        let askers: Vec<_> = (0..6)
            .map(|_| {
                let readers = Arc::clone(&bench.readers);
                let (answered, is_over) = (Arc::clone(&answered), Arc::clone(&is_over));
                tokio::spawn(async move {
                    loop {
                        let at_least = answered.load(Ordering::SeqCst);
                        let snapshot = readers.snapshot(&board_id("b")).await.unwrap().unwrap();
                        let seq = snapshot.cursor().seq;
                        assert!(seq >= at_least, "asked at {at_least}, got {seq}");
                        let tasks = String::from_utf8_lossy(snapshot.json())
                            .matches("\"title\"")
                            .count();
                        assert_eq!(tasks as u64, seq - 2, "it is what its cursor says");
                        if is_over.load(Ordering::SeqCst) {
                            return;
                        }
                    }
                })
            })
            .collect();
        for index in 1..150 {
            bench.accept(create_task("l", &format!("t{index}")));
            answered.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
        is_over.store(true, Ordering::SeqCst);
        for asker in askers {
            asker.await.unwrap();
        }
        let log = bench.log_after("b", Cursor::START).await;
        assert_eq!(bench.snapshot("b").await.unwrap().0, folded(&log).unwrap());
    })
    .await;
}
