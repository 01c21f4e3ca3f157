//! A task moves to a list of another board (contract 2): it leaves the one log and comes to the other,
//! in one decision.

use crate::asks::{
    BEFORE, NOW, add_board, ask, ask_if, board_id, create_task, delete_board, delete_list,
    delete_task, edit_task, list_id, move_task, restore_list, restore_task, shown, shown_on,
    standing, task_id,
};
use crate::ledger::Ledger;
use crate::slots::crowded;
use boardcast_core::limits::TASKS_PER_BOARD_MAX;
use boardcast_core::model::Task;
use boardcast_core::protocol::{
    Change, Command, Event, Kind, Outcome, Precondition, Refusal, Thing,
};
use boardcast_core::rank::Rank;
use boardcast_core::rules::View;

fn ledger() -> Ledger {
    let mut ledger = standing("todo(a b) doing(c)");
    add_board(&mut ledger, "other", "far(x y) farther()");
    ledger
}

fn commit(ledger: &mut Ledger, command: Command) {
    ledger.commit(&ask(command), NOW).unwrap();
}

fn event(board: &str, change: Change) -> Event {
    Event {
        change,
        board_id: board_id(board),
        by: None,
        at: NOW,
    }
}

fn check_refused(ledger: &mut Ledger, command: Command, refusal: Refusal) {
    let untouched = ledger.clone();
    assert_eq!(ledger.commit(&ask(command), NOW), Err(refusal));
    assert!(*ledger == untouched);
}

#[test]
fn a_task_leaves_one_log_and_comes_to_the_other() {
    let mut ledger = ledger();
    let (main, other) = (board_id("main"), board_id("other"));
    let heads = |ledger: &Ledger| (ledger.head(&main).seq, ledger.head(&other).seq);
    let before = heads(&ledger);
    let moved = ask(move_task("a", Some("far"), "bottom"));
    let decision = ledger.commit(&moved, NOW).unwrap();
    let task = Task {
        list_id: list_id("far"),
        rank: Rank::between(Some(&ledger.tasks[&task_id("y")].rank), None).unwrap(),
        version: 2,
        updated_at: NOW,
        ..standing("todo(a b)").tasks[&task_id("a")].clone()
    };
    assert_eq!(task.created_at, BEFORE);
    let gone = Change::TaskDeleted {
        task_id: task_id("a"),
    };
    let came = Change::TaskCreated { task: task.clone() };
    assert_eq!(
        decision.events,
        [event("main", gone), event("other", came)],
        "first it leaves"
    );
    assert_eq!(decision.outcome, Outcome::Task(task));
    assert_eq!(decision.board_id, other);
    assert_eq!(heads(&ledger), (before.0 + 1, before.1 + 1));
    assert_eq!(shown(&ledger), "todo(b) doing(c)");
    assert_eq!(shown_on(&ledger, "other"), "far(x y a) farther()");
    for id in [&main, &other] {
        let board = &ledger.boards[id];
        assert_eq!((board.updated_at, board.version), (NOW, 1));
    }
    let (board, _) = ledger.task(&task_id("a")).unwrap().unwrap();
    assert_eq!(board, other);
}

#[test]
fn a_slot_means_the_list_of_the_other_board() {
    for (slot, after) in [
        ("top", "far(a x y) farther()"),
        ("bottom", "far(x y a) farther()"),
        ("index 0", "far(a x y) farther()"),
        ("index 1", "far(x a y) farther()"),
        ("index 9", "far(x y a) farther()"),
        ("before x", "far(a x y) farther()"),
        ("before y", "far(x a y) farther()"),
        ("after x", "far(x a y) farther()"),
        ("after y", "far(x y a) farther()"),
    ] {
        let mut ledger = ledger();
        commit(&mut ledger, move_task("a", Some("far"), slot));
        assert_eq!(shown_on(&ledger, "other"), after, "{slot}");
    }
    let mut ledger = ledger();
    commit(&mut ledger, move_task("a", Some("farther"), "top"));
    assert_eq!(shown_on(&ledger, "other"), "far(x y) farther(a)");
}

#[test]
fn a_neighbour_that_stayed_behind_is_gone() {
    for (slot, field) in [
        ("after b", "after"),
        ("before c", "before"),
        // Itself is not there either.
        ("before a", "before"),
        ("after nobody", "after"),
    ] {
        let command = move_task("a", Some("far"), slot);
        let refusal = Refusal::NeighbourGone { field };
        check_refused(&mut ledger(), command, refusal);
    }
}

#[test]
fn room_is_made_on_the_board_that_it_comes_to() {
    let mut ledger = crowded(1, 4);
    add_board(&mut ledger, "other", "far(x)");
    let moved = ask(move_task("x", Some("l0"), "after t1"));
    let decision = ledger.commit(&moved, NOW).unwrap();
    assert_eq!(shown(&ledger), "l0(t0 t1 x t2 t3)");
    let [first, respaced @ .., last] = &decision.events[..] else {
        panic!("{:?}", decision.events);
    };
    assert_eq!(first.board_id, board_id("other"));
    assert!(matches!(first.change, Change::TaskDeleted { .. }));
    assert!(!respaced.is_empty());
    for event in respaced {
        assert_eq!(event.board_id, board_id("main"));
        assert!(matches!(event.change, Change::TaskMoved { .. }));
    }
    assert_eq!(last.board_id, board_id("main"));
    assert!(matches!(&last.change, Change::TaskCreated { task } if task.id == task_id("x")));
}

