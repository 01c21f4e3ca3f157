//! Readers on one HTTP/2 connection that take less than they could. Contract 3, what a reader may cost.

use super::client::{Certificate, Http2};
use super::{STREAM, add_task, start};
use crate::app::until;
use boardcast_core::limits::STALL_SECONDS;
use tokio::time::Instant;

/// More than any window that the client opened.
const TASKS: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_takes_nothing_delays_no_other_of_its_connection_and_is_closed_in_the_end() {
    let certificate = Certificate::new();
    let app = start(&certificate).await;
    let client = Http2::open(&app, &certificate).await;
    let mut stalled = client.watch(STREAM, &[]).await;
    let mut late = client.watch(STREAM, &[]).await;
    let mut reading = client.watch(STREAM, &[]).await;
    reading.next().await;
    let began = Instant::now();
    for n in 0..TASKS {
        let title = format!("{n} {}", "long ".repeat(80));
        add_task(&client, &title).await;
        assert_eq!(reading.next().await.json()["task"]["title"], title);
    }
    // Who was only slow goes on where it was.
    late.next().await;
    for n in 0..TASKS {
        let block = late.next().await;
        let title = block.json()["task"]["title"].to_string();
        assert!(title.starts_with(&format!("\"{n} ")), "{title}");
    }
    until("the one who takes nothing is let go", || {
        app.server().engine().hub().seats() == 2
    })
    .await;
    assert!(began.elapsed().as_secs() >= STALL_SECONDS);
    // What it was sent it can still read; then it learns that the rest is cut off.
    let mut blocks = 0;
    while stalled.try_next().await.is_some() {
        blocks += 1;
    }
    assert!(blocks < TASKS, "{blocks}");
    assert!(stalled.was_reset());
    add_task(&client, "still here").await;
    for stream in [&mut reading, &mut late] {
        assert_eq!(stream.next().await.json()["task"]["title"], "still here");
    }
    drop((stalled, late, reading, client));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_client_that_left_nothing_stays() {
    let certificate = Certificate::new();
    let app = start(&certificate).await;
    let client = Http2::open(&app, &certificate).await;
    let mut kept = client.watch(STREAM, &[]).await;
    kept.next().await;
    let seats = || app.server().engine().hub().seats();
    // One stream of many, then the connection under all of them.
    let mut dropped = client.watch(STREAM, &[]).await;
    dropped.next().await;
    drop(dropped);
    until("the one is gone", || seats() == 1).await;
    add_task(&client, "still here").await;
    assert_eq!(kept.next().await.json()["task"]["title"], "still here");
    client.cut().await;
    until("all are gone", || seats() == 0).await;
    app.stop().await;
}
