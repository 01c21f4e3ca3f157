//! How a board's part of the stream ends, and with the last of them the stream.

use super::{ask, blocks_of, id_of, open, start};
use crate::app::{PATIENCE, TestApp};
use crate::stream::{START, cursor_of, expect_quiet, next};
use boardcast_sim::sse::Block;
use serde_json::json;

/// Checks that this is the news that a board is gone, and the id under it.
fn check_gone(block: &Block, board: &str, id: Option<&str>) {
    let expected = format!(r#"{{"type":"board_gone","boardId":"{board}"}}"#);
    assert_eq!(block.data.as_deref(), Some(expected.as_str()));
    assert_eq!(block.id.as_deref(), id, "{board}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_that_is_unknown_is_told_once_and_the_rest_goes_on() {
    let app = start().await;
    app.delete("/boards/b").await.expect(204);
    // Unknown, deleted, and names that no board can have.
    let query = "?boards=nowhere,b,a,n%C3%B6,a%3Ab,a%20b&snapshot=1";
    let (mut stream, connected) = open(&app, query, None).await;
    assert_eq!(connected, None);
    let blocks = blocks_of(&mut stream, 6).await;
    let gone = ["nowhere", "b", "n\u{f6}", "a:b", "a b"];
    for (block, board) in blocks.iter().zip(gone) {
        check_gone(block, board, None);
    }
    assert_eq!(blocks[5].json()["board"], app.board("a").await);
    assert_eq!(blocks[5].id, Some(id_of(&app, &["a"]).await));
    let task = app.add_task("list-a", "The rest goes on").await;
    let block = next(&mut stream).await;
    assert_eq!(block.json()["task"], task);
    assert_eq!(block.id, Some(id_of(&app, &["a"]).await));
    expect_quiet(&mut stream).await;
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_breaks_a_block_or_makes_it_too_large() {
    let app = start().await;
    for (name, shown) in [
        ("x%0Aid:%20y%0A%0A", r"x\nid: y\n\n"),
        ("%E2%80%A8%C2%85", r"\u2028\u0085"),
        ("%22%5C", r#"\"\\"#),
    ] {
        let query = format!("?boards=a,{name}&after={name}:{START}");
        let (mut stream, _) = open(&app, &query, None).await;
        let id = id_of(&app, &["a"]).await;
        check_gone(&next(&mut stream).await, shown, Some(&id));
    }
    let long = "%00".repeat(20_000);
    let opened = ask(&app, &format!("?boards=a,{long}"), None).await;
    assert_eq!(opened.status, 422);
    let problem = opened.into_answer().await.unwrap();
    assert_eq!(problem.json()["field"], "boards");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_board_is_left_a_caller_with_a_cursor_never_comes_back() {
    let app = start().await;
    let known = id_of(&app, &["a", "b"]).await;
    for board in ["a", "b"] {
        app.delete(&format!("/boards/{board}")).await.expect(204);
    }
    for query in ["?boards=a,b", "?boards=nowhere", "?boards=n%C3%B6,a"] {
        let refused = ask(&app, query, None).await;
        assert_eq!(refused.status, 404, "{query}");
        let problem = refused.into_answer().await.unwrap();
        assert_eq!(problem.json()["code"], "not_found");
        for id in [known.as_str(), "nonsense"] {
            assert_eq!(ask(&app, query, Some(id)).await.status, 204, "{query}");
            let after = format!("{query}&after={id}");
            assert_eq!(ask(&app, &after, None).await.status, 204, "{query}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_board_ends_its_part_and_the_last_one_ends_the_stream() {
    let app = start().await;
    let (mut stream, _) = open(&app, "?boards=a,b", None).await;
    app.delete("/boards/a").await.expect(204);
    let deleted = next(&mut stream).await;
    assert_eq!(
        (
            deleted.kind().as_str(),
            deleted.json()["boardId"].as_str().unwrap()
        ),
        ("board_deleted", "a")
    );
    let task = app.add_task("list-b", "Goes on").await;
    assert_eq!(next(&mut stream).await.json()["task"], task);
    // Back again, it is for those that come anew.
    app.post("/boards/a/restore", &json!({})).await.expect(200);
    app.add_task("list-a", "Not for this stream").await;
    expect_quiet(&mut stream).await;
    app.delete("/boards/b").await.expect(204);
    assert_eq!(next(&mut stream).await.json()["type"], "board_deleted");
    assert_eq!(stream.next_within(PATIENCE).await, Ok(None));
    app.stop().await;
}

/// Comes back with this id after `a` was gone and is there again: it gets the board as it is.
async fn expect_whole_board(app: &TestApp, id: &str) {
    let (mut stream, _) = open(app, "?boards=a,b", Some(id)).await;
    let block = next(&mut stream).await;
    assert_eq!(block.kind(), "snapshot", "{id}");
    assert_eq!(block.json()["board"], app.board("a").await);
    expect_quiet(&mut stream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_told_that_a_board_is_gone_gets_it_whole_when_it_is_back() {
    let app = start().await;
    let known = id_of(&app, &["a", "b"]).await;
    let (mut stream, _) = open(&app, "?boards=a,b", None).await;
    app.delete("/boards/a").await.expect(204);
    let deleted = next(&mut stream).await.id.unwrap();
    drop(stream);
    let mut ids = vec![deleted.clone()];
    for id in [known, deleted] {
        // It comes back too early, is told so, and then something else happens.
        let (mut stream, _) = open(&app, "?boards=a,b", Some(&id)).await;
        let gone = next(&mut stream).await;
        assert_eq!(gone.kind(), "board_gone");
        app.add_task("list-b", "Meanwhile").await;
        ids.extend([gone.id.unwrap(), next(&mut stream).await.id.unwrap()]);
    }
    app.post("/boards/a/restore", &json!({})).await.expect(200);
    app.add_task("list-a", "Missed").await;
    let b = cursor_of(&app, "b").await;
    for id in ids {
        let a = id.split(',').next().unwrap();
        expect_whole_board(&app, &format!("{a},b:{b}")).await;
    }
    app.stop().await;
}
