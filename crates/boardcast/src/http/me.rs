//! `/me`: who asks, where else they are signed in, and what programs act for them.

use super::answer::{self, Problem};
use super::change::{Change, if_tried, of_somebody};
use super::cookie::Cookie;
use super::credential::By;
use super::decode::{Parameters, PathId};
use super::security::Suspicion;
use super::{App, Peer, credential};
use crate::auth::Asker;
use crate::auth::password::{Guess, Password};
use crate::auth::secret::Kind;
use crate::auth::tries::Tried;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use boardcast_core::access::{Caller, Scope};
use boardcast_core::limits::BOARDS_PER_TOKEN_MAX;
use boardcast_core::model::{BoardId, Login, PersonName, SessionId, Timestamp, TokenId, UserId};
use boardcast_core::people::{PeopleCommand, PeopleOutcome, Session, Token, User};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

/// Who asks, and what they can do about it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Me {
    mode: Mode,
    /// The account that asks, if one does.
    #[schema(required)]
    user: Option<Myself>,
    /// By which kind of credential.
    #[schema(required)]
    via: Option<Via>,
    /// Whether the first account can be made from here.
    can_set_up: bool,
}

/// Whether there are accounts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// There are none: everyone may do everything.
    Open,
    /// There are.
    Accounts,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Via {
    Session,
    Token,
}

/// The account that asks, as it sees itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Myself {
    /// Who.
    id: UserId,
    /// What they sign in with; programs don't.
    #[schema(required)]
    login: Option<Login>,
    /// What people call them.
    name: PersonName,
    /// Whether they may change other people.
    is_admin: bool,
}

impl Me {
    fn of(user: Option<&User>, via: Option<Via>) -> Self {
        Self {
            mode: Mode::Accounts,
            user: user.map(|user| Myself {
                id: user.id.clone(),
                login: user.login.clone(),
                name: user.name.clone(),
                is_admin: user.is_admin,
            }),
            via,
            can_set_up: false,
        }
    }

    /// Somebody who has signed in.
    pub(super) fn of_session(user: &User) -> Self {
        Self::of(Some(user), Some(Via::Session))
    }

    fn of_asker(asker: &Asker, peer: &Peer) -> Self {
        let via = match asker.access.caller() {
            Caller::Open => {
                return Self {
                    mode: Mode::Open,
                    user: None,
                    via: None,
                    can_set_up: peer.is_secure(),
                };
            }
            Caller::Nobody | Caller::Operator => None,
            Caller::Person { .. } => Some(Via::Session),
            Caller::Token { .. } => Some(Via::Token),
        };
        Self::of(asker.user.as_ref(), via)
    }
}

/// The one route that tells strangers how things stand.
pub(super) async fn read(
    State(app): State<App>,
    parameters: Parameters,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asker = credential::if_any(&app, &headers, &peer).await?;
    parameters.finish()?;
    Ok(answer::secret(StatusCode::OK, &Me::of_asker(&asker, &peer)))
}

pub(super) async fn edit(change: Change) -> Result<Response, Problem> {
    let user_id = change.user()?.id.clone();
    let mut fields = change.fields()?;
    let name = fields.patched("name")?;
    fields.finish()?;
    let command = PeopleCommand::EditUser {
        user_id,
        name,
        is_admin: None,
        disabled: None,
    };
    let PeopleOutcome::User(user) = change.submit(command).await? else {
        unreachable!("an edit comes to nothing else");
    };
    let asker = Asker {
        access: change.asker.access.clone(),
        user: Some(user),
    };
    Ok(answer::secret(
        StatusCode::OK,
        &Me::of_asker(&asker, &change.peer),
    ))
}

