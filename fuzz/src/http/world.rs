//! The server around the routes: without sockets and threads, its writer's turns taken by hand, on a clock
//! and randomness that every world has alike. So an input comes to the same in each, and one that changed
//! something is followed by a new world, opened from a copy of the same data file.

use super::asked::Asked;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use boardcast::auth::Auth;
use boardcast::desk::{Desk, Wish};
use boardcast::engine::{Engine, Parts, Publisher};
use boardcast::http::{App, Assets, Edge, Guard, router};
use boardcast::live::hub::Hub;
use boardcast::live::{Log, Pins};
use boardcast::outside::Outside;
use boardcast::store::Retention;
use boardcast::store::queue::{Submissions, Turns};
use boardcast::store::sqlite::{self, Opened};
use boardcast_core::model::Timestamp;
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tower::Service;

/// Streams that may be open at once: more than an input can ask for.
const STREAMS_MAX: usize = 64;
/// Seconds on its own clock in which a server has answered anything: a page waits for 30 of them.
const ANSWER_SECONDS_MAX: u32 = 60;
/// Some day.
const NOW: Timestamp = Timestamp(1_795_468_677_123);

/// The same day and the same numbers for every server.
#[derive(Default)]
struct Still {
    drawn: AtomicU64,
}

impl Outside for Still {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let number = self.drawn.fetch_add(1, Ordering::Relaxed);
            *byte = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        }
    }

    fn has_threads(&self) -> bool {
        false
    }
}

