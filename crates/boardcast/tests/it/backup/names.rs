//! Names that a backup must not have, because the server, a restore or SQLite itself would act on
//! them; and names that are odd but a person's own.

use super::{PROGRAM, back_up, board, check, restore, start};
use std::fs;
use std::path::Path;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_takes_no_name_that_belongs_to_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("b.db");
    let mut server = start(&data).await;
    for name in [
        "b.db",
        "b.db-wal",
        "b.db-journal",
        "b.db.lock",
        "b.db.restoring",
        "b.db.restored-1",
        "b.db.before-restore-1",
    ] {
        let ran = back_up(&data, &folder.path().join(name)).await.expect(1);
        assert!(ran.stderr.contains("belongs to it"), "{}", ran.stderr);
    }
    board(server.addr()).await;
    assert!(server.terminate().await.unwrap().success());
    check(&data).await.expect(0);
}

/// The data file once was an unfinished backup that somebody opened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_file_with_the_name_of_an_unfinished_backup_stays() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("b.db.partial");
    let mut server = start(&data).await;
    back_up(&data, &folder.path().join("b.db")).await.expect(1);
    board(server.addr()).await;
    assert!(server.terminate().await.unwrap().success());
    check(&data).await.expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_file_with_the_name_of_an_unfinished_backup_stays() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("b.db");
    let mut server = start(&data).await;
    let others = folder.path().join("team.backup.partial");
    fs::write(&others, "Dear diary").unwrap();
    let target = folder.path().join("team.backup");
    let ran = back_up(&data, &target).await.expect(1);
    assert!(ran.stderr.contains("exists already"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&others).unwrap(), "Dear diary");
    // What a killed backup leaves is taken over.
    fs::write(&others, [0; 8_192]).unwrap();
    back_up(&data, &target).await.expect(0);
    assert!(server.terminate().await.unwrap().success());
}

/// SQLite reads such a name as an address, unless it is absolute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_like_an_address_is_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("b.db");
    let mut server = start(&data).await;
    let ran = Command::new(PROGRAM)
        .args(["backup", "file:team.backup", "--data", "b.db"])
        .current_dir(folder.path())
        .output();
    let ran = ran.await.unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert!(server.terminate().await.unwrap().success());
    let copy = folder.path().join("copy.db");
    restore(&folder.path().join("file:team.backup"), &copy)
        .await
        .expect(0);
    check(&copy).await.expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_does_not_read_what_it_would_clear_away() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("b.db");
    let mut server = start(&data).await;
    let backup = folder.path().join("team.backup");
    back_up(&data, &backup).await.expect(0);
    assert!(server.terminate().await.unwrap().success());
    let renamed = folder.path().join("b.db.restoring");
    fs::rename(&backup, &renamed).unwrap();
    let ran = restore(&renamed, &data).await.expect(1);
    assert!(ran.stderr.contains("another name"), "{}", ran.stderr);
    assert!(Path::new(&renamed).exists());
}
