//! `/openapi.json` and `/docs`.

use super::super::answer::Code;
use super::operation::{ETAG, Operation, text, words};
use utoipa::openapi::Content;
use utoipa::openapi::schema::ObjectBuilder;

pub(crate) fn read() -> Operation {
    Operation::open("This document")
        .query(
            "version",
            words(["3.1", "3.2"]),
            "The version of OpenAPI: 3.1, or 3.2, which can say what the messages of a stream are.",
        )
        .content(
            200,
            "The document.",
            "application/json",
            Content::new(Some(ObjectBuilder::new())),
        )
        .saying(ETAG)
        .validated()
        .refuses(&[Code::Invalid])
}

pub(crate) fn page() -> Operation {
    Operation::open("This document, to be read")
        .about("A page without scripts.")
        .content(200, "The page.", "text/html", Content::new(Some(text())))
        .saying(ETAG)
        .validated()
}

pub(crate) fn style() -> Operation {
    Operation::open("What that page looks like")
        .content(
            200,
            "The style sheet.",
            "text/css",
            Content::new(Some(text())),
        )
        .saying(ETAG)
        .validated()
}
