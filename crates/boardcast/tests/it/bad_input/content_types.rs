//! Contract 2: a body is declared as `application/json`, or as `application/merge-patch+json` in a
//! `PATCH`; else 415, which names `curl --json`.

use super::{Tried, check_problem, writing_routes};
use crate::app::TestApp;
use boardcast_sim::client::Request;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_another_type_is_refused() {
    let tried = Tried::start().await;
    let types = [
        "",
        " ",
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "application/jsonp",
        "application/ld+json",
        "application/problem+json",
        "application/json-patch+json",
        "json",
        "application",
        "*/*",
        "application/json,text/plain",
        "application/ json",
        "text/plain; application/json",
        "ä/json",
    ];
    for route in writing_routes() {
        let mut types = types.to_vec();
        if route.method == "POST" {
            types.push("application/merge-patch+json");
        }
        for content_type in types {
            let request =
                Request::new(route.method, route.path).header("Content-Type", content_type);
            let request = request.body(route.body.to_string());
            tried.refuse(request, 415, "not_json", None).await;
        }
        let without = Request::new(route.method, route.path).body(route.body.to_string());
        tried.refuse(without.clone(), 415, "not_json", None).await;
        let problem = check_problem(&tried.app.send(without).await);
        assert!(problem["detail"].as_str().unwrap().contains("curl --json"));
    }
    let deletion = Request::new("DELETE", "/tasks/task-try").body("{}");
    tried.refuse(deletion.clone(), 415, "not_json", None).await;
    let merging = deletion.header("Content-Type", "application/merge-patch+json");
    tried.refuse(merging, 415, "not_json", None).await;
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_may_be_declared_as_people_do() {
    let app = TestApp::start().await;
    let types = [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
        "application/json ; charset=\"utf-8\"",
        "application/json;",
        "  application/json  ",
    ];
    for route in writing_routes() {
        let mut types = types.to_vec();
        if route.method == "PATCH" {
            types.extend([
                "application/merge-patch+json",
                "APPLICATION/merge-patch+json; charset=utf-8",
            ]);
        }
        for content_type in types {
            let request =
                Request::new(route.method, route.path).header("Content-Type", content_type);
            let answer = app.send(request.body(route.body.to_string())).await;
            assert!(answer.status < 300, "{content_type}: {}", answer.text());
        }
    }
    // A deletion has nothing to declare, but may.
    let bare = Request::new("DELETE", "/tasks/task-try").header("Content-Type", "text/plain");
    app.send(bare).await.expect(204);
    let with_object =
        Request::new("DELETE", "/lists/list-todo").header("Content-Type", "application/json");
    app.send(with_object.body("{}")).await.expect(204);
    app.stop().await;
}
