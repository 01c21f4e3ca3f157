//! The world of one run: clients, watchers, a server, its disk, the clock and everything that goes
//! wrong, moved step by step in an order that follows from the seed alone.
//!
//! Nothing in here judges: what is asked, answered and shown is told to the judges of
//! `boardcast-sim`, which know the contract and none of this.

mod accounts;
mod harm;
mod life;
mod people;
mod verdict;

use crate::clients::{BOARDS, Client, Ids, State, Wish, create_board, delete_board};
use crate::disk::{Disk, Image};
use crate::fanout::Work;
use crate::gates::Gates;
use crate::nature::Nature;
use crate::server::Server;
use crate::swarm::{Fault, Mistake, Run, Swarm};
use crate::trace::Trace;
use crate::watchers::{Line, Pace, Watcher};
use accounts::Accounts;
use boardcast::sabotage::{Harm, Spot, arm};
use boardcast_core::access::Revocation;
use boardcast_sim::chronicle::{Chronicle, Moment};
use boardcast_sim::random::Random;
use harm::{arm_mistake, provoke};

pub(crate) use accounts::{Gaps, Ticket};
pub(crate) use harm::disarm_mistakes;
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
    pub(crate) fanout: Work,
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
    /// Rights that the next commit takes away.
    to_revoke: Vec<Revocation>,
    /// None where there are no accounts.
    accounts: Option<Box<Accounts>>,
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
            to_revoke: Vec::new(),
            accounts: None,
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
        if self.swarm.switches_at.is_none() {
            self.switch_accounts_on();
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
        if self.swarm.switches_at == Some(self.steps) {
            self.switch_accounts_on();
            self.audit();
        }
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
        self.people_act();
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
        if self.comes(Fault::Revoke) {
            let choice = self.swarm.random(Fault::Revoke).draw();
            if choice.is_multiple_of(2) || self.is_of_people() {
                let is_somebody = self.server().fanout.cut_one(choice);
                self.trace
                    .note(format_args!("  of somebody: {is_somebody}"));
            } else if let Some(revocation) = self.server().fanout.some_right(choice) {
                self.trace.note(format_args!("  {revocation:?}"));
                self.to_revoke.push(revocation);
            }
        }
        if self.comes(Fault::ReadFails) {
            let passed = self.swarm.random(Fault::ReadFails).below(4);
            arm(Spot::ReadFails, Harm::OnceAfter(passed as u32));
            // Where accounts are on whoever writes is looked up first.
            self.disk_failed |= self.accounts.is_some();
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
        if ms >= DAY_MS {
            self.age_people();
        }
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
