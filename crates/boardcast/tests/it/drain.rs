//! A server that is told to stop. Contract 2, safe writes (whatever was taken is answered, or the
//! connection closes and a retry tells) and Contract 3 (shutdown ends streams in order, with a
//! `retry`). It ends by itself within its deadline, and says so with exit code 0: a watchdog in it
//! would end it with 1.

use crate::app::{PATIENCE, say, until};
use crate::child::ChildApp;
use boardcast_sim::client::{Client, Connection, Request};
use boardcast_sim::crowd::Crowd;
use boardcast_sim::load::{Ground, Load};
use boardcast_sim::sse::Block;
use boardcast_sim::stream::EventStream;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const PATH: &str = "/boards/busy/events";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_nothing_and_leaves_one_file_and_a_free_port() {
    let mut app = ChildApp::start().await;
    let address = app.address();
    let ground = Ground::make(address, "busy", 3).await;
    let crowd = Crowd::gather(address, "busy", 20, 20).await.unwrap();
    let load = Load::new(address, vec![ground], 1)
        .writers(16)
        .insisting()
        .spawn();
    for round in 1..=3 {
        load.wait_for_acked(300 * round, PATIENCE).await.unwrap();
        let mut streams = JoinSet::new();
        for _ in 0..10 {
            streams.spawn(follow_to_the_end(begin(address).await));
        }
        app.stop_in_order().await;
        for last in streams.join_all().await {
            let says_when_to_return = last.retry.is_some() && last.data.is_none();
            assert!(says_when_to_return, "a stream ended with {last:?}");
        }
        // Bound and not listened on: what another test starts just now has a copy for a moment, and a
        // listener's would keep the server away.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).expect("the port is free at once");
        drop(socket);
        app.restart().await;
    }
    let ledger = load.stop().await;
    let verdict = crowd.judge(&ledger).await;
    say(format_args!(
        "3 stops; {} writes, {} sent again without an answer, {} answered busy; {verdict}",
        ledger.written.len(),
        ledger.cuts,
        ledger.busy
    ));
    assert_eq!(verdict.wrong, Vec::<String>::new());
    assert_eq!(
        ledger.unanswered("busy"),
        [],
        "a retry is answered in the end"
    );
    assert_eq!(ledger.ask_again(address).await, Vec::<String>::new());
    app.stop_in_order().await;
}

