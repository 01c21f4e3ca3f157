//! Whole requests to the real routes: paths, queries, headers and bodies, down to the data file and back.
//! Every one is answered, with what the contract allows; and whatever was asked, the board is what its
//! events make.
//!
//! An input is text as a person would write it:
//!
//! ```text
//! accounts
//! PATCH /tasks/t
//! authorization: Bearer {token}
//!
//! {"title":"x"}
//! ---
//! GET /boards/b/events?after={cursor}
//! ```

mod asked;
mod world;

use asked::{Asked, filled};
use axum::response::Response;
use boardcast::desk::Wish;
use boardcast_sim::fold::{Fold, check_at_rest, same_board};
use boardcast_sim::sse;
use http_body_util::BodyExt;
use serde_json::Value;
use std::cell::RefCell;
use world::World;

/// Requests of one input; more only take longer.
const REQUESTS_MAX: usize = 8;
/// Pieces of a stream that are looked at.
const PIECES_MAX: usize = 8;

thread_local! {
    /// Without accounts, and with them.
    static WORLDS: RefCell<[World; 2]> = RefCell::new([World::new(false), World::new(true)]);
}

/// Takes requests, or after `desk` a wish of the command line.
pub fn http(bytes: &[u8]) {
    WORLDS.with_borrow_mut(|[open, accounts]| {
        if let Some(wish) = bytes.strip_prefix(b"desk\n") {
            if let Ok(wish) = serde_json::from_slice::<Wish>(&filled(wish, accounts.known())) {
                accounts.carry_out(wish);
            }
        } else if let Some(bytes) = bytes.strip_prefix(b"accounts\n") {
            ask_all(accounts, bytes);
        } else {
            ask_all(open, bytes);
        }
    });
}

fn ask_all(world: &mut World, bytes: &[u8]) {
    let text = filled(bytes, world.known());
    let asked = asked::read(&text).take(REQUESTS_MAX);
    for asked in asked {
        let answer = ask(world, &asked);
        // What was asked for is so: asked for again, nothing changes.
        let is_for_good = asked.is_patch_for_good() && answer.status == 200;
        if is_for_good {
            let again = ask(world, &asked);
            assert_eq!((again.status, again.body), (200, answer.body), "{asked:?}");
        }
    }
    if world.is_changed() {
        check_board(world);
        world.renew();
    }
}

/// An answer, as far as it was looked at.
struct Answered {
    status: u16,
    body: Vec<u8>,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

fn ask(world: &mut World, asked: &Asked) -> Answered {
    let response = world.ask(asked.request());
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").cloned();
    let kind = kind.map(|kind| kind.to_str().unwrap_or_default().to_owned());
    let body = if kind.as_deref() == Some("text/event-stream") {
        look_at_stream(world, response)
    } else {
        let body = world.wait_for(response.into_body().collect());
        body.expect("a body that ends").to_bytes().to_vec()
    };
    let is_head = asked.method == "HEAD";
    match (status, kind.as_deref()) {
        (500.., _) => panic!(
            "{asked:?} was answered {status}: {}",
            String::from_utf8_lossy(&body)
        ),
        _ if is_head => assert!(body.is_empty(), "{asked:?}"),
        (204 | 304, _) => assert!(body.is_empty(), "{asked:?}"),
        (400.., kind) => {
            assert_eq!(kind, Some("application/problem+json"), "{asked:?}");
            let problem: Value = serde_json::from_slice(&body).expect("a problem is JSON");
            assert_eq!(problem["status"], status, "{asked:?}");
            assert!(problem["code"].is_string(), "{asked:?}");
        }
        (_, Some("application/json")) => {
            serde_json::from_slice::<Value>(&body).expect("JSON");
        }
        _ => {}
    }
    Answered { status, body }
}

/// The beginning of a stream keeps every rule of its format, whatever was asked for.
fn look_at_stream(world: &mut World, response: Response) -> Vec<u8> {
    let mut body = response.into_body();
    let (mut parser, mut bytes) = (sse::Parser::default(), Vec::new());
    for _ in 0..PIECES_MAX {
        let Some(Some(Ok(frame))) = world.wait_a_moment_for(body.frame()) else {
            break;
        };
        let piece = frame.into_data().unwrap_or_default();
        parser.push(&piece);
        bytes.extend(piece);
    }
    let blocks: Result<Vec<_>, _> = parser.by_ref().collect();
    let blocks = blocks.unwrap_or_else(|why| panic!("{why}"));
    let first = blocks.first().expect("a stream begins at once");
    assert!(first.kind() == "connected" || first.retry.is_some());
    bytes
}

/// What the events since the beginning make is what is read, and both are a board.
fn check_board(world: &mut World) {
    let begun = world.known_board();
    let after = begun["cursor"].as_str().unwrap_or_default();
    let page = world.credential(Asked::get(&format!(
        "/boards/b/events?limit=1000&after={after}"
    )));
    let page = ask(world, &page.header("accept", "application/json"));
    let board = world.credential(Asked::get("/boards/b"));
    let board = ask(world, &board);
    if (page.status, board.status) != (200, 200) {
        return; // Deleted, come back anew, or not for this caller any more.
    }
    let board = board.json();
    check_at_rest(&board).unwrap_or_else(|why| panic!("{why}"));
    let mut fold = Fold::of(begun);
    for event in page.json()["events"].as_array().expect("a page") {
        let applied = fold.apply(&event["data"], event["id"].as_str());
        applied.unwrap_or_else(|why| panic!("{why}"));
    }
    let folded = fold.board().expect("it was not deleted");
    same_board(folded, &board).unwrap_or_else(|why| panic!("{why}"));
}
