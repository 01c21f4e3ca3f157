//! Contract 3, on the wire: what an idle stream sends, so that proxies don't cut it and a page can
//! notice a dead line. The first one waits in real time.

use super::{ask, bytes_of, expect_quiet, open};
use crate::app::TestApp;
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_stream_sends_a_comment_or_an_event_without_an_id() {
    let app = TestApp::start().await;
    let event = "event: ping\ndata: {}\n\n";
    let wishes = [("", ":\n\n"), ("?heartbeat=event", event)];
    join_all(wishes.map(async |(query, heartbeat)| {
        // Before it is greeted, which the heartbeat counts from.
        let since = Instant::now();
        let (mut stream, _) = open(&app, query, None).await;
        assert_eq!(bytes_of(&mut stream, 1).await, heartbeat);
        assert!(since.elapsed() > Duration::from_secs(14), "too often");
        expect_quiet(&mut stream).await;
    }))
    .await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_one_other_kind_of_heartbeat() {
    let app = TestApp::start().await;
    let refused = ask(&app, "?heartbeat=often", None).await;
    assert_eq!(refused.status, 422);
    let problem = refused.into_answer().await.unwrap().json();
    assert_eq!(problem["field"], "heartbeat");
    app.stop().await;
}
