//! What a backend is. Five verbs: take submissions, read the log after a place, take a snapshot,
//! prune, say whether it is healthy. One promise: decide, change the rows and append to the log
//! atomically; publish in order after the commit; then answer (I4, I5). A queue protocol, not a
//! catalogue of CRUD methods; SQL lives in here and nowhere else.

#[cfg(test)]
mod contract;
pub mod queue;
pub mod sqlite;

use crate::live::ReadError;
use boardcast_core::access::{Caller, Revocation};
use boardcast_core::frame::Segment;
use boardcast_core::people::{PeopleOutcome, PeopleRequest};
use boardcast_core::protocol::{Outcome, Refusal, Request};

/// How long the log keeps events: at least this many a board, and at least this long, whichever is
/// more.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Newest events kept whatever their age.
    pub events: u64,
    /// Days for which events are kept whatever their number.
    pub days: u32,
}

/// What waits for the writer: all that changes the file, in one order.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A change of boards.
    Change(Request),
    /// A change of people.
    People(PeopleRequest),
    /// A note that a credential is in use. Nobody waits for it.
    Seen(Caller),
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Answered {
    /// A change of boards.
    Change(Answer),
    /// A change of people.
    People(PeopleAnswer),
    /// A note.
    Noted,
}

/// What became of a request.
pub type Answer = Result<Outcome, Failure>;

/// What became of a change of people.
pub type PeopleAnswer = Result<PeopleOutcome, Failure>;

impl From<Request> for Asked {
    fn from(request: Request) -> Self {
        Self::Change(request)
    }
}

impl From<PeopleRequest> for Asked {
    fn from(request: PeopleRequest) -> Self {
        Self::People(request)
    }
}

impl Asked {
    /// The answer of the same kind that says why nothing happened.
    fn failed(&self, failure: Failure) -> Answered {
        match self {
            Self::Change(_) => Answered::Change(Err(failure)),
            Self::People(_) => Answered::People(Err(failure)),
            Self::Seen(_) => Answered::Noted,
        }
    }
}

/// Why a request was not carried out. In every case nothing happened.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The caller's mistake.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// More is waiting than the writer can take.
    #[error("too many requests are waiting")]
    Busy,
    /// The program is going down and takes nothing new.
    #[error("the server is shutting down")]
    Closing,
    /// The data file can't be written or read now. The cause is in the log.
    #[error("the data file is not available")]
    Unavailable,
}

impl From<ReadError> for Failure {
    fn from(ReadError: ReadError) -> Self {
        Self::Unavailable
    }
}

/// What one transaction came to.
#[derive(Debug)]
pub struct Committed {
    /// Rights that were taken away, in the order of the requests.
    pub revocations: Vec<Revocation>,
    /// One for each board that changed, durable.
    pub segments: Vec<Segment>,
    /// One for each that asked, in their order.
    pub answers: Vec<Answered>,
}

/// What a step of upkeep came to.
#[derive(Debug, Default)]
pub struct Upkeep {
    /// Whether there is more to do.
    pub has_more: bool,
    /// Rights that ended by themselves.
    pub revocations: Vec<Revocation>,
}

/// The process must end: going on could break a promise.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// What was written may or may not be on disk, and no later success would tell (the kernel
    /// reports a failed sync once).
    #[error("a sync of the data file failed: {0}")]
    SyncFailed(rusqlite::Error),
    /// Somebody else wrote to the file.
    #[error("another program wrote to the data file while the server had it")]
    ForeignCommit,
    /// A transaction could not even be rolled back.
    #[error("a failed transaction could not be rolled back: {0}")]
    RollbackFailed(rusqlite::Error),
}
