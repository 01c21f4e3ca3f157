//! The line between one client and the server: it passes bytes on, and can be cut in mid-event or held, and ask for more
//! patience than the server does. It notes when the client asked for the stream, and what it was told when one ended.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Small, so that the server feels at once what isn't read here.
const RECEIVE_BYTES: u32 = 4_096;

/// What is kept of a stream, to know its last words.
const LAST_BYTES: usize = 256;

/// The end of an answer that ends in order.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// For longer than the test waits for anything.
pub(crate) const AGES: Duration = Duration::from_secs(600);

pub(crate) struct Line {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    server: SocketAddr,
    /// Where the next connection is to be cut.
    cut: Mutex<Option<Cut>>,
    reset: Notify,
    held: watch::Sender<bool>,
    is_sending_away: AtomicBool,
    noted: Mutex<Vec<Noted>>,
}

/// How a connection is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// It is reset. All of what the next event says is through, and its id is not.
    InEvent,
    /// It is reset. The client is connected, and the snapshot that follows is not through. Waits for [`Line::reset`]: a reset
    /// may take away what was received and not read yet.
    BeforeSnapshot,
    /// Its answer ends in order within the next event, as by a proxy that has lost its server and doesn't say so.
    Ended(Within),
}

/// Where in an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Within {
    Data,
    Id,
    /// Before the last of its bytes.
    BlankLine,
}

/// What happened on the line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Noted {
    /// The client asked for the stream, or tried to while there was no server.
    Asked(Instant),
    /// The last of a stream that ended in order came, and with it the last word on how long to stay away.
    Ended(Instant, Duration),
}

impl Line {
    pub(crate) async fn before(server: SocketAddr) -> Line {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let state = Arc::new(State {
            server,
            cut: Mutex::default(),
            reset: Notify::new(),
            held: watch::Sender::new(false),
            is_sending_away: AtomicBool::new(false),
            noted: Mutex::default(),
        });
        let address = listener.local_addr().expect("an address");
        let own = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&own);
                // However a connection ends, both of its ends have been told.
                tokio::spawn(async move { state.pass(client).await.ok() });
            }
        });
        Line { address, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts the connection once it comes to that; one alone.
    pub(crate) fn cut(&self, cut: Cut) {
        *self.state.cut.lock().expect("whole") = Some(cut);
    }

    /// The client has seen what came before the cut.
    pub(crate) fn reset(&self) {
        self.state.reset.notify_one();
    }

    /// Whether the cut that was asked for has not happened yet.
    pub(crate) fn is_to_be_cut(&self) -> bool {
        self.state.cut.lock().expect("whole").is_some()
    }

    /// From now on nothing more comes through; or again everything.
    pub(crate) fn hold(&self, held: bool) {
        self.state.held.send_replace(held);
    }

    /// From now on a stream that ends in order asks the client to stay away for [`AGES`].
    pub(crate) fn send_away(&self) {
        self.state.is_sending_away.store(true, Ordering::Relaxed);
    }

    pub(crate) fn noted(&self) -> Vec<Noted> {
        self.state.noted.lock().expect("a whole list").clone()
    }
}

impl State {
    async fn pass(&self, client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let upstream = TcpSocket::new_v4()?;
        upstream.set_recv_buffer_size(RECEIVE_BYTES)?;
        let upstream = match upstream.connect(self.server).await {
            Ok(upstream) => upstream,
            Err(nobody) => {
                self.note(Noted::Asked(Instant::now()));
                client.set_zero_linger()?;
                return Err(nobody);
            }
        };
        let (from_client, mut to_client) = client.into_split();
        let (from_server, to_server) = upstream.into_split();
        let passed = tokio::select! {
            asked = self.pass_questions(from_client, to_server) => asked,
            answered = self.pass_answers(from_server, &mut to_client) => answered,
        };
        if passed.is_err() {
            to_client.as_ref().set_zero_linger()?;
            // Not in order before, either.
            to_client.forget();
        }
        passed
    }

