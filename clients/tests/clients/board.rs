//! The server of one scenario with its board `b`, who writes on it, and what its log and the board say in the end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use boardcast_sim::badge;
use boardcast_sim::client::{Answer, Client, Request};
use boardcast_sim::cursor::seq_of;
use boardcast_sim::port::Port;
use boardcast_sim::program::Program;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Between two writes.
const PACE: Duration = Duration::from_millis(25);
/// Between two tries while the server is down, and between two looks.
const AGAIN: Duration = Duration::from_millis(20);
/// A description that fills the buffers between server and client soon.
const LARGE_CHARS: usize = 20_000;
const LOGIN: &str = "ada";
const PASSWORD: &str = "correct horse battery";

pub(crate) struct Board {
    program: Program,
    binary: PathBuf,
    folder: TempDir,
    /// The cookie of whoever has accounts, if there are any.
    session: Option<String>,
}

/// What a client shows, and how it is taken away again.
pub(crate) struct Credential {
    pub(crate) secret: String,
    revoke: String,
}

impl Board {
    /// A server with the board, one list and some tasks on it; with accounts, if asked for.
    pub(crate) async fn start(binary: PathBuf, accounts: bool) -> Board {
        let folder = tempfile::tempdir().expect("a folder");
        let port = Port::reserve().expect("a port");
        let program = start(port, &binary, &folder, &[]).await;
        let mut board = Board {
            program,
            binary,
            folder,
            session: None,
        };
        if accounts {
            board.switch_accounts_on().await;
        }
        board.make("b", "l", "first").await;
        board
    }

