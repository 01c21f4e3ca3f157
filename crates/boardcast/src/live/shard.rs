//! Which watcher gets which bytes next, who waits and who is closed, for watchers whose sockets are
//! ours. Without IO: bytes go into a [`Sink`], the time is handed in, so a reactor's thread and a
//! simulator run the same code.
//!
//! Every watcher is in exactly one of three: standing where its board's next pass begins or ends,
//! catching up, or blocked by its socket. A pass freezes what was published since the last one and
//! sends the same bytes to everyone who stands at its start. Whoever can't take all of it keeps the
//! rest of the one event that it has half of, and a place, and goes on from the board's tail or log:
//! there is no queue per watcher.

#[cfg(any(test, feature = "sabotage"))]
mod audit;

#[cfg(any(test, feature = "sabotage"))]
pub use audit::States;

use super::chunks::{LAST_CHUNK, Run, put_chunk};
use super::cuts::Cuts;
use super::hub::{After, Ear, Seat};
use super::pages::Pages;
use super::watcher::Next;
use super::wheel::Wheel;
use super::{Page, ReadError, Snapshot, Watcher};
use crate::outside::{Outside, random_within};
use crate::sabotage::{self, Spot};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::Segment;
use boardcast_core::limits::{
    HEARTBEAT_SECONDS, RETRY_SPREAD_MS, SENDS_PER_TURN_MAX, STALL_BYTES_MIN, STALL_SECONDS,
};
use boardcast_core::model::BoardId;
use bytes::{Buf, Bytes};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const HEARTBEAT: Duration = Duration::from_secs(HEARTBEAT_SECONDS);
const STALL: Duration = Duration::from_secs(STALL_SECONDS);

/// Sends of a turn that one board's pass may make before others have theirs.
const PASS_SHARE: usize = SENDS_PER_TURN_MAX / 2;
/// Sends that pages, and watchers alone, may make after each of those: however busy the boards are,
/// who is new, comes back or is due a heartbeat doesn't wait for the end of it.
const SHARE: usize = SENDS_PER_TURN_MAX / 8;

/// A watcher's name: its slot, and which of the slot's watchers it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    /// Free again once it has left.
    pub slot: u32,
    /// Never used again.
    pub turn: u32,
}

/// What a socket came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It took everything.
    All,
    /// It took so many bytes and is full; [`Shard::writable`] says when it no longer is.
    Short(usize),
    /// It is broken.
    Gone,
}

/// How a watcher's connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// After the last chunk.
    InOrder,
    /// Wherever it stands: the client takes it for a cut.
    Cut,
    /// Wherever it stands, and what the kernel has not sent yet is thrown away.
    Revoked,
}

/// How watchers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Watchers that have everything.
    pub up_to_date: usize,
    /// Watchers whose sockets are full.
    pub blocked: usize,
    /// Bytes that are kept for one watcher each.
    pub owed: usize,
}

/// A number that a read is asked for under.
pub type Ask = u64;

/// The world around a shard.
pub trait Sink {
    /// Hands bytes to a watcher's socket without waiting.
    fn send(&mut self, watcher: Token, bytes: &[u8]) -> Sent;
    /// Whether a socket is full, from when it first is until everything was handed over.
    fn is_full(&mut self, watcher: Token, is_full: bool);
    /// Closes a socket; its watcher is gone.
    fn close(&mut self, watcher: Token, ending: Ending);
    /// Reads a board's log after a place, for [`Shard::log_read`].
    fn read_log(&mut self, ask: Ask, board_id: &BoardId, place: Cursor);
    /// Takes a board's snapshot, for [`Shard::snapshot_read`].
    fn read_snapshot(&mut self, ask: Ask, board_id: &BoardId);
    /// A snapshot's block, held for a watcher.
    fn hold(&mut self, watcher: Token, snapshot: &Arc<Snapshot>) -> Bytes;
}

