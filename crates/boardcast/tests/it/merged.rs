//! Contract 3, several boards in one stream: what its ids are made of, where it goes on from, how a
//! board's part ends, and what it says to whom.

mod ends;
mod places;

use crate::app::{PATIENCE, TestApp};
use crate::stream::{self, ask_for, cursor_of, expect_quiet, greet, next};
use boardcast_sim::client::Request;
use boardcast_sim::sse::Block;
use boardcast_sim::stream::{EventStream, Opened};
use serde_json::json;
use std::fmt::Write as _;
use std::time::Duration;

/// Asks for the stream at `/events{query}`, with a `Last-Event-ID` if there is one.
pub(crate) async fn ask(app: &TestApp, query: &str, last_event_id: Option<&str>) -> Opened {
    let headers: Vec<_> = last_event_id
        .map(|id| ("Last-Event-ID", id))
        .into_iter()
        .collect();
    EventStream::open(app.address(), &format!("/events{query}"), &headers)
        .await
        .expect("an answer")
}

/// Opens the stream and reads its `connected`: the stream, and the id it begins at.
pub(crate) async fn open(
    app: &TestApp,
    query: &str,
    last_event_id: Option<&str>,
) -> (EventStream, Option<String>) {
    greet(ask(app, query, last_event_id).await).await
}

/// The id that says where these boards stand now.
pub(crate) async fn id_of(app: &TestApp, boards: &[&str]) -> String {
    let mut id = String::new();
    for board in boards {
        let comma = if id.is_empty() { "" } else { "," };
        write!(id, "{comma}{board}:{}", cursor_of(app, board).await).unwrap();
    }
    id
}

/// The next blocks, as many as are named.
async fn blocks_of(stream: &mut EventStream, count: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    for _ in 0..count {
        blocks.push(next(stream).await);
    }
    blocks
}

