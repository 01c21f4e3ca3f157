//! The document and its page, as they are served.

use crate::app::TestApp;
use boardcast_sim::client::Request;
use serde_json::Value;
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_comes_in_two_versions() {
    let app = TestApp::start().await;
    for (target, version) in [
        ("/openapi.json", "3.1.0"),
        ("/openapi.json?version=3.1", "3.1.0"),
        ("/openapi.json?version=3.2", "3.2.0"),
    ] {
        let document = app.get(target).await.expect(200);
        assert_eq!(document.json()["openapi"], version);
        let known = document.header("etag").expect("a validator").to_owned();
        let again = Request::new("GET", target).header("If-None-Match", known);
        app.send(again).await.expect(304);
    }
    let newest = app.get("/openapi.json?version=3.2").await;
    assert_eq!(newest.body, boardcast::http::document());
    let other = app.get("/openapi.json?version=2.0").await.expect(422);
    assert_eq!(other.json()["field"], "version");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_says_all_of_it_and_needs_nothing_but_its_style() {
    let app = TestApp::start().await;
    let page = app.get("/docs").await.expect(200);
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self';"),
        "{policy}"
    );
    let html = page.text();
    for forbidden in ["<script", "<style", " style=", " onclick", "javascript:"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    assert!(html.contains(r#"<link rel="stylesheet" href="/docs.css">"#));
    let style = app.get("/docs.css").await.expect(200).text();
    assert!(!style.contains("url(") && !style.contains("@import"));
    let document: Value = serde_json::from_slice(&boardcast::http::document()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(html.contains(&format!(r#"id="{id}""#)), "{method} {path}");
        }
    }
    for who in [
        "With accounts only, by session.",
        "With accounts only, by token or session.",
        "Where there are accounts: by token or session.",
    ] {
        assert!(html.contains(who), "{who}");
    }
    // Every link leads somewhere, and no two places have one name.
    let after = |what: &'static str| {
        let found = html.split(what).skip(1);
        found.filter_map(|rest| rest.split('"').next())
    };
    let ids: Vec<_> = after(r#" id=""#).collect();
    let places: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(ids.len(), places.len());
    for link in after(r##"href="#"##) {
        assert!(places.contains(link), "{link}");
    }
    app.stop().await;
}