/// Some boards' watchers.
pub struct Shard {
    watchers: Pages<Entry>,
    next_turn: u32,
    boards: Pages<Board>,
    /// Those that have their ids now. One that was made anew leaves the old one behind, until its
    /// watchers have ended.
    by_id: BTreeMap<BoardId, u32>,
    /// Boards whose pass goes on or may begin.
    runnable: VecDeque<u32>,
    /// Watchers whose next step is due.
    queued: VecDeque<Token>,
    /// Pages of the log that have come, and who waits for them.
    pages: VecDeque<Arrived>,
    reads: BTreeMap<Ask, Read>,
    next_ask: Ask,
    wheel: Wheel,
    ear: Arc<dyn Ear>,
    outside: Arc<dyn Outside>,
    is_draining: bool,
    gate: Gate,
    /// For what one watcher alone is sent.
    scratch: Run,
    slice: Vec<u8>,
}

/// What every send passes: nothing goes to a watcher that has lost its rights, wherever it stands.
#[derive(Default)]
struct Gate {
    cuts: Arc<Cuts>,
    /// Watchers that are to end, and get nothing until then.
    revoked: BTreeSet<Token>,
}

struct Entry {
    watcher: Watcher,
    /// Bytes to be sent before what the watcher decides next; seldom any.
    control: Option<Box<Bytes>>,
    /// Full since when; only while it is.
    stall: Option<Box<Stall>>,
    last_sent: Duration,
    turn: u32,
    board: u32,
    /// Bytes of the chunk of the snapshot's next slice that are sent.
    offset: u32,
    /// Where in its list.
    index: u32,
    state: State,
    /// Nothing comes after `control`.
    is_ending: bool,
}

struct Stall {
    ends: Duration,
    bytes_taken: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has everything: in this one of its board's lists.
    Listed(u8),
    /// Its next step is due.
    Queued,
    /// It waits for a read.
    Reading,
    /// Its socket is full.
    Blocked,
}

/// What a watcher costs while it has everything, besides its socket.
const _: () = assert!(size_of::<Option<Entry>>() <= 96);

/// The list of those that have everything, yet stand elsewhere than the others: they came with a
/// place that the hub hasn't heard of.
const ASIDE: u8 = 2;

struct Board {
    /// Of all its watchers.
    seat: Seat,
    /// Where everyone in the list `start` stands.
    place: Cursor,
    /// Watchers at the pass's start, at its end, and aside.
    lists: [Vec<u32>; 3],
    /// Which of the first two is the start. They change sides when a pass ends.
    start: u8,
    pass: Option<Run>,
    members: usize,
    /// Members in no list: catching up, or blocked.
    away: usize,
    is_runnable: bool,
    /// Reads of its log that are on their way.
    asked: Vec<(Cursor, Ask)>,
}

struct Read {
    board: u32,
    /// Of the log after it; none for a snapshot.
    place: Option<Cursor>,
    waiting: Vec<Token>,
}

struct Arrived {
    run: Run,
    waiting: Vec<Token>,
}

/// What a watcher's step comes to once its board's tail is let go of.
enum Due {
    Run,
    Slice(Bytes),
    ReadLog(Cursor),
    ReadSnapshot,
    Wait,
    End,
}

impl Shard {
    /// One without watchers. `ear` is told what [`Shard::published`] must know.
    #[must_use]
    pub fn new(ear: Arc<dyn Ear>, outside: Arc<dyn Outside>, now: Duration) -> Self {
        Self {
            watchers: Pages::default(),
            next_turn: 0,
            boards: Pages::default(),
            by_id: BTreeMap::new(),
            runnable: VecDeque::new(),
            queued: VecDeque::new(),
            pages: VecDeque::new(),
            reads: BTreeMap::new(),
            next_ask: 0,
            wheel: Wheel::new(now),
            ear,
            outside,
            is_draining: false,
            gate: Gate::default(),
            scratch: Run::default(),
            slice: Vec::new(),
        }
    }

