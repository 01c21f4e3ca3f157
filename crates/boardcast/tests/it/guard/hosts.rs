//! Contract 2, `Host`: an IP address, `localhost` or an allowed name, else 421.

use super::{PUBLIC_URL, board, expect_no_cors, expect_refused, guarded, reads};
use crate::app::TestApp;
use boardcast_sim::client::Request;
use serde_json::json;

/// DNS rebinding: the page's own name leads to this machine, and its requests are "same-origin".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_not_ours_is_refused_everywhere() {
    let app = TestApp::start_with(|args| args.public_urls = vec![PUBLIC_URL.into()]).await;
    let before = board(&app).await;
    let hosts = [
        "evil.example",
        "evil.example:3000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost.",
        "board.example.org.evil.example",
        "xboard.example.org",
        "example.org",
        "",
        "localhost:",
        "localhost:x",
        "localhost:99999",
        "localhost:80:80",
        "evil@localhost",
        "localhost@evil.example",
        "127.0.0.1:80@evil.example",
        "localhost/evil",
        "localhost evil.example",
        "localhost,evil.example",
        "[::1",
        "::1]",
        "[::1]evil",
        "[localhost]",
        "2130706433",
        "0x7f000001",
        "127.1",
        "017700000001",
        "*",
        "null",
        "[evil.example]",
        "löcalhost",
    ];
    for host in hosts {
        for request in guarded().into_iter().chain(reads()) {
            let rebound = format!("http://{host}");
            let shown = format!("{host}: {request:?}");
            let request = request.header("Host", host).header("Origin", rebound);
            let request = request.header("Sec-Fetch-Site", "same-origin");
            expect_refused(&app.send(request).await, 421, "wrong_host", &shown);
        }
    }
    let absent = app
        .send(Request::new("GET", "/boards").without_host())
        .await;
    expect_refused(&absent, 421, "wrong_host", "no Host");
    let twice = Request::new("GET", "/boards")
        .header("Host", "localhost")
        .header("Host", "localhost");
    expect_refused(&app.send(twice).await, 421, "wrong_host", "two of them");
    for target in [
        "http://evil.example/boards",
        "http://evil.example:80/healthz2",
        "http://evil@localhost/boards",
    ] {
        let request = Request::new("GET", target).header("Host", "localhost");
        expect_refused(&app.send(request).await, 421, "wrong_host", target);
    }
    assert_eq!(board(&app).await, before);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_machine_and_public_urls_are_ours_by_every_name() {
    let app = TestApp::start_with(|args| args.public_urls = vec![PUBLIC_URL.into()]).await;
    let hosts = [
        "localhost",
        "LocalHost:3000",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.8.9.10",
        "10.0.0.7:8080",
        "0.0.0.0",
        "[::1]",
        "[::1]:3000",
        "[::]",
        "[::ffff:127.0.0.1]:80",
        "[2001:db8::7]",
        "board.example.org",
        "BOARD.example.ORG:8443",
    ];
    for host in hosts {
        let request = Request::new("GET", "/boards").header("Host", host);
        app.send(request).await.expect(200);
        let body = json!({ "title": host });
        let request = Request::new("PATCH", "/tasks/task-try").header("Host", host);
        app.send(request.json(&body)).await.expect(200);
    }
    let absolute =
        Request::new("GET", "http://localhost:3000/boards").header("Host", "localhost:3000");
    app.send(absolute).await.expect(200);
    app.stop().await;
}

/// For machines that know the server by names of their own, and old ones that name none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_told_under_any_name_and_http_1_0_may_leave_it_out() {
    let app = TestApp::start().await;
    for host in ["evil.example", "10-1-2-3.pods.cluster.example:8080", ""] {
        let request = Request::new("GET", "/healthz").header("Host", host);
        let answer = app.send(request).await.expect(200);
        assert_eq!(answer.json(), json!({ "status": "ok" }));
        expect_no_cors(&answer);
    }
    app.send(Request::new("GET", "/healthz").without_host())
        .await
        .expect(200);
    let old = |method, path| Request::new(method, path).http10();
    app.send(old("GET", "/boards").without_host())
        .await
        .expect(200);
    let body = json!({ "title": "From an old client" });
    let edit = old("PATCH", "/tasks/task-try").without_host().json(&body);
    app.send(edit).await.expect(200);
    app.send(old("GET", "/boards").header("Host", "localhost"))
        .await
        .expect(200);
    let wrong = app
        .send(old("GET", "/boards").header("Host", "evil.example"))
        .await;
    expect_refused(&wrong, 421, "wrong_host", "HTTP/1.0");
    let page = old("DELETE", "/tasks/task-try").without_host();
    let page = app.send(page.header("Origin", "http://localhost")).await;
    expect_refused(
        &page,
        403,
        "cross_origin",
        "an origin without a Host to equal",
    );
    app.stop().await;
}
