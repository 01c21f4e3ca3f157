//! Clients that ask on HTTP/2 only to take it back: frames by hand, since no client does that.

use super::client::{Certificate, Http2};
use super::{STREAM, add_task, start};
use crate::app::{PATIENCE, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::time::timeout;

const REQUESTS: u32 = 20_000;

/// A frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("it is short")
        .to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// `GET` of a path in HPACK, names by their numbers (RFC 7541, A).
fn get(path: &str) -> Vec<u8> {
    let text = |name: u8, value: &str| {
        let length = u8::try_from(value.len()).expect("it is short");
        [&[name, length], value.as_bytes()].concat()
    };
    [vec![0x82, 0x87], text(0x04, path), text(0x01, "localhost")].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_taken_back_at_once_leave_nothing_and_cost_nobody_theirs() {
    const SETTINGS: u8 = 4;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const WHOLE: u8 = 0x4 | 0x1;
    let certificate = Certificate::new();
    let app = start(&certificate).await;
    let client = Http2::open(&app, &certificate).await;
    let mut kept = client.watch(STREAM, &[]).await;
    kept.next().await;

    let socket = certificate.trusted().connect(app.address(), b"h2").await;
    let (mut reading, mut writing) = split(socket);
    let flood = async {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(SETTINGS, 0, 0, &[]));
        let (request, cancel) = (get(STREAM), 8_u32.to_be_bytes());
        for stream in (1..2 * REQUESTS).step_by(2) {
            bytes.extend(frame(HEADERS, WHOLE, stream, &request));
            bytes.extend(frame(RST_STREAM, 0, stream, &cancel));
        }
        // The server may have enough of it at any point.
        let _ = writing.write_all(&bytes).await;
        let _ = writing.shutdown().await;
    };
    let answers = async {
        let mut scratch = vec![0; 64 * 1024];
        while matches!(reading.read(&mut scratch).await, Ok(1..)) {}
    };
    let meanwhile = async {
        for n in 0..20 {
            add_task(&client, &n.to_string()).await;
            assert_eq!(kept.next().await.json()["task"]["title"], n.to_string());
        }
    };
    let all = async { tokio::join!(flood, answers, meanwhile) };
    timeout(PATIENCE * 2, all)
        .await
        .expect("nobody waits for it");
    until("nothing of them is left", || {
        app.server().engine().hub().seats() == 1
    })
    .await;
    drop((kept, client));
    app.stop().await;
}
