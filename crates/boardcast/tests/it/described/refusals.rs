//! Everything that the document says a route can answer, had from it: each refusal by its code, and each
//! success that the examples don't show. A code that nothing here brings about is documented for nothing,
//! or stands in a short list with the reason.

use super::DOCUMENT;
use super::stage::{Example, Stage, all};
use crate::accounts::Credential;
use crate::app::{TestApp, text};
use boardcast::config::ServeArgs;
use boardcast::http::embedded_names;
use boardcast_core::limits::{BODY_BYTES_MAX, LISTS_PER_BOARD_MAX};
use boardcast_sim::client::{Answer, Request};
use boardcast_sim::stream::EventStream;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What can't be had here: the operation, or all of them; the code; and why.
const ELSEWHERE: [(&str, &str, &str); 11] = [
    ("*", "internal", "nothing that was ever found does that"),
    ("*", "too_slow", "takes half a minute: bad_input/bodies.rs"),
    (
        "*",
        "busy",
        "takes a full queue or a server that stops: load.rs, drain.rs",
    ),
    ("*", "unavailable", "takes a disk that fails: faults.rs"),
    (
        "me_change_password",
        "wrong_login",
        "takes an account disabled in just that moment",
    ),
    (
        "tasks_create",
        "board_full",
        "takes ten thousand tasks: things/limits.rs",
    ),
    ("tasks_move_task", "board_full", "likewise"),
    ("tasks_restore", "board_full", "likewise"),
    ("members_add", "too_many", "takes a thousand accounts"),
    ("members_set", "too_many", "likewise"),
    ("users_create", "too_many", "takes ten thousand accounts"),
];

/// Times that something is asked for until it is too much.
const ASKED_MAX: usize = 500;

/// Servers on which refusals are had. What is refused changes nothing, so one is for all.
struct Servers {
    /// Without accounts.
    open: Stage,
    /// Ada asks, who rules.
    people: Stage,
    /// The same behind a proxy.
    afar: Stage,
    /// Her id, and a token of hers that may only read.
    ada: String,
    reading: Credential,
}

impl Servers {
    async fn start() -> Self {
        let people = Stage::with_people(TestApp::start().await, "members_remove").await;
        let me = people.ask(Request::new("GET", "/me")).await.expect(200);
        let body = json!({ "name": "reading", "scope": "read" });
        let token = Request::new("POST", "/me/tokens").json(&body);
        let token = people.ask(token).await.expect(201).json();
        let afar = TestApp::start_with(behind_proxy).await;
        Self {
            open: Stage::open(TestApp::start().await),
            people,
            afar: Stage::with_people(afar, "members_remove").await,
            ada: text(&me.json()["user"]["id"]),
            reading: Credential::Bearer(text(&token["secret"])),
        }
    }

    async fn stop(self) {
        for stage in [self.open, self.people, self.afar] {
            stage.app.stop().await;
        }
    }

    /// Asks for what shall be refused with the code; nothing if nobody knows how.
    async fn refused(&self, example: &Example, code: &str) -> Option<Answer> {
        let people = match (example.name(), code) {
            // Who makes the first account has nobody to ask as.
            ("session_set_up", "accounts_on" | "not_signed_in") => &self.people,
            ("session_set_up", _) | (_, "accounts_off") => &self.open,
            _ => &self.people,
        };
        let answer = match code {
            "not_signed_in" => {
                let unknown = Credential::Bearer("unknown".into());
                people.app.send(unknown.on(example.request(people))).await
            }
            "not_allowed" => {
                let request = self.reading.on(example.request(people));
                people.app.send(request).await
            }
            "not_found" if example.name().starts_with("assets_page") => lost_page(example).await,
            "too_many_requests" => {
                let request = || {
                    declared(example.bare(&self.afar))
                        .body("{")
                        .header(FROM.0, FROM.1)
                };
                until(429, &self.afar, request).await
            }
            "too_many_tries" | "too_many_tickets" | "too_many" => too_many(example, code).await,
            "https_needed" => over_http(example).await,
            "key_reused" => key_reused(example).await,
            "list_gone" => {
                let stage = Stage::set(example).await;
                let list = Request::new("DELETE", "/lists/list-doing");
                stage.ask(list).await.expect(204);
                once(stage, example).await
            }
            "wrong_kind" if example.name() == "users_make_token" => {
                let stage = Stage::set(example).await;
                let robot = Request::new("PATCH", stage.named("/users/user_3"));
                let disabled = robot.json(&json!({ "disabled": true }));
                stage.ask(disabled).await.expect(200);
                once(stage, example).await
            }
            "board_full" => full_board(example).await,
            _ => people.ask(self.wrong(example, people, code)?).await,
        };
        Some(answer)
    }

