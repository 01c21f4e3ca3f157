//! Many moves at once between two boards, both ways, under watchers that are cut.

use super::start;
use crate::app::PATIENCE;
use boardcast_sim::client::{Connection, Request};
use boardcast_sim::fold::same_board;
use boardcast_sim::merged::MergedWatcher;
use boardcast_sim::random::Random;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const WRITERS: u64 = 8;
const MOVES_PER_WRITER: u64 = 120;
const TASKS: u64 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_boards_event_comes_first_whatever_happens_at_once() {
    let app = start().await;
    for n in 0..TASKS {
        let task = json!({ "listId": "list-a", "id": format!("m{n}"), "title": "x" });
        app.post("/tasks", &task).await.expect(201);
    }
    let watchers: Vec<_> = [
        (&["a", "b"], 0),
        (&["b", "a"], 0),
        (&["a", "b"], 6),
        (&["b", "a"], 20),
        (&["b", "a"], 60),
    ]
    .into_iter()
    .zip(0..)
    .map(|((boards, one_in), seed)| {
        let watcher = MergedWatcher::new(app.address(), boards);
        match one_in {
            0 => watcher.spawn(),
            _ => watcher.cutting(seed, one_in).spawn(),
        }
    })
    .collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|seed| tokio::spawn(move_about(app.address(), Random::new(seed))))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut boards = BTreeMap::new();
    let mut cursors = BTreeMap::new();
    for id in ["a", "b"] {
        let board = app.board(id).await;
        let cursor = board["cursor"].as_str().unwrap().to_owned();
        cursors.insert(id.to_owned(), cursor);
        boards.insert(id.to_owned(), board);
    }
    let mut seen = BTreeMap::new();
    for watcher in watchers {
        watcher.wait_for(&cursors, PATIENCE).await.unwrap();
        let (report, folds) = watcher.stop().await;
        assert_eq!(report.violations, Vec::<String>::new());
        for (id, board) in &boards {
            same_board(folds[id].board().unwrap(), board).unwrap();
        }
        for (place, data) in report.recorded {
            let known = seen.entry(place).or_insert_with(|| data.clone());
            assert_eq!(*known, data);
        }
    }
    let moved: BTreeSet<_> = seen.keys().map(|(board, _)| board.as_str()).collect();
    assert_eq!(moved, ["a", "b"].into());
    app.stop().await;
}

async fn move_about(address: std::net::SocketAddr, mut random: Random) {
    let mut connection = Connection::open(address).await.unwrap();
    for _ in 0..MOVES_PER_WRITER {
        let list = *random.pick(&["list-a", "list-b"]);
        let body = match random.below(3) {
            0 => json!({ "listId": list }),
            1 => json!({ "listId": list, "position": random.below(9) }),
            _ => json!({ "listId": list, "before": format!("m{}", random.below(TASKS)) }),
        };
        let path = format!("/tasks/m{}/move", random.below(TASKS));
        let answer = connection.send(Request::new("PATCH", path).json(&body));
        let status = answer.await.unwrap().status;
        assert!([200, 409].contains(&status), "{status}");
    }
}
