//! One data file, one server: a second one is refused while the first goes on, and the first stops
//! rather than go on with what somebody else wrote. Contract 2, safe writes, and 3: what was answered
//! is kept, and no watcher is shown what the log doesn't hold.

use crate::program::{BINARY, check_refused, place, run, skip, wait_for};
use boardcast_sim::client::Client;
use boardcast_sim::program::Program;
use boardcast_sim::wait::WAIT;
use boardcast_sim::watcher::Watcher;
use serde_json::json;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

async fn start(data: &Path) -> Program {
    Program::start(BINARY, data, &[], &[])
        .await
        .expect("it starts")
}

async fn add(program: &Program, title: &str) {
    let task = json!({ "listId": "list-todo", "title": title });
    let answer = Client::new(program.addr()).post("/tasks", &task).await;
    answer.expect("an answer").expect(201);
}

async fn holds(program: &Program, title: &str) -> bool {
    let answer = Client::new(program.addr()).get("/boards/board-1").await;
    let board = answer.expect("an answer").expect(200).text();
    board.contains(&format!("\"{title}\""))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_the_same_file_is_refused_and_the_first_goes_on() {
    let (folder, data) = place();
    let mut first = start(&data).await;
    let watcher = Watcher::new(first.addr(), "board-1").spawn();
    watcher.wait_until_connected(WAIT).await.expect("a stream");
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&data, &link).expect("a link");
    let holder = format!("in use by process {}", first.pid());
    for name in [&data, &link] {
        let output = run(name, &[]).await;
        check_refused(&output, 1, &["team.db", &holder, "stop that one", "--data"]);
        assert!(output.stdout.is_empty(), "{output:?}");
    }
    add(&first, "Still here").await;
    assert!(holds(&first, "Still here").await);
    let (report, _) = watcher.stop().await;
    assert_eq!((report.reconnects, report.violations), (0, vec![]));
    // The same folder holds as many other files as anybody likes.
    let mut other = start(&folder.path().join("other.db")).await;
    assert!(!holds(&other, "Still here").await);
    assert!(other.terminate().await.expect("it ends").success());
    assert!(first.terminate().await.expect("it ends").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_free_again_however_its_server_ended() {
    let (_folder, data) = place();
    let mut killed = start(&data).await;
    add(&killed, "Before the kill").await;
    killed.kill9().await.expect("it runs");
    let mut draining = start(&data).await;
    assert!(holds(&draining, "Before the kill").await);
    // A successor waits for one that is ending.
    draining.signal("TERM").await.expect("it runs");
    let mut next = start(&data).await;
    assert!(holds(&next, "Before the kill").await);
    assert!(draining.wait().await.expect("it ends").success());
    assert!(next.terminate().await.expect("it ends").success());
}

/// Another program that knows SQLite: whichever there is on this machine.
async fn elsewhere(data: &Path, sql: &str) -> Option<String> {
    let python = "import sqlite3, sys\n\
        c = sqlite3.connect(sys.argv[1])\n\
        print(c.execute(sys.argv[2]).fetchall())\n\
        c.commit()";
    for words in [["python3", "-c", python].as_slice(), &["sqlite3"]] {
        let done = Command::new(words[0])
            .args(&words[1..])
            .arg(data)
            .arg(sql)
            .stdin(Stdio::null())
            .output()
            .await;
        if let Ok(done) = done
            && done.status.success()
        {
            return Some(String::from_utf8_lossy(&done.stdout).into_owned());
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_program_may_read_but_once_it_writes_the_server_stops() {
    let (_folder, data) = place();
    let mut program = start(&data).await;
    let watcher = Watcher::new(program.addr(), "board-1").recording().spawn();
    watcher.wait_until_connected(WAIT).await.expect("a stream");
    add(&program, "Answered").await;
    let Some(read) = elsewhere(&data, "SELECT title FROM task").await else {
        return skip("neither python3's sqlite3 nor the sqlite3 command is on this machine");
    };
    assert!(read.contains("Answered"), "{read}");
    add(&program, "Answered after it read").await;
    let write = "UPDATE task SET title = 'Written by somebody else' WHERE title = 'Answered'";
    elsewhere(&data, write)
        .await
        .expect("it reads, so it writes");
    let task = json!({ "listId": "list-todo", "title": "Too late" });
    let answer = Client::new(program.addr()).post("/tasks", &task).await;
    assert!(answer.is_err(), "it went on: {answer:?}");
    let ended = program.wait().await.expect("it ends by itself");
    assert_eq!(ended.signal(), Some(6), "{}", program.output());
    let said = wait_for(|| {
        let output = program.output();
        output.contains("stopping at once").then_some(output)
    });
    assert!(
        said.await
            .contains("another program wrote to the data file")
    );
    let (report, _) = watcher.stop().await;
    assert_eq!(report.violations, Vec::<String>::new());
    let seen = report
        .recorded
        .values()
        .map(|raw| String::from_utf8_lossy(raw).into_owned());
    let seen: String = seen.collect();
    assert!(
        seen.contains("Answered after it read") && !seen.contains("Too late"),
        "{seen}"
    );
    // Whoever starts it again takes the file as it is.
    let mut again = start(&data).await;
    assert!(holds(&again, "Answered after it read").await);
    assert!(holds(&again, "Written by somebody else").await);
    assert!(!holds(&again, "Too late").await);
    add(&again, "And on").await;
    assert!(again.terminate().await.expect("it ends").success());
}
