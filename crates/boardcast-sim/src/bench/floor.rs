//! The floor: what the same bytes to the same sockets cost when there is nothing but a loop of
//! non-blocking sends. No server can be below it by much, so every figure is shown beside it.
//!
//! It speaks just enough HTTP for the same load to be pointed at it: a `GET` is a watcher, the body
//! of anything else goes to all watchers of that path as one event.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// The listener's key; connections have others.
const LISTENER: u64 = 0;

/// Bytes that an event has besides its body: `data: `, two line ends, and the chunk around them.
pub(crate) const FRAME_BYTES: usize = 6 + 2 + 3 + 2 + 2;

/// Serves until the process ends.
///
/// # Errors
/// If the listener fails, or a watcher doesn't take what it is sent.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut floor = Floor::default();
    epoll::add(
        &epoll,
        listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    let mut ready = Vec::with_capacity(512);
    let mut buffer = vec![0; 64 * 1024];
    let mut keys = LISTENER;
    loop {
        ready.clear();
        match epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut ready), None) {
            Err(rustix::io::Errno::INTR) => continue,
            told => told?,
        };
        for event in &ready {
            let key = event.data.u64();
            if key != LISTENER {
                floor.read(key, &mut buffer)?;
                continue;
            }
            let (socket, _) = listener.accept()?;
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            keys += 1;
            epoll::add(&epoll, &socket, EventData::new_u64(keys), EventFlags::IN)?;
            floor
                .connections
                .insert(keys, (Rc::new(socket), Vec::new()));
        }
    }
}

#[derive(Default)]
struct Floor {
    /// What came of a request so far, beside each.
    connections: BTreeMap<u64, (Rc<TcpStream>, Vec<u8>)>,
    watchers: BTreeMap<Vec<u8>, Vec<(u64, Rc<TcpStream>)>>,
}

impl Floor {
    fn read(&mut self, key: u64, buffer: &mut [u8]) -> io::Result<()> {
        let Some((socket, received)) = self.connections.get_mut(&key) else {
            return Ok(());
        };
        let socket = Rc::clone(socket);
        match (&*socket).read(buffer) {
            Ok(read @ 1..) => received.extend_from_slice(&buffer[..read]),
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Ok(()),
            _ => {
                self.connections.remove(&key);
                for watchers in self.watchers.values_mut() {
                    watchers.retain(|(watcher, _)| *watcher != key);
                }
                return Ok(());
            }
        }
        let Some(body) = whole_request(received) else {
            return Ok(());
        };
        let request = std::mem::take(received);
        if request.starts_with(b"GET ") {
            (&*socket).write_all(HEAD)?;
            let watchers = self.watchers.entry(path_of(&request)).or_default();
            watchers.push((key, socket));
            return Ok(());
        }
        self.fan_out(&path_of(&request), &request[body..])?;
        (&*socket).write_all(ANSWER)
    }

    fn fan_out(&self, path: &[u8], body: &[u8]) -> io::Result<()> {
        let mut frame = format!("{:x}\r\ndata: ", body.len() + 8).into_bytes();
        frame.extend_from_slice(body);
        frame.extend_from_slice(b"\n\n\r\n");
        for (_, watcher) in self.watchers.get(path).into_iter().flatten() {
            let sent = (&**watcher).write(&frame);
            match sent {
                Ok(sent) if sent == frame.len() => {}
                Ok(_) => return Err(ErrorKind::WriteZero.into()),
                // One that is gone is taken out when that is read.
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Err(fault),
                Err(_) => {}
            }
        }
        Ok(())
    }
}

fn path_of(request: &[u8]) -> Vec<u8> {
    let mut words = request.split(|byte| *byte == b' ');
    words.nth(1).unwrap_or_default().to_vec()
}

/// Where the body of a request begins, once it has come whole.
fn whole_request(received: &[u8]) -> Option<usize> {
    let body = memchr::memmem::find(received, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&received[..body]).ok()?;
    let length: usize = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next()?.parse().ok())
        .unwrap_or(0);
    (received.len() >= body + length).then_some(body)
}
