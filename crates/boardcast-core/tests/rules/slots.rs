//! Where things come to stand: every slot, for tasks and lists, new and moved.

use crate::asks::{
    NOW, add_board, ask, board_id, create_list, create_task, delete_list, delete_task, list_id,
    move_list, move_task, shown, standing, task_id,
};
use crate::ledger::Ledger;
use boardcast_core::model::{List, Task};
use boardcast_core::protocol::{Change, Command, Outcome, Refusal};
use boardcast_core::rank::Rank;

/// From one arrangement to another by one event.
fn check(before: &str, command: Command, after: &str) {
    let mut ledger = standing(before);
    let said = format!("{before} {command:?}");
    let decision = ledger.commit(&ask(command), NOW).unwrap();
    assert_eq!(shown(&ledger), after, "{said}");
    assert_eq!(decision.events.len(), 1, "{said}");
}

/// It stands there already: no event, the same version.
fn check_stays(before: &str, command: Command) {
    let mut ledger = standing(before);
    let untouched = ledger.clone();
    let said = format!("{before} {command:?}");
    let decision = ledger.commit(&ask(command), NOW).unwrap();
    assert_eq!(decision.events, [], "{said}");
    assert_eq!(ledger, untouched, "{said}");
    let version = match decision.outcome {
        Outcome::Task(task) => task.version,
        Outcome::List(list) => list.version,
        outcome => panic!("{said}: {outcome:?}"),
    };
    assert_eq!(version, 1, "{said}");
}

fn check_gone(before: &str, command: Command, field: &'static str) {
    let mut ledger = standing(before);
    add_board(&mut ledger, "other", "far(x)");
    let refusal = ledger.commit(&ask(command), NOW).unwrap_err();
    assert_eq!(refusal, Refusal::NeighbourGone { field });
}

#[test]
fn a_task_moves_within_its_list() {
    for (task, slot, after) in [
        ("c", "top", "todo(c a b d)"),
        ("b", "bottom", "todo(a c d b)"),
        ("a", "index 1", "todo(b a c d)"),
        ("a", "index 2", "todo(b c a d)"),
        ("a", "index 3", "todo(b c d a)"),
        ("a", "index 4", "todo(b c d a)"),
        ("a", "index 18446744073709551615", "todo(b c d a)"),
        ("d", "index 2", "todo(a b d c)"),
        ("d", "index 1", "todo(a d b c)"),
        ("d", "index 0", "todo(d a b c)"),
        ("a", "before d", "todo(b c a d)"),
        ("a", "after d", "todo(b c d a)"),
        ("d", "before a", "todo(d a b c)"),
        ("d", "after a", "todo(a d b c)"),
    ] {
        check("todo(a b c d)", move_task(task, None, slot), after);
        check("todo(a b c d)", move_task(task, Some("todo"), slot), after);
    }
}

#[test]
fn a_task_moves_into_another_list() {
    for (slot, after) in [
        ("top", "todo(b) doing(a c d)"),
        ("bottom", "todo(b) doing(c d a)"),
        ("index 0", "todo(b) doing(a c d)"),
        ("index 1", "todo(b) doing(c a d)"),
        ("index 2", "todo(b) doing(c d a)"),
        ("index 9", "todo(b) doing(c d a)"),
        ("before c", "todo(b) doing(a c d)"),
        ("before d", "todo(b) doing(c a d)"),
        ("after c", "todo(b) doing(c a d)"),
        ("after d", "todo(b) doing(c d a)"),
    ] {
        check(
            "todo(a b) doing(c d)",
            move_task("a", Some("doing"), slot),
            after,
        );
    }
    for slot in ["top", "bottom", "index 0", "index 7"] {
        let into_empty = move_task("a", Some("doing"), slot);
        check("todo(a) doing()", into_empty, "todo() doing(a)");
    }
}

