//! Readers that fall behind: they cost nobody else anything, are fed from the log, and where that
//! was pruned in the meantime they get a snapshot right there.

use crate::app::{PATIENCE, TestApp, TimeSpan};
use crate::stream::{
    START, add_long_titles, add_many, ask, bytes_of, next, open, open_stalled, watch,
};
use boardcast_sim::cursor::seq_of;
use boardcast_sim::fold::{Fold, same_board};
use boardcast_sim::sse::Block;
use boardcast_sim::stream::EventStream;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Tasks whose events are some one and a half megabytes, far more than what a connection holds.
const TASKS: usize = 50;
const DESCRIPTION_BYTES: usize = 30_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stopped_for_a_while_gets_everything_in_order() {
    let app = TestApp::start().await;
    let mut live = watch(&app).await;
    let mut lagging = [
        open_stalled(&app, "").await,
        open_stalled(&app, "").await,
        open_stalled(&app, &format!("?after={START}")).await,
    ];
    let mut got = [const { String::new() }; 3];
    let mut expected = String::new();
    for round in 0..3 {
        add_many(&app, TASKS, DESCRIPTION_BYTES).await;
        // Nobody waits for those who don't read.
        expected += &bytes_of(&mut live, TASKS).await;
        // One takes a little now and then, another nothing at all before the end.
        got[0] += &bytes_of(&mut lagging[0], 10 * round).await;
    }
    got[0] += &bytes_of(&mut lagging[0], 3 * TASKS - 30).await;
    got[1] += &bytes_of(&mut lagging[1], 3 * TASKS).await;
    bytes_of(&mut lagging[2], 8).await;
    got[2] += &bytes_of(&mut lagging[2], 3 * TASKS).await;
    assert!(got.iter().all(|got| *got == expected));

    let task = app.add_task("list-todo", "And on").await;
    for stream in &mut lagging {
        assert_eq!(next(stream).await.json()["task"], task);
    }
    drop((live, lagging));
    app.stop().await;
}

/// A server that keeps so few events, and readers in the middle of more than that: one in a replay,
/// one live. On return retention has taken what they have yet to get.
async fn pruned_in_between(events_kept: u64) -> (TestApp, [EventStream; 2]) {
    let app = TestApp::start_with(|args| {
        args.keep_events = events_kept;
        args.keep_days = 1;
    })
    .await;
    let live = open_stalled(&app, "").await;
    add_many(&app, TASKS, DESCRIPTION_BYTES).await;
    let replay = open_stalled(&app, &format!("?after={START}")).await;
    app.clock().jump(TimeSpan::days(2));
    // Retention looks after each batch, of which this is one though it changes nothing.
    let name = json!({ "name": "Demo board" });
    app.patch("/boards/board-1", &name).await.expect(200);
    let path = format!("?after={START}");
    let pruned = async { while open(&app, &path, None).await.1.is_some() {} };
    timeout(PATIENCE, pruned).await.expect("retention deletes");
    (app, [live, replay])
}

/// Reads events as they follow each other, from a number on, folding them if a board is given: the
/// number of the first that doesn't come, and the block that comes in its place, if there is one.
async fn read_run(
    stream: &mut EventStream,
    first: u64,
    mut fold: Option<&mut Fold>,
    until: Option<&str>,
) -> (u64, Option<Block>) {
    let mut expected = first;
    loop {
        let block = stream.next_within(PATIENCE).await.expect("no cut");
        let is_event = |block: &Block| !["snapshot", ""].contains(&block.kind().as_str());
        if !block.as_ref().is_some_and(is_event) {
            return (expected, block);
        }
        let event = block.expect("an event");
        let id = event.id.as_deref();
        assert_eq!(id.map(seq_of), Some(Ok(expected)));
        if let Some(fold) = &mut fold {
            fold.apply(&event.json(), id).unwrap();
        }
        expected += 1;
        if id == until {
            return (expected, None);
        }
    }
}

/// Takes a snapshot as the beginning of a fold: the fold, and the number of the next event.
fn begin_with(snapshot: &Block) -> (Fold, u64) {
    assert_eq!(snapshot.kind(), "snapshot");
    let id = snapshot.id.as_deref();
    let mut fold = Fold::new();
    fold.apply(&snapshot.json(), id).unwrap();
    (fold, seq_of(id.unwrap()).unwrap() + 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_slow_readers_place_was_pruned_a_snapshot_follows_and_then_the_rest() {
    for events_kept in [10, 0] {
        let (app, streams) = pruned_in_between(events_kept).await;
        app.add_task("list-todo", "And on").await;
        let board = app.board("board-1").await;
        for (mut stream, first) in streams.into_iter().zip([9, 1]) {
            let (pruned_at, snapshot) = read_run(&mut stream, first, None, None).await;
            let last = 8 + TASKS as u64 - events_kept;
            assert!(pruned_at <= last, "not pruned in between");
            let (mut fold, next) = begin_with(&snapshot.expect("not the end"));
            if fold.board().unwrap()["cursor"] != board["cursor"] {
                let until = board["cursor"].as_str();
                read_run(&mut stream, next, Some(&mut fold), until).await;
            }
            assert_eq!(same_board(fold.board().unwrap(), &board), Ok(()));
        }
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_board_is_gone_too_the_stream_ends_and_nobody_comes_back() {
    let (app, streams) = pruned_in_between(0).await;
    app.delete("/boards/board-1").await.expect(204);
    for (mut stream, first) in streams.into_iter().zip([9, 1]) {
        let (pruned_at, block) = read_run(&mut stream, first, None, None).await;
        assert!(pruned_at <= 8 + TASKS as u64, "not pruned in between");
        if let Some(snapshot) = block {
            // It was on its way when the board was deleted.
            let (mut fold, next) = begin_with(&snapshot);
            let rest = read_run(&mut stream, next, Some(&mut fold), None).await;
            assert_eq!((rest, fold.board()), ((next + 1, None), None));
        }
    }
    assert_eq!(ask(&app, "", Some(START)).await.status, 204);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_never_older_than_the_request_for_it_though_a_slow_reader_holds_one() {
    let app = TestApp::start().await;
    add_long_titles(&app, 400).await;
    let stalled = [hold_snapshot(&app).await, hold_snapshot(&app).await];
    for title in ["Since then", "And again"] {
        let task = app.add_task("list-done", title).await;
        let (mut stream, _) = open(&app, "?snapshot=1", None).await;
        let snapshot = next(&mut stream).await.json();
        let last = &snapshot["board"]["lists"][2]["tasks"].as_array().unwrap();
        assert_eq!(last.last().unwrap()["id"], task["id"]);
        assert_eq!(app.board("board-1").await, snapshot["board"]);
    }
    drop(stalled);
    app.stop().await;
}

/// A connection that has taken the beginning of a snapshot and takes no more.
async fn hold_snapshot(app: &TestApp) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let mut socket = socket.connect(app.address()).await.unwrap();
    let request = "GET /boards/board-1/events?snapshot=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut taken = Vec::new();
    while !String::from_utf8_lossy(&taken).contains("\"snapshot\"") {
        let read = timeout(PATIENCE, socket.read_buf(&mut taken)).await;
        assert_ne!(read.expect("more bytes").unwrap(), 0);
    }
    socket
}
