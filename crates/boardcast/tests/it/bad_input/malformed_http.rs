//! Contract 2, errors: bytes that are hardly HTTP. Whatever comes over the socket, it is refused or
//! cut, and the server goes on.

use super::Tried;
use crate::app::TestApp;
use crate::raw::RawSocket;
use boardcast_sim::random::Random;
use std::sync::Arc;
use std::time::Duration;

/// The status of the first answer in these bytes.
fn first_status(answer: &[u8]) -> Option<u16> {
    let digits = answer.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_is_refused_or_cut() {
    let tried = Tried::start().await;
    let post = "POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let body = "{\"listId\":\"list-todo\",\"title\":\"x\"}";
    let length = body.len();
    let many_headers: String = (0..500)
        .map(|number| format!("x-{number}: y\r\n"))
        .collect();
    let requests = [
        "GET\r\n\r\n".to_owned(),
        "GET /boards\r\n\r\n".to_owned(),
        "GET  /boards  HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /boards HTTP/9.9\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /boards HTTP/1.1 more\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET boards HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /bo ards HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /\u{0} HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
        "* 1 FETCH\r\n\r\n".to_owned(),
        "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n".to_owned(),
        "CONNECT / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET * HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET ?x HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /boards HTTP/1.1\r\n\r\n".to_owned(),
        "GET /boards HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /boards HTTP/1.1\r\nHost : localhost\r\n\r\n".to_owned(),
        "GET /boards HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n".to_owned(),
        "GET /boards HTTP/1.1\r\nHost: localhost\r\n: no name\r\n\r\n".to_owned(),
        "GET /boards HTTP/1.1\r\nHost: localhost\r\nx: a\u{0}b\r\n\r\n".to_owned(),
        "GET /boards HTTP/1.1\r\nHost: localhost\r\nä: b\r\n\r\n".to_owned(),
        format!("GET /boards HTTP/1.1\r\nHost: localhost\r\n{many_headers}\r\n"),
        format!(
            "GET /boards HTTP/1.1\r\nHost: localhost\r\nx: {}\r\n\r\n",
            "y".repeat(300_000)
        ),
        format!(
            "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "y".repeat(300_000)
        ),
        format!(
            "{} /boards HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "Y".repeat(300_000)
        ),
        // Lengths that are none, or say two things.
        format!("{post}Content-Length: x\r\n\r\n{body}"),
        format!("{post}Content-Length: -{length}\r\n\r\n{body}"),
        format!("{post}Content-Length: +{length}\r\n\r\n{body}"),
        format!("{post}Content-Length: 99999999999999999999999\r\n\r\n{body}"),
        format!("{post}Content-Length: {length}\r\nContent-Length: 5\r\n\r\n{body}"),
        format!("{post}Content-Length: {length}, 5\r\n\r\n{body}"),
        format!("{post}Transfer-Encoding: nonsense\r\n\r\n{body}"),
        format!("{post}Transfer-Encoding: chunked, gzip\r\n\r\n{body}"),
        // A body whose length isn't said is none.
        format!("{post}\r\n{body}"),
    ];
    for request in requests {
        let mut socket = RawSocket::open(tried.app.address()).await;
        // The server may cut the connection while it is still being sent to.
        let _ = socket.write(request.as_bytes()).await;
        let mut answer = socket.glance(Duration::from_millis(200)).await;
        socket.finish().await;
        answer.extend(socket.rest().await);
        let shown: String = request.chars().take(120).collect();
        if !answer.is_empty() {
            let status = first_status(&answer).expect("HTTP");
            let refused = (400..500).contains(&status) || status == 505;
            assert!(
                refused,
                "{shown:?} got {}",
                String::from_utf8_lossy(&answer)
            );
        }
        tried.app.get("/healthz").await.expect(200);
        let now = tried.app.get("/boards/board-1").await;
        assert_eq!(now.body, tried.before.body, "{shown:?}");
    }
    tried.stop().await;
}

/// Two readers of one request must see the same end of it: else a proxy's next request is somebody
/// else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_with_two_lengths_is_followed_by_nothing() {
    let app = TestApp::start().await;
    let hidden = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let request = format!(
        "DELETE /tasks/never HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
        5 + hidden.len()
    );
    let mut socket = RawSocket::open(app.address()).await;
    socket.write(request.as_bytes()).await.unwrap();
    let first = socket.answer().await.unwrap();
    assert!((400..500).contains(&first.status), "{}", first.status);
    let follows = socket.glance(Duration::from_millis(300)).await;
    assert_eq!(String::from_utf8_lossy(&follows), "");
    app.stop().await;
}

/// hyper doesn't look for a client's end while bytes of another request wait to be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_with_bytes_behind_its_request_ends_with_its_client() {
    let app = TestApp::start().await;
    let request = "GET /boards/board-1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for behind in ["x", "\r\n\r\n", request] {
        let mut socket = RawSocket::open(app.address()).await;
        socket
            .write(format!("{request}{behind}").as_bytes())
            .await
            .unwrap();
        socket.answer().await.unwrap().expect(200);
        drop(socket);
    }
    let hub = app.server().engine().hub();
    let gone = async {
        while hub.seats() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, gone)
        .await
        .expect("let go within a minute");
    app.stop().await;
}

