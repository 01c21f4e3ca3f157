//! Contract 2, requests: each route's answers, what a deletion takes along, and what doesn't exist.

use super::{list_ids, list_of_four};
use crate::app::{TestApp, text};
use crate::raw::RawSocket;
use boardcast_sim::client::Request;
use boardcast_sim::stream::EventStream;
use serde_json::json;

/// One route after the other, each on what the ones before have made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_as_the_contract_says() {
    let app = TestApp::start().await;
    let steps = [
        ("GET", "/boards", None, 200),
        (
            "POST",
            "/boards",
            Some(json!({ "id": "b", "name": "B" })),
            201,
        ),
        ("GET", "/boards/b", None, 200),
        ("PATCH", "/boards/b", Some(json!({ "name": "B2" })), 200),
        (
            "POST",
            "/lists",
            Some(json!({ "id": "l", "boardId": "b", "name": "L" })),
            201,
        ),
        ("PATCH", "/lists/l", Some(json!({ "name": "L2" })), 200),
        (
            "PATCH",
            "/lists/l/move",
            Some(json!({ "position": 0 })),
            200,
        ),
        (
            "POST",
            "/tasks",
            Some(json!({ "id": "t", "listId": "l", "title": "T" })),
            201,
        ),
        ("GET", "/tasks/t", None, 200),
        ("PATCH", "/tasks/t", Some(json!({ "title": "T2" })), 200),
        (
            "PATCH",
            "/tasks/t/move",
            Some(json!({ "listId": "l" })),
            200,
        ),
        ("DELETE", "/tasks/t", None, 204),
        ("DELETE", "/lists/l", None, 204),
        ("DELETE", "/boards/b", None, 204),
        ("GET", "/healthz", None, 200),
        ("GET", "/", None, 200),
    ];
    for (method, path, body, status) in steps {
        let mut request = Request::new(method, path);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = app.send(request).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert!(answer.header("x-request-id").is_some(), "{method} {path}");
        if status == 204 {
            assert_eq!(answer.header("content-type"), None);
            assert_eq!(answer.body, b"");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_with_other_methods_says_which() {
    let app = TestApp::start().await;
    let routes = [
        ("PUT", "/boards", "GET, HEAD, POST"),
        ("POST", "/boards/board-1", "DELETE, GET, HEAD, PATCH"),
        ("POST", "/boards/board-1/events", "GET, HEAD"),
        ("GET", "/lists", "POST"),
        ("GET", "/lists/list-todo", "DELETE, PATCH"),
        ("POST", "/lists/list-todo/move", "PATCH"),
        ("DELETE", "/tasks", "POST"),
        ("PUT", "/tasks/task-try", "DELETE, GET, HEAD, PATCH"),
        ("GET", "/tasks/task-try/move", "PATCH"),
        ("POST", "/healthz", "GET, HEAD"),
        ("BREW", "/", "GET, HEAD"),
    ];
    for (method, path, expected) in routes {
        let answer = app.send(Request::new(method, path)).await.expect(405);
        assert_eq!(answer.json()["code"], "method_not_allowed");
        let allow = answer.header("allow").expect("Allow");
        let mut allowed: Vec<_> = allow.split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(", "), expected, "{method} {path}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_route_is_a_problem_and_not_a_page() {
    let app = TestApp::start().await;
    let nowhere = [
        "/nothing",
        "/boards/",
        "/boards//",
        "//boards",
        "/Boards",
        "/boards/board-1/",
        "/boards/board-1/lists",
        "/tasks/task-try/move/",
        "/boards/board-1/%65vents",
        "/b%2Fboard-1",
        "/bo/board-1",
        "/tasks/../boards",
        "/.",
        "/boards;x=1",
        "/index.html",
        "/favicon.ico",
        "/.git/config",
    ];
    for path in nowhere {
        for method in ["GET", "POST", "DELETE"] {
            let answer = app.send(Request::new(method, path)).await.expect(404);
            assert_eq!(answer.json()["code"], "not_found", "{method} {path}");
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json")
            );
        }
    }
    app.stop().await;
}

/// `HEAD` is `GET` without the body (RFC 9110, 9.3.2).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_tells_what_get_would() {
    let app = TestApp::start().await;
    for path in [
        "/boards",
        "/boards/board-1",
        "/tasks/task-try",
        "/healthz",
        "/tasks/nope",
    ] {
        let get = app.get(path).await;
        let head = app.send(Request::new("HEAD", path)).await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.body, b"");
        for name in ["content-type", "content-length", "etag"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
    let head = app
        .send(Request::new("HEAD", "/boards/board-1/events"))
        .await;
    let head = head.expect(200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_is_gone_and_a_second_delete_says_so() {
    let app = TestApp::start().await;
    let board = json!({ "id": "b", "name": "B" });
    app.post("/boards", &board).await.expect(201);
    for path in ["/tasks/task-try", "/lists/list-done", "/boards/b"] {
        app.delete(path).await.expect(204);
        let cursor = app.cursor("board-1").await;
        for _ in 0..2 {
            let again = app.delete(path).await.expect(404);
            assert_eq!(again.json()["code"], "not_found");
        }
        let field = if path.starts_with("/tasks") {
            "title"
        } else {
            "name"
        };
        app.patch(path, &json!({ field: "x" })).await.expect(404);
        if !path.starts_with("/lists") {
            app.get(path).await.expect(404);
        }
        if !path.starts_with("/boards") {
            let to_top = json!({ "position": "top" });
            app.patch(&format!("{path}/move"), &to_top)
                .await
                .expect(404);
        }
        assert_eq!(app.cursor("board-1").await, cursor, "nothing more happened");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_list_takes_its_tasks_along_in_one_event() {
    let app = TestApp::start().await;
    list_of_four(&app).await;
    let before = app.cursor("board-1").await;
    app.delete("/lists/four").await.expect(204);
    let events = app.events_after("board-1", &before).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["type"], "list_deleted");
    assert_eq!(events[0]["listId"], "four");
    assert!(!list_ids(&app.board("board-1").await).contains(&"four".to_owned()));
    for id in ["a", "b", "c", "d"] {
        app.get(&format!("/tasks/{id}")).await.expect(404);
        app.delete(&format!("/tasks/{id}")).await.expect(404);
        let edit = json!({ "title": "x" });
        app.patch(&format!("/tasks/{id}"), &edit).await.expect(404);
        let away = json!({ "listId": "list-todo" });
        app.patch(&format!("/tasks/{id}/move"), &away)
            .await
            .expect(404);
    }
    let task = json!({ "listId": "four", "title": "x" });
    let refused = app.post("/tasks", &task).await.expect(422).json();
    assert_eq!(refused["field"], "listId");
    let into = json!({ "listId": "four" });
    app.patch("/tasks/task-try/move", &into).await.expect(422);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_board_ends_its_streams_and_takes_everything_along() {
    let app = TestApp::start().await;
    let address = app.address();
    let opened = EventStream::open(address, "/boards/board-1/events", &[]).await;
    let mut stream = opened.unwrap().stream;
    let connected = stream.next_event().await.unwrap().unwrap();
    app.delete("/boards/board-1").await.expect(204);

    let last = stream.next_event().await.unwrap().unwrap();
    assert_eq!(last.kind(), "board_deleted");
    assert_eq!(stream.next().await, Ok(None), "an orderly end");
    for path in [
        "/boards/board-1",
        "/tasks/task-try",
        "/boards/board-1/events",
    ] {
        app.get(path).await.expect(404);
    }
    let comeback = format!("/boards/board-1/events?after={}", connected.id.unwrap());
    app.get(&comeback).await.expect(204);
    assert_eq!(
        app.get("/boards").await.expect(200).json()["boards"],
        json!([])
    );
    for path in ["/lists/list-todo", "/tasks/task-try", "/boards/board-1"] {
        app.delete(path).await.expect(404);
    }
    let list = json!({ "boardId": "board-1", "name": "x" });
    let refused = app.post("/lists", &list).await.expect(422).json();
    assert_eq!(refused["field"], "boardId");
    let task = json!({ "listId": "list-todo", "title": "x" });
    let refused = app.post("/tasks", &task).await.expect(422).json();
    assert_eq!(refused["field"], "listId");
    app.stop().await;
}

/// An orderly restart is not seen by who asks before and after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_is_the_same_after_a_restart() {
    let mut app = TestApp::start().await;
    list_of_four(&app).await;
    app.patch("/tasks/b/move", &json!({ "position": "top" }))
        .await
        .expect(200);
    app.delete("/tasks/c").await.expect(204);
    let paths = [
        "/boards",
        "/boards/board-1",
        "/tasks/b",
        "/tasks/task-watch",
    ];
    let mut before = Vec::new();
    for path in paths {
        before.push(app.get(path).await.expect(200));
    }
    app.pause().await;
    app.resume().await;
    for (path, before) in paths.into_iter().zip(before) {
        let after = app.get(path).await.expect(200);
        assert_eq!(after.body, before.body, "{path}");
        assert_eq!(after.header("etag"), before.header("etag"), "{path}");
    }
    app.get("/tasks/c").await.expect(404);
    app.stop().await;
}

/// Several requests in one write are answered in their order (RFC 9112, 9.3.2).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_one_write_are_answered_in_their_order() {
    let app = TestApp::start().await;
    let edit = |title: &str| {
        let body = json!({ "title": title }).to_string();
        let length = body.len();
        format!(
            "PATCH /tasks/task-try HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let read = "GET /tasks/task-try HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let titles: Vec<_> = (0..20).map(|number| format!("Title {number}")).collect();
    let all: String = titles
        .iter()
        .map(|title| edit(title) + &edit(" ") + read)
        .collect();
    let mut socket = RawSocket::open(app.address()).await;
    socket.write(all.as_bytes()).await.unwrap();
    for title in &titles {
        for status in [200, 422, 200] {
            let answer = socket.answer().await.unwrap().expect(status);
            if status == 200 {
                assert_eq!(answer.json()["title"], *title);
            }
        }
    }
    app.stop().await;
}

/// Pages are for whoever takes JSON alone; the stream is given to all others who take it, or say nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_route_gives_a_stream_unless_json_alone_is_accepted() {
    let app = TestApp::start().await;
    let path = "/boards/board-1/events";
    for accept in ["application/json", "application/json, */*;q=0.1"] {
        let request = Request::new("GET", path).header("accept", accept);
        let page = app.send(request).await.expect(200).json();
        assert_eq!(page["events"][0]["data"]["type"], "board_created");
    }
    for accept in [
        "text/event-stream",
        "*/*",
        "application/json, text/event-stream",
    ] {
        let opened = EventStream::open(app.address(), path, &[("accept", accept)]).await;
        assert_eq!(opened.unwrap().status, 200, "{accept}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_percent_encoded_id_names_the_same_thing() {
    let app = TestApp::start().await;
    let plain = app.get("/tasks/task-try").await.expect(200);
    let coded = app.get("/tasks/task%2Dtry").await.expect(200);
    assert_eq!(plain.body, coded.body);
    let edit = json!({ "title": "Coded" });
    let edited = app.patch("/tasks/%74ask-try", &edit).await.expect(200);
    assert_eq!(text(&edited.json()["title"]), "Coded");
    app.stop().await;
}
