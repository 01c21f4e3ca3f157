//! What the log says of a whole session, at its most talkative: no secret.

use super::PASSWORD;
use crate::app::{text, until};
use boardcast_core::limits::TRIES_PER_LOGIN_MAX;
use boardcast_sim::client::{Answer, Client, Request};
use boardcast_sim::program::Program;
use boardcast_sim::stream::EventStream;
use serde_json::{Value, json};

const WRONG: &str = "refused a wrong login, password or code";

#[tokio::test]
async fn the_log_never_holds_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("test.db");
    let binary = env!("CARGO_BIN_EXE_boardcast");
    let loud = ["--log", "boardcast=trace,info"];
    let started = Program::start(binary, &data, &loud, &[]).await;
    let mut program = started.expect("the program starts");
    let client = Client::new(program.addr());
    until("the code is told", || program.output().contains("/#setup")).await;
    let said = program.output();
    let code = said
        .split("type ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    let code = code.unwrap_or_else(|| panic!("no code: {said}")).to_owned();

    let ask = async |method: &str, path: &str, by: &str, body: &Value| -> Answer {
        let request = Request::new(method, path).json(body);
        let (name, value) = by.split_once(": ").unwrap_or(("x-nobody", "x"));
        let answer = client.send(request.header(name, value)).await;
        answer.expect("an answer")
    };
    let guess =
        json!({ "code": "WRNG-CDE", "login": "root", "name": "Root", "password": PASSWORD });
    ask("POST", "/setup", "", &guess).await.expect(403);
    until("the wrong code is told", || {
        program.output().contains(WRONG)
    })
    .await;
    let me = json!({ "code": code, "login": "root", "name": "Root", "password": PASSWORD });
    let set_up = ask("POST", "/setup", "", &me).await.expect(201);
    let super::Credential::Cookie(session) = super::cookie_of(&set_up) else {
        unreachable!("a cookie");
    };
    let cookie = format!("cookie: boardcast={session}");
    let body = json!({ "name": "robot", "scope": "admin" });
    let token = ask("POST", "/me/tokens", &cookie, &body).await.expect(201);
    let token = text(&token.json()["secret"]);
    let bearer = format!("authorization: Bearer {token}");
    let body = json!({ "name": "Ada", "login": "ada" });
    let invite = ask("POST", "/users", &cookie, &body).await.expect(201);
    let invite = text(&invite.json()["invite"]);
    let body = json!({ "invite": invite, "password": PASSWORD });
    ask("POST", "/invites/accept", "", &body).await.expect(200);
    let body = json!({ "boards": ["board-1"] });
    let ticket = ask("POST", "/tickets", &bearer, &body).await.expect(201);
    let ticket = text(&ticket.json()["ticket"]);
    let path = format!("/boards/board-1/events?ticket={ticket}");
    for expected in [200, 401] {
        let opened = EventStream::open(program.addr(), &path, &[]).await;
        assert_eq!(opened.unwrap().status, expected);
    }
    // People type a password where the login belongs, and mistype it.
    let slip = "my-secret-passphrase";
    let body = json!({ "login": slip, "password": format!("{slip}!") });
    ask("POST", "/session", "", &body).await.expect(401);
    let body = json!({ "current": slip, "new": PASSWORD });
    ask("POST", "/me/password", &cookie, &body)
        .await
        .expect(403);
    let body = json!({ "login": "root", "password": PASSWORD });
    ask("POST", "/session", &cookie, &body).await.expect(200);
    let body = json!({ "login": "nobody", "password": format!("{slip}?") });
    for _ in 0..TRIES_PER_LOGIN_MAX {
        ask("POST", "/session", "", &body).await.expect(401);
    }
    ask("POST", "/session", "", &body).await.expect(429);
    let wrong = format!("authorization: Bearer {token}x");
    ask("DELETE", "/tasks/task-try", &wrong, &json!({}))
        .await
        .expect(401);

    let before = said.len();
    let status = program.terminate().await.expect("it ends");
    assert!(status.success(), "{status}");
    let log = program.output();
    assert!(log.contains("answered") && log.len() > before, "{log}");
    let told = |what: &str| {
        let is_told = |line: &&str| line.contains("security") && line.contains(what);
        log.lines().filter(is_told).count()
    };
    // Of one kind there are ten lines a minute at most.
    assert!(told(WRONG) >= 3, "{log}");
    assert_eq!(told("too many were tried"), 1, "{log}");
    for secret in [&*session, &token, &invite, &ticket, PASSWORD, slip] {
        assert!(!log.contains(secret), "{secret} in {log}");
        // Not a piece of it either.
        let piece = &secret[..secret.len().min(16)];
        assert!(!log.contains(piece), "{piece} in {log}");
    }
}
