//! Damage done behind the program's back is found and named; a file that only this program wrote is
//! clean, whatever was done through it.

mod histories;

use super::{Report, check};
use crate::outside::Outside;
use crate::store::sqlite::{Opened, open};
use crate::store::{Answer, Answered, Asked, Failure, Retention};
use boardcast_core::access::{Access, Caller, Role, Scope};
use boardcast_core::cursor::BoardKey;
use boardcast_core::model::{
    BoardId, Description, ListId, Login, Name, PersonName, SessionId, TaskId, Timestamp, Title,
    TokenId, TokenName, UserId,
};
use boardcast_core::people::{
    Agent, NewSession, PasswordHash, PeopleCommand, PeopleRequest, SecretHash, Who,
};
use boardcast_core::protocol::{Command, Refusal, Request, Slot};
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

const DAY_MS: i64 = 86_400_000;

/// A clock that is turned by hand.
struct Clock(AtomicI64);

impl Outside for Clock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// A data file with a server's writer on it.
struct Yard {
    folder: TempDir,
    clock: Arc<Clock>,
    opened: Option<Opened>,
}

impl Yard {
    fn new(events_kept: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Clock(AtomicI64::new(1_700_000_000_000)));
        let retention = Retention {
            events: events_kept,
            days: 1,
        };
        let outside = Arc::clone(&clock) as Arc<dyn Outside>;
        let opened = open(&folder.path().join("b.db"), retention, outside).unwrap();
        Self {
            folder,
            clock,
            opened: Some(opened),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("b.db")
    }

    /// Carried out or refused, as the rules say.
    fn ask(&mut self, command: Command) {
        let _ = self.answer(command);
    }

    fn refuse(&mut self, command: Command) -> Refusal {
        match self.answer(command) {
            Err(Failure::Refused(refusal)) => refusal,
            answer => panic!("{answer:?}"),
        }
    }

    fn answer(&mut self, command: Command) -> Answer {
        let request = Request {
            access: Access::open(),
            command,
            precondition: None,
            idempotency: None,
        };
        let writer = &mut self.opened.as_mut().unwrap().writer;
        match writer.commit(&[request.into()]).unwrap().answers.remove(0) {
            Answered::Change(answer) => answer,
            other => unreachable!("a change was asked for: {other:?}"),
        }
    }

    fn pass(&mut self, days: i64) {
        self.clock.0.fetch_add(days * DAY_MS, Ordering::Relaxed);
    }

    /// One small step of retention.
    fn maintain(&mut self) -> bool {
        self.opened
            .as_mut()
            .unwrap()
            .writer
            .maintain()
            .unwrap()
            .has_more
    }

    fn check(&self) -> Report {
        check(&self.data(), &mut |_| {}).unwrap()
    }

    fn stop(&mut self) {
        drop(self.opened.take());
    }

    /// [`Yard::furnished`], and then an admin, somebody with a link, a program and its token.
    fn peopled() -> Self {
        let mut yard = Self::furnished(10_000);
        let ada = Access::of(Caller::Person {
            user_id: UserId::parse("ada").unwrap(),
            session_id: SessionId::parse("laptop").unwrap(),
        });
        let name = PersonName::parse("Somebody").unwrap();
        let id = |id: &str| UserId::parse(id).unwrap();
        yard.people(
            &Access::open(),
            PeopleCommand::SetUp {
                user_id: id("ada"),
                login: Login::parse("ada").unwrap(),
                name: name.clone(),
                password: PasswordHash::parse("$hash").unwrap(),
                session: NewSession {
                    id: SessionId::parse("laptop").unwrap(),
                    secret: SecretHash::of(b"laptop"),
                    agent: Agent::of("a browser"),
                },
            },
        );
        let create = PeopleCommand::CreatePerson {
            user_id: id("bob"),
            login: Login::parse("bob").unwrap(),
            name: name.clone(),
            invite: SecretHash::of(b"bob"),
        };
        yard.people(&ada, create);
        let user_id = id("ci");
        yard.people(&ada, PeopleCommand::CreateService { user_id, name });
        let put = PeopleCommand::PutMember {
            board_id: board("b1"),
            who: Who::Id(id("ci")),
            role: Role::Editor,
        };
        yard.people(&ada, put);
        let token = PeopleCommand::MakeToken {
            user_id: id("ci"),
            token_id: TokenId::parse("script").unwrap(),
            secret: SecretHash::of(b"script"),
            name: TokenName::parse("Script").unwrap(),
            scope: Scope::Write,
            boards: Some(vec![board("b1")]),
            ends_at: None,
        };
        yard.people(&ada, token);
        yard
    }

