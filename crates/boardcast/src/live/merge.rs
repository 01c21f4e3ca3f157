//! What a watcher of several boards gets next, decided without IO. Each board is followed as
//! [`super::watcher`] follows one; what differs is that their events are put into the order in which
//! they were committed, and that an id is made of all boards' cursors.
//!
//! An event goes out once no other board can still have an older one: everything up to
//! [`super::hub::Hub::committed`] is in a tail or in the log, so a board that has nothing up to there
//! is no reason to wait.

use super::hub::After;
use super::watcher::Heartbeat;
use super::{Page, Revoked, Start};
use crate::sabotage::{self, Spot};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::{self, Frame, Segment};
use boardcast_core::limits::{LOG_READ_BYTES_MAX, RETRY_MS, SNAPSHOT_SLICE_BYTES};
use bytes::{Bytes, BytesMut};
use serde::Serialize;
use std::collections::VecDeque;

/// What is to be done now. A board is named by its index among those asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum MergeStep {
    /// Hand these bytes over.
    Send(Bytes),
    /// Read a board's log after this place and give it to [`Merge::log_read`].
    ReadLog(usize, Cursor),
    /// Take a snapshot of a board and give it to [`Merge::snapshot_read`].
    ReadSnapshot(usize),
    /// Nothing until something is published or a heartbeat is due.
    Wait,
    /// The stream is over.
    End,
}

/// One board as it is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The board's name, which may name nothing.
    pub board: String,
    /// Where to begin; none if there is no such board.
    pub start: Option<Start>,
    /// What the caller's id said of this board; kept until its snapshot is written, which is for
    /// ever if there is no such board. None where the name could be no board's: it would not fit into
    /// an id.
    pub element: Option<String>,
}

/// The state of a watcher of several boards.
#[derive(Debug)]
pub struct Merge {
    parts: Vec<Part>,
    was_greeted: bool,
    heartbeat: Heartbeat,
    /// The rest of a snapshot that is being handed over, and whose it is.
    rest: VecDeque<Bytes>,
    rest_of: usize,
    is_sent_away: bool,
}

/// Tells that a board is unknown or out of reach, which look alike.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BoardGone<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    board_id: &'a str,
}

#[derive(Debug)]
struct Part {
    board: String,
    state: State,
    /// This board's part of the id; none where nothing is known yet. It outlives its board: whoever
    /// comes back with it once the board is restored gets a snapshot, and not just what happens next.
    element: Option<String>,
    /// The log reaches at least to this number, whatever the tail says.
    log_reaches: u64,
    /// The next events after the place.
    ahead: VecDeque<Frame>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// It has everything up to this place.
    Following(Cursor),
    /// Its place can't be served: the whole board comes next.
    Lost,
    /// There is no such board, and the caller was not told yet.
    Gone,
    /// Nothing comes of it any more.
    Over,
}

impl Merge {
    /// A watcher that has been sent nothing yet.
    #[must_use]
    pub fn new(boards: Vec<Asked>, heartbeat: Heartbeat) -> Self {
        Self {
            parts: boards.into_iter().map(Part::new).collect(),
            was_greeted: false,
            heartbeat,
            rest: VecDeque::new(),
            rest_of: 0,
            is_sent_away: false,
        }
    }

    /// The next step. `committed` was read before any tail is looked at; `look` gives what a board's
    /// tail has after a place.
    pub fn step(
        &mut self,
        committed: u64,
        mut look: impl FnMut(usize, Cursor) -> After<Segment>,
    ) -> MergeStep {
        if self.is_sent_away {
            return MergeStep::End;
        }
        if !self.was_greeted {
            self.was_greeted = true;
            return MergeStep::Send(frame::connected_many(RETRY_MS, &self.id()));
        }
        if let Some(slice) = self.next_slice() {
            return MergeStep::Send(slice);
        }
        if let Some(gone) = self.tell_gone() {
            return MergeStep::Send(gone);
        }
        let lost = |part: &Part| matches!(part.state, State::Lost);
        if let Some(index) = self.parts.iter().position(lost) {
            return MergeStep::ReadSnapshot(index);
        }
        let mut bytes = BytesMut::new();
        while bytes.len() < LOG_READ_BYTES_MAX {
            if let Some((index, place)) = self.refill(&mut look) {
                if bytes.is_empty() {
                    return MergeStep::ReadLog(index, place);
                }
                break;
            }
            let Some(block) = self.next_block(committed) else {
                break;
            };
            bytes.extend_from_slice(&block);
        }
        match (bytes.is_empty(), self.is_over()) {
            (false, _) => MergeStep::Send(bytes.freeze()),
            (true, true) => MergeStep::End,
            // One of the boards may turn out to be gone only here.
            (true, false) => self.tell_gone().map_or(MergeStep::Wait, MergeStep::Send),
        }
    }

    /// Takes what a board's log had after its place.
    pub fn log_read(&mut self, index: usize, page: Page) {
        let part = &mut self.parts[index];
        let State::Following(place) = part.state else {
            unreachable!("only a board with a place reads the log");
        };
        match page {
            Page::Events(segment) => part.ahead.extend(segment.frames_after(place)),
            Page::Gap => part.state = State::Lost,
            Page::Empty => part.state = State::Gone,
        }
    }

