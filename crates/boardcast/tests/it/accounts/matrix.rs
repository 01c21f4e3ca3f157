//! Every route, asked by everyone. The rows come from here and the routes from the router's own list: a
//! route without a row fails.

use super::{Credential, House, PASSWORD, Person, Place};
use crate::app::TestApp;
use boardcast::http::ROUTES;
use boardcast_sim::client::{Answer, Request};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What one row asks, with `{board}` and the like in place of ids, and what each caller is answered.
#[derive(Clone, Copy)]
struct Row {
    route: (&'static str, &'static str),
    path: &'static str,
    body: Option<&'static str>,
    expected: [u16; COLUMNS.len()],
    /// Somebody with a cookie, or with a token, that is good for nothing any more.
    dead: [u16; 2],
    /// Whether it ends sessions or tokens, so that everybody comes with fresh ones.
    ends_sessions: bool,
}

/// Who asks, in the order of a row's answers.
const COLUMNS: [&str; 11] = [
    "nobody",
    "stranger",
    "viewer",
    "editor",
    "admin",
    "server admin",
    "reading token",
    "writing token",
    "admin's token",
    "token for another board",
    "open mode",
];

/// A route that is the same for everybody.
const SAME: u16 = 0;

const fn row(
    route: (&'static str, &'static str),
    path: &'static str,
    body: Option<&'static str>,
    expected: [u16; COLUMNS.len()],
) -> Row {
    Row {
        route,
        path,
        body,
        expected,
        dead: [401, 401],
        ends_sessions: false,
    }
}

const fn public(route: (&'static str, &'static str), path: &'static str) -> Row {
    Row {
        dead: [SAME, SAME],
        ..row(route, path, None, [SAME; COLUMNS.len()])
    }
}

const fn ends_sessions(row: Row) -> Row {
    Row {
        ends_sessions: true,
        ..row
    }
}

