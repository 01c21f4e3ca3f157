//! Whether a board is what its log says. Its log is looked at in [`mod@log`], its lists and tasks in
//! [`mod@things`].

mod log;
mod things;

use super::ledger::{Carried, Ledger, differing};
use super::{BOARD, Report};
use crate::store::sqlite::log::read_whole;
use crate::store::sqlite::rows;
use boardcast_core::cursor::{BoardKey, Cursor};
use boardcast_core::frame;
use boardcast_core::model::{Board, BoardId, ListId, Timestamp};
use rusqlite::Connection;
use std::collections::BTreeSet;

/// Looks at one board. An error means that its row or its log can't be read.
pub(super) fn look(
    connection: &Connection,
    board_no: i64,
    id: &str,
    report: &mut Report,
    tell: &mut dyn FnMut(u64),
) -> rusqlite::Result<()> {
    report.boards += 1;
    let row = read_row(connection, board_no)?;
    let mut look = Look {
        is_damaged: false,
        connection,
        board_no,
        id,
        row,
        report,
        ledger: Ledger::default(),
        last_at: None,
        lists: BTreeSet::new(),
    };
    look.at_log(tell)?;
    look.at_board();
    look.at_lists()?;
    look.at_tasks()?;
    look.at_whole()
}

struct BoardRow {
    board: Board,
    key: BoardKey,
    head: Cursor,
    floor: Cursor,
    is_deleted: bool,
}

fn read_row(connection: &Connection, board_no: i64) -> rusqlite::Result<BoardRow> {
    let sql = "
        SELECT id, name, version, created_at, updated_at, mark_key, head_seq, head_mark,
               floor_seq, floor_mark, deleted_at IS NOT NULL
        FROM board WHERE no = ?";
    connection
        .prepare_cached(sql)?
        .query_row([board_no], |row| {
            Ok(BoardRow {
                board: rows::board_from(row)?,
                key: BoardKey(row.get(5)?),
                head: rows::cursor_from(row, 6)?,
                floor: rows::cursor_from(row, 8)?,
                is_deleted: row.get(10)?,
            })
        })
}

struct Look<'a> {
    connection: &'a Connection,
    board_no: i64,
    id: &'a str,
    row: BoardRow,
    report: &'a mut Report,
    /// Whether something was found.
    is_damaged: bool,
    ledger: Ledger,
    /// When the last event happened.
    last_at: Option<Timestamp>,
    /// The living ones.
    lists: BTreeSet<ListId>,
}

impl Look<'_> {
    fn find(&mut self, thing: impl Into<String>, problem: impl Into<String>) {
        self.is_damaged = true;
        self.report.find(Some(self.id), thing, problem);
    }

    fn at_board(&mut self) {
        let BoardRow {
            board, is_deleted, ..
        } = &self.row;
        let mut problems = Vec::new();
        if let Some(Carried { seq, thing }) = &self.ledger.board {
            let fields = differing(&[
                ("name", board.name == thing.name),
                ("version", board.version == thing.version),
                ("createdAt", board.created_at == thing.created_at),
            ]);
            problems.extend(disagreement(&fields, *seq));
        } else if self.ledger.is_whole {
            problems.push("was never made, as its log has it".into());
        }
        if self.last_at.is_some_and(|at| at != board.updated_at) {
            problems.push("has another updatedAt than its last event".into());
        }
        if self
            .ledger
            .board_deleted
            .is_some_and(|it| it != *is_deleted)
        {
            let (row, log) = (standing(*is_deleted), standing(!is_deleted));
            problems.push(format!("is {row}, but its log has it {log}"));
        }
        for problem in problems {
            self.find(BOARD, problem);
        }
    }

    /// What no look at single things would see.
    fn at_whole(&mut self) -> rusqlite::Result<()> {
        if !self.ledger.is_whole || self.row.is_deleted || self.is_damaged {
            return Ok(());
        }
        let Ok(id) = BoardId::parse(self.id) else {
            return Ok(());
        };
        let rows = read_whole(self.connection, &id)?;
        let at = self.last_at.unwrap_or(self.row.board.updated_at);
        let folded = self.ledger.snapshot(at, self.row.head);
        let same = rows
            .zip(folded)
            .is_some_and(|(rows, folded)| frame::json(&rows) == frame::json(&folded));
        if !same {
            self.find(BOARD, "is not, byte for byte, what its log folds to");
        }
        Ok(())
    }
}

fn disagreement(fields: &str, seq: u64) -> Option<String> {
    (!fields.is_empty()).then(|| format!("differs from event {seq} in: {fields}"))
}

fn standing(is_deleted: bool) -> &'static str {
    if is_deleted { "deleted" } else { "alive" }
}
