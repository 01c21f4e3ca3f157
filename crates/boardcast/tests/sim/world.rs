//! The world of one run: clients, watchers, a server, its disk, the clock and everything that goes
//! wrong, moved step by step in an order that follows from the seed alone.
//!
//! Nothing in here judges: what is asked, answered and shown is told to the judges of
//! `boardcast-sim`, which know the contract and none of this.

use crate::clients::{BOARDS, Client, Ids, State, Wish, create_board, delete_board, read_bytes};
use crate::disk::{Disk, Image};
use crate::gates::Gates;
use crate::nature::Nature;
use crate::server::{Asked, Server};
use crate::swarm::{Fault, Mistake, Run, Swarm};
use crate::tasks::at_once;
use crate::trace::Trace;
use crate::watchers::{Line, Looked, Pace, Watcher, tell};
use boardcast::live::hub::Hub;
use boardcast::sabotage::{Harm, Spot, arm, disarm};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::Segment;
use boardcast_core::model::BoardId;
use boardcast_sim::chronicle::{Chronicle, Moment};
use boardcast_sim::fold::same_board;
use boardcast_sim::random::Random;
use boardcast_sim::sse::Parser;
use boardcast_sim::witness::Witness;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Looks and turns after which a world that doesn't come to rest never will.
const UNREST_MAX: u32 = 20_000;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What became of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// Everything that the judges found; empty after a good run.
    pub(crate) wrong: Vec<String>,
    /// A hash of everything that happened, in order.
    pub(crate) digest: String,
    pub(crate) steps: u64,
    pub(crate) simulated: Duration,
    pub(crate) counts: Counts,
}

/// What a run was made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) answers: u64,
    pub(crate) accepted: u64,
    pub(crate) connections: u64,
    pub(crate) bytes: u64,
    pub(crate) starts: u64,
    pub(crate) happened: BTreeMap<Fault, u64>,
}

/// Carries out a run.
pub(crate) fn carry_out(run: &Run) -> Verdict {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let _inside = runtime.enter();
    let mut world = World::new(run, &runtime);
    world.begin();
    for _ in 0..world.swarm.steps {
        world.step();
        if !world.chronicle.wrong().is_empty() {
            break;
        }
    }
    world.end()
}

struct World<'a> {
    runtime: &'a Runtime,
    mistake: Option<Mistake>,
    swarm: Swarm,
    random: Random,
    trace: Trace,
    chronicle: Chronicle,
    nature: Arc<Nature>,
    gates: Arc<Gates>,
    disk: Disk,
    /// None only while it is started anew.
    server: Option<Server>,
    clients: Vec<Client>,
    ids: Ids,
    watchers: Vec<Watcher>,
    now_ms: u64,
    steps: u64,
    copy: Option<(Image, Moment)>,
    /// The disk has failed at some time, so that answers may say so.
    disk_failed: bool,
    /// Boards that somebody asked to delete.
    may_be_gone: BTreeSet<String>,
    counts: Counts,
}

impl<'a> World<'a> {
    fn new(run: &Run, runtime: &'a Runtime) -> Self {
        let mut random = Random::new(run.seed);
        let mut swarm = Swarm::draw(run, &mut random);
        provoke(run.mistake, &mut swarm);
        let nature = Arc::new(Nature::new(random.fork()));
        let gates = Gates::new(random.fork(), swarm.one_in(Fault::SlowReads));
        Self {
            runtime,
            mistake: run.mistake,
            trace: Trace::new(run.is_shown),
            chronicle: Chronicle::default(),
            nature,
            gates,
            disk: Disk::new(),
            server: None,
            clients: (0..swarm.clients).map(|_| Client::new()).collect(),
            ids: Ids::default(),
            watchers: watchers(&mut random),
            now_ms: 0,
            steps: 0,
            copy: None,
            disk_failed: false,
            may_be_gone: BTreeSet::new(),
            counts: Counts::default(),
            swarm,
            random,
        }
    }

