//! The thread around a [`Shard`]: raw sockets that don't block, their readiness, and an inbox.
//!
//! One thread, since one core walks some 150,000 deliveries a second: on a small machine the others
//! belong to the writer and to requests. Whatever would keep it from sending, such as reading the log,
//! happens elsewhere and comes back through the inbox.

use super::cuts::Cuts;
use super::hub::{Ear, Seat};
use super::leases::{self, Leases};
use super::pages::Pages;
use super::permit::AddressPermit;
use super::shard::{Ask, Census, Ending, Sent, Shard, Sink, Token};
use super::socket::{limit_unacknowledged, throw_away_unsent};
use super::waking::{self, Wake};
use super::{Hangup, Lease, Log, Page, Part, Pins, ReadError, Snapshot, StreamPermit, Watcher};
use crate::outside::Outside;
use crate::spine;
use boardcast_core::cursor::Cursor;
use boardcast_core::limits::CONNECTIONS_DRAIN_SECONDS_MAX;
use boardcast_core::model::BoardId;
use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Waker};
use socket2::SockRef;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

const INBOX: mio::Token = mio::Token(usize::MAX);
/// Sockets that one look at the kernel tells about; the rest waits for the next.
const EVENTS_AT_ONCE: usize = 1_024;
const DRAIN_MAX: Duration = Duration::from_secs(CONNECTIONS_DRAIN_SECONDS_MAX);

/// A watcher whose socket was taken over.
pub struct Joining {
    /// Nothing of the response was written to it yet.
    pub stream: std::net::TcpStream,
    /// The response's head.
    pub head: Vec<u8>,
    /// Its place among its board's watchers.
    pub seat: Seat,
    /// What it is sent.
    pub watcher: Watcher,
    /// Whose rights it stands on.
    pub lease: Lease,
    /// Given back when it ends.
    pub permits: Permits,
}

/// What counts a watcher: as a stream, and as a connection.
pub type Permits = (StreamPermit, OwnedSemaphorePermit);

/// What the thread is told. Bounded: a board is told of once until it was looked at, and a watcher
/// joins once, is cut once, and waits for one read at a time.
pub(super) enum Message {
    Join(Box<Joining>),
    Published(u32),
    LogRead(Ask, Result<Page, ReadError>),
    SnapshotRead(Ask, Result<Option<Arc<Snapshot>>, ReadError>),
    Cut(Token),
    Count(oneshot::Sender<Census>),
    /// Look at [`Cuts`], which is done before each message anyway.
    CutsOrdered,
    Drain,
    /// Nobody joins any more: end once everyone has left.
    Finish,
}

/// What waits for the thread.
pub(super) type Inbox = waking::Inbox<Message, Waker>;

impl Wake for Waker {
    fn wake(&self) {
        Self::wake(self).expect("the kernel takes a wake-up");
    }
}

impl Ear for Inbox {
    fn published(&self, board: u32) {
        self.push(Message::Published(board));
    }
}

/// The way to cut watchers: the thread is told, and waited for.
struct Knife {
    cuts: Arc<Cuts>,
    /// Whoever waits in it holds a lease, and the leases have this.
    inbox: Weak<Inbox>,
}

impl leases::Sender for Knife {
    /// The thread takes orders before each send and each message, none of which waits for anybody.
    fn cut(&self, watchers: Vec<Token>) {
        self.cuts.cut(watchers, || {
            if let Some(inbox) = self.inbox.upgrade() {
                inbox.push(Message::CutsOrdered);
            }
        });
    }
}

/// What the thread has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Watchers that joined.
    pub joins: u64,
    /// Watchers that left, their sockets closed.
    pub leaves: u64,
    /// Sends to sockets.
    pub sends: u64,
    /// Of these, to sockets that had no room.
    pub refused: u64,
    /// Times that it was woken.
    pub wakes: u64,
}

