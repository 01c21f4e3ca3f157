//! A disk that is slow, full or broken, and a clock that jumps, under the real program. Contract 2, safe writes: what was
//! answered with 2xx is on disk, what was answered with 5xx did not happen, and no answer means
//! unknown. Contract 3: watchers see no gap and nothing that did not happen.

use crate::program::{BINARY, place, run_command, wait_for};
use boardcast_sim::client::{Answer, Client, Connection, Request};
use boardcast_sim::fold::same_board;
use boardcast_sim::program::Program;
use boardcast_sim::shim::{Errno, Shim};
use boardcast_sim::stream::EventStream;
use boardcast_sim::wait::WAIT;
use boardcast_sim::watcher::{Watcher, WatcherHandle};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// The program with its disk in the test's hand.
struct Faulty {
    program: Program,
    shim: Shim,
    data: PathBuf,
    _folder: TempDir,
}

impl Faulty {
    async fn start() -> Self {
        let (folder, data) = place();
        let shim = Shim::new(folder.path(), &data).expect("a C compiler");
        let program = Program::start(BINARY, &data, &[], &shim.env())
            .await
            .expect("it starts");
        Self {
            program,
            shim,
            data,
            _folder: folder,
        }
    }

    /// Starts the program again, where it was before.
    async fn restart(&mut self) {
        let port = self.program.port();
        let again = Program::start_on(port, BINARY, &self.data, &[], &self.shim.env()).await;
        self.program = again.expect("it starts again");
    }

    fn client(&self) -> Client {
        Client::new(self.program.addr())
    }

    /// Asks for a task; an error means that there was no answer.
    async fn try_add(&self, title: &str) -> std::io::Result<Answer> {
        self.client().post("/tasks", &task(title)).await
    }

    async fn add(&self, title: &str) -> Answer {
        self.try_add(title).await.expect("an answer")
    }

    async fn board(&self) -> Value {
        let answer = self.client().get("/boards/board-1").await;
        answer.expect("an answer").expect(200).json()
    }

    /// One that has its snapshot: what is written from now on comes to it as events.
    async fn watch(&self) -> WatcherHandle {
        let watcher = Watcher::new(self.program.addr(), "board-1")
            .recording()
            .spawn();
        let board = self.board().await;
        let cursor = board["cursor"].as_str().expect("a cursor");
        let begun = watcher.wait_for_cursor(cursor, WAIT).await;
        begun.expect("a stream");
        watcher
    }

    /// Checks that a watcher saw what stands and nothing else, and that of these titles exactly the
    /// accepted ones are anywhere.
    async fn check_converged(
        &self,
        watcher: WatcherHandle,
        accepted: &BTreeSet<String>,
        refused: &BTreeSet<String>,
    ) {
        let board = self.check_kept(accepted, refused).await;
        let cursor = board["cursor"].as_str().expect("a cursor");
        let caught_up = watcher.wait_for_cursor(cursor, WAIT).await;
        caught_up.expect("it sees everything");
        let (report, fold) = watcher.stop().await;
        assert_eq!(report.violations, Vec::<String>::new());
        assert_eq!(report.snapshots, 1, "it began with one and needed no other");
        same_board(fold.board().expect("a board"), &board).expect("what it saw is what stands");
        let seen = report.recorded.values();
        let seen: Vec<_> = seen
            .map(|raw| String::from_utf8_lossy(raw).into_owned())
            .collect();
        check_holds(&seen, accepted, refused);
    }

    /// Checks board and log alone.
    async fn check_kept(&self, accepted: &BTreeSet<String>, refused: &BTreeSet<String>) -> Value {
        let board = self.board().await;
        let cursor = board["cursor"].as_str().expect("a cursor");
        check_holds(&self.log_until(cursor).await, accepted, refused);
        check_holds(&[board.to_string()], accepted, refused);
        board
    }

    /// The whole log, as a watcher gets it that has seen nothing.
    async fn log_until(&self, cursor: &str) -> Vec<String> {
        let headers = [("Last-Event-ID", "0-000000000000")];
        let opened =
            EventStream::open(self.program.addr(), "/boards/board-1/events", &headers).await;
        let mut stream = opened.expect("a stream").stream;
        let mut blocks = Vec::new();
        loop {
            let block = stream.next().await.expect("a block").expect("not the end");
            blocks.push(String::from_utf8_lossy(&block.raw).into_owned());
            if block.id.as_deref() == Some(cursor) {
                return blocks;
            }
        }
    }
}

