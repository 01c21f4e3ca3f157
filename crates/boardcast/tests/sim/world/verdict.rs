//! What the judges are told when everything has come to rest, and what they say in the end.

use super::harm::disarm_mistakes;
use super::{Verdict, World};
use crate::clients::{BOARDS, Client, State, read_bytes};
use crate::server::Asked;
use crate::tasks::at_once;
use crate::watchers::{Line, Looked, Pace, Watcher, tell};
use boardcast::sabotage::{Spot, disarm};
use boardcast_sim::chronicle::Chronicle;
use boardcast_sim::fold::same_board;
use boardcast_sim::sse::Parser;
use boardcast_sim::witness::Witness;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;

impl World<'_> {
    /// Whoever can be where the boards stand must be there, and nobody waits for an answer.
    pub(super) fn check(&mut self) {
        disarm(Spot::ReadFails);
        self.settle();
        let boards = self.audit();
        self.check_memory();
        self.check_rights();
        let is_waiting = |client: &Client| matches!(client.state, State::Waiting { .. });
        if self.clients.iter().any(is_waiting) {
            self.chronicle.object("somebody is not answered");
        }
        let now_ms = self.now_ms;
        let reads = |watcher: &&Watcher| watcher.pace == Pace::Steady && !watcher.is_stuck(now_ms);
        for watcher in self.watchers.iter().filter(reads) {
            for (board, whole) in &boards {
                if !watcher.boards.contains(board) || !watcher.follows(board) {
                    continue;
                }
                let place = watcher.place(board);
                if place.as_deref() != whole["cursor"].as_str() {
                    self.chronicle.object(format!(
                        "{} stands at {place:?} of {board}, which stands at {}",
                        watcher.name, whole["cursor"]
                    ));
                } else if let Some(folded) = watcher.board(board)
                    && let Err(difference) = same_board(folded, whole)
                {
                    self.chronicle.object(format!(
                        "{}: its fold is not the board {board}: {difference}",
                        watcher.name
                    ));
                }
            }
        }
    }

    /// The bound on snapshots holds but for one; whoever was to let go has done so.
    fn check_memory(&mut self) {
        let bytes_max = self.swarm.snapshots_bytes_max;
        let server = self.server();
        let (bytes, largest) = (server.pins.bytes(), server.log.largest_snapshot());
        if bytes > bytes_max + largest {
            let sentence = format!("readers hold {bytes} bytes of snapshots");
            self.chronicle.object(sentence);
        }
    }

    /// Reads all that is new in each log, and each board; gives those that live.
    pub(super) fn audit(&mut self) -> BTreeMap<String, Value> {
        let mut living = BTreeMap::new();
        disarm(Spot::ReadFails);
        self.gates.open_all();
        for board in BOARDS {
            match self.ask(&Asked::new("GET", format!("/boards/{board}"))) {
                (200, body) => {
                    let whole: Value = serde_json::from_slice(&body).unwrap_or_default();
                    self.chronicle.saw_life(board, &whole["createdAt"]);
                    self.read_log(board, &whole["createdAt"]);
                    self.chronicle.stands(board, &whole);
                    self.note_head(board, &whole);
                    living.insert(board.to_owned(), whole);
                }
                (404, _) if self.may_be_gone.contains(board) => {}
                (status, _) => {
                    self.chronicle
                        .object(format!("{board} is answered {status}"));
                }
            }
        }
        self.gates.shut();
        living
    }

    pub(super) fn read_log(&mut self, board: &str, created_at: &Value) {
        let mut after = self.chronicle.newest(board).map(str::to_owned);
        if self.random.one_in(8) {
            after = None;
        }
        loop {
            let place = after.as_ref().map(|id| format!("&after={id}"));
            let path = format!(
                "/boards/{board}/events?limit=1000{}",
                place.unwrap_or_default()
            );
            let asked = Asked::new("GET", path).header("accept", "application/json");
            match self.ask(&asked) {
                (200, body) => {
                    let page: Page = serde_json::from_slice(&body).expect("a page");
                    for Event { id, data } in &page.events {
                        let (place, life) = (after.replace(id.clone()), Some(created_at));
                        self.chronicle
                            .saw_event_of(board, life, place.as_deref(), id, data.get());
                    }
                    if page.events.is_empty() {
                        return self.chronicle.ends_at(board, created_at, &page.cursor);
                    }
                    after = Some(page.cursor);
                }
                (410, _) if after.is_some() => after = None,
                (404, _) => return,
                (status, _) => {
                    return self
                        .chronicle
                        .object(format!("the log of {board} is answered {status}"));
                }
            }
        }
    }

    /// Asks for something that waits for nobody.
    pub(super) fn ask(&mut self, asked: &Asked) -> (u16, Vec<u8>) {
        let asked = &self.as_auditor(asked.clone());
        let answering = self.server().call(asked);
        let answer = at_once(read_bytes(answering));
        let (status, body) = answer.unwrap_or_default();
        self.trace
            .note(format_args!("  {} {}: {status}", asked.method, asked.path));
        self.trace.bytes("auditor", &body);
        (status, body)
    }

    /// Comes with some cursor, good or not.
    pub(super) fn probe(&mut self) {
        self.audit();
        let board = *self.random.pick(&BOARDS);
        let sent = self.some_cursor(board);
        let asked = Asked::new("GET", format!("/boards/{board}/events"));
        let asked = self.as_auditor(asked.header("last-event-id", &sent));
        self.trace.note(format_args!(
            "{} probe of {board} after {sent}",
            self.now_ms
        ));
        let mut prober = Watcher::new(&[board], Pace::Steady, false);
        let server = self.server.as_mut().expect("it runs");
        prober.line = Line::Opening(server.call(&asked));
        self.gates.open_all();
        let mut blocks = Vec::new();
        let mut parser = Parser::default();
        let mut shown = Chronicle::default();
        loop {
            let looked = prober.look(&mut shown, |_, bytes| {
                parser.push(bytes);
                bytes.len()
            });
            match looked {
                Looked::Came => blocks.extend(parser.by_ref().filter_map(Result::ok)),
                Looked::Waits | Looked::Ended | Looked::Cut | Looked::Joins(_) => break,
                Looked::Refused(204) if self.may_be_gone.contains(board) => {
                    return self.gates.shut();
                }
                Looked::Refused(status) => {
                    self.chronicle
                        .object(format!("a probe is answered {status}"));
                    return self.gates.shut();
                }
            }
        }
        self.gates.shut();
        let mut witness = Witness::new(false, false);
        for block in &blocks {
            let place = witness.last_id().map(str::to_owned);
            tell(&mut self.chronicle, &prober.boards, block, |_| place);
            witness.see(block);
        }
        for violation in &witness.report().violations {
            self.chronicle
                .object(format!("a probe of {board} after {sent}: {violation}"));
        }
        let kept = self.swarm.retention.events;
        self.chronicle.resumed(board, &sent, &blocks, kept);
    }

    pub(super) fn some_cursor(&mut self, board: &str) -> String {
        let other = *self.random.pick(&BOARDS);
        let places = self.chronicle.places(board);
        let theirs = self.chronicle.places(other);
        match self.random.below(8) {
            0 => "no cursor".to_owned(),
            1 => format!("{}-0123456789ab", 1 + self.random.below(100)),
            2 => "0-000000000000".to_owned(),
            3 if !theirs.is_empty() => self.random.pick(&theirs).clone(),
            _ if !places.is_empty() => self.random.pick(&places).clone(),
            _ => "1-0123456789ab".to_owned(),
        }
    }

    /// Everything heals, everybody comes back, and the whole is judged.
    pub(super) fn end(mut self) -> Verdict {
        self.swarm.is_calm = true;
        disarm(Spot::ReadFails);
        if self.chronicle.wrong().is_empty() {
            for watcher in &mut self.watchers {
                watcher.pace = Pace::Steady;
                watcher.stuck_until = 0;
                watcher.flag.raise();
            }
            self.heal_people();
            self.settle();
            self.look_again();
            for _ in 0..4 {
                self.pass_time(11_000);
                self.settle();
            }
            self.check();
            let boards = self.audit();
            for watcher in &self.watchers {
                let alive = watcher
                    .boards
                    .iter()
                    .any(|board| boards.contains_key(board));
                if alive && !watcher.is_open() {
                    let sentence = format!("{} never came back", watcher.name);
                    self.chronicle.object(sentence);
                }
            }
            self.stop();
            let living = boards.into_keys().collect();
            self.chronicle.judge(&living);
        }
        disarm_mistakes();
        for sentence in self.chronicle.wrong() {
            self.trace.note(format_args!("WRONG: {sentence}"));
        }
        Verdict {
            wrong: self.chronicle.wrong().to_vec(),
            digest: self.trace.digest(),
            steps: self.steps,
            simulated: Duration::from_millis(self.now_ms),
            counts: self.counts,
        }
    }
}

/// A page of the log, with each event's bytes as they came.
#[derive(Deserialize)]
struct Page {
    events: Vec<Event>,
    cursor: String,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    data: Box<RawValue>,
}
