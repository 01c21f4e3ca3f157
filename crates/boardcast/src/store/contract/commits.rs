//! A batch is one transaction: all its accepted requests happen together, its refused ones not at
//! all, and what happened comes out as one segment per board (I1, I3).

use super::requests::{
    board_id, create_board, create_list, create_task, delete_task, if_version, key_of, move_task,
    rename_board, retitle,
};
use super::{Bench, IntoRequest, check, entries_in, folded};
use crate::store::Failure;
use boardcast_core::access::Access;
use boardcast_core::cursor::Cursor;
use boardcast_core::protocol::{Kind, Outcome, Refusal, Request, Slot};

#[tokio::test]
async fn a_batch_is_answered_in_order_and_a_refusal_touches_nobody_else() {
    check(async |mut bench: Bench| {
        bench.furnish(1);
        let answers = bench.commit(&[
            create_task("l", "first").into_request(),
            delete_task("nowhere").into_request(),
            if_version(retitle("t0", "Too late"), 9),
            create_task("elsewhere", "t0").into_request(),
            create_task("nolist", "second").into_request(),
            move_task("first", "l", Slot::Top).into_request(),
            move_task("t0", "l", Slot::After(super::task_id("gone"))).into_request(),
            retitle("first", "Still in the same batch").into_request(),
        ]);
        let said: Vec<_> = answers.answers.iter().map(summary).collect();
        let expected = [
            "first 1",
            "NotFound",
            "VersionMismatch",
            "IdTaken",
            "UnknownReference",
            "first 2",
            "NeighbourGone",
            "first 3",
        ];
        assert_eq!(said, expected);
        let whole = bench.log_after("b", Cursor::START).await;
        let kinds: Vec<_> = whole[3..].iter().map(|entry| kind(&entry.json)).collect();
        assert_eq!(kinds, ["task_created", "task_moved", "task_updated"]);
        assert_eq!(
            bench.snapshot("b").await.unwrap().0,
            folded(&whole).unwrap()
        );
    })
    .await;
}

#[tokio::test]
async fn each_board_that_changed_gets_one_segment_that_follows_its_log() {
    check(async |mut bench: Bench| {
        for board in ["x", "y", "z"] {
            bench.accept(create_board(board));
            bench.accept(create_list(board, &format!("l{board}")));
        }
        let before = [bench.head("x").await, bench.head("y").await];
        let committed = bench.commit(&requests([
            create_task("ly", "y1"),
            create_task("lx", "x1"),
            create_task("ly", "y2"),
            rename_board("z", "Board z"),
            create_task("lx", "x2"),
            create_task("ly", "y3"),
        ]));
        let segments = &committed.segments;
        let boards: Vec<_> = segments
            .iter()
            .map(|segment| segment.board_id().as_str())
            .collect();
        assert_eq!(boards, ["x", "y"], "z was asked to become what it is");
        for (segment, head) in segments.iter().zip(before) {
            assert_eq!(segment.first_seq(), head.seq + 1);
            let published = entries_in(&segment.after(head));
            assert_eq!(
                published,
                bench.log_after(segment.board_id().as_str(), head).await
            );
            assert_eq!(
                segment.last(),
                bench.head(segment.board_id().as_str()).await
            );
        }
        let subjects = entries_in(&segments[1].after(before[1]));
        let titles: Vec<_> = subjects.iter().map(|entry| title(&entry.json)).collect();
        assert_eq!(
            titles,
            ["Task y1", "Task y2", "Task y3"],
            "in the requests' order"
        );
    })
    .await;
}

#[tokio::test]
async fn marks_chain_every_event_to_all_before_it() {
    check(async |mut bench: Bench| {
        for board in ["x", "y"] {
            bench.accept(create_board(board));
            bench.accept(create_list(board, &format!("l{board}")));
        }
        bench.commit(&requests([
            create_task("lx", "x1"),
            create_task("ly", "y1"),
            create_task("lx", "x2"),
        ]));
        bench = bench.reopen_after(|_| {});
        bench.accept(retitle("x1", "After a restart"));
        for board in ["x", "y"] {
            let mut mark = [0; 6];
            for (entry, seq) in bench
                .log_after(board, Cursor::START)
                .await
                .iter()
                .zip(1_u64..)
            {
                let mut hashed = seq.to_be_bytes().to_vec();
                hashed.extend(mark);
                hashed.extend(entry.json.as_bytes());
                mark.copy_from_slice(
                    &blake3::keyed_hash(&key_of(board).0, &hashed).as_bytes()[..6],
                );
                assert_eq!((entry.cursor.seq, entry.cursor.mark.0), (seq, mark));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_board_made_anew_elsewhere_has_other_marks() {
    check(async |mut bench: Bench| {
        bench.accept(create_board("x"));
        bench.accept(create_board("y"));
        assert!(!bench.is_good("y", bench.head("x").await).await);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_boards_last_event_is_still_owed_and_its_id_stays_taken() {
    check(async |mut bench: Bench| {
        bench.furnish(1);
        let before = bench.head("b").await;
        let delete = boardcast_core::protocol::Command::DeleteBoard {
            board_id: board_id("b"),
        };
        let committed = bench.commit(&[
            delete.into_request(),
            retitle("t0", "On a board that is gone").into_request(),
            create_board("b").into_request(),
        ]);
        let said: Vec<_> = committed.answers.iter().map(summary).collect();
        assert_eq!(said, ["deleted", "NotFound", "IdTaken"]);
        assert!(committed.segments[0].ends_stream());
        let last = bench.log_after("b", before).await;
        assert_eq!(
            (last.len(), kind(&last[0].json)),
            (1, "board_deleted".into())
        );
        assert_eq!(bench.snapshot("b").await, None);
        assert_eq!(bench.locate("b", Some(before)).await, None);
        assert_eq!(
            bench
                .readers
                .task(&Access::open(), super::task_id("t0"))
                .await,
            Ok(None)
        );
    })
    .await;
}

fn requests<const N: usize>(commands: [boardcast_core::protocol::Command; N]) -> [Request; N] {
    commands.map(IntoRequest::into_request)
}

/// The place that the log of `furnish` stands at after so many events: only its number is looked at.
fn summary(answer: &crate::store::Answer) -> String {
    match answer {
        Ok(Outcome::Task(task)) => format!("{} {}", task.id, task.version),
        Ok(Outcome::Deleted) => "deleted".into(),
        Ok(other) => format!("{other:?}"),
        Err(Failure::Refused(refusal)) => match refusal {
            Refusal::NotFound(Kind::Task) => "NotFound".into(),
            other => {
                let debug = format!("{other:?}");
                let end = debug
                    .find(|c: char| !c.is_alphabetic())
                    .unwrap_or(debug.len());
                debug[..end].to_owned()
            }
        },
        Err(other) => format!("{other:?}"),
    }
}

fn kind(json: &str) -> String {
    field(json, "/type")
}

fn title(json: &str) -> String {
    field(json, "/task/title")
}

fn field(json: &str, pointer: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(json).expect("an event");
    event
        .pointer(pointer)
        .and_then(|text| text.as_str())
        .expect("it has that")
        .to_owned()
}
