//! What may be done with boards.

use super::{Decider, Decision, Stopped, View, same_create, unchanged};
use crate::access::Role;
use crate::model::{Board, BoardId, Name};
use crate::protocol::{Change, Fingerprint, Kind, Outcome, Refusal, Thing};

impl<V: View> Decider<'_, V> {
    pub(super) fn create_board(
        &self,
        id: &BoardId,
        name: &Name,
        birth: Option<Fingerprint>,
    ) -> Result<Decision, Stopped> {
        self.refuse_precondition()?;
        if !self.standing.makes_boards {
            return Err(Refusal::NotAllowed.into());
        }
        if let Some(taken) = self.view.birth(Kind::Board, id.as_str())? {
            let board = self.view.board(id)?;
            let board = self.admitted(board, |board| &board.id, Role::Viewer)?;
            return same_create(
                taken,
                birth,
                board.map(|board| (id.clone(), Outcome::Board(board))),
            );
        }
        let board = Board {
            id: id.clone(),
            name: name.clone(),
            version: 1,
            created_at: self.now,
            updated_at: self.now,
        };
        Ok(self.decision(
            id,
            vec![Change::BoardCreated {
                board: board.clone(),
            }],
            Outcome::Board(board),
        ))
    }

    pub(super) fn edit_board(
        &self,
        id: &BoardId,
        name: Option<&Name>,
    ) -> Result<Decision, Stopped> {
        let mut board = self.standing_board(id)?;
        let Some(name) = name.filter(|name| **name != board.name) else {
            return Ok(unchanged(id, Outcome::Board(board)));
        };
        board.name = name.clone();
        self.touch(&mut board.version, &mut board.updated_at);
        Ok(self.decision(
            id,
            vec![Change::BoardUpdated {
                board: board.clone(),
            }],
            Outcome::Board(board),
        ))
    }

    pub(super) fn delete_board(&self, id: &BoardId) -> Result<Decision, Stopped> {
        self.standing_board(id)?;
        Ok(self.decision(id, vec![Change::BoardDeleted], Outcome::Deleted))
    }

    pub(super) fn restore_board(&self, id: &BoardId) -> Result<Decision, Stopped> {
        if self.view.board(id)?.is_some() {
            let board = self.standing_board(id)?;
            return Ok(unchanged(id, Outcome::Board(board)));
        }
        let board = self.view.deleted_board(id)?;
        let board = self.admitted(board, |board| &board.id, Role::Admin)?;
        let mut board = board.ok_or(Refusal::NotFound(Kind::Board))?;
        self.check_precondition(board.version, || Thing::Board(board.clone()))?;
        self.touch(&mut board.version, &mut board.updated_at);
        let change = Change::BoardRestored {
            board: board.clone(),
        };
        Ok(self.decision(id, vec![change], Outcome::Board(board)))
    }
}
