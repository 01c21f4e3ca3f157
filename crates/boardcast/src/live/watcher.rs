//! What one watcher gets next, decided without IO: the tail, the log and the clock are handed in by
//! whoever moves the bytes. A watcher is a place in the log and nothing else; everything it may miss
//! (it lags, its place was pruned, it came with a foreign cursor) ends in the same few steps.

use super::Page;
use super::hub::{After, Tail};
use crate::sabotage::{self, Spot};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::{self, Segment};
use boardcast_core::limits::{RETRY_MS, SNAPSHOT_SLICE_BYTES};
use bytes::Bytes;

/// Where a watcher begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After an event: the head, or the caller's own good cursor.
    After {
        /// That event.
        place: Cursor,
        /// The newest event when it came. The log has it even where the tail doesn't know of it:
        /// the tail of a board that nobody watched is empty.
        head: Cursor,
    },
    /// With the whole board.
    Snapshot,
}

/// How an idle stream shows that it is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heartbeat {
    /// A comment: keeps proxies from cutting the line.
    #[default]
    Comment,
    /// An event, so that a page's code can notice its absence.
    Event,
}

impl Heartbeat {
    /// Its bytes.
    #[must_use]
    pub fn block(self) -> Bytes {
        match self {
            Self::Comment => frame::HEARTBEAT_COMMENT,
            Self::Event => frame::HEARTBEAT_EVENT,
        }
    }
}

/// What comes next for a watcher. Nothing counts as handed over yet: that is said afterwards.
#[derive(Debug)]
pub enum Next<'a> {
    /// The block that every stream begins with; then [`Watcher::greeted`].
    Greeting(Bytes),
    /// The tail's next events after this place; then [`Watcher::took_events`].
    Events(Cursor, &'a Segment),
    /// A slice of a snapshot; then [`Watcher::took_slice`].
    Slice(Bytes),
    /// Read the log after this place and give it to [`Watcher::log_page`].
    ReadLog(Cursor),
    /// Take a snapshot and give it to [`Watcher::snapshot_read`].
    ReadSnapshot,
    /// Nothing until something is published or a heartbeat is due.
    Wait,
    /// The stream is over.
    End,
}

/// What is to be done for a watcher whose bytes count as sent once they are handed over.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Hand these bytes over. Whole blocks, but for a snapshot's slices.
    Send(Bytes),
    /// Read the log after this place and give it to [`Watcher::log_read`].
    ReadLog(Cursor),
    /// Take a snapshot and give it to [`Watcher::snapshot_read`].
    ReadSnapshot,
    /// Nothing until something is published or a heartbeat is due.
    Wait,
    /// The stream is over.
    End,
}

/// One watcher's state.
#[derive(Debug)]
pub struct Watcher {
    phase: Phase,
    /// The log reaches at least to this number, whatever the tail says.
    log_reaches: u64,
    heartbeat: Heartbeat,
}

#[derive(Debug)]
enum Phase {
    /// `connected` has not been sent; then it stands here, or nowhere.
    Greeting(Option<Cursor>),
    /// It has everything up to this place.
    Following(Cursor),
    /// Its place can't be served: the whole board comes next.
    Lost,
    /// In the middle of a snapshot. Boxed, because watchers are many and few of them are here.
    Refilling(Box<Refill>),
    /// The last bytes are handed over.
    Over,
}

#[derive(Debug)]
struct Refill {
    rest: Bytes,
    /// Where the snapshot leads.
    to: Cursor,
}

impl Refill {
    /// Bytes that are handed over next.
    fn slice_len(&self) -> usize {
        self.rest.len().min(SNAPSHOT_SLICE_BYTES)
    }
}

impl Watcher {
    /// A watcher that has been sent nothing yet.
    #[must_use]
    pub fn new(start: Start, heartbeat: Heartbeat) -> Self {
        let (place, log_reaches) = match start {
            Start::After { place, head } => (Some(place), head.seq),
            Start::Snapshot => (None, 0),
        };
        Self {
            phase: Phase::Greeting(place),
            log_reaches,
            heartbeat,
        }
    }

