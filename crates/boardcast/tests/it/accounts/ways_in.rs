//! The ways in and out: the first account, signing in, links to set a password, and their cookies.

use super::{Credential, House, PASSWORD, cookie_of, set_up};
use crate::app::{TestApp, TimeSpan, text};
use boardcast_sim::client::{Answer, Request};
use serde_json::{Value, json};

fn set_cookies(answer: &Answer) -> Vec<&str> {
    let all = answer.headers.iter();
    all.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
        .map(|(_, value)| value.as_str())
        .collect()
}

async fn me(app: &TestApp, by: &Credential) -> Value {
    app.send(by.on(Request::new("GET", "/me")))
        .await
        .expect(200)
        .json()
}

#[tokio::test]
async fn the_code_of_the_server_makes_the_first_account_once() {
    let mut app = TestApp::start().await;
    assert_eq!(
        me(&app, &Credential::None).await,
        json!({ "mode": "open", "user": null, "via": null, "canSetUp": true })
    );
    let code = app.server().setup_code().unwrap().to_owned();
    let answer = set_up(&app, "Root@Example.org").await.expect(201);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let user = answer.json()["user"].clone();
    assert_eq!(user["login"], "root@example.org");
    assert_eq!(user["isAdmin"], true);
    let root = cookie_of(&answer);
    assert_eq!(me(&app, &root).await["user"], user);
    assert_eq!(me(&app, &root).await["via"], "session");
    // The boards of before are the first person's.
    app.get("/boards/board-1").await.expect(401);
    let board = root.on(Request::new("GET", "/boards/board-1"));
    app.send(board).await.expect(200);
    // The code is worth nothing any more, and accounts stay on.
    let again = json!({ "code": code, "login": "eve", "name": "Eve", "password": PASSWORD });
    app.post("/setup", &again).await.expect(409);
    app.pause().await;
    app.resume().await;
    assert_eq!(app.server().setup_code(), None);
    app.post("/setup", &again).await.expect(409);
    assert_eq!(me(&app, &Credential::None).await["mode"], "accounts");
    assert_eq!(me(&app, &root).await["user"], user);
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_code_makes_nobody() {
    let app = TestApp::start().await;
    let body = json!({ "code": "0000-0000-0000-0000", "login": "eve", "name": "Eve", "password": PASSWORD });
    let refused = app.post("/setup", &body).await.expect(403).json();
    assert_eq!(refused["code"], "wrong_code");
    app.get("/boards").await.expect(200);
    while app.post("/setup", &body).await.status == 403 {}
    let late = app.post("/setup", &body).await.expect(429);
    assert!(late.header("retry-after").is_some());
    // Whoever guesses shuts out nobody but their own address; here it is the same one.
    set_up(&app, "root").await.expect(429);
    app.stop().await;
}

#[tokio::test]
async fn signing_in_and_out_begins_and_ends_a_session() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let session = house.sign_in(&ada).await;
    house.get(&session, "/boards").await.expect(200);
    let out = house.delete(&session, "/session").await.expect(204);
    assert!(set_cookies(&out)[0].starts_with("boardcast=; Path=/; Max-Age=0;"));
    let refused = house.get(&session, "/boards").await.expect(401);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    assert_eq!(refused.json()["code"], "not_signed_in");
    // The other session of the same person goes on.
    house.get(&ada.by, "/boards").await.expect(200);
    house.stop().await;
}

/// Whatever it may, a token can be given up by whoever has it: `boardcast logout` does that.
#[tokio::test]
async fn a_token_that_signs_out_has_ended_and_nothing_else_has() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let place = house.place(&ada.by).await;
    let limited = json!({ "name": "one board", "scope": "read", "boards": [place.board] });
    for body in [
        limited,
        json!({ "name": "robot", "scope": "read" }),
        json!({ "name": "robot", "scope": "admin" }),
    ] {
        let (_, token) = house.token_like(&ada.by, &body).await;
        let (_, other) = house.token_like(&ada.by, &body).await;
        let out = house.delete(&token, "/session").await.expect(204);
        assert_eq!(set_cookies(&out), [""; 0]);
        for path in ["/boards", "/me"] {
            let refused = house.get(&token, path).await.expect(401);
            assert_eq!(refused.json()["code"], "not_signed_in");
        }
        house.delete(&token, "/session").await.expect(401);
        for still_good in [&other, &ada.by] {
            house.get(still_good, "/boards").await.expect(200);
        }
    }
    let tokens = house.get(&ada.by, "/me/tokens").await.json();
    assert_eq!(tokens["tokens"].as_array().map(Vec::len), Some(3));
    house.stop().await;
}

