//! Contract 2: any website can make a browser call a server on this machine. A foreign page changes
//! nothing, streams nothing and reads nothing, whatever name it calls the server by.

use crate::app::TestApp;
use crate::raw::RawSocket;
use boardcast_sim::client::{Answer, Request};
use boardcast_sim::stream::EventStream;
use serde_json::{Value, json};

const PUBLIC_URL: &str = "https://board.example.org";

/// What changes or streams, on things that exist, that don't, and that can't.
fn guarded() -> Vec<Request> {
    let post = |path: &str, body: Value| Request::new("POST", path).json(&body);
    let patch = |path: &str, body: Value| Request::new("PATCH", path).json(&body);
    vec![
        post("/boards", json!({ "name": "x" })),
        post("/lists", json!({ "boardId": "board-1", "name": "x" })),
        post("/tasks", json!({ "listId": "list-todo", "title": "x" })),
        post("/tasks", json!({ "nonsense": true })),
        post("/nowhere", json!({})),
        patch("/boards/board-1", json!({ "name": "x" })),
        patch("/lists/list-todo", json!({ "name": "x" })),
        patch("/lists/list-todo/move", json!({ "position": 2 })),
        patch("/tasks/task-try", json!({ "title": "x" })),
        patch("/tasks/task-try/move", json!({ "listId": "list-done" })),
        patch("/tasks/never", json!({ "title": "x" })),
        Request::new("DELETE", "/tasks/task-try"),
        Request::new("DELETE", "/lists/list-todo"),
        Request::new("DELETE", "/boards/board-1"),
        Request::new("PUT", "/boards/board-1"),
        Request::new("GET", "/boards/board-1/events"),
        Request::new("GET", "/boards/never/events?after=1-0123456789ab"),
        Request::new("HEAD", "/boards/board-1/events"),
    ]
}

/// What only reads.
fn reads() -> Vec<Request> {
    let paths = [
        "/",
        "/boards",
        "/boards/board-1",
        "/tasks/task-try",
        "/tasks/never",
        "/nowhere",
    ];
    paths.map(|path| Request::new("GET", path)).into()
}

async fn board(app: &TestApp) -> Vec<u8> {
    app.get("/boards/board-1").await.expect(200).body
}

/// Refused with this code; a `HEAD` has no body that could say so.
#[track_caller]
fn expect_refused(answer: &Answer, status: u16, code: &str, shown: &str) {
    assert_eq!(answer.status, status, "{shown}: {}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    if !answer.body.is_empty() {
        assert_eq!(answer.json()["code"], code, "{shown}");
    }
    expect_no_cors(answer);
}

