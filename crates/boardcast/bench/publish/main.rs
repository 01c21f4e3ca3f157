//! A server with a second door, for the ruler: whatever event comes in there is published at once, as
//! the writer publishes what it has committed. So getting bytes to watchers can be measured by
//! itself, without requests that change something and without the file. Everything behind the door is
//! the program's own, or with `--stock` what most servers of such streams are made of; what comes in
//! by it is in no log, so nobody may come back for it.
//!
//! `POST /BOARD` with the event's JSON; the answer comes when it is published. A thread waits at each
//! connection, and one event comes in at a time, as it would from the writer.
#![allow(clippy::print_stdout, reason = "a program says where it listens")]

mod stock;

use anyhow::Context;
use boardcast::config::Cli;
use boardcast::engine::Engine;
use boardcast::serve::{Machine, Server};
use boardcast::spine;
use boardcast_core::cursor::{Cursor, Mark};
use boardcast_core::frame::SegmentBuilder;
use boardcast_core::model::BoardId;
use clap::Parser;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use stock::Stock;

/// An event may have so many bytes here.
const EVENT_BYTES_MAX: usize = 16 * 1024;

/// Past all ordinals that the file will ever give.
const ORDINAL_MIN: u64 = 1 << 40;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (stock, words): (Vec<_>, Vec<_>) =
        std::env::args_os().partition(|word| word.as_os_str() == "--stock");
    let args = Cli::parse_from(words).serve;
    let door = Arc::new(Door {
        ordinal: Mutex::new(ORDINAL_MIN),
        house: if stock.is_empty() {
            House::Ours(Box::new(Server::start(&args, Arc::new(Machine)).await?))
        } else {
            House::Stock(Stock::start(args.listen).await?)
        },
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("door {}", listener.local_addr()?.port());
    let url = match &door.house {
        House::Ours(server) => server.url(),
        House::Stock(_) => format!("http://localhost:{}", args.listen.port()),
    };
    println!("listening on {url}");
    spine::spawn("door", move || {
        for stream in listener.incoming().flatten() {
            let door = Arc::clone(&door);
            spine::spawn("at the door", move || {
                // A client that is gone, which the ruler is when it has finished.
                if let Err(error) = door.serve(&stream) {
                    tracing::debug!("the door: {error:#}");
                }
            });
        }
    });
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?
        .recv()
        .await;
    Ok(())
}

struct Door {
    house: House,
    /// Of the last event; held while one is published.
    ordinal: Mutex<u64>,
}

/// What is behind the door.
enum House {
    Ours(Box<Server>),
    Stock(Stock),
}

impl Door {
    fn serve(&self, stream: &TcpStream) -> anyhow::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some((board, event)) = read_request(&mut reader)? {
            self.publish(&board, event)?;
            (&*stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        }
        Ok(())
    }

    fn publish(&self, board: &str, event: Vec<u8>) -> anyhow::Result<()> {
        let mut ordinal = self.ordinal.lock().unwrap_or_else(PoisonError::into_inner);
        *ordinal += 1;
        match &self.house {
            House::Ours(server) => publish(server.engine(), board, *ordinal, &event),
            House::Stock(stock) => stock.publish(board, *ordinal, String::from_utf8(event)?),
        }
    }
}

/// After what the board's watchers have seen, or after its founding where nobody has seen more.
fn publish(engine: &Engine, board: &str, ordinal: u64, event: &[u8]) -> anyhow::Result<()> {
    let board_id: BoardId = board.parse().context("the board's id")?;
    let hub = engine.hub();
    let head = hub.head(&board_id);
    let cursor = Cursor {
        seq: head.map_or(1, |head| head.seq) + 1,
        mark: Mark::ZERO,
    };
    let mut builder = SegmentBuilder::new(board_id);
    builder.push(cursor, ordinal, event);
    hub.publish(builder.build().into_iter().collect());
    Ok(())
}

/// The board and the event of the next request; none at the end.
fn read_request(reader: &mut impl BufRead) -> anyhow::Result<Option<(String, Vec<u8>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).context("a path")?;
    let board = path.trim_start_matches('/').to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse()?;
        }
    }
    anyhow::ensure!(length <= EVENT_BYTES_MAX, "{length} bytes are too many");
    let mut event = vec![0; length];
    reader.read_exact(&mut event)?;
    Ok(Some((board, event)))
}
