//! Contract 2, `Origin` and `Sec-Fetch-Site`: on what changes or streams they must be ours, else 403.

use super::{PUBLIC_URL, board, expect_no_cors, expect_refused, guarded};
use crate::app::TestApp;
use boardcast_sim::client::Request;
use boardcast_sim::stream::EventStream;
use serde_json::json;

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
