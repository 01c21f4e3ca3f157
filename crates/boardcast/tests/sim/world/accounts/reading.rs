//! Who reads: boards, pages of logs, and pages that wait for an event.

use super::Gaps;
use crate::clients::{BOARDS, read_bytes};
use crate::people;
use crate::server::Asked;
use crate::tasks::Flag;
use crate::world::World;
use boardcast_sim::cursor::seq_of;
use boardcast_sim::rights::{Badge, Rights, Role};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Somebody who asks for something once, and may have to wait for it.
pub(crate) struct Reader {
    pub(super) badge: Badge,
    asked: Asked,
    /// The board that it is about; none if about all.
    board: Option<&'static str>,
    answer: Pin<Box<dyn Future<Output = (u16, Vec<u8>)> + Send>>,
    flag: Arc<Flag>,
    /// What it could not see at some time since it asked.
    pub(super) gaps: Gaps,
    /// Boards it could see at some time since.
    seen: BTreeSet<&'static str>,
    /// The newest number it may learn of its board, now that the right is gone.
    newest: Option<u64>,
}

impl World<'_> {
    pub(super) fn read(&mut self) {
        let accounts = self.accounts();
        let board = *accounts.people.random.pick(&BOARDS);
        let badge = accounts.people.badge_for(board, Role::Viewer);
        let (path, about) = match accounts.people.random.below(5) {
            0 => ("/boards".to_owned(), None),
            1 | 2 => (format!("/boards/{board}"), Some(board)),
            3 => (format!("/boards/{board}/events?limit=1000"), Some(board)),
            _ => (
                match accounts.heads.get(board) {
                    Some(_) => {
                        let newest = self.chronicle.newest(board).unwrap_or("0-000000000000");
                        format!("/boards/{board}/events?wait=20&after={newest}")
                    }
                    None => format!("/boards/{board}/events?wait=20"),
                },
                Some(board),
            ),
        };
        let mut asked = Asked::new("GET", path).header("accept", "application/json");
        if let Some((name, value)) = people::header(&badge) {
            asked = asked.header(name, value);
        }
        self.trace.note(format_args!(
            "{} {badge:?} asks {}",
            self.now_ms, asked.path
        ));
        let answering = self.server().call(&asked);
        let flag = Arc::<Flag>::default();
        flag.raise();
        let mut reader = Reader {
            badge,
            asked,
            board: about,
            answer: Box::pin(read_bytes(answering)),
            flag,
            gaps: Gaps::default(),
            seen: BTreeSet::new(),
            newest: None,
        };
        reader.look(&self.accounts().people.rights);
        self.accounts().readers.push(reader);
        self.look_at_reader(self.accounts.as_ref().expect("on").readers.len() - 1);
    }

    pub(crate) fn woken_readers(&self) -> Vec<usize> {
        let readers = self.accounts.as_ref().map(|accounts| &accounts.readers);
        let readers = readers.into_iter().flatten().enumerate();
        let woken = readers.filter(|(_, reader)| reader.flag.is_raised());
        woken.map(|(at, _)| at).collect()
    }

    pub(crate) fn look_at_one_reader(&mut self, choice: u64) {
        let woken = self.woken_readers();
        if let Some(at) = choice.checked_rem(woken.len() as u64) {
            self.look_at_reader(woken[at as usize]);
        }
    }

    pub(crate) fn look_at_reader(&mut self, at: usize) {
        let reader = &mut self.accounts().readers[at];
        reader.flag.take();
        let waker = Arc::clone(&reader.flag).into();
        let polled = reader
            .answer
            .as_mut()
            .poll(&mut Context::from_waker(&waker));
        let Poll::Ready((status, body)) = polled else {
            return;
        };
        let reader = self.accounts().readers.swap_remove(at);
        self.trace.note(format_args!(
            "{} {:?} is answered {}: {status}",
            self.now_ms, reader.badge, reader.asked.path
        ));
        self.trace.bytes("reader", &body);
        self.counts.answers += 1;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(why) = self.wrong_read(&reader, status, &body) {
            self.chronicle.object(format!(
                "{:?} was answered {} with {status} {body}: {why}",
                reader.badge, reader.asked.path
            ));
        }
    }

    fn wrong_read(&self, reader: &Reader, status: u16, body: &Value) -> Option<&'static str> {
        let may_be_gone = |board: &str| self.may_be_gone.contains(board);
        let in_turn = |board: &str| self.may_see(&reader.badge, board);
        match (status, reader.board) {
            (401, _) => (!reader.gaps.is_out).then_some("the credential is good"),
            (404, Some(board)) => {
                let is_excused = reader.gaps.boards.contains(board) || may_be_gone(board);
                (!is_excused).then_some("they see the board")
            }
            (410, Some(_)) => None,
            (503, _) => None,
            (200, None) => {
                let listed = body["boards"].as_array().into_iter().flatten();
                let mut ids = listed.filter_map(|board| board["id"].as_str());
                let is_hidden = |id: &str| !reader.seen.contains(id) && !in_turn(id);
                ids.any(is_hidden).then_some("a board that they don't see")
            }
            (200, Some(board)) if !reader.seen.contains(board) && !in_turn(board) => {
                Some("they see no such board")
            }
            (200, Some(_)) => {
                let newest = body["cursor"].as_str().and_then(|id| seq_of(id).ok());
                let is_late = newest > reader.newest && reader.newest.is_some();
                is_late.then_some("it holds what happened after they lost the board")
            }
            _ => Some("nobody is answered that"),
        }
    }

    /// Whoever lost a board learns nothing of it that came in this turn or later.
    pub(super) fn bound_readers(&mut self, heads: &BTreeMap<String, u64>) {
        let Some(accounts) = &mut self.accounts else {
            return;
        };
        let rights = &accounts.people.rights;
        for reader in &mut accounts.readers {
            let Some(board) = reader.board else { continue };
            let sees =
                rights.is_unsure(&reader.badge) || rights.role(&reader.badge, board).is_some();
            reader.newest = match (sees, reader.newest) {
                (true, _) => None,
                (false, Some(newest)) => Some(newest),
                (false, None) => heads.get(board).copied(),
            };
        }
    }
}

impl Reader {
    /// The whole board that somebody known is about to be given.
    pub(super) fn reads(&self) -> Option<(&'static str, &Badge)> {
        let is_whole = !self.asked.path.contains('?') && self.badge != Badge::Nobody;
        self.board
            .filter(|_| is_whole)
            .map(|board| (board, &self.badge))
    }

    pub(super) fn boards(&self) -> &'static [&'static str] {
        let own = BOARDS.iter().position(|board| self.board == Some(*board));
        own.map_or(&BOARDS, |at| &BOARDS[at..=at])
    }

    pub(super) fn look(&mut self, rights: &Rights) {
        let all = self.boards();
        self.gaps.note(rights, &self.badge, all);
        for board in all {
            if rights.is_unsure(&self.badge) || rights.role(&self.badge, board).is_some() {
                self.seen.insert(board);
            }
        }
    }
}
