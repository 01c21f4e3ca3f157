//! What a board's events say should stand: the contract's fold table, with the event that said so
//! kept beside each thing. Begins anywhere in a log: what no event has spoken of yet is unknown.

use boardcast_core::cursor::Cursor;
use boardcast_core::model::{
    Board, List, ListId, ListWithTasks, Snapshot, Task, TaskId, TaskSummary, Timestamp,
};
use boardcast_core::protocol::{Change, Event};
use std::collections::BTreeMap;

/// What the events so far say.
#[derive(Default)]
pub(super) struct Ledger {
    /// Whether the first event is among them, so that nothing is unknown.
    pub(super) is_whole: bool,
    pub(super) board: Option<Carried<Board>>,
    /// Whether the board is deleted, if an event said so.
    pub(super) board_deleted: Option<bool>,
    pub(super) lists: BTreeMap<ListId, Entry<List>>,
    pub(super) tasks: BTreeMap<TaskId, Entry<TaskDigest>>,
}

/// What is known of a list or task.
pub(super) struct Entry<T> {
    /// As the last event that carried it has it; unknown if only its end was seen.
    pub(super) carried: Option<Carried<T>>,
    /// The event that deleted it, or took it to another board, since then.
    pub(super) gone: Option<Gone>,
}

/// A thing and the number of the event that carried it.
pub(super) struct Carried<T> {
    pub(super) seq: u64,
    pub(super) thing: T,
}

/// When and by which event something ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) seq: u64,
    pub(super) at: Timestamp,
}

/// A task with only a hash of its description: all of a board's together stay small.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct TaskDigest {
    pub(super) summary: TaskSummary,
    description: blake3::Hash,
}

impl From<&Task> for TaskDigest {
    fn from(task: &Task) -> Self {
        Self {
            summary: task.into(),
            description: blake3::hash(task.description.as_str().as_bytes()),
        }
    }
}

/// What versions and times have in common, whatever carries them.
pub(super) trait Versioned {
    fn version(&self) -> u64;
    fn created_at(&self) -> Timestamp;
    fn updated_at(&self) -> Timestamp;
}

impl Versioned for Board {
    fn version(&self) -> u64 {
        self.version
    }
    fn created_at(&self) -> Timestamp {
        self.created_at
    }
    fn updated_at(&self) -> Timestamp {
        self.updated_at
    }
}

impl Versioned for List {
    fn version(&self) -> u64 {
        self.version
    }
    fn created_at(&self) -> Timestamp {
        self.created_at
    }
    fn updated_at(&self) -> Timestamp {
        self.updated_at
    }
}

impl Versioned for TaskDigest {
    fn version(&self) -> u64 {
        self.summary.version
    }
    fn created_at(&self) -> Timestamp {
        self.summary.created_at
    }
    fn updated_at(&self) -> Timestamp {
        self.summary.updated_at
    }
}

/// How a thing comes into an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// Made, brought back, or come over from another board.
    Created,
    /// It was there before.
    Changed,
}

impl Ledger {
    /// Adds the next event. What can't have happened is told as the rest of a sentence about it.
    pub(super) fn fold(&mut self, seq: u64, event: &Event) -> Vec<String> {
        use Arrival::{Changed, Created};
        let mut objections = Vec::new();
        let is_whole = self.is_whole;
        if self.board_deleted == Some(true) && !matches!(event.change, Change::BoardRestored { .. })
        {
            objections.push("changes a board that is deleted".into());
        }
        match &event.change {
            Change::BoardCreated { board } => {
                if seq != 1 {
                    objections.push("makes a board that exists".into());
                }
                self.carry_board(seq, board, Created, event.at, &mut objections);
            }
            Change::BoardUpdated { board } => {
                self.carry_board(seq, board, Changed, event.at, &mut objections);
            }
            Change::BoardRestored { board } => {
                if self.board_deleted == Some(false) {
                    objections.push("brings back a board that is not deleted".into());
                }
                self.carry_board(seq, board, Changed, event.at, &mut objections);
            }
            Change::BoardDeleted => self.board_deleted = Some(true),
            Change::ListCreated { list } => {
                let entry = self.lists.entry(list.id.clone()).or_default();
                objections.extend(entry.carry(seq, list.clone(), Created, event.at, is_whole));
            }
            Change::ListUpdated { list } | Change::ListMoved { list } => {
                let entry = self.lists.entry(list.id.clone()).or_default();
                objections.extend(entry.carry(seq, list.clone(), Changed, event.at, is_whole));
            }
            Change::ListDeleted { list_id } => {
                self.delete_list(seq, list_id, event.at, &mut objections);
            }
            Change::TaskCreated { task } => {
                objections.extend(self.carry_task(seq, task, Created, event.at));
            }
            Change::TaskUpdated { task } | Change::TaskMoved { task } => {
                objections.extend(self.carry_task(seq, task, Changed, event.at));
            }
            Change::TaskDeleted { task_id } => {
                let gone = Gone { seq, at: event.at };
                let entry = self.tasks.entry(task_id.clone()).or_default();
                objections.extend(entry.end(gone, is_whole));
            }
        }
        objections
    }

    fn carry_board(
        &mut self,
        seq: u64,
        board: &Board,
        arrival: Arrival,
        at: Timestamp,
        objections: &mut Vec<String>,
    ) {
        let before = self.board.as_ref().map(|carried| &carried.thing);
        objections.extend(follows(before, board, arrival, at));
        self.board_deleted = Some(false);
        self.board = Some(Carried {
            seq,
            thing: board.clone(),
        });
    }