#[test]
fn a_new_task_stands_in_its_slot() {
    for (slot, after) in [
        ("top", "todo(new a b)"),
        ("bottom", "todo(a b new)"),
        ("index 0", "todo(new a b)"),
        ("index 1", "todo(a new b)"),
        ("index 2", "todo(a b new)"),
        ("index 3", "todo(a b new)"),
        ("before b", "todo(a new b)"),
        ("after a", "todo(a new b)"),
        ("after b", "todo(a b new)"),
    ] {
        check("todo(a b)", create_task("new", "todo", slot), after);
    }
}

#[test]
fn a_list_moves_on_its_board() {
    for (list, slot, after) in [
        ("done", "top", "done() todo(a) doing()"),
        ("todo", "bottom", "doing() done() todo(a)"),
        ("todo", "index 1", "doing() todo(a) done()"),
        ("done", "index 1", "todo(a) done() doing()"),
        ("todo", "index 8", "doing() done() todo(a)"),
        ("todo", "before done", "doing() todo(a) done()"),
        ("done", "after todo", "todo(a) done() doing()"),
    ] {
        check("todo(a) doing() done()", move_list(list, slot), after);
    }
}

#[test]
fn a_new_list_stands_in_its_slot() {
    for (slot, after) in [
        ("top", "new() todo(a) done()"),
        ("bottom", "todo(a) done() new()"),
        ("index 1", "todo(a) new() done()"),
        ("before done", "todo(a) new() done()"),
        ("after done", "todo(a) done() new()"),
    ] {
        check("todo(a) done()", create_list("new", "main", slot), after);
    }
}

#[test]
fn moving_to_where_it_stands_is_no_event() {
    for (thing, slot) in [
        ("a", "top"),
        ("a", "index 0"),
        ("a", "before b"),
        ("a", "before a"),
        ("a", "after a"),
        ("b", "index 1"),
        ("b", "after a"),
        ("b", "before c"),
        ("b", "before b"),
        ("b", "after b"),
        ("c", "bottom"),
        ("c", "index 2"),
        ("c", "index 99"),
        ("c", "after b"),
    ] {
        check_stays("todo(a b c)", move_task(thing, None, slot));
        check_stays("todo(a b c)", move_task(thing, Some("todo"), slot));
        check_stays("a() b() c()", move_list(thing, slot));
    }
    for slot in ["top", "bottom", "index 0", "index 5"] {
        check_stays("todo(only)", move_task("only", None, slot));
        check_stays("only(a b)", move_list("only", slot));
    }
}

#[test]
fn a_neighbour_that_is_not_in_the_target_is_gone() {
    for (slot, field) in [
        ("before nobody", "before"),
        ("after nobody", "after"),
        ("before c", "before"),
        ("after c", "after"),
        ("after x", "after"),
        // A list's id is no task's.
        ("before todo", "before"),
    ] {
        let before = "todo(a b) doing(c)";
        check_gone(before, move_task("a", None, slot), field);
        check_gone(before, move_task("c", Some("todo"), slot), field);
        check_gone(before, create_task("new", "todo", slot), field);
    }
    for (slot, field) in [
        ("before nobody", "before"),
        ("after far", "after"),
        ("after a", "after"),
    ] {
        check_gone("todo(a) done()", move_list("todo", slot), field);
        check_gone("todo(a) done()", create_list("new", "main", slot), field);
    }
}

#[test]
fn a_deleted_neighbour_is_gone() {
    let mut ledger = standing("todo(a b c) doing(d) done()");
    for command in [delete_task("b"), delete_list("doing")] {
        ledger.commit(&ask(command), NOW).unwrap();
    }
    for (command, field) in [
        (move_task("a", None, "after b"), "after"),
        (create_task("new", "todo", "before b"), "before"),
        (move_task("a", None, "before d"), "before"),
        (move_list("todo", "after doing"), "after"),
        (create_list("new", "main", "before doing"), "before"),
    ] {
        let refusal = ledger.commit(&ask(command), NOW).unwrap_err();
        assert_eq!(refusal, Refusal::NeighbourGone { field });
    }
}