/// The token was given on purpose, the cookie came along.
#[tokio::test]
async fn a_token_beside_a_cookie_signs_out_alone() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let (_, token) = house.token(&ada.by, "write").await;
    let both = ada.by.on(token.on(Request::new("DELETE", "/session")));
    let out = house.app.send(both).await.expect(204);
    assert_eq!(set_cookies(&out), [""; 0]);
    house.get(&token, "/boards").await.expect(401);
    house.get(&ada.by, "/boards").await.expect(200);
    // A page of another site can't have either of them ended, by a cookie or with one beside a token.
    let (_, token) = house.token(&ada.by, "write").await;
    for request in [
        ada.by.on(Request::new("DELETE", "/session")),
        token.on(Request::new("DELETE", "/session")),
        ada.by.on(token.on(Request::new("DELETE", "/session"))),
    ] {
        let foreign = request.header("origin", "https://evil.example");
        let refused = house.app.send(foreign).await.expect(403);
        assert_eq!(refused.json()["code"], "cross_origin");
    }
    for still_good in [&token, &ada.by] {
        house.get(still_good, "/boards").await.expect(200);
    }
    house.stop().await;
}

/// Whatever of it is still on its way happened before that, and was answered, or never happens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_signs_out_amid_what_it_asks_for() {
    const WRITES: usize = 40;
    let house = House::start().await;
    let ada = house.person("ada").await;
    let place = house.place(&ada.by).await;
    let (_, token) = house.token(&ada.by, "write").await;
    let add = |n: usize| {
        let task = json!({ "listId": place.list, "title": format!("Task {n}") });
        let request = Request::new("POST", "/tasks").json(&task);
        token.on(request.header("Idempotency-Key", format!("k{n}")))
    };
    let sign_out = || token.on(Request::new("DELETE", "/session"));
    let writes = (0..WRITES).map(|n| {
        let request = if n % 20 == 10 { sign_out() } else { add(n) };
        house.app.send(request)
    });
    let answers = futures_util::future::join_all(writes).await;
    let count = |status: u16| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!(count(204), 1, "it ended once");
    assert_eq!(count(201) + count(204) + count(401), WRITES);
    for n in (0..WRITES).filter(|n| n % 20 != 10) {
        house.app.send(add(n)).await.expect(401);
    }
    let board = house
        .get(&ada.by, &format!("/boards/{}", place.board))
        .await;
    assert_eq!(board.text().matches("\"Task ").count(), count(201));
    house.stop().await;
}

/// What it wrote is done; what is sent again by it is nobody's.
#[tokio::test]
async fn a_token_that_has_signed_out_gets_no_kept_answer() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let place = house.place(&ada.by).await;
    let (_, token) = house.token(&ada.by, "write").await;
    let add = || {
        let task = json!({ "listId": place.list, "title": "Once" });
        let request = Request::new("POST", "/tasks").json(&task);
        token.on(request.header("Idempotency-Key", "k"))
    };
    let task = house.app.send(add()).await.expect(201).json();
    let out = Request::new("DELETE", "/session").header("Idempotency-Key", "k");
    house.send(&token, out).await.expect(204);
    house.app.send(add()).await.expect(401);
    let path = format!("/tasks/{}", text(&task["id"]));
    house.get(&ada.by, &path).await.expect(200);
    let board = house
        .get(&ada.by, &format!("/boards/{}", place.board))
        .await;
    assert_eq!(board.text().matches("\"Once\"").count(), 1);
    house.stop().await;
}

#[tokio::test]
async fn signing_in_again_replaces_the_session_that_asked() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let body = json!({ "login": "ada", "password": PASSWORD });
    let again = house.ask(&ada.by, "POST", "/session", &body).await;
    let again = cookie_of(&again.expect(200));
    assert_ne!(again, ada.by);
    house.get(&again, "/boards").await.expect(200);
    house.get(&ada.by, "/boards").await.expect(401);
    house.stop().await;
}

/// Session fixation: whoever planted it knows it.
#[tokio::test]
async fn a_cookie_from_before_signing_in_is_worth_nothing_afterwards() {
    let house = House::start().await;
    house.person("ada").await;
    let planted = Credential::Cookie(format!("bcs_{}", "0".repeat(52)));
    let body = json!({ "login": "ada", "password": PASSWORD });
    let signed_in = house.ask(&planted, "POST", "/session", &body).await;
    assert_ne!(cookie_of(&signed_in.expect(200)), planted);
    house.get(&planted, "/boards").await.expect(401);
    house.stop().await;
}

#[tokio::test]
async fn cookies_are_for_the_server_alone() {
    let house = House::start().await;
    house.person("ada").await;
    let plain = house.try_password("ada", PASSWORD).await.expect(200);
    let cookies = set_cookies(&plain);
    assert_eq!(cookies.len(), 2);
    for cookie in cookies {
        assert!(cookie.ends_with("; HttpOnly; SameSite=Lax"), "{cookie}");
        assert!(cookie.contains("; Path=/;") && !cookie.contains("Domain"));
    }
    house.stop().await;
}

