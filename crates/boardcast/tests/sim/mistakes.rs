//! The judge bites: each of these mistakes, made on purpose, is found within a few seeds, and as what it
//! is. One that isn't found means that the judge is broken, or that no run gets there any more.

use crate::swarm::{Mistake, Run, Way};
use crate::world::{carry_out, disarm_mistakes};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A mistake that isn't found in so many seeds is not found.
const SEEDS_MAX: u64 = 100;

/// Something was shown that is gone now, or has become something else.
const GONE: [&str; 2] = ["the log ends at", "number "];

/// What came isn't coded in chunks.
const NO_CHUNKS: [&str; 3] = [
    "a chunk is longer than its size says",
    "is no chunk size",
    // One that went on into the next.
    "a carriage return after",
];

/// Found by either way, in a world whose streams all take it.
#[track_caller]
fn check_found(mistake: Mistake, says: &[&str]) {
    check_found_by(Way::Body, mistake, says);
    check_found_by(Way::Shard, mistake, says);
}

#[track_caller]
fn check_found_by(way: Way, mistake: Mistake, says: &[&str]) {
    check_found_in(Some(way), false, mistake, says);
}

/// Found in worlds that take this way alone, if any, and in which accounts are on or not.
#[track_caller]
fn check_found_in(way: Option<Way>, accounts: bool, mistake: Mistake, says: &[&str]) {
    let found = (0..SEEDS_MAX).find_map(|seed| {
        let mut run = Run::of(seed);
        run.mistake = Some(mistake);
        run.way = way;
        run.accounts = Some(accounts);
        first_wrong(&run).map(|wrong| (seed, wrong))
    });
    let (seed, wrong) =
        found.unwrap_or_else(|| panic!("{mistake:?} by way of {way:?} was not found"));
    assert!(
        says.iter().any(|part| wrong.contains(part)),
        "{mistake:?} by way of {way:?} with seed {seed} was found as {wrong}"
    );
}

/// What the judge found first, unless the shard itself saw that something can't be.
fn first_wrong(run: &Run) -> Option<String> {
    let carried_out = catch_unwind(AssertUnwindSafe(|| carry_out(run)));
    disarm_mistakes();
    match carried_out {
        Ok(verdict) => verdict.wrong.into_iter().next(),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|&said| said.to_owned()));
            Some(said.unwrap_or_default())
        }
    }
}

#[test]
fn what_is_published_before_it_is_committed_is_found() {
    check_found(Mistake::PublishBeforeCommit, &GONE);
}

#[test]
fn what_is_answered_before_it_is_committed_is_found() {
    check_found(
        Mistake::AnswerBeforeCommit,
        &[
            "which no event made",
            "its events say",
            "was answered before",
        ],
    );
}

#[test]
fn a_start_without_a_checkpoint_is_found() {
    check_found(Mistake::NoCheckpointAtStart, &GONE);
}

#[test]
fn a_head_that_is_read_before_its_watcher_is_registered_is_found() {
    check_found(
        Mistake::HeadBeforeRegistration,
        &["which stands at", "it has not left"],
    );
}

#[test]
fn a_wake_up_that_is_dropped_is_found() {
    check_found(Mistake::DroppedWakeUp, &["which stands at"]);
}

#[test]
fn a_watcher_that_a_pass_forgets_is_found() {
    check_found(
        Mistake::ForgottenWatcher,
        &[
            "which stands at",
            "is Queued, in the queue and waiting (0, 0)",
        ],
    );
}

#[test]
fn a_replay_that_begins_one_event_too_late_is_found() {
    // The newest event is lost without one after it that would tell.
    check_found(Mistake::ResumeOffByOne, &["lost: after", "which stands at"]);
}

#[test]
fn a_cursor_of_another_history_that_is_taken_is_found() {
    check_found(
        Mistake::MarkNotChecked,
        &["is no place of its log, and was taken", "number "],
    );
}

#[test]
fn two_neighbours_of_one_rank_are_found() {
    check_found(Mistake::RankCollision, &["stands before"]);
}

#[test]
fn a_restored_board_whose_old_cursors_stay_good_is_found() {
    check_found(Mistake::OldCursorsStayGood, &["board_restored"]);
}

#[test]
fn an_answer_that_is_kept_outside_the_transaction_is_found() {
    check_found(
        Mistake::KeyOutsideTransaction,
        &["happened more than once", "refused, and it happened"],
    );
}

// In the shard alone.

#[track_caller]
fn check_found_in_the_shard(mistake: Mistake, says: &[&str]) {
    check_found_by(Way::Shard, mistake, says);
}

#[test]
fn events_that_are_sent_apart_are_found() {
    check_found_in_the_shard(
        Mistake::EventsApart,
        &["was sent in pieces what was published at once"],
    );
}

#[test]
fn a_half_sent_event_whose_rest_is_dropped_is_found() {
    let mut says = NO_CHUNKS.to_vec();
    // What was dropped was the newest.
    says.push("which stands at");
    check_found_in_the_shard(Mistake::RestDropped, &says);
}

