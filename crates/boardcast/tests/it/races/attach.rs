//! Attaching against publishing: whenever a watcher comes, it misses nothing and gets nothing twice.

use crate::app::{PATIENCE, TestApp};
use crate::stream::{START, ask, ask_for, cursor_of, greet, next};
use boardcast_sim::client::{Connection, Request};
use boardcast_sim::random::Random;
use boardcast_sim::stream::EventStream;
use futures_util::future::join_all;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Mutex;
use tokio::sync::watch;
use tokio::time::timeout;

const SEED: u64 = 7;
const WRITERS: usize = 8;
const WRITES_EACH: usize = 150;
const WATCHERS: usize = 200;

/// The ids that the first watcher has seen so far, so that others can come back with them.
type Known = Mutex<Vec<String>>;

/// What one watcher saw between coming and going.
struct Visit {
    /// The place at which its stream began.
    start: String,
    /// Everything after it, as it came.
    bytes: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_while_others_write_sees_exactly_the_log_from_its_cursor_on() {
    let app = TestApp::start().await;
    let known = Known::default();
    // Once nobody writes any more: where the log stands.
    let (head_tx, head_rx) = watch::channel(None);
    let mut stream = open(&app, START).await;
    let scout = {
        let mut head_rx = head_rx.clone();
        let seen = |id: &str| known.lock().unwrap().push(id.to_owned());
        async move { stay(&mut stream, START.into(), u64::MAX, &mut head_rx, seen).await }
    };
    let mut random = Random::new(SEED);
    let write = join_all((0..WRITERS).map(|writer| write(&app, writer, random.fork())));
    let watch_all =
        join_all((0..WATCHERS).map(|_| come_and_go(&app, &known, random.fork(), head_rx.clone())));
    let (scouted, visits, ()) = tokio::join!(scout, watch_all, async {
        write.await;
        head_tx.send_replace(Some(cursor_of(&app, "board-1").await));
    });

    let log = Log::read(&app).await;
    assert!(scouted.bytes == log.bytes, "{}", scouted.bytes);
    let visits: Vec<Visit> = visits.into_iter().flatten().collect();
    assert!(visits.len() > 2 * WATCHERS, "only {} visits", visits.len());
    for visit in &visits {
        let rest = log.after(&visit.start);
        assert!(
            rest.starts_with(&visit.bytes),
            "after {}: {}",
            visit.start,
            visit.bytes
        );
    }
    app.stop().await;
}

/// The whole log of the demo board.
struct Log {
    bytes: String,
    /// Where in the bytes each event ends, by its id.
    ends: HashMap<String, usize>,
}

impl Log {
    async fn read(app: &TestApp) -> Self {
        let head = cursor_of(app, "board-1").await;
        let mut stream = open(app, START).await;
        let mut bytes = String::new();
        let mut ends = HashMap::from([(START.to_owned(), 0)]);
        while !ends.contains_key(&head) {
            let block = next(&mut stream).await;
            bytes += std::str::from_utf8(&block.raw).unwrap();
            ends.insert(block.id.unwrap(), bytes.len());
        }
        Self { bytes, ends }
    }

