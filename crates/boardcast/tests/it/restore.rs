//! Contract 2, what was deleted and how it comes back.

mod bounds;
mod lists;
mod reading;

use crate::app::TestApp;
use crate::stream::{cursor_of, expect_quiet, greet, next};
use boardcast_sim::client::{Answer, Request};
use boardcast_sim::stream::EventStream;
use serde_json::{Value, json};

/// Restores a thing.
async fn restore(app: &TestApp, path: &str) -> Answer {
    app.client()
        .send(Request::new("POST", format!("{path}/restore")))
        .await
        .expect("an answer")
}

/// A server with the demo board and the board `a`, whose list `list-a` holds the tasks t1, t2 and t3.
async fn start() -> TestApp {
    let app = TestApp::start().await;
    app.add_board("a").await;
    for id in ["t1", "t2", "t3"] {
        add(&app, "list-a", id).await;
    }
    app
}

async fn add(app: &TestApp, list: &str, id: &str) -> Value {
    let task = json!({ "listId": list, "id": id, "title": id, "description": format!("on {id}") });
    app.post("/tasks", &task).await.expect(201).json()
}

async fn watch(app: &TestApp, board: &str) -> EventStream {
    let opened = crate::stream::ask_for(app, board, "", None).await;
    greet(opened).await.0
}

/// The ids in a list of the board `a`, in their order.
async fn order(app: &TestApp, list: &str) -> Vec<String> {
    let board = app.board("a").await;
    let mut lists = board["lists"].as_array().unwrap().iter();
    let list = lists.find(|other| other["id"] == list).expect("the list");
    ids(&list["tasks"])
}

