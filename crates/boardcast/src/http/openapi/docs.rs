//! `/openapi.json` and `/docs`.

use super::super::answer::Code;
use super::operation::{ETAG, Operation, words};
use utoipa::openapi::Content;
use utoipa::openapi::schema::ObjectBuilder;

pub(crate) fn document() -> Operation {
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
