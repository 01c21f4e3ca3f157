//! Anyone can check a server from outside: the real one is found good, over a kill too, and one that
//! lies is found out, each lie as what it is.

use crate::child::ChildApp;
use boardcast_sim::history::{Class, Line, judge};
use boardcast_sim::probe::{Probe, Progress};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

fn probe(address: SocketAddr) -> Probe {
    Probe {
        url: format!("http://{address}"),
        token: None,
        duration: Duration::from_secs(3),
        writers: 3,
        watchers: 6,
        writes_per_second: 60,
        seed: 7,
    }
}

async fn run(probe: Probe, begun_tx: watch::Sender<bool>) -> Vec<Line> {
    let tell = move |progress: Progress| _ = begun_tx.send_replace(progress.answered > 0);
    let run = tokio::task::spawn_blocking(move || probe.run(tell));
    let probed = run.await.unwrap().unwrap();
    assert_eq!(probed.left_behind, None);
    probed.lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_found_good_although_it_is_killed_meanwhile() {
    let mut app = ChildApp::start().await;
    let (begun_tx, mut begun_rx) = watch::channel(false);
    // A start takes some seconds on a machine that is busy, and what is judged is what comes after it, too.
    let probe = Probe {
        duration: Duration::from_secs(10),
        ..probe(app.address())
    };
    let running = tokio::spawn(run(probe, begun_tx));
    begun_rx.wait_for(|has_begun| *has_begun).await.unwrap();
    app.kill().await;
    app.restart().await;
    let verdict = judge(&running.await.unwrap());
    assert_eq!(verdict.wrong, [""; 0]);
    assert!(verdict.answered > 20, "{verdict:?}");
    assert!(
        verdict.reconnects > 0 && verdict.snapshots > 6,
        "{verdict:?}"
    );
    let boards = boardcast_sim::client::Client::new(app.address());
    let boards = boards.get("/boards").await.unwrap().json();
    let left: Vec<_> = boards["boards"].as_array().unwrap().iter().collect();
    assert_eq!(left.len(), 1, "its board is gone again: {left:?}");
    app.stop_in_order().await;
}

/// What stands between a probe and the server does to the event of a stream that it gets hold of.
#[derive(Clone, Copy)]
enum Lie {
    Omits,
    Repeats,
    Rewrites,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_middleman_that_omits_repeats_or_rewrites_one_event_is_found_out() {
    let mut app = ChildApp::start().await;
    for (lie, class) in [
        (Lie::Omits, Class::Lost),
        (Lie::Repeats, Class::Duplicate),
        (Lie::Rewrites, Class::Content),
    ] {
        let verdict = judge(
            &run(
                probe(middleman(app.address(), lie).await),
                watch::Sender::new(false),
            )
            .await,
        );
        let found = verdict.counts.keys().collect::<Vec<_>>();
        assert!(found.contains(&&class), "{class}: {:?}", verdict.wrong);
    }
    app.stop_in_order().await;
}

/// Passes everything on, but for one lie in one stream.
async fn middleman(server: SocketAddr, lie: Lie) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let lies_left = Arc::new(AtomicUsize::new(1));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let lies_left = Arc::clone(&lies_left);
            // Whoever breaks a connection off has no more to say.
            tokio::spawn(async move { pass(client, server, lie, &lies_left).await.ok() });
        }
    });
    address
}

/// A connection brings answers until it is asked for a stream, then that stream's chunks: an event each.
async fn pass(
    client: TcpStream,
    server: SocketAddr,
    lie: Lie,
    lies_left: &AtomicUsize,
) -> io::Result<()> {
    let upstream = TcpStream::connect(server).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = upstream.into_split();
    let is_stream = AtomicBool::new(false);
    let asking = async {
        let mut buffer = vec![0; 64 * 1024];
        while let taken @ 1.. = from_client.read(&mut buffer).await? {
            let asks_stream = String::from_utf8_lossy(&buffer[..taken]).contains("/events");
            is_stream.fetch_or(asks_stream, Ordering::Relaxed);
            to_server.write_all(&buffer[..taken]).await?;
        }
        Ok(())
    };
    let answering = async {
        let mut pending = Vec::new();
        while from_server.read_buf(&mut pending).await? > 0 {
            if is_stream.load(Ordering::Relaxed) {
                while let Some(chunk) = take_chunk(&mut pending) {
                    let text = String::from_utf8_lossy(&chunk);
                    // Deletions have no text to be rewritten.
                    let is_event = text.contains("as number") && !text.contains("\"snapshot\"");
                    let told = if is_event && take_one(lies_left) {
                        lie.instead_of(&chunk)
                    } else {
                        chunk
                    };
                    to_client.write_all(&told).await?;
                }
            } else {
                to_client.write_all(&std::mem::take(&mut pending)).await?;
            }
        }
        Ok(())
    };
    // Either side's end is the end.
    tokio::select! {
        end = asking => end,
        end = answering => end,
    }
}

/// The answer's head, then chunk after chunk, each with its length and its end.
fn take_chunk(pending: &mut Vec<u8>) -> Option<Vec<u8>> {
    let find = |bytes: &[u8], what: &str| {
        bytes
            .windows(what.len())
            .position(|at| at == what.as_bytes())
    };
    let len = if pending.starts_with(b"HTTP/") {
        find(pending, "\r\n\r\n")? + 4
    } else {
        let digits = find(pending, "\r\n")?;
        let length = std::str::from_utf8(&pending[..digits]).unwrap();
        digits + 2 + usize::from_str_radix(length, 16).unwrap() + 2
    };
    (pending.len() >= len).then(|| pending.drain(..len).collect())
}

fn take_one(left: &AtomicUsize) -> bool {
    let one_less = |left: usize| left.checked_sub(1);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
        .is_ok()
}

impl Lie {
    fn instead_of(self, chunk: &[u8]) -> Vec<u8> {
        match self {
            Lie::Omits => Vec::new(),
            Lie::Repeats => [chunk, chunk].concat(),
            // As long as the truth, which the chunk's length has told already.
            Lie::Rewrites => {
                let text = String::from_utf8(chunk.to_vec()).unwrap();
                text.replacen("as number", "as NUMBER", 1).into_bytes()
            }
        }
    }
}
