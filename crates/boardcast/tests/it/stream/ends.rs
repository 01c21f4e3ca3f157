//! Contract 3, how a stream ends and how one is refused: a deleted board, an unknown one, shutdown,
//! overload. A browser's `EventSource` gives up for ever on any answer but 200.

use super::{
    START, add_long_titles, add_many, ask, ask_for, bytes_of, cursor_of, next, open_stalled,
    wait_for_seats, watch,
};
use crate::app::{PATIENCE, TestApp};
use boardcast_sim::client::{Client, Request};
use boardcast_sim::program::Program;
use boardcast_sim::stream::{EventStream, Opened, StreamError};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::task::JoinSet;
use tokio::time::timeout;

async fn expect_end(stream: &mut EventStream) {
    assert_eq!(stream.next_within(PATIENCE).await, Ok(None));
}

/// Checks that a stream does nothing but tell when to come back.
async fn expect_sent_away(opened: Opened) -> u64 {
    assert_eq!(opened.status, 200);
    assert_eq!(opened.header("content-type"), Some("text/event-stream"));
    let mut stream = opened.stream;
    read_farewell(&mut stream).await
}

/// Reads the end of a stream whose client shall come back.
async fn read_farewell(stream: &mut EventStream) -> u64 {
    let block = next(stream).await;
    let retry = block.retry.expect("when to come back");
    assert_eq!(block.raw, format!("retry: {retry}\n\n").into_bytes());
    assert!((1_000..=10_000).contains(&retry), "{retry}");
    expect_end(stream).await;
    retry
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_the_board_ends_its_streams_in_order() {
    let app = TestApp::start().await;
    let before = cursor_of(&app, "board-1").await;
    let mut live = watch(&app).await;
    let mut lagging = open_stalled(&app, "").await;
    add_many(&app, 60, 30_000).await;
    let mut replaying = open_stalled(&app, &format!("?after={START}")).await;
    app.delete("/boards/board-1").await.expect(204);

    let events = bytes_of(&mut live, 61).await;
    assert!(events.contains("data: {\"type\":\"board_deleted\",\"boardId\":\"board-1\""));
    expect_end(&mut live).await;
    let last = events.rsplit("id: ").next().unwrap().trim();

    // Those who lag keep the newest events in memory, the last one among them.
    wait_for_seats(&app, 2).await;
    expect_gone(&app, &[last, &before]).await;
    assert_eq!(bytes_of(&mut lagging, 61).await, events);
    expect_end(&mut lagging).await;
    bytes_of(&mut replaying, 8).await;
    assert_eq!(bytes_of(&mut replaying, 61).await, events);
    expect_end(&mut replaying).await;
    wait_for_seats(&app, 0).await;
    expect_gone(&app, &[last, &before]).await;
    app.stop().await;
}

/// Checks that a deleted board's callers are told never to come back if they have a cursor, any
/// cursor, and else that there is no such board.
async fn expect_gone(app: &TestApp, cursors: &[&str]) {
    for cursor in cursors.iter().chain(&[START, "8-ffffffffffff", "nonsense"]) {
        assert_eq!(ask(app, "", Some(cursor)).await.status, 204, "{cursor}");
        let url = format!("?after={cursor}");
        assert_eq!(ask(app, &url, None).await.status, 204, "{cursor}");
    }
    for query in ["", "?snapshot=1"] {
        let gone = ask(app, query, None).await;
        assert_eq!(gone.status, 404);
        let problem = gone.into_answer().await.unwrap().json();
        assert_eq!(problem["code"], "not_found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_board_and_one_that_cannot_exist_look_like_a_deleted_one() {
    let app = TestApp::start().await;
    let cursor = cursor_of(&app, "board-1").await;
    let long = "x".repeat(65);
    for board in ["nowhere", "a%20b", "%ff", "..%2f", &long, "%00", "böard"] {
        let unknown = ask_for(&app, board, "", None).await;
        assert_eq!(unknown.status, 404, "{board}");
        assert_eq!(
            unknown.header("content-type"),
            Some("application/problem+json")
        );
        let unknown = ask_for(&app, board, "?snapshot=1", None).await;
        assert_eq!(unknown.status, 404, "{board}");
        for last_event_id in [cursor.as_str(), "nonsense"] {
            let gone = ask_for(&app, board, "", Some(last_event_id)).await;
            assert_eq!(gone.status, 204, "{board}");
        }
        let url = format!("?after={cursor}");
        assert_eq!(
            ask_for(&app, board, &url, None).await.status,
            204,
            "{board}"
        );
    }
    assert_eq!(app.server().engine().hub().boards(), 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_ends_streams_in_order_and_spreads_those_who_come_back() {
    let mut app = TestApp::start().await;
    let mut streams = Vec::new();
    for _ in 0..30 {
        streams.push(watch(&app).await);
    }
    let farewells = tokio::spawn(async move {
        let mut retries = BTreeSet::new();
        for mut stream in streams {
            retries.insert(read_farewell(&mut stream).await);
        }
        retries
    });
    app.pause().await;
    let retries = farewells.await.unwrap();
    assert!(retries.len() > 10, "not spread: {retries:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_asked_for_during_the_shutdown_is_told_when_to_come_back() {
    let app = TestApp::start().await;
    let cursor = cursor_of(&app, "board-1").await;
    app.server().engine().drain();
    let mut retries = BTreeSet::new();
    for _ in 0..10 {
        retries.insert(expect_sent_away(ask(&app, "", None).await).await);
        retries.insert(expect_sent_away(ask(&app, "", Some(&cursor)).await).await);
        retries.insert(expect_sent_away(ask(&app, "?snapshot=1", None).await).await);
    }
    assert!(retries.len() > 10, "not spread: {retries:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_ends_a_reader_that_lags_between_two_events() {
    let app = TestApp::start().await;
    let mut live = watch(&app).await;
    let mut lagging = open_stalled(&app, "").await;
    add_many(&app, 60, 30_000).await;
    let events = bytes_of(&mut live, 60).await;
    app.server().engine().drain();
    let mut got = String::new();
    let farewell = loop {
        let block = next(&mut lagging).await;
        match block.id {
            Some(_) => got += &String::from_utf8(block.raw).unwrap(),
            None => break block,
        }
    };
    assert!(got.len() < events.len() && events.starts_with(&got));
    assert!(
        farewell.retry.is_some() && farewell.data.is_none(),
        "{farewell:?}"
    );
    expect_end(&mut lagging).await;
    drop(live);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_lets_a_snapshot_end_first() {
    let app = TestApp::start().await;
    add_long_titles(&app, 400).await;
    let board = app.board("board-1").await;
    let mut stalled = open_stalled(&app, "?snapshot=1").await;
    app.server().engine().drain();
    assert_eq!(next(&mut stalled).await.json()["board"], board);
    read_farewell(&mut stalled).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_cuts_who_does_not_take_the_rest_of_a_snapshot() {
    let mut app = TestApp::start().await;
    add_long_titles(&app, 400).await;
    let mut stalled = open_stalled(&app, "?snapshot=1").await;
    app.pause().await;
    let cut = stalled.next_within(PATIENCE).await;
    assert!(matches!(cut, Err(StreamError::Cut(_))), "{cut:?}");
}

/// A server with so few descriptors that streams run out before its other connections do.
async fn start_small(folder: &Path) -> Program {
    let script = folder.join("small.sh");
    let server = env!("CARGO_BIN_EXE_boardcast");
    fs::write(
        &script,
        format!("#!/bin/sh\nulimit -n 512 && exec '{server}' \"$@\"\n"),
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    Program::start(&script, &folder.join("small.db"), &[], &[])
        .await
        .unwrap()
}

/// More than there are descriptors come at once: some wait, nobody is lost, and the server goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_most_connections_callers_wait_until_others_have_gone() {
    const STORM: usize = 700;
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_small(folder.path()).await;
    let address = server.addr();
    let visit = move || async move {
        let mut opened = EventStream::open(address, "/boards/board-1/events", &[]).await?;
        let _ = next(&mut opened.stream).await;
        std::io::Result::Ok(opened.status)
    };
    let mut visits = JoinSet::new();
    (0..STORM).for_each(|_| _ = visits.spawn(visit()));
    let answered = visits.join_all().await;
    let is_answered = |answer: &std::io::Result<u16>| matches!(answer, Ok(200));
    assert!(answered.iter().all(is_answered), "{answered:?}");
    let said = server.output();
    assert!(!said.contains("could not be accepted"), "{said}");
    assert!(server.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_most_streams_callers_are_told_when_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_small(folder.path()).await;
    let ask = async |headers: &[(&str, &str)]| {
        let opened = EventStream::open(server.addr(), "/boards/board-1/events", headers);
        opened.await.unwrap()
    };
    let mut streams = Vec::new();
    let first_refused = loop {
        let mut opened = ask(&[]).await;
        assert_eq!(opened.status, 200);
        let first = next(&mut opened.stream).await;
        if first.data.is_none() {
            break (first, opened.stream);
        }
        streams.push(opened.stream);
        assert!(streams.len() < 512, "there is no bound");
    };
    let (block, mut refused) = first_refused;
    assert!(block.retry.is_some() && block.id.is_none(), "{block:?}");
    expect_end(&mut refused).await;
    for headers in [vec![], vec![("Last-Event-ID", START)]] {
        expect_sent_away(ask(&headers).await).await;
    }

    // They don't have to go for their connections to end.
    let mut turned_away = Vec::new();
    for _ in 0..40 {
        let opened = ask(&[]).await;
        assert_eq!(opened.header("connection"), Some("close"));
        turned_away.push(opened);
    }

    // Everybody else is served as ever, and a stream that leaves makes room for another.
    let client = Client::new(server.addr());
    client.get("/boards/board-1").await.unwrap().expect(200);
    let head = Request::new("HEAD", "/boards/board-1/events");
    client.send(head).await.unwrap().expect(200);
    streams.pop().unwrap().cut();
    let came_back = async { while next(&mut ask(&[]).await.stream).await.data.is_none() {} };
    timeout(PATIENCE, came_back).await.expect("there is room");
    drop((streams, turned_away));
    assert!(server.terminate().await.unwrap().success());
}
