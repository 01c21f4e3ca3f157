//! Every refusal and what leads to it. A refused command changes nothing.

use crate::asks::{
    NOW, add_board, ask, ask_if, birth, board_id, create_board, create_list, create_task,
    delete_board, delete_list, delete_task, edit_board, edit_list, edit_task, list_id, move_list,
    move_task, standing, task_id,
};
use crate::ledger::Ledger;
use boardcast_core::limits::{LISTS_PER_BOARD_MAX, TASKS_PER_BOARD_MAX};
use boardcast_core::model::{List, Task};
use boardcast_core::protocol::{Command, Kind, Precondition, Refusal, Request, Thing};
use boardcast_core::rank::Rank;

/// Two boards, and one of everything deleted.
fn ledger() -> Ledger {
    let mut ledger = standing("todo(a b dead) doing(c) gone(buried)");
    add_board(&mut ledger, "other", "far(x)");
    add_board(&mut ledger, "past", "sunk(drowned)");
    for command in [
        delete_task("dead"),
        delete_list("gone"),
        delete_board("past"),
    ] {
        ledger.commit(&ask(command), NOW).unwrap();
    }
    ledger
}

fn check(ledger: &mut Ledger, request: &Request, refusal: Refusal) {
    let untouched = ledger.clone();
    assert_eq!(
        ledger.commit(request, NOW),
        Err(refusal),
        "{:?}",
        request.command
    );
    assert!(*ledger == untouched);
}

#[test]
fn what_is_deleted_or_never_was_is_not_found() {
    let mut ledger = ledger();
    for id in ["nothing", "past"] {
        for command in [edit_board(id, Some("name")), delete_board(id)] {
            check(&mut ledger, &ask(command), Refusal::NotFound(Kind::Board));
        }
    }
    for id in ["nothing", "gone", "sunk"] {
        for command in [
            edit_list(id, Some("name")),
            move_list(id, "top"),
            delete_list(id),
        ] {
            check(&mut ledger, &ask(command), Refusal::NotFound(Kind::List));
        }
    }
    for id in ["nothing", "dead", "buried", "drowned"] {
        for command in [
            edit_task(id, Some("title"), None),
            move_task(id, Some("todo"), "top"),
            delete_task(id),
        ] {
            check(&mut ledger, &ask(command), Refusal::NotFound(Kind::Task));
        }
    }
}

#[test]
fn a_body_that_names_what_does_not_exist_is_refused() {
    let mut ledger = ledger();
    for board in ["nothing", "past"] {
        let refusal = Refusal::UnknownReference {
            field: "boardId",
            kind: Kind::Board,
        };
        let command = create_list("new", board, "bottom");
        check(&mut ledger, &ask(command), refusal);
    }
    for list in ["nothing", "gone", "sunk"] {
        let refusal = Refusal::UnknownReference {
            field: "listId",
            kind: Kind::List,
        };
        let create = create_task("new", list, "bottom");
        check(&mut ledger, &ask(create), refusal.clone());
        let into = move_task("a", Some(list), "bottom");
        check(&mut ledger, &ask(into), refusal);
    }
}

/// The create of an id that exists under the given birth.
fn create(kind: Kind, id: &str, as_born: Option<&str>) -> Command {
    let born = as_born.and_then(birth);
    let mut command = match kind {
        Kind::Board => create_board(id),
        Kind::List => create_list(id, "main", "bottom"),
        Kind::Task => create_task(id, "todo", "bottom"),
    };
    match &mut command {
        Command::CreateBoard { birth, .. }
        | Command::CreateList { birth, .. }
        | Command::CreateTask { birth, .. } => *birth = born,
        _ => unreachable!("only creates are made here"),
    }
    command
}

