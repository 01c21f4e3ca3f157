//! Contract 2, a task moved into a list of another board: `task_deleted` there, `task_created` here,
//! in one transaction, and on a merged stream always in that order.

mod stress;

use crate::app::TestApp;
use crate::stream::{ask_for, cursor_of, expect_quiet, greet, next};
use boardcast_sim::client::{Answer, Request};
use serde_json::{Value, json};

/// A server with the boards `a` and `b`; `list-a` holds the tasks t1, t2 and t3, `list-b` u1 and u2.
async fn start() -> TestApp {
    let app = TestApp::start().await;
    for (board, tasks) in [("a", ["t1", "t2", "t3"].as_slice()), ("b", &["u1", "u2"])] {
        app.add_board(board).await;
        for id in tasks {
            let list = format!("list-{board}");
            let task = json!({ "listId": list, "id": id, "title": id, "description": "why" });
            app.post("/tasks", &task).await.expect(201);
        }
    }
    app
}

/// Moves a task with a header or without.
async fn move_with(app: &TestApp, id: &str, body: &Value, header: Option<(&str, &str)>) -> Answer {
    let mut request = Request::new("PATCH", format!("/tasks/{id}/move")).json(body);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    app.client().send(request).await.expect("an answer")
}

async fn move_to(app: &TestApp, id: &str, body: &Value) -> Answer {
    move_with(app, id, body, None).await
}

