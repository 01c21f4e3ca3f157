//! Contract 2, errors: whatever comes in, the answer is a problem that says what to do, and the
//! boards stay as they are, byte for byte.

mod bodies;
mod content_types;
mod fields;
mod malformed_http;
mod malformed_json;
mod positions;
mod targets;

use crate::app::TestApp;
use boardcast_sim::client::{Answer, Request};
use serde_json::{Value, json};

/// A route that takes a JSON body, with one that would be accepted on the demo board.
struct WritingRoute {
    method: &'static str,
    path: &'static str,
    body: Value,
}

fn writing_routes() -> Vec<WritingRoute> {
    let route = |method, path, body| WritingRoute { method, path, body };
    vec![
        route("POST", "/boards", json!({ "name": "x" })),
        route("PATCH", "/boards/board-1", json!({ "name": "x" })),
        route(
            "POST",
            "/lists",
            json!({ "boardId": "board-1", "name": "x" }),
        ),
        route("PATCH", "/lists/list-todo", json!({ "name": "x" })),
        route(
            "PATCH",
            "/lists/list-todo/move",
            json!({ "position": "bottom" }),
        ),
        route(
            "POST",
            "/tasks",
            json!({ "listId": "list-todo", "title": "x" }),
        ),
        route("PATCH", "/tasks/task-try", json!({ "title": "x" })),
        route(
            "PATCH",
            "/tasks/task-try/move",
            json!({ "listId": "list-todo" }),
        ),
    ]
}

impl WritingRoute {
    /// With these bytes as the body, declared as JSON.
    fn with(&self, body: impl Into<Vec<u8>>) -> Request {
        let request = Request::new(self.method, self.path);
        request
            .header("Content-Type", "application/json")
            .body(body)
    }

    /// With one field of the accepted body replaced, or added; the value is written as it is.
    fn with_field(&self, name: &str, raw_value: &str) -> Request {
        let mut fields = self.body.as_object().expect("an object").clone();
        fields.remove(name);
        let kept = fields
            .iter()
            .map(|(name, value)| format!("{}:{value}", json!(name)));
        let mut all: Vec<_> = kept.collect();
        all.push(format!("{}:{raw_value}", json!(name)));
        self.with(format!("{{{}}}", all.join(",")))
    }
}

/// The demo board, what it was at the start, and a count of what was tried.
struct Tried {
    app: TestApp,
    before: Answer,
}

impl Tried {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let before = app.get("/boards/board-1").await.expect(200);
        Self { app, before }
    }

    /// Sends what must be refused: with this status, code and field, and without a trace.
    async fn refuse(&self, request: Request, status: u16, code: &str, field: Option<&str>) {
        let shown: String = format!("{request:?}").chars().take(300).collect();
        let answer = self.app.send(request).await;
        assert_eq!(answer.status, status, "{}: {shown}", answer.text());
        let problem = check_problem(&answer);
        assert_eq!(problem["code"], code, "{problem}: {shown}");
        assert_eq!(
            problem.get("field"),
            field.map(Value::from).as_ref(),
            "{problem}: {shown}"
        );
        let now = self.app.get("/boards/board-1").await;
        assert_eq!(now.body, self.before.body, "it left a trace: {shown}");
    }

    /// Nothing else came of it either.
    async fn stop(self) {
        let boards = self.app.get("/boards").await.json();
        assert_eq!(boards["boards"].as_array().map(Vec::len), Some(1));
        self.app.stop().await;
    }
}

/// The answer is a problem as RFC 9457 and the contract have it.
#[track_caller]
fn check_problem(answer: &Answer) -> Value {
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let problem = answer.json();
    for name in problem.as_object().expect("an object").keys() {
        let known = ["title", "status", "code", "detail", "field", "current"];
        assert!(
            known.contains(&name.as_str()),
            "{name} is no member of a problem"
        );
    }
    assert_eq!(problem["status"], answer.status);
    assert!(!problem["title"].as_str().expect("a title").is_empty());
    let code = problem["code"].as_str().expect("a code");
    let is_code = |c: char| c.is_ascii_lowercase() || c == '_';
    assert!(!code.is_empty() && code.chars().all(is_code), "{code}");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(
        detail.ends_with('.') && detail.contains(' '),
        "no sentence: {detail}"
    );
    problem
}
