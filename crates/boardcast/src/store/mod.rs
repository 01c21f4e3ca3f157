//! What a backend is. Five verbs: take submissions, read the log after a place, take a snapshot,
//! prune, say whether it is healthy. One promise: decide, change the rows and append to the log
//! atomically; publish in order after the commit; then answer (I4, I5). A queue protocol, not a
//! catalogue of CRUD methods; SQL lives in here and nowhere else.

#[cfg(test)]
mod contract;
pub mod queue;
pub mod sqlite;

use boardcast_core::frame::Segment;
use boardcast_core::protocol::{Outcome, Refusal};

/// How long the log keeps events: at least this many a board, and at least this long, whichever is
/// more.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Newest events kept whatever their age.
    pub events: u64,
    /// Days for which events are kept whatever their number.
    pub days: u32,
}

/// What became of a request.
pub type Answer = Result<Outcome, Failure>;

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

/// What one transaction came to.
#[derive(Debug)]
pub struct Committed {
    /// One for each board that changed, durable.
    pub segments: Vec<Segment>,
    /// One for each request, in their order.
    pub answers: Vec<Answer>,
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
