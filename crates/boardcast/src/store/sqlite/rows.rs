//! Rows as values, and events as changes of rows. [`Rows`] is what the rules see of the tables
//! inside the writer's transaction; [`apply`] is the contract's fold table in SQL.

use super::people::People;
use super::retention::oldest_deleted;
use crate::sabotage::{self, Spot};
use boardcast_core::access::{Access, Rights, Role, Standing};
use boardcast_core::cursor::{BoardKey, Cursor, Mark};
use boardcast_core::model::{
    Board, BoardId, Description, List, ListId, Malformed, Name, Task, TaskId, TaskSummary,
    Timestamp, Title,
};
use boardcast_core::protocol::{Change, Command, Event, Fingerprint, Kind, Outcome};
use boardcast_core::rank::Rank;
use boardcast_core::rules::place::{Family, Place, Sibling};
use boardcast_core::rules::{Birth, Fault, View};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// What stands, as the rules see it.
pub(super) struct Rows<'a> {
    connection: &'a Connection,
    now: Timestamp,
    /// What was deleted before this no longer comes back, whether it is purged yet or not.
    oldest_deleted: Timestamp,
}

impl<'a> Rows<'a> {
    pub(super) fn new(connection: &'a Connection, now: Timestamp) -> Self {
        let oldest_deleted = oldest_deleted(now);
        Self {
            connection,
            now,
            oldest_deleted,
        }
    }

    /// For [`Spot::RankCollision`]; without the indexes that would refuse what comes of it.
    fn see_none(&self) -> Result<Option<Sibling>, Fault> {
        let sql = "DROP INDEX IF EXISTS list_order; DROP INDEX IF EXISTS task_order";
        let dropped = self.connection.execute_batch(sql);
        dropped.map(|()| None).map_err(|error| Fault(error.into()))
    }
}

impl Rights for Rows<'_> {
    fn standing(&self, access: &Access) -> Result<Option<Standing>, Fault> {
        People::new(self.connection, self.now).standing(access)
    }

    fn role(&self, access: &Access, board_id: &BoardId) -> Result<Option<Role>, Fault> {
        People::new(self.connection, self.now).role(access, board_id)
    }
}

