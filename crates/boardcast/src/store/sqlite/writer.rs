//! The writer: a batch of requests becomes one transaction and one segment per changed board. No
//! thread in here: [`crate::store::queue`] is the loop around it.
//!
//! Nothing is remembered between batches but the file's own version, so a failed batch leaves no
//! trace (I5). Requests are decided before anything of theirs is written: a refusal needs no undoing,
//! and any SQLite error ends the whole batch, because SQLite may have rolled it back on its own.

use super::people::{self, People};
use super::retention::{self, oldest_answer};
use super::{BUSY_WAIT_MAX, DataLock, rows};
use crate::outside::Outside;
use crate::sabotage::{self, Spot};
use crate::store::{
    Answer, Answered, Asked, Committed, Failure, Fatal, PeopleAnswer, Retention, Upkeep,
};
use boardcast_core::access::{Revocation, Rights, Role};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::{self, SegmentBuilder};
use boardcast_core::limits::{PRUNE_SECONDS, WAL_BYTES_MAX, WAL_CHECKPOINT_BYTES};
use boardcast_core::model::{BoardId, Timestamp};
use boardcast_core::people::PeopleRequest;
use boardcast_core::protocol::{Change, Command, Event, IdempotencyKey, Outcome, Refusal, Request};
use boardcast_core::rules::{self, Decision, Stopped};
use rusqlite::{Connection, OptionalExtension, ffi, params};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Bytes of a page, SQLite's default: the write-ahead log is counted in pages.
const PAGE_BYTES: u64 = 4_096;

/// How long the write-ahead log is, and how much of it is not in the data file yet.
struct LogSize {
    bytes: u64,
    unwritten_bytes: u64,
}

