//! What may be done with lists.

use super::place::{Family, Sibling, place, place_again};
use super::{Decider, Decision, Stopped, View, same_create, unchanged};
use crate::access::Role;
use crate::model::{BoardId, List, ListId, Name};
use crate::protocol::{Change, Fingerprint, Kind, Outcome, Refusal, Slot, Thing};

impl<V: View> Decider<'_, V> {
    pub(super) fn create_list(
        &self,
        id: &ListId,
        board_id: &BoardId,
        name: &Name,
        slot: &Slot<ListId>,
        birth: Option<Fingerprint>,
    ) -> Result<Decision, Stopped> {
        self.refuse_precondition()?;
        if let Some(taken) = self.view.birth(Kind::List, id.as_str())? {
            let list = self.view.list(id)?;
            let list = self.admitted(list, |list| &list.board_id, Role::Viewer)?;
            return same_create(
                taken,
                birth,
                list.map(|list| (list.board_id.clone(), Outcome::List(list))),
            );
        }
        let board = self.view.board(board_id)?;
        let board = self.admitted(board, |board| &board.id, Role::Editor)?;
        if board.is_none() {
            return Err(Refusal::UnknownReference {
                field: "boardId",
                kind: Kind::Board,
            }
            .into());
        }
        self.check_room_for_list(board_id)?;
        let placement = place(self.view, Family::Lists(board_id), slot, None)?
            .expect("a new thing doesn't stay");
        let mut changes = self.respaced_lists(&placement)?;
        let list = List {
            id: id.clone(),
            board_id: board_id.clone(),
            name: name.clone(),
            rank: placement.rank,
            version: 1,
            created_at: self.now,
            updated_at: self.now,
        };
        changes.push(Change::ListCreated { list: list.clone() });
        Ok(self.decision(board_id, changes, Outcome::List(list)))
    }

    pub(super) fn edit_list(&self, id: &ListId, name: Option<&Name>) -> Result<Decision, Stopped> {
        let mut list = self.standing_list(id)?;
        let Some(name) = name.filter(|name| **name != list.name) else {
            return Ok(unchanged(&list.board_id.clone(), Outcome::List(list)));
        };
        list.name = name.clone();
        self.touch(&mut list.version, &mut list.updated_at);
        Ok(self.decision(
            &list.board_id,
            vec![Change::ListUpdated { list: list.clone() }],
            Outcome::List(list.clone()),
        ))
    }

    pub(super) fn move_list(&self, id: &ListId, slot: &Slot<ListId>) -> Result<Decision, Stopped> {
        let mut list = self.standing_list(id)?;
        let moved = Sibling {
            id: id.to_string(),
            rank: list.rank.clone(),
        };
        let Some(placement) = place(self.view, Family::Lists(&list.board_id), slot, Some(&moved))?
        else {
            return Ok(unchanged(&list.board_id.clone(), Outcome::List(list)));
        };
        let mut changes = self.respaced_lists(&placement)?;
        list.rank = placement.rank;
        self.touch(&mut list.version, &mut list.updated_at);
        changes.push(Change::ListMoved { list: list.clone() });
        Ok(self.decision(&list.board_id, changes, Outcome::List(list.clone())))
    }

    pub(super) fn delete_list(&self, id: &ListId) -> Result<Decision, Stopped> {
        let list = self.standing_list(id)?;
        Ok(self.decision(
            &list.board_id,
            vec![Change::ListDeleted { list_id: list.id }],
            Outcome::Deleted,
        ))
    }

    pub(super) fn restore_list(&self, id: &ListId) -> Result<Decision, Stopped> {
        if self.view.list(id)?.is_some() {
            let list = self.standing_list(id)?;
            return Ok(unchanged(&list.board_id.clone(), Outcome::List(list)));
        }
        let found = self.view.deleted_list(id)?;
        let found = self.admitted(found, |(list, _)| &list.board_id, Role::Editor)?;
        let (mut list, tasks) = found.ok_or(Refusal::NotFound(Kind::List))?;
        self.check_precondition(list.version, || Thing::List(list.clone()))?;
        self.check_room_for_list(&list.board_id)?;
        self.check_room_for_tasks(&list.board_id, tasks.len())?;
        let placement = place_again(self.view, Family::Lists(&list.board_id), &list.rank)?;
        let mut changes = self.respaced_lists(&placement)?;
        list.rank = placement.rank;
        self.touch(&mut list.version, &mut list.updated_at);
        changes.push(Change::ListCreated { list: list.clone() });
        changes.extend(tasks.into_iter().map(|mut task| {
            self.touch(&mut task.version, &mut task.updated_at);
            Change::TaskCreated { task }
        }));
        Ok(self.decision(&list.board_id, changes, Outcome::List(list.clone())))
    }
}