    /// A request that is refused with the code.
    fn wrong(&self, example: &Example, people: &Stage, code: &str) -> Option<Request> {
        let (bare, request) = (example.bare(people), example.request(people));
        let to = |path: &str| Request::new(example.method.clone(), path);
        Some(match code {
            "malformed_json" => declared(bare).body("{"),
            "broken_body" => {
                let chunked = declared(bare).header("transfer-encoding", "chunked");
                chunked.body("no chunk\r\n")
            }
            "too_large" => declared(bare).body(vec![b' '; BODY_BYTES_MAX + 1]),
            "not_json" => bare.header("content-type", "text/plain").body("x"),
            "wrong_host" => request.header("host", "elsewhere.example"),
            "cross_origin" => request.header("origin", "https://elsewhere.example"),
            "accounts_on" | "accounts_off" | "wrong_code" => request,
            "not_acceptable" => request.header("accept", "application/json"),
            "version_mismatch" => request.header("if-match", "\"999\""),
            "invalid" => {
                let target = people.named(&example.target());
                let mark = if target.contains('?') { '&' } else { '?' };
                to(&format!("{target}{mark}nonsense=1"))
            }
            "cursor_gone" => {
                let page = to(&format!("{}?after=none", example.target()));
                page.header("accept", "application/json")
            }
            "not_found" if example.path == "/events" => to("/events?boards=none"),
            "not_found" => {
                let segments = example.path.split('/');
                let named = segments.map(|name| if name.starts_with('{') { "none" } else { name });
                with_body(
                    to(&named.collect::<Vec<_>>().join("/")),
                    people,
                    example.body(),
                )
            }
            _ => self.wrong_in_body(example, code)?,
        })
    }

    /// The example's request with something wrong in its body, or about somebody else.
    fn wrong_in_body(&self, example: &Example, code: &str) -> Option<Request> {
        let name = example.name();
        let mut body = example.body().cloned();
        let mut target = example.target();
        let changed = match (code, name) {
            ("id_taken", "boards_create") => json!({ "id": "board-1" }),
            ("id_taken", "lists_create") => json!({ "id": "list-todo" }),
            ("id_taken", "tasks_create") => json!({ "id": "task-try" }),
            ("neighbour_gone", _) => json!({ "before": "none", "position": null }),
            ("unknown_reference", "lists_create") => json!({ "boardId": "none" }),
            ("unknown_reference", "tasks_create" | "tasks_move_task") => {
                json!({ "listId": "none" })
            }
            ("unknown_reference", "members_add") => json!({ "login": "nobody" }),
            ("unknown_reference", _) => json!({ "boards": ["none"] }),
            ("last_admin", "members_add") => json!({ "login": "ada", "role": "viewer" }),
            ("last_admin", _) => {
                target = target.replace("user_2", &self.ada);
                match name {
                    "users_edit" => json!({ "isAdmin": false }),
                    _ => json!({}),
                }
            }
            ("login_taken", _) => json!({ "login": "ada" }),
            ("wrong_kind", _) => {
                target = target.replace("user_2", "user_3");
                match name {
                    "users_edit" => json!({ "isAdmin": true }),
                    _ => json!({}),
                }
            }
            ("wrong_login", "session_sign_in") => json!({ "password": "not hers at all" }),
            ("wrong_password", _) => json!({ "current": "not hers at all" }),
            ("invite_gone", _) => json!({ "invite": "none" }),
            _ => return None,
        };
        if let Some(body) = &mut body {
            let fields = body.as_object_mut().unwrap();
            fields.extend(changed.as_object().unwrap().clone());
        }
        let request = Request::new(example.method.clone(), self.people.named(&target));
        Some(with_body(request, &self.people, body.as_ref()))
    }
}

