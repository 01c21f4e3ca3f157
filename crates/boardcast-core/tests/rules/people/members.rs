//! Who is on a board, and who says so.

use super::town::{
    BEFORE, Town, board_id, by, by_nobody, by_operator, by_token_of, login, put_member,
    remove_member, user_id,
};
use boardcast_core::access::{Revocation, Role};
use boardcast_core::limits::MEMBERS_PER_BOARD_MAX;
use boardcast_core::people::{PeopleCommand, PeopleOutcome, UserKind, Who};
use boardcast_core::protocol::{Kind, PeopleKind, Refusal};

/// A town in which Bob has a role on the board `b` beside Ada, its admin.
fn town_where_bob_is(role: Role) -> Town {
    let mut town = Town::new();
    town.join("b", "bob", role);
    town
}

fn role_of(town: &Town, who: &str) -> Option<Role> {
    town.members.get(&(board_id("b"), user_id(who))).copied()
}

#[test]
fn a_boards_admin_chooses_its_members() {
    let mut town = Town::new();
    let decision = town
        .ask(by("ada"), put_member("b", "bob", Role::Editor))
        .unwrap();
    let PeopleOutcome::Member { member, is_new } = decision.outcome else {
        panic!("a member");
    };
    assert!(is_new && !member.disabled);
    assert_eq!(member.role, Role::Editor);
    let decision = town
        .ask(by("ada"), put_member("b", "bob", Role::Viewer))
        .unwrap();
    assert!(matches!(
        decision.outcome,
        PeopleOutcome::Member { is_new: false, .. }
    ));
    assert_eq!(role_of(&town, "bob"), Some(Role::Viewer));
    let decision = town
        .ask(by("ada"), put_member("b", "bob", Role::Viewer))
        .unwrap();
    assert_eq!(decision.changes, [], "they are that already");
    let decision = town.ask(by("ada"), remove_member("b", "bob")).unwrap();
    let revoked = Revocation::Member(user_id("bob"), board_id("b"));
    assert_eq!(decision.revocations, [revoked]);
    assert_eq!(role_of(&town, "bob"), None);
}

#[test]
fn a_member_is_named_by_login_too() {
    let mut town = Town::new();
    let by_login = |text| PeopleCommand::PutMember {
        board_id: board_id("b"),
        who: Who::Login(login(text)),
        role: Role::Viewer,
    };
    town.ask(by("ada"), by_login("BOB")).unwrap();
    assert_eq!(role_of(&town, "bob"), Some(Role::Viewer));
    let missing = town.ask(by("ada"), by_login("eve"));
    assert_eq!(missing, Err(Refusal::UnknownPerson { field: "login" }));
    let missing = town.ask(by("ada"), put_member("b", "eve", Role::Viewer));
    assert_eq!(missing, Err(Refusal::NoSuchPerson(PeopleKind::User)));
}

#[test]
fn who_is_no_admin_of_a_board_chooses_nobody() {
    for role in [Role::Viewer, Role::Editor] {
        let mut town = town_where_bob_is(role);
        for command in [
            put_member("b", "bot", Role::Viewer),
            put_member("b", "bob", Role::Admin),
            remove_member("b", "ada"),
        ] {
            assert_eq!(town.ask(by("bob"), command), Err(Refusal::NotAllowed));
        }
    }
    let mut town = Town::new();
    let unseen = Err(Refusal::NotFound(Kind::Board));
    for board in ["b", "empty", "missing"] {
        let refused = town.ask(by("bob"), put_member(board, "bob", Role::Viewer));
        assert_eq!(refused, unseen, "{board}");
    }
    let refused = town.ask(by_nobody(), put_member("b", "bob", Role::Viewer));
    assert_eq!(refused, Err(Refusal::NotSignedIn));
}

#[test]
fn where_an_admin_can_act_who_rules_people_has_no_say() {
    let mut town = town_where_bob_is(Role::Admin);
    town.members.remove(&(board_id("b"), user_id("ada")));
    let refused = town.ask(by("ada"), put_member("b", "ada", Role::Admin));
    assert_eq!(refused, Err(Refusal::NotFound(Kind::Board)));
    // Until none of them can.
    town.account("bob").disabled_at = Some(BEFORE);
    town.ask(by("ada"), put_member("b", "ada", Role::Admin))
        .unwrap();
    town.ask(by("ada"), put_member("empty", "bob", Role::Admin))
        .unwrap();
}

