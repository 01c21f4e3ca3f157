//! A watcher of one board that goes on through cuts, restarts and refusals, as a browser's
//! `EventSource` does, and lets the witness check every block. Runs as its own task behind a
//! [`WatcherHandle`].

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::fold::Fold;
use crate::random::Random;
use crate::stream::{EventStream, Opened, StreamError};
use crate::wait::WAIT;
use crate::witness::Witness;

pub use crate::witness::Report;

/// How long to wait for a server that is down before asking again.
const DOWN_PAUSE: Duration = Duration::from_millis(20);

/// The upper bound on a server's `retry`, so that tests are quick.
const RETRY_MAX: Duration = Duration::from_millis(50);

/// Orders not yet taken; more cuts than this at once are one cut.
const ORDERS_MAX: usize = 8;

/// What to watch and how.
#[derive(Clone, Debug)]
pub struct Watcher {
    addr: SocketAddr,
    board: String,
    query: Vec<String>,
    headers: Vec<(String, String)>,
    records: bool,
    retry_max: Duration,
    down_max: Duration,
    cuts: Option<(Random, u64)>,
    is_proxied: bool,
}

impl Watcher {
    /// A watcher of `board` at `addr`, with `?snapshot=1` so that it can fold from the first event
    /// on.
    ///
    /// The query is the same on every connection, as a page's is: a good `Last-Event-ID` has to win
    /// over it.
    pub fn new(addr: SocketAddr, board: impl Into<String>) -> Self {
        Watcher {
            addr,
            board: board.into(),
            query: vec!["snapshot=1".to_owned()],
            headers: Vec::new(),
            records: false,
            retry_max: RETRY_MAX,
            down_max: WAIT,
            cuts: None,
            is_proxied: false,
        }
    }

    /// There is a proxy in between: its 502, 503 and 504 mean that the server is down, and the
    /// connection's own header is the proxy's.
    #[must_use]
    pub fn through_proxy(mut self) -> Self {
        self.is_proxied = true;
        self
    }

    /// Doesn't ask for a snapshot: the stream starts at the head, and nothing is folded until one
    /// comes.
    #[must_use]
    pub fn from_head(mut self) -> Self {
        self.query.retain(|option| option != "snapshot=1");
        self
    }

    /// Adds an option to the query, `heartbeat=event` say.
    #[must_use]
    pub fn query(mut self, option: impl Into<String>) -> Self {
        self.query.push(option.into());
        self
    }

    /// Adds a header to every request.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Keeps every event's raw block in [`Report::recorded`].
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.records = true;
        self
    }

    /// Waits a server's whole `retry`, up to `limit`, before it connects again. By default 50 ms.
    #[must_use]
    pub fn retry_max(mut self, limit: Duration) -> Self {
        self.retry_max = limit;
        self
    }

    /// Gives up, which is a violation, when the server was not to be reached for `limit`. By
    /// default [`WAIT`].
    #[must_use]
    pub fn down_max(mut self, limit: Duration) -> Self {
        self.down_max = limit;
        self
    }

    /// Cuts itself after a block once in `one_in` blocks; where is decided by `seed`.
    #[must_use]
    pub fn cutting(mut self, seed: u64, one_in: u64) -> Self {
        self.cuts = Some((Random::new(seed), one_in));
        self
    }

    /// Whether a first connection has to begin with a snapshot. A cursor in the query would win
    /// over it.
    fn asks_snapshot(&self) -> bool {
        let has = |start: &str| self.query.iter().any(|option| option.starts_with(start));
        has("snapshot=1") && !has("after=")
    }

    /// Starts watching, in a task of the current runtime.
    pub fn spawn(self) -> WatcherHandle {
        let (orders_tx, orders_rx) = mpsc::channel(ORDERS_MAX);
        let (progress_tx, progress) = watch::channel(Progress::default());
        let witness = Witness::new(self.records, self.asks_snapshot());
        let running = Running {
            watcher: self,
            witness,
            orders: orders_rx,
            progress: progress_tx,
            down_since: None,
        };
        WatcherHandle {
            orders: orders_tx,
            progress,
            task: tokio::spawn(running.run()),
        }
    }
}

/// How far a watcher has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The cursor it would resume after.
    pub last_id: Option<String>,
    /// That cursor's number; 0 before the first.
    pub seq: u64,
    /// Whether it has a stream whose `connected` it has seen.
    pub connected: bool,
    /// Connections so far, the first included.
    pub connections: u64,
    /// Snapshots so far.
    pub snapshots: u64,
    /// Violations so far.
    pub violations: u64,
}