#[derive(Debug, Default)]
struct Counts {
    joins: AtomicU64,
    leaves: AtomicU64,
    sends: AtomicU64,
    refused: AtomicU64,
}

/// The running thread.
pub struct Reactor {
    inbox: Arc<Inbox>,
    counts: Arc<Counts>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Reactor {
    /// Starts the thread. What it reads of the log is read by tasks of `runtime`.
    pub fn start(
        log: Arc<dyn Log>,
        pins: Arc<Pins>,
        leases: &Arc<Leases>,
        outside: Arc<dyn Outside>,
        runtime: Handle,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let inbox = Arc::new(Inbox::new(Waker::new(poll.registry(), INBOX)?));
        let counts = Arc::<Counts>::default();
        let ear = Arc::clone(&inbox) as Arc<dyn Ear>;
        let shard = Shard::new(ear, outside, Duration::ZERO);
        leases.send_by(Arc::new(Knife {
            cuts: Arc::clone(shard.cuts()),
            inbox: Arc::downgrade(&inbox),
        }));
        let event_loop = EventLoop {
            shard,
            poll,
            began: Instant::now(),
            drain_ends: None,
            is_finishing: false,
            sockets: Sockets {
                connections: Pages::default(),
                permits: None,
                of_addresses: BTreeMap::new(),
                inbox: Arc::clone(&inbox),
                counts: Arc::clone(&counts),
                log,
                pins,
                leases: Arc::clone(leases),
                runtime,
            },
        };
        let thread = spine::spawn("reactor", move || event_loop.run());
        Ok(Self {
            inbox,
            counts,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Takes a watcher. After the end its socket is just closed.
    pub fn join(&self, joining: Joining) {
        self.inbox.push(Message::Join(Box::new(joining)));
    }

    /// Ends all streams in order, as soon as each can be.
    pub fn drain(&self) {
        self.inbox.push(Message::Drain);
    }

    /// Waits for the end of a drain, once nobody joins any more. What can't end in time is cut.
    pub fn finish(&self) {
        self.inbox.push(Message::Finish);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            thread.join().expect("a thread of the spine doesn't panic");
        }
    }

    /// How its watchers are now, and what is kept for them.
    ///
    /// # Panics
    /// After the end.
    pub async fn census(&self) -> Census {
        let (answer, census) = oneshot::channel();
        self.inbox.push(Message::Count(answer));
        census.await.expect("the thread runs")
    }

    /// What it has done so far.
    #[must_use]
    pub fn work(&self) -> Work {
        Work {
            joins: self.counts.joins.load(Ordering::Relaxed),
            leaves: self.counts.leaves.load(Ordering::Relaxed),
            sends: self.counts.sends.load(Ordering::Relaxed),
            refused: self.counts.refused.load(Ordering::Relaxed),
            wakes: self.inbox.wakes(),
        }
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        self.drain();
        self.inbox.push(Message::Finish);
    }
}

struct EventLoop {
    shard: Shard,
    sockets: Sockets,
    poll: Poll,
    began: Instant,
    drain_ends: Option<Duration>,
    is_finishing: bool,
}

impl EventLoop {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        let mut messages = Vec::new();
        let mut is_busy = false;
        while !self.is_over() {
            self.wait(&mut events, is_busy);
            for event in &events {
                self.shard.look_at_cuts(&mut self.sockets);
                self.look_at_socket(event);
            }
            self.sockets.inbox.empty_into(&mut messages);
            for message in messages.drain(..) {
                self.shard.look_at_cuts(&mut self.sockets);
                self.take(message);
            }
            is_busy = self.shard.turn(self.began.elapsed(), &mut self.sockets);
        }
        self.shard.cuts().close();
        self.sockets.leases.all_left();
    }

    fn is_over(&self) -> bool {
        let now = self.began.elapsed();
        let is_too_late = self.drain_ends.is_some_and(|ends| ends <= now);
        self.is_finishing && (self.shard.is_empty() || is_too_late)
    }

    fn wait(&mut self, events: &mut Events, is_busy: bool) {
        let now = self.began.elapsed();
        let due = [self.shard.next_due(), self.drain_ends];
        let due = due.into_iter().flatten().min();
        let timeout = if is_busy {
            Some(Duration::ZERO)
        } else {
            due.map(|due| due.saturating_sub(now))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                spine::stop(&format_args!("sockets can't be watched: {error}"))
            }
            _ => {}
        }
    }

    fn look_at_socket(&mut self, event: &mio::event::Event) {
        let slot = u32::try_from(event.token().0).ok();
        let connections = &mut self.sockets.connections;
        let Some(connection) = slot.and_then(|slot| connections.get_mut(slot)) else {
            return;
        };
        let token = connection.token;
        if event.is_readable() && connection.has_spoken() {
            return self.shard.cut(token, &mut self.sockets);
        }
        if event.is_writable() {
            self.shard.writable(token);
        }
    }

    fn take(&mut self, message: Message) {
        let Self { shard, sockets, .. } = self;
        match message {
            Message::Join(joining) => self.join(*joining),
            Message::Published(board) => shard.published(board),
            Message::LogRead(ask, read) => shard.log_read(ask, &read),
            Message::SnapshotRead(ask, read) => shard.snapshot_read(ask, &read, sockets),
            Message::Cut(token) => shard.cut(token, sockets),
            Message::CutsOrdered => {}
            // Whoever asked may have gone.
            Message::Count(answer) => _ = answer.send(shard.census()),
            Message::Drain if self.drain_ends.is_some() => {}
            Message::Drain => {
                self.drain_ends = Some(self.began.elapsed() + DRAIN_MAX);
                shard.drain();
            }
            Message::Finish => self.is_finishing = true,
        }
    }

    fn join(&mut self, joining: Joining) {
        let Joining {
            stream,
            head,
            seat,
            watcher,
            lease,
            permits,
        } = joining;
        add_one(&self.sockets.counts.joins);
        let mut stream = TcpStream::from_std(stream);
        let now = self.began.elapsed();
        let token = self.shard.add(head, seat, watcher, now);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered =
            self.poll
                .registry()
                .register(&mut stream, mio::Token(token.slot as usize), interest);
        let connection = Connection {
            stream,
            token,
            is_full: false,
        };
        self.sockets.connections.put(token.slot, connection);
        self.sockets.keep(token.slot, permits);
        // Until here whoever revoked marked the lease; from here on it orders a cut.
        if lease.join(token).is_err() {
            return self.shard.revoke(token, &mut self.sockets);
        }
        if let Err(error) = registered {
            tracing::warn!(%error, "a watcher's socket can't be watched");
            self.shard.cut(token, &mut self.sockets);
        }
    }
}

/// A watcher's socket.
struct Connection {
    stream: TcpStream,
    token: Token,
    is_full: bool,
}

/// What a watcher's socket costs here. mio keeps more where it checks itself.
const _: () = assert!(cfg!(debug_assertions) || size_of::<Option<Connection>>() <= 16);

impl Connection {
    /// Whether the client has sent something or has ended: a stream is all that this connection is for,
    /// so either is its end. What it sent is read, so that closing is no reset.
    fn has_spoken(&mut self) -> bool {
        const READS_MAX: usize = 16;
        let mut scratch = [0; 4 * 1024];
        let mut has_spoken = false;
        for _ in 0..READS_MAX {
            match self.stream.read(&mut scratch) {
                Ok(1..) => has_spoken = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Ok(0) | Err(_) => return true,
            }
        }
        has_spoken
    }
}

/// The world that the shard sends into.
struct Sockets {
    /// By slot.
    connections: Pages<Connection>,
    /// Of all of them together: as streams, and as connections.
    permits: Option<[OwnedSemaphorePermit; 2]>,
    /// Of those that are counted for their address, by slot.
    of_addresses: BTreeMap<u32, Box<AddressPermit>>,
    inbox: Arc<Inbox>,
    counts: Arc<Counts>,
    log: Arc<dyn Log>,
    pins: Arc<Pins>,
    leases: Arc<Leases>,
    runtime: Handle,
}

impl Sockets {
    fn connection(&mut self, watcher: Token) -> &mut Connection {
        &mut self.connections[watcher.slot]
    }

