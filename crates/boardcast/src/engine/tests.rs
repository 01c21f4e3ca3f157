//! What the façade promises beyond its parts: a board is given only to who may still see it when it was
//! read, whoever was judged before.

use super::{Engine, Parts, Publisher};
use crate::live::hub::Hub;
use crate::live::{Hangup, Located, Log, Page, Reading, Snapshot};
use crate::outside::Outside;
use crate::store::Retention;
use crate::store::queue::Submissions;
use crate::store::sqlite::{Opened, Readers, open};
use boardcast_core::access::{Access, Caller, Role};
use boardcast_core::cursor::{BoardKey, Cursor};
use boardcast_core::model::{BoardId, Login, Name, PersonName, SessionId, Timestamp, UserId};
use boardcast_core::people::{
    Agent, NewSession, PasswordHash, PeopleCommand, PeopleRequest, SecretHash, Who,
};
use boardcast_core::protocol::{Command, Request};
use std::sync::{Arc, Mutex, OnceLock, Weak};

struct Still;

impl Outside for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_468_677_123)
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// The log, before whose next snapshot something else is committed.
struct Interrupted {
    readers: Arc<Readers>,
    engine: OnceLock<Weak<Engine>>,
    by: Mutex<Option<PeopleRequest>>,
}

impl Log for Interrupted {
    fn locate<'a>(
        &'a self,
        access: &'a Access,
        board_id: &'a BoardId,
        cursor: Option<Cursor>,
    ) -> Reading<'a, Located> {
        self.readers.locate(access, board_id, cursor)
    }

    fn after<'a>(&'a self, board_id: &'a BoardId, place: Cursor) -> Reading<'a, Page> {
        self.readers.after(board_id, place)
    }

    fn snapshot<'a>(&'a self, board_id: &'a BoardId) -> Reading<'a, Option<Arc<Snapshot>>> {
        Box::pin(async move {
            let request = self.by.lock().unwrap().take();
            if let (Some(engine), Some(request)) = (self.engine.get(), request) {
                let engine = engine.upgrade().expect("it runs");
                engine.submit_people(request).await.expect("it is accepted");
            }
            self.readers.snapshot(board_id).await
        })
    }
}

fn person(name: &str) -> Access {
    Access::of(Caller::Person {
        user_id: UserId::parse(name).unwrap(),
        session_id: SessionId::parse(name).unwrap(),
    })
}

fn new_session(name: &str) -> NewSession {
    NewSession {
        id: SessionId::parse(name).unwrap(),
        secret: SecretHash::of(name.as_bytes()),
        agent: Agent::of(""),
    }
}

fn asked(access: &Access, command: PeopleCommand) -> PeopleRequest {
    let access = access.clone();
    PeopleRequest { access, command }
}

/// Ada has a board, on which Bob is a viewer.
async fn furnish(engine: &Engine, board_id: &BoardId) {
    let nobody = Access::of(Caller::Nobody);
    let password = PasswordHash::parse("$hash").unwrap();
    let set_up = PeopleCommand::SetUp {
        user_id: UserId::parse("ada").unwrap(),
        login: Login::parse("ada").unwrap(),
        name: PersonName::parse("Ada").unwrap(),
        password: password.clone(),
        session: new_session("ada"),
    };
    let create_person = PeopleCommand::CreatePerson {
        user_id: UserId::parse("bob").unwrap(),
        login: Login::parse("bob").unwrap(),
        name: PersonName::parse("Bob").unwrap(),
        invite: SecretHash::of(b"link"),
    };
    let accept = PeopleCommand::AcceptInvite {
        invite: SecretHash::of(b"link"),
        password,
        name: None,
        session: new_session("bob"),
    };
    let ada = person("ada");
    for (access, command) in [(&nobody, set_up), (&ada, create_person), (&nobody, accept)] {
        engine.submit_people(asked(access, command)).await.unwrap();
    }
    let create_board = Request {
        access: person("ada"),
        command: Command::CreateBoard {
            board_id: board_id.clone(),
            name: Name::parse("Board").unwrap(),
            key: BoardKey([7; 32]),
            birth: None,
        },
        precondition: None,
        idempotency: None,
    };
    engine.submit(create_board).await.unwrap();
    let put = PeopleCommand::PutMember {
        board_id: board_id.clone(),
        who: Who::Id(UserId::parse("bob").unwrap()),
        role: Role::Viewer,
    };
    engine
        .submit_people(asked(&person("ada"), put))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_board_that_is_taken_away_while_it_is_read_is_not_given() {
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention {
        events: 10_000,
        days: 30,
    };
    let opened = open(&folder.path().join("b.db"), retention, Arc::new(Still)).unwrap();
    let Opened {
        writer,
        readers,
        has_accounts,
    } = opened;
    let hub = Arc::new(Hub::new(0));
    let publisher = Arc::new(Publisher::new(Arc::clone(&hub), has_accounts));
    let publish_to = Arc::clone(&publisher);
    let submissions = Submissions::start(writer, move |revocations, segments| {
        publish_to.publish(&revocations, segments);
    });
    let log = Arc::new(Interrupted {
        readers: Arc::clone(&readers),
        engine: OnceLock::new(),
        by: Mutex::default(),
    });
    let parts = Parts {
        submissions,
        readers,
        log: Arc::clone(&log) as Arc<dyn Log>,
        hub,
        pins: Arc::default(),
        publisher,
    };
    let engine = Engine::around(parts, Arc::new(Still), 1);
    log.engine.set(Arc::downgrade(&engine)).unwrap();
    let board_id = BoardId::parse("b").unwrap();
    furnish(&engine, &board_id).await;
    let read = async || {
        let (bob, hangup) = (person("bob"), Hangup::default());
        let board = engine.board(&bob, &board_id, |_| false, &hangup);
        board.await.unwrap().is_some()
    };
    assert!(read().await);
    let remove = PeopleCommand::RemoveMember {
        board_id: board_id.clone(),
        user_id: UserId::parse("bob").unwrap(),
    };
    *log.by.lock().unwrap() = Some(asked(&person("ada"), remove));
    assert!(!read().await);
    engine.close();
}
