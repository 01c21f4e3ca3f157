//! Readers that are slow, and readers that stopped. Contract 3, what a reader may cost: one that
//! falls behind costs nobody else anything and its memory is bounded; one that takes less than 4 KiB
//! in 30 s while more waits is closed and resumes by id. These tests take as long as those clocks.

use crate::app::{PATIENCE, TestApp, say, until};
use crate::child::ChildApp;
use boardcast_core::limits::{FRAME_BYTES_MAX, STALL_SECONDS};
use boardcast_sim::crowd::Crowd;
use boardcast_sim::cursor::seq_of;
use boardcast_sim::load::{Ground, Load};
use boardcast_sim::stream::{EventStream, StreamError};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, sleep};

const PATH: &str = "/boards/busy/events";
/// A small buffer on the reader's side, so that the server feels at once what is not read.
const RECEIVE_BYTES: u32 = 4_096;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stopped_are_closed_in_the_end_and_cost_nobody_anything() {
    const STALLED: usize = 20;
    /// All events, kept for each of them, would be 150 MB.
    const GROWTH_MAX: u64 = 24 * 1024 * 1024;
    let mut app = ChildApp::start().await;
    let (address, at_rest) = (app.address(), app.sockets());
    let ground = Ground::make(address, "busy", 2).await;
    let crowd = Crowd::gather(address, "busy", 5, 5).await.unwrap();
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        stalled.push(Reader::begin(address).await);
    }
    let (began, before) = (Instant::now(), app.memory());

    let load = Load::new(address, vec![ground], 1)
        .writers(4)
        .describing(20_000)
        .spawn();
    load.wait_for_acked(400, PATIENCE)
        .await
        .expect("nobody waits for them to write");
    let ledger = load.stop().await;
    let verdict = crowd.judge(&ledger).await;
    let after = app.memory();
    assert_eq!(
        verdict.wrong,
        Vec::<String>::new(),
        "nobody waits for them to read"
    );
    let sockets = app.sockets();
    if began.elapsed().as_secs() < STALL_SECONDS {
        assert!(sockets >= at_rest + STALLED, "they have time left");
    }
    let bytes: usize = verdict.log.values().map(Vec::len).sum();
    say(format_args!(
        "{bytes} bytes of events; memory: {before}, then {after}"
    ));
    assert!(
        after < before + GROWTH_MAX,
        "memory: {before}, then {after}"
    );

    until("they are closed", || app.sockets() == at_rest).await;
    assert!(
        began.elapsed().as_secs() >= STALL_SECONDS,
        "they had time left"
    );
    let resumed = join_all(
        stalled
            .into_iter()
            .map(|reader| reader.resume(address, &verdict.log)),
    );
    for seen in resumed.await {
        assert_eq!(seen, verdict.log.keys().copied().collect::<Vec<_>>());
    }
    app.stop_in_order().await;
}

/// The same where the sockets are the reactor's, which can say what it holds and does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_tenth_that_stopped_half_an_event_each_is_kept_and_nothing_is_sent_to_it() {
    const WATCHERS: usize = 50;
    const STALLED: usize = WATCHERS / 10;
    const OWED_MAX: usize = STALLED * (FRAME_BYTES_MAX + 20);
    let app = TestApp::start().await;
    let address = app.address();
    let reactor = app.server().engine().reactor().expect("it takes sockets");
    let ground = Ground::make(address, "busy", 2).await;
    let list = ground.lists[0].clone();
    let crowd = Crowd::gather(address, "busy", WATCHERS - STALLED, 2).await;
    let crowd = crowd.expect("all come");
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        stalled.push(Reader::begin(address).await);
    }
    let began = Instant::now();
    let load = Load::new(address, vec![ground], 1)
        .writers(2)
        .describing(20_000)
        .spawn();
    let mut census = reactor.census().await;
    while load.acked() < 120 {
        assert!(began.elapsed() < PATIENCE, "nobody waits for them");
        assert!(census.owed <= OWED_MAX, "{census:?}");
        sleep(Duration::from_millis(20)).await;
        census = reactor.census().await;
    }
    let verdict = crowd.judge(&load.stop().await).await;
    assert_eq!(verdict.wrong, Vec::<String>::new());

    // Each event alone is a send to each of the others, and none to those who stopped.
    let mut others = Vec::new();
    for _ in STALLED..WATCHERS {
        others.push(EventStream::open(address, PATH, &[]).await);
    }
    for n in 0..5 {
        while (census.up_to_date, census.blocked) != (WATCHERS - STALLED, STALLED) {
            assert!(began.elapsed() < PATIENCE, "{census:?}");
            sleep(Duration::from_millis(20)).await;
            census = reactor.census().await;
        }
        assert!(census.owed <= OWED_MAX, "{census:?}");
        let before = reactor.work();
        app.add_task(&list, &format!("number {n}")).await;
        let sends = || (reactor.work().sends - before.sends) as usize;
        until("everyone else has it", || sends() >= WATCHERS - STALLED).await;
        census = reactor.census().await;
        assert_eq!(sends(), WATCHERS - STALLED);
    }
    drop(others);

    while reactor.census().await.blocked > 0 {
        assert!(began.elapsed() < 2 * PATIENCE, "they are closed");
        sleep(Duration::from_millis(20)).await;
    }
    assert!(
        began.elapsed().as_secs() >= STALL_SECONDS,
        "they had time left"
    );
    let resumed = stalled
        .into_iter()
        .map(|reader| reader.resume(address, &verdict.log));
    for seen in join_all(resumed).await {
        assert_eq!(seen, verdict.log.keys().copied().collect::<Vec<_>>());
    }
    app.stop().await;
}

