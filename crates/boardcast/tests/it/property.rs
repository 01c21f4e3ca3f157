//! Contract 1 to 3 as one property: whatever is asked, by many at once, and however watchers are cut,
//! each of them folds what it saw to the board as it is, and every way to read the log gives the same
//! bytes.

mod clients;
mod watchers;

use crate::app::TestApp;
use crate::pages::read_log;
use crate::stream::{ask_for, greet, next};
use boardcast::outside::{Outside, random_bytes};
use boardcast::serve::Machine;
use boardcast_sim::fold::{Fold, check_at_rest, same_board};
use boardcast_sim::random::Random;
use clients::{Client, Ids};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;
use watchers::{watch_all, watch_one};

const CLIENTS: u64 = 20;
const COMMANDS_PER_CLIENT: u64 = 600;

/// The first one is never deleted, so that no stream of all of them is ever refused.
const BOARDS: [&str; 5] = ["home", "p1", "p2", "p3", "p4"];

/// The data line of every event that anybody saw, by board and cursor.
type Seen = BTreeMap<(String, String), String>;

/// What one watcher says at the end.
#[derive(Default)]
struct Testimony {
    name: String,
    violations: Vec<String>,
    folds: BTreeMap<String, Fold>,
    seen: Vec<((String, String), String)>,
}

/// The boards at the end, by id.
type Boards = BTreeMap<String, Value>;

/// Fixed by `SEED=…` in the environment of the build; otherwise another one each time.
fn seed() -> u64 {
    let given = option_env!("SEED").map(|seed| seed.parse().expect("a number"));
    given.unwrap_or_else(|| u64::from_be_bytes(random_bytes(&Machine as &dyn Outside)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "shown when the test fails")]
async fn every_watcher_folds_what_it_saw_to_the_board_as_it_is() {
    let seed = seed();
    println!("SEED={seed}");
    let app = TestApp::start().await;
    let mut random = Random::new(seed);
    let ids = Arc::new(Ids::default());
    for board in BOARDS {
        app.add_board(board).await;
        ids.add_list(&format!("list-{board}"));
    }
    let (end_tx, end_rx) = watch::channel(None);
    let mut watching = Vec::new();
    for board in BOARDS {
        for one_in in [0, 25] {
            let random = random.fork();
            let (address, end_rx) = (app.address(), end_rx.clone());
            watching.push(tokio::spawn(watch_one(
                address, board, random, one_in, end_rx,
            )));
        }
    }
    for (boards, from_head, one_in) in [
        (&BOARDS[..], false, 0),
        (&["p4", "p3", "p2", "p1", "home"], false, 30),
        (&["p1", "home"], false, 8),
        (&["home", "p3", "p2"], true, 60),
    ] {
        let random = random.fork();
        let (address, end_rx) = (app.address(), end_rx.clone());
        let watcher = watch_all(address, boards, from_head, random, one_in, end_rx);
        watching.push(tokio::spawn(watcher));
    }
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| Client::new(app.address(), number, random.fork(), Arc::clone(&ids)))
        .map(|client| tokio::spawn(client.run(COMMANDS_PER_CLIENT)))
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let boards = restore_all(&app).await;
    end_tx.send_replace(Some(cursors(&boards)));
    let mut seen = Seen::new();
    for watcher in watching {
        let testimony = watcher.await.unwrap();
        judge(&testimony, &boards);
        add_agreeing(&mut seen, testimony.seen);
    }
    check_tasks_stand_once(&boards);
    for (id, board) in &boards {
        check_at_rest(board).unwrap();
        check_log(&app, id, &seen).await;
    }
    app.stop().await;
}

async fn restore_all(app: &TestApp) -> Boards {
    let mut boards = Boards::new();
    for id in BOARDS {
        let path = format!("/boards/{id}/restore");
        app.post(&path, &json!({})).await.expect(200);
        boards.insert(id.to_owned(), app.board(id).await);
    }
    boards
}

fn cursors(boards: &Boards) -> BTreeMap<String, String> {
    let cursor = |board: &Value| board["cursor"].as_str().unwrap().to_owned();
    let cursors = boards.iter();
    cursors
        .map(|(id, board)| (id.clone(), cursor(board)))
        .collect()
}

/// I2: what a watcher folded is the board. One that began at the head may never have had it whole.
fn judge(testimony: &Testimony, boards: &Boards) {
    let name = &testimony.name;
    assert_eq!(testimony.violations, Vec::<String>::new(), "{name}");
    for (id, fold) in &testimony.folds {
        if let Some(folded) = fold.board() {
            let same = same_board(folded, &boards[id]);
            assert_eq!(same, Ok(()), "{name} of {id}");
        } else {
            assert!(name.ends_with("from the head"), "{name} has no {id}");
        }
    }
}

/// I3: an event is the same bytes to everybody.
fn add_agreeing(seen: &mut Seen, found: Vec<((String, String), String)>) {
    for (place, data) in found {
        let known = seen.entry(place.clone()).or_insert_with(|| data.clone());
        assert_eq!(*known, data, "{place:?}");
    }
}

fn check_tasks_stand_once(boards: &Boards) {
    let lists = boards
        .values()
        .flat_map(|board| board["lists"].as_array().unwrap());
    let tasks = lists.flat_map(|list| list["tasks"].as_array().unwrap());
    let mut ids = BTreeSet::new();
    for task in tasks {
        assert!(
            ids.insert(task["id"].as_str()),
            "{} stands twice",
            task["id"]
        );
    }
    assert!(ids.len() > 50, "something is left");
}

/// What is replayed, on one stream or of several boards, and what pages give, is what was seen live.
async fn check_log(app: &TestApp, board: &str, seen: &Seen) {
    let log = read_log(app, board, 333).await;
    let live_of = |id: &String| seen.get(&(board.to_owned(), id.clone()));
    for (id, data) in &log {
        assert!(live_of(id).is_none_or(|live| live == data), "{board} {id}");
    }
    if board == BOARDS[0] {
        // Somebody watched all the time.
        let unseen = log.iter().skip_while(|(id, _)| live_of(id).is_none());
        let unseen: Vec<_> = unseen.filter(|(id, _)| live_of(id).is_none()).collect();
        assert_eq!(unseen, Vec::<&(String, String)>::new());
        assert!(log.len() > 200, "only {} events", log.len());
    }
    let Some(((first, _), rest)) = log.split_first() else {
        return;
    };
    let (mut single, _) = greet(ask_for(app, board, "", Some(first)).await).await;
    let query = format!("?boards={board}&after={board}:{first}");
    let (mut merged, _) = crate::merged::open(app, &query, None).await;
    for (id, data) in rest {
        let block = next(&mut single).await;
        let expected = format!("data: {data}\nid: {id}\n\n");
        assert_eq!(block.raw, expected.into_bytes());
        let expected = format!("data: {data}\nid: {board}:{id}\n\n");
        assert_eq!(next(&mut merged).await.raw, expected.into_bytes());
    }
}
