//! A server that goes down again and again while people write and watch, and the verdict: every
//! answered write happened once and is there, a retry gets its first answer, every watcher saw every
//! event once and in order, and nobody saw what was not safe.
//!
//! Killed, a process loses what it had in memory; the page cache stays. A power cut takes that too.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::sleep;

use crate::client::Client;
use crate::crowd::Crowd;
use crate::cursor::seq_of;
use crate::ledger::Ledger;
use crate::load::{Ground, Load};
use crate::port::Port;
use crate::power::{Power, Swallowed};
use crate::program::Program;
use crate::random::Random;
use crate::stream::EventStream;
use crate::wait::WAIT;

/// Lists on each board.
const LISTS: usize = 3;

/// Bytes of a task's description: some pages of log for each commit.
const DESCRIPTION_BYTES: usize = 300;

/// A kill comes so long after somebody got through, at most.
const KILL_WITHIN: Duration = Duration::from_millis(400);

/// A kill of a start comes so long after it began, at most.
const KILL_START_WITHIN: Duration = Duration::from_millis(60);

/// The power fails within 2 to the power of this many calls after somebody got through: past two or
/// three checkpoints. Each power of two is as likely as the others, so that most cuts are soon after
/// a start.
const CUT_POWERS: u64 = 13;

/// The same for a start.
const CUT_START_POWERS: u64 = 8;

/// How a server goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// `kill -9`.
    Kill,
    /// The power fails.
    PowerCut,
    /// The power fails under a program or a disk that leaves out these syncs.
    PowerCutUnsynced(Swallowed),
}

/// Who does what while the server goes down.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The server's program.
    pub binary: PathBuf,
    /// How it goes down.
    pub outage: Outage,
    /// How often.
    pub outages: usize,
    /// Boards, each with writers and watchers of its own.
    pub boards: usize,
    /// Clients that write, each with a key for every request and until it is answered.
    pub writers: usize,
    /// Watchers, spread over the boards.
    pub watchers: usize,
    /// Decides what is written and when the server goes down.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// A sentence about each thing that is wrong; empty after a good run.
    pub wrong: Vec<String>,
    /// How often the server went down.
    pub outages: usize,
    /// How often it did so before it had said that it listens.
    pub in_starts: usize,
    /// Writes that were answered.
    pub writes: usize,
    /// Requests that were sent again because the connection had ended without an answer.
    pub cuts: u64,
    /// Numbered events that watchers saw, all together.
    pub events: u64,
    /// Connections after each watcher's first.
    pub reconnects: u64,
}

impl Verdict {
    /// Adds what another run found.
    pub fn absorb(&mut self, other: Verdict) {
        self.wrong.extend(other.wrong);
        self.outages += other.outages;
        self.in_starts += other.in_starts;
        self.writes += other.writes;
        self.cuts += other.cuts;
        self.events += other.events;
        self.reconnects += other.reconnects;
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict {
            outages,
            in_starts,
            writes,
            cuts,
            events,
            reconnects,
            wrong,
        } = self;
        write!(
            out,
            "{outages} outages, {in_starts} of them in starts; {writes} writes, {cuts} sent again; \
             {events} events seen over {reconnects} reconnects; {} things wrong",
            wrong.len()
        )
    }
}

impl Trial {
    /// Runs it in a folder that is there and empty.
    pub async fn run(&self, folder: &Path) -> Verdict {
        let mut verdict = Verdict::default();
        if let Err(fault) = self.run_into(&mut verdict, folder).await {
            verdict.wrong.push(fault);
        }
        for sentence in &mut verdict.wrong {
            *sentence = format!("seed {}: {sentence}", self.seed);
        }
        verdict
    }

    async fn run_into(&self, verdict: &mut Verdict, folder: &Path) -> Result<(), String> {
        let mut random = Random::new(self.seed);
        let mut server = Server::new(self, folder, random.fork())?;
        // Some runs begin with starts that don't come far.
        for _ in 0..random.below(3) {
            server.go_down_starting().await?;
        }
        let addr = server.start().await?;
        let boards = self.gather(addr).await?;
        server.is_in_use = true;
        let grounds = boards.iter().map(|board| board.ground.clone()).collect();
        let load = Load::new(addr, grounds, self.seed)
            .writers(self.writers)
            .describing(DESCRIPTION_BYTES)
            .insisting()
            .spawn();
        let outcome = async {
            while server.outages + 1 < self.outages {
                let answered = load.acked();
                server.go_down().await?;
                if random.one_in(4) {
                    server.go_down_starting().await?;
                }
                server.start().await?;
                for board in &boards {
                    cursor(addr, &board.ground.board).await?;
                }
                // Somebody gets through between any two.
                load.wait_for_acked(answered + 1, WAIT).await?;
            }
            Ok(())
        };
        let outcome: Result<(), String> = outcome.await;
        (verdict.outages, verdict.in_starts) = (server.outages, server.in_starts);
        outcome?;
        let ledger = load.stop().await;
        verdict.writes = ledger.written.len();
        verdict.cuts = ledger.cuts;
        // Once more when nobody writes: whoever is behind now is brought up by the log alone.
        server.go_down_at_rest().await?;
        server.start().await?;
        verdict.outages = server.outages;
        judge(verdict, addr, boards, &ledger).await?;
        server.end_in_order().await
    }

