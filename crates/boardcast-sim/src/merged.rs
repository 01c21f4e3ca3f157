//! A watcher of several boards in one stream that goes on through cuts and restarts, beside
//! [`crate::watcher`]. Runs as its own task behind a [`MergedHandle`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::cursor::seq_of;
use crate::fold::Fold;
use crate::joint::Joint;
use crate::random::Random;
use crate::stream::{EventStream, StreamError};

pub use crate::joint::MergedReport;

/// The upper bound on a server's `retry`, so that tests are quick.
const RETRY_MAX: Duration = Duration::from_millis(10);

/// Orders not yet taken; more cuts than this at once are one cut.
const ORDERS_MAX: usize = 8;

/// What to watch and how.
#[derive(Clone, Debug)]
pub struct MergedWatcher {
    addr: SocketAddr,
    boards: Vec<String>,
    asks_snapshot: bool,
    cuts: Option<(Random, u64)>,
}

impl MergedWatcher {
    /// A watcher of `boards` at `addr`, with `snapshot=1` so that it can fold from the first event
    /// on. The query is the same on every connection, as a page's is.
    pub fn new(addr: SocketAddr, boards: &[&str]) -> Self {
        MergedWatcher {
            addr,
            boards: boards.iter().map(|board| (*board).to_owned()).collect(),
            asks_snapshot: true,
            cuts: None,
        }
    }

    /// Doesn't ask for snapshots: each board starts at its head, and nothing of it is folded until
    /// one comes.
    #[must_use]
    pub fn from_head(mut self) -> Self {
        self.asks_snapshot = false;
        self
    }

    /// Cuts itself after a block once in `one_in` blocks; where is decided by `seed`.
    #[must_use]
    pub fn cutting(mut self, seed: u64, one_in: u64) -> Self {
        self.cuts = Some((Random::new(seed), one_in));
        self
    }

    /// Starts watching, in a task of the current runtime.
    pub fn spawn(self) -> MergedHandle {
        let (orders_tx, orders) = mpsc::channel(ORDERS_MAX);
        let (places_tx, places) = watch::channel(BTreeMap::new());
        let running = Running {
            joint: Joint::new(self.boards.clone(), self.asks_snapshot),
            watcher: self,
            orders,
            places: places_tx,
        };
        MergedHandle {
            orders: orders_tx,
            places,
            task: tokio::spawn(running.run()),
        }
    }
}

enum Order {
    Cut,
    Stop,
}

/// A watcher at work. Dropping the handle stops it.
#[derive(Debug)]
pub struct MergedHandle {
    orders: mpsc::Sender<Order>,
    /// The cursor of each board of which anything is known.
    places: watch::Receiver<BTreeMap<String, String>>,
    task: JoinHandle<(MergedReport, BTreeMap<String, Fold>)>,
}

impl MergedHandle {
    /// Makes it reset its connection, wherever the stream stands; it resumes. Without a connection
    /// nothing happens.
    pub fn cut(&self) {
        // A full queue holds a cut that hasn't been made yet; a closed one needs none.
        let _ = self.orders.try_send(Order::Cut);
    }

    /// Waits until it has come to these cursors, each of its own board, or further.
    ///
    /// # Errors
    /// If it stopped before that, or `limit` is over; with where it stands.
    pub async fn wait_for(
        &self,
        cursors: &BTreeMap<String, String>,
        limit: Duration,
    ) -> Result<(), String> {
        let seq = |cursor: &String| seq_of(cursor).unwrap_or(0);
        let has = |places: &BTreeMap<String, String>| {
            let mut cursors = cursors.iter();
            cursors.all(|(board, cursor)| {
                places
                    .get(board)
                    .is_some_and(|place| seq(place) >= seq(cursor))
            })
        };
        let mut places = self.places.clone();
        let reached = timeout(limit, places.wait_for(has)).await;
        if matches!(reached, Ok(Ok(_))) {
            return Ok(());
        }
        let places = self.places.borrow().clone();
        Err(format!("not at {cursors:?} but at {places:?}"))
    }

    /// Stops it where it stands and hands over what it saw and how it folded each board.
    ///
    /// # Panics
    /// If the watcher's task panicked.
    pub async fn stop(self) -> (MergedReport, BTreeMap<String, Fold>) {
        // It may have stopped by itself.
        let _ = self.orders.send(Order::Stop).await;
        self.task.await.expect("a watcher doesn't panic")
    }
}

/// The watcher's task.
struct Running {
    watcher: MergedWatcher,
    joint: Joint,
    orders: mpsc::Receiver<Order>,
    places: watch::Sender<BTreeMap<String, String>>,
}

/// What comes after a connection.
#[derive(PartialEq)]
enum Next {
    Reconnect,
    Stop,
}

impl Running {
    async fn run(mut self) -> (MergedReport, BTreeMap<String, Fold>) {
        while self.follow_once().await == Next::Reconnect {
            self.joint.report_mut().reconnects += 1;
            let retry = self.joint.retry_ms().map(Duration::from_millis);
            let pause = sleep(retry.unwrap_or(RETRY_MAX).min(RETRY_MAX));
            tokio::select! {
                () = pause => {}
                () = stop_ordered(&mut self.orders) => break,
            }
        }
        self.joint.into_parts()
    }