    fn carry_task(
        &mut self,
        seq: u64,
        task: &Task,
        arrival: Arrival,
        at: Timestamp,
    ) -> Vec<String> {
        let mut objections = Vec::new();
        let list = self.lists.get(&task.list_id);
        let is_list_gone = list.map_or(self.is_whole, |list| list.gone.is_some());
        if is_list_gone {
            objections.push(format!(
                "puts a task into list {}, which isn't there",
                task.list_id
            ));
        }
        let entry = self.tasks.entry(task.id.clone()).or_default();
        objections.extend(entry.carry(seq, task.into(), arrival, at, self.is_whole));
        objections
    }

    fn delete_list(
        &mut self,
        seq: u64,
        list_id: &ListId,
        at: Timestamp,
        objections: &mut Vec<String>,
    ) {
        let gone = Gone { seq, at };
        let entry = self.lists.entry(list_id.clone()).or_default();
        objections.extend(entry.end(gone, self.is_whole));
        for entry in self.tasks.values_mut() {
            let is_in_list = entry
                .carried
                .as_ref()
                .is_some_and(|carried| carried.thing.summary.list_id == *list_id);
            if entry.gone.is_none() && is_in_list {
                entry.gone = Some(gone);
            }
        }
    }

    /// The whole board as the fold table has it.
    pub(super) fn snapshot(&self, updated_at: Timestamp, cursor: Cursor) -> Option<Snapshot> {
        let mut board = self.board.as_ref()?.thing.clone();
        board.updated_at = updated_at;
        let mut tasks: BTreeMap<&ListId, Vec<TaskSummary>> = BTreeMap::new();
        for digest in self.tasks.values().filter_map(Entry::standing) {
            let of_list = tasks.entry(&digest.summary.list_id).or_default();
            of_list.push(digest.summary.clone());
        }
        let mut lists: Vec<_> = self.lists.values().filter_map(Entry::standing).collect();
        lists.sort_by(|one, other| (&one.rank, &one.id).cmp(&(&other.rank, &other.id)));
        let with_tasks = |list: &List| {
            let mut tasks = tasks.remove(&list.id).unwrap_or_default();
            tasks.sort_by(|one, other| (&one.rank, &one.id).cmp(&(&other.rank, &other.id)));
            ListWithTasks {
                list: list.clone(),
                tasks,
            }
        };
        Some(Snapshot {
            board,
            lists: lists.into_iter().map(with_tasks).collect(),
            cursor,
        })
    }
}

impl<T> Default for Entry<T> {
    fn default() -> Self {
        Self {
            carried: None,
            gone: None,
        }
    }
}

impl<T: Versioned> Entry<T> {
    /// The thing, if it is known to stand here.
    pub(super) fn standing(&self) -> Option<&T> {
        let carried = self.carried.as_ref()?;
        self.gone.is_none().then_some(&carried.thing)
    }

    fn is_unknown(&self) -> bool {
        self.carried.is_none() && self.gone.is_none()
    }

    fn carry(
        &mut self,
        seq: u64,
        thing: T,
        arrival: Arrival,
        at: Timestamp,
        is_whole: bool,
    ) -> Vec<String> {
        let mut objections = Vec::new();
        let stands = self.gone.is_none() && (self.carried.is_some() || !is_whole);
        match arrival {
            Arrival::Created if self.standing().is_some() => {
                objections.push("makes what is there already".into());
            }
            Arrival::Changed if !stands => {
                objections.push("changes what isn't there".into());
            }
            _ => {}
        }
        let before = self.carried.as_ref().map(|carried| &carried.thing);
        objections.extend(follows(before, &thing, arrival, at));
        self.carried = Some(Carried { seq, thing });
        self.gone = None;
        objections
    }

    fn end(&mut self, gone: Gone, is_whole: bool) -> Option<String> {
        let is_there = self.gone.is_none() && !(is_whole && self.is_unknown());
        self.gone = Some(gone);
        (!is_there).then(|| "deletes what isn't there".into())
    }
}

/// Every event that carries a thing adds 1 to its version and sets its time. On another board, and
/// after its id was free again, there is more in between than this log knows.
fn follows<T: Versioned>(
    before: Option<&T>,
    now: &T,
    arrival: Arrival,
    at: Timestamp,
) -> Vec<String> {
    let mut objections = Vec::new();
    // A second life may have begun on another board, and have come over later.
    let is_another_life = |before: &&T| {
        arrival == Arrival::Created
            && (now.version() == 1 || now.created_at() != before.created_at())
    };
    if let Some(before) = before.filter(|before| !is_another_life(before)) {
        let is_next = match arrival {
            Arrival::Changed => now.version() == before.version() + 1,
            Arrival::Created => now.version() > before.version(),
        };
        if !is_next {
            let (found, known) = (now.version(), before.version());
            objections.push(format!("makes it version {found} after version {known}"));
        }
        if now.created_at() != before.created_at() {
            objections.push("changes when it was made".into());
        }
    }
    if now.updated_at() != at {
        objections.push("carries another time than its own".into());
    }
    objections
}

/// The fields in which two things of one kind differ, for a person.
pub(super) fn differing(fields: &[(&'static str, bool)]) -> String {
    let names = fields.iter().filter(|(_, is_same)| !is_same);
    names.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

impl TaskDigest {
    /// The fields in which two differ; empty if in none.
    pub(super) fn difference(&self, other: &Self) -> String {
        let (one, two) = (&self.summary, &other.summary);
        differing(&[
            ("list", one.list_id == two.list_id),
            ("title", one.title == two.title),
            ("description", self.description == other.description),
            ("rank", one.rank == two.rank),
            ("version", one.version == two.version),
            ("createdAt", one.created_at == two.created_at),
            ("updatedAt", one.updated_at == two.updated_at),
        ])
    }
}