    fn people(&mut self, access: &Access, command: PeopleCommand) {
        let access = access.clone();
        let asked = Asked::People(PeopleRequest { access, command });
        let writer = &mut self.opened.as_mut().unwrap().writer;
        let answer = writer.commit(&[asked]).unwrap().answers.remove(0);
        assert!(matches!(answer, Answered::People(Ok(_))), "{answer:?}");
    }

    /// Two boards: one with lists, living and deleted tasks, one that was deleted and came back.
    fn furnished(events_kept: u64) -> Self {
        let mut yard = Self::new(events_kept);
        yard.ask(create_board("b1"));
        for list in ["l1", "l2", "l3"] {
            yard.ask(create_list(list, "b1"));
        }
        for task in ["t1", "t2", "t3", "t4"] {
            yard.ask(create_task(task, "l1"));
        }
        let title = Some(Title::parse("Other").unwrap());
        let task_id = task("t2");
        yard.ask(Command::EditTask {
            task_id,
            title,
            description: None,
        });
        yard.ask(move_task("t3", "l2"));
        yard.ask(Command::DeleteTask {
            task_id: task("t4"),
        });
        yard.ask(Command::DeleteList {
            list_id: list("l3"),
        });
        yard.ask(create_board("b2"));
        yard.ask(create_list("m1", "b2"));
        let board_id = board("b2");
        yard.ask(Command::DeleteBoard {
            board_id: board_id.clone(),
        });
        yard.ask(Command::RestoreBoard { board_id });
        yard
    }
}

fn board(id: &str) -> BoardId {
    BoardId::parse(id).unwrap()
}

fn list(id: &str) -> ListId {
    ListId::parse(id).unwrap()
}

fn task(id: &str) -> TaskId {
    TaskId::parse(id).unwrap()
}

fn create_board(id: &str) -> Command {
    Command::CreateBoard {
        board_id: board(id),
        name: Name::parse("Board").unwrap(),
        key: BoardKey([id.len() as u8; 32]),
        birth: None,
    }
}

fn create_list(id: &str, on: &str) -> Command {
    Command::CreateList {
        list_id: list(id),
        board_id: board(on),
        name: Name::parse("List").unwrap(),
        slot: Slot::Bottom,
        birth: None,
    }
}

fn create_task(id: &str, on: &str) -> Command {
    Command::CreateTask {
        task_id: task(id),
        list_id: list(on),
        title: Title::parse("Task").unwrap(),
        description: Description::parse("More of it").unwrap(),
        slot: Slot::Bottom,
        birth: None,
    }
}

fn move_task(id: &str, to: &str) -> Command {
    Command::MoveTask {
        task_id: task(id),
        list_id: Some(list(to)),
        slot: Slot::Top,
    }
}

fn lines(report: &Report) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

/// Does the damage to a furnished file, and expects the finding among what a check finds.
#[track_caller]
fn expect_found(damage: &str, finding: &str) {
    expect_found_in(Yard::furnished(10_000), damage, finding);
}

#[track_caller]
fn expect_found_in(mut yard: Yard, damage: &str, finding: &str) {
    yard.stop();
    let connection = Connection::open(yard.data()).unwrap();
    connection
        .pragma_update(None, "foreign_keys", false)
        .unwrap();
    connection.execute_batch(damage).unwrap();
    connection.close().unwrap();
    let found = lines(&yard.check());
    assert!(
        found.iter().any(|line| line.contains(finding)),
        "{damage}\nfinds {found:#?}\ninstead of {finding}"
    );
}

