//! Puts a deployed server to the test: on a board of its own it writes like several people, watches
//! like several more, cuts itself off again and again, and writes down what happened for
//! [`crate::history`] to judge. Speaks plain HTTP or https to whatever address it is given, with
//! threads that wait: what is tested may be far away and have a proxy in front.
//!
//! It is bounded in time, in writes and in connections, and deletes its board in the end.
#![allow(
    clippy::disallowed_methods,
    reason = "a client far from the server, on the real clock and threads of its own"
)]

use std::fmt;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::http::{Request, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::history::Line;
use crate::random::Random;
use crate::sse::Parser;

/// The lists of the board that is written to.
const LISTS: u64 = 3;

/// Tasks that a writer has at a time.
const TASKS_MAX: usize = 8;

/// Longest wait for an answer, and for a word on a stream: two heartbeats.
const SILENCE_MAX: Duration = Duration::from_secs(31);

/// How long a request or a stream is tried again before the server counts as gone.
const DOWN_MAX: Duration = Duration::from_secs(60);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// What ends every watcher: the board's last change is its name.
const LAST_NAME: &str = "Boardcast check: done";

/// What to test and how hard.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The server's address, such as `https://board.example.org`, without a slash at its end.
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    pub token: Option<String>,
    /// How long to write.
    pub duration: Duration,
    /// Clients that write, each with tasks of its own.
    pub writers: usize,
    /// Clients that watch.
    pub watchers: usize,
    /// Writes a second, of all writers together.
    pub writes_per_second: u32,
    /// What follows from it: what is written, and where lines are cut.
    pub seed: u64,
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untestable(String);

impl fmt::Display for Untestable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Untestable {}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Writes that were answered.
    pub answered: u64,
    /// Messages that watchers saw.
    pub seen: u64,
    /// Lines that were cut.
    pub cuts: u64,
}

/// What a run leaves.
#[derive(Clone, Debug)]
pub struct Probed {
    /// The history.
    pub lines: Vec<Line>,
    /// Why its board is still there, if it is.
    pub left_behind: Option<String>,
}

impl Probe {
    /// Runs it, telling of progress once a second, and gives the history.
    ///
    /// # Errors
    /// If the server can't be reached, refuses the board, or is gone for a minute.
    pub fn run(&self, mut tell: impl FnMut(Progress)) -> Result<Probed, Untestable> {
        let site = Arc::new(Site::new(self));
        let ground = site.make_board(self.seed)?;
        let run = Arc::new(Run {
            board: ground.board.clone(),
            ..Run::default()
        });
        let outcome = self.run_on(&site, &ground, &run, &mut tell);
        run.is_over.store(true, Ordering::Relaxed);
        let path = format!("/boards/{}", ground.board);
        let left_behind = match site.ask("DELETE", &path, None, None) {
            Ok((204, _)) => None,
            Ok((403, _)) => Some(format!("{path}: to delete it takes a token of scope admin")),
            Ok((status, _)) => Some(format!("{path}: its deletion was answered {status}")),
            Err(fault) => Some(fault),
        };
        outcome?;
        let mut lines = run.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut *lines);
        Ok(Probed { lines, left_behind })
    }

    fn run_on(
        &self,
        site: &Arc<Site>,
        ground: &Ground,
        run: &Arc<Run>,
        tell: &mut impl FnMut(Progress),
    ) -> Result<(), Untestable> {
        let mut random = Random::new(self.seed);
        let watchers: Vec<_> = (0..self.watchers)
            .map(|number| {
                let (site, run, random) = (Arc::clone(site), Arc::clone(run), random.fork());
                thread::spawn(move || watch(&site, &run, &format!("watcher {number}"), random))
            })
            .collect();
        // Whoever watches has the whole board before the first write.
        let has_begun = || run.begun.load(Ordering::Relaxed) >= self.watchers as u64;
        wait_until(
            has_begun,
            &watchers,
            "the watchers get no snapshot of the board",
        )?;
        let deadline = Instant::now() + self.duration;
        let writers: Vec<_> = (0..self.writers)
            .map(|number| {
                let writer = Writer {
                    site: Arc::clone(site),
                    run: Arc::clone(run),
                    ground: ground.clone(),
                    number,
                    random: random.fork(),
                    tasks: Vec::new(),
                    asked: 0,
                };
                let rest = Duration::from_secs(1) * self.writers as u32 / self.writes_per_second;
                thread::spawn(move || writer.write_until(deadline, rest))
            })
            .collect();
        while !writers.iter().all(JoinHandle::is_finished) {
            thread::sleep(Duration::from_secs(1));
            tell(run.progress());
        }
        join(writers)?;
        let write = run.next_write.fetch_add(1, Ordering::Relaxed);
        let rename = json!({"name": LAST_NAME});
        let path = format!("/boards/{}", ground.board);
        run.ask(site, write, "PATCH", &path, &ground.board, Some(&rename))
            .map_err(Untestable)?;
        let all_ended = || watchers.iter().all(JoinHandle::is_finished);
        // Whoever doesn't come to the end stands behind, which the judge says.
        let _ = wait_until(all_ended, &[], "");
        run.is_over.store(true, Ordering::Relaxed);
        let board = run.read(site)?;
        run.note(Line::Rest { board });
        tell(run.progress());
        Ok(())
    }
}

