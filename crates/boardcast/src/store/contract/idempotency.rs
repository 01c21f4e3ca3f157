//! A retry does nothing twice (I4; wire contract, section 2, safe writes).

use super::requests::{
    board_id, create_board, create_list, create_task, delete_list, delete_task, keyed, move_task,
    retitle, task_id,
};
use super::{Bench, IntoRequest, check};
use crate::store::Failure;
use boardcast_core::access::Access;
use boardcast_core::limits::ANSWER_HOURS_KEPT;
use boardcast_core::protocol::{Command, Kind, Outcome, Refusal, Slot};

#[tokio::test]
async fn the_same_request_under_a_key_gets_the_first_answer_and_does_nothing_more() {
    check(async |mut bench: Bench| {
        bench.furnish(1);
        let first = bench.ask(keyed(retitle("t0", "One"), "key", "one"));
        bench.accept(retitle("t0", "Two"));
        let head = bench.head("b").await;
        for _ in 0..3 {
            let committed = bench.commit(&[keyed(retitle("t0", "One"), "key", "one")]);
            assert_eq!(committed.answers[0], first);
            assert!(committed.segments.is_empty());
        }
        bench = bench.reopen_after(|_| {});
        assert_eq!(bench.ask(keyed(retitle("t0", "One"), "key", "one")), first);
        assert_eq!(bench.head("b").await, head);
    })
    .await;
}

#[tokio::test]
async fn a_retry_in_the_same_batch_happens_once_as_well() {
    check(async |mut bench: Bench| {
        bench.furnish(0);
        let create = keyed(create_task("l", "t"), "key", "create");
        let committed = bench.commit(&[create.clone(), create.clone(), create]);
        assert!(committed.answers[0].is_ok());
        assert!(
            committed
                .answers
                .iter()
                .all(|answer| *answer == committed.answers[0])
        );
        assert_eq!(bench.head("b").await.seq, 3);
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_answer_is_kept() {
    check(async |mut bench: Bench| {
        bench.furnish(1);
        for (index, command) in [
            create_board("b2"),
            create_list("b", "l2"),
            create_task("l", "t1"),
            move_task("t0", "l2", Slot::Top),
            retitle("t0", "Task t0"),
            delete_task("t0"),
            delete_list("l"),
            Command::DeleteBoard {
                board_id: board_id("b"),
            },
        ]
        .into_iter()
        .enumerate()
        {
            let request = keyed(command, &format!("key-{index}"), "body");
            let first = bench.ask(request.clone());
            assert!(first.is_ok(), "{first:?}");
            assert_eq!(bench.ask(request), first);
        }
    })
    .await;
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused_until_the_answer_expires() {
    check(async |mut bench: Bench| {
        bench.furnish(1);
        let hours = i64::try_from(ANSWER_HOURS_KEPT).unwrap();
        let ask =
            |bench: &mut Bench, title: &str| bench.ask(keyed(retitle("t0", title), "key", title));
        assert!(ask(&mut bench, "One").is_ok());
        assert_eq!(ask(&mut bench, "Two"), Err(Refusal::KeyReused.into()));
        bench.clock.turn_hours(hours);
        assert_eq!(
            ask(&mut bench, "Two"),
            Err(Refusal::KeyReused.into()),
            "24 hours are kept whole"
        );
        bench.clock.turn_hours(1);
        assert!(ask(&mut bench, "Two").is_ok());
        assert_eq!(
            ask(&mut bench, "One"),
            Err(Refusal::KeyReused.into()),
            "now it is the key of the second"
        );
    })
    .await;
}

#[tokio::test]
async fn an_expired_answer_is_not_given_again_whether_it_was_deleted_or_not() {
    check(async |mut bench: Bench| {
        bench.furnish(1);
        let request = keyed(retitle("t0", "One"), "key", "one");
        bench.ask(request.clone()).unwrap();
        bench.accept(retitle("t0", "Two"));
        bench.clock.turn_hours(25);
        while bench.writer.maintain().expect("nothing fatal").has_more {}
        let Ok(Outcome::Task(task)) = bench.ask(request) else {
            panic!("it is decided afresh")
        };
        assert_eq!((task.title.as_str(), task.version), ("One", 4));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_not_kept_but_decided_afresh() {
    check(async |mut bench: Bench| {
        bench.furnish(0);
        let request = keyed(retitle("t", "Later"), "key", "later");
        assert_eq!(
            bench.ask(request.clone()),
            Err(Refusal::NotFound(Kind::Task).into())
        );
        bench.accept(create_task("l", "t"));
        assert!(bench.ask(request).is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_create_asked_again_under_a_key_finds_its_thing_wherever_that_went() {
    check(async |mut bench: Bench| {
        bench.furnish(1);
        bench.accept(create_list("b", "l2"));
        bench.accept(move_task("t0", "l2", Slot::Top));
        bench.accept(delete_list("l"));
        // The list that the body names is gone; the thing that it made is not.
        let again = keyed(create_task("l", "t0"), "key", "create");
        let answer = bench.ask(again.clone());
        let Ok(Outcome::Task(task)) = &answer else {
            panic!("{answer:?}")
        };
        assert_eq!((task.list_id.as_str(), task.version), ("l2", 2));
        bench.accept(delete_task("t0"));
        assert_eq!(bench.ask(again), answer, "the first answer is kept");
        let unkeyed = create_task("l", "t0").into_request();
        assert_eq!(bench.ask(unkeyed), Err(Failure::Refused(Refusal::IdTaken)));
        assert_eq!(
            bench.readers.task(&Access::open(), task_id("t0")).await,
            Ok(None)
        );
    })
    .await;
}
