//! A board's pass: what was published since the last one, to everyone who stands where it begins; and
//! the lists in which they stand. Each of a board's watchers is in one of its lists, or away.

use super::{ASIDE, Shard, Sink, State, Token};
use crate::live::chunks::Run;
use crate::live::hub::After;
use crate::sabotage::{self, Spot};
use std::time::Duration;

impl Shard {
    /// Sends a board's pass to some more watchers; gives how many sends it took.
    pub(super) fn run_pass(
        &mut self,
        number: u32,
        sends_max: usize,
        now: Duration,
        sink: &mut impl Sink,
    ) -> usize {
        let Some(board) = self.boards.get_mut(number) else {
            return 0;
        };
        board.is_runnable = false;
        let Some(run) = board.pass.take().or_else(|| self.begin_pass(number)) else {
            return 0;
        };
        let mut sends = 0;
        while sends < sends_max {
            let Some(board) = self.boards.get_mut(number) else {
                return sends;
            };
            let Some(slot) = board.lists[usize::from(board.start)].pop() else {
                self.end_pass(number, run);
                return sends;
            };
            board.away += 1;
            let entry = &mut self.watchers[slot];
            assert_eq!(
                entry.watcher.place(),
                Some(board.place),
                "everyone at a pass's start has the same"
            );
            entry.state = State::Queued;
            let token = Token {
                slot,
                turn: entry.turn,
            };
            sends += 1;
            if sends == 2 && sabotage::hits(Spot::WatcherForgotten) {
                continue;
            }
            if !self.deliver(token, &run, now, sink) {
                continue;
            }
            if run.is_last() {
                self.queue(token);
            } else {
                let end = 1 - self.boards[number].start;
                self.list(token, end);
            }
        }
        if let Some(board) = self.boards.get_mut(number) {
            board.pass = Some(run);
            self.make_runnable(number);
        }
        sends
    }

    /// Freezes what a board's watchers get next, if there is anything.
    fn begin_pass(&mut self, number: u32) -> Option<Run> {
        self.empty_list(number, ASIDE);
        let board = &self.boards[number];
        if board.lists[usize::from(board.start)].is_empty() {
            return None;
        }
        let place = board.place;
        let run = &mut self.spare;
        let found = board.seat.peek(|tail| match tail.after(place) {
            After::CaughtUp => After::CaughtUp,
            After::Behind | After::Gone => After::Behind,
            After::Events(_) => {
                run.fill(place, tail.segments_after(place));
                After::Events(())
            }
        });
        match found {
            After::CaughtUp => None,
            After::Events(()) => Some(std::mem::take(run)),
            After::Behind | After::Gone => {
                self.empty_list(number, board.start);
                None
            }
        }
    }

    fn end_pass(&mut self, number: u32, run: Run) {
        let board = &mut self.boards[number];
        let listed: usize = board.lists.iter().map(Vec::len).sum();
        assert_eq!(
            listed + board.away,
            board.members,
            "a pass forgets no watcher"
        );
        board.place = run.last();
        board.start = 1 - board.start;
        self.spare = run;
        self.make_runnable(number);
    }

    pub(super) fn list(&mut self, token: Token, list: u8) {
        let entry = &mut self.watchers[token.slot];
        let board = &mut self.boards[entry.board];
        entry.index =
            u32::try_from(board.lists[usize::from(list)].len()).expect("slots are as few");
        entry.state = State::Listed(list);
        board.lists[usize::from(list)].push(token.slot);
        board.away -= 1;
    }

    /// Takes a watcher out of its list, if it is in one: it is away then.
    pub(super) fn unlist(&mut self, token: Token) {
        let entry = &mut self.watchers[token.slot];
        let State::Listed(list) = entry.state else {
            return;
        };
        entry.state = State::Queued;
        let index = entry.index;
        let board = &mut self.boards[entry.board];
        board.away += 1;
        let list = &mut board.lists[usize::from(list)];
        list.swap_remove(index as usize);
        if let Some(&moved) = list.get(index as usize) {
            self.watchers[moved].index = index;
        }
    }

    pub(super) fn empty_list(&mut self, number: u32, list: u8) {
        while let Some(&slot) = self.boards[number].lists[usize::from(list)].last() {
            let turn = self.watchers[slot].turn;
            self.queue(Token { slot, turn });
        }
    }

    pub(super) fn make_runnable(&mut self, number: u32) {
        let board = &mut self.boards[number];
        if !std::mem::replace(&mut board.is_runnable, true) {
            self.runnable.push_back(number);
        }
    }
}
