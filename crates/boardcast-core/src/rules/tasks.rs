//! What may be done with tasks.

use super::place::{Family, Sibling, place, place_again};
use super::{Decider, Decision, Stopped, View, same_create, unchanged};
use crate::access::Role;
use crate::model::{Description, ListId, Task, TaskId, Title};
use crate::protocol::{Change, Fingerprint, Kind, Outcome, Refusal, Slot, Thing};

impl<V: View> Decider<'_, V> {
    pub(super) fn create_task(
        &self,
        id: &TaskId,
        list_id: &ListId,
        title: &Title,
        description: &Description,
        slot: &Slot<TaskId>,
        birth: Option<Fingerprint>,
    ) -> Result<Decision, Stopped> {
        self.refuse_precondition()?;
        if let Some(taken) = self.view.birth(Kind::Task, id.as_str())? {
            let task = self.view.task(id)?;
            let task = self.admitted(task, |(board_id, _)| board_id, Role::Viewer)?;
            return same_create(
                taken,
                birth,
                task.map(|(board_id, task)| (board_id, Outcome::Task(task))),
            );
        }
        let board_id = self.referenced_list(list_id)?.board_id;
        self.check_room_for_tasks(&board_id, 1)?;
        let placement = place(self.view, Family::Tasks(list_id), slot, None)?
            .expect("a new thing doesn't stay");
        let mut changes = self.respaced_tasks(&placement)?;
        let task = Task {
            id: id.clone(),
            list_id: list_id.clone(),
            title: title.clone(),
            description: description.clone(),
            rank: placement.rank,
            version: 1,
            created_at: self.now,
            updated_at: self.now,
        };
        changes.push(Change::TaskCreated { task: task.clone() });
        Ok(self.decision(&board_id, changes, Outcome::Task(task)))
    }

    pub(super) fn edit_task(
        &self,
        id: &TaskId,
        title: Option<&Title>,
        description: Option<&Description>,
    ) -> Result<Decision, Stopped> {
        let (board_id, task) = self.standing_task(id)?;
        let mut edited = task.clone();
        edited.title = title.unwrap_or(&task.title).clone();
        edited.description = description.unwrap_or(&task.description).clone();
        if edited == task {
            return Ok(unchanged(&board_id, Outcome::Task(task)));
        }
        self.touch(&mut edited.version, &mut edited.updated_at);
        Ok(self.decision(
            &board_id,
            vec![Change::TaskUpdated {
                task: edited.clone(),
            }],
            Outcome::Task(edited),
        ))
    }

    pub(super) fn move_task(
        &self,
        id: &TaskId,
        to: Option<&ListId>,
        slot: &Slot<TaskId>,
    ) -> Result<Decision, Stopped> {
        let (from_board, mut task) = self.standing_task(id)?;
        let list_id = to.unwrap_or(&task.list_id).clone();
        let stays_in_list = list_id == task.list_id;
        let to_board = if stays_in_list {
            from_board.clone()
        } else {
            self.referenced_list(&list_id)?.board_id
        };
        let changes_board = to_board != from_board;
        if changes_board {
            self.check_room_for_tasks(&to_board, 1)?;
        }
        let moved = Sibling {
            id: id.to_string(),
            rank: task.rank.clone(),
        };
        let stands_there = stays_in_list.then_some(&moved);
        let placement = place(self.view, Family::Tasks(&list_id), slot, stands_there)?;
        let Some(placement) = placement else {
            return Ok(unchanged(&from_board, Outcome::Task(task)));
        };
        let mut changes = self.respaced_tasks(&placement)?;
        task.list_id = list_id;
        task.rank = placement.rank;
        self.touch(&mut task.version, &mut task.updated_at);
        if !changes_board {
            changes.push(Change::TaskMoved { task: task.clone() });
            return Ok(self.decision(&from_board, changes, Outcome::Task(task)));
        }
        // Two logs, one decision: first it leaves the one, then it comes to the other.
        changes.push(Change::TaskCreated { task: task.clone() });
        let gone = Change::TaskDeleted {
            task_id: id.clone(),
        };
        let mut decision = self.decision(&to_board, changes, Outcome::Task(task));
        decision.events.insert(0, self.event(&from_board, gone));
        Ok(decision)
    }

    pub(super) fn delete_task(&self, id: &TaskId) -> Result<Decision, Stopped> {
        let (board_id, task) = self.standing_task(id)?;
        Ok(self.decision(
            &board_id,
            vec![Change::TaskDeleted { task_id: task.id }],
            Outcome::Deleted,
        ))
    }

    pub(super) fn restore_task(&self, id: &TaskId) -> Result<Decision, Stopped> {
        if self.view.task(id)?.is_some() {
            let (board_id, task) = self.standing_task(id)?;
            return Ok(unchanged(&board_id, Outcome::Task(task)));
        }
        let found = self.view.deleted_task(id)?;
        let found = self.admitted(found, |(board_id, _)| board_id, Role::Editor)?;
        let (board_id, mut task) = found.ok_or(Refusal::NotFound(Kind::Task))?;
        self.check_precondition(task.version, || Thing::Task(task.clone()))?;
        // The list's id may have become free and have been taken on another board.
        let list = self
            .view
            .list(&task.list_id)?
            .filter(|list| list.board_id == board_id);
        list.ok_or(Refusal::ListGone)?;
        self.check_room_for_tasks(&board_id, 1)?;
        let placement = place_again(self.view, Family::Tasks(&task.list_id), &task.rank)?;
        let mut changes = self.respaced_tasks(&placement)?;
        task.rank = placement.rank;
        self.touch(&mut task.version, &mut task.updated_at);
        changes.push(Change::TaskCreated { task: task.clone() });
        Ok(self.decision(&board_id, changes, Outcome::Task(task)))
    }
}