impl View for Rows<'_> {
    fn board(&self, id: &BoardId) -> Result<Option<Board>, Fault> {
        let sql = "SELECT id, name, version, created_at, updated_at FROM board WHERE id = ? AND deleted_at IS NULL";
        one(self.connection, sql, [id.as_str()], board_from)
    }

    fn list(&self, id: &ListId) -> Result<Option<List>, Fault> {
        let sql = "
            SELECT list.id, board.id, list.name, rank, list.version, list.created_at, list.updated_at
            FROM list JOIN board ON board.no = board_no
            WHERE list.id = ? AND list.deleted_at IS NULL AND board.deleted_at IS NULL";
        one(self.connection, sql, [id.as_str()], list_from)
    }

    fn task(&self, id: &TaskId) -> Result<Option<(BoardId, Task)>, Fault> {
        one(self.connection, TASK_BY_ID, [id.as_str()], task_from)
    }

    fn deleted_board(&self, id: &BoardId) -> Result<Option<Board>, Fault> {
        let sql = "
            SELECT id, name, version, created_at, updated_at FROM board
            WHERE id = ? AND deleted_at >= ?";
        one(
            self.connection,
            sql,
            params![id.as_str(), self.oldest_deleted.0],
            board_from,
        )
    }

    fn deleted_list(&self, id: &ListId) -> Result<Option<(List, Vec<Task>)>, Fault> {
        let list = "
            SELECT list.id, board.id, list.name, rank, list.version, list.created_at,
                   list.updated_at, board_no, deleted_seq
            FROM list JOIN board ON board.no = board_no
            WHERE list.id = ? AND list.deleted_at >= ? AND board.deleted_at IS NULL";
        let found = one(
            self.connection,
            list,
            params![id.as_str(), self.oldest_deleted.0],
            |row| {
                Ok((
                    list_from(row)?,
                    row.get::<_, i64>(7)?,
                    row.get::<_, i64>(8)?,
                ))
            },
        )?;
        let Some((list, board_no, deleted_seq)) = found else {
            return Ok(None);
        };
        // That they are deleted follows from the number, but the index must be told.
        let tasks = "
            SELECT board.id, task.id, list_id, title, rank, task.version, task.created_at,
                   task.updated_at, description
            FROM task JOIN board ON board.no = board_no
            WHERE board_no = ? AND deleted_seq = ? AND list_id = ? AND task.deleted_at IS NOT NULL
            ORDER BY rank";
        let read = || {
            let mut statement = self.connection.prepare_cached(tasks)?;
            let gone_with = params![board_no, deleted_seq, id.as_str()];
            let found = statement.query_map(gone_with, task_from)?;
            found
                .map(|found| found.map(|(_, task)| task))
                .collect::<Result<_, _>>()
        };
        let tasks = read().map_err(|error: rusqlite::Error| Fault(error.into()))?;
        Ok(Some((list, tasks)))
    }

    fn deleted_task(&self, id: &TaskId) -> Result<Option<(BoardId, Task)>, Fault> {
        let sql = "
            SELECT board.id, task.id, list_id, title, rank, task.version, task.created_at,
                   task.updated_at, description
            FROM task JOIN board ON board.no = board_no
            WHERE task.id = ? AND task.deleted_at >= ? AND board.deleted_at IS NULL";
        one(
            self.connection,
            sql,
            params![id.as_str(), self.oldest_deleted.0],
            task_from,
        )
    }

    fn birth(&self, kind: Kind, id: &str) -> Result<Option<Birth>, Fault> {
        let sql = match kind {
            Kind::Board => "SELECT birth FROM board WHERE id = ?",
            Kind::List => "SELECT birth FROM list WHERE id = ?",
            Kind::Task => "SELECT birth FROM task WHERE id = ?",
        };
        one(self.connection, sql, [id], |row| {
            let fingerprint: Option<[u8; 32]> = row.get(0)?;
            Ok(Birth {
                fingerprint: fingerprint.map(Fingerprint),
            })
        })
    }

    fn count_lists(&self, board_id: &BoardId) -> Result<usize, Fault> {
        let sql = "
            SELECT count(*) FROM list
            WHERE board_no = (SELECT no FROM board WHERE id = ?) AND deleted_at IS NULL";
        Ok(one(self.connection, sql, [board_id.as_str()], |row| row.get(0))?.unwrap_or(0))
    }

    fn count_tasks(&self, board_id: &BoardId) -> Result<usize, Fault> {
        let sql = "
            SELECT count(*) FROM task
            WHERE board_no = (SELECT no FROM board WHERE id = ?) AND deleted_at IS NULL";
        Ok(one(self.connection, sql, [board_id.as_str()], |row| row.get(0))?.unwrap_or(0))
    }

    fn sibling(
        &self,
        family: Family<'_>,
        place: Place<'_>,
        except: Option<&str>,
    ) -> Result<Option<Sibling>, Fault> {
        let parent_id = match family {
            Family::Lists(board_id) => board_id.as_str(),
            Family::Tasks(list_id) => list_id.as_str(),
        };
        let argument: &dyn rusqlite::ToSql = match &place {
            Place::First | Place::Last => &None::<i64>,
            Place::Nth(index) => &i64::try_from(*index).unwrap_or(i64::MAX),
            Place::At(rank) | Place::Below(rank) | Place::Above(rank) => &rank.as_str(),
            Place::Member(id) => id,
        };
        let is_neighbour = matches!(place, Place::Below(_) | Place::Above(_));
        if is_neighbour && sabotage::hits(Spot::RankCollision) {
            return self.see_none();
        }
        let sql = sibling_sql(family, place);
        one(
            self.connection,
            &sql,
            params![parent_id, except, argument],
            |row| {
                // Both kinds of ids follow one rule.
                Ok(Sibling {
                    id: text(row, 0, TaskId::parse)?.to_string(),
                    rank: text(row, 1, Rank::parse)?,
                })
            },
        )
    }
}