enum Order {
    Cut,
    Stop,
}

/// A watcher at work. Dropping the handle stops it.
#[derive(Debug)]
pub struct WatcherHandle {
    orders: mpsc::Sender<Order>,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<(Report, Fold)>,
}

impl WatcherHandle {
    /// Makes it reset its connection, wherever the stream stands; it resumes. Without a connection
    /// nothing happens.
    pub fn cut(&self) {
        // A full queue holds a cut that hasn't been made yet; a closed one needs none.
        let _ = self.orders.try_send(Order::Cut);
    }

    /// The cursor it would resume after.
    pub fn last_id(&self) -> Option<String> {
        self.progress.borrow().last_id.clone()
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Waits until it has a stream and has seen its `connected`.
    ///
    /// # Errors
    /// If it stopped before that, or `limit` is over.
    pub async fn wait_until_connected(&self, limit: Duration) -> Result<(), String> {
        self.wait_until("connected", limit, |progress| progress.connected)
            .await
    }

    /// Waits until it has seen the event of that number, or a later one.
    ///
    /// # Errors
    /// If it stopped before that, or `limit` is over.
    pub async fn wait_for_seq(&self, seq: u64, limit: Duration) -> Result<(), String> {
        self.wait_until(&format!("at {seq}"), limit, |progress| progress.seq >= seq)
            .await
    }

    /// Waits until it has seen the event `cursor` names, or a later one.
    ///
    /// # Errors
    /// If `cursor` is malformed, the watcher came to another mark under that number, it stopped
    /// before that, or `limit` is over.
    pub async fn wait_for_cursor(&self, cursor: &str, limit: Duration) -> Result<(), String> {
        let seq = crate::cursor::seq_of(cursor)?;
        self.wait_for_seq(seq, limit).await?;
        let progress = self.progress();
        if progress.seq == seq && progress.last_id.as_deref() != Some(cursor) {
            return Err(format!(
                "waited for {cursor}, came to {:?}",
                progress.last_id
            ));
        }
        Ok(())
    }

    /// Waits until `reached` holds of its progress; `what` completes "not … yet" in the error.
    ///
    /// # Errors
    /// If it stopped before that, or `limit` is over.
    pub async fn wait_until(
        &self,
        what: &str,
        limit: Duration,
        mut reached: impl FnMut(&Progress) -> bool,
    ) -> Result<(), String> {
        let mut progress = self.progress.clone();
        match timeout(limit, progress.wait_for(|progress| reached(progress))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(format!("stopped, not {what}: {:?}", self.progress())),
            Err(_) => Err(format!("not {what} in {limit:?}: {:?}", self.progress())),
        }
    }

    /// Whether it has stopped by itself: its board is gone, it was refused, or the server stayed
    /// away.
    pub fn is_stopped(&self) -> bool {
        self.task.is_finished()
    }

    /// Stops it where it stands and hands over what it saw.
    ///
    /// # Panics
    /// If the watcher's task panicked.
    pub async fn stop(self) -> (Report, Fold) {
        // It may have stopped by itself.
        let _ = self.orders.send(Order::Stop).await;
        self.task.await.expect("a watcher doesn't panic")
    }
}

/// The watcher's task.
struct Running {
    watcher: Watcher,
    witness: Witness,
    orders: mpsc::Receiver<Order>,
    progress: watch::Sender<Progress>,
    /// Since when the server was not to be reached.
    down_since: Option<Instant>,
}

/// What comes after a connection.
enum Next {
    Reconnect(Duration),
    Stop,
}

impl Running {
    async fn run(mut self) -> (Report, Fold) {
        while let Next::Reconnect(pause) = self.follow_once().await {
            self.publish(false);
            if self.stopped_within(pause).await {
                break;
            }
        }
        self.publish(false);
        self.witness.into_parts()
    }

    /// One connection from its opening to its end.
    async fn follow_once(&mut self) -> Next {
        let opened = tokio::select! {
            opened = open(&self.watcher, self.witness.last_id()) => opened,
            () = stop_ordered(&mut self.orders) => return Next::Stop,
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(fault) => return self.after_unreachable(&fault),
        };
        self.down_since = None;
        self.count_connection();
        match opened.status {
            200 => {
                self.witness.begin(&opened.headers, self.watcher.is_proxied);
                self.follow(opened.stream).await
            }
            status @ 502..=504 if self.watcher.is_proxied => {
                let fault = format!("the proxy answered {status}");
                self.after_unreachable(&io::Error::other(fault))
            }
            status => self.after_refusal(status),
        }
    }

