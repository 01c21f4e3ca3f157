//! The ways in which boards of this kind were broken: a test for each class.

use super::{Credential, House};
use crate::app::text;
use boardcast_sim::client::Request;
use serde_json::{Value, json};

/// A task named by its id alone, from a board that one may not see.
#[tokio::test]
async fn an_id_opens_nothing() {
    let house = House::start().await;
    let (ada, eve) = (house.person("ada").await, house.person("eve").await);
    let hers = house.place(&ada.by).await;
    let own = house.place(&eve.by).await;
    let task = format!("/tasks/{}", hers.task);
    house.get(&eve.by, &task).await.expect(404);
    for (method, path, body) in [
        ("PATCH", task.clone(), json!({ "title": "x" })),
        (
            "PATCH",
            format!("{task}/move"),
            json!({ "listId": own.list }),
        ),
        (
            "PATCH",
            format!("{task}/move"),
            json!({ "position": "top" }),
        ),
        ("POST", format!("{task}/restore"), json!({})),
        ("DELETE", task.clone(), json!({})),
    ] {
        let refused = house.ask(&eve.by, method, &path, &body).await;
        assert_eq!(refused.status, 404, "{method} {path}");
        assert!(!refused.text().contains("secret title"));
    }
    // A precondition tells nothing either.
    let probe = Request::new("DELETE", &task).header("if-match", "\"99\"");
    house.send(&eve.by, probe).await.expect(404);
    house.stop().await;
}

/// By moving or by naming what stands elsewhere.
#[tokio::test]
async fn nothing_crosses_into_or_out_of_a_board_without_rights_on_both() {
    let house = House::start().await;
    let (ada, eve) = (house.person("ada").await, house.person("eve").await);
    let hers = house.place(&ada.by).await;
    let own = house.place(&eve.by).await;
    let to = |list: &str| json!({ "listId": list });
    let own_task = format!("/tasks/{}/move", own.task);
    let her_task = format!("/tasks/{}/move", hers.task);
    let into = async || {
        house
            .ask(&eve.by, "PATCH", &own_task, &to(&hers.list))
            .await
    };
    let out_of = async || house.ask(&eve.by, "PATCH", &her_task, &to(&own.list)).await;
    into().await.expect(422);
    out_of().await.expect(404);
    house.let_in(&ada.by, &hers.board, &eve, "viewer").await;
    into().await.expect(403);
    out_of().await.expect(403);
    house.let_in(&ada.by, &hers.board, &eve, "editor").await;
    into().await.expect(200);
    let back = house.ask(&eve.by, "PATCH", &own_task, &to(&own.list)).await;
    back.expect(200);
    // A neighbour from a board that one may not see is no neighbour.
    let unseen = house.place(&ada.by).await;
    let body = json!({ "before": unseen.task });
    let refused = house.ask(&eve.by, "PATCH", &own_task, &body).await;
    assert_eq!(refused.expect(409).json()["code"], "neighbour_gone");
    house.stop().await;
}

/// That an id is taken is the one thing that is admitted, alike for everything.
#[tokio::test]
async fn making_what_exists_elsewhere_shows_nothing_of_it() {
    let house = House::start().await;
    let (ada, eve) = (house.person("ada").await, house.person("eve").await);
    let hers = house.place(&ada.by).await;
    let own = house.place(&eve.by).await;
    let body = json!({ "id": hers.board, "name": "A board" });
    let refused = house.ask(&eve.by, "POST", "/boards", &body).await;
    assert_eq!(refused.expect(409).json()["code"], "id_taken");
    let body = json!({ "id": hers.task, "listId": own.list, "title": "A secret title" });
    let refused = house.ask(&eve.by, "POST", "/tasks", &body).await;
    assert_eq!(refused.expect(409).json()["code"], "id_taken");
    house.stop().await;
}

