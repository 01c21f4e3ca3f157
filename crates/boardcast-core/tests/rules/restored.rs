//! What was deleted comes back (contract 2, restore): to where it stood, with what went with it and
//! nothing else, one version on.

use crate::asks::{
    BEFORE, NOW, add_board, ask, board_id, create_list, create_task, delete_board, delete_list,
    delete_task, edit_board, edit_task, list_id, move_task, restore_board, restore_list,
    restore_task, shown, shown_on, standing, task_id,
};
use crate::ledger::Ledger;
use crate::slots::crowded;
use boardcast_core::model::{Board, List, Task, Timestamp};
use boardcast_core::protocol::{Change, Command, Event, Outcome, Refusal};
use boardcast_core::rank::Rank;
use boardcast_core::rules::Decision;

/// When the command under test comes: after what was deleted at [`NOW`].
pub(crate) const LATER: Timestamp = Timestamp(3_000);

pub(crate) fn commit(ledger: &mut Ledger, command: Command) -> Decision {
    ledger.commit(&ask(command), LATER).unwrap()
}

/// A board from which these were deleted, in this order.
pub(crate) fn without(lists: &str, deletes: &[Command]) -> Ledger {
    let mut ledger = standing(lists);
    for command in deletes {
        ledger.commit(&ask(command.clone()), NOW).unwrap();
    }
    ledger
}

/// One more version at this moment; the rest as it was.
fn back_task(task: &Task) -> Task {
    Task {
        version: task.version + 1,
        updated_at: LATER,
        ..task.clone()
    }
}

fn back_list(list: &List) -> List {
    List {
        version: list.version + 1,
        updated_at: LATER,
        ..list.clone()
    }
}

fn main_event(change: Change) -> Event {
    Event {
        change,
        board_id: board_id("main"),
        by: None,
        at: LATER,
    }
}

pub(crate) fn check_refused(ledger: &mut Ledger, command: Command, refusal: Refusal) {
    let untouched = ledger.clone();
    let said = format!("{command:?}");
    assert_eq!(ledger.commit(&ask(command), LATER), Err(refusal), "{said}");
    assert!(*ledger == untouched, "{said}");
}

#[test]
fn a_task_comes_back_to_where_it_stood() {
    for id in ["a", "b", "c"] {
        let old = standing("todo(a b c)").tasks[&task_id(id)].clone();
        let mut ledger = without("todo(a b c)", &[delete_task(id)]);
        let decision = commit(&mut ledger, restore_task(id));
        let task = back_task(&old);
        assert_eq!((task.version, task.created_at), (2, BEFORE));
        let event = main_event(Change::TaskCreated { task: task.clone() });
        assert_eq!(decision.events, [event]);
        assert_eq!(decision.outcome, Outcome::Task(task));
        assert_eq!(decision.board_id, board_id("main"));
        assert_eq!(shown(&ledger), "todo(a b c)");
        assert_eq!(ledger.boards[&board_id("main")].updated_at, LATER);
    }
}

#[test]
fn a_task_whose_neighbours_changed_comes_back_to_its_old_rank() {
    let mut ledger = without("todo(a b c) doing(d)", &[delete_task("b")]);
    commit(&mut ledger, move_task("c", None, "top"));
    commit(&mut ledger, move_task("d", Some("todo"), "top"));
    let old = standing("todo(a b c)").tasks[&task_id("b")].rank.clone();
    commit(&mut ledger, restore_task("b"));
    assert_eq!(ledger.tasks[&task_id("b")].rank, old);
    assert_eq!(shown(&ledger), "todo(d c a b) doing()");
}

/// Puts a task where a deleted one stood.
fn take_place(ledger: &mut Ledger, id: &str, rank: Rank) {
    ledger.place_task(Task {
        id: task_id(id),
        rank,
        ..standing("todo(a)").tasks[&task_id("a")].clone()
    });
}

#[test]
fn a_task_whose_place_is_taken_comes_back_right_after_who_took_it() {
    for (id, after) in [
        ("a", "todo(new a b c)"),
        ("b", "todo(a new b c)"),
        ("c", "todo(a b new c)"),
    ] {
        let old = standing("todo(a b c)").tasks[&task_id(id)].rank.clone();
        let mut ledger = without("todo(a b c)", &[delete_task(id)]);
        take_place(&mut ledger, "new", old.clone());
        let decision = commit(&mut ledger, restore_task(id));
        assert_eq!(shown(&ledger), after);
        assert_eq!(decision.events.len(), 1);
        assert_eq!(ledger.tasks[&task_id("new")].rank, old, "who took it stays");
    }
}