    async fn follow(&mut self, mut stream: EventStream) -> Next {
        loop {
            let found = tokio::select! {
                found = stream.next() => found,
                order = self.orders.recv() => {
                    stream.cut();
                    return if let Some(Order::Cut) = order { self.reconnect() } else { Next::Stop };
                }
            };
            match found {
                Ok(Some(block)) => self.witness.see(&block),
                Ok(None) => {
                    self.witness.end();
                    return self.reconnect();
                }
                Err(StreamError::Cut(_)) => return self.reconnect(),
                Err(StreamError::Violation(rule)) => self.witness.report_mut().violation(rule),
                Err(quiet @ StreamError::Quiet(_)) => {
                    self.witness.report_mut().violation(quiet.to_string());
                    return self.reconnect();
                }
            }
            self.publish(self.witness.is_connected());
            if self.cuts_here() {
                stream.cut();
                return self.reconnect();
            }
        }
    }

    fn cuts_here(&mut self) -> bool {
        self.watcher
            .cuts
            .as_mut()
            .is_some_and(|(random, one_in)| random.one_in(*one_in))
    }

    fn reconnect(&self) -> Next {
        let retry = self
            .witness
            .retry_ms()
            .map_or(self.watcher.retry_max, Duration::from_millis);
        Next::Reconnect(retry.min(self.watcher.retry_max))
    }

    fn after_unreachable(&mut self, fault: &io::Error) -> Next {
        let since = *self.down_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.watcher.down_max {
            return Next::Reconnect(DOWN_PAUSE);
        }
        let limit = self.watcher.down_max;
        self.witness
            .report_mut()
            .violation(format!("not reachable for {limit:?}: {fault}"));
        Next::Stop
    }

    /// A page that is answered anything but 200 gives up for ever, so only two such answers are
    /// allowed, each in its place.
    fn after_refusal(&mut self, status: u16) -> Next {
        match (status, self.witness.last_id()) {
            (204, Some(_)) | (404, None) => {}
            (_, cursor) => {
                let sentence = format!("the stream was answered {status}, cursor {cursor:?}");
                self.witness.report_mut().violation(sentence);
            }
        }
        Next::Stop
    }

    fn count_connection(&mut self) {
        let first = self.progress.borrow().connections == 0;
        self.progress
            .send_modify(|progress| progress.connections += 1);
        if !first {
            self.witness.report_mut().reconnects += 1;
        }
    }

    fn publish(&self, connected: bool) {
        let (witness, report) = (&self.witness, self.witness.report());
        self.progress.send_modify(|progress| {
            progress.last_id = witness.last_id().map(str::to_owned);
            progress.seq = witness.last_seq().unwrap_or(0);
            progress.connected = connected;
            progress.snapshots = report.snapshots;
            progress.violations = report.violations.len() as u64;
        });
    }

