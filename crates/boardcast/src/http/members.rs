//! `/boards/{id}/members`: who is on a board, and as what.

use super::App;
use super::answer::{self, Problem};
use super::change::{Change, of_accounts};
use super::credential::By;
use super::decode::{Fields, Parameters, PathId, PathIds};
use axum::extract::State;
use axum::response::Response;
use boardcast_core::access::Role;
use boardcast_core::model::{BoardId, UserId};
use boardcast_core::people::{Member, PeopleCommand, PeopleOutcome, Who};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(super) struct Members {
    /// Everyone on the board.
    members: Vec<Member>,
}

pub(super) async fn read(
    State(app): State<App>,
    By(asker): By,
    PathId(board_id): PathId<BoardId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    of_accounts(&app)?;
    let members = app.engine.members(&asker.access, board_id).await?;
    Ok(answer::secret(StatusCode::OK, &Members { members }))
}

/// By what they sign in with: an admin of a board may not list everyone.
pub(super) async fn add(
    PathId(board_id): PathId<BoardId>,
    change: Change,
) -> Result<Response, Problem> {
    let mut fields = change.fields()?;
    let who = Who::Login(fields.required("login")?);
    put(&change, board_id, who, fields).await
}

pub(super) async fn set(
    PathIds(board_id, user_id): PathIds<BoardId, UserId>,
    change: Change,
) -> Result<Response, Problem> {
    let fields = change.fields()?;
    put(&change, board_id, Who::Id(user_id), fields).await
}

async fn put(
    change: &Change,
    board_id: BoardId,
    who: Who,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let role = fields.word(
        "role",
        Role::read,
        "must be \"viewer\", \"editor\" or \"admin\"",
    )?;
    let role = role.ok_or_else(|| Problem::invalid("role", "is missing"))?;
    fields.finish()?;
    let command = PeopleCommand::PutMember {
        board_id,
        who,
        role,
    };
    let PeopleOutcome::Member { member, is_new } = change.submit(command).await? else {
        unreachable!("putting a member comes to nothing else");
    };
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(answer::secret(status, &member))
}

pub(super) async fn remove(
    PathIds(board_id, user_id): PathIds<BoardId, UserId>,
    change: Change,
) -> Result<Response, Problem> {
    let command = PeopleCommand::RemoveMember { board_id, user_id };
    change.submit_bare(command).await
}
