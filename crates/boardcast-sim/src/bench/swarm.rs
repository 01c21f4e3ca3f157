//! Many watchers and writers on one thread, by readiness: it shares the machine with the server that
//! it measures, so a connection costs it a system call for each delivery and little besides. It
//! counts what every watcher gets of every writer's writes: lost, twice or out of order is an error,
//! whatever is being measured.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::feed::{Brought, Feed, Mark, marks};
use super::spread::Spread;
use crate::badge;

/// Bytes read at a time: of a snapshot that is as much as a socket holds.
const READ_BYTES: usize = 256 * 1024;

/// Sockets told of at a time.
const READY_MAX: usize = 512;

/// Connections made before the first of them are looked at.
const CONNECTING_MAX: usize = 64;

/// How long nothing may happen before that is an error. Not a measure of anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writers' sockets are told apart from watchers' by this bit.
const WRITER: u64 = 1 << 63;

/// Which server, and how it is asked.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where writes go, if elsewhere.
    pub door: Option<SocketAddr>,
    /// Whose CPU and memory it is.
    pub pids: Vec<u32>,
    /// The path of its event stream; `{writer}` stands for the number of the writer it follows.
    pub watch: String,
    /// The method of a write.
    pub method: String,
    /// The path of a write; `{writer}` stands for the writer's number.
    pub path: String,
    /// The body of a write; `{mark}` stands for what tells it from all others.
    pub body: String,
    /// So many bytes of body, filled up in place of `{fill}`.
    pub body_bytes: usize,
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) deliveries: u64,
    pub(crate) bytes: u64,
    pub(crate) snapshots: u64,
    /// From a write's sending to a watcher's reading it.
    pub(crate) latencies: Spread,
    pub(crate) answers: u64,
    /// From a write's sending to its answer.
    pub(crate) answer_times: Spread,
    opened: u64,
    lost: u64,
    doubled: u64,
    ended: u64,
    refused: u64,
}

struct Watcher {
    socket: Option<TcpStream>,
    feed: Feed,
    /// The writers it follows: all of them, or one.
    follows: Range<usize>,
    /// The number expected next of each of these.
    next: Vec<u64>,
    /// Of all it saw, in order: the same for all who saw the same.
    order: u64,
    /// A snapshot stands for what came before it.
    is_patched: bool,
    is_stalled: bool,
}

struct Writer {
    /// None once the server has let it go, which it may when nothing was asked for long.
    socket: Option<TcpStream>,
    received: Vec<u8>,
    sent_nanos: u64,
    is_waiting: bool,
    sent: u64,
    /// Watchers that follow it.
    audience: u64,
}

/// Where watchers come back.
#[derive(Clone, Copy)]
pub(crate) enum Resume<'a> {
    /// At their own place.
    Own,
    /// At this one.
    At(&'a str),
}

pub(crate) struct Swarm {
    target: Target,
    epoll: OwnedFd,
    ready: Vec<epoll::Event>,
    buffer: Vec<u8>,
    watchers: Vec<Watcher>,
    writers: Vec<Writer>,
    /// Deliveries that must have come once all is quiet.
    due: u64,
    /// See [`Swarm::stay_awake`].
    stays_awake: bool,
    began: Instant,
    pub(crate) tally: Tally,
}