/// A server with the demo board and the boards `a` and `b`.
async fn start() -> TestApp {
    let app = TestApp::start().await;
    app.add_board("a").await;
    app.add_board("b").await;
    app
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_names_the_boards_in_the_order_asked_each_up_to_where_it_was_written() {
    let app = start().await;
    let boards = ["b", "board-1", "a"];
    let (mut stream, connected) = open(&app, "?boards=b,board-1,a", None).await;
    assert_eq!(connected, Some(id_of(&app, &boards).await));
    for list in ["list-a", "list-todo", "list-b", "list-b", "list-a"] {
        let task = app.add_task(list, "One more").await;
        let block = next(&mut stream).await;
        assert_eq!(block.json()["task"], task);
        assert_eq!(block.id, Some(id_of(&app, &boards).await));
    }
    expect_quiet(&mut stream).await;
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_lines_are_those_of_the_boards_own_streams() {
    let app = start().await;
    let (mut merged, _) = open(&app, "?boards=a,b", None).await;
    let mut singles = Vec::new();
    for board in ["a", "b"] {
        singles.push(greet(ask_for(&app, board, "", None).await).await.0);
    }
    let title = "\"\u{e9}\u{2028}\\ \u{1f9f9}";
    for (place, list) in [(0, "list-a"), (1, "list-b"), (0, "list-a")] {
        app.add_task(list, title).await;
        let single = next(&mut singles[place]).await;
        let merged = next(&mut merged).await;
        assert_eq!(merged.data, single.data);
        let end = format!("\nid: {}\n\n", merged.id.unwrap());
        let data = format!("data: {}", single.data.unwrap());
        assert_eq!(merged.raw, (data + &end).into_bytes());
    }
    drop((merged, singles));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_has_the_headers_of_every_stream_and_opens_to_the_letter() {
    let app = start().await;
    let mut opened = ask(&app, "?boards=a,b", None).await;
    assert_eq!(opened.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("connection", "keep-alive"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(opened.header(name), Some(value));
    }
    let id = id_of(&app, &["a", "b"]).await;
    let expected = format!("data: {{\"type\":\"connected\"}}\nretry: 2000\nid: {id}\n\n");
    assert_eq!(next(&mut opened.stream).await.raw, expected.into_bytes());
    let head = Request::new("HEAD", "/events?boards=a,b");
    let answer = app.client().send(head).await.unwrap().expect(200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let page = Request::new("GET", "/events?boards=a").header("accept", "application/json");
    let refused = app.client().send(page).await.unwrap().expect(406);
    assert_eq!(refused.json()["code"], "not_acceptable");
    drop(opened);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_to_thirty_two_boards_can_be_watched_and_each_counts_once() {
    let app = start().await;
    let many = |count: usize| {
        let names: Vec<_> = (0..count).map(|n| format!("nowhere-{n}")).collect();
        names.join(",")
    };
    for (query, status) in [
        (String::new(), 422),
        ("?boards=".into(), 422),
        ("?boards=,".into(), 422),
        ("?boards=a&boards=b".into(), 422),
        ("?boards=a&limit=3".into(), 422),
        ("?boards=a&snapshot=yes".into(), 422),
        ("?boards=a&heartbeat=often".into(), 422),
        (format!("?boards=a,{}", many(32)), 422),
        (format!("?boards=a,{}", many(31)), 200),
        (format!("?boards=a,a,{},a", many(31)), 200),
        ("?boards=a,,b,".into(), 200),
        ("?boards=a%2Cb".into(), 200),
    ] {
        let opened = ask(&app, &query, None).await;
        assert_eq!(opened.status, status, "{query}");
        if status == 422 {
            let problem = opened.into_answer().await.unwrap();
            assert_eq!(problem.json()["code"], "invalid", "{query}");
        }
    }
    let (stream, id) = open(&app, "?boards=a,b,a,b", None).await;
    assert_eq!(id, Some(id_of(&app, &["a", "b"]).await));
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_thirty_two_boards_come_through_one_stream() {
    let app = TestApp::start().await;
    let boards: Vec<_> = (0..32).map(|n| format!("board_{n:0>57}")).collect();
    for board in &boards {
        app.post("/boards", &json!({ "id": board, "name": "x" }))
            .await
            .expect(201);
    }
    let query = format!("?boards={}", boards.join(","));
    let (mut stream, id) = open(&app, &query, None).await;
    let mut seen = Vec::new();
    for board in &boards {
        let name = json!({ "name": "y" });
        app.patch(&format!("/boards/{board}"), &name)
            .await
            .expect(200);
        let block = next(&mut stream).await;
        assert_eq!(block.json()["boardId"], **board);
        seen.push(block);
    }
    drop(stream);
    // The longest id there is also goes back in a header.
    let (mut stream, _) = open(&app, &query, id.as_deref()).await;
    assert_eq!(blocks_of(&mut stream, 32).await, seen);
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_sites_get_no_stream() {
    let app = start().await;
    let own = format!("http://{}", app.address());
    for (header, value, status) in [
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("origin", own.as_str(), 200),
        ("sec-fetch-site", "same-origin", 200),
    ] {
        let headers = [(header, value)];
        let opened = EventStream::open(app.address(), "/events?boards=a,b", &headers)
            .await
            .unwrap();
        assert_eq!(opened.status, status, "{header}: {value}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_stream_beats_once_for_all_its_boards() {
    let app = start().await;
    let mut streams = Vec::new();
    for (query, beat) in [
        ("?boards=a,b,board-1,nowhere", ":\n\n"),
        (
            "?boards=a,b,board-1,nowhere&heartbeat=event",
            "event: ping\ndata: {}\n\n",
        ),
    ] {
        let (mut stream, _) = open(&app, query, None).await;
        assert_eq!(next(&mut stream).await.kind(), "board_gone");
        streams.push((stream, beat));
    }
    for (stream, beat) in &mut streams {
        assert_eq!(next(stream).await.raw, beat.as_bytes());
    }
    for (mut stream, _) in streams {
        let second = stream.next_within(Duration::from_secs(2)).await;
        assert!(second.is_err(), "{second:?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_sends_its_watchers_away_in_order() {
    let mut app = start().await;
    let (mut stream, id) = open(&app, "?boards=a,b,nowhere", None).await;
    assert_eq!(next(&mut stream).await.kind(), "board_gone");
    app.pause().await;
    let last = next(&mut stream).await;
    let retry_ms = last.retry.expect("when to come back");
    assert!((1_000..=10_000).contains(&retry_ms));
    assert_eq!(last.raw, format!("retry: {retry_ms}\n\n").into_bytes());
    assert_eq!(stream.next_within(PATIENCE).await, Ok(None));
    app.resume().await;
    let task = app.add_task("list-b", "After the restart").await;
    let (mut stream, connected) = open(&app, "?boards=a,b", id.as_deref()).await;
    assert_eq!(connected, id);
    assert_eq!(next(&mut stream).await.json()["task"], task);
    stream::expect_quiet(&mut stream).await;
    drop(stream);
    app.stop().await;
}
