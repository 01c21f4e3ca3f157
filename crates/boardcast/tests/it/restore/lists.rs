//! Lists come back with the tasks that went with them, boards with everything.

use super::{add, check_came_back, check_refused, ids, order, restore, start, watch};
use crate::app::{PATIENCE, TestApp};
use crate::pages::ask_page;
use crate::stream::{START, ask_for, cursor_of, expect_quiet, greet, next};
use boardcast_sim::client::Request;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_comes_back_with_the_tasks_that_went_with_it() {
    let app = start().await;
    app.delete("/tasks/t2").await.expect(204);
    let before: Vec<Value> = [
        app.get("/tasks/t1").await.expect(200).json(),
        app.get("/tasks/t3").await.expect(200).json(),
    ]
    .into();
    let board = app.board("a").await;
    app.delete("/lists/list-a").await.expect(204);
    app.get("/tasks/t1").await.expect(404);
    let mut stream = watch(&app, "a").await;
    let list = restore(&app, "/lists/list-a").await.expect(200);
    assert_eq!(list.header("etag"), Some("\"2\""));
    let list = list.json();
    let mut own = board["lists"][0].clone();
    own.as_object_mut().unwrap().remove("tasks");
    check_came_back(&own, &list, None);
    let event = next(&mut stream).await.json();
    assert_eq!(
        (&event["type"], &event["list"]),
        (&json!("list_created"), &list)
    );
    for before in &before {
        let event = next(&mut stream).await.json();
        assert_eq!(event["type"], "task_created");
        check_came_back(before, &event["task"], None);
    }
    expect_quiet(&mut stream).await;
    // The one deleted before comes back when it is asked for.
    assert_eq!(order(&app, "list-a").await, ["t1", "t3"]);
    restore(&app, "/tasks/t2").await.expect(200);
    assert_eq!(order(&app, "list-a").await, ["t1", "t2", "t3"]);
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_deleted_twice_comes_back_with_what_it_held_the_second_time() {
    let app = start().await;
    app.delete("/lists/list-a").await.expect(204);
    restore(&app, "/lists/list-a").await.expect(200);
    app.delete("/tasks/t1").await.expect(204);
    add(&app, "list-a", "t4").await;
    app.delete("/lists/list-a").await.expect(204);
    restore(&app, "/lists/list-a").await.expect(200);
    assert_eq!(order(&app, "list-a").await, ["t2", "t3", "t4"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_left_its_list_in_time_stays_where_it_went() {
    let app = start().await;
    app.add_list("a", "other").await;
    app.patch("/tasks/t2/move", &json!({ "listId": "other" }))
        .await
        .expect(200);
    app.patch("/tasks/t3/move", &json!({ "listId": "list-todo" }))
        .await
        .expect(200);
    app.delete("/lists/list-a").await.expect(204);
    restore(&app, "/lists/list-a").await.expect(200);
    assert_eq!(order(&app, "list-a").await, ["t1"]);
    assert_eq!(order(&app, "other").await, ["t2"]);
    assert_eq!(app.get("/tasks/t3").await.expect(200).json()["version"], 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_whose_place_is_taken_comes_back_right_after_who_stands_there() {
    let app = start().await;
    app.add_list("a", "second").await;
    app.add_list("a", "third").await;
    let second = app.board("a").await["lists"][1]["rank"].clone();
    app.delete("/lists/second").await.expect(204);
    let taker = json!({ "boardId": "a", "id": "taker", "name": "x", "before": "third" });
    let taker = app.post("/lists", &taker).await.expect(201).json();
    assert_eq!(taker["rank"], second, "the case that is meant");
    restore(&app, "/lists/second").await.expect(200);
    let lists = ids(&app.board("a").await["lists"]);
    assert_eq!(lists, ["list-a", "taker", "second", "third"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_comes_back_as_it_was_and_its_log_goes_on() {
    let app = start().await;
    app.delete("/tasks/t2").await.expect(204);
    let before = app.board("a").await;
    app.delete("/boards/a").await.expect(204);
    app.get("/boards/a").await.expect(404);
    app.get("/tasks/t1").await.expect(404);
    for path in ["/tasks/t1", "/tasks/t2", "/lists/list-a"] {
        check_refused(&restore(&app, path).await, 404, "not_found", path);
    }
    let board = restore(&app, "/boards/a").await.expect(200).json();
    assert_eq!(board["version"], 2);
    let answer = app.get("/boards/a").await.expect(200);
    let after = answer.json();
    let seq = |board: &Value| {
        let cursor = board["cursor"].as_str().unwrap().to_owned();
        boardcast_sim::cursor::seq_of(&cursor).unwrap()
    };
    assert_eq!(seq(&after), seq(&before) + 2, "deleted and restored");
    let tag = format!("\"{}\"", after["cursor"].as_str().unwrap());
    assert_eq!(answer.header("etag"), Some(tag.as_str()));
    let mut expected = before;
    for changed in ["version", "updatedAt", "cursor"] {
        expected[changed] = after[changed].clone();
    }
    assert_eq!(after, expected);
    assert_eq!(after["updatedAt"], board["updatedAt"]);
    // An old state is not the present one.
    let old = Request::new("GET", "/boards/a").header("If-None-Match", tag.replace('-', "-0"));
    app.client().send(old).await.unwrap().expect(200);
    let known = Request::new("GET", "/boards/a").header("If-None-Match", tag);
    app.client().send(known).await.unwrap().expect(304);
    restore(&app, "/tasks/t2").await.expect(200);
    assert_eq!(order(&app, "list-a").await, ["t1", "t2", "t3"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_boards_watchers_end_when_it_is_deleted_and_get_it_whole_when_it_is_back() {
    let mut app = start().await;
    let before = cursor_of(&app, "a").await;
    let mut stream = watch(&app, "a").await;
    app.delete("/boards/a").await.expect(204);
    let deleted = next(&mut stream).await;
    assert_eq!(deleted.kind(), "board_deleted");
    assert_eq!(stream.next_within(PATIENCE).await, Ok(None));
    let deleted = deleted.id.unwrap();
    for cursor in [START, &before, &deleted] {
        let refused = ask_for(&app, "a", "", Some(cursor)).await;
        assert_eq!(refused.status, 204);
    }
    assert_eq!(ask_for(&app, "a", "", None).await.status, 404);
    restore(&app, "/boards/a").await.expect(200);
    let floor = cursor_of(&app, "a").await;
    let task = add(&app, "list-a", "t4").await;
    for _ in 0..2 {
        for cursor in [START, &before, &deleted] {
            expect_whole_board(&app, cursor).await;
            let after = format!("?after={cursor}");
            ask_page(&app, "a", &after).await.expect(410);
        }
        // The restoring event is never delivered: the log is served from its place on.
        let (mut stream, connected) = greet(ask_for(&app, "a", "", Some(&floor)).await).await;
        assert_eq!(connected.as_ref(), Some(&floor));
        assert_eq!(next(&mut stream).await.json()["task"], task);
        expect_quiet(&mut stream).await;
        drop(stream);
        app.pause().await;
        app.resume().await;
    }
    app.stop().await;
}

async fn expect_whole_board(app: &TestApp, cursor: &str) {
    let (mut stream, connected) = greet(ask_for(app, "a", "", Some(cursor)).await).await;
    assert_eq!(connected, None);
    let snapshot = next(&mut stream).await.json();
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(snapshot["board"], app.board("a").await);
    expect_quiet(&mut stream).await;
}
