//! Many watchers of one board, and the verdict on what they saw.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::client::Client;
use crate::ledger::Ledger;
use crate::oracle::{Watched, judge};
use crate::random::Random;
use crate::watcher::{Watcher, WatcherHandle};

/// How long a crowd may take to come to where its board stands. Says that a watcher hangs, not that
/// one is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Watchers of one board, each of which began with a snapshot.
#[derive(Debug)]
pub struct Crowd {
    addr: SocketAddr,
    board: String,
    watchers: Vec<WatcherHandle>,
    recording: usize,
}

/// What a crowd saw, and everything that is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// A sentence about each thing that is wrong; empty after a good run.
    pub wrong: Vec<String>,
    /// Watchers.
    pub watchers: usize,
    /// Numbered events, of all watchers together.
    pub events: u64,
    /// Connections after each watcher's first.
    pub reconnects: u64,
    /// Snapshots; each watcher began with one.
    pub snapshots: u64,
    /// The whole log since before the crowd gathered, as the first recording watcher saw it.
    pub log: BTreeMap<u64, Vec<u8>>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} watchers saw {} events over {} reconnects and {} snapshots, {} things wrong",
            self.watchers,
            self.events,
            self.reconnects,
            self.snapshots,
            self.wrong.len()
        )
    }
}

impl Crowd {
    /// So many watchers, the first `recording` of which keep every block. On return each has the
    /// board.
    ///
    /// # Errors
    /// If one of them doesn't get it.
    pub async fn gather(
        addr: SocketAddr,
        board: &str,
        size: usize,
        recording: usize,
    ) -> Result<Crowd, String> {
        let watchers: Vec<_> = (0..size)
            .map(|number| {
                let watcher = Watcher::new(addr, board);
                let records = number < recording;
                if records {
                    watcher.recording()
                } else {
                    watcher
                }
                .spawn()
            })
            .collect();
        for watcher in &watchers {
            let has_board = |progress: &crate::watcher::Progress| progress.snapshots > 0;
            watcher.wait_until("begun", PATIENCE, has_board).await?;
        }
        Ok(Crowd {
            addr,
            board: board.to_owned(),
            watchers,
            recording,
        })
    }

    /// Cuts one of them, wherever its stream stands.
    pub fn cut_one(&self, random: &mut Random) {
        random.pick(&self.watchers).cut();
    }

    /// Connections after each watcher's first, so far.
    pub fn reconnects(&self) -> u64 {
        let connections = |watcher: &WatcherHandle| watcher.progress().connections;
        self.watchers.iter().map(connections).sum::<u64>() - self.watchers.len() as u64
    }

    /// Once nobody writes any more: waits until each has come to where the board stands, and judges
    /// what they saw against the answers and the board.
    pub async fn judge(self, ledger: &Ledger) -> Verdict {
        let mut verdict = Verdict {
            watchers: self.watchers.len(),
            ..Verdict::default()
        };
        let board = match read_board(self.addr, &self.board).await {
            Ok(board) => board,
            Err(fault) => {
                verdict.wrong.push(fault);
                return verdict;
            }
        };
        let head = board["cursor"].as_str().unwrap_or_default();
        let mut watched = Vec::new();
        for (number, watcher) in self.watchers.into_iter().enumerate() {
            if let Err(late) = watcher.wait_for_cursor(head, PATIENCE).await {
                verdict.wrong.push(format!("watcher {number}: {late}"));
            }
            let mut seen = Watched::new(format!("watcher {number}"), watcher.stop().await);
            // The others counted, and folded; they have no log to show.
            seen.is_continuous &= number < self.recording;
            verdict.events += seen.report.events;
            verdict.reconnects += seen.report.reconnects;
            verdict.snapshots += seen.report.snapshots;
            watched.push(seen);
        }
        let (acked, unanswered) = (ledger.acked(&self.board), ledger.unanswered(&self.board));
        let wrong = judge(&acked, &unanswered, &watched, Some(&board));
        verdict.wrong.extend(wrong);
        if let Some(first) = watched.iter_mut().find(|seen| seen.is_continuous) {
            verdict.log = std::mem::take(&mut first.report.recorded);
            verdict
                .wrong
                .extend(ledger.judge(&self.board, &verdict.log));
        }
        verdict
    }
}

async fn read_board(addr: SocketAddr, board: &str) -> Result<Value, String> {
    let answer = Client::new(addr).get(&format!("/boards/{board}")).await;
    match answer {
        Ok(answer) if answer.status == 200 => Ok(answer.json()),
        Ok(answer) => Err(format!("board {board} is answered {}", answer.status)),
        Err(fault) => Err(format!("board {board} can't be read: {fault}")),
    }
}
