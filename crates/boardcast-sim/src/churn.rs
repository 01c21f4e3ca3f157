//! Clients that come and go by the thousand, in every way that clients go, while somebody writes. What
//! they leave behind in the server is judged from outside: sockets, descriptors, memory.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::dial::dial;
use crate::load::{Ground, Load};
use crate::program::Program;
use crate::random::Random;
use crate::stream::EventStream;
use crate::wait::{WAIT, within};

/// Clients at a time.
const AT_ONCE: u64 = 50;
/// Readers that each of them leaves stalled before the oldest goes.
const STALLED_MAX: usize = 3;
/// Bytes of a description: more than fits into a stalled reader's socket.
const DESCRIPTION_BYTES: usize = 20_000;
/// A small buffer on the reader's side, so that the server feels at once what is not read.
const NARROW: Option<u32> = Some(4_096);
/// The first round warms up what is kept for good: the allocator's pools, threads.
const WARM_UP: u64 = 2_000;
const ROUND: u64 = 10_000;
/// Each reading connection opens the write-ahead log when it is first needed; the server has four.
const DESCRIPTORS_MORE_MAX: usize = 4;
/// What SQLite's caches, and the allocator, may have kept of the worst moment.
const MEMORY_MORE_MAX: u64 = 16 * 1024 * 1024;

/// Lets so many clients come and go on a server that has nothing else to do, in rounds; `say` is told
/// after each. Gives a sentence about each thing that isn't as it was.
pub async fn soak(
    program: &Program,
    visits: u64,
    seed: u64,
    mut say: impl FnMut(String),
) -> Vec<String> {
    let at_rest = program.sockets();
    let ground = Ground::make(program.addr(), "busy", 2).await;
    let begun = Instant::now();
    let mut before = None;
    let (mut done, mut round) = (0, WARM_UP);
    for number in 0.. {
        come_and_go(program.addr(), &ground, round, seed + number).await;
        if let Err(left) = wait_for(|| program.sockets(), at_rest).await {
            return vec![format!("{left} sockets, and {at_rest} before anybody came")];
        }
        let now = (program.descriptors(), program.memory());
        let (descriptors, memory) = *before.get_or_insert(now);
        if number > 0 {
            done += round;
        }
        say(format!(
            "{:>5} s: {done} of {visits} came and went; {} descriptors ({descriptors} before), {} KiB ({} before)",
            begun.elapsed().as_secs(),
            now.0,
            now.1 / 1024,
            memory / 1024
        ));
        if now.0 > descriptors + DESCRIPTORS_MORE_MAX {
            return vec![format!("{} descriptors, and {descriptors} before", now.0)];
        }
        if now.1 > memory + MEMORY_MORE_MAX {
            return vec![format!("{} bytes of memory, and {memory} before", now.1)];
        }
        round = ROUND.min(visits - done);
        if round == 0 {
            break;
        }
    }
    Vec::new()
}

