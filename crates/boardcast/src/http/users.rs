//! `/users`: everyone with an account, for server admins.

use super::answer::{self, Problem};
use super::change::{Change, of_accounts};
use super::credential::By;
use super::decode::{Parameters, PathId, PathIds};
use super::{App, me};
use crate::auth::secret::Kind;
use axum::extract::State;
use axum::response::Response;
use boardcast_core::model::{Login, PersonName, Timestamp, TokenId, UserId};
use boardcast_core::people::{PeopleCommand, PeopleOutcome, User, UserKind};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// An account as a server admin sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    /// Who.
    id: UserId,
    /// A person, or a program.
    kind: UserKind,
    /// What they sign in with; programs don't.
    #[schema(required)]
    login: Option<Login>,
    /// What people call them.
    name: PersonName,
    /// Whether they may change other people.
    is_admin: bool,
    /// Whether they have set a password.
    has_password: bool,
    /// Whether they can do nothing.
    disabled: bool,
    /// When the account was made; never changes.
    created_at: Timestamp,
}

impl From<User> for Listed {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            kind: user.kind,
            login: user.login,
            name: user.name,
            is_admin: user.is_admin,
            has_password: user.has_password,
            disabled: user.disabled_at.is_some(),
            created_at: user.created_at,
        }
    }
}

/// A page of accounts and where the next one begins.
#[derive(Serialize, ToSchema)]
#[schema(as = UsersPage)]
pub(super) struct Page {
    /// In the order of their ids.
    users: Vec<Listed>,
    /// The `cursor` of the next page, if there is one.
    #[schema(required)]
    next: Option<UserId>,
}

/// A new account, with its one-time link if a person stands behind it.
#[derive(Serialize, ToSchema)]
#[schema(as = NewUser)]
#[serde(rename_all = "camelCase")]
pub(super) struct Made {
    /// The account.
    user: Listed,
    #[serde(flatten)]
    invite: Option<Invite>,
}

/// A one-time link to set a password. The only time that it is told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invite {
    /// What `/invites/accept` takes.
    invite: String,
    /// When it ends at the latest.
    ends_at: Timestamp,
}

pub(super) async fn page(
    State(app): State<App>,
    By(asker): By,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let limit = parameters.limit()?;
    let cursor = parameters.read("cursor", "must be the `next` of another page")?;
    parameters.finish()?;
    of_accounts(&app)?;
    let users = app.engine.users(&asker.access, cursor, limit + 1).await?;
    let has_more = users.len() > limit;
    let users: Vec<Listed> = users.into_iter().take(limit).map(Listed::from).collect();
    let last = users.last().filter(|_| has_more);
    let next = last.map(|user| user.id.clone());
    Ok(answer::secret(StatusCode::OK, &Page { users, next }))
}

pub(super) async fn create(change: Change) -> Result<Response, Problem> {
    let mut fields = change.fields()?;
    let kind = fields.word("kind", UserKind::read, "must be \"person\" or \"service\"")?;
    let name = fields.required("name")?;
    let user_id = change.generate(UserId::generate);
    if kind == Some(UserKind::Service) {
        fields.finish()?;
        let command = PeopleCommand::CreateService { user_id, name };
        let PeopleOutcome::User(user) = change.submit(command).await? else {
            unreachable!("a new account comes to nothing else");
        };
        return Ok(made(user, None));
    }
    let login = fields.required("login")?;
    fields.finish()?;
    let secret = change.draw(Kind::Invite);
    let command = PeopleCommand::CreatePerson {
        user_id,
        login,
        name,
        invite: secret.hash(),
    };
    let PeopleOutcome::Invited { user, ends_at } = change.submit(command).await? else {
        unreachable!("an invited person comes to nothing else");
    };
    let invite = secret.reveal().to_owned();
    Ok(made(user, Some(Invite { invite, ends_at })))
}

fn made(user: User, invite: Option<Invite>) -> Response {
    let user = user.into();
    answer::secret(StatusCode::CREATED, &Made { user, invite })
}

pub(super) async fn edit(
    PathId(user_id): PathId<UserId>,
    change: Change,
) -> Result<Response, Problem> {
    let mut fields = change.fields()?;
    let name = fields.patched("name")?;
    let is_admin = fields.patched_flag("isAdmin")?;
    let disabled = fields.patched_flag("disabled")?;
    fields.finish()?;
    let command = PeopleCommand::EditUser {
        user_id,
        name,
        is_admin,
        disabled,
    };
    let PeopleOutcome::User(user) = change.submit(command).await? else {
        unreachable!("an edit comes to nothing else");
    };
    Ok(answer::secret(StatusCode::OK, &Listed::from(user)))
}

/// A new one-time link; earlier ones end.
pub(super) async fn invite(
    PathId(user_id): PathId<UserId>,
    change: Change,
) -> Result<Response, Problem> {
    let secret = change.draw(Kind::Invite);
    let command = PeopleCommand::Invite {
        user_id,
        invite: secret.hash(),
    };
    let outcome = change.submit_nothing_else(command).await?;
    let PeopleOutcome::Invited { ends_at, .. } = outcome else {
        unreachable!("an invite comes to nothing else");
    };
    let invite = secret.reveal().to_owned();
    Ok(answer::secret(
        StatusCode::CREATED,
        &Invite { invite, ends_at },
    ))
}

pub(super) async fn tokens(
    State(app): State<App>,
    By(asker): By,
    PathId(user_id): PathId<UserId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    of_accounts(&app)?;
    me::tokens_of(&app, &asker, user_id).await
}

pub(super) async fn make_token(
    PathId(user_id): PathId<UserId>,
    change: Change,
) -> Result<Response, Problem> {
    me::make_token_for(&change, user_id).await
}

pub(super) async fn end_token(
    PathIds(user_id, token_id): PathIds<UserId, TokenId>,
    change: Change,
) -> Result<Response, Problem> {
    let command = PeopleCommand::EndToken { user_id, token_id };
    change.submit_bare(command).await
}