#[test]
fn a_file_that_only_the_program_wrote_is_clean_beside_the_server_and_after_it() {
    let mut yard = Yard::furnished(10_000);
    let beside = yard.check();
    assert_eq!(lines(&beside), [""; 0]);
    assert_eq!((beside.boards, beside.folded), (2, 2));
    assert_eq!((beside.lists, beside.tasks, beside.events), (4, 4, 16));
    yard.stop();
    let after = yard.check();
    assert_eq!(lines(&after), [""; 0]);
    assert_eq!(after.events, beside.events);
}

#[test]
fn accounts_that_only_the_program_made_are_clean() {
    let mut yard = Yard::peopled();
    assert_eq!(lines(&yard.check()), [""; 0]);
    yard.stop();
    assert_eq!(lines(&yard.check()), [""; 0]);
}

#[test]
fn damage_to_accounts_is_found() {
    for (damage, finding) in [
        (
            "UPDATE user SET disabled_at = 1 WHERE id = 'ada'",
            "accounts are on, but no server admin can act",
        ),
        (
            "UPDATE user SET disabled_at = 1 WHERE id = 'ada'",
            "ada is signed in, but disabled",
        ),
        (
            "UPDATE user SET disabled_at = 1 WHERE id = 'bob'",
            "bob has a link, but can't sign in",
        ),
        (
            "UPDATE member SET role = 'editor' WHERE board_no = 1",
            "b1 has no admin",
        ),
        ("DELETE FROM member WHERE board_no = 2", "b2 has no admin"),
        (
            "UPDATE token SET is_limited = 0",
            "script is limited to boards, but says that it isn't",
        ),
        (
            "DELETE FROM user WHERE id = 'ci'",
            "belongs to a user that isn't there",
        ),
        (
            "UPDATE user SET login = 'Not A Login' WHERE id = 'bob'",
            "bob can't be read",
        ),
        (
            "PRAGMA ignore_check_constraints = 1; UPDATE session SET secret = x'00'",
            "laptop has a secret that is no hash",
        ),
        (
            "PRAGMA ignore_check_constraints = 1; UPDATE member SET role = 'owner' WHERE user_no = 1",
            "owner is no role",
        ),
    ] {
        expect_found_in(Yard::peopled(), damage, finding);
    }
}

#[test]
fn damage_to_the_log_is_found() {
    for (damage, finding) in [
        (
            "UPDATE event SET mark = x'000000000001' WHERE board_no = 1 AND seq = 3",
            "board b1: event 3 has a mark that doesn't follow",
        ),
        (
            "UPDATE event SET mark = x'000000000001' WHERE board_no = 1 AND seq = 3",
            "board b1: event 4 has a mark that doesn't follow",
        ),
        (
            "UPDATE event SET json = replace(json, 'Other', 'other') WHERE board_no = 1",
            "board b1: event 9 has a mark that doesn't follow",
        ),
        (
            "UPDATE board SET mark_key = zeroblob(32) WHERE no = 1",
            "board b1: event 1 has a mark that doesn't follow",
        ),
        (
            "DELETE FROM event WHERE board_no = 1 AND seq = 5",
            "board b1: event 5 is missing from the log",
        ),
        (
            "DELETE FROM event WHERE board_no = 1 AND seq < 3",
            "board b1: events 1 to 2 are missing from the log",
        ),
        (
            "DELETE FROM event WHERE board_no = 1 AND seq = 12",
            "board b1: event 12 is missing from the log",
        ),
        (
            "DELETE FROM event WHERE board_no = 1",
            "board b1: events 1 to 12 are missing from the log",
        ),
        (
            "UPDATE board SET head_mark = x'000000000001' WHERE no = 1",
            "board b1: log ends at 12-",
        ),
        (
            "UPDATE board SET floor_mark = x'000000000001' WHERE no = 2",
            "board b2: event 4 is 4-",
        ),
        (
            "UPDATE event SET json = '{}' WHERE board_no = 1 AND seq = 2",
            "board b1: event 2 can't be read",
        ),
        (
            "UPDATE event SET at = at + 1 WHERE board_no = 1 AND seq = 2",
            "board b1: event 2 has another time in its row than in its text",
        ),
        (
            "UPDATE event SET ordinal = ordinal + 100 WHERE board_no = 1 AND seq = 2",
            "board b1: event 3 was committed before the event before it",
        ),
        (
            "UPDATE event SET json = replace(json, '\"version\":2', '\"version\":3') WHERE board_no = 1 AND seq = 9",
            "board b1: event 9 makes it version 3 after version 1",
        ),
    ] {
        expect_found(damage, finding);
    }
}

