//! Reading connections, and the reads that all watchers share: the log after a place, and snapshots.
//! Every read is bounded, on a blocking thread if there are any, in a read transaction that no await
//! outlives, so none keeps the write-ahead log from shrinking. Reads for one caller are [`super::reads`]'.

#[cfg(test)]
mod crowds;

use super::writer::failure;
use super::{open_reader, rows};
use crate::live::{Located, Location, Log, Page, ReadError, Reading, Snapshot};
use crate::outside::Outside;
use crate::sabotage::{self, Spot};
use boardcast_core::access::Access;
use boardcast_core::cursor::{Cursor, Mark, Meeting};
use boardcast_core::frame::{self, Segment, SegmentBuilder};
use boardcast_core::limits::{
    EVENTS_PAGE_BYTES_MAX, LOG_READ_BYTES_MAX, LOG_READ_ROWS_MAX, READERS_MAX,
    SNAPSHOTS_AT_ONCE_MAX,
};
use boardcast_core::model::{BoardId, ListWithTasks, Malformed, Snapshot as Whole, Timestamp};
use rusqlite::{Connection, OptionalExtension, ffi, params};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

/// A few reading connections.
pub struct Readers {
    pool: Arc<Pool>,
    permits: Arc<Semaphore>,
    outside: Arc<dyn Outside>,
    snapshot_permits: Arc<Semaphore>,
    /// For each board that a snapshot is being made of: whoever else wants one waits for it, and
    /// takes it over if the board still stands there.
    snapshots: Mutex<BTreeMap<BoardId, Arc<LatestSnapshot>>>,
    snapshots_made: AtomicU64,
}

/// A page of a board's log.
#[derive(Debug)]
pub enum EventsRead {
    /// The next events after a place.
    Events(Cursor, Segment),
    /// Nothing after this place.
    CaughtUp(Cursor),
    /// The cursor is no place that can be served.
    Unservable,
    /// No such living board.
    NoBoard,
}

type LatestSnapshot = AsyncMutex<Weak<Snapshot>>;

struct Pool {
    idle: Mutex<Vec<Connection>>,
    gate: Arc<RwLock<()>>,
}

impl Readers {
    pub(super) fn open(path: &Path, outside: Arc<dyn Outside>) -> rusqlite::Result<Self> {
        let idle = (0..READERS_MAX)
            .map(|_| open_reader(path))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            pool: Arc::new(Pool {
                idle: Mutex::new(idle),
                gate: Arc::default(),
            }),
            permits: Arc::new(Semaphore::new(READERS_MAX)),
            outside,
            snapshot_permits: Arc::new(Semaphore::new(SNAPSHOTS_AT_ONCE_MAX)),
            snapshots: Mutex::default(),
            snapshots_made: AtomicU64::new(0),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.outside.now()
    }

    pub(super) fn gate(&self) -> Arc<RwLock<()>> {
        Arc::clone(&self.pool.gate)
    }

    /// Runs a read in its own transaction on a blocking thread. It runs to its end even if nobody
    /// waits for it any more.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        // Closed means that the program is going down.
        let permit = permit.map_err(|_| ReadError)?;
        let pool = Arc::clone(&self.pool);
        let read = move || {
            let result = pool.with_connection(read);
            drop(permit);
            result
        };
        let result = if self.outside.has_threads() {
            let reading = tokio::task::spawn_blocking(read);
            reading.await.map_err(|_| ReadError)?
        } else {
            read()
        };
        let result = result.ok_or(ReadError)?;
        result.map_err(|error| {
            tracing::error!(%error, "a read failed");
            ReadError
        })
    }

    /// Ends the reads that run and refuses all later ones, so that the writer's connection is the
    /// last one to close: then SQLite leaves one file. Blocks.
    pub fn close(&self) {
        self.permits.close();
        let _no_readers = self
            .pool
            .gate
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        self.pool.idle().clear();
    }

    /// Snapshots that were read and encoded so far.
    pub(crate) fn snapshots_made(&self) -> u64 {
        self.snapshots_made.load(Ordering::Relaxed)
    }

    async fn make_snapshot(&self, board_id: &BoardId) -> Result<Option<Arc<Snapshot>>, ReadError> {
        let latest = self.latest_of(board_id);
        let result = self.make_or_share(board_id, latest).await;
        self.forget_unused();
        result
    }

    /// One at a time per board, and a few in all; also where the caller leaves before it is made, so
    /// the read itself keeps its turn until it ends. Whoever waited first looks whether the board has
    /// moved on since the one before: a snapshot is never older than the request for it.
    async fn make_or_share(
        &self,
        board_id: &BoardId,
        latest: Arc<LatestSnapshot>,
    ) -> Result<Option<Arc<Snapshot>>, ReadError> {
        let mut latest = latest.lock_owned().await;
        if let Some(known) = latest.upgrade() {
            let id = board_id.clone();
            let location = self
                .read(move |connection| read_location(connection, &id, None))
                .await?;
            if location.is_some_and(|location| location.head == known.cursor()) {
                return Ok(Some(known));
            }
        }
        let permits = Arc::clone(&self.snapshot_permits);
        let permit = permits.acquire_owned().await.expect("never closed");
        self.snapshots_made.fetch_add(1, Ordering::Relaxed);
        let id = board_id.clone();
        self.read(move |connection| {
            let _turn = permit;
            let made = read_snapshot(connection, &id)?.map(Arc::new);
            *latest = made.as_ref().map(Arc::downgrade).unwrap_or_default();
            Ok(made)
        })
        .await
    }

    fn latest_of(&self, board_id: &BoardId) -> Arc<LatestSnapshot> {
        let mut snapshots = self
            .snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(snapshots.entry(board_id.clone()).or_default())
    }

    /// Drops entries whose snapshot nobody holds or waits for any more.
    fn forget_unused(&self) {
        let mut snapshots = self
            .snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        snapshots.retain(|_, latest| {
            Arc::strong_count(latest) > 1
                || latest
                    .try_lock()
                    .is_ok_and(|latest| latest.strong_count() > 0)
        });
    }
}

