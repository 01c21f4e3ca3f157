//! What stands around the shard instead of the reactor's thread: the inbox, reads on their way, sockets,
//! and the rules that every turn of it must keep.

use crate::gates::Gated;
use crate::nature::Nature;
use crate::sockets::{Event, Receiver, Socket, connect};
use crate::tasks::{Flag, at_once};
use boardcast::live::body::Stream;
use boardcast::live::cuts::Cuts;
use boardcast::live::hub::{Ear, Seat};
use boardcast::live::leases::{self, Leases};
use boardcast::live::shard::{Ask, Ending, Sent, Shard, Sink, States, Token};
use boardcast::live::{
    Hangup, Lease, Log, Page, Part, Pins, ReadError, Snapshot, StreamPermit, Watcher,
};
use boardcast_core::access::{Access, Caller, Revocation};
use boardcast_core::cursor::Cursor;
use boardcast_core::limits::{
    HEARTBEAT_SECONDS, SEND_BYTES_MAX, SENDS_PER_TURN_MAX, STALL_BYTES_MIN, STALL_SECONDS,
};
use boardcast_core::model::{BoardId, SessionId, UserId};
use boardcast_sim::random::Random;
use boardcast_sim::rights::Badge;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

const HEARTBEAT: Duration = Duration::from_secs(HEARTBEAT_SECONDS);
const STALL: Duration = Duration::from_secs(STALL_SECONDS);
/// How fine the shard's clocks are, and as much as they may be late.
const GRANULE: Duration = Duration::from_millis(250);
/// A heartbeat may be later: who comes back may have been looked at just before, and is looked at again
/// when the clocks have gone round.
const HEARTBEAT_LATE: Duration = Duration::from_secs(1);

enum Message {
    Join(Box<Joining>),
    Published(u32),
    LogRead(Ask, Result<Page, ReadError>),
    SnapshotRead(Ask, Result<Option<Arc<Snapshot>>, ReadError>),
    Cut(Token),
    CutsOrdered,
    Drain,
}

struct Joining {
    seat: Seat,
    watcher: Watcher,
    lease: Lease,
    end: End,
}

/// Where those are ordered to be cut who lost their rights. Nobody sends at the same time here.
struct Knife {
    cuts: Arc<Cuts>,
    inbox: Weak<Inbox>,
}

impl leases::Sender for Knife {
    fn cut(&self, watchers: Vec<Token>) {
        self.cuts.order(watchers);
        if let Some(inbox) = self.inbox.upgrade() {
            inbox.messages().push_back(Message::CutsOrdered);
        }
    }
}

/// What waits for the shard.
#[derive(Default)]
struct Inbox(Mutex<VecDeque<Message>>);

impl Inbox {
    fn messages(&self) -> MutexGuard<'_, VecDeque<Message>> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl Ear for Inbox {
    fn published(&self, board: u32) {
        self.messages().push_back(Message::Published(board));
    }
}

fn person(number: u64) -> UserId {
    UserId::parse(&format!("person-{number}")).expect("an id")
}

/// The session of a person.
fn session(user_id: &UserId) -> SessionId {
    SessionId::parse(user_id.as_str()).expect("an id")
}

fn access(user_id: &UserId) -> Access {
    Access::of(Caller::Person {
        user_id: user_id.clone(),
        session_id: session(user_id),
    })
}

impl Work {
    pub(crate) fn add(&mut self, other: &Self) {
        self.joins += other.joins;
        self.sends += other.sends;
        self.shorts += other.shorts;
        self.stalled += other.stalled;
    }
}

/// What it has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) joins: u64,
    pub(crate) sends: u64,
    /// Of these, those that were not taken whole.
    pub(crate) shorts: u64,
    /// Watchers that took too little.
    pub(crate) stalled: u64,
}

pub(crate) struct Fanout {
    shard: Shard,
    inbox: Arc<Inbox>,
    sockets: Sockets,
    random: Random,
    is_busy: bool,
    states: States,
    /// Every stream is a person's of its own.
    people: u64,
}