    /// One connection from its opening to its end. Anything but 200 is final, as it is to a browser.
    async fn follow_once(&mut self) -> Next {
        let id = self.joint.id();
        let opened = tokio::select! {
            opened = open(&self.watcher, &id) => opened,
            () = stop_ordered(&mut self.orders) => return Next::Stop,
        };
        match opened {
            Ok(opened) if opened.status == 200 => {
                self.joint.begin();
                self.follow(opened.stream).await
            }
            Ok(opened) => {
                let fine = matches!((opened.status, id.is_empty()), (204, false) | (404, true));
                if !fine {
                    let sentence = format!("answered {} to the id {id:?}", opened.status);
                    self.joint.report_mut().violation(sentence);
                }
                Next::Stop
            }
            Err(fault) => {
                let sentence = format!("not reachable: {fault}");
                self.joint.report_mut().violation(sentence);
                Next::Stop
            }
        }
    }

    async fn follow(&mut self, mut stream: EventStream) -> Next {
        loop {
            let found = tokio::select! {
                found = stream.next() => found,
                order = self.orders.recv() => {
                    stream.cut();
                    return if let Some(Order::Cut) = order { Next::Reconnect } else { Next::Stop };
                }
            };
            match found {
                Ok(Some(block)) => self.joint.see(&block),
                Ok(None) => {
                    self.joint.end();
                    return Next::Reconnect;
                }
                Err(StreamError::Cut(_)) => return Next::Reconnect,
                Err(fault) => {
                    self.joint.report_mut().violation(fault.to_string());
                    return Next::Reconnect;
                }
            }
            self.places.send_replace(self.joint.places());
            if self.cuts_here() {
                stream.cut();
                return Next::Reconnect;
            }
        }
    }

    fn cuts_here(&mut self) -> bool {
        let cuts = self.watcher.cuts.as_mut();
        cuts.is_some_and(|(random, one_in)| random.one_in(*one_in))
    }
}

async fn open(watcher: &MergedWatcher, id: &str) -> std::io::Result<crate::stream::Opened> {
    let wish = if watcher.asks_snapshot {
        "&snapshot=1"
    } else {
        ""
    };
    let path = format!("/events?boards={}{wish}", watcher.boards.join(","));
    let headers = [("Last-Event-ID", id)];
    let headers = if id.is_empty() { &[][..] } else { &headers };
    EventStream::open(watcher.addr, &path, headers).await
}

/// Returns when the watcher is told to stop or its handle is gone. A cut finds no connection here.
async fn stop_ordered(orders: &mut mpsc::Receiver<Order>) {
    while let Some(Order::Cut) = orders.recv().await {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{STREAM_HEAD, Server, Step, chunk};

    const LIMIT: Duration = Duration::from_secs(20);

    fn serving(blocks: &str, last: Option<Step>) -> Vec<Step> {
        let sent = [STREAM_HEAD.to_owned(), chunk(blocks)].map(|piece| Step::Send(piece.into()));
        [Step::AwaitRequest]
            .into_iter()
            .chain(sent)
            .chain(last)
            .collect()
    }

    #[tokio::test]
    async fn it_resumes_with_the_whole_id() {
        let connected =
            |id: &str| format!("data: {{\"type\":\"connected\"}}\nretry: 1\nid: {id}\n\n");
        let id = "a:1-03b7710c9ae4,b:7-03b7710c9ae4";
        let later = "a:1-03b7710c9ae4,b:8-03b7710c9ae4";
        let event = format!(
            "data: {{\"type\":\"task_deleted\",\"taskId\":\"t\",\"boardId\":\"b\",\"by\":null,\"at\":\"x\"}}\nid: {later}\n\n"
        );
        let server = Server::start(vec![
            serving(&connected(id), Some(Step::Reset)),
            serving(&(connected(id) + &event), Some(Step::Hold)),
            vec![
                Step::AwaitRequest,
                Step::Send("HTTP/1.1 204 No Content\r\n\r\n".into()),
            ],
        ])
        .await;
        let watcher = MergedWatcher::new(server.addr(), &["a", "b"])
            .from_head()
            .spawn();
        let place = BTreeMap::from([("b".to_owned(), "8-03b7710c9ae4".to_owned())]);
        watcher.wait_for(&place, LIMIT).await.unwrap();
        watcher.cut();
        let requests = server.requests().await;
        let (report, _) = watcher.stop().await;
        assert_eq!(report.violations, Vec::<String>::new());
        assert_eq!((report.events, report.reconnects), (1, 2));
        assert!(requests[0].starts_with("GET /events?boards=a,b HTTP/1.1\r\n"));
        assert!(!requests[0].contains("Last-Event-ID"));
        assert!(requests[1].contains(&format!("Last-Event-ID: {id}\r\n")));
        assert!(requests[2].contains(&format!("Last-Event-ID: {later}\r\n")));
    }
}
