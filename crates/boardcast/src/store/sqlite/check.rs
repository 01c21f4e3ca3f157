//! A look at a whole data file: does everything in it fit together? SQLite says whether its pages and
//! references do; whether each board is what its log says is [`mod@board`]'s, whether accounts fit
//! together [`mod@people`]'s. Nothing here changes anything, and what can't be read is a finding like any other.

mod board;
mod ledger;
mod people;

use super::{OpenError, Progress, Tell, migrate, open_still};
use boardcast_core::limits::FINDINGS_MAX;
use rusqlite::Connection;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// What was looked at, and what was found.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Boards, deleted ones included.
    pub boards: u64,
    /// Those whose log is kept from its first event on, so that folding it gives the whole board.
    pub folded: u64,
    /// Lists, deleted ones included.
    pub lists: u64,
    /// Tasks, deleted ones included.
    pub tasks: u64,
    /// Events in all logs.
    pub events: u64,
    /// What doesn't fit, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more: u64,
}

/// Something that doesn't fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// On which board, if it concerns one.
    pub board: Option<String>,
    /// Which list, task, event, or part of the file.
    pub thing: String,
    /// What is wrong with it, as the rest of a sentence.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            board,
            thing,
            problem,
        } = self;
        match board {
            Some(board) if thing == BOARD => write!(f, "board {board} {problem}"),
            Some(board) => write!(f, "board {board}: {thing} {problem}"),
            None => write!(f, "{thing}: {problem}"),
        }
    }
}

/// How a finding names the board itself.
const BOARD: &str = "board";
/// How a finding names the file as a whole.
const FILE: &str = "file";

impl Report {
    /// Whether everything fits.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// What ended a part of the look before its end.
    fn note(&mut self, ended: rusqlite::Result<()>) {
        if let Err(error) = ended {
            self.find(None, FILE, format!("can't be read: {error}"));
        }
    }

    fn find(&mut self, board: Option<&str>, thing: impl Into<String>, problem: impl Into<String>) {
        if self.findings.len() == FINDINGS_MAX {
            self.more += 1;
            return;
        }
        self.findings.push(Finding {
            board: board.map(str::to_owned),
            thing: thing.into(),
            problem: problem.into(),
        });
    }
}

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is older than what this program checks.
    #[error("{} has an older schema ({found}). Start this version of the server on it once, then check it.", path.display())]
    Older {
        /// The data file.
        path: PathBuf,
        /// Its schema.
        found: usize,
    },
}

/// Looks at a data file as it stands at this moment, beside a server or without one.
pub fn check(data: &Path, tell: Tell<'_>) -> Result<Report, CheckError> {
    let (connection, found) = open_still(data)?;
    if found < migrate::NEWEST {
        let path = data.into();
        return Err(CheckError::Older { path, found });
    }
    Ok(look(&connection, tell))
}

/// Looks at everything. A part that can't be read ends there, and the next one begins.
pub(super) fn look(connection: &Connection, tell: Tell<'_>) -> Report {
    tell(Progress {
        doing: "reading every page",
        done: 0,
        all: 0,
    });
    let mut report = look_at_pages(connection);
    let schema = look_at_schema(connection, &mut report);
    report.note(schema);
    let boards = look_at_boards(connection, &mut report, tell);
    report.note(boards);
    let people = people::look(connection, &mut report);
    report.note(people);
    report
}

/// What SQLite itself can say of a file of any schema.
pub(super) fn look_at_pages(connection: &Connection) -> Report {
    let mut report = Report::default();
    let pages = integrity_check(connection, &mut report);
    report.note(pages);
    let references = foreign_key_check(connection, &mut report);
    report.note(references);
    report
}

fn integrity_check(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut pages = connection.prepare("PRAGMA integrity_check")?;
    let mut found = pages.query([])?;
    while let Some(row) = found.next()? {
        let text: String = row.get(0)?;
        if text != "ok" {
            report.find(None, FILE, text);
        }
    }
    Ok(())
}

fn foreign_key_check(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut references = connection.prepare("PRAGMA foreign_key_check")?;
    let mut found = references.query([])?;
    while let Some(row) = found.next()? {
        let (table, row_id): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
        let parent: String = row.get(2)?;
        let row_id = row_id.map_or_else(String::new, |id| format!(" (row {id})"));
        let problem = format!("belongs to a {parent} that isn't there{row_id}");
        report.find(None, table, problem);
    }
    Ok(())
}

fn look_at_boards(
    connection: &Connection,
    report: &mut Report,
    tell: Tell<'_>,
) -> rusqlite::Result<()> {
    let all = connection.query_row("SELECT count(*) FROM event", [], |row| row.get(0))?;
    let boards: Vec<(i64, String)> = connection
        .prepare("SELECT no, id FROM board ORDER BY id")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (board_no, id) in boards {
        let mut tell_events = |done| {
            tell(Progress {
                doing: "folding events",
                done,
                all,
            });
        };
        if let Err(error) = board::look(connection, board_no, &id, report, &mut tell_events) {
            report.find(Some(&id), BOARD, format!("can't be read: {error}"));
        }
    }
    Ok(())
}

/// A file without one of the indexes would work and break promises that the index keeps.
fn look_at_schema(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let found = migrate::schema_of(connection)?;
    let expected = migrate::newest_schema()?;
    for (name, sql) in &expected {
        match found.get(name) {
            None => report.find(None, name, "is missing from the schema"),
            Some(found) if found != sql => {
                report.find(None, name, "is not defined as this program made it");
            }
            Some(_) => {}
        }
    }
    for name in found.keys().filter(|name| !expected.contains_key(*name)) {
        report.find(
            None,
            name,
            "is in the schema, but this program made no such thing",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
