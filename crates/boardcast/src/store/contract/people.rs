//! Accounts: who sees and does what, by which credential, and that what a commit took away is gone for
//! every read and write that begins after it, and was told to whoever publishes (I9).

use super::requests::{
    board_id, create_board, create_list, create_task, delete_board, keyed, rename_board, retitle,
    task_id,
};
use super::{Bench, IntoRequest, check};
use crate::live::{Located, Log};
use crate::store::sqlite::EventsRead;
use crate::store::{Answer, Asked, Failure};
use boardcast_core::access::{Access, Actor, Caller, Revocation, Role, Scope};
use boardcast_core::cursor::Cursor;
use boardcast_core::limits::{SESSION_DAYS_MAX, SESSION_IDLE_DAYS, SESSIONS_PER_USER_MAX};
use boardcast_core::model::{Login, PersonName, SessionId, TokenId, TokenName, UserId};
use boardcast_core::people::{
    Agent, Credential, NewSession, PasswordHash, PeopleCommand, PeopleRequest, SecretHash, Session,
    User, Who,
};
use boardcast_core::protocol::{Command, Kind, PeopleKind, Refusal, Request};

fn user_id(name: &str) -> UserId {
    UserId::parse(name).expect("an id")
}

/// Hashing is nobody's business in here: a password is its own hash.
fn password(text: &str) -> PasswordHash {
    PasswordHash::parse(&format!("${text}")).expect("a PHC string")
}

pub(in crate::store) fn secret(text: &str) -> SecretHash {
    SecretHash::of(text.as_bytes())
}

fn new_session(id: &str) -> NewSession {
    NewSession {
        id: SessionId::parse(id).expect("an id"),
        secret: secret(id),
        agent: Agent::of("a browser"),
    }
}

/// A person by a session; the session is named after both.
fn by(name: &str, device: &str) -> Access {
    Access::of(Caller::Person {
        user_id: user_id(name),
        session_id: SessionId::parse(&format!("{name}-{device}")).expect("an id"),
    })
}

/// A person's first session.
pub(in crate::store) fn person(name: &str) -> Access {
    by(name, "first")
}

pub(in crate::store) fn program(owner: &str, token: &str, scope: Scope) -> Access {
    Access::of(Caller::Token {
        user_id: user_id(owner),
        token_id: TokenId::parse(token).expect("an id"),
        scope,
    })
}

pub(in crate::store) fn nobody() -> Access {
    Access::of(Caller::Nobody)
}

pub(in crate::store) fn set_up() -> PeopleCommand {
    PeopleCommand::SetUp {
        user_id: user_id("ada"),
        login: Login::parse("ada").expect("a login"),
        name: PersonName::parse("Ada").expect("a name"),
        password: password("ada"),
        session: new_session("ada-first"),
    }
}

fn create_person(name: &str) -> PeopleCommand {
    PeopleCommand::CreatePerson {
        user_id: user_id(name),
        login: Login::parse(name).expect("a login"),
        name: PersonName::parse(name).expect("a name"),
        invite: secret(&format!("{name} invited")),
    }
}

fn accept_invite(name: &str, device: &str) -> PeopleCommand {
    PeopleCommand::AcceptInvite {
        invite: secret(&format!("{name} invited")),
        password: password(name),
        name: None,
        session: new_session(&format!("{name}-{device}")),
    }
}

fn sign_in(name: &str, device: &str) -> PeopleCommand {
    PeopleCommand::SignIn {
        user_id: user_id(name),
        checked: password(name),
        session: new_session(&format!("{name}-{device}")),
    }
}

fn put_member(board: &str, name: &str, role: Role) -> PeopleCommand {
    PeopleCommand::PutMember {
        board_id: board_id(board),
        who: Who::Id(user_id(name)),
        role,
    }
}

fn remove_member(board: &str, name: &str) -> PeopleCommand {
    PeopleCommand::RemoveMember {
        board_id: board_id(board),
        user_id: user_id(name),
    }
}

fn edit_user(name: &str, is_admin: Option<bool>, disabled: Option<bool>) -> PeopleCommand {
    PeopleCommand::EditUser {
        user_id: user_id(name),
        name: None,
        is_admin,
        disabled,
    }
}

