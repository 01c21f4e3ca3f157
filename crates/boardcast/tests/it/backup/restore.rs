//! `boardcast restore`: the old files are kept, the new one is alone, and no moment is a bad one to be
//! killed in.

use super::{add_task, back_up, board, check, restore, small_backup, start, verb};
use crate::app::TestApp;
use boardcast_sim::random::Random;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_is_refused_while_a_server_runs_and_a_backup_is_not() {
    let app = TestApp::start().await;
    let file = app.path("backup");
    back_up(app.data(), &file).await.expect(0);
    check(app.data()).await.expect(0);
    app.add_task("list-todo", "After the backup").await;
    let before = app.board("board-1").await;
    let refused = restore(&file, app.data()).await.expect(1);
    let who = format!("in use by process {}", std::process::id());
    assert!(refused.stderr.contains(&who), "{}", refused.stderr);
    assert_eq!(app.board("board-1").await, before);
    app.add_task("list-todo", "Goes on").await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_files_write_ahead_log_never_meets_the_restored_file_and_comes_back_with_the_old_one()
 {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = small_backup(folder.path()).await;
    let mut server = start(&data).await;
    let in_backup = board(server.addr()).await;
    add_task(server.addr(), "Only in the write-ahead log").await;
    let in_log = board(server.addr()).await;
    server.kill9().await.unwrap();
    let log = folder.path().join("team.db-wal");
    assert!(std::fs::metadata(&log).unwrap().len() > 0);
    let restored = restore(&file, &data).await.expect(0);
    assert!(!log.exists());
    let mut server = start(&data).await;
    assert_eq!(board(server.addr()).await, in_backup);
    assert!(server.terminate().await.unwrap().success());
    // As the restore itself said.
    let undo = restored
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("  "));
    let undo: Vec<_> = undo.collect();
    let undone = Command::new("sh")
        .arg("-ec")
        .arg(undo.join("\n"))
        .status()
        .await;
    assert!(undone.unwrap().success(), "{undo:?}");
    let mut server = start(&data).await;
    assert_eq!(board(server.addr()).await, in_log);
    assert!(server.terminate().await.unwrap().success());
    check(&data).await.expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_killed_at_any_moment_leaves_the_old_file_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = small_backup(folder.path()).await;
    let mut server = start(&data).await;
    let new = board(server.addr()).await;
    let mut random = Random::new(7);
    let mut kept = 0;
    for round in 0..20 {
        // What the last round left is always the old file of this one.
        add_task(server.addr(), &format!("Round {round}")).await;
        let old = board(server.addr()).await;
        // The write-ahead log stays, so that there is something to mix.
        server.kill9().await.unwrap();
        let mut restoring = verb("restore", &[file.as_os_str()], &data)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_micros(random.below(20_000))).await;
        restoring.start_kill().unwrap();
        restoring.wait().await.unwrap();
        server = start(&data).await;
        let found = board(server.addr()).await;
        assert!(found == old || found == new, "round {round}: {found}");
        check(&data).await.expect(0);
        if found == new {
            kept += 1;
            let name = format!("team.db.before-restore-{kept}");
            assert_eq!(board_in(folder.path(), &name).await, old, "round {round}");
        }
    }
    assert!(server.terminate().await.unwrap().success());
    let left = std::fs::read_dir(folder.path()).unwrap();
    let left: Vec<_> = left
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".restor"))
        .collect();
    assert_eq!(
        left, [""; 0],
        "the next start has cleared away what was half done"
    );
}

/// The board in a copy of a file and its write-ahead log.
async fn board_in(folder: &Path, name: &str) -> Value {
    let elsewhere = tempfile::tempdir().unwrap();
    for name in [name.to_owned(), format!("{name}-wal")] {
        std::fs::copy(folder.join(&name), elsewhere.path().join(&name)).unwrap();
    }
    let mut server = start(&elsewhere.path().join(name)).await;
    let found = board(server.addr()).await;
    server.kill9().await.unwrap();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_the_data_file_is_followed_as_the_server_follows_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_, file) = small_backup(folder.path()).await;
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink("elsewhere.db", &link).unwrap();
    for _ in 0..2 {
        restore(&file, &link).await.expect(0);
        assert!(link.is_symlink());
        check(&link).await.expect(0);
    }
    let real = folder.path().join("elsewhere.db");
    let kept = folder.path().join("elsewhere.db.before-restore-1");
    assert!(real.exists() && kept.exists());
    for (served, restored) in [(&link, &real), (&real, &link)] {
        let mut server = start(served).await;
        let refused = restore(&file, restored).await.expect(1);
        assert!(refused.stderr.contains("in use by"), "{}", refused.stderr);
        assert!(server.terminate().await.unwrap().success());
    }
}