impl Swarm {
    /// Nobody yet but the writers.
    pub(crate) fn new(target: &Target, writers: usize) -> Result<Swarm, String> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(|fault| fault.to_string())?;
        let mut swarm = Swarm {
            target: target.clone(),
            epoll,
            ready: Vec::with_capacity(READY_MAX),
            buffer: vec![0; READ_BYTES],
            watchers: Vec::new(),
            writers: Vec::new(),
            due: 0,
            stays_awake: false,
            began: Instant::now(),
            tally: Tally::default(),
        };
        for number in 0..writers {
            swarm.writers.push(Writer {
                socket: None,
                received: Vec::new(),
                sent_nanos: 0,
                is_waiting: false,
                sent: 0,
                audience: 0,
            });
            swarm.connect_writer(number)?;
        }
        Ok(swarm)
    }

    /// From now on it doesn't sleep while a delivery is due. To wake it would be the server's work, which
    /// it is not where watchers are on other machines.
    pub(crate) fn stay_awake(&mut self) {
        self.stays_awake = true;
    }

    /// More watchers of all writers, from now on. On return they have their streams.
    pub(crate) fn watch(&mut self, count: usize) -> Result<(), String> {
        (0..count).try_for_each(|_| self.follow(0..self.writers.len()))?;
        self.wait_for_streams()
    }

    /// So many watchers of each writer alone.
    pub(crate) fn watch_each(&mut self, count: usize) -> Result<(), String> {
        for writer in 0..self.writers.len() {
            (0..count).try_for_each(|_| self.follow(writer..writer + 1))?;
        }
        self.wait_for_streams()
    }

    fn follow(&mut self, follows: Range<usize>) -> Result<(), String> {
        let followed = &mut self.writers[follows.clone()];
        followed.iter_mut().for_each(|writer| writer.audience += 1);
        self.watchers.push(Watcher {
            socket: None,
            feed: Feed::default(),
            next: followed.iter().map(|writer| writer.sent + 1).collect(),
            follows,
            order: 0,
            is_patched: false,
            is_stalled: false,
        });
        self.open(self.watchers.len() - 1, None)?;
        if self.watchers.len().is_multiple_of(CONNECTING_MAX) {
            self.wait_for_streams()?;
        }
        Ok(())
    }

    /// Watchers that ask and never read.
    pub(crate) fn stall(&mut self, count: usize) -> Result<(), String> {
        for _ in 0..count {
            // As small as a window gets, so that little is under way.
            let socket = connect(self.target.addr, Some(4 * 1024))?;
            ask_for_stream(&socket, &self.target, 0, None)?;
            self.watchers.push(Watcher {
                socket: Some(socket),
                feed: Feed::default(),
                follows: 0..0,
                next: Vec::new(),
                order: 0,
                is_patched: false,
                is_stalled: true,
            });
        }
        Ok(())
    }

    /// Cuts all watchers at once.
    pub(crate) fn cut(&mut self) {
        for watcher in &mut self.watchers {
            watcher.socket = None;
            watcher.feed.begin_again();
        }
        self.tally.opened = 0;
        self.tally.snapshots = 0;
    }

    /// Brings all back at once; it returns when all have been asked for, not when they are there.
    pub(crate) fn come_back(&mut self, resume: Resume<'_>) -> Result<(), String> {
        for number in 0..self.watchers.len() {
            let own = self.watchers[number].feed.id().map(str::to_owned);
            let id = match resume {
                Resume::Own => own,
                Resume::At(id) => Some(id.to_owned()),
            };
            self.open(number, id.as_deref())?;
            if number.is_multiple_of(CONNECTING_MAX) {
                self.pump(Duration::ZERO)?;
            }
        }
        Ok(())
    }

    fn open(&mut self, number: usize, id: Option<&str>) -> Result<(), String> {
        let socket = connect(self.target.addr, None)?;
        let writer = self.watchers[number].follows.start;
        ask_for_stream(&socket, &self.target, writer, id)?;
        self.listen_to(&socket, number as u64)?;
        self.watchers[number].socket = Some(socket);
        Ok(())
    }

    fn connect_writer(&mut self, number: usize) -> Result<(), String> {
        let socket = connect(self.target.door.unwrap_or(self.target.addr), None)?;
        self.listen_to(&socket, number as u64 | WRITER)?;
        self.writers[number].socket = Some(socket);
        Ok(())
    }

    fn listen_to(&self, socket: &TcpStream, key: u64) -> Result<(), String> {
        let data = EventData::new_u64(key);
        epoll::add(&self.epoll, socket, data, EventFlags::IN).map_err(|fault| fault.to_string())
    }

    pub(crate) fn wait_for_streams(&mut self) -> Result<(), String> {
        let all = self.living() as u64;
        self.pump_until("all streams open", |swarm| swarm.tally.opened >= all)
    }

    /// Since everyone was cut.
    pub(crate) fn wait_for_snapshots(&mut self) -> Result<(), String> {
        let all = self.living() as u64;
        self.pump_until("a snapshot each", |swarm| swarm.tally.snapshots >= all)
    }

    fn living(&self) -> usize {
        self.watchers
            .iter()
            .filter(|watcher| !watcher.is_stalled)
            .count()
    }

    /// One write at a time, each seen by everyone before the next: so nothing is sent together. Goes
    /// on for so long, and for so many writes at least.
    pub(crate) fn write_alone(&mut self, time: Duration, least: u64) -> Result<u64, String> {
        let begun = Instant::now();
        let mut writes = 0;
        while writes < least || begun.elapsed() < time {
            self.send(0)?;
            self.settle()?;
            writes += 1;
        }
        Ok(writes)
    }

    /// A write every so often, whether or not the one before was seen, but not before it is answered.
    pub(crate) fn write_paced(&mut self, time: Duration, every: Duration) -> Result<u64, String> {
        let (begun, mut writes) = (Instant::now(), 0);
        while begun.elapsed() < time {
            if begun.elapsed() >= every * writes && !self.writers[0].is_waiting {
                self.send(0)?;
                writes += 1;
            }
            self.pump(every / 8)?;
        }
        Ok(u64::from(writes))
    }

    /// So many of the writers at a time, in turn, each seen by its watchers before the next are asked.
    pub(crate) fn write_in_turn(&mut self, time: Duration, at_once: usize) -> Result<u64, String> {
        let begun = Instant::now();
        let mut writes = 0;
        while begun.elapsed() < time {
            for _ in 0..at_once {
                self.send(writes % self.writers.len())?;
                writes += 1;
            }
            self.settle()?;
        }
        Ok(writes as u64)
    }

    /// The writers in turn, one every so often, whether or not what came before was seen. Who is late
    /// makes up for it.
    pub(crate) fn write_evenly(&mut self, time: Duration, every: Duration) -> Result<u64, String> {
        let (begun, mut writes) = (Instant::now(), 0);
        while begun.elapsed() < time {
            let due = every * writes;
            let wait = due.saturating_sub(begun.elapsed());
            if wait.is_zero() {
                self.send(writes as usize % self.writers.len())?;
                writes += 1;
            }
            self.pump(wait)?;
        }
        self.settle()?;
        Ok(u64::from(writes))
    }

    /// Every writer at once, each asking again when it is answered, until `writes` were answered or
    /// the time is over.
    pub(crate) fn write_together(&mut self, time: Duration, writes: u64) -> Result<u64, String> {
        let (begun, before) = (Instant::now(), self.tally.answers);
        loop {
            let answered = self.tally.answers - before;
            let is_over = begun.elapsed() >= time || answered >= writes;
            let mut is_waiting = false;
            for number in 0..self.writers.len() {
                if !self.writers[number].is_waiting && !is_over {
                    self.send(number)?;
                }
                is_waiting |= self.writers[number].is_waiting;
            }
            if !is_waiting {
                return Ok(answered);
            }
            self.pump(PATIENCE)?;
        }
    }

    /// Reads what comes by itself for so long.
    pub(crate) fn look_on(&mut self, time: Duration) -> Result<(), String> {
        let begun = Instant::now();
        while begun.elapsed() < time {
            self.pump(Duration::from_millis(100))?;
        }
        Ok(())
    }

    /// Waits until every write is answered and everyone has seen it.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.pump_until("every delivery", |swarm| {
            swarm.tally.deliveries >= swarm.due
                && !swarm.writers.iter().any(|writer| writer.is_waiting)
        })
    }

    /// Waits until every write is answered.
    pub(crate) fn wait_for_answers(&mut self) -> Result<(), String> {
        self.pump_until("every answer", |swarm| {
            !swarm.writers.iter().any(|writer| writer.is_waiting)
        })
    }

    /// From here on nothing but what comes later is due: a snapshot stands for the rest.
    pub(crate) fn forgive(&mut self) {
        self.due = self.tally.deliveries;
    }

    /// Whether everyone saw everything once, in one order.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let Tally {
            lost,
            doubled,
            ended,
            refused,
            ..
        } = self.tally;
        if lost + doubled + ended + refused > 0 {
            return Err(format!(
                "{lost} deliveries lost, {doubled} doubled or out of order, {ended} streams ended, {refused} refused"
            ));
        }
        let due: Vec<u64> = self.writers.iter().map(|writer| writer.sent + 1).collect();
        let mut orders = BTreeMap::new();
        for watcher in self.watchers.iter().filter(|watcher| !watcher.is_stalled) {
            let (next, due) = (&watcher.next, &due[watcher.follows.clone()]);
            if next != due {
                return Err(format!(
                    "a watcher is at {next:?} where {due:?} was written"
                ));
            }
            let first = orders.entry(watcher.follows.start).or_insert(watcher.order);
            if *first != watcher.order && !watcher.is_patched {
                return Err("watchers saw different orders".into());
            }
        }
        Ok(())
    }

    /// Asks for one write; its answer and its deliveries are due from now on.
    pub(crate) fn send(&mut self, number: usize) -> Result<(), String> {
        if self.writers[number].socket.is_none() {
            self.connect_writer(number)?;
        }
        let nanos = self.nanos();
        let writer = &mut self.writers[number];
        writer.sent += 1;
        writer.sent_nanos = nanos;
        writer.is_waiting = true;
        let mark = Mark {
            writer: number,
            number: writer.sent,
            nanos,
        };
        let request = self.target.request(mark);
        let Some(mut socket) = writer.socket.as_ref() else {
            return Err("a writer has just been connected".into());
        };
        let sent = socket.write_all(&request);
        sent.map_err(|fault| format!("a write could not be sent: {fault}"))?;
        self.due += writer.audience;
        Ok(())
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn pump_until(&mut self, what: &str, reached: impl Fn(&Swarm) -> bool) -> Result<(), String> {
        // Heartbeats come for ever; they bring nobody further.
        let reach =
            |tally: &Tally| tally.deliveries + tally.snapshots + tally.opened + tally.answers;
        let (mut reached_at, mut before) = (Instant::now(), reach(&self.tally));
        while !reached(self) {
            self.pump(Duration::from_millis(100))?;
            let now = reach(&self.tally);
            if now != before {
                (reached_at, before) = (Instant::now(), now);
            } else if reached_at.elapsed() > PATIENCE {
                let (tally, due) = (&self.tally, self.due);
                return Err(format!(
                    "waited for {what}, and nothing comes: {due} due, {tally:?}"
                ));
            }
        }
        Ok(())
    }

    /// Looks after whoever has something to read.
    pub(crate) fn pump(&mut self, limit: Duration) -> Result<(), String> {
        let is_awake = self.stays_awake && self.tally.deliveries < self.due;
        let limit = if is_awake { Duration::ZERO } else { limit };
        let limit = Timespec::try_from(limit).map_err(|fault| fault.to_string())?;
        self.ready.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.ready), Some(&limit)) {
            // A child ended.
            Err(rustix::io::Errno::INTR) => return Ok(()),
            told => told.map_err(|fault| fault.to_string())?,
        };
        let keys: Vec<u64> = self.ready.iter().map(|event| event.data.u64()).collect();
        for key in &keys {
            if key & WRITER == 0 {
                self.read_stream(*key as usize)?;
            } else {
                self.read_answer((key & !WRITER) as usize)?;
            }
        }
        Ok(())
    }

    fn read_stream(&mut self, number: usize) -> Result<(), String> {
        let watcher = &mut self.watchers[number];
        let Some(socket) = &watcher.socket else {
            return Ok(());
        };
        let read = match (&*socket).read(&mut self.buffer) {
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Ok(()),
            read => read.unwrap_or(0),
        };
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.tally.bytes += read as u64;
        let Watcher {
            feed,
            follows,
            next,
            order,
            is_patched,
            ..
        } = watcher;
        let tally = &mut self.tally;
        feed.push(&self.buffer[..read], &mut |brought| match brought {
            Brought::Status(200) => tally.opened += 1,
            Brought::Status(_) => tally.refused += 1,
            Brought::Event(mark) => tally.count(mark, now, follows.start, next, order),
            Brought::Piece(piece) => patch(piece, follows.start, next),
            Brought::Snapshot(block) => {
                tally.snapshots += 1;
                *is_patched = true;
                patch(block, follows.start, next);
            }
            Brought::Other => {}
        });
        if read == 0 || watcher.feed.has_ended() {
            watcher.socket = None;
            self.tally.ended += 1;
        }
        Ok(())
    }

    fn read_answer(&mut self, number: usize) -> Result<(), String> {
        let now = self.nanos();
        let writer = &mut self.writers[number];
        let Some(mut socket) = writer.socket.as_ref() else {
            return Ok(());
        };
        let read = match socket.read(&mut self.buffer) {
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Ok(()),
            read => read.unwrap_or(0),
        };
        if read == 0 {
            writer.socket = None;
            let was_due = writer.is_waiting;
            return if was_due {
                Err(format!("writer {number} was cut off"))
            } else {
                Ok(())
            };
        }
        writer.received.extend_from_slice(&self.buffer[..read]);
        let Some(status) = whole_answer(&writer.received) else {
            return Ok(());
        };
        if !(200..300).contains(&status) {
            let said = String::from_utf8_lossy(&writer.received).into_owned();
            return Err(format!("a write was answered {status}: {said}"));
        }
        writer.received.clear();
        writer.is_waiting = false;
        self.tally.answers += 1;
        self.tally.answer_times.add(now - writer.sent_nanos);
        Ok(())
    }
}

