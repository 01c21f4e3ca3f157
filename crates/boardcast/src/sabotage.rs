//! Places where the simulator may harm the program: its disk fails, or one of its promises is broken
//! on purpose, to show that the judge sees it. A leaf.
//!
//! Only with the feature `sabotage`, which nothing but this crate's own tests turns on, and then only
//! on the thread that asked for it. In every other build [`hits`] is `false`, known at compile time,
//! and nothing of this is left in the program.

/// A place that can be harmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    /// A row can't be written: the disk is full. SQLite rolls back on its own.
    DiskFull,
    /// A transaction can't be committed, and is still open then.
    CommitFails,
    /// The sync of a commit fails, whatever reached the disk.
    SyncFails,
    /// A read of the data file fails.
    ReadFails,
    /// A mistake: where a thing is put, its neighbours are not looked at.
    RankCollision,
    /// A mistake: a watcher that reads the log goes on one event too far.
    ResumeOffByOne,
    /// A mistake: restoring a board leaves its old cursors good.
    OldCursorsStayGood,
    /// A mistake: the answer under an idempotency key is kept in a transaction of its own, which a
    /// crash comes before.
    KeyOutsideTransaction,
    /// A mistake: a message wakes its reader only if another one waits already.
    InboxWakesLate,
    /// A mistake: a pass takes its second watcher out of its list, and sends it nothing.
    WatcherForgotten,
    /// A mistake: each event takes a send of its own.
    EventsApart,
    /// A mistake: what is left of a half-sent event is dropped.
    RestDropped,
    /// A mistake: what is left of a half-sent event is sent twice.
    RestTwice,
    /// A mistake: who was just found full is sent more.
    SentWhileFull,
    /// A mistake: who has everything is put where the next pass begins, wherever it stands.
    ListedAtStart,
    /// A mistake: who needs the log is given what another one of its board asked for.
    PageOfAnother,
    /// A mistake: a snapshot that was sent in part goes on one byte too far.
    SliceOffByOne,
    /// A mistake: a heartbeat comes between the halves of an event.
    HeartbeatInEvent,
    /// A mistake: who is cut stays.
    CutIgnored,
    /// A mistake: who takes nothing stays.
    StallIgnored,
    /// A mistake: whoever sends doesn't look whether somebody lost their rights.
    CutsIgnored,
    /// A mistake: a lease that changes hands is not looked at.
    LeaseForgottenInJoin,
    /// A mistake: a commit's events are published before what it took away is revoked.
    RevokedLate,
    /// A mistake: a stream of several boards that loses one still sends what it has of it.
    LostBoardGoesOn,
    /// A mistake: whoever is sent a body is not cut with their rights.
    BodyNotCut,
    /// A mistake: of the streams of a session that ends the first one is cut.
    StreamForgotten,
    /// A mistake: switching accounts on ends no stream of before.
    OpenModeGoesOn,
    /// A mistake: a ticket that lets somebody in stays good.
    TicketStays,
    /// A mistake: a ticket doesn't end by itself.
    TicketNeverEnds,
    /// A mistake: a cursor that stands in memory is not judged for rights.
    ReplayNotJudged,
    /// A mistake: a board is given out by rights from before it was read.
    BoardNotJudgedAgain,
    /// A mistake: a write's rights are read outside its transaction.
    RightsReadOutside,
    /// A mistake: a token may all that its owner may.
    ScopeIgnored,
}

#[cfg(feature = "sabotage")]
mod armed {
    use super::Spot;
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    /// How a place is harmed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Harm {
        /// Whenever it is passed.
        Always,
        /// Once, after it was passed so many times.
        OnceAfter(u32),
    }

    thread_local! {
        static ARMED: RefCell<BTreeMap<Spot, Harm>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// Harms a place on this thread, until it is disarmed or was harmed once.
    pub fn arm(spot: Spot, harm: Harm) {
        ARMED.with_borrow_mut(|armed| armed.insert(spot, harm));
    }

    /// Harms a place on this thread no more.
    pub fn disarm(spot: Spot) {
        ARMED.with_borrow_mut(|armed| armed.remove(&spot));
    }

    /// Whether the place is harmed this time.
    #[must_use]
    pub fn hits(spot: Spot) -> bool {
        ARMED.with_borrow_mut(|armed| match armed.get_mut(&spot) {
            None => false,
            Some(Harm::Always) => true,
            Some(Harm::OnceAfter(0)) => armed.remove(&spot).is_some(),
            Some(Harm::OnceAfter(passed)) => {
                *passed -= 1;
                false
            }
        })
    }
}

#[cfg(feature = "sabotage")]
pub use armed::{Harm, arm, disarm, hits};

/// Whether the place is harmed this time: never.
#[cfg(not(feature = "sabotage"))]
#[must_use]
pub const fn hits(_spot: Spot) -> bool {
    false
}
