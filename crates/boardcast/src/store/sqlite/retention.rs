//! What the file forgets, in steps so small that nobody waits for them: expired answers, events past
//! their age and count, events that a restored board no longer serves, things that were deleted too
//! long ago to come back, and sessions, tokens and links whose time is over.

use super::rights::oldest_seen;
use super::{people, rows};
use crate::store::{Retention, Upkeep};
use boardcast_core::access::Revocation;
use boardcast_core::cursor::Cursor;
use boardcast_core::limits::{ANSWER_HOURS_KEPT, DELETED_DAYS_KEPT, PRUNE_ROWS_MAX};
use boardcast_core::model::{SessionId, Timestamp, TokenId};
use rusqlite::{Connection, OptionalExtension, params};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Answers from before this are no longer given again.
pub(super) fn oldest_answer(now: Timestamp) -> Timestamp {
    now.minus_millis(ANSWER_HOURS_KEPT as i64 * HOUR_MS)
}

/// What was deleted before this no longer comes back.
pub(super) fn oldest_deleted(now: Timestamp) -> Timestamp {
    now.minus_millis(i64::from(DELETED_DAYS_KEPT) * DAY_MS)
}

/// One small step of everything, inside a transaction.
pub(super) fn step(
    connection: &Connection,
    retention: Retention,
    now: Timestamp,
) -> rusqlite::Result<Upkeep> {
    let gone_before = oldest_deleted(now);
    let sessions = ended_sessions(connection, now)?;
    let tokens = ended_tokens(connection, now)?;
    let steps = [
        sessions.len() == PRUNE_ROWS_MAX,
        tokens.len() == PRUNE_ROWS_MAX,
        end_invites(connection, now)?,
        expire_answers(connection, now)?,
        prune_events(connection, retention, now)?,
        drop_unserved_events(connection)?,
        // A list before its tasks: without it they can't come back, half of it could.
        purge(connection, PURGE_LISTS, gone_before)?,
        purge(connection, PURGE_TASKS, gone_before)?,
        purge_board(connection, gone_before)?,
    ];
    Ok(Upkeep {
        has_more: steps.contains(&true),
        revocations: sessions.into_iter().chain(tokens).collect(),
    })
}

