//! The founding behaviour, to the letter: what the very first `curl` session sees.

use crate::app::{PATIENCE, TestApp};
use boardcast_sim::stream::{EventStream, StreamError};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_watchers_see_each_change_and_a_watcher_of_another_board_sees_nothing() {
    let app = TestApp::start().await;
    app.post(
        "/boards",
        &json!({ "id": "board-2", "name": "Another one" }),
    )
    .await
    .expect(201);
    let mut watchers = [open(&app, "board-1").await, open(&app, "board-1").await];
    let mut stranger = open(&app, "board-2").await;

    let created = app
        .post(
            "/tasks",
            &json!({ "title": "Water the plants", "listId": "list-todo" }),
        )
        .await
        .expect(201);
    let task = created.json();
    let path = format!("/tasks/{}/move", task["id"].as_str().unwrap());
    let to_done = json!({ "listId": "list-done" });
    let moved = app.patch(&path, &to_done).await.expect(200).json();
    app.delete("/tasks/task-try").await.expect(204);

    for watcher in &mut watchers {
        let created = next(watcher).await;
        assert_eq!(
            (&created["type"], &created["task"]),
            (&json!("task_created"), &task)
        );
        let moved_event = next(watcher).await;
        assert_eq!(
            (&moved_event["type"], &moved_event["task"]),
            (&json!("task_moved"), &moved)
        );
        let deleted = next(watcher).await;
        assert_eq!(
            (&deleted["type"], &deleted["taskId"]),
            (&json!("task_deleted"), &json!("task-try"))
        );
    }
    assert!(matches!(
        stranger.next_within(Duration::from_millis(200)).await,
        Err(StreamError::Quiet(_))
    ));
    drop((watchers, stranger));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_has_the_headers_of_origin_and_opens_with_connected() {
    let app = TestApp::start().await;
    let mut opened = EventStream::open(app.address(), "/boards/board-1/events", &[])
        .await
        .unwrap();
    assert_eq!(opened.status, 200);
    assert_eq!(opened.header("content-type"), Some("text/event-stream"));
    assert_eq!(
        opened.header("cache-control"),
        Some("no-cache, no-transform")
    );
    assert_eq!(opened.header("connection"), Some("keep-alive"));
    assert_eq!(opened.header("x-accel-buffering"), Some("no"));
    let block = opened.stream.next_within(PATIENCE).await.unwrap().unwrap();
    let cursor = app.board("board-1").await["cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    let expected = format!("data: {{\"type\":\"connected\"}}\nretry: 2000\nid: {cursor}\n\n");
    assert_eq!(String::from_utf8(block.raw).unwrap(), expected);
    drop(opened.stream);
    app.stop().await;
}

async fn open(app: &TestApp, board: &str) -> EventStream {
    let opened = EventStream::open(app.address(), &format!("/boards/{board}/events"), &[])
        .await
        .unwrap();
    let mut stream = opened.stream;
    assert_eq!(next(&mut stream).await["type"], "connected");
    stream
}

async fn next(stream: &mut EventStream) -> Value {
    let block = stream.next_within(PATIENCE).await.expect("in time");
    block.expect("not the end").json()
}
