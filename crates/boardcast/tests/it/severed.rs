//! Lines that are cut after any number of bytes, heads included: between a reader and the server, or on
//! either side of a proxy. Contract 3, cursors: whatever was lost with the line comes on the next one.

use crate::app::TestApp;
use crate::proxies::{Kind, Proxy};
use boardcast_sim::sse::Block;
use boardcast_sim::stream::{EventStream, StreamError};
use futures_util::future::join_all;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a relay passes on when it cuts nothing.
const ALL: u64 = u64::MAX;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_cut_after_any_number_of_bytes_loses_nothing_on_any_way() {
    let ways = [
        (false, Way::Straight),
        (true, Way::Straight),
        (false, Way::BeforeNginx),
        (false, Way::Behind(Kind::Nginx)),
        (false, Way::Behind(Kind::NginxReusing)),
        (false, Way::Behind(Kind::Caddy)),
    ];
    join_all(ways.map(|(bodies_only, way)| check_every_cut(bodies_only, way))).await;
}

/// Where the relay stands that cuts the line.
#[derive(Clone, Copy)]
enum Way {
    Straight,
    BeforeNginx,
    /// Behind this proxy, which may take a cut for an orderly end and say so in front.
    Behind(Kind),
}

async fn check_every_cut(bodies_only: bool, way: Way) {
    let app = TestApp::start_with(|args| args.bodies_only |= bodies_only).await;
    let start = app.cursor("board-1").await;
    for title in ["\u{1f9f9} swept", "a\u{2028}b"] {
        app.add_task("list-todo", title).await;
    }
    let head = app.cursor("board-1").await;
    let (proxy, relay, address);
    match way {
        Way::Straight => {
            relay = Relay::start(app.address()).await;
            (proxy, address) = (None, relay.address);
        }
        Way::BeforeNginx => {
            let nginx = Proxy::start(Kind::NginxReusing, app.address()).await;
            relay = Relay::start(nginx.address).await;
            (proxy, address) = (Some(nginx), relay.address);
        }
        Way::Behind(kind) => {
            relay = Relay::start(app.address()).await;
            let started = Proxy::start(kind, relay.address).await;
            address = started.address;
            proxy = Some(started);
        }
    }
    let reader = Reader { address, head };
    let whole = reader.read(&start).await;
    assert_eq!(whole.len(), 2);
    let bytes = relay.passed.load(Ordering::SeqCst);
    assert!(bytes > 500, "head and events: {bytes}");
    for cut in 0..bytes {
        relay.cut_after.store(cut, Ordering::SeqCst);
        let mut seen = reader.read(&start).await;
        relay.cut_after.store(ALL, Ordering::SeqCst);
        let last = seen.last().and_then(|block| block.id.clone());
        let rest = reader.read(last.as_deref().unwrap_or(&start)).await;
        seen.extend(rest);
        assert!(seen == whole, "cut after {cut} of {bytes} bytes: {seen:?}");
    }
    drop(proxy);
    relay.task.abort();
    app.stop().await;
}

/// Reads up to the last event, or as far as the line lasts.
struct Reader {
    address: SocketAddr,
    head: String,
}

impl Reader {
    async fn read(&self, after: &str) -> Vec<Block> {
        let mut seen = Vec::new();
        if after == self.head {
            return seen;
        }
        let path = format!("/boards/board-1/events?after={after}");
        // Cut within its head, or a proxy that got nothing: nothing was shown.
        let Ok(mut opened) = EventStream::open(self.address, &path, &[]).await else {
            return seen;
        };
        if opened.status != 200 {
            assert!(matches!(opened.status, 502 | 503), "{}", opened.status);
            return seen;
        }
        while seen.last().and_then(|block: &Block| block.id.as_ref()) != Some(&self.head) {
            match opened.stream.next_event().await {
                Ok(Some(block)) if block.json()["type"] == "connected" => {}
                Ok(Some(block)) => seen.push(block),
                Ok(None) | Err(StreamError::Cut(_) | StreamError::Violation(_)) => break,
                Err(quiet @ StreamError::Quiet(_)) => panic!("{quiet}"),
            }
        }
        seen
    }
}

/// Passes bytes on, and ends both sides once so many went to the reader.
struct Relay {
    address: SocketAddr,
    cut_after: Arc<AtomicU64>,
    /// How many bytes went to the readers.
    passed: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Relay {
    async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (cut_after, passed) = (Arc::new(AtomicU64::new(ALL)), Arc::<AtomicU64>::default());
        let (limit, count) = (Arc::clone(&cut_after), Arc::clone(&passed));
        let task = tokio::spawn(async move {
            while let Ok((reader, _)) = listener.accept().await {
                let left = limit.load(Ordering::SeqCst);
                tokio::spawn(pass_on(reader, upstream, left, Arc::clone(&count)));
            }
        });
        Self {
            address,
            cut_after,
            passed,
            task,
        }
    }
}

async fn pass_on(mut reader: TcpStream, upstream: SocketAddr, left: u64, count: Arc<AtomicU64>) {
    let mut server = TcpStream::connect(upstream).await.expect("the server");
    for socket in [&reader, &server] {
        socket.set_nodelay(true).expect("an open socket");
    }
    let (mut from_reader, mut to_reader) = reader.split();
    let (from_server, mut to_server) = server.split();
    let mut from_server = from_server.take(left);
    let down = async {
        let mut bytes = [0; 4_096];
        while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
            count.fetch_add(read as u64, Ordering::SeqCst);
            if to_reader.write_all(&bytes[..read]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = down => {}
        // The reader has gone; until then it has more to say, if only nothing.
        _ = copy(&mut from_reader, &mut to_server) => {}
    }
}
