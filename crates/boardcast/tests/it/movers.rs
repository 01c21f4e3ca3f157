//! Many people who move the same cards at once. Contract 1, `rank`; Contract 2, the move: each
//! answered move put its task where it was asked to go, nothing is lost, no two stand in one place,
//! and every watcher ends with the server's order.

use crate::app::{PATIENCE, TestApp, say};
use boardcast_sim::client::{Answer, Connection, Request};
use boardcast_sim::crowd::Crowd;
use boardcast_sim::fold::{Fold, check_at_rest};
use boardcast_sim::ledger::{Ledger, Written};
use boardcast_sim::load::Ground;
use boardcast_sim::random::Random;
use boardcast_sim::sse::Parser;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::task::JoinSet;
use tokio::time::timeout;

const BOARD: &str = "crowded";
const TASKS: usize = 50;
const MOVERS: u64 = 50;
const MOVES_EACH: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_movers_of_fifty_tasks_get_what_they_asked_for_and_everyone_sees_one_order() {
    let app = TestApp::start().await;
    let address = app.address();
    let ground = Ground::make(address, BOARD, 2).await;
    let before = app.board(BOARD).await;
    let crowd = Crowd::gather(address, BOARD, 20, 20).await.unwrap();

    let all = move_all(address, &ground);
    let ledger = timeout(PATIENCE * 4, all)
        .await
        .expect("the movers come to an end");

    let statuses = ledger.statuses();
    assert!(
        statuses
            .keys()
            .all(|status| [200, 201, 409].contains(status)),
        "{statuses:?}"
    );
    for refused in ledger.written.iter().filter_map(refusal) {
        assert_eq!(refused["code"], "neighbour_gone", "{refused}");
    }
    let verdict = crowd.judge(&ledger).await;
    say(format_args!("{verdict}; {statuses:?}"));
    assert_eq!(verdict.wrong, Vec::<String>::new());
    let after = app.board(BOARD).await;
    assert_eq!(tasks_in(&after), TASKS, "no task is lost");
    assert_eq!(
        misplaced(before, &verdict.log, &ledger),
        Vec::<String>::new()
    );
    app.stop().await;
}

async fn move_all(address: SocketAddr, ground: &Ground) -> Ledger {
    let mut written = Vec::new();
    let mut first = Person::at(address).await;
    let tasks: Vec<_> = (0..TASKS).map(|number| format!("task-{number}")).collect();
    for task in &tasks {
        let body = json!({ "id": task, "title": "Move me", "listId": ground.lists[0] });
        let request = Request::new("POST", "/tasks").json(&body);
        written.push(first.ask("task_created", task, request).await);
    }
    let mut movers = JoinSet::new();
    for number in 0..MOVERS {
        let (lists, tasks) = (ground.lists.clone(), tasks.clone());
        movers.spawn(move_some(address, lists, tasks, Random::new(number)));
    }
    written.extend(movers.join_all().await.into_iter().flatten());
    Ledger {
        written,
        ..Ledger::default()
    }
}

async fn move_some(
    address: SocketAddr,
    lists: Vec<String>,
    tasks: Vec<String>,
    mut random: Random,
) -> Vec<Written> {
    let mut mover = Person::at(address).await;
    let mut written = Vec::new();
    for _ in 0..MOVES_EACH {
        let task = random.pick(&tasks).clone();
        let mut body = slot(&mut random, &tasks);
        // Mostly within the one list; now and then a neighbour is out when somebody names it.
        let list = if random.one_in(8) {
            &lists[1]
        } else {
            &lists[0]
        };
        body["listId"] = json!(list);
        let request = Request::new("PATCH", format!("/tasks/{task}/move")).json(&body);
        written.push(mover.ask("task_moved", &task, request).await);
    }
    written
}

/// Somebody with a connection of their own.
struct Person(Connection);

impl Person {
    async fn at(address: SocketAddr) -> Self {
        Self(Connection::open(address).await.expect("a connection"))
    }