/// A board with no room between its lists and between their tasks: ranks as long as they may be,
/// each the very next one.
pub(crate) fn crowded(lists: usize, tasks: usize) -> Ledger {
    let mut ledger = standing("");
    let base = standing("some(task)");
    let rank = |n: usize| {
        let digit = |n: usize| char::from(b"123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijk"[n]);
        Rank::parse(&format!("{}{}", "V".repeat(63), digit(n))).unwrap()
    };
    let mut number = 0;
    for list in 0..lists {
        let id = list_id(&format!("l{list}"));
        ledger.place_list(List {
            id: id.clone(),
            rank: rank(list),
            ..base.lists[&list_id("some")].clone()
        });
        for task in 0..tasks {
            ledger.place_task(Task {
                id: task_id(&format!("t{number}")),
                list_id: id.clone(),
                rank: rank(task),
                ..base.tasks[&task_id("task")].clone()
            });
            number += 1;
        }
    }
    ledger
}

/// Room is made in a crowd by ordinary moves of its members, and the thing itself comes last.
#[test]
fn a_crowd_is_spaced_out_in_the_same_decision() {
    for (command, after) in [
        (
            create_task("new", "l0", "after t1"),
            "l0(t0 t1 new t2) l1(t3 t4 t5)",
        ),
        (
            move_task("t2", None, "after t0"),
            "l0(t0 t2 t1) l1(t3 t4 t5)",
        ),
        (
            move_task("t5", Some("l0"), "before t2"),
            "l0(t0 t1 t5 t2) l1(t3 t4)",
        ),
        (
            create_list("new", "main", "before l1"),
            "l0(t0 t1 t2) new() l1(t3 t4 t5)",
        ),
    ] {
        let mut ledger = crowded(2, 3);
        let decision = ledger.commit(&ask(command), NOW).unwrap();
        assert_eq!(shown(&ledger), after);
        let (last, others) = decision.events.split_last().unwrap();
        assert!(!others.is_empty());
        for event in others {
            assert_eq!((&event.board_id, event.at), (&board_id("main"), NOW));
            let version = match &event.change {
                Change::TaskMoved { task } => task.version,
                Change::ListMoved { list } => list.version,
                change => panic!("{change:?}"),
            };
            assert_eq!(version, 2);
        }
        let itself = match last.change.clone() {
            Change::TaskCreated { task } | Change::TaskMoved { task } => Outcome::Task(task),
            Change::ListCreated { list } => Outcome::List(list),
            change => panic!("{change:?}"),
        };
        assert_eq!(decision.outcome, itself);
    }
}

/// `V` is the middle of everything, so it is among the ranks that the crowd is given.
#[test]
fn a_crowd_never_gets_the_rank_that_the_moved_thing_still_has() {
    for (slot, after) in [
        ("after t0", "l0(t0 m t1 t2)"),
        ("after t1", "l0(t0 t1 m t2)"),
        ("before t2", "l0(t0 t1 m t2)"),
    ] {
        let mut ledger = crowded(1, 3);
        let middle = Rank::between(None, None).unwrap();
        ledger.place_task(Task {
            id: task_id("m"),
            rank: middle.clone(),
            ..ledger.tasks[&task_id("t0")].clone()
        });
        assert_eq!(shown(&ledger), "l0(m t0 t1 t2)");
        let request = ask(move_task("m", None, slot));
        ledger.commit(&request, NOW).unwrap();
        assert_eq!(shown(&ledger), after);
        assert_ne!(ledger.tasks[&task_id("m")].rank, middle);
    }
}

#[test]
fn a_list_of_another_board_has_no_say_in_where_a_list_stands() {
    let mut ledger = standing("todo()");
    add_board(&mut ledger, "other", "far() farther()");
    let decision = ledger.commit(&ask(create_list("new", "main", "index 1")), NOW);
    assert_eq!(decision.unwrap().events.len(), 1);
    assert_eq!(shown(&ledger), "todo() new()");
    assert_eq!(ledger.lists[&list_id("far")].version, 1);
}