impl Tally {
    /// `next` are the numbers expected of the writers from `first` on.
    fn count(&mut self, mark: Mark, now: u64, first: usize, next: &mut [u64], order: &mut u64) {
        let Some(next) = next.get_mut(mark.writer.wrapping_sub(first)) else {
            self.doubled += 1;
            return;
        };
        if mark.number < *next {
            self.doubled += 1;
            return;
        }
        self.lost += mark.number - *next;
        *next = mark.number + 1;
        let seen = mark.number << 16 ^ mark.writer as u64;
        *order = (order.rotate_left(5) ^ seen).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.deliveries += 1;
        self.latencies.add(now.saturating_sub(mark.nanos));
    }
}

/// Whoever gets a snapshot has seen what is in it.
fn patch(block: &[u8], first: usize, next: &mut [u64]) {
    for mark in marks(block) {
        if let Some(next) = next.get_mut(mark.writer.wrapping_sub(first)) {
            *next = (*next).max(mark.number + 1);
        }
    }
}

impl Target {
    fn request(&self, mark: Mark) -> Vec<u8> {
        let text = mark.text();
        let fill =
            (self.body_bytes + "{mark}{fill}".len()).saturating_sub(self.body.len() + text.len());
        let body = self.body.replace("{mark}", &text);
        let body = body.replace("{fill}", &"x".repeat(fill));
        let path = self.path.replace("{writer}", &mark.writer.to_string());
        let (method, addr, length) = (&self.method, self.addr, body.len());
        let badge = badge::line(addr);
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {addr}\r\n{badge}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

fn connect(addr: SocketAddr, receive_bytes: Option<usize>) -> Result<TcpStream, String> {
    assert!(addr.ip().is_loopback(), "{addr} is not a loopback address");
    let connected = || {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.connect(&addr.into())?;
        // A reset in the end: ten thousand ports must not wait for a minute before they can be had
        // again.
        SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
        socket.set_tcp_nodelay(true)?;
        Ok(TcpStream::from(socket))
    };
    connected().map_err(|fault: std::io::Error| format!("connecting to {addr}: {fault}"))
}

fn ask_for_stream(
    socket: &TcpStream,
    target: &Target,
    writer: usize,
    id: Option<&str>,
) -> Result<(), String> {
    let path = target.watch.replace("{writer}", &writer.to_string());
    let addr = target.addr;
    let cursor = id.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
    let badge = badge::line(addr);
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {addr}\r\naccept: text/event-stream\r\n{badge}{cursor}\r\n"
    );
    let sent = (&*socket).write_all(request.as_bytes());
    let ready = sent.and_then(|()| socket.set_nonblocking(true));
    ready.map_err(|fault| format!("a stream could not be asked for: {fault}"))
}

/// The status of an answer, once it has come whole.
fn whole_answer(received: &[u8]) -> Option<u16> {
    let end = memchr::memmem::find(received, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&received[..end])
        .ok()?
        .to_ascii_lowercase();
    let body_bytes: usize = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next()?.trim().parse().ok())
        .unwrap_or(0);
    let status = head.get(9..12)?.parse().ok()?;
    (received.len() >= end + 4 + body_bytes).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(numbers: &[(usize, u64)]) -> (Tally, Vec<u64>) {
        let (mut tally, mut next, mut order) = (Tally::default(), vec![1, 1], 0);
        for &(writer, number) in numbers {
            let mark = Mark {
                writer,
                number,
                nanos: 0,
            };
            tally.count(mark, 5, 0, &mut next, &mut order);
        }
        (tally, next)
    }

