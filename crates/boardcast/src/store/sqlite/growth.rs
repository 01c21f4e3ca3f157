//! The write-ahead log stays short, whoever reads meanwhile; and what another program does to the
//! file is noticed.

use super::wal_path;
use crate::live::Log;
use crate::store::contract::Done;
use crate::store::contract::{
    Bench, IntoRequest, board_id, create_task, create_task_with, keyed, retitle,
};
use crate::store::{Failure, Fatal};
use boardcast_core::cursor::Cursor;
use boardcast_core::limits::{PRUNE_ROWS_MAX, WAL_BYTES_MAX, WAL_CHECKPOINT_BYTES};
use rusqlite::Connection;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn wal_bytes(bench: &Bench) -> u64 {
    fs::metadata(wal_path(&bench.data())).map_or(0, |wal| wal.len())
}

/// One commit of some 16 MB.
fn write_much(bench: &mut Bench, round: usize) {
    let letter = char::from(b'a' + (round % 26) as u8);
    let ballast = letter.to_string().repeat(16 * 1024 * 1024);
    bench.writer.note_setting("ballast", &ballast).unwrap();
    while bench.writer.maintain().expect("nothing fatal").has_more {}
}

#[tokio::test]
async fn the_log_is_written_back_once_it_has_grown_and_starts_anew() {
    let mut bench = Bench::new();
    bench.furnish(1);
    let mut one_commit_bytes = 0;
    for round in 0..5 {
        write_much(&mut bench, round);
        let bytes = wal_bytes(&bench);
        if round == 0 {
            assert!(bytes > WAL_CHECKPOINT_BYTES, "one commit is more than that");
            one_commit_bytes = bytes;
        }
        assert!(
            bytes < one_commit_bytes + WAL_CHECKPOINT_BYTES,
            "{bytes} after {round} more"
        );
    }
    // A small commit finds the log written back, starts it anew and shortens it.
    bench.accept(retitle("t0", "Small"));
    assert!(
        wal_bytes(&bench) < WAL_CHECKPOINT_BYTES,
        "{} bytes",
        wal_bytes(&bench)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_constant_stream_of_readers_does_not_keep_the_log_growing() {
    let mut bench = Bench::new();
    bench.furnish(1);
    write_much(&mut bench, 0);
    let commit_bytes = wal_bytes(&bench);
    let is_over = Arc::new(AtomicBool::new(false));
    let reading: Vec<_> = (0..4)
        .map(|_| {
            let (readers, is_over) = (Arc::clone(&bench.readers), Arc::clone(&is_over));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    readers.snapshot(&board_id("b")).await.unwrap();
                    readers.after(&board_id("b"), Cursor::START).await.unwrap();
                }
            })
        })
        .collect();
    for round in 1..16 {
        write_much(&mut bench, round);
        let bytes = wal_bytes(&bench);
        assert!(
            bytes < WAL_BYTES_MAX + 2 * commit_bytes,
            "{bytes} bytes after {round} commits"
        );
    }
    is_over.store(true, Ordering::Relaxed);
    for reader in reading {
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn another_programs_reader_delays_nobody_and_the_log_shrinks_when_it_is_gone() {
    let mut bench = Bench::new();
    bench.furnish(1);
    let other = Connection::open(bench.data()).unwrap();
    other
        .execute_batch("BEGIN; SELECT count(*) FROM board")
        .unwrap();
    let mut rounds = 0;
    while wal_bytes(&bench) < WAL_BYTES_MAX {
        write_much(&mut bench, rounds);
        rounds += 1;
        assert!(rounds < 20);
    }
    // Held back, it grows on, and everything is still carried out and read.
    write_much(&mut bench, rounds);
    assert!(bench.snapshot("b").await.is_some());
    other.execute_batch("COMMIT").unwrap();
    write_much(&mut bench, rounds + 1);
    write_much(&mut bench, rounds + 2);
    bench.accept(retitle("t0", "Small"));
    assert!(
        wal_bytes(&bench) < WAL_CHECKPOINT_BYTES,
        "{} bytes",
        wal_bytes(&bench)
    );
}

/// What the program does with the next batch.
fn next(bench: &mut Bench) -> Result<Done, Fatal> {
    let request = retitle("t0", "After somebody else was here").into_request();
    bench.try_commit(&[request])
}

#[test]
fn another_program_may_read_but_a_commit_of_it_stops_the_process() {
    let mut bench = Bench::new();
    bench.furnish(1);
    let other = Connection::open(bench.data()).unwrap();
    let count = |what: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {what}");
        other.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count("task"), 1);
    bench.accept(create_task("l", "t1"));
    assert_eq!(count("task"), 2);
    other
        .execute("UPDATE task SET title = 'Mine' WHERE id = 't1'", [])
        .unwrap();
    assert!(matches!(next(&mut bench), Err(Fatal::ForeignCommit)));
    assert_eq!(count("event"), 4, "nothing was added on top of it");
}

#[test]
fn retention_notices_another_programs_commit_as_well() {
    let mut bench = Bench::new();
    bench.furnish(1);
    let other = Connection::open(bench.data()).unwrap();
    other.execute("DELETE FROM event", []).unwrap();
    assert!(matches!(bench.writer.maintain(), Err(Fatal::ForeignCommit)));
}

#[test]
fn a_file_that_another_program_is_writing_to_is_not_available_now() {
    let mut bench = Bench::new();
    bench.furnish(1);
    let other = Connection::open(bench.data()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answers = next(&mut bench).unwrap().answers;
    assert_eq!(answers, [Err(Failure::Unavailable)]);
    // It went away without changing anything.
    other.execute_batch("ROLLBACK").unwrap();
    assert!(next(&mut bench).unwrap().answers[0].is_ok());
}

#[test]
fn a_restart_after_much_writing_finds_one_file() {
    let mut bench = Bench::new();
    bench.furnish(0);
    bench.accept(create_task_with("l", "t", &"d".repeat(30 * 1024)));
    bench.reopen_after(|path| {
        assert!(!wal_path(path).exists());
        assert!(!super::with_suffix(path, "-shm").exists());
    });
}

#[test]
fn expired_answers_leave_the_file_in_small_steps() {
    let mut bench = Bench::new();
    bench.furnish(1);
    let keyed = |index: usize| keyed(retitle("t0", "Task t0"), &format!("key-{index}"), "body");
    let asked: Vec<_> = (0..2 * PRUNE_ROWS_MAX + 7).map(keyed).collect();
    bench.commit(&asked);
    bench.clock.turn_hours(25);
    bench.ask(keyed(asked.len())).unwrap();
    let other = Connection::open(bench.data()).unwrap();
    let mut kept = asked.len() + 1;
    loop {
        let has_more = bench.writer.maintain().unwrap().has_more;
        let sql = "SELECT count(*) FROM answer";
        let left: usize = other.query_row(sql, [], |row| row.get(0)).unwrap();
        assert!(
            kept - left <= PRUNE_ROWS_MAX,
            "from {kept} to {left} in one step"
        );
        kept = left;
        if !has_more {
            break;
        }
    }
    assert_eq!(kept, 1, "the young one stays");
}