#[test]
fn the_same_place_is_taken_by_an_ordinary_move() {
    let mut ledger = without("todo(a b c)", &[delete_task("b")]);
    commit(&mut ledger, create_task("new", "todo", "before c"));
    let old = standing("todo(a b c)").tasks[&task_id("b")].rank.clone();
    assert_eq!(ledger.tasks[&task_id("new")].rank, old, "the middle again");
    commit(&mut ledger, restore_task("b"));
    assert_eq!(shown(&ledger), "todo(a new b c)");
}

#[test]
fn a_task_that_comes_back_into_a_crowd_has_room_made() {
    let mut ledger = crowded(1, 4);
    let old = ledger.tasks[&task_id("t1")].clone();
    ledger.commit(&ask(delete_task("t1")), NOW).unwrap();
    ledger.place_task(Task {
        id: task_id("new"),
        ..old
    });
    let decision = commit(&mut ledger, restore_task("t1"));
    assert_eq!(shown(&ledger), "l0(t0 new t1 t2 t3)");
    let (last, others) = decision.events.split_last().unwrap();
    assert!(!others.is_empty());
    for event in others {
        assert!(matches!(event.change, Change::TaskMoved { .. }));
    }
    assert!(matches!(&last.change, Change::TaskCreated { task } if task.id == task_id("t1")));
}

#[test]
fn a_task_comes_back_as_it_last_was() {
    let mut ledger = standing("todo(a) doing(b)");
    for command in [
        edit_task("a", Some("Call"), Some("at noon")),
        move_task("a", Some("doing"), "top"),
        delete_task("a"),
    ] {
        ledger.commit(&ask(command), NOW).unwrap();
    }
    commit(&mut ledger, restore_task("a"));
    let task = &ledger.tasks[&task_id("a")];
    assert_eq!(
        (task.title.as_str(), task.description.as_str()),
        ("Call", "at noon")
    );
    assert_eq!(task.version, 4);
    assert_eq!(shown(&ledger), "todo() doing(a b)");
}

#[test]
fn a_task_of_a_deleted_list_waits_for_its_list() {
    let deletes = [delete_task("a"), delete_list("todo")];
    let mut ledger = without("todo(a b) doing()", &deletes);
    // One deleted before its list, one with it.
    for id in ["a", "b"] {
        check_refused(&mut ledger, restore_task(id), Refusal::ListGone);
    }
    commit(&mut ledger, restore_list("todo"));
    assert_eq!(shown(&ledger), "todo(b) doing()");
    assert_eq!(commit(&mut ledger, restore_task("b")).events, []);
    commit(&mut ledger, restore_task("a"));
    assert_eq!(shown(&ledger), "todo(a b) doing()");
}

#[test]
fn a_list_comes_back_with_the_tasks_that_went_with_it() {
    let before = standing("todo(b a c) doing(d)");
    let mut ledger = without("todo(b a c) doing(d)", &[delete_list("todo")]);
    let decision = commit(&mut ledger, restore_list("todo"));
    let list = back_list(&before.lists[&list_id("todo")]);
    assert_eq!((list.version, list.created_at), (2, BEFORE));
    let mut events = vec![main_event(Change::ListCreated { list: list.clone() })];
    events.extend(["b", "a", "c"].map(|id| {
        let task = back_task(&before.tasks[&task_id(id)]);
        main_event(Change::TaskCreated { task })
    }));
    assert_eq!(decision.events, events);
    assert_eq!(decision.outcome, Outcome::List(list));
    assert_eq!(decision.board_id, board_id("main"));
    assert_eq!(shown(&ledger), "todo(b a c) doing(d)");
}

#[test]
fn an_empty_list_comes_back_alone() {
    let mut ledger = without("todo() doing()", &[delete_list("doing")]);
    assert_eq!(commit(&mut ledger, restore_list("doing")).events.len(), 1);
    assert_eq!(shown(&ledger), "todo() doing()");
}