const fn dead(row: Row, dead: [u16; 2]) -> Row {
    Row { dead, ..row }
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let (name, title) = (Some(r#"{"name":"Another"}"#), Some(r#"{"title":"Another"}"#));
    let token = Some(r#"{"name":"robot","scope":"read"}"#);
    let wrong = Some(r#"{"current":"not the password","new":"another password"}"#);
    vec![
        public(("get", "/"), "/"),
        public(("get", "/b"), "/b"),
        public(("get", "/b/"), "/b/"),
        public(("get", "/b/{*rest}"), "/b/{board}"),
        public(("get", "/assets/{*name}"), "/assets/none.js"),
        public(("get", "/healthz"), "/healthz"),
        public(("get", "/openapi.json"), "/openapi.json"),
        public(("get", "/docs"), "/docs"),
        public(("get", "/docs.css"), "/docs.css"),
        //                                                                              nobody stranger viewer editor admin root read write admin other open
        dead(row(("get", "/me"), "/me", None,                                            [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200]), [200, 401]),
        dead(row(("post", "/setup"), "/setup", Some(r#"{"code":"wrong","login":"eve","name":"Eve","password":"correct horse battery"}"#),
                                                                                         [409, 409, 409, 409, 409, 409, 409, 409, 409, 409, 403]), [409, 401]),
        dead(ends_sessions(row(("post", "/session"), "/session", Some(r#"{"login":"editor","password":"correct horse battery"}"#),
                                                                                         [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 409])), [200, 401]),
        dead(row(("post", "/invites/accept"), "/invites/accept", Some(r#"{"invite":"none","password":"correct horse battery"}"#),
                                                                                         [410, 410, 410, 410, 410, 410, 410, 410, 410, 410, 409]), [410, 401]),
        row(("get", "/boards"), "/boards", None,                                         [401, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row(("get", "/boards"), "/boards?deleted=1", None,                               [401, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row(("post", "/boards"), "/boards", name,                                        [401, 201, 201, 201, 201, 201, 403, 201, 201, 403, 201]),
        row(("get", "/boards/{id}"), "/boards/{board}", None,                            [401, 404, 200, 200, 200, 404, 200, 200, 200, 404, 200]),
        row(("patch", "/boards/{id}"), "/boards/{board}", name,                          [401, 404, 403, 403, 200, 404, 403, 403, 200, 404, 200]),
        row(("delete", "/boards/{id}"), "/boards/{board}", None,                         [401, 404, 403, 403, 204, 404, 403, 403, 204, 404, 204]),
        row(("post", "/boards/{id}/restore"), "/boards/{gone_board}/restore", None,      [401, 404, 403, 403, 200, 404, 403, 403, 200, 404, 200]),
        row(("get", "/boards/{id}/deleted"), "/boards/{board}/deleted", None,            [401, 404, 200, 200, 200, 404, 200, 200, 200, 404, 200]),
        row(("get", "/boards/{id}/events"), "/boards/{board}/events", None,              [401, 404, 200, 200, 200, 404, 200, 200, 200, 404, 200]),
        // Pages are of one board: 406.
        row(("get", "/events"), "/events?boards={board}", None,                          [401, 406, 406, 406, 406, 406, 406, 406, 406, 406, 406]),
        row(("get", "/boards/{id}/members"), "/boards/{board}/members", None,            [401, 404, 200, 200, 200, 404, 200, 200, 200, 404, 409]),
        row(("post", "/boards/{id}/members"), "/boards/{board}/members", Some(r#"{"login":"guest","role":"viewer"}"#),
                                                                                         [401, 404, 403, 403, 201, 404, 403, 403, 201, 404, 409]),
        row(("put", "/boards/{id}/members/{user}"), "/boards/{board}/members/{guest}", Some(r#"{"role":"viewer"}"#),
                                                                                         [401, 404, 403, 403, 201, 404, 403, 403, 201, 404, 409]),
        row(("delete", "/boards/{id}/members/{user}"), "/boards/{board}/members/{member}", None,
                                                                                         [401, 404, 403, 403, 204, 404, 403, 403, 204, 404, 409]),
        row(("post", "/lists"), "/lists", Some(r#"{"boardId":"{board}","name":"Another"}"#),
                                                                                         [401, 422, 403, 201, 201, 422, 403, 201, 201, 422, 201]),
        row(("patch", "/lists/{id}"), "/lists/{list}", name,                             [401, 404, 403, 200, 200, 404, 403, 200, 200, 404, 200]),
        row(("patch", "/lists/{id}/move"), "/lists/{list}/move", Some("{}"),             [401, 404, 403, 200, 200, 404, 403, 200, 200, 404, 200]),
        row(("delete", "/lists/{id}"), "/lists/{list}", None,                            [401, 404, 403, 204, 204, 404, 403, 204, 204, 404, 204]),
        row(("post", "/lists/{id}/restore"), "/lists/{gone_list}/restore", None,         [401, 404, 403, 200, 200, 404, 403, 200, 200, 404, 200]),
        row(("post", "/tasks"), "/tasks", Some(r#"{"listId":"{list}","title":"Another"}"#),
                                                                                         [401, 422, 403, 201, 201, 422, 403, 201, 201, 422, 201]),
        row(("get", "/tasks/{id}"), "/tasks/{task}", None,                               [401, 404, 200, 200, 200, 404, 200, 200, 200, 404, 200]),
        row(("patch", "/tasks/{id}"), "/tasks/{task}", title,                            [401, 404, 403, 200, 200, 404, 403, 200, 200, 404, 200]),
        row(("patch", "/tasks/{id}/move"), "/tasks/{task}/move", Some("{}"),             [401, 404, 403, 200, 200, 404, 403, 200, 200, 404, 200]),
        row(("delete", "/tasks/{id}"), "/tasks/{task}", None,                            [401, 404, 403, 204, 204, 404, 403, 204, 204, 404, 204]),
        row(("post", "/tasks/{id}/restore"), "/tasks/{gone_task}/restore", None,         [401, 404, 403, 200, 200, 404, 403, 200, 200, 404, 200]),
        // What a ticket is good for is looked at when it is spent.
        row(("post", "/tickets"), "/tickets", Some(r#"{"boards":["{board}"]}"#),         [401, 201, 201, 201, 201, 201, 201, 201, 201, 201, 201]),
        row(("patch", "/me"), "/me", Some("{}"),                                         [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 409]),
        row(("post", "/me/password"), "/me/password", wrong,                             [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 409]),
        row(("get", "/me/sessions"), "/me/sessions", None,                               [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 409]),
        row(("delete", "/me/sessions/{id}"), "/me/sessions/none", None,                  [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 409]),
        row(("get", "/me/tokens"), "/me/tokens", None,                                   [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 409]),
        row(("post", "/me/tokens"), "/me/tokens", token,                                 [401, 201, 201, 201, 201, 201, 403, 403, 403, 403, 409]),
        row(("delete", "/me/tokens/{id}"), "/me/tokens/none", None,                      [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 409]),
        row(("get", "/users"), "/users", None,                                           [401, 403, 403, 403, 403, 200, 403, 403, 403, 403, 409]),
        row(("post", "/users"), "/users", Some(r#"{"name":"New","login":"new{number}"}"#), [401, 403, 403, 403, 403, 201, 403, 403, 403, 403, 409]),
        row(("post", "/users"), "/users", Some(r#"{"name":"Robot","kind":"service"}"#),  [401, 403, 403, 403, 403, 201, 403, 403, 403, 403, 409]),
        row(("patch", "/users/{id}"), "/users/{guest}", name,                            [401, 403, 403, 403, 403, 200, 403, 403, 403, 403, 409]),
        row(("post", "/users/{id}/invite"), "/users/{guest}/invite", None,               [401, 403, 403, 403, 403, 201, 403, 403, 403, 403, 409]),
        row(("get", "/users/{id}/tokens"), "/users/{service}/tokens", None,              [401, 403, 403, 403, 403, 200, 403, 403, 403, 403, 409]),
        row(("post", "/users/{id}/tokens"), "/users/{service}/tokens", token,            [401, 403, 403, 403, 403, 201, 403, 403, 403, 403, 409]),
        row(("delete", "/users/{id}/tokens/{token}"), "/users/{service}/tokens/none", None,
                                                                                         [401, 403, 403, 403, 403, 404, 403, 403, 403, 403, 409]),
        // The last ones: they end what the rows before it asked with.
        ends_sessions(row(("delete", "/session"), "/session", None,                      [401, 204, 204, 204, 204, 204, 204, 204, 204, 204, 409])),
        ends_sessions(row(("delete", "/me/sessions"), "/me/sessions", None,              [401, 204, 204, 204, 204, 204, 403, 403, 403, 403, 409])),
    ]
}

/// Everyone who asks.
struct Callers {
    stranger: Person,
    viewer: Person,
    editor: Person,
    admin: Person,
    /// Was an editor of every board and is no member any more.
    revoked: Person,
    /// Is a member of every board, and disabled; and what they could sign in with before.
    disabled: [Credential; 2],
    /// A session and a token that have ended, of the boards' admin.
    ended: [Credential; 2],
    reading: Credential,
    writing: Credential,
    admins: Credential,
    /// A writing token of the admin's for another board alone.
    elsewhere: Credential,
    other_board: String,
    /// Things for rows to be about.
    guest: Person,
    member: Person,
    service: String,
}

impl Callers {
    async fn invite(house: &House) -> Self {
        let admin = house.person("admin").await;
        let disabled = house.person("disabled").await;
        let (_, disabled_token) = house.token(&disabled.by, "admin").await;
        let body = json!({ "disabled": true });
        let path = format!("/users/{}", disabled.id);
        house
            .ask(&house.root, "PATCH", &path, &body)
            .await
            .expect(200);
        let ended = house.sign_in(&admin).await;
        house.delete(&ended, "/session").await.expect(204);
        let (id, ended_token) = house.token(&admin.by, "admin").await;
        let path = format!("/me/tokens/{id}");
        house.delete(&admin.by, &path).await.expect(204);
        let other = house.place(&admin.by).await;
        let [reading, writing, admins, elsewhere] = tokens(house, &admin.by, &other.board).await;
        let body = json!({ "name": "Robot", "kind": "service" });
        let service = house.ask(&house.root, "POST", "/users", &body).await;
        Self {
            stranger: house.person("stranger").await,
            viewer: house.person("viewer").await,
            editor: house.person("editor").await,
            revoked: house.person("revoked").await,
            disabled: [disabled.by, disabled_token],
            ended: [ended, ended_token],
            reading,
            writing,
            admins,
            elsewhere,
            other_board: other.board,
            guest: house.person("guest").await,
            member: house.person("member").await,
            service: crate::app::text(&service.expect(201).json()["user"]["id"]),
            admin,
        }
    }

    /// Who asks in the columns but the last one.
    async fn columns(&self, house: &House, afresh: bool) -> Vec<Credential> {
        let mut people = Vec::new();
        for person in [&self.stranger, &self.viewer, &self.editor, &self.admin] {
            people.push(if afresh {
                house.sign_in(person).await
            } else {
                person.by.clone()
            });
        }
        let root = if afresh {
            super::cookie_of(&house.try_password("root", PASSWORD).await.expect(200))
        } else {
            house.root.clone()
        };
        let tokens = if afresh {
            tokens(house, &people[3], &self.other_board).await
        } else {
            [&self.reading, &self.writing, &self.admins, &self.elsewhere].map(Clone::clone)
        };
        let mut columns = vec![Credential::None];
        columns.extend(people);
        columns.push(root);
        columns.extend(tokens);
        columns
    }
}

/// Tokens of the admin's: each scope, and a writing one for another board alone.
async fn tokens(house: &House, admin: &Credential, other_board: &str) -> [Credential; 4] {
    let elsewhere = json!({ "name": "elsewhere", "scope": "write", "boards": [other_board] });
    [
        house.token(admin, "read").await.1,
        house.token(admin, "write").await.1,
        house.token(admin, "admin").await.1,
        house.token_like(admin, &elsewhere).await.1,
    ]
}

/// A board with everything that a row may be about, and everyone where they belong.
async fn furnish(house: &House, callers: &Callers) -> Things {
    // Outlives the admin's sessions, and no column asks by it where tokens end.
    let by = &callers.admins;
    let place = house.place(by).await;
    let gone = house.place(by).await;
    for board in [&place.board, &gone.board] {
        house.let_in(by, board, &callers.viewer, "viewer").await;
        house.let_in(by, board, &callers.editor, "editor").await;
        house.let_in(by, board, &callers.revoked, "editor").await;
        house.let_in(by, board, &callers.member, "viewer").await;
        let path = format!("/boards/{board}/members/{}", callers.revoked.id);
        house.delete(by, &path).await.expect(204);
    }
    let number = house.next();
    let things = Things::of(place, gone, number, Some(callers));
    things.delete_what_is_gone(&house.app, by).await;
    things
}

struct Things {
    names: Vec<(&'static str, String)>,
}

impl Things {
    fn of(place: Place, gone: Place, number: u32, callers: Option<&Callers>) -> Self {
        let person = |of: fn(&Callers) -> &str| callers.map_or("none", of).to_owned();
        Self {
            names: vec![
                ("{gone_board}", gone.board),
                ("{gone_list}", format!("{}-gone", place.list)),
                ("{gone_task}", format!("{}-gone", place.task)),
                ("{guest}", person(|callers| &callers.guest.id)),
                ("{member}", person(|callers| &callers.member.id)),
                ("{service}", person(|callers| &callers.service)),
                ("{board}", place.board),
                ("{list}", place.list),
                ("{task}", place.task),
                ("{number}", number.to_string()),
            ],
        }
    }

    fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, id) in &self.names {
            text = text.replace(name, id);
        }
        text
    }

    async fn delete_what_is_gone(&self, app: &TestApp, by: &Credential) {
        let list = r#"{"boardId":"{board}","id":"{gone_list}","name":"Gone"}"#;
        let task = r#"{"listId":"{list}","id":"{gone_task}","title":"Gone"}"#;
        for (path, body) in [("/lists", list), ("/tasks", task)] {
            let body: Value = serde_json::from_str(&self.named(body)).unwrap();
            let request = Request::new("POST", path).json(&body);
            app.send(by.on(request)).await.expect(201);
        }
        for path in [
            "/lists/{gone_list}",
            "/tasks/{gone_task}",
            "/boards/{gone_board}",
        ] {
            let request = Request::new("DELETE", self.named(path));
            app.send(by.on(request)).await.expect(204);
        }
    }

    /// What the row asks. Of the log its page: streams have a file of their own.
    fn request(&self, row: &Row) -> Request {
        let method = row.route.0.to_ascii_uppercase();
        let request =
            Request::new(method, self.named(row.path)).header("accept", "application/json");
        match row.body {
            None => request,
            Some(body) => {
                let body: Value = serde_json::from_str(&self.named(body)).unwrap();
                request.json(&body)
            }
        }
    }
}

#[test]
fn every_route_has_a_row() {
    let routes: BTreeSet<_> = ROUTES.iter().copied().collect();
    let rows: BTreeSet<_> = rows().iter().map(|row| row.route).collect();
    let missing: Vec<_> = routes.difference(&rows).collect();
    assert!(missing.is_empty(), "without a row: {missing:?}");
    let unknown: Vec<_> = rows.difference(&routes).collect();
    assert!(unknown.is_empty(), "no routes: {unknown:?}");
}

/// Who may show nothing, a token or a session by the document is who gets somewhere with it here.
#[test]
fn the_document_says_which_credentials_are_of_use() {
    let document: Value = serde_json::from_slice(&boardcast::http::document()).unwrap();
    for row in rows() {
        let (method, path) = row.route;
        let operation = &document["paths"][path.replace("{*", "{")][method];
        let named = operation["security"].as_array().expect("credentials");
        let takes = |name: &str| named.iter().any(|one| one.get(name).is_some());
        let [
            nobody,
            ..,
            reading_token,
            writing_token,
            admins_token,
            _,
            open,
        ] = row.expected;
        if takes("token") || takes("session") {
            let is_known = nobody == 401 || path == "/me";
            assert!(is_known && takes("session"), "{method} {path}");
            let of_tokens = [reading_token, writing_token, admins_token];
            let is_let_in = of_tokens.iter().any(|status| *status != 403);
            assert_eq!(is_let_in, takes("token"), "{method} {path}");
            // Who may come without a credential where there are no accounts finds something there.
            let is_there = open != 409;
            assert_eq!(is_there, named.contains(&json!({})), "{method} {path}");
        } else {
            assert_eq!(named, &[json!({})], "{method} {path}");
            assert_ne!(nobody, 401, "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_gets_what_they_may_from_every_route() {
    let house = House::start().await;
    let callers = Callers::invite(&house).await;
    let mut wrong = Vec::new();
    for row in rows() {
        let columns = callers.columns(&house, row.ends_sessions).await;
        let alone = house.app.send(Things::none().request(&row)).await.status;
        let mut check = |who: &str, expected: u16, answer: &Answer| {
            let expected = if expected == SAME { alone } else { expected };
            if answer.status != expected {
                let (method, path) = row.route;
                wrong.push(format!(
                    "{method} {path} by {who}: {} instead of {expected}: {}",
                    answer.status,
                    answer.text()
                ));
            }
        };
        let mut things = furnish(&house, &callers).await;
        for ((who, by), expected) in COLUMNS.iter().zip(&columns).zip(row.expected) {
            let answer = house.send(by, things.request(&row)).await;
            check(who, expected, &answer);
            if row.route.0 != "get" && answer.status < 300 {
                things = furnish(&house, &callers).await;
            }
        }
        for (kind, dead) in [("disabled", &callers.disabled), ("ended", &callers.ended)] {
            for (by, expected) in dead.iter().zip(row.dead) {
                let who = format!("{kind} {by:?}");
                check(&who, expected, &house.send(by, things.request(&row)).await);
            }
        }
        let by = if row.ends_sessions {
            house.sign_in(&callers.revoked).await
        } else {
            callers.revoked.by.clone()
        };
        let as_stranger = row.expected[1];
        check(
            "revoked",
            as_stranger,
            &house.send(&by, things.request(&row)).await,
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    house.stop().await;
}

#[tokio::test]
async fn in_open_mode_credentials_are_ignored_and_people_dont_exist() {
    let app = TestApp::start().await;
    let mut wrong = Vec::new();
    for (number, row) in rows().iter().enumerate() {
        let expected = row.expected[COLUMNS.len() - 1];
        for (by, at) in [
            (Credential::None, 0),
            (Credential::Cookie("nonsense".into()), 1),
            (Credential::Bearer("nonsense".into()), 2),
        ] {
            let things = furnish_open(&app, u32::try_from(number * 3 + at).unwrap()).await;
            let answer = app.send(by.on(things.request(row))).await;
            if expected != SAME && answer.status != expected {
                let (method, path) = row.route;
                wrong.push(format!(
                    "{method} {path} by {by:?}: {} instead of {expected}: {}",
                    answer.status,
                    answer.text()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.stop().await;
}

/// [`furnish`] where there is nobody.
async fn furnish_open(app: &TestApp, number: u32) -> Things {
    let place = |name: &str| Place {
        board: format!("board-{name}{number}"),
        list: format!("list-board-{name}{number}"),
        task: format!("task-{name}{number}"),
    };
    let (place, gone) = (place("a"), place("b"));
    for place in [&place, &gone] {
        app.add_board(&place.board).await;
        let body = json!({ "id": place.task, "listId": place.list, "title": "A task" });
        app.post("/tasks", &body).await.expect(201);
    }
    let things = Things::of(place, gone, number, None);
    things.delete_what_is_gone(app, &Credential::None).await;
    things
}

impl Things {
    /// Ids of nothing.
    fn none() -> Self {
        let place = || Place {
            board: "none".into(),
            list: "none".into(),
            task: "none".into(),
        };
        Self::of(place(), place(), 0, None)
    }
}

/// By nothing but the id can what exists be told from what doesn't.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_may_not_see_looks_like_what_does_not_exist() {
    let house = House::start().await;
    let callers = Callers::invite(&house).await;
    let things = furnish(&house, &callers).await;
    let unseeing = [
        Credential::None,
        callers.stranger.by.clone(),
        callers.revoked.by.clone(),
        callers.elsewhere.clone(),
        callers.ended[0].clone(),
        callers.disabled[1].clone(),
    ];
    for row in rows().iter().filter(|row| {
        row.path.contains("{board}")
            || row.path.contains("{list}")
            || row.path.contains("{task}")
            || row.path.contains("{gone")
    }) {
        for by in &unseeing {
            let real = house.send(by, things.request(row)).await;
            let none = house.send(by, Things::none().request(row)).await;
            assert_eq!(real.status, none.status, "{:?} by {by:?}", row.route);
            assert_eq!(seen_of(&real), seen_of(&none), "{:?} by {by:?}", row.route);
        }
    }
    house.stop().await;
}

/// All of an answer but what differs for the same answer twice.
fn seen_of(answer: &Answer) -> (Vec<(String, String)>, String) {
    let differs = ["x-request-id", "date"];
    let headers = answer.headers.iter();
    let headers = headers.filter(|(name, _)| !differs.contains(&name.to_lowercase().as_str()));
    (headers.cloned().collect(), answer.text())
}
