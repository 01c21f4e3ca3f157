//! That the judge finds what isn't as documented, and lets pass what is.

use super::judge;
use boardcast_sim::client::Answer;
use boardcast_sim::hearing::{Heard, Said};
use boardcast_sim::sse::Block;
use serde_json::{Value, json};

fn task() -> Value {
    json!({
        "id": "task-try", "listId": "list-doing", "title": "Try Boardcast", "description": "", "rank": "V",
        "version": 1, "createdAt": "2026-11-23T21:17:57.123Z", "updatedAt": "2026-11-23T21:17:57.123Z",
    })
}

fn problem(status: u16, code: &str) -> Value {
    json!({ "title": "Wrong", "status": status, "code": code, "detail": "It is wrong." })
}

fn answer(status: u16, media_type: &str, body: &Value) -> Answer {
    let mut headers = vec![
        ("x-request-id", "0123456789abcdef"),
        ("content-type", media_type),
    ];
    if status == 200 {
        headers.push(("etag", "\"1\""));
    }
    let headers = headers.into_iter();
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Answer {
        status,
        headers: headers.collect(),
        body: body.to_string().into_bytes(),
    }
}

fn to(method: &str, target: &str, answer: &Answer) -> Result<(), String> {
    judge(&Heard {
        method,
        target,
        said: Said::Answer(answer),
    })
}

fn to_read(answer: &Answer) -> Result<(), String> {
    to("GET", "/tasks/task-try", answer)
}

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

#[track_caller]
fn finds(judged: Result<(), String>, what: &str) {
    let complaint = judged.expect_err("something is wrong");
    assert!(complaint.contains(what), "{complaint}");
}

#[test]
fn an_answer_as_documented_passes() {
    assert_eq!(to_read(&answer(200, JSON, &task())), Ok(()));
    let gone = answer(404, PROBLEM, &problem(404, "not_found"));
    assert_eq!(to_read(&gone), Ok(()));
    assert_eq!(to("GET", "/no/such/route", &gone), Ok(()));
}

#[test]
fn a_status_that_is_not_documented_is_found() {
    finds(to_read(&answer(202, JSON, &task())), "no such status");
    let conflict = answer(409, PROBLEM, &problem(409, "id_taken"));
    finds(to_read(&conflict), "no such status");
}

#[test]
fn a_field_too_many_too_few_or_of_another_kind_is_found() {
    for (field, value) in [
        ("assignee", json!("ada")),
        ("version", json!("1")),
        ("rank", json!("0")),
        ("updatedAt", json!("2026-11-23 21:17:57")),
        ("title", json!("x".repeat(501))),
        ("title", json!(" ")),
    ] {
        let mut doctored = task();
        doctored[field] = value;
        finds(to_read(&answer(200, JSON, &doctored)), "not as documented");
    }
    let mut doctored = task();
    doctored.as_object_mut().unwrap().remove("rank");
    finds(to_read(&answer(200, JSON, &doctored)), "not as documented");
}

#[test]
fn a_code_that_is_not_documented_there_is_found() {
    let wrong = answer(404, PROBLEM, &problem(404, "list_gone"));
    finds(to_read(&wrong), "not as documented");
    finds(to("GET", "/no/such/route", &wrong), "not not_found");
    let unheard = answer(404, PROBLEM, &problem(404, "mislaid"));
    finds(to_read(&unheard), "not as documented");
}

#[test]
fn another_content_type_and_a_missing_header_are_found() {
    finds(to_read(&answer(200, "text/html", &task())), "text/html");
    let mut bare = answer(200, JSON, &task());
    bare.headers.retain(|(name, _)| name != "etag");
    finds(to_read(&bare), "ETag is missing");
    bare.headers.clear();
    finds(to_read(&bare), "X-Request-Id is missing");
}

#[test]
fn a_header_that_is_not_as_documented_and_one_that_is_not_documented_are_found() {
    let with = |answer: &Answer, name: &str, value: &str| {
        let mut answer = answer.clone();
        answer.headers.retain(|(known, _)| known != name);
        answer.headers.push((name.into(), value.into()));
        answer
    };
    let good = answer(200, JSON, &task());
    for (name, value) in [
        ("etag", "1"),
        ("etag", "\"\""),
        ("x-request-id", "0123"),
        ("x-request-id", "0123456789ABCDEF"),
    ] {
        finds(to_read(&with(&good, name, value)), "not as documented");
    }
    let mut twice = good.clone();
    twice.headers.push(("ETag".into(), "1".into()));
    finds(to_read(&twice), "not as documented");
    let busy = answer(503, PROBLEM, &problem(503, "busy"));
    let busy = with(&busy, "retry-after", "1");
    let stray = with(&busy, "etag", "\"1\"");
    finds(to_read(&stray), "ETag is not documented");
    assert_eq!(to_read(&busy), Ok(()));
    for value in ["-1", "soon", "1.5", ""] {
        let wrong = with(&busy, "retry-after", value);
        finds(to_read(&wrong), "not as documented");
    }
}

#[test]
fn a_body_where_none_is_documented_is_found() {
    let gone = answer(204, JSON, &json!({}));
    finds(to("DELETE", "/tasks/task-try", &gone), "no body");
}

#[test]
fn an_event_with_a_field_too_many_and_one_of_no_known_type_are_found() {
    let block = |event: Value| {
        let block = Block {
            data: Some(event.to_string()),
            ..Block::default()
        };
        judge(&Heard {
            method: "GET",
            target: "/boards/board-1/events",
            said: Said::Block(&block),
        })
    };
    let mut event = json!({
        "type": "task_moved", "task": task(), "boardId": "board-1", "by": null,
        "at": "2026-11-23T21:17:57.123Z",
    });
    assert_eq!(block(event.clone()), Ok(()));
    event["reason"] = json!("why not");
    finds(block(event.clone()), "not as documented");
    event["type"] = json!("task_lost");
    finds(block(event), "not documented");
    assert_eq!(block(json!({ "type": "connected" })), Ok(()));
}
