//! Which connections a stream leaves with, and that nothing is lost either way: HTTP/1.1 by the
//! letter (RFC 9112) for whoever sends more, or else, than one request.

use crate::app::{PATIENCE, TestApp, until};
use crate::bodies;
use crate::raw::RawSocket;
use crate::stream::{START, add_many, next, open, wait_for_seats};
use boardcast_sim::sse::{Block, Parser};
use boardcast_sim::stream::EventStream;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

const STREAM: &str = "GET /boards/board-1/events HTTP/1.1\r\nhost: localhost\r\n";
const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Streams that left with their sockets so far.
fn taken(app: &TestApp) -> u64 {
    let reactor = app.server().engine().reactor();
    reactor.map_or(0, |reactor| reactor.work().joins)
}

/// Reads until some text has come.
async fn read_to(socket: &mut RawSocket, text: &str) -> String {
    let mut found = String::new();
    let deadline = Instant::now() + PATIENCE;
    while !found.contains(text) {
        assert!(Instant::now() < deadline, "no {text:?} in {found:?}");
        found += &String::from_utf8_lossy(&socket.glance(Duration::from_millis(200)).await);
    }
    found
}

/// What is sent, and whether the stream that it asks for leaves with the socket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_plainly_and_for_nothing_else_is_taken_over() {
    let app = TestApp::start().await;
    let old = STREAM.replace("1.1", "1.0");
    let cases = [
        (format!("{STREAM}\r\n"), true),
        (format!("{old}\r\n"), false),
        (format!("{STREAM}expect: 100-continue\r\n\r\n"), false),
        (format!("{STREAM}content-length: 4\r\n\r\nbody"), false),
        (
            format!("{STREAM}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            false,
        ),
        (format!("{STREAM}\r\n{HEALTH}"), false),
        (format!("{HEALTH}{STREAM}\r\n"), false),
    ];
    for (sent, is_taken) in cases {
        let before = taken(&app);
        let mut socket = RawSocket::open(app.address()).await;
        socket.write(sent.as_bytes()).await.unwrap();
        let found = read_to(&mut socket, "\"connected\"").await;
        assert!(found.contains("text/event-stream"), "{found}");
        assert_eq!(taken(&app) - before, u64::from(is_taken), "{sent:?}");
        app.add_task("list-todo", "for everyone").await;
        read_to(&mut socket, "for everyone").await;
        // hyper doesn't see the end of a client behind what it hasn't read.
        drop(socket);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_used_before_is_taken_over_too() {
    let app = TestApp::start().await;
    let mut socket = RawSocket::open(app.address()).await;
    let task = r#"{"listId":"list-todo","title":"first"}"#;
    let post = format!(
        "POST /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        task.len()
    );
    for _ in 0..3 {
        socket.write(HEALTH.as_bytes()).await.unwrap();
        assert_eq!(socket.answer().await.unwrap().status, 200);
        socket.write(post.as_bytes()).await.unwrap();
        socket.write(task.as_bytes()).await.unwrap();
        assert_eq!(socket.answer().await.unwrap().status, 201);
    }
    socket.write(&STREAM.as_bytes()[..20]).await.unwrap();
    socket.write(&STREAM.as_bytes()[20..]).await.unwrap();
    socket.write(b"\r\n").await.unwrap();
    read_to(&mut socket, "\"connected\"").await;
    assert_eq!(taken(&app), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_more_later_or_ends_is_let_go() {
    let app = TestApp::start().await;
    for ends in [false, true] {
        let mut socket = RawSocket::open(app.address()).await;
        socket.write(STREAM.as_bytes()).await.unwrap();
        socket.write(b"\r\n").await.unwrap();
        read_to(&mut socket, "\"connected\"").await;
        wait_for_seats(&app, 1).await;
        if ends {
            socket.finish().await;
        } else {
            socket.write(HEALTH.as_bytes()).await.unwrap();
        }
        let rest = socket.rest().await;
        assert_eq!(String::from_utf8_lossy(&rest), "", "it is cut, not ended");
        wait_for_seats(&app, 0).await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ways_of_sending_say_the_same_head_and_the_same_bytes() {
    let app = TestApp::start().await;
    let mut found = Vec::new();
    // A request with a body of its own that comes to nothing stays with hyper.
    for (headers, is_taken) in [(vec![], true), (vec![("Expect", "100-continue")], false)] {
        let before = taken(&app);
        let path = "/boards/board-1/events?snapshot=1";
        let opened = EventStream::open(app.address(), path, &headers)
            .await
            .unwrap();
        assert_eq!(taken(&app) - before, u64::from(is_taken));
        let mut names: Vec<_> = opened
            .headers
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        names.sort();
        let values: Vec<_> = ["content-type", "connection", "transfer-encoding", "vary"]
            .map(|name| opened.header(name).map(str::to_owned))
            .into();
        let mut stream = opened.stream;
        let greeting = [next(&mut stream).await.raw, next(&mut stream).await.raw];
        found.push((names, values, greeting));
    }
    assert_eq!(found[0], found[1]);
    app.stop().await;
}

/// In quiet times: each of some events, published alone, is one wake-up and one send to each watcher.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_one_wake_up_and_one_send_to_each() {
    const WATCHERS: usize = 40;
    const EVENTS: usize = 10;
    let app = TestApp::start().await;
    let mut streams = Vec::new();
    for _ in 0..WATCHERS {
        streams.push(open(&app, "", None).await.0);
    }
    let work = || app.server().engine().reactor().unwrap().work();
    let (began, before) = (Instant::now(), work());
    for n in 0..EVENTS {
        app.add_task("list-todo", &format!("number {n}")).await;
        for stream in &mut streams {
            while !next(stream).await.is_message() {}
        }
    }
    let after = work();
    let sends = (after.sends - before.sends) as usize;
    let heartbeats = began.elapsed().as_secs() / 14 * WATCHERS as u64;
    assert!((WATCHERS * EVENTS..=WATCHERS * EVENTS + heartbeats as usize).contains(&sends));
    assert!(after.wakes - before.wakes <= EVENTS as u64);
    assert_eq!(after.refused, 0);
    drop(streams);
    app.stop().await;
}

/// A dozen events, a snapshot, long ones and short ones: cut anywhere, a stream goes on exactly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_cut_at_any_byte_goes_on_exactly() {
    let app = TestApp::start().await;
    for title in ["plain", "\u{1f9f9} swept \u{1f9f9}", "a\u{2028}b", "é"] {
        app.add_task("list-todo", title).await;
    }
    add_many(&app, 8, 32_000).await;
    let head = app.cursor("board-1").await;
    let streams = [format!("after={START}"), "snapshot=1".to_owned()];
    for query in streams {
        let whole = record(&app, &query, &head).await;
        let mut rests = BTreeMap::new();
        let mut parser = Parser::default();
        let (mut seen, mut id) = (0, None);
        let mut was_seen = usize::MAX;
        let bytes: Vec<u8> = whole.iter().flat_map(|block| block.raw.clone()).collect();
        for byte in &bytes {
            parser.push(&[*byte]);
            for block in parser.by_ref() {
                seen += 1;
                id = block.expect("a good block").id.or(id);
            }
            if let Some(id) = id.clone().filter(|_| was_seen != seen) {
                was_seen = seen;
                rests.insert(id, seen);
            }
        }
        assert_eq!(seen, whole.len());
        for (id, seen) in rests {
            let again = record(&app, &format!("after={id}"), &head).await;
            assert!(again[1..] == whole[seen..], "after {id}");
        }
    }
    app.stop().await;
}

/// The blocks of a stream up to the event of that id.
async fn record(app: &TestApp, query: &str, head: &str) -> Vec<Block> {
    let (path, mut blocks) = (format!("/boards/board-1/events?{query}"), Vec::new());
    let opened = EventStream::open(app.address(), &path, &[]).await;
    let mut stream = opened.expect("a stream").stream;
    loop {
        let block = next(&mut stream).await;
        if !block.comment_only {
            blocks.push(block);
        }
        let last = blocks.last().and_then(|block| block.id.as_deref());
        if last == Some(head) {
            return blocks;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_kept_of_watchers_that_left() {
    const VISITS: u64 = 1_000;
    let app = TestApp::start().await;
    let before = taken(&app);
    for _ in 0..VISITS {
        drop(open(&app, "", None).await);
    }
    assert_eq!(taken(&app) - before, VISITS);
    let hub = app.server().engine().hub();
    until("nobody is left", || (hub.seats(), hub.boards()) == (0, 0)).await;
    app.stop().await;
}

/// The switch of [`bodies`] leaves every socket where it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_sends_bodies_takes_nothing_over() {
    let app = TestApp::start_with(|args| args.bodies_only = true).await;
    let (stream, _) = open(&app, "", None).await;
    assert!(app.server().engine().reactor().is_none());
    drop(stream);
    assert!(!bodies::is_asked_for(), "these tests are of the other path");
    app.stop().await;
}