#[test]
fn an_id_is_taken_alike_by_the_living_the_deleted_and_the_foreign() {
    let mut ledger = ledger();
    for (kind, living, deleted) in [
        (Kind::Board, &["main", "other"][..], &["past"][..]),
        (Kind::List, &["todo", "far"], &["gone", "sunk"]),
        (Kind::Task, &["a", "x"], &["dead", "buried", "drowned"]),
    ] {
        for id in living.iter().chain(deleted) {
            for as_born in [None, Some("another create")] {
                let command = create(kind, id, as_born);
                check(&mut ledger, &ask(command), Refusal::IdTaken);
            }
        }
        for id in deleted {
            let command = create(kind, id, Some(id));
            check(&mut ledger, &ask(command), Refusal::IdTaken);
        }
    }
}

#[test]
fn an_id_that_nobody_chose_is_taken_too() {
    let mut ledger = standing("todo()");
    let unborn = create(Kind::Task, "a", None);
    ledger.commit(&ask(unborn.clone()), NOW).unwrap();
    check(&mut ledger, &ask(unborn), Refusal::IdTaken);
}

#[test]
fn boards_lists_and_tasks_may_share_an_id() {
    let mut ledger = standing("main(main)");
    let board = board_id("main");
    assert_eq!(ledger.snapshot(&board).unwrap().lists[0].tasks.len(), 1);
    ledger.commit(&ask(delete_task("main")), NOW).unwrap();
    assert!(ledger.lists.contains_key(&list_id("main")));
}

#[test]
fn a_precondition_that_fails_carries_what_stands() {
    let mut ledger = ledger();
    ledger
        .commit(&ask(edit_task("a", Some("Call"), None)), NOW)
        .unwrap();
    let board = Thing::Board(ledger.boards[&board_id("main")].clone());
    let list = Thing::List(ledger.lists[&list_id("todo")].clone());
    let task = Thing::Task(ledger.tasks[&task_id("a")].clone());
    for (command, version, current) in [
        (edit_board("main", Some("Plans")), 1, &board),
        (delete_board("main"), 1, &board),
        (edit_list("todo", Some("Later")), 1, &list),
        (move_list("todo", "bottom"), 1, &list),
        (delete_list("todo"), 1, &list),
        (edit_task("a", Some("Write"), None), 2, &task),
        (move_task("a", Some("doing"), "top"), 2, &task),
        (delete_task("a"), 2, &task),
        // Looked at before anything else about the command.
        (move_task("a", Some("nothing"), "top"), 2, &task),
        (move_task("a", None, "after nobody"), 2, &task),
        (edit_task("a", None, None), 2, &task),
    ] {
        for others in [vec![], vec![version + 1], vec![0, version - 1, 99]] {
            let request = ask_if(command.clone(), Precondition::VersionIn(others));
            let refusal = Refusal::VersionMismatch {
                version,
                current: Box::new(current.clone()),
            };
            check(&mut ledger, &request, refusal);
        }
    }
}

#[test]
fn a_precondition_that_holds_lets_the_command_happen() {
    for precondition in [
        Precondition::Exists,
        Precondition::VersionIn(vec![1]),
        Precondition::VersionIn(vec![7, 1]),
    ] {
        for command in [
            edit_board("main", Some("Plans")),
            move_list("todo", "bottom"),
            edit_task("a", Some("Call"), None),
            move_task("a", Some("doing"), "top"),
            delete_task("a"),
            delete_list("todo"),
            delete_board("main"),
        ] {
            let request = ask_if(command, precondition.clone());
            let decision = ledger().commit(&request, NOW).unwrap();
            assert_eq!(decision.events.len(), 1);
        }
    }
}

#[test]
fn a_precondition_on_what_is_not_there_is_not_found() {
    let mut ledger = ledger();
    for precondition in [Precondition::Exists, Precondition::VersionIn(vec![1])] {
        let request = ask_if(delete_task("dead"), precondition);
        check(&mut ledger, &request, Refusal::NotFound(Kind::Task));
    }
}

#[test]
fn a_precondition_on_a_create_is_refused_first_of_all() {
    let mut ledger = ledger();
    for command in [
        create_board("new"),
        create_list("new", "main", "bottom"),
        create_task("new", "todo", "bottom"),
        // Whatever else there would be to say.
        create_board("main"),
        create_list("new", "nothing", "bottom"),
        create_task("dead", "nothing", "after nobody"),
    ] {
        for precondition in [Precondition::Exists, Precondition::VersionIn(vec![1])] {
            let request = ask_if(command.clone(), precondition);
            check(&mut ledger, &request, Refusal::PreconditionOnCreate);
        }
    }
}

