//! What every case needs: our server with a board, the floor, and a measured stretch of work.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::swarm::{Swarm, Target};
use super::{Bench, Case, floor, host};
use crate::badge;
use crate::bench::spread::Spread;
use crate::client::Client;
use crate::program::Program;

/// The board that everything happens on.
pub(crate) const BOARD: &str = "bench";

/// Bytes of a write's body: an event of some 350 bytes.
const BODY_BYTES: usize = 120;

/// Watchers of the floor when it stands for one send.
const UNIT_WATCHERS: usize = 1_000;

/// Writes before those that are measured.
const WARM_UP: u64 = 3;

/// Descriptors of the load that are no watchers.
const DESCRIPTORS_SPARE: usize = 600;

/// Our server while it runs.
pub(crate) struct Ours {
    _program: Program,
    pub(crate) target: Target,
}

impl Ours {
    /// One writer for each task of the board.
    fn of(program: Program) -> Self {
        let target = Target {
            addr: program.addr(),
            door: None,
            pids: vec![program.pid()],
            watch: format!("/boards/{BOARD}/events"),
            method: "PATCH".into(),
            path: "/tasks/bench-{writer}".into(),
            body: "{\"title\":\"{mark}{fill}\"}".into(),
            body_bytes: BODY_BYTES,
        };
        Self {
            _program: program,
            target,
        }
    }
}

pub(crate) struct Stage {
    bench: Bench,
    folder: PathBuf,
    servers: usize,
    floor: Target,
    _floor: Option<Program>,
    descriptors: usize,
}

/// A stretch of work, and what it cost the server.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) events: f64,
    pub(crate) deliveries: f64,
    pub(crate) bytes: f64,
    pub(crate) seconds: f64,
    pub(crate) cpu_us: f64,
    pub(crate) latencies: Spread,
    pub(crate) answer_times: Spread,
}

impl Figures {
    pub(crate) fn cpu_per_delivery(&self) -> f64 {
        self.cpu_us / self.deliveries
    }

    pub(crate) fn cpu_per_event(&self) -> f64 {
        self.cpu_us / self.events
    }

    pub(crate) fn bytes_per_delivery(&self) -> usize {
        (self.bytes / self.deliveries).round() as usize
    }
}

impl Stage {
    pub(crate) async fn set(bench: &Bench, case: Case) -> Result<Stage, String> {
        let folder = bench.folder.join(format!("{case:?}"));
        std::fs::create_dir(&folder).map_err(|fault| fault.to_string())?;
        let (floor, running) = start_floor(bench, &folder).await?;
        Ok(Stage {
            bench: bench.clone(),
            folder,
            servers: 0,
            floor,
            _floor: running,
            descriptors: host::raise_descriptors(),
        })
    }

    pub(crate) fn say(&self, what: &str) {
        (self.bench.say)(what);
    }

    pub(crate) fn is_quick(&self) -> bool {
        self.bench.is_quick
    }

    /// One number for a bench, another for a look whether it runs.
    pub(crate) fn size(&self, whole: usize, quick: usize) -> usize {
        if self.bench.is_quick { quick } else { whole }
    }

    /// How long a measured stretch is.
    pub(crate) fn time(&self, whole_ms: u64) -> Duration {
        Duration::from_millis(if self.bench.is_quick { 50 } else { whole_ms })
    }

    /// How often each thing is measured, turn by turn with what it is compared to.
    pub(crate) fn pairs(&self) -> usize {
        self.size(5, 1)
    }