/// The one connection that writes.
pub struct Writer {
    connection: Connection,
    /// Readers hold it shared for each bounded read; the writer takes it whole when the write-ahead
    /// log must shrink.
    read_gate: Arc<RwLock<()>>,
    retention: Retention,
    outside: Arc<dyn Outside>,
    /// `PRAGMA data_version` when the file was opened: it changes only by a commit that isn't ours.
    data_version: i64,
    /// Size of the write-ahead log when a checkpoint was tried that left something to do: what held
    /// it back may still be there.
    checkpoint_tried_at_bytes: u64,
    /// When retention last found nothing more to delete.
    pruned_at: Option<Timestamp>,
    /// Released last, when the connection is closed.
    _lock: DataLock,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        lock: DataLock,
        read_gate: Arc<RwLock<()>>,
        retention: Retention,
        outside: Arc<dyn Outside>,
    ) -> rusqlite::Result<Self> {
        let data_version = data_version(&connection)?;
        Ok(Self {
            connection,
            read_gate,
            retention,
            outside,
            data_version,
            checkpoint_tried_at_bytes: 0,
            pruned_at: None,
            _lock: lock,
        })
    }

    /// Carries a batch out as one transaction with one sync. If that fails, nothing of it happened
    /// and everyone in it is told so.
    pub fn commit(&mut self, batch: &[Asked]) -> Result<Committed, Fatal> {
        match self.transact(batch) {
            Ok(committed) => Ok(committed),
            Err(error) => {
                self.give_up(error)?;
                let failed = |asked: &Asked| asked.failed(Failure::Unavailable);
                Ok(Committed {
                    revocations: Vec::new(),
                    segments: Vec::new(),
                    answers: batch.iter().map(failed).collect(),
                })
            }
        }
    }

    fn transact(&self, asked: &[Asked]) -> Result<Committed, BatchError> {
        self.begin()?;
        let mut batch = Batch {
            connection: &self.connection,
            now: self.outside.now(),
            revocations: Vec::new(),
            segments: BTreeMap::new(),
        };
        let answers = asked
            .iter()
            .map(|asked| batch.carry_out(asked))
            .collect::<Result<_, _>>()?;
        let revocations = batch.revocations;
        let segments = batch
            .segments
            .into_values()
            .filter_map(SegmentBuilder::build)
            .collect();
        self.end()?;
        Ok(Committed {
            revocations,
            segments,
            answers,
        })
    }

    fn begin(&self) -> Result<(), BatchError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        if data_version(&self.connection)? == self.data_version {
            Ok(())
        } else {
            Err(BatchError::ForeignCommit)
        }
    }

    /// The one place where something becomes true.
    fn end(&self) -> Result<(), BatchError> {
        assert!(
            !self.connection.is_autocommit(),
            "a batch is still one transaction when it ends"
        );
        if sabotage::hits(Spot::CommitFails) {
            return Err(failure(ffi::SQLITE_IOERR_WRITE).into());
        }
        self.connection.execute_batch("COMMIT")?;
        if sabotage::hits(Spot::SyncFails) {
            return Err(failure(ffi::SQLITE_IOERR_FSYNC).into());
        }
        Ok(())
    }

    /// Undoes a failed batch, or ends the process if it can't be known to be undone.
    fn give_up(&self, error: BatchError) -> Result<(), Fatal> {
        let error = match error {
            BatchError::ForeignCommit => return Err(Fatal::ForeignCommit),
            BatchError::Sqlite(error) if is_failed_sync(&error) => {
                return Err(Fatal::SyncFailed(error));
            }
            BatchError::Sqlite(error) => error,
        };
        tracing::error!(%error, "a batch was given up; nothing of it happened");
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.connection
            .execute_batch("ROLLBACK")
            .map_err(Fatal::RollbackFailed)
    }

    /// What nobody waits for: keeping the write-ahead log short, and one small step of retention.
    pub fn maintain(&mut self) -> Result<Upkeep, Fatal> {
        self.checkpoint()?;
        let now = self.outside.now();
        // A clock set back counts as due.
        let is_due = self
            .pruned_at
            .is_none_or(|at| !(0..PRUNE_SECONDS as i64 * 1_000).contains(&(now.0 - at.0)));
        if !is_due {
            return Ok(Upkeep::default());
        }
        let upkeep = match self.prune(now) {
            Ok(upkeep) => upkeep,
            Err(error) => {
                self.give_up(error)?;
                Upkeep::default()
            }
        };
        if !upkeep.has_more {
            self.pruned_at = Some(now);
        }
        Ok(upkeep)
    }

    /// Writes the log back into the file once it has grown. What fails is tried again later, but for
    /// a sync.
    fn checkpoint(&mut self) -> Result<(), Fatal> {
        match self.shorten_log() {
            Err(error) if is_failed_sync(&error) => Err(Fatal::SyncFailed(error)),
            Err(error) => {
                tracing::error!(%error, "the write-ahead log could not be written back; trying again later");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn shorten_log(&mut self) -> rusqlite::Result<()> {
        let log = self.run_checkpoint("PRAGMA wal_checkpoint(NOOP)")?;
        if log.bytes < self.checkpoint_tried_at_bytes {
            // It was started anew since.
            self.checkpoint_tried_at_bytes = 0;
        }
        let has_grown = log.bytes >= self.checkpoint_tried_at_bytes + WAL_CHECKPOINT_BYTES;
        let is_due = log.unwritten_bytes >= WAL_CHECKPOINT_BYTES || log.bytes >= WAL_BYTES_MAX;
        if !(has_grown && is_due) {
            return Ok(());
        }
        self.checkpoint_tried_at_bytes = log.bytes;
        let after = if log.bytes < WAL_BYTES_MAX {
            self.run_checkpoint("PRAGMA wal_checkpoint(PASSIVE)")?
        } else {
            self.start_log_anew()?
        };
        if after.unwritten_bytes == 0 {
            self.checkpoint_tried_at_bytes = 0;
        }
        Ok(())
    }

    /// Keeps new reads out for a moment: without that a steady stream of readers could keep the log
    /// growing for ever.
    fn start_log_anew(&self) -> rusqlite::Result<LogSize> {
        let _no_readers = self
            .read_gate
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // None of ours reads now; another program's reader is not waited for, since all wait here.
        self.connection.busy_timeout(Duration::ZERO)?;
        let after = self.run_checkpoint("PRAGMA wal_checkpoint(TRUNCATE)");
        self.connection.busy_timeout(BUSY_WAIT_MAX)?;
        let after = after?;
        if after.bytes > 0 {
            tracing::warn!(
                bytes = after.bytes,
                "another program reads the data file and keeps its write-ahead log from shrinking"
            );
        }
        Ok(after)
    }

    fn run_checkpoint(&self, sql: &str) -> rusqlite::Result<LogSize> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_row([], |row| {
            // -1 where another program is writing the log back at this moment.
            let pages = |pages: i64| pages.max(0).unsigned_abs();
            let (all, written) = (pages(row.get(1)?), pages(row.get(2)?));
            Ok(LogSize {
                bytes: all * PAGE_BYTES,
                unwritten_bytes: all.saturating_sub(written) * PAGE_BYTES,
            })
        })
    }

    fn prune(&self, now: Timestamp) -> Result<Upkeep, BatchError> {
        self.begin()?;
        let upkeep = retention::step(&self.connection, self.retention, now)?;
        self.end()?;
        Ok(upkeep)
    }

    /// The newest ordinal ever given to an event.
    pub fn last_ordinal(&self) -> rusqlite::Result<u64> {
        let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'event'";
        self.connection.query_row(sql, [], |row| row.get(0))
    }

    /// Reads a fact about the file itself.
    pub fn setting(&self, name: &str) -> rusqlite::Result<Option<String>> {
        self.connection
            .query_row("SELECT value FROM setting WHERE name = ?", [name], |row| {
                row.get(0)
            })
            .optional()
    }

    /// Notes a fact about the file itself.
    pub fn note_setting(&mut self, name: &str, value: &str) -> rusqlite::Result<()> {
        self.connection
            .execute(
                "INSERT OR REPLACE INTO setting VALUES (?, ?)",
                [name, value],
            )
            .map(|_| ())
    }
}

impl Drop for Writer {
    /// An orderly end leaves one file: everything is written back and the log is emptied.
    fn drop(&mut self) {
        match self.start_log_anew() {
            Ok(LogSize { bytes: 0, .. }) => {}
            Ok(_) => {
                tracing::warn!("the write-ahead log stays behind; the next start writes it back");
            }
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log stays behind; the next start writes it back");
            }
        }
    }
}

