//! The program as a person at a terminal meets it: its greeting, the demo board, its data file. Holds
//! what the greeting promises, and of contract 2, safe writes, that what was answered is on disk.

use crate::app::PATIENCE;
use boardcast_sim::client::Client;
use boardcast_sim::program::Program;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// The built program.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_boardcast");

/// A folder for one test, with a path for a data file in it.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder
        .path()
        .canonicalize()
        .expect("it exists")
        .join("team.db");
    (folder, data)
}

/// Runs the program until it ends by itself, on a free port unless `args` say otherwise.
pub(crate) async fn run(data: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.arg("--data").arg(data);
    if !args.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    run_command(command.args(args)).await
}

pub(crate) async fn run_command(command: &mut Command) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it can be started");
    let ended = timeout(PATIENCE, child.wait_with_output()).await;
    ended.expect("it ends by itself").expect("it is waited for")
}

/// Checks that it ended with this code and one sentence on standard error that says all of this.
#[track_caller]
pub(crate) fn check_refused(output: &Output, code: i32, says: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    for part in says {
        assert!(said.contains(part), "{said:?} doesn't say {part:?}");
    }
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    if code == 1 {
        assert!(said.starts_with("boardcast: "), "{said:?}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said:?}");
    }
}

/// Says why a test shows nothing on this machine.
#[allow(clippy::print_stderr, reason = "whoever runs the tests must see it")]
pub(crate) fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

async fn start(data: &Path, args: &[&str]) -> Program {
    Program::start(BINARY, data, args, &[])
        .await
        .expect("it starts")
}

/// Ends it in order. What it had said.
async fn stop(mut program: Program) -> String {
    let status = program.terminate().await.expect("it ends");
    assert!(status.success(), "{status}: {}", program.output());
    program.output()
}

pub(crate) async fn board_ids(address: SocketAddr) -> Vec<Value> {
    let boards = Client::new(address)
        .get("/boards")
        .await
        .expect("an answer")
        .expect(200)
        .json();
    let boards = boards["boards"].as_array().expect("a list");
    boards.iter().map(|board| board["id"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_board_is_made_on_the_first_start_alone() {
    let (_folder, data) = place();
    let program = start(&data, &[]).await;
    wait_for(|| program.output().contains("demo board").then_some(())).await;
    assert_eq!(board_ids(program.addr()).await, ["board-1"]);
    stop(program).await;
    let program = start(&data, &[]).await;
    assert_eq!(board_ids(program.addr()).await, ["board-1"]);
    let deleted = Client::new(program.addr()).delete("/boards/board-1").await;
    deleted.expect("an answer").expect(204);
    let said = stop(program).await;
    assert!(!said.contains("demo board"), "{said}");
    let program = start(&data, &[]).await;
    let boards = board_ids(program.addr()).await;
    assert!(
        boards.is_empty(),
        "it came back although somebody deleted it"
    );
    stop(program).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_without_a_demo_board_is_the_first_start_as_well() {
    let (_folder, data) = place();
    for args in [["--no-demo"].as_slice(), &[]] {
        let program = start(&data, args).await;
        assert!(board_ids(program.addr()).await.is_empty());
        let said = stop(program).await;
        assert!(!said.contains("demo board"), "{said}");
    }
}

/// A command as the greeting shows it, run by the shell as if it had been copied there.
fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("exec {line}")])
        .env("no_proxy", "*")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_greetings_two_commands_work_as_they_stand() {
    if Command::new("curl")
        .arg("--version")
        .output()
        .await
        .is_err()
    {
        return skip("there is no curl on this machine");
    }
    let (_folder, data) = place();
    let program = start(&data, &[]).await;
    // The whole greeting is there once its last line is.
    let greeting = wait_for(|| {
        let output = program.output();
        output.contains("curl --json").then_some(output)
    });
    let greeting = greeting.await;
    let mut lines = greeting
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("curl "));
    let (watch, change) = (
        lines.next().expect("a watcher"),
        lines.next().expect("a change"),
    );
    assert_eq!(lines.next(), None);
    let mut watcher = shell(watch).stderr(Stdio::null()).spawn().expect("a shell");
    let mut seen = BufReader::new(watcher.stdout.take().expect("piped")).lines();
    let mut next_data = async || loop {
        let line = timeout(PATIENCE, seen.next_line())
            .await
            .expect("in time")
            .expect("text");
        if let Some(data) = line.expect("not the end").strip_prefix("data: ") {
            return serde_json::from_str::<Value>(data).expect("JSON");
        }
    };
    assert_eq!(next_data().await, json!({ "type": "connected" }));
    let changed = shell(change).output().await.expect("a shell");
    let task: Value = serde_json::from_slice(&changed.stdout).expect("the task");
    assert_eq!(task["title"], "Water the plants");
    let event = next_data().await;
    assert_eq!(
        (&event["type"], &event["task"]),
        (&json!("task_created"), &task)
    );
    watcher.kill().await.expect("it is ours");
    stop(program).await;
}

/// Looks again and again until there is something to see.
pub(crate) async fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, looking)
        .await
        .expect("it happens in time")
}

/// The header of a database file, by SQLite's file format: bytes 18 and 19 are 2 with a write-ahead
/// log, 60 is the schema's version, 68 whose file it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_keeps_a_write_ahead_log_and_leaves_one_file() {
    let (_folder, data) = place();
    let program = start(&data, &[]).await;
    let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", data.display()));
    assert!(fs::metadata(beside("-wal")).expect("a log").len() > 0);
    let pid = fs::read_to_string(beside(".lock")).expect("a lock");
    assert_eq!(pid.trim(), program.pid().to_string());
    let task = json!({ "listId": "list-todo", "title": "Answered" });
    Client::new(program.addr())
        .post("/tasks", &task)
        .await
        .expect("an answer")
        .expect(201);
    stop(program).await;
    let file = fs::read(&data).expect("the data file");
    assert_eq!(
        (&file[..16], &file[18..20]),
        (b"SQLite format 3\0".as_slice(), [2, 2].as_slice())
    );
    assert_eq!(
        (&file[60..64], &file[68..72]),
        ([0, 0, 0, 2].as_slice(), b"Bdct".as_slice())
    );
    assert!(!beside("-wal").exists() && !beside("-shm").exists());
    assert!(file.windows(8).any(|bytes| bytes == b"Answered"));
}