    /// So many watchers, or as many as there can be descriptors for.
    pub(crate) fn watchers(&self, wanted: usize) -> usize {
        let most = self.descriptors.saturating_sub(DESCRIPTORS_SPARE);
        if wanted > most {
            self.say(&format!(
                "  {wanted} watchers need more descriptors than the {} allowed here: {most}",
                self.descriptors
            ));
        }
        wanted.min(most)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Our server on a new file, with a board on which each writer has a task.
    pub(crate) async fn ours(&mut self, writers: usize) -> Result<Ours, String> {
        let data = self.data();
        self.ours_on(&data, writers, &[]).await
    }

    /// The same with accounts on: whoever asks shows a token, and everyone's streams stand on rights.
    pub(crate) async fn ours_with_accounts(&mut self, writers: usize) -> Result<Ours, String> {
        const PASSWORD: &str = "long enough";
        let data = self.data();
        let account = [
            "init",
            "--login",
            "bench",
            "--name",
            "Bench",
            "--password-stdin",
        ];
        self.tell_program(&data, &account, PASSWORD).await?;
        let token = [
            "token", "add", "--user", "bench", "--name", "bench", "--scope", "admin",
        ];
        let token = self.tell_program(&data, &token, "").await?;
        let (program, addr) = self.start_on(&data, &[]).await?;
        badge::wear(addr, token.trim());
        prepare(addr, writers).await?;
        Ok(Ours::of(program))
    }

    /// One command of the program, and what it prints.
    async fn tell_program(
        &self,
        data: &Path,
        words: &[&str],
        input: &str,
    ) -> Result<String, String> {
        let fault = |fault: std::io::Error| format!("{}: {fault}", words[0]);
        let mut command = Command::new(&self.bench.binary);
        command.args(words).arg("--data").arg(data);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(fault)?;
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(input.as_bytes()).await.map_err(fault)?;
        drop(stdin);
        let done = child.wait_with_output().await.map_err(fault)?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            return Err(format!("{} ended with {}: {said}", words[0], done.status));
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    pub(crate) fn data(&mut self) -> PathBuf {
        self.servers += 1;
        self.folder.join(format!("server-{}.db", self.servers))
    }

    pub(crate) async fn ours_on(
        &self,
        data: &Path,
        writers: usize,
        env: &[(String, String)],
    ) -> Result<Ours, String> {
        let (program, addr) = self.start_on(data, env).await?;
        prepare(addr, writers).await?;
        Ok(Ours::of(program))
    }

    async fn start_on(
        &self,
        data: &Path,
        env: &[(String, String)],
    ) -> Result<(Program, SocketAddr), String> {
        let args = ["--log", "warn", "--no-demo"];
        let program = Program::start(&self.bench.binary, data, &args, env).await;
        let program = program.map_err(|fault| fault.to_string())?;
        let addr = program.addr();
        Ok((program, addr))
    }

    /// Our server with a board for each of so many writers, and a task on it.
    pub(crate) async fn ours_with_boards(&mut self, boards: usize) -> Result<Ours, String> {
        let mut ours = self.ours(0).await?;
        let mut wanted = Vec::new();
        for number in 0..boards {
            let (board, list) = (format!("bench-{number}"), format!("list-{number}"));
            wanted.push(("/boards", json!({"id": board, "name": "Bench"})));
            wanted.push((
                "/lists",
                json!({"id": list, "boardId": board, "name": "Bench"}),
            ));
            wanted.push((
                "/tasks",
                json!({"id": board, "listId": list, "title": "Bench"}),
            ));
        }
        make(ours.target.addr, wanted).await?;
        ours.target.watch = "/boards/bench-{writer}/events".into();
        Ok(ours)
    }

    /// The server with a door for events, and with boards that were founded and nothing else.
    pub(crate) async fn with_door(&mut self, boards: usize, args: &[&str]) -> Result<Ours, String> {
        let data = self.data();
        let args = [&["--log", "warn", "--no-demo"], args].concat();
        let binary = self
            .bench
            .door
            .as_ref()
            .ok_or("there is no server with a door")?;
        let program = Program::start(binary, &data, &args, &[]).await;
        let program = program.map_err(|fault| fault.to_string())?;
        let said = program.output();
        let door = said
            .lines()
            .find_map(|line| line.strip_prefix("door ")?.parse().ok());
        let door: u16 = door.ok_or("it doesn't say where its door is")?;
        let board = |number| {
            (
                "/boards",
                json!({"id": format!("bench-{number}"), "name": "Bench"}),
            )
        };
        make(program.addr(), (0..boards).map(board).collect()).await?;
        let target = Target {
            addr: program.addr(),
            door: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, door))),
            pids: vec![program.pid()],
            watch: "/boards/bench-{writer}/events".into(),
            method: "POST".into(),
            path: "/bench-{writer}".into(),
            body: "{\"type\":\"task_updated\",\"title\":\"{mark}{fill}\"}".into(),
            body_bytes: 300,
        };
        Ok(Ours {
            _program: program,
            target,
        })
    }

    /// The floor, sending as many bytes for each event.
    pub(crate) fn floor(&self, frame_bytes: usize) -> Target {
        let mut floor = self.floor.clone();
        floor.body_bytes = frame_bytes.saturating_sub(floor::FRAME_BYTES + 3);
        floor
    }

    /// CPU of one bare send to one of a thousand sockets at this moment, in microseconds.
    pub(crate) fn unit(&self) -> Result<f64, String> {
        let watchers = self.size(UNIT_WATCHERS, 20);
        let floor = self.floor(400);
        Ok(fan_out(&floor, watchers, self.time(1_000))?.cpu_per_delivery())
    }
}

