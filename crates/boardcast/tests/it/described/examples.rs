//! Every example of the document, tried: requests on a server of their own each, events on a board.

use super::DOCUMENT;
use super::stage::{Stage, all};
use crate::accounts::PASSWORD;
use boardcast_core::cursor::Cursor;
use boardcast_core::model::Snapshot;
use boardcast_core::protocol::Event;
use boardcast_core::rules::apply;
use boardcast_sim::sse::{Block, Parser};
use boardcast_sim::stream::EventStream;
use serde_json::json;

/// The answers' bodies are judged like all others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_of_the_document_does_what_it_says() {
    let mut tried = 0;
    for example in all() {
        // Which files there are is not in the document.
        if example.name() == "assets_asset" {
            continue;
        }
        let stage = Stage::set(&example).await;
        let target = stage.named(&example.target());
        let status = if target.contains("/events") {
            let opened = EventStream::open(stage.app.address(), &target, &[]).await;
            let mut opened = opened.expect("an answer");
            let first = opened.stream.next_event().await.unwrap().unwrap();
            assert_eq!(first.kind(), "connected");
            opened.status
        } else {
            let answer = stage.ask(example.request(&stage)).await;
            let is_success = example.successes().contains(&answer.status);
            assert!(
                is_success,
                "{}: {} {}",
                example.name(),
                answer.status,
                answer.text()
            );
            answer.status
        };
        assert!(
            example.successes().contains(&status),
            "{}: {status}",
            example.name()
        );
        stage.app.stop().await;
        tried += 1;
    }
    assert!(tried > 50, "{tried}");
    assert_eq!(
        PASSWORD, "correct horse battery",
        "which is what the document shows"
    );
}

#[test]
fn every_example_is_as_the_document_has_it() {
    let mut checked = 0;
    for example in all() {
        let path = example.path.replace('/', "~1");
        let operation = format!("/paths/{path}/{}", example.method.to_ascii_lowercase());
        if let Some(body) = example.body() {
            let pointer = format!("{operation}/requestBody/content/application~1json/schema");
            let judged = DOCUMENT.check(&pointer, body.to_string().as_bytes());
            assert_eq!(judged, Ok(()), "{}", example.name());
            checked += 1;
        }
        for status in example.successes() {
            let content = format!("{operation}/responses/{status}/content/application~1json");
            let shown = DOCUMENT.whole.pointer(&format!("{content}/example"));
            if let Some(shown) = shown {
                let judged =
                    DOCUMENT.check(&format!("{content}/schema"), shown.to_string().as_bytes());
                assert_eq!(judged, Ok(()), "{} {status}", example.name());
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "{checked}");
}

/// Each on the same board, from which it leads somewhere else.
#[test]
fn every_event_of_the_document_can_be_folded() {
    let schemas = DOCUMENT.whole["components"]["schemas"].as_object().unwrap();
    let example = |kind: &str| schemas[&format!("Event.{kind}")]["examples"][0].clone();
    let before: Snapshot = serde_json::from_value(example("snapshot")["board"].clone()).unwrap();
    let mut folded = 0;
    for (name, schema) in schemas {
        let Some(kind) = name.strip_prefix("Event.") else {
            continue;
        };
        let judged = DOCUMENT.check(
            &format!("/components/schemas/{name}"),
            schema["examples"][0].to_string().as_bytes(),
        );
        assert_eq!(judged, Ok(()), "{name}");
        if ["connected", "snapshot", "board_gone"].contains(&kind) {
            continue;
        }
        let event: Event = serde_json::from_value(example(kind)).expect(kind);
        assert_eq!(serde_json::to_value(&event).unwrap(), example(kind));
        let next = Cursor {
            seq: before.cursor.seq + 1,
            ..before.cursor
        };
        let mut state = Some(before.clone()).filter(|_| kind != "board_created");
        apply(&mut state, &event, next);
        let ends = kind == "board_deleted";
        assert_eq!(state.is_none(), ends, "{kind}");
        assert!(ends || state.unwrap().cursor == next, "{kind}");
        folded += 1;
    }
    assert_eq!(folded, 11);
}

/// Through the parser that reads the server's streams in all tests. The places follow one another.
#[test]
fn the_examples_of_streams_are_streams() {
    let mut read = 0;
    for example in all() {
        let path = example.path.replace('/', "~1");
        let pointer = format!("/paths/{path}/get/responses/200/content/text~1event-stream");
        let Some(content) = DOCUMENT.whole.pointer(&pointer) else {
            continue;
        };
        let whole = content["example"].as_str().expect("an example");
        let mut parser = Parser::default();
        parser.push(whole.as_bytes());
        let blocks: Result<Vec<Block>, _> = parser.by_ref().collect();
        let blocks = blocks.unwrap_or_else(|rule| panic!("{}: {rule}", example.name()));
        assert_eq!(parser.partial(), b"", "{}", example.name());
        assert_eq!(blocks[0].kind(), "connected", "{}", example.name());
        assert!(blocks[0].retry.is_some(), "{}", example.name());
        let mut places = Vec::new();
        for block in &blocks {
            assert_eq!(DOCUMENT.judge_block(block), Ok(()), "{}", example.name());
            let mut item = json!({ "data": block.data, "id": block.id });
            if let Some(retry) = block.retry {
                item["retry"] = retry.into();
            }
            let judged = DOCUMENT.check(
                &format!("{pointer}/itemSchema"),
                item.to_string().as_bytes(),
            );
            assert_eq!(judged, Ok(()), "{}", example.name());
            let id = block.id.as_deref().expect("a place");
            // A stream of several boards says which one's.
            let (board, cursor) = id.split_once(':').unwrap_or(("board-1", id));
            assert_eq!(id.contains(':'), example.path == "/events", "{id}");
            if let Some(of) = block.json()["boardId"].as_str() {
                assert_eq!(of, board);
            }
            places.push(Cursor::parse(cursor).expect("a cursor").seq);
        }
        assert!(
            places.len() > 1 && places.is_sorted_by(|a, b| a + 1 == *b),
            "{places:?}"
        );
        read += 1;
    }
    assert_eq!(read, 2);
}
