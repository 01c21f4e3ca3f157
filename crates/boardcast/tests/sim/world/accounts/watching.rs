//! Who watches: whoever does is shown only what they may see, and turned away only for what they may
//! not.

use crate::watchers::Line;
use crate::world::World;
use boardcast_sim::rights::{Badge, Rights, Role};
use std::collections::BTreeSet;

/// What somebody could not see at some time since they asked.
#[derive(Default)]
pub(crate) struct Gaps {
    pub(crate) boards: BTreeSet<String>,
    /// The credential was good for nothing.
    pub(crate) is_out: bool,
}

impl Gaps {
    pub(super) fn note(&mut self, rights: &Rights, badge: &Badge, boards: &[impl AsRef<str>]) {
        self.is_out |= rights.holder(badge).is_none() || rights.is_unsure(badge);
        for board in boards {
            if rights.role(badge, board.as_ref()).is_none() || rights.is_unsure(badge) {
                self.boards.insert(board.as_ref().to_owned());
            }
        }
    }
}

impl World<'_> {
    /// Gives a watcher that comes back a credential, most often one that is good for something.
    pub(crate) fn badge_of_watcher(&mut self, at: usize) {
        let Some(accounts) = &mut self.accounts else {
            return;
        };
        let watcher = &mut self.watchers[at];
        let people = &mut accounts.people;
        let is_calm = self.swarm.is_calm;
        let sees = |board: &String| people.rights.role(&watcher.badge, board).is_some();
        let sees_enough = match is_calm {
            true => watcher.boards.iter().all(sees),
            false => watcher.boards.iter().any(sees),
        };
        let keeps = sees_enough && !people.rights.is_unsure(&watcher.badge);
        if !keeps || people.random.one_in(6) && !is_calm {
            watcher.badge = match is_calm {
                true => accounts.auditor.clone(),
                false => people.badge_for(&watcher.boards[0], Role::Viewer),
            };
        }
        watcher.is_reader = people.random.one_in(2);
        watcher.past.clear();
        self.note_gaps(at);
    }

    /// What a watcher that asks now can't see from the beginning.
    pub(super) fn note_gaps(&mut self, at: usize) {
        let rights = &self.accounts.as_ref().expect("on").people.rights;
        let watcher = &mut self.watchers[at];
        watcher.gaps = Gaps::default();
        let boards = &watcher.boards;
        watcher.gaps.note(rights, &watcher.badge, boards);
    }

    /// Bytes came to a watcher as a body: it may have them at this moment.
    pub(crate) fn judge_watcher(&mut self, at: usize, has_come: bool) {
        let shown = std::mem::take(&mut self.watchers[at].shown);
        let gone = std::mem::take(&mut self.watchers[at].gone);
        if self.accounts.is_none() {
            return;
        }
        self.judge_ticket(at);
        let watcher = &self.watchers[at];
        let mut wrong = Vec::new();
        let is_body = matches!(watcher.line, Line::Open(..)) && !watcher.has_socket();
        if is_body && has_come {
            for (board, place) in shown {
                let is_past = watcher.past.contains(&board) && self.is_past(&board, &place);
                if !self.may_see(&watcher.badge, &board) && !is_past {
                    wrong.push(format!("{} received something of {board}", watcher.name));
                }
            }
        }
        for board in gone {
            if !watcher.gaps.boards.contains(&board) && !self.may_be_gone.contains(&board) {
                wrong.push(format!("{} was told that {board} is gone", watcher.name));
            }
        }
        for sentence in wrong {
            self.chronicle
                .object(format!("{sentence}: {:?}", self.watchers[at].badge));
        }
    }

    /// Whether a place is of a board that had the id before.
    fn is_past(&self, board: &str, place: &str) -> bool {
        let accounts = self.accounts.as_ref().expect("accounts are on");
        let present = accounts.places.get(board);
        !present.is_some_and(|places| places.contains(place))
    }

    /// Whether a watcher may be turned away with this, as somebody who could not see something since
    /// they asked.
    pub(crate) fn may_be_refused(&self, at: usize, status: u16) -> bool {
        if self.accounts.is_none() {
            return false;
        }
        let watcher = &self.watchers[at];
        let has_lost = |board: &String| {
            watcher.gaps.boards.contains(board) || self.may_be_gone.contains(board)
        };
        let has_lost_all = watcher.boards.iter().all(has_lost);
        let is_out = watcher.gaps.is_out || self.has_no_good_ticket(at);
        match (status, watcher.last_id().is_some()) {
            (204, true) => is_out || has_lost_all,
            (401, false) => is_out,
            (404, false) => has_lost_all,
            _ => false,
        }
    }

    /// At rest nobody watches what they may not see.
    pub(crate) fn check_rights(&mut self) {
        let now_ms = self.now_ms;
        let mut wrong = Vec::new();
        for watcher in &self.watchers {
            let reads = !watcher.is_slow() && !watcher.is_stuck(now_ms);
            for board in &watcher.boards {
                let watches = watcher.is_open() && watcher.follows(board);
                if reads && watches && !self.may_see(&watcher.badge, board) {
                    wrong.push(format!("{} still watches {board}", watcher.name));
                }
            }
        }
        for sentence in wrong {
            self.chronicle.object(sentence);
        }
    }
}
