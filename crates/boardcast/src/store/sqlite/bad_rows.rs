//! A row that holds what this program never wrote takes out of service what needs it and nothing
//! else: whoever asks about it is told that the data file is not available, everyone else goes on.

use crate::live::Log;
use crate::store::Failure;
use crate::store::contract::{
    Bench, IntoRequest, board_id, create_board, create_list, create_task, folded, keyed, move_task,
    rename_board, retitle, task_id,
};
use boardcast_core::access::Access;
use boardcast_core::cursor::Cursor;
use boardcast_core::protocol::{Request, Slot};
use rusqlite::Connection;

/// Two furnished boards, `b` and `c`; then somebody writes to the file while it is closed.
fn with(sql: &str) -> Bench {
    let mut bench = Bench::new();
    bench.furnish(3);
    bench.accept(create_board("c"));
    bench.accept(create_list("c", "lc"));
    bench.accept(create_task("lc", "tc"));
    bench
        .ask(keyed(retitle("tc", "Once"), "key", "once"))
        .unwrap();
    bench.reopen_after(|path| {
        let other = Connection::open(path).unwrap();
        assert_eq!(other.execute(sql, []).unwrap(), 1, "{sql}");
    })
}

/// Asks for all in one batch, between two requests about another board that must succeed.
#[track_caller]
fn check_unavailable(bench: &mut Bench, requests: impl IntoIterator<Item = Request>) {
    let mut batch = vec![retitle("tc", "The one before").into_request()];
    batch.extend(requests);
    batch.push(create_task("lc", "the-one-after").into_request());
    let committed = bench.commit(&batch);
    let last = batch.len() - 1;
    for (index, answer) in committed.answers.iter().enumerate() {
        let is_neighbour = index == 0 || index == last;
        if is_neighbour {
            assert!(answer.is_ok(), "{answer:?}");
        } else {
            assert_eq!(
                *answer,
                Err(Failure::Unavailable),
                "{:?}",
                batch[index].command
            );
        }
    }
    assert_eq!(committed.segments.len(), 1, "only the other board changed");
}

/// The other board is whole.
async fn check_others_go_on(bench: &Bench) {
    let log = bench.log_after("c", Cursor::START).await;
    assert_eq!(bench.snapshot("c").await.unwrap().0, folded(&log).unwrap());
    assert!(
        bench
            .readers
            .task(&Access::open(), task_id("tc"))
            .await
            .unwrap()
            .is_some()
    );
    assert!(bench.readers.boards(&Access::open(), None, 1).await.is_ok());
}

#[tokio::test]
async fn a_task_with_an_impossible_rank() {
    let mut bench = with("UPDATE task SET rank = '0' WHERE id = 't1'");
    check_unavailable(
        &mut bench,
        [
            retitle("t1", "Unreadable").into_request(),
            move_task("t1", "l", Slot::Bottom).into_request(),
            move_task("t0", "l", Slot::After(task_id("t1"))).into_request(),
            move_task("t0", "l", Slot::Top).into_request(),
        ],
    );
    assert_eq!(
        bench.readers.task(&Access::open(), task_id("t1")).await,
        Err(Failure::Unavailable)
    );
    assert!(bench.readers.snapshot(&board_id("b")).await.is_err());
    check_others_go_on(&bench).await;
    // What doesn't need the row goes on even there.
    bench.accept(retitle("t2", "Readable"));
    assert!(
        bench
            .readers
            .task(&Access::open(), task_id("t2"))
            .await
            .unwrap()
            .is_some()
    );
    assert!(!bench.log_after("b", Cursor::START).await.is_empty());
}

#[tokio::test]
async fn a_task_with_a_title_that_is_no_text() {
    let mut bench = with("UPDATE task SET title = CAST(X'ff' AS TEXT) WHERE id = 't1'");
    check_unavailable(&mut bench, [retitle("t1", "Unreadable").into_request()]);
    assert_eq!(
        bench.readers.task(&Access::open(), task_id("t1")).await,
        Err(Failure::Unavailable)
    );
    check_others_go_on(&bench).await;
}

