//! Contract 2, `PATCH /tasks/{id}/move` and its kin: `position` is the index a thing has afterwards,
//! `before` and `after` name a neighbour, nothing means the end, and staying is no change.

use super::{list_ids, list_of_four, task_ids};
use crate::app::{TestApp, text};
use boardcast_sim::client::{Connection, Request};
use boardcast_sim::fold::{Fold, check_at_rest, same_board};
use serde_json::{Value, json};

/// What a move of one of `a b c d` comes to, by its body.
fn moves() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        // Forwards: the index counts without the thing itself.
        ("a", json!({ "position": 1 }), "b a c d"),
        ("a", json!({ "position": 2 }), "b c a d"),
        ("a", json!({ "position": 3 }), "b c d a"),
        ("b", json!({ "position": 2 }), "a c b d"),
        // Backwards.
        ("d", json!({ "position": 0 }), "d a b c"),
        ("d", json!({ "position": 1 }), "a d b c"),
        ("d", json!({ "position": 2 }), "a b d c"),
        ("c", json!({ "position": 1 }), "a c b d"),
        // Past the end is the end.
        ("a", json!({ "position": 4 }), "b c d a"),
        ("a", json!({ "position": 1_000_000 }), "b c d a"),
        ("a", json!({ "position": u64::MAX }), "b c d a"),
        ("a", json!({ "position": i64::MAX }), "b c d a"),
        // By name, and by nothing.
        ("c", json!({ "position": "top" }), "c a b d"),
        ("b", json!({ "position": "bottom" }), "a c d b"),
        ("b", json!({}), "a c d b"),
        (
            "b",
            json!({ "position": null, "before": null, "after": null }),
            "a c d b",
        ),
        // By a neighbour, in both directions.
        ("a", json!({ "before": "d" }), "b c a d"),
        ("a", json!({ "after": "d" }), "b c d a"),
        ("a", json!({ "after": "b" }), "b a c d"),
        ("d", json!({ "before": "a" }), "d a b c"),
        ("d", json!({ "after": "a" }), "a d b c"),
        ("d", json!({ "before": "c", "position": null }), "a b d c"),
    ]
}

