//! Contract 2, moves: `position` is `"top"`, `"bottom"` or an index from 0, and at most one of
//! `position`, `before` and `after` says where.

use super::{Tried, WritingRoute, writing_routes};

/// The routes that place something.
fn placing_routes() -> Vec<WritingRoute> {
    let mut routes = writing_routes();
    routes.retain(|route| {
        let makes = route.method == "POST" && route.path != "/boards";
        makes || route.path.ends_with("/move")
    });
    assert_eq!(routes.len(), 4);
    routes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_is_a_word_or_an_index() {
    let tried = Tried::start().await;
    let wrong = [
        "-1",
        "-0",
        "-9223372036854775809",
        "0.0",
        "1.0",
        "0.5",
        "1e0",
        "1E2",
        "1e300",
        "18446744073709551616",
        "99999999999999999999999999999999",
        "\"\"",
        "\"0\"",
        "\"1\"",
        "\"TOP\"",
        "\"Bottom\"",
        "\"top \"",
        "\" top\"",
        "\"middle\"",
        "\"first\"",
        "\"null\"",
        "\"top\\u0000\"",
        "true",
        "false",
        "[]",
        "[0]",
        "{}",
        "{\"before\":\"x\"}",
    ];
    for route in placing_routes() {
        for value in wrong {
            let request = route.with_field("position", value);
            tried
                .refuse(request, 422, "invalid", Some("position"))
                .await;
        }
    }
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_one_thing_says_where() {
    let tried = Tried::start().await;
    for mut route in placing_routes() {
        let is_list = route.path.starts_with("/lists");
        let (one, other) = if is_list {
            ("list-doing", "list-done")
        } else {
            ("task-watch", "task-cut")
        };
        route.body.as_object_mut().unwrap().remove("position");
        let pairs = [
            // Even where both say the same.
            (r#""position":0,"before":"ONE""#, "position"),
            (r#""position":"bottom","after":"OTHER""#, "position"),
            (r#""before":"OTHER","after":"ONE""#, "before"),
            (r#""before":"ONE","after":"ONE""#, "before"),
            (r#""position":1,"before":"OTHER","after":"ONE""#, "position"),
        ];
        for (pair, field) in pairs {
            let pair = pair.replace("ONE", one).replace("OTHER", other);
            let mut body = route.body.to_string();
            body.truncate(body.len() - 1);
            let comma = if body.len() > 1 { "," } else { "" };
            let request = route.with(format!("{body}{comma}{pair}}}"));
            tried.refuse(request, 422, "invalid", Some(field)).await;
        }
    }
    tried.stop().await;
}
