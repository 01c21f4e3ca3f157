//! `/lists`.

use super::answer::{self, Problem};
use super::decode::PathId;
use super::write::Write;
use axum::response::Response;
use boardcast_core::model::ListId;
use boardcast_core::protocol::Command;

pub(super) async fn create(write: Write) -> Result<Response, Problem> {
    let mut fields = write.fields()?;
    let board_id = fields.required("boardId")?;
    let name = fields.required("name")?;
    let slot = fields.slot()?;
    let (list_id, birth) = write.chosen_or(fields.optional("id")?, ListId::generate);
    fields.finish()?;
    Ok(answer::created(
        &write
            .submit(Command::CreateList {
                list_id,
                board_id,
                name,
                slot,
                birth,
            })
            .await?,
    ))
}

pub(super) async fn edit(
    PathId(list_id): PathId<ListId>,
    write: Write,
) -> Result<Response, Problem> {
    let mut fields = write.fields()?;
    let name = fields.patched("name")?;
    fields.finish()?;
    Ok(answer::changed(
        &write.submit(Command::EditList { list_id, name }).await?,
    ))
}

pub(super) async fn move_list(
    PathId(list_id): PathId<ListId>,
    write: Write,
) -> Result<Response, Problem> {
    let mut fields = write.fields()?;
    let slot = fields.slot()?;
    fields.finish()?;
    Ok(answer::changed(
        &write.submit(Command::MoveList { list_id, slot }).await?,
    ))
}

pub(super) async fn delete(
    PathId(list_id): PathId<ListId>,
    write: Write,
) -> Result<Response, Problem> {
    Ok(answer::changed(
        &write.submit_bare(Command::DeleteList { list_id }).await?,
    ))
}

pub(super) async fn restore(
    PathId(list_id): PathId<ListId>,
    write: Write,
) -> Result<Response, Problem> {
    let restored = write.submit_bare(Command::RestoreList { list_id }).await?;
    Ok(answer::changed(&restored))
}