#[test]
fn damage_to_rows_is_found() {
    for (damage, finding) in [
        (
            "UPDATE task SET version = 9 WHERE id = 't1'",
            "board b1: task t1 differs from event 5 in: version",
        ),
        (
            "UPDATE task SET description = '' WHERE id = 't1'",
            "board b1: task t1 differs from event 5 in: description",
        ),
        (
            "UPDATE list SET name = 'x' WHERE id = 'l3'",
            "board b1: list l3 differs from event 4 in: name",
        ),
        (
            "UPDATE board SET version = 2 WHERE no = 1",
            "board b1 differs from event 1 in: version",
        ),
        (
            "UPDATE board SET updated_at = 1 WHERE no = 1",
            "board b1 has another updatedAt than its last event",
        ),
        (
            "UPDATE board SET deleted_at = 1 WHERE no = 1",
            "board b1 is deleted, but its log has it alive",
        ),
        (
            "DROP INDEX task_order; UPDATE task SET rank = (SELECT rank FROM task WHERE id = 't2') WHERE id = 't1'",
            "board b1: task t2 has the rank of task t1",
        ),
        (
            "DROP INDEX task_order",
            "task_order: is missing from the schema",
        ),
        ("CREATE TABLE more (x)", "more: is in the schema, but"),
        (
            "UPDATE task SET list_id = 'nowhere' WHERE id = 't1'",
            "board b1: task t1 stands in list nowhere, which isn't on its board",
        ),
        (
            "UPDATE task SET list_id = 'm1', rank = 'k' WHERE id = 't1'",
            "board b1: task t1 stands in list m1, which isn't on its board",
        ),
        (
            "DELETE FROM list WHERE id = 'l1'",
            "board b1: task t1 stands in list l1, which isn't on its board",
        ),
        (
            "DELETE FROM task WHERE id = 't1'",
            "board b1: task t1 isn't there, but event 5 put it there",
        ),
        (
            "UPDATE task SET board_no = 2, list_id = 'm1' WHERE id = 't1'",
            "board b2: task t1 is in no event of the log",
        ),
        (
            "UPDATE task SET deleted_at = NULL, deleted_seq = NULL WHERE id = 't4'",
            "board b1: task t4 is there, but event 11 deleted it",
        ),
        (
            "UPDATE task SET deleted_seq = 3 WHERE id = 't4'",
            "board b1: task t4 was deleted by event 11",
        ),
        (
            "UPDATE task SET deleted_at = 1, deleted_seq = 99 WHERE id = 't1'",
            "board b1: task t1 is deleted, but no event says so",
        ),
        (
            "UPDATE task SET deleted_seq = NULL WHERE id = 't4'",
            "board b1: task t4 can't be read",
        ),
        (
            "UPDATE task SET rank = 'a0' WHERE id = 't1'",
            "board b1: task t1 can't be read",
        ),
        (
            "UPDATE task SET rank = replace(hex(zeroblob(40)), '0', 'a') WHERE id = 't1'",
            "board b1: task t1 can't be read",
        ),
        (
            "UPDATE task SET title = ' ' WHERE id = 't1'",
            "board b1: task t1 can't be read",
        ),
        (
            "UPDATE board SET name = '' WHERE no = 1",
            "board b1 can't be read",
        ),
        (
            "DELETE FROM board WHERE no = 2",
            "list: belongs to a board that isn't there",
        ),
    ] {
        expect_found(damage, finding);
    }
}