    /// Where it is told who lost their rights.
    #[must_use]
    pub fn cuts(&self) -> &Arc<Cuts> {
        &self.gate.cuts
    }

    /// Takes a watcher that has been sent nothing yet. Its stream begins with `head`, which is no
    /// part of the body.
    pub fn add(&mut self, head: Vec<u8>, seat: Seat, mut watcher: Watcher, now: Duration) -> Token {
        let Next::Greeting(greeting) = seat.peek(|tail| match watcher.next(tail) {
            Next::Greeting(greeting) => Next::Greeting(greeting),
            _ => Next::End,
        }) else {
            unreachable!("a new watcher is greeted first");
        };
        watcher.greeted();
        let mut control = head;
        put_chunk(&mut control, &greeting);
        let board = self.sit(seat);
        let turn = self.next_turn;
        self.next_turn = self.next_turn.wrapping_add(1);
        let slot = self.watchers.insert(Entry {
            watcher,
            control: put_aside(control.into()),
            stall: None,
            last_sent: now,
            turn,
            board,
            offset: 0,
            index: 0,
            state: State::Queued,
            is_ending: false,
        });
        let token = Token { slot, turn };
        self.boards[board].away += 1;
        self.queued.push_back(token);
        self.wheel.put(token, now + HEARTBEAT);
        token
    }

    /// One more member of its board.
    fn sit(&mut self, seat: Seat) -> u32 {
        if let Some(&board) = self.by_id.get(seat.board_id()) {
            let known = &mut self.boards[board];
            if known.seat.is_beside(&seat) {
                known.seat.join(seat);
                known.members += 1;
                return board;
            }
        }
        let board = self.boards.vacant();
        seat.listen(Arc::clone(&self.ear), board);
        self.by_id.insert(seat.board_id().clone(), board);
        let known = Board {
            seat,
            place: Cursor::START,
            lists: Default::default(),
            start: 0,
            pass: None,
            members: 1,
            away: 0,
            is_runnable: false,
            asked: Vec::new(),
        };
        self.boards.put(board, known);
        board
    }

    /// A board's tail has grown.
    pub fn published(&mut self, board: u32) {
        if let Some(known) = self.boards.get_mut(board) {
            known.seat.heard();
            self.make_runnable(board);
        }
    }

    /// A watcher's socket has room again.
    pub fn writable(&mut self, token: Token) {
        if self
            .find(token)
            .is_some_and(|entry| entry.state == State::Blocked)
        {
            self.queue(token);
        }
    }

    /// A watcher's connection is over, or shall be: it gets nothing more.
    pub fn cut(&mut self, token: Token, sink: &mut impl Sink) {
        if self.find(token).is_some() && !sabotage::hits(Spot::CutIgnored) {
            self.end(token, Ending::Cut, sink);
        }
    }

    /// A watcher lost its rights: it gets nothing more.
    pub fn revoke(&mut self, token: Token, sink: &mut impl Sink) {
        if self.find(token).is_some() {
            self.end(token, Ending::Revoked, sink);
        }
    }

    /// Ends those who lost their rights since the last look. Whoever sends nothing for a while calls it
    /// now and then: somebody waits for it.
    pub fn look_at_cuts(&mut self, sink: &mut impl Sink) {
        self.gate.look();
        while let Some(token) = self.gate.revoked.pop_first() {
            self.revoke(token, sink);
        }
    }

    /// Takes what the log had.
    pub fn log_read(&mut self, ask: Ask, read: &Result<Page, ReadError>) {
        let Some((place, waiting)) = self.arrived(ask) else {
            return;
        };
        let place = place.expect("the log was asked");
        if let Ok(page @ Page::Events(segment)) = read {
            let mut run = Run::default();
            run.fill(resumed_at(place, segment), [segment]);
            for token in &waiting {
                let _ = self.watchers[token.slot].watcher.log_page(page);
            }
            self.pages.push_back(Arrived { run, waiting });
            return;
        }
        for token in waiting {
            match read {
                Ok(page) => _ = self.watchers[token.slot].watcher.log_page(page),
                Err(ReadError) => self.send_away(token),
            }
            self.queue(token);
        }
    }