    /// A board of each name with a list on it, and nothing goes wrong yet.
    fn begin(&mut self) {
        arm_mistake(self.mistake);
        self.start();
        for board in BOARDS {
            let wish = create_board(board, &self.chronicle);
            self.carry_out_now(wish);
            let mut random = self.random.fork();
            let wish = self.ids.create_list_on(board, &mut random, &self.chronicle);
            self.carry_out_now(wish);
        }
        self.audit();
        self.swarm.is_calm = false;
    }

    fn carry_out_now(&mut self, wish: Wish) {
        self.send(0, wish);
        self.settle();
    }

    fn step(&mut self) {
        self.steps += 1;
        let ms = self.random.below(self.swarm.pace_ms);
        self.pass_time(ms);
        match self.random.below(100) {
            0..35 => self.client_acts(),
            35..60 => _ = self.turn(),
            60..75 => {
                let choice = self.random.draw();
                self.gates.open_one(choice);
            }
            75..85 => self.slow_watcher_reads(),
            85..90 => self.probe(),
            90..96 => self.check(),
            _ => {}
        }
        for _ in 0..self.random.below(8) {
            self.look_at_one();
        }
        self.meet_misfortune();
    }

    fn meet_misfortune(&mut self) {
        if self.comes(Fault::Prune) {
            self.maintain();
        }
        if self.comes(Fault::ClockJump) {
            self.jump();
        }
        if self.comes(Fault::Remake) {
            self.remake();
        }
        if self.comes(Fault::ReadFails) {
            let passed = self.swarm.random(Fault::ReadFails).below(4);
            arm(Spot::ReadFails, Harm::OnceAfter(passed as u32));
        }
        if self.comes(Fault::Restart) {
            self.restart();
        }
        if self.comes(Fault::CopyBack) {
            self.copy_or_put_back();
        }
        if self.comes(Fault::Kill) {
            let left = self.disk.image();
            self.die(&left);
        }
        if self.comes(Fault::PowerLoss) {
            let now = self.disk.image();
            let random = self.swarm.random(Fault::PowerLoss);
            let left = self.disk.after_power_loss(now, random);
            self.die(&left);
        }
    }

    fn comes(&mut self, fault: Fault) -> bool {
        let comes = self.swarm.comes(fault);
        if comes {
            *self.counts.happened.entry(fault).or_default() += 1;
            self.trace.note(format_args!("{} {fault:?}", self.now_ms));
        }
        comes
    }

    // Time.

    fn pass_time(&mut self, ms: u64) {
        self.now_ms += ms;
        self.nature.turn(ms as i64);
        self.runtime.block_on(async {
            tokio::time::advance(Duration::from_millis(ms)).await;
            tokio::task::yield_now().await;
        });
        let now_ms = self.now_ms;
        for at in 0..self.watchers.len() {
            if matches!(self.watchers[at].line, Line::Down(back_at) if back_at <= now_ms) {
                self.connect(at);
            }
        }
    }

    fn jump(&mut self) {
        let random = self.swarm.random(Fault::ClockJump);
        let ms = *random.pick(&[
            -40 * DAY_MS,
            -HOUR_MS,
            -1_000,
            HOUR_MS,
            2 * DAY_MS,
            31 * DAY_MS,
            31 * DAY_MS,
        ]);
        self.jump_by(ms);
    }

    fn jump_by(&mut self, ms: i64) {
        self.nature.turn(ms);
        if ms >= HOUR_MS {
            let on_their_way: Vec<_> = self.clients.iter().filter_map(Client::write).collect();
            self.chronicle.forget_keys(&on_their_way);
        }
        self.trace.note(format_args!("  by {ms} ms"));
    }

    /// Nobody looks meanwhile; a commit that fails in between leaves it at that.
    fn remake(&mut self) {
        let random = self.swarm.random(Fault::Remake);
        let board = *random.pick(&BOARDS[1..]);
        let mut random = random.fork();
        self.maintain();
        let wish = delete_board(board);
        self.send_now(wish);
        self.jump_by(31 * DAY_MS);
        for _ in 0..4 {
            self.maintain();
        }
        self.may_be_gone.insert(board.to_owned());
        let wish = create_board(board, &self.chronicle);
        self.send_now(wish);
        for _ in 0..random.below(12) {
            let wish = self.ids.create_list_on(board, &mut random, &self.chronicle);
            self.send_now(wish);
        }
    }

