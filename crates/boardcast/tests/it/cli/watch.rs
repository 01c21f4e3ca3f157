//! `boardcast watch`: Contract 3, the stream, as somebody at a terminal follows it.

use super::{end, program, run, url};
use crate::app::{PATIENCE, TestApp};
use crate::stream::{START, cursor_of};
use boardcast_sim::client::{Client, Request};
use boardcast_sim::program::Program;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// A run of `boardcast watch`.
struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn start(server: &str, args: &[&str]) -> Self {
        let args = [&["watch"], args].concat();
        let mut child = program(server, &args).spawn().expect("it starts");
        let stdout = child.stdout.take().expect("a pipe");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    /// Starts it against the test's server and waits until its stream is there.
    async fn start_and_connect(app: &TestApp, args: &[&str]) -> Self {
        let watch = Self::start(&url(app), args);
        let seats = |app: &TestApp| app.server().engine().hub().seats();
        let connected = async {
            while seats(app) == 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, connected).await.expect("it connects");
        watch
    }

    async fn next(&mut self) -> String {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        line.expect("a line in time")
            .expect("text")
            .expect("not the end")
    }

    async fn next_json(&mut self) -> Value {
        serde_json::from_str(&self.next().await).expect("JSON")
    }

    /// The next line without its time, which must be one of today.
    async fn next_told(&mut self) -> String {
        let line = self.next().await;
        let (time, rest) = line.split_once("  ").expect("two spaces");
        let is_time = time.len() == 8 && time.split(':').all(|part| part.parse::<u8>().is_ok());
        // A day may just have ended.
        assert!(is_time || time.len() == 19, "{line}");
        rest.into()
    }

    /// What it says after the last line that was read, and how it ends.
    async fn end(self) -> super::Ran {
        let mut lines = self.lines;
        let mut out = String::new();
        while let Some(line) = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap() {
            out += &line;
        }
        let ran = end(self.child).await;
        super::Ran { out, ..ran }
    }

    async fn interrupt(self) -> super::Ran {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().await;
        assert!(sent.unwrap().success());
        self.end().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_is_a_line_that_a_person_reads() {
    let app = TestApp::start().await;
    let mut watch = Watch::start_and_connect(&app, &["demo"]).await;
    let path = "/tasks/task-try";
    let list = json!({ "boardId": "board-1", "id": "list-new", "name": "Ideas" });
    app.add_task("list-todo", "Water the plants").await;
    app.patch(path, &json!({ "title": "Tried" }))
        .await
        .expect(200);
    app.patch(path, &json!({ "description": "x" }))
        .await
        .expect(200);
    app.patch("/tasks/task-try/move", &json!({ "listId": "list-done" }))
        .await
        .expect(200);
    app.delete(path).await.expect(204);
    app.post("/lists", &list).await.expect(201);
    app.patch("/lists/list-new", &json!({ "name": "Plans" }))
        .await
        .expect(200);
    app.patch("/lists/list-new/move", &json!({ "position": 0 }))
        .await
        .expect(200);
    app.delete("/lists/list-new").await.expect(204);
    app.patch("/boards/board-1", &json!({ "name": "Work" }))
        .await
        .expect(200);
    app.delete("/boards/board-1").await.expect(204);
    for expected in [
        "To do  + Water the plants",
        "Doing  ~ Tried (was \"Try Boardcast\")",
        "Doing  ~ Tried",
        "Done  > Tried (from Doing)",
        "Done  - Tried",
        "Demo board  + list \"Ideas\"",
        "Demo board  ~ list \"Plans\" (was \"Ideas\")",
        "Demo board  > list \"Plans\"",
        "Demo board  - list \"Plans\"",
        "Demo board  ~ board \"Work\" (was \"Demo board\")",
        "Work  - board",
    ] {
        assert_eq!(watch.next_told().await, expected);
    }
    super::refused(&watch.end().await, 1, "the board \"Demo board\" is gone");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_is_the_ordinary_end() {
    let app = TestApp::start().await;
    let watch = Watch::start_and_connect(&app, &["board-1", "--json"]).await;
    assert_eq!(super::done(watch.interrupt().await), "");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_begins_after_an_id_or_with_the_board_as_it_stands() {
    let app = TestApp::start().await;
    let cursor = cursor_of(&app, "board-1").await;
    let first = app.add_task("list-todo", "First").await;
    let mut since = Watch::start(&url(&app), &["demo", "--json", "--since", &cursor]);
    let event = since.next_json().await;
    assert_eq!(event["data"]["task"], first);
    let mut next = Watch::start(
        &url(&app),
        &["demo", "--since", event["id"].as_str().unwrap()],
    );
    let mut whole = Watch::start(&url(&app), &["demo", "--json", "--snapshot"]);
    let snapshot = whole.next_json().await;
    assert_eq!(
        snapshot["data"],
        json!({ "type": "snapshot", "board": app.board("board-1").await })
    );
    assert_eq!(snapshot["id"], snapshot["data"]["board"]["cursor"]);
    let mut told = Watch::start(&url(&app), &["demo", "--snapshot"]);
    assert_eq!(told.next_told().await, "Demo board  = 3 lists, 5 tasks");
    for task in [
        "To do  = Watch",
        "To do  = Pull",
        "To do  = First",
        "Doing  = Try",
        "Done  = Start",
    ] {
        let line = told.next_told().await;
        assert!(line.starts_with(task), "{line}");
    }
    app.delete("/tasks/task-try").await.expect(204);
    assert_eq!(told.next_told().await, "Doing  - Try Boardcast");
    assert_eq!(next.next_told().await, "Doing  - Try Boardcast");
    let event = since.next_json().await;
    assert_eq!(event["data"]["taskId"], "task-try");
    assert_eq!(whole.next_json().await, event);
    for watch in [since, next, whole, told] {
        super::done(watch.interrupt().await);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_no_longer_kept_is_answered_with_the_whole_board() {
    let app = TestApp::start().await;
    let mut watch = Watch::start(&url(&app), &["demo", "--since", "5-000000000000"]);
    assert_eq!(watch.next_told().await, "Demo board  = 3 lists, 4 tasks");
    assert_eq!(watch.interrupt().await.code, Some(0));
    app.stop().await;
}

/// Kill, then an orderly stop: the lines are the log, nothing twice, nothing missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_follows_through_two_restarts_and_its_lines_are_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("test.db");
    let binary = env!("CARGO_BIN_EXE_boardcast");
    let mut server = Program::start(binary, &data, &[], &[]).await.unwrap();
    let (addr, client) = (server.addr(), Client::new(server.addr()));
    let add = async |title: &str| {
        let task = json!({ "listId": "list-todo", "title": title });
        client.post("/tasks", &task).await.unwrap().expect(201);
    };
    let mut watch = Watch::start(
        &format!("http://{addr}"),
        &["demo", "--json", "--since", START],
    );
    let mut lines = Vec::new();
    // The demo board's own events.
    while lines.len() < 8 {
        lines.push(watch.next_json().await);
    }
    for round in 0..2 {
        add("Seen at once").await;
        lines.push(watch.next_json().await);
        add("Seen or not").await;
        match round {
            0 => drop(server.kill9().await.unwrap()),
            _ => drop(server.terminate().await.unwrap()),
        }
        server = Program::start_on(server.port(), binary, &data, &[], &[])
            .await
            .unwrap();
        add("Missed").await;
        lines.push(watch.next_json().await);
        lines.push(watch.next_json().await);
    }
    add("The last").await;
    lines.push(watch.next_json().await);
    let page = Request::new("GET", "/boards/board-1/events?limit=1000")
        .header("Accept", "application/json");
    let log = client.send(page).await.unwrap().expect(200).json();
    assert_eq!(Value::from(lines), log["events"]);
    let ran = watch.interrupt().await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
    let told: Vec<_> = ran.err.lines().collect();
    assert_eq!(told.len(), 4, "{ran:?}");
    for pair in told.chunks(2) {
        assert!(
            pair[0].starts_with("boardcast: the line is down ("),
            "{ran:?}"
        );
        assert_eq!(pair[1], "boardcast: the line is up again");
    }
    server.terminate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_boards_are_one_stream_until_the_last_is_gone() {
    let mut app = TestApp::start().await;
    app.post("/boards", &json!({ "id": "garden", "name": "Garden" }))
        .await
        .expect(201);
    let beds = json!({ "boardId": "garden", "id": "beds", "name": "Beds" });
    app.post("/lists", &beds).await.expect(201);
    // One that is named twice is followed once.
    let boards = ["demo", "garden", "board-1"];
    let mut told = Watch::start_and_connect(&app, &boards).await;
    let mut json = Watch::start(
        &url(&app),
        &[&boards[..], &["--json", "--snapshot"]].concat(),
    );
    assert_eq!(json.next_json().await["data"]["board"]["id"], "board-1");
    let id = json.next_json().await["id"].clone();
    let cursors = format!(
        "board-1:{},garden:{}",
        cursor_of(&app, "board-1").await,
        cursor_of(&app, "garden").await
    );
    assert_eq!(id, cursors);
    app.add_task("beds", "Dig").await;
    let moved = json!({ "listId": "beds", "position": "top" });
    app.patch("/tasks/task-try/move", &moved).await.expect(200);
    app.delete("/boards/garden").await.expect(204);
    for expected in [
        "Garden / Beds  + Dig",
        "Demo board / Doing  - Try Boardcast",
        "Garden / Beds  + Try Boardcast",
        "Garden  - board",
    ] {
        assert_eq!(told.next_told().await, expected);
    }
    for kind in [
        "task_created",
        "task_deleted",
        "task_created",
        "board_deleted",
    ] {
        assert_eq!(json.next_json().await["data"]["type"], kind);
    }
    app.pause().await;
    app.resume().await;
    app.add_task("list-todo", "Still there").await;
    assert_eq!(told.next_told().await, "Demo board / To do  + Still there");
    assert_eq!(json.next_json().await["data"]["type"], "task_created");
    app.delete("/boards/board-1").await.expect(204);
    assert_eq!(told.next_told().await, "Demo board  - board");
    assert_eq!(json.next_json().await["data"]["type"], "board_deleted");
    for watch in [told, json] {
        let ran = watch.end().await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
        let last = ran.err.lines().last();
        assert_eq!(
            last,
            Some("boardcast: the boards \"Demo board\", \"Garden\" are gone")
        );
    }
    app.stop().await;
}

/// A reader that ends must not leave the watcher behind until the next change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_when_nobody_reads_it_though_nothing_happens() {
    let app = TestApp::start().await;
    let watch = Watch::start_and_connect(&app, &["demo"]).await;
    drop(watch.lines);
    let ran = end(watch.child).await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    super::done(run(&app, &["boards"]).await);
    app.stop().await;
}