    /// Takes a whole board; none if there is no such living board.
    pub fn snapshot_read(
        &mut self,
        ask: Ask,
        read: &Result<Option<Arc<Snapshot>>, ReadError>,
        sink: &mut impl Sink,
    ) {
        let Some((_, waiting)) = self.arrived(ask) else {
            return;
        };
        for token in waiting {
            match read {
                Ok(snapshot) => {
                    let held = snapshot
                        .as_ref()
                        .map(|snapshot| (sink.hold(token, snapshot), snapshot.cursor()));
                    self.watchers[token.slot].watcher.snapshot_read(held);
                }
                Err(ReadError) => self.send_away(token),
            }
            self.queue(token);
        }
    }

    /// The place that was read after, and those who still wait for it.
    fn arrived(&mut self, ask: Ask) -> Option<(Option<Cursor>, Vec<Token>)> {
        let Read {
            board,
            place,
            mut waiting,
        } = self.reads.remove(&ask)?;
        if let Some(board) = self.boards.get_mut(board) {
            board.asked.retain(|(_, asked)| *asked != ask);
        }
        waiting.retain(|token| self.is_reading(*token));
        Some((place, waiting))
    }

    /// From now on every stream ends as soon as it can in order: after the event that it is in the
    /// middle of, and after a snapshot that was asked for.
    pub fn drain(&mut self) {
        self.is_draining = true;
        let waiting = |(slot, entry): (u32, &Entry)| {
            let turn = entry.turn;
            matches!(entry.state, State::Listed(_)).then_some(Token { slot, turn })
        };
        let waiting: Vec<_> = self.watchers.iter().filter_map(waiting).collect();
        waiting.into_iter().for_each(|token| self.queue(token));
    }

    /// Some of what is due: as many sends as one turn may take. True if more is due.
    pub fn turn(&mut self, now: Duration, sink: &mut impl Sink) -> bool {
        self.turn_of(SENDS_PER_TURN_MAX, now, sink)
    }

    /// [`Shard::turn`] with another number of sends.
    pub fn turn_of(&mut self, sends_max: usize, now: Duration, sink: &mut impl Sink) -> bool {
        self.look_at_cuts(sink);
        self.look_at_clocks(now, sink);
        let mut sends_left = sends_max;
        while sends_left > 0 && self.is_busy() {
            if let Some(board) = self.runnable.pop_front() {
                sends_left -= self.run_pass(board, sends_left.min(PASS_SHARE), now, sink);
            }
            sends_left -= self.serve_pages(sends_left.min(SHARE), now, sink);
            sends_left -= self.take_steps(sends_left.min(SHARE), now, sink);
        }
        // Nobody may have another turn soon.
        self.look_at_cuts(sink);
        self.is_busy()
    }

    fn is_busy(&self) -> bool {
        !(self.runnable.is_empty() && self.queued.is_empty() && self.pages.is_empty())
    }

