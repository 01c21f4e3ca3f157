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
mod clocks;
mod pass;
mod sends;

#[cfg(any(test, feature = "sabotage"))]
pub use audit::States;

use super::chunks::{LAST_CHUNK, Run, put_chunk};
use super::cuts::Cuts;
use super::hub::{Ear, Seat};
use super::pages::Pages;
use super::watcher::Next;
use super::wheel::Wheel;
use super::{Page, ReadError, Snapshot, Watcher};
use crate::outside::{Outside, random_within};
use crate::sabotage::{self, Spot};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::Segment;
use boardcast_core::limits::{HEARTBEAT_SECONDS, RETRY_SPREAD_MS, SENDS_PER_TURN_MAX};
use boardcast_core::model::BoardId;
use bytes::Bytes;
use clocks::Stall;
use sends::{Gate, put_aside};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const HEARTBEAT: Duration = Duration::from_secs(HEARTBEAT_SECONDS);

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
    /// One that is not in use, for its memory.
    spare: Run,
    slice: Vec<u8>,
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
            spare: Run::default(),
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
        let run = &mut self.spare;
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
                let run = std::mem::take(&mut self.spare);
                if self.deliver(token, &run, now, sink) {
                    self.queue(token);
                }
                self.spare = run;
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

/// Where a page of the log goes on after a place: there.
fn resumed_at(place: Cursor, page: &Segment) -> Cursor {
    let is_harmed = page.last().seq > place.seq + 1 && sabotage::hits(Spot::ResumeOffByOne);
    let seq = place.seq + u64::from(is_harmed);
    Cursor { seq, ..place }
}
