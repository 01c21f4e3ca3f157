//! Losing access ends the stream (I9), over real sockets and either way of sending: when a revocation
//! has returned, whoever lost their rights gets no byte more, and nobody else notices.
//!
//! Who asks stands in the path here, and what they may in a set: the routes' own way to both is
//! tested elsewhere.

use crate::app::{PATIENCE, TestApp, say, until};
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use boardcast::engine::{Engine, From, Wish};
use boardcast::http::{Connections, Service};
use boardcast::live::{Hangup, Heartbeat};
use boardcast_core::access::{Access, Caller, Revocation, Role, Scope};
use boardcast_core::model::{BoardId, Login, PersonName, SessionId, TokenId, TokenName, UserId};
use boardcast_core::people::{
    Agent, NewSession, PasswordHash, PeopleCommand, PeopleRequest, SecretHash, Who,
};
use boardcast_sim::client::Request;
use boardcast_sim::load::{Ground, Load};
use boardcast_sim::random::Random;
use futures_util::StreamExt;
use http::StatusCode;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};
use tokio::time::sleep;

const CONNECTIONS_MAX: usize = 2_000;

/// A server's second door, at which callers are told apart.
struct Door {
    app: TestApp,
    engine: Arc<Engine>,
    address: SocketAddr,
    /// Who may see nothing any more, as a data file would have it.
    shut_out: Arc<Mutex<BTreeSet<String>>>,
    permits: Arc<Semaphore>,
    drain_tx: watch::Sender<bool>,
    serving: JoinHandle<()>,
    reading: JoinSet<()>,
}

#[derive(Clone)]
struct Rights {
    engine: Arc<Engine>,
    shut_out: Arc<Mutex<BTreeSet<String>>>,
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn board(name: &str) -> BoardId {
    BoardId::parse(name).unwrap()
}

fn session(name: &str) -> SessionId {
    SessionId::parse(&format!("session-{name}")).unwrap()
}

fn access(name: &str) -> Access {
    Access::of(Caller::Person {
        user_id: user(name),
        session_id: session(name),
    })
}

/// A stream of one board, or of several with commas between them: lease, then rights, then the rest.
async fn watch_as(
    State(rights): State<Rights>,
    Extension(hangup): Extension<Hangup>,
    Path((name, boards)): Path<(String, String)>,
) -> Result<Response, StatusCode> {
    let engine = &rights.engine;
    let names: Vec<_> = boards.split(',').collect();
    let ids: Vec<_> = names.iter().map(|name| board(name)).collect();
    let lease = engine.leases().take(&access(&name), ids.clone());
    tokio::task::yield_now().await;
    if rights.shut_out.lock().unwrap().contains(&name) {
        return Err(StatusCode::NOT_FOUND);
    }
    tokio::task::yield_now().await;
    let none = |_| StatusCode::SERVICE_UNAVAILABLE;
    let open = Access::open();
    if let [id] = &ids[..] {
        let watched = engine.watch(&open, id.clone(), From::Head, Heartbeat::Comment, hangup);
        let mut stream = watched.await.map_err(none)?;
        stream.line.lease = lease;
        let (body, offer) = stream.into_body();
        let mut response = Response::new(body);
        response.extensions_mut().insert(offer);
        return Ok(response);
    }
    let wish = |name: &&str| Wish {
        board: (*name).to_owned(),
        from: From::Head,
        element: None,
    };
    let wishes = names.iter().map(wish).collect();
    let watched = engine.watch_many(&open, wishes, Heartbeat::Comment, hangup);
    let mut stream = watched.await.map_err(none)?;
    stream.line.lease = lease;
    Ok(Response::new(stream.into_body()))
}

impl Door {
    async fn open(bodies_only: bool) -> Self {
        let app = TestApp::start_with(|args| args.bodies_only = bodies_only).await;
        let engine = Arc::clone(app.server().engine());
        let shut_out = Arc::<Mutex<BTreeSet<String>>>::default();
        let rights = Rights {
            engine: Arc::clone(&engine),
            shut_out: Arc::clone(&shut_out),
        };
        let router = axum::Router::new()
            .route("/{name}/{boards}", get(watch_as))
            .with_state(rights);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let (drain_tx, drain_rx) = watch::channel(false);
        let service = Service {
            router,
            engine: Arc::clone(&engine),
            proxies: Arc::default(),
            tls: None,
        };
        let connections =
            Connections::new(listener, service, Arc::clone(&permits), drain_rx, PATIENCE);
        Self {
            app,
            engine,
            address,
            shut_out,
            permits,
            drain_tx,
            serving: tokio::spawn(connections.serve()),
            reading: JoinSet::new(),
        }
    }

