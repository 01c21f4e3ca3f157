//! What the log gives up and what it keeps: past the age *and* past the count, oldest first, in
//! steps that delay no write; the floor stays a good place (wire contract, section 3).

use super::requests::{board_id, create_board, create_list, delete_task, retitle};
use super::{Bench, Entry, IntoRequest, check_keeping};
use crate::live::Page;
use crate::outside::Outside;
use crate::store::Retention;
use boardcast_core::cursor::Cursor;
use boardcast_core::limits::{BATCH_COMMANDS_MAX, PRUNE_ROWS_MAX};

const TEN_EVENTS_A_DAY: Retention = Retention {
    events: 10,
    days: 1,
};

/// Steps of retention until there is nothing more to do; how many did something.
fn prune(bench: &mut Bench) -> usize {
    let mut steps = 0;
    while bench.writer.maintain().expect("nothing fatal").has_more {
        steps += 1;
        assert!(steps < 1_000, "retention comes to an end");
    }
    steps
}

/// So many more events on the board of `furnish`.
fn happen(bench: &mut Bench, events: usize) {
    let now = bench.clock.now();
    for index in 0..events {
        bench.accept(retitle("t0", &format!("Title {index} of {now}")));
    }
}

/// The first event still kept.
async fn oldest(bench: &Bench, log: &[Entry]) -> u64 {
    for entry in log {
        if bench.is_good("b", entry.cursor).await {
            // The floor is the event before the first one kept.
            return entry.cursor.seq + 1;
        }
    }
    panic!("no place is good");
}

#[tokio::test]
async fn an_event_goes_only_past_the_age_and_past_the_count() {
    check_keeping(TEN_EVENTS_A_DAY, async |mut bench: Bench| {
        bench.furnish(1);
        happen(&mut bench, 22);
        let log = bench.log_after("b", Cursor::START).await;
        assert_eq!(log.len(), 25);
        assert_eq!(prune(&mut bench), 0, "all are young");
        bench.clock.turn_hours(25);
        happen(&mut bench, 3);
        assert!(prune(&mut bench) > 0);
        let all = bench.log_after("b", log[17].cursor).await;
        assert_eq!(
            (all.len(), all[0].cursor.seq),
            (10, 19),
            "28 happened, the newest 10 stay, whatever their age"
        );
        assert_eq!(
            prune(&mut bench),
            0,
            "the old ones that are left are among the newest"
        );
        bench.clock.turn_days(400);
        assert_eq!(prune(&mut bench), 0);
        assert_eq!(bench.log_after("b", log[17].cursor).await, all);
    })
    .await;
}

#[tokio::test]
async fn young_events_stay_whatever_their_number() {
    check_keeping(TEN_EVENTS_A_DAY, async |mut bench: Bench| {
        bench.furnish(1);
        bench.clock.turn_hours(30);
        happen(&mut bench, 40);
        bench.clock.turn_hours(20);
        let before = bench.log_after("b", Cursor::START).await;
        prune(&mut bench);
        assert_eq!(
            oldest(&bench, &before).await,
            4,
            "only those of furnishing are older than a day"
        );
        assert_eq!(bench.log_after("b", before[2].cursor).await, before[3..]);
    })
    .await;
}

#[tokio::test]
async fn the_floor_is_a_good_place_and_none_below_it_is() {
    check_keeping(TEN_EVENTS_A_DAY, async |mut bench: Bench| {
        bench.furnish(1);
        happen(&mut bench, 27);
        let log = bench.log_after("b", Cursor::START).await;
        let snapshot = bench.snapshot("b").await;
        bench.clock.turn_hours(25);
        prune(&mut bench);
        bench = bench.reopen_after(|_| {});
        assert!(!bench.is_good("b", Cursor::START).await);
        for entry in &log {
            let is_kept = entry.cursor.seq >= 20;
            assert_eq!(
                bench.is_good("b", entry.cursor).await,
                is_kept,
                "{}",
                entry.cursor
            );
            let page = bench.page_after("b", entry.cursor).await;
            match page {
                Page::Events(segment) => {
                    assert!(is_kept && segment.first_seq() == entry.cursor.seq + 1);
                }
                Page::Empty => assert_eq!(entry, log.last().unwrap()),
                Page::Gap => assert!(!is_kept),
            }
        }
        let wrong_mark = Cursor {
            seq: 20,
            ..log[0].cursor
        };
        assert!(!bench.is_good("b", wrong_mark).await);
        assert_eq!(
            bench.snapshot("b").await,
            snapshot,
            "what stands is not what is forgotten"
        );
        bench.accept(retitle("t0", "The log goes on from its head"));
        assert_eq!(bench.head("b").await.seq, 31);
    })
    .await;
}

