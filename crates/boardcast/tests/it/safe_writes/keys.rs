//! Contract 2, `Idempotency-Key`: the same request again gets the first answer, whatever has become
//! of the thing since, for 24 hours and across restarts.

use super::{at_once, seen};
use crate::app::{TestApp, TimeSpan, text};
use crate::raw::RawSocket;
use boardcast_sim::client::Request;
use serde_json::{Value, json};

fn keyed(key: &str, method: &str, path: &str, body: &Value) -> Request {
    let request = Request::new(method, path).header("Idempotency-Key", key);
    match body {
        Value::Null => request,
        body => request.json(body),
    }
}

/// One request for each writing route and outcome, in an order in which each succeeds. What is made
/// here is changed, moved and deleted by what comes later.
fn every_write() -> Vec<Request> {
    let writes = [
        ("POST", "/boards", json!({ "id": "b", "name": "B" })),
        ("POST", "/boards", json!({ "name": "Unchosen" })),
        ("PATCH", "/boards/b", json!({ "name": "B2" })),
        ("PATCH", "/boards/b", json!({ "name": "B2" })),
        (
            "POST",
            "/lists",
            json!({ "id": "l", "boardId": "b", "name": "L" }),
        ),
        (
            "POST",
            "/lists",
            json!({ "boardId": "b", "name": "Unchosen" }),
        ),
        ("PATCH", "/lists/l", json!({ "name": "L2" })),
        ("PATCH", "/lists/l/move", json!({ "position": 1 })),
        (
            "POST",
            "/tasks",
            json!({ "id": "t", "listId": "l", "title": "T" }),
        ),
        (
            "POST",
            "/tasks",
            json!({ "listId": "l", "title": "Unchosen" }),
        ),
        (
            "PATCH",
            "/tasks/t",
            json!({ "title": "T2", "description": "D" }),
        ),
        ("PATCH", "/tasks/t", json!({})),
        ("PATCH", "/tasks/t/move", json!({ "position": "bottom" })),
        ("DELETE", "/tasks/t", Value::Null),
        ("DELETE", "/lists/l", Value::Null),
        ("DELETE", "/boards/b", Value::Null),
    ];
    let numbered = (0..).zip(writes);
    numbered
        .map(|(number, (method, path, body))| keyed(&format!("key-{number}"), method, path, &body))
        .collect()
}