    /// A watcher's permits join those of the others.
    fn keep(&mut self, slot: u32, (of_stream, of_connection): Permits) {
        let (of_all, of_address) = of_stream.into_parts();
        self.of_addresses
            .extend(of_address.map(|permit| (slot, permit)));
        let permits = [of_all, of_connection];
        let Some(kept) = &mut self.permits else {
            self.permits = Some(permits);
            return;
        };
        for (kept, one) in kept.iter_mut().zip(permits) {
            kept.merge(one);
        }
    }

    /// Gives one watcher's back.
    fn give_back(&mut self, slot: u32) {
        self.of_addresses.remove(&slot);
        for kept in self.permits.iter_mut().flatten() {
            drop(kept.split(1).expect("every connection has brought one"));
        }
    }
}

impl Sink for Sockets {
    fn send(&mut self, watcher: Token, bytes: &[u8]) -> Sent {
        add_one(&self.counts.sends);
        let connection = self.connection(watcher);
        loop {
            match connection.stream.write(bytes) {
                Ok(0) => return Sent::Gone,
                Ok(taken) if taken == bytes.len() => return Sent::All,
                Ok(taken) => return Sent::Short(taken),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    add_one(&self.counts.refused);
                    return Sent::Short(0);
                }
                Err(_) => return Sent::Gone,
            }
        }
    }