pub(in crate::store) fn make_token(
    owner: &str,
    id: &str,
    scope: Scope,
    boards: Option<&[&str]>,
) -> PeopleCommand {
    PeopleCommand::MakeToken {
        user_id: user_id(owner),
        token_id: TokenId::parse(id).expect("an id"),
        secret: secret(id),
        name: TokenName::parse("Script").expect("a name"),
        scope,
        boards: boards.map(|boards| boards.iter().map(|board| board_id(board)).collect()),
        ends_at: None,
    }
}

fn refused<T>(refusal: Refusal) -> Result<T, Failure> {
    Err(Failure::Refused(refusal))
}

impl Bench {
    /// Ada set accounts up; everyone else accepted an invite of hers.
    fn with_people(&mut self, names: &[&str]) {
        self.do_people(&nobody(), set_up());
        for name in names {
            self.do_people(&person("ada"), create_person(name));
            self.do_people(&nobody(), accept_invite(name, "first"));
        }
    }

    /// A change of people that is accepted; what it took away.
    #[track_caller]
    pub(in crate::store) fn do_people(
        &mut self,
        access: &Access,
        command: PeopleCommand,
    ) -> Vec<Revocation> {
        let told = format!("{access:?} {command:?}");
        let (answer, revocations) = self.ask_people(access, command);
        assert!(answer.is_ok(), "{told}: {answer:?}");
        revocations
    }

    /// A change of people that is refused and takes nothing away.
    #[track_caller]
    fn refuse_people(&mut self, access: &Access, command: PeopleCommand, refusal: Refusal) {
        let told = format!("{access:?} {command:?}");
        let (answer, revocations) = self.ask_people(access, command);
        assert_eq!(answer, refused(refusal), "{told}");
        assert_eq!(revocations, []);
    }

    fn ask_as(&mut self, access: &Access, command: Command) -> Answer {
        self.ask(Request {
            access: access.clone(),
            ..command.into_request()
        })
    }

    /// Where a board stands, whoever may know of it.
    async fn place_of(&self, board: &str) -> Cursor {
        self.snapshot(board).await.expect("it lives").1
    }

    pub(in crate::store) async fn boards_of(&self, access: &Access) -> Vec<(String, Option<Role>)> {
        let listed = self.readers.boards(access, None, 10).await;
        let listed = listed.expect("the caller is known").into_iter();
        listed
            .map(|listed| (listed.board.id.to_string(), listed.role))
            .collect()
    }

    pub(in crate::store) async fn is_known(&self, session: &str) -> bool {
        let credential = Credential::Session(secret(session));
        let known = self.readers.authenticate(credential).await;
        known.expect("the file is readable").is_some()
    }

    /// Every way to look at the board `b` and what is on it, and whether it shows anything.
    async fn looks(&self, access: &Access) -> Vec<Result<bool, Failure>> {
        let (readers, b) = (&self.readers, board_id("b"));
        let events = readers.events(access, b.clone(), None, 10).await;
        let located = readers.locate(access, &b, None).await;
        let located = match located.expect("the log is readable") {
            Located::At(_) => Ok(true),
            Located::NoBoard => Ok(false),
            Located::NotSignedIn => refused(Refusal::NotSignedIn),
        };
        let members = match readers.members(access, b.clone()).await {
            Err(Failure::Refused(Refusal::NotFound(Kind::Board))) => Ok(false),
            members => members.map(|members| !members.is_empty()),
        };
        let things = readers.deleted_things(access, b, None, 10).await;
        let task = readers.task(access, task_id("t0")).await;
        let boards = readers.boards(access, None, 10).await;
        let deleted = readers.deleted_boards(access, None, 10).await;
        vec![
            task.map(|task| task.is_some()),
            boards.map(|boards| !boards.is_empty()),
            events.map(|events| !matches!(events, EventsRead::NoBoard)),
            located,
            members,
            things.map(|things| things.is_some()),
            deleted.map(|boards| !boards.is_empty()),
        ]
    }
}

fn all<T: Clone>(shown: T) -> Vec<T> {
    vec![shown; 7]
}

/// A board with a task, and a deleted one.
fn furnish(bench: &mut Bench) {
    bench.furnish(1);
    bench.accept(create_board("gone"));
    bench.accept(delete_board("gone"));
}