fn with_body(request: Request, stage: &Stage, body: Option<&Value>) -> Request {
    match body {
        None => request,
        Some(body) => request.json(&serde_json::from_str(&stage.named(&body.to_string())).unwrap()),
    }
}

/// Who asks through the proxy.
const FROM: (&str, &str) = ("x-forwarded-for", "203.0.113.9");

/// What comes through it comes from where it says.
fn behind_proxy(args: &mut ServeArgs) {
    args.trusted_proxies = vec!["loopback".into()];
    args.writes_per_second = 1;
}

fn declared(request: Request) -> Request {
    request.header("content-type", "application/json")
}

/// The request on a server that is there for nothing else.
async fn once(stage: Stage, example: &Example) -> Answer {
    let answer = stage.ask(example.request(&stage)).await;
    stage.app.stop().await;
    answer
}

/// The page was there when the server started.
async fn lost_page(example: &Example) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("index.html");
    std::fs::write(&page, "").unwrap();
    let app = TestApp::start_with(|args| args.web_dir = Some(folder.path().into())).await;
    std::fs::remove_file(&page).unwrap();
    once(Stage::open(app), example).await
}

/// From beyond this machine.
async fn over_http(example: &Example) -> Answer {
    let app = TestApp::start_with(behind_proxy).await;
    let stage = match example.name() {
        "session_set_up" => Stage::open(app),
        name => Stage::with_people(app, name).await,
    };
    let request = example.request(&stage).header(FROM.0, FROM.1);
    let answer = stage.ask(request).await;
    stage.app.stop().await;
    answer
}

/// Asks until the status comes.
async fn until(status: u16, stage: &Stage, request: impl Fn() -> Request) -> Answer {
    let mut asked_times = 0;
    loop {
        let answer = stage.ask(request()).await;
        asked_times += 1;
        // The last one says what was answered instead.
        if answer.status == status || asked_times == ASKED_MAX {
            return answer;
        }
    }
}

/// What is asked for so often is asked of a server of its own.
async fn too_many(example: &Example, code: &str) -> Answer {
    let stage = match example.name() {
        "session_set_up" => Stage::open(TestApp::start().await),
        name => Stage::with_people(TestApp::start().await, name).await,
    };
    let status = if code == "too_many" { 409 } else { 429 };
    let wrong = match example.name() {
        "session_sign_in" => Some(json!({ "login": "eve", "password": "x" })),
        "me_change_password" => Some(json!({ "current": "x", "new": "another long sentence" })),
        // Its link is spent the first time.
        _ => None,
    };
    let request = || match &wrong {
        Some(body) => example.bare(&stage).json(body),
        None => example.request(&stage),
    };
    let answer = until(status, &stage, request).await;
    stage.app.stop().await;
    answer
}

/// The same to every reader of JSON, and another request.
async fn key_reused(example: &Example) -> Answer {
    let stage = Stage::set(example).await;
    let keyed = || example.bare(&stage).header("idempotency-key", "key-1");
    let body = example.body().map(|body| stage.named(&body.to_string()));
    let first = match &body {
        None => keyed(),
        Some(body) => declared(keyed()).body(body.as_str()),
    };
    let first = stage.ask(first).await;
    assert!(first.status < 300, "{}", first.text());
    let padded = format!("{} ", body.as_deref().unwrap_or("{}"));
    let answer = stage.ask(declared(keyed()).body(padded)).await;
    stage.app.stop().await;
    answer
}

/// Lists up to the limit beside the one that is to come.
async fn full_board(example: &Example) -> Answer {
    let stage = Stage::set(example).await;
    let list = json!({ "boardId": "board-1", "name": "Another" });
    for _ in 0..LISTS_PER_BOARD_MAX {
        let answer = stage.ask(Request::new("POST", "/lists").json(&list)).await;
        if answer.status != 201 {
            break;
        }
    }
    once(stage, example).await
}

/// An operation, and the code of a refusal or the status of what is none.
type Named = (String, String);

