//! Pages of what was deleted and can come back.

use super::{add, check_refused, restore, start};
use crate::app::TestApp;
use serde_json::{Value, json};

/// What a page says that was deleted, as `kind id`, and where the next page begins.
async fn page(app: &TestApp, query: &str) -> (Vec<String>, Option<String>) {
    let page = app.get(&format!("/boards/a/deleted{query}")).await;
    let page = page.expect(200).json();
    let deleted = page["deleted"].as_array().unwrap().iter();
    let named = deleted.map(|deleted| {
        let kind = if deleted["list"].is_object() {
            "list"
        } else {
            "task"
        };
        format!("{kind} {}", deleted[kind]["id"].as_str().unwrap())
    });
    (named.collect(), page["next"].as_str().map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_is_listed_newest_first_as_it_was() {
    let app = start().await;
    let (none, next) = page(&app, "").await;
    assert_eq!((none, next), (vec![], None));
    let task = app.get("/tasks/t2").await.expect(200).json();
    app.delete("/tasks/t2").await.expect(204);
    app.add_list("a", "other").await;
    app.delete("/lists/list-a").await.expect(204);
    add(&app, "other", "t4").await;
    app.delete("/tasks/t4").await.expect(204);
    // t1 and t3 went with their list and come back with it.
    let (all, next) = page(&app, "").await;
    assert_eq!(all, ["task t4", "list list-a", "task t2"]);
    assert_eq!(next, None);
    let whole = app.get("/boards/a/deleted").await.expect(200).json();
    assert_eq!(whole["deleted"][2]["task"], task);
    let deleted_at = whole["deleted"][0]["deletedAt"].as_str().unwrap();
    assert_eq!(deleted_at, app.board("a").await["updatedAt"]);
    // What is back is no longer listed; other boards never were.
    restore(&app, "/lists/list-a").await.expect(200);
    assert_eq!(page(&app, "").await.0, ["task t4", "task t2"]);
    let other = app.get("/boards/board-1/deleted").await.expect(200).json();
    assert_eq!(other, json!({ "deleted": [], "next": null }));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_deleted_things_hold_each_once() {
    let app = start().await;
    let mut expected = Vec::new();
    for n in 0..12 {
        let id = format!("x{n}");
        if n % 3 == 0 {
            app.add_list("a", &id).await;
            add(&app, &id, &format!("in-{id}")).await;
            app.delete(&format!("/lists/{id}")).await.expect(204);
            expected.insert(0, format!("list {id}"));
        } else {
            add(&app, "list-a", &id).await;
            app.delete(&format!("/tasks/{id}")).await.expect(204);
            expected.insert(0, format!("task {id}"));
        }
    }
    for limit in [1, 2, 3, 5, 11, 12, 13] {
        let mut found = Vec::new();
        let mut query = format!("?limit={limit}");
        loop {
            let (things, next) = page(&app, &query).await;
            assert!((1..=limit).contains(&things.len()));
            found.extend(things);
            // What is deleted meanwhile is newer than every page to come.
            app.delete("/tasks/t1").await;
            restore(&app, "/tasks/t1").await.expect(200);
            let Some(next) = next else { break };
            query = format!("?limit={limit}&cursor={next}");
        }
        assert_eq!(found, expected, "limit {limit}");
    }
    for query in [
        "?limit=0",
        "?limit=1001",
        "?cursor=x",
        "?cursor=-1",
        "?deleted=1",
    ] {
        let refused = app.get(&format!("/boards/a/deleted{query}")).await;
        check_refused(&refused, 422, "invalid", query);
    }
    app.delete("/boards/a").await.expect(204);
    for board in ["a", "nowhere", "n%C3%B6"] {
        let refused = app.get(&format!("/boards/{board}/deleted")).await;
        check_refused(&refused, 404, "not_found", board);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_moved_to_another_board_was_not_deleted() {
    let app = start().await;
    app.patch("/tasks/t1/move", &json!({ "listId": "list-todo" }))
        .await
        .expect(200);
    assert_eq!(page(&app, "").await.0, Vec::<String>::new());
    app.delete("/tasks/t1").await.expect(204);
    assert_eq!(page(&app, "").await.0, Vec::<String>::new());
    let there = app.get("/boards/board-1/deleted").await.expect(200).json();
    assert_eq!(there["deleted"][0]["task"]["id"], "t1");
    app.stop().await;
}

/// The ids on a page of boards, and where the next page begins.
async fn boards(app: &TestApp, query: &str) -> (Vec<String>, Option<String>) {
    let page = app.get(&format!("/boards{query}")).await.expect(200).json();
    let next = page["next"].as_str().map(str::to_owned);
    (super::ids(&page["boards"]), next)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_boards_are_listed_apart_from_living_ones() {
    let app = TestApp::start().await;
    for id in ["a", "b", "c", "d", "e"] {
        app.post("/boards", &json!({ "id": id, "name": id }))
            .await
            .expect(201);
    }
    for id in ["d", "a", "b"] {
        app.delete(&format!("/boards/{id}")).await.expect(204);
    }
    assert_eq!(boards(&app, "").await.0, ["board-1", "c", "e"]);
    assert_eq!(boards(&app, "?deleted=1").await.0, ["a", "b", "d"]);
    for limit in 1..=4 {
        let mut found = Vec::new();
        let mut query = format!("?deleted=1&limit={limit}");
        loop {
            let (ids, next) = boards(&app, &query).await;
            found.extend(ids);
            let Some(next) = next else { break };
            query = format!("?deleted=1&limit={limit}&cursor={next}");
        }
        assert_eq!(found, ["a", "b", "d"], "limit {limit}");
    }
    let page: Value = app.get("/boards?deleted=1").await.expect(200).json();
    let first = &page["boards"][0];
    assert_eq!(
        (&first["name"], &first["version"]),
        (&json!("a"), &json!(1))
    );
    assert!(first["deletedAt"].as_str() >= first["createdAt"].as_str());
    restore(&app, "/boards/b").await.expect(200);
    assert_eq!(boards(&app, "?deleted=1").await.0, ["a", "d"]);
    for query in [
        "?deleted=yes",
        "?deleted=1&limit=0",
        "?deleted=1&cursor=n%C3%B6",
    ] {
        let refused = app.get(&format!("/boards{query}")).await;
        check_refused(&refused, 422, "invalid", query);
    }
    app.stop().await;
}
