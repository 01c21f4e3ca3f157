//! Contract 3, on the wire: what an idle stream sends, so that proxies don't cut it and a page can
//! notice a dead line. These wait in real time.

use super::{bytes_of, expect_quiet, next, open};
use crate::app::TestApp;
use std::time::Duration;
use tokio::time::Instant;

/// Checks what a stream sends after fifteen seconds without an event, and that it goes on after it.
async fn check(query: &str, heartbeat: &str) {
    let app = TestApp::start().await;
    let (mut stream, _) = open(&app, query, None).await;
    let since = Instant::now();
    assert_eq!(bytes_of(&mut stream, 1).await, heartbeat);
    assert!(since.elapsed() > Duration::from_secs(14), "too often");
    expect_quiet(&mut stream).await;
    let task = app.add_task("list-todo", "After the silence").await;
    assert_eq!(next(&mut stream).await.json()["task"], task);
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_stream_sends_a_comment() {
    check("", ":\n\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_stream_sends_an_event_without_an_id_if_that_is_asked_for() {
    check("?heartbeat=event", "event: ping\ndata: {}\n\n").await;
}
