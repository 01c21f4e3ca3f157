//! Contract 2: any website can make a browser call a server on this machine. A foreign page changes
//! nothing, streams nothing and reads nothing, whatever name it calls the server by.

mod forms;
mod hosts;
mod origins;
mod sharing;

use crate::app::TestApp;
use boardcast_sim::client::{Answer, Request};
use serde_json::{Value, json};

const PUBLIC_URL: &str = "https://board.example.org";

/// What changes or streams, on things that exist, that don't, and that can't.
fn guarded() -> Vec<Request> {
    let post = |path: &str, body: Value| Request::new("POST", path).json(&body);
    let patch = |path: &str, body: Value| Request::new("PATCH", path).json(&body);
    vec![
        post("/boards", json!({ "name": "x" })),
        post("/lists", json!({ "boardId": "board-1", "name": "x" })),
        post("/tasks", json!({ "listId": "list-todo", "title": "x" })),
        post("/tasks", json!({ "nonsense": true })),
        post("/nowhere", json!({})),
        patch("/boards/board-1", json!({ "name": "x" })),
        patch("/lists/list-todo", json!({ "name": "x" })),
        patch("/lists/list-todo/move", json!({ "position": 2 })),
        patch("/tasks/task-try", json!({ "title": "x" })),
        patch("/tasks/task-try/move", json!({ "listId": "list-done" })),
        patch("/tasks/never", json!({ "title": "x" })),
        Request::new("DELETE", "/tasks/task-try"),
        Request::new("DELETE", "/lists/list-todo"),
        Request::new("DELETE", "/boards/board-1"),
        Request::new("PUT", "/boards/board-1"),
        Request::new("GET", "/boards/board-1/events"),
        Request::new("GET", "/boards/never/events?after=1-0123456789ab"),
        Request::new("HEAD", "/boards/board-1/events"),
    ]
}

/// What only reads.
fn reads() -> Vec<Request> {
    let paths = [
        "/",
        "/boards",
        "/boards/board-1",
        "/tasks/task-try",
        "/tasks/never",
        "/nowhere",
    ];
    paths.map(|path| Request::new("GET", path)).into()
}

async fn board(app: &TestApp) -> Vec<u8> {
    app.get("/boards/board-1").await.expect(200).body
}

/// Refused with this code; a `HEAD` has no body that could say so.
#[track_caller]
fn expect_refused(answer: &Answer, status: u16, code: &str, shown: &str) {
    assert_eq!(answer.status, status, "{shown}: {}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    if !answer.body.is_empty() {
        assert_eq!(answer.json()["code"], code, "{shown}");
    }
    expect_no_cors(answer);
}

#[track_caller]
fn expect_no_cors(answer: &Answer) {
    let shared = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("access-control-") || name == "timing-allow-origin"
    };
    let found = answer.headers.iter().find(|(name, _)| shared(name));
    assert_eq!(found, None);
}