    async fn stopped_within(&mut self, pause: Duration) -> bool {
        tokio::select! {
            () = sleep(pause) => false,
            () = stop_ordered(&mut self.orders) => true,
        }
    }
}

async fn open(watcher: &Watcher, last_id: Option<&str>) -> io::Result<Opened> {
    let path = format!("/boards/{}/events", watcher.board);
    let path = if watcher.query.is_empty() {
        path
    } else {
        format!("{path}?{}", watcher.query.join("&"))
    };
    let given = watcher
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let headers: Vec<(&str, &str)> = given
        .chain(last_id.map(|id| ("Last-Event-ID", id)))
        .collect();
    EventStream::open(watcher.addr, &path, &headers).await
}

/// Returns when the watcher is told to stop or its handle is gone. A cut finds no connection here.
async fn stop_ordered(orders: &mut mpsc::Receiver<Order>) {
    while let Some(Order::Cut) = orders.recv().await {}
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::script::{LAST_CHUNK, STREAM_HEAD, Server, Step, chunk};

    const LIMIT: Duration = Duration::from_secs(20);

    fn connected(seq: Option<u64>) -> String {
        let id = seq.map_or_else(String::new, |seq| format!("id: {seq}-03b7710c9ae4\n"));
        chunk(&format!(
            "data: {{\"type\":\"connected\"}}\nretry: 1\n{id}\n"
        ))
    }

    fn created(seq: u64) -> String {
        let at = "2026-11-23T21:17:57.123Z";
        let task = format!(
            r#"{{"id":"t{seq}","listId":"l","title":"t","description":"","rank":"r{seq}","version":1,"createdAt":"{at}","updatedAt":"{at}"}}"#
        );
        let data = format!(
            r#"{{"type":"task_created","task":{task},"boardId":"b","by":null,"at":"{at}"}}"#
        );
        format!("data: {data}\nid: {seq}-03b7710c9ae4\n\n")
    }

    fn snapshot(seq: u64) -> String {
        let board = format!(
            r#"{{"id":"b","name":"B","version":1,"createdAt":"c","updatedAt":"u","lists":[{{"id":"l","boardId":"b","rank":"a","tasks":[]}}],"cursor":"{seq}-03b7710c9ae4"}}"#
        );
        chunk(&format!(
            "data: {{\"type\":\"snapshot\",\"board\":{board}}}\nid: {seq}-03b7710c9ae4\n\n"
        ))
    }

    /// One connection: the request is read, a 200 head and these pieces are sent, then `last` is
    /// done.
    fn serving(pieces: &[String], last: Option<Step>) -> Vec<Step> {
        let head = [Step::AwaitRequest, Step::Send(STREAM_HEAD.into())];
        let sent = pieces
            .iter()
            .map(|piece| Step::Send(piece.clone().into_bytes()));
        head.into_iter().chain(sent).chain(last).collect()
    }

    fn answering(head: &str) -> Vec<Step> {
        vec![Step::AwaitRequest, Step::Send(head.into())]
    }

    fn gone() -> Vec<Step> {
        answering("HTTP/1.1 204 No Content\r\n\r\n")
    }

    fn cursors_sent(requests: &[String]) -> Vec<Option<&str>> {
        let sent = |request: &'_ String| -> Option<usize> { request.find("Last-Event-ID: ") };
        requests
            .iter()
            .map(|request| {
                sent(request).map(|at| request[at + 15..].lines().next().unwrap_or_default())
            })
            .collect()
    }

    #[tokio::test]
    async fn it_resumes_after_cuts_and_orderly_ends_without_losing_a_thing() {
        let mid_frame = chunk(&created(3)[..40]);
        let server = Server::start(vec![
            serving(
                &[connected(None), snapshot(1), chunk(&created(2)), mid_frame],
                Some(Step::Reset),
            ),
            serving(
                &[
                    connected(Some(2)),
                    chunk(&(created(3) + &created(4))),
                    LAST_CHUNK.into(),
                ],
                None,
            ),
            serving(
                &[
                    connected(Some(4)),
                    chunk(&created(5)[..9]),
                    chunk(&created(5)[9..]),
                ],
                None,
            ),
            gone(),
        ])
        .await;
        let watcher = Watcher::new(server.addr(), "b").recording().spawn();
        watcher
            .wait_for_cursor("5-03b7710c9ae4", LIMIT)
            .await
            .unwrap();
        let requests = server.requests().await;
        let (report, fold) = watcher.stop().await;

        assert_eq!(report.violations, Vec::<String>::new());
        assert_eq!(
            (
                report.events,
                report.snapshots,
                report.lost,
                report.duplicates
            ),
            (4, 1, 0, 0)
        );
        assert_eq!(
            report.recorded.keys().copied().collect::<Vec<_>>(),
            [2, 3, 4, 5]
        );
        let board = fold.board().unwrap();
        assert_eq!(board["lists"][0]["tasks"].as_array().map(Vec::len), Some(4));
        assert_eq!(board["cursor"], "5-03b7710c9ae4");
        assert!(requests[0].starts_with("GET /boards/b/events?snapshot=1 HTTP/1.1\r\n"));
        let resumed = [
            None,
            Some("2-03b7710c9ae4"),
            Some("4-03b7710c9ae4"),
            Some("5-03b7710c9ae4"),
        ];
        assert_eq!(cursors_sent(&requests), resumed);
    }

    #[tokio::test]
    async fn a_gap_and_a_duplicate_are_reported() {
        let pieces = [
            connected(Some(1)),
            chunk(&created(2)),
            chunk(&created(2)),
            chunk(&created(4)),
        ];
        let server = Server::start(vec![serving(&pieces, None), gone()]).await;
        let watcher = Watcher::new(server.addr(), "b").from_head().spawn();
        server.requests().await;
        let (report, fold) = watcher.stop().await;
        assert_eq!(
            (report.lost, report.duplicates, report.out_of_order),
            (1, 1, 0)
        );
        assert_eq!(report.violations.len(), 2, "{:?}", report.violations);
        assert_eq!(fold.board(), None);
    }

    #[tokio::test]
    async fn a_broken_rule_on_the_wire_is_reported() {
        let pieces = [
            connected(Some(1)),
            chunk("id: 2-03b7710c9ae4\ndata: {}\n\n"),
        ];
        let server = Server::start(vec![serving(&pieces, None), gone()]).await;
        let watcher = Watcher::new(server.addr(), "b").from_head().spawn();
        watcher
            .wait_until("a violation", LIMIT, |progress| progress.violations > 0)
            .await
            .unwrap();
        let (report, _) = watcher.stop().await;
        assert!(report.violations[0].contains("id before data"));
    }

    #[tokio::test]
    async fn it_cuts_itself_when_told_and_resumes() {
        let server = Server::start(vec![
            serving(&[connected(Some(1)), chunk(&created(2))], Some(Step::Hold)),
            serving(&[connected(Some(2)), chunk(&created(3))], Some(Step::Hold)),
        ])
        .await;
        let watcher = Watcher::new(server.addr(), "b")
            .from_head()
            .header("x-test", "1")
            .spawn();
        watcher.wait_for_seq(2, LIMIT).await.unwrap();
        watcher.cut();
        watcher.wait_for_seq(3, LIMIT).await.unwrap();
        let (report, _) = watcher.stop().await;
        assert_eq!(
            (report.reconnects, report.events, report.violations),
            (1, 2, vec![])
        );
        let requests = server.requests().await;
        assert!(
            requests
                .iter()
                .all(|request| request.contains("x-test: 1\r\n"))
        );
    }

    #[tokio::test]
    async fn it_cuts_itself_at_places_the_seed_decides() {
        // Once in one block: after each of them.
        let server = Server::start(vec![
            serving(&[connected(Some(1))], Some(Step::Hold)),
            serving(&[connected(Some(1))], Some(Step::Hold)),
            gone(),
        ])
        .await;
        let watcher = Watcher::new(server.addr(), "b")
            .from_head()
            .cutting(7, 1)
            .spawn();
        let requests = server.requests().await;
        assert_eq!(requests.len(), 3);
        assert_eq!(watcher.stop().await.0.violations, Vec::<String>::new());
    }

    #[tokio::test]
    async fn it_outlives_a_server_that_is_down() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = Server::on(
            listener,
            vec![serving(&[connected(Some(1)), chunk(&created(2))], None)],
        );
        let watcher = Watcher::new(addr, "b").from_head().spawn();
        watcher.wait_for_seq(2, LIMIT).await.unwrap();
        server.requests().await;
        // Nobody listens now; later somebody does again.
        watcher
            .wait_until("cut off", LIMIT, |progress| !progress.connected)
            .await
            .unwrap();
        let listener = TcpListener::bind(addr).await.unwrap();
        Server::on(
            listener,
            vec![serving(
                &[connected(Some(2)), chunk(&created(3))],
                Some(Step::Hold),
            )],
        );
        watcher.wait_for_seq(3, LIMIT).await.unwrap();
        assert_eq!(watcher.stop().await.0.violations, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_server_that_stays_away_is_a_violation_in_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let watcher = Watcher::new(addr, "b")
            .down_max(Duration::from_millis(30))
            .spawn();
        let stopped = watcher.wait_for_seq(1, LIMIT).await.unwrap_err();
        assert!(stopped.starts_with("stopped"), "{stopped}");
        let (report, _) = watcher.stop().await;
        assert!(
            report.violations[0].starts_with("not reachable"),
            "{:?}",
            report.violations
        );
    }

    #[tokio::test]
    async fn only_answers_that_a_page_survives_are_fine() {
        let not_found = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        for (answer, violations) in [(not_found, 0), ("HTTP/1.1 204 No Content\r\n\r\n", 1)] {
            let server = Server::start(vec![answering(answer)]).await;
            let watcher = Watcher::new(server.addr(), "b").spawn();
            server.requests().await;
            watcher.wait_for_seq(1, LIMIT).await.unwrap_err();
            assert_eq!(
                watcher.stop().await.0.violations.len(),
                violations,
                "{answer}"
            );
        }
    }

    #[tokio::test]
    async fn waiting_for_a_cursor_of_another_history_fails() {
        let server = Server::start(vec![serving(&[connected(Some(2))], Some(Step::Hold))]).await;
        let watcher = Watcher::new(server.addr(), "b").from_head().spawn();
        watcher.wait_until_connected(LIMIT).await.unwrap();
        assert_eq!(watcher.last_id().as_deref(), Some("2-03b7710c9ae4"));
        assert!(
            watcher
                .wait_for_cursor("2-ffffffffffff", LIMIT)
                .await
                .is_err()
        );
        assert!(watcher.wait_for_cursor("nonsense", LIMIT).await.is_err());
        watcher
            .wait_for_cursor("1-ffffffffffff", LIMIT)
            .await
            .unwrap();
    }
}