#[test]
fn a_page_of_other_bytes_is_found() {
    let mut yard = Yard::furnished(10_000);
    yard.stop();
    let mut bytes = std::fs::read(yard.data()).unwrap();
    let at = bytes
        .windows(10)
        .rposition(|it| it == b"More of it")
        .unwrap();
    let page = at / 4096 * 4096;
    bytes[page..page + 200].fill(0x5a);
    std::fs::write(yard.data(), bytes).unwrap();
    assert!(!yard.check().is_clean());
}

#[test]
fn a_log_that_is_no_longer_whole_is_judged_from_its_floor_on() {
    let mut yard = Yard::furnished(6);
    yard.pass(2);
    while yard.maintain() {}
    let report = yard.check();
    assert_eq!(lines(&report), [""; 0]);
    assert_eq!((report.folded, report.events), (0, 6));
    yard.stop();
    let connection = Connection::open(yard.data()).unwrap();
    let damage = "
        UPDATE board SET floor_mark = x'000000000001' WHERE no = 1;
        UPDATE task SET version = 9 WHERE id = 't3'";
    connection.execute_batch(damage).unwrap();
    let found = lines(&yard.check());
    assert!(found[0].contains("event 7 has a mark"), "{found:#?}");
    assert!(
        found[1].contains("task t3 differs from event 10 in: version"),
        "{found:#?}"
    );
    assert_eq!(found.len(), 2);
}

#[test]
fn findings_beyond_the_limit_are_counted() {
    let mut yard = Yard::new(10_000);
    yard.ask(create_board("b1"));
    yard.ask(create_list("l1", "b1"));
    for n in 0..600 {
        yard.ask(create_task(&format!("t{n}"), "l1"));
    }
    yard.stop();
    let connection = Connection::open(yard.data()).unwrap();
    let damage = "UPDATE event SET mark = zeroblob(6); UPDATE task SET version = 9";
    connection.execute_batch(damage).unwrap();
    let report = yard.check();
    assert_eq!(report.findings.len(), 1_000);
    assert!(report.more > 100, "{}", report.more);
}

/// A task whose id was free again, made anew on another board, comes over to where the log still
/// tells of its first life.
#[test]
fn a_second_life_that_began_on_another_board_is_no_damage() {
    for edits in [0, 5] {
        let mut yard = Yard::new(10_000);
        for (board, list) in [("a", "la"), ("b", "lb")] {
            yard.ask(create_board(board));
            yard.ask(create_list(list, board));
        }
        yard.ask(create_task("t", "la"));
        for n in 0..edits {
            yard.ask(Command::EditTask {
                task_id: task("t"),
                title: Some(Title::parse(&format!("{n}")).unwrap()),
                description: None,
            });
        }
        yard.ask(Command::DeleteTask { task_id: task("t") });
        yard.pass(31);
        while yard.maintain() {}
        yard.ask(create_task("t", "lb"));
        yard.ask(move_task("t", "la"));
        assert_eq!(lines(&yard.check()), Vec::<String>::new());
    }
}

/// The list went first by a clock that was set back, and its id was taken on another board.
#[test]
fn a_task_does_not_come_back_to_a_list_of_another_board() {
    let mut yard = Yard::new(10_000);
    for board in ["a", "b"] {
        yard.ask(create_board(board));
    }
    yard.ask(create_list("l", "a"));
    yard.ask(create_task("t", "l"));
    yard.pass(2);
    yard.ask(Command::DeleteTask { task_id: task("t") });
    yard.pass(-1);
    yard.ask(Command::DeleteList { list_id: list("l") });
    yard.clock
        .0
        .fetch_add(30 * DAY_MS + DAY_MS / 24, Ordering::Relaxed);
    while yard.maintain() {}
    yard.ask(create_list("l", "b"));
    let refused = yard.refuse(Command::RestoreTask { task_id: task("t") });
    assert_eq!(refused, Refusal::ListGone);
    assert_eq!(lines(&yard.check()), Vec::<String>::new());
}