#[test]
fn what_left_a_list_before_it_was_deleted_does_not_come_back_with_it() {
    let mut ledger = standing("todo(a b c d) doing()");
    add_board(&mut ledger, "other", "far()");
    for command in [
        delete_task("a"),
        move_task("b", Some("doing"), "top"),
        move_task("c", Some("far"), "top"),
        delete_list("todo"),
    ] {
        ledger.commit(&ask(command), NOW).unwrap();
    }
    commit(&mut ledger, restore_list("todo"));
    assert_eq!(shown(&ledger), "todo(d) doing(b)");
    assert_eq!(shown_on(&ledger, "other"), "far(c)");
    let version = |id| ledger.tasks[&task_id(id)].version;
    assert_eq!((version("b"), version("c"), version("d")), (2, 2, 2));
}

#[test]
fn a_list_deleted_again_brings_back_what_went_with_it_the_last_time() {
    let deletes = [
        delete_list("todo"),
        restore_list("todo"),
        delete_task("a"),
        create_task("c", "todo", "top"),
        delete_list("todo"),
    ];
    let mut ledger = without("todo(a b)", &deletes);
    commit(&mut ledger, restore_list("todo"));
    assert_eq!(shown(&ledger), "todo(c b)");
    assert_eq!(ledger.lists[&list_id("todo")].version, 3);
    assert_eq!(ledger.tasks[&task_id("b")].version, 3);
}

#[test]
fn a_list_whose_place_is_taken_comes_back_right_after_who_took_it() {
    let mut ledger = without("todo() doing(a) done()", &[delete_list("doing")]);
    commit(&mut ledger, create_list("new", "main", "before done"));
    let old = standing("todo() doing() done()").lists[&list_id("doing")].clone();
    assert_eq!(ledger.lists[&list_id("new")].rank, old.rank);
    let decision = commit(&mut ledger, restore_list("doing"));
    assert_eq!(decision.events.len(), 2);
    assert_eq!(shown(&ledger), "todo() new() doing(a) done()");
}

#[test]
fn a_list_that_comes_back_into_a_crowd_has_room_made() {
    let mut ledger = crowded(3, 1);
    let old = ledger.lists[&list_id("l1")].clone();
    ledger.commit(&ask(delete_list("l1")), NOW).unwrap();
    ledger.place_list(List {
        id: list_id("new"),
        ..old
    });
    commit(&mut ledger, restore_list("l1"));
    assert_eq!(shown(&ledger), "l0(t0) new() l1(t1) l2(t2)");
}

#[test]
fn a_board_comes_back_as_it_was() {
    let lists = "todo(a b) doing(c)";
    let deletes = [
        delete_task("b"),
        delete_list("doing"),
        edit_board("main", Some("Plans")),
        delete_board("main"),
    ];
    let mut ledger = without(lists, &deletes);
    let standing = without(lists, &deletes[..3]);
    let head = ledger.head(&board_id("main"));
    let decision = commit(&mut ledger, restore_board("main"));
    let board = Board {
        version: 3,
        updated_at: LATER,
        ..standing.boards[&board_id("main")].clone()
    };
    let change = Change::BoardRestored {
        board: board.clone(),
    };
    assert_eq!(decision.events, [main_event(change)]);
    assert_eq!(decision.outcome, Outcome::Board(board.clone()));
    assert_eq!(ledger.boards[&board.id], board);
    assert_eq!(ledger.lists, standing.lists, "not a version more");
    assert_eq!(ledger.tasks, standing.tasks);
    assert_eq!(ledger.head(&board.id).seq, head.seq + 1, "the log goes on");
    // What had been deleted before still can come back.
    commit(&mut ledger, restore_list("doing"));
    commit(&mut ledger, restore_task("b"));
    assert_eq!(shown(&ledger), lists);
}

#[test]
fn only_the_place_of_the_return_and_later_ones_are_served() {
    let mut ledger = without("todo(a)", &[delete_board("main")]);
    let deleted_at = ledger.head(&board_id("main"));
    commit(&mut ledger, restore_board("main"));
    let restored_at = ledger.head(&board_id("main"));
    commit(&mut ledger, delete_task("a"));
    let main = board_id("main");
    assert_eq!(ledger.log_after(&main, deleted_at), None);
    assert_eq!(ledger.log_after(&main, restored_at).unwrap().len(), 1);
}