    /// What comes next, given the board's tail.
    #[must_use]
    pub fn next<'a>(&self, tail: &'a Tail) -> Next<'a> {
        match &self.phase {
            Phase::Greeting(place) => Next::Greeting(frame::connected(RETRY_MS, *place)),
            Phase::Following(place) => match tail.after(*place) {
                After::CaughtUp if place.seq < self.log_reaches => Next::ReadLog(*place),
                After::CaughtUp => Next::Wait,
                After::Behind => Next::ReadLog(*place),
                After::Events(segment) => Next::Events(*place, segment),
                After::Gone => Next::End,
            },
            Phase::Lost => Next::ReadSnapshot,
            Phase::Refilling(refill) => Next::Slice(refill.rest.slice(..refill.slice_len())),
            Phase::Over => Next::End,
        }
    }

    /// [`Watcher::next`] for whoever hands over everything at once.
    pub fn step(&mut self, tail: &Tail) -> Step {
        match self.next(tail) {
            Next::Greeting(block) => {
                self.greeted();
                Step::Send(block)
            }
            Next::Events(place, segment) => Step::Send(self.take_all(place, segment)),
            Next::Slice(slice) => {
                self.took_slice();
                Step::Send(slice)
            }
            Next::ReadLog(place) => Step::ReadLog(place),
            Next::ReadSnapshot => Step::ReadSnapshot,
            Next::Wait => Step::Wait,
            Next::End => {
                self.phase = Phase::Over;
                Step::End
            }
        }
    }

    /// The greeting was handed over.
    pub fn greeted(&mut self) {
        let Phase::Greeting(place) = self.phase else {
            unreachable!("a watcher is greeted once");
        };
        self.phase = place.map_or(Phase::Lost, Phase::Following);
    }

    /// Events up to a place were handed over; with the last one of a stream nothing follows.
    pub fn took_events(&mut self, place: Cursor, is_last: bool) {
        let Phase::Following(before) = self.phase else {
            unreachable!("only a watcher with a place takes events");
        };
        assert!(before.seq < place.seq, "a watcher's place goes up");
        self.phase = if is_last {
            Phase::Over
        } else {
            Phase::Following(place)
        };
    }

    /// A slice of the snapshot was handed over.
    pub fn took_slice(&mut self) {
        let Phase::Refilling(refill) = &mut self.phase else {
            unreachable!("only a snapshot has slices");
        };
        let _ = refill.rest.split_to(refill.slice_len());
        if refill.rest.is_empty() {
            self.phase = Phase::Following(refill.to);
        }
    }

    /// The place up to which it has everything, if it has one.
    #[must_use]
    pub fn place(&self) -> Option<Cursor> {
        match self.phase {
            Phase::Following(place) => Some(place),
            _ => None,
        }
    }

    /// Takes what the log had after the place; gives the events to hand over, if there are any.
    pub fn log_page<'a>(&mut self, page: &'a Page) -> Option<&'a Segment> {
        assert!(
            matches!(self.phase, Phase::Following(_)),
            "only a watcher with a place reads the log"
        );
        match page {
            Page::Events(segment) => Some(segment),
            Page::Gap => {
                self.phase = Phase::Lost;
                None
            }
            Page::Empty => {
                // It was behind, yet its board has no log any more.
                self.phase = Phase::Over;
                None
            }
        }
    }

    /// [`Watcher::log_page`] for whoever hands over everything at once.
    pub fn log_read(&mut self, page: &Page) -> Option<Bytes> {
        let place = self.place();
        let place = place.expect("only a watcher with a place reads the log");
        let segment = self.log_page(page)?;
        let seq = place.seq + u64::from(sabotage::hits(Spot::ResumeOffByOne));
        Some(self.take_all(Cursor { seq, ..place }, segment))
    }

    /// Takes the whole board, held for this reader; none if the board is gone.
    pub fn snapshot_read(&mut self, snapshot: Option<(Bytes, Cursor)>) {
        assert!(
            matches!(self.phase, Phase::Lost),
            "only a watcher without a place needs a snapshot"
        );
        self.phase = match snapshot {
            Some((rest, to)) => Phase::Refilling(Box::new(Refill { rest, to })),
            None => Phase::Over,
        };
    }

    /// What to send when nothing else was for a while.
    #[must_use]
    pub fn heartbeat(&self) -> Bytes {
        self.heartbeat.block()
    }

    /// Whether what was handed over so far ends with a whole block. Only there a stream may end in
    /// order: a client could take half a block for a whole one.
    #[must_use]
    pub fn is_between_blocks(&self) -> bool {
        !matches!(self.phase, Phase::Refilling(_))
    }

    /// Ends the stream, telling the client when to come back.
    pub fn send_away(&mut self, retry_ms: u32) -> Option<Bytes> {
        assert!(
            self.is_between_blocks(),
            "a stream doesn't end in order in the middle of a block"
        );
        let is_over = matches!(self.phase, Phase::Over);
        self.phase = Phase::Over;
        (!is_over).then(|| frame::retry(retry_ms))
    }

    fn take_all(&mut self, place: Cursor, segment: &Segment) -> Bytes {
        self.took_events(segment.last(), segment.ends_stream());
        segment.after(place)
    }
}