    /// Sends if there is somebody to do it, and takes a turn.
    fn send_now(&mut self, wish: Wish) {
        let is_idle = |client: &Client| matches!(client.state, State::Idle);
        let Some(at) = self.clients.iter().position(is_idle) else {
            return;
        };
        self.send(at, wish);
        self.turn();
        self.look_at_client(at);
    }

    // The server's life.

    fn start(&mut self) {
        self.counts.starts += 1;
        let opened = Server::open(
            &self.disk.data(),
            self.swarm.retention,
            Arc::clone(&self.nature),
            Arc::clone(&self.gates),
            self.mistake,
        );
        let server = opened.unwrap_or_else(|error| panic!("the server doesn't start: {error}"));
        self.server = Some(server);
        if self.mistake != Some(Mistake::NoCheckpointAtStart) {
            self.disk.opened();
        }
        self.trace.note(format_args!("{} started", self.now_ms));
    }

    /// The process is gone at once; this is left on the disk.
    fn die(&mut self, left: &Image) {
        self.let_everybody_go();
        self.server = None;
        self.disk.replace(left);
        disarm(Spot::ReadFails);
        self.start();
        if self.random.one_in(2) {
            self.audit();
        }
    }

    /// What was asked is answered, streams end, the file is closed.
    fn stop(&mut self) {
        self.server().drain();
        self.settle();
        for watcher in &self.watchers {
            if watcher.is_open() && watcher.pace == Pace::Steady {
                let sentence = format!("{} was not sent away", watcher.name);
                self.chronicle.object(sentence);
            }
        }
        self.let_everybody_go();
        let server = self.server.take().expect("it runs");
        server.close();
        self.disk.sync();
    }

    fn restart(&mut self) {
        self.stop();
        self.start();
    }

    fn copy_or_put_back(&mut self) {
        match self.copy.take() {
            None => {
                self.audit();
                self.copy = Some((self.disk.image(), self.chronicle.moment()));
            }
            Some((image, moment)) => {
                self.stop();
                self.disk.replace(&image);
                self.chronicle.go_back(&moment);
                self.start();
            }
        }
    }

    /// Every connection is gone.
    fn let_everybody_go(&mut self) {
        for client in &mut self.clients {
            if let Some((write, asked)) = client.let_go() {
                self.chronicle.unanswered(write);
                client.state = State::Again { write, asked };
            }
        }
        for watcher in &mut self.watchers {
            if !matches!(watcher.line, Line::Down(_)) {
                let spread = self.random.below(5_000);
                watcher.lose(self.now_ms + watcher.retry_ms() + spread);
            }
        }
    }

    fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("it runs")
    }

    /// One turn of the writer.
    fn turn(&mut self) -> bool {
        let power_goes = self.comes(Fault::PowerLossInCommit);
        let dies = power_goes || self.comes(Fault::KillInCommit);
        let sync_fails = self.comes(Fault::SyncFails);
        for (fault, spot) in [
            (Fault::DiskFull, Spot::DiskFull),
            (Fault::CommitFails, Spot::CommitFails),
            (Fault::SyncFails, Spot::SyncFails),
        ] {
            let fails = match fault {
                Fault::SyncFails => sync_fails,
                _ => self.comes(fault),
            };
            if fails {
                let passed = match fault {
                    Fault::DiskFull => self.swarm.random(fault).below(4),
                    _ => 0,
                };
                arm(spot, Harm::OnceAfter(passed as u32));
                self.disk_failed = true;
            }
        }
        let before = (dies || sync_fails).then(|| self.disk.image());
        let publishes = !dies || self.mistake == Some(Mistake::PublishBeforeCommit);
        let hub = Arc::clone(&self.server().hub);
        let mut turns = self.server().turns.take().expect("one turn at a time");
        let carried_out = turns.carry_out(|segments| {
            if publishes {
                self.publish(&hub, segments);
            }
        });
        self.server().turns = Some(turns);
        for spot in [Spot::DiskFull, Spot::CommitFails, Spot::SyncFails] {
            disarm(spot);
        }
        match (carried_out, before) {
            (Ok(false), _) => false,
            (Ok(true), None) => {
                self.disk.sync();
                true
            }
            (Ok(true), Some(_)) if !dies => {
                self.disk.sync();
                true
            }
            (Ok(true), Some(before)) => {
                self.die_in_commit(before, power_goes);
                true
            }
            (Err(fatal), before) => {
                self.trace
                    .note(format_args!("{} fatal: {fatal}", self.now_ms));
                let before = before.expect("nothing but a sync that fails is fatal here");
                self.die_in_commit(before, power_goes);
                true
            }
        }
    }

    /// The commit was written, and nobody was told.
    fn die_in_commit(&mut self, before: Image, power_goes: bool) {
        match self.mistake {
            Some(Mistake::PublishBeforeCommit) => {
                while !self.woken_watchers().is_empty() {
                    self.look_at_one_watcher();
                }
                return self.die(&before);
            }
            Some(Mistake::AnswerBeforeCommit) => {
                for at in 0..self.clients.len() {
                    self.look_at_client(at);
                }
                return self.die(&before);
            }
            _ => {}
        }
        let fault = match power_goes {
            true => Fault::PowerLossInCommit,
            false => Fault::KillInCommit,
        };
        let is_synced = self.swarm.random(fault).one_in(3);
        let now = self.disk.image();
        if is_synced {
            self.disk.sync();
        } else {
            self.disk.unsynced_since(before);
        }
        let left = match power_goes {
            true => {
                let random = self.swarm.random(fault);
                self.disk.after_power_loss(now, random)
            }
            false => now,
        };
        self.die(&left);
    }

    /// Called by the writer between its commit and its answers.
    fn publish(&mut self, hub: &Hub, segments: Vec<Segment>) {
        if self.comes(Fault::ReadAhead) {
            for _ in 0..4 {
                let choice = self.random.draw();
                self.gates.open_one(choice);
                self.look_at_one_watcher();
            }
        }
        let raised: Vec<_> = self.watchers.iter().map(|w| w.flag.is_raised()).collect();
        hub.publish(segments);
        let woken: Vec<_> = (0..raised.len())
            .filter(|&at| !raised[at] && self.watchers[at].flag.is_raised())
            .collect();
        match self.mistake {
            Some(Mistake::DroppedWakeUp) if self.random.one_in(4) => {
                for at in woken {
                    self.watchers[at].flag.take();
                }
            }
            Some(Mistake::ForgottenWatcher) if !woken.is_empty() => {
                let at = *self.random.pick(&woken);
                self.watchers[at].flag.take();
            }
            _ => {}
        }
    }

    /// What the writer does when nobody asks for anything. Whoever wants to see the whole log looks
    /// before it.
    fn maintain(&mut self) {
        self.audit();
        let mut turns = self.server().turns.take().expect("one turn at a time");
        for _ in 0..4 {
            match turns.maintain() {
                Ok(true) => {}
                Ok(false) => break,
                Err(fatal) => panic!("nothing fails here, but {fatal}"),
            }
        }
        self.server().turns = Some(turns);
    }

    // Clients.

    fn client_acts(&mut self) {
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

    fn send(&mut self, at: usize, wish: Wish) {
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
        self.put_in(at, write, asked);
    }

    fn put_in(&mut self, at: usize, write: usize, asked: Asked) {
        self.trace.note(format_args!(
            "{} client {at} asks {write}: {} {} {:?} {:?}",
            self.now_ms, asked.method, asked.path, asked.headers, asked.body
        ));
        let answering = self.server().call(&asked);
        self.clients[at].send(write, asked, answering);
        // On its way to the queue.
        self.look_at_client(at);
    }

    fn look_at_client(&mut self, at: usize) {
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
        self.chronicle
            .answered(write, status, &body, self.disk_failed);
        if status < 300 && self.comes(Fault::Repeat) {
            self.clients[at].state = State::Again { write, asked };
        }
    }

    // Watchers.

    fn connect(&mut self, at: usize) {
        self.counts.connections += 1;
        if self.mistake == Some(Mistake::HeadBeforeRegistration) {
            self.read_heads_of(at);
            self.turn();
        }
        let server = self.server.as_mut().expect("it runs");
        self.watchers[at].open(server);
        let asked = self.watchers[at].request();
        self.trace.note(format_args!(
            "{} {} asks {} {:?}",
            self.now_ms, self.watchers[at].name, asked.path, asked.headers
        ));
    }

    /// For [`Mistake::HeadBeforeRegistration`].
    fn read_heads_of(&mut self, at: usize) {
        let log = Arc::clone(&self.server().log);
        for board in &self.watchers[at].boards {
            let place = self.watchers[at].place(board);
            let cursor = place.and_then(|place| Cursor::parse(&place).ok());
            let id = BoardId::parse(board).expect("an id");
            at_once(log.read_early(&id, cursor));
        }
    }

    fn look_at_watcher(&mut self, at: usize) {
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
        let watcher = &mut self.watchers[at];
        let back_at = self.now_ms + watcher.retry_ms();
        match looked {
            Looked::Came if is_cut => {
                *self.counts.happened.entry(Fault::Cut).or_default() += 1;
                self.trace.note(format_args!("  cut"));
                watcher.lose(back_at);
            }
            Looked::Came => watcher.flag.raise(),
            Looked::Waits => {}
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
                if status != expected || !are_gone {
                    let sentence = format!("{} was answered {status}", watcher.name);
                    self.chronicle.object(sentence);
                }
                watcher.begin_anew();
                watcher.lose(self.now_ms + 5_000);
            }
        }
    }

    fn slow_watcher_reads(&mut self) {
        let slow = |at: &usize| self.watchers[*at].pace == Pace::Slow;
        let slow: Vec<_> = (0..self.watchers.len()).filter(slow).collect();
        if !slow.is_empty() {
            let at = *self.random.pick(&slow);
            self.look_at_watcher(at);
        }
    }

    // Whoever was woken.

    fn look_at_one(&mut self) {
        let clients = self.clients.iter().map(|client| client.flag.is_raised());
        let clients = clients.enumerate().filter(|(_, raised)| *raised);
        let mut woken: Vec<_> = clients.map(|(at, _)| (true, at)).collect();
        woken.extend(self.woken_watchers().into_iter().map(|at| (false, at)));
        if woken.is_empty() {
            return;
        }
        match *self.random.pick(&woken) {
            (true, at) => self.look_at_client(at),
            (false, at) => self.look_at_watcher(at),
        }
    }

    fn look_at_one_watcher(&mut self) {
        let woken = self.woken_watchers();
        if !woken.is_empty() {
            let at = *self.random.pick(&woken);
            self.look_at_watcher(at);
        }
    }

    /// A slow one reads when it likes, but an answer's head arrives.
    fn woken_watchers(&self) -> Vec<usize> {
        let is_woken = |at: &usize| {
            let watcher = &self.watchers[*at];
            let reads = watcher.pace == Pace::Steady || !watcher.is_open();
            reads && watcher.flag.is_raised()
        };
        (0..self.watchers.len()).filter(is_woken).collect()
    }

    /// Until nobody is woken any more.
    fn look_at_all(&mut self) {
        for _ in 0..UNREST_MAX {
            let clients = self.clients.iter().any(|client| client.flag.is_raised());
            if !clients && self.woken_watchers().is_empty() {
                return;
            }
            self.look_at_one();
        }
        self.chronicle.object("the world doesn't come to rest");
    }

    /// Lets everything happen that waits for nothing but its turn. Nothing goes wrong meanwhile, but
    /// what goes wrong in the turns themselves.
    fn settle(&mut self) {
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

    // Judging.

    /// Whoever can be where the boards stand must be there, and nobody waits for an answer.
    fn check(&mut self) {
        disarm(Spot::ReadFails);
        self.settle();
        let boards = self.audit();
        let is_waiting = |client: &Client| matches!(client.state, State::Waiting { .. });
        if self.clients.iter().any(is_waiting) {
            self.chronicle.object("somebody is not answered");
        }
        for watcher in self.watchers.iter().filter(|w| w.pace == Pace::Steady) {
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

    /// Reads all that is new in each log, and each board; gives those that live.
    fn audit(&mut self) -> BTreeMap<String, Value> {
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

    fn read_log(&mut self, board: &str, created_at: &Value) {
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
    fn ask(&mut self, asked: &Asked) -> (u16, Vec<u8>) {
        let answering = self.server().call(asked);
        let answer = at_once(read_bytes(answering));
        let (status, body) = answer.unwrap_or_default();
        self.trace
            .note(format_args!("  {} {}: {status}", asked.method, asked.path));
        self.trace.bytes("auditor", &body);
        (status, body)
    }

    /// Comes with some cursor, good or not.
    fn probe(&mut self) {
        self.audit();
        let board = *self.random.pick(&BOARDS);
        let sent = self.some_cursor(board);
        let asked = Asked::new("GET", format!("/boards/{board}/events"));
        let asked = asked.header("last-event-id", &sent);
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
                Looked::Waits | Looked::Ended => break,
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

    fn some_cursor(&mut self, board: &str) -> String {
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
    fn end(mut self) -> Verdict {
        self.swarm.is_calm = true;
        disarm(Spot::ReadFails);
        if self.chronicle.wrong().is_empty() {
            for watcher in &mut self.watchers {
                watcher.pace = Pace::Steady;
                watcher.flag.raise();
            }
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

/// Some of these, never none.
fn watchers(random: &mut Random) -> Vec<Watcher> {
    let mut all = vec![
        Watcher::new(&["a"], Pace::Steady, true),
        Watcher::new(&["b"], Pace::Steady, true),
        Watcher::new(&["c"], Pace::Steady, false),
        Watcher::new(&["b"], Pace::Slow, true),
        Watcher::new(&["c"], Pace::Slow, false),
        Watcher::new(&["a", "b", "c"], Pace::Steady, true),
        Watcher::new(&["c", "a"], Pace::Slow, true),
        Watcher::new(&["b", "c"], Pace::Steady, false),
        Watcher::new(&["a"], Pace::Steady, false),
    ];
    let first = all.remove(random.below(all.len() as u64) as usize);
    all.retain(|_| !random.one_in(3));
    all.insert(0, first);
    all
}

const ALWAYS: [(Mistake, Spot); 4] = [
    (Mistake::ResumeOffByOne, Spot::ResumeOffByOne),
    (Mistake::RankCollision, Spot::RankCollision),
    (Mistake::OldCursorsStayGood, Spot::OldCursorsStayGood),
    (Mistake::KeyOutsideTransaction, Spot::KeyOutsideTransaction),
];

fn arm_mistake(mistake: Option<Mistake>) {
    for (_, spot) in ALWAYS.iter().filter(|(own, _)| Some(*own) == mistake) {
        arm(*spot, Harm::Always);
    }
}

fn disarm_mistakes() {
    for (_, spot) in ALWAYS {
        disarm(spot);
    }
}

/// What must go wrong outside for a mistake to do harm.
fn provoke(mistake: Option<Mistake>, swarm: &mut Swarm) {
    let faults: &[(Fault, u64)] = match mistake {
        Some(Mistake::PublishBeforeCommit | Mistake::AnswerBeforeCommit) => {
            &[(Fault::PowerLossInCommit, 10)]
        }
        Some(Mistake::NoCheckpointAtStart) => &[(Fault::KillInCommit, 5), (Fault::PowerLoss, 20)],
        Some(Mistake::HeadBeforeRegistration) => &[(Fault::Restart, 30)],
        Some(Mistake::ResumeOffByOne) => &[(Fault::Cut, 10)],
        Some(Mistake::MarkNotChecked) => &[(Fault::CopyBack, 60)],
        Some(Mistake::KeyOutsideTransaction) => &[(Fault::KillInCommit, 5), (Fault::GoneClient, 3)],
        _ => &[],
    };
    for (fault, one_in) in faults {
        swarm.provoke(*fault, *one_in);
    }
}