    fn is_full(&mut self, watcher: Token, is_full: bool) {
        let connection = self.connection(watcher);
        connection.is_full = is_full;
        // Fails only on a connection that is dead already, which the next send tells.
        let _ = limit_unacknowledged(&SockRef::from(&connection.stream), is_full);
    }

    fn close(&mut self, watcher: Token, ending: Ending) {
        let Some(connection) = self.connections.remove(watcher.slot) else {
            return;
        };
        add_one(&self.counts.leaves);
        self.give_back(watcher.slot);
        // What is unsent after the close is the kernel's again, and not for long. These fail only on a
        // connection that is dead already.
        if connection.is_full {
            let _ = limit_unacknowledged(&SockRef::from(&connection.stream), false);
        }
        match ending {
            Ending::InOrder => _ = connection.stream.shutdown(Shutdown::Write),
            Ending::Cut => {}
            Ending::Revoked => throw_away_unsent(&SockRef::from(&connection.stream)),
        }
        self.leases.left(watcher);
    }

    fn read_log(&mut self, ask: Ask, board_id: &BoardId, place: Cursor) {
        let (log, inbox) = (Arc::clone(&self.log), Arc::clone(&self.inbox));
        let board_id = board_id.clone();
        self.runtime.spawn(spine::guard(async move {
            let read = log.after(&board_id, place).await;
            inbox.push(Message::LogRead(ask, read));
        }));
    }

    fn read_snapshot(&mut self, ask: Ask, board_id: &BoardId) {
        let (log, inbox) = (Arc::clone(&self.log), Arc::clone(&self.inbox));
        let board_id = board_id.clone();
        self.runtime.spawn(spine::guard(async move {
            let read = log.snapshot(&board_id).await;
            inbox.push(Message::SnapshotRead(ask, read));
        }));
    }

    fn hold(&mut self, watcher: Token, snapshot: &Arc<Snapshot>) -> Bytes {
        let hangup = Hangup::of_watcher(Arc::clone(&self.inbox), watcher);
        self.pins.hold(snapshot, Part::Frame, &hangup)
    }
}

/// Of a number that one thread alone changes.
fn add_one(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}
