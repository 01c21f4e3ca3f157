//! When what was deleted does not come back (contract 2, restore): where it has no board, list or room,
//! or isn't what the caller takes it for. Then nothing of it comes back.

use crate::asks::{
    NOW, ask, ask_if, board_id, create_board, create_list, create_task, delete_board, delete_list,
    delete_task, edit_board, edit_list, edit_task, list_id, move_list, restore_board, restore_list,
    restore_task, shown, standing, task_id,
};
use crate::ledger::Ledger;
use crate::restored::{LATER, check_refused, commit, without};
use boardcast_core::limits::{LISTS_PER_BOARD_MAX, TASKS_PER_BOARD_MAX};
use boardcast_core::model::{Board, List, Task};
use boardcast_core::protocol::{Kind, Outcome, Precondition, Refusal, Thing};
use boardcast_core::rank::Rank;

#[test]
fn what_is_on_a_deleted_board_comes_back_with_the_board_alone() {
    let deletes = [delete_task("a"), delete_list("doing"), delete_board("main")];
    let mut ledger = without("todo(a b) doing(c)", &deletes);
    for id in ["todo", "doing"] {
        check_refused(&mut ledger, restore_list(id), Refusal::NotFound(Kind::List));
    }
    for id in ["a", "b", "c"] {
        check_refused(&mut ledger, restore_task(id), Refusal::NotFound(Kind::Task));
    }
}

#[test]
fn what_never_was_does_not_come_back() {
    let mut ledger = standing("todo(a)");
    for (command, kind) in [
        (restore_board("nothing"), Kind::Board),
        (restore_list("nothing"), Kind::List),
        (restore_task("nothing"), Kind::Task),
        // A list's id is no task's.
        (restore_task("todo"), Kind::Task),
    ] {
        check_refused(&mut ledger, command, Refusal::NotFound(kind));
    }
}

#[test]
fn restoring_what_lives_is_no_event() {
    let standing = standing("todo(a)");
    let board = standing.boards[&board_id("main")].clone();
    let list = standing.lists[&list_id("todo")].clone();
    let task = standing.tasks[&task_id("a")].clone();
    for (command, outcome) in [
        (restore_board("main"), Outcome::Board(board)),
        (restore_list("todo"), Outcome::List(list)),
        (restore_task("a"), Outcome::Task(task)),
    ] {
        let mut ledger = standing.clone();
        let decision = commit(&mut ledger, command);
        assert_eq!(decision.events, []);
        assert_eq!(decision.outcome, outcome);
        assert_eq!(decision.board_id, board_id("main"));
        assert_eq!(ledger, standing);
    }
}

#[test]
fn a_precondition_speaks_of_what_comes_back() {
    // Each has its second version.
    let lists = "todo(a b) doing()";
    let edits = [
        edit_task("a", Some("Call"), None),
        edit_list("doing", Some("Later")),
        edit_board("main", Some("Plans")),
    ];
    let edited = without(lists, &edits);
    let task = Thing::Task(edited.tasks[&task_id("a")].clone());
    let list = Thing::List(edited.lists[&list_id("doing")].clone());
    let board = Board {
        updated_at: NOW,
        ..edited.boards[&board_id("main")].clone()
    };
    for (delete, restore, current) in [
        (delete_task("a"), restore_task("a"), task),
        (delete_list("doing"), restore_list("doing"), list),
        (
            delete_board("main"),
            restore_board("main"),
            Thing::Board(board),
        ),
    ] {
        let mut ledger = edited.clone();
        // Of what lives, as of what is deleted.
        let living = ask_if(restore.clone(), Precondition::VersionIn(vec![1]));
        assert!(ledger.commit(&living, NOW).is_err());
        ledger.commit(&ask(delete), NOW).unwrap();
        let refused = ask_if(restore.clone(), Precondition::VersionIn(vec![1, 3]));
        let refusal = Refusal::VersionMismatch {
            version: 2,
            current: Box::new(current),
        };
        assert_eq!(ledger.commit(&refused, LATER), Err(refusal));
        for holds in [Precondition::Exists, Precondition::VersionIn(vec![2])] {
            let accepted = ask_if(restore.clone(), holds);
            let decision = ledger.clone().commit(&accepted, LATER).unwrap();
            assert_eq!(decision.events.len(), 1);
        }
    }
}

