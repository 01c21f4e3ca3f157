//! Contract 1, limits: the largest that fits is taken, one more is refused, and what is refused
//! leaves room for what is right.

use crate::app::{TestApp, text};
use boardcast_sim::client::{Connection, Request};
use serde_json::{Value, json};
use std::sync::Arc;

/// Sends the field with the largest value in every way there is, then with a larger one.
async fn check(app: &TestApp, field: &str, fits: &str, too_long: &str) {
    let ways = match field {
        "name" => vec![
            ("POST", "/boards", json!({})),
            ("PATCH", "/boards/board-1", json!({})),
            ("POST", "/lists", json!({ "boardId": "board-1" })),
            ("PATCH", "/lists/list-todo", json!({})),
        ],
        "title" => vec![
            ("POST", "/tasks", json!({ "listId": "list-todo" })),
            ("PATCH", "/tasks/task-try", json!({})),
        ],
        _ => vec![
            (
                "POST",
                "/tasks",
                json!({ "listId": "list-todo", "title": "x" }),
            ),
            ("PATCH", "/tasks/task-try", json!({})),
        ],
    };
    for (method, path, mut body) in ways {
        body[field] = json!(fits);
        let taken = app.send(Request::new(method, path).json(&body)).await;
        assert!(taken.status < 300, "{method} {path}: {}", taken.text());
        assert_eq!(taken.json()[field], fits);
        body[field] = json!(too_long);
        let refused = app.send(Request::new(method, path).json(&body)).await;
        let refused = refused.expect(422).json();
        assert_eq!(refused["code"], "invalid");
        assert_eq!(refused["field"], field);
        assert!(text(&refused["detail"]).contains("at most"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_are_counted_in_characters() {
    let app = TestApp::start().await;
    for letter in ["x", "é", "🧹", "\u{2028}x", "\"", "\\"] {
        // Not only characters that are one letter: a letter may be two of them.
        let of = |count: usize| letter.chars().cycle().take(count).collect::<String>();
        check(&app, "name", &of(200), &of(201)).await;
        check(&app, "title", &of(500), &of(501)).await;
    }
    app.stop().await;
}

/// 32 KiB between the quotes of the JSON that the server writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_is_measured_as_encoded_json() {
    let app = TestApp::start().await;
    let max = 32 * 1024;
    let letters = [
        ("x", 1),
        ("é", 2),
        ("🧹", 4),
        ("\n", 2),
        ("\"", 2),
        ("\u{0}", 6),
        ("\u{2028}", 6),
    ];
    for (letter, bytes) in letters {
        let largest = letter.repeat(max / bytes) + &"y".repeat(max % bytes);
        check(&app, "description", &largest, &format!("{largest}y")).await;
    }
    app.stop().await;
}

/// Together with the largest title it is an event like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_task_reaches_a_watcher_in_one_frame() {
    let app = TestApp::start().await;
    let cursor = app.cursor("board-1").await;
    let (title, description) = ("\u{2028}".repeat(499) + "x", "\u{1}".repeat(32 * 1024 / 6));
    let body = json!({ "listId": "list-todo", "title": title, "description": description });
    let task = app.post("/tasks", &body).await.expect(201).json();
    let events = app.events_after("board-1", &cursor).await;
    assert_eq!(events[0]["task"], task);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chosen_id_has_at_most_64_characters() {
    let app = TestApp::start().await;
    let ways = [
        ("/boards", json!({ "name": "x" })),
        ("/lists", json!({ "boardId": "board-1", "name": "x" })),
        ("/tasks", json!({ "listId": "list-todo", "title": "x" })),
    ];
    for (path, mut body) in ways {
        body["id"] = json!("A_z-9".repeat(13)[..64]);
        app.post(path, &body).await.expect(201);
        body["id"] = json!("x".repeat(65));
        let refused = app.post(path, &body).await.expect(422).json();
        assert_eq!(refused["field"], "id");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_holds_200_lists() {
    let app = TestApp::start().await;
    let list = json!({ "boardId": "board-1", "name": "x" });
    let mut connection = Connection::open(app.address()).await.unwrap();
    for _ in 4..200 {
        let request = Request::new("POST", "/lists").json(&list);
        connection.send(request).await.unwrap().expect(201);
    }
    let last = json!({ "boardId": "board-1", "name": "x", "id": "last" });
    let last_made = app.post("/lists", &last).await.expect(201);
    let full = app.get("/boards/board-1").await;
    let refused = app.post("/lists", &list).await.expect(409).json();
    assert_eq!(refused["code"], "board_full");
    assert!(text(&refused["detail"]).contains("200 lists"));
    assert_eq!(app.get("/boards/board-1").await.body, full.body);

    // A create that was taken is not refused to who asks again.
    let again = app.post("/lists", &last).await.expect(201);
    assert_eq!(again.body, last_made.body);

    // What is deleted makes room, and another board has room of its own.
    app.delete("/lists/list-done").await.expect(204);
    app.post("/lists", &list).await.expect(201);
    app.post("/lists", &list).await.expect(409);
    let board = json!({ "id": "b", "name": "x" });
    app.post("/boards", &board).await.expect(201);
    let elsewhere = json!({ "boardId": "b", "name": "x" });
    app.post("/lists", &elsewhere).await.expect(201);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_holds_10_000_tasks() {
    let app = Arc::new(TestApp::start().await);
    fill(&app, 10_000 - 4).await;
    let full = app.get("/boards/board-1").await;
    assert_eq!(count(&full.json()), 10_000);
    let task = json!({ "listId": "list-doing", "title": "one too many" });
    let refused = app.post("/tasks", &task).await.expect(409).json();
    assert_eq!(refused["code"], "board_full");
    assert!(text(&refused["detail"]).contains("10000 tasks"));
    assert_eq!(app.get("/boards/board-1").await.body, full.body);

    // All else goes on; and what is deleted makes room, a list's tasks too.
    let away = json!({ "listId": "list-doing", "position": 0 });
    app.patch("/tasks/task-start/move", &away).await.expect(200);
    app.delete("/tasks/task-start").await.expect(204);
    app.post("/tasks", &task).await.expect(201);
    app.post("/tasks", &task).await.expect(409);
    app.delete("/lists/list-doing").await.expect(204);
    app.add_task("list-done", "fits").await;
    Arc::into_inner(app)
        .expect("all fillers are done")
        .stop()
        .await;
}

fn count(board: &Value) -> usize {
    let lists = board["lists"].as_array().unwrap().iter();
    lists
        .map(|list| list["tasks"].as_array().unwrap().len())
        .sum()
}

/// So many tasks, over many connections at once: then many of them share a sync.
async fn fill(app: &Arc<TestApp>, tasks: usize) {
    const CONNECTIONS: usize = 64;
    let fillers = (0..CONNECTIONS).map(|filler| {
        let app = Arc::clone(app);
        let share = tasks / CONNECTIONS + usize::from(filler < tasks % CONNECTIONS);
        tokio::spawn(async move {
            let list_id = ["list-todo", "list-done"][filler % 2];
            let body = json!({ "listId": list_id, "title": "x" });
            let mut connection = Connection::open(app.address()).await.unwrap();
            for _ in 0..share {
                let request = Request::new("POST", "/tasks").json(&body);
                connection.send(request).await.unwrap().expect(201);
            }
        })
    });
    for filler in fillers.collect::<Vec<_>>() {
        filler.await.expect("it fills");
    }
}
