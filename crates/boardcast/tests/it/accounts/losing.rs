//! What takes rights away also ends the streams that stand on them, before it is answered.

use super::House;
use super::streams::Scene;
use crate::app::PATIENCE;
use crate::stream::greet;
use boardcast_sim::stream::EventStream;
use serde_json::json;

/// Nothing more may come.
pub(super) async fn expect_end(mut stream: EventStream) {
    // Nothing at all, not even a heartbeat.
    if let Ok(Some(block)) = stream.next_within(PATIENCE).await {
        panic!("it goes on: {block:?}");
    }
}

#[tokio::test]
async fn losing_access_ends_the_stream_before_the_next_event() {
    for way in ["member", "session", "everywhere", "disabled", "password"] {
        let scene = Scene::set().await;
        let (house, viewer) = (&scene.house, &scene.viewer);
        let (stream, _) = greet(scene.open(&viewer.by, &scene.path("")).await).await;
        let session = &viewer.by;
        let lost = match way {
            "member" => {
                let path = format!("/boards/{}/members/{}", scene.place.board, viewer.id);
                house.delete(&scene.ada.by, &path).await
            }
            "session" => house.delete(session, "/session").await,
            "everywhere" => house.delete(session, "/me/sessions").await,
            "disabled" => {
                let path = format!("/users/{}", viewer.id);
                let body = json!({ "disabled": true });
                house.ask(&house.root, "PATCH", &path, &body).await
            }
            _ => {
                let body = json!({ "current": super::PASSWORD, "new": "another password" });
                house.ask(session, "POST", "/me/password", &body).await
            }
        };
        assert!(lost.status < 300, "{way}: {}", lost.text());
        scene.add("not for them").await;
        expect_end(stream).await;
        scene.house.stop().await;
    }
}

#[tokio::test]
async fn a_token_that_ends_takes_its_streams_along_and_no_others() {
    for ends_itself in [false, true] {
        let scene = Scene::set().await;
        let (house, viewer) = (&scene.house, &scene.viewer.by);
        let (id, token) = house.token(viewer, "read").await;
        let (_, other_token) = house.token(viewer, "read").await;
        let mut lost = Vec::new();
        for by in [&token, &token, viewer, &other_token] {
            lost.push(greet(scene.open(by, &scene.path("")).await).await.0);
        }
        let kept = lost.split_off(2);
        let ended = if ends_itself {
            house.delete(&token, "/session").await
        } else {
            house.delete(viewer, &format!("/me/tokens/{id}")).await
        };
        ended.expect(204);
        scene.add("not for that token").await;
        for stream in lost {
            expect_end(stream).await;
        }
        for mut stream in kept {
            let block = crate::stream::next(&mut stream).await;
            assert_eq!(block.json()["task"]["title"], "not for that token");
        }
        scene.house.stop().await;
    }
}

#[tokio::test]
async fn switching_accounts_on_ends_every_open_stream() {
    let app = crate::app::TestApp::start().await;
    let stream = crate::stream::watch(&app).await;
    let house = House::around(app).await;
    let body = json!({ "listId": "list-todo", "title": "not for them" });
    let added = house.ask(&house.root, "POST", "/tasks", &body).await;
    added.expect(201);
    expect_end(stream).await;
    house.stop().await;
}
