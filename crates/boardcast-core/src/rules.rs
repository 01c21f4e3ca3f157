//! All business rules, as two pure functions: [`decide`] turns a request into events or a refusal,
//! given a [`View`] of what stands; [`apply`] folds an event onto a snapshot by the contract's table.
//! A refusal changes nothing, a decision names every change. Where things stand among their
//! siblings is worked out in [`mod@place`].

mod boards;
mod fold;
mod lists;
pub mod people;
pub mod place;
mod tasks;

pub use fold::apply;

use crate::access::{Rights, Role, Standing};
use crate::limits::{LISTS_PER_BOARD_MAX, TASKS_PER_BOARD_MAX};
use crate::model::{Board, BoardId, List, ListId, Task, TaskId, Timestamp};
use crate::protocol::{
    Change, Command, Event, Fingerprint, Kind, Outcome, Refusal, Request, Thing,
};
use place::{Family, Place, Placement, Sibling};

/// What stands, read inside the transaction that will change it. "Living" means neither deleted
/// itself nor on a deleted board or list.
pub trait View: Rights {
    /// A living board.
    fn board(&self, id: &BoardId) -> Result<Option<Board>, Fault>;
    /// A living list.
    fn list(&self, id: &ListId) -> Result<Option<List>, Fault>;
    /// A living task and the board it is on.
    fn task(&self, id: &TaskId) -> Result<Option<(BoardId, Task)>, Fault>;
    /// A deleted board that can still come back.
    fn deleted_board(&self, id: &BoardId) -> Result<Option<Board>, Fault>;
    /// A deleted list of a living board, and the tasks that went with it, in their order.
    fn deleted_list(&self, id: &ListId) -> Result<Option<(List, Vec<Task>)>, Fault>;
    /// A deleted task of a living board, whether its list lives or not.
    fn deleted_task(&self, id: &TaskId) -> Result<Option<(BoardId, Task)>, Fault>;
    /// What is known of an id, alive or deleted; `None` if it is free.
    fn birth(&self, kind: Kind, id: &str) -> Result<Option<Birth>, Fault>;
    /// Living lists on a board.
    fn count_lists(&self, board_id: &BoardId) -> Result<usize, Fault>;
    /// Living tasks on a board.
    fn count_tasks(&self, board_id: &BoardId) -> Result<usize, Fault>;
    /// The living sibling at a place, looking past `except`.
    fn sibling(
        &self,
        family: Family<'_>,
        place: Place<'_>,
        except: Option<&str>,
    ) -> Result<Option<Sibling>, Fault>;
}

/// How a taken id came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth {
    /// The create that chose the id, if a client did.
    pub fingerprint: Option<Fingerprint>,
}

/// What stands could not be read: ours, not the caller's mistake.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Fault(pub Box<dyn std::error::Error + Send + Sync>);

/// Why there is no decision.
#[derive(Debug)]
pub enum Stopped {
    /// The caller's mistake.
    Refused(Refusal),
    /// Ours.
    Fault(Fault),
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// An accepted command: what happens, in order, and what the caller is told. No events means that
/// nothing changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The board that it is about.
    pub board_id: BoardId,
    /// What goes into the logs, in this order.
    pub events: Vec<Event>,
    /// What the caller is told.
    pub outcome: Outcome,
}

/// Decides a request at a moment. Order of the checks: who asks, existence (what the caller may not
/// see doesn't exist for them), whether they may do it, `If-Match`, then the rules of the command
/// itself.
pub fn decide(view: &impl View, request: &Request, now: Timestamp) -> Result<Decision, Stopped> {
    let standing = view.standing(&request.access)?;
    let decider = Decider {
        view,
        request,
        standing: standing.ok_or(Refusal::NotSignedIn)?,
        now,
    };
    match &request.command {
        Command::CreateBoard {
            board_id,
            name,
            birth,
            ..
        } => decider.create_board(board_id, name, *birth),
        Command::EditBoard { board_id, name } => decider.edit_board(board_id, name.as_ref()),
        Command::DeleteBoard { board_id } => decider.delete_board(board_id),
        Command::RestoreBoard { board_id } => decider.restore_board(board_id),
        Command::CreateList {
            list_id,
            board_id,
            name,
            slot,
            birth,
        } => decider.create_list(list_id, board_id, name, slot, *birth),
        Command::EditList { list_id, name } => decider.edit_list(list_id, name.as_ref()),
        Command::MoveList { list_id, slot } => decider.move_list(list_id, slot),
        Command::DeleteList { list_id } => decider.delete_list(list_id),
        Command::RestoreList { list_id } => decider.restore_list(list_id),
        Command::CreateTask {
            task_id,
            list_id,
            title,
            description,
            slot,
            birth,
        } => decider.create_task(task_id, list_id, title, description, slot, *birth),
        Command::EditTask {
            task_id,
            title,
            description,
        } => decider.edit_task(task_id, title.as_ref(), description.as_ref()),
        Command::MoveTask {
            task_id,
            list_id,
            slot,
        } => decider.move_task(task_id, list_id.as_ref(), slot),
        Command::DeleteTask { task_id } => decider.delete_task(task_id),
        Command::RestoreTask { task_id } => decider.restore_task(task_id),
    }
}

/// One request being decided.
struct Decider<'a, V> {
    view: &'a V,
    request: &'a Request,
    standing: Standing,
    now: Timestamp,
}

