//! A server inside the test, on a free port, with a data file of its own. When it stops it checks
//! that nothing of any client is left behind.

use boardcast::config::ServeArgs;
use boardcast::outside::Outside;
use boardcast::serve::{Machine, Server};
use boardcast_core::model::Timestamp;
use boardcast_sim::client::{Answer, Client, Request};
use boardcast_sim::hearing::Hearing;
use boardcast_sim::port::Port;
use boardcast_sim::sse::Block;
use boardcast_sim::stream::EventStream;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// How long a test waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running server with the demo board.
pub(crate) struct TestApp {
    server: Option<Server>,
    hearing: Option<Hearing>,
    args: ServeArgs,
    clock: Arc<TestClock>,
    folder: TempDir,
    /// Its own while it is down, too.
    port: Port,
}

/// The machine's clock, moved by as much as a test wants.
#[derive(Default)]
pub(crate) struct TestClock {
    offset_ms: AtomicI64,
}

impl TestClock {
    /// Jumps, forwards or back.
    pub(crate) fn jump(&self, by: TimeSpan) {
        self.offset_ms.fetch_add(by.0, Ordering::Relaxed);
    }
}

/// A span of milliseconds that may be negative.
#[derive(Clone, Copy)]
pub(crate) struct TimeSpan(i64);

impl TimeSpan {
    /// So many days.
    pub(crate) fn days(days: i64) -> Self {
        Self(days * 86_400_000)
    }

    /// So many hours.
    pub(crate) fn hours(hours: i64) -> Self {
        Self(hours * 3_600_000)
    }
}

impl Outside for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(Machine.now().0 + self.offset_ms.load(Ordering::Relaxed))
    }

    fn fill(&self, bytes: &mut [u8]) {
        Machine.fill(bytes);
    }
}

impl TestApp {
    /// A server on a new data file.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server with other flags.
    pub(crate) async fn start_with(change: impl FnOnce(&mut ServeArgs)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = Port::reserve().expect("a port");
        let mut args = ServeArgs {
            listen: port.addr(),
            data: folder.path().join("test.db"),
            bodies_only: crate::bodies::is_asked_for(),
            ..ServeArgs::default()
        };
        change(&mut args);
        let mut app = Self {
            server: None,
            hearing: None,
            args,
            clock: Arc::default(),
            folder,
            port,
        };
        app.resume().await;
        if crate::signed_in::is_asked_for() {
            crate::signed_in::switch_on(&app).await;
        }
        app
    }

    /// Starts the stopped server again on the same file and the same port.
    pub(crate) async fn resume(&mut self) {
        let outside = Arc::clone(&self.clock) as Arc<dyn Outside>;
        let server = Server::start(&self.args, outside)
            .await
            .expect("the server starts");
        self.args.listen = server.address();
        self.hearing = Some(Hearing::of(server.address(), crate::described::judge));
        self.server = Some(server);
    }

    /// Stops the server in order and checks that no watcher is left. The file stays, and the port is
    /// nobody's.
    pub(crate) async fn pause(&mut self) {
        let server = self.server.take().expect("it runs");
        let engine = Arc::clone(server.engine());
        server.drain().await;
        self.hearing = None;
        assert_eq!(
            (
                engine.hub().seats(),
                engine.hub().boards(),
                engine.hub().bytes()
            ),
            (0, 0, 0),
            "a watcher is left"
        );
        assert_eq!(engine.streams(), 0, "a permit is left");
        self.port.wait_until_free().await.expect("nobody listens");
    }

    /// Ends the test: see [`TestApp::pause`].
    pub(crate) async fn stop(mut self) {
        self.pause().await;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.args.listen
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address())
    }

    pub(crate) fn clock(&self) -> &TestClock {
        &self.clock
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    /// The data file.
    pub(crate) fn data(&self) -> &Path {
        &self.args.data
    }

    /// A path in the test's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn send(&self, request: Request) -> Answer {
        self.client().send(request).await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.client().get(path).await.expect("an answer")
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.client().post(path, body).await.expect("an answer")
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.client().patch(path, body).await.expect("an answer")
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.client().delete(path).await.expect("an answer")
    }

    /// A new task at the end of a list of the demo board.
    pub(crate) async fn add_task(&self, list_id: &str, title: &str) -> Value {
        self.post("/tasks", &json!({ "listId": list_id, "title": title }))
            .await
            .expect(201)
            .json()
    }

    /// A new board `id` with one empty list, `list-id`.
    pub(crate) async fn add_board(&self, id: &str) {
        self.post("/boards", &json!({ "id": id, "name": id }))
            .await
            .expect(201);
        self.add_list(id, &format!("list-{id}")).await;
    }

    /// A new list at the end of a board.
    pub(crate) async fn add_list(&self, board_id: &str, id: &str) -> Value {
        self.post(
            "/lists",
            &json!({ "boardId": board_id, "id": id, "name": id }),
        )
        .await
        .expect(201)
        .json()
    }

    /// The snapshot of a board.
    pub(crate) async fn board(&self, id: &str) -> Value {
        self.get(&format!("/boards/{id}")).await.expect(200).json()
    }

    /// Where the log of a board stands.
    pub(crate) async fn cursor(&self, board_id: &str) -> String {
        text(&self.board(board_id).await["cursor"])
    }

    /// What happened on a board after a cursor, as a watcher that comes back sees it.
    pub(crate) async fn events_after(&self, board_id: &str, cursor: &str) -> Vec<Value> {
        let blocks = self.blocks_after(board_id, cursor).await;
        blocks.iter().map(Block::json).collect()
    }

    /// [`TestApp::events_after`] with their ids.
    pub(crate) async fn blocks_after(&self, board_id: &str, cursor: &str) -> Vec<Block> {
        let head = self.cursor(board_id).await;
        let path = format!("/boards/{board_id}/events?after={cursor}");
        let opened = EventStream::open(self.address(), &path, &[]).await;
        let mut stream = opened.expect("a stream").stream;
        let mut blocks = Vec::new();
        loop {
            let block = stream.next_within(PATIENCE).await.expect("a block");
            let block = block.expect("not the end");
            assert!(!block.comment_only, "it is quiet before {head}");
            let is_head = block.id.as_ref() == Some(&head);
            blocks.push(block);
            if is_head {
                // The first one is `connected`.
                return blocks.split_off(1);
            }
        }
    }
}

/// A JSON value that is a string.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no string"))
        .to_owned()
}

/// Waits for what must come to hold.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let limit = PATIENCE * 2;
    let in_time = tokio::time::timeout(limit, wait).await;
    in_time.unwrap_or_else(|_| panic!("not within {limit:?}: {what}"));
}

/// Counts of a run, for whoever reads the test's output.
#[allow(
    clippy::print_stdout,
    reason = "shown with --nocapture or on a failure"
)]
pub(crate) fn say(counts: impl std::fmt::Display) {
    println!("{counts}");
}

impl Drop for TestApp {
    fn drop(&mut self) {
        assert!(
            self.server.is_none() || std::thread::panicking(),
            "a test ends with stop()"
        );
    }
}