impl Fanout {
    pub(crate) fn new(
        log: Arc<Gated>,
        leases: Arc<Leases>,
        nature: Arc<Nature>,
        mut random: Random,
        now: Duration,
    ) -> Self {
        let inbox = Arc::<Inbox>::default();
        let shard = Shard::new(Arc::clone(&inbox) as Arc<dyn Ear>, nature, now);
        leases.send_by(Arc::new(Knife {
            cuts: Arc::clone(shard.cuts()),
            inbox: Arc::downgrade(&inbox),
        }));
        Self {
            shard,
            inbox,
            sockets: Sockets {
                ends: BTreeMap::new(),
                reads: Vec::new(),
                log,
                leases,
                revoked: BTreeSet::new(),
                past: BTreeSet::new(),
                excused: BTreeSet::new(),
                hangups: Vec::new(),
                now,
                work: Work::default(),
                wrong: Vec::new(),
            },
            random: random.fork(),
            is_busy: false,
            states: States::default(),
            people: 0,
        }
    }

    /// Takes a stream over; what its client receives raises its flag. `badge`: by what its client is
    /// known, where accounts are on; elsewhere it is somebody made up.
    pub(crate) fn join(
        &mut self,
        stream: Stream,
        reader: Arc<Flag>,
        badge: Option<Badge>,
    ) -> Receiver {
        let Stream {
            line,
            seat,
            watcher,
        } = stream;
        let (socket, receiver) = connect(reader, self.random.fork());
        self.people += 1;
        let person = person(self.people);
        let boards = vec![seat.board_id().clone()];
        let lease = match badge {
            Some(_) => line.lease,
            None => self.sockets.leases.take(&access(&person), boards),
        };
        let end = End::new(socket, person, badge, Arc::clone(&line.pins), line.permit);
        self.tell(Message::Join(Box::new(Joining {
            seat,
            watcher,
            lease,
            end,
        })));
        receiver
    }

    /// Ends all streams in order.
    pub(crate) fn drain(&self) {
        self.tell(Message::Drain);
    }

    /// Some way in which one who watches, or is about to, loses the right to; none if nobody does.
    pub(crate) fn some_right(&self, choice: u64) -> Option<Revocation> {
        let inbox = self.inbox.messages();
        let joining = inbox.iter().filter_map(|message| match message {
            Message::Join(joining) => Some((&joining.end, joining.seat.board_id().clone())),
            _ => None,
        });
        let joined = self.sockets.ends.values();
        let joined = joined.filter_map(|end| Some((end, end.board.clone()?)));
        let mut all: Vec<_> = joined.chain(joining).collect();
        let index = choice.checked_rem(all.len() as u64)?;
        let (end, board_id) = all.swap_remove(index as usize);
        let user_id = end.person.clone();
        Some(match choice / 7 % 3 {
            0 => Revocation::User(user_id),
            1 => Revocation::Session(session(&user_id)),
            _ => Revocation::Member(user_id, board_id),
        })
    }

    /// These rights are gone now: whoever had them is sent nothing more.
    pub(crate) fn revoked(&mut self, revocations: &[Revocation]) {
        for revocation in revocations {
            self.sockets.revoked.insert(match revocation {
                Revocation::User(user_id) | Revocation::Member(user_id, _) => user_id.clone(),
                Revocation::Session(session_id) => {
                    UserId::parse(session_id.as_str()).expect("it is named after its user")
                }
                Revocation::Token(_) | Revocation::Everyone => continue,
            });
        }
    }

    /// Everyone who watches or is about to, by what they are known, and the board.
    fn holders(&self) -> Vec<(UserId, Badge, BoardId)> {
        let inbox = self.inbox.messages();
        let joining = inbox.iter().filter_map(|message| match message {
            Message::Join(joining) => Some((&joining.end, joining.seat.board_id().clone())),
            _ => None,
        });
        let joined = self.sockets.ends.values();
        let joined = joined.filter_map(|end| Some((end, end.board.clone()?)));
        let known = joined.chain(joining);
        let known =
            known.filter_map(|(end, board)| Some((end.person.clone(), end.badge.clone()?, board)));
        known.collect()
    }