impl<V: View> Decider<'_, V> {
    fn check_room_for_list(&self, board_id: &BoardId) -> Result<(), Stopped> {
        if self.view.count_lists(board_id)? < LISTS_PER_BOARD_MAX {
            Ok(())
        } else {
            Err(Refusal::BoardFull(Kind::List).into())
        }
    }

    fn check_room_for_tasks(&self, board_id: &BoardId, more: usize) -> Result<(), Stopped> {
        if self.view.count_tasks(board_id)? + more <= TASKS_PER_BOARD_MAX {
            Ok(())
        } else {
            Err(Refusal::BoardFull(Kind::Task).into())
        }
    }

    /// What was found, if the caller may know of it. Who may know of it but not act in the needed role
    /// is told so.
    fn admitted<T>(
        &self,
        found: Option<T>,
        board_of: impl Fn(&T) -> &BoardId,
        needed: Role,
    ) -> Result<Option<T>, Stopped> {
        let Some(found) = found else {
            return Ok(None);
        };
        match self.view.role(&self.request.access, board_of(&found))? {
            None => Ok(None),
            Some(role) if role < needed => Err(Refusal::NotAllowed.into()),
            Some(_) => Ok(Some(found)),
        }
    }

    /// The board that the request is about: it exists for the caller, they may change it, and `If-Match`
    /// holds.
    fn standing_board(&self, id: &BoardId) -> Result<Board, Stopped> {
        let board = self.view.board(id)?;
        let board = self.admitted(board, |board| &board.id, Role::Admin)?;
        let board = board.ok_or(Refusal::NotFound(Kind::Board))?;
        self.check_precondition(board.version, || Thing::Board(board.clone()))?;
        Ok(board)
    }

    fn standing_list(&self, id: &ListId) -> Result<List, Stopped> {
        let list = self.view.list(id)?;
        let list = self.admitted(list, |list| &list.board_id, Role::Editor)?;
        let list = list.ok_or(Refusal::NotFound(Kind::List))?;
        self.check_precondition(list.version, || Thing::List(list.clone()))?;
        Ok(list)
    }

    fn standing_task(&self, id: &TaskId) -> Result<(BoardId, Task), Stopped> {
        let task = self.view.task(id)?;
        let task = self.admitted(task, |(board_id, _)| board_id, Role::Editor)?;
        let (board_id, task) = task.ok_or(Refusal::NotFound(Kind::Task))?;
        self.check_precondition(task.version, || Thing::Task(task.clone()))?;
        Ok((board_id, task))
    }

    /// The list that the body names.
    fn referenced_list(&self, id: &ListId) -> Result<List, Stopped> {
        let list = self.view.list(id)?;
        let list = self.admitted(list, |list| &list.board_id, Role::Editor)?;
        Ok(list.ok_or(Refusal::UnknownReference {
            field: "listId",
            kind: Kind::List,
        })?)
    }

    fn check_precondition(
        &self,
        version: u64,
        current: impl FnOnce() -> Thing,
    ) -> Result<(), Refusal> {
        match &self.request.precondition {
            Some(precondition) if !precondition.admits(version) => Err(Refusal::VersionMismatch {
                version,
                current: Box::new(current()),
            }),
            _ => Ok(()),
        }
    }

    fn refuse_precondition(&self) -> Result<(), Refusal> {
        self.request
            .precondition
            .as_ref()
            .map_or(Ok(()), |_| Err(Refusal::PreconditionOnCreate))
    }

    fn respaced_lists(&self, placement: &Placement) -> Result<Vec<Change>, Stopped> {
        let respace = |sibling: &Sibling| {
            let id = ListId::parse(&sibling.id).expect("a stored id");
            let mut list = self.view.list(&id)?.expect("a living sibling");
            list.rank = sibling.rank.clone();
            self.touch(&mut list.version, &mut list.updated_at);
            Ok(Change::ListMoved { list })
        };
        placement.respaced.iter().map(respace).collect()
    }

    fn respaced_tasks(&self, placement: &Placement) -> Result<Vec<Change>, Stopped> {
        let respace = |sibling: &Sibling| {
            let id = TaskId::parse(&sibling.id).expect("a stored id");
            let (_, mut task) = self.view.task(&id)?.expect("a living sibling");
            task.rank = sibling.rank.clone();
            self.touch(&mut task.version, &mut task.updated_at);
            Ok(Change::TaskMoved { task })
        };
        placement.respaced.iter().map(respace).collect()
    }

    fn touch(&self, version: &mut u64, updated_at: &mut Timestamp) {
        *version += 1;
        *updated_at = self.now;
    }

    fn decision(&self, board_id: &BoardId, changes: Vec<Change>, outcome: Outcome) -> Decision {
        let events = changes
            .into_iter()
            .map(|change| self.event(board_id, change));
        Decision {
            board_id: board_id.clone(),
            events: events.collect(),
            outcome,
        }
    }

    fn event(&self, board_id: &BoardId, change: Change) -> Event {
        Event {
            change,
            board_id: board_id.clone(),
            by: self.standing.actor.clone(),
            at: self.now,
        }
    }
}

/// The same create again answers with the thing as it now is; any other create of a taken id is
/// refused, alike for living, deleted and foreign things.
fn same_create(
    taken: Birth,
    birth: Option<Fingerprint>,
    living: Option<(BoardId, Outcome)>,
) -> Result<Decision, Stopped> {
    match living {
        Some((board_id, outcome)) if birth.is_some() && taken.fingerprint == birth => {
            Ok(unchanged(&board_id, outcome))
        }
        _ => Err(Refusal::IdTaken.into()),
    }
}

fn unchanged(board_id: &BoardId, outcome: Outcome) -> Decision {
    Decision {
        board_id: board_id.clone(),
        events: Vec::new(),
        outcome,
    }
}
