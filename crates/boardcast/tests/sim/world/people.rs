//! Clients and watchers: who acts, who is looked at, until nobody is woken any more.

use super::{UNREST_MAX, World};
use crate::clients::{State, Wish};
use crate::server::Asked;
use crate::swarm::{Fault, Mistake};
use crate::tasks::at_once;
use crate::watchers::{Looked, Pace};
use boardcast_core::cursor::Cursor;
use boardcast_core::model::BoardId;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Copy)]
enum Woken {
    Client(usize),
    Watcher(usize),
    Reader(usize),
    Fanout,
}

impl World<'_> {
    // Clients.

    pub(super) fn client_acts(&mut self) {
        let at = self.random.below(self.clients.len() as u64) as usize;
        match std::mem::replace(&mut self.clients[at].state, State::Idle) {
            State::Idle => {
                let mut random = self.random.fork();
                let wish = self.ids.wish(&mut random, &self.chronicle);
                self.send(at, wish);
            }
            State::Again { write, asked } => {
                if self.chronicle.can_repeat(write) {
                    self.chronicle.reopened(write);
                    self.put_in(at, write, asked);
                }
            }
            waiting @ State::Waiting { .. } => {
                self.clients[at].state = waiting;
                if self.comes(Fault::GoneClient)
                    && let Some((write, asked)) = self.clients[at].let_go()
                {
                    self.chronicle.unanswered(write);
                    self.clients[at].state = State::Again { write, asked };
                }
            }
        }
    }

    pub(super) fn send(&mut self, at: usize, wish: Wish) {
        let Wish {
            asked,
            kind,
            thing,
            text,
            has_key,
        } = wish;
        if kind == "board_deleted" {
            self.may_be_gone.extend(thing.clone());
        }
        let write = self
            .chronicle
            .asked(kind, thing.as_deref(), text.as_deref(), has_key);
        let asked = self.badge_of_write(kind, asked, write);
        self.put_in(at, write, asked);
    }

    pub(super) fn put_in(&mut self, at: usize, write: usize, asked: Asked) {
        self.trace.note(format_args!(
            "{} client {at} asks {write}: {} {} {:?} {:?}",
            self.now_ms, asked.method, asked.path, asked.headers, asked.body
        ));
        self.write_is_asked(write);
        let answering = self.server().call(&asked);
        let made = made_board(&asked);
        self.clients[at].send(write, asked, answering);
        // On its way to the queue.
        self.look_at_client(at);
        if let Some(board) = made {
            self.board_may_be_made(&board);
        }
    }

    pub(super) fn look_at_client(&mut self, at: usize) {
        self.clients[at].flag.take();
        let Some((write, asked, status, body)) = self.clients[at].poll() else {
            return;
        };
        self.trace.note(format_args!(
            "{} client {at} is answered {write}: {status} {body}",
            self.now_ms
        ));
        self.counts.answers += 1;
        self.counts.accepted += u64::from(status < 300);
        if status < 300 {
            let kind = match asked.path.as_str() {
                "/lists" => "list_created",
                "/tasks" => "task_created",
                _ => "",
            };
            self.ids.learn(kind, &body);
        }
        let kind = self.chronicle.kind(write);
        if self.judge_write(write, &asked, kind, status, &body) {
            self.chronicle
                .answered(write, status, &body, self.disk_failed);
        } else {
            self.chronicle.turned_away(write);
        }
        if status < 300 && self.comes(Fault::Repeat) {
            self.clients[at].state = State::Again { write, asked };
        }
    }

    // Watchers.

    pub(super) fn connect(&mut self, at: usize) {
        self.counts.connections += 1;
        if self.mistake == Some(Mistake::HeadBeforeRegistration) {
            self.read_heads_of(at);
            self.turn();
        }
        self.badge_of_watcher(at);
        self.ticket_of_watcher(at);
        let way = self.swarm.way();
        let server = self.server.as_mut().expect("it runs");
        self.watchers[at].open(server, way);
        let asked = self.watchers[at].request();
        self.trace.note(format_args!(
            "{} {} asks {} {:?}",
            self.now_ms, self.watchers[at].name, asked.path, asked.headers
        ));
    }

    /// For [`Mistake::HeadBeforeRegistration`].
    pub(super) fn read_heads_of(&mut self, at: usize) {
        let log = Arc::clone(&self.server().log);
        for board in &self.watchers[at].boards {
            let place = self.watchers[at].place(board);
            let cursor = place.and_then(|place| Cursor::parse(&place).ok());
            let id = BoardId::parse(board).expect("an id");
            at_once(log.read_early(&id, cursor));
        }
    }

    pub(super) fn look_at_watcher(&mut self, at: usize) {
        self.watchers[at].flag.take();
        let mut is_cut = false;
        let (swarm, trace) = (&mut self.swarm, &mut self.trace);
        let counts = &mut self.counts;
        let looked = self.watchers[at].look(&mut self.chronicle, |name, bytes| {
            trace.bytes(name, bytes);
            counts.bytes += bytes.len() as u64;
            is_cut = swarm.comes(Fault::Cut);
            match is_cut {
                true => swarm.random(Fault::Cut).below(bytes.len() as u64 + 1) as usize,
                false => bytes.len(),
            }
        });
        self.judge_watcher(at, matches!(looked, Looked::Came));
        let watcher = &mut self.watchers[at];
        let back_at = self.now_ms + watcher.retry_ms();
        match looked {
            Looked::Came if is_cut => {
                *self.counts.happened.entry(Fault::Cut).or_default() += 1;
                self.trace.note(format_args!("  cut"));
                watcher.lose(back_at);
            }
            Looked::Came => {
                watcher.flag.raise();
                if self.comes(Fault::Stuck) {
                    self.get_stuck(at);
                }
            }
            Looked::Waits => {}
            Looked::Joins(stream) => {
                let flag = Arc::clone(&watcher.flag);
                let badge = watcher.badge.clone();
                let badge = self.is_of_people().then_some(badge);
                let board = stream.seat.board_id().as_str().to_owned();
                if !self.may_see(&self.watchers[at].badge, &board) {
                    let sentence = format!("{} joins without rights", self.watchers[at].name);
                    self.chronicle.object(sentence);
                }
                let receiver = self.server().fanout.join(*stream, flag, badge);
                self.watchers[at].joined(receiver);
                self.look_who_may();
            }
            Looked::Cut => {
                self.trace.note(format_args!("  {} is cut", watcher.name));
                watcher.lose(back_at);
            }
            Looked::Ended => {
                self.trace.note(format_args!("  {} ends", watcher.name));
                watcher.lose(back_at);
            }
            Looked::Refused(status) => {
                let has_id = watcher.last_id().is_some();
                let expected = if has_id { 204 } else { 404 };
                let mut boards = watcher.boards.iter();
                let are_gone = boards.all(|board| self.may_be_gone.contains(board));
                self.trace
                    .note(format_args!("  {} is refused {status}", watcher.name));
                let is_as_ever = status == expected && are_gone;
                if !is_as_ever && !self.may_be_refused(at, status) {
                    let watcher = &self.watchers[at];
                    let sentence = format!("{} was answered {status}", watcher.name);
                    self.chronicle.object(sentence);
                }
                let watcher = &mut self.watchers[at];
                watcher.begin_anew();
                watcher.lose(self.now_ms + 5_000);
            }
        }
    }

    fn get_stuck(&mut self, at: usize) {
        let random = self.swarm.random(Fault::Stuck);
        let ms = *random.pick(&[1_000, 10_000, 40_000, 150_000]);
        self.watchers[at].stuck_until = self.now_ms + ms;
        self.trace.note(format_args!("  stuck for {ms} ms"));
    }

    pub(super) fn slow_watcher_reads(&mut self) {
        let slow = |at: &usize| {
            let watcher = &self.watchers[*at];
            watcher.pace == Pace::Slow && !watcher.is_stuck(self.now_ms)
        };
        let slow: Vec<_> = (0..self.watchers.len()).filter(slow).collect();
        if !slow.is_empty() {
            let at = *self.random.pick(&slow);
            self.look_at_watcher(at);
        }
    }

    // Whoever was woken.

    pub(super) fn look_at_one(&mut self) {
        let clients = self.clients.iter().map(|client| client.flag.is_raised());
        let clients = clients.enumerate().filter(|(_, raised)| *raised);
        let mut woken: Vec<_> = clients.map(|(at, _)| Woken::Client(at)).collect();
        woken.extend(self.woken_watchers().into_iter().map(Woken::Watcher));
        woken.extend(self.woken_readers().into_iter().map(Woken::Reader));
        woken.extend(self.is_fanout_woken().then_some(Woken::Fanout));
        if woken.is_empty() {
            return;
        }
        match *self.random.pick(&woken) {
            Woken::Client(at) => self.look_at_client(at),
            Woken::Watcher(at) => self.look_at_watcher(at),
            Woken::Reader(at) => self.look_at_reader(at),
            Woken::Fanout => _ = self.turn_fanout(),
        }
    }

    fn is_fanout_woken(&self) -> bool {
        let now = Duration::from_millis(self.now_ms);
        let server = self.server.as_ref().expect("it runs");
        server.fanout.is_woken(now)
    }

    /// One turn of the shard, if it has something to do.
    pub(super) fn turn_fanout(&mut self) -> bool {
        let is_woken = self.is_fanout_woken();
        if is_woken {
            let now = Duration::from_millis(self.now_ms);
            let fanout = &mut self.server().fanout;
            fanout.turn(now);
            for sentence in fanout.take_wrong() {
                self.chronicle.object(sentence);
            }
        }
        is_woken
    }

    pub(super) fn look_at_one_watcher(&mut self) {
        let woken = self.woken_watchers();
        if !woken.is_empty() {
            let at = *self.random.pick(&woken);
            self.look_at_watcher(at);
        }
    }

    /// A slow one reads when it likes, but an answer's head arrives.
    pub(super) fn woken_watchers(&self) -> Vec<usize> {
        let is_woken = |at: &usize| {
            let watcher = &self.watchers[*at];
            let reads = watcher.pace == Pace::Steady || !watcher.is_open();
            reads && watcher.flag.is_raised() && !watcher.is_stuck(self.now_ms)
        };
        (0..self.watchers.len()).filter(is_woken).collect()
    }

    /// Until nobody is woken any more.
    pub(super) fn look_at_all(&mut self) {
        for _ in 0..UNREST_MAX {
            let clients = self.clients.iter().any(|client| client.flag.is_raised());
            let readers = !self.woken_readers().is_empty();
            let watchers = !self.woken_watchers().is_empty();
            if !clients && !readers && !watchers && !self.is_fanout_woken() {
                return;
            }
            self.look_at_one();
        }
        self.chronicle.object("the world doesn't come to rest");
    }

    /// Lets everything happen that waits for nothing but its turn. Nothing goes wrong meanwhile, but
    /// what goes wrong in the turns themselves.
    pub(super) fn settle(&mut self) {
        self.gates.open_all();
        for _ in 0..UNREST_MAX {
            self.look_at_all();
            if !self.turn() {
                break;
            }
            self.gates.open_all();
        }
        self.look_at_all();
        self.gates.shut();
    }
}

/// The board that a request makes, if it does.
fn made_board(asked: &Asked) -> Option<String> {
    let is_create = (asked.method, asked.path.as_str()) == ("POST", "/boards");
    let body = asked.body.as_ref().filter(|_| is_create)?;
    body["id"].as_str().map(str::to_owned)
}