/// Some begin while it stops: between their request and the thread that sends, or with it already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_begin_while_it_stops_end_in_order_too() {
    const CLIENTS: usize = 8;
    const STOPS: usize = 3;
    let mut app = ChildApp::start().await;
    let (address, path) = (app.address(), "/boards/board-1/events");
    for stop in 0..STOPS {
        let begun = Arc::new(AtomicUsize::new(0));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let begun = Arc::clone(&begun);
            clients.spawn(async move {
                let mut streams = JoinSet::new();
                // Whoever comes too late finds nobody, or is closed without an answer.
                while let Ok(opened) = EventStream::open(address, path, &[]).await {
                    assert_eq!(opened.status, 200);
                    begun.fetch_add(1, Ordering::Relaxed);
                    streams.spawn(follow_to_the_end(opened.stream));
                }
                streams.join_all().await
            });
        }
        until("many have begun", || {
            begun.load(Ordering::Relaxed) > 50 * (stop + 1)
        })
        .await;
        app.stop_in_order().await;
        let last: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
        assert_eq!(last.len(), begun.load(Ordering::Relaxed));
        for last in last {
            let says_when_to_return = last.retry.is_some() && last.data.is_none();
            assert!(says_when_to_return, "a stream ended with {last:?}");
        }
        app.restart().await;
    }
    app.stop_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_nothing_do_not_keep_it_from_ending() {
    let mut app = ChildApp::start().await;
    let address = app.address();
    let silent = TcpStream::connect(address).await.unwrap();
    let half_head = send(address, b"POST /tasks HTTP/1.1\r\nhost: localh").await;
    let half_body = send(address, &half_request(address).0).await;
    let mut idle = send(address, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, *b"HTTP/1.1 200 OK");
    let stalled = stall_a_reader(&app).await;
    app.stop_in_order().await;
    let rest = timeout(PATIENCE, idle.read_to_end(&mut Vec::new())).await;
    rest.expect("the connection ends").expect("in order");
    drop((silent, half_head, half_body, stalled));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_on_its_way_is_still_answered() {
    let mut app = ChildApp::start().await;
    let address = app.address();
    let (half, rest) = half_request(address);
    let mut socket = send(address, &half).await;
    let mut kept_alive = Connection::open(address).await.unwrap();
    let healthz = Request::new("GET", "/healthz");
    kept_alive.send(healthz).await.unwrap().expect(200);
    app.program().signal("TERM").await.unwrap();
    until_it_refuses(address).await;
    socket.write_all(&rest).await.unwrap();
    let mut answer = String::new();
    let whole = timeout(PATIENCE, socket.read_to_string(&mut answer)).await;
    whole.expect("an answer").expect("a whole one");
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    assert!(answer.contains("\"title\":\"On its way\""), "{answer}");
    let status = app.program().wait().await.unwrap();
    assert!(status.success(), "{status}:\n{}", app.program().output());
    app.restart().await;
    let board = Client::new(address).get("/boards/board-1").await.unwrap();
    assert!(board.text().contains("\"title\":\"On its way\""));
    app.stop_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once_and_what_was_answered_is_there() {
    let mut app = ChildApp::start().await;
    let address = app.address();
    // Without it the first signal would end the server before the second.
    let stalled = stall_a_reader(&app).await;
    let ground = Ground::make(address, "quiet", 1).await;
    let crowd = Crowd::gather(address, "quiet", 2, 2).await.unwrap();
    let load = Load::new(address, vec![ground], 2)
        .writers(4)
        .insisting()
        .spawn();
    load.wait_for_acked(100, PATIENCE).await.unwrap();
    app.program().signal("TERM").await.unwrap();
    until_it_refuses(address).await;
    app.program().signal("INT").await.unwrap();
    let status = app.program().wait().await.unwrap();
    assert_eq!(status.code(), Some(1), "the first signal alone ends with 0");
    drop(stalled);
    app.restart().await;
    let ledger = load.stop().await;
    assert_eq!(crowd.judge(&ledger).await.wrong, Vec::<String>::new());
    app.stop_in_order().await;
}

/// A stream of which nothing is read, and so much behind it that the server can't get rid of it.
async fn stall_a_reader(app: &ChildApp) -> EventStream {
    let ground = Ground::make(app.address(), "busy", 1).await;
    let opened = EventStream::open_narrow(app.address(), PATH, &[], 4_096).await;
    let load = Load::new(app.address(), vec![ground], 1)
        .describing(20_000)
        .spawn();
    load.wait_for_acked(100, PATIENCE).await.unwrap();
    load.stop().await;
    opened.expect("an answer").stream
}

async fn begin(address: SocketAddr) -> EventStream {
    let opened = EventStream::open(address, PATH, &[]).await;
    let mut stream = opened.expect("an answer").stream;
    stream.next().await.expect("a block").expect("connected");
    stream
}

/// The last block before the orderly end.
async fn follow_to_the_end(mut stream: EventStream) -> Block {
    let mut last = None;
    while let Some(block) = stream.next().await.expect("an orderly end") {
        last = Some(block);
    }
    last.expect("a block before the end")
}

/// A new task's request: what comes before the middle of its body, and the rest.
fn half_request(address: SocketAddr) -> (Vec<u8>, Vec<u8>) {
    let body = r#"{"title":"On its way","listId":"list-todo"}"#;
    let request = format!(
        "POST /tasks HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let rest = request.as_bytes()[request.len() - 20..].to_vec();
    (request.as_bytes()[..request.len() - 20].to_vec(), rest)
}

async fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    socket.write_all(bytes).await.expect("it is taken");
    socket
}

/// Waits until nobody listens any more: the signal has arrived.
async fn until_it_refuses(address: SocketAddr) {
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, refused)
        .await
        .expect("it stops listening");
}
