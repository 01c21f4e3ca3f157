//! The judge bites: each of these mistakes, made on purpose, is found within a few seeds, and as what it
//! is. One that isn't found means that the judge is broken, or that no run gets there any more.

use crate::runs::carry_out_quietly;
use crate::swarm::{Mistake, Run};

/// A mistake that isn't found in so many seeds is not found.
const SEEDS_MAX: u64 = 100;

/// Something was shown that is gone now, or has become something else.
const GONE: [&str; 2] = ["the log ends at", "number "];

#[track_caller]
fn check_found(mistake: Mistake, says: &[&str]) {
    let found = (0..SEEDS_MAX).find_map(|seed| {
        let mut run = Run::of(seed);
        run.mistake = Some(mistake);
        let wrong = carry_out_quietly(&run).wrong;
        (!wrong.is_empty()).then_some((seed, wrong))
    });
    let (seed, wrong) = found.unwrap_or_else(|| panic!("{mistake:?} was not found"));
    let is_said = says.iter().any(|part| wrong[0].contains(part));
    assert!(
        is_said,
        "{mistake:?} with seed {seed} was found as {wrong:#?}"
    );
}

#[test]
fn what_is_published_before_it_is_committed_is_found() {
    check_found(Mistake::PublishBeforeCommit, &GONE);
}

#[test]
fn what_is_answered_before_it_is_committed_is_found() {
    check_found(Mistake::AnswerBeforeCommit, &["which no event made"]);
}

#[test]
fn a_start_without_a_checkpoint_is_found() {
    check_found(Mistake::NoCheckpointAtStart, &GONE);
}

#[test]
fn a_head_that_is_read_before_its_watcher_is_registered_is_found() {
    check_found(Mistake::HeadBeforeRegistration, &["which stands at"]);
}

#[test]
fn a_wake_up_that_is_dropped_is_found() {
    check_found(Mistake::DroppedWakeUp, &["which stands at"]);
}

#[test]
fn a_watcher_that_a_pass_forgets_is_found() {
    check_found(Mistake::ForgottenWatcher, &["which stands at"]);
}

#[test]
fn a_replay_that_begins_one_event_too_late_is_found() {
    check_found(Mistake::ResumeOffByOne, &["lost: after"]);
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