/// The statement that finds a sibling: `?1` is the family, `?2` whom to look past, `?3` belongs to
/// the place.
pub(super) fn sibling_sql(family: Family<'_>, place: Place<'_>) -> String {
    // Both families have the same columns; only the table and what binds a family differ.
    let (table, parent) = match family {
        Family::Lists(_) => ("list", "board_no = (SELECT no FROM board WHERE id = ?1)"),
        Family::Tasks(_) => ("task", "list_id = ?1"),
    };
    let which = match place {
        Place::First => "?3 IS NULL ORDER BY rank LIMIT 1",
        Place::Last => "?3 IS NULL ORDER BY rank DESC LIMIT 1",
        Place::Nth(_) => "true ORDER BY rank LIMIT 1 OFFSET ?3",
        Place::At(_) => "rank = ?3",
        Place::Below(_) => "rank < ?3 ORDER BY rank DESC LIMIT 1",
        Place::Above(_) => "rank > ?3 ORDER BY rank LIMIT 1",
        Place::Member(_) => "id = ?3",
    };
    // Looked past by rank, which stands in the index: an offset then reads no row that it skips. By
    // id it read all of them, on a list of 10,000 tasks as many pages.
    format!(
        "SELECT id, rank FROM {table} WHERE {parent} AND deleted_at IS NULL AND rank IS NOT
             (SELECT rank FROM {table} WHERE id = ?2 AND {parent} AND deleted_at IS NULL)
         AND {which}"
    )
}

/// A living task and its board by the task's id.
pub(super) const TASK_BY_ID: &str = "
    SELECT board.id, task.id, list_id, title, rank, task.version, task.created_at, task.updated_at, description
    FROM task JOIN board ON board.no = board_no
    WHERE task.id = ? AND task.deleted_at IS NULL AND board.deleted_at IS NULL";

/// At most one row, through the statement cache.
pub(super) fn one<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, Fault> {
    let found = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(params, read).optional());
    found.map_err(|error| Fault(error.into()))
}

/// What SQLite said.
pub(super) fn cause(fault: Fault) -> rusqlite::Error {
    let error = fault.0.downcast::<rusqlite::Error>();
    *error.expect("the rows fail with SQLite's errors")
}

pub(super) fn board_from(row: &Row<'_>) -> rusqlite::Result<Board> {
    Ok(Board {
        id: text(row, 0, BoardId::parse)?,
        name: text(row, 1, Name::parse)?,
        version: row.get(2)?,
        created_at: Timestamp(row.get(3)?),
        updated_at: Timestamp(row.get(4)?),
    })
}

pub(super) fn list_from(row: &Row<'_>) -> rusqlite::Result<List> {
    Ok(List {
        id: text(row, 0, ListId::parse)?,
        board_id: text(row, 1, BoardId::parse)?,
        name: text(row, 2, Name::parse)?,
        rank: text(row, 3, Rank::parse)?,
        version: row.get(4)?,
        created_at: Timestamp(row.get(5)?),
        updated_at: Timestamp(row.get(6)?),
    })
}

pub(super) fn task_from(row: &Row<'_>) -> rusqlite::Result<(BoardId, Task)> {
    let board_id = text(row, 0, BoardId::parse)?;
    let task = Task {
        id: text(row, 1, TaskId::parse)?,
        list_id: text(row, 2, ListId::parse)?,
        title: text(row, 3, Title::parse)?,
        rank: text(row, 4, Rank::parse)?,
        version: row.get(5)?,
        created_at: Timestamp(row.get(6)?),
        updated_at: Timestamp(row.get(7)?),
        description: text(row, 8, Description::parse)?,
    };
    Ok((board_id, task))
}

pub(super) fn summary_from(row: &Row<'_>) -> rusqlite::Result<TaskSummary> {
    Ok(TaskSummary {
        id: text(row, 0, TaskId::parse)?,
        list_id: text(row, 1, ListId::parse)?,
        title: text(row, 2, Title::parse)?,
        rank: text(row, 3, Rank::parse)?,
        version: row.get(4)?,
        created_at: Timestamp(row.get(5)?),
        updated_at: Timestamp(row.get(6)?),
        has_description: row.get(7)?,
    })
}

/// A cursor from its two columns, the first of which is given.
pub(super) fn cursor_from(row: &Row<'_>, seq_column: usize) -> rusqlite::Result<Cursor> {
    Ok(Cursor {
        seq: row.get(seq_column)?,
        mark: Mark(row.get(seq_column + 1)?),
    })
}