    /// Rights have changed: whoever may not see their board may be closed for that, whatever comes.
    pub(crate) fn look_who_may(&mut self, may: impl Fn(&Badge, &str) -> bool) {
        let holders = self.holders().into_iter();
        let losing = holders.filter(|(_, badge, board)| !may(badge, board.as_str()));
        self.sockets
            .excused
            .extend(losing.map(|(person, ..)| person));
    }

    /// A board was made anew: whoever watches is still sent the rest of the one before.
    pub(crate) fn made_anew(&mut self, made: &str) {
        let holders = self.holders().into_iter();
        let past = holders.filter(|(_, _, board)| board.as_str() == made);
        self.sockets.past.extend(past.map(|(person, ..)| person));
    }

    /// From here on those are sent nothing more who lost their board.
    pub(crate) fn lost(&mut self, lost: impl Fn(&Badge, &str) -> bool) {
        let holders = self.holders().into_iter();
        let losing = holders.filter(|(_, badge, board)| lost(badge, board.as_str()));
        let losing = losing.map(|(person, ..)| person);
        let Sockets { revoked, past, .. } = &mut self.sockets;
        revoked.extend(losing.filter(|person| !past.contains(person)));
    }

    /// Cuts one that watches; false if nobody does.
    pub(crate) fn cut_one(&self, choice: u64) -> bool {
        let watchers = self.sockets.ends.len() as u64;
        let index = choice.checked_rem(watchers);
        let token = index.and_then(|index| self.sockets.ends.keys().nth(index as usize));
        if let Some(token) = token {
            self.tell(Message::Cut(*token));
        }
        token.is_some()
    }

    /// A mistake: it never hears of what was published.
    pub(crate) fn forget_publications(&self) {
        let is_other = |message: &Message| !matches!(message, Message::Published(_));
        self.inbox.messages().retain(is_other);
    }

    fn tell(&self, message: Message) {
        self.inbox.messages().push_back(message);
    }

    pub(crate) fn work(&self) -> Work {
        self.sockets.work
    }