    /// Takes a whole board as JSON, held for this reader; none if it is gone.
    pub fn snapshot_read(&mut self, index: usize, snapshot: Option<(Bytes, Cursor)>) {
        let part = &mut self.parts[index];
        assert!(
            matches!(part.state, State::Lost),
            "only a board without a place needs a snapshot"
        );
        let Some((json, cursor)) = snapshot else {
            part.state = State::Gone;
            return;
        };
        part.advance(cursor);
        part.log_reaches = 0;
        self.rest_of = index;
        self.rest
            .push_back(Bytes::from_static(frame::SNAPSHOT_PREFIX));
        self.rest.push_back(json);
        self.rest.push_back(frame::snapshot_end(&self.id()));
    }

    /// A board went out of the caller's reach: nothing more of it is sent, not even what was taken out
    /// of the log before, and the caller is told. Fails in the middle of its snapshot, which could
    /// only be gone on with.
    pub fn lose(&mut self, index: usize) -> Result<(), Revoked> {
        if !self.rest.is_empty() && self.rest_of == index {
            return Err(Revoked);
        }
        let part = &mut self.parts[index];
        if !matches!(part.state, State::Over) && !sabotage::hits(Spot::LostBoardGoesOn) {
            part.state = State::Gone;
            part.ahead.clear();
        }
        Ok(())
    }

    /// What to send when nothing else was for a while.
    #[must_use]
    pub fn heartbeat(&self) -> Bytes {
        self.heartbeat.block()
    }

    /// Whether what was handed over so far ends with a whole block.
    #[must_use]
    pub fn is_between_blocks(&self) -> bool {
        self.rest.is_empty()
    }

    /// Ends the stream, telling the client when to come back.
    pub fn send_away(&mut self, retry_ms: u32) -> Option<Bytes> {
        assert!(
            self.is_between_blocks(),
            "a stream doesn't end in order in the middle of a block"
        );
        let is_over = self.is_sent_away || self.is_over();
        self.is_sent_away = true;
        (!is_over).then(|| frame::retry(retry_ms))
    }

    /// Whether nothing comes of any board any more.
    fn is_over(&self) -> bool {
        let is_over = |part: &Part| matches!(part.state, State::Over);
        self.parts.iter().all(is_over)
    }

    /// All boards' cursors, as one id.
    fn id(&self) -> String {
        let elements = self.parts.iter().filter_map(|part| {
            let element = part.element.as_deref()?;
            Some(format!("{}:{element}", part.board))
        });
        elements.collect::<Vec<_>>().join(",")
    }

    fn next_slice(&mut self) -> Option<Bytes> {
        let rest = self.rest.front_mut()?;
        let slice = rest.split_to(rest.len().min(SNAPSHOT_SLICE_BYTES));
        if rest.is_empty() {
            self.rest.pop_front();
        }
        Some(slice)
    }

    fn tell_gone(&mut self) -> Option<Bytes> {
        let gone = |part: &&mut Part| matches!(part.state, State::Gone);
        let part = self.parts.iter_mut().find(gone)?;
        part.end();
        let told = BoardGone {
            kind: "board_gone",
            board_id: &part.board,
        };
        let told = frame::json(&told);
        Some(frame::block(&told, &self.id()))
    }

    /// Looks for the next events of every board that has none ahead. Gives the board whose log must
    /// be read for that.
    fn refill(
        &mut self,
        look: &mut impl FnMut(usize, Cursor) -> After<Segment>,
    ) -> Option<(usize, Cursor)> {
        for (index, part) in self.parts.iter_mut().enumerate() {
            let State::Following(place) = part.state else {
                continue;
            };
            if !part.ahead.is_empty() {
                continue;
            }
            match look(index, place) {
                After::CaughtUp if place.seq < part.log_reaches => return Some((index, place)),
                After::CaughtUp => {}
                After::Behind => return Some((index, place)),
                After::Events(segment) => part.ahead.extend(segment.frames_after(place)),
                After::Gone => part.state = State::Gone,
            }
        }
        None
    }

    /// The oldest event that was committed and not sent.
    fn next_block(&mut self, committed: u64) -> Option<Bytes> {
        let ordinal = |part: &&mut Part| part.ahead.front().map(|frame| frame.ordinal);
        let part = self
            .parts
            .iter_mut()
            .filter(|part| ordinal(part).is_some_and(|ordinal| ordinal <= committed))
            .min_by_key(|part| part.ahead.front().map(|frame| frame.ordinal))?;
        let frame = part.ahead.pop_front()?;
        part.advance(frame.cursor);
        if frame.ends_stream() {
            part.end();
        }
        Some(frame.with_id(&self.id()))
    }
}

impl Part {
    fn new(asked: Asked) -> Self {
        let Asked {
            board,
            start,
            element,
        } = asked;
        let (state, element, log_reaches) = match start {
            Some(Start::After { place, head }) => {
                (State::Following(place), Some(place.to_string()), head.seq)
            }
            Some(Start::Snapshot) => (State::Lost, element, 0),
            None => (State::Gone, element, 0),
        };
        Self {
            board,
            state,
            element,
            log_reaches,
            ahead: VecDeque::new(),
        }
    }

    fn advance(&mut self, place: Cursor) {
        self.state = State::Following(place);
        self.element = Some(place.to_string());
    }

    fn end(&mut self) {
        self.state = State::Over;
        self.ahead.clear();
    }
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
