//! Contract 3, the stream of one board: how it opens, from where it goes on, and that what is
//! replayed is what was sent.

mod cursors;
mod ends;
mod folding;
mod silence;

use crate::app::{PATIENCE, TestApp};
use boardcast_core::limits::TITLE_CHARS_MAX;
use boardcast_sim::client::{Connection, Request};
use boardcast_sim::sse::Block;
use boardcast_sim::stream::{EventStream, Opened, StreamError};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The place before the first event of any board.
pub(crate) const START: &str = "0-000000000000";

/// Asks for the demo board's stream, `?…` and all, and with a `Last-Event-ID` if there is one.
pub(crate) async fn ask(app: &TestApp, query: &str, last_event_id: Option<&str>) -> Opened {
    ask_for(app, "board-1", query, last_event_id).await
}

/// [`ask`] for another board.
pub(crate) async fn ask_for(
    app: &TestApp,
    board: &str,
    query: &str,
    last_event_id: Option<&str>,
) -> Opened {
    let headers: Vec<_> = last_event_id
        .map(|id| ("Last-Event-ID", id))
        .into_iter()
        .collect();
    let path = format!("/boards/{board}/events{query}");
    EventStream::open(app.address(), &path, &headers)
        .await
        .expect("an answer")
}

/// Opens the demo board's stream and reads its `connected`: the stream, and the id it begins at.
pub(crate) async fn open(
    app: &TestApp,
    query: &str,
    last_event_id: Option<&str>,
) -> (EventStream, Option<String>) {
    greet(ask(app, query, last_event_id).await).await
}

/// Reads the `connected` of a stream that must be one.
pub(crate) async fn greet(opened: Opened) -> (EventStream, Option<String>) {
    assert_eq!(opened.status, 200);
    let mut stream = opened.stream;
    let connected = next(&mut stream).await;
    let first = b"data: {\"type\":\"connected\"}\nretry: 2000\n";
    assert!(connected.raw.starts_with(first), "{connected:?}");
    (stream, connected.id)
}

/// A watcher from now on.
pub(crate) async fn watch(app: &TestApp) -> EventStream {
    open(app, "", None).await.0
}

/// The next block; a stream that ends or stays quiet fails the test.
pub(crate) async fn next(stream: &mut EventStream) -> Block {
    let block = stream.next_within(PATIENCE).await.expect("a block");
    block.expect("not the end")
}

/// As many blocks as are named, as the exact bytes that came.
pub(crate) async fn bytes_of(stream: &mut EventStream, blocks: usize) -> String {
    let mut bytes = String::new();
    for _ in 0..blocks {
        bytes += &String::from_utf8(next(stream).await.raw).unwrap();
    }
    bytes
}

/// Adds tasks with long texts, so many at a time that a commit can be more than what is kept in
/// memory of a board's log.
pub(crate) async fn add_many(app: &TestApp, tasks: usize, description_bytes: usize) {
    const WRITERS: usize = 16;
    let body = json!({
        "listId": "list-todo",
        "title": "One of many",
        "description": "x".repeat(description_bytes),
    });
    let write = async |writer: usize| {
        let mut connection = Connection::open(app.address()).await.unwrap();
        for _ in (writer..tasks).step_by(WRITERS) {
            let request = Request::new("POST", "/tasks").json(&body);
            connection.send(request).await.unwrap().expect(201);
        }
    };
    join_all((0..WRITERS).map(write)).await;
}

/// Adds tasks with the largest titles there are: snapshots hold titles, not descriptions.
pub(crate) async fn add_long_titles(app: &TestApp, tasks: usize) {
    let title = format!("{}.", "\u{2028}".repeat(TITLE_CHARS_MAX - 1));
    let body = json!({ "listId": "list-todo", "title": title });
    for _ in 0..tasks {
        app.post("/tasks", &body).await.expect(201);
    }
}

/// A reader that takes nothing until it is asked to; past its `connected`.
pub(crate) async fn open_stalled(app: &TestApp, query: &str) -> EventStream {
    let path = format!("/boards/board-1/events{query}");
    let opened = EventStream::open_narrow(app.address(), &path, &[], 4 * 1024).await;
    greet(opened.unwrap()).await.0
}

