//! Contract 3, how a viewer folds events: a snapshot and what follows it come to the board, whatever
//! is changed and however often the line is cut.

use super::{START, cursor_of};
use crate::app::{PATIENCE, TestApp};
use boardcast_sim::client::{Connection, Request};
use boardcast_sim::oracle::{Acked, Watched, judge};
use boardcast_sim::random::Random;
use boardcast_sim::watcher::Watcher;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// A change of the demo board: what is sent, and what it asks for.
struct Wish {
    request: Request,
    kind: &'static str,
    thing: String,
}

impl Wish {
    fn new(
        method: &str,
        path: String,
        body: Option<Value>,
        kind: &'static str,
        thing: &str,
    ) -> Self {
        let request = Request::new(method, path);
        Self {
            request: match body {
                Some(body) => request.json(&body),
                None => request,
            },
            kind,
            thing: thing.to_owned(),
        }
    }

    /// One of the changes that the board as it stands allows.
    fn draw(random: &mut Random, board: &Value, count: usize) -> Self {
        let lists = ids(&board["lists"]);
        let tasks: Vec<String> = array(&board["lists"])
            .iter()
            .flat_map(|list| ids(&list["tasks"]))
            .collect();
        let text = format!(
            "Text {count} {}",
            "é\u{2028}\"".repeat(random.below(3) as usize)
        );
        match random.below(20) {
            0 => {
                let body = json!({ "name": text });
                Self::new(
                    "PATCH",
                    "/boards/board-1".into(),
                    Some(body),
                    "board_updated",
                    "board-1",
                )
            }
            1 => {
                let id = format!("list-{count}");
                let mut body = json!({ "boardId": "board-1", "id": id, "name": text });
                put_place(random, &mut body, &lists);
                Self::new("POST", "/lists".into(), Some(body), "list_created", &id)
            }
            2 if lists.len() > 1 => {
                let id = random.pick(&lists);
                Self::new("DELETE", format!("/lists/{id}"), None, "list_deleted", id)
            }
            3 if !lists.is_empty() => {
                let id = random.pick(&lists);
                let body = json!({ "name": text });
                Self::new(
                    "PATCH",
                    format!("/lists/{id}"),
                    Some(body),
                    "list_updated",
                    id,
                )
            }
            4 if !lists.is_empty() => {
                let id = random.pick(&lists);
                let mut body = json!({});
                put_place(random, &mut body, &without(&lists, id));
                Self::new(
                    "PATCH",
                    format!("/lists/{id}/move"),
                    Some(body),
                    "list_moved",
                    id,
                )
            }
            5 | 6 if !tasks.is_empty() => {
                let id = random.pick(&tasks);
                Self::new("DELETE", format!("/tasks/{id}"), None, "task_deleted", id)
            }
            7..=9 if !tasks.is_empty() => {
                let id = random.pick(&tasks);
                let body = random
                    .pick(&[
                        json!({ "title": text }),
                        json!({ "description": text }),
                        json!({ "description": null }),
                        json!({ "title": text, "description": "" }),
                    ])
                    .clone();
                Self::new(
                    "PATCH",
                    format!("/tasks/{id}"),
                    Some(body),
                    "task_updated",
                    id,
                )
            }
            10..=14 if !tasks.is_empty() => {
                let id = random.pick(&tasks);
                let list = random.pick(array(&board["lists"]));
                let mut body = json!({ "listId": list["id"] });
                put_place(random, &mut body, &without(&ids(&list["tasks"]), id));
                Self::new(
                    "PATCH",
                    format!("/tasks/{id}/move"),
                    Some(body),
                    "task_moved",
                    id,
                )
            }
            _ => {
                let id = format!("task-{count}");
                let list = random.pick(array(&board["lists"]));
                let mut body = json!({ "listId": list["id"], "id": id, "title": text });
                put_place(random, &mut body, &ids(&list["tasks"]));
                Self::new("POST", "/tasks".into(), Some(body), "task_created", &id)
            }
        }
    }
}

