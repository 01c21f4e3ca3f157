//! Who writes, and whether they might: answers and events are held against the rights of the moment at
//! which it was the write's turn.

use super::Queued;
use crate::clients::BOARDS;
use crate::people;
use crate::server::Asked;
use crate::world::World;
use boardcast_sim::rights::{Badge, Role};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a write was judged by.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    badge: Badge,
    is_good: bool,
    is_unsure: bool,
    makes_boards: bool,
    roles: BTreeMap<&'static str, Role>,
}

impl World<'_> {
    /// Shows somebody's credential with a write.
    pub(crate) fn badge_of_write(&mut self, kind: &str, asked: Asked, write: usize) -> Asked {
        let Some(accounts) = &mut self.accounts else {
            return asked;
        };
        let people = &mut accounts.people;
        let named = BOARDS
            .iter()
            .find(|board| asked.path.starts_with(&format!("/boards/{board}")));
        let badge = match (named, kind) {
            (_, "board_created") | (None, _) => people.badge_for("a", Role::Editor),
            (Some(board), _) => people.badge_for(board, Role::Admin),
        };
        let header = people::header(&badge);
        accounts.writers.insert(write, badge);
        match header {
            Some((name, value)) => asked.header(name, value),
            None => asked,
        }
    }

    /// A write is put in, for the first time or again.
    pub(crate) fn write_is_asked(&mut self, write: usize) {
        if let Some(accounts) = &mut self.accounts {
            let badge = accounts.writers[&write].clone();
            accounts.queue.push(Queued::Write { write, badge });
        }
    }

    /// Whoever makes a board is alone on it, so the auditor comes right behind.
    pub(crate) fn board_may_be_made(&mut self, board: &str) {
        if self.accounts.is_some() {
            self.let_auditor_see(board);
        }
    }

    /// Each event of a turn is somebody's who might do it when it was their turn.
    pub(super) fn judge_events(&mut self, events: &[(String, String, Value)], turn: &[Judged]) {
        for (board, kind, by) in events {
            let is_theirs = |judged: &&Judged| match (&judged.badge, by["type"].as_str()) {
                (Badge::Session(_), Some("person")) => {
                    by["id"]
                        == self
                            .accounts
                            .as_ref()
                            .expect("on")
                            .people
                            .owner(&judged.badge)
                }
                (Badge::Token(token), Some("token")) => by["tokenId"] == **token,
                _ => false,
            };
            let may = |judged: &Judged| match kind.as_str() {
                "board_created" => judged.makes_boards,
                kind => judged.may(board, needed(kind)),
            };
            let mut theirs = turn.iter().filter(is_theirs);
            if !theirs.any(may) {
                self.chronicle
                    .object(format!("{kind} on {board} by {by}, who might not"));
            }
        }
    }

    pub(super) fn judged_now(&self, badge: Badge) -> Judged {
        let rights = &self
            .accounts
            .as_ref()
            .expect("accounts are on")
            .people
            .rights;
        let roles = BOARDS.iter().copied();
        let roles = roles.filter_map(|board| Some((board, rights.role(&badge, board)?)));
        Judged {
            is_good: rights.holder(&badge).is_some(),
            is_unsure: rights.is_unsure(&badge),
            makes_boards: rights.makes_boards(&badge),
            roles: roles.collect(),
            badge,
        }
    }

    /// A write is answered. True if the chronicle may take the answer for what it says; if not, all
    /// that it says is about the writer.
    pub(crate) fn judge_write(
        &mut self,
        write: usize,
        asked: &Asked,
        kind: &str,
        status: u16,
        body: &Value,
    ) -> bool {
        if self.accounts.is_none() {
            return true;
        }
        let badge = self.accounts().writers[&write].clone();
        let is_own =
            |queued: &Queued| matches!(queued, Queued::Write { write: own, .. } if *own == write);
        let queue = &mut self.accounts().queue;
        let judged = match queue.iter().rposition(is_own) {
            // Answered before it came to the writer.
            Some(at) => {
                queue.remove(at);
                self.judged_now(badge)
            }
            None => match self.accounts().judged.remove(&write) {
                Some(judged) => judged,
                None => self.judged_now(badge),
            },
        };
        let sees_all = judged.roles.len() == BOARDS.len() && !judged.is_unsure;
        if let Some(why) = self.wrong_answer(&judged, asked, kind, status, body) {
            self.chronicle.object(format!(
                "write {write} ({kind}) by {judged:?} was answered {status} {body}: {why}"
            ));
        }
        match status {
            401 | 403 => false,
            404 | 409 | 412 | 422 => sees_all,
            _ => true,
        }
    }

    fn wrong_answer(
        &mut self,
        judged: &Judged,
        asked: &Asked,
        kind: &str,
        status: u16,
        body: &Value,
    ) -> Option<&'static str> {
        let creates_board = kind == "board_created";
        let needed = needed(kind);
        if judged.is_unsure {
            return None;
        }
        match status {
            503 => return None,
            401 => return judged.is_good.then_some("the credential is good"),
            _ if !judged.is_good => return Some("the credential is good for nothing"),
            403 if creates_board => return judged.makes_boards.then_some("they make boards"),
            403 => {
                let mut roles = judged.roles.values();
                let is_less = roles.any(|role| *role < needed);
                return (!is_less).then_some("they see nothing that they may not do");
            }
            _ => {}
        }
        if status == 404 {
            let things = asked.path.split('/').nth(1).unwrap_or_default().to_owned();
            let known = self.accounts().not_found.entry(things);
            if *known.or_insert_with(|| body.clone()) != *body {
                return Some("what is hidden is told otherwise than what is not there");
            }
        }
        let is_hidden = judged.roles.is_empty();
        if is_hidden && !creates_board && (status < 300 || status == 412) {
            return Some("they see nothing");
        }
        let board = match kind {
            _ if status >= 300 || creates_board => return None,
            "board_updated" | "board_deleted" | "board_restored" => {
                asked.path.split('/').nth(2).map(str::to_owned)
            }
            _ => self.board_of(body),
        };
        // A kept answer is told to whoever still sees the board.
        let board = board?;
        let is_again = asked
            .headers
            .iter()
            .any(|(name, _)| *name == "idempotency-key");
        let needed = if is_again { Role::Viewer } else { needed };
        (!judged.may(&board, needed)).then_some("they might not do it")
    }

    /// Where an answered list is, or the list of an answered task.
    fn board_of(&mut self, body: &Value) -> Option<String> {
        if let (Some(list), Some(board)) = (body["id"].as_str(), body["boardId"].as_str()) {
            let known = &mut self.accounts().boards_of_lists;
            known.insert(list.to_owned(), board.to_owned());
            return Some(board.to_owned());
        }
        let list = body["listId"].as_str()?;
        self.accounts().boards_of_lists.get(list).cloned()
    }
}

impl Judged {
    fn may(&self, board: &str, needed: Role) -> bool {
        self.is_unsure || self.roles.get(board) >= Some(&needed)
    }
}

/// What it takes to do something.
fn needed(kind: &str) -> Role {
    match kind {
        "board_updated" | "board_deleted" | "board_restored" => Role::Admin,
        _ => Role::Editor,
    }
}