    async fn gather(&self, addr: SocketAddr) -> Result<Vec<Board>, String> {
        let mut boards = Vec::new();
        for number in 0..self.boards {
            let name = format!("team-{number}");
            let ground = Ground::make(addr, &name, LISTS).await;
            let start = cursor(addr, &name).await?;
            let share = self.watchers / self.boards;
            let size = share + usize::from(number < self.watchers % self.boards);
            // All of them show their logs: there are few to a board.
            let crowd = Crowd::gather(addr, &name, size, size).await?;
            boards.push(Board {
                ground,
                start,
                crowd,
            });
        }
        Ok(boards)
    }
}

/// A board of the trial.
struct Board {
    ground: Ground,
    /// Where its log stood before the load.
    start: String,
    crowd: Crowd,
}

async fn judge(
    verdict: &mut Verdict,
    addr: SocketAddr,
    boards: Vec<Board>,
    ledger: &Ledger,
) -> Result<(), String> {
    let mut heads = Vec::new();
    for board in boards {
        let name = board.ground.board;
        let seen = board.crowd.judge(ledger).await;
        let named = |sentence: String| format!("{name}: {sentence}");
        verdict.wrong.extend(seen.wrong.into_iter().map(named));
        verdict.events += seen.events;
        verdict.reconnects += seen.reconnects;
        // What a watcher has seen was safe, so its cursor is good for ever.
        if seen.snapshots != seen.watchers as u64 {
            let (snapshots, watchers) = (seen.snapshots, seen.watchers);
            let sentence = format!("{watchers} watchers needed {snapshots} snapshots");
            verdict.wrong.push(named(sentence));
        }
        if !ledger.unanswered(&name).is_empty() {
            verdict
                .wrong
                .push(named("a write was never answered".into()));
        }
        if replay(addr, &name, &board.start, seen.log.len()).await? != seen.log {
            verdict
                .wrong
                .push(named("its log is not what was seen".into()));
        }
        heads.push((cursor(addr, &name).await?, name));
    }
    verdict.wrong.extend(ledger.ask_again(addr).await);
    for (head, name) in heads {
        if cursor(addr, &name).await? != head {
            verdict.wrong.push(format!("{name}: a retry did something"));
        }
    }
    Ok(())
}

async fn cursor(addr: SocketAddr, board: &str) -> Result<String, String> {
    let answer = Client::new(addr).get(&format!("/boards/{board}")).await;
    let answer = answer.map_err(|fault| format!("{board}: {fault}"))?;
    match answer.status {
        200 => Ok(answer.json()["cursor"]
            .as_str()
            .unwrap_or_default()
            .to_owned()),
        other => Err(format!("{board} is answered {other}: {}", answer.text())),
    }
}

/// So many events after a place, as the log has them now.
async fn replay(
    addr: SocketAddr,
    board: &str,
    after: &str,
    events: usize,
) -> Result<BTreeMap<u64, Vec<u8>>, String> {
    let path = format!("/boards/{board}/events");
    let opened = EventStream::open(addr, &path, &[("Last-Event-ID", after)]).await;
    let mut stream = opened.map_err(|fault| format!("{board}: {fault}"))?.stream;
    let mut log = BTreeMap::new();
    while log.len() < events {
        let block = stream
            .next_event()
            .await
            .map_err(|fault| format!("{board}: {fault:?}"))?;
        let block = block.ok_or_else(|| format!("{board}: the replay ended"))?;
        let id = block.id.unwrap_or_default();
        if id != after {
            log.insert(seq_of(&id)?, block.raw);
        }
    }
    Ok(log)
}

/// The server, up or down, and what it stands on.
struct Server {
    binary: PathBuf,
    data: PathBuf,
    power: Option<Power>,
    program: Option<Program>,
    port: Port,
    random: Random,
    /// Whether anything was ever answered: from then on there is a file to look at.
    is_in_use: bool,
    outages: usize,
    in_starts: usize,
}

impl Server {
    fn new(trial: &Trial, folder: &Path, random: Random) -> Result<Server, String> {
        let text = |fault: std::io::Error| fault.to_string();
        let place = folder.join("data");
        fs::create_dir(&place).map_err(text)?;
        let data = place.join("team.db");
        let power = match trial.outage {
            Outage::Kill => None,
            Outage::PowerCut => Some(Power::new(folder, &data).map_err(text)?),
            Outage::PowerCutUnsynced(swallowed) => {
                let power = Power::new(folder, &data).map_err(text)?;
                power.swallow(swallowed);
                Some(power)
            }
        };
        Ok(Server {
            binary: trial.binary.clone(),
            data,
            power,
            program: None,
            port: Port::reserve().map_err(text)?,
            random,
            is_in_use: false,
            outages: 0,
            in_starts: 0,
        })
    }

