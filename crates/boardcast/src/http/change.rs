//! A change of people, taken in whole. The counterpart of `write.rs`: no idempotency keys, because a
//! secret can't be given twice, and no preconditions.

use super::answer::Problem;
use super::cookie::Cookie;
use super::decode::{Fields, Parameters};
use super::security::Suspicion;
use super::write::read_body;
use super::{App, Peer, answer, credential};
use crate::auth::Asker;
use crate::auth::password::Crowded;
use crate::auth::secret::{Kind, Secret};
use crate::auth::tries::{Tried, Try};
use crate::outside::random_bytes;
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use boardcast_core::limits::SESSION_DAYS_MAX;
use boardcast_core::model::{SessionId, Timestamp};
use boardcast_core::people::{
    Agent, NewSession, PeopleCommand, PeopleOutcome, PeopleRequest, User,
};
use bytes::Bytes;
use http::header::{SET_COOKIE, USER_AGENT};
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

/// A changing request about people.
pub(super) struct Change {
    pub(super) app: App,
    pub(super) asker: Asker,
    pub(super) peer: Peer,
    pub(super) headers: HeaderMap,
    body: Bytes,
}

impl FromRequest<App> for Change {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let peer = *Peer::of(&parts.extensions);
        let asker = match parts.extensions.get::<Asker>() {
            Some(asker) => asker.clone(),
            None => credential::if_any(app, &parts.headers, &peer).await?,
        };
        let body = read_body(&parts, body).await?;
        Parameters::of(&parts.uri).finish()?;
        Ok(Self {
            app: app.clone(),
            asker,
            peer,
            headers: parts.headers,
            body,
        })
    }
}

/// A session that begins if the command is accepted, and the secret that its cookie will hold.
pub(super) struct Beginning {
    pub(super) session: NewSession,
    secret: Secret,
}

impl Change {
    /// The fields of the body.
    pub(super) fn fields(&self) -> Result<Fields, Problem> {
        Fields::parse(&self.body)
    }

    /// A new id.
    pub(super) fn generate<Id>(&self, generate: fn(Timestamp, [u8; 10]) -> Id) -> Id {
        let outside = self.app.engine.outside();
        generate(outside.now(), random_bytes(outside))
    }

    /// A new secret.
    pub(super) fn draw(&self, kind: Kind) -> Secret {
        Secret::draw(kind, self.app.engine.outside())
    }

    /// A new session for whoever sent this. Always a new secret: one from before signing in is worth
    /// nothing afterwards, whoever planted it.
    pub(super) fn begin(&self) -> Beginning {
        let secret = self.draw(Kind::Session);
        let agent = self.headers.get(USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok());
        Beginning {
            session: NewSession {
                id: self.generate(SessionId::generate),
                secret: secret.hash(),
                agent: Agent::of(agent.unwrap_or_default()),
            },
            secret,
        }
    }

    /// Passwords go over TLS, or stay on this machine.
    pub(super) fn check_secure(&self) -> Result<(), Problem> {
        if self.peer.is_secure() {
            Ok(())
        } else {
            Err(Problem::HttpsNeeded)
        }
    }

    /// Hands the command to the writer, in the name of whoever sent this.
    pub(super) async fn submit(&self, command: PeopleCommand) -> Result<PeopleOutcome, Problem> {
        let request = PeopleRequest {
            access: self.asker.access.clone(),
            command,
        };
        Ok(self.app.engine.submit_people(request).await?)
    }

    /// [`Change::submit`] for requests whose path says it all, and which leave nothing to show.
    pub(super) async fn submit_bare(&self, command: PeopleCommand) -> Result<Response, Problem> {
        self.submit_nothing_else(command).await?;
        Ok(answer::deleted())
    }

    /// [`Change::submit`] for requests whose path says it all.
    pub(super) async fn submit_nothing_else(
        &self,
        command: PeopleCommand,
    ) -> Result<PeopleOutcome, Problem> {
        if !self.body.is_empty() {
            self.fields()?.finish()?;
        }
        self.submit(command).await
    }

    /// What is answered to whom is signed in now, with the cookies that say so.
    pub(super) fn signed_in(
        &self,
        status: StatusCode,
        outcome: PeopleOutcome,
        beginning: &Beginning,
    ) -> Response {
        let PeopleOutcome::SignedIn { user, .. } = outcome else {
            unreachable!("signing in comes to nothing else");
        };
        tracing::info!(user = %user.id, "signed in");
        let is_https = self.peer.is_https;
        let seconds = u64::from(SESSION_DAYS_MAX) * 24 * 60 * 60;
        let mut cookies = vec![Cookie::Session.set(beginning.secret.reveal(), seconds, is_https)];
        if let Some(login) = &user.login {
            let outside = self.app.engine.outside();
            let device = self.app.auth.devices.cookie(login.as_str(), outside);
            cookies.push(Cookie::Device.set(&device, seconds, is_https));
        }
        let mut response = answer::secret(status, &super::me::Me::of_session(&user));
        for cookie in cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    /// The account that asks.
    pub(super) fn user(&self) -> Result<&User, Problem> {
        of_somebody(&self.asker)
    }
}

/// Refuses what is about people where there are none.
pub(super) fn of_accounts(app: &App) -> Result<(), Problem> {
    if app.engine.is_accounts_on() {
        Ok(())
    } else {
        Err(Problem::accounts_off())
    }
}

impl Change {
    /// Begins a try of a secret, if there may be one more.
    pub(super) fn begin_try(&self, tried: Tried<'_>) -> Result<Try<'_>, Problem> {
        let attempt = self.app.auth.tries.begin(tried, Instant::now());
        Ok(attempt.inspect_err(|_| self.suspect(Suspicion::TooManyTries))?)
    }

    /// Notes what the caller did. Not the login that they gave: people type their password there.
    pub(super) fn suspect(&self, suspicion: Suspicion) {
        let now = self.app.engine.outside().now();
        self.app.edge.log.note(suspicion, self.peer.address, now);
    }
}

/// A try counts only if there was a turn to look at it: a crowd of others locks nobody out.
pub(super) fn if_tried<'a, T>(
    looked: Result<T, Crowded>,
    attempt: Try<'a>,
) -> Result<(T, Try<'a>), Problem> {
    match looked {
        Ok(looked) => Ok((looked, attempt)),
        Err(crowded) => {
            attempt.take_back();
            Err(crowded.into())
        }
    }
}

/// The account that asks; in open mode there are none.
pub(super) fn of_somebody(asker: &Asker) -> Result<&User, Problem> {
    asker.user.as_ref().ok_or_else(Problem::accounts_off)
}