/// Why a batch could not be committed.
enum BatchError {
    Sqlite(rusqlite::Error),
    ForeignCommit,
}

impl From<rusqlite::Error> for BatchError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What becomes of a request, before anything of it is written.
enum Verdict {
    /// It was carried out before: the answer that was kept.
    Kept(Outcome),
    /// It happens, at the ends of these logs.
    Accepted(Decision, LogEnds),
}

/// The ends of the logs that a decision appends to; a board that it makes joins with its first event.
type LogEnds = BTreeMap<BoardId, rows::LogEnd>;

/// One transaction in the making.
struct Batch<'a> {
    connection: &'a Connection,
    now: Timestamp,
    revocations: Vec<Revocation>,
    /// In the boards' order, so that the same batch always gives the same segments.
    segments: BTreeMap<BoardId, SegmentBuilder>,
}

impl Batch<'_> {
    fn carry_out(&mut self, asked: &Asked) -> rusqlite::Result<Answered> {
        match asked {
            Asked::Change(request) => self.change(request).map(Answered::Change),
            Asked::People(request) => self.change_people(request).map(Answered::People),
            Asked::Seen(caller) => {
                people::note_seen(self.connection, caller, self.now)?;
                Ok(Answered::Noted)
            }
        }
    }

    fn change_people(&mut self, request: &PeopleRequest) -> rusqlite::Result<PeopleAnswer> {
        match rules::people::decide(&self.people(), request, self.now) {
            Ok(decision) => {
                for change in &decision.changes {
                    people::apply(self.connection, change, self.now)?;
                }
                self.revocations.extend(decision.revocations);
                Ok(Ok(decision.outcome))
            }
            Err(Stopped::Refused(refusal)) => Ok(Err(Failure::Refused(refusal))),
            Err(Stopped::Fault(fault)) => unreadable(fault),
        }
    }

    /// Everything is read before anything is written: a row that can't be read then concerns this
    /// request alone.
    fn change(&mut self, request: &Request) -> rusqlite::Result<Answer> {
        match self.weigh(request) {
            Ok(Verdict::Kept(outcome)) => Ok(Ok(outcome)),
            Ok(Verdict::Accepted(decision, ends)) => self.accept(request, decision, ends).map(Ok),
            Err(Stopped::Refused(refusal)) => Ok(Err(Failure::Refused(refusal))),
            Err(Stopped::Fault(fault)) => unreadable(fault),
        }
    }

    /// The idempotency key first, then what the rules say; both look at the caller's access.
    fn weigh(&self, request: &Request) -> Result<Verdict, Stopped> {
        if let Some(key) = &request.idempotency
            && let Some(outcome) = self.kept_answer(request, key)?
        {
            return Ok(Verdict::Kept(outcome));
        }
        let decision = rules::decide(
            &rows::Rows::new(self.connection, self.now),
            request,
            self.now,
        )?;
        let mut ends = LogEnds::new();
        for event in &decision.events {
            if let Entry::Vacant(unknown) = ends.entry(event.board_id.clone())
                && let Some(end) = rows::log_end(self.connection, &event.board_id)?
            {
                unknown.insert(end);
            }
        }
        Ok(Verdict::Accepted(decision, ends))
    }

    fn accept(
        &mut self,
        request: &Request,
        decision: Decision,
        mut ends: LogEnds,
    ) -> rusqlite::Result<Outcome> {
        for event in &decision.events {
            self.append(event, &request.command, &mut ends)?;
        }
        if let (Command::CreateBoard { board_id, .. }, Some(maker)) =
            (&request.command, request.access.user_id())
            && !decision.events.is_empty()
        {
            people::put_member(self.connection, board_id, maker, Role::Admin)?;
        }
        if let Some(key) = &request.idempotency
            && !sabotage::hits(Spot::KeyOutsideTransaction)
        {
            self.keep_answer(request, key, &decision)?;
        }
        Ok(decision.outcome)
    }

    /// Rows, log row, frame: the event's bytes are made here and never again.
    fn append(
        &mut self,
        event: &Event,
        command: &Command,
        ends: &mut LogEnds,
    ) -> rusqlite::Result<()> {
        let board_id = &event.board_id;
        if let Change::BoardCreated { board } = &event.change {
            let start = rows::insert_board(self.connection, board, command)?;
            ends.insert(board_id.clone(), start);
        }
        let end = ends
            .get_mut(board_id)
            .expect("an event is about a board that has a log");
        let json = frame::json(event);
        let seq = end.head.seq + 1;
        end.head = Cursor {
            seq,
            mark: end.head.mark.next(&end.key, seq, &json),
        };
        if sabotage::hits(Spot::DiskFull) {
            self.connection.execute_batch("ROLLBACK")?;
            return Err(failure(ffi::SQLITE_FULL));
        }
        rows::apply(self.connection, event, seq, command)?;
        let ordinal = rows::append(self.connection, end, event, &json)?;
        if matches!(event.change, Change::BoardRestored { .. })
            && !sabotage::hits(Spot::OldCursorsStayGood)
        {
            rows::raise_floor(self.connection, end.board_no, end.head)?;
        }
        let segment = self
            .segments
            .entry(board_id.clone())
            .or_insert_with(|| SegmentBuilder::new(board_id.clone()));
        segment.push(end.head, ordinal, &json);
        Ok(())
    }

    fn people(&self) -> People<'_> {
        People::new(self.connection, self.now)
    }

    /// The first answer under this key, if it is still kept and the caller may see what it is about.
    fn kept_answer(
        &self,
        request: &Request,
        key: &IdempotencyKey,
    ) -> Result<Option<Outcome>, Stopped> {
        let sql = "SELECT fingerprint, board_id, outcome FROM answer WHERE caller = ? AND key = ? AND at >= ?";
        let bound = params![
            request.access.key_scope(),
            key.key,
            oldest_answer(self.now).0
        ];
        let kept = rows::one(self.connection, sql, bound, |row| {
            let fingerprint: [u8; 32] = row.get(0)?;
            let board_id = rows::text(row, 1, BoardId::parse)?;
            Ok((fingerprint, board_id, rows::outcome_from(row, 2)?))
        });
        match kept? {
            // Whose credential is good for nothing any more is told that, and nothing of keys.
            Some(_) if self.people().standing(&request.access)?.is_none() => Ok(None),
            Some((fingerprint, ..)) if fingerprint != key.fingerprint.0 => {
                Err(Refusal::KeyReused.into())
            }
            Some((_, board_id, outcome)) => {
                let may_see = self.people().role(&request.access, &board_id)?.is_some();
                Ok(may_see.then_some(outcome))
            }
            None => Ok(None),
        }
    }

    fn keep_answer(
        &self,
        request: &Request,
        key: &IdempotencyKey,
        decision: &Decision,
    ) -> rusqlite::Result<()> {
        let outcome = String::from_utf8(frame::json(&decision.outcome)).expect("JSON is UTF-8");
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?, ?)")?
            .execute(params![
                request.access.key_scope(),
                key.key,
                key.fingerprint.0,
                decision.board_id.as_str(),
                outcome,
                self.now.0
            ])?;
        Ok(())
    }
}

/// A row that can't be read concerns this request alone; any other error ends the batch.
fn unreadable<T>(fault: rules::Fault) -> rusqlite::Result<Result<T, Failure>> {
    let error = rows::cause(fault);
    if rows::is_bad(&error) {
        Ok(Err(Failure::Unavailable))
    } else {
        Err(error)
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

/// What SQLite says when the disk fails, for [`sabotage`].
pub(super) fn failure(code: i32) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}

fn is_failed_sync(error: &rusqlite::Error) -> bool {
    let sync_failures = [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC];
    error
        .sqlite_error()
        .is_some_and(|error| sync_failures.contains(&error.extended_code))
}
