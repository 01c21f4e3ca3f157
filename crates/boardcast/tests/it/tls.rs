//! TLS that ends in the server, HTTP/2 and HTTP/1.1 over it: the same streams as ever, in the same
//! bytes. Contract 3, and of contract 2 the guard's `:authority`.

mod client;
mod files;
mod floods;
mod slow;

use crate::app::{PATIENCE, TestApp, text};
use crate::program::skip;
use crate::raw::RawSocket;
use boardcast_core::limits::{HANDSHAKE_SECONDS_MAX, REQUESTS_AT_ONCE_MAX};
use client::{Certificate, Http2, Tls1};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

const STREAM: &str = "/boards/board-1/events";

async fn start(certificate: &Certificate) -> TestApp {
    TestApp::start_with(|args| {
        args.tls_cert = Some(certificate.path());
        args.tls_key = Some(certificate.key_path());
    })
    .await
}

async fn add_task(client: &Http2, title: &str) -> Value {
    let task = json!({ "listId": "list-todo", "title": title });
    client
        .send("POST", "/tasks", &[], Some(&task))
        .await
        .expect(201)
}

/// The first session of the README, as `curl` speaks each version, to the letter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_founding_session_goes_over_tls_in_both_versions() {
    if Command::new("curl")
        .arg("--version")
        .output()
        .await
        .is_err()
    {
        return skip("there is no curl on this machine");
    }
    let certificate = Certificate::new();
    for (flag, version, keeps_alive) in [
        ("--http1.1", "HTTP/1.1 200", true),
        ("--http2", "HTTP/2 200", false),
    ] {
        let app = start(&certificate).await;
        let url = |path: &str| format!("https://localhost:{}{path}", app.address().port());
        let curl = |args: &[&str]| {
            let mut command = Command::new("curl");
            command
                .args(["-sS", flag, "--noproxy", "*", "--cacert"])
                .arg(certificate.path());
            command
                .args(args)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .kill_on_drop(true);
            command
        };
        let mut watcher = curl(&["-N", "-i", &url(STREAM)])
            .spawn()
            .expect("curl starts");
        let mut lines = BufReader::new(watcher.stdout.take().expect("piped")).lines();
        let mut next = async || {
            let line = timeout(PATIENCE, lines.next_line()).await.expect("in time");
            line.expect("text").expect("not the end")
        };
        assert!(next().await.starts_with(version));
        let mut head = Vec::new();
        loop {
            match next().await {
                line if line.is_empty() => break,
                line => head.push(line),
            }
        }
        assert_eq!(
            head.contains(&"connection: keep-alive".to_owned()),
            keeps_alive,
            "{head:?}"
        );
        assert!(
            head.contains(&"content-type: text/event-stream".to_owned()),
            "{head:?}"
        );
        assert!(
            head.contains(&"cache-control: no-cache, no-transform".to_owned()),
            "{head:?}"
        );
        assert_eq!(next().await, "data: {\"type\":\"connected\"}");

        let task = r#"{"title":"Water the plants","listId":"list-todo","id":"plants"}"#;
        let to_done = r#"{"listId":"list-done"}"#;
        for args in [
            ["--json", task, &url("/tasks")].as_slice(),
            &["--json", to_done, "-X", "PATCH", &url("/tasks/plants/move")],
            &["-X", "DELETE", &url("/tasks/plants")],
        ] {
            let output = curl(&["--fail"])
                .args(args)
                .output()
                .await
                .expect("it runs");
            assert!(output.status.success(), "{output:?}");
        }
        for expected in ["task_created", "task_moved", "task_deleted"] {
            let data = loop {
                if let Some(data) = next().await.strip_prefix("data: ") {
                    break serde_json::from_str::<Value>(data).expect("JSON");
                }
            };
            assert_eq!(data["type"], expected);
        }
        watcher.kill().await.expect("it is ours");
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_one_connection_are_the_bytes_of_the_log_and_resume_after_a_cut() {
    let certificate = Certificate::new();
    let app = start(&certificate).await;
    let client = Http2::open(&app, &certificate).await;
    let mut live = client.watch(STREAM, &[]).await;
    let start = live.next().await.id.expect("a cursor");
    let mut ids = Vec::new();
    let mut seen = Vec::new();
    for n in 0..5 {
        add_task(&client, &n.to_string()).await;
        let block = live.next().await;
        ids.push(block.id.expect("a cursor"));
        seen.push(block.raw);
    }
    // From the middle, by header and by address; on the same connection, on another, and on HTTP/1.1.
    let other = Http2::open(&app, &certificate).await;
    let after = format!("{STREAM}?after={start}");
    let mut streams = [
        (client.watch(STREAM, &[("last-event-id", &ids[1])]).await, 2),
        (other.watch(&after, &[]).await, 0),
    ];
    for (stream, from) in &mut streams {
        stream.next().await;
        for raw in &seen[*from..] {
            assert_eq!(stream.next().await.raw, *raw);
        }
    }
    let mut plain = Tls1::open(&app, &certificate).await;
    let (head, body) = plain.get(&after, seen.concat().len()).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("connection: keep-alive\r\n"));
    assert!(
        body.ends_with(&String::from_utf8(seen.concat()).expect("text")),
        "{body}"
    );

    // A cut of the whole connection, and back from the last place.
    client.cut().await;
    add_task(&other, "meanwhile").await;
    let again = Http2::open(&app, &certificate).await;
    let mut stream = again.watch(STREAM, &[("last-event-id", &ids[4])]).await;
    stream.next().await;
    assert_eq!(stream.next().await.json()["task"]["title"], "meanwhile");
    drop((streams, plain, stream));
    app.stop().await;
}

