//! What is left of people after a start: what they were, or what they were about to become.

use crate::clients::BOARDS;
use crate::people::{self, board_id};
use crate::tasks::at_once;
use crate::world::World;
use boardcast::sabotage::{Spot, disarm};
use boardcast_core::access::{Access, Caller};
use boardcast_core::people::{Credential, SecretHash};
use boardcast_sim::rights::{Badge, Rights, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl World<'_> {
    pub(crate) fn copy_people(&mut self) {
        if let Some(accounts) = &mut self.accounts {
            accounts.copied = Some(accounts.people.rights.clone());
        }
    }

    /// What people were when the copy was made, whatever time it is now.
    pub(crate) fn put_people_back(&mut self) {
        if let Some(accounts) = &mut self.accounts {
            accounts.people.rights = accounts.copied.take().expect("a copy was made");
            accounts.people.rights.age();
        }
    }

    /// Nobody who asked will be answered.
    pub(crate) fn forget_who_asked(&mut self) {
        let Some(accounts) = &mut self.accounts else {
            return;
        };
        accounts.readers.clear();
        accounts.judged.clear();
    }

    /// A server has started on some file: people are in it what they were when it was last known, or what
    /// they were about to become.
    pub(crate) fn recall_people(&mut self) {
        if self.accounts.is_none() {
            return;
        }
        disarm(Spot::ReadFails);
        let was_in_turn = std::mem::take(&mut self.accounts().is_in_turn);
        let queue = std::mem::take(&mut self.accounts().queue);
        let accounts = self.accounts();
        accounts.events.clear();
        accounts.heads.clear();
        accounts.tickets.are_forgotten();
        accounts.people.ahead = None;
        let mut candidates = vec![accounts.people.rights.clone()];
        if was_in_turn {
            let before = candidates[0].clone();
            candidates.extend(self.after(&queue, before));
        }
        let found = self.found_people();
        let may_be_gone = self.may_be_gone.clone();
        let fits = |rights: &Rights| found.fits(rights, &may_be_gone);
        let Some(at) = candidates.iter().position(fits) else {
            return self.chronicle.object(format!(
                "after a start people are neither what they were nor what was asked: {found:?}, and were {candidates:?}"
            ));
        };
        let mut rights = candidates.swap_remove(at);
        for (board, members) in &found.members {
            if self.may_be_gone.contains(board) {
                rights.set_members(board, members);
            }
        }
        self.accounts().people.rights = rights;
    }

    /// What the file says of people.
    fn found_people(&mut self) -> Found {
        let engine = Arc::clone(&self.server().engine);
        let accounts = self.accounts();
        let operator = Access::of(Caller::Operator);
        let auditor = accounts.people.access(&accounts.auditor);
        let badges: Vec<_> = accounts.people.all().cloned().collect();
        let good = badges.into_iter().filter(|badge| {
            let (_, shown) = people::header(badge).expect("it shows something");
            let text = shown.rsplit([' ', '=']).next().unwrap_or_default();
            let hash = SecretHash::of(text.as_bytes());
            let credential = match badge {
                Badge::Session(_) => Credential::Session(hash),
                _ => Credential::Token(hash),
            };
            let known = at_once(engine.authenticate(credential));
            known
                .expect("reads wait for nobody")
                .expect("a readable file")
                .is_some()
        });
        let good = good.collect();
        let users = at_once(engine.users(&operator, None, 100));
        let users = users
            .expect("reads wait for nobody")
            .expect("a readable file");
        let users = users.into_iter();
        let users = users.map(|user| {
            let is_disabled = user.disabled_at.is_some();
            (user.id.as_str().to_owned(), user.is_admin, is_disabled)
        });
        let mut members = BTreeMap::new();
        for board in BOARDS {
            let read = at_once(engine.members(&auditor, board_id(board)));
            // A board that isn't there has none to show.
            if let Some(Ok(found)) = read {
                let found = found.into_iter().map(|member| {
                    let role = match member.role.as_str() {
                        "viewer" => Role::Viewer,
                        "editor" => Role::Editor,
                        _ => Role::Admin,
                    };
                    (member.user_id.as_str().to_owned(), role)
                });
                members.insert(board.to_owned(), found.collect());
            }
        }
        Found {
            good,
            users: users.collect(),
            members,
        }
    }
}

/// What a file says of people.
#[derive(Debug)]
struct Found {
    good: BTreeSet<Badge>,
    users: BTreeSet<(String, bool, bool)>,
    members: BTreeMap<String, BTreeMap<String, Role>>,
}

impl Found {
    /// Whether it is what these say. `vague` boards may have been made anew meanwhile.
    fn fits(&self, rights: &Rights, vague: &BTreeSet<String>) -> bool {
        let users = rights.users();
        let users =
            users.map(|(name, is_admin, is_disabled)| (name.to_owned(), is_admin, is_disabled));
        let known: BTreeSet<_> = users.collect();
        let badges = known.iter().flat_map(|(user, ..)| rights.badges(user));
        let is_good = |badge: &Badge| rights.holder(badge).is_some() && !rights.is_unsure(badge);
        let good: BTreeSet<_> = badges.filter(is_good).collect();
        let found: BTreeSet<_> = self
            .good
            .iter()
            .filter(|badge| !rights.is_unsure(badge))
            .cloned()
            .collect();
        let mut boards = self
            .members
            .iter()
            .filter(|(board, _)| !vague.contains(*board));
        good == found
            && known == self.users
            && boards.all(|(board, members)| rights.members(board) == *members)
    }
}