#[track_caller]
fn check_holds(texts: &[String], accepted: &BTreeSet<String>, refused: &BTreeSet<String>) {
    let holds = |title: &String| {
        let quoted = format!("\"{title}\"");
        texts.iter().any(|text| text.contains(&quoted))
    };
    let lost: Vec<_> = accepted.iter().filter(|title| !holds(title)).collect();
    assert!(lost.is_empty(), "answered and lost: {lost:?}");
    let ghosts: Vec<_> = refused.iter().filter(|title| holds(title)).collect();
    assert!(ghosts.is_empty(), "refused and there: {ghosts:?}");
}

fn task(title: &str) -> Value {
    json!({ "listId": "list-todo", "title": title })
}

/// The answer to somebody whose change did not happen because of the disk.
#[track_caller]
fn check_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.json()["code"], "unavailable");
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alone_a_command_costs_one_sync_and_what_changes_nothing_costs_none() {
    let faulty = Faulty::start().await;
    // The first commit after a start begins a new log.
    faulty.add("Warm up").await.expect(201);
    let mut syncs = faulty.shim.syncs_wal();
    let data_syncs = faulty.shim.syncs_db();
    for index in 0..20 {
        faulty.add(&format!("Task {index}")).await.expect(201);
        syncs += 1;
        assert_eq!(
            faulty.shim.syncs_wal(),
            syncs,
            "after {} commands",
            index + 1
        );
    }
    let client = faulty.client();
    client
        .get("/boards/board-1")
        .await
        .expect("an answer")
        .expect(200);
    client
        .delete("/tasks/nowhere")
        .await
        .expect("an answer")
        .expect(404);
    let same = json!({ "title": "Try Boardcast" });
    client
        .patch("/tasks/task-try", &same)
        .await
        .expect("an answer")
        .expect(200);
    assert_eq!(
        (faulty.shim.syncs_wal(), faulty.shim.syncs_db()),
        (syncs, data_syncs)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_share_a_slow_disks_syncs() {
    const WRITERS: usize = 64;
    const COMMANDS: usize = 16;
    let faulty = Faulty::start().await;
    faulty.add("Warm up").await.expect(201);
    faulty.shim.set_sync_delay(Duration::from_millis(10));
    let before = faulty.shim.syncs_wal();
    let write = async |writer: usize| {
        let mut connection = Connection::open(faulty.program.addr())
            .await
            .expect("it listens");
        for index in 0..COMMANDS {
            let request =
                Request::new("POST", "/tasks").json(&task(&format!("Task {writer}/{index}")));
            connection
                .send(request)
                .await
                .expect("an answer")
                .expect(201);
        }
    };
    join_all((0..WRITERS).map(write)).await;
    let syncs = faulty.shim.syncs_wal() - before;
    let most = (WRITERS * COMMANDS / 8) as u64;
    assert!(
        syncs <= most,
        "{syncs} syncs for {} commands",
        WRITERS * COMMANDS
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_in_mid_batch_refuses_the_batch_and_recovers_by_itself() {
    check_failing_writes(Errno::NoSpace).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_breaks_in_mid_batch_refuses_the_batch_and_recovers_by_itself() {
    check_failing_writes(Errno::Io).await;
}

/// Lets the disk fail after ever more writes, each time under twenty writers at once.
async fn check_failing_writes(errno: Errno) {
    let mut faulty = Faulty::start().await;
    let watcher = faulty.watch().await;
    let (mut accepted, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for successes in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55] {
        let failures = faulty.shim.failed_writes();
        faulty.shim.fail_writes_after(successes, errno);
        let ask = async |index: usize| {
            let title = format!("{errno:?} {successes} {index}");
            let answer = faulty.add(&title).await;
            (title, answer)
        };
        let answers = join_all((0..20).map(ask)).await;
        let before = refused.len();
        for (title, answer) in answers {
            if answer.status == 201 {
                accepted.insert(title);
            } else {
                check_unavailable(&answer);
                refused.insert(title);
            }
        }
        if faulty.shim.failed_writes() > failures {
            assert!(
                refused.len() > before,
                "writes failed after {successes} and everyone was told 201"
            );
        }
        // What was there before is served while the disk can't be written to.
        faulty.board().await;
        faulty.shim.set_write_failure(None);
        let title = format!("{errno:?} {successes}: fine again");
        faulty.add(&title).await.expect(201);
        accepted.insert(title);
    }
    assert!(
        refused.len() >= 20 && accepted.len() >= 10,
        "{} and {}",
        refused.len(),
        accepted.len()
    );
    faulty.check_kept(&accepted, &refused).await;
    // And so it is on disk.
    faulty.program.kill9().await.expect("it runs");
    faulty.restart().await;
    faulty.check_converged(watcher, &accepted, &refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_ends_the_process_without_an_answer_and_loses_nothing_answered() {
    let mut faulty = Faulty::start().await;
    let watcher = faulty.watch().await;
    let mut accepted = BTreeSet::new();
    for index in 0..5 {
        let title = format!("Answered {index}");
        faulty.add(&title).await.expect(201);
        accepted.insert(title);
    }
    faulty.shim.set_sync_failure(true);
    let asked =
        join_all((0..10).map(async |index| faulty.try_add(&format!("Unknown {index}")).await))
            .await;
    for answer in asked {
        assert!(
            answer.is_err(),
            "answered although nobody can know: {answer:?}"
        );
    }
    let ended = faulty.program.wait().await.expect("it ends by itself");
    assert_eq!(ended.signal(), Some(6), "{}", faulty.program.output());
    let said = wait_for(|| {
        let output = faulty.program.output();
        output.contains("stopping at once").then_some(output)
    });
    assert!(said.await.contains("a sync of the data file failed"));
    faulty.shim.set_sync_failure(false);
    faulty.restart().await;
    let title = "After the restart".to_owned();
    faulty.add(&title).await.expect(201);
    accepted.insert(title);
    faulty
        .check_converged(watcher, &accepted, &BTreeSet::new())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_can_not_be_read_now_is_not_available_now() {
    let faulty = Faulty::start().await;
    let watcher = faulty.watch().await;
    let accepted = BTreeSet::from(["Before".to_owned(), "After".to_owned()]);
    faulty.add("Before").await.expect(201);
    faulty.shim.set_read_failure(true);
    let client = faulty.client();
    for path in ["/boards/board-1", "/boards", "/tasks/task-try", "/healthz"] {
        check_unavailable(&client.get(path).await.expect("an answer"));
    }
    assert!(faulty.shim.failed_reads() > 0);
    // A browser gives up for ever on anything but 200.
    let opened = EventStream::open(faulty.program.addr(), "/boards/board-1/events", &[])
        .await
        .expect("an answer");
    assert_eq!(opened.status, 200);
    let mut stream = opened.stream;
    let block = stream.next().await.expect("a block").expect("not the end");
    assert!(block.retry.is_some() && block.data.is_none(), "{block:?}");
    faulty.shim.set_read_failure(false);
    for path in ["/boards/board-1", "/boards", "/tasks/task-try", "/healthz"] {
        client.get(path).await.expect("an answer").expect(200);
    }
    faulty.add("After").await.expect(201);
    faulty
        .check_converged(watcher, &accepted, &BTreeSet::new())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_a_full_disk_ends_with_a_sentence_and_the_next_one_goes_on() {
    let (folder, data) = place();
    let shim = Shim::new(folder.path(), &data).expect("a C compiler");
    let mut refused = 0;
    let mut program = loop {
        shim.fail_writes_after(3 * refused, Errno::NoSpace);
        match Program::start(BINARY, &data, &[], &shim.env()).await {
            Ok(program) => break program,
            Err(error) => check_sentence(
                &error.to_string(),
                &["team.db", "full|No space left|I/O error"],
            ),
        }
        refused += 1;
        assert!(refused < 200, "a start writes less than that");
    };
    assert!(refused > 3, "only {refused} starts failed");
    shim.set_write_failure(None);
    let board = Client::new(program.addr())
        .get("/boards/board-1")
        .await
        .expect("an answer")
        .expect(200)
        .json();
    let lists = board["lists"].as_array().expect("lists");
    let tasks: Vec<_> = lists
        .iter()
        .map(|list| list["tasks"].as_array().expect("tasks").len())
        .collect();
    assert_eq!(tasks, [2, 1, 1], "the demo board is whole");
    assert!(program.terminate().await.expect("it ends").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_can_not_be_written_back_is_not_served_from() {
    let mut faulty = Faulty::start().await;
    faulty.add("Answered").await.expect(201);
    faulty.program.kill9().await.expect("it runs");
    for spoil in [
        (|shim| shim.set_sync_failure(true)) as fn(&Shim),
        |shim| shim.set_write_failure(Some(Errno::Io)),
        |shim| shim.set_read_failure(true),
    ] {
        spoil(&faulty.shim);
        let started = Program::start(BINARY, &faulty.data, &[], &faulty.shim.env()).await;
        check_sentence(
            &started.expect_err("it was served").to_string(),
            &["team.db", "I/O error|Input/output error"],
        );
        faulty.shim.set_sync_failure(false);
        faulty.shim.set_write_failure(None);
        faulty.shim.set_read_failure(false);
    }
    faulty.restart().await;
    assert!(faulty.board().await.to_string().contains("\"Answered\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_end_on_a_full_disk_leaves_its_log_to_the_next_start() {
    let mut faulty = Faulty::start().await;
    let watcher = faulty.watch().await;
    let accepted = BTreeSet::from(["Answered".to_owned()]);
    faulty.add("Answered").await.expect(201);
    faulty.shim.set_write_failure(Some(Errno::NoSpace));
    let status = faulty.program.terminate().await.expect("it ends");
    assert!(status.success(), "{status}: {}", faulty.program.output());
    faulty.shim.set_write_failure(None);
    faulty.restart().await;
    faulty
        .check_converged(watcher, &accepted, &BTreeSet::new())
        .await;
}

/// As on a machine that wakes, or whose battery is empty: by days, to 1972, and on to 2218.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_back_and_forth_loses_nothing_and_leaves_no_gap() {
    let mut faulty = Faulty::start().await;
    let watcher = faulty.watch().await;
    let mut accepted = BTreeSet::from(["Asked twice".to_owned()]);
    let keyed = Request::new("POST", "/tasks").header("idempotency-key", "a-jump");
    let keyed = keyed.json(&task("Asked twice"));
    let first = faulty.client().send(keyed.clone()).await;
    let first = first.expect("an answer").expect(201);
    let mut was = (0, first.json()["createdAt"].to_string());
    for days in [-3, -20_000, 1, 40, 70_000, 0] {
        faulty.shim.set_clock_shift_days(days);
        if days < 0 {
            let again = faulty.client().send(keyed.clone()).await;
            assert_eq!(again.expect("an answer").expect(201).body, first.body);
        }
        for turn in ["running", "started"] {
            let title = format!("{turn} at {days}");
            let made = faulty.add(&title).await.expect(201).json();
            let at = made["createdAt"].to_string();
            assert_eq!(at > was.1, days >= was.0, "{at} after {}", was.1);
            was = (days, at);
            let body = json!({ "title": title, "description": "edited" });
            let path = format!("/tasks/{}", made["id"].as_str().expect("an id"));
            let edited = faulty.client().patch(&path, &body).await;
            edited.expect("an answer").expect(200);
            accepted.insert(title);
            if turn == "running" {
                let ended = faulty.program.terminate().await.expect("it ends");
                assert!(ended.success(), "{}", faulty.program.output());
                faulty.restart().await;
            }
        }
    }
    faulty
        .check_converged(watcher, &accepted, &BTreeSet::new())
        .await;
    faulty.program.terminate().await.expect("it ends");
    let mut check = tokio::process::Command::new(BINARY);
    let report = run_command(check.arg("check").arg("--data").arg(&faulty.data)).await;
    assert!(report.status.success(), "{report:?}");
}

/// Where the log goes may be as full as the disk with the data, or its reader gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_of_the_program_that_can_not_be_written_ends_nothing() {
    let (folder, data) = place();
    let script = folder.path().join("mute.sh");
    let text = format!("#!/bin/sh\nexec '{BINARY}' --log debug \"$@\" 2>/dev/full\n");
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let started = Program::start(&script, &data, &[], &[]).await;
    let mut program = started.expect("it starts");
    let client = Client::new(program.addr());
    client.get("/boards/board-1").await.unwrap().expect(200);
    client
        .post("/tasks", &task("Quietly"))
        .await
        .unwrap()
        .expect(201);
    assert!(program.terminate().await.expect("it ends").success());
}

/// Checks that a start ended with one sentence and code 1. `a|b` is either of the two.
#[track_caller]
fn check_sentence(error: &str, says: &[&str]) {
    assert!(error.contains("exit status: 1)"), "{error}");
    let sentences: Vec<_> = error
        .lines()
        .filter(|line| line.starts_with("boardcast: "))
        .collect();
    assert_eq!(sentences.len(), 1, "{error}");
    for part in says {
        assert!(
            part.split('|').any(|part| sentences[0].contains(part)),
            "{} doesn't say {part}",
            sentences[0]
        );
    }
}
