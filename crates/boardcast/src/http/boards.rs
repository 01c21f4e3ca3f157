//! `/boards`.

use super::App;
use super::answer::{self, Problem};
use super::credential::By;
use super::decode::{Parameters, PathId};
use super::write::Write;
use crate::engine::BoardRead;
use crate::live::Hangup;
use crate::outside::random_bytes;
use crate::store::sqlite::{Deleted, DeletedBoard, ListedBoard};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use boardcast_core::cursor::BoardKey;
use boardcast_core::model::BoardId;
use boardcast_core::protocol::Command;
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of boards and where the next one begins.
#[derive(Serialize, ToSchema)]
pub(super) struct BoardsPage {
    /// In the order of their ids.
    boards: Vec<ListedBoard>,
    /// The `cursor` of the next page, if there is one.
    #[schema(required)]
    next: Option<BoardId>,
}

/// A page of deleted boards and where the next one begins.
#[derive(Serialize, ToSchema)]
pub(super) struct DeletedBoardsPage {
    /// In the order of their ids.
    boards: Vec<DeletedBoard>,
    /// The `cursor` of the next page, if there is one.
    #[schema(required)]
    next: Option<BoardId>,
}

pub(super) async fn page(
    State(app): State<App>,
    By(asker): By,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let limit = parameters.limit()?;
    let cursor = parameters.read("cursor", "must be the `next` of another page")?;
    let wants_deleted = parameters.is_set("deleted")?;
    parameters.finish()?;
    // One more than asked for tells whether there is a next page.
    if wants_deleted {
        let boards = app
            .engine
            .deleted_boards(&asker.access, cursor, limit + 1)
            .await?;
        let (boards, next) = cut(boards, limit, |deleted| &deleted.board.id);
        Ok(answer::ok(&DeletedBoardsPage { boards, next }))
    } else {
        let boards = app.engine.boards(&asker.access, cursor, limit + 1).await?;
        let (boards, next) = cut(boards, limit, |listed| &listed.board.id);
        Ok(answer::ok(&BoardsPage { boards, next }))
    }
}

/// What a page holds, and where the next one begins.
fn cut<T>(mut boards: Vec<T>, limit: usize, id: fn(&T) -> &BoardId) -> (Vec<T>, Option<BoardId>) {
    let has_more = boards.len() > limit;
    boards.truncate(limit);
    let last = boards.last().filter(|_| has_more);
    let next = last.map(|last| id(last).clone());
    (boards, next)
}

/// A page of what was deleted on a board, newest first, and where the next one begins.
#[derive(Serialize, ToSchema)]
pub(super) struct DeletedPage {
    /// The last one first.
    deleted: Vec<Deleted>,
    /// The `cursor` of the next page, if there is one.
    #[schema(required)]
    next: Option<String>,
}

pub(super) async fn deleted(
    State(app): State<App>,
    By(asker): By,
    PathId(board_id): PathId<BoardId>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let limit = parameters.limit()?;
    let before = parameters.read("cursor", "must be the `next` of another page")?;
    parameters.finish()?;
    let found = app
        .engine
        .deleted_things(&asker.access, board_id, before, limit + 1)
        .await?;
    let mut deleted = found.ok_or(Problem::NoSuchThing)?;
    let has_more = deleted.len() > limit;
    deleted.truncate(limit);
    let next = deleted
        .last()
        .filter(|_| has_more)
        .map(|last| last.seq.to_string());
    Ok(answer::ok(&DeletedPage { deleted, next }))
}

pub(super) async fn create(State(app): State<App>, write: Write) -> Result<Response, Problem> {
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
    By(asker): By,
    Extension(hangup): Extension<Hangup>,
    PathId(board_id): PathId<BoardId>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let known = |head| answer::is_known(&headers, &head);
    match app
        .engine
        .board(&asker.access, &board_id, known, &hangup)
        .await?
    {
        None => Err(Problem::NoSuchThing),
        Some(BoardRead::Unchanged(cursor)) => Ok(answer::not_modified(&cursor)),
        Some(BoardRead::Whole(cursor, json)) => Ok(answer::ok_at(cursor, json)),
    }
}

pub(super) async fn edit(
    PathId(board_id): PathId<BoardId>,
    write: Write,
) -> Result<Response, Problem> {
    let mut fields = write.fields()?;
    let name = fields.patched("name")?;
    fields.finish()?;
    Ok(answer::changed(
        &write.submit(Command::EditBoard { board_id, name }).await?,
    ))
}

pub(super) async fn delete(
    PathId(board_id): PathId<BoardId>,
    write: Write,
) -> Result<Response, Problem> {
    Ok(answer::changed(
        &write.submit_bare(Command::DeleteBoard { board_id }).await?,
    ))
}

pub(super) async fn restore(
    PathId(board_id): PathId<BoardId>,
    write: Write,
) -> Result<Response, Problem> {
    let restored = write
        .submit_bare(Command::RestoreBoard { board_id })
        .await?;
    Ok(answer::changed(&restored))
}
