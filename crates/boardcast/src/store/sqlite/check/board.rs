//! Whether a board is what its log says. The log: numbers without gaps, marks that chain from the
//! floor on with the board's key, events that follow from each other. The rows: what the last event
//! that carried each thing says, and nothing that no event says.

use super::ledger::{Carried, Entry, Gone, Ledger, TaskDigest, Versioned, differing};
use super::{BOARD, Report};
use crate::store::sqlite::{log, rows};
use boardcast_core::cursor::{BoardKey, Cursor, Meeting};
use boardcast_core::frame;
use boardcast_core::limits::{FRAME_BYTES_MAX, LISTS_PER_BOARD_MAX, TASKS_PER_BOARD_MAX};
use boardcast_core::model::{Board, BoardId, List, ListId, Timestamp};
use boardcast_core::protocol::Event;
use rusqlite::types::Type;
use rusqlite::{Connection, Row};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a frame beyond its JSON, at most: `data: `, `id: ` with the longest cursor, line ends.
const FRAME_BYTES_AROUND: usize = 64;
/// Events between two tellings of how far it is.
const EVENTS_A_TELLING: u64 = 1_000;

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

/// A row of the log.
struct Logged {
    cursor: Cursor,
    ordinal: i64,
    at: Timestamp,
    json: String,
}

/// What a row says of its end.
type Deletion = Option<Gone>;

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

    fn at_log(&mut self, tell: &mut dyn FnMut(u64)) -> rusqlite::Result<()> {
        let sql = "SELECT seq, mark, ordinal, at, json FROM event WHERE board_no = ? ORDER BY seq";
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query([self.board_no])?;
        let mut last: Option<(Cursor, i64)> = None;
        while let Some(row) = found.next()? {
            let logged = Logged {
                cursor: rows::cursor_from(row, 0)?,
                ordinal: row.get(2)?,
                at: Timestamp(row.get(3)?),
                json: row.get(4)?,
            };
            self.at_event(&logged, last);
            last = Some((logged.cursor, logged.ordinal));
            self.report.events += 1;
            if self.report.events.is_multiple_of(EVENTS_A_TELLING) {
                tell(self.report.events);
            }
        }
        match last {
            // A board that is past coming back loses its log first.
            None if self.row.is_deleted => {}
            None => self.at_end(self.row.floor),
            Some((end, _)) => self.at_end(end),
        }
        self.report.folded += u64::from(self.ledger.is_whole);
        Ok(())
    }

    fn at_end(&mut self, end: Cursor) {
        let head = self.row.head;
        if end.seq < head.seq {
            self.missing(end.seq + 1, head.seq);
            // Whatever those said is unknown.
            self.ledger = Ledger::default();
            self.last_at = None;
        } else if end != head {
            self.find("log", format!("ends at {end}, but the board says {head}"));
        }
        if self.row.floor.seq > head.seq {
            let floor = self.row.floor;
            self.find(
                "log",
                format!("is kept from {floor} on, past its end {head}"),
            );
        }
    }

    fn missing(&mut self, first: u64, last: u64) {
        if first == last {
            self.find(format!("event {first}"), "is missing from the log");
        } else {
            let thing = format!("events {first} to {last}");
            self.find(thing, "are missing from the log");
        }
    }

    fn at_event(&mut self, logged: &Logged, last: Option<(Cursor, i64)>) {
        let Logged { cursor, json, .. } = logged;
        let before = match last {
            Some((place, _)) => self.follow(place, cursor.seq),
            None => self.begin(cursor.seq),
        };
        let thing = format!("event {}", cursor.seq);
        if let Some(before) = before
            && before.mark.next(&self.row.key, cursor.seq, json.as_bytes()) != cursor.mark
        {
            let problem = "has a mark that doesn't follow from it and the event before it";
            self.find(&thing, problem);
        }
        let floor = self.row.floor;
        if cursor.seq == floor.seq && *cursor != floor {
            self.find(
                &thing,
                format!("is {cursor}, but the board's floor is {floor}"),
            );
        }
        if last.is_some_and(|(_, ordinal)| ordinal >= logged.ordinal) {
            self.find(&thing, "was committed before the event before it");
        }
        if json.len() + FRAME_BYTES_AROUND > FRAME_BYTES_MAX {
            self.find(&thing, "is larger than a frame may be");
        }
        self.last_at = Some(logged.at);
        match serde_json::from_str::<Event>(json) {
            Ok(event) => self.fold(&thing, logged, &event),
            Err(error) => {
                self.find(&thing, format!("can't be read: {error}"));
                self.ledger = Ledger::default();
            }
        }
    }

    /// The place before the first event that is stored, if it is known. Events below the floor are
    /// those of a board that was restored, on their way out; a deleted board loses its oldest events
    /// first.
    fn begin(&mut self, seq: u64) -> Option<Cursor> {
        let floor = self.row.floor;
        if seq == 1 {
            self.ledger.is_whole = true;
            Some(Cursor::START)
        } else if seq <= floor.seq || self.row.is_deleted {
            None
        } else {
            self.follow(floor, seq)
        }
    }

    /// The place before an event, unless something is missing in between.
    fn follow(&mut self, place: Cursor, seq: u64) -> Option<Cursor> {
        if place.meets(seq) == Meeting::Deliver {
            return Some(place);
        }
        self.missing(place.seq + 1, seq - 1);
        self.ledger = Ledger::default();
        None
    }

    fn fold(&mut self, thing: &str, logged: &Logged, event: &Event) {
        if event.board_id.as_str() != self.id {
            self.find(thing, format!("is of board {}", event.board_id));
        }
        if event.at != logged.at {
            self.find(thing, "has another time in its row than in its text");
        }
        for objection in self.ledger.fold(logged.cursor.seq, event) {
            self.find(thing, objection);
        }
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

    fn at_lists(&mut self) -> rusqlite::Result<()> {
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

    fn at_tasks(&mut self) -> rusqlite::Result<()> {
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

    /// What no look at single things would see.
    fn at_whole(&mut self) -> rusqlite::Result<()> {
        if !self.ledger.is_whole || self.row.is_deleted || self.is_damaged {
            return Ok(());
        }
        let Ok(id) = BoardId::parse(self.id) else {
            return Ok(());
        };
        let rows = log::read_whole(self.connection, &id)?;
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

fn disagreement(fields: &str, seq: u64) -> Option<String> {
    (!fields.is_empty()).then(|| format!("differs from event {seq} in: {fields}"))
}

fn standing(is_deleted: bool) -> &'static str {
    if is_deleted { "deleted" } else { "alive" }
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