#[test]
fn a_full_board_takes_nothing_from_another() {
    let mut ledger = ledger();
    let x = ledger.tasks[&task_id("x")].clone();
    let mut rank = Rank::between(Some(&ledger.tasks[&task_id("b")].rank), None);
    for number in 3..TASKS_PER_BOARD_MAX {
        let this = rank.unwrap();
        rank = Rank::between(Some(&this), None);
        ledger.place_task(Task {
            id: task_id(&format!("t{number}")),
            list_id: list_id("todo"),
            rank: this,
            ..x.clone()
        });
    }
    let command = move_task("x", Some("doing"), "top");
    let full = Refusal::BoardFull(Kind::Task);
    check_refused(&mut ledger, command.clone(), full);
    // Within the board it needs no room, and one that leaves makes some.
    commit(&mut ledger, move_task("a", Some("doing"), "top"));
    commit(&mut ledger, move_task("t7", Some("far"), "top"));
    commit(&mut ledger, command);
}

#[test]
fn moving_to_where_it_stands_on_its_new_board_is_no_event() {
    let mut ledger = ledger();
    commit(&mut ledger, move_task("a", Some("far"), "after x"));
    let untouched = ledger.clone();
    for slot in ["after x", "before y", "index 1"] {
        let again = ask(move_task("a", Some("far"), slot));
        let decision = ledger.commit(&again, NOW).unwrap();
        assert_eq!(decision.events, []);
        assert_eq!(decision.board_id, board_id("other"));
    }
    assert_eq!(ledger, untouched);
}

#[test]
fn a_precondition_and_the_target_are_looked_at_as_for_any_move() {
    let mut ledger = ledger();
    let current = Thing::Task(ledger.tasks[&task_id("a")].clone());
    let command = move_task("a", Some("far"), "top");
    let request = ask_if(command.clone(), Precondition::VersionIn(vec![2]));
    let refusal = Refusal::VersionMismatch {
        version: 1,
        current: Box::new(current),
    };
    assert_eq!(ledger.commit(&request, NOW), Err(refusal));
    commit(&mut ledger, delete_board("other"));
    let refusal = Refusal::UnknownReference {
        field: "listId",
        kind: Kind::List,
    };
    check_refused(&mut ledger, command, refusal);
}

#[test]
fn a_task_that_moved_belongs_to_its_new_board_alone() {
    let mut ledger = ledger();
    commit(&mut ledger, move_task("a", Some("far"), "top"));
    // What becomes of the old board is nothing to it,
    commit(&mut ledger, delete_list("todo"));
    commit(&mut ledger, restore_list("todo"));
    assert_eq!(shown(&ledger), "todo(b) doing(c)");
    commit(&mut ledger, delete_board("main"));
    // and it is edited, deleted and restored where it is.
    commit(&mut ledger, edit_task("a", Some("Call"), None));
    commit(&mut ledger, delete_task("a"));
    assert_eq!(shown_on(&ledger, "other"), "far(x y) farther()");
    commit(&mut ledger, restore_task("a"));
    assert_eq!(shown_on(&ledger, "other"), "far(a x y) farther()");
    commit(&mut ledger, delete_list("far"));
    commit(&mut ledger, restore_list("far"));
    assert_eq!(shown_on(&ledger, "other"), "far(a x y) farther()");
    assert_eq!(ledger.tasks[&task_id("a")].version, 5);
    commit(&mut ledger, delete_board("other"));
    assert_eq!(ledger.task(&task_id("a")).unwrap(), None);
}

#[test]
fn a_task_moves_there_and_back() {
    let mut ledger = ledger();
    commit(&mut ledger, move_task("a", Some("far"), "top"));
    commit(&mut ledger, move_task("a", Some("todo"), "top"));
    assert_eq!(shown(&ledger), "todo(a b) doing(c)");
    assert_eq!(shown_on(&ledger, "other"), "far(x y) farther()");
    let task = &ledger.tasks[&task_id("a")];
    assert_eq!((task.version, task.created_at), (3, BEFORE));
}

#[test]
fn the_same_create_again_gives_the_task_where_it_went() {
    let mut ledger = ledger();
    commit(&mut ledger, move_task("a", Some("far"), "top"));
    let create = ask(create_task("a", "todo", "bottom"));
    let again = ledger.commit(&create, NOW).unwrap();
    let current = ledger.tasks[&task_id("a")].clone();
    assert_eq!(again.events, []);
    assert_eq!(again.outcome, Outcome::Task(current));
    assert_eq!(again.board_id, board_id("other"));
}