#[tokio::test]
async fn setting_up_ends_open_mode_and_gives_the_first_admin_every_board() {
    check(async |mut bench: Bench| {
        furnish(&mut bench);
        assert_eq!(
            bench.looks(&person("ada")).await,
            all(refused(Refusal::NotSignedIn))
        );
        let early = Refusal::Accounts { is_on: false };
        bench.refuse_people(&nobody(), create_person("bob"), early);
        let revocations = bench.do_people(&Access::open(), set_up());
        assert_eq!(revocations, [Revocation::Everyone]);
        bench.refuse_people(&nobody(), set_up(), Refusal::Accounts { is_on: true });
        for stranger in [Access::open(), nobody(), person("eve"), by("ada", "other")] {
            let unknown = refused(Refusal::NotSignedIn);
            assert_eq!(bench.looks(&stranger).await, all(unknown), "{stranger:?}");
            let answer = bench.ask_as(&stranger, retitle("t0", "Mine"));
            assert_eq!(answer, refused(Refusal::NotSignedIn), "{stranger:?}");
        }
        // The members of open mode's board are hers alone now.
        assert_eq!(bench.looks(&person("ada")).await, all(Ok(true)));
        assert!(
            bench
                .ask_as(&person("ada"), rename_board("b", "Hers"))
                .is_ok()
        );
    })
    .await;
}

#[tokio::test]
async fn a_board_is_there_for_its_members_alone_and_as_far_as_their_role_goes() {
    check(async |mut bench: Bench| {
        furnish(&mut bench);
        bench.with_people(&["bob"]);
        let (ada, bob) = (person("ada"), person("bob"));
        let unseen = refused(Refusal::NotFound(Kind::Task));
        assert_eq!(bench.looks(&bob).await, all(Ok(false)));
        assert_eq!(bench.ask_as(&bob, retitle("t0", "Mine")), unseen);
        assert!(bench.ask_as(&ada, create_board("past")).is_ok());
        bench.do_people(&ada, put_member("past", "bob", Role::Viewer));
        assert!(bench.ask_as(&ada, delete_board("past")).is_ok());
        for role in [Role::Viewer, Role::Editor, Role::Admin] {
            bench.do_people(&ada, put_member("b", "bob", role));
            assert_eq!(bench.looks(&bob).await, all(Ok(true)));
            assert_eq!(bench.boards_of(&bob).await, [("b".into(), Some(role))]);
            let edited = bench.ask_as(&bob, retitle("t0", role.as_str()));
            assert_eq!(edited.is_ok(), role >= Role::Editor, "{role} {edited:?}");
            let renamed = bench.ask_as(&bob, rename_board("b", role.as_str()));
            assert_eq!(renamed.is_ok(), role >= Role::Admin, "{role} {renamed:?}");
        }
        let removed = bench.do_people(&ada, remove_member("b", "bob"));
        assert_eq!(removed, [Revocation::Member(user_id("bob"), board_id("b"))]);
        assert_eq!(bench.boards_of(&bob).await, []);
        assert_eq!(bench.looks(&bob).await[..6], all(Ok(false))[..6]);
        assert_eq!(bench.ask_as(&bob, retitle("t0", "Mine")), unseen);
    })
    .await;
}

#[tokio::test]
async fn events_name_who_did_it_by_the_names_of_then() {
    check(async |mut bench: Bench| {
        furnish(&mut bench);
        bench.do_people(&nobody(), set_up());
        let (ada, before) = (person("ada"), bench.place_of("b").await);
        bench.do_people(&ada, make_token("ada", "script", Scope::Write, None));
        let script = program("ada", "script", Scope::Write);
        assert!(bench.ask_as(&ada, retitle("t0", "By hand")).is_ok());
        let rename = PeopleCommand::EditUser {
            user_id: user_id("ada"),
            name: Some(PersonName::parse("Ada L.").unwrap()),
            is_admin: None,
            disabled: None,
        };
        bench.do_people(&ada, rename);
        assert!(bench.ask_as(&script, retitle("t0", "By program")).is_ok());
        let log = bench.log_after("b", before).await;
        let authors: Vec<_> = log.iter().map(|entry| entry.event().by).collect();
        let name = |text| PersonName::parse(text).unwrap();
        let herself = Actor::Person {
            id: user_id("ada"),
            name: name("Ada"),
        };
        let program = Actor::Token {
            id: user_id("ada"),
            name: name("Ada L."),
            token_id: TokenId::parse("script").unwrap(),
            token_name: TokenName::parse("Script").unwrap(),
        };
        assert_eq!(authors, [Some(herself), Some(program)]);
    })
    .await;
}

