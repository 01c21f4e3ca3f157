//! `boardcast watch`: a line for each change of some boards, until they are gone or it is told to stop.

mod telling;

use super::client::follow::{Begin, Follow, Happening};
use super::client::print::Output;
use super::client::things::{self, Board, Snapshot};
use super::client::{Client, Failure, find};
use super::{ask, complain};
use crate::config::WatchArgs;
use crate::spine;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use telling::{Event, Names};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

pub(super) fn run(args: &WatchArgs) -> Result<(), Failure> {
    end_on_interrupt().map_err(|error| Failure::Refused(error.to_string()))?;
    end_when_unread();
    let client = ask(&args.client)?;
    let mut output = Output::new(args.client.json);
    let boards = find_all(&client, &args.boards)?;
    let snapshots = take_snapshots(&client, &boards)?;
    let begin = match &args.since {
        Some(id) => Begin::After(id.clone()),
        None if args.snapshot => Begin::Snapshot,
        None => Begin::After(id_of(&snapshots)),
    };
    let ids = snapshots.iter().map(|board| board.id.clone()).collect();
    let mut names = Names::new(snapshots);
    let mut follow = Follow::new(&client, ids, begin);
    loop {
        match follow.next()? {
            Happening::Event(event) if output.is_json() => {
                let id = serde_json::to_string(&Some(&event.id).filter(|id| !id.is_empty()));
                let id = id.unwrap_or_default();
                output.raw(&format!("{{\"id\":{id},\"data\":{}}}", event.data))?;
            }
            Happening::Event(event) => {
                if let Some(event) = Event::read(&event.data) {
                    let now = client.outside().now();
                    names.tell(&event, now, |line| output.line(line))?;
                }
            }
            Happening::Lost(why) => complain(&format!("the line is down ({why}); trying again")),
            Happening::Back => complain("the line is up again"),
            Happening::Gone => return Err(gone(&boards)),
        }
    }
}

/// The boards that are meant, each once.
fn find_all(client: &Client, texts: &[String]) -> Result<Vec<Board>, Failure> {
    let mut boards = Vec::new();
    for text in texts {
        let board = find::board(client, text)?;
        if !boards.contains(&board) {
            boards.push(board);
        }
    }
    Ok(boards)
}

fn take_snapshots(client: &Client, boards: &[Board]) -> Result<Vec<Snapshot>, Failure> {
    let mut snapshots = Vec::new();
    for board in boards {
        snapshots.extend(things::snapshot(client, &board.id)?);
    }
    if snapshots.is_empty() {
        return Err(gone(boards));
    }
    Ok(snapshots)
}

/// The place where these were taken, so that nothing between them and the stream is missed: a cursor
/// for one board, `board:cursor` joined by commas for several.
fn id_of(snapshots: &[Snapshot]) -> String {
    if let [snapshot] = snapshots {
        return snapshot.cursor.clone();
    }
    let elements = snapshots
        .iter()
        .map(|snapshot| format!("{}:{}", snapshot.id, snapshot.cursor));
    elements.collect::<Vec<_>>().join(",")
}

fn gone(boards: &[Board]) -> Failure {
    let names: Vec<_> = boards
        .iter()
        .map(|board| format!("\"{}\"", board.name))
        .collect();
    Failure::Refused(match names.as_slice() {
        [name] => format!("the board {name} is gone"),
        _ => format!("the boards {} are gone", names.join(", ")),
    })
}

/// From here on Ctrl-C is the ordinary end. Every line is out as soon as it is told, so there is
/// nothing to wait for.
fn end_on_interrupt() -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut interrupts = {
        let _context = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    spine::spawn("interrupts", move || {
        runtime.block_on(interrupts.recv());
        std::process::exit(0);
    });
    Ok(())
}

/// Ends when nobody reads standard output any more. Writing would show that too, but on a quiet board
/// only much later.
fn end_when_unread() {
    spine::spawn("output", || {
        // No readiness is asked for, so only an error or a hang-up ends the wait.
        let stdout = std::io::stdout();
        let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
        if retry_on_intr(|| poll(&mut ends, None)).is_ok() {
            std::process::exit(0);
        }
    });
}
