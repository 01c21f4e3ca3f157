//! A cursor names a place in one history: which ones the log serves from, and what it gives there.

use super::requests::{
    create_board, create_list, create_task, create_task_with, delete_task, task_id,
};
use super::{Bench, IntoRequest, check, entries_in};
use crate::live::Page;
use crate::store::Failure;
use boardcast_core::access::Access;
use boardcast_core::cursor::{Cursor, Mark};
use boardcast_core::limits::{FRAME_BYTES_MAX, LOG_READ_BYTES_MAX, LOG_READ_ROWS_MAX};

#[tokio::test]
async fn every_place_in_the_history_is_good_and_no_other() {
    check(async |mut bench: Bench| {
        bench.furnish(5);
        bench.accept(create_board("b2"));
        bench.accept(create_list("b2", "l2"));
        let log = bench.log_after("b", Cursor::START).await;
        assert!(bench.is_good("b", Cursor::START).await);
        for entry in &log {
            assert!(bench.is_good("b", entry.cursor).await, "{}", entry.cursor);
            let Mark([first, rest @ ..]) = entry.cursor.mark;
            let [a, b, c, d, e] = rest;
            let forged = Mark([first ^ 1, a, b, c, d, e]);
            assert!(
                !bench
                    .is_good(
                        "b",
                        Cursor {
                            mark: forged,
                            ..entry.cursor
                        }
                    )
                    .await
            );
        }
        let head = bench.head("b").await;
        for foreign in [
            bench.head("b2").await,
            Cursor { seq: 0, ..head },
            Cursor {
                seq: head.seq + 1,
                ..head
            },
            Cursor {
                seq: i64::MAX as u64,
                ..head
            },
            Cursor {
                seq: u64::MAX,
                ..head
            },
        ] {
            assert!(!bench.is_good("b", foreign).await, "{foreign}");
        }
        assert_eq!(bench.locate("nowhere", Some(head)).await, None);
        assert!(matches!(
            bench.page_after("nowhere", Cursor::START).await,
            Page::Empty
        ));
    })
    .await;
}

/// Who watched a board that was purged, and whose id has another board now, is not given its events.
#[tokio::test]
async fn a_place_of_another_history_is_given_no_events() {
    check(async |mut bench: Bench| {
        bench.furnish(5);
        let log = bench.log_after("b", Cursor::START).await;
        for entry in &log {
            let foreign = Cursor {
                mark: Mark([9; 6]),
                ..entry.cursor
            };
            let page = bench.page_after("b", foreign).await;
            assert!(matches!(page, Page::Empty), "{foreign}: {page:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_read_that_begins_after_an_answer_includes_what_was_answered() {
    check(async |mut bench: Bench| {
        bench.furnish(0);
        for round in 0..50 {
            let id = format!("t{round}");
            let place = bench.head("b").await;
            bench.accept(create_task("l", &id));
            let head = bench.head("b").await;
            assert_eq!(head.seq, place.seq + 1);
            let Page::Events(segment) = bench.page_after("b", place).await else {
                panic!("an event")
            };
            assert_eq!(segment.last(), head);
            assert!(
                bench
                    .readers
                    .task(&Access::open(), task_id(&id))
                    .await
                    .unwrap()
                    .is_some()
            );
            let (json, cursor) = bench.snapshot("b").await.unwrap();
            assert_eq!(cursor, head);
            assert!(json.contains(&format!("Task {id}\"")));
        }
        bench.accept(delete_task("t7"));
        assert_eq!(
            bench.readers.task(&Access::open(), task_id("t7")).await,
            Ok(None)
        );
    })
    .await;
}

#[tokio::test]
async fn a_read_of_the_log_is_bounded_in_bytes_and_always_gets_on() {
    check(async |mut bench: Bench| {
        bench.furnish(0);
        let long = "d".repeat(32 * 1024);
        for index in 0..12 {
            bench.accept(create_task_with("l", &format!("long{index}"), &long));
        }
        let (mut place, mut pages) = (Cursor::START, 0);
        while let Page::Events(segment) = bench.page_after("b", place).await {
            assert_eq!(segment.first_seq(), place.seq + 1);
            assert!(
                segment.len() < LOG_READ_BYTES_MAX + FRAME_BYTES_MAX,
                "{}",
                segment.len()
            );
            place = segment.last();
            pages += 1;
        }
        assert_eq!(place, bench.head("b").await);
        assert!((4..=14).contains(&pages), "{pages} pages");
    })
    .await;
}

#[tokio::test]
async fn a_read_of_the_log_is_bounded_in_events() {
    check(async |mut bench: Bench| {
        bench.furnish(0);
        let tiny: Vec<_> = (0..200)
            .map(|index| create_task("l", &format!("t{index}")).into_request())
            .collect();
        let tiny_gone: Vec<_> = (0..200)
            .map(|index| delete_task(&format!("t{index}")).into_request())
            .collect();
        bench.commit(&tiny);
        bench.commit(&tiny_gone);
        let Page::Events(segment) = bench.page_after("b", Cursor::START).await else {
            panic!("events")
        };
        let events = entries_in(&segment.after(Cursor::START)).len();
        assert!(
            events <= LOG_READ_ROWS_MAX && segment.len() < LOG_READ_BYTES_MAX + FRAME_BYTES_MAX
        );
        assert_eq!(bench.log_after("b", Cursor::START).await.len(), 402);
    })
    .await;
}

#[tokio::test]
async fn boards_are_listed_by_id_after_one_of_them() {
    check(async |mut bench: Bench| {
        for board in ["c", "a", "d", "b"] {
            bench.accept(create_board(board));
        }
        bench.accept(boardcast_core::protocol::Command::DeleteBoard {
            board_id: super::board_id("c"),
        });
        let page = async |after: Option<&str>, limit| {
            let boards = bench
                .readers
                .boards(&Access::open(), after.map(super::board_id), limit)
                .await
                .unwrap();
            boards
                .iter()
                .map(|listed| listed.board.id.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(page(None, 10).await, ["a", "b", "d"]);
        assert_eq!(page(None, 2).await, ["a", "b"]);
        assert_eq!(page(Some("b"), 2).await, ["d"]);
        assert_eq!(
            page(Some("c"), 2).await,
            ["d"],
            "a deleted board is a place as well"
        );
        assert!(page(Some("d"), 2).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_closed_store_refuses_to_read() {
    check(async |mut bench: Bench| {
        bench.furnish(1);
        bench.readers.close();
        assert_eq!(
            bench.readers.task(&Access::open(), task_id("t0")).await,
            Err(Failure::Unavailable)
        );
        assert_eq!(
            bench.readers.boards(&Access::open(), None, 1).await,
            Err(Failure::Unavailable)
        );
        // What was taken is still carried out.
        bench.accept(create_task("l", "t1"));
    })
    .await;
}
