//! What the document names, and a server for each on which its example does what it says.

use super::DOCUMENT;
use crate::accounts::{Credential, House, cookie_of, set_up};
use crate::app::{TestApp, text};
use boardcast_sim::client::{Answer, Request};
use serde_json::{Value, json};

/// A method of a route, as the document has it.
pub(super) struct Example {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) operation: &'static Value,
}

/// All there are.
pub(super) fn all() -> Vec<Example> {
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
    pub(super) fn name(&self) -> &str {
        self.operation["operationId"].as_str().unwrap()
    }

    /// Whether everyone may without accounts.
    fn is_for_all(&self) -> bool {
        let needs = self.operation["security"].as_array().unwrap();
        needs.contains(&json!({}))
    }

    pub(super) fn body(&self) -> Option<&Value> {
        let content = &self.operation["requestBody"]["content"]["application/json"];
        content.get("example")
    }

    /// Its example's request, as the stage has it.
    pub(super) fn request(&self, stage: &Stage) -> Request {
        let request = self.bare(stage);
        match self.body() {
            None => request,
            Some(body) => {
                request.json(&serde_json::from_str(&stage.named(&body.to_string())).unwrap())
            }
        }
    }

    /// The same without a body.
    pub(super) fn bare(&self, stage: &Stage) -> Request {
        Request::new(self.method.clone(), stage.named(&self.target()))
    }

    /// The path and query with the examples of what stands in them.
    pub(super) fn target(&self) -> String {
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
    pub(super) fn successes(&self) -> Vec<u16> {
        let responses = self.operation["responses"].as_object().unwrap();
        let statuses = responses.keys().filter_map(|status| status.parse().ok());
        statuses
            .filter(|status| (200..300).contains(status))
            .collect()
    }
}

/// Who asks, and what stands for the document's names on this server.
pub(super) struct Stage {
    pub(super) app: TestApp,
    pub(super) by: Credential,
    pub(super) names: Vec<(&'static str, String)>,
}

impl Stage {
    /// Where the example's request does what it says.
    pub(super) async fn set(example: &Example) -> Self {
        let app = TestApp::start().await;
        // Ways in that lead nowhere without accounts.
        let is_about_people = ["session_sign_in", "session_accept"].contains(&example.name());
        let mut stage = if example.is_for_all() && !is_about_people {
            let code = app.server().setup_code().map(str::to_owned);
            let code = code.filter(|_| example.name() == "session_set_up");
            Self {
                names: code.map(|code| ("…", code)).into_iter().collect(),
                ..Self::open(app)
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

    /// Without accounts.
    pub(super) fn open(app: TestApp) -> Self {
        Self {
            app,
            by: Credential::None,
            names: Vec::new(),
        }
    }

    /// Ada rules; Ben is somebody, and there is a program.
    pub(super) async fn with_people(app: TestApp, name: &str) -> Self {
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

    pub(super) fn named(&self, text: &str) -> String {
        let names = self.names.iter();
        names.fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
    }

    /// Asks as whoever the stage is for.
    pub(super) async fn ask(&self, request: Request) -> Answer {
        self.app.send(self.by.on(request)).await
    }
}
