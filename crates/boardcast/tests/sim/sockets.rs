//! Connections between the shard and its clients: a send buffer with a limit, which the client empties
//! as it likes, and an end on either side.

use crate::tasks::Flag;
use boardcast::live::shard::{Ending, Sent};
use boardcast_sim::http1::Chunks;
use boardcast_sim::random::Random;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// Buffers are drawn from these: from less than an event to more than a world ever sends.
const CAPACITIES: [usize; 7] = [60, 300, 2_000, 16_000, 16_000, 1 << 20, 1 << 20];

const HEAD_END: &[u8] = b"\r\n\r\n";

/// A connection, as both of its ends hold it.
#[derive(Clone)]
struct Shared(Arc<Mutex<Connection>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().expect("nobody panics with it")
    }
}

struct Connection {
    /// Sent and not read yet.
    buffer: VecDeque<u8>,
    capacity: usize,
    /// Not all of the last send had room, and nobody was told since that there is some.
    is_refused: bool,
    /// The server's end will be told of it.
    event: Option<Event>,
    peer: Peer,
    closed: Option<Ending>,
    reader: Arc<Flag>,
    random: Random,
}

/// What the kernel tells about a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Writable,
    HungUp,
}

/// What is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Here,
    /// Sends fail.
    Gone,
    /// Sends go on until the buffer is full, which nobody empties.
    Vanished,
}

/// A new connection; `reader` is raised when bytes or the end have come.
pub(crate) fn connect(reader: Arc<Flag>, mut random: Random) -> (Socket, Receiver) {
    let capacity = *random.pick(&CAPACITIES);
    let connection = Shared(Arc::new(Mutex::new(Connection {
        buffer: VecDeque::new(),
        capacity,
        is_refused: false,
        event: None,
        peer: Peer::Here,
        closed: None,
        reader,
        random,
    })));
    let receiver = Receiver {
        connection: connection.clone(),
        head: Vec::new(),
        chunks: Chunks::default(),
    };
    (Socket(connection), receiver)
}

/// The server's end.
pub(crate) struct Socket(Shared);

impl Socket {
    pub(crate) fn send(&self, bytes: &[u8]) -> Sent {
        let mut connection = self.0.lock();
        if connection.peer == Peer::Gone {
            return Sent::Gone;
        }
        let room = connection.capacity - connection.buffer.len();
        let taken = room.min(bytes.len());
        connection.buffer.extend(&bytes[..taken]);
        connection.reader.raise();
        if taken == bytes.len() {
            return Sent::All;
        }
        connection.is_refused = true;
        Sent::Short(taken)
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.0.lock().is_refused
    }

    pub(crate) fn has_event(&self) -> bool {
        self.0.lock().event.is_some()
    }

    /// What the kernel tells now.
    pub(crate) fn take_event(&self) -> Option<Event> {
        let mut connection = self.0.lock();
        let event = connection.event.take();
        connection.is_refused &= event != Some(Event::Writable);
        event
    }

    pub(crate) fn close(self, ending: Ending) {
        let mut connection = self.0.lock();
        if ending == Ending::Revoked {
            // The kernel is told to throw away what it has not sent.
            connection.buffer.clear();
        }
        connection.closed = Some(ending);
        connection.reader.raise();
    }
}

/// The client's end.
pub(crate) struct Receiver {
    connection: Shared,
    /// Of the head, while it isn't whole.
    head: Vec<u8>,
    chunks: Chunks,
}

/// What is there for a client.
pub(crate) enum Arrived {
    Nothing,
    Bytes(Bytes),
    /// The end of the body.
    End,
    /// The end of the connection, and not of the body.
    Cut(Ending),
}

impl Receiver {
    /// Takes what is there, or a part of it.
    pub(crate) fn read(&mut self) -> Arrived {
        if self.chunks.finished() {
            return Arrived::End;
        }
        let mut connection = self.connection.lock();
        let there = connection.buffer.len();
        if there == 0 {
            return match connection.closed {
                Some(ending) => Arrived::Cut(ending),
                None => Arrived::Nothing,
            };
        }
        let taken = match connection.random.below(3) {
            0 => 1 + connection.random.below(there as u64) as usize,
            _ => there,
        };
        let bytes: Vec<_> = connection.buffer.drain(..taken).collect();
        if connection.is_refused {
            connection.event = connection.event.or(Some(Event::Writable));
        }
        Arrived::Bytes(bytes.into())
    }

    /// The body's part of bytes that were read.
    pub(crate) fn decode(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        while !self.head.ends_with(HEAD_END) {
            let Some((first, rest)) = bytes.split_first() else {
                return Ok(body);
            };
            self.head.push(*first);
            bytes = rest;
        }
        let used = self.chunks.decode(bytes, &mut body)?;
        match used == bytes.len() {
            true => Ok(body),
            false => Err("bytes after the end of the body".to_owned()),
        }
    }
}

/// A client that leaves is noticed at once, at the next send, or never.
impl Drop for Receiver {
    fn drop(&mut self) {
        let mut connection = self.connection.lock();
        (connection.peer, connection.event) = match connection.random.below(3) {
            0 => (Peer::Gone, Some(Event::HungUp)),
            1 => (Peer::Gone, None),
            _ => (Peer::Vanished, None),
        };
    }
}
