//! A board's lists and tasks: each is what the last event that carried it says, where its siblings
//! leave it room, and nothing is there that no event says.

use super::super::BOARD;
use super::super::ledger::{Carried, Entry, Gone, Ledger, TaskDigest, Versioned, differing};
use super::{Look, disagreement};
use crate::store::sqlite::rows;
use boardcast_core::limits::{LISTS_PER_BOARD_MAX, TASKS_PER_BOARD_MAX};
use boardcast_core::model::{List, Timestamp};
use rusqlite::Row;
use rusqlite::types::Type;
use std::collections::{BTreeMap, BTreeSet};

/// What a row says of its end.
type Deletion = Option<Gone>;

impl Look<'_> {
    pub(super) fn at_lists(&mut self) -> rusqlite::Result<()> {
        let sql = "
            SELECT list.id, board.id, list.name, rank, list.version, list.created_at,
                   list.updated_at, list.deleted_at, deleted_seq
            FROM list JOIN board ON board.no = board_no
            WHERE board_no = ? ORDER BY rank, list.id";
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query([self.board_no])?;
        let mut in_rows = BTreeSet::new();
        let mut last: Option<(String, String)> = None;
        while let Some(row) = found.next()? {
            self.report.lists += 1;
            let thing = named("list", row)?;
            let (list, deletion) = match (rows::list_from(row), deletion_from(row, 7)) {
                (Ok(list), Ok(deletion)) => (list, deletion),
                (Err(error), _) | (_, Err(error)) => {
                    self.find(thing, format!("can't be read: {error}"));
                    continue;
                }
            };
            let problems = judge(
                self.ledger.lists.get(&list.id),
                deletion,
                &self.ledger,
                |known| list_difference(&list, known),
            );
            self.find_all(&thing, problems);
            if deletion.is_none() {
                self.at_rank(&thing, list.rank.as_str(), &mut last);
                self.lists.insert(list.id.clone());
            }
            self.at_deletion(&thing, deletion);
            in_rows.insert(list.id);
        }
        if self.lists.len() > LISTS_PER_BOARD_MAX {
            let count = self.lists.len();
            self.find(
                BOARD,
                format!("has {count} lists, past its limit of {LISTS_PER_BOARD_MAX}"),
            );
        }
        let lost = lost(&self.ledger.lists, &in_rows);
        for (id, seq) in lost {
            self.find(format!("list {id}"), lost_since(seq));
        }
        Ok(())
    }

    pub(super) fn at_tasks(&mut self) -> rusqlite::Result<()> {
        let sql = "
            SELECT board.id, task.id, list_id, title, rank, task.version, task.created_at,
                   task.updated_at, description, task.deleted_at, deleted_seq
            FROM task JOIN board ON board.no = board_no
            WHERE board_no = ? ORDER BY list_id, rank, task.id";
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query([self.board_no])?;
        let mut in_rows = BTreeSet::new();
        let mut living = 0;
        let mut last: Option<(String, String)> = None;
        let mut last_list = None;
        while let Some(row) = found.next()? {
            self.report.tasks += 1;
            let thing = named("task", row)?;
            let (task, deletion) = match (rows::task_from(row), deletion_from(row, 9)) {
                (Ok((_, task)), Ok(deletion)) => (task, deletion),
                (Err(error), _) | (_, Err(error)) => {
                    self.find(thing, format!("can't be read: {error}"));
                    continue;
                }
            };
            let digest = TaskDigest::from(&task);
            let problems = judge(
                self.ledger.tasks.get(&task.id),
                deletion,
                &self.ledger,
                |known| digest.difference(known),
            );
            self.find_all(&thing, problems);
            if deletion.is_none() {
                living += 1;
                if last_list.as_ref() != Some(&task.list_id) {
                    last = None;
                    last_list = Some(task.list_id.clone());
                }
                self.at_rank(&thing, task.rank.as_str(), &mut last);
                if !self.lists.contains(&task.list_id) {
                    let list_id = &task.list_id;
                    self.find(
                        &thing,
                        format!("stands in list {list_id}, which isn't on its board"),
                    );
                }
            }
            self.at_deletion(&thing, deletion);
            in_rows.insert(task.id);
        }
        if living > TASKS_PER_BOARD_MAX {
            self.find(
                BOARD,
                format!("has {living} tasks, past its limit of {TASKS_PER_BOARD_MAX}"),
            );
        }
        let lost = lost(&self.ledger.tasks, &in_rows);
        for (id, seq) in lost {
            self.find(format!("task {id}"), lost_since(seq));
        }
        Ok(())
    }

    fn find_all(&mut self, thing: &str, problems: Vec<String>) {
        for problem in problems {
            self.find(thing, problem);
        }
    }

    /// Rows come in the order of their ranks, siblings together.
    fn at_rank(&mut self, thing: &str, rank: &str, last: &mut Option<(String, String)>) {
        if let Some((sibling, taken)) = last
            && taken == rank
        {
            let problem = format!("has the rank of {sibling}, {rank}");
            self.find(thing, problem);
        }
        *last = Some((thing.into(), rank.into()));
    }

    fn at_deletion(&mut self, thing: &str, deletion: Deletion) {
        let head = self.row.head.seq;
        if let Some(Gone { seq, .. }) = deletion.filter(|gone| gone.seq > head) {
            let problem = format!("was deleted by event {seq}, but the log ends with {head}");
            self.find(thing, problem);
        }
    }
}