/// Both ways of a stream at once: they mostly wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_slow_but_alive_is_not_closed() {
    join_all([false, true].map(check_slow)).await;
}

async fn check_slow(bodies_only: bool) {
    const LONG: Duration = Duration::from_secs(STALL_SECONDS + 12);
    let app = TestApp::start_with(|args| args.bodies_only |= bodies_only).await;
    let address = app.address();
    let ground = Ground::make(address, "busy", 2).await;
    let crowd = Crowd::gather(address, "busy", 1, 1).await.unwrap();
    let mut slow = Vec::new();
    for pause in [1, 2, 4, 8].map(Duration::from_secs) {
        slow.push((pause, Reader::begin(address).await));
    }
    let kilobyte_a_second = drip(address, 1_000, LONG).await;
    slow.push((Duration::ZERO, Reader::begin(kilobyte_a_second).await));
    // In a stall window this takes 3,000 bytes, which is less than the rule asks for.
    let too_slow = Reader::begin(drip(address, 100, 2 * LONG).await).await;
    let load = Load::new(address, vec![ground], 1)
        .describing(5_000)
        .spawn();
    load.wait_for_acked(400, PATIENCE).await.unwrap();
    let ledger = load.stop().await;
    let verdict = crowd.judge(&ledger).await;
    assert_eq!(verdict.wrong, Vec::<String>::new());

    let began = Instant::now();
    let read = join_all(slow.into_iter().map(async |(pause, mut reader)| {
        while reader.seen.len() < verdict.log.len() {
            reader.next(&verdict.log).await.unwrap_or_else(|error| {
                panic!(
                    "one event in {pause:?}, {} so far: {error}",
                    reader.seen.len()
                )
            });
            if began.elapsed() < LONG {
                sleep(pause).await;
            }
        }
        reader.seen
    }));
    let (mut read, resumed) = tokio::join!(read, too_slow.resume(address, &verdict.log));
    read.push(resumed);
    for seen in read {
        assert_eq!(seen, verdict.log.keys().copied().collect::<Vec<_>>());
    }
    app.stop().await;
}

/// A line that passes on so many bytes a second, for so long, and after that all there are. Where it
/// listens, once.
async fn drip(server: SocketAddr, bytes_a_second: usize, slow: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut reader, _) = listener.accept().await.expect("a reader");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .set_recv_buffer_size(RECEIVE_BYTES)
            .expect("an option");
        let mut server = socket.connect(server).await.expect("the server");
        let (mut asked, mut answer) = (reader.split(), server.split());
        let began = Instant::now();
        let dripping = async {
            let mut bytes = vec![0; bytes_a_second];
            while let Ok(read @ 1..) = answer.0.read(&mut bytes).await {
                // Somebody who has gone needs no more of it.
                if asked.1.write_all(&bytes[..read]).await.is_err() {
                    break;
                }
                if began.elapsed() < slow {
                    sleep(Duration::from_secs(1)).await;
                }
            }
        };
        tokio::select! {
            () = dripping => {}
            _ = copy(&mut asked.0, &mut answer.1) => {}
        }
    });
    address
}

/// A reader with a small buffer, and the numbers of the events it took.
struct Reader {
    stream: EventStream,
    last_id: String,
    seen: Vec<u64>,
}

impl Reader {
    async fn begin(address: SocketAddr) -> Self {
        let opened = EventStream::open_narrow(address, PATH, &[], RECEIVE_BYTES).await;
        let mut stream = opened.expect("an answer").stream;
        let connected = stream.next().await.expect("a block").expect("a stream");
        Self {
            stream,
            last_id: connected.id.expect("the place where it starts"),
            seen: Vec::new(),
        }
    }

    /// Takes one event; it must be the one that the log has there.
    async fn next(&mut self, log: &BTreeMap<u64, Vec<u8>>) -> Result<(), StreamError> {
        let block = self.stream.next_event().await?.expect("the stream goes on");
        let id = block.id.expect("a numbered event");
        let seq = seq_of(&id).expect("a cursor");
        assert_eq!(Some(&block.raw), log.get(&seq), "event {seq}");
        self.seen.push(seq);
        self.last_id = id;
        Ok(())
    }

    /// Reads what is left on the closed connection, then the rest on a new one. Says which events
    /// it took on both.
    async fn resume(mut self, address: SocketAddr, log: &BTreeMap<u64, Vec<u8>>) -> Vec<u64> {
        let cut = loop {
            match self.next(log).await {
                // On a slow line an event takes its time.
                Ok(()) | Err(StreamError::Quiet(_)) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(cut, StreamError::Cut(_)), "{cut}");
        let headers = [("Last-Event-ID", self.last_id.as_str())];
        let opened = EventStream::open(address, PATH, &headers).await;
        self.stream = opened.expect("an answer").stream;
        let connected = self
            .stream
            .next()
            .await
            .expect("a block")
            .expect("a stream");
        assert_eq!(connected.id.as_ref(), Some(&self.last_id));
        while self.seen.len() < log.len() {
            self.next(log).await.expect("the rest");
        }
        self.seen
    }
}
