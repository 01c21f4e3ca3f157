//! Schema versions: numbered SQL files, each carried out once in a transaction together with its
//! checksum. A file from a newer program, from another program, or changed by hand is refused.

use super::OpenError;
use boardcast_core::model::Timestamp;
use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};
use std::collections::BTreeMap;
use std::path::Path;

/// "Bdct": tells a Boardcast file from any other SQLite file.
pub(super) const APPLICATION_ID: i64 = 0x4264_6374;

/// What was ever done to the schema, in order. Entries are never changed, only added.
const MIGRATIONS: &[&str] = &[
    include_str!("../schema/0001_boards.sql"),
    include_str!("../schema/0002_accounts.sql"),
];

/// The first schema in which there can be accounts.
pub(super) const WITH_ACCOUNTS: usize = 2;

/// Refuses a file that is not ours to write to. Only reads.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    recognise(connection, path).map(|_schema| ())
}

/// The schema that a file has, as this program made it; 0 is a file with nothing in it. Only reads.
pub(super) fn recognise(connection: &Connection, path: &Path) -> Result<usize, OpenError> {
    let foreign = |why: String| OpenError::Foreign {
        path: path.into(),
        why,
    };
    let explain = |cause: rusqlite::Error| match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => foreign("it is no SQLite database".into()),
        _ => OpenError::Sqlite {
            path: path.into(),
            cause,
        },
    };
    let found = user_version(connection).map_err(explain)?;
    if found == 0 {
        return match is_empty(connection).map_err(explain)? {
            true => Ok(0),
            false => Err(foreign("it holds tables of another program".into())),
        };
    }
    if application_id(connection).map_err(explain)? != APPLICATION_ID {
        return Err(foreign("it belongs to another program".into()));
    }
    let schema = usize::try_from(found)
        .ok()
        .filter(|schema| *schema <= NEWEST)
        .ok_or(OpenError::Newer {
            path: path.into(),
            found,
            known: NEWEST as i64,
        })?;
    for (version, sql) in (1..).zip(MIGRATIONS).take(schema) {
        if recorded_checksum(connection, version).map_err(explain)? != checksum(sql) {
            return Err(foreign(format!(
                "its schema {version} is not the one this program made"
            )));
        }
    }
    Ok(schema)
}

/// Brings a file to the newest schema.
pub(super) fn run(
    connection: &mut Connection,
    path: &Path,
    now: Timestamp,
) -> Result<(), OpenError> {
    let explain = |cause| OpenError::Sqlite {
        path: path.into(),
        cause,
    };
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(explain)?;
    let found = recognise(&transaction, path)?;
    if found == 0 {
        prepare(&transaction).map_err(explain)?;
    }
    for (version, sql) in (1..).zip(MIGRATIONS).skip(found) {
        carry_out(&transaction, version, sql, now).map_err(explain)?;
    }
    transaction.commit().map_err(explain)
}

/// The newest schema this program knows.
pub(super) const NEWEST: usize = MIGRATIONS.len();

/// What a file of the newest schema holds: name and text of each table and index.
pub(super) fn newest_schema() -> rusqlite::Result<BTreeMap<String, Option<String>>> {
    let connection = Connection::open_in_memory()?;
    prepare(&connection)?;
    for sql in MIGRATIONS {
        connection.execute_batch(sql)?;
    }
    schema_of(&connection)
}

/// Name and text of each table and index in a file.
pub(super) fn schema_of(
    connection: &Connection,
) -> rusqlite::Result<BTreeMap<String, Option<String>>> {
    // Tables of SQLite's own, such as statistics, come and go.
    let sql = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'";
    connection
        .prepare(sql)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn user_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn application_id(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.execute_batch(
        "CREATE TABLE migration (
             version  INTEGER NOT NULL PRIMARY KEY,
             checksum BLOB    NOT NULL,
             at       INTEGER NOT NULL
         ) STRICT",
    )
}

fn carry_out(
    connection: &Connection,
    version: i64,
    sql: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection.execute_batch(sql)?;
    connection.execute(
        "INSERT INTO migration VALUES (?, ?, ?)",
        params![version, checksum(sql), now.0],
    )?;
    connection.pragma_update(None, "user_version", version)
}

fn recorded_checksum(connection: &Connection, version: i64) -> rusqlite::Result<Vec<u8>> {
    let sql = "SELECT coalesce(max(checksum), x'') FROM migration WHERE version = ?";
    connection.query_row(sql, [version], |row| row.get(0))
}

fn checksum(sql: &str) -> Vec<u8> {
    blake3::hash(sql.as_bytes()).as_bytes().to_vec()
}
