//! What a load asked and was answered, write by write, and what can be judged from that: nothing
//! happened twice, nothing answered is missing, an answer says what the event says, a repeated
//! request gets the first answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::{Answer, Client, Connection, Request};
use crate::oracle::{Acked, Unanswered};
use crate::sse::Parser;

/// Connections over which a ledger asks again.
const ASKING_AGAIN: usize = 8;

/// One write.
#[derive(Clone, Debug)]
pub struct Written {
    /// The board it is about.
    pub board: String,
    /// The type of event it asks for.
    pub kind: &'static str,
    /// The id of the thing it is about; creations choose their own.
    pub thing: String,
    /// The request, with its key if it has one.
    pub request: Request,
    /// The answer; `None`: it was sent and never answered.
    pub answer: Option<Answer>,
}

impl Written {
    fn is_acked(&self) -> bool {
        let answer = self.answer.as_ref();
        answer.is_some_and(|answer| (200..300).contains(&answer.status))
    }

    /// The thing in the answer; `None` where there is none: it was deleted.
    fn answered_thing(&self) -> Option<Value> {
        let answer = self.answer.as_ref().filter(|answer| answer.status != 204);
        answer.map(Answer::json)
    }

    /// What its event is known by: the thing and its version, `None` for its deletion.
    fn effect(&self) -> (String, Option<u64>) {
        let version = self
            .answered_thing()
            .and_then(|thing| thing["version"].as_u64());
        (self.thing.clone(), version)
    }
}

/// What a load did.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Every write that was sent, those of one writer in order.
    pub written: Vec<Written>,
    /// Requests that were sent again after a 503.
    pub busy: u64,
    /// Requests whose connection ended without an answer.
    pub cuts: u64,
}

impl Ledger {
    /// The answered writes of a board, for the oracle.
    pub fn acked(&self, board: &str) -> Vec<Acked> {
        let acked = self.of(board).filter(|write| write.is_acked());
        acked
            .map(|write| Acked {
                kind: write.kind.to_owned(),
                thing: write.thing.clone(),
                version: write.effect().1,
            })
            .collect()
    }

    /// The writes of a board that may have taken effect or not, for the oracle.
    pub fn unanswered(&self, board: &str) -> Vec<Unanswered> {
        let unanswered = self.of(board).filter(|write| write.answer.is_none());
        unanswered
            .map(|write| Unanswered {
                kind: write.kind.to_owned(),
                thing: write.thing.clone(),
            })
            .collect()
    }

    /// How often each status was the last word on a write.
    pub fn statuses(&self) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for answer in self
            .written
            .iter()
            .filter_map(|write| write.answer.as_ref())
        {
            *statuses.entry(answer.status).or_default() += 1;
        }
        statuses
    }

    /// Says what in a board's whole log (number and block of each event since before the load) does
    /// not fit to the answers: an answer whose event is missing or says something else, and an event
    /// that no answer speaks of though every write was answered. For things that this load alone
    /// wrote, in lists not crowded enough to be re-spaced.
    pub fn judge(&self, board: &str, log: &BTreeMap<u64, Vec<u8>>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut events = read_effects(log, &mut wrong);
        let maybe: BTreeSet<_> = self
            .unanswered(board)
            .into_iter()
            .map(|write| write.thing)
            .collect();
        let acked = self.of(board).filter(|write| write.is_acked());
        for write in acked.clone() {
            let (effect, answered) = (write.effect(), write.answered_thing());
            let kind = write.kind;
            match (events.get(&effect), answered) {
                (None, _) => wrong.push(format!("{kind} {effect:?} was answered without an event")),
                (Some((seq, carried)), Some(answered)) if *carried != answered => {
                    let was = format!("{kind} {effect:?} was answered as {answered}");
                    wrong.push(format!("{was}, event {seq} says {carried}"));
                }
                (Some(_), _) => {}
            }
        }
        // A change that changed nothing is answered with the version of the one before it, so an
        // event may have several answers.
        acked.for_each(|write| drop(events.remove(&write.effect())));
        events.retain(|(thing, _), _| !maybe.contains(thing));
        wrong.extend(events.iter().map(|(effect, (seq, _))| {
            format!("event {seq} made {effect:?}, and no answer speaks of it")
        }));
        wrong
    }

    /// Asks every answered write again that has a key, and says which of them was not given its
    /// first answer.
    pub async fn ask_again(&self, addr: SocketAddr) -> Vec<String> {
        let acked: Vec<_> = self
            .written
            .iter()
            .filter(|write| write.is_acked())
            .collect();
        let share = acked.len().div_ceil(ASKING_AGAIN).max(1);
        let mut asking = JoinSet::new();
        for writes in acked.chunks(share) {
            let writes = writes.iter().map(|&write| write.clone()).collect();
            asking.spawn(repeat(Client::new(addr), writes));
        }
        asking.join_all().await.into_iter().flatten().collect()
    }

    /// Adds what another writer did.
    pub(crate) fn absorb(&mut self, other: Ledger) {
        self.written.extend(other.written);
        self.busy += other.busy;
        self.cuts += other.cuts;
    }

    fn of(&self, board: &str) -> impl Iterator<Item = &Written> + Clone {
        self.written
            .iter()
            .filter(move |write| write.board == board)
    }
}