#[tokio::test]
async fn a_token_goes_as_far_as_its_scope_its_boards_and_its_owner() {
    check(async |mut bench: Bench| {
        furnish(&mut bench);
        bench.with_people(&["bob"]);
        let ada = person("ada");
        assert!(bench.ask_as(&ada, create_board("c")).is_ok());
        for scope in [Scope::Read, Scope::Write, Scope::Admin] {
            let id = format!("all-{scope}");
            bench.do_people(&ada, make_token("ada", &id, scope, None));
            let token = program("ada", &id, scope);
            let (cap, both) = (Some(scope.cap()), bench.boards_of(&token).await);
            assert_eq!(both, [("b".into(), cap), ("c".into(), cap)]);
            let edited = bench.ask_as(&token, retitle("t0", &id));
            assert_eq!(edited.is_ok(), scope >= Scope::Write, "{edited:?}");
        }
        bench.do_people(
            &ada,
            make_token("ada", "only-c", Scope::Admin, Some(&["c"])),
        );
        let limited = program("ada", "only-c", Scope::Admin);
        assert_eq!(
            bench.boards_of(&limited).await,
            [("c".into(), Some(Role::Admin))]
        );
        assert_eq!(bench.looks(&limited).await[0], Ok(false));
        let create = bench.ask_as(&limited, create_board("d"));
        assert_eq!(create, refused(Refusal::NotAllowed));
        // Its board is deleted and purged: it is good for nothing, and for no other board.
        assert!(bench.ask_as(&ada, delete_board("c")).is_ok());
        bench.clock.turn_days(31);
        bench.do_people(&ada, sign_in("ada", "later"));
        while bench.writer.maintain().expect("nothing fatal").has_more {}
        assert_eq!(bench.boards_of(&limited).await, []);
        let tokens = bench
            .readers
            .tokens(&by("ada", "later"), user_id("ada"))
            .await;
        assert_eq!(tokens.unwrap().last().unwrap().boards, Some(Vec::new()));
        let later = by("ada", "later");
        let ended = PeopleCommand::EndToken {
            user_id: user_id("ada"),
            token_id: TokenId::parse("only-c").unwrap(),
        };
        let revoked = [Revocation::Token(TokenId::parse("only-c").unwrap())];
        assert_eq!(bench.do_people(&later, ended), revoked);
        let gone = bench.ask_as(&limited, create_board("d"));
        assert_eq!(gone, refused(Refusal::NotSignedIn));
    })
    .await;
}

