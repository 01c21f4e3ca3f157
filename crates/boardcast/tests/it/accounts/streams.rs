//! Streams, asked for by everyone: live, from an old place, of several boards, and as waiting pages.

use super::{Credential, House, Person, Place};
use crate::app::text;
use crate::stream::{START, greet, next};
use boardcast_sim::client::Request;
use boardcast_sim::stream::{EventStream, Opened};
use serde_json::json;

/// A board, who may see it, and who may not.
pub(super) struct Scene {
    pub(super) house: House,
    pub(super) ada: Person,
    pub(super) place: Place,
    pub(super) viewer: Person,
    may: Vec<(&'static str, Credential)>,
    may_not: Vec<(&'static str, Credential)>,
    dead: Vec<(&'static str, Credential)>,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let house = House::start().await;
        let ada = house.person("ada").await;
        let place = house.place(&ada.by).await;
        let viewer = house.person("viewer").await;
        let revoked = house.person("revoked").await;
        let stranger = house.person("stranger").await;
        let disabled = house.person("disabled").await;
        for person in [&viewer, &revoked, &disabled] {
            house.let_in(&ada.by, &place.board, person, "viewer").await;
        }
        let path = format!("/boards/{}/members/{}", place.board, revoked.id);
        house.delete(&ada.by, &path).await.expect(204);
        let path = format!("/users/{}", disabled.id);
        let body = json!({ "disabled": true });
        let off = house.ask(&house.root, "PATCH", &path, &body).await;
        off.expect(200);
        let ended = house.sign_in(&ada).await;
        house.delete(&ended, "/session").await.expect(204);
        let (_, reading) = house.token(&viewer.by, "read").await;
        let other = house.place(&ada.by).await;
        let body = json!({ "name": "x", "scope": "admin", "boards": [other.board] });
        let (_, elsewhere) = house.token_like(&ada.by, &body).await;
        let may = vec![
            ("viewer", viewer.by.clone()),
            ("admin", ada.by.clone()),
            ("reading token", reading),
        ];
        let may_not = vec![
            ("stranger", stranger.by),
            ("revoked", revoked.by),
            ("server admin", house.root.clone()),
            ("token for another board", elsewhere),
        ];
        let dead = vec![
            ("nobody", Credential::None),
            ("disabled", disabled.by),
            ("ended", ended),
        ];
        Self {
            house,
            ada,
            place,
            viewer,
            may,
            may_not,
            dead,
        }
    }

    pub(super) async fn open(&self, by: &Credential, path: &str) -> Opened {
        let header = by.header();
        let headers: Vec<_> = header
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let opened = EventStream::open(self.house.app.address(), path, &headers);
        opened.await.expect("an answer")
    }

    pub(super) async fn add(&self, title: &str) {
        let body = json!({ "listId": self.place.list, "title": title });
        let added = self.house.ask(&self.ada.by, "POST", "/tasks", &body).await;
        added.expect(201);
    }

    pub(super) fn path(&self, query: &str) -> String {
        format!("/boards/{}/events{query}", self.place.board)
    }
}

#[tokio::test]
async fn a_live_stream_is_for_members() {
    let scene = Scene::set().await;
    for (who, by) in &scene.may {
        let (mut stream, _) = greet(scene.open(by, &scene.path("")).await).await;
        scene.add(who).await;
        let event = next(&mut stream).await.json();
        assert_eq!(event["task"]["title"], *who);
        assert_eq!(event["by"]["name"], "ada");
    }
    for (who, by) in &scene.may_not {
        assert_eq!(scene.open(by, &scene.path("")).await.status, 404, "{who}");
    }
    for (who, by) in &scene.dead {
        let opened = scene.open(by, &scene.path("")).await;
        assert_eq!(opened.status, 401, "{who}");
        assert_eq!(opened.header("www-authenticate"), Some("Bearer"));
    }
    scene.house.stop().await;
}

/// 204 is what ends a browser's `EventSource`; anything else it would ask for again, or give up
/// without a word.
#[tokio::test]
async fn an_old_place_is_replayed_for_members_and_ends_for_everyone_else() {
    let scene = Scene::set().await;
    let path = scene.path(&format!("?after={START}"));
    for (who, by) in &scene.may {
        let (mut stream, _) = greet(scene.open(by, &path).await).await;
        let created = next(&mut stream).await.json();
        assert_eq!(created["type"], "board_created", "{who}");
    }
    for (who, by) in scene.may_not.iter().chain(&scene.dead) {
        assert_eq!(scene.open(by, &path).await.status, 204, "{who}");
        let header = by.header();
        let mut headers: Vec<_> = header
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        headers.push(("last-event-id", START));
        let path = scene.path("");
        let opened = EventStream::open(scene.house.app.address(), &path, &headers).await;
        assert_eq!(opened.unwrap().status, 204, "{who}");
    }
    scene.house.stop().await;
}

#[tokio::test]
async fn of_several_boards_everyone_gets_theirs() {
    let scene = Scene::set().await;
    let board = &scene.place.board;
    let hidden = scene.house.place(&scene.house.root).await.board;
    let path = format!("/events?boards={board},{hidden},none");
    for (who, by) in &scene.may {
        let (mut stream, _) = greet(scene.open(by, &path).await).await;
        let mut gone = Vec::new();
        for _ in 0..2 {
            let event = next(&mut stream).await.json();
            assert_eq!(event["type"], "board_gone", "{who}");
            gone.push(text(&event["boardId"]));
        }
        assert_eq!(gone, [hidden.as_str(), "none"], "{who}");
        scene.add(who).await;
        assert_eq!(next(&mut stream).await.json()["task"]["title"], *who);
        // The other board's change is not for this stream.
        let body = json!({ "boardId": hidden, "name": "Hidden" });
        let by_root = &scene.house.root;
        scene
            .house
            .ask(by_root, "POST", "/lists", &body)
            .await
            .expect(201);
        scene.add("after").await;
        assert_eq!(next(&mut stream).await.json()["task"]["title"], "after");
    }
    let path = format!("/events?boards={board}");
    for (who, by) in &scene.may_not {
        assert_eq!(scene.open(by, &path).await.status, 404, "{who}");
        let again = format!("{path}&after={board}:{START}");
        assert_eq!(scene.open(by, &again).await.status, 204, "{who}");
    }
    for (who, by) in &scene.dead {
        assert_eq!(scene.open(by, &path).await.status, 401, "{who}");
        let again = format!("{path}&after={board}:{START}");
        assert_eq!(scene.open(by, &again).await.status, 204, "{who}");
    }
    scene.house.stop().await;
}

#[tokio::test]
async fn a_page_of_the_log_is_for_members() {
    let scene = Scene::set().await;
    let page =
        |query: &str| Request::new("GET", scene.path(query)).header("accept", "application/json");
    for (who, by) in &scene.may {
        let answer = scene.house.send(by, page("")).await.expect(200).json();
        assert_eq!(
            answer["events"][0]["data"]["type"], "board_created",
            "{who}"
        );
    }
    for (who, by) in &scene.may_not {
        for query in ["", "?after=0-000000000000", "?wait=30"] {
            let status = scene.house.send(by, page(query)).await.status;
            assert_eq!(status, 404, "{who} {query}");
        }
    }
    for (who, by) in &scene.dead {
        for query in ["", "?after=0-000000000000", "?wait=30"] {
            let status = scene.house.send(by, page(query)).await.status;
            assert_eq!(status, 401, "{who} {query}");
        }
    }
    scene.house.stop().await;
}

#[tokio::test]
async fn a_lower_role_that_still_reads_keeps_its_stream() {
    let scene = Scene::set().await;
    let (house, viewer) = (&scene.house, &scene.viewer);
    let board = &scene.place.board;
    house.let_in(&scene.ada.by, board, viewer, "editor").await;
    let (mut stream, _) = greet(scene.open(&viewer.by, &scene.path("")).await).await;
    house.let_in(&scene.ada.by, board, viewer, "viewer").await;
    scene.add("for them").await;
    assert_eq!(next(&mut stream).await.json()["task"]["title"], "for them");
    drop(stream);
    scene.house.stop().await;
}
