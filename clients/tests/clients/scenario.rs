//! A scenario from its beginning to its end, for all clients at once: one server, a line for each of them, one writer.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::board::{Board, Credential, Writer};
use crate::expected::{Client, Outcome, Scenario, expected};
use crate::judge::{Due, Ending, judge};
use crate::line::{Cut, Line, Within};
use crate::watcher::{Tools, Watcher};

/// For any one thing; the server may tell a client to stay away for 10 s.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);
/// Events that everybody must have seen before anything happens, and after.
const SOME: u64 = 5;
/// Large events that are written while nothing comes through: 5 MB.
const MANY_LARGE: u64 = 250;
/// Where connections end within an event, one after the other.
const ENDS: [Within; 3] = [Within::Data, Within::Id, Within::BlankLine];

/// Carries it out. What went wrong, in a sentence for each client.
pub(crate) async fn run(scenario: Scenario, clients: &[Client], tools: &Tools) -> Vec<String> {
    let mut board = Board::start(tools.paths.server.clone(), scenario == Scenario::Revoked).await;
    let (watchers, credentials) = gather(scenario, clients, tools, &mut board).await;
    let writer = Writer::start(&board);
    let mut last_allowed = Vec::new();
    if all_have_seen(&watchers, board.head().await + SOME).await {
        last_allowed = happen(scenario, &mut board, &watchers, &writer, &credentials).await;
        let is_end = |watcher: &Watcher| outcome(watcher, scenario).is_end();
        let some = board.head().await + SOME;
        until(&watchers, |watcher| {
            is_end(watcher) || watcher.said.last_seq() >= some
        })
        .await;
    }
    writer.stop().await;
    let head = board.head().await;
    until(&watchers, |watcher| {
        let is_end = outcome(watcher, scenario).is_end();
        let has_ended = watcher.said.ended().is_some();
        has_ended || !is_end && watcher.said.last_seq() >= head
    })
    .await;
    let ending = Ending {
        log: board.log().await,
        board: board.state().await,
    };
    let judged = watchers.iter().enumerate().filter_map(|(at, watcher)| {
        let outcome = outcome(watcher, scenario);
        let due = Due {
            outcome,
            connections: connections(scenario, outcome),
            last_allowed: last_allowed.get(at).copied().unwrap_or(head),
        };
        let wrong = judge(watcher, &due, &ending).err()?;
        let client = watcher.client.name();
        Some(format!("{client}, {}: {wrong}", scenario.name()))
    });
    judged.collect()
}

/// Lets all of them begin. What each shows of who it is, where that matters.
async fn gather(
    scenario: Scenario,
    clients: &[Client],
    tools: &Tools,
    board: &mut Board,
) -> (Vec<Watcher>, Vec<Credential>) {
    let cursor = match scenario {
        Scenario::Pruned => Some(board.pruned_cursor().await),
        Scenario::Foreign | Scenario::Interrupted => Some(board.foreign_cursor().await),
        _ => None,
    };
    let mut credentials = Vec::new();
    let mut watchers = Vec::new();
    for &client in clients {
        let credential = match scenario {
            Scenario::Revoked => Some(board.credential(client.page().is_some()).await),
            _ => None,
        };
        let line = Line::before(board.address()).await;
        if scenario == Scenario::Interrupted {
            line.cut(Cut::BeforeSnapshot);
        }
        let watcher = Watcher::start(client, tools, line, cursor.as_deref(), credential.as_ref());
        watchers.push(watcher.await);
        credentials.extend(credential);
    }
    until(&watchers, |watcher| watcher.said.has_begun()).await;
    for watcher in &watchers {
        watcher.line.reset();
    }
    // With a place, so that nothing before the first write can pass them by.
    all_have_seen(&watchers, 1).await;
    (watchers, credentials)
}

/// Whether everybody comes to that event, or to an end.
async fn all_have_seen(watchers: &[Watcher], seq: u64) -> bool {
    until(watchers, |watcher| {
        watcher.said.last_seq() >= seq || watcher.said.ended().is_some()
    })
    .await
}

/// What the scenario is about. The last event that each client may have seen, where not everything may be.
async fn happen(
    scenario: Scenario,
    board: &mut Board,
    watchers: &[Watcher],
    writer: &Writer,
    credentials: &[Credential],
) -> Vec<u64> {
    let mut last_allowed = Vec::new();
    match scenario {
        Scenario::Plain | Scenario::Pruned | Scenario::Foreign | Scenario::Interrupted => {}
        Scenario::Cut => {
            for watcher in watchers {
                watcher.line.cut(Cut::InEvent);
            }
            until(watchers, |watcher| !watcher.line.is_to_be_cut()).await;
        }
        Scenario::Ended => {
            for within in ENDS {
                end(within, watchers).await;
            }
        }
        Scenario::Restart => board.crash().await,
        Scenario::Drain => {
            for watcher in watchers {
                // So that it is known of those that don't see it, too.
                if outcome(watcher, scenario) == Outcome::EverythingUntold {
                    watcher.line.send_away();
                }
            }
            board.drain(&[]).await;
        }
        Scenario::Slow => hold_back(board, watchers, writer).await,
        Scenario::Revoked => {
            for credential in credentials {
                // So that the very next event is one that they may not see.
                let _still = writer.pause().await;
                last_allowed.push(board.head().await);
                board.revoke(credential).await;
            }
            grow_by(SOME, board).await;
        }
    }
    last_allowed
}

/// Lets each connection end there, and those who don't come back be.
async fn end(within: Within, watchers: &[Watcher]) {
    for watcher in watchers {
        watcher.line.cut(Cut::Ended(within));
    }
    until(watchers, |watcher| {
        !watcher.line.is_to_be_cut() || watcher.said.ended().is_some()
    })
    .await;
}

/// Nothing comes through until much is written.
async fn hold_back(board: &Board, watchers: &[Watcher], writer: &Writer) {
    for watcher in watchers {
        watcher.line.hold(true);
    }
    writer.write_large(true);
    grow_by(MANY_LARGE, board).await;
    writer.write_large(false);
    for watcher in watchers {
        watcher.line.hold(false);
    }
}

/// Waits until so many more events are written.
async fn grow_by(events: u64, board: &Board) {
    let enough = board.head().await + events;
    while board.head().await < enough {
        sleep(LOOK).await;
    }
}

fn outcome(watcher: &Watcher, scenario: Scenario) -> Outcome {
    expected(watcher.client, scenario)
}

/// How often the client is told that it is connected.
fn connections(scenario: Scenario, outcome: Outcome) -> usize {
    match scenario {
        Scenario::Ended if !outcome.is_end() => 1 + ENDS.len(),
        Scenario::Cut | Scenario::Restart | Scenario::Drain | Scenario::Interrupted
            if !outcome.is_end() =>
        {
            2
        }
        _ => 1,
    }
}

/// Waits until it is so for every client. Whether it came to that.
async fn until(watchers: &[Watcher], is_so: impl Fn(&Watcher) -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !watchers.iter().all(&is_so) {
        if Instant::now() > deadline {
            return false;
        }
        sleep(LOOK).await;
    }
    true
}
