//! The desk: where whoever has the data file at hand asks for accounts, as the command line does. Over a
//! socket beside the file while a server runs, and in its own process where none does; either way the
//! wish becomes the same command to the same writer, so the same rules hold, it is as durable, and
//! streams end as they do by HTTP. One connection holds one wish and its answer.

mod socket;

pub use socket::{Socket, call};

use crate::auth::Auth;
use crate::auth::password::Password;
use crate::auth::secret::{Kind, Secret};
use crate::engine::Engine;
use crate::outside::random_bytes;
use crate::store::Failure;
use boardcast_core::access::{Access, Caller, Role, Scope};
use boardcast_core::limits::DESK_PAGE_USERS;
use boardcast_core::model::{
    BoardId, Login, Malformed, PersonName, SessionId, Timestamp, TokenId, TokenName, UserId,
};
use boardcast_core::people::{
    Agent, NewSession, PeopleCommand, PeopleOutcome, PeopleRequest, Token, User, UserKind, Who,
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;

const DAY_MS: i64 = 24 * 3_600_000;

/// What is asked for: one change of people, or one read.
#[derive(Serialize, Deserialize)]
#[serde(
    tag = "wish",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Wish {
    /// Switches accounts on and makes the first one.
    SetUp {
        /// What it signs in with.
        login: Login,
        /// What people call it.
        name: PersonName,
        /// Its password.
        password: String,
    },
    /// A page of accounts.
    Users {
        /// After which one.
        after: Option<UserId>,
    },
    /// A new account for a person.
    MakePerson {
        /// What it signs in with.
        login: Login,
        /// What people call it.
        name: PersonName,
    },
    /// A new account for a program.
    MakeService {
        /// What people call it.
        name: PersonName,
    },
    /// Changes what an account may.
    Edit {
        /// Whose, as [`Desk`] finds them.
        who: String,
        /// Whether they may change other people, if that changes.
        is_admin: Option<bool>,
        /// Whether they can do nothing, if that changes.
        disabled: Option<bool>,
    },
    /// A new one-time link.
    Invite {
        /// For whom.
        who: String,
    },
    /// The tokens of an account.
    Tokens {
        /// Whose.
        who: String,
    },
    /// A new token.
    MakeToken {
        /// Whose.
        who: String,
        /// What it is for.
        name: TokenName,
        /// What it may at most.
        scope: Scope,
        /// The only boards it is good for.
        boards: Option<Vec<BoardId>>,
        /// Days after which it ends by itself.
        days: Option<u32>,
    },
    /// Ends a token.
    EndToken {
        /// Whose.
        who: String,
        /// Which one.
        token_id: TokenId,
    },
    /// Gives somebody a role on a board, or none.
    SetRole {
        /// Whom.
        who: String,
        /// On which board.
        board_id: BoardId,
        /// What they shall be; none takes them off the board.
        role: Option<Role>,
    },
}

/// What came of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// It was done. What there is to show, in the words of the HTTP API.
    Done(Box<RawValue>),
    /// Nothing happened, and why, in a sentence.
    Refused(String),
}

/// Why nothing happened.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("Accounts are not on yet. `boardcast init` switches them on.")]
    Off,
    #[error("the password {0}")]
    Password(#[from] Malformed),
    #[error("{0:?} names nobody with an account. `boardcast user list` shows who has one.")]
    Unknown(String),
    #[error("Several accounts are called {0:?}. Give the id that `boardcast user list` shows.")]
    Ambiguous(String),
    #[error("More passwords are being checked than the server can take. Try again in a moment.")]
    Crowded,
}

/// Carries wishes out in the name of whoever has the data file.
pub struct Desk {
    engine: Arc<Engine>,
    auth: Arc<Auth>,
}

/// An account and the secret of its new one-time link.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invited {
    user: User,
    invite: String,
    ends_at: Timestamp,
}

/// A new token and its secret.
#[derive(Serialize)]
struct Issued {
    #[serde(flatten)]
    token: Token,
    secret: String,
}

impl Desk {
    /// In front of an engine.
    #[must_use]
    pub fn new(engine: Arc<Engine>, auth: Arc<Auth>) -> Self {
        Self { engine, auth }
    }

    /// Does what is asked for. Who asks was looked at before.
    pub async fn carry_out(&self, wish: Wish) -> Answer {
        match self.try_out(wish).await {
            Ok(shown) => Answer::Done(shown),
            Err(refused) => Answer::Refused(refused.to_string()),
        }
    }