    /// What was wrong since the last look.
    pub(crate) fn take_wrong(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sockets.wrong)
    }

    /// Whether it has something to do.
    pub(crate) fn is_woken(&self, now: Duration) -> bool {
        self.is_busy
            || !self.inbox.messages().is_empty()
            || self.sockets.reads.iter().any(|read| read.flag.is_raised())
            || self.sockets.ends.values().any(|end| end.socket.has_event())
            || self.is_due(now)
    }

    fn is_due(&self, now: Duration) -> bool {
        self.shard.next_due().is_some_and(|due| due <= now)
    }

    /// One round of the thread. It may come before everything has arrived that is on its way, and may
    /// be able to do less than it would like.
    pub(crate) fn turn(&mut self, now: Duration) {
        let is_whole = self.random.one_in(2);
        let was_at_rest = !self.is_busy && self.states.listed == self.states.all();
        let mut only_published = was_at_rest && !self.is_due(now);
        self.sockets.begin_turn(now);
        self.sockets.carry_on_reads(&self.inbox, &mut self.random);
        only_published &= !self.look_at_sockets(is_whole);
        only_published &= self.take_messages(is_whole);
        let sends_max = match is_whole {
            true => SENDS_PER_TURN_MAX,
            false => 1 + self.random.below(3) as usize,
        };
        self.is_busy = self.shard.turn_of(sends_max, now, &mut self.sockets);
        self.sockets.hang_up(&self.inbox);
        self.judge(only_published);
    }

    /// True if there was anything.
    fn look_at_sockets(&mut self, is_whole: bool) -> bool {
        let mut any = false;
        let tokens: Vec<_> = self.sockets.ends.keys().copied().collect();
        for token in tokens {
            if !is_whole && self.random.one_in(2) {
                continue;
            }
            let socket = &self.sockets.ends[&token].socket;
            let event = socket.take_event();
            // Nothing keeps the kernel from saying so again.
            let is_told_again = !socket.is_refused() && self.random.one_in(8);
            any |= event.is_some();
            match event {
                Some(Event::HungUp) => self.cut(token),
                Some(Event::Writable) => self.shard.writable(token),
                None if is_told_again => self.shard.writable(token),
                None => {}
            }
        }
        any
    }

    fn cut(&mut self, token: Token) {
        if let Some(end) = self.sockets.ends.get_mut(&token) {
            end.is_cut = true;
            self.shard.cut(token, &mut self.sockets);
        }
    }

    /// True if there was nothing but word of what was published.
    fn take_messages(&mut self, is_whole: bool) -> bool {
        let there = self.inbox.messages().len();
        let count = match is_whole {
            true => there,
            false => self.random.below(there as u64 + 1) as usize,
        };
        let messages: Vec<_> = self.inbox.messages().drain(..count).collect();
        let mut only_published = true;
        for message in messages {
            only_published &= matches!(message, Message::Published(_));
            self.take(message);
        }
        only_published
    }

    fn take(&mut self, message: Message) {
        let Self { shard, sockets, .. } = self;
        match message {
            Message::Join(joining) => {
                let Joining {
                    seat,
                    watcher,
                    lease,
                    end,
                } = *joining;
                sockets.work.joins += 1;
                let board = seat.board_id().clone();
                let token = shard.add(HEAD.to_vec(), seat, watcher, sockets.now);
                sockets.ends.insert(token, end.joined(board, sockets.now));
                if lease.join(token).is_err() {
                    shard.revoke(token, sockets);
                }
            }
            Message::Published(board) => shard.published(board),
            Message::LogRead(ask, read) => shard.log_read(ask, &read),
            Message::SnapshotRead(ask, read) => shard.snapshot_read(ask, &read, sockets),
            Message::Cut(token) => self.cut(token),
            Message::CutsOrdered => {}
            Message::Drain => shard.drain(),
        }
    }

    fn judge(&mut self, only_published: bool) {
        match self.shard.audit() {
            Ok(states) => self.states = states,
            Err(sentence) => self.sockets.wrong.push(format!("the shard: {sentence}")),
        }
        let Self {
            states, sockets, ..
        } = self;
        let refused = sockets.ends.values().filter(|end| end.socket.is_refused());
        let (refused, ends) = (refused.count(), sockets.ends.len());
        if (states.blocked, states.all()) != (refused, ends) {
            sockets.wrong.push(format!(
                "the shard has {states:?}, and of {ends} sockets {refused} are full"
            ));
        }
        let is_at_rest = !self.is_busy && states.queued + states.reading == 0;
        sockets.judge(is_at_rest, only_published);
    }
}

/// The server's end of a watcher's connection, and what is known of it.
struct End {
    person: UserId,
    /// By what it is really known, where accounts are on.
    badge: Option<Badge>,
    /// Once it has joined.
    board: Option<BoardId>,
    socket: Socket,
    pins: Arc<Pins>,
    _permit: StreamPermit,
    /// It may get nothing more.
    is_cut: bool,
    full: Option<Full>,
    last_sent: Duration,
    /// In this turn.
    sends: usize,
    bytes: usize,
}

/// A socket that owes its client something.
struct Full {
    since: Duration,
    /// What it took meanwhile, and when.
    taken: Vec<(Duration, usize)>,
    stuck: Stuck,
}

/// How long it has taken too little without a break.
#[derive(Default)]
struct Stuck {
    since: Duration,
    bytes: usize,
    /// When a first window must have been over.
    first: Option<Duration>,
}

impl Stuck {
    fn since(now: Duration) -> Self {
        Self {
            since: now,
            ..Self::default()
        }
    }

    /// Looked at after each turn. True if it is one that must have been closed: of two windows at least
    /// the second one began after it was stuck.
    fn is_over_after(&mut self, now: Duration) -> bool {
        let ends = |since: Duration| since + STALL + GRANULE;
        match self.first {
            Some(first) => ends(first) <= now,
            None => {
                self.first = (ends(self.since) <= now).then_some(now);
                false
            }
        }
    }
}

