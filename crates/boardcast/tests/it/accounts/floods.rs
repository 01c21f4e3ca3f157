//! Guessing: how often, how costly, and what it tells.

use super::{House, PASSWORD};
use crate::app::TestApp;
use boardcast_core::limits::{TRIES_PER_ADDRESS_MAX, TRIES_PER_LOGIN_MAX};
use boardcast_sim::client::Request;
use futures_util::future::join_all;
use serde_json::json;

/// By the answer: unknown, without a password, disabled and wrong. And by the work: one hash each.
#[tokio::test]
async fn nothing_tells_whether_there_is_such_a_login() {
    let house = House::start().await;
    house.person("ada").await;
    let off = house.person("off").await;
    let path = format!("/users/{}", off.id);
    let body = json!({ "disabled": true });
    house
        .ask(&house.root, "PATCH", &path, &body)
        .await
        .expect(200);
    let body = json!({ "name": "New", "login": "new" });
    house
        .ask(&house.root, "POST", "/users", &body)
        .await
        .expect(201);
    let hashed = || house.app.server().auth().passwords.hashed();
    let mut answers = Vec::new();
    for (login, password) in [
        ("nobody", PASSWORD),
        ("new", PASSWORD),
        ("off", PASSWORD),
        ("ada", "not her password"),
        ("ada", "short"),
        ("not a login", PASSWORD),
    ] {
        let before = hashed();
        let answer = house.try_password(login, password).await.expect(401);
        assert_eq!(hashed() - before, 1, "{login}");
        answers.push(answer.text());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].contains("wrong_login"));
    house.stop().await;
}

#[tokio::test]
async fn guesses_are_counted_and_cost_nothing_once_they_are_too_many() {
    let house = House::start().await;
    house.person("ada").await;
    let guess = |number: u32| {
        let body = json!({ "login": "ada", "password": format!("guess number {number}") });
        house.app.send(Request::new("POST", "/session").json(&body))
    };
    // All at once: none slips through while the others are looked at.
    let answers = join_all((0..3 * TRIES_PER_LOGIN_MAX).map(guess)).await;
    let wrong = answers.iter().filter(|answer| answer.status == 401);
    assert_eq!(u32::try_from(wrong.count()).unwrap(), TRIES_PER_LOGIN_MAX);
    let before = house.app.server().auth().passwords.hashed();
    let late = house.try_password("ada", PASSWORD).await.expect(429);
    assert_eq!(late.json()["code"], "too_many_tries");
    assert!(late.header("retry-after").is_some());
    assert_eq!(house.app.server().auth().passwords.hashed(), before);
    // Somebody else behind the same address signs in.
    house.try_password("root", PASSWORD).await.expect(200);
    house.stop().await;
}

/// A lockout is no weapon: who signed in on a device before still can, whatever strangers try.
#[tokio::test]
async fn strangers_can_lock_nobody_out_of_their_own_device() {
    let house = House::start().await;
    house.person("ada").await;
    let signed_in = house.try_password("ada", PASSWORD).await.expect(200);
    let device = signed_in.headers.iter().find_map(|(name, value)| {
        let is_cookie = name.eq_ignore_ascii_case("set-cookie");
        let is_device = is_cookie && value.starts_with("boardcast_device=");
        is_device.then(|| value.split(';').next().unwrap().to_owned())
    });
    let device = device.expect("a cookie");
    let mut tries = 0;
    while house.try_password("ada", "a guess of eve's").await.status == 401 {
        tries += 1;
    }
    assert_eq!(tries, TRIES_PER_LOGIN_MAX);
    house.try_password("ada", PASSWORD).await.expect(429);
    let body = json!({ "login": "ada", "password": PASSWORD });
    let known = Request::new("POST", "/session")
        .json(&body)
        .header("cookie", device);
    house.app.send(known).await.expect(200);
    house.stop().await;
}

#[tokio::test]
async fn many_logins_from_one_address_are_one_guesser() {
    let house = House::start().await;
    for number in 0..TRIES_PER_ADDRESS_MAX {
        let login = format!("nobody-{number}");
        house.try_password(&login, PASSWORD).await.expect(401);
    }
    house.try_password("one-more", PASSWORD).await.expect(429);
    house.stop().await;
}

/// A proxy that is believed says who came; what the client itself wrote before that is nobody's word.
#[tokio::test]
async fn a_header_makes_nobody_come_from_elsewhere() {
    let app = TestApp::start_with(|args| args.trusted_proxies = vec!["loopback".into()]).await;
    let house = House::around(app).await;
    let guess = |number: u32| {
        let body = json!({ "login": "ada", "password": "a guess of eve's" });
        let claimed = format!("203.0.113.{number}, 192.0.2.1");
        let request = Request::new("POST", "/session").json(&body);
        let request = request.header("x-forwarded-for", claimed);
        house.app.send(request.header("x-forwarded-proto", "https"))
    };
    for number in 0..TRIES_PER_LOGIN_MAX {
        guess(number).await.expect(401);
    }
    guess(200).await.expect(429);
    house.stop().await;
}