/// Moves that leave a thing where it is.
fn stays() -> Vec<(&'static str, Value)> {
    vec![
        ("a", json!({ "position": 0 })),
        ("b", json!({ "position": 1 })),
        ("d", json!({ "position": 3 })),
        ("a", json!({ "position": "top" })),
        ("d", json!({ "position": "bottom" })),
        ("d", json!({ "position": 99 })),
        ("d", json!({})),
        ("b", json!({ "before": "c" })),
        ("b", json!({ "after": "a" })),
        ("a", json!({ "before": "b" })),
        ("d", json!({ "after": "c" })),
        // Next to itself is where it is.
        ("b", json!({ "before": "b" })),
        ("b", json!({ "after": "b" })),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_moves_to_where_it_was_told() {
    let app = TestApp::start().await;
    list_of_four(&app).await;
    for (id, body, expected) in moves() {
        let cursor = app.cursor("board-1").await;
        let moved = app
            .patch(&format!("/tasks/{id}/move"), &body)
            .await
            .expect(200);
        let board = app.board("board-1").await;
        assert_eq!(task_ids(&board, "four").join(" "), expected, "{id} {body}");
        check_at_rest(&board).expect("in order");
        let events = app.events_after("board-1", &cursor).await;
        assert_eq!(events.len(), 1, "{id} {body}");
        assert_eq!(events[0]["type"], "task_moved");
        assert_eq!(events[0]["task"], moved.json());
        // Back to the beginning, each to the end in turn.
        for id in ["a", "b", "c", "d"] {
            app.patch(&format!("/tasks/{id}/move"), &json!({}))
                .await
                .expect(200);
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_moves_to_where_it_was_told() {
    let app = TestApp::start().await;
    let board = json!({ "id": "b", "name": "Lists" });
    app.post("/boards", &board).await.expect(201);
    for id in ["a", "b", "c", "d"] {
        let list = json!({ "boardId": "b", "name": id, "id": id });
        app.post("/lists", &list).await.expect(201);
    }
    for (id, body, expected) in moves() {
        let cursor = app.cursor("b").await;
        let moved = app
            .patch(&format!("/lists/{id}/move"), &body)
            .await
            .expect(200);
        let board = app.board("b").await;
        assert_eq!(list_ids(&board).join(" "), expected, "{id} {body}");
        check_at_rest(&board).expect("in order");
        let events = app.events_after("b", &cursor).await;
        assert_eq!(events.len(), 1, "{id} {body}");
        assert_eq!(events[0]["type"], "list_moved");
        assert_eq!(events[0]["list"], moved.json());
        for id in ["a", "b", "c", "d"] {
            app.patch(&format!("/lists/{id}/move"), &json!({}))
                .await
                .expect(200);
        }
    }
    for (id, body) in stays() {
        let before = app.get("/boards/b").await;
        app.patch(&format!("/lists/{id}/move"), &body)
            .await
            .expect(200);
        assert_eq!(app.get("/boards/b").await.body, before.body, "{id} {body}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_to_where_a_task_stands_changes_nothing() {
    let app = TestApp::start().await;
    list_of_four(&app).await;
    let before = app.get("/boards/board-1").await;
    for (id, mut body) in stays() {
        for list_id in [None, Some("four")] {
            if let Some(list_id) = list_id {
                body["listId"] = json!(list_id);
            }
            let task = app.get(&format!("/tasks/{id}")).await;
            let moved = app
                .patch(&format!("/tasks/{id}/move"), &body)
                .await
                .expect(200);
            assert_eq!(moved.body, task.body, "{id} {body}");
            assert_eq!(app.get("/boards/board-1").await.body, before.body);
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_moves_into_another_list_at_any_place() {
    let app = TestApp::start().await;
    list_of_four(&app).await;
    let arrivals = [
        (json!({}), "a b c d new"),
        (json!({ "position": "bottom" }), "a b c d new"),
        (json!({ "position": "top" }), "new a b c d"),
        (json!({ "position": 0 }), "new a b c d"),
        (json!({ "position": 2 }), "a b new c d"),
        (json!({ "position": 4 }), "a b c d new"),
        (json!({ "position": 5 }), "a b c d new"),
        (json!({ "before": "a" }), "new a b c d"),
        (json!({ "before": "c" }), "a b new c d"),
        (json!({ "after": "d" }), "a b c d new"),
    ];
    let new = json!({ "listId": "list-todo", "title": "new", "id": "new" });
    app.post("/tasks", &new).await.expect(201);
    for (mut body, expected) in arrivals.clone() {
        body["listId"] = json!("four");
        let moved = app.patch("/tasks/new/move", &body).await.expect(200).json();
        assert_eq!(moved["listId"], "four");
        let board = app.board("board-1").await;
        assert_eq!(task_ids(&board, "four").join(" "), expected, "{body}");
        let back = json!({ "listId": "list-todo" });
        app.patch("/tasks/new/move", &back).await.expect(200);
    }
    app.delete("/tasks/new").await.expect(204);

    // And so is one that is made there.
    for (mut body, expected) in arrivals {
        body["listId"] = json!("four");
        body["title"] = json!("new");
        let id = text(&app.post("/tasks", &body).await.expect(201).json()["id"]);
        let board = app.board("board-1").await;
        let order = task_ids(&board, "four").join(" ").replace(&id, "new");
        assert_eq!(order, expected, "{body}");
        app.delete(&format!("/tasks/{id}")).await.expect(204);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_made_at_any_place() {
    let app = TestApp::start().await;
    let places = [
        (json!({}), "list-todo list-doing list-done new"),
        (
            json!({ "position": "top" }),
            "new list-todo list-doing list-done",
        ),
        (
            json!({ "position": 1 }),
            "list-todo new list-doing list-done",
        ),
        (
            json!({ "position": 77 }),
            "list-todo list-doing list-done new",
        ),
        (
            json!({ "before": "list-done" }),
            "list-todo list-doing new list-done",
        ),
        (
            json!({ "after": "list-todo" }),
            "list-todo new list-doing list-done",
        ),
    ];
    for (mut body, expected) in places {
        body["boardId"] = json!("board-1");
        body["name"] = json!("new");
        let id = text(&app.post("/lists", &body).await.expect(201).json()["id"]);
        let order = list_ids(&app.board("board-1").await).join(" ");
        assert_eq!(order.replace(&id, "new"), expected, "{body}");
        app.delete(&format!("/lists/{id}")).await.expect(204);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_that_is_not_in_the_target_is_gone() {
    let app = TestApp::start().await;
    list_of_four(&app).await;
    let other = json!({ "id": "other", "name": "Other" });
    app.post("/boards", &other).await.expect(201);
    let far = json!({ "id": "far", "boardId": "other", "name": "Far" });
    app.post("/lists", &far).await.expect(201);
    app.delete("/tasks/d").await.expect(204);
    app.delete("/lists/list-done").await.expect(204);
    let before = app.get("/boards/board-1").await;
    for field in ["before", "after"] {
        let refusals = [
            // Elsewhere, deleted, never there; and itself, where it is not yet.
            ("PATCH", "/tasks/a/move", json!({ field: "task-try" })),
            ("PATCH", "/tasks/a/move", json!({ field: "d" })),
            ("PATCH", "/tasks/a/move", json!({ field: "never" })),
            ("PATCH", "/tasks/a/move", json!({ field: "four" })),
            (
                "PATCH",
                "/tasks/a/move",
                json!({ "listId": "list-todo", field: "b" }),
            ),
            (
                "PATCH",
                "/tasks/a/move",
                json!({ "listId": "list-todo", field: "a" }),
            ),
            (
                "POST",
                "/tasks",
                json!({ "listId": "four", "title": "x", field: "task-try" }),
            ),
            (
                "POST",
                "/tasks",
                json!({ "listId": "four", "title": "x", "id": "me", field: "me" }),
            ),
            ("PATCH", "/lists/four/move", json!({ field: "far" })),
            ("PATCH", "/lists/four/move", json!({ field: "list-done" })),
            ("PATCH", "/lists/four/move", json!({ field: "a" })),
            (
                "POST",
                "/lists",
                json!({ "boardId": "board-1", "name": "x", field: "far" }),
            ),
        ];
        for (method, path, body) in refusals {
            let answer = app.send(Request::new(method, path).json(&body)).await;
            let refused = answer.expect(409).json();
            assert_eq!(refused["code"], "neighbour_gone", "{method} {path} {body}");
            assert_eq!(refused["field"], field);
        }
    }
    assert_eq!(app.get("/boards/board-1").await.body, before.body);
    app.stop().await;
}

/// The contract's way out of a gap that ran full: neighbours are spaced out anew, each by an
/// ordinary event, and nobody changes places.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_fit_into_one_gap() {
    let app = TestApp::start().await;
    list_of_four(&app).await;
    let start = app.board("board-1").await;
    let mut connection = Connection::open(app.address()).await.unwrap();
    let mut expected = vec!["b".to_owned()];
    for number in 0..450 {
        let id = format!("n{number}");
        let body = json!({ "listId": "four", "title": "x", "id": id, "before": expected[0] });
        let request = Request::new("POST", "/tasks").json(&body);
        connection.send(request).await.unwrap().expect(201);
        expected.insert(0, id);
    }
    expected.insert(0, "a".to_owned());
    expected.extend(["c".to_owned(), "d".to_owned()]);

    let board = app.board("board-1").await;
    assert_eq!(task_ids(&board, "four"), expected);
    check_at_rest(&board).expect("in order");
    let mut fold = Fold::of(start.clone());
    let mut moves = 0;
    for block in app.blocks_after("board-1", &text(&start["cursor"])).await {
        let folded = fold.apply(&block.json(), block.id.as_deref());
        folded.expect("it folds");
        check_at_rest(fold.board().unwrap()).expect("in order at every moment");
        moves += u32::from(block.kind() == "task_moved");
    }
    assert!(moves > 0, "the gap ran full at least once");
    same_board(fold.board().unwrap(), &board).expect("what a watcher has is what stands");
    app.stop().await;
}