/// A stream may share its connection with the request that ends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_access_away_ends_streams_in_both_versions_and_is_answered() {
    let certificate = Certificate::new();
    let app = start(&certificate).await;
    let client = Http2::open(&app, &certificate).await;
    let mut stream = client.watch(STREAM, &[]).await;
    stream.next().await;
    let mut merged = client.watch("/events?boards=board-1,never", &[]).await;
    merged.next().await;
    merged.next().await;
    let mut plain = Tls1::open(&app, &certificate).await;
    plain.get(STREAM, "data: ".len()).await;
    let code = app.server().setup_code().expect("open mode");
    let body =
        json!({ "code": code, "login": "ada", "name": "Ada", "password": "a good long one" });
    let answer = client.send("POST", "/setup", &[], Some(&body)).await;
    answer.expect(201);
    for stream in [&mut stream, &mut merged] {
        assert!(stream.try_next().await.is_none() && stream.was_reset());
    }
    plain.expect_end().await;
    drop(client);
    app.stop().await;
}

/// Only where its own connection is closed can an answer say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_on_http_2_speaks_of_its_connection() {
    let certificate = Certificate::new();
    let app = start(&certificate).await;
    let client = Http2::open(&app, &certificate).await;
    for (method, path) in [
        ("GET", STREAM),
        ("GET", "/boards"),
        ("POST", "/tasks"),
        ("GET", "/never"),
    ] {
        let (head, _) = client.ask(method, path, &[], None).await;
        for name in ["connection", "keep-alive", "transfer-encoding"] {
            assert!(!head.headers.contains_key(name), "{path}: {head:?}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_the_streams_of_a_connection_in_order() {
    let certificate = Certificate::new();
    let app = start(&certificate).await;
    let client = Http2::open(&app, &certificate).await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut stream = client.watch(STREAM, &[]).await;
        stream.next().await;
        streams.push(stream);
    }
    let path = "/events?boards=board-1,never";
    let mut merged = client.watch(path, &[]).await;
    merged.next().await;
    let stopping = app.stop();
    let ends = async {
        for stream in &mut streams {
            let retry = stream.next().await;
            assert!(retry.raw.starts_with(b"retry: ") && retry.id.is_none());
            stream.expect_end().await;
        }
        while merged.try_next().await.is_some() {}
        client.expect_end().await;
    };
    tokio::join!(stopping, ends);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guard_reads_the_authority() {
    let certificate = Certificate::new();
    let app = start(&certificate).await;
    let client = Http2::open(&app, &certificate).await;
    let own = format!("https://localhost:{}", app.address().port());
    let task = json!({ "listId": "list-todo", "title": "x" });
    let post = async |headers: &[(&str, &str)]| {
        client
            .send("POST", "/tasks", headers, Some(&task))
            .await
            .status
    };
    assert_eq!(post(&[("origin", &own)]).await, 201);
    assert_eq!(post(&[("origin", "https://localhost:1")]).await, 403);
    assert_eq!(post(&[("origin", "https://evil.example")]).await, 403);
    assert_eq!(
        post(&[("origin", "https://evil.example"), ("host", "evil.example")]).await,
        421
    );
    let path = "https://evil.example/boards";
    let refused = client.send("GET", path, &[], None).await;
    assert_eq!(
        (refused.status, text(&refused.json["code"])),
        (421, "wrong_host".to_owned())
    );
    let refused = client
        .send("GET", path, &[("host", "localhost")], None)
        .await;
    assert_eq!(refused.status, 421);
    drop(client);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_says_how_many_requests_it_takes_and_whole_boards_fit_through() {
    let certificate = Certificate::new();
    let app = start(&certificate).await;
    let client = Http2::open(&app, &certificate).await;
    for n in 0..300 {
        add_task(&client, &format!("{n} {}", "long ".repeat(80))).await;
    }
    let board = client.send("GET", "/boards/board-1", &[], None).await;
    assert_eq!(
        board.json["lists"][0]["tasks"].as_array().map(Vec::len),
        Some(300 + 2)
    );
    let length = board.head.headers["content-length"]
        .to_str()
        .expect("a number");
    assert_eq!(length, board.bytes.len().to_string());
    assert_eq!(client.requests_max(), REQUESTS_AT_ONCE_MAX as usize);
    let mut stream = client.watch(&format!("{STREAM}?snapshot=1"), &[]).await;
    stream.next().await;
    assert_eq!(stream.next().await.json()["board"], board.json);
    drop((stream, client));
    app.stop().await;
}

/// Nobody is waited for who doesn't speak TLS.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_or_something_else_is_let_go() {
    let certificate = Certificate::new();
    let app = start(&certificate).await;
    let mut plain = RawSocket::open(app.address()).await;
    plain
        .write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .expect("a socket");
    let answer = plain.rest().await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let mut silent = RawSocket::open(app.address()).await;
    let rest = silent
        .rest_within(Duration::from_secs(HANDSHAKE_SECONDS_MAX * 3))
        .await;
    assert_eq!(rest, b"");
    app.stop().await;
}
