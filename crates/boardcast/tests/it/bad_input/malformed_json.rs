//! Contract 2, errors: a body that is no JSON is 400, one that is JSON but no object is 422, on
//! every route that takes one.

use super::{Tried, WritingRoute, writing_routes};
use serde_json::json;

/// All routes that read a body; a deletion reads one that needn't be there.
fn reading_routes() -> Vec<WritingRoute> {
    let mut routes = writing_routes();
    for path in ["/tasks/task-try", "/lists/list-todo", "/boards/board-1"] {
        routes.push(WritingRoute {
            method: "DELETE",
            path,
            body: json!({}),
        });
    }
    routes
}

fn no_json() -> Vec<Vec<u8>> {
    let texts = [
        " ",
        "\n",
        "{",
        "}",
        "{}}",
        "{}{}",
        "{},",
        "[",
        "]",
        "[1",
        "\"",
        "{\"title\"",
        "{\"title\":",
        "{\"title\":}",
        "{\"title\":\"x\"",
        "{\"title\":\"x",
        "{\"title\":\"x\",}",
        "{,}",
        "{\"a\":1,,\"b\":2}",
        "{'title':'x'}",
        "{title:\"x\"}",
        "{\"title\":x}",
        "{\"a\":1 \"b\":2}",
        "{1:2}",
        "{null:1}",
        // Numbers and words that JSON doesn't have.
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":5.}",
        "{\"a\":1e}",
        "{\"a\":0x1}",
        "{\"a\":1_0}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":-}",
        "{\"a\":1e999}",
        "{\"a\":-1e999}",
        "{\"a\":nul}",
        "{\"a\":True}",
        "{\"a\":undefined}",
        "nul",
        "undefined",
        "NaN",
        // Texts that JSON doesn't have.
        "{\"title\":\"a\nb\"}",
        "{\"title\":\"a\u{0}b\"}",
        "{\"title\":\"a\tb\"}",
        "{\"title\":\"\\x41\"}",
        "{\"title\":\"\\u12\"}",
        "{\"title\":\"\\u{41}\"}",
        "{\"title\":\"\\\"}",
        "{\"title\\q\":1}",
        // Surrogates without their other half.
        "{\"title\":\"\\ud800\"}",
        "{\"title\":\"\\udc00\"}",
        "{\"title\":\"\\ud800\\ud800\"}",
        "{\"title\":\"\\ud83ex\"}",
        "{\"title\":\"\\udf00\\ud83e\"}",
        "{\"\\ud800\":1}",
        // Around it.
        "\u{feff}{}",
        "{} // why",
        "/* why */ {}",
        "{}\u{0}",
        "\u{a0}{}",
        "{}\u{2028}",
        "<x/>",
        "title=x&listId=list-todo",
        "--- a: 1",
    ];
    let bytes: [&[u8]; 11] = [
        b"{\"title\":\"\xff\"}",
        b"{\"title\":\"\xc0\x80\"}",
        b"{\"title\":\"\xed\xa0\x80\"}",
        b"{\"title\":\"\xf4\x90\x80\x80\"}",
        b"{\"title\":\"\xe2\x82\"}",
        b"{\"title\":\"\x80\"}",
        b"{\"\xff\":1}",
        b"\xff\xfe{\0}\0",
        b"\0{\0}",
        b"\0\0\0\0",
        b"\x1f\x8b\x08\0\0\0\0\0",
    ];
    let deep = [
        "[".repeat(10_000),
        "{\"a\":".repeat(10_000),
        format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)),
        format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000)),
        format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)),
        "[[],".repeat(60_000),
    ];
    let texts = texts.iter().map(|text| text.as_bytes().to_vec());
    let bytes = bytes.iter().map(|bytes| bytes.to_vec());
    let deep = deep.into_iter().map(String::into_bytes);
    texts.chain(bytes).chain(deep).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_no_json_is_refused() {
    let tried = Tried::start().await;
    for route in reading_routes() {
        for body in no_json() {
            let request = route.with(body);
            tried.refuse(request, 400, "malformed_json", None).await;
        }
    }
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_no_object_is_refused() {
    let tried = Tried::start().await;
    let others = [
        "[]",
        "[{}]",
        "[{\"title\":\"x\"}]",
        "\"x\"",
        "\"{}\"",
        "0",
        "-1.5",
        "null",
        "true",
        " [ ] ",
    ];
    for route in reading_routes() {
        for body in others {
            tried
                .refuse(route.with(body), 422, "invalid", Some("body"))
                .await;
        }
    }
    tried.stop().await;
}

/// Where something must be said, nothing is not enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_body_is_no_json() {
    let tried = Tried::start().await;
    for route in writing_routes() {
        tried
            .refuse(route.with(""), 400, "malformed_json", None)
            .await;
        let chunked = route
            .with("0\r\n\r\n")
            .header("Transfer-Encoding", "chunked");
        tried.refuse(chunked, 400, "malformed_json", None).await;
        let bare = boardcast_sim::client::Request::new(route.method, route.path);
        tried.refuse(bare, 400, "malformed_json", None).await;
        if route.method == "POST" {
            let first = if route.path == "/lists" {
                "boardId"
            } else if route.path == "/tasks" {
                "listId"
            } else {
                "name"
            };
            tried
                .refuse(route.with("{}"), 422, "invalid", Some(first))
                .await;
        }
    }
    tried.stop().await;
}