/// Everything that the document says can be answered.
fn documented() -> BTreeSet<Named> {
    let mut documented = BTreeSet::new();
    for example in all() {
        for (status, response) in example.operation["responses"].as_object().unwrap() {
            let codes = codes_of(response);
            let said = if codes.is_empty() {
                vec![status.clone()]
            } else {
                codes
            };
            let named = said
                .into_iter()
                .map(|said| (example.name().to_owned(), said));
            documented.extend(named);
        }
    }
    documented
}

fn codes_of(response: &Value) -> Vec<String> {
    let response = match response["$ref"].as_str() {
        Some(to) => DOCUMENT.whole.pointer(to.trim_start_matches('#')).unwrap(),
        None => response,
    };
    let parts = &response["content"]["application/problem+json"]["schema"]["allOf"];
    let codes = parts[1]["properties"]["code"]["enum"].as_array();
    let codes = codes.into_iter().flatten();
    codes
        .map(|code| code.as_str().unwrap().to_owned())
        .collect()
}

fn is_elsewhere(named: &Named) -> bool {
    ELSEWHERE
        .iter()
        .any(|(name, code, _)| *code == named.1 && (*name == "*" || *name == named.0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_that_is_documented_can_be_had() {
    let servers = Servers::start().await;
    let documented = documented();
    let mut had = 0;
    let mut wrong = Vec::new();
    for example in all() {
        for named in documented.iter().filter(|(name, _)| name == example.name()) {
            let code = &named.1;
            if code.parse::<u16>().is_ok() || is_elsewhere(named) {
                continue;
            }
            match servers.refused(&example, code).await {
                Some(answer) if codes_match(&answer, code) => had += 1,
                Some(answer) => {
                    wrong.push(format!("{named:?}: {} {}", answer.status, answer.text()));
                }
                None => wrong.push(format!("{named:?}: nobody knows how")),
            }
        }
    }
    servers.stop().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(had > 400, "{had}");
}

fn codes_match(answer: &Answer, code: &str) -> bool {
    let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    problem["code"] == code
}

/// The list stays as short as it is.
#[test]
fn what_is_had_elsewhere_is_documented() {
    let documented = documented();
    for (name, code, reason) in ELSEWHERE {
        let is_documented = documented
            .iter()
            .any(|(of, said)| said == code && (name == "*" || of == name));
        assert!(is_documented, "{name} {code}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_success_that_is_documented_can_be_had() {
    for example in all() {
        if example.name() == "assets_asset" && embedded_names().next().is_none() {
            continue;
        }
        let responses = example.operation["responses"].as_object().unwrap();
        let statuses = responses.keys().map(|status| status.parse().unwrap());
        let documented: BTreeSet<u16> = statuses.filter(|status| *status < 400).collect();
        let stage = Stage::set(&example).await;
        let had = match example.name() {
            "events_watch" | "events_watch_many" => begun(&stage, &example).await,
            _ => asked_twice(&stage, &example).await,
        };
        stage.app.stop().await;
        assert_eq!(BTreeSet::from(had), documented, "{}", example.name());
    }
}

/// A stream of a board that is there, and one of somebody who comes back to one that isn't.
async fn begun(stage: &Stage, example: &Example) -> [u16; 2] {
    let target = example.target();
    let mark = if target.contains('?') { '&' } else { '?' };
    let gone = format!("{}{mark}after=none", target.replace("board-1", "none"));
    let open = async |path: &str| {
        let opened = EventStream::open(stage.app.address(), path, &[]).await;
        opened.expect("an answer").status
    };
    [open(&target).await, open(&gone).await]
}

/// Once, and again by who knows what was answered, if the document speaks of more than one answer.
async fn asked_twice(stage: &Stage, example: &Example) -> [u16; 2] {
    let request = || match embedded_names().find(|name| name.starts_with("assets/")) {
        Some(file) if example.name() == "assets_asset" => Request::new("GET", format!("/{file}")),
        _ => example.request(stage),
    };
    let first = stage.ask(request()).await;
    let has_validator = first.header("etag").is_some() && example.method == "GET";
    if !has_validator && example.successes().len() < 2 {
        return [first.status; 2];
    }
    let known = first.header("etag").unwrap_or("none");
    let again = stage.ask(request().header("if-none-match", known)).await;
    [first.status, again.status]
}