    fn after(&self, id: &str) -> &str {
        &self.bytes[self.ends[id]..]
    }
}

async fn open(app: &TestApp, cursor: &str) -> EventStream {
    greet(ask(app, "", Some(cursor)).await).await.0
}

/// Makes, moves and deletes tasks, with texts so long that the newest events kept in memory are but
/// a part of the log.
async fn write(app: &TestApp, writer: usize, mut random: Random) {
    let mut connection = Connection::open(app.address()).await.unwrap();
    for count in 0..WRITES_EACH {
        let id = format!("task-{writer}-{}", count / 3);
        let request = match count % 3 {
            0 => {
                let text = "é".repeat(random.below(1_000) as usize);
                let body =
                    json!({ "listId": "list-todo", "id": id, "title": id, "description": text });
                Request::new("POST", "/tasks").json(&body)
            }
            1 => {
                let body = json!({ "listId": "list-done", "position": random.below(20) });
                Request::new("PATCH", format!("/tasks/{id}/move")).json(&body)
            }
            _ => Request::new("DELETE", format!("/tasks/{id}")),
        };
        let answer = connection.send(request).await.unwrap();
        assert!(matches!(answer.status, 200..=204), "{}", answer.text());
    }
}

/// Comes and goes until nobody writes any more; the last visit stays up to the last event.
async fn come_and_go(
    app: &TestApp,
    known: &Known,
    mut random: Random,
    mut head_rx: watch::Receiver<Option<String>>,
) -> Vec<Visit> {
    let mut visits = Vec::new();
    loop {
        let is_last = head_rx.borrow().is_some();
        visits.push(visit(app, known, &mut random, &mut head_rx).await);
        if is_last {
            return visits;
        }
    }
}

async fn visit(
    app: &TestApp,
    known: &Known,
    random: &mut Random,
    head_rx: &mut watch::Receiver<Option<String>>,
) -> Visit {
    let (query, cursor) = draw_beginning(known, random);
    let opened = ask(app, query, cursor.as_deref()).await;
    let (mut stream, start) = greet(opened).await;
    assert!(cursor.is_none() || cursor == start, "every cursor is good");
    let start = match start {
        Some(id) => id,
        None => next(&mut stream).await.id.unwrap(),
    };
    let most = random.below(60);
    let visit = stay(&mut stream, start, most, head_rx, |_| ()).await;
    if random.one_in(2) {
        stream.cut();
    }
    visit
}

/// Reads so many events, or what there is once nobody writes any more: then all of that has to come.
async fn stay(
    stream: &mut EventStream,
    start: String,
    most: u64,
    head_rx: &mut watch::Receiver<Option<String>>,
    mut seen: impl FnMut(&str),
) -> Visit {
    let (mut at, mut left) = (start.clone(), most);
    let mut bytes = String::new();
    while left > 0 && head_rx.borrow().as_ref() != Some(&at) {
        let block = tokio::select! {
            block = next(stream) => block,
            _ = head_rx.changed() => {
                left = u64::MAX;
                continue;
            }
        };
        // A heartbeat has none.
        let Some(id) = block.id else { continue };
        bytes += std::str::from_utf8(&block.raw).unwrap();
        seen(&id);
        at = id;
        left -= 1;
    }
    Visit { start, bytes }
}

/// Where a stream shall begin: at the head, with a snapshot, a moment ago, or long ago.
fn draw_beginning(known: &Known, random: &mut Random) -> (&'static str, Option<String>) {
    let known = known.lock().unwrap();
    let back = match random.below(8) {
        0 => return ("", None),
        1 => return ("?snapshot=1", None),
        2 => return ("", Some(START.to_owned())),
        3 => 0,
        4 | 5 => random.below(4),
        6 => random.below(100),
        _ => random.below(known.len().max(1) as u64),
    };
    let at = known.len().checked_sub(1 + back as usize);
    (
        "?snapshot=1",
        Some(at.map_or(START.to_owned(), |at| known[at].clone())),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_that_nobody_watched_is_watched_from_the_first_moment_on() {
    const ROUNDS: usize = 150;
    let app = TestApp::start().await;
    let rounds = (0..4).map(async |number: usize| {
        let board = format!("quiet-{number}");
        let list = format!("list-{number}");
        let body = json!({ "id": board, "name": board });
        app.post("/boards", &body).await.expect(201);
        let body = json!({ "id": list, "boardId": board, "name": list });
        app.post("/lists", &body).await.expect(201);
        let mut at = cursor_of(&app, &board).await;
        for round in 0..ROUNDS {
            // Coming back in the same moment as the change, or for the first time.
            let cursor = (round % 3 > 0).then_some(at.as_str());
            let (task, (mut stream, start)) =
                tokio::join!(app.add_task(&list, "Just now"), async {
                    greet(ask_for(&app, &board, "", cursor).await).await
                });
            let head = cursor_of(&app, &board).await;
            if start.as_ref() != Some(&head) {
                assert_eq!(start.as_ref(), Some(&at));
                let block = next(&mut stream).await;
                assert_eq!(block.json()["task"], task);
                assert_eq!(block.id.as_ref(), Some(&head));
            }
            at = head;
        }
    });
    let all = timeout(2 * PATIENCE, join_all(rounds));
    all.await.expect("no watcher waits for ever");
    app.stop().await;
}