/// An answer that is kept for a retry is for who asked, while they may see it.
#[tokio::test]
async fn an_idempotency_key_gives_nobody_elses_answer() {
    let house = House::start().await;
    let (ada, eve) = (house.person("ada").await, house.person("eve").await);
    let hers = house.place(&ada.by).await;
    house.let_in(&ada.by, &hers.board, &eve, "editor").await;
    let add = || {
        let body = json!({ "listId": hers.list, "title": "Once" });
        Request::new("POST", "/tasks")
            .json(&body)
            .header("idempotency-key", "k")
    };
    let first = house.send(&ada.by, add()).await.expect(201).json();
    let second = house.send(&eve.by, add()).await.expect(201).json();
    assert_ne!(first["id"], second["id"]);
    let again = house.send(&eve.by, add()).await.expect(201).json();
    assert_eq!(again["id"], second["id"]);
    let path = format!("/boards/{}/members/{}", hers.board, eve.id);
    house.delete(&ada.by, &path).await.expect(204);
    let refused = house.send(&eve.by, add()).await;
    assert_eq!(refused.status, 422);
    assert!(!refused.text().contains("Once"));
    house.stop().await;
}

/// By what it does and not by its path or method.
#[tokio::test]
async fn a_tokens_scope_is_what_it_may_do() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let place = house.place(&ada.by).await;
    let (_, reading) = house.token(&ada.by, "read").await;
    let (_, writing) = house.token(&ada.by, "write").await;
    let (_, ruling) = house.token(&ada.by, "admin").await;
    let task = format!("/tasks/{}", place.task);
    let board = format!("/boards/{}", place.board);
    let steps: [(&str, &str, Value, [u16; 3]); 6] = [
        ("PATCH", &task, json!({ "title": "x" }), [403, 200, 200]),
        ("DELETE", &task, json!({}), [403, 204, 404]),
        ("PATCH", &board, json!({ "name": "x" }), [403, 403, 200]),
        ("POST", "/boards", json!({ "name": "x" }), [403, 201, 201]),
        (
            "POST",
            "/me/tokens",
            json!({ "name": "x", "scope": "read" }),
            [403; 3],
        ),
        (
            "POST",
            "/users",
            json!({ "name": "x", "login": "xxx" }),
            [403; 3],
        ),
    ];
    for (method, path, body, expected) in steps {
        for (token, expected) in [&reading, &writing, &ruling].into_iter().zip(expected) {
            let answer = house.ask(token, method, path, &body).await;
            assert_eq!(
                answer.status,
                expected,
                "{method} {path}: {}",
                answer.text()
            );
        }
    }
    // Not even a server admin's token rules people.
    let (_, roots) = house.token(&house.root, "admin").await;
    house.get(&roots, "/users").await.expect(403);
    house.stop().await;
}

/// A token that its owner can no longer stand behind.
#[tokio::test]
async fn a_token_is_never_more_than_its_owner() {
    let house = House::start().await;
    let (ada, bob) = (house.person("ada").await, house.person("bob").await);
    let place = house.place(&ada.by).await;
    house.let_in(&ada.by, &place.board, &bob, "viewer").await;
    let (_, token) = house.token(&bob.by, "admin").await;
    let task = format!("/tasks/{}", place.task);
    house.get(&token, &task).await.expect(200);
    house.delete(&token, &task).await.expect(403);
    let path = format!("/boards/{}/members/{}", place.board, bob.id);
    house.delete(&ada.by, &path).await.expect(204);
    house.get(&token, &task).await.expect(404);
    let disable = json!({ "disabled": true });
    let path = format!("/users/{}", bob.id);
    let off = house.ask(&house.root, "PATCH", &path, &disable).await;
    off.expect(200);
    house.get(&token, &task).await.expect(401);
    house.stop().await;
}

/// Who wrote it is who was signed in, whatever the request says.
#[tokio::test]
async fn nobody_writes_in_anothers_name() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let place = house.place(&ada.by).await;
    let forged = json!({ "listId": place.list, "title": "x", "by": { "name": "root" } });
    let refused = house.ask(&ada.by, "POST", "/tasks", &forged).await;
    assert_eq!(refused.expect(422).json()["field"], "by");
    let (id, token) = house.token(&ada.by, "write").await;
    let body = json!({ "listId": place.list, "title": "x" });
    house.ask(&token, "POST", "/tasks", &body).await.expect(201);
    let page = Request::new("GET", format!("/boards/{}/events", place.board));
    let page = page.header("accept", "application/json");
    let page = house.send(&ada.by, page).await.expect(200).json();
    let events = page["events"].as_array().unwrap();
    let by = |at: usize| events[at]["data"]["by"].clone();
    let person = json!({ "type": "person", "id": ada.id, "name": "ada" });
    assert_eq!(by(0), person);
    let token = json!({
        "type": "token", "id": ada.id, "name": "ada", "tokenId": id, "tokenName": "write"
    });
    assert_eq!(by(events.len() - 1), token);
    house.stop().await;
}

