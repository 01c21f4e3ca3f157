//! Clients: what they ask for, of things that others change at the same time, and what they do about
//! answers and their absence.

use crate::server::{Answering, Asked};
use crate::tasks::Flag;
use axum::body::{Body, to_bytes};
use boardcast_sim::chronicle::Chronicle;
use boardcast_sim::random::Random;
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The first one is never deleted, so that a stream of all of them is never refused.
pub(crate) static BOARDS: [&str; 3] = ["a", "b", "c"];

const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Ids that were chosen or answered, whatever became of the things.
#[derive(Default)]
pub(crate) struct Ids {
    lists: Vec<String>,
    tasks: Vec<String>,
    made: u64,
}

/// A write that somebody wants, and what a judge has to know of it.
pub(crate) struct Wish {
    pub(crate) asked: Asked,
    pub(crate) kind: &'static str,
    pub(crate) thing: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) has_key: bool,
}

pub(crate) struct Client {
    pub(crate) state: State,
    pub(crate) flag: Arc<Flag>,
}

pub(crate) enum State {
    Idle,
    Waiting {
        write: usize,
        asked: Asked,
        answer: Pin<Box<dyn Future<Output = (u16, Value)> + Send>>,
    },
    /// Not answered, or answered and about to be asked again.
    Again {
        write: usize,
        asked: Asked,
    },
}

impl Client {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Idle,
            flag: Arc::default(),
        }
    }

    pub(crate) fn send(&mut self, write: usize, asked: Asked, answering: Answering) {
        self.state = State::Waiting {
            write,
            asked,
            answer: Box::pin(read(answering)),
        };
        self.flag.raise();
    }

    /// The answer, if it is there.
    pub(crate) fn poll(&mut self) -> Option<(usize, Asked, u16, Value)> {
        let State::Waiting { answer, .. } = &mut self.state else {
            return None;
        };
        let waker = Arc::clone(&self.flag).into();
        let Poll::Ready((status, body)) = answer.as_mut().poll(&mut Context::from_waker(&waker))
        else {
            return None;
        };
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Waiting { write, asked, .. } => Some((write, asked, status, body)),
            State::Idle | State::Again { .. } => None,
        }
    }

    /// What it asked and is not answered yet, or asks again.
    pub(crate) fn write(&self) -> Option<usize> {
        match self.state {
            State::Idle => None,
            State::Waiting { write, .. } | State::Again { write, .. } => Some(write),
        }
    }

    /// Lets go of a request that is not answered yet.
    pub(crate) fn let_go(&mut self) -> Option<(usize, Asked)> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Waiting { write, asked, .. } => Some((write, asked)),
            other => {
                self.state = other;
                None
            }
        }
    }
}

/// Status and body; a body that isn't JSON is told as text, an empty one as null.
async fn read(answering: Answering) -> (u16, Value) {
    let (status, bytes) = read_bytes(answering).await;
    let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
    match bytes.is_empty() {
        true => (status, Value::Null),
        false => (
            status,
            serde_json::from_slice(&bytes).unwrap_or_else(|_| text()),
        ),
    }
}

pub(crate) async fn read_bytes(answering: Answering) -> (u16, Vec<u8>) {
    let Ok(response) = answering.await;
    let (head, body): (_, Body) = response.into_parts();
    let bytes = to_bytes(body, ANSWER_BYTES_MAX).await;
    (head.status.as_u16(), bytes.unwrap_or_default().to_vec())
}

impl Ids {
    /// Learns what an answer names.
    pub(crate) fn learn(&mut self, kind: &str, body: &Value) {
        let Some(id) = body["id"].as_str() else {
            return;
        };
        let known = match kind {
            "list_created" => &mut self.lists,
            "task_created" => &mut self.tasks,
            _ => return,
        };
        if !known.iter().any(|other| other == id) {
            known.push(id.to_owned());
        }
    }

    /// The next write of some client.
    pub(crate) fn wish(&mut self, random: &mut Random, chronicle: &Chronicle) -> Wish {
        let mut wish = self.draw(random, chronicle);
        if wish.kind != "board_created" && !wish.kind.ends_with("_created") && random.one_in(10) {
            let version = 1 + random.below(4);
            wish.asked = wish.asked.header("if-match", format!("\"{version}\""));
        }
        if !random.one_in(3) {
            self.made += 1;
            wish.asked = wish
                .asked
                .header("idempotency-key", format!("k{}", self.made));
            wish.has_key = true;
        }
        wish
    }

    fn draw(&mut self, random: &mut Random, chronicle: &Chronicle) -> Wish {
        match random.below(100) {
            0..26 => self.create_task(random, chronicle),
            26..40 => self.edit_task(random, chronicle),
            40..62 => self.move_task(random),
            62..69 => self.bare("DELETE", "task_deleted", "tasks", "", random),
            69..75 => self.bare("POST", "task_restored", "tasks", "/restore", random),
            75..80 => self.create_list(random, chronicle),
            80..83 => self.rename(random, chronicle, "list_updated"),
            83..87 => self.move_list(random),
            87..89 => self.bare("DELETE", "list_deleted", "lists", "", random),
            89..92 => self.bare("POST", "list_restored", "lists", "/restore", random),
            92..95 => self.rename(random, chronicle, "board_updated"),
            95 => self.bare("DELETE", "board_deleted", "boards", "", random),
            96..98 => self.bare("POST", "board_restored", "boards", "/restore", random),
            _ => create_board(BOARDS[1 + random.below(2) as usize], chronicle),
        }
    }