impl Pool {
    /// Runs a read; none if the pool is closed.
    fn with_connection<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Option<rusqlite::Result<T>> {
        let _shared = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        // There are as many connections as permits.
        let connection = self.idle().pop()?;
        let borrowed = Borrowed {
            pool: self,
            connection: Some(connection),
        };
        borrowed
            .connection
            .as_ref()
            .map(|connection| in_transaction(connection, read))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives its connection back however the read ends.
struct Borrowed<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.pool.idle().extend(self.connection.take());
    }
}

fn in_transaction<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    if sabotage::hits(Spot::ReadFails) {
        return Err(failure(ffi::SQLITE_IOERR_READ));
    }
    let transaction = connection.unchecked_transaction()?;
    let result = read(&transaction)?;
    transaction.finish()?;
    Ok(result)
}

impl Log for Readers {
    fn locate<'a>(
        &'a self,
        access: &'a Access,
        board_id: &'a BoardId,
        cursor: Option<Cursor>,
    ) -> Reading<'a, Located> {
        Box::pin(self.locate_as(access, board_id.clone(), cursor))
    }

    fn after<'a>(&'a self, board_id: &'a BoardId, place: Cursor) -> Reading<'a, Page> {
        let id = board_id.clone();
        Box::pin(self.read(move |connection| read_page(connection, &id, place)))
    }

    fn snapshot<'a>(&'a self, board_id: &'a BoardId) -> Reading<'a, Option<Arc<Snapshot>>> {
        Box::pin(self.make_snapshot(board_id))
    }
}

/// Where a living board's log stands.
struct Found {
    board_no: i64,
    head: Cursor,
    floor: Cursor,
    /// Whether the cursor asked about is a place in its history.
    is_good: bool,
}

pub(super) fn read_location(
    connection: &Connection,
    id: &BoardId,
    cursor: Option<Cursor>,
) -> rusqlite::Result<Option<Location>> {
    let found = find_board(connection, id, cursor)?;
    Ok(found.map(|Found { head, is_good, .. }| Location { head, is_good }))
}

/// Head and floor of a living board, and whether a cursor is a place in its history: the floor
/// itself, or a kept event with the same mark.
fn find_board(
    connection: &Connection,
    id: &BoardId,
    cursor: Option<Cursor>,
) -> rusqlite::Result<Option<Found>> {
    let sql = "
        SELECT no, head_seq, head_mark, floor_seq, floor_mark FROM board
        WHERE id = ? AND deleted_at IS NULL";
    let found = connection
        .prepare_cached(sql)?
        .query_row([id.as_str()], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                rows::cursor_from(row, 1)?,
                rows::cursor_from(row, 3)?,
            ))
        });
    let Some((board_no, head, floor)) = found.optional()? else {
        return Ok(None);
    };
    let is_good = match cursor {
        None => false,
        Some(cursor) if cursor == head || cursor == floor => true,
        Some(cursor) if cursor.seq <= floor.seq || cursor.seq >= head.seq => false,
        Some(cursor) => mark_at(connection, board_no, cursor.seq)? == Some(cursor.mark),
    };
    Ok(Some(Found {
        board_no,
        head,
        floor,
        is_good,
    }))
}

fn mark_at(connection: &Connection, board_no: i64, seq: u64) -> rusqlite::Result<Option<Mark>> {
    let mut statement =
        connection.prepare_cached("SELECT mark FROM event WHERE board_no = ? AND seq = ?")?;
    statement
        .query_row(params![board_no, seq], |row| Ok(Mark(row.get(0)?)))
        .optional()
}