impl End {
    fn new(
        socket: Socket,
        person: UserId,
        badge: Option<Badge>,
        pins: Arc<Pins>,
        permit: StreamPermit,
    ) -> Self {
        Self {
            socket,
            person,
            badge,
            board: None,
            pins,
            _permit: permit,
            is_cut: false,
            full: None,
            last_sent: Duration::ZERO,
            sends: 0,
            bytes: 0,
        }
    }

    fn joined(self, board: BoardId, now: Duration) -> Self {
        Self {
            board: Some(board),
            last_sent: now,
            ..self
        }
    }

    fn took(&mut self, bytes: usize, now: Duration) {
        self.bytes += bytes;
        if bytes > 0 {
            self.last_sent = now;
        }
        if let Some(full) = &mut self.full {
            full.taken.push((now, bytes));
            full.stuck.bytes += bytes;
        }
    }

    /// Whether it has been full for a window's time and has taken too little in it.
    fn may_be_given_up(&self, now: Duration) -> bool {
        self.full.as_ref().is_some_and(|full| {
            let recent = full.taken.iter().filter(|(at, _)| *at + STALL > now);
            let bytes: usize = recent.map(|(_, bytes)| bytes).sum();
            full.since + STALL <= now && (bytes as u64) < STALL_BYTES_MIN
        })
    }

    /// Whether it must have been given up. Who isn't blocked waits for the server, and begins anew.
    fn must_be_gone(&mut self, now: Duration) -> bool {
        let is_refused = self.socket.is_refused();
        self.full.as_mut().is_some_and(|full| {
            if !is_refused || full.stuck.bytes as u64 >= STALL_BYTES_MIN {
                full.stuck = Stuck::since(now);
            }
            full.stuck.is_over_after(now)
        })
    }
}

/// A read of the log or of a board on its way.
struct Read {
    flag: Arc<Flag>,
    work: Pin<Box<dyn Future<Output = Message>>>,
}

/// The world that the shard sends into.
struct Sockets {
    ends: BTreeMap<Token, End>,
    reads: Vec<Read>,
    log: Arc<Gated>,
    leases: Arc<Leases>,
    /// Who lost their rights.
    revoked: BTreeSet<UserId>,
    /// Who watches a board of which another one has the id now.
    past: BTreeSet<UserId>,
    /// Who lost them for a moment at least.
    excused: BTreeSet<UserId>,
    /// Of those that were given a snapshot lately.
    hangups: Vec<(Token, Hangup)>,
    now: Duration,
    work: Work,
    wrong: Vec<String>,
}

impl Sockets {
    fn begin_turn(&mut self, now: Duration) {
        self.now = now;
        for end in self.ends.values_mut() {
            (end.sends, end.bytes) = (0, 0);
        }
    }

    /// Some of those that can go on, in any order.
    fn carry_on_reads(&mut self, inbox: &Inbox, random: &mut Random) {
        loop {
            let woken = (0..self.reads.len()).filter(|at| self.reads[*at].flag.is_raised());
            let woken: Vec<_> = woken.collect();
            if woken.is_empty() {
                return;
            }
            let at = *random.pick(&woken);
            let read = &mut self.reads[at];
            read.flag.take();
            let waker = Arc::clone(&read.flag).into();
            let polled = read.work.as_mut().poll(&mut Context::from_waker(&waker));
            if let Poll::Ready(message) = polled {
                self.reads.swap_remove(at);
                inbox.messages().push_back(message);
            }
            if random.one_in(4) {
                return;
            }
        }
    }

    fn read(&mut self, work: impl Future<Output = Message> + 'static) {
        let flag = Arc::<Flag>::default();
        flag.raise();
        let work = Box::pin(work);
        self.reads.push(Read { flag, work });
    }

    /// Passes on whom the limit of snapshots in memory closes.
    fn hang_up(&mut self, inbox: &Inbox) {
        let ends = &self.ends;
        self.hangups.retain(|(token, hangup)| {
            let is_hung_up = at_once(hangup.hung_up()).is_some();
            if is_hung_up {
                inbox.messages().push_back(Message::Cut(*token));
            }
            !is_hung_up && ends.contains_key(token)
        });
    }

    fn object(&mut self, watcher: Token, sentence: &str) {
        self.wrong.push(format!("{watcher:?} {sentence}"));
    }