#[tokio::test]
async fn a_token_changes_no_people_and_makes_no_token() {
    check(async |mut bench: Bench| {
        bench.with_people(&["bob"]);
        let ada = person("ada");
        bench.do_people(&ada, make_token("ada", "script", Scope::Admin, None));
        let script = program("ada", "script", Scope::Admin);
        for command in [
            make_token("ada", "second", Scope::Read, None),
            create_person("eve"),
            edit_user("bob", None, Some(true)),
            PeopleCommand::EndAllSessions,
        ] {
            bench.refuse_people(&script, command, Refusal::NotAllowed);
        }
        let forbidden = refused(Refusal::NotAllowed);
        assert_eq!(bench.readers.users(&script, None, 9).await, forbidden);
        let forbidden = refused(Refusal::NotAllowed);
        assert_eq!(
            bench.readers.tokens(&script, user_id("ada")).await,
            forbidden
        );
        // Nor does a person who is no admin.
        let forbidden = refused(Refusal::NotAllowed);
        assert_eq!(
            bench.readers.users(&person("bob"), None, 9).await,
            forbidden
        );
        bench.refuse_people(&person("bob"), create_person("eve"), Refusal::NotAllowed);
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_itself_once() {
    check(async |mut bench: Bench| {
        furnish(&mut bench);
        bench.with_people(&[]);
        let ada = person("ada");
        for id in ["script", "second"] {
            bench.do_people(&ada, make_token("ada", id, Scope::Read, Some(&["b"])));
        }
        let [script, second] = ["script", "second"].map(|id| program("ada", id, Scope::Read));
        let ended = bench.do_people(&script, PeopleCommand::SignOut);
        let id = TokenId::parse("script").unwrap();
        assert_eq!(ended, [Revocation::Token(id)]);
        bench.refuse_people(&script, PeopleCommand::SignOut, Refusal::NotSignedIn);
        let gone = refused(Refusal::NotSignedIn);
        assert_eq!(bench.looks(&script).await[0], gone);
        for still_good in [&second, &ada] {
            assert_eq!(bench.looks(still_good).await[0], Ok(true));
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_when_it_is_ended_pushed_out_or_over() {
    check(async |mut bench: Bench| {
        bench.do_people(&nobody(), set_up());
        assert!(bench.is_known("ada-first").await);
        // Signing in where one is signed in replaces the session.
        let replaced = bench.do_people(&person("ada"), sign_in("ada", "second"));
        let session = |id: &str| Revocation::Session(SessionId::parse(id).unwrap());
        assert_eq!(replaced, [session("ada-first")]);
        assert!(!bench.is_known("ada-first").await);
        for at in 1..SESSIONS_PER_USER_MAX {
            bench.clock.turn_hours(1);
            assert_eq!(
                bench.do_people(&nobody(), sign_in("ada", &format!("{at}"))),
                []
            );
        }
        bench.clock.turn_hours(1);
        let pushed_out = bench.do_people(&nobody(), sign_in("ada", "last"));
        assert_eq!(pushed_out, [session("ada-second")]);
        let out = bench.do_people(&by("ada", "last"), PeopleCommand::SignOut);
        assert_eq!(out, [session("ada-last")]);
        assert!(!bench.is_known("ada-last").await);
        bench.clock.turn_days(i64::from(SESSION_IDLE_DAYS) + 1);
        assert!(!bench.is_known("ada-7").await, "unused for too long");
        let unknown = refused(Refusal::NotSignedIn);
        assert_eq!(bench.readers.me(&by("ada", "7")).await, unknown);
        let mut ended = Vec::new();
        loop {
            let upkeep = bench.writer.maintain().expect("nothing fatal");
            ended.extend(upkeep.revocations);
            if !upkeep.has_more {
                break;
            }
        }
        assert_eq!(
            ended.len(),
            SESSIONS_PER_USER_MAX - 1,
            "told as they are forgotten"
        );
    })
    .await;
}

#[tokio::test]
async fn a_session_in_use_is_noted_by_the_minute_and_still_ends_one_day() {
    check(async |mut bench: Bench| {
        bench.do_people(&nobody(), set_up());
        let session = Credential::Session(secret("ada-first"));
        let mut days = 20;
        bench.clock.turn_days(20);
        while let Some(known) = bench.readers.authenticate(session).await.unwrap() {
            assert!(known.is_seen_anew, "a day later");
            let note = Asked::Seen(known.caller);
            bench.writer.commit(&[note]).expect("nothing fatal");
            let again = bench.readers.authenticate(session).await.unwrap().unwrap();
            assert!(!again.is_seen_anew, "a moment later");
            days += 20;
            bench.clock.turn_days(20);
        }
        assert_eq!(days, SESSION_DAYS_MAX);
    })
    .await;
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_and_links_of_before() {
    check(async |mut bench: Bench| {
        bench.with_people(&["bob"]);
        let ada = person("ada");
        bench.refuse_people(
            &nobody(),
            accept_invite("bob", "again"),
            Refusal::InviteGone,
        );
        bench.do_people(&nobody(), sign_in("bob", "second"));
        let change = |checked: &str| PeopleCommand::ChangePassword {
            checked: password(checked),
            password: password("better"),
            session: new_session("bob-third"),
        };
        bench.refuse_people(&person("bob"), change("wrong"), Refusal::WrongLogin);
        let invite = PeopleCommand::Invite {
            user_id: user_id("bob"),
            invite: secret("bob invited"),
        };
        bench.do_people(&ada, invite.clone());
        let ended = bench.do_people(&person("bob"), change("bob"));
        assert_eq!(ended.len(), 2);
        for (session, is_known) in [("first", false), ("second", false), ("third", true)] {
            assert_eq!(bench.is_known(&format!("bob-{session}")).await, is_known);
        }
        bench.refuse_people(
            &nobody(),
            accept_invite("bob", "again"),
            Refusal::InviteGone,
        );
        // The password that was checked is no longer the one that is kept.
        bench.refuse_people(&nobody(), sign_in("bob", "late"), Refusal::WrongLogin);
        bench.do_people(&ada, invite);
        bench.clock.turn_days(8);
        bench.refuse_people(
            &nobody(),
            accept_invite("bob", "again"),
            Refusal::InviteGone,
        );
    })
    .await;
}

#[tokio::test]
async fn whoever_is_disabled_can_do_nothing_until_they_are_enabled() {
    check(async |mut bench: Bench| {
        furnish(&mut bench);
        bench.with_people(&["bob"]);
        let (ada, bob) = (person("ada"), person("bob"));
        bench.do_people(&ada, put_member("b", "bob", Role::Editor));
        bench.do_people(&bob, make_token("bob", "script", Scope::Write, None));
        let script = program("bob", "script", Scope::Write);
        let revoked = bench.do_people(&ada, edit_user("bob", None, Some(true)));
        assert_eq!(revoked, [Revocation::User(user_id("bob"))]);
        for access in [&bob, &script] {
            assert_eq!(
                bench.looks(access).await,
                all(refused(Refusal::NotSignedIn))
            );
        }
        assert_eq!(
            bench.readers.candidate(Login::parse("bob").unwrap()).await,
            Ok(None)
        );
        bench.refuse_people(&nobody(), sign_in("bob", "again"), Refusal::WrongLogin);
        bench.do_people(&ada, edit_user("bob", None, Some(false)));
        assert_eq!(bench.looks(&bob).await[0], refused(Refusal::NotSignedIn));
        assert_eq!(
            bench.looks(&script).await[0],
            refused(Refusal::NotSignedIn),
            "tokens have ended for good, too"
        );
        bench.do_people(&nobody(), sign_in("bob", "again"));
    })
    .await;
}

#[tokio::test]
async fn the_last_admin_of_server_or_board_stays() {
    check(async |mut bench: Bench| {
        furnish(&mut bench);
        bench.with_people(&["bob"]);
        let (ada, bob) = (person("ada"), person("bob"));
        let last = Refusal::LastAdmin;
        bench.refuse_people(&ada, edit_user("ada", Some(false), None), last.clone());
        bench.refuse_people(&ada, edit_user("ada", None, Some(true)), last.clone());
        bench.refuse_people(&ada, remove_member("b", "ada"), last.clone());
        bench.refuse_people(&ada, put_member("b", "ada", Role::Editor), last.clone());
        bench.do_people(&ada, put_member("b", "bob", Role::Admin));
        bench.do_people(&ada, remove_member("b", "ada"));
        bench.do_people(&ada, edit_user("bob", Some(true), None));
        bench.do_people(&bob, edit_user("ada", Some(false), None));
        bench.refuse_people(&bob, remove_member("b", "bob"), last);
        // A board whose admins are all disabled is given another one by a server admin.
        bench.do_people(&bob, edit_user("ada", Some(true), None));
        let stranger = Refusal::NotFound(Kind::Board);
        bench.refuse_people(&ada, put_member("b", "ada", Role::Admin), stranger);
        bench.do_people(&ada, edit_user("bob", None, Some(true)));
        bench.do_people(&ada, put_member("b", "ada", Role::Admin));
        assert_eq!(bench.looks(&ada).await[0], Ok(true));
    })
    .await;
}

#[tokio::test]
async fn the_operator_rules_people_by_the_same_rules_and_sees_no_board() {
    check(async |mut bench: Bench| {
        furnish(&mut bench);
        bench.with_people(&["bob"]);
        let operator = Access::of(Caller::Operator);
        assert_eq!(bench.looks(&operator).await, all(Ok(false)));
        bench.do_people(&operator, put_member("b", "bob", Role::Viewer));
        bench.do_people(&operator, make_token("bob", "token_b", Scope::Read, None));
        assert_eq!(
            bench.looks(&program("bob", "token_b", Scope::Read)).await[0],
            Ok(true)
        );
        let tokens = bench.readers.tokens(&operator, user_id("bob")).await;
        assert_eq!(tokens.map(|tokens| tokens.len()), Ok(1));
        let end = PeopleCommand::EndToken {
            user_id: user_id("bob"),
            token_id: TokenId::parse("token_b").expect("an id"),
        };
        let revoked = bench.do_people(&operator, end.clone());
        assert!(matches!(revoked[..], [Revocation::Token(_)]));
        bench.refuse_people(&operator, end, Refusal::NoSuchPerson(PeopleKind::Token));
        let revoked = bench.do_people(&operator, remove_member("b", "bob"));
        assert_eq!(revoked, [Revocation::Member(user_id("bob"), board_id("b"))]);
        let last = Refusal::LastAdmin;
        bench.refuse_people(&operator, remove_member("b", "ada"), last.clone());
        bench.refuse_people(&operator, edit_user("ada", None, Some(true)), last);
        let gone = Refusal::NotFound(Kind::Board);
        bench.refuse_people(&operator, put_member("gone", "bob", Role::Admin), gone);
        let nobody_signed_in = [PeopleCommand::SignOut, PeopleCommand::EndAllSessions];
        for command in nobody_signed_in {
            bench.refuse_people(&operator, command, Refusal::NotAllowed);
        }
        // A server admin still has no say in either.
        bench.do_people(&person("ada"), edit_user("bob", Some(true), None));
        let token = make_token("ada", "token_a", Scope::Read, None);
        bench.refuse_people(&person("bob"), token, Refusal::NotAllowed);
        let unseen = Refusal::NotFound(Kind::Board);
        bench.refuse_people(&person("bob"), put_member("b", "bob", Role::Admin), unseen);
    })
    .await;
}

#[tokio::test]
async fn members_leave_by_themselves_and_only_admins_choose_them() {
    check(async |mut bench: Bench| {
        furnish(&mut bench);
        bench.with_people(&["bob", "eve"]);
        let (ada, bob) = (person("ada"), person("bob"));
        bench.do_people(&ada, put_member("b", "bob", Role::Editor));
        bench.refuse_people(
            &bob,
            put_member("b", "eve", Role::Viewer),
            Refusal::NotAllowed,
        );
        bench.refuse_people(&bob, remove_member("b", "ada"), Refusal::NotAllowed);
        let unseen = Refusal::NotFound(Kind::Board);
        bench.refuse_people(&person("eve"), remove_member("b", "eve"), unseen.clone());
        bench.refuse_people(&person("eve"), put_member("b", "eve", Role::Admin), unseen);
        let unknown = Refusal::NoSuchPerson(PeopleKind::Member);
        bench.refuse_people(&ada, remove_member("b", "eve"), unknown);
        let by_login = PeopleCommand::PutMember {
            board_id: board_id("b"),
            who: Who::Login(Login::parse("ghost").unwrap()),
            role: Role::Viewer,
        };
        bench.refuse_people(&ada, by_login, Refusal::UnknownPerson { field: "login" });
        bench.refuse_people(&ada, create_person("bob"), Refusal::LoginTaken);
        bench.do_people(&bob, remove_member("b", "bob"));
        let members = bench.readers.members(&ada, board_id("b")).await.unwrap();
        let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["Ada"]);
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_given_again_only_to_who_may_still_see_what_it_is_about() {
    check(async |mut bench: Bench| {
        furnish(&mut bench);
        bench.with_people(&["bob"]);
        let (ada, bob) = (person("ada"), person("bob"));
        bench.do_people(&ada, put_member("b", "bob", Role::Editor));
        let request = |access: &Access| Request {
            access: access.clone(),
            ..keyed(create_task("l", "new"), "key", "new")
        };
        let first = bench.ask(request(&bob));
        assert!(first.is_ok());
        let changed = bench.place_of("b").await;
        assert_eq!(bench.ask(request(&by("bob", "first"))), first);
        // Keys are each caller's own: hers meets the task that is there.
        let hers = bench.ask(request(&ada));
        assert_eq!(hers, first, "the same create");
        bench.do_people(&ada, put_member("b", "bob", Role::Viewer));
        assert_eq!(bench.ask(request(&bob)), first);
        bench.do_people(&ada, remove_member("b", "bob"));
        let taken = refused(Refusal::IdTaken);
        assert_eq!(
            bench.ask(request(&bob)),
            taken,
            "as for any id that they don't see"
        );
        assert_eq!(bench.place_of("b").await, changed);
    })
    .await;
}

#[tokio::test]
async fn a_credential_that_has_died_is_told_so_and_nothing_of_its_keys() {
    check(async |mut bench: Bench| {
        furnish(&mut bench);
        bench.with_people(&["bob"]);
        let (ada, bob) = (person("ada"), person("bob"));
        bench.do_people(&ada, put_member("b", "bob", Role::Editor));
        let request = |body: &str| Request {
            access: bob.clone(),
            ..keyed(create_task("l", "new"), "key", body)
        };
        assert!(bench.ask(request("one")).is_ok());
        assert_eq!(bench.ask(request("two")), refused(Refusal::KeyReused));
        bench.do_people(&bob, PeopleCommand::SignOut);
        for body in ["one", "two"] {
            assert_eq!(bench.ask(request(body)), refused(Refusal::NotSignedIn));
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_makes_a_board_is_its_admin() {
    check(async |mut bench: Bench| {
        bench.with_people(&["bob"]);
        let bob = person("bob");
        assert!(bench.ask_as(&bob, create_board("b")).is_ok());
        assert!(bench.ask_as(&bob, create_list("b", "l")).is_ok());
        assert!(bench.ask_as(&bob, create_task("l", "t0")).is_ok());
        assert_eq!(
            bench.boards_of(&bob).await,
            [("b".into(), Some(Role::Admin))]
        );
        assert_eq!(bench.looks(&person("ada")).await, all(Ok(false)));
        // In one batch, too: what stands inside the transaction counts.
        let both = [create_board("c"), rename_board("c", "Mine")].map(|command| Request {
            access: bob.clone(),
            ..command.into_request()
        });
        assert!(bench.commit(&both).answers.iter().all(Result::is_ok));
    })
    .await;
}

#[tokio::test]
async fn what_was_taken_away_in_a_batch_is_gone_for_what_comes_after_it() {
    check(async |mut bench: Bench| {
        furnish(&mut bench);
        bench.with_people(&["bob"]);
        let (ada, bob) = (person("ada"), person("bob"));
        bench.do_people(&ada, put_member("b", "bob", Role::Editor));
        let change = |title| {
            Asked::Change(Request {
                access: bob.clone(),
                ..retitle("t0", title).into_request()
            })
        };
        let remove = Asked::People(PeopleRequest {
            access: ada,
            command: remove_member("b", "bob"),
        });
        let batch = [change("Before"), remove, change("After")];
        let committed = bench.writer.commit(&batch).expect("nothing fatal");
        let answers = format!("{:?}", committed.answers);
        assert!(
            answers.contains("Before") && answers.contains("NotFound(Task)"),
            "{answers}"
        );
        assert!(!answers.contains("After"), "{answers}");
        assert_eq!(committed.revocations.len(), 1);
        assert_eq!(committed.segments.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn accounts_stay_on_and_sessions_go_on_after_a_restart() {
    let mut bench = Bench::new();
    furnish(&mut bench);
    bench.with_people(&["bob"]);
    let bench = bench.reopen_after(|_| ());
    assert_eq!(bench.looks(&person("ada")).await, all(Ok(true)));
    assert_eq!(
        bench.looks(&Access::open()).await,
        all(refused(Refusal::NotSignedIn))
    );
    let sessions: Vec<Session> = bench.readers.sessions(&person("ada")).await.unwrap();
    assert_eq!(sessions[0].agent.as_str(), "a browser");
    let users: Vec<User> = bench.readers.users(&person("ada"), None, 10).await.unwrap();
    assert_eq!(users.len(), 2);
    assert!(users.iter().all(|user| user.has_password));
}