/// Waits as long as a server may be gone.
fn wait_until(
    holds: impl Fn() -> bool,
    needed: &[JoinHandle<Result<(), String>>],
    otherwise: &str,
) -> Result<(), Untestable> {
    let since = Instant::now();
    while !holds() {
        if since.elapsed() > DOWN_MAX || needed.iter().any(JoinHandle::is_finished) {
            return Err(Untestable(otherwise.to_owned()));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn join(threads: Vec<JoinHandle<Result<(), String>>>) -> Result<(), Untestable> {
    for thread in threads {
        thread
            .join()
            .map_err(|_| Untestable("a writer has failed".into()))?
            .map_err(Untestable)?;
    }
    Ok(())
}

/// The board that a run has for itself.
#[derive(Clone, Debug)]
struct Ground {
    board: String,
    lists: Vec<String>,
}

/// The server.
struct Site {
    url: String,
    token: Option<String>,
    agent: Agent,
}

impl Site {
    fn new(probe: &Probe) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("boardcast-check/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(SILENCE_MAX))
            .timeout_recv_response(Some(SILENCE_MAX))
            .timeout_per_read(Some(SILENCE_MAX));
        Self {
            url: probe.url.trim_end_matches('/').to_owned(),
            token: probe.token.clone(),
            agent: config.build().new_agent(),
        }
    }

    fn make_board(&self, seed: u64) -> Result<Ground, Untestable> {
        let make = |path: &str, body: Value| -> Result<String, Untestable> {
            let (status, answer) = self
                .ask("POST", path, Some(&body), None)
                .map_err(Untestable)?;
            let id = answer["id"].as_str().map(str::to_owned);
            match id.filter(|_| status == 201) {
                Some(id) => Ok(id),
                None if status == 401 => Err(Untestable(format!(
                    "{} wants to know who asks: give a token that may make boards with --token-file",
                    self.url
                ))),
                None => Err(Untestable(format!(
                    "{}{path} answers {status} {answer}; is it a Boardcast?",
                    self.url
                ))),
            }
        };
        let board = make(
            "/boards",
            json!({"name": format!("Boardcast check {seed}")}),
        )?;
        let list = |n| {
            make(
                "/lists",
                json!({"boardId": board, "name": format!("List {n}")}),
            )
        };
        let lists = (0..LISTS).map(list).collect::<Result<_, _>>();
        if lists.is_err() {
            let _ = self.ask("DELETE", &format!("/boards/{board}"), None, None);
        }
        Ok(Ground {
            lists: lists?,
            board,
        })
    }

    /// One request, its answer read whole.
    fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<(u16, Value), String> {
        let mut headers = Vec::new();
        headers.extend(key.map(|key| ("idempotency-key", key.to_owned())));
        if body.is_some() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut response = self.send(method, path, &headers, body)?;
        let text = response
            .body_mut()
            .read_to_string()
            .map_err(|fault| format!("{}{path}: {fault}", self.url))?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok((response.status().as_u16(), body))
    }

    /// A stream after a place, unless there is none now.
    fn open(&self, path: &str, last_event_id: Option<&str>) -> Result<impl Read + use<>, String> {
        let mut headers = vec![("accept", "text/event-stream".to_owned())];
        headers.extend(last_event_id.map(|id| ("last-event-id", id.to_owned())));
        let response = self.send("GET", path, &headers, String::new())?;
        match response.status().as_u16() {
            200 => Ok(response.into_body().into_reader()),
            status => Err(format!("{}{path} answers {status}", self.url)),
        }
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: String,
    ) -> Result<Response<Body>, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let fault = |fault: &dyn fmt::Display| format!("{}{path}: {fault}", self.url);
        let request = request.body(body).map_err(|error| fault(&error))?;
        self.agent.run(request).map_err(|error| fault(&error))
    }
}

/// What all threads of a run share.
#[derive(Default)]
struct Run {
    board: String,
    lines: Mutex<Vec<Line>>,
    next_write: AtomicU64,
    next_read: AtomicU64,
    answered: AtomicU64,
    seen: AtomicU64,
    cuts: AtomicU64,
    /// Watchers that have their first snapshot.
    begun: AtomicU64,
    is_over: AtomicBool,
}

impl Run {
    fn note(&self, line: Line) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }

    fn progress(&self) -> Progress {
        Progress {
            answered: self.answered.load(Ordering::Relaxed),
            seen: self.seen.load(Ordering::Relaxed),
            cuts: self.cuts.load(Ordering::Relaxed),
        }
    }

    /// Asks under a key of the write's own until it is answered.
    fn ask(
        &self,
        site: &Site,
        write: u64,
        method: &str,
        path: &str,
        thing: &str,
        body: Option<&Value>,
    ) -> Result<u16, String> {
        let key = format!("check-{}-{write}", self.board);
        let since = Instant::now();
        loop {
            self.note(Line::Asked {
                write,
                thing: thing.to_owned(),
            });
            let fault = match site.ask(method, path, body, Some(&key)) {
                Ok((status, body)) => {
                    self.note(Line::Answered {
                        write,
                        status,
                        body,
                    });
                    if !matches!(status, 429 | 500..) {
                        self.answered.fetch_add(1, Ordering::Relaxed);
                        return Ok(status);
                    }
                    format!("{method} {path} answers {status}")
                }
                Err(fault) => fault,
            };
            if since.elapsed() > DOWN_MAX {
                self.note(Line::Unanswered { write });
                return Err(fault);
            }
            thread::sleep(PAUSE);
        }
    }

    fn read(&self, site: &Site) -> Result<Value, Untestable> {
        let read = self.next_read.fetch_add(1, Ordering::Relaxed);
        self.note(Line::Reading { read });
        let path = format!("/boards/{}", self.board);
        match site.ask("GET", &path, None, None).map_err(Untestable)? {
            (200, board) => {
                self.note(Line::Read {
                    read,
                    board: board.clone(),
                });
                Ok(board)
            }
            (status, _) => Err(Untestable(format!("{path} answers {status}"))),
        }
    }
}

/// One client that writes.
struct Writer {
    site: Arc<Site>,
    run: Arc<Run>,
    ground: Ground,
    number: usize,
    random: Random,
    /// What it made and did not delete.
    tasks: Vec<String>,
    asked: u64,
}

impl Writer {
    fn write_until(mut self, deadline: Instant, rest: Duration) -> Result<(), String> {
        while Instant::now() < deadline {
            let begun = Instant::now();
            self.write()?;
            if self.random.one_in(20) {
                self.run
                    .read(&self.site)
                    .map_err(|fault| fault.to_string())?;
            }
            thread::sleep(rest.saturating_sub(begun.elapsed()));
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), String> {
        self.asked += 1;
        let write = self.run.next_write.fetch_add(1, Ordering::Relaxed);
        let may_create = self.tasks.len() < TASKS_MAX;
        let (method, path, thing, body) =
            if self.tasks.is_empty() || (may_create && self.random.one_in(3)) {
                self.creation()
            } else {
                self.change()
            };
        let ask = || {
            let body = body.as_ref();
            self.run.ask(&self.site, write, method, &path, &thing, body)
        };
        let status = ask()?;
        // Whoever got no answer asks again under the same key, and is told the same.
        if self.random.one_in(10) {
            self.run
                .ask(&self.site, write, method, &path, &thing, body.as_ref())?;
        }
        match (method, status) {
            ("POST", 201) => self.tasks.push(thing),
            ("DELETE", 204) => self.tasks.retain(|task| *task != thing),
            (_, 200) => {}
            _ => return Err(format!("{method} {path} answers {status}")),
        }
        Ok(())
    }

    fn creation(&mut self) -> (&'static str, String, String, Option<Value>) {
        let task = format!("{}-{}-{}", self.ground.board, self.number, self.asked);
        // A board's own id is long already; the end of it is random enough.
        let task = task[task.len().saturating_sub(60)..]
            .trim_start_matches('-')
            .to_owned();
        let body = json!({
            "id": task,
            "listId": self.random.pick(&self.ground.lists),
            "title": format!("Made as number {} by {}", self.asked, self.number),
            "position": self.random.below(10),
        });
        ("POST", "/tasks".to_owned(), task, Some(body))
    }

    fn change(&mut self) -> (&'static str, String, String, Option<Value>) {
        let task = self.random.pick(&self.tasks).clone();
        let path = format!("/tasks/{task}");
        match self.random.below(8) {
            0 => ("DELETE", path, task, None),
            1..4 => {
                let title = format!("Edited as number {} by {}", self.asked, self.number);
                ("PATCH", path, task, Some(json!({"title": title})))
            }
            _ => {
                let list = self.random.pick(&self.ground.lists);
                let body = json!({"listId": list, "position": self.random.below(10)});
                ("PATCH", format!("{path}/move"), task, Some(body))
            }
        }
    }
}

/// One client that watches, until the board's last change.
fn watch(site: &Site, run: &Run, name: &str, mut random: Random) -> Result<(), String> {
    let mut last_id: Option<String> = None;
    let mut down_since = None;
    let path = format!("/boards/{}/events?snapshot=1", run.board);
    while !run.is_over.load(Ordering::Relaxed) {
        let opened = site.open(&path, last_id.as_deref());
        let stream = match opened {
            Ok(stream) => stream,
            Err(fault) => {
                let since = *down_since.get_or_insert_with(Instant::now);
                if since.elapsed() > DOWN_MAX {
                    return Err(fault);
                }
                thread::sleep(PAUSE);
                continue;
            }
        };
        down_since = None;
        run.note(Line::Opened {
            watcher: name.to_owned(),
            after: last_id.clone(),
        });
        // Anywhere: within the greeting, within a block, or never.
        let bytes_max = match random.below(4) {
            0 => u64::MAX,
            1 => random.below(200),
            _ => random.below(60_000),
        };
        if follow(stream, bytes_max, run, name, &mut last_id) {
            return Ok(());
        }
        run.cuts.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Reads a stream until it ends, breaks, or has given so many bytes. True after the last change.
fn follow(
    mut stream: impl Read,
    bytes_max: u64,
    run: &Run,
    name: &str,
    last_id: &mut Option<String>,
) -> bool {
    let mut parser = Parser::default();
    let mut buffer = [0; 8 * 1024];
    let mut bytes = 0;
    while bytes < bytes_max && !run.is_over.load(Ordering::Relaxed) {
        let room = buffer.len().min((bytes_max - bytes) as usize);
        let Ok(taken @ 1..) = stream.read(&mut buffer[..room]) else {
            return false;
        };
        bytes += taken as u64;
        parser.push(&buffer[..taken]);
        for block in &mut parser {
            match block {
                Ok(block) if block.is_message() => {
                    run.seen.fetch_add(1, Ordering::Relaxed);
                    if block.kind() == "snapshot" && last_id.is_none() {
                        run.begun.fetch_add(1, Ordering::Relaxed);
                    }
                    if block.id.is_some() {
                        last_id.clone_from(&block.id);
                    }
                    let is_last = block.json()["board"]["name"] == LAST_NAME;
                    run.note(Line::Saw {
                        watcher: name.to_owned(),
                        id: block.id,
                        data: block.data.unwrap_or_default(),
                    });
                    if is_last {
                        return true;
                    }
                }
                Ok(_) => {}
                // Not as the contract says: noted as what it is, for the judge to object to.
                Err(broken) => run.note(Line::Saw {
                    watcher: name.to_owned(),
                    id: None,
                    data: broken,
                }),
            }
        }
    }
    false
}
