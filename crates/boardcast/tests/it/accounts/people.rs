//! People and boards: who may make whom what, and that nobody is left without an admin.

use super::{House, PASSWORD};
use serde_json::json;

#[tokio::test]
async fn a_board_is_shared_by_login_and_left_by_oneself() {
    let house = House::start().await;
    let (ada, bob) = (house.person("ada").await, house.person("bob").await);
    let place = house.place(&ada.by).await;
    let members = format!("/boards/{}/members", place.board);
    let body = json!({ "login": "BOB", "role": "editor" });
    let added = house.ask(&ada.by, "POST", &members, &body).await;
    assert_eq!(
        added.expect(201).json(),
        json!({ "userId": bob.id, "name": "bob", "login": "bob", "role": "editor", "disabled": false })
    );
    let again = house.ask(&ada.by, "POST", &members, &body).await;
    again.expect(200);
    let all = house.get(&bob.by, &members).await.expect(200).json();
    let roles: Vec<_> = all["members"].as_array().unwrap().iter().collect();
    assert_eq!(roles.len(), 2);
    let boards = house.get(&bob.by, "/boards").await.expect(200).json();
    assert_eq!(boards["boards"][0]["role"], "editor");
    let own = format!("{members}/{}", bob.id);
    house.delete(&bob.by, &own).await.expect(204);
    house.get(&bob.by, &members).await.expect(404);
    let boards = house.get(&bob.by, "/boards").await.expect(200).json();
    assert_eq!(boards["boards"], json!([]));
    let body = json!({ "login": "nobody-here", "role": "viewer" });
    let unknown = house.ask(&ada.by, "POST", &members, &body).await;
    assert!(matches!(unknown.status, 404 | 422), "{}", unknown.text());
    house.stop().await;
}

#[tokio::test]
async fn the_last_admin_stays() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let place = house.place(&ada.by).await;
    let own = format!("/boards/{}/members/{}", place.board, ada.id);
    let left = house.delete(&ada.by, &own).await;
    assert_eq!(left.expect(409).json()["code"], "last_admin");
    let body = json!({ "role": "editor" });
    let lower = house.ask(&ada.by, "PUT", &own, &body);
    assert_eq!(lower.await.expect(409).json()["code"], "last_admin");
    let me = house.get(&house.root, "/me").await.json();
    let root = format!("/users/{}", me["user"]["id"].as_str().unwrap());
    for body in [json!({ "isAdmin": false }), json!({ "disabled": true })] {
        let refused = house.ask(&house.root, "PATCH", &root, &body).await;
        assert_eq!(refused.expect(409).json()["code"], "last_admin");
    }
    house.stop().await;
}

#[tokio::test]
async fn somebody_disabled_is_out_and_comes_back_with_a_new_sign_in() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let path = format!("/users/{}", ada.id);
    let set = async |disabled: bool| {
        let body = json!({ "disabled": disabled });
        let set = house.ask(&house.root, "PATCH", &path, &body).await;
        assert_eq!(set.expect(200).json()["disabled"], disabled);
    };
    set(true).await;
    house.get(&ada.by, "/boards").await.expect(401);
    house.try_password("ada", PASSWORD).await.expect(401);
    set(false).await;
    house.get(&ada.by, "/boards").await.expect(401);
    let again = house.sign_in(&ada).await;
    house.get(&again, "/boards").await.expect(200);
    house.stop().await;
}

#[tokio::test]
async fn a_programs_account_acts_by_tokens_that_a_server_admin_makes() {
    let house = House::start().await;
    let body = json!({ "name": "Robot", "kind": "service" });
    let made = house.ask(&house.root, "POST", "/users", &body).await;
    let robot = made.expect(201).json()["user"].clone();
    assert_eq!(
        (&robot["kind"], &robot["login"]),
        (&json!("service"), &json!(null))
    );
    let id = robot["id"].as_str().unwrap();
    let tokens = format!("/users/{id}/tokens");
    let body = json!({ "name": "night run", "scope": "write" });
    let token = house.ask(&house.root, "POST", &tokens, &body).await;
    let token = token.expect(201).json();
    let by = super::Credential::Bearer(token["secret"].as_str().unwrap().into());
    assert_eq!(house.get(&by, "/me").await.json()["via"], "token");
    house.place(&by).await;
    let all = house.get(&house.root, &tokens).await.expect(200).json();
    assert_eq!(all["tokens"][0]["name"], "night run");
    let one = format!("{tokens}/{}", token["id"].as_str().unwrap());
    house.delete(&house.root, &one).await.expect(204);
    house.get(&by, "/boards").await.expect(401);
    house.stop().await;
}

/// It would be told a secret that never is good for anything.
#[tokio::test]
async fn nobody_gets_a_token_for_a_disabled_program() {
    let house = House::start().await;
    let body = json!({ "name": "Robot", "kind": "service" });
    let made = house.ask(&house.root, "POST", "/users", &body).await;
    let made = made.expect(201).json();
    let robot = format!("/users/{}", made["user"]["id"].as_str().unwrap());
    let set = async |disabled: bool| {
        let body = json!({ "disabled": disabled });
        let set = house.ask(&house.root, "PATCH", &robot, &body).await;
        set.expect(200);
    };
    let tokens = format!("{robot}/tokens");
    let token = json!({ "name": "night run", "scope": "write" });
    set(true).await;
    let refused = house.ask(&house.root, "POST", &tokens, &token).await;
    let refused = refused.expect(409).json();
    assert_eq!(refused["code"], "wrong_kind");
    let says = "This can't be done for a disabled account: enable it first.";
    assert_eq!(refused["detail"], says);
    let all = house.get(&house.root, &tokens).await.expect(200).json();
    assert_eq!(all["tokens"], json!([]));
    set(false).await;
    let token = house.ask(&house.root, "POST", &tokens, &token).await;
    let secret = token.expect(201).json()["secret"].clone();
    let by = super::Credential::Bearer(secret.as_str().unwrap().into());
    house.get(&by, "/boards").await.expect(200);
    house.stop().await;
}

#[tokio::test]
async fn everyone_is_listed_page_by_page() {
    let house = House::start().await;
    for login in ["ada", "bob", "cleo"] {
        house.person(login).await;
    }
    let mut seen = Vec::new();
    let mut path = "/users?limit=3".to_owned();
    loop {
        let page = house.get(&house.root, &path).await.expect(200).json();
        let users = page["users"].as_array().unwrap().iter();
        seen.extend(users.map(|user| user["login"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => path = format!("/users?limit=3&cursor={next}"),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, ["ada", "bob", "cleo", "root"]);
    house.stop().await;
}