/// The events after a place, deleted boards included: their last event is still owed.
fn read_page(connection: &Connection, id: &BoardId, place: Cursor) -> rusqlite::Result<Page> {
    let board = "SELECT no, head_seq, floor_seq, floor_mark FROM board WHERE id = ?";
    let found = connection
        .prepare_cached(board)?
        .query_row([id.as_str()], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get(1)?,
                rows::cursor_from(row, 2)?,
            ))
        })
        .optional()?;
    let Some((board_no, head, floor)): Option<(i64, u64, Cursor)> = found else {
        return Ok(Page::Empty);
    };
    if place.seq >= head {
        return Ok(Page::Empty);
    }
    if place.seq < floor.seq {
        return Ok(Page::Gap);
    }
    // A board that was purged and made anew under its old id has another history.
    let is_ours = place == floor || mark_at(connection, board_no, place.seq)? == Some(place.mark);
    if !is_ours {
        return Ok(Page::Empty);
    }
    let bounds = (LOG_READ_ROWS_MAX, LOG_READ_BYTES_MAX);
    let segment = read_events(connection, id, board_no, place, bounds)?;
    Ok(segment.map_or(Page::Gap, Page::Events))
}

/// Events after a place, at most so many rows and about so many bytes; none if the next one isn't
/// there.
fn read_events(
    connection: &Connection,
    id: &BoardId,
    board_no: i64,
    place: Cursor,
    (rows_max, bytes_max): (usize, usize),
) -> rusqlite::Result<Option<Segment>> {
    let sql = "
        SELECT seq, mark, ordinal, json FROM event
        WHERE board_no = ? AND seq > ? ORDER BY seq LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params![board_no, place.seq, rows_max])?;
    let mut segment = SegmentBuilder::new(id.clone());
    while let Some(row) = found.next()? {
        let cursor = rows::cursor_from(row, 0)?;
        if segment.is_empty() && place.meets(cursor.seq) != Meeting::Deliver {
            return Ok(None);
        }
        segment.push(cursor, row.get(2)?, row.get_ref(3)?.as_bytes()?);
        if segment.len() >= bytes_max {
            break;
        }
    }
    Ok(segment.build())
}

/// The events after a cursor that is judged in the same transaction; without one from the oldest
/// kept. One that can't be read is judged here too: first there must be a board.
pub(super) fn read_after(
    connection: &Connection,
    id: &BoardId,
    after: Option<Result<Cursor, Malformed>>,
    limit: usize,
) -> rusqlite::Result<EventsRead> {
    let Some(Found {
        board_no,
        head,
        floor,
        is_good,
    }) = find_board(connection, id, after.and_then(Result::ok))?
    else {
        return Ok(EventsRead::NoBoard);
    };
    let place = match after {
        None => floor,
        Some(Ok(cursor)) if is_good => cursor,
        Some(_) => return Ok(EventsRead::Unservable),
    };
    if place == head {
        return Ok(EventsRead::CaughtUp(place));
    }
    let bounds = (limit, EVENTS_PAGE_BYTES_MAX);
    let segment = read_events(connection, id, board_no, place, bounds)?;
    Ok(segment.map_or(EventsRead::Unservable, |segment| {
        EventsRead::Events(place, segment)
    }))
}

fn read_snapshot(connection: &Connection, id: &BoardId) -> rusqlite::Result<Option<Snapshot>> {
    let whole = read_whole(connection, id)?;
    Ok(whole.map(|whole| Snapshot::new(&frame::json(&whole), whole.cursor)))
}

/// A living board as its rows have it.
pub(super) fn read_whole(connection: &Connection, id: &BoardId) -> rusqlite::Result<Option<Whole>> {
    let sql = "
        SELECT id, name, version, created_at, updated_at, head_seq, head_mark, no FROM board
        WHERE id = ? AND deleted_at IS NULL";
    let found = connection
        .prepare_cached(sql)?
        .query_row([id.as_str()], |row| {
            Ok((
                rows::board_from(row)?,
                rows::cursor_from(row, 5)?,
                row.get::<_, i64>(7)?,
            ))
        });
    let Some((board, cursor, board_no)) = found.optional()? else {
        return Ok(None);
    };
    Ok(Some(Whole {
        board,
        lists: read_lists(connection, board_no)?,
        cursor,
    }))
}

fn read_lists(connection: &Connection, board_no: i64) -> rusqlite::Result<Vec<ListWithTasks>> {
    let lists = "
        SELECT list.id, board.id, list.name, rank, list.version, list.created_at, list.updated_at
        FROM list JOIN board ON board.no = board_no
        WHERE board_no = ? AND list.deleted_at IS NULL ORDER BY rank, list.id";
    // The description's length comes from the row's header: its pages are not read.
    let tasks = "
        SELECT id, list_id, title, rank, version, created_at, updated_at, octet_length(description) > 0
        FROM task WHERE list_id = ? AND deleted_at IS NULL ORDER BY rank, id";
    let mut lists = connection.prepare_cached(lists)?;
    let mut tasks = connection.prepare_cached(tasks)?;
    let read_list = |row: &rusqlite::Row<'_>| {
        let list = rows::list_from(row)?;
        let tasks = tasks
            .query_map([list.id.as_str()], rows::summary_from)?
            .collect::<Result<_, _>>()?;
        Ok(ListWithTasks { list, tasks })
    };
    lists.query_map([board_no], read_list)?.collect()
}
