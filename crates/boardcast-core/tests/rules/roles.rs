//! Who may what: every command by everyone, from those who may not know of the board to its admins, by
//! themselves and through tokens of every scope.

use crate::asks::{
    NOW, add_board, ask, board_id, create_board, create_list, create_task, delete_board,
    delete_list, delete_task, edit_board, edit_list, edit_task, move_list, move_task,
    restore_board, restore_list, restore_task, standing,
};
use crate::ledger::{Ledger, actor};
use boardcast_core::access::{Access, Caller, Role, Scope};
use boardcast_core::model::{SessionId, TokenId, UserId};
use boardcast_core::protocol::{Command, Kind, Refusal, Request};
use std::collections::{BTreeMap, BTreeSet};

/// What a command needs on the board, and what somebody hears who may not know of it.
struct Case {
    command: Command,
    needs: Role,
    unseen: Refusal,
}

/// Every command but [`Command::CreateBoard`], which needs no board.
fn cases() -> Vec<Case> {
    use Role::{Admin, Editor};
    let not_found = Refusal::NotFound;
    let unknown = |field, kind| Refusal::UnknownReference { field, kind };
    let commands = [
        (
            edit_board("main", Some("new")),
            Admin,
            not_found(Kind::Board),
        ),
        (delete_board("main"), Admin, not_found(Kind::Board)),
        (restore_board("past"), Admin, not_found(Kind::Board)),
        (restore_board("main"), Admin, not_found(Kind::Board)),
        (
            create_list("new", "main", "top"),
            Editor,
            unknown("boardId", Kind::Board),
        ),
        (
            edit_list("todo", Some("new")),
            Editor,
            not_found(Kind::List),
        ),
        (move_list("doing", "top"), Editor, not_found(Kind::List)),
        (delete_list("todo"), Editor, not_found(Kind::List)),
        (restore_list("gone"), Editor, not_found(Kind::List)),
        (restore_list("todo"), Editor, not_found(Kind::List)),
        (
            create_task("new", "todo", "top"),
            Editor,
            unknown("listId", Kind::List),
        ),
        (
            edit_task("a", Some("new"), None),
            Editor,
            not_found(Kind::Task),
        ),
        (move_task("b", None, "top"), Editor, not_found(Kind::Task)),
        (
            move_task("b", Some("doing"), "top"),
            Editor,
            not_found(Kind::Task),
        ),
        (delete_task("a"), Editor, not_found(Kind::Task)),
        (restore_task("dead"), Editor, not_found(Kind::Task)),
        (restore_task("a"), Editor, not_found(Kind::Task)),
    ];
    let case = |(command, needs, unseen)| Case {
        command,
        needs,
        unseen,
    };
    commands.into_iter().map(case).collect()
}

/// A living board and a deleted one, and of everything one that is deleted. `ada` is what is given on
/// both; a far board is nobody's.
fn ledger(role: Option<Role>) -> Ledger {
    let mut ledger = standing("todo(a b dead) doing(c) gone(buried)");
    add_board(&mut ledger, "past", "sunk(drowned)");
    add_board(&mut ledger, "far", "there(x)");
    let deletes = [
        delete_task("dead"),
        delete_list("gone"),
        delete_board("past"),
    ];
    for command in deletes {
        ledger.commit(&ask(command), NOW).unwrap();
    }
    ledger.members = Some(BTreeMap::new());
    if let Some(role) = role {
        put(&mut ledger, "main", role);
        put(&mut ledger, "past", role);
    }
    ledger
}

fn put(ledger: &mut Ledger, board: &str, role: Role) {
    let members = ledger.members.as_mut().expect("there are accounts");
    members.insert((ada(), board_id(board)), role);
}

fn ada() -> UserId {
    UserId::parse("ada").unwrap()
}

/// Ada herself, and her tokens.
fn accesses() -> [(Access, Role); 4] {
    let token = |scope: Scope| {
        let caller = Caller::Token {
            user_id: ada(),
            token_id: TokenId::parse("script").unwrap(),
            scope,
        };
        (Access::of(caller), scope.cap())
    };
    let herself = Caller::Person {
        user_id: ada(),
        session_id: SessionId::parse("laptop").unwrap(),
    };
    [
        (Access::of(herself), Role::Admin),
        token(Scope::Read),
        token(Scope::Write),
        token(Scope::Admin),
    ]
}

fn by(access: &Access, command: Command) -> Request {
    Request {
        access: access.clone(),
        ..ask(command)
    }
}