    async fn ask(&mut self, kind: &'static str, task: &str, request: Request) -> Written {
        let answer = self.0.send(request.clone()).await;
        Written {
            board: BOARD.to_owned(),
            kind,
            thing: task.to_owned(),
            request,
            answer: Some(answer.expect("an answer")),
        }
    }
}

fn slot(random: &mut Random, tasks: &[String]) -> Value {
    match random.below(6) {
        0 => json!({}),
        1 => json!({ "position": "top" }),
        2 => json!({ "position": "bottom" }),
        3 => json!({ "position": random.below(TASKS as u64 + 5) }),
        4 => json!({ "before": random.pick(tasks) }),
        _ => json!({ "after": random.pick(tasks) }),
    }
}

fn refusal(write: &Written) -> Option<Value> {
    let answer = write.answer.as_ref();
    answer
        .filter(|answer| answer.status == 409)
        .map(Answer::json)
}

fn tasks_in(board: &Value) -> usize {
    let lists = board["lists"].as_array().expect("lists").iter();
    lists
        .map(|list| list["tasks"].as_array().expect("tasks").len())
        .sum()
}

/// Follows the log and says which event did not put its task where one of those asked who were
/// answered with it. (Whoever asked for what stood already was answered with an earlier event.)
fn misplaced(before: Value, log: &BTreeMap<u64, Vec<u8>>, ledger: &Ledger) -> Vec<String> {
    let mut asked: BTreeMap<(String, u64), Vec<Value>> = BTreeMap::new();
    for write in ledger
        .written
        .iter()
        .filter(|write| refusal(write).is_none())
    {
        let answered = write.answer.as_ref().expect("answered").json();
        let version = answered["version"].as_u64().expect("a version");
        let wish = write.request.body_json().expect("a body");
        asked
            .entry((write.thing.clone(), version))
            .or_default()
            .push(wish);
    }
    let mut fold = Fold::of(before);
    let mut wrong = Vec::new();
    for raw in log.values() {
        let mut parser = Parser::default();
        parser.push(raw);
        let block = parser.next().expect("a block").expect("a good one");
        let event = block.json();
        let applied = fold.apply(&event, block.id.as_deref());
        let board = fold.board().expect("a board");
        wrong.extend(applied.and_then(|()| check_at_rest(board)).err());
        let (task, version) = (&event["task"]["id"], &event["task"]["version"]);
        let made = (
            task.as_str().unwrap_or_default().to_owned(),
            version.as_u64().unwrap_or(0),
        );
        let wishes = asked.remove(&made).unwrap_or_default();
        if !wishes.iter().any(|wish| is_granted(board, &made.0, wish)) {
            wrong.push(format!(
                "{} made {made:?}, asked for: {wishes:?}",
                block.id.unwrap_or_default()
            ));
        }
    }
    wrong.extend(
        asked
            .iter()
            .map(|(made, wishes)| format!("no event made {made:?}: {wishes:?}")),
    );
    wrong
}

fn is_granted(board: &Value, task: &str, wish: &Value) -> bool {
    let lists = board["lists"].as_array().expect("lists");
    let list = lists
        .iter()
        .find(|list| list["id"] == wish["listId"])
        .expect("the list");
    let row: Vec<_> = list["tasks"]
        .as_array()
        .expect("tasks")
        .iter()
        .map(|task| &task["id"])
        .collect();
    let Some(at) = row.iter().position(|id| **id == task) else {
        return false;
    };
    let last = row.len() - 1;
    if let Some(index) = wish["position"].as_u64() {
        return at as u64 == index.min(last as u64);
    }
    if wish["before"].is_string() {
        return row.get(at + 1) == Some(&&wish["before"]);
    }
    if wish["after"].is_string() {
        return at > 0 && row[at - 1] == &wish["after"];
    }
    at == if wish["position"] == "top" { 0 } else { last }
}