    /// Starts it where it was before.
    async fn start(&mut self) -> Result<SocketAddr, String> {
        let program = self.try_start().await;
        let program = program.map_err(|fault| format!("it does not start: {fault}"))?;
        let addr = program.addr();
        self.program = Some(program);
        Ok(addr)
    }

    async fn try_start(&self) -> std::io::Result<Program> {
        let env = self.power.as_ref().map(Power::env).unwrap_or_default();
        let quiet = ["--log", "warn"];
        Program::start_on(self.port.clone(), &self.binary, &self.data, &quiet, &env).await
    }

    /// Takes it down somewhere in what it is doing.
    async fn go_down(&mut self) -> Result<(), String> {
        match &self.power {
            None => {
                let within = KILL_WITHIN.as_millis() as u64;
                sleep(Duration::from_millis(self.random.below(within))).await;
                self.kill().await?;
            }
            Some(power) => {
                power.fail_after(some_calls(&mut self.random, CUT_POWERS));
                self.wait_for_cut().await?;
            }
        }
        self.settle().await
    }

    /// Takes it down while it does nothing.
    async fn go_down_at_rest(&mut self) -> Result<(), String> {
        self.kill().await?;
        self.settle().await
    }

    /// Starts it, and takes it down before it has come far.
    async fn go_down_starting(&mut self) -> Result<(), String> {
        match &self.power {
            None => self.kill_starting().await?,
            Some(power) => {
                power.fail_after(some_calls(&mut self.random, CUT_START_POWERS));
                let started = self.try_start().await;
                let has_failed = self.power.as_ref().is_some_and(Power::has_failed);
                match started {
                    Ok(program) => {
                        self.program = Some(program);
                        self.kill().await?;
                    }
                    Err(_) if has_failed => {}
                    Err(fault) => return Err(format!("it does not start: {fault}")),
                }
            }
        }
        self.in_starts += 1;
        self.settle().await
    }

    async fn kill(&mut self) -> Result<(), String> {
        let Some(mut program) = self.program.take() else {
            return Err("it is down already".into());
        };
        let ended = program.kill9().await;
        ended.map(drop).map_err(|fault| format!("a kill: {fault}"))
    }

    async fn kill_starting(&mut self) -> Result<(), String> {
        let within = KILL_START_WITHIN.as_micros() as u64;
        let after = Duration::from_micros(self.random.below(within));
        let child = Command::new(&self.binary)
            .args([
                "--log",
                "off",
                "--listen",
                &self.port.addr().to_string(),
                "--data",
            ])
            .arg(&self.data)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let killed = async {
            let mut child = child?;
            sleep(after).await;
            child.kill().await
        };
        killed.await.map_err(|fault| format!("a kill: {fault}"))
    }

    async fn wait_for_cut(&mut self) -> Result<(), String> {
        let Some(mut program) = self.program.take() else {
            return Err("it is down already".into());
        };
        let ended = program.wait().await.map_err(|fault| fault.to_string())?;
        let has_failed = self.power.as_ref().is_some_and(Power::has_failed);
        if has_failed {
            Ok(())
        } else {
            Err(format!(
                "it ended by itself ({ended}):\n{}",
                program.output()
            ))
        }
    }

    /// What lies on the disk now that it is down, and whether that fits together.
    async fn settle(&mut self) -> Result<(), String> {
        self.outages += 1;
        let Some(power) = &mut self.power else {
            return Ok(());
        };
        let laid_out = power.lay_out(&mut self.random);
        laid_out.map_err(|fault| format!("the disk: {fault}"))?;
        if self.is_in_use {
            self.check().await
        } else {
            Ok(())
        }
    }

    async fn check(&self) -> Result<(), String> {
        let mut check = Command::new(&self.binary);
        check.arg("check").arg("--data").arg(&self.data);
        let looked = check.stdin(Stdio::null()).kill_on_drop(true).output();
        let looked = looked.await.map_err(|fault| format!("check: {fault}"))?;
        if looked.status.success() {
            return Ok(());
        }
        let said = [looked.stdout, looked.stderr].concat();
        Err(format!(
            "after outage {}: {}",
            self.outages,
            String::from_utf8_lossy(&said)
        ))
    }

    async fn end_in_order(&mut self) -> Result<(), String> {
        let Some(mut program) = self.program.take() else {
            return Err("it is down already".into());
        };
        let status = program
            .terminate()
            .await
            .map_err(|fault| fault.to_string())?;
        if !status.success() {
            return Err(format!("it ended with {status}:\n{}", program.output()));
        }
        self.check().await
    }
}

fn some_calls(random: &mut Random, powers: u64) -> u64 {
    let power = random.below(powers + 1);
    1 + random.below(1 << power)
}
