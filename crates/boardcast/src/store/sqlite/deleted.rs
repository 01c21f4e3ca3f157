//! Reading what was deleted and can come back.

use super::retention::oldest_deleted;
use super::rows;
use boardcast_core::model::{Board, BoardId, List, Task, Timestamp};
use boardcast_core::rules::{Fault, Stopped};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use utoipa::ToSchema;

/// A deleted board, and since when.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletedBoard {
    /// The board as it was.
    #[serde(flatten)]
    pub board: Board,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

/// A deleted list or task of a living board. Tasks that went with their list are not told one by
/// one: they come back with it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deleted {
    /// What was deleted.
    #[serde(flatten)]
    pub thing: DeletedThing,
    /// When it was deleted.
    pub deleted_at: Timestamp,
    /// The number of the event that deleted it.
    #[serde(skip)]
    pub seq: u64,
}

/// What can come back to a board.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum DeletedThing {
    /// A list as it was.
    List(List),
    /// A task as it was.
    Task(Task),
}

pub(super) fn boards(
    connection: &Connection,
    after: Option<&BoardId>,
    limit: usize,
    now: Timestamp,
    is_seen: impl Fn(&BoardId) -> Result<bool, Fault>,
) -> Result<Vec<DeletedBoard>, Stopped> {
    let fault = |error: rusqlite::Error| Stopped::Fault(Fault(error.into()));
    let sql = "
        SELECT id, name, version, created_at, updated_at, deleted_at FROM board
        WHERE id > ? AND deleted_at >= ? ORDER BY id";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let after = after.map_or("", BoardId::as_str);
    let found = statement.query_map(params![after, oldest_deleted(now).0], |row| {
        let board = rows::board_from(row)?;
        Ok(DeletedBoard {
            board,
            deleted_at: Timestamp(row.get(5)?),
        })
    });
    let mut boards = Vec::new();
    for deleted in found.map_err(fault)? {
        let deleted = deleted.map_err(fault)?;
        if boards.len() == limit {
            break;
        }
        if is_seen(&deleted.board.id)? {
            boards.push(deleted);
        }
    }
    Ok(boards)
}

pub(super) fn things(
    connection: &Connection,
    board_id: &BoardId,
    before: Option<u64>,
    limit: usize,
    now: Timestamp,
) -> rusqlite::Result<Option<Vec<Deleted>>> {
    let board = "SELECT no FROM board WHERE id = ? AND deleted_at IS NULL";
    let found = connection
        .prepare_cached(board)?
        .query_row([board_id.as_str()], |row| row.get(0))
        .optional()?;
    let Some(board_no): Option<i64> = found else {
        return Ok(None);
    };
    let before = before
        .and_then(|before| i64::try_from(before).ok())
        .unwrap_or(i64::MAX);
    let page = params![board_no, before, oldest_deleted(now).0, limit];
    // Each kind on its own, newest first; then both together.
    let mut things = deleted_lists(connection, page)?;
    things.extend(deleted_tasks(connection, page)?);
    things.sort_by_key(|deleted| std::cmp::Reverse(deleted.seq));
    things.truncate(limit);
    Ok(Some(things))
}

fn deleted_lists(
    connection: &Connection,
    page: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<Vec<Deleted>> {
    let sql = "
        SELECT list.id, board.id, list.name, rank, list.version, list.created_at,
               list.updated_at, list.deleted_at, deleted_seq
        FROM list JOIN board ON board.no = board_no
        WHERE board_no = ? AND deleted_seq < ? AND list.deleted_at >= ?
        ORDER BY deleted_seq DESC LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(page, |row| {
        let thing = DeletedThing::List(rows::list_from(row)?);
        Ok(Deleted {
            thing,
            deleted_at: Timestamp(row.get(7)?),
            seq: row.get(8)?,
        })
    })?;
    found.collect()
}

fn deleted_tasks(
    connection: &Connection,
    page: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<Vec<Deleted>> {
    let sql = "
        SELECT board.id, task.id, list_id, title, rank, task.version, task.created_at,
               task.updated_at, description, task.deleted_at, deleted_seq
        FROM task JOIN board ON board.no = board_no
        WHERE board_no = ?1 AND deleted_seq < ?2 AND task.deleted_at >= ?3
          AND NOT EXISTS (SELECT 1 FROM list WHERE list.board_no = task.board_no
                          AND list.deleted_seq = task.deleted_seq AND list.deleted_at IS NOT NULL)
        ORDER BY deleted_seq DESC LIMIT ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(page, |row| {
        let (_, task) = rows::task_from(row)?;
        let thing = DeletedThing::Task(task);
        Ok(Deleted {
            thing,
            deleted_at: Timestamp(row.get(9)?),
            seq: row.get(10)?,
        })
    })?;
    found.collect()
}