/// What a row and the ledger say of one thing, where they differ.
fn judge<T>(
    entry: Option<&Entry<T>>,
    deletion: Deletion,
    ledger: &Ledger,
    difference: impl Fn(&T) -> String,
) -> Vec<String> {
    let Some(entry) = entry else {
        return if ledger.is_whole {
            vec!["is in no event of the log".into()]
        } else {
            Vec::new()
        };
    };
    let mut problems = Vec::new();
    match (entry.gone, deletion) {
        (Some(gone), None) => {
            problems.push(format!("is there, but event {} deleted it", gone.seq));
        }
        (None, Some(_)) => problems.push("is deleted, but no event says so".into()),
        (Some(gone), Some(row)) if gone != row => problems.push(format!(
            "was deleted by event {} at {}, but its row says event {} at {}",
            gone.seq, gone.at, row.seq, row.at
        )),
        _ => {}
    }
    if let Some(Carried { seq, thing }) = &entry.carried {
        problems.extend(disagreement(&difference(thing), *seq));
    }
    problems
}

/// Things that the log has standing here and that have no row here.
fn lost<Id: Ord + ToString, T: Versioned>(
    known: &BTreeMap<Id, Entry<T>>,
    in_rows: &BTreeSet<Id>,
) -> Vec<(String, u64)> {
    let standing = known.iter().filter(|(_, entry)| entry.standing().is_some());
    let lost = standing.filter(|(id, _)| !in_rows.contains(*id));
    lost.map(|(id, entry)| {
        let seq = entry.carried.as_ref().map_or(0, |carried| carried.seq);
        (id.to_string(), seq)
    })
    .collect()
}

fn lost_since(seq: u64) -> String {
    format!("isn't there, but event {seq} put it there")
}

fn list_difference(one: &List, other: &List) -> String {
    differing(&[
        ("board", one.board_id == other.board_id),
        ("name", one.name == other.name),
        ("rank", one.rank == other.rank),
        ("version", one.version == other.version),
        ("createdAt", one.created_at == other.created_at),
        ("updatedAt", one.updated_at == other.updated_at),
    ])
}

/// The thing of a row whose id may be unreadable as one: tasks have theirs in the second column.
fn named(kind: &str, row: &Row<'_>) -> rusqlite::Result<String> {
    let column = usize::from(kind == "task");
    let id = row.get_ref(column)?.as_bytes()?;
    Ok(format!("{kind} {}", String::from_utf8_lossy(id)))
}

fn deletion_from(row: &Row<'_>, column: usize) -> rusqlite::Result<Deletion> {
    let (at, seq): (Option<i64>, Option<u64>) = (row.get(column)?, row.get(column + 1)?);
    match (at, seq) {
        (Some(at), Some(seq)) => Ok(Some(Gone {
            seq,
            at: Timestamp(at),
        })),
        (None, None) => Ok(None),
        _ => Err(rusqlite::Error::FromSqlConversionFailure(
            column,
            Type::Null,
            "it must say when it was deleted and by which event, or neither".into(),
        )),
    }
}