#[test]
fn every_command_needs_its_role_and_what_is_unseen_does_not_exist() {
    for role in [
        None,
        Some(Role::Viewer),
        Some(Role::Editor),
        Some(Role::Admin),
    ] {
        for (access, cap) in accesses() {
            for Case {
                command,
                needs,
                unseen,
            } in cases()
            {
                let mut ledger = ledger(role);
                let untouched = ledger.clone();
                let request = by(&access, command);
                let decided = ledger.commit(&request, NOW);
                let expected = match role.map(|role| role.min(cap)) {
                    None => Some(unseen),
                    Some(role) if role < needs => Some(Refusal::NotAllowed),
                    Some(_) => None,
                };
                assert_eq!(decided.clone().err(), expected, "{role:?} {request:?}");
                if let Ok(decision) = decided {
                    let actor = actor(access.caller());
                    assert!(actor.is_some());
                    assert!(decision.events.iter().all(|event| event.by == actor));
                } else {
                    assert!(ledger == untouched, "a refusal changes nothing");
                }
            }
        }
    }
}

/// Its variant by name: a new one must be given a name here, and a case.
fn variant(command: &Command) -> &'static str {
    match command {
        Command::CreateBoard { .. } => "CreateBoard",
        Command::EditBoard { .. } => "EditBoard",
        Command::DeleteBoard { .. } => "DeleteBoard",
        Command::RestoreBoard { .. } => "RestoreBoard",
        Command::CreateList { .. } => "CreateList",
        Command::EditList { .. } => "EditList",
        Command::MoveList { .. } => "MoveList",
        Command::DeleteList { .. } => "DeleteList",
        Command::RestoreList { .. } => "RestoreList",
        Command::CreateTask { .. } => "CreateTask",
        Command::EditTask { .. } => "EditTask",
        Command::MoveTask { .. } => "MoveTask",
        Command::DeleteTask { .. } => "DeleteTask",
        Command::RestoreTask { .. } => "RestoreTask",
    }
}

#[test]
fn no_command_is_forgotten_here() {
    let cases = cases();
    let tried: BTreeSet<_> = cases.iter().map(|case| variant(&case.command)).collect();
    assert_eq!(tried.len(), 13, "all but CreateBoard: {tried:?}");
}

#[test]
fn every_person_makes_boards_and_a_token_needs_to_write() {
    for (access, cap) in accesses() {
        let decided = ledger(None).commit(&by(&access, create_board("new")), NOW);
        let expected = (cap < Role::Editor).then_some(Refusal::NotAllowed);
        assert_eq!(decided.err(), expected, "{access:?}");
    }
}

#[test]
fn a_task_goes_to_another_board_only_by_who_edits_both() {
    let (access, _) = accesses()[0].clone();
    let there = || by(&access, move_task("a", Some("there"), "top"));
    let unknown = Refusal::UnknownReference {
        field: "listId",
        kind: Kind::List,
    };
    for (here, far, refusal) in [
        (Role::Admin, None, Some(unknown)),
        (Role::Admin, Some(Role::Viewer), Some(Refusal::NotAllowed)),
        (Role::Viewer, Some(Role::Admin), Some(Refusal::NotAllowed)),
        (Role::Editor, Some(Role::Editor), None),
    ] {
        let mut ledger = ledger(Some(here));
        if let Some(far) = far {
            put(&mut ledger, "far", far);
        }
        assert_eq!(
            ledger.commit(&there(), NOW).err(),
            refusal,
            "{here} {far:?}"
        );
    }
}

#[test]
fn the_same_create_again_tells_only_who_may_see_what_it_made() {
    let (access, _) = accesses()[0].clone();
    for command in [
        create_list("todo", "main", "bottom"),
        create_task("a", "todo", "bottom"),
        create_board("main"),
    ] {
        let again = by(&access, command);
        assert_eq!(
            ledger(None).commit(&again, NOW).err(),
            Some(Refusal::IdTaken)
        );
        assert!(ledger(Some(Role::Viewer)).commit(&again, NOW).is_ok());
    }
}

#[test]
fn what_open_mode_granted_ends_with_it_and_nobody_may_nothing() {
    for caller in [Caller::Open, Caller::Nobody] {
        for Case { command, .. } in cases() {
            let request = by(&Access::of(caller.clone()), command);
            let decided = ledger(Some(Role::Admin)).commit(&request, NOW);
            assert_eq!(decided.err(), Some(Refusal::NotSignedIn), "{request:?}");
        }
    }
}
