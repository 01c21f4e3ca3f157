//! The whole server under load, with watchers that are cut all the time: Contract 2, safe writes
//! (answered is there, once), Contract 3, cursors (nothing lost, nothing twice, in order) and what a
//! reader may cost (nothing stays of a client that is gone).

use crate::app::{TestApp, say};
use crate::child::ChildApp;
use boardcast_sim::crowd::{Crowd, Verdict};
use boardcast_sim::load::{Ground, Load, LoadHandle};
use boardcast_sim::random::Random;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long the loads here may take before they count as hung.
const LOAD_PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_watchers_that_are_cut_all_the_time_see_every_write_once_and_in_order() {
    let app = TestApp::start().await;
    let (address, seed) = (app.address(), 1);
    let ground = Ground::make(address, "busy", 4).await;
    let crowd = Crowd::gather(address, "busy", 300, 20).await.unwrap();
    let load = Load::new(address, vec![ground], seed)
        .writers(20)
        .per_second(200)
        .spawn();
    cut_until(&crowd, &load, seed, 2_000, 2_000).await;
    let ledger = load.stop().await;
    let verdict = crowd.judge(&ledger).await;
    assert_good(&verdict);
    assert_eq!(ledger.unanswered("busy"), [], "nobody cut a writer");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_do_so_too_when_the_server_is_killed_in_between() {
    let mut app = ChildApp::start().await;
    let (address, seed) = (app.address(), 2);
    let ground = Ground::make(address, "busy", 4).await;
    let crowd = Crowd::gather(address, "busy", 300, 20).await.unwrap();
    let load = Load::new(address, vec![ground], seed)
        .writers(20)
        .per_second(200)
        .insisting()
        .spawn();
    let kill = async {
        for answered in [300, 800, 1_300, 1_800] {
            load.wait_for_acked(answered, LOAD_PATIENCE).await.unwrap();
            app.kill().await;
            app.restart().await;
        }
    };
    tokio::join!(cut_until(&crowd, &load, seed, 2_000, 2_000), kill);
    let ledger = load.stop().await;
    let verdict = crowd.judge(&ledger).await;
    assert_good(&verdict);
    assert_eq!(
        ledger.unanswered("busy"),
        [],
        "a retry is answered in the end"
    );
    assert_eq!(ledger.ask_again(address).await, Vec::<String>::new());
    app.stop_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_at_once_are_all_answered_and_all_that_was_answered_is_in_the_logs() {
    let app = TestApp::start().await;
    let address = app.address();
    let (mut grounds, mut crowds) = (Vec::new(), Vec::new());
    for board in (0..8).map(|number| format!("board-of-{number}")) {
        grounds.push(Ground::make(address, &board, 2).await);
        crowds.push(Crowd::gather(address, &board, 2, 2).await.unwrap());
    }
    let load = Load::new(address, grounds, 3).writers(64).spawn();
    load.wait_for_acked(3_000, LOAD_PATIENCE).await.unwrap();
    let ledger = load.stop().await;
    let is_success = |status: &u16| (200..300).contains(status);
    let statuses = ledger.statuses();
    assert!(statuses.keys().all(is_success), "{statuses:?}");
    assert_eq!((ledger.busy, ledger.cuts), (0, 0));
    for crowd in crowds {
        assert_good(&crowd.judge(&ledger).await);
    }
    app.stop().await;
}

/// Cuts 300 times a second until so many writes were answered and so many watchers came back.
async fn cut_until(crowd: &Crowd, load: &LoadHandle, seed: u64, writes: u64, reconnects: u64) {
    let mut random = Random::new(seed);
    let mut ticks = interval(Duration::from_secs(1) / 300);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let cut = async {
        while load.acked() < writes || crowd.reconnects() < reconnects {
            ticks.tick().await;
            crowd.cut_one(&mut random);
        }
    };
    let in_time = timeout(LOAD_PATIENCE, cut).await;
    in_time
        .unwrap_or_else(|_| panic!("{} writes, {} reconnects", load.acked(), crowd.reconnects()));
}

#[track_caller]
fn assert_good(verdict: &Verdict) {
    say(verdict);
    assert_eq!(verdict.wrong, Vec::<String>::new(), "{verdict}");
}
