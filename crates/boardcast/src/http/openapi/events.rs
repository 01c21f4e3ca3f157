//! `/boards/{id}/events` and `/events`.

use super::super::answer::Code;
use super::examples;
use super::operation::{Operation, VARY, number, text, words};
use super::schemas::{EventsPage, Message};
use boardcast_core::cursor::Cursor;
use boardcast_core::limits::{
    BOARDS_PER_STREAM_MAX, EVENTS_WAIT_SECONDS_MAX, HEARTBEAT_SECONDS, PAGE_ITEMS_DEFAULT,
    PAGE_ITEMS_MAX,
};
use boardcast_core::model::BoardId;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, ContentBuilder, Ref};

pub(crate) fn watch() -> Operation {
    following(Operation::stream("Follow a board"))
        .about("With `Accept: application/json` the same log comes as a page, from `after` or else from the oldest event kept: `limit`, and `wait` to stay until there is an event. A page may hold fewer events than `limit`; an empty one means caught up. `snapshot`, `heartbeat` and `ticket` are for streams, `limit` and `wait` for pages.")
        .path::<BoardId>("id", examples::BOARD)
        .query("limit", number(1, PAGE_ITEMS_MAX).default(Some(PAGE_ITEMS_DEFAULT.into())), "How many events a page holds at most.")
        .query("wait", seconds(), "Seconds that a page may wait for an event.")
        .content(200, "The stream, or a page.", "text/event-stream", stream(["42-03b7710c9ae4", "43-c3319a0f77d2"]))
        .saying(VARY)
        .content(200, "", "application/json", page())
        .with_schema::<EventsPage>()
        .nothing(NEVER_COME_BACK)
        .refuses(&[Code::CursorGone, Code::NotFound])
}

pub(crate) fn watch_many() -> Operation {
    following(Operation::stream("Follow several boards"))
        .about("In one stream, in the order of the commits. An `id` is `board:cursor`, joined by commas; it may be taken apart, or built from boards' cursors. A board that is unknown or not allowed: one `board_gone`, and the others go on; none of them there: 404.")
        .must_query(
            "boards",
            text().min_length(Some(1)),
            &format!("1 to {BOARDS_PER_STREAM_MAX} boards' ids, joined by commas."),
            examples::BOARD,
        )
        .content(200, "The stream.", "text/event-stream", stream([
                "board-1:42-03b7710c9ae4",
                "board-1:43-c3319a0f77d2",
            ]))
        .saying(VARY)
        .nothing(NEVER_COME_BACK)
        .refuses(&[Code::NotAcceptable, Code::NotFound])
        .never(&[Code::Busy, Code::Unavailable])
}

const NEVER_COME_BACK: &str = "Only to a caller with a place: the board is gone, or the caller may not see it any more, or their credential is no longer good. A browser's `EventSource` takes it for: never come back.";

fn following(operation: Operation) -> Operation {
    operation
        .about(format!(
            "Each message is one JSON object whose `type` says what it is, and whose `id` is the place after it; but an event named `ping`, which is a heartbeat for who asked for such, carries `{{}}` and no place. Take types and fields that you don't know for nothing. Every {HEARTBEAT_SECONDS} s without one a comment keeps the line open. Overload and shutdown end a stream in order, with a `retry`."
        ))
        .header(
            "Last-Event-ID",
            text(),
            "The caller's place: every event after it comes, once, in order, and so on live. One that can't be served any more: a `snapshot` comes in between. Wins over `after`.",
        )
        .query("after", text(), "The same, where headers can't be set.")
        .query("snapshot", words(["1"]), "Begin with a `snapshot`, unless the caller has a place.")
        .query("heartbeat", words(["event"]), "Send `event: ping` instead of comments, so that a page's code sees that the line lives.")
        .query("ticket", text(), "One of `/tickets`, where credentials can't be sent.")
        .with_schema::<Message>()
        .with_schema::<Cursor>()
}

fn seconds() -> ObjectBuilder {
    let max = usize::try_from(EVENTS_WAIT_SECONDS_MAX).expect("half a minute");
    number(0, max).default(Some(0.into()))
}

/// As OpenAPI 3.2 has it: the schema is that of one event. Version 3.1 knows only the text as a whole.
/// With a message at each of two places that follow one another.
fn stream(places: [&str; 2]) -> Content {
    let data = ObjectBuilder::new()
        .schema_type(Type::String)
        .content_media_type("application/json")
        .content_schema(Some(Ref::from_schema_name(Message::name())));
    let event = ObjectBuilder::new()
        .property("data", data)
        .property("id", text().description(Some("The place after it.")))
        // What a message without the line is called is the standard's word.
        .property("event", words(["message", "ping"]))
        .property(
            "retry",
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(0))
                .description(Some("Milliseconds after which to come back.")),
        );
    let [place, next] = places;
    let moved = examples::message("task_moved").expect("an example");
    let example = format!(
        "data: {{\"type\":\"connected\"}}\nretry: 2000\nid: {place}\n\ndata: {moved}\nid: {next}\n\n"
    );
    let whole = text().description(Some("Messages; the `data` of each is a `Message`."));
    ContentBuilder::new()
        .schema(Some(whole))
        .item_schema(Some(event))
        .example(Some(example.into()))
        .build()
}

fn page() -> Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(EventsPage::name())))
        .example(Some(examples::events()))
        .build()
}
