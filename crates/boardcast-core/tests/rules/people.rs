//! What may be done with accounts, sessions, tokens and members, rule by rule, against a town that keeps what a
//! store would keep.

mod members;
mod secrets;
mod town;

use boardcast_core::access::Revocation;
use boardcast_core::limits::{INVITE_DAYS, SESSION_DAYS_MAX, USERS_MAX};
use boardcast_core::model::Timestamp;
use boardcast_core::people::{PeopleCommand, PeopleOutcome, UserKind};
use boardcast_core::protocol::{PeopleKind, Refusal};
use town::{
    BEFORE, DISABLED, NOW, Town, by, by_nobody, by_operator, by_token_of, create_person, edit,
    invite, login, password, person_name, rename, secret, session, token_id, user_id,
};

const DAY_MS: i64 = 86_400_000;

fn days(days: u32) -> Timestamp {
    Timestamp(NOW.0 + i64::from(days) * DAY_MS)
}

fn set_up(id: &str) -> PeopleCommand {
    PeopleCommand::SetUp {
        user_id: user_id(id),
        login: login(id),
        name: person_name(id),
        password: password(id),
        session: session(id),
    }
}

fn create_service(id: &str) -> PeopleCommand {
    PeopleCommand::CreateService {
        user_id: user_id(id),
        name: person_name(id),
    }
}

#[test]
fn the_first_account_rules_people_and_has_every_board() {
    let mut town = Town::default();
    town.boards = Town::new().boards;
    let decision = town.ask(by_nobody(), set_up("eve")).unwrap();
    assert_eq!(decision.revocations, [Revocation::Everyone]);
    assert!(town.is_on && town.account("eve").is_admin && town.account("eve").has_password);
    assert_eq!(town.members.len(), 2);
    let PeopleOutcome::SignedIn { session, .. } = decision.outcome else {
        panic!("signed in");
    };
    assert_eq!(session.ends_at, days(SESSION_DAYS_MAX));
}

#[test]
fn accounts_are_switched_on_once_and_nothing_is_done_before() {
    let on = Town::new().ask(by_nobody(), set_up("eve"));
    assert_eq!(on, Err(Refusal::Accounts { is_on: true }));
    let off = Town::default().ask(by_operator(), create_person("eve"));
    assert_eq!(off, Err(Refusal::Accounts { is_on: false }));
}

#[test]
fn only_who_rules_people_makes_accounts() {
    for command in [create_person("eve"), create_service("tool")] {
        for access in [by("ada"), by_operator()] {
            assert!(Town::new().ask(access, command.clone()).is_ok());
        }
        for access in [by("bob"), by_token_of("ada")] {
            let refused = Town::new().ask(access, command.clone());
            assert_eq!(refused, Err(Refusal::NotAllowed));
        }
        let refused = Town::new().ask(by_nobody(), command);
        assert_eq!(refused, Err(Refusal::NotSignedIn));
    }
}

#[test]
fn a_new_person_has_a_link_for_some_days_and_a_program_has_none() {
    let mut town = Town::new();
    let decision = town.ask(by("ada"), create_person("eve")).unwrap();
    let PeopleOutcome::Invited { user, ends_at } = decision.outcome else {
        panic!("invited");
    };
    assert_eq!(
        (user.version, user.created_at, user.updated_at),
        (1, NOW, NOW)
    );
    assert_eq!(ends_at, days(INVITE_DAYS));
    assert_eq!(town.invites, [(user_id("eve"), secret("eve"))]);
    town.ask(by("ada"), create_service("tool")).unwrap();
    assert_eq!(town.account("tool").kind, UserKind::Service);
    assert_eq!(
        (town.account("tool").login.clone(), town.invites.len()),
        (None, 1)
    );
}