/// Requests that are right, to be made wrong.
const SOUND: [&str; 8] = [
    "GET /boards HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n",
    "GET /boards/board-1 HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \"8-0123456789ab\"\r\n\r\n",
    "GET /boards/board-1/events?after=1-0123456789ab HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 2-0123456789ab\r\n\r\n",
    "POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 34\r\n\r\n{\"listId\":\"list-todo\",\"title\":\"x\"}",
    "PATCH /tasks/task-try HTTP/1.1\r\nHost: localhost\r\nIf-Match: \"1\"\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"title\":\"x\"}",
    "PATCH /tasks/task-try/move HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Type: application/merge-patch+json\r\nTransfer-Encoding: chunked\r\n\r\n13\r\n{\"before\":\"task-x\"}\r\n0\r\n\r\n",
    "DELETE /lists/list-done HTTP/1.1\r\nHost: [::1]:80\r\nOrigin: http://[::1]:80\r\nSec-Fetch-Site: same-origin\r\n\r\n",
    "POST /boards HTTP/1.0\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n{\"name\":\"x\"}",
];

/// Pieces that mean something to somebody who reads HTTP or JSON.
const SOUP: [&[u8]; 32] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b",",
    b"\0",
    b"\xff",
    b"\x80",
    b"/",
    b"?",
    b"%",
    b"%00",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"\\u0000",
    b"HTTP/1.1",
    b"HTTP/1.0\r\n",
    b"Host: ",
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    b"Origin: null\r\n",
    b"0\r\n\r\n",
    b"-1",
    b"18446744073709551616",
    b"\xf0\x9f\xa7\xb9",
];

/// A request of which something is wrong, in one of many ways.
fn spoilt(random: &mut Random) -> Vec<u8> {
    if random.one_in(10) {
        return (0..random.below(400))
            .map(|_| random.draw() as u8)
            .collect();
    }
    let mut bytes = random.pick(&SOUND).as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        let end = (at + random.below(12) as usize).min(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, random.pick(&SOUP).iter().copied())),
            3 => drop(bytes.splice(at..end, random.pick(&SOUP).iter().copied())),
            4 => {
                let copies = 1 + random.below(50) as usize;
                let piece = bytes[at..end].repeat(copies);
                drop(bytes.splice(at..at, piece));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.draw() as u8;
                }
            }
        }
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_spoilt_requests_do_no_harm() {
    const SENDERS: u64 = 20;
    const REQUESTS: u64 = 100;
    let app = Arc::new(TestApp::start().await);
    let senders =
        (0..SENDERS).map(|seed| tokio::spawn(send_spoilt(Arc::clone(&app), seed, REQUESTS)));
    for sender in senders.collect::<Vec<_>>() {
        sender.await.expect("no request does harm");
    }
    app.get("/healthz").await.expect(200);
    app.add_task("list-todo", "Still writing").await;
    Arc::into_inner(app)
        .expect("all senders are done")
        .stop()
        .await;
}

async fn send_spoilt(app: Arc<TestApp>, seed: u64, requests: u64) {
    let mut random = Random::new(seed);
    for number in 0..requests {
        let request = spoilt(&mut random);
        let shown = format!(
            "seed {seed}, request {number}: {:?}",
            String::from_utf8_lossy(&request)
        );
        let mut socket = RawSocket::open(app.address()).await;
        // The server may cut the connection while it is still being sent to.
        let _ = socket.write(&request).await;
        let mut answer = socket.glance(Duration::from_millis(20)).await;
        // One that came out as a stream goes on for as long as somebody is there.
        let is_stream =
            |answer: &[u8]| String::from_utf8_lossy(answer).contains("text/event-stream");
        if !is_stream(&answer) {
            socket.finish().await;
            answer.extend(socket.rest_until(is_stream).await);
        }
        if !answer.is_empty() {
            let status = first_status(&answer);
            let status = status.unwrap_or_else(|| panic!("{shown} got {answer:?}"));
            assert!(
                (100..500).contains(&status) || status == 505,
                "{shown} got {status}"
            );
        }
        if number % 10 == 0 {
            app.get("/healthz").await.expect(200);
        }
    }
}
