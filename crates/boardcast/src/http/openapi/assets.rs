//! The board in the browser.

use super::super::answer::Code;
use super::operation::{Operation, VARY, text};
use utoipa::openapi::Content;
use utoipa::openapi::schema::Schema;

pub(crate) fn page() -> Operation {
    Operation::open("The board in the browser")
        .about("One page for every address below `/b`: which board is for the page to read. With `--web-dir` it has no `ETag`.")
        .refuses(&[Code::NotFound])
        .content(200, "The page.", "text/html", Content::new(Some(text())))
        .saying(VARY)
        .validated()
}

pub(crate) fn asset() -> Operation {
    Operation::open("A file of the page")
        .content(200, "The file.", "*/*", Content::new(None::<Schema>))
        .saying(VARY)
        .validated()
        .refuses(&[Code::NotFound])
}
