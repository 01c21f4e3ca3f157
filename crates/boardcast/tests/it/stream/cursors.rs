//! Contract 3, cursors that can't be served: after `connected` without an id one snapshot, and on
//! from there. Never silence, never a wrong event.

use super::{START, cursor_of, next, open, watch};
use crate::app::{PATIENCE, TestApp, TimeSpan};
use boardcast_sim::stream::EventStream;
use serde_json::json;
use std::fs;
use tokio::time::timeout;

/// Checks that a stream begins with a snapshot that is the board as it now stands, and goes on
/// from there.
async fn expect_snapshot(app: &TestApp, query: &str, last_event_id: Option<&str>) {
    let case = format!("{query} {last_event_id:?}");
    let (mut stream, start) = open(app, query, last_event_id).await;
    assert_eq!(start, None, "{case}: a cut before the snapshot loses it");
    let snapshot = next(&mut stream).await;
    let board = app.board("board-1").await;
    let expected = json!({ "type": "snapshot", "board": board });
    assert_eq!(snapshot.json(), expected, "{case}");
    assert_eq!(snapshot.id.as_deref(), board["cursor"].as_str(), "{case}");
    expect_next_change(app, &mut stream).await;
}

/// Checks that a stream begins right after a cursor.
async fn expect_good(app: &TestApp, cursor: &str) {
    let (_stream, start) = open(app, "", Some(cursor)).await;
    assert_eq!(start.as_deref(), Some(cursor));
}

/// Makes a change and checks that it comes next.
async fn expect_next_change(app: &TestApp, stream: &mut EventStream) {
    let task = app.add_task("list-todo", "Next").await;
    assert_eq!(next(stream).await.json()["task"], task);
}

/// The cursor with another number.
fn renumbered(cursor: &str, change: impl FnOnce(u64) -> u64) -> String {
    let (seq, mark) = cursor.split_once('-').unwrap();
    format!("{}-{mark}", change(seq.parse().unwrap()))
}

