//! Readers who come and go, in order and not. Contract 3, what a reader may cost: after a client is
//! gone nothing of it stays: no socket, no memory, no entry.

use crate::app::{TestApp, say, until};
use crate::child::ChildApp;
use boardcast_core::limits::READERS_MAX;
use boardcast_sim::client::Client;
use boardcast_sim::load::{Ground, Load};
use boardcast_sim::random::Random;
use boardcast_sim::stream::EventStream;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const PATH: &str = "/boards/busy/events?snapshot=1";
/// Clients at a time.
const AT_ONCE: u64 = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_readers_that_went_away_leave_no_descriptor_and_no_memory() {
    const GROWTH_MAX: u64 = 20 * 1024 * 1024;
    let mut app = ChildApp::start().await;
    let at_rest = app.sockets();
    let ground = Ground::make(app.address(), "busy", 2).await;
    // The first round warms up what is kept for good: the allocator's pools, threads.
    come_and_go(app.address(), &ground, 2_000, 1).await;
    until("the first round is gone", || app.sockets() == at_rest).await;
    let before = (app.descriptors(), app.memory());
    come_and_go(app.address(), &ground, 10_000, 2).await;
    until("the second round is gone", || app.sockets() == at_rest).await;
    let after = (app.descriptors(), app.memory());
    let counts = format!("descriptors and bytes: {before:?}, then {after:?}");
    say(&counts);
    // Each reading connection opens the write-ahead log when it is first needed.
    assert!(after.0 <= before.0 + READERS_MAX, "{counts}");
    assert!(after.1 <= before.1 + GROWTH_MAX, "{counts}");
    app.stop_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_went_away_leave_no_entry_among_the_watchers() {
    let app = TestApp::start().await;
    let ground = Ground::make(app.address(), "busy", 2).await;
    come_and_go(app.address(), &ground, 2_000, 1).await;
    let hub = app.server().engine().hub();
    let left = || (hub.seats(), hub.boards(), hub.bytes());
    until("nobody is left", || left() == (0, 0, 0)).await;
    app.stop().await;
}

/// So many readers while somebody writes.
async fn come_and_go(address: SocketAddr, ground: &Ground, readers: u64, seed: u64) {
    let load = Load::new(address, vec![ground.clone()], seed)
        .per_second(50)
        .spawn();
    let mut clients = JoinSet::new();
    for client in 0..AT_ONCE {
        let mut random = Random::new(seed * AT_ONCE + client);
        clients.spawn(async move {
            for _ in 0..readers / AT_ONCE {
                visit(address, &mut random).await;
            }
        });
    }
    clients.join_all().await;
    load.stop().await;
    // Connections are taken in the order in which they came: once this one is answered, none waits.
    Client::new(address)
        .get("/healthz")
        .await
        .expect("an answer")
        .expect(200);
}

/// One reader: comes, sees little or nothing, and goes in one of the ways that clients go.
async fn visit(address: SocketAddr, random: &mut Random) {
    match random.below(6) {
        0 => drop(begin(address).await),
        1 => begin(address).await.cut(),
        2 => {
            // Half closed: it says that it is done, and the server ends the stream or goes on.
            let mut socket = ask(address, usize::MAX).await;
            socket.shutdown().await.expect("half a close");
            let mut some = [0; 64];
            // A reset is fine too.
            let _ = socket.read(&mut some).await;
        }
        3 => drop(ask(address, 40).await),
        4 => {
            let socket = ask(address, usize::MAX).await;
            socket.set_zero_linger().expect("a reset at the close");
        }
        _ => drop(ask(address, usize::MAX).await),
    }
}

/// A stream that has begun.
async fn begin(address: SocketAddr) -> EventStream {
    let opened = EventStream::open(address, PATH, &[])
        .await
        .expect("an answer");
    let mut stream = opened.stream;
    let first = stream.next().await.expect("a block").expect("a stream");
    assert!(first.raw.starts_with(b"data: {\"type\":\"connected\"}"));
    stream
}

/// A connection on which the first so many bytes of a request were sent.
async fn ask(address: SocketAddr, bytes: usize) -> TcpStream {
    let request = format!("GET {PATH} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let sent = &request.as_bytes()[..bytes.min(request.len())];
    socket.write_all(sent).await.expect("it is taken");
    socket
}
