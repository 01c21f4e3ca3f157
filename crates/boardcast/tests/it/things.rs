//! Contract 1, things, and the routes of contract 2: what boards, lists and tasks look like, where
//! they stand, how they count their changes and how many of them there may be.

mod limits;
mod pages;
mod places;
mod routes;
mod shapes;
mod validators;
mod versions;

use crate::app::{TestApp, text};
use serde_json::{Value, json};

/// A list of its own on the demo board with the tasks `a`, `b`, `c` and `d`, which have these ids.
async fn list_of_four(app: &TestApp) {
    let list = json!({ "boardId": "board-1", "name": "Four", "id": "four" });
    app.post("/lists", &list).await.expect(201);
    for id in ["a", "b", "c", "d"] {
        let task = json!({ "listId": "four", "title": id, "id": id });
        app.post("/tasks", &task).await.expect(201);
    }
}

/// The ids of a snapshot's lists, in order.
fn list_ids(board: &Value) -> Vec<String> {
    let lists = board["lists"].as_array().expect("lists");
    lists.iter().map(|list| text(&list["id"])).collect()
}

/// The ids of the tasks in a list of a snapshot, in order.
fn task_ids(board: &Value, list_id: &str) -> Vec<String> {
    let mut lists = board["lists"].as_array().expect("lists").iter();
    let list = lists
        .find(|list| list["id"] == list_id)
        .expect("the list is there");
    let tasks = list["tasks"].as_array().expect("tasks");
    tasks.iter().map(|task| text(&task["id"])).collect()
}