/// The cursor with another mark.
fn remarked(cursor: &str) -> String {
    let (rest, last) = cursor.split_at(cursor.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_can_be_asked_for_and_is_what_a_get_answers() {
    let app = TestApp::start().await;
    expect_snapshot(&app, "?snapshot=1", None).await;
    expect_snapshot(&app, "?snapshot=1", Some("")).await;
    let (mut stream, _) = open(&app, "?snapshot=1", None).await;
    let bytes = next(&mut stream).await.raw;
    let json = app.get("/boards/board-1").await.expect(200).text();
    let id = cursor_of(&app, "board-1").await;
    let expected = format!("data: {{\"type\":\"snapshot\",\"board\":{json}}}\nid: {id}\n\n");
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_cursor_gets_a_snapshot() {
    let app = TestApp::start().await;
    let good = cursor_of(&app, "board-1").await;
    let (seq, mark) = good.split_once('-').unwrap();
    let upper = mark.to_uppercase();
    for malformed in [
        "-",
        "nonsense",
        "null",
        "undefined",
        seq,
        &format!("{seq}-"),
        &format!("-{mark}"),
        &format!("0{good}"),
        &format!("-{good}"),
        &format!("{seq}.0-{mark}"),
        &format!("{good}0"),
        &good[..good.len() - 1],
        &format!("{seq}-{upper}A"),
        &format!("{seq}--{mark}"),
        &format!("{seq}_{mark}"),
        &format!("\"{good}\""),
        &format!("{good},{good}"),
        &format!("board-1:{good}"),
        &format!("18446744073709551616-{mark}"),
        &"9".repeat(5_000),
        "٨-000000000000",
    ] {
        expect_snapshot(&app, "", Some(malformed)).await;
        if malformed.is_ascii() {
            let quoted = malformed.replace('"', "%22");
            expect_snapshot(&app, &format!("?after={quoted}"), None).await;
        }
    }
    expect_snapshot(&app, "?after=", None).await;
    expect_snapshot(&app, "?after=%00%ff", None).await;
    expect_snapshot(&app, &format!("?after={good}"), Some("nonsense")).await;
    expect_snapshot(&app, "?snapshot=1", Some("nonsense")).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_of_another_history_or_of_the_future_gets_a_snapshot() {
    let app = TestApp::start().await;
    let stranger = json!({ "id": "board-2", "name": "Another" });
    app.post("/boards", &stranger).await.expect(201);
    for name in ["One", "Two", "Three"] {
        let list = json!({ "boardId": "board-2", "name": name });
        app.post("/lists", &list).await.expect(201);
    }
    let foreign = cursor_of(&app, "board-2").await;
    // From the data file alone, then with a watcher, when the newest events are in memory.
    for watcher in [None, Some(watch(&app).await)] {
        app.add_task("list-todo", "A kept event").await;
        let kept = cursor_of(&app, "board-1").await;
        app.add_task("list-todo", "A newer one").await;
        let head = || cursor_of(&app, "board-1");
        expect_good(&app, &kept).await;
        expect_good(&app, &head().await).await;
        expect_good(&app, START).await;
        expect_snapshot(&app, "", Some(&foreign)).await;
        expect_snapshot(&app, "", Some(&remarked(&kept))).await;
        expect_snapshot(&app, "", Some(&remarked(&head().await))).await;
        expect_snapshot(&app, "", Some(&remarked(START))).await;
        expect_snapshot(&app, "", Some(&renumbered(&kept, |seq| seq - 1))).await;
        expect_snapshot(&app, "", Some(&renumbered(&head().await, |seq| seq + 1))).await;
        expect_snapshot(&app, "", Some(&renumbered(&kept, |_| 0))).await;
        for far in [1_000_000, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
            expect_snapshot(&app, "", Some(&renumbered(&kept, |_| far))).await;
        }
        drop(watcher);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_from_before_a_copied_back_file_is_recognised() {
    let mut app = TestApp::start().await;
    app.add_task("list-todo", "In the copy").await;
    let copied = cursor_of(&app, "board-1").await;
    app.pause().await;
    let copy = app.path("copy.db");
    fs::copy(app.data(), &copy).unwrap();
    app.resume().await;

    let mut lost = Vec::new();
    for title in ["Lost", "Lost too", "Lost as well"] {
        app.add_task("list-todo", title).await;
        lost.push(cursor_of(&app, "board-1").await);
    }
    app.pause().await;
    fs::copy(&copy, app.data()).unwrap();
    app.resume().await;

    // Ahead of the log, then reached again, then behind.
    for _ in 0..2 {
        for cursor in &lost {
            expect_snapshot(&app, "", Some(cursor)).await;
        }
    }
    expect_good(&app, &copied).await;
    app.stop().await;
}

/// A server that keeps few events, and where its board stood after each of ten changes.
async fn app_that_keeps(events: u64, days: u32) -> (TestApp, Vec<String>) {
    let app = TestApp::start_with(|args| {
        args.keep_events = events;
        args.keep_days = days;
    })
    .await;
    let mut cursors = Vec::new();
    for count in 0..10 {
        app.add_task("list-todo", &format!("Task {count}")).await;
        cursors.push(cursor_of(&app, "board-1").await);
    }
    (app, cursors)
}

/// Has retention look at the board, by a change that changes nothing.
async fn touch(app: &TestApp) {
    let name = app.board("board-1").await["name"].clone();
    app.patch("/boards/board-1", &json!({ "name": name }))
        .await
        .expect(200);
}

/// Waits until a cursor is no longer good.
async fn wait_until_pruned(app: &TestApp, cursor: &str) {
    let pruned = async { while open(app, "", Some(cursor)).await.1.is_some() {} };
    timeout(PATIENCE, pruned).await.expect("retention deletes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pruned_cursor_gets_a_snapshot_and_the_one_at_the_floor_is_still_good() {
    let (app, mut cursors) = app_that_keeps(3, 1).await;
    app.clock().jump(TimeSpan::days(2));
    app.add_task("list-todo", "Much later").await;
    cursors.push(cursor_of(&app, "board-1").await);
    let floor = cursors.len() - 4;
    wait_until_pruned(&app, &cursors[floor - 1]).await;

    for (at, cursor) in cursors.iter().enumerate().skip(floor) {
        let (mut stream, start) = open(&app, "", Some(cursor)).await;
        assert_eq!(start.as_ref(), Some(cursor));
        for missed in &cursors[at + 1..] {
            assert_eq!(next(&mut stream).await.id.as_ref(), Some(missed));
        }
    }
    expect_snapshot(&app, "", Some(&remarked(&cursors[floor]))).await;
    for pruned in &cursors[..floor] {
        expect_snapshot(&app, "", Some(pruned)).await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_age_alone_nor_number_alone_prunes() {
    // Old enough but not too many, then too many but not old enough.
    for (events, days, jump) in [(1_000, 1, 100_000), (3, 2, 1)] {
        let (app, _) = app_that_keeps(events, days).await;
        app.clock().jump(TimeSpan::days(jump));
        // Retention looks after each batch; the second one is begun when that look is over.
        touch(&app).await;
        touch(&app).await;
        expect_good(&app, START).await;
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_has_everything_goes_on_though_nothing_is_kept() {
    let (app, cursors) = app_that_keeps(0, 0).await;
    app.clock().jump(TimeSpan::hours(1));
    touch(&app).await;
    let head = cursors.len() - 1;
    wait_until_pruned(&app, &cursors[head - 1]).await;
    let (mut stream, start) = open(&app, "", Some(&cursors[head])).await;
    assert_eq!(start.as_ref(), Some(&cursors[head]));
    expect_next_change(&app, &mut stream).await;
    drop(stream);
    app.stop().await;
}
