//! A server that is killed again and again while people write and watch. Contract 2, safe writes
//! (an answered write is there, a retry does nothing twice and gets the first answer) and
//! Contract 3, cursors (after any crash every watcher goes on where it was). What a power cut does
//! to the disk is another matter: the page cache outlives `kill -9`.

use crate::app::{PATIENCE, say};
use crate::child::ChildApp;
use boardcast_sim::client::Client;
use boardcast_sim::crowd::{Crowd, Verdict};
use boardcast_sim::cursor::seq_of;
use boardcast_sim::load::{Ground, Load};
use boardcast_sim::random::Random;
use boardcast_sim::stream::EventStream;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::sleep;

const BOARDS: [&str; 2] = ["busy", "busier"];
const KILLS: usize = 20;
const SEED: u64 = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_twenty_kills_every_answered_write_happened_once_and_everyone_saw_it() {
    let mut app = ChildApp::start().await;
    let address = app.address();
    let mut random = Random::new(SEED);
    let (mut grounds, mut crowds, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for board in BOARDS {
        grounds.push(Ground::make(address, board, 3).await);
        starts.push(cursor(address, board).await);
        crowds.push(Crowd::gather(address, board, 12, 12).await.unwrap());
    }
    let load = Load::new(address, grounds, SEED)
        .writers(16)
        .insisting()
        .spawn();

    for _ in 1..KILLS {
        let answered = load.acked();
        sleep(Duration::from_millis(random.below(400))).await;
        app.kill().await;
        if random.one_in(4) {
            app.start_and_kill(Duration::from_millis(random.below(30)))
                .await;
        }
        app.restart().await;
        // Somebody gets through between any two crashes.
        load.wait_for_acked(answered + 1, PATIENCE).await.unwrap();
    }
    let ledger = load.stop().await;
    // Once more when nobody writes: whoever is behind now is brought up by the log alone.
    app.kill().await;
    app.restart().await;

    let mut verdicts = Vec::new();
    for crowd in crowds {
        verdicts.push(crowd.judge(&ledger).await);
    }
    let heads = [
        cursor(address, BOARDS[0]).await,
        cursor(address, BOARDS[1]).await,
    ];
    let retried = ledger.ask_again(address).await;
    say(format_args!(
        "{KILLS} kills; {} writes, {} sent again without an answer, {} answered busy; {}; {}",
        ledger.written.len(),
        ledger.cuts,
        ledger.busy,
        verdicts[0],
        verdicts[1]
    ));
    for ((board, start), Verdict { wrong, log, .. }) in BOARDS.iter().zip(&starts).zip(&verdicts) {
        assert_eq!(*wrong, Vec::<String>::new(), "{board}");
        assert_eq!(
            ledger.unanswered(board),
            [],
            "a retry is answered in the end"
        );
        assert_eq!(
            replay(address, board, start, log.len()).await,
            *log,
            "{board}"
        );
    }
    assert_eq!(
        retried,
        Vec::<String>::new(),
        "a retry gets the first answer"
    );
    let after = [
        cursor(address, BOARDS[0]).await,
        cursor(address, BOARDS[1]).await,
    ];
    assert_eq!(after, heads, "a retry does nothing");
    app.stop_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_that_is_killed_leaves_nothing_that_the_next_one_stumbles_over() {
    let mut random = Random::new(SEED);
    for kills in 1..=12 {
        let kills: Vec<_> = (0..kills)
            .map(|_| Duration::from_micros(random.below(30_000)))
            .collect();
        let mut app = ChildApp::start_after_kills(&kills).await;
        let answer = Client::new(app.address()).get("/boards/board-1").await;
        let demo = answer.expect("an answer").expect(200).json();
        let lists = demo["lists"].as_array().expect("lists");
        let tasks = lists
            .iter()
            .map(|list| list["tasks"].as_array().map_or(0, Vec::len));
        assert_eq!((lists.len(), tasks.sum()), (3, 4), "{demo}");
        app.stop_in_order().await;
    }
}

async fn cursor(address: SocketAddr, board: &str) -> String {
    let answer = Client::new(address).get(&format!("/boards/{board}")).await;
    let board = answer.expect("an answer").expect(200).json();
    board["cursor"].as_str().expect("a cursor").to_owned()
}

/// So many events after a place, as the log has them now.
async fn replay(
    address: SocketAddr,
    board: &str,
    after: &str,
    events: usize,
) -> BTreeMap<u64, Vec<u8>> {
    let path = format!("/boards/{board}/events");
    let opened = EventStream::open(address, &path, &[("Last-Event-ID", after)]).await;
    let mut stream = opened.expect("an answer").stream;
    let mut log = BTreeMap::new();
    while log.len() < events {
        let block = stream
            .next_event()
            .await
            .expect("a good block")
            .expect("no end");
        let id = block.id.expect("an id");
        if id != after {
            log.insert(seq_of(&id).expect("a cursor"), block.raw);
        }
    }
    log
}
