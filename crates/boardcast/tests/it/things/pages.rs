//! Contract 2, `GET /boards?limit&cursor`: pages of 1 to 1,000 boards, 100 unless told, that
//! together hold each board once.

use crate::app::{TestApp, text};
use boardcast_sim::client::{Connection, Request};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn page(app: &TestApp, query: &str) -> (Vec<String>, Value) {
    let page = app.get(&format!("/boards{query}")).await.expect(200).json();
    let names: Vec<_> = page.as_object().unwrap().keys().collect();
    assert_eq!(names, ["boards", "next"]);
    let ids = page["boards"].as_array().unwrap().iter();
    (
        ids.map(|board| text(&board["id"])).collect(),
        page["next"].clone(),
    )
}

async fn add_boards(app: &TestApp, count: usize) {
    let mut connection = Connection::open(app.address()).await.unwrap();
    for number in 0..count {
        // Not in the order in which they are made.
        let id = format!("b{:04}", (number * 7) % count);
        let body = json!({ "id": id, "name": "x" });
        let request = Request::new("POST", "/boards").json(&body);
        connection.send(request).await.unwrap().expect(201);
    }
}

/// All pages, one after the other.
async fn walk(app: &TestApp, limit: usize) -> Vec<Vec<String>> {
    let (ids, mut next) = page(app, &format!("?limit={limit}")).await;
    let mut pages = vec![ids];
    while let Some(cursor) = next.as_str().map(str::to_owned) {
        let (ids, then) = page(app, &format!("?limit={limit}&cursor={cursor}")).await;
        pages.push(ids);
        next = then;
    }
    pages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_hold_each_board_once_whatever_their_size() {
    let app = TestApp::start_with(|args| args.no_demo = true).await;
    assert_eq!(page(&app, "").await, (vec![], json!(null)));
    add_boards(&app, 11).await;
    let (all, next) = page(&app, "").await;
    assert_eq!((all.len(), next), (11, json!(null)));
    for limit in [1, 2, 5, 10, 11, 12, 1_000] {
        let pages = walk(&app, limit).await;
        let (last, full) = pages.split_last().unwrap();
        assert!(full.iter().all(|page| page.len() == limit), "limit {limit}");
        assert!((1..=limit).contains(&last.len()), "limit {limit}");
        assert_eq!(pages.concat(), all, "limit {limit}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_holds_100_boards_unless_told() {
    let app = TestApp::start_with(|args| args.no_demo = true).await;
    add_boards(&app, 101).await;
    let (first, next) = page(&app, "").await;
    assert_eq!(first.len(), 100);
    let (rest, end) = page(&app, &format!("?cursor={}", text(&next))).await;
    assert_eq!((rest.len(), end), (1, json!(null)));
    let all: BTreeSet<_> = first.iter().chain(&rest).collect();
    assert_eq!(all.len(), 101);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_goes_on_when_boards_come_and_go() {
    let app = TestApp::start_with(|args| args.no_demo = true).await;
    add_boards(&app, 6).await;
    let (first, next) = page(&app, "?limit=3").await;
    // The last one of the page, which the next page begins after.
    app.delete(&format!("/boards/{}", first[2]))
        .await
        .expect(204);
    let new = json!({ "id": "b00035", "name": "x" });
    app.post("/boards", &new).await.expect(201);
    let (rest, end) = page(&app, &format!("?limit=3&cursor={}", text(&next))).await;
    assert_eq!(rest, ["b0003", "b00035", "b0004"]);
    assert_eq!(end, "b0004");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_or_cursor_that_can_not_be_is_refused_by_name() {
    let app = TestApp::start().await;
    let refusals = [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=99999999999999999999999", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=a%20b", "cursor"),
        ("cursor=a&cursor=b", "cursor"),
        ("deleted=0", "deleted"),
        ("deleted=", "deleted"),
        ("boards=1", "boards"),
        ("=", ""),
    ];
    for (query, field) in refusals {
        let refused = app
            .get(&format!("/boards?{query}"))
            .await
            .expect(422)
            .json();
        assert_eq!(
            (&refused["code"], &refused["field"]),
            (&json!("invalid"), &json!(field))
        );
    }
    for query in [
        "limit=1000",
        "limit=1",
        "cursor=zzz",
        "cursor=nothing-like-it",
        "",
    ] {
        app.get(&format!("/boards?{query}")).await.expect(200);
    }
    app.stop().await;
}