    /// When a clock runs out next.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        self.wheel.next_due()
    }

    /// How its watchers are, and what is kept for them; takes a look at each.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        for (_, entry) in self.watchers.iter() {
            let is_listed = matches!(entry.state, State::Listed(_));
            let is_board_at_rest = !self.boards[entry.board].is_runnable;
            census.up_to_date += usize::from(is_listed && is_board_at_rest);
            census.blocked += usize::from(entry.state == State::Blocked);
            census.owed += entry.control.as_ref().map_or(0, |control| control.len());
        }
        census
    }

    /// How many watchers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.watchers.len()
    }

    /// Whether nobody watches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.watchers.is_empty()
    }

    /// Sends a board's pass to some more watchers; gives how many sends it took.
    fn run_pass(
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
                self.end_pass(number, &run);
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
        let mut run = Run::default();
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
            After::Events(()) => Some(run),
            After::Behind | After::Gone => {
                self.empty_list(number, board.start);
                None
            }
        }
    }

    fn end_pass(&mut self, number: u32, run: &Run) {
        let board = &mut self.boards[number];
        let listed: usize = board.lists.iter().map(Vec::len).sum();
        assert_eq!(
            listed + board.away,
            board.members,
            "a pass forgets no watcher"
        );
        board.place = run.last();
        board.start = 1 - board.start;
        self.make_runnable(number);
    }

    /// Sends pages that have come to some more watchers; gives how many.
    fn serve_pages(&mut self, sends_max: usize, now: Duration, sink: &mut impl Sink) -> usize {
        (0..sends_max)
            .take_while(|_| self.serve_page(now, sink))
            .count()
    }

    /// Sends the oldest page that has come to one more watcher.
    fn serve_page(&mut self, now: Duration, sink: &mut impl Sink) -> bool {
        let Some(mut arrived) = self.pages.pop_front() else {
            return false;
        };
        let token = arrived.waiting.pop();
        if let Some(token) = token.filter(|token| self.is_reading(*token))
            && self.deliver(token, &arrived.run, now, sink)
        {
            self.queue(token);
        }
        if !arrived.waiting.is_empty() {
            self.pages.push_front(arrived);
        }
        true
    }

    /// Does what is due for some watchers alone; gives how many.
    fn take_steps(&mut self, steps_max: usize, now: Duration, sink: &mut impl Sink) -> usize {
        let mut steps = 0;
        while steps < steps_max
            && let Some(token) = self.queued.pop_front()
        {
            if self
                .find(token)
                .is_some_and(|entry| entry.state == State::Queued)
            {
                steps += 1;
                self.step(token, now, sink);
            }
        }
        steps
    }

    /// What comes next for one watcher alone.
    fn step(&mut self, token: Token, now: Duration, sink: &mut impl Sink) {
        let entry = &self.watchers[token.slot];
        if entry.control.is_some() {
            return self.send_control(token, now, sink);
        }
        if self.is_draining && entry.watcher.is_between_blocks() {
            self.send_away(token);
            return self.send_control(token, now, sink);
        }
        let seat = &self.boards[entry.board].seat;
        let run = &mut self.scratch;
        let due = seat.peek(|tail| match entry.watcher.next(tail) {
            Next::Greeting(_) => unreachable!("it was greeted when it came"),
            Next::Events(place, _) => {
                run.fill(place, tail.segments_after(place));
                Due::Run
            }
            Next::Slice(slice) => Due::Slice(slice),
            Next::ReadLog(place) => Due::ReadLog(place),
            Next::ReadSnapshot => Due::ReadSnapshot,
            Next::Wait => Due::Wait,
            Next::End => Due::End,
        });
        match due {
            Due::Run => {
                let run = std::mem::take(&mut self.scratch);
                if self.deliver(token, &run, now, sink) {
                    self.queue(token);
                }
                self.scratch = run;
            }
            Due::Slice(slice) => self.send_slice(token, &slice, now, sink),
            Due::ReadLog(place) => self.ask_log(token, place, sink),
            Due::ReadSnapshot => {
                let ask = self.ask(token, None);
                sink.read_snapshot(ask, self.board_id(token));
            }
            Due::Wait => self.wait(token, now, sink),
            Due::End => {
                self.finish_with(token, LAST_CHUNK.into());
                self.send_control(token, now, sink);
            }
        }
    }

    /// Sends what a watcher lacks of a run that begins at its place. True if it has all of it now;
    /// else it is blocked or gone.
    fn deliver(&mut self, token: Token, run: &Run, now: Duration, sink: &mut impl Sink) -> bool {
        let entry = &mut self.watchers[token.slot];
        match self.gate.send(token, run.bytes(), sink) {
            Sent::All => {
                entry.sent(run.bytes().len(), now);
                entry.watcher.took_events(run.last(), run.is_last());
                true
            }
            Sent::Short(taken) => {
                if let Some((place, is_last, rest)) = run.cut_at(taken) {
                    entry.watcher.took_events(place, is_last);
                    entry.control = put_aside(owed(rest));
                }
                self.block(token, taken, now, sink);
                false
            }
            Sent::Gone => {
                self.end(token, Ending::Cut, sink);
                false
            }
        }
    }

    fn send_slice(&mut self, token: Token, slice: &[u8], now: Duration, sink: &mut impl Sink) {
        self.slice.clear();
        put_chunk(&mut self.slice, slice);
        let entry = &mut self.watchers[token.slot];
        let bytes = &self.slice[entry.offset as usize..];
        match self.gate.send(token, bytes, sink) {
            Sent::All => {
                entry.sent(bytes.len(), now);
                entry.offset = 0;
                entry.watcher.took_slice();
                self.queue(token);
            }
            Sent::Short(taken) => {
                entry.offset += u32::try_from(taken).expect("a slice has a limit");
                entry.offset += u32::from(sabotage::hits(Spot::SliceOffByOne));
                self.block(token, taken, now, sink);
            }
            Sent::Gone => self.end(token, Ending::Cut, sink),
        }
    }

    fn send_control(&mut self, token: Token, now: Duration, sink: &mut impl Sink) {
        let entry = &mut self.watchers[token.slot];
        let control = entry.control.as_mut().expect("something is to be sent");
        let sent = self.gate.send(token, control, sink);
        match sent {
            Sent::All if entry.is_ending => self.end(token, Ending::InOrder, sink),
            Sent::All => {
                let bytes = control.len();
                entry.sent(bytes, now);
                entry.control = None;
                self.queue(token);
            }
            Sent::Short(taken) => {
                control.advance(taken);
                self.block(token, taken, now, sink);
            }
            Sent::Gone => self.end(token, Ending::Cut, sink),
        }
    }

    /// Nothing comes for it now: it takes a place in a list, or is due a heartbeat.
    fn wait(&mut self, token: Token, now: Duration, sink: &mut impl Sink) {
        let entry = &mut self.watchers[token.slot];
        if now.saturating_sub(entry.last_sent) >= HEARTBEAT {
            let mut chunk = Vec::new();
            put_chunk(&mut chunk, &entry.watcher.heartbeat());
            entry.control = put_aside(chunk.into());
            return self.send_control(token, now, sink);
        }
        if entry.stall.take().is_some() {
            sink.is_full(token, false);
        }
        let place = entry.watcher.place();
        let place = place.expect("only a watcher with a place waits");
        let board = &mut self.boards[entry.board];
        let (start, end) = (board.start, 1 - board.start);
        let list = match &board.pass {
            None if board.lists[usize::from(start)].is_empty() => {
                board.place = place;
                start
            }
            _ if place == board.place || sabotage::hits(Spot::ListedAtStart) => start,
            Some(run) if place == run.last() => end,
            _ => ASIDE,
        };
        self.list(token, list);
    }

    fn look_at_clocks(&mut self, now: Duration, sink: &mut impl Sink) {
        while let Some(due) = self.wheel.take(now) {
            for token in due {
                self.look_at_clock(token, now, sink);
            }
        }
    }

    fn look_at_clock(&mut self, token: Token, now: Duration, sink: &mut impl Sink) {
        let Some(entry) = self.find_mut(token) else {
            return;
        };
        if let Some(stall) = &mut entry.stall
            && stall.ends <= now
        {
            // Who has room just now had none for most of the window; who waits for a read waits for us.
            let is_stalled = entry.state != State::Reading && stall.bytes_taken < STALL_BYTES_MIN;
            if is_stalled && !sabotage::hits(Spot::StallIgnored) {
                return self.end(token, Ending::Cut, sink);
            }
            **stall = Stall::from(now);
        }
        let is_overdue = entry.last_sent + HEARTBEAT <= now;
        if is_overdue && sabotage::hits(Spot::HeartbeatInEvent) {
            entry.interrupt();
        }
        // Who is overdue and in no list has its heartbeat, or something better, when it comes back.
        let silent_since = if is_overdue { now } else { entry.last_sent };
        let heartbeat_due = silent_since + HEARTBEAT;
        let stall = entry.stall.as_ref();
        let due = stall.map_or(heartbeat_due, |stall| heartbeat_due.min(stall.ends));
        if matches!(entry.state, State::Listed(_)) && is_overdue {
            self.queue(token);
        }
        self.wheel.put(token, due);
    }

    fn ask_log(&mut self, token: Token, place: Cursor, sink: &mut impl Sink) {
        let number = self.watchers[token.slot].board;
        let asked = &self.boards[number].asked;
        // Whoever asked first knew what this one knows: that the next event is not in the tail.
        let is_same = |asked: Cursor| asked == place || sabotage::hits(Spot::PageOfAnother);
        if let Some((_, ask)) = asked.iter().find(|(asked, _)| is_same(*asked)) {
            let read = self.reads.get_mut(ask).expect("it is on its way");
            read.waiting.push(token);
            self.watchers[token.slot].state = State::Reading;
            return;
        }
        let ask = self.ask(token, Some(place));
        self.boards[number].asked.push((place, ask));
        sink.read_log(ask, self.board_id(token), place);
    }

    fn ask(&mut self, token: Token, place: Option<Cursor>) -> Ask {
        self.next_ask += 1;
        let entry = &mut self.watchers[token.slot];
        entry.state = State::Reading;
        let read = Read {
            board: entry.board,
            place,
            waiting: vec![token],
        };
        self.reads.insert(self.next_ask, read);
        self.next_ask
    }

    /// The last block tells when to come back.
    fn send_away(&mut self, token: Token) {
        let retry_ms = random_within(&*self.outside, &RETRY_SPREAD_MS);
        let watcher = &mut self.watchers[token.slot].watcher;
        let mut last = Vec::new();
        if let Some(block) = watcher.send_away(retry_ms) {
            put_chunk(&mut last, &block);
        }
        last.extend_from_slice(LAST_CHUNK);
        self.finish_with(token, last.into());
    }

    fn finish_with(&mut self, token: Token, last: Bytes) {
        let entry = &mut self.watchers[token.slot];
        entry.control = put_aside(last);
        entry.is_ending = true;
    }

    fn block(&mut self, token: Token, taken: usize, now: Duration, sink: &mut impl Sink) {
        let entry = &mut self.watchers[token.slot];
        entry.state = State::Blocked;
        entry.sent(taken, now);
        if entry.stall.is_none() {
            entry.stall = Some(Box::new(Stall::from(now)));
            sink.is_full(token, true);
        }
        if sabotage::hits(Spot::SentWhileFull) {
            self.queue(token);
        }
    }

    fn end(&mut self, token: Token, ending: Ending, sink: &mut impl Sink) {
        self.unlist(token);
        let entry = self.watchers.remove(token.slot);
        let number = entry.expect("who ends was here").board;
        let board = &mut self.boards[number];
        board.away -= 1;
        board.members -= 1;
        if board.seat.leave() == 0 {
            board.seat.ignore();
            let board_id = board.seat.board_id();
            // By now it may be another one's, made anew under the same id.
            if self.by_id.get(board_id) == Some(&number) {
                self.by_id.remove(board_id);
            }
            self.boards.remove(number);
        }
        let is_revoked = self.gate.revoked.remove(&token);
        sink.close(token, if is_revoked { Ending::Revoked } else { ending });
    }

    fn queue(&mut self, token: Token) {
        self.unlist(token);
        self.watchers[token.slot].state = State::Queued;
        self.queued.push_back(token);
    }

    fn list(&mut self, token: Token, list: u8) {
        let entry = &mut self.watchers[token.slot];
        let board = &mut self.boards[entry.board];
        entry.index =
            u32::try_from(board.lists[usize::from(list)].len()).expect("slots are as few");
        entry.state = State::Listed(list);
        board.lists[usize::from(list)].push(token.slot);
        board.away -= 1;
    }

    /// Takes a watcher out of its list, if it is in one: it is away then.
    fn unlist(&mut self, token: Token) {
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

    fn empty_list(&mut self, number: u32, list: u8) {
        while let Some(&slot) = self.boards[number].lists[usize::from(list)].last() {
            let turn = self.watchers[slot].turn;
            self.queue(Token { slot, turn });
        }
    }

    fn make_runnable(&mut self, number: u32) {
        let board = &mut self.boards[number];
        if !std::mem::replace(&mut board.is_runnable, true) {
            self.runnable.push_back(number);
        }
    }

    fn board_id(&self, token: Token) -> &BoardId {
        let board = self.watchers[token.slot].board;
        self.boards[board].seat.board_id()
    }

    fn is_reading(&self, token: Token) -> bool {
        self.find(token)
            .is_some_and(|entry| entry.state == State::Reading)
    }

    fn find(&self, token: Token) -> Option<&Entry> {
        let entry = self.watchers.get(token.slot)?;
        (entry.turn == token.turn).then_some(entry)
    }

    fn find_mut(&mut self, token: Token) -> Option<&mut Entry> {
        let entry = self.watchers.get_mut(token.slot)?;
        (entry.turn == token.turn).then_some(entry)
    }
}

