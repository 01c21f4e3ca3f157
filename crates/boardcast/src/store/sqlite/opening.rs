//! Opening a data file: what is ours is brought to the newest schema, everything else is refused with
//! a sentence and left as it was; one process at a time; nothing is served from a write-ahead log
//! that was never synced (I5).

use super::{OpenError, Opened, begin_write_ahead_log, check_version, open, wal_path, with_suffix};
use crate::live::{Located, Location, Log};
use crate::outside::Outside;
use crate::store::Retention;
use crate::store::contract::{
    Bench, Clock, EVERYTHING, IntoRequest, board_id, create_task, folded, retitle,
};
use boardcast_core::access::Access;
use boardcast_core::cursor::Cursor;
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

const RETENTION: Retention = Retention {
    events: 10_000,
    days: 30,
};

fn open_at(path: &Path) -> Result<Opened, OpenError> {
    let outside: Arc<dyn Outside> = Arc::<Clock>::default();
    open(path, RETENTION, outside)
}

/// A folder with a path for a data file in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("board.db");
    (folder, path)
}

/// Checks that the file is refused with a sentence that says all of this, and not changed.
#[track_caller]
fn check_refused(path: &Path, says: &[&str]) {
    let before = fs::read(path).ok();
    let Err(error) = open_at(path) else {
        panic!("{} was opened", path.display())
    };
    let sentence = error.to_string();
    for part in says {
        assert!(sentence.contains(part), "{sentence:?} doesn't say {part:?}");
    }
    assert!(sentence.ends_with('.'), "{sentence:?}");
    assert_eq!(fs::read(path).ok(), before, "it was changed");
    assert!(!wal_path(path).exists(), "a log was left behind");
}

fn close(opened: Opened) {
    opened.readers.close();
    drop(opened.writer);
}

/// A data file of ours, closed in order, that somebody then works on.
fn meddled_with(path: &Path, sql: &str) {
    close(open_at(path).unwrap());
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
    // Back to one file, as the next start finds it.
    let _ = fs::remove_file(wal_path(path));
}