    #[test]
    fn what_is_lost_or_twice_or_too_late_is_counted() {
        let counts = |numbers: &[_]| {
            let (tally, _) = tally(numbers);
            (tally.deliveries, tally.lost, tally.doubled)
        };
        assert_eq!(counts(&[(0, 1), (1, 1), (0, 2)]), (3, 0, 0));
        assert_eq!(counts(&[(0, 1), (0, 4)]), (2, 2, 0));
        assert_eq!(counts(&[(0, 1), (0, 1)]), (1, 0, 1));
        assert_eq!(counts(&[(0, 2), (0, 1)]), (1, 1, 1));
        assert_eq!(counts(&[(7, 1)]), (0, 0, 1));
    }

    #[test]
    fn a_snapshot_stands_for_what_it_holds() {
        let mut next = vec![3, 1];
        patch(b"~0~9~1~ ~1~4~1~ ~0~2~1~", 0, &mut next);
        assert_eq!(next, [10, 5]);
        patch(b"~6~9~1~ ~7~11~1~ ~8~20~1~", 7, &mut next[..1]);
        assert_eq!(next, [12, 5]);
    }

    #[test]
    fn an_answer_is_whole_with_its_body() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nab";
        assert_eq!(whole_answer(answer), Some(201));
        assert_eq!(whole_answer(&answer[..answer.len() - 1]), None);
        assert_eq!(whole_answer(&answer[..20]), None);
    }

    #[test]
    fn bodies_are_as_long_as_they_should_be() {
        let target = Target {
            addr: SocketAddr::from(([127, 0, 0, 1], 1)),
            door: None,
            pids: vec![],
            watch: "/".into(),
            method: "PATCH".into(),
            path: "/tasks/{writer}".into(),
            body: "{\"title\":\"{mark}{fill}\"}".into(),
            body_bytes: 100,
        };
        let request = target.request(Mark {
            writer: 2,
            number: 3,
            nanos: 4,
        });
        let text = String::from_utf8(request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("PATCH /tasks/2 HTTP/1.1\r\n"));
        assert!(body.starts_with("{\"title\":\"~2~3~4~xxx"));
        assert_eq!(body.len(), 100);
    }
}