/// Most watchers have nothing of the kind most of the time.
fn put_aside(bytes: Bytes) -> Option<Box<Bytes>> {
    (!bytes.is_empty()).then(|| Box::new(bytes))
}

/// The rest of the one event that a watcher has half of.
fn owed(rest: &[u8]) -> Bytes {
    if sabotage::hits(Spot::RestDropped) {
        return Bytes::new();
    }
    if sabotage::hits(Spot::RestTwice) {
        return [rest, rest].concat().into();
    }
    Bytes::copy_from_slice(rest)
}

/// Where a page of the log goes on after a place: there.
fn resumed_at(place: Cursor, page: &Segment) -> Cursor {
    let is_harmed = page.last().seq > place.seq + 1 && sabotage::hits(Spot::ResumeOffByOne);
    let seq = place.seq + u64::from(is_harmed);
    Cursor { seq, ..place }
}

impl Gate {
    /// For a watcher that lost its rights this is the end. What was ordered before the look is known;
    /// what is ordered after it waits until the next look, which comes when this send is over.
    fn send(&mut self, watcher: Token, bytes: &[u8], sink: &mut impl Sink) -> Sent {
        self.look();
        if self.revoked.contains(&watcher) {
            return Sent::Gone;
        }
        sink.send(watcher, bytes)
    }

    fn look(&mut self) {
        if self.cuts.are_pending() {
            self.revoked.extend(self.cuts.take());
        }
    }
}

impl Entry {
    /// The mistake of [`Spot::HeartbeatInEvent`].
    fn interrupt(&mut self) {
        if let (State::Blocked, Some(rest)) = (self.state, &self.control) {
            let mut control = Vec::new();
            put_chunk(&mut control, &self.watcher.heartbeat());
            control.extend_from_slice(rest);
            self.control = put_aside(control.into());
        }
    }

    fn sent(&mut self, bytes: usize, now: Duration) {
        if bytes > 0 {
            self.last_sent = now;
        }
        if let Some(stall) = &mut self.stall {
            stall.bytes_taken += bytes as u64;
        }
    }
}

impl Stall {
    fn from(now: Duration) -> Self {
        Self {
            ends: now + STALL,
            bytes_taken: 0,
        }
    }
}