#[tokio::test]
async fn nothing_kept_leaves_the_head_as_a_good_place() {
    check_keeping(
        Retention { events: 0, days: 0 },
        async |mut bench: Bench| {
            bench.furnish(1);
            bench.clock.turn_hours(1);
            prune(&mut bench);
            let head = bench.head("b").await;
            assert!(bench.is_good("b", head).await);
            assert!(matches!(bench.page_after("b", head).await, Page::Empty));
            assert!(matches!(
                bench.page_after("b", Cursor::START).await,
                Page::Empty | Page::Gap
            ));
            bench.accept(retitle("t0", "Next"));
            assert_eq!(bench.log_after("b", head).await.len(), 1);
        },
    )
    .await;
}

#[tokio::test]
async fn a_clock_that_jumps_forwards_never_takes_the_newest() {
    check_keeping(TEN_EVENTS_A_DAY, async |mut bench: Bench| {
        bench.furnish(1);
        happen(&mut bench, 30);
        let log = bench.log_after("b", Cursor::START).await;
        bench.clock.turn_days(365_000);
        prune(&mut bench);
        assert_eq!(bench.log_after("b", log[22].cursor).await, log[23..]);
        bench.clock.turn_days(-365_000);
        prune(&mut bench);
        happen(&mut bench, 5);
        bench.clock.turn_hours(3);
        prune(&mut bench);
        assert_eq!(
            bench.log_after("b", log[22].cursor).await.len(),
            15,
            "back in time all are young again"
        );
        bench.clock.turn_days(2);
        prune(&mut bench);
        assert_eq!(
            oldest(&bench, &log).await,
            29,
            "it goes on by the clock as it is now"
        );
    })
    .await;
}

#[tokio::test]
async fn a_clock_set_back_prunes_nothing_and_retention_goes_on_once_it_is_right() {
    check_keeping(TEN_EVENTS_A_DAY, async |mut bench: Bench| {
        bench.furnish(1);
        happen(&mut bench, 30);
        prune(&mut bench);
        bench.clock.turn_days(-500);
        happen(&mut bench, 5);
        assert_eq!(prune(&mut bench), 0);
        let log = bench.log_after("b", Cursor::START).await;
        assert_eq!(log.len(), 38);
        bench.clock.turn_days(502);
        assert!(prune(&mut bench) > 0);
        let left = bench.log_after("b", log[27].cursor).await;
        assert_eq!(left.len(), 10);
    })
    .await;
}

#[tokio::test]
async fn a_long_log_goes_in_small_steps_between_which_writes_have_their_turn() {
    check_keeping(TEN_EVENTS_A_DAY, async |mut bench: Bench| {
        bench.furnish(1);
        let extra = 3 * PRUNE_ROWS_MAX;
        let retitles: Vec<_> = (0..extra + 7)
            .map(|index| retitle("t0", &format!("Title {index}")).into_request())
            .collect();
        for batch in retitles.chunks(BATCH_COMMANDS_MAX) {
            bench.commit(batch);
        }
        let log = bench.log_after("b", Cursor::START).await;
        bench.clock.turn_days(2);
        let mut floor = 0;
        while bench.writer.maintain().expect("nothing fatal").has_more {
            let now = oldest(&bench, &log[floor..]).await as usize - 1;
            assert!(
                now - floor <= PRUNE_ROWS_MAX,
                "a step from {floor} to {now}"
            );
            floor = now;
            // A write in between, which counts among the newest.
            bench.accept(retitle("t0", &format!("In between, after {floor}")));
        }
        assert_eq!(floor, log.len(), "in the end all that was old has gone");
    })
    .await;
}

#[tokio::test]
async fn each_board_is_pruned_by_its_own_log() {
    check_keeping(TEN_EVENTS_A_DAY, async |mut bench: Bench| {
        bench.furnish(1);
        bench.accept(create_board("quiet"));
        bench.accept(create_list("quiet", "lq"));
        happen(&mut bench, 30);
        bench.accept(delete_task("t0"));
        bench.accept(boardcast_core::protocol::Command::DeleteBoard {
            board_id: board_id("b"),
        });
        let log = bench.log_after("b", Cursor::START).await;
        bench.clock.turn_days(2);
        prune(&mut bench);
        assert_eq!(bench.log_after("quiet", Cursor::START).await.len(), 2);
        assert!(matches!(
            bench.page_after("b", log[0].cursor).await,
            Page::Gap
        ));
        let last = bench.log_after("b", log[log.len() - 2].cursor).await;
        assert_eq!(
            last,
            log[log.len() - 1..],
            "the end of a deleted board is still owed"
        );
    })
    .await;
}