#[track_caller]
fn expect_no_cors(answer: &Answer) {
    let shared = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("access-control-") || name == "timing-allow-origin"
    };
    let found = answer.headers.iter().find(|(name, _)| shared(name));
    assert_eq!(found, None);
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_changes_and_streams_nothing() {
    let app = TestApp::start_with(|args| args.public_urls = vec![PUBLIC_URL.into()]).await;
    let before = board(&app).await;
    let host = format!("localhost:{}", app.address().port());
    let (other_port, other_name) = ("http://localhost:1", format!("http://{}", app.address()));
    let foreign = [
        "http://evil.example",
        "https://evil.example",
        "null",
        "",
        " ",
        "*",
        other_port,
        &other_name,
        "http://localhost",
        "https://localhost",
        &format!("http://evil@{host}"),
        &format!("ftp://{host}"),
        &format!("chrome-extension://{host}"),
        &format!("http://{host}.evil.example"),
        &format!("http://{host}/path"),
        &format!("http://{host} http://evil.example"),
        &host,
        "file://",
        "http://board.example.org",
        "https://board.example.org:8443",
        "https://evil.board.example.org",
        "https://board.example.org.evil.example",
    ];
    for request in guarded() {
        for origin in foreign {
            for site in [None, Some("same-origin"), Some("none"), Some("cross-site")] {
                let mut request = request
                    .clone()
                    .header("Host", &host)
                    .header("Origin", origin);
                if let Some(site) = site {
                    request = request.header("Sec-Fetch-Site", site);
                }
                let shown = format!("{origin} {site:?}");
                expect_refused(&app.send(request).await, 403, "cross_origin", &shown);
            }
        }
        // Of two, none decides.
        let own = format!("http://{host}");
        let twice = request.clone().header("Host", &host).header("Origin", &own);
        let twice = twice.header("Origin", "http://evil.example");
        expect_refused(&app.send(twice).await, 403, "cross_origin", "two origins");
        // A browser that says only how far the page is.
        for site in ["cross-site", "same-site", "", "Same-Origin", "anything"] {
            let request = request.clone().header("Sec-Fetch-Site", site);
            expect_refused(&app.send(request).await, 403, "cross_origin", site);
        }
    }
    assert_eq!(board(&app).await, before);
    let boards = app.get("/boards").await.json();
    assert_eq!(boards["boards"].as_array().map(Vec::len), Some(1));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_pages_and_no_pages_at_all_may_do_everything() {
    let app = TestApp::start_with(|args| {
        args.public_urls = vec![PUBLIC_URL.into(), "http://lan.example:8080/".into()];
    })
    .await;
    let port = app.address().port();
    let local = format!("localhost:{port}");
    let callers: [(&str, Vec<(&str, String)>); 11] = [
        ("curl", vec![]),
        (
            "the page itself",
            vec![("Origin", format!("http://{local}"))],
        ),
        ("behind TLS", vec![("Origin", format!("https://{local}"))]),
        (
            "a browser that says so",
            vec![
                ("Origin", format!("http://{local}")),
                ("Sec-Fetch-Site", "same-origin".into()),
            ],
        ),
        (
            "the origin decides",
            vec![
                ("Origin", format!("http://{local}")),
                ("Sec-Fetch-Site", "cross-site".into()),
            ],
        ),
        (
            "old browser",
            vec![("Sec-Fetch-Site", "same-origin".into())],
        ),
        ("typed in", vec![("Sec-Fetch-Site", "none".into())]),
        ("public", vec![("Origin", PUBLIC_URL.into())]),
        (
            "public, default port",
            vec![("Origin", format!("{PUBLIC_URL}:443"))],
        ),
        (
            "second public",
            vec![("Origin", "http://lan.example:8080".into())],
        ),
        (
            "upper case",
            vec![("Origin", format!("http://LOCALHOST:{port}"))],
        ),
    ];
    for (number, (who, headers)) in callers.iter().enumerate() {
        let with = |mut request: Request| {
            request = request.header("Host", &local);
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            request
        };
        let body = json!({ "title": format!("By {who}") });
        let edit = with(Request::new("PATCH", "/tasks/task-try").json(&body));
        let answer = app.send(edit).await.expect(200);
        expect_no_cors(&answer);
        let task = json!({ "listId": "list-todo", "title": "x", "id": format!("t{number}") });
        app.send(with(Request::new("POST", "/tasks").json(&task)))
            .await
            .expect(201);
        let deletion = with(Request::new("DELETE", format!("/tasks/t{number}")));
        app.send(deletion).await.expect(204);

        let mut headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        headers.push(("Host", &local));
        let opened = EventStream::open(app.address(), "/boards/board-1/events", &headers).await;
        assert_eq!(opened.unwrap().status, 200, "{who}");
    }
    // A public page speaks to the public name.
    let public = Request::new("PATCH", "/tasks/task-try").header("Host", "board.example.org");
    let public = public
        .header("Origin", PUBLIC_URL)
        .json(&json!({ "title": "Public" }));
    app.send(public).await.expect(200);
    app.stop().await;
}

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

/// What a form can send without a preflight, from a browser too old to say from where.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_changes_nothing() {
    let app = TestApp::start().await;
    let before = board(&app).await;
    let body = r#"{"listId":"list-todo","title":"x","description":"="}"#;
    let types = [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ];
    for content_type in types {
        for path in ["/tasks", "/lists", "/boards"] {
            let form = Request::new("POST", path)
                .header("Content-Type", content_type)
                .body(body);
            let refused = app.send(form).await;
            expect_refused(&refused, 415, "not_json", content_type);
            assert!(refused.text().contains("curl --json"));
        }
    }
    // As `navigator.sendBeacon` and `fetch` in `no-cors` mode do with a blob of no type.
    let untyped = Request::new("POST", "/tasks").body(body);
    expect_refused(&app.send(untyped).await, 415, "not_json", "none");
    assert_eq!(board(&app).await, before);
    app.stop().await;
}

/// The refusal comes before the body is asked for, and nothing is read as a second request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_page_can_not_hide_one_request_in_another() {
    let app = TestApp::start().await;
    let before = board(&app).await;
    let hidden = "DELETE /boards/board-1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let request = format!(
        "POST /tasks HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{hidden}",
        hidden.len()
    );
    let mut socket = RawSocket::open(app.address()).await;
    socket.write(request.as_bytes()).await.unwrap();
    expect_refused(
        &socket.answer().await.unwrap(),
        403,
        "cross_origin",
        "hidden",
    );
    socket.finish().await;
    assert_eq!(socket.rest().await, b"");
    assert_eq!(board(&app).await, before);
    app.stop().await;
}