/// Waits until so many watchers are registered, no more and no fewer.
pub(crate) async fn wait_for_seats(app: &TestApp, seats: usize) {
    let reached = async {
        while app.server().engine().hub().seats() != seats {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, reached)
        .await
        .expect("watchers come and go");
}

/// Checks that the stream has nothing to say now.
pub(crate) async fn expect_quiet(stream: &mut EventStream) {
    let found = stream.next_within(Duration::from_millis(100)).await;
    assert!(matches!(found, Err(StreamError::Quiet(_))), "{found:?}");
}

/// Where a board stands.
pub(crate) async fn cursor_of(app: &TestApp, board: &str) -> String {
    app.board(board).await["cursor"].as_str().unwrap().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_watcher_starts_at_the_head_and_sees_only_what_comes() {
    let app = TestApp::start().await;
    app.add_task("list-todo", "Before").await;
    let (mut stream, start) = open(&app, "", None).await;
    assert_eq!(start, Some(cursor_of(&app, "board-1").await));
    expect_quiet(&mut stream).await;
    let task = app.add_task("list-todo", "After").await;
    let block = next(&mut stream).await;
    let event = block.json();
    assert_eq!(event["task"], task);
    assert_eq!(event["boardId"], "board-1");
    assert_eq!(event["by"], Value::Null);
    assert_eq!(event["at"], task["updatedAt"]);
    assert_eq!(block.id, Some(cursor_of(&app, "board-1").await));
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_comes_back_gets_what_it_missed_though_nothing_happens_any_more() {
    let app = TestApp::start().await;
    let cursor = cursor_of(&app, "board-1").await;
    let missed = [
        app.add_task("list-todo", "Missed").await,
        app.add_task("list-todo", "Missed too").await,
    ];
    let (mut stream, start) = open(&app, "", Some(&cursor)).await;
    assert_eq!(start, Some(cursor));
    for task in missed {
        assert_eq!(next(&mut stream).await.json()["task"], task);
    }
    expect_quiet(&mut stream).await;
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_from_the_header_else_from_the_url() {
    let mut app = TestApp::start().await;
    let mut live = watch(&app).await;
    let mut ids = vec![cursor_of(&app, "board-1").await];
    let mut events = Vec::new();
    for title in ["One", "Two", "Three"] {
        app.add_task("list-todo", title).await;
        let block = next(&mut live).await;
        ids.push(block.id.unwrap());
        events.push(String::from_utf8(block.raw).unwrap());
    }
    // With a watcher around, the newest events are in memory.
    expect_all_resumed(&app, &ids, &events).await;
    drop(live);
    app.pause().await;
    app.resume().await;
    // Now they are in the data file alone.
    expect_all_resumed(&app, &ids, &events).await;
    app.stop().await;
}

/// `ids` has one more than `events`: the place before them.
async fn expect_all_resumed(app: &TestApp, ids: &[String], events: &[String]) {
    for (from, cursor) in ids.iter().enumerate() {
        let missed = events[from..].concat();
        let url = format!("?after={cursor}");
        let old_url = format!("?after={}", ids[0]);
        let wish = format!("?snapshot=1&after={cursor}");
        for (query, last_event_id) in [
            ("", Some(cursor.as_str())),
            (&url, None),
            (&url, Some("")),
            (&old_url, Some(cursor)),
            ("?after=nonsense", Some(cursor)),
            ("?snapshot=1", Some(cursor)),
            (&wish, None),
        ] {
            let case = format!("{query} {last_event_id:?}");
            let (mut stream, start) = open(app, query, last_event_id).await;
            assert_eq!(start.as_ref(), Some(cursor), "{case}");
            let bytes = bytes_of(&mut stream, events.len() - from).await;
            assert_eq!(bytes, missed, "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replayed_bytes_are_live_bytes_for_every_type_of_event() {
    let mut app = TestApp::start().await;
    let board = json!({ "id": "board-2", "name": "Second \u{2028} board" });
    app.post("/boards", &board).await.expect(201);
    let mut live = open_board_2(&app, START).await;
    let created = next(&mut live).await;
    assert_eq!(created.json()["type"], "board_created");
    change_everything(&app).await;
    let mut bytes = vec![String::from_utf8(created.raw).unwrap()];
    let mut types = vec!["board_created".to_owned()];
    while types.len() < EVERY_TYPE.len() {
        let block = next(&mut live).await;
        types.push(block.kind());
        bytes.push(String::from_utf8(block.raw).unwrap());
    }
    assert_eq!(types, EVERY_TYPE);
    let expect_same = async |app: &TestApp| {
        let mut replay = open_board_2(app, START).await;
        for live in &bytes {
            assert_eq!(bytes_of(&mut replay, 1).await, *live);
        }
    };
    expect_same(&app).await;
    drop(live);
    app.pause().await;
    app.resume().await;
    expect_same(&app).await;
    app.stop().await;
}

/// What [`change_everything`] does to a new board, `board_created` first. A deleted board can't be
/// asked for: its last event is held elsewhere.
const EVERY_TYPE: [&str; 11] = [
    "board_created",
    "board_updated",
    "list_created",
    "list_created",
    "list_updated",
    "list_moved",
    "task_created",
    "task_updated",
    "task_moved",
    "task_deleted",
    "list_deleted",
];

async fn change_everything(app: &TestApp) {
    let name = json!({ "name": "Renamed" });
    app.patch("/boards/board-2", &name).await.expect(200);
    for id in ["list-a", "list-b"] {
        let list = json!({ "boardId": "board-2", "id": id, "name": id });
        app.post("/lists", &list).await.expect(201);
    }
    app.patch("/lists/list-a", &name).await.expect(200);
    let to_top = json!({ "position": "top" });
    app.patch("/lists/list-b/move", &to_top).await.expect(200);
    let task = json!({ "listId": "list-a", "id": "task-a", "title": "\"é\u{1f9f9}\\", "description": "a\r\n\u{85}" });
    app.post("/tasks", &task).await.expect(201);
    let title = json!({ "title": "Again" });
    app.patch("/tasks/task-a", &title).await.expect(200);
    let to_b = json!({ "listId": "list-b" });
    app.patch("/tasks/task-a/move", &to_b).await.expect(200);
    app.delete("/tasks/task-a").await.expect(204);
    app.delete("/lists/list-b").await.expect(204);
}

async fn open_board_2(app: &TestApp, cursor: &str) -> EventStream {
    let (stream, start) = greet(ask_for(app, "board-2", "", Some(cursor)).await).await;
    assert_eq!(start.as_deref(), Some(cursor));
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_request_is_answered_at_once_and_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let mut connection = Connection::open(app.address()).await.unwrap();
    for _ in 0..3 {
        let head = Request::new("HEAD", "/boards/board-1/events");
        let answer = connection.send(head).await.unwrap().expect(200);
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        assert_eq!(
            answer.header("cache-control"),
            Some("no-cache, no-transform")
        );
        // The same connection still serves.
        let healthy = connection.send(Request::new("GET", "/healthz")).await;
        healthy.unwrap().expect(200);
        assert_eq!(app.server().engine().hub().seats(), 0);
    }
    let nowhere = Request::new("HEAD", "/boards/nowhere/events");
    connection.send(nowhere).await.unwrap().expect(404);
    app.stop().await;
}
