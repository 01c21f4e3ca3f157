//! Contract 2: no CORS headers unless a site was allowed by name, so a browser keeps every answer from
//! another site's page.

use super::{PUBLIC_URL, expect_no_cors, expect_refused, guarded, reads};
use crate::app::{PATIENCE, TestApp};
use boardcast_sim::client::Request;
use boardcast_sim::stream::EventStream;
use serde_json::json;

/// A page may send a `GET` anywhere; without permission in the answer the browser keeps it from the
/// page. Nothing here ever gives that permission.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_lets_a_page_of_another_site_read_it() {
    let app = TestApp::start_with(|args| args.public_urls = vec![PUBLIC_URL.into()]).await;
    let own = format!("http://{}", app.address());
    for origin in ["http://evil.example", "null", PUBLIC_URL, &own] {
        for request in reads() {
            let plain = app.send(request.clone()).await;
            let answer = app.send(request.header("Origin", origin)).await;
            assert_eq!((answer.status, &answer.body), (plain.status, &plain.body));
            expect_no_cors(&answer);
        }
    }
    let etag = app
        .get("/boards/board-1")
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    let known = Request::new("GET", "/boards/board-1").header("If-None-Match", etag);
    expect_no_cors(
        &app.send(known.header("Origin", "http://evil.example"))
            .await
            .expect(304),
    );
    let headers = [("Origin", &*own)];
    let opened = EventStream::open(app.address(), "/boards/board-1/events", &headers)
        .await
        .unwrap();
    let shared = opened
        .headers
        .iter()
        .find(|(name, _)| name.starts_with("access-control"));
    assert_eq!((opened.status, shared), (200, None));
    drop(opened);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preflight_gets_no_permission() {
    let app = TestApp::start_with(|args| args.public_urls = vec![PUBLIC_URL.into()]).await;
    let paths = [
        "/",
        "/boards",
        "/boards/board-1",
        "/boards/board-1/events",
        "/lists/list-todo/move",
        "/tasks",
        "/tasks/task-try",
    ];
    for path in paths {
        for origin in ["http://evil.example", "null", PUBLIC_URL] {
            for method in ["POST", "PATCH", "DELETE", "GET"] {
                let preflight = Request::new("OPTIONS", path)
                    .header("Origin", origin)
                    .header("Access-Control-Request-Method", method)
                    .header(
                        "Access-Control-Request-Headers",
                        "content-type,if-match,idempotency-key",
                    )
                    .header("Access-Control-Request-Private-Network", "true")
                    .header("Sec-Fetch-Site", "cross-site")
                    .header("Sec-Fetch-Mode", "cors");
                let answer = app.send(preflight).await;
                // Any 2xx would be half a permission.
                assert!(
                    matches!(answer.status, 403 | 405),
                    "{path} {}",
                    answer.status
                );
                expect_no_cors(&answer);
            }
        }
    }
    app.stop().await;
}

const WIKI: &str = "https://wiki.example";

async fn with_wiki() -> TestApp {
    TestApp::start_with(|args| {
        args.public_urls = vec![PUBLIC_URL.into()];
        args.allow_origins = vec![WIKI.into(), "http://lab.example:8080".into()];
    })
    .await
}