#[test]
fn a_half_sent_event_whose_rest_comes_twice_is_found() {
    check_found_in_the_shard(Mistake::RestTwice, &NO_CHUNKS);
}

#[test]
fn a_send_to_a_full_socket_is_found() {
    check_found_in_the_shard(
        Mistake::SentWhileFull,
        &["was sent to before it was writable"],
    );
}

#[test]
fn a_watcher_that_is_listed_where_it_does_not_stand_is_found() {
    check_found_in_the_shard(
        Mistake::ListedAtStart,
        &["everyone at a pass's start has the same"],
    );
}

#[test]
fn a_page_of_the_log_that_goes_to_another_one_is_found() {
    check_found_in_the_shard(
        Mistake::PageOfAnother,
        // Or the watcher itself sees that it has been there.
        &[
            "lost: after",
            "duplicate: after",
            "a watcher's place goes up",
        ],
    );
}

#[test]
fn a_snapshot_that_goes_on_one_byte_too_far_is_found() {
    check_found_in_the_shard(Mistake::SliceOffByOne, &NO_CHUNKS);
}

#[test]
fn a_heartbeat_in_a_half_sent_event_is_found() {
    check_found_in_the_shard(Mistake::HeartbeatInEvent, &NO_CHUNKS);
}

#[test]
fn a_watcher_that_is_cut_and_stays_is_found() {
    check_found_in_the_shard(
        Mistake::CutIgnored,
        &["after it was cut", "is cut, and was not closed"],
    );
}

#[test]
fn a_sender_that_doesnt_look_who_lost_their_rights_is_found() {
    check_found_in_the_shard(Mistake::RightsIgnored, &["lost its rights"]);
}

#[test]
fn a_lease_that_is_lost_on_its_way_to_the_sender_and_forgotten_is_found() {
    check_found_in_the_shard(Mistake::RightsForgottenInJoin, &["lost its rights"]);
}

#[test]
fn a_reader_that_stalls_for_ever_is_found() {
    check_found_in_the_shard(
        Mistake::StallIgnored,
        &["takes nothing, and was not closed"],
    );
}

// With accounts.

/// Somebody was shown something that was not theirs to see, or would have been.
const SHOWN: [&str; 4] = [
    "received something of",
    "after it lost its rights",
    "lost its rights, and was not closed",
    "still watches",
];

const ANSWERED_TOO_SOON: &str = "that was answered before its stream was cut";

/// Found by either way, in a world in which accounts are on.
#[track_caller]
fn check_found_with_accounts(mistake: Mistake, says: &[&str]) {
    check_found_in(Some(Way::Body), true, mistake, says);
    check_found_in(Some(Way::Shard), true, mistake, says);
}

#[test]
fn a_body_that_is_not_cut_with_its_rights_is_found() {
    let says = [&SHOWN[..], &[ANSWERED_TOO_SOON]].concat();
    check_found_in(Some(Way::Body), true, Mistake::BodyNotCut, &says);
}

#[test]
fn a_stream_that_is_cut_after_the_answer_is_found() {
    let says = [&SHOWN[..], &[ANSWERED_TOO_SOON]].concat();
    check_found_with_accounts(Mistake::CutAfterAnswers, &says);
}

#[test]
fn a_session_that_ends_and_forgets_one_of_its_streams_is_found() {
    let says = [&SHOWN[..], &[ANSWERED_TOO_SOON]].concat();
    check_found_with_accounts(Mistake::StreamForgotten, &says);
}

#[test]
fn a_stream_that_outlives_the_switch_to_accounts_is_found() {
    let says = [&SHOWN[..], &[ANSWERED_TOO_SOON]].concat();
    check_found_with_accounts(Mistake::OpenModeGoesOn, &says);
}

#[test]
fn a_ticket_that_lets_in_twice_or_for_ever_is_found() {
    let says = ["was let in by a bad ticket"];
    check_found_with_accounts(Mistake::TicketStays, &says);
    check_found_in(None, true, Mistake::TicketNeverEnds, &says);
}

#[test]
fn rights_that_are_read_outside_the_transaction_are_found() {
    let says = [
        "who might not",
        "they see nothing",
        "was answered",
        "not found",
    ];
    check_found_in(None, true, Mistake::RightsReadOutside, &says);
}

#[test]
fn a_replay_that_is_not_judged_is_found() {
    let says = [&SHOWN[..], &["joins without rights"]].concat();
    check_found_with_accounts(Mistake::ReplayNotJudged, &says);
}

#[test]
fn a_board_that_is_given_out_by_rights_from_before_it_was_read_is_found() {
    let says = ["it holds what happened after they lost the board"];
    check_found_in(None, true, Mistake::BoardNotJudgedAgain, &says);
}

#[test]
fn a_stream_of_several_boards_that_keeps_a_lost_one_is_found() {
    check_found_in(None, true, Mistake::LostBoardGoesOn, &SHOWN);
}

#[test]
fn a_token_whose_scope_is_ignored_is_found() {
    let says = ["who might not", "they might not do it", "was answered"];
    check_found_in(None, true, Mistake::ScopeIgnored, &says);
}
