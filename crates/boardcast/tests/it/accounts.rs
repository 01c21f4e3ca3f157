//! Accounts: who gets which answer. Nobody receives a byte they may not see (I9), whichever route they
//! take, and who may not see a thing can't tell it from one that doesn't exist.

mod attacks;
mod desk;
mod floods;
mod journal;
mod losing;
mod matrix;
mod people;
mod shell;
mod streams;
mod tickets;
mod ways_in;

use crate::app::{TestApp, text};
use boardcast_sim::client::{Answer, Request};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

/// A password that is long enough.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// How somebody shows who they are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Credential {
    /// Not at all.
    None,
    /// As a browser does.
    Cookie(String),
    /// As a program does.
    Bearer(String),
}

impl Credential {
    /// The header that shows it.
    pub(crate) fn header(&self) -> Option<(&'static str, String)> {
        match self {
            Self::None => None,
            Self::Cookie(secret) => Some(("cookie", format!("boardcast={secret}"))),
            Self::Bearer(secret) => Some(("authorization", format!("Bearer {secret}"))),
        }
    }

    /// A request that shows it.
    pub(crate) fn on(&self, request: Request) -> Request {
        match self.header() {
            None => request,
            Some((name, value)) => request.header(name, value),
        }
    }
}

/// A server with accounts, and its first person: `root`, a server admin.
pub(crate) struct House {
    pub(crate) app: TestApp,
    pub(crate) root: Credential,
    made: AtomicU32,
}

/// Somebody with an account.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) login: String,
    pub(crate) by: Credential,
}

/// A board with a list and a task, by their ids.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) board: String,
    pub(crate) list: String,
    pub(crate) task: String,
}

impl House {
    pub(crate) async fn start() -> Self {
        Self::around(TestApp::start().await).await
    }

    /// Switches accounts on.
    pub(crate) async fn around(app: TestApp) -> Self {
        let root = cookie_of(&set_up(&app, "root").await.expect(201));
        Self::of(app, root)
    }

    /// Where accounts are on already.
    pub(crate) fn of(app: TestApp, root: Credential) -> Self {
        Self {
            app,
            root,
            made: AtomicU32::new(0),
        }
    }

    pub(crate) async fn stop(self) {
        self.app.stop().await;
    }

    /// A number that was not used yet.
    pub(crate) fn next(&self) -> u32 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) async fn send(&self, by: &Credential, request: Request) -> Answer {
        self.app.send(by.on(request)).await
    }

    pub(crate) async fn get(&self, by: &Credential, path: &str) -> Answer {
        self.send(by, Request::new("GET", path)).await
    }

    pub(crate) async fn delete(&self, by: &Credential, path: &str) -> Answer {
        self.send(by, Request::new("DELETE", path)).await
    }

    /// Sends a JSON body.
    pub(crate) async fn ask(
        &self,
        by: &Credential,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Answer {
        self.send(by, Request::new(method, path).json(body)).await
    }

    /// A person who has signed in by their link.
    pub(crate) async fn person(&self, login: &str) -> Person {
        let body = json!({ "name": login, "login": login });
        let made = self.ask(&self.root, "POST", "/users", &body).await;
        let made = made.expect(201).json();
        let body = json!({ "invite": made["invite"], "password": PASSWORD });
        let nobody = Credential::None;
        let accepted = self.ask(&nobody, "POST", "/invites/accept", &body).await;
        Person {
            id: text(&made["user"]["id"]),
            login: login.into(),
            by: cookie_of(&accepted.expect(200)),
        }
    }

    /// Signs in once more.
    pub(crate) async fn sign_in(&self, person: &Person) -> Credential {
        cookie_of(&self.try_password(&person.login, PASSWORD).await.expect(200))
    }

    pub(crate) async fn try_password(&self, login: &str, password: &str) -> Answer {
        let body = json!({ "login": login, "password": password });
        self.ask(&Credential::None, "POST", "/session", &body).await
    }

    /// A token of a person's.
    pub(crate) async fn token(&self, owner: &Credential, scope: &str) -> (String, Credential) {
        let body = json!({ "name": scope, "scope": scope });
        self.token_like(owner, &body).await
    }

    /// A token as the body says, with its id.
    pub(crate) async fn token_like(
        &self,
        owner: &Credential,
        body: &Value,
    ) -> (String, Credential) {
        let made = self.ask(owner, "POST", "/me/tokens", body).await;
        let made = made.expect(201).json();
        (text(&made["id"]), Credential::Bearer(text(&made["secret"])))
    }

    /// A new board with a list and a task.
    pub(crate) async fn place(&self, admin: &Credential) -> Place {
        let number = self.next();
        let place = Place {
            board: format!("board-n{number}"),
            list: format!("list-n{number}"),
            task: format!("task-n{number}"),
        };
        let body = json!({ "id": place.board, "name": "A board" });
        self.ask(admin, "POST", "/boards", &body).await.expect(201);
        let body = json!({ "id": place.list, "boardId": place.board, "name": "A list" });
        self.ask(admin, "POST", "/lists", &body).await.expect(201);
        let body = json!({ "id": place.task, "listId": place.list, "title": "A secret title" });
        self.ask(admin, "POST", "/tasks", &body).await.expect(201);
        place
    }

    /// Makes somebody a member.
    pub(crate) async fn let_in(
        &self,
        admin: &Credential,
        board: &str,
        person: &Person,
        role: &str,
    ) {
        let path = format!("/boards/{board}/members/{}", person.id);
        let put = self
            .ask(admin, "PUT", &path, &json!({ "role": role }))
            .await;
        assert!(matches!(put.status, 200 | 201), "{}", put.text());
    }
}

/// Makes the first account.
pub(crate) async fn set_up(app: &TestApp, login: &str) -> Answer {
    let code = app.server().setup_code().expect("open mode").to_owned();
    let body = json!({ "code": code, "login": login, "name": login, "password": PASSWORD });
    app.post("/setup", &body).await
}

/// The session's cookie that an answer sets.
#[track_caller]
pub(crate) fn cookie_of(answer: &Answer) -> Credential {
    let set = |(name, value): &(String, String)| {
        let is_cookie = name.eq_ignore_ascii_case("set-cookie");
        let value = value.strip_prefix("boardcast=").filter(|_| is_cookie)?;
        value.split(';').next().map(str::to_owned)
    };
    let secret = answer.headers.iter().find_map(set);
    Credential::Cookie(secret.unwrap_or_else(|| panic!("no cookie: {}", answer.text())))
}
