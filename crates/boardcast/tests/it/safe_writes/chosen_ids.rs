//! Contract 1, ids: a client may choose one. The same create again, by method, path and body bytes,
//! answers with the thing as it now is; any other create under the id is refused, whatever has
//! become of the thing.

use super::{at_once, seen};
use crate::app::{TestApp, text};
use boardcast_sim::client::{Answer, Request};
use serde_json::{Value, json};

/// A create of each kind under the id `mine`, as bytes; and its later path.
const CREATES: [(&str, &str, &str); 3] = [
    ("/boards", r#"{"id":"mine","name":"First"}"#, "/boards/mine"),
    (
        "/lists",
        r#"{"id":"mine","boardId":"board-1","name":"First"}"#,
        "/lists/mine",
    ),
    (
        "/tasks",
        r#"{"id":"mine","listId":"list-todo","title":"First"}"#,
        "/tasks/mine",
    ),
];

async fn create(app: &TestApp, path: &str, body: &str) -> Answer {
    let request = Request::new("POST", path).header("Content-Type", "application/json");
    app.send(request.body(body)).await
}

#[track_caller]
fn expect_taken(answer: Answer) {
    let refused = answer.expect(409).json();
    assert_eq!(refused["code"], "id_taken");
    assert_eq!(refused["field"], "id");
    assert_eq!(refused.get("current"), None, "only that it is taken");
}

/// The one field that each kind's edit changes.
fn edit(path: &str) -> Value {
    if path.starts_with("/tasks") {
        json!({ "title": "Second" })
    } else {
        json!({ "name": "Second" })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_create_again_answers_with_the_thing_as_it_now_is() {
    let mut app = TestApp::start().await;
    for (path, body, thing_path) in CREATES {
        let first = create(&app, path, body).await.expect(201);
        assert_eq!(first.json()["id"], "mine");
        let before = app.cursor("board-1").await;
        let again = create(&app, path, body).await;
        assert_eq!(seen(&again), seen(&first));
        assert_eq!(app.cursor("board-1").await, before, "no second event");

        let edited = app.patch(thing_path, &edit(path)).await.expect(200);
        let again = create(&app, path, body).await.expect(201);
        assert_eq!(again.body, edited.body);
    }
    app.pause().await;
    app.resume().await;
    let before = app.get("/boards/board-1").await;
    for (path, body, _) in CREATES {
        let again = create(&app, path, body).await.expect(201).json();
        assert_eq!(again["version"], 2);
    }
    assert_eq!(app.get("/boards/board-1").await.body, before.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_other_create_under_the_id_is_refused() {
    let app = TestApp::start().await;
    for (path, body, _) in CREATES {
        create(&app, path, body).await.expect(201);
        let before = app.get("/boards/board-1").await;
        let others = [
            body.replace("First", "Other"),
            body.replace(':', ": "),
            format!("{body}\n"),
            body.replace("\"First\"", "\"First\",\"id\":\"mine\""),
        ];
        for other in others {
            expect_taken(create(&app, path, &other).await);
        }
        assert_eq!(app.get("/boards/board-1").await.body, before.body);
        // The first one's author still gets it.
        create(&app, path, body).await.expect(201);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_thing_keeps_its_id() {
    let mut app = TestApp::start().await;
    for (path, body, thing_path) in CREATES {
        create(&app, path, body).await.expect(201);
        app.delete(thing_path).await.expect(204);
    }
    for _ in 0..2 {
        for (path, body, thing_path) in CREATES {
            expect_taken(create(&app, path, body).await);
            expect_taken(create(&app, path, &body.replace("First", "Other")).await);
            app.patch(thing_path, &edit(path)).await.expect(404);
        }
        app.pause().await;
        app.resume().await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_went_with_its_board_or_list_keeps_its_id() {
    let app = TestApp::start().await;
    let on_board = json!({ "id": "with-board", "boardId": "gone", "name": "x" });
    let in_list = json!({ "id": "with-list", "listId": "list-done", "title": "x" });
    let deep = json!({ "id": "deep", "listId": "with-board", "title": "x" });
    app.post("/boards", &json!({ "id": "gone", "name": "x" }))
        .await
        .expect(201);
    app.post("/lists", &on_board).await.expect(201);
    app.post("/tasks", &in_list).await.expect(201);
    app.post("/tasks", &deep).await.expect(201);
    app.delete("/boards/gone").await.expect(204);
    app.delete("/lists/list-done").await.expect(204);
    expect_taken(app.post("/lists", &on_board).await);
    expect_taken(app.post("/tasks", &in_list).await);
    expect_taken(app.post("/tasks", &deep).await);
    let elsewhere = json!({ "id": "deep", "listId": "list-todo", "title": "x" });
    expect_taken(app.post("/tasks", &elsewhere).await);
    app.stop().await;
}

/// The create is recognised by its bytes, though its list may be gone by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_moved_away_is_still_answered_to_its_author() {
    let app = TestApp::start().await;
    let (path, body, thing_path) = CREATES[2];
    create(&app, path, body).await.expect(201);
    let to_done = json!({ "listId": "list-done" });
    app.patch(&format!("{thing_path}/move"), &to_done)
        .await
        .expect(200);
    app.delete("/lists/list-todo").await.expect(204);
    for key in [None, Some("k"), Some("k")] {
        let mut request = Request::new("POST", path).header("Content-Type", "application/json");
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let again = app.send(request.body(body)).await.expect(201).json();
        assert_eq!(again["listId"], "list-done");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_the_server_and_of_other_boards_are_taken_too() {
    let app = TestApp::start().await;
    app.post("/boards", &json!({ "id": "other", "name": "x" }))
        .await
        .expect(201);
    let list = json!({ "id": "other-list", "boardId": "other", "name": "x" });
    app.post("/lists", &list).await.expect(201);
    let theirs = text(&app.add_task("list-todo", "x").await["id"]);
    let taken = [
        ("/boards", json!({ "id": "board-1", "name": "Demo board" })),
        (
            "/lists",
            json!({ "id": "list-todo", "boardId": "other", "name": "To do" }),
        ),
        (
            "/tasks",
            json!({ "id": "task-try", "listId": "other-list", "title": "x" }),
        ),
        (
            "/tasks",
            json!({ "id": theirs, "listId": "list-todo", "title": "x" }),
        ),
    ];
    for (path, body) in taken {
        expect_taken(app.post(path, &body).await);
    }
    app.stop().await;
}

/// Each kind has its own path, so the same id on another kind names another thing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_is_one_of_its_kind_and_of_its_case() {
    let app = TestApp::start().await;
    for (path, body, _) in CREATES {
        let made = create(&app, path, body).await.expect(201).json();
        let upper = body.replace("mine", "MINE");
        let other = create(&app, path, &upper).await.expect(201).json();
        assert_eq!(
            (&made["id"], &other["id"]),
            (&json!("mine"), &json!("MINE"))
        );
    }
    app.delete("/lists/mine").await.expect(204);
    app.get("/tasks/mine").await.expect(200);
    app.get("/boards/mine").await.expect(200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_equal_creates_at_once_make_one_thing() {
    let app = TestApp::start().await;
    for (path, body, _) in CREATES {
        let before = app.cursor("board-1").await;
        let request = Request::new("POST", path).header("Content-Type", "application/json");
        let answers = at_once(&app, vec![request.body(body); 32]).await;
        for answer in &answers {
            assert_eq!(seen(answer), seen(&answers[0]));
        }
        answers[0].clone().expect(201);
        if path != "/boards" {
            assert_eq!(
                app.events_after("board-1", &before).await.len(),
                1,
                "{path}"
            );
        }
    }
    app.stop().await;
}

/// A create that was refused leaves the id free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_create_takes_no_id() {
    let app = TestApp::start().await;
    for (path, body, _) in CREATES {
        let refused = [
            body.replace("\"First\"", "\" \""),
            body.replace("board-1", "never")
                .replace("list-todo", "never")
                .replace("\"First\"", "7"),
            body.replace('}', ",\"before\":\"never\",\"more\":1}"),
        ];
        for other in refused {
            create(&app, path, &other).await.expect(422);
        }
        create(&app, path, body).await.expect(201);
    }
    app.stop().await;
}
