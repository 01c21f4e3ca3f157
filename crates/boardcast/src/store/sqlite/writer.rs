//! The writer: a batch of requests becomes one transaction and one segment per changed board. No
//! thread in here: [`crate::store::queue`] is the loop around it.
//!
//! Nothing is remembered between batches but the file's own version, so a failed batch leaves no
//! trace (I5). Requests are decided before anything of theirs is written: a refusal needs no undoing,
//! and any SQLite error ends the whole batch, because SQLite may have rolled it back on its own.

use super::retention::{self, oldest_answer};
use super::{DataLock, rows, wal_path};
use crate::outside::Outside;
use crate::store::{Answer, Committed, Failure, Fatal, Retention};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::{self, SegmentBuilder};
use boardcast_core::limits::{PRUNE_SECONDS, WAL_BYTES_MAX, WAL_CHECKPOINT_BYTES};
use boardcast_core::model::{BoardId, Timestamp};
use boardcast_core::protocol::{Change, Command, Event, IdempotencyKey, Outcome, Refusal, Request};
use boardcast_core::rules::{self, Decision, Stopped};
use rusqlite::{Connection, OptionalExtension, ffi, params};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// The one connection that writes.
pub struct Writer {
    connection: Connection,
    wal_path: PathBuf,
    /// Readers hold it shared for each bounded read; the writer takes it whole when the write-ahead
    /// log must shrink.
    read_gate: Arc<RwLock<()>>,
    retention: Retention,
    outside: Arc<dyn Outside>,
    /// `PRAGMA data_version` when the file was opened: it changes only by a commit that isn't ours.
    data_version: i64,
    /// Size of the write-ahead log at which the next checkpoint is tried.
    checkpoint_at_bytes: u64,
    /// When retention last found nothing more to delete.
    pruned_at: Option<Timestamp>,
    /// Released last, when the connection is closed.
    _lock: DataLock,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        lock: DataLock,
        path: &Path,
        read_gate: Arc<RwLock<()>>,
        retention: Retention,
        outside: Arc<dyn Outside>,
    ) -> rusqlite::Result<Self> {
        let data_version = data_version(&connection)?;
        Ok(Self {
            connection,
            wal_path: wal_path(path),
            read_gate,
            retention,
            outside,
            data_version,
            checkpoint_at_bytes: WAL_CHECKPOINT_BYTES,
            pruned_at: None,
            _lock: lock,
        })
    }

    /// Carries a batch out as one transaction with one sync. If that fails, nothing of it happened
    /// and everyone in it is told so.
    pub fn commit(&mut self, requests: &[Request]) -> Result<Committed, Fatal> {
        match self.transact(requests) {
            Ok(committed) => Ok(committed),
            Err(error) => {
                self.give_up(error)?;
                let answers = requests.iter().map(|_| Err(Failure::Unavailable)).collect();
                Ok(Committed {
                    segments: Vec::new(),
                    answers,
                })
            }
        }
    }

    fn transact(&self, requests: &[Request]) -> Result<Committed, BatchError> {
        self.begin()?;
        let mut batch = Batch {
            connection: &self.connection,
            now: self.outside.now(),
            segments: BTreeMap::new(),
        };
        let answers = requests
            .iter()
            .map(|request| batch.carry_out(request))
            .collect::<Result<_, _>>()?;
        let segments = batch
            .segments
            .into_values()
            .filter_map(SegmentBuilder::build)
            .collect();
        self.end()?;
        Ok(Committed { segments, answers })
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
        Ok(self.connection.execute_batch("COMMIT")?)
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
    /// True if there is more to delete.
    pub fn maintain(&mut self) -> Result<bool, Fatal> {
        self.checkpoint()?;
        let now = self.outside.now();
        // A clock set back counts as due.
        let is_due = self
            .pruned_at
            .is_none_or(|at| !(0..PRUNE_SECONDS as i64 * 1_000).contains(&(now.0 - at.0)));
        if !is_due {
            return Ok(false);
        }
        match self.prune(now) {
            Ok(true) => Ok(true),
            Ok(false) => {
                self.pruned_at = Some(now);
                Ok(false)
            }
            Err(error) => {
                self.give_up(error)?;
                self.pruned_at = Some(now);
                Ok(false)
            }
        }
    }

    /// Writes the log back into the file once it has grown. Past its bound it keeps new reads out
    /// for a moment, so that the log can start anew: without that a steady stream of readers could
    /// keep it growing for ever. Whoever still reads then is another program, such as a backup: that
    /// is not waited for, since the writer would stand still meanwhile.
    fn checkpoint(&mut self) -> Result<(), Fatal> {
        let bytes = std::fs::metadata(&self.wal_path).map_or(0, |wal| wal.len());
        if bytes < self.checkpoint_at_bytes {
            if bytes < WAL_CHECKPOINT_BYTES {
                self.checkpoint_at_bytes = WAL_CHECKPOINT_BYTES;
            }
            return Ok(());
        }
        let result = if bytes < WAL_BYTES_MAX {
            self.run_checkpoint("PRAGMA wal_checkpoint(PASSIVE)")
                .map(|_is_busy| ())
        } else {
            self.empty_log().map(|is_empty| {
                if !is_empty {
                    tracing::warn!(
                        mebibytes = bytes >> 20,
                        "the write-ahead log grows because another program reads the data file"
                    );
                }
            })
        };
        self.checkpoint_at_bytes = bytes + WAL_CHECKPOINT_BYTES;
        match result {
            Err(error) if is_failed_sync(&error) => Err(Fatal::SyncFailed(error)),
            Err(error) => {
                tracing::error!(%error, "the write-ahead log could not be written back; trying again later");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Writes the whole log back and empties it. False if another program's read keeps it from that.
    fn empty_log(&self) -> rusqlite::Result<bool> {
        let _no_readers = self
            .read_gate
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        self.connection.busy_timeout(Duration::ZERO)?;
        let is_busy = self.run_checkpoint("PRAGMA wal_checkpoint(TRUNCATE)");
        self.connection.busy_timeout(super::BUSY_WAIT)?;
        is_busy.map(|is_busy| !is_busy)
    }

    /// True if somebody kept it from its end.
    fn run_checkpoint(&self, sql: &str) -> rusqlite::Result<bool> {
        self.connection.query_row(sql, [], |row| row.get(0))
    }

    fn prune(&self, now: Timestamp) -> Result<bool, BatchError> {
        self.begin()?;
        let has_more = retention::step(&self.connection, self.retention, now)?;
        self.end()?;
        Ok(has_more)
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
        match self.empty_log() {
            Ok(true) => {}
            Ok(false) => tracing::warn!(
                "the write-ahead log stays behind, because another program reads the data file; the next start writes it back"
            ),
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

/// One transaction in the making.
struct Batch<'a> {
    connection: &'a Connection,
    now: Timestamp,
    /// In the boards' order, so that the same batch always gives the same segments.
    segments: BTreeMap<BoardId, SegmentBuilder>,
}

impl Batch<'_> {
    /// The idempotency key first, then what the rules say; both look at the caller's access.
    fn carry_out(&mut self, request: &Request) -> rusqlite::Result<Answer> {
        if let Some(key) = &request.idempotency
            && let Some(answer) = self.kept_answer(request, key)?
        {
            return Ok(answer);
        }
        match rules::decide(
            &rows::Rows::new(self.connection, self.now),
            request,
            self.now,
        ) {
            Ok(decision) => self.accept(request, decision).map(Ok),
            Err(Stopped::Refused(refusal)) => Ok(Err(Failure::Refused(refusal))),
            Err(Stopped::Fault(fault)) => unreadable(fault),
        }
    }

    fn accept(&mut self, request: &Request, decision: Decision) -> rusqlite::Result<Outcome> {
        for event in &decision.events {
            self.append(event, &request.command)?;
        }
        if let Some(key) = &request.idempotency {
            self.keep_answer(request, key, &decision)?;
        }
        Ok(decision.outcome)
    }

    /// Rows, log row, frame: the event's bytes are made here and never again.
    fn append(&mut self, event: &Event, command: &Command) -> rusqlite::Result<()> {
        let json = frame::json(event);
        if let Change::BoardCreated { board } = &event.change {
            // The log's end is read from the board's row, so the row comes first.
            rows::insert_board(self.connection, board, command)?;
        }
        let end = rows::log_end(self.connection, &event.board_id)?;
        let seq = end.head.seq + 1;
        let cursor = Cursor {
            seq,
            mark: end.head.mark.next(&end.key, seq, &json),
        };
        rows::apply(self.connection, event, seq, command)?;
        let ordinal = rows::append(self.connection, end.board_no, cursor, event, &json)?;
        if let Change::BoardRestored { .. } = event.change {
            rows::raise_floor(self.connection, end.board_no, cursor)?;
        }
        let board_id = &event.board_id;
        let segment = self
            .segments
            .entry(board_id.clone())
            .or_insert_with(|| SegmentBuilder::new(board_id.clone()));
        segment.push(cursor, ordinal, &json);
        Ok(())
    }

    /// The first answer under this key, if it is still kept.
    fn kept_answer(
        &self,
        request: &Request,
        key: &IdempotencyKey,
    ) -> rusqlite::Result<Option<Answer>> {
        let sql = "SELECT fingerprint, board_id, outcome FROM answer WHERE caller = ? AND key = ? AND at >= ?";
        let mut statement = self.connection.prepare_cached(sql)?;
        let kept = statement.query_row(
            params![request.access.caller(), key.key, oldest_answer(self.now).0],
            |row| {
                Ok((
                    row.get::<_, [u8; 32]>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?,
                ))
            },
        );
        let Some((fingerprint, board_id, outcome)) = kept.optional()? else {
            return Ok(None);
        };
        if fingerprint != key.fingerprint.0 {
            return Ok(Some(Err(Refusal::KeyReused.into())));
        }
        let may_see = BoardId::parse(&board_id).is_ok_and(|id| request.access.reaches(&id));
        let outcome = serde_json::from_str(&outcome).ok().filter(|_| may_see);
        // Out of reach, or from a program that wrote it differently: decided afresh.
        Ok(outcome.map(Ok))
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
                request.access.caller(),
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
fn unreadable(fault: rules::Fault) -> rusqlite::Result<Answer> {
    let error = fault
        .0
        .downcast::<rusqlite::Error>()
        .expect("the rows fail with SQLite's errors");
    if rows::is_bad_row(&error) {
        tracing::error!(%error, "a row holds what this program never wrote; its board is out of service");
        Ok(Err(Failure::Unavailable))
    } else {
        Err(*error)
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

fn is_failed_sync(error: &rusqlite::Error) -> bool {
    let sync_failures = [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC];
    error
        .sqlite_error()
        .is_some_and(|error| sync_failures.contains(&error.extended_code))
}