/// Ranks one after the other.
fn ranks(count: usize) -> impl Iterator<Item = Rank> {
    let first = Rank::between(None, None);
    let next = |rank: &Rank| Rank::between(Some(rank), None);
    std::iter::successors(first, next).take(count)
}

#[test]
fn a_board_is_full_of_lists_until_one_is_deleted() {
    let mut ledger = standing("");
    add_board(&mut ledger, "other", "far()");
    let far = ledger.lists[&list_id("far")].clone();
    for (number, rank) in ranks(LISTS_PER_BOARD_MAX - 1).enumerate() {
        ledger.place_list(List {
            id: list_id(&format!("l{number}")),
            board_id: board_id("main"),
            rank,
            ..far.clone()
        });
    }
    let create = |id: &str| ask(create_list(id, "main", "bottom"));
    ledger.commit(&create("last"), NOW).unwrap();
    check(&mut ledger, &create("new"), Refusal::BoardFull(Kind::List));
    // The same create as before is no new list, and the other board has room.
    ledger.commit(&create("last"), NOW).unwrap();
    ledger
        .commit(&ask(create_list("near", "other", "top")), NOW)
        .unwrap();
    ledger.commit(&ask(move_list("l7", "top")), NOW).unwrap();
    ledger.commit(&ask(delete_list("l7")), NOW).unwrap();
    ledger.commit(&create("new"), NOW).unwrap();
}

#[test]
fn a_board_is_full_of_tasks_until_one_is_deleted() {
    let mut ledger = standing("todo() doing()");
    add_board(&mut ledger, "other", "far(x)");
    let x = ledger.tasks[&task_id("x")].clone();
    for (number, rank) in ranks(TASKS_PER_BOARD_MAX - 1).enumerate() {
        let list = if number % 2 == 0 { "todo" } else { "doing" };
        ledger.place_task(Task {
            id: task_id(&format!("t{number}")),
            list_id: list_id(list),
            rank,
            ..x.clone()
        });
    }
    let create = |id: &str| ask(create_task(id, "todo", "top"));
    ledger.commit(&create("last"), NOW).unwrap();
    check(&mut ledger, &create("new"), Refusal::BoardFull(Kind::Task));
    let elsewhere = ask(create_task("new", "doing", "bottom"));
    check(&mut ledger, &elsewhere, Refusal::BoardFull(Kind::Task));
    // Moving needs no room, and the other board has some.
    ledger
        .commit(&ask(move_task("t7", Some("todo"), "top")), NOW)
        .unwrap();
    ledger
        .commit(&ask(create_task("y", "far", "top")), NOW)
        .unwrap();
    ledger.commit(&ask(delete_task("t7")), NOW).unwrap();
    ledger.commit(&create("new"), NOW).unwrap();
}

#[test]
fn a_refusal_is_a_sentence_that_says_what_to_do() {
    for (refusal, sentence) in [
        (
            Refusal::NotFound(Kind::Task),
            "There is no such task. It may have been deleted.",
        ),
        (
            Refusal::UnknownReference {
                field: "listId",
                kind: Kind::List,
            },
            "listId names no list that exists.",
        ),
        (
            Refusal::ListGone,
            "Its list is deleted too. Restore the list, and the task if it isn't back by then.",
        ),
        (
            Refusal::NeighbourGone { field: "before" },
            "The neighbour named by before is not there now. Look where it went and send the move again.",
        ),
        (
            Refusal::BoardFull(Kind::Task),
            "The board is full: it holds 10000 tasks. Delete some first.",
        ),
        (
            Refusal::BoardFull(Kind::List),
            "The board is full: it holds 200 lists. Delete some first.",
        ),
    ] {
        assert_eq!(refusal.to_string(), sentence);
    }
}
