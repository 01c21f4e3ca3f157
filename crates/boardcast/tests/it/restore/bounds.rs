//! What a restore may not pass: a board's limits, ids that are taken, and thirty days.

use super::{add, check_refused, order, restore, start};
use crate::app::{PATIENCE, TestApp, TimeSpan};
use crate::stream::cursor_of;
use boardcast_core::limits::{LISTS_PER_BOARD_MAX, TASKS_PER_BOARD_MAX};
use boardcast_sim::client::{Answer, Connection, Request};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Makes so many more tasks in a list.
async fn fill(app: &TestApp, list: &str, count: usize) {
    // Each commit is a sync, and what waits meanwhile shares one.
    let writers = 16;
    let mut filling = Vec::new();
    for writer in 0..writers {
        let share = count / writers + usize::from(writer < count % writers);
        let task = json!({ "listId": list, "title": "x" });
        let address = app.address();
        filling.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await.unwrap();
            for _ in 0..share {
                let create = Request::new("POST", "/tasks").json(&task);
                connection.send(create).await.unwrap().expect(201);
            }
        }));
    }
    for writer in filling {
        writer.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_comes_back_or_over_past_a_boards_tasks() {
    let app = start().await;
    app.delete("/tasks/t1").await.expect(204);
    app.delete("/lists/list-a").await.expect(204);
    app.add_list("a", "other").await;
    fill(&app, "other", TASKS_PER_BOARD_MAX - 1).await;
    let cursor = cursor_of(&app, "a").await;
    // Two tasks went with the list, and there is room for one.
    let refused = restore(&app, "/lists/list-a").await;
    check_refused(&refused, 409, "board_full", "the list");
    assert_eq!(cursor_of(&app, "a").await, cursor);
    assert_eq!(app.board("a").await["lists"].as_array().unwrap().len(), 1);
    let last = app.add_task("other", "The last one").await;
    let id = last["id"].as_str().unwrap();
    app.delete(&format!("/tasks/{id}")).await.expect(204);
    add(&app, "other", "taker").await;
    let refused = restore(&app, &format!("/tasks/{id}")).await;
    check_refused(&refused, 409, "board_full", "the task");
    let before = [cursor_of(&app, "a").await, cursor_of(&app, "board-1").await];
    let to_other = json!({ "listId": "other" });
    let refused = app.patch("/tasks/task-try/move", &to_other).await;
    check_refused(&refused, 409, "board_full", "a task of another board");
    let after = [cursor_of(&app, "a").await, cursor_of(&app, "board-1").await];
    assert_eq!(after, before);
    app.delete("/tasks/taker").await.expect(204);
    restore(&app, &format!("/tasks/{id}")).await.expect(200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_comes_back_past_a_boards_lists() {
    let app = start().await;
    app.delete("/lists/list-a").await.expect(204);
    for n in 0..LISTS_PER_BOARD_MAX {
        app.add_list("a", &format!("list-{n}")).await;
    }
    let cursor = cursor_of(&app, "a").await;
    let refused = restore(&app, "/lists/list-a").await;
    check_refused(&refused, 409, "board_full", "the list");
    check_refused(&restore(&app, "/tasks/t1").await, 409, "list_gone", "t1");
    assert_eq!(cursor_of(&app, "a").await, cursor);
    app.delete("/lists/list-0").await.expect(204);
    restore(&app, "/lists/list-a").await.expect(200);
    assert_eq!(order(&app, "list-a").await, ["t1", "t2", "t3"]);
    app.stop().await;
}

/// Tries to make what was deleted anew, under its old ids.
async fn make_anew(app: &TestApp) -> [Answer; 3] {
    let task = json!({ "listId": "list-todo", "id": "t1", "title": "Another one" });
    let list = json!({ "boardId": "board-1", "id": "gone", "name": "Another one" });
    let board = json!({ "id": "b", "name": "Another one" });
    [
        app.post("/tasks", &task).await,
        app.post("/lists", &list).await,
        app.post("/boards", &board).await,
    ]
}

const DELETED: [&str; 3] = ["/tasks/t1", "/lists/gone", "/boards/b"];

async fn delete_all(app: &TestApp) {
    app.add_list("a", "gone").await;
    for n in 0..3 {
        add(app, "gone", &format!("with-{n}")).await;
    }
    app.add_board("b").await;
    add(app, "list-b", "on-b").await;
    for path in DELETED {
        app.delete(path).await.expect(204);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_stay_taken_for_thirty_days_and_things_can_come_back() {
    let app = start().await;
    delete_all(&app).await;
    app.clock().jump(TimeSpan::days(29));
    // A batch with which the writer looks for what it may forget.
    add(&app, "list-a", "later").await;
    for answer in make_anew(&app).await {
        check_refused(&answer, 409, "id_taken", "not forgotten");
    }
    // The very same create is no other one, but what it made is gone.
    let task = json!({ "listId": "list-a", "id": "t1", "title": "t1", "description": "on t1" });
    check_refused(&app.post("/tasks", &task).await, 409, "id_taken", "t1");
    for path in DELETED {
        restore(&app, path).await.expect(200);
    }
    assert_eq!(order(&app, "gone").await, ["with-0", "with-1", "with-2"]);
    app.get("/tasks/on-b").await.expect(200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_thirty_days_nothing_comes_back_and_ids_are_free() {
    let app = start().await;
    delete_all(&app).await;
    app.clock().jump(TimeSpan::days(31));
    let gone = |answer: &Answer| check_refused(answer, 404, "not_found", "too late");
    for path in DELETED {
        gone(&restore(&app, path).await);
    }
    let page = app.get("/boards/a/deleted").await.expect(200).json();
    assert_eq!(page["deleted"], json!([]));
    let page = app.get("/boards?deleted=1").await.expect(200).json();
    assert_eq!(page["boards"], json!([]));
    let freed = async {
        while make_anew(&app)
            .await
            .iter()
            .any(|answer| answer.status == 409)
        {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, freed).await.expect("the ids are free");
    for path in ["/tasks/with-0", "/tasks/on-b", "/lists/list-b"] {
        gone(&restore(&app, path).await);
    }
    let task: Value = app.get("/tasks/t1").await.expect(200).json();
    assert_eq!(
        (&task["listId"], &task["version"]),
        (&json!("list-todo"), &json!(1))
    );
    assert_eq!(order(&app, "list-a").await, ["t2", "t3"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_made_anew_has_another_history() {
    let app = start().await;
    let old = cursor_of(&app, "a").await;
    app.delete("/boards/a").await.expect(204);
    app.clock().jump(TimeSpan::days(31));
    let board = json!({ "id": "a", "name": "Another one" });
    let freed = async {
        while app.post("/boards", &board).await.status == 409 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, freed).await.expect("the id is free");
    for title in ["1", "2", "3", "4", "5"] {
        app.patch("/boards/a", &json!({ "name": title }))
            .await
            .expect(200);
    }
    crate::pages::ask_page(&app, "a", &format!("?after={old}"))
        .await
        .expect(410);
    let opened = crate::stream::ask_for(&app, "a", "", Some(&old)).await;
    let (mut stream, connected) = crate::stream::greet(opened).await;
    let snapshot = crate::stream::next(&mut stream).await.json();
    assert_eq!(
        (connected, &snapshot["board"]),
        (None, &app.board("a").await)
    );
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_while_much_is_forgotten() {
    let app = start().await;
    fill(&app, "list-a", 2_000).await;
    app.delete("/lists/list-a").await.expect(204);
    app.add_board("b").await;
    fill(&app, "list-b", 1_200).await;
    app.delete("/boards/b").await.expect(204);
    app.clock().jump(TimeSpan::days(31));
    // Forgetting begins with the first of these and is over when the board's own id is free.
    let board = json!({ "id": "b", "name": "Another one" });
    let freed = async {
        while app.post("/boards", &board).await.status == 409 {
            let _ = app.add_task("list-todo", "Meanwhile").await;
        }
    };
    timeout(PATIENCE, freed).await.expect("the id is free");
    let list = json!({ "boardId": "b", "id": "list-a", "name": "x" });
    app.post("/lists", &list).await.expect(201);
    add(&app, "list-a", "t1").await;
    app.stop().await;
}
