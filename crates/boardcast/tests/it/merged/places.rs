//! Where each board's part of the stream begins and goes on, whatever id the caller has.

use super::{blocks_of, id_of, open, start};
use crate::app::{TestApp, TimeSpan};
use crate::pages::ask_page;
use crate::stream::{START, cursor_of, expect_quiet, next};
use boardcast_sim::sse::Block;
use serde_json::json;

/// Cursors that look like ones of a living board and are none.
const FOREIGN: [&str; 3] = ["2-0123456789ab", "999-0123456789ab", "0-0123456789ab"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_from_the_header_else_from_the_url() {
    let mut app = start().await;
    let (mut live, first) = open(&app, "?boards=a,b", None).await;
    let mut ids = vec![first.unwrap()];
    let mut events = Vec::new();
    for list in ["list-a", "list-b", "list-b", "list-a"] {
        app.add_task(list, "One more").await;
        let block = next(&mut live).await;
        ids.push(block.id.clone().unwrap());
        events.push(block);
    }
    expect_all_resumed(&app, &ids, &events).await;
    drop(live);
    app.pause().await;
    app.resume().await;
    // Now the events are in the data file alone.
    expect_all_resumed(&app, &ids, &events).await;
    app.stop().await;
}

/// `ids` has one more than `events`: the place before them.
async fn expect_all_resumed(app: &TestApp, ids: &[String], events: &[Block]) {
    for (from, id) in ids.iter().enumerate() {
        let after = format!("?boards=a,b&after={id}");
        let stale = format!("?boards=a,b&after={}", ids[0]);
        for (query, last_event_id) in [
            ("?boards=a,b", Some(id.as_str())),
            (&after, None),
            (&after, Some("")),
            (&stale, Some(id)),
            ("?boards=a,b&after=nonsense", Some(id)),
            ("?boards=a,b&snapshot=1", Some(id)),
        ] {
            let case = format!("{query} {last_event_id:?}");
            let (mut stream, connected) = open(app, query, last_event_id).await;
            assert_eq!(connected.as_ref(), Some(id), "{case}");
            let missed = blocks_of(&mut stream, events.len() - from).await;
            assert_eq!(missed, events[from..], "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_set_of_boards_keeps_what_is_known() {
    let app = start().await;
    app.add_board("c").await;
    let known = id_of(&app, &["a", "b"]).await;
    let [in_a, _in_b, in_c] = [
        app.add_task("list-a", "Missed on a").await,
        app.add_task("list-b", "Missed on b").await,
        app.add_task("list-c", "Nobody knew c").await,
    ];
    // Without b, with c and in another order: a goes on where it was, c begins now.
    let (mut stream, connected) = open(&app, "?boards=c,a", Some(&known)).await;
    let place_a = known.split(',').next().unwrap();
    let expected = format!("{},{place_a}", id_of(&app, &["c"]).await);
    assert_eq!(connected, Some(expected));
    assert_eq!(next(&mut stream).await.json()["task"], in_a);
    expect_quiet(&mut stream).await;
    drop(stream);
    // With a wish for snapshots only c, which is not known, gets one.
    let (mut stream, connected) = open(&app, "?boards=a,c&snapshot=1", Some(&known)).await;
    assert_eq!(connected.as_deref(), Some(place_a));
    let [snapshot, missed] = blocks_of(&mut stream, 2).await.try_into().unwrap();
    assert_eq!(
        snapshot.json()["board"]["lists"][0]["tasks"][0]["id"],
        in_c["id"]
    );
    assert_eq!(missed.json()["task"], in_a);
    expect_quiet(&mut stream).await;
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_can_be_built_from_boards_cursors_and_taken_apart() {
    let app = start().await;
    let [a, b] = [cursor_of(&app, "a").await, cursor_of(&app, "b").await];
    app.add_task("list-a", "One").await;
    app.add_task("list-b", "Two").await;
    let query = format!("?boards=a,b&after=b:{b},a:{a}");
    let (mut stream, connected) = open(&app, &query, None).await;
    assert_eq!(connected, Some(format!("a:{a},b:{b}")));
    let last = blocks_of(&mut stream, 2).await.pop().unwrap().id.unwrap();
    drop(stream);
    for element in last.split(',') {
        let (board, cursor) = element.split_once(':').unwrap();
        assert_eq!(cursor, cursor_of(&app, board).await);
    }
    app.stop().await;
}

/// Opens the stream of a and b with this id and checks which boards get a snapshot.
async fn check_snapshots(app: &TestApp, query: &str, id: &str, expected: &[&str]) {
    let case = format!("{query} {id}");
    let (mut stream, _) = open(app, query, Some(id)).await;
    for board in expected {
        let block = next(&mut stream).await;
        assert_eq!(block.kind(), "snapshot", "{case}");
        assert_eq!(block.json()["board"], app.board(board).await, "{case}");
    }
    expect_quiet(&mut stream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_element_costs_a_snapshot_of_its_board_alone() {
    let app = start().await;
    let [a, b] = [cursor_of(&app, "a").await, cursor_of(&app, "b").await];
    let query = "?boards=a,b";
    for bad in FOREIGN
        .into_iter()
        .chain(["", "?", "nonsense", "a:b", a.as_str()])
    {
        check_snapshots(&app, query, &format!("a:{a},b:{bad}"), &["b"]).await;
        check_snapshots(&app, query, &format!("b:{bad},a:{a}"), &["b"]).await;
        let wish = format!("{query}&snapshot=1");
        check_snapshots(&app, &wish, &format!("a:{a},b:{bad}"), &["b"]).await;
    }
    // What names no board may have been the place of any that is not named.
    for torn in [
        format!("a:{a},nonsense"),
        format!("a:{a},"),
        format!("a:{a},,"),
    ] {
        check_snapshots(&app, query, &torn, &["b"]).await;
    }
    for nothing in ["nonsense", ",", a.as_str()] {
        check_snapshots(&app, query, nothing, &["a", "b"]).await;
    }
    check_snapshots(&app, query, &format!("a:{a}"), &[]).await;
    check_snapshots(&app, query, &format!("c:{b},a:{a},b:{b}"), &[]).await;
    check_snapshots(&app, "?boards=a,b&snapshot=1", &format!("b:{b}"), &["a"]).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pruned_place_costs_a_snapshot_of_its_board_alone() {
    let mut app = TestApp::start_with(|args| {
        args.keep_events = 1;
        args.keep_days = 1;
    })
    .await;
    app.add_board("a").await;
    app.clock().jump(TimeSpan::days(2));
    app.add_board("b").await;
    app.add_task("list-a", "The newest").await;
    // The next batch finds what is too old, and then the start is no place any more.
    app.pause().await;
    app.resume().await;
    while ask_page(&app, "a", &format!("?after={START}")).await.status == 200 {
        app.add_task("list-b", "Another batch").await;
    }
    let b = cursor_of(&app, "b").await;
    check_snapshots(&app, "?boards=a,b", &format!("a:{START},b:{b}"), &["a"]).await;
    app.stop().await;
}

/// The messages of a stream up to the end, all of which are there already.
async fn messages(app: &TestApp, query: &str, id: Option<&str>, count: usize) -> Vec<Block> {
    let (mut stream, _) = open(app, query, id).await;
    let blocks = blocks_of(&mut stream, count).await;
    expect_quiet(&mut stream).await;
    blocks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_element_moves_before_its_snapshot_or_event_is_written() {
    let app = start().await;
    app.add_board("c").await;
    app.add_board("d").await;
    let a = cursor_of(&app, "a").await;
    for list in ["list-a", "list-b", "list-a", "list-c"] {
        app.add_task(list, "Missed").await;
    }
    // a has a good place, b none, c a foreign one, d one that can't be read.
    let id = format!("a:{a},c:{},d:nonsense", FOREIGN[0]);
    let query = "?boards=a,b,nowhere,c,d&snapshot=1";
    // b, c and d as they are, then what a missed; who has all that gets board_gone alone.
    let whole = messages(&app, query, Some(&id), 6).await;
    let kinds: Vec<_> = whole.iter().map(Block::kind).collect();
    let snapshot = "snapshot".to_owned();
    assert_eq!(kinds.iter().filter(|kind| **kind == snapshot).count(), 3);
    let kept: Vec<_> = whole
        .iter()
        .filter(|block| block.kind() != "board_gone")
        .collect();
    for read in 0..=whole.len() {
        // A connection that is cut after so many blocks behind `connected`.
        let (mut stream, connected) = open(&app, query, Some(&id)).await;
        let mut seen = blocks_of(&mut stream, read).await;
        stream.cut();
        let last_id = seen.last().map_or(connected, |block| block.id.clone());
        seen.retain(|block| block.kind() != "board_gone");
        let rest = kept.len() - seen.len() + 1;
        seen.extend(messages(&app, query, last_id.as_deref(), rest).await);
        seen.retain(|block| block.kind() != "board_gone");
        assert_eq!(seen.iter().collect::<Vec<_>>(), kept, "cut after {read}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_connection_that_wants_snapshots_has_no_id_before_they_are_written() {
    let app = start().await;
    let query = "?boards=a,b&snapshot=1";
    let (mut stream, connected) = open(&app, query, None).await;
    assert_eq!(connected, None);
    let [first, second] = blocks_of(&mut stream, 2).await.try_into().unwrap();
    assert_eq!(first.json()["board"], app.board("a").await);
    assert_eq!(first.id, Some(id_of(&app, &["a"]).await));
    assert_eq!(second.json()["board"], app.board("b").await);
    assert_eq!(second.id, Some(id_of(&app, &["a", "b"]).await));
    // Cut in between, b still gets its snapshot.
    drop(stream);
    let (mut stream, connected) = open(&app, query, first.id.as_deref()).await;
    assert_eq!(connected, first.id);
    assert_eq!(next(&mut stream).await, second);
    let name = json!({ "name": "Renamed" });
    app.patch("/boards/a", &name).await.expect(200);
    assert_eq!(next(&mut stream).await.kind(), "board_updated");
    drop(stream);
    app.stop().await;
}
