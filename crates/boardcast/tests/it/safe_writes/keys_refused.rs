//! Contract 2, `Idempotency-Key`: another request under the key is refused, refusals are decided
//! afresh, and a key is 1 to 128 visible ASCII characters.

use super::seen;
use crate::app::{TestApp, text};
use crate::raw::RawSocket;
use boardcast_sim::client::Request;
use serde_json::{Value, json};

/// A move of the demo board's `task-try` under the key `k`.
fn move_to_top() -> Request {
    Request::new("PATCH", "/tasks/task-try/move")
        .header("Idempotency-Key", "k")
        .header("Content-Type", "application/json")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_request_under_a_used_key_is_refused() {
    let app = TestApp::start().await;
    let body = "{\"listId\":\"list-todo\"}";
    let first = app.send(move_to_top().body(body)).await.expect(200);
    let before = app.get("/boards/board-1").await;
    let keyed = |method: &str, path: &str| {
        Request::new(method, path)
            .header("Idempotency-Key", "k")
            .header("Content-Type", "application/json")
    };
    let others = [
        // Another body, be it by one blank; another path; method; query; precondition.
        move_to_top().body("{\"listId\":\"list-done\"}"),
        move_to_top().body("{\"listId\": \"list-todo\"}"),
        move_to_top().body("{\"listId\":\"list-todo\"}\n"),
        move_to_top().body("{}"),
        keyed("PATCH", "/tasks/task-cut/move").body(body),
        keyed("PATCH", "/tasks/task%2Dtry/move").body(body),
        keyed("PATCH", "/tasks/task-try").body("{}"),
        keyed("DELETE", "/tasks/task-try"),
        keyed("DELETE", "/boards/board-1"),
        keyed("POST", "/boards").body("{\"name\":\"x\"}"),
        keyed("PATCH", "/tasks/task-try/move?&").body(body),
        move_to_top().header("If-Match", "\"2\"").body(body),
        move_to_top().header("If-Match", "*").body(body),
        // One whose own thing doesn't exist: the key is looked up first.
        keyed("DELETE", "/tasks/never"),
        keyed("POST", "/tasks").body("{\"listId\":\"never\",\"title\":\"x\"}"),
    ];
    for other in others {
        let refused = app.send(other.clone()).await.expect(422).json();
        assert_eq!(refused["code"], "key_reused", "{other:?}");
        assert_eq!(refused["field"], "Idempotency-Key");
    }
    let with_query = keyed("PATCH", "/tasks/task-try/move?x=1").body(body);
    app.send(with_query).await.expect(422);
    assert_eq!(app.get("/boards/board-1").await.body, before.body);
    // The key still stands for the first one.
    assert_eq!(
        seen(&app.send(move_to_top().body(body)).await),
        seen(&first)
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_decided_afresh() {
    let app = TestApp::start().await;
    let keyed = |key: &str, method: &str, path: &str, body: &Value| {
        let request = Request::new(method, path).header("Idempotency-Key", key);
        request.json(body)
    };
    let into_later = json!({ "listId": "later", "title": "x" });
    let unknown_list = keyed("k1", "POST", "/tasks", &into_later);
    let rename = json!({ "title": "Renamed" });
    let unknown_task = keyed("k2", "PATCH", "/tasks/later", &rename);
    let before_later = json!({ "before": "later" });
    let unknown_neighbour = keyed("k3", "PATCH", "/tasks/task-watch/move", &before_later);
    let conditional = keyed("k4", "PATCH", "/tasks/task-try", &rename).header("If-Match", "\"2\"");
    for (request, status) in [
        (&unknown_list, 422),
        (&unknown_task, 404),
        (&unknown_neighbour, 409),
        (&conditional, 412),
    ] {
        for _ in 0..2 {
            app.send(request.clone()).await.expect(status);
        }
    }
    // Now each of them may happen.
    let list = json!({ "boardId": "board-1", "id": "later", "name": "Later" });
    app.post("/lists", &list).await.expect(201);
    let task = json!({ "listId": "list-todo", "id": "later", "title": "Later" });
    app.post("/tasks", &task).await.expect(201);
    let touched = json!({ "description": "Touched" });
    app.patch("/tasks/task-try", &touched).await.expect(200);
    for (request, status) in [
        (unknown_list, 201),
        (unknown_task, 200),
        (unknown_neighbour, 200),
        (conditional, 200),
    ] {
        let first = app.send(request.clone()).await.expect(status);
        let again = app.send(request).await;
        assert_eq!(seen(&again), seen(&first));
    }
    // And a key that was only ever refused is free for anything.
    let refused = keyed("k5", "POST", "/tasks", &json!({ "listId": "list-todo" }));
    app.send(refused).await.expect(422);
    let other = keyed("k5", "PATCH", "/boards/board-1", &json!({ "name": "x" }));
    app.send(other).await.expect(200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_1_to_128_visible_ascii_characters() {
    let app = TestApp::start().await;
    let visible: String = (b'!'..=b'~').map(char::from).collect();
    let body = json!({ "listId": "list-todo", "title": "x" });
    let keyed = |key: &str| {
        let request = Request::new("POST", "/tasks").header("Idempotency-Key", key);
        request.json(&body)
    };
    for key in ["a", "0", "A,b", "\"quoted\"", &visible, &"k".repeat(128)] {
        let first = app.send(keyed(key)).await.expect(201);
        assert_eq!(seen(&app.send(keyed(key)).await), seen(&first), "{key}");
    }
    // Upper and lower case are two keys, and so are a key and its beginning.
    let first = app.send(keyed("A")).await.expect(201).json();
    for other in ["AA", "aA"] {
        let second = app.send(keyed(other)).await.expect(201).json();
        assert_ne!(second["id"], first["id"]);
    }
    let before = app.get("/boards/board-1").await;
    for key in [
        "",
        " ",
        "a b",
        "a\tb",
        "ä",
        "🧹",
        &"k".repeat(129),
        &"k".repeat(10_000),
    ] {
        let refused = app.send(keyed(key)).await.expect(422).json();
        assert_eq!(refused["field"], "Idempotency-Key", "{key:?}");
        assert!(text(&refused["detail"]).contains("visible ASCII"));
    }
    for second in ["a", "b"] {
        let twice = keyed("a").header("Idempotency-Key", second);
        let refused = app.send(twice).await.expect(422).json();
        assert_eq!(refused["field"], "Idempotency-Key");
    }
    for byte in [0x80, 0xff] {
        let mut socket = RawSocket::open(app.address()).await;
        let head = b"DELETE /tasks/task-try HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: a";
        let request = [&head[..], &[byte], b"\r\n\r\n"].concat();
        socket.write(&request).await.unwrap();
        let refused = socket.answer().await.unwrap().expect(422).json();
        assert_eq!(refused["field"], "Idempotency-Key");
    }
    assert_eq!(app.get("/boards/board-1").await.body, before.body);
    app.stop().await;
}