    async fn watch(&mut self, name: &str, boards: &str) -> Arc<Watcher> {
        let watcher = Watcher::connect(self.address, name, boards).await;
        self.reading.spawn(Arc::clone(&watcher).read());
        watcher
    }

    /// The commit that shuts somebody out, and what is published of it. Gives how many bytes each of
    /// these watchers has got at the return.
    async fn shut_out(&self, lost: &[(Arc<Watcher>, Revocation)]) -> Vec<usize> {
        let engine = Arc::clone(&self.engine);
        let names = lost.iter().map(|(watcher, _)| watcher.name.clone());
        self.shut_out.lock().unwrap().extend(names);
        let lost = lost.to_vec();
        let revoking = spawn_blocking(move || {
            let revocations: Vec<_> = lost.iter().map(|(_, lost)| lost.clone()).collect();
            engine.leases().revoke(&revocations);
            lost.iter().map(|(watcher, _)| watcher.arrived()).collect()
        });
        revoking.await.unwrap()
    }

    /// Everybody leaves, and nothing of anybody is left.
    async fn close(mut self) {
        self.reading.shutdown().await;
        let (engine, permits) = (Arc::clone(&self.engine), Arc::clone(&self.permits));
        until("no stream, no lease and no connection is left", || {
            let left = (engine.streams(), engine.leases().len());
            left == (0, 0) && permits.available_permits() == CONNECTIONS_MAX - 1
        })
        .await;
        self.drain_tx.send_replace(true);
        self.serving.await.unwrap();
        drop(engine);
        self.app.stop().await;
    }
}

/// A client that reads whatever comes.
struct Watcher {
    name: String,
    stream: TcpStream,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    bytes: usize,
    line: Vec<u8>,
    /// The number of the newest event.
    place: Option<u64>,
    gaps: u64,
    has_ended: bool,
    is_refused: bool,
    lines: Vec<String>,
    keeps_lines: bool,
    pauses: bool,
}

impl Watcher {
    async fn connect(address: SocketAddr, name: &str, boards: &str) -> Arc<Self> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /{name}/{boards} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let keeps_lines = boards.contains(',');
        let seen = Seen {
            keeps_lines,
            ..Seen::default()
        };
        Arc::new(Self {
            name: name.to_owned(),
            stream,
            seen: Mutex::new(seen),
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    async fn read(self: Arc<Self>) {
        let mut scratch = vec![0; 16 * 1024];
        loop {
            if self.seen().pauses {
                sleep(Duration::from_millis(1)).await;
                continue;
            }
            // A reset is an end too.
            let _ = self.stream.readable().await;
            // Nobody counts while something is on its way from the kernel into the count.
            let mut seen = self.seen();
            match self.stream.try_read(&mut scratch) {
                Ok(0) => return seen.has_ended = true,
                Ok(bytes) => seen.take(&scratch[..bytes]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return seen.has_ended = true,
            }
        }
    }

    /// Bytes that are at this end by now, read or not. On one machine that is all that the other end
    /// has handed to the kernel, as long as there is room here.
    fn arrived(&self) -> usize {
        let seen = self.seen();
        // Fails on a connection that is gone, where nothing waits.
        let waiting = rustix::io::ioctl_fionread(&self.stream).unwrap_or(0);
        seen.bytes + usize::try_from(waiting).unwrap()
    }

    async fn until(&self, what: &str, holds: impl Fn(&Seen) -> bool) {
        let what = format!("{}: {what}", self.name);
        until(&what, || holds(&self.seen())).await;
    }
}

impl Seen {
    fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        for &byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ => self.line.push(byte),
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        self.is_refused |= text.starts_with("HTTP/1.1 404");
        if self.keeps_lines {
            return self.lines.push(text.into_owned());
        }
        let Some(id) = text.strip_prefix("id: ") else {
            return;
        };
        let seq: u64 = id.split('-').next().unwrap().parse().unwrap();
        let is_next = self.place.is_none_or(|place| place + 1 == seq);
        self.gaps += u64::from(!is_next);
        self.place = Some(seq);
    }

    fn count(&self, part: &str) -> usize {
        self.lines.iter().filter(|line| line.contains(part)).count()
    }
}

/// Every way in which one person's rights to a board can go.
fn revocation(number: usize, name: &str) -> Revocation {
    match number % 3 {
        0 => Revocation::User(user(name)),
        1 => Revocation::Session(session(name)),
        _ => Revocation::Member(user(name), board("busy")),
    }
}

async fn check_under_load(bodies_only: bool) {
    const WATCHERS: usize = 500;
    const ROUNDS: usize = 5;
    const LOST_EACH: usize = 10;
    let mut door = Door::open(bodies_only).await;
    let ground = Ground::make(door.app.address(), "busy", 4).await;
    let mut others = Vec::new();
    for number in 0..WATCHERS {
        others.push(door.watch(&format!("user-{number}"), "busy").await);
    }
    for watcher in &others {
        watcher
            .until("is greeted", |seen| seen.place.is_some())
            .await;
    }
    assert_eq!(door.engine.leases().len(), WATCHERS);
    let load = Load::new(door.app.address(), vec![ground], 1)
        .writers(16)
        .spawn();
    let mut random = Random::new(1);
    let mut lost = Vec::new();
    for round in 1..=ROUNDS {
        let answered = 100 * round as u64;
        load.wait_for_acked(answered, PATIENCE).await.unwrap();
        let chosen = (0..LOST_EACH).map(|number| {
            let watcher = others.swap_remove(random.below(others.len() as u64) as usize);
            let revocation = revocation(number, &watcher.name);
            (watcher, revocation)
        });
        let chosen: Vec<_> = chosen.collect();
        let arrived = door.shut_out(&chosen).await;
        lost.extend(chosen.into_iter().zip(arrived));
    }
    load.wait_for_acked(100 * (ROUNDS as u64 + 1), PATIENCE)
        .await
        .unwrap();
    load.stop().await;
    let head = door.app.cursor("busy").await;
    let head: u64 = head.split('-').next().unwrap().parse().unwrap();
    for ((watcher, revocation), at_return) in lost {
        watcher.until("is cut off", |seen| seen.has_ended).await;
        assert_eq!(watcher.seen().bytes, at_return, "{revocation:?}");
        assert_eq!(watcher.seen().gaps, 0);
    }
    for watcher in &others {
        watcher
            .until("has everything", |seen| seen.place == Some(head))
            .await;
        let seen = watcher.seen();
        assert_eq!((seen.gaps, seen.has_ended), (0, false), "{}", watcher.name);
    }
    assert_eq!(door.engine.leases().len(), WATCHERS - ROUNDS * LOST_EACH);
    say(format!("{head} events, {} watchers left", others.len()));
    drop(others);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_of_five_hundred_who_lose_their_rights_under_load_get_no_byte_more() {
    check_under_load(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_get_none_either_where_streams_are_bodies() {
    check_under_load(true).await;
}

/// The revocation comes at any moment of a stream's beginning: before its lease, between lease and
/// rights, before it is passed on, on its way to the reactor, after its first bytes.
async fn check_beginnings(bodies_only: bool) {
    const ROUNDS: u64 = 400;
    let mut door = Door::open(bodies_only).await;
    door.app.add_board("busy").await;
    let mut random = Random::new(2);
    let (mut begun, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let watcher = door.watch(&format!("user-{round}"), "busy").await;
        // From at once to some milliseconds, however busy the machine is.
        for _ in 0..1_u64 << random.below(15) {
            tokio::task::yield_now().await;
        }
        if random.one_in(8) {
            watcher
                .until("is greeted", |seen| seen.place.is_some())
                .await;
        }
        let lost = revocation(0, &watcher.name);
        let at_return = door.shut_out(&[(Arc::clone(&watcher), lost)]).await[0];
        door.app.add_task("list-busy", "after the revocation").await;
        let is_over = |seen: &Seen| seen.has_ended || seen.is_refused;
        watcher.until("is cut off or refused", is_over).await;
        let seen = watcher.seen();
        if seen.is_refused {
            refused += 1;
        } else {
            assert_eq!(seen.bytes, at_return, "round {round}");
            begun += u64::from(at_return > 0);
        }
    }
    say(format!("{begun} had begun, {refused} were refused"));
    assert!(begun > 0 && refused > 0, "both happen");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_whose_rights_go_while_it_begins_gets_no_byte_after_that() {
    check_beginnings(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_that_is_a_body() {
    check_beginnings(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_several_boards_says_which_one_was_lost_and_goes_on() {
    let mut door = Door::open(false).await;
    door.app.add_board("a").await;
    door.app.add_board("b").await;
    let watcher = door.watch("ada", "a,b").await;
    watcher
        .until("is greeted", |seen| seen.count("connected") == 1)
        .await;
    let lost = Revocation::Member(user("ada"), board("a"));
    door.shut_out(&[(Arc::clone(&watcher), lost)]).await;
    door.app.add_task("list-a", "not to be seen").await;
    door.app.add_task("list-b", "to be seen").await;
    watcher
        .until("goes on", |seen| seen.count("task_created") == 1)
        .await;
    let gone = r#"data: {"type":"board_gone","boardId":"a"}"#;
    assert_eq!(watcher.seen().count(gone), 1);
    assert_eq!(watcher.seen().count("not to be seen"), 0);
    let lost = Revocation::User(user("ada"));
    let at_return = door.shut_out(&[(Arc::clone(&watcher), lost)]).await;
    door.app.add_task("list-b", "too late").await;
    watcher.until("is cut off", |seen| seen.has_ended).await;
    assert_eq!(watcher.seen().bytes, at_return[0]);
    door.close().await;
}

/// What hyper holds of the lost board can't be taken back, so it must not go out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_has_events_of_the_lost_board_on_their_way_is_cut_off() {
    const EVENTS: usize = 400;
    let mut door = Door::open(false).await;
    door.app.add_board("a").await;
    door.app.add_board("b").await;
    let watcher = door.watch("ada", "a,b").await;
    watcher
        .until("is greeted", |seen| seen.count("connected") == 1)
        .await;
    watcher.seen().pauses = true;
    let long = "x".repeat(30_000);
    for _ in 0..EVENTS {
        let task = json!({"listId": "list-a", "title": "long", "description": long});
        door.app.post("/tasks", &task).await.expect(201);
    }
    let lost = Revocation::Member(user("ada"), board("a"));
    door.shut_out(&[(Arc::clone(&watcher), lost)]).await;
    watcher.seen().pauses = false;
    watcher.until("is cut off", |seen| seen.has_ended).await;
    assert!(watcher.seen().count("task_created") < EVENTS);
    assert_eq!(watcher.seen().count("board_gone"), 0);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_waits_for_an_event_is_judged_anew_when_rights_go() {
    let app = TestApp::start().await;
    let cursor = app.cursor("board-1").await;
    let path = format!("/boards/board-1/events?wait=30&after={cursor}");
    let request = Request::new("GET", path).header("accept", "application/json");
    let waiting = app.send(request);
    let revoking = async {
        let leases = app.server().engine().leases();
        until("it waits", || leases.len() == 1).await;
        leases.revoke(&[Revocation::Everyone]);
    };
    let (answer, ()) = tokio::join!(waiting, revoking);
    answer.expect(404);
    assert!(app.server().engine().leases().is_empty());
    app.stop().await;
}

async fn change_people(engine: &Engine, access: &Access, command: PeopleCommand) {
    let access = access.clone();
    let request = PeopleRequest { access, command };
    engine.submit_people(request).await.expect("accepted");
}

/// Accounts, and a program with a token that may be made a member.
async fn set_up(engine: &Engine) -> (Access, Access) {
    let secret = |byte| SecretHash([byte; 32]);
    let set_up = PeopleCommand::SetUp {
        user_id: user("admin"),
        login: Login::parse("admin").unwrap(),
        name: PersonName::parse("Admin").unwrap(),
        password: PasswordHash::parse("$none").unwrap(),
        session: NewSession {
            id: session("admin"),
            secret: secret(1),
            agent: Agent::of("a test"),
        },
    };
    change_people(engine, &Access::open(), set_up).await;
    let admin = access("admin");
    let robot = PeopleCommand::CreateService {
        user_id: user("robot"),
        name: PersonName::parse("Robot").unwrap(),
    };
    change_people(engine, &admin, robot).await;
    let token_id = TokenId::parse("token").unwrap();
    let token = PeopleCommand::MakeToken {
        user_id: user("robot"),
        token_id: token_id.clone(),
        secret: secret(2),
        name: TokenName::parse("reads").unwrap(),
        scope: Scope::Read,
        boards: None,
        ends_at: None,
    };
    change_people(engine, &admin, token).await;
    let robot = Access::of(Caller::Token {
        user_id: user("robot"),
        token_id,
        scope: Scope::Read,
    });
    (admin, robot)
}

/// The whole way, with rights out of the data file and their loss out of the writer: whichever step a
/// stream's beginning is at, either it sees the loss or the loss finds it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_while_their_stream_begins_is_refused_or_cut_off() {
    const ROUNDS: u64 = 200;
    let app = TestApp::start().await;
    let engine = app.server().engine();
    let (admin, robot) = set_up(engine).await;
    let mut random = Random::new(3);
    let (mut begun, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        let put = PeopleCommand::PutMember {
            board_id: board("board-1"),
            who: Who::Id(user("robot")),
            role: Role::Viewer,
        };
        change_people(engine, &admin, put).await;
        let waits = random.below(10_000);
        let watching = async {
            for _ in 0..waits {
                tokio::task::yield_now().await;
            }
            let (id, hangup) = (board("board-1"), Hangup::of_reader());
            engine
                .watch(&robot, id, From::Head, Heartbeat::Comment, hangup)
                .await
        };
        let remove = PeopleCommand::RemoveMember {
            board_id: board("board-1"),
            user_id: user("robot"),
        };
        let removing = change_people(engine, &admin, remove);
        let (watched, ()) = tokio::join!(watching, removing);
        let Ok(stream) = watched else {
            refused += 1;
            continue;
        };
        begun += 1;
        let mut body = stream.into_body().0.into_data_stream();
        let first = body.next().await.expect("not an orderly end");
        assert!(first.is_err(), "{first:?} was sent after the removal");
    }
    say(format!("{begun} had begun, {refused} were refused"));
    assert!(begun > 0 && refused > 0, "both happen");
    assert!(engine.leases().is_empty());
    app.stop().await;
}