/// Under each effect the event that made it, and the thing it carries.
type Effects = BTreeMap<(String, Option<u64>), (u64, Value)>;

/// An effect happens once.
fn read_effects(log: &BTreeMap<u64, Vec<u8>>, wrong: &mut Vec<String>) -> Effects {
    let mut effects = Effects::new();
    for (seq, raw) in log {
        let event = read(raw);
        let (thing, version) = match &event["task"] {
            Value::Null => (&event["taskId"], None),
            task => (&task["id"], task["version"].as_u64()),
        };
        let effect = (thing.as_str().unwrap_or_default().to_owned(), version);
        let made = (*seq, event["task"].clone());
        if let Some((first, _)) = effects.insert(effect.clone(), made) {
            wrong.push(format!(
                "{effect:?} happened twice: events {first} and {seq}"
            ));
        }
    }
    effects
}

fn read(raw: &[u8]) -> Value {
    let mut parser = Parser::default();
    parser.push(raw);
    let block = parser.next().and_then(Result::ok);
    block.map(|block| block.json()).unwrap_or_default()
}

async fn repeat(client: Client, writes: Vec<Written>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut connection = None;
    for write in writes {
        let (asked, first) = (format!("{} {}", write.kind, write.thing), write.answer);
        let again = send_on(&mut connection, client.addr(), write.request).await;
        let outcome = |answer: &Answer| (answer.status, answer.text());
        match (&first.as_ref().map(outcome), again.as_ref().map(outcome)) {
            (first, Ok(again)) if *first == Some(again.clone()) => {}
            (first, again) => wrong.push(format!("{asked} was answered {first:?}, then {again:?}")),
        }
    }
    wrong
}

/// Sends over the connection there is, or over a new one if that is no longer open.
pub(crate) async fn send_on(
    connection: &mut Option<Connection>,
    addr: SocketAddr,
    request: Request,
) -> std::io::Result<Answer> {
    let open = connection.take().filter(Connection::is_open);
    let open = match open {
        Some(open) => open,
        None => Connection::open(addr).await?,
    };
    connection.insert(open).send(request).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(kind: &'static str, thing: &str, answer: Option<(u16, Value)>) -> Written {
        let answer = answer.map(|(status, body)| Answer {
            status,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        });
        let request = Request::new("POST", "/tasks");
        Written {
            board: "b".into(),
            kind,
            thing: thing.into(),
            request,
            answer,
        }
    }

    fn task(version: u64) -> Value {
        json!({"id": "t", "title": "x", "version": version})
    }

    fn ledger() -> Ledger {
        let written = vec![
            written("task_created", "t", Some((201, task(1)))),
            written("task_updated", "t", Some((200, task(2)))),
            // Changed nothing.
            written("task_moved", "t", Some((200, task(2)))),
            written("task_deleted", "t", Some((204, Value::Null))),
            written("task_created", "other", Some((409, json!({})))),
        ];
        Ledger {
            written,
            ..Ledger::default()
        }
    }

    fn log(events: &[Value]) -> BTreeMap<u64, Vec<u8>> {
        let block = |event: &Value| format!("data: {event}\nid: 1-03b7710c9ae4\n\n").into_bytes();
        (1..).zip(events.iter().map(block)).collect()
    }

    fn events() -> Vec<Value> {
        vec![
            json!({"type": "task_created", "task": task(1)}),
            json!({"type": "task_updated", "task": task(2)}),
            json!({"type": "task_deleted", "taskId": "t"}),
        ]
    }

    #[track_caller]
    fn check(ledger: &Ledger, events: &[Value], said: &[&str]) {
        let wrong = ledger.judge("b", &log(events));
        assert_eq!(wrong.len(), said.len(), "{wrong:?}");
        for (sentence, part) in wrong.iter().zip(said) {
            assert!(sentence.contains(part), "{sentence:?} doesn't say {part:?}");
        }
    }

    #[test]
    fn a_log_that_fits_to_the_answers_leaves_nothing_to_say() {
        check(&ledger(), &events(), &[]);
        assert_eq!(ledger().statuses()[&200], 2);
        assert_eq!(ledger().acked("b").len(), 4);
        assert_eq!(ledger().acked("c").len(), 0);
    }

    #[test]
    fn an_answer_without_its_event_or_with_another_one_is_reported() {
        let mut other = events();
        other[1]["task"]["title"] = json!("y");
        check(&ledger(), &other, &["event 2 says", "event 2 says"]);
        check(&ledger(), &events()[..2], &["without an event"]);
    }

    #[test]
    fn an_effect_without_an_answer_or_a_second_one_is_reported() {
        let mut more = events();
        more.push(json!({"type": "task_updated", "task": task(3)}));
        check(&ledger(), &more, &["event 4 made"]);
        let mut twice = events();
        twice.push(events()[2].clone());
        check(&ledger(), &twice, &["happened twice: events 3 and 4"]);
    }

    #[test]
    fn an_unanswered_write_may_have_happened() {
        let mut ledger = ledger();
        ledger.written.push(written("task_updated", "t", None));
        let mut more = events();
        more.push(json!({"type": "task_updated", "task": task(3)}));
        check(&ledger, &more, &[]);
        assert_eq!(ledger.unanswered("b").len(), 1);
    }
}