/// As a browser sends what a page of this origin asks for.
fn from_page(request: Request, origin: &str) -> Request {
    request
        .header("Origin", origin)
        .header("Sec-Fetch-Site", "cross-site")
        .header("Sec-Fetch-Mode", "cors")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_an_allowed_site_reads_changes_and_watches_and_nobody_elses_does() {
    let app = with_wiki().await;
    let task = json!({ "listId": "list-todo", "title": "x" });
    for origin in [WIKI, "https://wiki.example:443", "http://lab.example:8080"] {
        for (request, status) in [
            (Request::new("GET", "/boards/board-1"), 200),
            (Request::new("POST", "/tasks").json(&task), 201),
            // Why it was refused is for the page to read as well.
            (Request::new("POST", "/tasks").json(&json!({})), 422),
            (Request::new("GET", "/nowhere"), 404),
            (Request::new("PUT", "/tasks"), 405),
        ] {
            let answer = app.send(from_page(request, origin)).await.expect(status);
            expect_shared(&answer.headers, origin);
        }
        let headers = [("Origin", origin), ("Sec-Fetch-Site", "cross-site")];
        let path = "/boards/board-1/events";
        let mut opened = EventStream::open(app.address(), path, &headers)
            .await
            .unwrap();
        assert_eq!(opened.status, 200);
        expect_shared(&opened.headers, origin);
        opened.stream.next_within(PATIENCE).await.unwrap();
    }
    for other in [
        "https://evil.example",
        "http://wiki.example",
        "https://wiki.example.evil.example",
        "null",
    ] {
        for request in guarded() {
            let answer = app.send(from_page(request, other)).await;
            expect_refused(&answer, 403, "cross_origin", other);
            assert!(varies_by_origin(&answer.headers));
        }
        for request in reads() {
            expect_no_cors(&app.send(from_page(request, other)).await);
        }
    }
    // Of two, none decides; and without one, caches must still know that it matters.
    let two = from_page(Request::new("GET", "/boards"), WIKI).header("Origin", WIKI);
    expect_no_cors(&app.send(two).await);
    let none = app.get("/boards/board-1").await;
    expect_no_cors(&none);
    assert!(varies_by_origin(&none.headers));
    // An allowed site is no name of ours.
    let named = Request::new("GET", "/boards").header("Host", "wiki.example");
    app.send(named).await.expect(421);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preflight_of_an_allowed_site_gets_permission_for_what_the_api_takes() {
    let app = with_wiki().await;
    let preflight = |path: &str, origin: &str| {
        let request = Request::new("OPTIONS", path)
            .header("Access-Control-Request-Method", "PATCH")
            .header("Access-Control-Request-Headers", "content-type,if-match");
        from_page(request, origin)
    };
    for path in [
        "/tasks/task-try/move",
        "/boards",
        "/boards/board-1/events",
        "/events",
    ] {
        let answer = app.send(preflight(path, WIKI)).await.expect(204);
        expect_shared(&answer.headers, WIKI);
        let methods = answer.header("access-control-allow-methods").unwrap();
        for method in ["GET", "POST", "PATCH", "DELETE"] {
            assert!(
                methods.split(", ").any(|allowed| allowed == method),
                "{methods}"
            );
        }
        let headers = answer.header("access-control-allow-headers").unwrap();
        for name in [
            "content-type",
            "authorization",
            "idempotency-key",
            "if-match",
            "last-event-id",
        ] {
            assert!(
                headers.split(", ").any(|allowed| allowed == name),
                "{headers}"
            );
        }
        for other in ["https://evil.example", PUBLIC_URL] {
            let answer = app.send(preflight(path, other)).await;
            assert!(
                matches!(answer.status, 403 | 405),
                "{path} {}",
                answer.status
            );
            expect_no_cors(&answer);
        }
        // By another name the server can be reached for nothing.
        let rebound = preflight(path, WIKI).header("Host", "evil.example");
        app.send(rebound).await.expect(421);
    }
    // Not every OPTIONS is one.
    let options = from_page(Request::new("OPTIONS", "/boards"), WIKI);
    app.send(options).await.expect(405);
    app.stop().await;
}

#[track_caller]
fn expect_shared(headers: &[(String, String)], origin: &str) {
    let one = |name: &str| {
        let mut values = headers.iter().filter(|(found, _)| found == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert_eq!(values.next(), None, "{name} twice");
        value
    };
    assert_eq!(one("access-control-allow-origin"), Some(origin));
    assert_eq!(one("access-control-allow-credentials"), Some("true"));
    let exposed = one("access-control-expose-headers").expect("it is shared");
    for name in ["etag", "retry-after", "x-request-id"] {
        assert!(exposed.split(", ").any(|shown| shown == name), "{exposed}");
    }
    assert!(varies_by_origin(headers));
}

fn varies_by_origin(headers: &[(String, String)]) -> bool {
    let vary = headers.iter().filter(|(name, _)| name == "vary");
    vary.flat_map(|(_, value)| value.split(','))
        .any(|name| name.trim() == "origin")
}