/// A checked text. What can't be read is a bad row: see [`is_bad`].
pub(super) fn text<T>(
    row: &Row<'_>,
    column: usize,
    parse: fn(&str) -> Result<T, Malformed>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

/// The answer that was kept, as it was written.
pub(super) fn outcome_from(row: &Row<'_>, column: usize) -> rusqlite::Result<Outcome> {
    serde_json::from_slice(row.get_ref(column)?.as_bytes()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

/// Whether an error means that one row holds what this program never wrote, which it says to the
/// log then. That takes out of service what needs the row, not the whole file.
pub(super) fn is_bad(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error,
    };
    let is_bad = matches!(
        error,
        FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | Utf8Error(..)
    );
    if is_bad {
        tracing::error!(%error, "a row holds what this program never wrote; what needs it is out of service");
    }
    is_bad
}

/// What the log needs to know of a board to append to it.
pub(super) struct LogEnd {
    pub(super) board_no: i64,
    pub(super) key: BoardKey,
    pub(super) head: Cursor,
}

/// The end of a board's log, deleted boards included; none if there is no such board.
pub(super) fn log_end(connection: &Connection, id: &BoardId) -> Result<Option<LogEnd>, Fault> {
    let sql = "SELECT no, mark_key, head_seq, head_mark FROM board WHERE id = ?";
    one(connection, sql, [id.as_str()], |row| {
        Ok(LogEnd {
            board_no: row.get(0)?,
            key: BoardKey(row.get(1)?),
            head: cursor_from(row, 2)?,
        })
    })
}

/// Appends an event to a board's log, whose end it now is. Gives the event's ordinal.
pub(super) fn append(
    connection: &Connection,
    end: &LogEnd,
    event: &Event,
    json: &[u8],
) -> rusqlite::Result<u64> {
    let json = std::str::from_utf8(json).expect("JSON is UTF-8");
    let LogEnd { board_no, head, .. } = end;
    let ordinal = connection
        .prepare_cached("INSERT INTO event (board_no, seq, mark, at, json) VALUES (?, ?, ?, ?, ?)")?
        .insert(params![board_no, head.seq, head.mark.0, event.at.0, json])?;
    connection
        .prepare_cached(
            "UPDATE board SET head_seq = ?, head_mark = ?, updated_at = ? WHERE no = ?",
        )?
        .execute(params![head.seq, head.mark.0, event.at.0, board_no])?;
    Ok(ordinal.unsigned_abs())
}

/// Serves nothing up to here any more: a cursor here is good, every older one gets a snapshot.
pub(super) fn raise_floor(
    connection: &Connection,
    board_no: i64,
    floor: Cursor,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE board SET floor_seq = ?, floor_mark = ? WHERE no = ?")?
        .execute(params![floor.seq, floor.mark.0, board_no])?;
    Ok(())
}

/// Changes the rows as an event says; `seq` is its number. The command that led to it gives what no
/// event carries: a new board's key, and the birth of things whose id a client chose.
pub(super) fn apply(
    connection: &Connection,
    event: &Event,
    seq: u64,
    command: &Command,
) -> rusqlite::Result<()> {
    let at = event.at.0;
    match &event.change {
        // Inserted before the event got its number: see `insert_board`.
        Change::BoardCreated { .. } => Ok(()),
        Change::BoardUpdated { board } => {
            let sql = "UPDATE board SET name = ?, version = ? WHERE id = ?";
            changed_one(
                connection,
                sql,
                params![board.name.as_str(), board.version, board.id.as_str()],
            )
        }
        Change::BoardRestored { board } => {
            let sql = "UPDATE board SET version = ?, deleted_at = NULL WHERE id = ?";
            changed_one(connection, sql, params![board.version, board.id.as_str()])
        }
        Change::BoardDeleted => changed_one(
            connection,
            "UPDATE board SET deleted_at = ? WHERE id = ?",
            params![at, event.board_id.as_str()],
        ),
        Change::ListCreated { list }
        | Change::ListUpdated { list }
        | Change::ListMoved { list } => put_list(connection, list, command),
        Change::ListDeleted { list_id } => {
            // OR ROLLBACK: a failure ends the batch anyway, and without it SQLite keeps a journal of the
            // statement, in a temporary file that some machines have no place for.
            let tasks = "
                UPDATE OR ROLLBACK task SET deleted_at = ?, deleted_seq = ?
                WHERE list_id = ? AND deleted_at IS NULL";
            connection
                .prepare_cached(tasks)?
                .execute(params![at, seq, list_id.as_str()])?;
            let list = "UPDATE list SET deleted_at = ?, deleted_seq = ? WHERE id = ?";
            changed_one(connection, list, params![at, seq, list_id.as_str()])
        }
        Change::TaskCreated { task }
        | Change::TaskUpdated { task }
        | Change::TaskMoved { task } => put_task(connection, &event.board_id, task, command),
        Change::TaskDeleted { task_id } => {
            let sql = "UPDATE task SET deleted_at = ?, deleted_seq = ? WHERE id = ?";
            changed_one(connection, sql, params![at, seq, task_id.as_str()])
        }
    }
}

fn changed_one(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> rusqlite::Result<()> {
    let changed = connection.prepare_cached(sql)?.execute(params)?;
    assert_eq!(
        changed, 1,
        "an event changes exactly the thing that it is about"
    );
    Ok(())
}

/// Makes a new board's row, at the start of its log, which is the log's end so far.
pub(super) fn insert_board(
    connection: &Connection,
    board: &Board,
    command: &Command,
) -> rusqlite::Result<LogEnd> {
    let Command::CreateBoard { key, birth, .. } = command else {
        unreachable!("only CreateBoard makes a board");
    };
    let sql = "
        INSERT INTO board (id, name, version, created_at, updated_at, mark_key, birth,
                           head_seq, head_mark, floor_seq, floor_mark)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?8, ?9)";
    let start = Cursor::START;
    changed_one(
        connection,
        sql,
        params![
            board.id.as_str(),
            board.name.as_str(),
            board.version,
            board.created_at.0,
            board.updated_at.0,
            key.0,
            birth.map(|birth| birth.0),
            start.seq,
            start.mark.0,
        ],
    )?;
    Ok(LogEnd {
        board_no: connection.last_insert_rowid(),
        key: key.clone(),
        head: start,
    })
}

fn put_list(connection: &Connection, list: &List, command: &Command) -> rusqlite::Result<()> {
    let birth = match command {
        Command::CreateList { list_id, birth, .. } if *list_id == list.id => *birth,
        _ => None,
    };
    let sql = "
        INSERT INTO list (id, board_no, name, rank, version, created_at, updated_at, birth)
        VALUES (?1, (SELECT no FROM board WHERE id = ?2), ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (id) DO UPDATE SET
            name = excluded.name, rank = excluded.rank, version = excluded.version,
            updated_at = excluded.updated_at, deleted_at = NULL, deleted_seq = NULL";
    changed_one(
        connection,
        sql,
        params![
            list.id.as_str(),
            list.board_id.as_str(),
            list.name.as_str(),
            list.rank.as_str(),
            list.version,
            list.created_at.0,
            list.updated_at.0,
            birth.map(|birth| birth.0),
        ],
    )
}

fn put_task(
    connection: &Connection,
    board_id: &BoardId,
    task: &Task,
    command: &Command,
) -> rusqlite::Result<()> {
    let birth = match command {
        Command::CreateTask { task_id, birth, .. } if *task_id == task.id => *birth,
        _ => None,
    };
    let sql = "
        INSERT INTO task (id, board_no, list_id, title, rank, version, created_at, updated_at, birth, description)
        VALUES (?1, (SELECT no FROM board WHERE id = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT (id) DO UPDATE SET
            board_no = excluded.board_no, list_id = excluded.list_id, title = excluded.title,
            rank = excluded.rank, version = excluded.version, updated_at = excluded.updated_at,
            description = excluded.description, deleted_at = NULL, deleted_seq = NULL";
    changed_one(
        connection,
        sql,
        params![
            task.id.as_str(),
            board_id.as_str(),
            task.list_id.as_str(),
            task.title.as_str(),
            task.rank.as_str(),
            task.version,
            task.created_at.0,
            task.updated_at.0,
            birth.map(|birth| birth.0),
            task.description.as_str(),
        ],
    )
}