/// Says where among its siblings a thing shall stand, or leaves it open.
fn put_place(random: &mut Random, body: &mut Value, siblings: &[String]) {
    match random.below(6) {
        0 => body["position"] = json!("top"),
        1 => body["position"] = json!("bottom"),
        2 => body["position"] = json!(random.below(siblings.len() as u64 + 2)),
        3 if !siblings.is_empty() => body["before"] = json!(random.pick(siblings)),
        4 if !siblings.is_empty() => body["after"] = json!(random.pick(siblings)),
        _ => {}
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

fn ids(things: &Value) -> Vec<String> {
    let id = |thing: &Value| thing["id"].as_str().unwrap().to_owned();
    array(things).iter().map(id).collect()
}

fn without(ids: &[String], id: &str) -> Vec<String> {
    ids.iter().filter(|other| *other != id).cloned().collect()
}

/// Makes changes, one after the other, and gives what was answered. The numbers name what is made.
async fn change_at_random(app: &TestApp, random: &mut Random, changes: Range<usize>) -> Vec<Acked> {
    let mut connection = Connection::open(app.address()).await.unwrap();
    let mut acked = Vec::new();
    for count in changes {
        let board = app.board("board-1").await;
        let Wish {
            request,
            kind,
            thing,
        } = Wish::draw(random, &board, count);
        let answer = connection.send(request).await.unwrap();
        assert!(
            matches!(answer.status, 200 | 201 | 204),
            "{} {}",
            answer.status,
            answer.text()
        );
        let version = (answer.status != 204).then(|| answer.json()["version"].as_u64().unwrap());
        acked.push(Acked {
            kind: kind.into(),
            thing,
            version,
        });
    }
    acked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_watchers_fold_is_the_board_after_changes_of_every_kind() {
    const SEED: u64 = 20_261_124;
    let mut random = Random::new(SEED);
    let mut app = TestApp::start().await;
    // From the first event on, or from a snapshot; and cut once in so many blocks.
    let all = [
        (true, None),
        (true, Some(3)),
        (false, None),
        (false, Some(2)),
        (false, Some(20)),
    ];
    let watchers = all.map(|(from_start, cuts)| {
        let mut watcher = Watcher::new(app.address(), "board-1")
            .recording()
            .retry_max(Duration::from_millis(2));
        if from_start {
            watcher = watcher.from_head().query(format!("after={START}"));
        }
        if let Some(one_in) = cuts {
            watcher = watcher.cutting(SEED, one_in);
        }
        watcher.spawn()
    });
    for watcher in &watchers {
        watcher.wait_for_seq(1, PATIENCE).await.unwrap();
    }
    let before_restart = change_at_random(&app, &mut random, 0..200).await;
    app.pause().await;
    app.resume().await;
    let after_restart = change_at_random(&app, &mut random, 200..400).await;

    let board = app.board("board-1").await;
    let cursor = cursor_of(&app, "board-1").await;
    let mut watched = Vec::new();
    for ((from_start, cuts), watcher) in all.into_iter().zip(watchers) {
        watcher.wait_for_cursor(&cursor, PATIENCE).await.unwrap();
        let name = format!("from start: {from_start}, cut once in {cuts:?}");
        let mut seen = Watched::new(name, watcher.stop().await);
        let snapshots = u64::from(!from_start);
        assert_eq!(seen.report.snapshots, snapshots, "a good cursor needs none");
        // What was answered with a version from before the snapshot, a snapshot's watcher can't know.
        seen.is_continuous = from_start;
        watched.push(seen);
    }
    let acked = [before_restart, after_restart].concat();
    let wrong = judge(&acked, &[], &watched, Some(&board));
    assert_eq!(wrong, Vec::<String>::new());
    expect_every_kind(&watched[0]);
    app.stop().await;
}

/// Checks that the changes were of every kind there is while the board lives.
fn expect_every_kind(watched: &Watched) {
    let mut kinds = BTreeMap::new();
    for raw in watched.report.recorded.values() {
        let raw = String::from_utf8_lossy(raw);
        let kind = raw.split('"').nth(3).unwrap_or_default().to_owned();
        *kinds.entry(kind).or_insert(0) += 1;
    }
    let expected = [
        "board_created",
        "board_updated",
        "list_created",
        "list_deleted",
        "list_moved",
        "list_updated",
        "task_created",
        "task_deleted",
        "task_moved",
        "task_updated",
    ];
    assert_eq!(kinds.keys().collect::<Vec<_>>(), expected, "{kinds:?}");
}
