//! Contract 2: no CORS headers, so a browser keeps every answer from another site's page.

use super::{PUBLIC_URL, expect_no_cors, reads};
use crate::app::TestApp;
use boardcast_sim::client::Request;
use boardcast_sim::stream::EventStream;

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
