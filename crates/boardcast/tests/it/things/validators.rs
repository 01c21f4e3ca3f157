//! Contract 2: `ETag` is a task's version and a board's cursor, and `If-None-Match` answers 304.

use crate::app::{TestApp, text};
use boardcast_sim::client::Request;
use serde_json::json;

/// How a caller says that it has the state `tag`, in every form of RFC 9110, 13.1.2.
fn forms(tag: &str) -> [String; 7] {
    [
        tag.to_owned(),
        format!("W/{tag}"),
        "*".into(),
        format!("\"other\", {tag}"),
        format!("{tag},W/\"other\""),
        format!("\"a\",\"b\" ,\tW/{tag}"),
        format!("  {tag}  "),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_the_state_gets_304_and_who_has_another_gets_all() {
    let app = TestApp::start().await;
    for path in ["/boards/board-1", "/tasks/task-try"] {
        let whole = app.get(path).await.expect(200);
        let tag = whole.header("etag").expect("an ETag").to_owned();
        for form in forms(&tag) {
            let request = Request::new("GET", path).header("if-none-match", &form);
            let answer = app.send(request).await.expect(304);
            assert_eq!(answer.header("etag"), Some(&*tag), "{form}");
            assert_eq!(answer.body, b"");
        }
        let others = [
            "\"0\"",
            "W/\"0\"",
            "\"\"",
            "",
            "nonsense",
            "\"1",
            "\"*\"",
            &tag[1..tag.len() - 1],
        ];
        for other in others {
            let request = Request::new("GET", path).header("if-none-match", other);
            let answer = app.send(request).await.expect(200);
            assert_eq!(answer.body, whole.body, "{other}");
        }
        // One tag a line says the same as all in one.
        let lines = Request::new("GET", path).header("if-none-match", "\"x\"");
        app.send(lines.header("if-none-match", &tag))
            .await
            .expect(304);
    }
    for path in ["/boards/nope", "/tasks/nope"] {
        let request = Request::new("GET", path).header("if-none-match", "*");
        app.send(request).await.expect(404);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_boards_etag_is_its_cursor_and_changes_with_anything_on_it() {
    let app = TestApp::start().await;
    let first = app.get("/boards/board-1").await.expect(200);
    let tag = first.header("etag").unwrap().to_owned();
    assert_eq!(tag, format!("\"{}\"", text(&first.json()["cursor"])));
    app.add_task("list-todo", "x").await;
    let request = Request::new("GET", "/boards/board-1").header("if-none-match", &tag);
    let second = app.send(request).await.expect(200);
    assert_ne!(second.header("etag"), Some(&*tag));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tasks_etag_is_its_version_in_every_answer() {
    let app = TestApp::start().await;
    let body = json!({ "listId": "list-todo", "title": "x", "id": "t" });
    let made = app.post("/tasks", &body).await.expect(201);
    assert_eq!(made.header("etag"), Some("\"1\""));
    assert_eq!(app.get("/tasks/t").await.header("etag"), Some("\"1\""));
    let edited = app.patch("/tasks/t", &json!({ "title": "y" })).await;
    assert_eq!(edited.header("etag"), Some("\"2\""));
    let moved = app
        .patch("/tasks/t/move", &json!({ "position": "top" }))
        .await;
    assert_eq!(moved.header("etag"), Some("\"3\""));
    assert_eq!(app.get("/tasks/t").await.header("etag"), Some("\"3\""));
    app.stop().await;
}
