//! Looks a shard over, for tests: each watcher is in exactly one state, where that state says, and owed
//! no more than it may be.

use super::{Entry, Shard, State, Token};
use boardcast_core::limits::FRAME_BYTES_MAX;
use std::collections::BTreeMap;

/// Bytes that a watcher may be owed before its next step: one event as a chunk.
const OWED_BYTES_MAX: usize = FRAME_BYTES_MAX + 64;

/// How many watchers are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// They have everything.
    pub listed: usize,
    /// Their next step is due.
    pub queued: usize,
    /// They wait for a read.
    pub reading: usize,
    /// Their sockets are full.
    pub blocked: usize,
}

impl States {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> usize {
        self.listed + self.queued + self.reading + self.blocked
    }
}

impl Shard {
    /// Counts the watchers; what is wrong with one or with a board, if something is.
    pub fn audit(&self) -> Result<States, String> {
        let queued = times(self.queued.iter());
        let pages = self.pages.iter().flat_map(|page| &page.waiting);
        let reads = self.reads.values().flat_map(|read| &read.waiting);
        let waiting = times(pages.chain(reads));
        let mut states = States::default();
        for (slot, entry) in self.watchers.iter() {
            let turn = entry.turn;
            let token = Token { slot, turn };
            let found = (
                queued.get(&token).copied().unwrap_or(0),
                waiting.get(&token).copied().unwrap_or(0),
            );
            let (count, expected) = match entry.state {
                State::Listed(_) => (&mut states.listed, (0, 0)),
                State::Queued => (&mut states.queued, (1, 0)),
                State::Reading => (&mut states.reading, (0, 1)),
                State::Blocked => (&mut states.blocked, (0, 0)),
            };
            *count += 1;
            if found != expected {
                return Err(format!(
                    "{token:?} is {:?}, in the queue and waiting {found:?} times",
                    entry.state
                ));
            }
            self.audit_entry(token, entry)?;
        }
        self.audit_boards()?;
        Ok(states)
    }

    fn audit_entry(&self, token: Token, entry: &Entry) -> Result<(), String> {
        if let State::Listed(list) = entry.state {
            let lists = &self.boards[entry.board].lists;
            let listed = lists[usize::from(list)].get(entry.index as usize);
            if listed != Some(&token.slot) {
                return Err(format!("{token:?} is not where it is listed"));
            }
        }
        if entry.state == State::Blocked && entry.stall.is_none() {
            return Err(format!("{token:?} is blocked without a limit"));
        }
        let owed = entry.control.as_ref().map_or(0, |control| control.len());
        if owed > OWED_BYTES_MAX {
            return Err(format!(
                "{token:?} is owed {owed} bytes before its next step"
            ));
        }
        Ok(())
    }

    fn audit_boards(&self) -> Result<(), String> {
        for (number, board) in self.boards.iter() {
            let members = self
                .watchers
                .iter()
                .filter(|(_, entry)| entry.board == number);
            let (mut all, mut away) = (0, 0);
            for (_, entry) in members {
                all += 1;
                away += usize::from(!matches!(entry.state, State::Listed(_)));
            }
            let listed: usize = board.lists.iter().map(Vec::len).sum();
            if (board.members, board.away, listed) != (all, away, all - away) {
                return Err(format!(
                    "board {number} counts {} members, {} away, {listed} listed; it has {all}, {away} away",
                    board.members, board.away
                ));
            }
        }
        Ok(())
    }
}

fn times<'a>(tokens: impl Iterator<Item = &'a Token>) -> BTreeMap<Token, usize> {
    let mut times = BTreeMap::new();
    for token in tokens {
        *times.entry(*token).or_default() += 1;
    }
    times
}