    async fn pass_questions(
        &self,
        mut from_client: OwnedReadHalf,
        mut to_server: OwnedWriteHalf,
    ) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        while let read @ 1.. = from_client.read(&mut buffer).await? {
            if find(&buffer[..read], b"/events").is_some() {
                self.note(Noted::Asked(Instant::now()));
            }
            to_server.write_all(&buffer[..read]).await?;
        }
        Ok(())
    }

    async fn pass_answers(
        &self,
        mut from_server: OwnedReadHalf,
        to_client: &mut OwnedWriteHalf,
    ) -> io::Result<()> {
        let mut held = self.held.subscribe();
        let mut last = Vec::new();
        let mut last_came = Instant::now();
        loop {
            // The sender lives as long as this.
            let _ = held.wait_for(|held| !held).await;
            let mut buffer = vec![0; 16 * 1024];
            let read = from_server.read(&mut buffer).await?;
            buffer.truncate(read);
            if read == 0 {
                if let Some(told) = retry_in(&last) {
                    self.note(Noted::Ended(last_came, told));
                }
                return Ok(());
            }
            if let Some((cut, rest)) = self.cut_in(&buffer) {
                to_client.write_all(&rest).await?;
                match cut {
                    Cut::Ended(_) => return Ok(()),
                    Cut::BeforeSnapshot => self.reset.notified().await,
                    Cut::InEvent => {}
                }
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if self.is_sending_away.load(Ordering::Relaxed) && buffer.ends_with(LAST_CHUNK) {
                send_away(&mut buffer);
            }
            last_came = Instant::now();
            to_client.write_all(&buffer).await?;
            last.extend_from_slice(&buffer);
            last.drain(..last.len().saturating_sub(LAST_BYTES));
        }
    }

    /// What still goes through if the connection is to be cut in these bytes; that is done then.
    fn cut_in(&self, bytes: &[u8]) -> Option<(Cut, Vec<u8>)> {
        let mut asked_for = self.cut.lock().expect("whole");
        let cut = (*asked_for)?;
        let rest = match cut {
            Cut::InEvent => {
                let event = find(bytes, b"task_created")?;
                let id = event + find(&bytes[event..], b"\nid: ")? + 1;
                bytes[..id].to_vec()
            }
            Cut::BeforeSnapshot => bytes[..find(bytes, b"{\"type\":\"snapshot\"")?].to_vec(),
            Cut::Ended(within) => end_in_event(bytes, within)?,
        };
        *asked_for = None;
        Some((cut, rest))
    }

    fn note(&self, noted: Noted) {
        self.noted.lock().expect("a whole list").push(noted);
    }
}

/// These bytes up to somewhere within an event, as the end of an answer; if an event begins and ends in them that has a
/// chunk of its own.
fn end_in_event(bytes: &[u8], within: Within) -> Option<Vec<u8>> {
    let event = find(bytes, b"\r\ndata: {\"type\":\"task_created\"")? + 2;
    let event_len = find(&bytes[event..], b"\n\n\r\n")? + 2;
    let through = match within {
        Within::Data => event_len / 2,
        // It is the last line: what is missing is its end, the line's, and the blank line.
        Within::Id => event_len - 6,
        Within::BlankLine => event_len - 1,
    };
    let head = format!("{event_len:x}\r\n").into_bytes();
    let chunk = event.checked_sub(head.len())?;
    if !bytes[chunk..event].eq_ignore_ascii_case(&head) {
        return None;
    }
    let mut rest = bytes[..chunk].to_vec();
    rest.extend(format!("{through:x}\r\n").into_bytes());
    rest.extend(&bytes[event..event + through]);
    rest.extend(b"\r\n");
    rest.extend(LAST_CHUNK);
    Some(rest)
}

/// One more chunk before the last one.
fn send_away(bytes: &mut Vec<u8>) {
    let told = format!("retry: {}\n\n", AGES.as_millis());
    let chunk = format!("{:x}\r\n{told}\r\n", told.len());
    let at = bytes.len() - LAST_CHUNK.len();
    bytes.splice(at..at, chunk.into_bytes());
}

/// The last `retry:` in a stream's last bytes.
fn retry_in(bytes: &[u8]) -> Option<Duration> {
    let text = String::from_utf8_lossy(bytes);
    let (_, after) = text.rsplit_once("retry: ")?;
    let millis = after.lines().next()?.parse().ok()?;
    Some(Duration::from_millis(millis))
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