#[test]
fn ids_stay_taken_and_the_same_create_again_gives_what_came_back() {
    let mut ledger = standing("todo(a)");
    for (create, delete, restore) in [
        (
            create_task("a", "todo", "bottom"),
            delete_task("a"),
            restore_task("a"),
        ),
        (
            create_list("todo", "main", "bottom"),
            delete_list("todo"),
            restore_list("todo"),
        ),
        (
            create_board("main"),
            delete_board("main"),
            restore_board("main"),
        ),
    ] {
        commit(&mut ledger, delete);
        check_refused(&mut ledger, create.clone(), Refusal::IdTaken);
        let outcome = commit(&mut ledger, restore).outcome;
        let again = commit(&mut ledger, create);
        assert_eq!((again.events, again.outcome), (vec![], outcome));
    }
}

/// Ranks one after the other.
fn ranks(count: usize) -> impl Iterator<Item = Rank> {
    let next = |rank: &Rank| Rank::between(Some(rank), None);
    std::iter::successors(Rank::between(None, None), next).take(count)
}

/// Puts so many more tasks into a list.
fn fill(ledger: &mut Ledger, list: &str, count: usize) {
    let like = standing("todo(a)").tasks[&task_id("a")].clone();
    for (number, rank) in ranks(count).enumerate() {
        ledger.place_task(Task {
            id: task_id(&format!("{list}-{number}")),
            list_id: list_id(list),
            rank,
            ..like.clone()
        });
    }
}

#[test]
fn a_full_board_takes_no_task_back() {
    let mut ledger = without("todo(a) doing()", &[delete_task("a")]);
    fill(&mut ledger, "doing", TASKS_PER_BOARD_MAX);
    let full = Refusal::BoardFull(Kind::Task);
    check_refused(&mut ledger, restore_task("a"), full);
    commit(&mut ledger, delete_task("doing-7"));
    commit(&mut ledger, restore_task("a"));
    // What lives needs no room.
    assert_eq!(commit(&mut ledger, restore_task("a")).events, []);
}

#[test]
fn a_list_comes_back_whole_or_not_at_all() {
    let mut ledger = without("todo(a b c) doing()", &[delete_list("todo")]);
    fill(&mut ledger, "doing", TASKS_PER_BOARD_MAX - 2);
    let full = Refusal::BoardFull(Kind::Task);
    check_refused(&mut ledger, restore_list("todo"), full);
    commit(&mut ledger, delete_task("doing-7"));
    assert_eq!(commit(&mut ledger, restore_list("todo")).events.len(), 4);
}

#[test]
fn a_board_full_of_lists_takes_no_list_back() {
    let mut ledger = without("todo(a) doing()", &[delete_list("todo")]);
    let doing = ledger.lists[&list_id("doing")].clone();
    let others = ranks(2 * LISTS_PER_BOARD_MAX).filter(|rank| *rank > doing.rank);
    for (number, rank) in others.take(LISTS_PER_BOARD_MAX - 1).enumerate() {
        ledger.place_list(List {
            id: list_id(&format!("l{number}")),
            rank,
            ..doing.clone()
        });
    }
    let full = Refusal::BoardFull(Kind::List);
    check_refused(&mut ledger, restore_list("todo"), full);
    commit(&mut ledger, delete_list("l7"));
    commit(&mut ledger, restore_list("todo"));
    assert!(shown(&ledger).starts_with("todo(a) doing()"));
    commit(&mut ledger, move_list("todo", "bottom"));
}