#[test]
fn a_login_is_one_persons() {
    let mut town = Town::new();
    let again = PeopleCommand::CreatePerson {
        user_id: user_id("other"),
        login: login("Bob"),
        name: person_name("Bob"),
        invite: secret("other"),
    };
    assert_eq!(town.ask(by("ada"), again), Err(Refusal::LoginTaken));
}

#[test]
fn there_are_as_many_accounts_as_there_may_be() {
    let mut town = Town::new();
    town.others = USERS_MAX - town.users.len() - 1;
    town.ask(by("ada"), create_person("eve")).unwrap();
    let (what, max) = ("accounts", USERS_MAX);
    let refused = town.ask(by("ada"), create_service("tool"));
    assert_eq!(refused, Err(Refusal::TooMany { what, max }));
    town.others += 1;
    let refused = town.ask(by("ada"), create_service("tool"));
    assert_eq!(refused, Err(Refusal::TooMany { what, max }));
}

#[test]
fn people_name_themselves_and_who_rules_people_names_everybody() {
    let mut town = Town::new();
    town.ask(by("bob"), rename("bob", "Bea")).unwrap();
    let bob = town.account("bob").clone();
    assert_eq!(bob.name, person_name("Bea"));
    assert_eq!(
        (bob.version, bob.created_at, bob.updated_at),
        (4, BEFORE, NOW)
    );
    town.ask(by("ada"), rename("bob", "Ben")).unwrap();
    town.ask(by_operator(), rename("bot", "Tool")).unwrap();
    assert_eq!(town.account("bob").name, person_name("Ben"));
    for (access, who) in [
        (by("bob"), "ada"),
        (by_token_of("bob"), "bob"),
        (by_token_of("ada"), "bob"),
    ] {
        let refused = town.ask(access, rename(who, "X"));
        assert_eq!(refused, Err(Refusal::NotAllowed), "{who}");
    }
    let missing = town.ask(by("ada"), rename("eve", "X"));
    assert_eq!(missing, Err(Refusal::NoSuchPerson(PeopleKind::User)));
}

#[test]
fn what_changes_nothing_is_no_change() {
    let mut town = Town::new();
    for command in [
        rename("bob", "bob"),
        edit("bob", Some(false), Some(false)),
        edit("ada", Some(true), None),
    ] {
        let decision = town.ask(by("ada"), command).unwrap();
        assert_eq!(decision.changes, []);
    }
    assert_eq!(town.account("bob").version, 3);
}

#[test]
fn nobody_gives_themselves_more_rights() {
    let mut town = Town::new();
    for command in [
        edit("bob", Some(true), None),
        edit("bob", None, Some(false)),
        edit("bob", Some(true), Some(false)),
    ] {
        assert_eq!(town.ask(by("bob"), command), Err(Refusal::NotAllowed));
    }
    town.ask(by("ada"), edit("bob", Some(true), None)).unwrap();
    assert!(town.account("bob").is_admin);
}

#[test]
fn a_program_rules_nobody() {
    let mut town = Town::new();
    let refused = town.ask(by("ada"), edit("bot", Some(true), None));
    assert_eq!(refused, Err(Refusal::WrongKind("a program's account")));
    town.ask(by("ada"), edit("bot", Some(false), Some(true)))
        .unwrap();
    assert!(town.account("bot").disabled_at.is_some());
}

#[test]
fn somebody_who_can_act_rules_people_always() {
    for command in [
        edit("ada", Some(false), None),
        edit("ada", None, Some(true)),
    ] {
        let mut town = Town::new();
        let refused = town.ask(by("ada"), command.clone());
        assert_eq!(refused, Err(Refusal::LastAdmin));
        // An admin who can't act doesn't count.
        town.account("bob").is_admin = true;
        town.account("bob").disabled_at = Some(BEFORE);
        let refused = town.ask(by("ada"), command.clone());
        assert_eq!(refused, Err(Refusal::LastAdmin));
        town.ask(by("ada"), edit("bob", Some(false), None)).unwrap();
        town.account("bob").is_admin = true;
        town.account("bob").disabled_at = None;
        town.ask(by("bob"), command).unwrap();
        assert_eq!(
            town.ask(by("bob"), edit("bob", Some(false), None)),
            Err(Refusal::LastAdmin)
        );
    }
    // What takes nothing from the last one is nobody's loss.
    Town::new().ask(by("ada"), rename("ada", "Eva")).unwrap();
    Town::new()
        .ask(by("ada"), edit("bob", None, Some(true)))
        .unwrap();
}

