//! Contract 2, errors: paths, ids in paths, query parameters and methods that don't exist.

use super::{Tried, writing_routes};
use boardcast_sim::client::Request;

/// Every route with an id in its path, with a body that would be accepted.
const WITH_ID: [(&str, &str, &str); 10] = [
    ("GET", "/boards/{id}", ""),
    ("PATCH", "/boards/{id}", "{\"name\":\"x\"}"),
    ("DELETE", "/boards/{id}", ""),
    ("GET", "/boards/{id}/events", ""),
    ("PATCH", "/lists/{id}", "{\"name\":\"x\"}"),
    ("PATCH", "/lists/{id}/move", "{\"position\":0}"),
    ("DELETE", "/lists/{id}", ""),
    ("GET", "/tasks/{id}", ""),
    ("PATCH", "/tasks/{id}", "{\"title\":\"x\"}"),
    ("PATCH", "/tasks/{id}/move", "{\"position\":0}"),
];

fn request(method: &str, path: &str, body: &str) -> Request {
    let request = Request::new(method, path);
    if body.is_empty() {
        request
    } else {
        request
            .header("Content-Type", "application/json")
            .body(body)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_in_the_path_that_names_nothing_is_not_found() {
    let tried = Tried::start().await;
    let ids = [
        "never",
        "list_01h455vb4pex5vsknk084sn02q",
        "0",
        "-",
        "_",
        "BOARD-1",
        "board-1.",
        "board-1%20",
        "%20",
        "%00",
        "board-1%00",
        "%FF",
        "%C3%28",
        "%ED%A0%80",
        "board-1%2Fevents",
        "a%2Fb",
        "%2e%2e",
        "..",
        ".",
        "%2F",
        "%",
        "%2",
        "%zz",
        "%%",
        "a%0d%0aX-Injected:%201",
        "%E2%80%A8",
        "b%C3%B6ard",
        "a+b",
        "a'b",
        "a\"b",
        "*",
        "~",
        "'%20OR%201=1",
        "null",
        "undefined",
        "{id}",
        "a,b",
        "a;b",
        "a:b",
        "a@b",
        "$a",
        "(a)",
        "[a]",
        "a|b",
        "a\\b",
    ];
    let long = [
        "x".repeat(64),
        "x".repeat(65),
        "x".repeat(8_000),
        "%41".repeat(2_000),
    ];
    let ids: Vec<_> = ids.map(str::to_owned).into_iter().chain(long).collect();
    for (method, path, body) in WITH_ID {
        for id in &ids {
            let request = request(method, &path.replace("{id}", id), body);
            tried.refuse(request, 404, "not_found", None).await;
        }
        // A thing of another kind doesn't stand in.
        let other = if path.starts_with("/tasks") {
            "list-todo"
        } else {
            "task-try"
        };
        let request = request(method, &path.replace("{id}", other), body);
        tried.refuse(request, 404, "not_found", None).await;
    }
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_parameter_that_a_route_does_not_know_is_refused_by_its_name() {
    let tried = Tried::start().await;
    let queries = [
        ("x=1", "x"),
        ("x", "x"),
        ("=", ""),
        ("=1", ""),
        ("&&x=1&&", "x"),
        ("%78=1", "x"),
        ("%FF=1", "\u{fffd}"),
        ("%00=1", "\u{0}"),
        ("a+b=1", "a b"),
        ("Limit=1", "Limit"),
        ("boards[]=1", "boards[]"),
        ("token=secret", "token"),
    ];
    let mut routes: Vec<_> = WITH_ID.to_vec();
    routes.push(("GET", "/boards", ""));
    let made = writing_routes()
        .into_iter()
        .filter(|route| route.method == "POST");
    let made: Vec<_> = made
        .map(|route| (route.path, route.body.to_string()))
        .collect();
    for (path, body) in &made {
        routes.push(("POST", path, body));
    }
    for (method, path, body) in routes {
        let id = match path.split('/').nth(1) {
            Some("boards") => "board-1",
            Some("lists") => "list-todo",
            _ => "task-try",
        };
        let path = path.replace("{id}", id);
        for (query, field) in queries {
            let request = request(method, &format!("{path}?{query}"), body);
            tried.refuse(request, 422, "invalid", Some(field)).await;
        }
    }
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_refuses_wishes_that_it_can_not_read() {
    let tried = Tried::start().await;
    let queries = [
        ("snapshot=0", "snapshot"),
        ("snapshot", "snapshot"),
        ("snapshot=true", "snapshot"),
        ("snapshot=1&snapshot=1", "snapshot"),
        ("heartbeat=comment", "heartbeat"),
        ("heartbeat=", "heartbeat"),
        ("heartbeat=event&heartbeat=event", "heartbeat"),
        ("after=1&after=2", "after"),
        ("wait=1", "wait"),
        ("limit=1", "limit"),
        ("boards=board-1", "boards"),
    ];
    for (query, field) in queries {
        let request = Request::new("GET", format!("/boards/board-1/events?{query}"));
        tried.refuse(request, 422, "invalid", Some(field)).await;
    }
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_a_route_does_not_know_is_refused() {
    let tried = Tried::start().await;
    let methods = [
        "PUT", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "get", "Patch", "X", "M-SEARCH",
    ];
    let paths = [
        "/",
        "/healthz",
        "/boards",
        "/boards/board-1",
        "/boards/board-1/events",
        "/lists",
        "/lists/list-todo",
        "/lists/list-todo/move",
        "/tasks",
        "/tasks/task-try",
        "/tasks/task-try/move",
    ];
    for path in paths {
        for method in methods {
            let bare = Request::new(method, path);
            tried.refuse(bare, 405, "method_not_allowed", None).await;
            let with_body = request(method, path, "{\"name\":\"x\"}");
            tried
                .refuse(with_body, 405, "method_not_allowed", None)
                .await;
        }
    }
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_that_does_not_exist_is_not_found_whatever_is_asked() {
    let tried = Tried::start().await;
    let paths = [
        "/nothing",
        "/tasks/task-try/nothing",
        "/boards/board-1/tasks",
        "/api/boards",
        "//",
    ];
    for path in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "X"] {
            let bare = Request::new(method, path);
            tried.refuse(bare, 404, "not_found", None).await;
        }
        let with_body = request("POST", path, "{\"name\":\"x\"}");
        tried.refuse(with_body, 404, "not_found", None).await;
        let undeclared = Request::new("POST", path).body("x");
        tried.refuse(undeclared, 404, "not_found", None).await;
    }
    tried.stop().await;
}