#[test]
fn the_operator_chooses_the_members_of_every_board_that_stands() {
    let mut town = town_where_bob_is(Role::Admin);
    town.ask(by_operator(), put_member("b", "bot", Role::Viewer))
        .unwrap();
    town.ask(by_operator(), remove_member("b", "bot")).unwrap();
    let missing = town.ask(by_operator(), put_member("missing", "bot", Role::Viewer));
    assert_eq!(missing, Err(Refusal::NotFound(Kind::Board)));
}

#[test]
fn the_members_of_a_deleted_board_stay_as_they_are() {
    let mut town = Town::new();
    town.join("deleted", "ada", Role::Admin);
    town.join("deleted", "bob", Role::Viewer);
    for (access, command) in [
        (by("ada"), put_member("deleted", "bob", Role::Editor)),
        (by("ada"), remove_member("deleted", "bob")),
        (by("bob"), remove_member("deleted", "bob")),
        (by_operator(), remove_member("deleted", "bob")),
    ] {
        let refused = town.ask(access, command);
        assert_eq!(refused, Err(Refusal::NotFound(Kind::Board)));
    }
}

#[test]
fn everyone_may_leave_but_no_program_takes_its_owner_off() {
    let mut town = town_where_bob_is(Role::Viewer);
    let refused = town.ask(by_token_of("bob"), remove_member("b", "bob"));
    assert_eq!(refused, Err(Refusal::NotAllowed));
    town.ask(by("bob"), remove_member("b", "bob")).unwrap();
    assert_eq!(role_of(&town, "bob"), None);
    let again = town.ask(by("bob"), remove_member("b", "bob"));
    assert_eq!(again, Err(Refusal::NotFound(Kind::Board)));
    let no_member = town.ask(by("ada"), remove_member("b", "bob"));
    assert_eq!(no_member, Err(Refusal::NoSuchPerson(PeopleKind::Member)));
}

#[test]
fn no_board_loses_its_last_admin_who_can_act() {
    for command in [
        put_member("b", "ada", Role::Editor),
        put_member("b", "ada", Role::Viewer),
        remove_member("b", "ada"),
    ] {
        let mut town = Town::new();
        let refused = town.ask(by("ada"), command.clone());
        assert_eq!(refused, Err(Refusal::LastAdmin));
        // One who can't act doesn't count, and may go.
        town.join("b", "bob", Role::Admin);
        town.account("bob").disabled_at = Some(BEFORE);
        let refused = town.ask(by("ada"), command.clone());
        assert_eq!(refused, Err(Refusal::LastAdmin));
        town.ask(by("ada"), remove_member("b", "bob")).unwrap();
        town.account("bob").disabled_at = None;
        town.ask(by("ada"), put_member("b", "bob", Role::Admin))
            .unwrap();
        town.ask(by("ada"), command).unwrap();
    }
    // Who stays an admin takes nothing away, nor does who was none.
    let mut town = town_where_bob_is(Role::Editor);
    town.ask(by("ada"), put_member("b", "ada", Role::Admin))
        .unwrap();
    town.ask(by("ada"), put_member("b", "bob", Role::Viewer))
        .unwrap();
    town.ask(by("ada"), remove_member("b", "bob")).unwrap();
}

#[test]
fn a_board_has_so_many_members() {
    let mut town = Town::new();
    town.settle("eve", UserKind::Person);
    town.others = MEMBERS_PER_BOARD_MAX - 2;
    town.ask(by("ada"), put_member("b", "bob", Role::Viewer))
        .unwrap();
    let (what, max) = ("members", MEMBERS_PER_BOARD_MAX);
    let refused = town.ask(by("ada"), put_member("b", "eve", Role::Viewer));
    assert_eq!(refused, Err(Refusal::TooMany { what, max }));
    town.ask(by("ada"), put_member("b", "bob", Role::Editor))
        .expect("they are one already");
}
