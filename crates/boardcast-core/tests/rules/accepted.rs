//! What each command does when it is accepted: the exact event, the exact answer, and nothing at all
//! when nothing changes.

use crate::asks::{
    BEFORE, NOW, add_board, ask, birth, board_id, create_board, create_list, create_task,
    delete_board, delete_list, delete_task, description, edit_board, edit_list, edit_task, list_id,
    move_list, move_task, name, shown, standing, task_id, title,
};
use crate::ledger::Ledger;
use boardcast_core::model::{Board, List, Task};
use boardcast_core::protocol::{Change, Command, Event, Outcome, Slot};
use boardcast_core::rank::Rank;
use boardcast_core::rules::View;

fn ledger() -> Ledger {
    standing("todo(a b) doing(c) done()")
}

fn main_board() -> Board {
    ledger().boards[&board_id("main")].clone()
}

fn list(id: &str) -> List {
    ledger().lists[&list_id(id)].clone()
}

fn task(id: &str) -> Task {
    ledger().tasks[&task_id(id)].clone()
}

fn after(rank: &Rank) -> Rank {
    Rank::between(Some(rank), None).unwrap()
}

fn before(rank: &Rank) -> Rank {
    Rank::between(None, Some(rank)).unwrap()
}

/// The command makes this one change to the board `main` and is answered with this outcome.
fn check(command: Command, change: Change, outcome: &Outcome) {
    let mut ledger = ledger();
    let board = match &command {
        Command::CreateBoard { board_id, .. } => board_id.clone(),
        _ => board_id("main"),
    };
    let decision = ledger.commit(&ask(command), NOW).unwrap();
    assert_eq!(decision.board_id, board);
    let event = Event {
        change,
        board_id: board,
        by: None,
        at: NOW,
    };
    assert_eq!(decision.events, [event]);
    assert_eq!(decision.outcome, *outcome);
}

/// The command is accepted, changes nothing, and is answered with what stands.
fn check_unchanged(command: Command, outcome: &Outcome) {
    let mut ledger = ledger();
    let untouched = ledger.clone();
    let decision = ledger.commit(&ask(command), NOW).unwrap();
    assert_eq!(decision.events, []);
    assert_eq!(decision.outcome, *outcome);
    assert_eq!(ledger, untouched);
}

#[test]
fn a_created_board_is_event_one_of_its_own_log() {
    let board = Board {
        id: board_id("new"),
        name: name("new"),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    };
    check(
        create_board("new"),
        Change::BoardCreated {
            board: board.clone(),
        },
        &Outcome::Board(board),
    );
    let mut ledger = ledger();
    ledger.commit(&ask(create_board("new")), NOW).unwrap();
    assert_eq!(ledger.snapshot(&board_id("new")).unwrap().cursor.seq, 1);
}

#[test]
fn an_edited_board_has_the_new_name() {
    let board = Board {
        name: name("Plans"),
        version: 2,
        updated_at: NOW,
        ..main_board()
    };
    assert_eq!(board.created_at, BEFORE);
    check(
        edit_board("main", Some("Plans")),
        Change::BoardUpdated {
            board: board.clone(),
        },
        &Outcome::Board(board),
    );
}

#[test]
fn a_deleted_board_takes_everything_on_it() {
    check(
        delete_board("main"),
        Change::BoardDeleted,
        &Outcome::Deleted,
    );
    let mut ledger = ledger();
    add_board(&mut ledger, "other", "far(x)");
    ledger.commit(&ask(delete_board("main")), NOW).unwrap();
    assert_eq!(ledger.snapshot(&board_id("main")), None);
    assert_eq!(ledger.list(&list_id("todo")).unwrap(), None);
    assert_eq!(ledger.task(&task_id("a")).unwrap(), None);
    assert!(ledger.task(&task_id("x")).unwrap().is_some());
}

#[test]
fn a_created_list_stands_where_it_was_asked_to() {
    let list = List {
        id: list_id("new"),
        board_id: board_id("main"),
        name: name("new"),
        rank: after(&list("done").rank),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    };
    check(
        create_list("new", "main", "bottom"),
        Change::ListCreated { list: list.clone() },
        &Outcome::List(list),
    );
}

#[test]
fn an_edited_list_has_the_new_name() {
    let list = List {
        name: name("Later"),
        version: 2,
        updated_at: NOW,
        ..list("todo")
    };
    assert_eq!(list.created_at, BEFORE);
    check(
        edit_list("todo", Some("Later")),
        Change::ListUpdated { list: list.clone() },
        &Outcome::List(list),
    );
}

#[test]
fn a_moved_list_has_another_rank() {
    let list = List {
        rank: before(&list("todo").rank),
        version: 2,
        updated_at: NOW,
        ..list("done")
    };
    check(
        move_list("done", "top"),
        Change::ListMoved { list: list.clone() },
        &Outcome::List(list),
    );
}

