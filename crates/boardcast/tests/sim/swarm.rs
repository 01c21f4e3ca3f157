//! What a seed means: which faults are on and how often, how large the world is, how long it lasts.
//! Each seed draws its own, so that some runs are all crashes and others none: faults that are always
//! on hide each other.

use boardcast::store::Retention;
use boardcast_core::limits::SNAPSHOTS_BYTES_MAX;
use boardcast_sim::random::Random;
use std::collections::BTreeSet;

/// In one world of so many accounts are on.
const ACCOUNTS_ONE_IN: u64 = 4;
/// In one of so many of these they are switched on when it is under way.
const SWITCHES_ONE_IN: u64 = 3;

/// What can go wrong outside the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The process is killed between two batches.
    Kill,
    /// The process is killed in a commit, before or after its sync.
    KillInCommit,
    /// The power goes between two batches.
    PowerLoss,
    /// The power goes in a commit.
    PowerLossInCommit,
    /// The server is stopped in order and started again.
    Restart,
    /// An older copy of the data is put back.
    CopyBack,
    /// The disk is full in the middle of a batch.
    DiskFull,
    /// A commit fails.
    CommitFails,
    /// A sync fails.
    SyncFails,
    /// A read fails.
    ReadFails,
    /// The wall clock jumps, by up to weeks, forwards or back.
    ClockJump,
    /// A watcher's line is cut, anywhere in a block.
    Cut,
    /// Reads take long.
    SlowReads,
    /// Watchers read from the log what the hub doesn't have yet.
    ReadAhead,
    /// A client goes away before its answer.
    GoneClient,
    /// An answered request is sent again.
    Repeat,
    /// Old events are forgotten.
    Prune,
    /// A board is deleted, forgotten and made anew before anybody who watches it looks again.
    Remake,
    /// A watcher's line stands still, for a while or for too long.
    Stuck,
    /// Somebody may watch no longer.
    Revoke,
}

pub(crate) const FAULTS: [Fault; 20] = [
    Fault::Kill,
    Fault::KillInCommit,
    Fault::PowerLoss,
    Fault::PowerLossInCommit,
    Fault::Restart,
    Fault::CopyBack,
    Fault::DiskFull,
    Fault::CommitFails,
    Fault::SyncFails,
    Fault::ReadFails,
    Fault::ClockJump,
    Fault::Cut,
    Fault::SlowReads,
    Fault::ReadAhead,
    Fault::GoneClient,
    Fault::Repeat,
    Fault::Prune,
    Fault::Remake,
    Fault::Stuck,
    Fault::Revoke,
];

/// A mistake made on purpose, which the judge must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    PublishBeforeCommit,
    AnswerBeforeCommit,
    NoCheckpointAtStart,
    HeadBeforeRegistration,
    DroppedWakeUp,
    ResumeOffByOne,
    MarkNotChecked,
    RankCollision,
    ForgottenWatcher,
    OldCursorsStayGood,
    KeyOutsideTransaction,
    EventsApart,
    RestDropped,
    RestTwice,
    SentWhileFull,
    ListedAtStart,
    PageOfAnother,
    SliceOffByOne,
    HeartbeatInEvent,
    CutIgnored,
    RightsIgnored,
    RightsForgottenInJoin,
    StallIgnored,
    BodyNotCut,
    CutAfterAnswers,
    RightsReadOutside,
    ReplayNotJudged,
    BoardNotJudgedAgain,
    LostBoardGoesOn,
    ScopeIgnored,
    StreamForgotten,
    OpenModeGoesOn,
    TicketStays,
    TicketNeverEnds,
}

/// The way by which a stream of one board comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As the body of an answer.
    Body,
    /// Through the shard, over a socket.
    Shard,
}

/// One run: everything in it follows from this.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    /// Steps; the seed's own number if none.
    pub(crate) steps: Option<u64>,
    pub(crate) without: BTreeSet<Fault>,
    pub(crate) mistake: Option<Mistake>,
    /// The one way for all; each stream draws its own if none.
    pub(crate) way: Option<Way>,
    /// Whether accounts are on; the seed says if none.
    pub(crate) accounts: Option<bool>,
    pub(crate) is_shown: bool,
}

impl Run {
    pub(crate) fn of(seed: u64) -> Self {
        Self {
            seed,
            steps: None,
            without: BTreeSet::new(),
            mistake: None,
            way: None,
            accounts: None,
            is_shown: false,
        }
    }
}