/// Sessions past their last day, or unused for too long, end now.
fn ended_sessions(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Revocation>> {
    let sql = "
        SELECT id FROM session WHERE ends_at <= ?1 OR seen_at < ?2 LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let bound = params![now.0, oldest_seen(now).0, PRUNE_ROWS_MAX];
    let ended = statement.query_map(bound, |row| rows::text(row, 0, SessionId::parse))?;
    let ended: Vec<_> = ended.collect::<Result<_, _>>()?;
    for id in &ended {
        connection
            .prepare_cached("DELETE FROM session WHERE id = ?")?
            .execute([id.as_str()])?;
    }
    Ok(ended.into_iter().map(Revocation::Session).collect())
}

/// Tokens past the day that their owner chose end now.
fn ended_tokens(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Revocation>> {
    let sql = "SELECT id FROM token WHERE ends_at <= ? LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let bound = params![now.0, PRUNE_ROWS_MAX];
    let ended = statement.query_map(bound, |row| rows::text(row, 0, TokenId::parse))?;
    let ended: Vec<_> = ended.collect::<Result<_, _>>()?;
    for id in &ended {
        people::end_token(connection, id.as_str())?;
    }
    Ok(ended.into_iter().map(Revocation::Token).collect())
}

fn end_invites(connection: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    let sql = "
        DELETE FROM invite WHERE secret IN (SELECT secret FROM invite WHERE ends_at <= ? LIMIT ?)";
    deleted_all(connection, sql, params![now.0, PRUNE_ROWS_MAX])
}

fn expire_answers(connection: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    let sql = "
        DELETE FROM answer WHERE (caller, key) IN
            (SELECT caller, key FROM answer WHERE at < ? ORDER BY at LIMIT ?)";
    deleted_all(
        connection,
        sql,
        params![oldest_answer(now).0, PRUNE_ROWS_MAX],
    )
}

/// Moves the floor of one board that has events to give up, from the oldest on: past the age *and*
/// past the count. A clock that jumps makes events look old, but never touches the newest.
fn prune_events(
    connection: &Connection,
    retention: Retention,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let cutoff = now.minus_millis(i64::from(retention.days) * DAY_MS);
    let kept = i64::try_from(retention.events).unwrap_or(i64::MAX);
    // CROSS JOIN keeps the order: from boards, which are few, to the oldest event of each.
    let board = "
        SELECT no, floor_seq, head_seq FROM board
        CROSS JOIN event ON board_no = no AND seq = floor_seq + 1
        WHERE head_seq - floor_seq > ? AND at < ? LIMIT 1";
    let found = connection
        .prepare_cached(board)?
        .query_row(params![kept, cutoff.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((board_no, floor, head)): Option<(i64, i64, i64)> = found else {
        return Ok(false);
    };
    let Some(floor) = last_to_prune(connection, board_no, floor, head - kept, cutoff)? else {
        return Ok(false);
    };
    rows::raise_floor(connection, board_no, floor)?;
    connection
        .prepare_cached("DELETE FROM event WHERE board_no = ? AND seq <= ?")?
        .execute(params![board_no, floor.seq])?;
    // One board may be done while another has more.
    Ok(true)
}

fn last_to_prune(
    connection: &Connection,
    board_no: i64,
    floor: i64,
    last: i64,
    cutoff: Timestamp,
) -> rusqlite::Result<Option<Cursor>> {
    let sql = "
        SELECT seq, mark, at FROM event
        WHERE board_no = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params![board_no, floor, last, PRUNE_ROWS_MAX])?;
    let mut new_floor = None;
    while let Some(row) = found.next()? {
        if row.get::<_, i64>(2)? >= cutoff.0 {
            break;
        }
        new_floor = Some(rows::cursor_from(row, 0)?);
    }
    Ok(new_floor)
}

/// Restoring a board raised its floor at once; the events below it go from the oldest on, so that
/// the one at the floor says until the end that there are some.
fn drop_unserved_events(connection: &Connection) -> rusqlite::Result<bool> {
    let board = "
        SELECT no, floor_seq FROM board
        CROSS JOIN event ON board_no = no AND seq = floor_seq LIMIT 1";
    let found = connection
        .prepare_cached(board)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((board_no, floor)): Option<(i64, i64)> = found else {
        return Ok(false);
    };
    let sql = "
        DELETE FROM event WHERE ordinal IN
            (SELECT ordinal FROM event WHERE board_no = ? AND seq <= ? ORDER BY seq LIMIT ?)";
    deleted_all(connection, sql, params![board_no, floor, PRUNE_ROWS_MAX])?;
    Ok(true)
}

const PURGE_LISTS: &str = "
    DELETE FROM list WHERE id IN (SELECT id FROM list WHERE deleted_at < ? LIMIT ?)";
const PURGE_TASKS: &str = "
    DELETE FROM task WHERE id IN (SELECT id FROM task WHERE deleted_at < ? LIMIT ?)";

fn purge(connection: &Connection, sql: &str, before: Timestamp) -> rusqlite::Result<bool> {
    deleted_all(connection, sql, params![before.0, PRUNE_ROWS_MAX])
}

/// Takes a long-deleted board apart, itself last. Then its id is free again.
fn purge_board(connection: &Connection, before: Timestamp) -> rusqlite::Result<bool> {
    let board = "SELECT no FROM board WHERE deleted_at < ? LIMIT 1";
    let found = connection
        .prepare_cached(board)?
        .query_row([before.0], |row| row.get(0))
        .optional()?;
    let Some(board_no): Option<i64> = found else {
        return Ok(false);
    };
    // From the first step on it can't come back, wherever the clock goes: half of it would.
    connection
        .prepare_cached("UPDATE board SET deleted_at = 0 WHERE no = ?")?
        .execute([board_no])?;
    let parts = [
        // From the oldest on, so that what is left is a log.
        "DELETE FROM event WHERE ordinal IN (SELECT ordinal FROM event WHERE board_no = ? ORDER BY seq LIMIT ?)",
        "DELETE FROM task WHERE id IN (SELECT id FROM task WHERE board_no = ? LIMIT ?)",
        "DELETE FROM list WHERE id IN (SELECT id FROM list WHERE board_no = ? LIMIT ?)",
        "DELETE FROM token_board WHERE (token_id, board_no) IN
             (SELECT token_id, board_no FROM token_board WHERE board_no = ? LIMIT ?)",
        "DELETE FROM member WHERE (board_no, user_no) IN
             (SELECT board_no, user_no FROM member WHERE board_no = ? LIMIT ?)",
    ];
    for sql in parts {
        if deleted_all(connection, sql, params![board_no, PRUNE_ROWS_MAX])? {
            return Ok(true);
        }
    }
    connection
        .prepare_cached("DELETE FROM board WHERE no = ?")?
        .execute([board_no])?;
    Ok(true)
}

/// Whether a bounded delete found as many rows as it may delete: then there may be more.
fn deleted_all(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(sql)?.execute(params)? == PRUNE_ROWS_MAX)
}