/// All boards and all that is on them, as bytes.
async fn everything(app: &TestApp) -> Vec<Vec<u8>> {
    let mut bytes = vec![app.get("/boards").await.expect(200).body];
    for board in app.get("/boards").await.json()["boards"]
        .as_array()
        .unwrap()
    {
        let path = format!("/boards/{}", text(&board["id"]));
        bytes.push(app.get(&path).await.expect(200).body);
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_again_gets_the_first_answer_and_does_nothing() {
    let mut app = TestApp::start().await;
    let mut first_answers = Vec::new();
    for request in every_write() {
        let answer = app.send(request.clone()).await;
        assert!(answer.status < 300, "{request:?}: {}", answer.text());
        let after = everything(&app).await;
        let again = app.send(request.clone()).await;
        assert_eq!(seen(&again), seen(&answer), "{request:?}");
        assert_eq!(again.header("content-type"), answer.header("content-type"));
        assert_eq!(everything(&app).await, after, "{request:?}");
        first_answers.push(answer);
    }
    // Now everything is renamed, moved or gone; then the server starts anew.
    for _ in 0..2 {
        let before = everything(&app).await;
        for (request, answer) in every_write().into_iter().zip(&first_answers) {
            let again = app.send(request.clone()).await;
            assert_eq!(seen(&again), seen(answer), "{request:?}");
        }
        assert_eq!(everything(&app).await, before);
        app.pause().await;
        app.resume().await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_answer_stands_though_the_thing_has_changed_since() {
    let app = TestApp::start().await;
    let body = json!({ "listId": "list-todo", "title": "First" });
    let create = keyed("k1", "POST", "/tasks", &body);
    let made = app.send(create.clone()).await.expect(201);
    let path = format!("/tasks/{}", text(&made.json()["id"]));
    let rename = keyed("k2", "PATCH", &path, &json!({ "title": "Second" }));
    let renamed = app.send(rename.clone()).await.expect(200);
    app.patch(&path, &json!({ "title": "Third" }))
        .await
        .expect(200);

    assert_eq!(seen(&app.send(create.clone()).await), seen(&made));
    assert_eq!(seen(&app.send(rename.clone()).await), seen(&renamed));
    assert_eq!(
        app.get(&path).await.json()["title"],
        "Third",
        "no one is overwritten"
    );
    app.delete(&path).await.expect(204);
    assert_eq!(seen(&app.send(create).await), seen(&made));
    assert_eq!(seen(&app.send(rename).await), seen(&renamed));
    app.get(&path).await.expect(404);
    app.stop().await;
}

/// A precondition was met when the request came first: it is not asked again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_of_a_conditional_change_succeeds_again() {
    let app = TestApp::start().await;
    for (key, method, body) in [
        ("k1", "PATCH", json!({ "title": "Mine" })),
        ("k2", "DELETE", Value::Null),
    ] {
        let version = app
            .get("/tasks/task-try")
            .await
            .header("etag")
            .unwrap()
            .to_owned();
        let request = keyed(key, method, "/tasks/task-try", &body).header("If-Match", version);
        let first = app.send(request.clone()).await;
        assert!(first.status < 300, "{}", first.text());
        assert_eq!(seen(&app.send(request).await), seen(&first));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_have_one_effect_and_one_answer() {
    let app = TestApp::start().await;
    let writes = [
        (
            "POST",
            "/tasks",
            json!({ "listId": "list-todo", "title": "Once" }),
        ),
        (
            "PATCH",
            "/tasks/task-try/move",
            json!({ "listId": "list-done" }),
        ),
        ("PATCH", "/tasks/task-try", json!({ "title": "Tried" })),
        ("DELETE", "/tasks/task-try", Value::Null),
        (
            "POST",
            "/lists",
            json!({ "boardId": "board-1", "name": "Once" }),
        ),
    ];
    for (method, path, body) in writes {
        let before = app.cursor("board-1").await;
        let request = keyed(
            &format!("{method} {path}").replace(' ', "-"),
            method,
            path,
            &body,
        );
        let answers = at_once(&app, vec![request; 32]).await;
        assert!(answers[0].status < 300, "{}", answers[0].text());
        for answer in &answers {
            assert_eq!(seen(answer), seen(&answers[0]));
        }
        let events = app.events_after("board-1", &before).await;
        assert_eq!(events.len(), 1, "{method} {path}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_different_requests_under_one_key_one_wins() {
    let app = TestApp::start().await;
    let before = app.cursor("board-1").await;
    let request = |number| {
        let body = json!({ "listId": "list-todo", "title": format!("Task {number}") });
        keyed("k", "POST", "/tasks", &body)
    };
    let answers = at_once(&app, (0..16).map(request).collect()).await;
    let made: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .collect();
    assert_eq!(made.len(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        let refused = answer.clone().expect(422).json();
        assert_eq!(refused["code"], "key_reused");
    }
    let events = app.events_after("board-1", &before).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["task"], made[0].json());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_kept_for_24_hours() {
    let mut app = TestApp::start().await;
    let body = json!({ "listId": "list-todo", "title": "Daily" });
    let request = keyed("k", "POST", "/tasks", &body);
    let first = app.send(request.clone()).await.expect(201);
    app.clock().jump(TimeSpan::hours(23));
    assert_eq!(seen(&app.send(request.clone()).await), seen(&first));
    app.pause().await;
    app.resume().await;
    assert_eq!(seen(&app.send(request.clone()).await), seen(&first));

    // A day later it is another request, with a day of its own.
    app.clock().jump(TimeSpan::hours(2));
    let second = app.send(request.clone()).await.expect(201);
    assert_ne!(second.json()["id"], first.json()["id"]);
    app.clock().jump(TimeSpan::hours(23));
    assert_eq!(seen(&app.send(request.clone()).await), seen(&second));
    app.clock().jump(TimeSpan::hours(2));
    let other = json!({ "listId": "list-todo", "title": "Another use of the key" });
    app.send(keyed("k", "POST", "/tasks", &other))
        .await
        .expect(201);
    app.stop().await;
}

/// The answer is lost with the connection; the retry finds out what became of the request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_got_no_answer_asks_again_and_the_task_is_there_once() {
    let app = TestApp::start().await;
    for number in 0..20 {
        let title = format!("Lost {number}");
        let body = json!({ "listId": "list-todo", "title": title }).to_string();
        let request = format!(
            "POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Idempotency-Key: lost-{number}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut socket = RawSocket::open(app.address()).await;
        socket.write(request.as_bytes()).await.unwrap();
        drop(socket);
        let retry = Request::new("POST", "/tasks").header("Content-Type", "application/json");
        let retry = retry
            .header("Idempotency-Key", format!("lost-{number}"))
            .body(body);
        let task = app.send(retry).await.expect(201).json();
        let board = app.board("board-1").await;
        let tasks = board["lists"][0]["tasks"].as_array().unwrap().iter();
        let found: Vec<_> = tasks.filter(|task| task["title"] == title).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["id"], task["id"]);
    }
    app.stop().await;
}

/// What is asked, not how it is written around it, makes it the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_headers_do_not_make_another_request() {
    let app = TestApp::start().await;
    let body = json!({ "title": "Same" });
    let request = keyed("k", "PATCH", "/tasks/task-try", &body);
    let first = app.send(request.clone()).await.expect(200);
    let others = [
        request.clone().header("User-Agent", "another"),
        request.clone().header("Accept", "application/json"),
        keyed("k", "PATCH", "/tasks/task-try?", &body),
        Request::new("PATCH", "/tasks/task-try")
            .header(
                "content-type",
                "application/merge-patch+json; charset=utf-8",
            )
            .header("idempotency-key", "  k  ")
            .json(&body),
    ];
    for other in others {
        assert_eq!(
            seen(&app.send(other.clone()).await),
            seen(&first),
            "{other:?}"
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_on_a_read_means_nothing() {
    let app = TestApp::start().await;
    let read = Request::new("GET", "/tasks/task-try").header("Idempotency-Key", "k");
    app.send(read.clone()).await.expect(200);
    let edit = keyed("k", "PATCH", "/tasks/task-try", &json!({ "title": "New" }));
    app.send(edit).await.expect(200);
    assert_eq!(app.send(read).await.expect(200).json()["title"], "New");
    app.stop().await;
}