/// What a run draws before it begins.
pub(crate) struct Swarm {
    pub(crate) steps: u64,
    pub(crate) clients: usize,
    pub(crate) retention: Retention,
    /// Milliseconds between two steps, at most.
    pub(crate) pace_ms: u64,
    /// Bytes of snapshots that readers may hold.
    pub(crate) snapshots_bytes_max: usize,
    /// Draws that belong to people, where accounts are on. A seed is the same in all else without them.
    pub(crate) people: Option<Random>,
    /// Draws that belong to tickets.
    pub(crate) tickets: Random,
    /// The step at which accounts are switched on, if anybody comes before that.
    pub(crate) switches_at: Option<u64>,
    /// Of so many streams of one board one is a body; 0: none, 1: all.
    bodies_one_in: u64,
    ways: Random,
    /// While it is, nothing goes wrong.
    pub(crate) is_calm: bool,
    dice: Vec<Die>,
}

/// When a fault comes. It has draws of its own, so that a run without one fault is the same in all
/// others.
struct Die {
    fault: Fault,
    /// Once in so many throws; never if 0.
    one_in: u64,
    random: Random,
}

impl Swarm {
    pub(crate) fn draw(run: &Run, random: &mut Random) -> Self {
        let steps = 200 + random.below(500);
        let dice = FAULTS.map(|fault| {
            let is_on = random.one_in(2);
            let one_in = *random.pick(&rates(fault));
            let random = random.fork();
            let is_on = is_on && !run.without.contains(&fault);
            Die {
                fault,
                one_in: if is_on { one_in } else { 0 },
                random,
            }
        });
        let mut people = Random::new(!run.seed);
        let has_accounts = people.one_in(ACCOUNTS_ONE_IN);
        // Of its own, so that a seed is the same in all else.
        let mut switch = Random::new(run.seed.rotate_left(32));
        let switches = switch.one_in(SWITCHES_ONE_IN);
        Self {
            people: run.accounts.unwrap_or(has_accounts).then_some(people),
            switches_at: switches.then(|| 1 + switch.below(100)),
            tickets: switch.fork(),
            steps: run.steps.unwrap_or(steps),
            clients: 1 + random.below(6) as usize,
            retention: Retention {
                events: *random.pick(&[5, 20, 60, 10_000]),
                days: *random.pick(&[1, 30]),
            },
            pace_ms: *random.pick(&[200, 2_000, 10_000]),
            snapshots_bytes_max: *random.pick(&[SNAPSHOTS_BYTES_MAX, 20_000, 3_000]),
            bodies_one_in: match run.way {
                None => *random.pick(&[0, 1, 2, 2, 4, 4]),
                Some(Way::Body) => 1,
                Some(Way::Shard) => 0,
            },
            ways: random.fork(),
            is_calm: true,
            dice: dice.into(),
        }
    }

    /// By which way the next stream comes.
    pub(crate) fn way(&mut self) -> Way {
        let is_body = self.bodies_one_in > 0 && self.ways.one_in(self.bodies_one_in);
        if is_body { Way::Body } else { Way::Shard }
    }

    /// Whether a fault comes now.
    pub(crate) fn comes(&mut self, fault: Fault) -> bool {
        let is_calm = self.is_calm;
        let die = self.die(fault);
        !is_calm && die.one_in > 0 && die.random.one_in(die.one_in)
    }

    /// How often a fault comes; 0: never.
    pub(crate) fn one_in(&mut self, fault: Fault) -> u64 {
        self.die(fault).one_in
    }

    /// Draws that belong to a fault.
    pub(crate) fn random(&mut self, fault: Fault) -> &mut Random {
        &mut self.die(fault).random
    }

    /// Makes sure that a mistake has what it takes to do harm.
    pub(crate) fn provoke(&mut self, fault: Fault, one_in: u64) {
        self.die(fault).one_in = one_in;
    }

    fn die(&mut self, fault: Fault) -> &mut Die {
        let mut dice = self.dice.iter_mut();
        let die = dice.find(|die| die.fault == fault);
        die.expect("each fault has its die")
    }
}

/// How rare a fault may be: those that throw everybody out come once in so many steps, others once in
/// so many chances.
fn rates(fault: Fault) -> [u64; 3] {
    match fault {
        Fault::Kill | Fault::PowerLoss | Fault::Restart => [30, 100, 300],
        Fault::CopyBack | Fault::ClockJump => [60, 150, 300],
        Fault::KillInCommit | Fault::PowerLossInCommit => [5, 20, 60],
        Fault::DiskFull | Fault::CommitFails => [3, 10, 50],
        Fault::SyncFails => [10, 30, 100],
        Fault::ReadFails => [20, 60, 200],
        Fault::Cut => [3, 10, 40],
        Fault::SlowReads | Fault::ReadAhead => [1, 2, 5],
        Fault::GoneClient | Fault::Repeat => [3, 10, 30],
        Fault::Prune => [5, 20, 60],
        Fault::Remake => [60, 150, 300],
        Fault::Stuck => [5, 20, 100],
        Fault::Revoke => [20, 60, 200],
    }
}
