//! `/boards`.

use super::App;
use super::answer::{self, Problem};
use super::decode::{Parameters, PathId};
use super::write::Write;
use crate::engine::BoardRead;
use crate::live::Hangup;
use crate::outside::random_bytes;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use boardcast_core::cursor::BoardKey;
use boardcast_core::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use boardcast_core::model::{Board, BoardId};
use boardcast_core::protocol::Command;
use http::HeaderMap;
use serde::Serialize;

/// A page of boards and where the next one begins.
#[derive(Serialize)]
struct Page {
    boards: Vec<Board>,
    next: Option<BoardId>,
}

pub(super) async fn page(
    State(app): State<App>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let expected = format!("must be a number from 1 to {PAGE_ITEMS_MAX}");
    let limit = parameters
        .read("limit", &expected)?
        .unwrap_or(PAGE_ITEMS_DEFAULT);
    let cursor = parameters.read("cursor", "must be the `next` of another page")?;
    parameters.finish()?;
    if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
        return Err(Problem::invalid("limit", expected));
    }
    // One more than asked for tells whether there is a next page.
    let mut boards = app
        .engine
        .boards(&app.auth.access(), cursor, limit + 1)
        .await?;
    let has_more = boards.len() > limit;
    boards.truncate(limit);
    let next = boards
        .last()
        .filter(|_| has_more)
        .map(|board| board.id.clone());
    Ok(answer::ok(&Page { boards, next }))
}

pub(super) async fn create(
    State(app): State<App>,
    parameters: Parameters,
    write: Write,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let mut fields = write.fields()?;
    let name = fields.required("name")?;
    let (board_id, birth) = write.chosen_or(fields.optional("id")?, BoardId::generate);
    fields.finish()?;
    let key = BoardKey(random_bytes(app.engine.outside()));
    Ok(answer::created(
        &write
            .submit(Command::CreateBoard {
                board_id,
                name,
                key,
                birth,
            })
            .await?,
    ))
}

pub(super) async fn read(
    State(app): State<App>,
    Extension(hangup): Extension<Hangup>,
    PathId(board_id): PathId<BoardId>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let known = |head| answer::is_known(&headers, &head);
    match app
        .engine
        .board(&app.auth.access(), &board_id, known, &hangup)
        .await?
    {
        None => Err(Problem::NoSuchThing),
        Some(BoardRead::Unchanged(cursor)) => Ok(answer::not_modified(&cursor)),
        Some(BoardRead::Whole(cursor, json)) => Ok(answer::ok_at(cursor, json)),
    }
}

pub(super) async fn edit(
    PathId(board_id): PathId<BoardId>,
    parameters: Parameters,
    write: Write,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let mut fields = write.fields()?;
    let name = fields.patched("name")?;
    fields.finish()?;
    Ok(answer::changed(
        &write.submit(Command::EditBoard { board_id, name }).await?,
    ))
}

pub(super) async fn delete(
    PathId(board_id): PathId<BoardId>,
    parameters: Parameters,
    write: Write,
) -> Result<Response, Problem> {
    parameters.finish()?;
    write.no_fields()?;
    Ok(answer::changed(
        &write.submit(Command::DeleteBoard { board_id }).await?,
    ))
}
