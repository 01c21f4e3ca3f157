//! Every example of the document, tried: requests on a server of their own each, events on a board.

use super::DOCUMENT;
use crate::accounts::{Credential, House, PASSWORD, cookie_of, set_up};
use crate::app::{TestApp, text};
use boardcast_core::cursor::Cursor;
use boardcast_core::model::Snapshot;
use boardcast_core::protocol::Event;
use boardcast_core::rules::apply;
use boardcast_sim::client::Request;
use boardcast_sim::stream::EventStream;
use serde_json::{Value, json};

/// A method of a route, as the document has it.
struct Example {
    method: String,
    path: String,
    operation: &'static Value,
}

fn all() -> Vec<Example> {
    let mut all = Vec::new();
    for (path, item) in DOCUMENT.whole["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push(Example {
                method: method.to_ascii_uppercase(),
                path: path.clone(),
                operation,
            });
        }
    }
    all
}

impl Example {
    fn name(&self) -> &str {
        self.operation["operationId"].as_str().unwrap()
    }

    /// Whether everyone may without accounts.
    fn is_for_all(&self) -> bool {
        let needs = self.operation["security"].as_array().unwrap();
        needs.contains(&json!({}))
    }

    fn body(&self) -> Option<&Value> {
        let content = &self.operation["requestBody"]["content"]["application/json"];
        content.get("example")
    }

    /// The path and query with the examples of what stands in them.
    fn target(&self) -> String {
        let mut target = self.path.clone();
        for parameter in self.operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let (Some(name), Some(example)) =
                (parameter["name"].as_str(), parameter["example"].as_str())
            else {
                continue;
            };
            target = match parameter["in"].as_str() {
                Some("path") => target.replace(&format!("{{{name}}}"), example),
                _ => format!("{target}?{name}={example}"),
            };
        }
        target
    }

    /// The statuses of those that are no refusal.
    fn successes(&self) -> Vec<u16> {
        let responses = self.operation["responses"].as_object().unwrap();
        let statuses = responses.keys().filter_map(|status| status.parse().ok());
        statuses
            .filter(|status| (200..300).contains(status))
            .collect()
    }
}

/// Who asks, and what stands for the document's names on this server.
struct Stage {
    app: TestApp,
    by: Credential,
    names: Vec<(&'static str, String)>,
}

impl Stage {
    async fn set(example: &Example) -> Self {
        let app = TestApp::start().await;
        let is_about_people = ["session_sign_in", "session_accept"].contains(&example.name());
        let mut stage =
            if example.is_for_all() && !is_about_people && !example.name().starts_with("members") {
                let names = app.server().setup_code().map(|code| ("…", code.to_owned()));
                Self {
                    names: names
                        .into_iter()
                        .filter(|_| example.name() == "session_set_up")
                        .collect(),
                    app,
                    by: Credential::None,
                }
            } else {
                Self::with_people(app, example.name()).await
            };
        if example.name() == "session_accept" {
            stage.by = Credential::None;
        }
        if let Some(path) = example.target().strip_suffix("/restore") {
            let request = Request::new("DELETE", path);
            stage.app.send(stage.by.on(request)).await.expect(204);
        }
        stage
    }

    /// Ada rules; Ben is somebody, and there is a program.
    async fn with_people(app: TestApp, name: &str) -> Self {
        let ada = cookie_of(&set_up(&app, "ada").await.expect(201));
        let house = House::of(app, ada.clone());
        let sessions = house.get(&ada, "/me/sessions").await.expect(200).json();
        let mut names = vec![("session_1", text(&sessions["sessions"][0]["id"]))];
        let body = json!({ "name": "Robot", "kind": "service" });
        let robot = house.ask(&ada, "POST", "/users", &body).await.expect(201);
        let robot = text(&robot.json()["user"]["id"]);
        let owner = if name.starts_with("users") {
            format!("/users/{robot}")
        } else {
            "/me".into()
        };
        let body = json!({ "name": "deploy script", "scope": "write" });
        let token = house
            .ask(&ada, "POST", &format!("{owner}/tokens"), &body)
            .await;
        names.push(("token_1", text(&token.expect(201).json()["id"])));
        names.push(("user_3", robot));
        // Making him is an example itself.
        if name != "users_create" {
            let ben = house.person("ben").await;
            if name == "members_remove" {
                house.let_in(&ada, "board-1", &ben, "viewer").await;
            }
            let path = format!("/users/{}/invite", ben.id);
            let invite = house.send(&ada, Request::new("POST", path)).await;
            names.push(("bci_…", text(&invite.expect(201).json()["invite"])));
            names.push(("user_2", ben.id));
        }
        Self {
            app: house.app,
            by: ada,
            names,
        }
    }

