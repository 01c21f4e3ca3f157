//! Signing in and out, passwords and links, and programs' tokens.

use super::town::{
    BEFORE, DISABLED, NOW, Town, by, by_nobody, by_operator, by_token_of, edit, end_token, invite,
    make_token, password, person_name, secret, session, session_id, sign_in, token_id, user_id,
};
use boardcast_core::access::{Access, Caller, Revocation, Role};
use boardcast_core::limits::{SESSIONS_PER_USER_MAX, TOKENS_PER_USER_MAX};
use boardcast_core::people::{PeopleCommand, PeopleOutcome, UserKind};
use boardcast_core::protocol::{Kind, PeopleKind, Refusal};

fn change_password(checked: &str, new: &str) -> PeopleCommand {
    PeopleCommand::ChangePassword {
        checked: password(checked),
        password: password(new),
        session: session("new"),
    }
}

fn accept(link: &str) -> PeopleCommand {
    PeopleCommand::AcceptInvite {
        invite: secret(link),
        password: password("new"),
        name: Some(person_name("Bea")),
        session: session("new"),
    }
}

fn end_session(id: &str) -> PeopleCommand {
    PeopleCommand::EndSession {
        session_id: session_id(id),
    }
}

fn by_session(who: &str, session: &str) -> Access {
    Access::of(Caller::Person {
        user_id: user_id(who),
        session_id: session_id(session),
    })
}

#[test]
fn who_knows_the_password_is_signed_in() {
    let mut town = Town::new();
    let decision = town
        .ask(by_nobody(), sign_in("bob", "bob", "second"))
        .unwrap();
    assert_eq!(decision.revocations, []);
    assert_eq!(town.sessions_of("bob"), ["bob", "second"]);
    let wrong = town.ask(by_nobody(), sign_in("bob", "wrong", "third"));
    assert_eq!(wrong, Err(Refusal::WrongLogin));
    let missing = town.ask(by_nobody(), sign_in("eve", "eve", "third"));
    assert_eq!(missing, Err(Refusal::WrongLogin));
    town.account("bob").disabled_at = Some(BEFORE);
    let disabled = town.ask(by_nobody(), sign_in("bob", "bob", "third"));
    assert_eq!(disabled, Err(Refusal::WrongLogin));
}

#[test]
fn the_session_that_signs_in_is_replaced() {
    let mut town = Town::new();
    let decision = town
        .ask(by("ada"), sign_in("bob", "bob", "second"))
        .unwrap();
    assert_eq!(
        decision.revocations,
        [Revocation::Session(session_id("ada"))]
    );
    assert_eq!(
        (town.sessions_of("ada").len(), town.sessions_of("bob").len()),
        (0, 2)
    );
}

#[test]
fn a_person_has_so_many_sessions_and_then_the_oldest_ends() {
    let mut town = Town::new();
    for number in 1..SESSIONS_PER_USER_MAX {
        let command = sign_in("bob", "bob", &format!("s{number}"));
        let decision = town.ask(by_nobody(), command).unwrap();
        assert_eq!(decision.revocations, []);
    }
    assert_eq!(town.sessions_of("bob").len(), SESSIONS_PER_USER_MAX);
    let decision = town
        .ask(by_nobody(), sign_in("bob", "bob", "more"))
        .unwrap();
    assert_eq!(
        decision.revocations,
        [Revocation::Session(session_id("bob"))]
    );
    assert_eq!(town.sessions_of("bob").len(), SESSIONS_PER_USER_MAX);
    // The oldest one, that signs in again itself, ends once.
    let again = town.ask(by_session("bob", "s1"), sign_in("bob", "bob", "again"));
    let ended = again.unwrap().revocations;
    assert_eq!(ended, [Revocation::Session(session_id("s1"))]);
}

