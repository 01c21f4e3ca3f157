//! A page that waits for an event: when it is answered, and what is left of it.

use super::{ask_page, check_problem, page_request, take_apart};
use crate::app::{PATIENCE, TestApp};
use crate::stream::cursor_of;
use boardcast_sim::client::{Answer, Client};
use serde_json::json;
use std::io;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

type Poll = JoinHandle<io::Result<Answer>>;

/// Waits for the next event after where the demo board stands now, as long as one may. Returns once
/// the server has begun to wait.
async fn poll(app: &TestApp, seats: usize) -> (Poll, String) {
    let cursor = cursor_of(app, "board-1").await;
    let request = page_request("board-1", &format!("?wait=30&after={cursor}"));
    let client = Client::new(app.address());
    let polling = tokio::spawn(async move { client.send(request).await });
    wait_for_seats(app, seats).await;
    (polling, cursor)
}

/// Waits until so many watch.
async fn wait_for_seats(app: &TestApp, seats: usize) {
    let reached = async {
        while app.server().engine().hub().seats() != seats {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, reached).await.expect("as many watchers");
}

async fn answer(polling: Poll) -> Answer {
    let answer = timeout(PATIENCE, polling).await.expect("in time");
    answer.expect("no panic").expect("an answer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_answered_with_the_first_event_that_comes() {
    let app = TestApp::start().await;
    let mut polls = Vec::new();
    for seats in 1..=3 {
        polls.push(poll(&app, seats).await);
    }
    // Nobody is woken for good by what happens on another board.
    app.add_board("a").await;
    assert_eq!(app.server().engine().hub().seats(), 3);
    let task = app.add_task("list-todo", "Worth waiting for").await;
    let head = cursor_of(&app, "board-1").await;
    for (polling, _) in polls {
        let answer = answer(polling).await.expect(200);
        assert_eq!(answer.header("vary"), Some("accept"));
        let page = answer.json();
        assert_eq!(page["events"][0]["data"]["task"], task);
        assert_eq!(take_apart(&answer).1, head);
    }
    wait_for_seats(&app, 0).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_before_is_not_waited_for() {
    let app = TestApp::start().await;
    let cursor = cursor_of(&app, "board-1").await;
    let task = app.add_task("list-todo", "Before").await;
    for query in [format!("?wait=30&after={cursor}"), "?wait=30".into()] {
        let page = ask_page(&app, "board-1", &query).await.expect(200).json();
        let newest = page["events"].as_array().unwrap().last().unwrap();
        assert_eq!(newest["data"]["task"], task);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_event_it_is_empty_after_the_wait_and_not_before() {
    let app = TestApp::start().await;
    let cursor = cursor_of(&app, "board-1").await;
    let begun_at = Instant::now();
    let empty = format!(r#"{{"events":[],"cursor":"{cursor}"}}"#);
    for (wait, at_least) in [(0, 0), (1, 1)] {
        let query = format!("?wait={wait}&after={cursor}");
        let answer = ask_page(&app, "board-1", &query).await.expect(200);
        assert_eq!(answer.text(), empty);
        assert!(begun_at.elapsed() >= Duration::from_secs(at_least));
    }
    // Without a cursor a page waits too where nothing is served yet.
    app.delete("/boards/board-1").await.expect(204);
    app.post("/boards/board-1/restore", &json!({}))
        .await
        .expect(200);
    let request = page_request("board-1", "?wait=30");
    let client = app.client();
    let polling = tokio::spawn(async move { client.send(request).await });
    wait_for_seats(&app, 1).await;
    let task = app.add_task("list-todo", "The first one").await;
    let page = answer(polling).await.expect(200).json();
    assert_eq!(page["events"][0]["data"]["task"], task);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_answers_at_once() {
    let mut app = TestApp::start().await;
    let (polling, cursor) = poll(&app, 1).await;
    app.pause().await;
    let answer = answer(polling).await.expect(200);
    let empty = format!(r#"{{"events":[],"cursor":"{cursor}"}}"#);
    assert_eq!(answer.text(), empty);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_that_goes_away_ends_the_wait() {
    let app = TestApp::start().await;
    let (polling, _) = poll(&app, 1).await;
    app.delete("/boards/board-1").await.expect(204);
    check_problem(&answer(polling).await, 404, "not_found", None, "deleted");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_client_that_goes_away() {
    let app = TestApp::start().await;
    let (polling, _) = poll(&app, 1).await;
    polling.abort();
    wait_for_seats(&app, 0).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_sites_wait_for_nothing() {
    let app = TestApp::start().await;
    let own = format!("http://{}", app.address());
    for (header, value, status) in [
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("origin", own.as_str(), 200),
        ("sec-fetch-site", "none", 200),
    ] {
        let request = page_request("board-1", "?wait=30").header(header, value);
        let answer = app.client().send(request).await.unwrap();
        assert_eq!(answer.status, status, "{header}: {value}");
    }
    app.stop().await;
}