/// Changes the password of whoever knows it. Everyone who was signed in with the old one is out.
pub(super) async fn change_password(change: Change) -> Result<Response, Problem> {
    change.check_secure()?;
    let user_id = change.user()?.id.clone();
    let mut fields = change.fields()?;
    let current: Guess = fields.required("current")?;
    let new: Password = fields.required("new")?;
    fields.finish()?;
    let auth = &change.app.auth;
    // A stolen session must not become a way to guess the password.
    let tried = Tried {
        login: user_id.as_str(),
        address: change.peer.address,
        device: Some("signed in"),
    };
    let attempt = change.begin_try(tried)?;
    let kept = change.app.engine.own_password(&change.asker.access).await?;
    let looked = auth.passwords.is_right(current, kept.clone()).await;
    let (is_right, attempt) = if_tried(looked, attempt)?;
    let Some(checked) = kept.filter(|_| is_right) else {
        change.suspect(Suspicion::WrongSecret);
        return Err(Problem::WrongPassword);
    };
    attempt.was_right();
    let outside = change.app.engine.outside();
    let password = auth.passwords.hash(new, outside).await?;
    let beginning = change.begin();
    let command = PeopleCommand::ChangePassword {
        checked,
        password,
        session: beginning.session.clone(),
    };
    let outcome = change.submit(command).await?;
    Ok(change.signed_in(StatusCode::OK, outcome, &beginning))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Sessions {
    /// Where the caller is signed in.
    sessions: Vec<MySession>,
}

/// One device that is signed in, as its owner sees it.
#[derive(Serialize, ToSchema)]
struct MySession {
    #[serde(flatten)]
    session: Session,
    /// Whether it is the one that asks.
    current: bool,
}

pub(super) async fn sessions(
    State(app): State<App>,
    By(asker): By,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    of_somebody(&asker)?;
    let own = match asker.access.caller() {
        Caller::Person { session_id, .. } => Some(session_id),
        _ => None,
    };
    let sessions = app.engine.sessions(&asker.access).await?.into_iter();
    let sessions = sessions.map(|session| MySession {
        current: Some(&session.id) == own,
        session,
    });
    let sessions = sessions.collect();
    Ok(answer::secret(StatusCode::OK, &Sessions { sessions }))
}

pub(super) async fn end_session(
    PathId(session_id): PathId<SessionId>,
    change: Change,
) -> Result<Response, Problem> {
    change.user()?;
    let command = PeopleCommand::EndSession { session_id };
    change.submit_bare(command).await
}

pub(super) async fn end_all_sessions(change: Change) -> Result<Response, Problem> {
    change.user()?;
    let mut response = change.submit_bare(PeopleCommand::EndAllSessions).await?;
    let gone = Cookie::Session.remove(change.peer.is_https);
    response.headers_mut().append(SET_COOKIE, gone);
    Ok(response)
}

#[derive(Serialize, ToSchema)]
pub(super) struct Tokens {
    /// All of the account.
    tokens: Vec<Token>,
}

/// A new token, and the only time that its secret is told.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenWithSecret {
    #[serde(flatten)]
    token: Token,
    /// What goes into `Authorization: Bearer …`.
    secret: String,
}

pub(super) async fn tokens(
    State(app): State<App>,
    By(asker): By,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let user_id = of_somebody(&asker)?.id.clone();
    tokens_of(&app, &asker, user_id).await
}

pub(super) async fn make_token(change: Change) -> Result<Response, Problem> {
    let user_id = change.user()?.id.clone();
    make_token_for(&change, user_id).await
}

pub(super) async fn end_token(
    PathId(token_id): PathId<TokenId>,
    change: Change,
) -> Result<Response, Problem> {
    let user_id = change.user()?.id.clone();
    let command = PeopleCommand::EndToken { user_id, token_id };
    change.submit_bare(command).await
}

/// The tokens of an account.
pub(super) async fn tokens_of(
    app: &App,
    asker: &Asker,
    user_id: UserId,
) -> Result<Response, Problem> {
    let tokens = app.engine.tokens(&asker.access, user_id).await?;
    Ok(answer::secret(StatusCode::OK, &Tokens { tokens }))
}

/// A new token for an account. Its secret is told here and nowhere else.
pub(super) async fn make_token_for(change: &Change, user_id: UserId) -> Result<Response, Problem> {
    let mut fields = change.fields()?;
    let name = fields.required("name")?;
    let scope = fields.word(
        "scope",
        Scope::read,
        "must be \"read\", \"write\" or \"admin\"",
    )?;
    let scope = scope.ok_or_else(|| Problem::invalid("scope", "is missing"))?;
    let boards: Option<Vec<BoardId>> = fields.list("boards", BOARDS_PER_TOKEN_MAX)?;
    let ends_at = fields.time("endsAt")?;
    fields.finish()?;
    check_future(ends_at, change.app.engine.outside().now())?;
    let secret = change.draw(Kind::Token);
    let command = PeopleCommand::MakeToken {
        user_id,
        token_id: change.generate(TokenId::generate),
        secret: secret.hash(),
        name,
        scope,
        boards,
        ends_at,
    };
    let PeopleOutcome::Token(token) = change.submit(command).await? else {
        unreachable!("making a token comes to nothing else");
    };
    let secret = secret.reveal().to_owned();
    Ok(answer::secret(
        StatusCode::CREATED,
        &TokenWithSecret { token, secret },
    ))
}

fn check_future(ends_at: Option<Timestamp>, now: Timestamp) -> Result<(), Problem> {
    match ends_at {
        Some(ends_at) if ends_at <= now => Err(Problem::invalid("endsAt", "must be in the future")),
        _ => Ok(()),
    }
}
