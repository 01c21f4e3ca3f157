//! Contract 1: each event that carries a thing adds 1 to its `version` and sets its `updatedAt`; a
//! board's `updatedAt` is that of its last event; `createdAt` never changes. A change that changes
//! nothing is answered with 200 and is no event.

use crate::app::{TestApp, TimeSpan, text};
use boardcast_sim::client::Request;
use serde_json::{Value, json};

/// Sends a request an hour after the last one; the one event that it makes.
async fn change(app: &TestApp, method: &str, path: &str, body: Value) -> Value {
    app.clock().jump(TimeSpan::hours(1));
    let cursor = app.cursor("board-1").await;
    let mut request = Request::new(method, path);
    if method != "DELETE" {
        request = request.json(&body);
    }
    let answer = app.send(request).await;
    assert!(answer.status < 300, "{method} {path}: {}", answer.text());
    let mut events = app.events_after("board-1", &cursor).await;
    assert_eq!(events.len(), 1, "{method} {path} {body}");
    let event = events.remove(0);
    assert_eq!(
        (&event["boardId"], &event["by"]),
        (&json!("board-1"), &json!(null))
    );
    let board = app.board("board-1").await;
    assert_eq!(board["updatedAt"], event["at"]);
    if !answer.body.is_empty() {
        let kind = text(&event["type"]);
        let (thing, _) = kind.split_once('_').unwrap();
        assert_eq!(
            event[thing],
            answer.json(),
            "the answer is what watchers see"
        );
        assert_eq!(event[thing]["updatedAt"], event["at"]);
    }
    event
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_counts_a_version_and_sets_the_time() {
    let app = TestApp::start().await;
    let task = json!({ "listId": "list-todo", "title": "x", "id": "t" });
    let list = json!({ "boardId": "board-1", "name": "x", "id": "l" });
    let things = [
        ("task", "/tasks", task, "/tasks/t", "title"),
        ("list", "/lists", list, "/lists/l", "name"),
    ];
    for (thing, creates, body, path, field) in things {
        let made = change(&app, "POST", creates, body).await;
        assert_eq!(made["type"], format!("{thing}_created"));
        let created_at = made["at"].clone();
        let changes = [
            ("updated", path.to_owned(), json!({ field: "y" })),
            (
                "moved",
                format!("{path}/move"),
                json!({ "position": "top" }),
            ),
            ("updated", path.to_owned(), json!({ field: "x" })),
            ("moved", format!("{path}/move"), json!({})),
        ];
        let mut before = made;
        for (version, (what, path, body)) in (2..).zip(changes) {
            let event = change(&app, "PATCH", &path, body).await;
            assert_eq!(event["type"], format!("{thing}_{what}"));
            assert_eq!(event[thing]["version"], version);
            assert_eq!(event[thing]["createdAt"], created_at);
            assert!(text(&event["at"]) > text(&before["at"]));
            before = event;
        }
        let gone = change(&app, "DELETE", path, json!(null)).await;
        assert_eq!(gone["type"], format!("{thing}_deleted"));
        assert_eq!(gone.get(thing), None);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_boards_version_counts_its_own_changes_alone() {
    let app = TestApp::start().await;
    let first = app.board("board-1").await;
    assert_eq!(first["version"], 1);
    let edit = json!({ "title": "x" });
    change(&app, "PATCH", "/tasks/task-try", edit).await;
    let after_task = app.board("board-1").await;
    assert_eq!(after_task["version"], 1);
    assert_ne!(after_task["updatedAt"], first["updatedAt"]);

    let renamed = change(&app, "PATCH", "/boards/board-1", json!({ "name": "New" })).await;
    assert_eq!(renamed["type"], "board_updated");
    assert_eq!(renamed["board"]["version"], 2);
    assert_eq!(renamed["board"]["createdAt"], first["createdAt"]);
    let board = app.board("board-1").await;
    assert_eq!(
        (&board["version"], &board["name"]),
        (&json!(2), &json!("New"))
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_leaves_the_neighbours_alone() {
    let app = TestApp::start().await;
    super::list_of_four(&app).await;
    let before = app.board("board-1").await;
    change(&app, "PATCH", "/tasks/d/move", json!({ "after": "a" })).await;
    let after = app.board("board-1").await;
    let versions = |board: &Value| -> Vec<(String, u64)> {
        let lists = board["lists"].as_array().unwrap().iter();
        let tasks = lists.flat_map(|list| list["tasks"].as_array().unwrap());
        let version = |task: &Value| (text(&task["id"]), task["version"].as_u64().unwrap());
        let mut versions: Vec<_> = tasks.map(version).filter(|(id, _)| id != "d").collect();
        versions.sort();
        versions
    };
    assert_eq!(versions(&before), versions(&after));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_changes_nothing_is_no_event() {
    let app = TestApp::start().await;
    let description = json!({ "description": "Why" });
    app.patch("/tasks/task-try", &description).await.expect(200);
    let before = app.get("/boards/board-1").await;
    app.clock().jump(TimeSpan::hours(1));
    let nothing = [
        ("/tasks/task-try", json!({})),
        ("/tasks/task-try", json!({ "title": "Try Boardcast" })),
        ("/tasks/task-try", json!({ "description": "Why" })),
        (
            "/tasks/task-try",
            json!({ "title": "Try Boardcast", "description": "Why" }),
        ),
        ("/tasks/task-start", json!({ "description": null })),
        ("/tasks/task-start", json!({ "description": "" })),
        ("/lists/list-todo", json!({})),
        ("/lists/list-todo", json!({ "name": "To do" })),
        ("/boards/board-1", json!({})),
        ("/boards/board-1", json!({ "name": "Demo board" })),
    ];
    for (path, body) in nothing {
        let answer = app.patch(path, &body).await.expect(200).json();
        let shown = match path.split('/').nth(1).unwrap() {
            "tasks" => app.get(path).await.json(),
            "lists" => list_itself(&app.board("board-1").await["lists"][0]),
            _ => app.get("/boards").await.json()["boards"][0].clone(),
        };
        assert_eq!(answer, shown, "{path} {body}");
        assert_eq!(
            app.get("/boards/board-1").await.body,
            before.body,
            "{path} {body}"
        );
    }
    app.stop().await;
}

fn list_itself(in_snapshot: &Value) -> Value {
    let mut list = in_snapshot.clone();
    list.as_object_mut().unwrap().remove("tasks");
    list
}