    /// The rules of a turn.
    fn judge(&mut self, is_at_rest: bool, only_published: bool) {
        let now = self.now;
        let mut wrong = Vec::new();
        for (token, end) in &mut self.ends {
            if self.revoked.contains(&end.person) {
                wrong.push((*token, "lost its rights, and was not closed"));
            }
            if end.is_cut {
                wrong.push((*token, "is cut, and was not closed"));
            }
            let is_full = end.socket.is_refused();
            if end.must_be_gone(now) {
                wrong.push((*token, "takes nothing, and was not closed"));
            }
            if is_at_rest && !is_full && end.last_sent + HEARTBEAT + HEARTBEAT_LATE < now {
                wrong.push((*token, "was sent no heartbeat"));
            }
            if only_published && !is_full && end.sends > 1 && end.bytes <= SEND_BYTES_MAX {
                wrong.push((*token, "was sent in pieces what was published at once"));
            }
        }
        for (token, sentence) in wrong {
            self.object(token, sentence);
        }
    }
}

impl Sink for Sockets {
    fn send(&mut self, watcher: Token, bytes: &[u8]) -> Sent {
        self.work.sends += 1;
        let now = self.now;
        let Some(end) = self.ends.get_mut(&watcher) else {
            self.object(watcher, "was sent to after its end");
            return Sent::Gone;
        };
        let is_revoked = self.revoked.contains(&end.person);
        if is_revoked || end.is_cut || end.socket.is_refused() {
            let sentence = match (is_revoked, end.is_cut) {
                (true, _) => "was sent to after it lost its rights",
                (_, true) => "was sent to after it was cut",
                _ => "was sent to before it was writable",
            };
            self.object(watcher, sentence);
            return Sent::Short(0);
        }
        end.sends += 1;
        let sent = end.socket.send(bytes);
        match sent {
            Sent::All => end.took(bytes.len(), now),
            Sent::Short(taken) => {
                self.work.shorts += 1;
                end.took(taken, now);
            }
            Sent::Gone => end.is_cut = true,
        }
        sent
    }

    fn is_full(&mut self, watcher: Token, is_full: bool) {
        let full = is_full.then_some(Full {
            since: self.now,
            taken: Vec::new(),
            stuck: Stuck::since(self.now),
        });
        let end = self.ends.get_mut(&watcher);
        let was_full = end.is_some_and(|end| std::mem::replace(&mut end.full, full).is_some());
        if was_full == is_full {
            self.object(watcher, "was said to be full, or not, once more");
        }
    }

    fn close(&mut self, watcher: Token, ending: Ending) {
        let Some(end) = self.ends.remove(&watcher) else {
            return self.object(watcher, "was closed twice");
        };
        self.leases.left(watcher);
        let has_lost = self.revoked.contains(&end.person) || self.excused.contains(&end.person);
        if ending == Ending::Revoked && !has_lost {
            self.object(watcher, "lost rights that nobody took away");
        }
        if ending == Ending::Cut && !end.is_cut {
            self.work.stalled += 1;
            if !end.may_be_given_up(self.now) {
                self.object(watcher, "was cut for nothing");
            }
        }
        end.socket.close(ending);
    }

    fn read_log(&mut self, ask: Ask, board_id: &BoardId, place: Cursor) {
        let (log, board_id) = (Arc::clone(&self.log), board_id.clone());
        self.read(async move { Message::LogRead(ask, log.after(&board_id, place).await) });
    }

    fn read_snapshot(&mut self, ask: Ask, board_id: &BoardId) {
        let (log, board_id) = (Arc::clone(&self.log), board_id.clone());
        self.read(async move { Message::SnapshotRead(ask, log.snapshot(&board_id).await) });
    }

    fn hold(&mut self, watcher: Token, snapshot: &Arc<Snapshot>) -> Bytes {
        let hangup = Hangup::default();
        let pins = &self.ends[&watcher].pins;
        let held = pins.hold(snapshot, Part::Frame, &hangup);
        self.hangups.push((watcher, hangup));
        held
    }
}
