//! Contract 2, errors: a body over 256 KiB is 413, which reaches a client that is still sending; one
//! that never comes whole is given up. Both before anything happens.

use super::{Tried, check_problem, writing_routes};
use crate::raw::RawSocket;
use boardcast_core::limits::{BODY_BYTES_MAX, BODY_SECONDS_MAX, HEAD_SECONDS_MAX};
use serde_json::json;
use std::time::Duration;

/// The head of a task's create, up to the headers that say how its body comes.
const HEAD: &str = "POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

fn with_length(body: &[u8]) -> Vec<u8> {
    let head = format!("{HEAD}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn in_chunks(body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in body.chunks(10_000) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// A valid body, with blanks up to a length.
fn padded(length: usize) -> Vec<u8> {
    let mut body = json!({ "listId": "list-todo", "title": "x" })
        .to_string()
        .into_bytes();
    body.resize(length, b' ');
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_may_have_256_kib_and_not_one_byte_more() {
    let tried = Tried::start().await;
    for route in writing_routes() {
        let mut body = route.body.to_string().into_bytes();
        body.resize(BODY_BYTES_MAX + 1, b' ');
        tried.refuse(route.with(body), 413, "too_large", None).await;
    }
    for encode in [with_length, in_chunks] {
        let mut socket = RawSocket::open(tried.app.address()).await;
        socket
            .write(&encode(&padded(BODY_BYTES_MAX + 1)))
            .await
            .unwrap();
        check_problem(&socket.answer().await.unwrap().expect(413));
    }
    let now = tried.app.get("/boards/board-1").await;
    assert_eq!(now.body, tried.before.body);
    for encode in [with_length, in_chunks] {
        let mut socket = RawSocket::open(tried.app.address()).await;
        socket
            .write(&encode(&padded(BODY_BYTES_MAX)))
            .await
            .unwrap();
        socket.answer().await.unwrap().expect(201);
    }
    tried.stop().await;
}

/// As simple clients do: everything is written before anything is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_large_reaches_a_client_that_sends_everything_first() {
    let tried = Tried::start().await;
    for (megabytes, times) in [(1, 16), (20, 3)] {
        for encode in [with_length, in_chunks] {
            let request = encode(&padded(megabytes * 1024 * 1024));
            for _ in 0..times {
                let mut socket = RawSocket::open(tried.app.address()).await;
                socket
                    .write(&request)
                    .await
                    .expect("it takes all that is sent");
                let answer = socket.answer().await.expect("the refusal is not lost");
                let problem = check_problem(&answer.expect(413));
                assert_eq!(problem["code"], "too_large");
                assert_eq!(socket.rest().await, b"", "nothing follows");
            }
        }
    }
    let now = tried.app.get("/boards/board-1").await;
    assert_eq!(now.body, tried.before.body);
    tried.stop().await;
}

/// Over a slow line the body takes its time, and the refusal waits at the end of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_large_reaches_a_client_that_sends_slowly() {
    const PIECES: usize = 20;
    let tried = Tried::start().await;
    let mut slow = Vec::new();
    for encode in [with_length, in_chunks] {
        let request = encode(&padded(2 * 1024 * 1024));
        let mut socket = RawSocket::open(tried.app.address()).await;
        slow.push(tokio::spawn(async move {
            for piece in request.chunks(request.len().div_ceil(PIECES)) {
                socket
                    .write(piece)
                    .await
                    .expect("it takes all that is sent");
                // The line is that slow.
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
            let answer = socket.answer().await.expect("the refusal is not lost");
            check_problem(&answer.expect(413));
        }));
    }
    for slow in slow {
        slow.await.unwrap();
    }
    tried.stop().await;
}

/// What is refused before its body was read leaves a body behind, which must not be taken for
/// requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_body_is_never_read_as_a_request() {
    let tried = Tried::start().await;
    let hidden = "DELETE /boards/board-1 HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(10_000);
    let refused = [
        (HEAD.to_owned(), 413),
        (HEAD.replace("/tasks", "/nothing"), 404),
        (HEAD.replace("POST", "PUT"), 405),
        (HEAD.replace("application/json", "text/plain"), 415),
        (HEAD.replace("localhost", "evil.example"), 421),
        (format!("{HEAD}Origin: http://evil.example\r\n"), 403),
    ];
    for (head, status) in refused {
        let request = format!("{head}Content-Length: {}\r\n\r\n{hidden}", hidden.len());
        let mut socket = RawSocket::open(tried.app.address()).await;
        socket.write(request.as_bytes()).await.unwrap();
        check_problem(&socket.answer().await.unwrap().expect(status));
        assert_eq!(socket.rest().await, b"", "{status}");
        let now = tried.app.get("/boards/board-1").await;
        assert_eq!(now.body, tried.before.body, "{status}");
    }
    tried.stop().await;
}

/// A client that keeps its connection must know whether the next request will be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_goes_on_after_a_refusal_or_the_refusal_says_that_it_ends() {
    let tried = Tried::start().await;
    let body = "{\"listId\":\"list-todo\"}";
    let refused = [
        (HEAD.to_owned(), 422),
        (HEAD.replace("/tasks", "/nothing"), 404),
        (HEAD.replace("POST", "PUT"), 405),
        (HEAD.replace("application/json", "text/plain"), 415),
        (HEAD.replace("localhost", "evil.example"), 421),
        (format!("{HEAD}Origin: http://evil.example\r\n"), 403),
        (format!("{HEAD}If-Match: 1\r\n"), 422),
    ];
    let mut goes_on = 0;
    for (head, status) in refused {
        let mut socket = RawSocket::open(tried.app.address()).await;
        let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
        socket.write(head.as_bytes()).await.unwrap();
        // Many clients send the two apart: the refusal may come before the body.
        tokio::time::sleep(Duration::from_millis(20)).await;
        socket.write(body.as_bytes()).await.unwrap();
        let answer = socket.answer().await.unwrap().expect(status);
        if answer.header("connection") == Some("close") {
            assert_eq!(socket.rest().await, b"", "{status}");
            continue;
        }
        goes_on += 1;
        let next = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        socket.write(next.as_bytes()).await.unwrap();
        socket.answer().await.unwrap().expect(200);
    }
    assert!(goes_on > 0, "a body that was read needs no end");
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_before_sending_is_told_to_go_on_or_refused_at_once() {
    let tried = Tried::start().await;
    let ask = async |head: &str, length: usize| {
        let mut socket = RawSocket::open(tried.app.address()).await;
        let request = format!("{head}Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n");
        socket.write(request.as_bytes()).await.unwrap();
        socket
    };
    let refused = [
        (HEAD.to_owned(), BODY_BYTES_MAX + 1, 413),
        (HEAD.to_owned(), 1 << 40, 413),
        (HEAD.replace("application/json", "text/plain"), 10, 415),
        (HEAD.replace("localhost", "evil.example"), 10, 421),
        (HEAD.replace("/tasks", "/nothing"), 10, 404),
        (format!("{HEAD}If-Match: 1\r\n"), 10, 422),
        (format!("{HEAD}Idempotency-Key: a b\r\n"), 10, 422),
    ];
    for (head, length, status) in refused {
        let mut socket = ask(&head, length).await;
        let answer = socket.answer().await.unwrap().expect(status);
        check_problem(&answer);
        assert_eq!(answer.header("connection"), Some("close"), "{status}");
    }
    let body = padded(1_000);
    let mut socket = ask(HEAD, body.len()).await;
    socket.answer().await.unwrap().expect(100);
    socket.write(&body).await.unwrap();
    socket.answer().await.unwrap().expect(201);
    tried.stop().await;
}

/// What began and never ended: nothing of it happens, and it is let go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_never_comes_is_given_up() {
    let tried = Tried::start().await;
    let whole = padded(100);
    let starts = [
        with_length(&whole)[..HEAD.len() + 40].to_vec(),
        format!("{HEAD}Content-Length: 100\r\n\r\n").into_bytes(),
        format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").into_bytes(),
        format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n64\r\n{{\"listId\"").into_bytes(),
        format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n").into_bytes(),
        format!("{HEAD}Content-Length: 9\r\nExpect: 100-continue\r\n\r\n").into_bytes(),
        format!(
            "DELETE /tasks/task-try{}Content-Length: 2\r\n\r\n{{",
            &HEAD["POST /tasks".len()..]
        )
        .into_bytes(),
    ];
    let limit = Duration::from_secs(2 * BODY_SECONDS_MAX);
    let mut waiting = Vec::new();
    for start in starts {
        let mut socket = RawSocket::open(tried.app.address()).await;
        socket.write(&start).await.unwrap();
        waiting.push(tokio::spawn(async move {
            let mut answer = socket.answer_within(limit).await.expect("an answer");
            if answer.status == 100 {
                answer = socket.answer_within(limit).await.expect("an answer");
            }
            let problem = check_problem(&answer.expect(408));
            assert_eq!(problem["code"], "too_slow");
            assert_eq!(socket.rest().await, b"");
        }));
    }
    // One that comes byte by byte is none either.
    let slow_body = format!("{HEAD}Content-Length: 100000\r\n\r\n");
    let slow_head = format!("{HEAD}x: ");
    for (start, refusal) in [(slow_body, "HTTP/1.1 408 "), (slow_head, "")] {
        let mut socket = RawSocket::open(tried.app.address()).await;
        socket.write(start.as_bytes()).await.unwrap();
        waiting.push(tokio::spawn(async move {
            let (mut answer, mut is_cut) = (Vec::new(), false);
            for _ in 0..2 * BODY_SECONDS_MAX {
                is_cut = socket.write(b"y").await.is_err();
                answer.extend(socket.glance(Duration::from_secs(1)).await);
                if is_cut || !answer.is_empty() {
                    break;
                }
            }
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with(refusal), "{answer}");
            assert!(is_cut || !answer.is_empty(), "it is still read from");
        }));
    }
    // A head that never ends, and a connection that never asks, have nobody to answer.
    let limit = Duration::from_secs(2 * HEAD_SECONDS_MAX);
    for start in [
        "",
        "GET /boa",
        HEAD,
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let mut socket = RawSocket::open(tried.app.address()).await;
        socket.write(start.as_bytes()).await.unwrap();
        waiting.push(tokio::spawn(async move {
            let last = socket.rest_within(limit).await;
            assert!(
                !last.starts_with(b"HTTP/1.1 5"),
                "{}",
                String::from_utf8_lossy(&last)
            );
        }));
    }
    for waiting in waiting {
        waiting.await.expect("given up in time");
    }
    let now = tried.app.get("/boards/board-1").await;
    assert_eq!(now.body, tried.before.body);
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_did_not_happen() {
    let tried = Tried::start().await;
    let broken = [
        with_length(&padded(100))[..HEAD.len() + 60].to_vec(),
        in_chunks(&padded(100))[..HEAD.len() + 60].to_vec(),
        // A whole object in a body that isn't: the last chunk never comes.
        in_chunks(&padded(100))
            .strip_suffix(b"0\r\n\r\n")
            .unwrap()
            .to_vec(),
        format!("{HEAD}Content-Length: 99\r\n\r\n{{\"listId\":\"list-todo\",\"title\":\"x\"}}")
            .into_bytes(),
        format!("{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n").into_bytes(),
        format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n-1\r\n{{}}\r\n0\r\n\r\n").into_bytes(),
        format!("{HEAD}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{{}}\r\n0\r\n\r\n")
            .into_bytes(),
        format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{{}}\r\n0\r\n\r\n").into_bytes(),
        format!(
            "{HEAD}Transfer-Encoding: chunked\r\n\r\n2;{}\r\n{{}}\r\n0\r\n\r\n",
            "x".repeat(1 << 20)
        )
        .into_bytes(),
        format!(
            "{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\nx: {}\r\n\r\n",
            "y".repeat(1 << 20)
        )
        .into_bytes(),
    ];
    for request in broken {
        let mut socket = RawSocket::open(tried.app.address()).await;
        // It may be cut before it has sent all.
        let _ = socket.write(&request).await;
        socket.finish().await;
        let answer = String::from_utf8(socket.rest().await).unwrap();
        let is_refusal = answer.is_empty() || answer.starts_with("HTTP/1.1 400 ");
        let shown = String::from_utf8_lossy(&request[..request.len().min(300)]);
        assert!(is_refusal, "{shown}: {answer}");
        let now = tried.app.get("/boards/board-1").await;
        assert_eq!(now.body, tried.before.body, "{shown}");
    }
    tried.stop().await;
}

/// Some libraries send nothing in chunks. There is nothing to declare then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_body_needs_no_content_type_however_it_is_sent() {
    let app = crate::app::TestApp::start().await;
    for (method, path, status) in [
        ("DELETE", "/tasks/task-try", 204),
        ("POST", "/tasks/task-try/restore", 200),
    ] {
        let mut socket = RawSocket::open(app.address()).await;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        let request = format!("{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        socket.write(request.as_bytes()).await.unwrap();
        socket.answer().await.unwrap().expect(status);
    }
    app.stop().await;
}
