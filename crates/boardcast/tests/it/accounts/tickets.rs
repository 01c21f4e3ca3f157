//! Tickets let one stream in, once.

use super::{Credential, House};
use crate::app::text;
use crate::stream::{greet, next};
use boardcast_sim::client::Request;
use boardcast_sim::stream::{EventStream, Opened};
use serde_json::json;

async fn draw(house: &House, by: &Credential, boards: &[&str]) -> String {
    let drawn = house
        .ask(by, "POST", "/tickets", &json!({ "boards": boards }))
        .await;
    text(&drawn.expect(201).json()["ticket"])
}

async fn open(house: &House, path: &str) -> Opened {
    EventStream::open(house.app.address(), path, &[])
        .await
        .expect("an answer")
}

#[tokio::test]
async fn a_ticket_opens_one_stream_of_its_boards() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let place = house.place(&ada.by).await;
    let ticket = draw(&house, &ada.by, &[&place.board]).await;
    let path = format!("/boards/{}/events?ticket={ticket}", place.board);
    let (mut stream, _) = greet(open(&house, &path).await).await;
    let body = json!({ "listId": place.list, "title": "Seen" });
    house
        .ask(&ada.by, "POST", "/tasks", &body)
        .await
        .expect(201);
    assert_eq!(next(&mut stream).await.json()["task"]["title"], "Seen");
    // Spent: a copy of the address from a log or a history is worth nothing.
    assert_eq!(open(&house, &path).await.status, 401);
    // A browser that comes back with its place is told not to.
    assert_eq!(open(&house, &format!("{path}&after=x")).await.status, 204);
    drop(stream);
    house.stop().await;
}

#[tokio::test]
async fn a_ticket_is_good_for_nothing_but_streams_of_its_boards() {
    let house = House::start().await;
    let ada = house.person("ada").await;
    let (one, other) = (house.place(&ada.by).await, house.place(&ada.by).await);
    let ticket = async || draw(&house, &ada.by, &[&one.board]).await;
    let path = format!("/boards/{}/events?ticket={}", other.board, ticket().await);
    assert_eq!(open(&house, &path).await.status, 401);
    let both = format!("{},{}", one.board, other.board);
    let path = format!("/events?boards={both}&ticket={}", ticket().await);
    assert_eq!(open(&house, &path).await.status, 401);
    for path in [
        format!("/boards/{}?ticket={}", one.board, ticket().await),
        format!("/boards?ticket={}", ticket().await),
        format!("/me/sessions?ticket={}", ticket().await),
    ] {
        house.get(&Credential::None, &path).await.expect(401);
    }
    let page = format!("/boards/{}/events?ticket={}", one.board, ticket().await);
    let page = Request::new("GET", page).header("accept", "application/json");
    house.app.send(page).await.expect(401);
    let bearer = Credential::Bearer(ticket().await);
    house.get(&bearer, "/boards").await.expect(401);
    house.stop().await;
}

/// What the ticket's owner may see is looked at when it is spent.
#[tokio::test]
async fn a_ticket_is_worth_what_its_owner_may_see_now() {
    let house = House::start().await;
    let (ada, bob) = (house.person("ada").await, house.person("bob").await);
    let place = house.place(&ada.by).await;
    house.let_in(&ada.by, &place.board, &bob, "viewer").await;
    let stream = async |ticket: &str| {
        let path = format!("/boards/{}/events?ticket={ticket}", place.board);
        open(&house, &path).await.status
    };
    let ticket = draw(&house, &bob.by, &[&place.board]).await;
    let path = format!("/boards/{}/members/{}", place.board, bob.id);
    house.delete(&ada.by, &path).await.expect(204);
    assert_eq!(stream(&ticket).await, 404);
    house.let_in(&ada.by, &place.board, &bob, "viewer").await;
    let ticket = draw(&house, &bob.by, &[&place.board]).await;
    house.delete(&bob.by, "/session").await.expect(204);
    assert_eq!(stream(&ticket).await, 401);
    house.stop().await;
}

#[tokio::test]
async fn tickets_that_nobody_spends_are_bounded() {
    let house = House::start().await;
    let body = json!({ "boards": ["board-1"] });
    let draw = async || house.ask(&house.root, "POST", "/tickets", &body).await;
    let mut drawn = 0;
    let full = loop {
        let answer = draw().await;
        if answer.status != 201 {
            break answer;
        }
        drawn += 1;
    };
    assert_eq!(drawn, boardcast_core::limits::TICKETS_PER_CALLER_MAX);
    assert_eq!(full.expect(429).json()["code"], "too_many_tickets");
    house.stop().await;
}