    fn named(&self, text: &str) -> String {
        let names = self.names.iter();
        names.fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
    }
}

/// The answers' bodies are judged like all others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_of_the_document_does_what_it_says() {
    let mut tried = 0;
    for example in all() {
        // Which files there are is not in the document.
        if example.name() == "assets_asset" {
            continue;
        }
        let stage = Stage::set(&example).await;
        let target = stage.named(&example.target());
        let status = if target.contains("/events") {
            let opened = EventStream::open(stage.app.address(), &target, &[]).await;
            let mut opened = opened.expect("an answer");
            let first = opened.stream.next_event().await.unwrap().unwrap();
            assert_eq!(first.kind(), "connected");
            opened.status
        } else {
            let mut request = Request::new(example.method.clone(), target.clone());
            if let Some(body) = example.body() {
                let body = serde_json::from_str(&stage.named(&body.to_string())).unwrap();
                request = request.json(&body);
            }
            let answer = stage.app.send(stage.by.on(request)).await;
            let is_success = example.successes().contains(&answer.status);
            assert!(
                is_success,
                "{}: {} {}",
                example.name(),
                answer.status,
                answer.text()
            );
            answer.status
        };
        assert!(
            example.successes().contains(&status),
            "{}: {status}",
            example.name()
        );
        stage.app.stop().await;
        tried += 1;
    }
    assert!(tried > 50, "{tried}");
    assert_eq!(
        PASSWORD, "correct horse battery",
        "which is what the document shows"
    );
}

#[test]
fn every_example_is_as_the_document_has_it() {
    let mut checked = 0;
    for example in all() {
        let path = example.path.replace('/', "~1");
        let operation = format!("/paths/{path}/{}", example.method.to_ascii_lowercase());
        if let Some(body) = example.body() {
            let pointer = format!("{operation}/requestBody/content/application~1json/schema");
            let judged = DOCUMENT.check(&pointer, body.to_string().as_bytes());
            assert_eq!(judged, Ok(()), "{}", example.name());
            checked += 1;
        }
        for status in example.successes() {
            let content = format!("{operation}/responses/{status}/content/application~1json");
            let shown = DOCUMENT.whole.pointer(&format!("{content}/example"));
            if let Some(shown) = shown {
                let judged =
                    DOCUMENT.check(&format!("{content}/schema"), shown.to_string().as_bytes());
                assert_eq!(judged, Ok(()), "{} {status}", example.name());
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "{checked}");
}

/// Each on the same board, from which it leads somewhere else.
#[test]
fn every_event_of_the_document_can_be_folded() {
    let schemas = DOCUMENT.whole["components"]["schemas"].as_object().unwrap();
    let example = |kind: &str| schemas[&format!("Event.{kind}")]["examples"][0].clone();
    let before: Snapshot = serde_json::from_value(example("snapshot")["board"].clone()).unwrap();
    let mut folded = 0;
    for (name, schema) in schemas {
        let Some(kind) = name.strip_prefix("Event.") else {
            continue;
        };
        let judged = DOCUMENT.check(
            &format!("/components/schemas/{name}"),
            schema["examples"][0].to_string().as_bytes(),
        );
        assert_eq!(judged, Ok(()), "{name}");
        if ["connected", "snapshot", "board_gone"].contains(&kind) {
            continue;
        }
        let event: Event = serde_json::from_value(example(kind)).expect(kind);
        assert_eq!(serde_json::to_value(&event).unwrap(), example(kind));
        let next = Cursor {
            seq: before.cursor.seq + 1,
            ..before.cursor
        };
        let mut state = Some(before.clone()).filter(|_| kind != "board_created");
        apply(&mut state, &event, next);
        let ends = kind == "board_deleted";
        assert_eq!(state.is_none(), ends, "{kind}");
        assert!(ends || state.unwrap().cursor == next, "{kind}");
        folded += 1;
    }
    assert_eq!(folded, 11);
}