#[test]
fn a_deleted_list_takes_its_tasks() {
    check(
        delete_list("todo"),
        Change::ListDeleted {
            list_id: list_id("todo"),
        },
        &Outcome::Deleted,
    );
    let mut ledger = ledger();
    ledger.commit(&ask(delete_list("todo")), NOW).unwrap();
    assert_eq!(shown(&ledger), "doing(c) done()");
    assert_eq!(ledger.task(&task_id("a")).unwrap(), None);
}

#[test]
fn a_created_task_stands_where_it_was_asked_to() {
    let task = Task {
        id: task_id("new"),
        list_id: list_id("todo"),
        title: title("Water the plants"),
        description: description("The ones\nupstairs too."),
        rank: after(&task("b").rank),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    };
    let command = Command::CreateTask {
        task_id: task.id.clone(),
        list_id: task.list_id.clone(),
        title: task.title.clone(),
        description: task.description.clone(),
        slot: Slot::Bottom,
        birth: None,
    };
    check(
        command,
        Change::TaskCreated { task: task.clone() },
        &Outcome::Task(task),
    );
}

#[test]
fn an_edited_task_has_the_new_text_and_keeps_the_rest() {
    let standing = task("a");
    assert_eq!(standing.created_at, BEFORE);
    let edited = |to: &str, details: &str| Task {
        title: title(to),
        description: description(details),
        version: 2,
        updated_at: NOW,
        ..standing.clone()
    };
    for (to, details, task) in [
        (Some("Call"), None, edited("Call", "")),
        (None, Some("at noon"), edited("a", "at noon")),
        (Some("Call"), Some("at noon"), edited("Call", "at noon")),
        (Some("a"), Some("at noon"), edited("a", "at noon")),
    ] {
        check(
            edit_task("a", to, details),
            Change::TaskUpdated { task: task.clone() },
            &Outcome::Task(task),
        );
    }
}

#[test]
fn a_moved_task_has_another_rank_or_list() {
    let within = Task {
        rank: before(&task("a").rank),
        version: 2,
        updated_at: NOW,
        ..task("b")
    };
    let across = Task {
        list_id: list_id("doing"),
        rank: after(&task("c").rank),
        version: 2,
        updated_at: NOW,
        ..task("b")
    };
    for (command, task) in [
        (move_task("b", None, "top"), within),
        (move_task("b", Some("doing"), "bottom"), across),
    ] {
        check(
            command,
            Change::TaskMoved { task: task.clone() },
            &Outcome::Task(task),
        );
    }
}

#[test]
fn a_deleted_task_is_named_by_its_id() {
    check(
        delete_task("a"),
        Change::TaskDeleted {
            task_id: task_id("a"),
        },
        &Outcome::Deleted,
    );
}

#[test]
fn an_edit_that_changes_nothing_is_no_event() {
    for to in [None, Some("main")] {
        check_unchanged(edit_board("main", to), &Outcome::Board(main_board()));
    }
    for to in [None, Some("todo")] {
        check_unchanged(edit_list("todo", to), &Outcome::List(list("todo")));
    }
    for (to, details) in [
        (None, None),
        (Some("a"), None),
        (None, Some("")),
        (Some("a"), Some("")),
    ] {
        check_unchanged(edit_task("a", to, details), &Outcome::Task(task("a")));
    }
}

#[test]
fn the_same_create_again_gives_what_stands_and_no_event() {
    check_unchanged(create_board("main"), &Outcome::Board(main_board()));
    check_unchanged(
        create_list("todo", "main", "bottom"),
        &Outcome::List(list("todo")),
    );
    check_unchanged(
        create_task("a", "todo", "bottom"),
        &Outcome::Task(task("a")),
    );
}

#[test]
fn the_same_create_again_gives_the_thing_as_it_now_is() {
    let mut ledger = ledger();
    for command in [
        edit_task("a", Some("Call"), None),
        move_task("a", Some("done"), "top"),
    ] {
        ledger.commit(&ask(command), NOW).unwrap();
    }
    let again = ledger.commit(&ask(create_task("a", "todo", "bottom")), NOW);
    let current = ledger.tasks[&task_id("a")].clone();
    assert_eq!((current.version, current.title.as_str()), (3, "Call"));
    assert_eq!(again.unwrap().outcome, Outcome::Task(current));
}

#[test]
fn the_same_create_again_is_known_by_its_birth_alone() {
    let mut ledger = ledger();
    ledger.commit(&ask(delete_list("doing")), NOW).unwrap();
    let elsewhere = Command::CreateTask {
        task_id: task_id("a"),
        list_id: list_id("doing"),
        title: title("another"),
        description: description(""),
        slot: Slot::Top,
        birth: birth("a"),
    };
    let again = ledger.commit(&ask(elsewhere), NOW).unwrap();
    assert_eq!(again.outcome, Outcome::Task(task("a")));
}

#[test]
fn every_event_is_when_its_board_last_changed() {
    let mut ledger = ledger();
    add_board(&mut ledger, "other", "far(x)");
    ledger.commit(&ask(delete_task("a")), NOW).unwrap();
    let updated_at = |board| ledger.boards[&board_id(board)].updated_at;
    assert_eq!((updated_at("main"), updated_at("other")), (NOW, BEFORE));
    assert_eq!(ledger.boards[&board_id("main")].version, 1);
}