/// Waits until a count is what it should be; else gives what it is.
async fn wait_for(count: impl Fn() -> usize, wanted: usize) -> Result<(), usize> {
    let deadline = Instant::now() + 2 * WAIT;
    while count() != wanted {
        if Instant::now() > deadline {
            return Err(count());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// So many clients, many at once, while somebody writes. On return the server has taken all of them;
/// it may not have noticed yet that they are gone.
///
/// # Panics
/// If the server doesn't do as it should.
pub async fn come_and_go(addr: SocketAddr, ground: &Ground, visits: u64, seed: u64) {
    let load = Load::new(addr, vec![ground.clone()], seed)
        .per_second(20)
        .describing(DESCRIPTION_BYTES)
        .spawn();
    let mut clients = JoinSet::new();
    for number in 0..AT_ONCE {
        let mut visitor = Visitor {
            addr,
            path: format!("/boards/{}/events", ground.board),
            random: Random::new(seed * AT_ONCE + number),
            stalled: VecDeque::new(),
        };
        let visits = visits / AT_ONCE + u64::from(number < visits % AT_ONCE);
        clients.spawn(async move {
            for _ in 0..visits {
                visitor.visit().await.expect("the server does its part");
            }
        });
    }
    clients.join_all().await;
    load.stop().await;
    // Connections are taken in the order in which they came: once this one is answered, none waits.
    let health = Client::new(addr).get("/healthz").await;
    health.expect("an answer").expect(200);
}

/// One client after the other.
struct Visitor {
    addr: SocketAddr,
    path: String,
    random: Random,
    /// Those that don't read, oldest first.
    stalled: VecDeque<TcpStream>,
}

impl Visitor {
    /// Comes, sees little or nothing, and goes in one of the ways that clients go.
    async fn visit(&mut self) -> io::Result<()> {
        match self.random.below(10) {
            // In order, as far as a reader can.
            0 => drop(self.begin().await?),
            // By a reset.
            1 => self.begin().await?.cut(),
            // Half closed: it says that it is done, and the server ends the stream or goes on.
            2 => {
                let mut socket = self.ask(usize::MAX, None).await?;
                socket.shutdown().await?;
                read_some(&mut socket, 64).await?;
            }
            // In the middle of its request's head.
            3 => {
                let bytes = 1 + self.random.below(60);
                let socket = self.ask(bytes as usize, None).await?;
                self.leave(socket)?;
            }
            // While its answer is on the way.
            4 | 5 => {
                let socket = self.ask(usize::MAX, None).await?;
                self.leave(socket)?;
            }
            // In the middle of an event or of the answer's head.
            6 => {
                let mut socket = self.ask(usize::MAX, NARROW).await?;
                let bytes = 1 + self.random.below(30_000);
                read_some(&mut socket, bytes as usize).await?;
                self.leave(socket)?;
            }
            // Stalled: it is never read from.
            7 => {
                let socket = self.ask(usize::MAX, NARROW).await?;
                self.stalled.push_back(socket);
                if self.stalled.len() > STALLED_MAX {
                    let oldest = self.stalled.pop_front().expect("there are some");
                    self.leave(oldest)?;
                }
            }
            // With another request, which a stream's connection has no use for.
            8 => {
                let mut socket = self.ask(usize::MAX, None).await?;
                read_some(&mut socket, 200).await?;
                // The server may have closed already, or gone on sending.
                let _ = socket.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").await;
                read_some(&mut socket, 2_000).await?;
            }
            // After another request, on the connection that was kept.
            _ => {
                let mut socket = dial(self.addr, None).await?;
                let health = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", self.addr);
                socket.write_all(health.as_bytes()).await?;
                read_some(&mut socket, 1).await?;
                socket.write_all(self.request().as_bytes()).await?;
                read_some(&mut socket, 300).await?;
                self.leave(socket)?;
            }
        }
        Ok(())
    }

    /// A stream that has begun.
    async fn begin(&self) -> io::Result<EventStream> {
        let mut stream = EventStream::open(self.addr, &self.path, &[]).await?.stream;
        let first = stream.next().await.map_err(io::Error::other)?;
        let is_greeting = |raw: &[u8]| raw.starts_with(b"data: {\"type\":\"connected\"}");
        match first {
            Some(block) if is_greeting(&block.raw) => Ok(stream),
            other => Err(io::Error::other(format!("a stream begins with {other:?}"))),
        }
    }

    /// A connection on which the first so many bytes of a request for the whole board were sent.
    async fn ask(&self, bytes: usize, receive_bytes: Option<u32>) -> io::Result<TcpStream> {
        let mut socket = dial(self.addr, receive_bytes).await?;
        let request = self.request();
        let sent = &request.as_bytes()[..bytes.min(request.len())];
        socket.write_all(sent).await?;
        Ok(socket)
    }

    fn request(&self) -> String {
        let Self { addr, path, .. } = self;
        format!("GET {path}?snapshot=1 HTTP/1.1\r\nhost: {addr}\r\n\r\n")
    }

    /// Closes it, or resets it. (What is closed unread is reset, too.)
    fn leave(&mut self, socket: TcpStream) -> io::Result<()> {
        if self.random.one_in(2) {
            socket.set_zero_linger()?;
        }
        drop(socket);
        Ok(())
    }
}

/// Reads so many bytes, or what there is up to the end: a reset is an end too.
async fn read_some(socket: &mut TcpStream, bytes: usize) -> io::Result<()> {
    let mut some = vec![0; bytes];
    let read = async { Ok(socket.read_exact(&mut some).await.is_ok()) };
    within("bytes of a stream", read).await.map(drop)
}