pub(super) struct World {
    runtime: Runtime,
    server: Option<Server>,
    /// The data file at the beginning.
    data: Vec<u8>,
    known: Vec<(&'static str, String)>,
    board: Value,
}

struct Server {
    router: Router,
    engine: Arc<Engine>,
    auth: Arc<Auth>,
    publisher: Arc<Publisher>,
    turns: Turns,
    folder: TempDir,
    is_changed: bool,
}

impl World {
    /// A board `b` with the lists `l` and `m` and the tasks `t` and `u`; and Ada, who has every secret.
    pub(super) fn new(has_accounts: bool) -> Self {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let mut world = Self {
            runtime,
            server: Some(Server::open(&[])),
            data: Vec::new(),
            known: Vec::new(),
            board: Value::Null,
        };
        world.know("code", |server| server.auth.setup_code.text().to_owned());
        for (target, body) in [
            ("/boards", r#"{"id":"b","name":"B"}"#),
            ("/lists", r#"{"id":"l","boardId":"b","name":"L"}"#),
            ("/lists", r#"{"id":"m","boardId":"b","name":"M"}"#),
            ("/tasks", r#"{"id":"t","listId":"l","title":"T"}"#),
            ("/tasks", r#"{"id":"u","listId":"l","title":"U"}"#),
        ] {
            world.make(target, body);
        }
        if has_accounts {
            world.set_up();
        }
        let board = world.credential(Asked::get("/boards/b"));
        world.board = world.json(&board);
        let cursor = world.board["cursor"].as_str().expect("a cursor").to_owned();
        world.known.push(("cursor", cursor));
        world.data = world.server.take().expect("it is open").close();
        world.renew();
        world
    }

    fn set_up(&mut self) {
        let code = self.known[0].1.clone();
        let body =
            format!(r#"{{"code":"{code}","login":"ada","name":"Ada","password":"correct horse"}}"#);
        let response = self.ask(Asked::post("/setup", &body).request());
        let cookie = response.headers()["set-cookie"].to_str().expect("text");
        let session = cookie.split([';', '=']).nth(1).expect("a value");
        self.known.push(("session", session.to_owned()));
        let ask = |target: &str, body: &str| {
            let cookie = format!("boardcast={session}");
            Asked::post(target, body).header("cookie", &cookie)
        };
        let token = ask("/me/tokens", r#"{"name":"T","scope":"admin"}"#);
        let token = self.json(&token)["secret"]
            .as_str()
            .expect("a secret")
            .to_owned();
        self.known.push(("token", token));
        let invite = ask("/users", r#"{"login":"bob","name":"Bob"}"#);
        let invite = self.json(&invite)["invite"]
            .as_str()
            .expect("a secret")
            .to_owned();
        self.known.push(("invite", invite));
    }

    fn make(&mut self, target: &str, body: &str) {
        let response = self.ask(Asked::post(target, body).request());
        assert_eq!(response.status(), 201, "{target}");
    }

    fn json(&mut self, asked: &Asked) -> Value {
        let response = self.ask(asked.request());
        let body = self.wait_for(response.into_body().collect());
        let body = body.expect("a body that ends").to_bytes();
        serde_json::from_slice(&body).expect("JSON")
    }

    fn know(&mut self, name: &'static str, what: impl FnOnce(&Server) -> String) {
        let value = what(self.server.as_ref().expect("it is open"));
        self.known.push((name, value));
    }

    /// What an input may name.
    pub(super) fn known(&self) -> &[(&'static str, String)] {
        &self.known
    }

    /// The board at the beginning.
    pub(super) fn known_board(&self) -> Value {
        self.board.clone()
    }

    /// The request as Ada's program asks it, if there is one.
    pub(super) fn credential(&self, asked: Asked) -> Asked {
        let token = self.known.iter().find(|(name, _)| *name == "token");
        match token {
            Some((_, token)) => asked.header("authorization", &format!("Bearer {token}")),
            None => asked,
        }
    }

    /// Whether anything may be another than at the beginning.
    pub(super) fn is_changed(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.is_changed)
    }

    /// Another server on the same data as the first.
    pub(super) fn renew(&mut self) {
        if let Some(server) = self.server.take() {
            server.close();
        }
        self.server = Some(Server::open(&self.data));
    }

    /// The answer to a request.
    pub(super) fn ask(&mut self, request: Request<Body>) -> Response {
        let server = self.server.as_mut().expect("it is open");
        let is_read = request.method().is_safe();
        let answering = server.router.call(request);
        let response = self.wait_for(answering).expect("routes answer everything");
        self.server.as_mut().expect("it is open").is_changed |= !is_read;
        response
    }

    /// Carries out a wish of whoever has the data file; one that means nothing is refused.
    pub(super) fn carry_out(&mut self, wish: Wish) {
        let server = self.server.as_mut().expect("it is open");
        let desk = Desk::new(Arc::clone(&server.engine), Arc::clone(&server.auth));
        let _ = self.wait_for(desk.carry_out(wish));
        self.renew();
    }

    /// Takes the writer's turns until the work is done.
    pub(super) fn wait_for<T>(&mut self, work: impl Future<Output = T>) -> T {
        let Server {
            turns, publisher, ..
        } = self.server.as_mut().expect("it is open");
        self.runtime.block_on(async {
            let mut work = pin!(work);
            for _ in 0..ANSWER_SECONDS_MAX {
                if let Ok(done) = timeout(Duration::from_secs(1), &mut work).await {
                    return done;
                }
                let publish = |revocations: Vec<_>, segments| {
                    publisher.publish(&revocations, segments);
                };
                turns.carry_out(publish).expect("a disk without faults");
            }
            panic!("no answer in {ANSWER_SECONDS_MAX} seconds");
        })
    }

    /// What there is without anything else happening.
    pub(super) fn wait_a_moment_for<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let moment = Duration::from_millis(1);
        self.runtime
            .block_on(async { timeout(moment, work).await.ok() })
    }
}

impl Server {
    fn open(data: &[u8]) -> Self {
        // In memory where the system has a folder there: nothing of it shall last.
        let memory = Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => TempDir::new_in(memory),
            false => TempDir::new(),
        };
        let folder = folder.expect("a folder");
        let file = folder.path().join("board.db");
        if !data.is_empty() {
            fs::write(&file, data).expect("room for a file");
        }
        let outside: Arc<dyn Outside> = Arc::<Still>::default();
        let retention = Retention {
            events: 1_000,
            days: 30,
        };
        let opened = sqlite::open(&file, retention, Arc::clone(&outside));
        let Opened {
            writer,
            readers,
            has_accounts,
        } = opened.expect("a good file");
        let hub = Arc::new(Hub::new(writer.last_ordinal().expect("a good file")));
        let publisher = Arc::new(Publisher::new(Arc::clone(&hub), has_accounts));
        let (submissions, turns) = Submissions::by_hand(writer);
        let parts = Parts {
            submissions,
            log: Arc::clone(&readers) as Arc<dyn Log>,
            readers,
            hub,
            pins: Arc::<Pins>::default(),
            publisher: Arc::clone(&publisher),
        };
        let engine = Engine::around(parts, outside, STREAMS_MAX);
        let auth = Arc::new(Auth::new(engine.outside()));
        let app = App {
            engine: Arc::clone(&engine),
            auth: Arc::clone(&auth),
            guard: Arc::new(Guard::default()),
            assets: Arc::new(Assets::embedded()),
            edge: Arc::new(Edge::new(0, 0, engine.outside())),
        };
        Self {
            router: router(app),
            engine,
            auth,
            publisher,
            turns,
            folder,
            is_changed: false,
        }
    }

    /// Its data file, as it is left behind.
    fn close(self) -> Vec<u8> {
        let Self {
            router,
            engine,
            turns,
            folder,
            ..
        } = self;
        drop(router);
        engine.close();
        drop((engine, turns));
        fs::read(folder.path().join("board.db")).expect("the file is there")
    }
}
