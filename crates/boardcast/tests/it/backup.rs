//! `boardcast backup`, `restore` and `check`, as a person runs them: a backup made under load is one
//! state, comes back whole or not at all, and cursors tell apart what came before it and after it
//! (Contract 3, cursors).

mod names;
mod power;
mod restore;

use crate::app::PATIENCE;
use boardcast_sim::client::{Client, Connection, Request};
use boardcast_sim::program::Program;
use boardcast_sim::random::Random;
use boardcast_sim::stream::EventStream;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::process::Command;
use tokio::task::JoinHandle;

const PROGRAM: &str = env!("CARGO_BIN_EXE_boardcast");

/// What a verb said and how it ended.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    #[track_caller]
    fn expect(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.code, Some(code), "{stdout}\n{stderr}");
        self
    }
}

fn verb(name: &str, args: &[&OsStr], data: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg(name).args(args).arg("--data").arg(data);
    command.kill_on_drop(true);
    command
}

async fn run(name: &str, args: &[&OsStr], data: &Path) -> Ran {
    let output = tokio::time::timeout(PATIENCE, verb(name, args, data).output());
    let output = output.await.expect("it ends").unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn back_up(data: &Path, file: &Path) -> Ran {
    run("backup", &[file.as_os_str()], data).await
}

async fn restore(file: &Path, data: &Path) -> Ran {
    run("restore", &[file.as_os_str()], data).await
}

async fn check(data: &Path) -> Ran {
    run("check", &[], data).await
}

async fn start(data: &Path) -> Program {
    Program::start(PROGRAM, data, &[], &[])
        .await
        .expect("the server starts")
}

async fn board(address: SocketAddr) -> Value {
    let answer = Client::new(address).get("/boards/board-1").await.unwrap();
    answer.expect(200).json()
}

async fn cursor(address: SocketAddr) -> String {
    board(address).await["cursor"].as_str().unwrap().into()
}

fn seq(cursor: &str) -> u64 {
    cursor.split_once('-').unwrap().0.parse().unwrap()
}

async fn add_task(address: SocketAddr, title: &str) {
    let body = json!({ "listId": "list-todo", "title": title });
    let answer = Client::new(address).post("/tasks", &body).await.unwrap();
    answer.expect(201);
}

/// The id of a stream's first block, and the type of its second one.
async fn resume(address: SocketAddr, cursor: &str) -> (Option<String>, Value) {
    let headers = [("Last-Event-ID", cursor)];
    let opened = EventStream::open(address, "/boards/board-1/events", &headers).await;
    let mut stream = opened.unwrap().stream;
    let connected = stream.next_within(PATIENCE).await.unwrap().unwrap();
    let next = stream.next_within(PATIENCE).await.unwrap().unwrap();
    (connected.id, next.json()["type"].clone())
}

/// Clients that add and move tasks until they are told to stop.
struct Writers {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Writers {
    fn start(count: usize, address: SocketAddr) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let write = |index| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(keep_writing(index, address, stop, answered))
        };
        let tasks = (0..count).map(write).collect();
        Self {
            stop,
            answered,
            tasks,
        }
    }

    /// Waits until so many more writes are answered.
    async fn progress(&self, count: u64) {
        let goal = self.answered.load(Ordering::Relaxed) + count;
        let reached = async {
            while self.answered.load(Ordering::Relaxed) < goal {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.expect("the server goes on answering");
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("each write was answered with 2xx");
        }
    }
}

async fn keep_writing(
    index: usize,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
) {
    let mut connection = Connection::open(address).await.unwrap();
    let mut lists = ["list-doing", "list-done", "list-todo"].iter().cycle();
    let id = format!("writer-{index}");
    let task =
        json!({ "listId": "list-todo", "id": id, "title": id, "description": "d".repeat(500) });
    let create = Request::new("POST", "/tasks").json(&task);
    connection.send(create).await.unwrap().expect(201);
    while !stop.load(Ordering::Relaxed) {
        let to = json!({ "listId": lists.next(), "position": "top" });
        let shift = Request::new("PATCH", format!("/tasks/{id}/move")).json(&to);
        connection.send(shift).await.unwrap().expect(200);
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_while_32_clients_write_is_one_state_that_comes_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("team.db"), folder.path().join("backup"));
    let mut server = start(&data).await;
    let writers = Writers::start(32, server.addr());
    writers.progress(200).await;
    let before = cursor(server.addr()).await;
    let made = back_up(&data, &file).await.expect(0);
    assert!(made.stdout.contains("Backed up"), "{}", made.stdout);
    // It never stopped answering, and goes on.
    writers.progress(200).await;
    writers.stop().await;
    let after = cursor(server.addr()).await;
    assert!(server.terminate().await.unwrap().success());
    check(&data).await.expect(0);

    let elsewhere = tempfile::tempdir().unwrap();
    let data = elsewhere.path().join("team.db");
    restore(&file, &data).await.expect(0);
    check(&data).await.expect(0);
    let mut server = start(&data).await;
    let restored = cursor(server.addr()).await;
    assert!(seq(&before) <= seq(&restored) && seq(&restored) < seq(&after));
    // The numbers come again, with other events.
    let writers = Writers::start_with_other_tasks(server.addr());
    while seq(&cursor(server.addr()).await) <= seq(&after) {
        writers.progress(1).await;
    }
    writers.stop().await;
    let (start, next) = resume(server.addr(), &before).await;
    assert_eq!(start, Some(before));
    assert_ne!(next, "snapshot");
    let (start, next) = resume(server.addr(), &restored).await;
    assert_eq!((start, next), (Some(restored), json!("task_created")));
    let (start, next) = resume(server.addr(), &after).await;
    assert_eq!((start, next), (None, json!("snapshot")));
    assert!(server.terminate().await.unwrap().success());
    check(&data).await.expect(0);
}

impl Writers {
    /// Whose tasks no earlier writer has made.
    fn start_with_other_tasks(address: SocketAddr) -> Self {
        let mut writers = Self::start(0, address);
        let (stop, answered) = (Arc::clone(&writers.stop), Arc::clone(&writers.answered));
        let task = tokio::spawn(keep_writing(1_000, address, stop, answered));
        writers.tasks.push(task);
        writers
    }
}

/// A small data file of a server that was stopped, and a backup of it.
async fn small_backup(folder: &Path) -> (PathBuf, PathBuf) {
    let (data, file) = (folder.join("team.db"), folder.join("backup"));
    let mut server = start(&data).await;
    add_task(server.addr(), "In the backup").await;
    assert!(server.terminate().await.unwrap().success());
    back_up(&data, &file).await.expect(0);
    (data, file)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_was_cut_short_or_changed_in_one_byte_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, file) = small_backup(folder.path()).await;
    let whole = std::fs::read(&file).unwrap();
    let (damaged, target) = (folder.path().join("damaged"), folder.path().join("new.db"));
    let mut random = Random::new(1);
    let len = whole.len();
    let mut cases: Vec<Vec<u8>> = [
        0,
        1,
        63,
        64,
        65,
        4_096,
        len / 2,
        len - 4_096,
        len - 64,
        len - 1,
    ]
    .map(|length| whole[..length].to_vec())
    .into();
    cases.push([&whole[..], &[0]].concat());
    // Somewhere in the pages, and each kind of byte in the seal.
    let flips: Vec<_> = (0..40).map(|_| random.below(len as u64) as usize).collect();
    for at in flips.into_iter().chain([
        0,
        18,
        24,
        100,
        len - 64,
        len - 41,
        len - 40,
        len - 33,
        len - 32,
        len - 1,
    ]) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << random.below(8);
        cases.push(bytes);
    }
    assert_eq!(cases.len(), 61);
    for bytes in cases {
        std::fs::write(&damaged, bytes).unwrap();
        let refused = restore(&damaged, &target).await.expect(1);
        assert!(
            refused.stderr.contains("Nothing was changed"),
            "{}",
            refused.stderr
        );
        assert!(!target.exists());
    }
    std::fs::write(&damaged, whole).unwrap();
    restore(&damaged, &target).await.expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_replaces_nothing_unasked_and_the_data_never() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = small_backup(folder.path()).await;
    let first = std::fs::read(&file).unwrap();
    let mut server = start(&data).await;
    add_task(server.addr(), "More").await;
    let refused = back_up(&data, &file).await.expect(1);
    assert!(
        refused.stderr.contains("exists already"),
        "{}",
        refused.stderr
    );
    assert_eq!(std::fs::read(&file).unwrap(), first);
    let force = OsStr::new("--force");
    run("backup", &[file.as_os_str(), force], &data)
        .await
        .expect(0);
    assert_ne!(std::fs::read(&file).unwrap(), first);
    for name in ["team.db", "team.db-wal", "team.db.lock"] {
        let path = folder.path().join(name);
        let refused = run("backup", &[path.as_os_str(), force], &data)
            .await
            .expect(1);
        assert!(
            refused.stderr.contains("belongs to it"),
            "{}",
            refused.stderr
        );
    }
    let left = folder.path().join("backup.partial");
    assert!(!left.exists());
    assert!(server.terminate().await.unwrap().success());
    let missing = folder.path().join("missing.db");
    let refused = back_up(&missing, &folder.path().join("other"))
        .await
        .expect(1);
    assert!(
        refused.stderr.contains("no data file"),
        "{}",
        refused.stderr
    );
    assert!(!missing.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_also_a_database_and_no_longer_one_of_ours_once_it_was_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let (_, file) = small_backup(folder.path()).await;
    // Whoever looks into it changes nothing.
    check(&file).await.expect(0);
    let target = folder.path().join("new.db");
    restore(&file, &target).await.expect(0);
    let mut server = start(&file).await;
    add_task(server.addr(), "Written into the backup").await;
    assert!(server.terminate().await.unwrap().success());
    let refused = restore(&file, &target).await.expect(1);
    assert!(
        refused.stderr.contains("Nothing was changed"),
        "{}",
        refused.stderr
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_says_what_it_found_and_ends_accordingly() {
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = small_backup(folder.path()).await;
    let clean = check(&data).await.expect(0);
    assert!(clean.stdout.contains("Everything fits"), "{}", clean.stdout);
    let json = OsStr::new("--json");
    let report = run("check", &[json], &data).await.expect(0);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(
        (&report["boards"], &report["findings"]),
        (&json!(1), &json!([]))
    );

    // One letter of a title, in the row alone or in the event too.
    let mut bytes = std::fs::read(&data).unwrap();
    let title = b"In the backup";
    let at = bytes
        .windows(title.len())
        .position(|it| it == title)
        .unwrap();
    bytes[at] = b'i';
    std::fs::write(&data, bytes).unwrap();
    let found = check(&data).await.expect(1);
    assert!(found.stdout.contains("board board-1: "), "{}", found.stdout);
    assert!(found.stdout.contains("1 finding"), "{}", found.stdout);
    let report = run("check", &[json], &data).await.expect(1);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(report["findings"][0]["board"], "board-1");
    let refused = back_up(&data, &folder.path().join("another"))
        .await
        .expect(1);
    assert!(refused.stderr.contains("damaged"), "{}", refused.stderr);
    assert!(!folder.path().join("another").exists());

    check(&folder.path().join("missing.db")).await.expect(2);
    let stranger = folder.path().join("stranger.db");
    std::fs::write(&stranger, "no database").unwrap();
    check(&stranger).await.expect(2);
    run("check", &[OsStr::new("--nonsense")], &data)
        .await
        .expect(2);
}