#[test]
fn a_fresh_file_becomes_a_data_file_and_opens_again() {
    let (_folder, path) = place();
    for start in 0..3 {
        close(open_at(&path).unwrap());
        assert!(!wal_path(&path).exists(), "an orderly end leaves one file");
        let connection = Connection::open(&path).unwrap();
        let fact = |sql: &str| -> i64 { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
        assert_eq!(fact("PRAGMA user_version"), 2);
        assert_eq!(fact("PRAGMA application_id"), 0x4264_6374);
        let migrations = fact("SELECT count(*) FROM migration");
        assert_eq!(migrations, 2, "start {start} carried nothing out again");
    }
}

#[test]
fn an_empty_file_is_a_fresh_one() {
    let (_folder, path) = place();
    fs::write(&path, "").unwrap();
    close(open_at(&path).unwrap());
}

#[test]
fn a_file_of_a_newer_program_is_refused() {
    let (_folder, path) = place();
    meddled_with(&path, "PRAGMA user_version = 99");
    check_refused(
        &path,
        &[
            "newer Boardcast",
            "schema 99, this one knows 2",
            "older copy",
        ],
    );
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_was() {
    let (_folder, path) = place();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE song (title TEXT); INSERT INTO song VALUES ('La')")
        .unwrap();
    drop(other);
    check_refused(
        &path,
        &["not a Boardcast data file", "another program", "--data"],
    );
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("PRAGMA user_version = 1; PRAGMA application_id = 252006675")
        .unwrap();
    let mode: String = other
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "delete");
    drop(other);
    check_refused(
        &path,
        &["not a Boardcast data file", "another program", "--data"],
    );
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    for content in ["Dear diary,\n", &"no database at all\n".repeat(1_000)] {
        let (_folder, path) = place();
        fs::write(&path, content).unwrap();
        check_refused(
            &path,
            &["not a Boardcast data file", "no SQLite database", "--data"],
        );
    }
}

#[test]
fn a_schema_that_somebody_changed_is_refused() {
    let (_folder, path) = place();
    meddled_with(&path, "UPDATE migration SET checksum = zeroblob(32)");
    check_refused(&path, &["not a Boardcast data file", "schema 1", "--data"]);
    let (_folder, path) = place();
    meddled_with(&path, "DELETE FROM migration");
    check_refused(&path, &["not a Boardcast data file", "schema 1", "--data"]);
}

#[test]
fn a_path_that_leads_nowhere_is_refused() {
    let (folder, _path) = place();
    let missing = folder.path().join("no such folder").join("board.db");
    check_refused(
        &missing,
        &[
            "board.db can't be used",
            "folder must exist and be writable",
        ],
    );
    let Err(error) = open_at(folder.path()) else {
        panic!("a folder was opened")
    };
    assert!(error.to_string().contains("can't be opened"), "{error}");
}

#[test]
fn a_library_that_can_corrupt_the_file_is_refused() {
    let sentence = check_version(3_051_002, "3.51.2").unwrap_err().to_string();
    assert!(
        sentence.contains("SQLite 3.51.2") && sentence.contains("3.51.3 or newer"),
        "{sentence}"
    );
    assert!(check_version(3_051_003, "3.51.3").is_ok());
    assert!(check_version(rusqlite::version_number(), rusqlite::version()).is_ok());
}

#[test]
fn a_place_where_no_log_can_be_is_refused() {
    let connection = Connection::open_in_memory().unwrap();
    let sentence = begin_write_ahead_log(&connection, Path::new("board.db"))
        .unwrap_err()
        .to_string();
    assert!(
        sentence.contains("journal mode \"memory\"") && sentence.contains("local disk"),
        "{sentence}"
    );
}

#[test]
fn a_second_opening_is_refused_and_names_who_has_the_file() {
    let (_folder, path) = place();
    let link = path.with_file_name("link.db");
    std::os::unix::fs::symlink("board.db", &link).unwrap();
    // Through a link that leads to nothing yet.
    let first = open_at(&link).unwrap();
    assert!(path.exists());
    let me = format!("in use by process {}.", std::process::id());
    for name in [&path, &link] {
        let Err(error) = open_at(name) else {
            panic!("opened twice")
        };
        assert!(error.to_string().contains(&me), "{error}");
    }
    close(first);
    close(open_at(&path).unwrap());
}

#[test]
fn the_lock_file_of_a_dead_process_is_no_hindrance() {
    let (_folder, path) = place();
    fs::write(with_suffix(&path, ".lock"), "4194305\n").unwrap();
    close(open_at(&path).unwrap());
    fs::write(with_suffix(&path, ".lock"), "no number").unwrap();
    close(open_at(&path).unwrap());
}

/// Copies the data file and its log as a crash leaves them, from under a store that is open.
fn copy_of_crash(bench: &Bench) -> (TempDir, PathBuf) {
    let (folder, copy) = place();
    fs::copy(bench.data(), &copy).unwrap();
    fs::copy(wal_path(&bench.data()), wal_path(&copy)).unwrap();
    (folder, copy)
}

#[tokio::test]
async fn what_stands_in_the_log_is_written_back_before_anything_is_served() {
    let mut bench = Bench::new();
    bench.furnish(5);
    let (_folder, copy) = copy_of_crash(&bench);
    assert!(fs::metadata(wal_path(&copy)).unwrap().len() > 0);
    let opened = open_at(&copy).unwrap();
    assert_eq!(fs::metadata(wal_path(&copy)).unwrap().len(), 0);
    // The file alone holds everything: a copy of it does.
    let (folder, alone) = place();
    fs::copy(&copy, &alone).unwrap();
    close(opened);
    let again = Bench::sqlite_in(folder, RETENTION);
    let log = again.log_after("b", Cursor::START).await;
    assert_eq!(log, bench.log_after("b", Cursor::START).await);
    assert_eq!(again.snapshot("b").await.unwrap().0, folded(&log).unwrap());
}

#[tokio::test]
async fn a_log_that_another_program_holds_back_stops_the_start() {
    let mut bench = Bench::new();
    bench.furnish(1);
    let (_folder, copy) = copy_of_crash(&bench);
    let other = Connection::open(&copy).unwrap();
    other.execute_batch("BEGIN; SELECT * FROM board").unwrap();
    let Err(error) = open_at(&copy) else {
        panic!("it was opened")
    };
    let sentence = error.to_string();
    assert!(
        sentence.contains("write-ahead log")
            && sentence.contains("another program has the file open"),
        "{sentence}"
    );
    drop(other);
    close(open_at(&copy).unwrap());
}

#[tokio::test]
async fn a_log_cut_short_in_mid_batch_loses_only_that_batch() {
    let mut bench = Bench::new();
    bench.furnish(1);
    let before = bench.log_after("b", Cursor::START).await;
    let batch: Vec<_> = (1..20)
        .map(|index| create_task("l", &format!("t{index}")).into_request())
        .collect();
    let whole = fs::metadata(wal_path(&bench.data())).unwrap().len();
    bench.commit(&batch);
    for cut_at in [whole + 1, whole + 100, whole + 5_000] {
        let (folder, copy) = copy_of_crash(&bench);
        let log = fs::File::options()
            .write(true)
            .open(wal_path(&copy))
            .unwrap();
        log.set_len(cut_at).unwrap();
        drop(log);
        let again = Bench::sqlite_in(folder, RETENTION);
        assert_eq!(again.log_after("b", Cursor::START).await, before);
        assert_eq!(
            again.snapshot("b").await.unwrap().0,
            folded(&before).unwrap()
        );
    }
}

/// Beside each name stands a lock and a write-ahead log of its own.
#[test]
fn a_file_with_a_second_name_is_refused_under_either() {
    let (folder, path) = place();
    close(open_at(&path).unwrap());
    let other = folder.path().join("other.db");
    fs::hard_link(&path, &other).unwrap();
    for name in [&path, &other] {
        check_refused(name, &["another name", "hard link", "copy"]);
    }
    fs::remove_file(&other).unwrap();
    close(open_at(&path).unwrap());
}

#[tokio::test]
async fn a_file_of_schema_1_opens_as_it_was_and_keeps_its_boards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("opening/schema_1.sql"))
        .unwrap();
    old.close().unwrap();
    let (plans, open) = (board_id("plans"), Access::open());
    let mut bench = Bench::sqlite_in(folder, EVERYTHING);
    let (json, cursor) = bench.snapshot("plans").await.unwrap();
    assert_eq!(cursor.to_string(), "7-bf2469fdc0c3");
    assert!(json.contains("Paint the fence"), "{json}");
    let located = bench.readers.locate(&open, &plans, Some(cursor)).await;
    let here = Location {
        head: cursor,
        is_good: true,
    };
    assert_eq!(located, Ok(Located::At(here)));
    bench.accept(retitle("paint", "Paint the gate"));
    let report = super::check(&bench.data(), &mut |_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}
