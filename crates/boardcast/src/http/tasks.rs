//! `/tasks`.

use super::App;
use super::answer::{self, Problem};
use super::credential::By;
use super::decode::{Parameters, PathId};
use super::write::Write;
use axum::extract::State;
use axum::response::Response;
use boardcast_core::model::TaskId;
use boardcast_core::protocol::Command;
use http::HeaderMap;

pub(super) async fn create(write: Write) -> Result<Response, Problem> {
    let mut fields = write.fields()?;
    let list_id = fields.required("listId")?;
    let title = fields.required("title")?;
    let description = fields.optional("description")?.unwrap_or_default();
    let slot = fields.slot()?;
    let (task_id, birth) = write.chosen_or(fields.optional("id")?, TaskId::generate);
    fields.finish()?;
    let command = Command::CreateTask {
        task_id,
        list_id,
        title,
        description,
        slot,
        birth,
    };
    Ok(answer::created(&write.submit(command).await?))
}

pub(super) async fn read(
    State(app): State<App>,
    By(asker): By,
    PathId(task_id): PathId<TaskId>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let task = app
        .engine
        .task(&asker.access, task_id)
        .await?
        .ok_or(Problem::NoSuchThing)?;
    Ok(answer::validated(&headers, &task.version, || {
        answer::ok(&task)
    }))
}

pub(super) async fn edit(
    PathId(task_id): PathId<TaskId>,
    write: Write,
) -> Result<Response, Problem> {
    let mut fields = write.fields()?;
    let title = fields.patched("title")?;
    let description = fields.patched_or_removed("description")?;
    fields.finish()?;
    Ok(answer::changed(
        &write
            .submit(Command::EditTask {
                task_id,
                title,
                description,
            })
            .await?,
    ))
}

pub(super) async fn move_task(
    PathId(task_id): PathId<TaskId>,
    write: Write,
) -> Result<Response, Problem> {
    let mut fields = write.fields()?;
    let list_id = fields.optional("listId")?;
    let slot = fields.slot()?;
    fields.finish()?;
    Ok(answer::changed(
        &write
            .submit(Command::MoveTask {
                task_id,
                list_id,
                slot,
            })
            .await?,
    ))
}

pub(super) async fn delete(
    PathId(task_id): PathId<TaskId>,
    write: Write,
) -> Result<Response, Problem> {
    Ok(answer::changed(
        &write.submit_bare(Command::DeleteTask { task_id }).await?,
    ))
}

pub(super) async fn restore(
    PathId(task_id): PathId<TaskId>,
    write: Write,
) -> Result<Response, Problem> {
    let restored = write.submit_bare(Command::RestoreTask { task_id }).await?;
    Ok(answer::changed(&restored))
}