/// The ids of the tasks in a board's only list.
async fn order(app: &TestApp, board: &str) -> Vec<String> {
    let board = app.board(board).await;
    let tasks = board["lists"][0]["tasks"].as_array().unwrap().iter();
    tasks
        .map(|task| task["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Checks that the move is refused and neither board moved.
async fn check_refused(app: &TestApp, id: &str, body: &Value, status: u16, code: &str) {
    let before = [cursor_of(app, "a").await, cursor_of(app, "b").await];
    let answer = move_to(app, id, body).await;
    assert_eq!(answer.status, status, "{id} {body}: {}", answer.text());
    assert_eq!(answer.json()["code"], code, "{id} {body}");
    let after = [cursor_of(app, "a").await, cursor_of(app, "b").await];
    assert_eq!(after, before, "{id} {body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_leaves_one_board_and_comes_to_the_other() {
    let app = start().await;
    let before = app.get("/tasks/t2").await.expect(200).json();
    let (mut a, _) = greet(ask_for(&app, "a", "", None).await).await;
    let (mut b, _) = greet(ask_for(&app, "b", "", None).await).await;
    let (mut both, _) = crate::merged::open(&app, "?boards=b,a", None).await;
    let answer = move_to(&app, "t2", &json!({ "listId": "list-b" })).await;
    let after = answer.expect(200);
    assert_eq!(after.header("etag"), Some("\"2\""));
    let after = after.json();
    let mut expected = before;
    for changed in ["listId", "rank", "version", "updatedAt"] {
        expected[changed] = after[changed].clone();
    }
    assert_eq!(after, expected);
    assert_eq!(
        (&after["listId"], &after["version"]),
        (&json!("list-b"), &json!(2))
    );
    let left = next(&mut a).await;
    let event = left.json();
    assert_eq!(
        (&event["type"], &event["taskId"]),
        (&json!("task_deleted"), &json!("t2"))
    );
    assert_eq!(
        (&event["boardId"], &event["at"]),
        (&json!("a"), &after["updatedAt"])
    );
    let came = next(&mut b).await;
    let event = came.json();
    assert_eq!(
        (&event["type"], &event["task"]),
        (&json!("task_created"), &after)
    );
    assert_eq!(event["boardId"], "b");
    assert_eq!(next(&mut both).await.data, left.data);
    assert_eq!(next(&mut both).await.data, came.data);
    for stream in [&mut a, &mut b, &mut both] {
        expect_quiet(stream).await;
    }
    assert_eq!(order(&app, "a").await, ["t1", "t3"]);
    assert_eq!(order(&app, "b").await, ["u1", "u2", "t2"]);
    assert_eq!(app.get("/tasks/t2").await.expect(200).json(), after);
    drop((a, b, both));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_where_it_is_told_among_the_others() {
    let app = start().await;
    let mut version = 1;
    for (place, expected) in [
        (json!({ "position": "top" }), ["t1", "u1", "u2"]),
        (json!({ "position": 1 }), ["u1", "t1", "u2"]),
        (json!({ "position": 99 }), ["u1", "u2", "t1"]),
        (json!({ "before": "u1" }), ["t1", "u1", "u2"]),
        (json!({ "after": "u1" }), ["u1", "t1", "u2"]),
        (json!({}), ["u1", "u2", "t1"]),
    ] {
        let mut body = place;
        body["listId"] = json!("list-b");
        let moved = move_to(&app, "t1", &body).await.expect(200).json();
        assert_eq!(order(&app, "b").await, expected, "{body}");
        let home = json!({ "listId": "list-a", "position": "top" });
        let back = move_to(&app, "t1", &home).await.expect(200).json();
        assert_eq!(order(&app, "a").await, ["t1", "t2", "t3"]);
        assert_eq!(moved["version"], json!(version + 1));
        assert_eq!(back["version"], json!(version + 2));
        assert_eq!(back["createdAt"], moved["createdAt"]);
        version += 2;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_cannot_be_done_changes_neither_board() {
    let app = start().await;
    let to_b = |field: &str, value: Value| {
        let mut body = json!({ "listId": "list-b" });
        body[field] = value;
        body
    };
    for field in ["before", "after"] {
        // A neighbour must stand in the target now: not in the old list, not nowhere, not itself.
        for neighbour in ["t1", "t3", "nobody", "t2"] {
            let body = to_b(field, json!(neighbour));
            check_refused(&app, "t2", &body, 409, "neighbour_gone").await;
        }
        let body = json!({ field: "u1" });
        check_refused(&app, "t2", &body, 409, "neighbour_gone").await;
    }
    for list in ["nowhere", "list-gone"] {
        let body = json!({ "listId": list });
        check_refused(&app, "t2", &body, 422, "unknown_reference").await;
    }
    check_refused(&app, "t2", &to_b("position", json!(-1)), 422, "invalid").await;
    check_refused(&app, "t2", &to_b("boardId", json!("b")), 422, "invalid").await;
    check_refused(
        &app,
        "nobody",
        &json!({ "listId": "list-b" }),
        404,
        "not_found",
    )
    .await;
    assert_eq!(order(&app, "a").await, ["t1", "t2", "t3"]);
    app.delete("/boards/b").await.expect(204);
    let to_nowhere = move_to(&app, "t2", &json!({ "listId": "list-b" })).await;
    assert_eq!(to_nowhere.expect(422).json()["code"], "unknown_reference");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_move_again_gets_the_first_answer() {
    let app = start().await;
    let to_b = json!({ "listId": "list-b" });
    let key = Some(("Idempotency-Key", "move-1"));
    let first = move_with(&app, "t1", &to_b, key).await.expect(200);
    let home = json!({ "listId": "list-a", "position": "top" });
    move_to(&app, "t1", &home).await.expect(200);
    let again = move_with(&app, "t1", &to_b, key).await.expect(200);
    assert_eq!(
        (again.json(), again.header("etag")),
        (first.json(), Some("\"2\""))
    );
    assert_eq!(order(&app, "a").await, ["t1", "t2", "t3"]);
    let other = move_with(&app, "t1", &home, key).await.expect(422);
    assert_eq!(other.json()["code"], "key_reused");
    // Without a key the same once more is a move to where it stands.
    for expected in [4, 4] {
        let moved = move_to(&app, "t1", &to_b).await.expect(200).json();
        assert_eq!(moved["version"], expected);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn if_match_holds_a_move_to_the_version_that_was_seen() {
    let app = start().await;
    let to_b = json!({ "listId": "list-b" });
    let stale = move_with(&app, "t1", &to_b, Some(("If-Match", "\"7\""))).await;
    let problem = stale.expect(412).json();
    assert_eq!(problem["code"], "version_mismatch");
    assert_eq!(problem["current"], app.get("/tasks/t1").await.json());
    let moved = move_with(&app, "t1", &to_b, Some(("If-Match", "\"1\""))).await;
    assert_eq!(moved.expect(200).header("etag"), Some("\"2\""));
    // Whoever saw it on the old board is told what it is now.
    let late = json!({ "listId": "list-a" });
    let late = move_with(&app, "t1", &late, Some(("If-Match", "\"1\""))).await;
    assert_eq!(late.expect(412).json()["current"]["listId"], "list-b");
    let known = Request::new("GET", "/tasks/t1").header("If-None-Match", "\"2\"");
    app.client().send(known).await.unwrap().expect(304);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_belongs_to_the_board_it_went_to() {
    let app = start().await;
    move_to(&app, "t1", &json!({ "listId": "list-b" }))
        .await
        .expect(200);
    // What becomes of the old list and board is nothing to it.
    app.delete("/lists/list-a").await.expect(204);
    app.post("/lists/list-a/restore", &json!({}))
        .await
        .expect(200);
    assert_eq!(order(&app, "a").await, ["t2", "t3"]);
    app.delete("/boards/a").await.expect(204);
    app.get("/tasks/t1").await.expect(200);
    app.get("/tasks/t2").await.expect(404);
    app.delete("/lists/list-b").await.expect(204);
    app.post("/boards/a/restore", &json!({})).await.expect(200);
    app.get("/tasks/t1").await.expect(404);
    app.post("/lists/list-b/restore", &json!({}))
        .await
        .expect(200);
    assert_eq!(order(&app, "b").await, ["u1", "u2", "t1"]);
    // Made once, it can be made again as the same create, wherever it went.
    let same = json!({ "listId": "list-a", "id": "t1", "title": "t1", "description": "why" });
    let same = app.post("/tasks", &same).await.expect(201).json();
    assert_eq!(same["listId"], "list-b");
    app.stop().await;
}
