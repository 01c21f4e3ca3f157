//! A scripted TCP server for this crate's own tests: each connection plays its steps, then closes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One thing the server does on a connection.
pub(crate) enum Step {
    /// Reads one request, its body by content-length.
    AwaitRequest,
    /// Writes these bytes as they are.
    Send(Vec<u8>),
    /// Resets the connection; nothing comes after it.
    Reset,
    /// Keeps the connection open, silently, until the client closes it.
    Hold,
    /// Keeps the connection open and reads nothing, for ever.
    Stall,
}

/// Plays one script a connection, in the order they come in, then listens no more.
pub(crate) struct Server {
    addr: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    playing: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(scripts: Vec<Vec<Step>>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Server::on(listener, scripts)
    }

    pub(crate) fn on(listener: TcpListener, scripts: Vec<Vec<Step>>) -> Server {
        let addr = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let playing = tokio::spawn(async move {
            for script in scripts {
                let (socket, _) = listener.accept().await.unwrap();
                play(socket, script, &seen).await;
            }
        });
        Server {
            addr,
            requests,
            playing,
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Every request read, as text, once all scripts are over.
    pub(crate) async fn requests(self) -> Vec<String> {
        self.playing.await.unwrap();
        self.requests.lock().unwrap().clone()
    }
}

async fn play(mut socket: TcpStream, script: Vec<Step>, seen: &Mutex<Vec<String>>) {
    for step in script {
        match step {
            Step::AwaitRequest => {
                let request = read_request(&mut socket).await;
                seen.lock().unwrap().push(request);
            }
            Step::Send(bytes) => socket.write_all(&bytes).await.unwrap(),
            Step::Reset => return socket.set_zero_linger().unwrap(),
            Step::Stall => std::future::pending().await,
            Step::Hold => while matches!(socket.read(&mut [0; 4096]).await, Ok(1..)) {},
        }
    }
}

async fn read_request(socket: &mut TcpStream) -> String {
    let mut text = String::new();
    let whole = |text: &str| match text.split_once("\r\n\r\n") {
        Some((head, body)) => body.len() >= content_length(head),
        None => false,
    };
    while !whole(&text) {
        let byte = socket.read_u8().await.expect("a whole request");
        text.push(byte as char);
    }
    text
}

fn content_length(head: &str) -> usize {
    let head = head.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.map_or(0, |length| length.parse().unwrap())
}

/// A stream's response head, as the contract asks for it.
pub(crate) const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    cache-control: no-cache, no-transform\r\nconnection: keep-alive\r\nx-accel-buffering: no\r\n\
    transfer-encoding: chunked\r\n\r\n";

/// The chunk that ends a body.
pub(crate) const LAST_CHUNK: &str = "0\r\n\r\n";

/// `text` as one chunk.
pub(crate) fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}