    async fn try_out(&self, wish: Wish) -> Result<Box<RawValue>, Refused> {
        // Reads would say that there is nobody.
        if !self.engine.is_accounts_on() && !matches!(wish, Wish::SetUp { .. }) {
            return Err(Refused::Off);
        }
        match wish {
            Wish::SetUp {
                login,
                name,
                password,
            } => self.set_up(login, name, password.parse()?).await,
            Wish::Users { after } => Ok(shown(&self.users(after).await?)),
            Wish::MakePerson { login, name } => {
                let secret = self.draw(Kind::Invite);
                let invite = secret.hash();
                let user_id = self.generate(UserId::generate);
                let command = PeopleCommand::CreatePerson {
                    user_id,
                    login,
                    name,
                    invite,
                };
                self.invite(command, &secret).await
            }
            Wish::MakeService { name } => {
                let user_id = self.generate(UserId::generate);
                self.change(PeopleCommand::CreateService { user_id, name })
                    .await
            }
            Wish::Edit {
                who,
                is_admin,
                disabled,
            } => {
                let command = PeopleCommand::EditUser {
                    user_id: self.find(who).await?,
                    name: None,
                    is_admin,
                    disabled,
                };
                self.change(command).await
            }
            Wish::Invite { who } => {
                let secret = self.draw(Kind::Invite);
                let user_id = self.find(who).await?;
                let invite = secret.hash();
                let command = PeopleCommand::Invite { user_id, invite };
                self.invite(command, &secret).await
            }
            Wish::Tokens { who } => {
                let user_id = self.find(who).await?;
                Ok(shown(&self.engine.tokens(&operator(), user_id).await?))
            }
            Wish::MakeToken {
                who,
                name,
                scope,
                boards,
                days,
            } => {
                let secret = self.draw(Kind::Token);
                let now = self.engine.outside().now();
                let command = PeopleCommand::MakeToken {
                    user_id: self.find(who).await?,
                    token_id: self.generate(TokenId::generate),
                    secret: secret.hash(),
                    name,
                    scope,
                    boards,
                    ends_at: days.map(|days| now.minus_millis(-i64::from(days) * DAY_MS)),
                };
                let PeopleOutcome::Token(token) = self.submit(operator(), command).await? else {
                    unreachable!("making a token comes to nothing else");
                };
                let secret = secret.reveal().to_owned();
                Ok(shown(&Issued { token, secret }))
            }
            Wish::EndToken { who, token_id } => {
                let user_id = self.find(who).await?;
                self.change(PeopleCommand::EndToken { user_id, token_id })
                    .await
            }
            Wish::SetRole {
                who,
                board_id,
                role,
            } => {
                let user_id = self.find(who).await?;
                self.change(match role {
                    Some(role) => PeopleCommand::PutMember {
                        board_id,
                        who: Who::Id(user_id),
                        role,
                    },
                    None => PeopleCommand::RemoveMember { board_id, user_id },
                })
                .await
            }
        }
    }

    /// The first account is signed in when it is made. Nobody holds that session here, so it ends.
    async fn set_up(
        &self,
        login: Login,
        name: PersonName,
        password: Password,
    ) -> Result<Box<RawValue>, Refused> {
        let passwords = &self.auth.passwords;
        let hashed = passwords.hash(password, self.engine.outside()).await;
        let session = NewSession {
            id: self.generate(SessionId::generate),
            secret: self.draw(Kind::Session).hash(),
            agent: Agent::of("boardcast init"),
        };
        let user_id = self.generate(UserId::generate);
        let signed_in = Access::of(Caller::Person {
            user_id: user_id.clone(),
            session_id: session.id.clone(),
        });
        let command = PeopleCommand::SetUp {
            user_id,
            login,
            name,
            password: hashed.map_err(|_| Refused::Crowded)?,
            session,
        };
        let made = self.change(command).await?;
        // Where that fails the session ends by itself: its secret is gone already.
        let _ = self.submit(signed_in, PeopleCommand::SignOut).await;
        Ok(made)
    }

    /// Whom a person at the command line means: an id, a login, or what one account alone is called.
    async fn find(&self, who: String) -> Result<UserId, Refused> {
        let login = Login::parse(&who).ok();
        let mut named = Vec::new();
        let mut after = None;
        loop {
            let page = self.users(after).await?;
            for user in &page {
                if user.id.as_str() == who || (login.is_some() && user.login == login) {
                    return Ok(user.id.clone());
                }
                if user.kind == UserKind::Service && user.name.as_str() == who {
                    named.push(user.id.clone());
                }
            }
            after = page.last().map(|user| user.id.clone());
            if page.len() < DESK_PAGE_USERS {
                break;
            }
        }
        match named.pop() {
            Some(id) if named.is_empty() => Ok(id),
            Some(_) => Err(Refused::Ambiguous(who)),
            None => Err(Refused::Unknown(who)),
        }
    }

    async fn users(&self, after: Option<UserId>) -> Result<Vec<User>, Failure> {
        let (engine, limit) = (&self.engine, DESK_PAGE_USERS);
        engine.users(&operator(), after, limit).await
    }

    async fn invite(
        &self,
        command: PeopleCommand,
        secret: &Secret,
    ) -> Result<Box<RawValue>, Refused> {
        let PeopleOutcome::Invited { user, ends_at } = self.submit(operator(), command).await?
        else {
            unreachable!("an invite comes to nothing else");
        };
        let invite = secret.reveal().to_owned();
        Ok(shown(&Invited {
            user,
            invite,
            ends_at,
        }))
    }

    /// A change that says all there is to show by itself.
    async fn change(&self, command: PeopleCommand) -> Result<Box<RawValue>, Refused> {
        Ok(match self.submit(operator(), command).await? {
            PeopleOutcome::User(user) | PeopleOutcome::SignedIn { user, .. } => shown(&user),
            PeopleOutcome::Member { member, .. } => shown(&member),
            PeopleOutcome::Token(token) => shown(&token),
            PeopleOutcome::Invited { user, .. } => shown(&user),
            PeopleOutcome::Done => shown(&()),
        })
    }

    async fn submit(
        &self,
        access: Access,
        command: PeopleCommand,
    ) -> Result<PeopleOutcome, Failure> {
        let request = PeopleRequest { access, command };
        self.engine.submit_people(request).await
    }

    fn draw(&self, kind: Kind) -> Secret {
        Secret::draw(kind, self.engine.outside())
    }

    fn generate<Id>(&self, generate: fn(Timestamp, [u8; 10]) -> Id) -> Id {
        let outside = self.engine.outside();
        generate(outside.now(), random_bytes(outside))
    }
}

fn operator() -> Access {
    Access::of(Caller::Operator)
}

fn shown(what: &impl Serialize) -> Box<RawValue> {
    to_raw_value(what).expect("plain data")
}
