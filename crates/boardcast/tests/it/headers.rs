//! What every answer says to browsers besides its content: that it is what it says, that nobody frames
//! or embeds it, that nobody keeps it who shouldn't, and over TLS that it stays so.

use crate::app::TestApp;
use boardcast_sim::client::{Answer, Request};
use boardcast_sim::stream::EventStream;
use serde_json::json;

async fn start() -> TestApp {
    TestApp::start_with(|args| {
        args.trusted_proxies = vec!["loopback".into()];
        args.public_urls = vec![
            "https://board.example.org".into(),
            "http://lan.example".into(),
        ];
    })
    .await
}

fn values<'a>(headers: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    let found = headers.iter().filter(|(found, _)| found == name);
    found.map(|(_, value)| value.as_str()).collect()
}

#[track_caller]
fn expect_protected(headers: &[(String, String)], shown: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(values(headers, name), [value], "{name} of {shown}");
    }
    let policy = values(headers, "content-security-policy");
    assert_eq!(policy.len(), 1, "{shown}");
    assert!(
        policy[0].contains("default-src 'none'") && policy[0].contains("frame-ancestors 'none'")
    );
    assert_eq!(values(headers, "cache-control").len(), 1, "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_protected_whatever_it_is() {
    let app = start().await;
    let task = json!({ "listId": "list-todo", "title": "x" });
    let post = |body| Request::new("POST", "/tasks").json(body);
    for (request, status, caching) in [
        (Request::new("GET", "/boards"), 200, "no-store"),
        (
            Request::new("GET", "/boards/board-1"),
            200,
            "private, no-cache",
        ),
        (
            Request::new("GET", "/tasks/task-try"),
            200,
            "private, no-cache",
        ),
        (Request::new("GET", "/tasks/never"), 404, "no-store"),
        (
            Request::new("GET", "/boards/board-1/events").header("Accept", "application/json"),
            200,
            "no-store",
        ),
        (Request::new("GET", "/healthz"), 200, "no-store"),
        (Request::new("GET", "/nowhere"), 404, "no-store"),
        (Request::new("PUT", "/boards"), 405, "no-store"),
        (
            Request::new("GET", "/boards").header("Host", "evil.example"),
            421,
            "no-store",
        ),
        (post(&task), 201, "private, no-cache"),
        (post(&json!({})), 422, "no-store"),
        (
            post(&task).header("Origin", "https://evil.example"),
            403,
            "no-store",
        ),
        (Request::new("DELETE", "/tasks/task-try"), 204, "no-store"),
        (Request::new("GET", "/"), 200, "no-cache"),
    ] {
        let shown = format!("{request:?}");
        let answer = app.send(request).await.expect(status);
        expect_protected(&answer.headers, &shown);
        assert_eq!(answer.header("cache-control"), Some(caching), "{shown}");
    }
    // Who asks again for what it has is told the same.
    let etag = app
        .get("/boards/board-1")
        .await
        .header("etag")
        .expect("one")
        .to_owned();
    let again = Request::new("GET", "/boards/board-1").header("If-None-Match", etag);
    let unchanged = app.send(again).await.expect(304);
    expect_protected(&unchanged.headers, "304");
    assert_eq!(unchanged.header("cache-control"), Some("private, no-cache"));
    let opened = EventStream::open(app.address(), "/boards/board-1/events", &[]).await;
    let opened = opened.expect("a stream");
    expect_protected(&opened.headers, "a stream");
    assert_eq!(
        opened.header("cache-control"),
        Some("no-cache, no-transform")
    );
    drop(opened);
    app.stop().await;
}

/// Of `localhost` a browser would demand TLS on every port.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_and_by_a_name_that_was_given_for_it_a_browser_is_told_to_stay_with_tls() {
    let app = start().await;
    let ask = async |host: &str, proto: Option<&str>| -> Answer {
        let mut request = Request::new("GET", "/boards").header("Host", host);
        if let Some(proto) = proto {
            request = request.header("X-Forwarded-Proto", proto);
        }
        app.send(request).await.expect(200)
    };
    let told = async |host: &str, proto| {
        let answer = ask(host, proto).await;
        answer
            .header("strict-transport-security")
            .map(str::to_owned)
    };
    let year = Some("max-age=31536000".to_owned());
    assert_eq!(told("board.example.org", Some("https")).await, year);
    assert_eq!(told("board.example.org:8443", Some("https")).await, year);
    assert_eq!(told("board.example.org", Some("http")).await, None);
    assert_eq!(told("board.example.org", None).await, None);
    for other in ["localhost", "127.0.0.1", "lan.example"] {
        assert_eq!(told(other, Some("https")).await, None, "{other}");
    }
    app.stop().await;
    let app =
        TestApp::start_with(|args| args.public_urls = vec!["https://board.example.org".into()])
            .await;
    let request = Request::new("GET", "/boards").header("Host", "board.example.org");
    let pretending = request.header("X-Forwarded-Proto", "https");
    assert_eq!(
        app.send(pretending)
            .await
            .header("strict-transport-security"),
        None
    );
    app.stop().await;
}
