//! Readers who come and go, in order and not. Contract 3, what a reader may cost: after a client is
//! gone nothing of it stays: no socket, no memory, no entry. `cargo xtask soak churn` runs the same for
//! longer.

use crate::app::{TestApp, say, until};
use crate::child::ChildApp;
use boardcast_sim::churn::{come_and_go, soak};
use boardcast_sim::load::Ground;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_thousand_readers_that_went_away_leave_no_descriptor_and_no_memory() {
    let mut app = ChildApp::start().await;
    let wrong = soak(app.program(), 8_000, 1, say).await;
    assert_eq!(wrong, Vec::<String>::new());
    app.stop_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_went_away_leave_no_entry_and_give_back_every_permit() {
    let app = TestApp::start().await;
    let ground = Ground::make(app.address(), "busy", 2).await;
    come_and_go(app.address(), &ground, 2_000, 1).await;
    let (server, engine) = (app.server(), app.server().engine());
    let hub = engine.hub();
    let watched = || (hub.seats(), hub.boards(), hub.bytes());
    until("nobody is left", || watched() == (0, 0, 0)).await;
    // One connection is the next one's.
    let permits = || (engine.streams(), server.connections());
    until("all permits are back", || permits() == (0, 1)).await;
    if let Some(reactor) = engine.reactor() {
        let work = reactor.work();
        assert_eq!(work.joins, work.leaves);
        assert!(work.joins > 1_000, "{work:?}");
    }
    app.stop().await;
}