    async fn make(&self, board: &str, list: &str, prefix: &str) {
        self.post("/boards", &json!({ "id": board, "name": "Board" }))
            .await;
        self.post(
            "/lists",
            &json!({ "id": list, "boardId": board, "name": "List" }),
        )
        .await;
        for number in 1..=30 {
            let id = format!("{prefix}-{number}");
            self.post("/tasks", &json!({ "id": id, "listId": list, "title": id }))
                .await;
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let answer = self.client().post(path, body).await;
        answer.expect("an answer").expect(201)
    }

    async fn ask(&self, request: Request) -> Answer {
        self.client().send(request).await.expect("an answer")
    }

    fn client(&self) -> Client {
        Client::new(self.program.addr())
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.program.addr()
    }

    /// Kills it as a power cut would, and starts it where it was.
    pub(crate) async fn crash(&mut self) {
        self.program.kill9().await.expect("it runs");
        self.start_again(&[]).await;
    }

    /// Stops it in order, and starts it where it was.
    pub(crate) async fn drain(&mut self, args: &[&str]) {
        let status = self.program.terminate().await.expect("it ends");
        assert!(status.success(), "{status}:\n{}", self.program.output());
        self.start_again(args).await;
    }

    async fn start_again(&mut self, args: &[&str]) {
        let port = self.program.port();
        self.program = start(port, &self.binary, &self.folder, args).await;
    }

    /// A place that this board's log no longer has.
    pub(crate) async fn pruned_cursor(&mut self) -> String {
        let cursor = self.cursor_of("b").await;
        self.drain(&["--keep-days", "0", "--keep-events", "5"])
            .await;
        // After a write the server looks for what it may forget.
        let task = json!({ "id": "last", "listId": "l", "title": "last" });
        self.post("/tasks", &task).await;
        let path = format!("/boards/b/events?after={cursor}");
        let page = Request::new("GET", path).header("accept", "application/json");
        while self.ask(page.clone()).await.status != 410 {
            sleep(AGAIN).await;
        }
        cursor
    }

    /// A place that this board's log has, and another log's is.
    pub(crate) async fn foreign_cursor(&self) -> String {
        self.make("c", "m", "foreign").await;
        self.cursor_of("c").await
    }

    async fn cursor_of(&self, board: &str) -> String {
        let page = format!("/boards/{board}/events?limit=20");
        let request = Request::new("GET", page).header("accept", "application/json");
        let page = self.ask(request).await.expect(200).json();
        page["cursor"].as_str().expect("a cursor").to_owned()
    }

    /// Everything that the log still has, by number.
    pub(crate) async fn log(&self) -> BTreeMap<u64, (String, Value)> {
        let mut log = BTreeMap::new();
        let mut after = String::new();
        loop {
            let path = format!("/boards/b/events?limit=1000{after}");
            let request = Request::new("GET", path).header("accept", "application/json");
            let page = self.ask(request).await.expect(200).json();
            let events = page["events"].as_array().expect("events").clone();
            if events.is_empty() {
                return log;
            }
            for event in events {
                let id = event["id"].as_str().expect("an id").to_owned();
                log.insert(seq_of(&id).expect("an id"), (id, event["data"].clone()));
            }
            after = format!("&after={}", page["cursor"].as_str().expect("a cursor"));
        }
    }

    /// The board as it is.
    pub(crate) async fn state(&self) -> Value {
        let request = Request::new("GET", "/boards/b");
        self.ask(request).await.expect(200).json()
    }

    /// The number of its last event.
    pub(crate) async fn head(&self) -> u64 {
        let state = self.state().await;
        seq_of(state["cursor"].as_str().expect("a cursor")).expect("an id")
    }

    async fn switch_accounts_on(&mut self) {
        let code = loop {
            let said = self.program.output();
            let code = said.lines().find_map(|line| line.split_once(" and type "));
            if let Some((_, code)) = code {
                break code.trim().to_owned();
            }
            sleep(AGAIN).await;
        };
        let body = json!({ "code": code, "login": LOGIN, "name": "Ada", "password": PASSWORD });
        self.session = Some(cookie_of(&self.post("/setup", &body).await));
        let token = self.token("admin").await;
        badge::wear(self.address(), token["secret"].as_str().expect("a secret"));
    }

    async fn token(&self, scope: &str) -> Value {
        let body = json!({ "name": "client", "scope": scope });
        let request = Request::new("POST", "/me/tokens").json(&body);
        self.ask(self.signed_in(request)).await.expect(201).json()
    }

    fn signed_in(&self, request: Request) -> Request {
        let session = self.session.as_deref().expect("accounts are on");
        request.header("cookie", format!("boardcast={session}"))
    }

    /// A session for a page, a token for a program.
    pub(crate) async fn credential(&self, is_page: bool) -> Credential {
        if !is_page {
            let token = self.token("read").await;
            return Credential {
                secret: token["secret"].as_str().expect("a secret").to_owned(),
                revoke: format!("/me/tokens/{}", token["id"].as_str().expect("an id")),
            };
        }
        let body = json!({ "login": LOGIN, "password": PASSWORD });
        let secret = cookie_of(
            &self
                .client()
                .post("/session", &body)
                .await
                .expect("an answer"),
        );
        let request = Request::new("GET", "/me/sessions");
        let request = request.header("cookie", format!("boardcast={secret}"));
        let sessions = self.ask(request).await.expect(200).json();
        let sessions = sessions["sessions"].as_array().expect("sessions");
        let own = sessions.iter().find(|session| session["current"] == true);
        let id = own.expect("one's own")["id"].as_str().expect("an id");
        Credential {
            secret,
            revoke: format!("/me/sessions/{id}"),
        }
    }

    pub(crate) async fn revoke(&self, credential: &Credential) {
        let request = Request::new("DELETE", credential.revoke.as_str());
        self.ask(self.signed_in(request)).await.expect(204);
    }
}

async fn start(port: Port, binary: &PathBuf, folder: &TempDir, args: &[&str]) -> Program {
    let data = folder.path().join("board.db");
    let ours = ["--no-demo", "--log", "error", "--web-dir", "dist"];
    let args = [&ours, args].concat();
    let program = Program::start_on(port, binary, &data, &args, &[]).await;
    program.expect("the server starts")
}

fn cookie_of(answer: &Answer) -> String {
    let cookies = answer.headers.iter().filter_map(|(name, value)| {
        let is_cookie = name.eq_ignore_ascii_case("set-cookie");
        value.strip_prefix("boardcast=").filter(|_| is_cookie)
    });
    let secret = cookies.filter_map(|value| value.split(';').next()).next();
    secret
        .unwrap_or_else(|| panic!("no cookie: {}", answer.text()))
        .to_owned()
}

/// Somebody who adds a task after the other until told to stop, whatever becomes of the server.
pub(crate) struct Writer {
    stop: watch::Sender<bool>,
    large: Arc<AtomicBool>,
    pen: Arc<Mutex<()>>,
    task: JoinHandle<()>,
}

impl Writer {
    pub(crate) fn start(board: &Board) -> Writer {
        let (stop, stopped) = watch::channel(false);
        let large = Arc::new(AtomicBool::new(false));
        let pen = Arc::new(Mutex::new(()));
        let writing = write(
            board.client(),
            stopped,
            Arc::clone(&large),
            Arc::clone(&pen),
        );
        Writer {
            stop,
            large,
            pen,
            task: tokio::spawn(writing),
        }
    }

    /// Until what is given back is dropped nothing is written, and nothing is on its way.
    pub(crate) async fn pause(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.pen).lock_owned().await
    }

    /// From now on much at once, or again little.
    pub(crate) fn write_large(&self, large: bool) {
        self.large.store(large, Ordering::Relaxed);
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.expect("it only writes");
    }
}

async fn write(
    client: Client,
    stopped: watch::Receiver<bool>,
    large: Arc<AtomicBool>,
    pen: Arc<Mutex<()>>,
) {
    for number in 1.. {
        let held = pen.lock().await;
        let description = if large.load(Ordering::Relaxed) {
            "many words ".repeat(LARGE_CHARS / 11)
        } else {
            String::new()
        };
        let id = format!("task-{number}");
        let task = json!({ "id": id, "listId": "l", "title": id, "description": description });
        // The same create again does nothing twice.
        while let Err(_down) = client
            .post("/tasks", &task)
            .await
            .map(|answer| answer.expect(201))
        {
            sleep(AGAIN).await;
        }
        drop(held);
        if *stopped.borrow() {
            return;
        }
        sleep(PACE).await;
    }
}