#[test]
fn who_is_disabled_can_do_nothing_from_then_on() {
    let mut town = Town::new();
    town.ask(by("ada"), invite("bob", "link")).unwrap();
    town.tokens = ["bob", "ada"]
        .map(|name| (user_id(name), token_id(name)))
        .into();
    let decision = town.ask(by("ada"), edit("bob", None, Some(true))).unwrap();
    assert_eq!(decision.revocations, [Revocation::User(user_id("bob"))]);
    assert_eq!(town.account("bob").disabled_at, Some(NOW));
    assert_eq!((town.sessions_of("bob").len(), town.invites.len()), (0, 0));
    assert_eq!(town.tokens, [(user_id("ada"), token_id("ada"))]);
    let refused = town.ask(by("bob"), rename("bob", "X"));
    assert_eq!(refused, Err(Refusal::NotSignedIn));
}

#[test]
fn who_is_enabled_again_has_no_token_of_before() {
    let mut town = Town::new();
    town.account("bob").disabled_at = Some(BEFORE);
    town.tokens = ["bob", "ada"]
        .map(|name| (user_id(name), token_id(name)))
        .into();
    let decision = town.ask(by("ada"), edit("bob", None, Some(false))).unwrap();
    assert_eq!(decision.revocations, []);
    assert_eq!(town.tokens, [(user_id("ada"), token_id("ada"))]);
}

#[test]
fn disabled_again_is_disabled_since_the_first_time_and_ends_nothing_more() {
    let mut town = Town::new();
    town.account("bob").disabled_at = Some(BEFORE);
    let again = town.ask(by("ada"), edit("bob", None, Some(true))).unwrap();
    assert_eq!((again.changes, again.revocations), (vec![], vec![]));
    let renamed = town.ask(by("ada"), rename("bob", "X")).unwrap();
    assert_eq!(renamed.revocations, []);
    assert_eq!(town.account("bob").disabled_at, Some(BEFORE));
    assert_eq!(town.sessions_of("bob"), ["bob"]);
    town.ask(by("ada"), edit("bob", None, Some(false))).unwrap();
    assert_eq!(town.account("bob").disabled_at, None);
}

#[test]
fn a_new_link_is_the_only_good_one() {
    let mut town = Town::new();
    town.ask(by("ada"), invite("bob", "first")).unwrap();
    let decision = town.ask(by_operator(), invite("bob", "second")).unwrap();
    assert_eq!(town.invites, [(user_id("bob"), secret("second"))]);
    let PeopleOutcome::Invited { ends_at, .. } = decision.outcome else {
        panic!("invited");
    };
    assert_eq!(ends_at, days(INVITE_DAYS));
}

#[test]
fn links_are_made_for_people_who_can_act_by_who_rules_people() {
    let mut town = Town::new();
    assert_eq!(
        town.ask(by("bob"), invite("ada", "x")),
        Err(Refusal::NotAllowed)
    );
    let program = town.ask(by("ada"), invite("bot", "x"));
    assert_eq!(program, Err(Refusal::WrongKind("a program's account")));
    town.account("bob").disabled_at = Some(BEFORE);
    let disabled = town.ask(by("ada"), invite("bob", "x"));
    assert_eq!(disabled, Err(Refusal::WrongKind(DISABLED)));
    let missing = town.ask(by("ada"), invite("eve", "x"));
    assert_eq!(missing, Err(Refusal::NoSuchPerson(PeopleKind::User)));
}