#[tokio::test]
async fn over_https_cookies_are_bound_to_the_host() {
    let app = TestApp::start_with(|args| args.trusted_proxies = vec!["loopback".into()]).await;
    let house = House::around(app).await;
    house.person("ada").await;
    let proto = |request: Request, proto: &str| request.header("x-forwarded-proto", proto);
    let body = json!({ "login": "ada", "password": PASSWORD });
    let sign_in = || Request::new("POST", "/session").json(&body);
    let answer = house.app.send(proto(sign_in(), "https")).await.expect(200);
    let cookies = set_cookies(&answer);
    assert!(
        cookies[0].starts_with("__Host-boardcast=bcs_"),
        "{cookies:?}"
    );
    assert!(cookies[1].starts_with("__Host-boardcast_device="));
    for cookie in &cookies {
        assert!(
            cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"),
            "{cookie}"
        );
    }
    let pair = cookies[0].split(';').next().unwrap().to_owned();
    let read = || Request::new("GET", "/boards");
    let own = proto(read().header("cookie", &pair), "https");
    house.app.send(own).await.expect(200);
    // The same secret under the name that another site could set.
    let bare = pair.replace("__Host-", "");
    let planted = proto(read().header("cookie", &bare), "https");
    house.app.send(planted).await.expect(401);
    // And a password that travelled in the open is refused.
    let open = house.app.send(proto(sign_in(), "http")).await.expect(403);
    assert_eq!(open.json()["code"], "https_needed");
    house.stop().await;
}

#[tokio::test]
async fn whoever_pretends_to_be_a_proxy_is_not_signed_in_over_plain_http() {
    let house = House::start().await;
    house.person("ada").await;
    let body = json!({ "login": "ada", "password": PASSWORD });
    let pretender = Request::new("POST", "/session")
        .json(&body)
        .header("x-forwarded-proto", "https");
    let refused = house.app.send(pretender).await.expect(403);
    assert_eq!(refused.json()["code"], "https_needed");
    house.stop().await;
}

#[tokio::test]
async fn a_link_sets_one_password() {
    let house = House::start().await;
    let body = json!({ "name": "Ada", "login": "ada" });
    let made = house.ask(&house.root, "POST", "/users", &body).await;
    let made = made.expect(201).json();
    assert_eq!(made["user"]["disabled"], false);
    let (first, id) = (text(&made["invite"]), text(&made["user"]["id"]));
    house.try_password("ada", PASSWORD).await.expect(401);
    let path = format!("/users/{id}/invite");
    let second = house.send(&house.root, Request::new("POST", path)).await;
    let second = text(&second.expect(201).json()["invite"]);
    let accept = async |invite: &str, password: &str| {
        let body = json!({ "invite": invite, "password": password, "name": "Ada L." });
        let nobody = Credential::None;
        house.ask(&nobody, "POST", "/invites/accept", &body).await
    };
    let gone = accept(&first, PASSWORD).await.expect(410).json();
    assert_eq!(gone["code"], "invite_gone");
    let short = accept(&second, "too short").await.expect(422).json();
    assert_eq!(short["field"], "password");
    let ada = accept(&second, PASSWORD).await.expect(200);
    assert_eq!(ada.json()["user"]["name"], "Ada L.");
    house.get(&cookie_of(&ada), "/boards").await.expect(200);
    accept(&second, PASSWORD).await.expect(410);
    house.try_password("ada", PASSWORD).await.expect(200);
    house.stop().await;
}

#[tokio::test]
async fn a_link_ends_after_a_week() {
    let house = House::start().await;
    let body = json!({ "name": "Ada", "login": "ada" });
    let made = house.ask(&house.root, "POST", "/users", &body).await;
    let body = json!({ "invite": made.expect(201).json()["invite"], "password": PASSWORD });
    house.app.clock().jump(TimeSpan::days(8));
    let late = house.ask(&Credential::None, "POST", "/invites/accept", &body);
    late.await.expect(410);
    house.stop().await;
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let other = house.sign_in(&ada).await;
    let body = json!({ "current": "not my password", "new": "another password" });
    let wrong = house.ask(&ada.by, "POST", "/me/password", &body).await;
    assert_eq!(wrong.expect(403).json()["code"], "wrong_password");
    let body = json!({ "current": PASSWORD, "new": "another password" });
    let changed = house.ask(&ada.by, "POST", "/me/password", &body).await;
    let now = cookie_of(&changed.expect(200));
    house.get(&now, "/boards").await.expect(200);
    for ended in [&other, &ada.by] {
        house.get(ended, "/boards").await.expect(401);
    }
    house.try_password("ada", PASSWORD).await.expect(401);
    house
        .try_password("ada", "another password")
        .await
        .expect(200);
    house.stop().await;
}

#[tokio::test]
async fn sessions_end_when_nobody_uses_them_and_at_the_latest_after_half_a_year() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let seen = async || {
        let sessions = house.get(&ada.by, "/me/sessions").await.expect(200).json();
        text(&sessions["sessions"][0]["seenAt"])
    };
    for _ in 0..7 {
        let before = seen().await;
        house.app.clock().jump(TimeSpan::days(25));
        house.get(&ada.by, "/boards").await.expect(200);
        // A use is noted behind the answer.
        while seen().await == before {}
    }
    house.app.clock().jump(TimeSpan::days(6));
    house.get(&ada.by, "/boards").await.expect(401);
    let idle = house.sign_in(&ada).await;
    house.app.clock().jump(TimeSpan::days(31));
    house.get(&idle, "/boards").await.expect(401);
    house.stop().await;
}