#[test]
fn people_end_their_own_sessions_and_no_others() {
    let mut town = Town::new();
    for new in ["second", "third"] {
        town.ask(by_nobody(), sign_in("bob", "bob", new)).unwrap();
    }
    let foreign = town.ask(by("bob"), end_session("ada"));
    assert_eq!(foreign, Err(Refusal::NoSuchPerson(PeopleKind::Session)));
    let decision = town.ask(by("bob"), end_session("second")).unwrap();
    assert_eq!(
        decision.revocations,
        [Revocation::Session(session_id("second"))]
    );
    assert_eq!(decision.outcome, PeopleOutcome::Done);
    assert_eq!(town.sessions_of("bob"), ["bob", "third"]);
    town.ask(by("bob"), PeopleCommand::SignOut).unwrap();
    assert_eq!(town.sessions_of("bob"), ["third"]);
    town.ask(by_session("bob", "third"), PeopleCommand::EndAllSessions)
        .unwrap();
    assert_eq!(
        (town.sessions_of("bob").len(), town.sessions_of("ada").len()),
        (0, 1)
    );
}

#[test]
fn what_only_a_person_may_no_program_may() {
    let mut town = Town::new();
    for command in [
        PeopleCommand::EndAllSessions,
        end_session("bob"),
        change_password("bob", "new"),
        make_token("bob", "k", None),
        end_token("bob", "k"),
    ] {
        let refused = town.ask(by_token_of("bob"), command.clone());
        assert_eq!(refused, Err(Refusal::NotAllowed), "{command:?}");
        let refused = town.ask(by_nobody(), command.clone());
        assert_eq!(refused, Err(Refusal::NotSignedIn), "{command:?}");
    }
}

#[test]
fn a_new_password_ends_everything_that_the_old_one_began() {
    let mut town = Town::new();
    town.ask(by_nobody(), sign_in("bob", "bob", "second"))
        .unwrap();
    town.ask(by("ada"), invite("bob", "link")).unwrap();
    let wrong = town.ask(by("bob"), change_password("wrong", "new"));
    assert_eq!(wrong, Err(Refusal::WrongLogin));
    let decision = town.ask(by("bob"), change_password("bob", "new")).unwrap();
    let ended = ["bob", "second"].map(|id| Revocation::Session(session_id(id)));
    assert_eq!(decision.revocations, ended);
    assert_eq!(
        (town.sessions_of("bob"), town.invites.len()),
        (vec!["new".to_owned()], 0)
    );
    let bob = town.account("bob").clone();
    assert_eq!((bob.version, bob.updated_at), (4, NOW));
    let old = town.ask(by_nobody(), sign_in("bob", "bob", "third"));
    assert_eq!(old, Err(Refusal::WrongLogin));
    town.ask(by_nobody(), sign_in("bob", "new", "third"))
        .unwrap();
}

#[test]
fn a_link_sets_the_password_once() {
    let mut town = Town::new();
    town.ask(by("ada"), invite("bob", "link")).unwrap();
    town.account("bob").has_password = false;
    town.ask(by_nobody(), accept("link")).unwrap();
    let bob = town.account("bob").clone();
    assert!(bob.has_password);
    assert_eq!(bob.name, person_name("Bea"));
    assert_eq!(town.sessions_of("bob"), ["new"]);
    let spent = town.ask(by_nobody(), accept("link"));
    assert_eq!(spent, Err(Refusal::InviteGone));
}

#[test]
fn a_link_of_somebody_disabled_is_good_for_nothing() {
    let mut town = Town::new();
    town.ask(by("ada"), invite("bob", "link")).unwrap();
    town.account("bob").disabled_at = Some(BEFORE);
    assert_eq!(
        town.ask(by_nobody(), accept("link")),
        Err(Refusal::InviteGone)
    );
}

#[test]
fn tokens_are_made_and_ended_by_their_owner() {
    let mut town = Town::new();
    town.ask(by("bob"), make_token("bob", "k", None)).unwrap();
    assert_eq!(town.tokens, [(user_id("bob"), token_id("k"))]);
    let missing = town.ask(by("bob"), end_token("bob", "other"));
    assert_eq!(missing, Err(Refusal::NoSuchPerson(PeopleKind::Token)));
    let decision = town.ask(by("bob"), end_token("bob", "k")).unwrap();
    assert_eq!(decision.revocations, [Revocation::Token(token_id("k"))]);
    assert_eq!(town.tokens, []);
}

