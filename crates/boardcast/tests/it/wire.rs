//! Contract 3, on the wire: the bytes of a stream as real clients need them. Most rules of a block
//! (one data line before the id, line feeds alone, nothing that splits lines, 64 KiB) are checked by
//! the reader that all tests share; here they meet the events that could break them.

use crate::app::{PATIENCE, TestApp};
use crate::stream::{START, cursor_of, next, open, watch};
use boardcast_core::limits::{DESCRIPTION_JSON_BYTES_MAX, FRAME_BYTES_MAX, TITLE_CHARS_MAX};
use boardcast_sim::stream::EventStream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What some clients take for the end of a line.
const LINE_ENDS: &str = "\u{85}\u{2028}\u{2029}";

/// One connection, byte for byte.
struct Line {
    socket: TcpStream,
    received: String,
}

impl Line {
    async fn send(app: &TestApp, request: &str) -> Self {
        let mut socket = TcpStream::connect(app.address()).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let received = String::new();
        Self { socket, received }
    }

    /// Reads on until the text so far ends like this.
    async fn read_until(&mut self, end: &str) {
        let read = async {
            while !self.received.ends_with(end) {
                let mut bytes = [0; 4096];
                let count = self.socket.read(&mut bytes).await.unwrap();
                assert_ne!(count, 0, "closed after {:?}", self.received);
                self.received += std::str::from_utf8(&bytes[..count]).unwrap();
            }
        };
        timeout(PATIENCE, read).await.expect("more bytes");
    }

    /// Reads to the close.
    async fn read_to_end(&mut self) {
        let read = self.socket.read_to_string(&mut self.received);
        timeout(PATIENCE, read).await.expect("a close").unwrap();
    }

    fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.received.split_once("\r\n\r\n")?;
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

/// A whole `connected` block, and the blank line that ends it.
fn connected(id: &str) -> String {
    format!("data: {{\"type\":\"connected\"}}\nretry: 2000\nid: {id}\n\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_and_connected_arrive_before_anything_happens() {
    let app = TestApp::start().await;
    let first = connected(&cursor_of(&app, "board-1").await);
    let request = "GET /boards/board-1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut line = Line::send(&app, request).await;
    line.read_until(&format!("{first}\r\n")).await;
    assert!(line.received.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(line.header("connection"), Some("keep-alive"));
    assert_eq!(line.header("transfer-encoding"), Some("chunked"));
    // Everything above is one chunk after the head.
    let chunk = format!("\r\n\r\n{:X}\r\n{first}\r\n", first.len());
    assert!(line.received.ends_with(&chunk), "{:?}", line.received);
    drop(line);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_1_0_gets_a_stream_that_ends_by_closing() {
    let app = TestApp::start().await;
    let first = connected(&cursor_of(&app, "board-1").await);
    let mut lines = Vec::new();
    for headers in [
        "",
        "Host: localhost\r\nConnection: close\r\n",
        "Host: localhost\r\nConnection: keep-alive\r\n",
    ] {
        let request = format!("GET /boards/board-1/events HTTP/1.0\r\n{headers}\r\n");
        let mut line = Line::send(&app, &request).await;
        line.read_until(&format!("\r\n\r\n{first}")).await;
        assert_eq!(line.header("content-type"), Some("text/event-stream"));
        assert_eq!(line.header("transfer-encoding"), None, "{headers}");
        assert_eq!(line.header("content-length"), None, "{headers}");
        let connection = line.header("connection").unwrap_or_default();
        assert!(!connection.contains("keep-alive"), "{headers}");
        lines.push(line);
    }
    let mut live = watch(&app).await;
    app.add_task("list-todo", "For all").await;
    app.delete("/boards/board-1").await.expect(204);
    let mut events = String::new();
    while let Some(block) = live.next_within(PATIENCE).await.unwrap() {
        events += &String::from_utf8(block.raw).unwrap();
    }
    for line in &mut lines {
        line.read_to_end().await;
        assert!(line.received.ends_with(&format!("\r\n\r\n{first}{events}")));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_splits_lines_is_escaped_in_events_and_snapshots() {
    let app = TestApp::start().await;
    let mut live = watch(&app).await;
    // A title can't hold U+0085, which is a control character; a description can.
    let title = "a\u{2028}b\u{2029}c é \u{1f9f9} \\u2028 \"";
    let description = format!("{LINE_ENDS}\r\n\r\t{LINE_ENDS}\n\ndata: x\nid: 7\n\n\u{feff}");
    let body = json!({ "listId": "list-todo", "title": title, "description": description });
    let task = app.post("/tasks", &body).await.expect(201).json();
    let name = json!({ "name": title });
    app.patch("/boards/board-1", &name).await.expect(200);
    app.patch("/lists/list-todo", &name).await.expect(200);

    let event = next(&mut live).await;
    assert_eq!(event.json()["task"], task);
    assert_eq!(event.json()["task"]["title"], title);
    assert_eq!(event.json()["task"]["description"], description);
    expect_escaped(&event.raw, &["2028", "2029", "0085"]);
    expect_escaped(&next(&mut live).await.raw, &["2028", "2029"]);
    expect_escaped(&next(&mut live).await.raw, &["2028", "2029"]);

    let (mut stream, _) = open(&app, "?snapshot=1", None).await;
    let snapshot = next(&mut stream).await;
    expect_escaped(&snapshot.raw, &["2028", "2029"]);
    let board = &snapshot.json()["board"];
    assert_eq!(board["name"], title);
    assert_eq!(board["lists"][0]["name"], title);
    assert_eq!(board["lists"][0]["tasks"][2]["title"], title);
    drop((live, stream));
    app.stop().await;
}

/// Checks that a block holds these characters escaped and none that splits lines as it is.
fn expect_escaped(block: &[u8], codes: &[&str]) {
    let text = std::str::from_utf8(block).unwrap();
    assert!(!text.contains(|c| LINE_ENDS.contains(c) || c == '\r'));
    assert_eq!(text.matches('\n').count(), 3, "data, id and a blank line");
    for code in codes {
        assert!(text.contains(&format!("\\u{code}")), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_tasks_fit_into_a_frame() {
    let app = TestApp::start().await;
    let mut live = watch(&app).await;
    let long_id = "x".repeat(64);
    let list = json!({ "boardId": "board-1", "id": long_id, "name": "Long" });
    app.post("/lists", &list).await.expect(201);
    next(&mut live).await;
    // By what a character is in JSON: itself, an escape of two bytes, of six, four bytes.
    for (number, (character, json_len)) in [("x", 1), ("\"", 2), ("\u{2028}", 6), ("\u{1f9f9}", 4)]
        .into_iter()
        .enumerate()
    {
        let mut id = number.to_string();
        id += &long_id[1..];
        let title = format!("{}.", character.repeat(TITLE_CHARS_MAX - 1));
        let mut description = character.repeat(DESCRIPTION_JSON_BYTES_MAX / json_len);
        description += &".".repeat(DESCRIPTION_JSON_BYTES_MAX % json_len);
        let body =
            json!({ "listId": long_id, "id": id, "title": title, "description": description });
        let task = app.post("/tasks", &body).await.expect(201).json();
        let event = next(&mut live).await;
        assert_eq!(event.json()["task"], task);
        assert!(event.raw.len() > DESCRIPTION_JSON_BYTES_MAX);
        assert!(event.raw.len() <= FRAME_BYTES_MAX, "{}", event.raw.len());
        let more = json!({ "description": format!("{description}.") });
        let path = format!("/tasks/{id}");
        let refused = app.patch(&path, &more).await.expect(422).json();
        assert_eq!(refused["field"], "description");
    }
    // Replayed too, and then live again: each is larger than what a read of the log asks for.
    let (mut replay, _) = open(&app, "", Some(START)).await;
    for _ in 0..8 + 1 + 4 {
        next(&mut replay).await;
    }
    let task = app.add_task("list-todo", "Small").await;
    assert_eq!(next(&mut replay).await.json()["task"], task);
    drop((live, replay));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_never_compressed() {
    let app = TestApp::start().await;
    let headers = [
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("TE", "gzip, trailers"),
    ];
    let path = "/boards/board-1/events?snapshot=1";
    let opened = EventStream::open(app.address(), path, &headers).await;
    let mut opened = opened.unwrap();
    assert_eq!(opened.header("content-encoding"), None);
    assert_eq!(opened.header("transfer-encoding"), Some("chunked"));
    assert_eq!(next(&mut opened.stream).await.kind(), "connected");
    let board = app.board("board-1").await;
    assert_eq!(next(&mut opened.stream).await.json()["board"], board);
    drop(opened);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_can_take_an_event_stream_gets_one() {
    let app = TestApp::start().await;
    for accept in [
        "text/event-stream",
        "*/*",
        "text/*",
        "application/json, text/event-stream",
        "text/event-stream;q=0.5, application/json",
        "TEXT/Event-Stream",
    ] {
        let headers = [("Accept", accept)];
        let path = "/boards/board-1/events";
        let mut opened = EventStream::open(app.address(), path, &headers)
            .await
            .unwrap();
        assert_eq!(opened.status, 200, "{accept}");
        assert_eq!(
            next(&mut opened.stream).await.kind(),
            "connected",
            "{accept}"
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_says_on_which_board_by_whom_and_when() {
    let app = TestApp::start().await;
    app.add_task("list-todo", "Newer").await;
    app.delete("/lists/list-doing").await.expect(204);
    let (mut replay, _) = open(&app, "", Some(START)).await;
    for _ in 0..8 + 2 {
        let event = next(&mut replay).await.json();
        let keys: Vec<_> = event.as_object().unwrap().keys().cloned().collect();
        for key in ["at", "boardId", "by", "type"] {
            assert!(keys.iter().any(|other| other == key), "{key} in {event}");
        }
        assert_eq!(
            (&event["boardId"], &event["by"]),
            (&json!("board-1"), &Value::Null)
        );
        let at = event["at"].as_str().unwrap();
        assert!(
            at.len() == 24 && at.ends_with('Z') && &at[19..20] == ".",
            "{at}"
        );
    }
    drop(replay);
    app.stop().await;
}