#[tokio::test]
async fn a_list_with_a_negative_version() {
    let mut bench = with("UPDATE list SET version = -1 WHERE id = 'l'");
    check_unavailable(
        &mut bench,
        [
            create_task("l", "new").into_request(),
            move_task("tc", "l", Slot::Top).into_request(),
        ],
    );
    assert!(bench.readers.snapshot(&board_id("b")).await.is_err());
    check_others_go_on(&bench).await;
    bench.accept(retitle("t1", "A task needs no list to be renamed"));
}

#[tokio::test]
async fn a_board_without_a_name() {
    let mut bench = with("UPDATE board SET name = ' ' WHERE id = 'b'");
    check_unavailable(
        &mut bench,
        [
            rename_board("b", "Named again").into_request(),
            create_list("b", "l2").into_request(),
        ],
    );
    assert!(bench.readers.snapshot(&board_id("b")).await.is_err());
    check_others_go_on(&bench).await;
    let listed = bench
        .readers
        .boards(&Access::open(), None, 2)
        .await
        .unwrap();
    let ids: Vec<_> = listed
        .iter()
        .map(|listed| listed.board.id.as_str())
        .collect();
    assert_eq!(ids, ["c"], "a board that can't be read hides no other");
}

#[tokio::test]
async fn a_board_whose_log_has_an_impossible_end() {
    let mut bench = with("UPDATE board SET head_seq = -1 WHERE id = 'b'");
    check_unavailable(
        &mut bench,
        [
            retitle("t1", "No place for its event").into_request(),
            create_task("l", "new").into_request(),
            rename_board("b", "Another name").into_request(),
        ],
    );
    assert!(
        bench
            .readers
            .locate(&Access::open(), &board_id("b"), None)
            .await
            .is_err()
    );
    assert!(
        bench
            .readers
            .after(&board_id("b"), Cursor::START)
            .await
            .is_err()
    );
    check_others_go_on(&bench).await;
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_not_carried_out_twice() {
    for nonsense in ["'nonsense'", "CAST(X'ff' AS TEXT)"] {
        let mut bench = with(&format!("UPDATE answer SET outcome = {nonsense}"));
        check_unavailable(&mut bench, [keyed(retitle("tc", "Once"), "key", "once")]);
        check_others_go_on(&bench).await;
    }
}

#[tokio::test]
async fn a_statement_that_fails_undoes_its_whole_batch_and_the_next_batch_goes_on() {
    let mut bench = Bench::new();
    bench.furnish(3);
    let mut bench = bench.reopen_after(|path| {
        let other = Connection::open(path).unwrap();
        let trigger = "CREATE TRIGGER t BEFORE UPDATE ON task WHEN old.id = 't1' BEGIN SELECT RAISE(ABORT, ''); END";
        other.execute_batch(trigger).unwrap();
    });
    let before = bench.log_after("b", Cursor::START).await;
    let snapshot = bench.snapshot("b").await;
    let batch = ["t0", "t1", "t2"].map(|task| retitle(task, "Changed").into_request());
    for _ in 0..3 {
        let committed = bench.commit(&batch);
        assert_eq!(committed.answers, [const { Err(Failure::Unavailable) }; 3]);
        assert!(committed.segments.is_empty());
        assert_eq!(bench.log_after("b", Cursor::START).await, before);
        assert_eq!(bench.snapshot("b").await, snapshot);
    }
    bench.accept(retitle("t0", "Changed"));
    let log = bench.log_after("b", Cursor::START).await;
    assert_eq!(
        (log.len(), &log[..before.len()]),
        (before.len() + 1, &before[..])
    );
    assert_eq!(bench.snapshot("b").await.unwrap().0, folded(&log).unwrap());
}