async fn start_floor(bench: &Bench, folder: &Path) -> Result<(Target, Option<Program>), String> {
    let target = |addr, pids| Target {
        addr,
        door: None,
        pids,
        watch: "/".into(),
        method: "POST".into(),
        path: "/".into(),
        body: "{mark}{fill}".into(),
        body_bytes: 0,
    };
    if let Some(program) = &bench.floor {
        let started = Program::start(program, folder, &["floor"], &[]).await;
        let program = started.map_err(|fault| format!("the floor: {fault}"))?;
        return Ok((target(program.addr(), vec![program.pid()]), Some(program)));
    }
    let text = |fault: std::io::Error| fault.to_string();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(text)?;
    let addr = listener.local_addr().map_err(text)?;
    let thread = std::thread::Builder::new().name("floor".into());
    thread
        .spawn(move || floor::serve(&listener))
        .map_err(text)?;
    Ok((target(addr, Vec::new()), None))
}

async fn prepare(addr: SocketAddr, writers: usize) -> Result<(), String> {
    let mut wanted = vec![
        ("/boards", json!({"id": BOARD, "name": "Bench"})),
        (
            "/lists",
            json!({"id": "bench-list", "boardId": BOARD, "name": "Bench"}),
        ),
    ];
    for writer in 0..writers {
        let task =
            json!({"id": format!("bench-{writer}"), "listId": "bench-list", "title": "Bench"});
        wanted.push(("/tasks", task));
    }
    make(addr, wanted).await
}

pub(crate) async fn make(addr: SocketAddr, wanted: Vec<(&str, Value)>) -> Result<(), String> {
    let client = Client::new(addr);
    for (path, body) in wanted {
        let answer = client.post(path, &body).await;
        let answer = answer.map_err(|fault| fault.to_string())?;
        if answer.status != 201 {
            let (status, said) = (answer.status, answer.text());
            return Err(format!("{path} was answered {status}: {said}"));
        }
    }
    Ok(())
}

/// Measures what a piece of work on a swarm costs its server.
pub(crate) fn measure(
    swarm: &mut Swarm,
    target: &Target,
    work: impl FnOnce(&mut Swarm) -> Result<u64, String>,
) -> Result<Figures, String> {
    swarm.tally.latencies = Spread::default();
    swarm.tally.answer_times = Spread::default();
    let (deliveries, bytes) = (swarm.tally.deliveries, swarm.tally.bytes);
    let (begun, cpu) = (Instant::now(), host::cpu_us(&target.pids));
    let events = work(swarm)?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu_us = host::cpu_us(&target.pids) - cpu;
    Ok(Figures {
        events: events as f64,
        deliveries: (swarm.tally.deliveries - deliveries) as f64,
        bytes: (swarm.tally.bytes - bytes) as f64,
        seconds,
        cpu_us,
        latencies: swarm.tally.latencies.clone(),
        answer_times: swarm.tally.answer_times.clone(),
    })
}

/// One event after another to so many watchers.
pub(crate) fn fan_out(target: &Target, watchers: usize, time: Duration) -> Result<Figures, String> {
    let mut swarm = Swarm::new(target, 1)?;
    swarm.watch(watchers)?;
    swarm.write_alone(Duration::ZERO, WARM_UP)?;
    calm(&target.pids);
    let figures = measure(&mut swarm, target, |swarm| swarm.write_alone(time, 5))?;
    swarm.verify()?;
    drop(swarm);
    calm(&target.pids);
    Ok(figures)
}

/// One event after another to so many watchers of any server, in a sentence.
///
/// # Errors
/// If it can't be asked, or anything was lost, doubled or out of order.
pub fn fan_out_of(target: &Target, watchers: usize, time: Duration) -> Result<String, String> {
    host::raise_descriptors();
    let figures = fan_out(target, watchers, time)?;
    Ok(format!(
        "{} events to {watchers} watchers: {:.0} deliveries/s, {:.2} µs CPU per delivery, p50 {:.2} ms, p99 {:.2} ms; nothing lost, doubled or out of order",
        figures.events,
        figures.deliveries / figures.seconds,
        figures.cpu_per_delivery(),
        figures.latencies.percentile(50.0),
        figures.latencies.percentile(99.0),
    ))
}

/// Waits until a server has done what still had to be done: what it costs to let connections go must
/// not count for the next.
pub(crate) fn calm(pids: &[u32]) {
    const LOOK_EVERY: Duration = Duration::from_millis(50);
    /// Of a core; idle watchers' heartbeats take less on the whole, and seldom more than one look long.
    const SHARE_MAX: f64 = 0.02;
    let cpu_us_max = LOOK_EVERY.as_micros() as f64 * SHARE_MAX;
    let begun = Instant::now();
    let mut before = host::cpu_us(pids);
    loop {
        std::thread::sleep(LOOK_EVERY);
        let now = host::cpu_us(pids);
        if now - before < cpu_us_max || begun.elapsed() > Duration::from_secs(5) {
            return;
        }
        before = now;
    }
}
