//! Anyone can check a server from outside: the real one is found good, over a kill too, and one that
//! lies is found out, each lie as what it is.

use crate::child::ChildApp;
use boardcast_sim::history::{Class, Line, judge};
use boardcast_sim::probe::Probe;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

fn probe(address: SocketAddr) -> Probe {
    Probe {
        url: format!("http://{address}"),
        token: None,
        duration: Duration::from_secs(2),
        writers: 3,
        watchers: 6,
        writes_per_second: 60,
        seed: 7,
    }
}

async fn run(probe: Probe) -> Vec<Line> {
    let run = tokio::task::spawn_blocking(move || probe.run(|_| ()));
    run.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_found_good_although_it_is_killed_meanwhile() {
    let mut app = ChildApp::start().await;
    let running = tokio::spawn(run(probe(app.address())));
    tokio::time::sleep(Duration::from_secs(1)).await;
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
        let verdict = judge(&run(probe(middleman(app.address(), lie))).await);
        let found = verdict.counts.keys().collect::<Vec<_>>();
        assert!(found.contains(&&class), "{class}: {:?}", verdict.wrong);
    }
    app.stop_in_order().await;
}

/// Passes requests on, one a connection, and tells one lie in one stream.
fn middleman(server: SocketAddr, lie: Lie) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let lies_left = Arc::new(AtomicUsize::new(1));
    thread::spawn(move || {
        for client in listener.incoming() {
            let lies_left = Arc::clone(&lies_left);
            // Whoever breaks a connection off has no more to say.
            thread::spawn(move || client.and_then(|client| pass(client, server, lie, &lies_left)));
        }
    });
    address
}

fn pass(
    mut client: TcpStream,
    server: SocketAddr,
    lie: Lie,
    lies_left: &AtomicUsize,
) -> std::io::Result<()> {
    let upstream = TcpStream::connect(server)?;
    let mut from_client = client.try_clone()?;
    let mut to_server = upstream.try_clone()?;
    let is_stream = Arc::new(Mutex::new(false));
    let sees_stream = Arc::clone(&is_stream);
    thread::spawn(move || {
        let mut buffer = [0; 8 * 1024];
        while let Ok(taken @ 1..) = from_client.read(&mut buffer) {
            if String::from_utf8_lossy(&buffer[..taken]).contains("/events") {
                *sees_stream.lock().unwrap() = true;
            }
            if to_server.write_all(&buffer[..taken]).is_err() {
                return;
            }
        }
        let _ = to_server.shutdown(std::net::Shutdown::Both);
    });
    let mut lines = BufReader::new(upstream.try_clone()?);
    let mut line = Vec::new();
    // Each event is a chunk: its length, its data, its id, a blank line, and the chunk's own end.
    while lines.read_until(b'\n', &mut line)? > 0 {
        let length = String::from_utf8_lossy(&line);
        let length = usize::from_str_radix(length.trim_end(), 16).ok();
        if let Some(length) = length.filter(|length| *length > 0 && *is_stream.lock().unwrap()) {
            let mut chunk = vec![0; length + 2];
            lines.read_exact(&mut chunk)?;
            let text = String::from_utf8_lossy(&chunk);
            let is_event = text.starts_with("data: {\"type\":\"task_");
            let lies = is_event
                && lies_left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                        left.checked_sub(1)
                    })
                    .is_ok();
            let truth = [line.as_slice(), &chunk].concat();
            match lie {
                Lie::Omits if lies => {}
                Lie::Repeats if lies => client.write_all(&[truth.as_slice(), &truth].concat())?,
                Lie::Rewrites if lies => {
                    let other = text.replacen("\"title\":\"", "\"title\":\"\\u0061", 1);
                    let other = other.replacen("\"taskId\":\"", "\"taskId\":\"a", 1);
                    let other = other.trim_end_matches("\r\n").as_bytes().to_vec();
                    write!(client, "{:x}\r\n", other.len())?;
                    client.write_all(&other)?;
                    client.write_all(b"\r\n")?;
                }
                _ => client.write_all(&truth)?,
            }
        } else {
            client.write_all(&line)?;
        }
        line.clear();
    }
    let _ = upstream.shutdown(std::net::Shutdown::Both);
    client.shutdown(std::net::Shutdown::Both)
}
