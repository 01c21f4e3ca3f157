//! Contract 2, the log as pages of JSON: what is in them, where they begin, and what is no place in
//! the log.

mod waiting;

use crate::app::{TestApp, TimeSpan};
use crate::stream::{START, ask_for, cursor_of, greet, next};
use boardcast_sim::client::{Answer, Request};
use serde_json::{Value, json};

/// A request for a page of a board's log, `?…` and all.
fn page_request(board: &str, query: &str) -> Request {
    let request = Request::new("GET", format!("/boards/{board}/events{query}"));
    request.header("accept", "application/json")
}

/// Asks for a page of a board's log.
pub(crate) async fn ask_page(app: &TestApp, board: &str, query: &str) -> Answer {
    let request = page_request(board, query);
    app.client().send(request).await.expect("an answer")
}

/// Every event of a board's log that is served, page by page: its id and its exact data.
pub(crate) async fn read_log(app: &TestApp, board: &str, limit: usize) -> Vec<(String, String)> {
    let mut log = Vec::new();
    let mut query = format!("?limit={limit}");
    loop {
        let answer = ask_page(app, board, &query).await.expect(200);
        let (events, cursor) = take_apart(&answer);
        if events.is_empty() {
            return log;
        }
        assert!(events.len() <= limit);
        log.extend(events);
        query = format!("?limit={limit}&after={cursor}");
    }
}

