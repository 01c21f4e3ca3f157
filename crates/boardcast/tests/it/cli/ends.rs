//! How the program's verbs end, and what they teach: the exit codes, the help, the completions. As
//! `boardcast --help` promises them.

use super::{done, end, program, refused, run, url};
use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exit_codes_tell_refused_misused_and_unreachable_apart() {
    let mut app = TestApp::start().await;
    let long = "x".repeat(501);
    let sentence = "title must be at most 500 characters long";
    refused(&run(&app, &["add", "To do", &long]).await, 1, sentence);
    refused(
        &run(&app, &["lists", "nowhere"]).await,
        1,
        "there is no board \"nowhere\"",
    );
    refused(
        &run(&app, &["watch", "nowhere"]).await,
        1,
        "there is no board \"nowhere\"",
    );
    let sentence = "There is no such task. It may have been deleted";
    refused(
        &run(&app, &["restore", "task", "nothing"]).await,
        1,
        sentence,
    );
    let sentence = "the id \"../boards/board-1\" must consist of A-Z, a-z, 0-9, _ and - only";
    refused(
        &run(&app, &["restore", "task", "../boards/board-1"]).await,
        1,
        sentence,
    );
    for misuse in [
        &["watch"] as &[&str],
        &["edit", "task-try"],
        &["move", "task-try", "--top", "--bottom"],
        &["rm", "task-try"],
        &["boards", "--server", "localhost:3000"],
        &["watch", "demo", "--since", "1-a", "--snapshot"],
        &["completions", "dos"],
        &["fly"],
    ] {
        let ran = run(&app, misuse).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    }
    let server = url(&app);
    app.pause().await;
    for args in [
        &["boards"] as &[&str],
        &["add-board", "X"],
        &["watch", "demo"],
    ] {
        let ran = end(program(&server, args).spawn().unwrap()).await;
        let sentence = format!(
            "{server} can't be reached (connection refused); start a server with `boardcast`, or name another one with --server"
        );
        refused(&ran, 3, &sentence);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_help_tells_every_verb_and_exit_code() {
    let app = TestApp::start().await;
    let help = done(run(&app, &["--help"]).await);
    for word in [
        "serve",
        "watch",
        "boards",
        "lists",
        "tasks",
        "add",
        "add-list",
        "add-board",
        "move",
        "edit",
        "rename",
        "rm",
        "restore",
        "deleted",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {word} ")), "{word}");
        let about = done(run(&app, &["help", word]).await);
        assert!(about.contains("Usage: boardcast"), "{word}");
    }
    assert!(
        help.contains("0 done; 1 refused or failed; 2 wrong usage; 3 the server can't be reached")
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completions_are_there_for_the_usual_shells() {
    let app = TestApp::start().await;
    for shell in ["bash", "zsh", "fish"] {
        let script = done(run(&app, &["completions", shell]).await);
        assert!(
            script.contains("boardcast") && script.contains("add-list"),
            "{shell}"
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_that_nobody_reads_is_no_error() {
    let app = TestApp::start().await;
    for args in [
        &["tasks", "demo"] as &[&str],
        &["completions", "bash"],
        &["watch", "demo"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = program(&url(&app), args).stdout(writer).spawn().unwrap();
        assert_eq!(done(end(child).await), "", "{args:?}");
    }
    app.stop().await;
}