fn ids(things: &Value) -> Vec<String> {
    let things = things.as_array().unwrap().iter();
    things
        .map(|thing| thing["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Checks that a thing came back as it was but for version and time, and its rank if that is told.
fn check_came_back(before: &Value, after: &Value, rank: Option<&Value>) {
    let mut expected = before.clone();
    expected["version"] = json!(before["version"].as_u64().unwrap() + 1);
    expected["updatedAt"] = after["updatedAt"].clone();
    expected["rank"] = rank.unwrap_or(&before["rank"]).clone();
    assert_eq!(*after, expected);
}

fn check_refused(answer: &Answer, status: u16, code: &str, case: &str) {
    assert_eq!(answer.status, status, "{case}: {}", answer.text());
    assert_eq!(answer.json()["code"], code, "{case}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_comes_back_to_where_it_stood() {
    let app = start().await;
    let before = app.get("/tasks/t2").await.expect(200).json();
    app.delete("/tasks/t2").await.expect(204);
    app.get("/tasks/t2").await.expect(404);
    let mut stream = watch(&app, "a").await;
    let answer = restore(&app, "/tasks/t2").await.expect(200);
    assert_eq!(answer.header("etag"), Some("\"2\""));
    check_came_back(&before, &answer.json(), None);
    let event = next(&mut stream).await.json();
    assert_eq!(event["type"], "task_created");
    assert_eq!(event["task"], answer.json());
    assert_eq!(event["at"], answer.json()["updatedAt"]);
    assert_eq!(order(&app, "list-a").await, ["t1", "t2", "t3"]);
    assert_eq!(app.get("/tasks/t2").await.expect(200).json(), answer.json());
    expect_quiet(&mut stream).await;
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_whose_place_is_taken_comes_back_right_after_who_stands_there() {
    let app = start().await;
    let before = app.get("/tasks/t2").await.expect(200).json();
    app.delete("/tasks/t2").await.expect(204);
    // The middle of the same gap is the same rank.
    let taker = json!({ "listId": "list-a", "id": "taker", "title": "x", "after": "t1" });
    let taker = app.post("/tasks", &taker).await.expect(201).json();
    assert_eq!(taker["rank"], before["rank"], "the case that is meant");
    let after = restore(&app, "/tasks/t2").await.expect(200).json();
    check_came_back(&before, &after, Some(&after["rank"]));
    assert_eq!(order(&app, "list-a").await, ["t1", "taker", "t2", "t3"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_whose_list_is_gone_waits_for_the_list() {
    let app = start().await;
    app.delete("/tasks/t1").await.expect(204);
    app.delete("/lists/list-a").await.expect(204);
    let cursor = cursor_of(&app, "a").await;
    // Deleted on its own, or with the list.
    for task in ["/tasks/t1", "/tasks/t2"] {
        check_refused(&restore(&app, task).await, 409, "list_gone", task);
    }
    assert_eq!(cursor_of(&app, "a").await, cursor);
    restore(&app, "/lists/list-a").await.expect(200);
    assert_eq!(order(&app, "list-a").await, ["t2", "t3"]);
    restore(&app, "/tasks/t1").await.expect(200);
    assert_eq!(order(&app, "list-a").await, ["t1", "t2", "t3"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restoring_what_lives_changes_nothing() {
    let app = start().await;
    let mut stream = watch(&app, "a").await;
    let cursor = cursor_of(&app, "a").await;
    let board = app.board("a").await;
    for path in ["/tasks/t1", "/lists/list-a", "/boards/a"] {
        let found = restore(&app, path).await.expect(200).json();
        assert_eq!(found["version"], 1, "{path}");
    }
    assert_eq!(cursor_of(&app, "a").await, cursor);
    assert_eq!(app.board("a").await, board);
    expect_quiet(&mut stream).await;
    for path in [
        "/tasks/none",
        "/lists/none",
        "/boards/none",
        "/tasks/n%C3%B6",
    ] {
        check_refused(&restore(&app, path).await, 404, "not_found", path);
    }
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_takes_an_empty_body_or_an_empty_object() {
    let app = start().await;
    for path in ["/tasks/t1", "/lists/list-a", "/boards/a"] {
        let url = format!("{path}/restore");
        for (body, status) in [
            (json!({}), 200),
            (json!({ "listId": "list-a" }), 422),
            (json!({ "position": "top" }), 422),
            (json!([]), 422),
            (json!(null), 422),
        ] {
            app.delete(path).await.expect(204);
            let answer = app.post(&url, &body).await;
            assert_eq!(answer.status, status, "{path} {body}");
            if status == 422 {
                check_refused(&answer, 422, "invalid", path);
                restore(&app, path).await.expect(200);
            }
        }
        app.delete(path).await.expect(204);
        let request = Request::new("POST", url.clone());
        let malformed = request.clone().header("content-type", "application/json");
        let malformed = app.client().send(malformed.body("{")).await.unwrap();
        check_refused(&malformed, 400, "malformed_json", path);
        let undeclared = app.client().send(request.body("{}")).await.unwrap();
        check_refused(&undeclared, 415, "not_json", path);
        let query = app.post(&format!("{url}?force=1"), &json!({})).await;
        check_refused(&query, 422, "invalid", path);
        restore(&app, path).await.expect(200);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn if_match_compares_with_the_version_it_was_deleted_at() {
    let app = start().await;
    app.patch("/tasks/t1", &json!({ "title": "Two" }))
        .await
        .expect(200);
    for (path, version) in [("/tasks/t1", 2), ("/lists/list-a", 1), ("/boards/a", 1)] {
        app.delete(path).await.expect(204);
        let ask = |tag: String| {
            let request = Request::new("POST", format!("{path}/restore"));
            let client = app.client();
            async move { client.send(request.header("If-Match", tag)).await.unwrap() }
        };
        let refused = ask(format!("\"{}\"", version + 1)).await;
        check_refused(&refused, 412, "version_mismatch", path);
        assert_eq!(refused.json()["current"]["version"], version, "{path}");
        let restored = ask(format!("W/\"{version}\", \"99\"")).await.expect(200);
        assert_eq!(restored.json()["version"], version + 1);
        // It lives now, and has another version.
        let late = ask(format!("\"{version}\"")).await;
        check_refused(&late, 412, "version_mismatch", path);
        ask("*".into()).await.expect(200);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_restore_again_gets_the_first_answer_and_does_nothing() {
    let app = start().await;
    for path in ["/tasks/t1", "/lists/list-a", "/boards/a"] {
        let ask = |key: &'static str| {
            let key = format!("{key}{path}");
            let request = Request::new("POST", format!("{path}/restore"));
            let client = app.client();
            async move {
                let request = request.header("Idempotency-Key", key);
                client.send(request).await.unwrap()
            }
        };
        app.delete(path).await.expect(204);
        let first = ask("once").await.expect(200);
        let cursor = cursor_of(&app, "a").await;
        assert_eq!(ask("once").await.expect(200).json(), first.json());
        assert_eq!(cursor_of(&app, "a").await, cursor, "{path}");
        // Deleted again it stays so, whatever an old request says.
        app.delete(path).await.expect(204);
        assert_eq!(ask("once").await.expect(200).json(), first.json());
        assert_eq!(ask("again").await.expect(200).json()["version"], 3);
    }
    app.stop().await;
}