#[test]
fn whoever_signs_out_ends_what_they_are_known_by_and_nothing_else() {
    let mut town = Town::new();
    for id in ["bob", "other"] {
        town.ask(by("bob"), make_token("bob", id, None)).unwrap();
    }
    let decision = town.ask(by_token_of("bob"), PeopleCommand::SignOut);
    let decision = decision.unwrap();
    assert_eq!(decision.outcome, PeopleOutcome::Done);
    assert_eq!(decision.revocations, [Revocation::Token(token_id("bob"))]);
    assert_eq!(town.tokens, [(user_id("bob"), token_id("other"))]);
    assert_eq!(town.sessions_of("bob"), ["bob"]);
    let refused = town.ask(by_operator(), PeopleCommand::SignOut);
    assert_eq!(refused, Err(Refusal::NotAllowed));
    let refused = town.ask(by_nobody(), PeopleCommand::SignOut);
    assert_eq!(refused, Err(Refusal::NotSignedIn));
}

#[test]
fn who_rules_people_has_the_tokens_of_programs_and_the_operator_everybodys() {
    let mut town = Town::new();
    town.ask(by("ada"), make_token("bot", "k1", None)).unwrap();
    town.ask(by("ada"), end_token("bot", "k1")).unwrap();
    for owner in ["bob", "bot"] {
        town.ask(by_operator(), make_token(owner, "k2", None))
            .unwrap();
        town.ask(by_operator(), end_token(owner, "k2")).unwrap();
    }
    for (access, owner) in [(by("ada"), "bob"), (by("bob"), "bot"), (by("bob"), "ada")] {
        for command in [make_token(owner, "k3", None), end_token(owner, "k3")] {
            let refused = town.ask(access.clone(), command);
            assert_eq!(refused, Err(Refusal::NotAllowed), "{owner}");
        }
    }
    let missing = town.ask(by("ada"), make_token("eve", "k4", None));
    assert_eq!(missing, Err(Refusal::NoSuchPerson(PeopleKind::User)));
}

#[test]
fn a_token_is_for_boards_that_stand_and_that_its_owner_is_on() {
    let unknown = Err(Refusal::UnknownReference {
        field: "boards",
        kind: Kind::Board,
    });
    let mut town = Town::new();
    town.ask(by("ada"), make_token("ada", "k1", Some(&["b"])))
        .unwrap();
    for (id, boards) in [("k2", ["b", "empty"]), ("k3", ["missing", "b"])] {
        let refused = town.ask(by("ada"), make_token("ada", id, Some(&boards)));
        assert_eq!(refused.map(drop), unknown, "{boards:?}");
    }
    // A membership outlives a deleted board, which can come back.
    town.join("deleted", "ada", Role::Admin);
    let refused = town.ask(by("ada"), make_token("ada", "k4", Some(&["deleted"])));
    assert_eq!(refused.map(drop), unknown);
}

#[test]
fn an_account_has_so_many_tokens() {
    let mut town = Town::new();
    for number in 0..TOKENS_PER_USER_MAX {
        let command = make_token("bob", &format!("k{number}"), None);
        town.ask(by("bob"), command).unwrap();
    }
    let (what, max) = ("tokens", TOKENS_PER_USER_MAX);
    let refused = town.ask(by("bob"), make_token("bob", "more", None));
    assert_eq!(refused, Err(Refusal::TooMany { what, max }));
    town.settle("other", UserKind::Service);
    town.ask(by("ada"), make_token("other", "more", None))
        .unwrap();
}

#[test]
fn nobody_disabled_has_sessions_or_tokens_made() {
    let mut town = Town::new();
    town.ask(by("ada"), edit("bob", None, Some(true))).unwrap();
    let refused = town.ask(by("bob"), make_token("bob", "k", None));
    assert_eq!(refused, Err(Refusal::NotSignedIn));
    town.ask(by("ada"), edit("bot", None, Some(true))).unwrap();
    let disabled = Err(Refusal::WrongKind(DISABLED));
    for (access, owner) in [
        (by("ada"), "bot"),
        (by_operator(), "bot"),
        (by_operator(), "bob"),
    ] {
        let refused = town.ask(access, make_token(owner, "k", None));
        assert_eq!(refused, disabled, "{owner}");
    }
    let not_theirs = town.ask(by("ada"), make_token("bob", "k", None));
    assert_eq!(not_theirs, Err(Refusal::NotAllowed));
    assert_eq!(town.tokens, []);
    town.ask(by("ada"), edit("bot", None, Some(false))).unwrap();
    town.ask(by("ada"), make_token("bot", "k", None)).unwrap();
}