/// The events of a page with their exact bytes, and its cursor. Not by a parser, which would hide how
/// the bytes are written.
pub(crate) fn take_apart(answer: &Answer) -> (Vec<(String, String)>, String) {
    let page = answer.json();
    let ids = page["events"].as_array().unwrap().iter();
    let ids: Vec<_> = ids
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    let cursor = page["cursor"].as_str().unwrap().to_owned();
    let text = answer.text();
    let mut rest = text.strip_prefix(r#"{"events":["#).expect("the beginning");
    let mut events = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let start = format!(r#"{comma}{{"id":"{id}","data":"#);
        rest = rest.strip_prefix(&start).expect("the next event");
        let end = match ids.get(at + 1) {
            Some(next) => rest.find(&format!(r#"}},{{"id":"{next}""#)),
            None => rest.rfind(r#"}],"cursor":"#),
        };
        let (data, after) = rest.split_at(end.expect("the event's end"));
        events.push((id.clone(), data.to_owned()));
        rest = after.strip_prefix('}').expect("the event's end");
    }
    assert_eq!(rest, format!(r#"],"cursor":"{cursor}"}}"#));
    (events, cursor)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_holds_the_streams_ids_and_bytes() {
    let app = TestApp::start().await;
    app.add_board("a").await;
    let tricky =
        json!({ "listId": "list-a", "title": "\"}],\"é\u{2028}🧹", "description": "\u{85}\r\n" });
    app.post("/tasks", &tricky).await.expect(201);
    app.patch("/boards/a", &json!({ "name": "b" }))
        .await
        .expect(200);
    let (mut stream, _) = greet(ask_for(&app, "a", "", Some(START)).await).await;
    let mut expected = Vec::new();
    for _ in 0..4 {
        let block = next(&mut stream).await;
        expected.push((block.id.unwrap(), block.data.unwrap()));
    }
    drop(stream);
    let answer = ask_page(&app, "a", "").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let (events, cursor) = take_apart(&answer);
    assert_eq!(events, expected);
    assert_eq!(cursor, cursor_of(&app, "a").await);
    for limit in [1, 2, 3, 1_000] {
        assert_eq!(read_log(&app, "a", limit).await, expected, "limit {limit}");
    }
    app.stop().await;
}

/// Checks a page's ids and cursor.
async fn check_page(app: &TestApp, query: &str, ids: &[String], cursor: &str) {
    let page = ask_page(app, "a", query).await.expect(200);
    let (events, found) = take_apart(&page);
    let found_ids: Vec<_> = events.into_iter().map(|(id, _)| id).collect();
    assert_eq!(
        (found_ids.as_slice(), found.as_str()),
        (ids, cursor),
        "{query}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pages_cursor_is_its_last_event_else_what_was_given_else_the_floor() {
    let app = TestApp::start().await;
    app.add_board("a").await;
    app.add_task("list-a", "Third").await;
    let log = read_log(&app, "a", 100).await;
    let ids: Vec<_> = log.into_iter().map(|(id, _)| id).collect();
    check_page(&app, "", &ids, &ids[2]).await;
    check_page(&app, "?limit=2", &ids[..2], &ids[1]).await;
    check_page(&app, &format!("?after={START}"), &ids, &ids[2]).await;
    check_page(&app, &format!("?after={}", ids[0]), &ids[1..], &ids[2]).await;
    check_page(
        &app,
        &format!("?after={}&limit=1", ids[0]),
        &ids[1..2],
        &ids[1],
    )
    .await;
    check_page(&app, &format!("?after={}", ids[2]), &[], &ids[2]).await;
    // A board that came back serves its log from there on.
    app.delete("/boards/a").await.expect(204);
    app.post("/boards/a/restore", &json!({})).await.expect(200);
    let floor = cursor_of(&app, "a").await;
    check_page(&app, "", &[], &floor).await;
    check_page(&app, &format!("?after={floor}"), &[], &floor).await;
    app.add_task("list-a", "After that").await;
    let head = cursor_of(&app, "a").await;
    check_page(&app, "", std::slice::from_ref(&head), &head).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_ends_at_about_a_mebibyte() {
    let app = TestApp::start().await;
    app.add_board("a").await;
    for n in 0..70 {
        let description = "x".repeat(32 * 1024);
        let task =
            json!({ "listId": "list-a", "title": n.to_string(), "description": description });
        app.post("/tasks", &task).await.expect(201);
    }
    let page = ask_page(&app, "a", "?limit=1000").await.expect(200);
    let mebibyte = 1024 * 1024;
    assert!((mebibyte..mebibyte + 64 * 1024).contains(&page.body.len()));
    let (events, cursor) = take_apart(&page);
    assert_eq!(events.last().unwrap().0, cursor);
    let log = read_log(&app, "a", 1_000).await;
    assert_eq!(log.len(), 72);
    assert_eq!(log[..events.len()], events);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accept_decides_between_page_and_stream() {
    let app = TestApp::start().await;
    let (page, stream) = ("application/json", "text/event-stream");
    for (accept, expected) in [
        (&[] as &[&str], stream),
        (&["*/*"], stream),
        (&["text/event-stream"], stream),
        (&["application/json"], page),
        (&["application/json;q=0.9"], page),
        (&["Application/JSON ; charset=utf-8"], page),
        (&["text/html, application/json"], page),
        (&["text/html", "application/json"], page),
        (&["application/json, text/event-stream"], stream),
        (&["application/json", "Text/Event-Stream;q=0.1"], stream),
        (&["application/json-seq"], stream),
        (&["application/jsonl"], stream),
        (&["text/event-streams, application/json"], page),
    ] {
        let mut head = Request::new("HEAD", "/boards/board-1/events");
        for range in accept {
            head = head.header("accept", *range);
        }
        let answer = app.client().send(head).await.unwrap().expect(200);
        assert_eq!(answer.header("content-type"), Some(expected), "{accept:?}");
        assert_eq!(answer.header("vary"), Some("accept"), "{accept:?}");
    }
    app.stop().await;
}

fn check_problem(answer: &Answer, status: u16, code: &str, field: Option<&str>, case: &str) {
    assert_eq!(answer.status, status, "{case}: {}", answer.text());
    let problem = answer.json();
    let content_type = answer.header("content-type");
    assert_eq!(content_type, Some("application/problem+json"), "{case}");
    assert_eq!(problem["code"], code, "{case}");
    assert_eq!(problem["field"].as_str(), field, "{case}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_cannot_be_served_is_410_and_says_so() {
    let app = TestApp::start().await;
    app.add_board("a").await;
    app.add_board("b").await;
    app.add_task("list-b", "Another history").await;
    let head = cursor_of(&app, "a").await;
    let (seq, mark) = head.split_once('-').unwrap();
    let old = read_log(&app, "a", 100).await[0].0.clone();
    let check_gone = async |after: &str| {
        for more in ["", "&wait=30", "&limit=1"] {
            let answer = ask_page(&app, "a", &format!("?after={after}{more}")).await;
            check_problem(&answer, 410, "cursor_gone", Some("after"), after);
        }
    };
    for malformed in ["", "x", seq, "02-000000000000", "a:1-000000000000"] {
        check_gone(malformed).await;
    }
    for foreign in [
        cursor_of(&app, "b").await,
        format!("{seq}-000000000000"),
        format!("1-{mark}"),
        format!("999-{mark}"),
        format!("0-{mark}"),
        format!("{head},{head}"),
        format!("{}-{mark}", u64::MAX),
    ] {
        check_gone(&foreign).await;
    }
    ask_page(&app, "a", &format!("?after={old}"))
        .await
        .expect(200);
    app.delete("/boards/a").await.expect(204);
    app.post("/boards/a/restore", &json!({})).await.expect(200);
    for from_before in [START, &old, &head] {
        check_gone(from_before).await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pruned_cursor_is_410_and_the_floor_is_not() {
    let app = TestApp::start_with(|args| {
        args.keep_events = 3;
        args.keep_days = 1;
    })
    .await;
    app.add_board("a").await;
    for title in ["Three", "Four", "Five", "Six"] {
        app.add_task("list-a", title).await;
    }
    let ids: Vec<_> = read_log(&app, "a", 100).await;
    app.clock().jump(TimeSpan::days(2));
    while ask_page(&app, "a", &format!("?after={START}")).await.status == 200 {
        app.add_task("list-todo", "Another batch").await;
    }
    let status = async |id: &str| ask_page(&app, "a", &format!("?after={id}")).await.status;
    assert_eq!(status(&ids[1].0).await, 410);
    assert_eq!(status(&ids[2].0).await, 200, "the floor");
    assert_eq!(read_log(&app, "a", 100).await, ids[3..]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_that_is_not_there_has_no_pages() {
    let app = TestApp::start().await;
    app.add_board("a").await;
    let cursor = cursor_of(&app, "a").await;
    app.delete("/boards/a").await.expect(204);
    for board in ["a", "nowhere", "n%C3%B6", "a:b"] {
        for query in [
            String::new(),
            "?wait=30".into(),
            "?after=nonsense".into(),
            format!("?after={START}"),
            format!("?after={cursor}&wait=30"),
        ] {
            let answer = ask_page(&app, board, &query).await;
            check_problem(&answer, 404, "not_found", None, &format!("{board}{query}"));
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_out_of_bounds_are_refused_by_name() {
    let app = TestApp::start().await;
    for (query, field) in [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=-1", "limit"),
        ("?limit=ten", "limit"),
        ("?limit=1&limit=2", "limit"),
        ("?wait=31", "wait"),
        ("?wait=-1", "wait"),
        ("?wait=1.5", "wait"),
        ("?wait=", "wait"),
        ("?wait=18446744073709551616", "wait"),
        ("?snapshot=1", "snapshot"),
        ("?heartbeat=event", "heartbeat"),
    ] {
        let answer = ask_page(&app, "board-1", query).await;
        check_problem(&answer, 422, "invalid", Some(field), query);
    }
    for query in ["?limit=1", "?limit=1000", "?wait=0", "?wait=30"] {
        let page: Value = ask_page(&app, "board-1", query).await.expect(200).json();
        assert_ne!(page["events"], json!([]), "{query}");
    }
    app.stop().await;
}