    fn create_task(&mut self, random: &mut Random, chronicle: &Chronicle) -> Wish {
        let text = chronicle.text(words(random));
        let mut body = json!({ "listId": pick(&self.lists, random), "title": text });
        if random.one_in(3) {
            body["description"] = json!(words(random).repeat(1 + random.below(40) as usize));
        }
        let thing = self.choose_id(&mut body, "t", random);
        add_slot(&mut body, &self.tasks, random);
        let asked = Asked::new("POST", "/tasks").json(body);
        self.tasks.extend(thing.clone());
        Wish::new(asked, "task_created", thing, Some(text))
    }

    fn edit_task(&mut self, random: &mut Random, chronicle: &Chronicle) -> Wish {
        let text = chronicle.text(words(random));
        let (body, text) = match random.below(4) {
            0 => (json!({ "description": null }), None),
            1 => (json!({}), None),
            2 => (
                json!({ "title": text, "description": words(random) }),
                Some(text),
            ),
            _ => (json!({ "title": text }), Some(text)),
        };
        let task = pick(&self.tasks, random);
        let asked = Asked::new("PATCH", format!("/tasks/{task}")).json(body);
        Wish::new(asked, "task_updated", Some(task), text)
    }

    fn move_task(&mut self, random: &mut Random) -> Wish {
        let mut body = json!({});
        if !random.one_in(3) {
            body["listId"] = json!(pick(&self.lists, random));
        }
        add_slot(&mut body, &self.tasks, random);
        let task = pick(&self.tasks, random);
        let asked = Asked::new("PATCH", format!("/tasks/{task}/move")).json(body);
        Wish::new(asked, "task_moved", Some(task), None)
    }

    pub(crate) fn create_list(&mut self, random: &mut Random, chronicle: &Chronicle) -> Wish {
        let board = *random.pick(&BOARDS);
        self.create_list_on(board, random, chronicle)
    }

    pub(crate) fn create_list_on(
        &mut self,
        board: &str,
        random: &mut Random,
        chronicle: &Chronicle,
    ) -> Wish {
        let text = chronicle.text(words(random));
        let mut body = json!({ "boardId": board, "name": text });
        let thing = self.choose_id(&mut body, "l", random);
        add_slot(&mut body, &self.lists, random);
        let asked = Asked::new("POST", "/lists").json(body);
        self.lists.extend(thing.clone());
        Wish::new(asked, "list_created", thing, Some(text))
    }

    fn move_list(&mut self, random: &mut Random) -> Wish {
        let mut body = json!({});
        add_slot(&mut body, &self.lists, random);
        let list = pick(&self.lists, random);
        let asked = Asked::new("PATCH", format!("/lists/{list}/move")).json(body);
        Wish::new(asked, "list_moved", Some(list), None)
    }

    fn rename(&mut self, random: &mut Random, chronicle: &Chronicle, kind: &'static str) -> Wish {
        let text = chronicle.text(words(random));
        let (thing, path) = match kind {
            "list_updated" => (pick(&self.lists, random), "lists"),
            _ => ((*random.pick(&BOARDS)).to_owned(), "boards"),
        };
        let asked = Asked::new("PATCH", format!("/{path}/{thing}")).json(json!({ "name": text }));
        Wish::new(asked, kind, Some(thing), Some(text))
    }

    /// A request that its path says all of.
    fn bare(
        &mut self,
        method: &'static str,
        kind: &'static str,
        things: &str,
        end: &str,
        random: &mut Random,
    ) -> Wish {
        let thing = match things {
            "tasks" => pick(&self.tasks, random),
            "lists" => pick(&self.lists, random),
            _ => (*random.pick(&BOARDS[1..])).to_owned(),
        };
        let asked = Asked::new(method, format!("/{things}/{thing}{end}"));
        Wish::new(asked, kind, Some(thing), None)
    }

    /// Some choose their ids, some take the server's.
    fn choose_id(&mut self, body: &mut Value, kind: &str, random: &mut Random) -> Option<String> {
        if random.one_in(2) {
            return None;
        }
        self.made += 1;
        let id = format!("{kind}{}", self.made);
        body["id"] = json!(id);
        Some(id)
    }
}

impl Wish {
    fn new(asked: Asked, kind: &'static str, thing: Option<String>, text: Option<String>) -> Self {
        Self {
            asked,
            kind,
            thing,
            text,
            has_key: false,
        }
    }
}

/// A board of that id: taken while it lives, and while it can come back.
pub(crate) fn create_board(board: &str, chronicle: &Chronicle) -> Wish {
    let text = chronicle.text("Board");
    let asked = Asked::new("POST", "/boards").json(json!({ "id": board, "name": text }));
    Wish::new(asked, "board_created", Some(board.to_owned()), Some(text))
}

pub(crate) fn delete_board(board: &str) -> Wish {
    let asked = Asked::new("DELETE", format!("/boards/{board}"));
    Wish::new(asked, "board_deleted", Some(board.to_owned()), None)
}

fn words(random: &mut Random) -> &'static str {
    const WORDS: [&str; 4] = ["Water the plants", "\u{e9}\u{2028}\"\\", "\u{1f9f9}", "x"];
    WORDS[random.below(4) as usize]
}

fn pick(ids: &[String], random: &mut Random) -> String {
    match ids.len() as u64 {
        0 => "none".to_owned(),
        // As often one of the newest: these are alive.
        all => {
            let among = if random.one_in(2) { all } else { all.min(8) };
            ids[(all - 1 - random.below(among)) as usize].clone()
        }
    }
}

fn add_slot(body: &mut Value, siblings: &[String], random: &mut Random) {
    match random.below(7) {
        0 => body["position"] = json!("top"),
        1 => body["position"] = json!("bottom"),
        2 => body["position"] = json!(random.below(12)),
        3 => body["before"] = json!(pick(siblings, random)),
        4 => body["after"] = json!(pick(siblings, random)),
        _ => {}
    }
}
