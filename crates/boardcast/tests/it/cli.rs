//! The program's own verbs, as a shell runs them: what they print, what they change, how they end.
//! Contract 2, requests and safe writes; and the exit codes that `boardcast --help` promises.

mod ends;
mod faults;
mod watch;

use crate::app::{PATIENCE, TestApp};
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The built program with nothing of our own environment's settings.
pub(crate) fn program(server: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boardcast"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BOARDCAST_")) {
        command.env_remove(name);
    }
    command
        .env("BOARDCAST_SERVER", server)
        .env("TZ", "UTC")
        // Nor of whom our user is to some server.
        .env("XDG_CONFIG_HOME", "/dev/null")
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Waits for a run's end.
pub(crate) async fn end(child: Child) -> Ran {
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.expect("it ends in time").expect("it was started");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

pub(crate) fn url(app: &TestApp) -> String {
    format!("http://{}", app.address())
}

/// Runs the program against the test's server.
pub(crate) async fn run(app: &TestApp, args: &[&str]) -> Ran {
    end(program(&url(app), args).spawn().expect("it starts")).await
}

/// Runs the program, which must do what it is told.
#[track_caller]
pub(crate) fn done(ran: Ran) -> String {
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    ran.out
}

/// Checks how a run ended that could not do what it was told.
#[track_caller]
pub(crate) fn refused(ran: &Ran, code: i32, sentence: &str) {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert_eq!(ran.out, "", "{ran:?}");
    assert_eq!(ran.err, format!("boardcast: {sentence}\n"));
}

/// The titles of a list of the demo board, in order.
async fn titles(app: &TestApp, list_id: &str) -> Vec<String> {
    let board = app.board("board-1").await;
    let lists = board["lists"].as_array().unwrap();
    let list = lists.iter().find(|list| list["id"] == list_id).unwrap();
    let tasks = list["tasks"].as_array().unwrap().iter();
    tasks
        .map(|task| task["title"].as_str().unwrap().into())
        .collect()
}

/// The id between the last parentheses of a sentence.
fn id_in(sentence: &str) -> String {
    let (_, rest) = sentence.rsplit_once('(').expect("an id");
    rest.split_once(')').expect("an id").0.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boards_lists_and_tasks_stand_in_columns() {
    let app = TestApp::start().await;
    assert_eq!(done(run(&app, &["boards"]).await), "board-1  Demo board\n");
    let lists = "\
list-todo   To do  2 tasks
list-doing  Doing  1 task
list-done   Done   1 task
";
    assert_eq!(done(run(&app, &["lists", "demo"]).await), lists);
    let tasks = "\
task-watch  To do  Watch this board from a second terminal
task-cut    To do  Pull the cable, plug it back in: nothing is missed
task-try    Doing  Try Boardcast
task-start  Done   Start the server
";
    assert_eq!(done(run(&app, &["tasks", "DEMO BOARD"]).await), tasks);
    let one = "task-try  Doing  Try Boardcast\n";
    for list in ["list-doing", "doing", "Demo board/Doi"] {
        let args = ["tasks", "board-1", "--list", list];
        assert_eq!(done(run(&app, &args).await), one, "{list}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_added_where_they_are_told() {
    let app = TestApp::start_with(|args| args.no_demo = true).await;
    app.post("/boards", &json!({ "id": "board-1", "name": "Demo board" }))
        .await
        .expect(201);
    let list = json!({ "boardId": "board-1", "id": "list-todo", "name": "To do" });
    app.post("/lists", &list).await.expect(201);
    for (title, slot) in [
        ("B", &[] as &[&str]),
        ("A", &["--top"]),
        ("E", &["--bottom"]),
        ("C", &["--after", "b"]),
        ("D", &["--before", "E"]),
        ("Aa", &["--position", "1"]),
    ] {
        let args = [&["add", "to do", title], slot].concat();
        let out = done(run(&app, &args).await);
        let id = id_in(&out);
        assert_eq!(out, format!("Added \"{title}\" to To do ({id}).\n"));
        let task = app.get(&format!("/tasks/{id}")).await.expect(200).json();
        assert_eq!(task["title"], title);
    }
    assert_eq!(
        titles(&app, "list-todo").await,
        ["A", "Aa", "B", "C", "D", "E"]
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_comes_from_the_command_line_or_from_standard_input() {
    let app = TestApp::start().await;
    let args = [
        "add",
        "To do",
        "Notes",
        "--description",
        "--in a line",
        "--json",
    ];
    let task: Value = serde_json::from_str(&done(run(&app, &args).await)).unwrap();
    assert_eq!(task["description"], "--in a line");
    let mut command = program(&url(&app), &["edit", "notes", "--description", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let text = b"several\nlines\n";
    child.stdin.take().unwrap().write_all(text).await.unwrap();
    let id = task["id"].as_str().unwrap();
    assert_eq!(
        done(end(child).await),
        format!("Changed \"Notes\" ({id}).\n")
    );
    let path = format!("/tasks/{id}");
    assert_eq!(
        app.get(&path).await.json()["description"],
        "several\nlines\n"
    );
    done(
        run(
            &app,
            &["edit", "notes", "--title", "-", "--description", ""],
        )
        .await,
    );
    let task = app.get(&path).await.json();
    assert_eq!(
        (&task["title"], &task["description"]),
        (&json!("-"), &json!(""))
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_move_to_lists_and_neighbours() {
    let app = TestApp::start().await;
    let moves: [(&[&str], &str); 6] = [
        (&["move", "start", "To do"], "To do"),
        (&["move", "task-start", "--top"], "To do"),
        (
            &["move", "To do/Start the server", "--position", "1"],
            "To do",
        ),
        // The neighbour says which list.
        (&["move", "start", "--before", "Try Boardcast"], "Doing"),
        (&["move", "try", "--before", "start"], "Doing"),
        (&["move", "try", "done", "--bottom"], "Done"),
    ];
    for (args, list) in moves {
        let out = done(run(&app, args).await);
        assert!(
            out.ends_with(&format!("\" is in {list} now.\n")),
            "{args:?}: {out}"
        );
    }
    assert_eq!(titles(&app, "list-doing").await, ["Start the server"]);
    assert_eq!(titles(&app, "list-done").await, ["Try Boardcast"]);
    let stranger = ["move", "start", "Done", "--before", "Watch this board"];
    let sentence = "there is no task of that list \"Watch this board\"";
    refused(&run(&app, &stranger).await, 1, sentence);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boards_and_lists_are_added_and_renamed() {
    let app = TestApp::start().await;
    let board = id_in(&done(run(&app, &["add-board", "Garden"]).await));
    let list = id_in(&done(run(&app, &["add-list", "gar", "Beds"]).await));
    let out = done(run(&app, &["rename", "list", "garden/beds", "Trees"]).await);
    assert_eq!(out, "\"Beds\" is called \"Trees\" now.\n");
    done(run(&app, &["rename", "board", "Garden", "Orchard"]).await);
    let snapshot = app.board(&board).await;
    assert_eq!(snapshot["name"], "Orchard");
    assert_eq!(snapshot["lists"][0]["id"], list);
    assert_eq!(snapshot["lists"][0]["name"], "Trees");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_is_listed_and_comes_back() {
    let app = TestApp::start().await;
    let before = app.board("board-1").await;
    let out = done(run(&app, &["rm", "task", "try boardcast"]).await);
    assert_eq!(
        out,
        "Deleted the task \"Try Boardcast\"; `boardcast restore task task-try` brings it back.\n"
    );
    done(run(&app, &["rm", "list", "to do"]).await);
    let out = done(run(&app, &["deleted", "demo"]).await);
    let rows: Vec<Vec<&str>> = out
        .lines()
        .map(|line| line.split_whitespace().skip(1).collect())
        .collect();
    assert_eq!(rows[0], ["list", "list-todo", "To", "do"]);
    assert_eq!(rows[1], ["task", "task-try", "Try", "Boardcast"]);
    let back = done(run(&app, &["restore", "list", "list-todo"]).await);
    assert_eq!(back, "The list \"To do\" is back.\n");
    done(run(&app, &["restore", "task", "task-try"]).await);
    assert_eq!(done(run(&app, &["deleted", "demo"]).await), "");
    done(run(&app, &["rm", "board", "demo"]).await);
    assert!(done(run(&app, &["deleted"]).await).contains("  board  board-1  Demo board\n"));
    done(run(&app, &["restore", "board", "board-1"]).await);
    let after = app.board("board-1").await;
    for list in 0..3 {
        let ids = |board: &Value| {
            let tasks = board["lists"][list]["tasks"].as_array().unwrap();
            tasks
                .iter()
                .map(|task| task["id"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(&after), ids(&before));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_is_what_the_server_says_to_the_letter() {
    let app = TestApp::start().await;
    let out = done(run(&app, &["add", "To do", "é \u{2028}", "--json"]).await);
    let id = serde_json::from_str::<Value>(&out).unwrap()["id"].clone();
    let path = format!("/tasks/{}", id.as_str().unwrap());
    assert_eq!(out.trim_end(), app.get(&path).await.text());
    // Each thing stands in what the server says of all of them, and in its order.
    for (args, path) in [
        (&["boards", "--json"] as &[&str], "/boards"),
        (&["lists", "demo", "--json"], "/boards/board-1"),
        (
            &["tasks", "demo", "--list", "to do", "--json"],
            "/boards/board-1",
        ),
    ] {
        let out = done(run(&app, args).await);
        let whole = app.get(path).await.text();
        assert!(
            whole.contains(&out.trim_end().replace('\n', ",")),
            "{args:?}: {out}"
        );
    }
    assert_eq!(
        done(run(&app, &["tasks", "demo", "--json"]).await)
            .lines()
            .count(),
        5
    );
    let edited = done(run(&app, &["edit", "task-try", "--title", "Tried", "--json"]).await);
    assert_eq!(edited.trim_end(), app.get("/tasks/task-try").await.text());
    assert_eq!(
        done(run(&app, &["rm", "task", "tried", "--json"]).await),
        ""
    );
    let deleted = done(run(&app, &["deleted", "demo", "--json"]).await);
    assert!(
        app.get("/boards/board-1/deleted")
            .await
            .text()
            .contains(deleted.trim_end())
    );
    let back = done(run(&app, &["restore", "task", "task-try", "--json"]).await);
    assert_eq!(back.trim_end(), app.get("/tasks/task-try").await.text());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_fits_several_things_is_refused_with_all_of_them() {
    let app = TestApp::start().await;
    app.post("/boards", &json!({ "id": "garden", "name": "Garden" }))
        .await
        .expect(201);
    let list = json!({ "boardId": "garden", "id": "list-2", "name": "To Do" });
    app.post("/lists", &list).await.expect(201);
    let sentence = "\"to do\" could be Demo board/To do (list-todo), Garden/To Do (list-2); name one by its id";
    refused(&run(&app, &["add", "to do", "X"]).await, 1, sentence);
    for (list, title) in [("garden/to do", "X"), ("list-2", "Y"), ("Demo/To do", "X")] {
        done(run(&app, &["add", list, title]).await);
    }
    let ambiguous = run(&app, &["rm", "task", "x"]).await;
    assert!(
        ambiguous
            .err
            .starts_with("boardcast: \"x\" could be Demo board/To do/X (task_")
    );
    done(run(&app, &["rm", "task", "demo board/to do/x"]).await);
    done(run(&app, &["rm", "task", "x"]).await);
    refused(
        &run(&app, &["rm", "task", "x"]).await,
        1,
        "there is no task \"x\"",
    );
    app.stop().await;
}