/// Two credentials that disagree mean that somebody is mistaken about who they are.
#[tokio::test]
async fn a_good_credential_doesnt_vouch_for_a_bad_one() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let (_, good) = house.token(&ada.by, "read").await;
    let bad = Credential::Bearer(format!("bct_{}", "0".repeat(52)));
    let read = || Request::new("GET", "/boards");
    house.send(&good, ada.by.on(read())).await.expect(200);
    house.send(&bad, ada.by.on(read())).await.expect(401);
    let stale = Credential::Cookie("stale".into());
    house.send(&good, stale.on(read())).await.expect(401);
    let twice = ada.by.on(ada.by.on(read()));
    house.app.send(twice).await.expect(401);
    let basic = ada.by.on(read().header("authorization", "Basic eDp5"));
    house.app.send(basic).await.expect(401);
    // A secret is good for what it was drawn for, and nothing else.
    let (Credential::Cookie(cookie), Credential::Bearer(token)) = (ada.by, good) else {
        unreachable!("as they were made");
    };
    for wrong in [Credential::Bearer(cookie), Credential::Cookie(token)] {
        house.get(&wrong, "/boards").await.expect(401);
    }
    house.stop().await;
}

/// A form of another site can send cookies along, but no JSON and no origin of ours.
#[tokio::test]
async fn another_sites_form_changes_nothing() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let evil = "https://evil.example";
    for (path, body) in [
        ("/me/tokens", r#"{"name":"x","scope":"admin"}"#),
        (
            "/session",
            r#"{"login":"eve","password":"correct horse battery"}"#,
        ),
        ("/tickets", r#"{"boards":["board-1"]}"#),
    ] {
        let form = |kind: &str| {
            let request = Request::new("POST", path).body(body);
            ada.by.on(request.header("content-type", kind))
        };
        for kind in ["text/plain", "application/x-www-form-urlencoded"] {
            let refused = house.app.send(form(kind)).await;
            assert_eq!(refused.status, 415, "{path}");
        }
        let refused = form("application/json").header("origin", evil);
        house.app.send(refused).await.expect(403);
        let refused = form("application/json").header("sec-fetch-site", "cross-site");
        house.app.send(refused).await.expect(403);
    }
    let delete = ada.by.on(Request::new("DELETE", "/me/sessions"));
    house
        .app
        .send(delete.header("origin", evil))
        .await
        .expect(403);
    house.get(&ada.by, "/me/sessions").await.expect(200);
    house.stop().await;
}

/// DNS rebinding: a page of a name that suddenly means this machine, with whatever it may hold.
#[tokio::test]
async fn a_name_that_is_not_ours_gets_no_word_not_even_with_a_credential() {
    let house = House::start().await;
    let by = house.root.clone();
    for path in ["/me", "/boards", "/boards/board-1", "/me/tokens", "/users"] {
        let request = by.on(Request::new("GET", path));
        let refused = house.app.send(request.header("host", "evil.example")).await;
        refused.expect(421);
    }
    house.stop().await;
}

/// Nothing that is answered lets anyone take another's place.
#[tokio::test]
async fn no_answer_holds_a_secret_or_its_hash_but_the_one_that_gives_it() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let place = house.place(&ada.by).await;
    let (_, token) = house.token(&ada.by, "read").await;
    let Credential::Bearer(token) = token else {
        unreachable!("a token");
    };
    for (by, path) in [
        (&ada.by, "/me"),
        (&ada.by, "/me/sessions"),
        (&ada.by, "/me/tokens"),
        (&house.root, "/users"),
        (&ada.by, &*format!("/boards/{}/members", place.board)),
    ] {
        let shown = house.get(by, path).await.expect(200);
        for secret in ["bcs_", "bct_", "bci_", "$argon2", &token[4..]] {
            assert!(!shown.text().contains(secret), "{path}: {secret}");
        }
    }
    let id = text(&house.get(&ada.by, "/me").await.json()["user"]["id"]);
    assert_eq!(id, ada.id);
    house.stop().await;
}
