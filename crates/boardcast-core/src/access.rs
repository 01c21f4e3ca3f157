//! Who asks, and what they may: a caller whose credential was checked ([`Access`]), what a person is
//! on a board ([`Role`]) and what a token may at most ([`Scope`]). Nothing in here remembers rights:
//! whoever reads or writes asks [`Rights`] inside its own transaction, so no answer can be stale (I9).

use crate::model::{BoardId, PersonName, SessionId, TokenId, TokenName, UserId};
use crate::rules::Fault;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Who asks. A value of it exists only after a credential was checked; what it is good for is looked
/// up where the data is, in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    caller: Caller,
}

/// How a caller is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Everyone, as long as there are no accounts.
    Open,
    /// Whoever showed no credential where there are accounts: may sign in, and nothing else.
    Nobody,
    /// Whoever has the data file at hand: may change people, their tokens and roles, and sees no board.
    Operator,
    /// A person who signed in.
    Person {
        /// Who.
        user_id: UserId,
        /// By which session.
        session_id: SessionId,
    },
    /// A program with a token of somebody's.
    Token {
        /// Whose.
        user_id: UserId,
        /// Which one.
        token_id: TokenId,
        /// What it may at most.
        scope: Scope,
    },
}

impl Access {
    /// What open mode grants to everyone: every board, to nobody in particular. Worth nothing once
    /// accounts are on.
    #[must_use]
    pub fn open() -> Self {
        Self::of(Caller::Open)
    }

    /// For a caller whose credential was checked.
    #[must_use]
    pub fn of(caller: Caller) -> Self {
        Self { caller }
    }

    /// How the caller is known.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whose rights these are, if they are a user's.
    #[must_use]
    pub fn user_id(&self) -> Option<&UserId> {
        match &self.caller {
            Caller::Open | Caller::Nobody | Caller::Operator => None,
            Caller::Person { user_id, .. } | Caller::Token { user_id, .. } => Some(user_id),
        }
    }

    /// The scope of idempotency keys: one per person and one per token, empty in open mode.
    #[must_use]
    pub fn key_scope(&self) -> &str {
        match &self.caller {
            Caller::Open | Caller::Nobody | Caller::Operator => "",
            Caller::Person { user_id, .. } => user_id.as_str(),
            Caller::Token { token_id, .. } => token_id.as_str(),
        }
    }
}

/// What a person is on a board. Each includes the ones before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads and watches.
    Viewer,
    /// Changes lists and tasks.
    Editor,
    /// Changes the board itself, and who its members are.
    Admin,
}

/// What a token may at most, whatever its owner may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// What a viewer may.
    Read,
    /// What an editor may.
    Write,
    /// What an admin of the board may.
    Admin,
}

impl Scope {
    /// The highest role that a token of this scope can act in.
    #[must_use]
    pub fn cap(self) -> Role {
        match self {
            Self::Read => Role::Viewer,
            Self::Write => Role::Editor,
            Self::Admin => Role::Admin,
        }
    }
}

/// The words on the wire, which are also those in the file.
macro_rules! words {
    ($name:ident { $($variant:ident $word:literal)* }) => {
        impl $name {
            /// The word for it on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// Reads the word for it.
            #[must_use]
            pub fn read(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! { Role { Viewer "viewer" Editor "editor" Admin "admin" } }
words! { Scope { Read "read" Write "write" Admin "admin" } }

/// Who did it, by the names that they had then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum Actor {
    /// A person.
    Person {
        /// Who.
        id: UserId,
        /// What they were called.
        name: PersonName,
    },
    /// A program with a token of somebody's.
    // Said again for the schema, which doesn't know of all fields.
    #[schema(rename_all = "camelCase")]
    Token {
        /// Whose.
        id: UserId,
        /// What they were called.
        name: PersonName,
        /// Which token.
        token_id: TokenId,
        /// What it was called.
        token_name: TokenName,
    },
}

/// What a caller's credential is good for at this moment, boards apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Who events name as their author: nobody in open mode.
    pub actor: Option<Actor>,
    /// Whether they may make boards.
    pub makes_boards: bool,
    /// Whether they may change other people: a server admin who signed in, or the operator.
    pub rules_people: bool,
}

/// What callers may, as of the transaction that asks.
pub trait Rights {
    /// What the credential is good for; `None` if it is good for nothing (any more).
    fn standing(&self, access: &Access) -> Result<Option<Standing>, Fault>;
    /// What the caller may on a board, alive or deleted, capped by the token's scope; `None` if they
    /// may not know of it.
    fn role(&self, access: &Access, board_id: &BoardId) -> Result<Option<Role>, Fault>;
}

/// Rights that were taken away by a commit. Streams that stand on them end before the caller who took
/// them away is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Accounts were switched on: everything that open mode granted.
    Everyone,
    /// All that a person could, by whatever credential.
    User(UserId),
    /// What one session could.
    Session(SessionId),
    /// What one token could.
    Token(TokenId),
    /// What a person could on one board, by whatever credential.
    Member(UserId, BoardId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_scopes_are_ordered_and_match() {
        assert!(Role::Viewer < Role::Editor && Role::Editor < Role::Admin);
        let caps = [Scope::Read, Scope::Write, Scope::Admin].map(Scope::cap);
        assert_eq!(caps, [Role::Viewer, Role::Editor, Role::Admin]);
        for role in caps {
            assert_eq!(Role::read(role.as_str()), Some(role));
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{role}\""));
        }
        assert_eq!(Role::read("owner"), None);
    }

    #[test]
    fn an_actor_stands_on_the_wire_as_the_contract_says() {
        let actor = Actor::Token {
            id: UserId::parse("user_1").unwrap(),
            name: PersonName::parse("Ada").unwrap(),
            token_id: TokenId::parse("token_1").unwrap(),
            token_name: TokenName::parse("deploy script").unwrap(),
        };
        let json = r#"{"type":"token","id":"user_1","name":"Ada","tokenId":"token_1","tokenName":"deploy script"}"#;
        assert_eq!(serde_json::to_string(&actor).unwrap(), json);
        assert_eq!(serde_json::from_str::<Actor>(json).unwrap(), actor);
    }

    #[test]
    fn a_person_and_their_programs_have_the_persons_rights_and_keys_of_their_own() {
        let user_id = UserId::parse("user_1").unwrap();
        let person = Access::of(Caller::Person {
            user_id: user_id.clone(),
            session_id: SessionId::parse("session_1").unwrap(),
        });
        let token = Access::of(Caller::Token {
            user_id: user_id.clone(),
            token_id: TokenId::parse("token_1").unwrap(),
            scope: Scope::Read,
        });
        assert_eq!(person.user_id(), Some(&user_id));
        assert_eq!(token.user_id(), Some(&user_id));
        assert_eq!(
            (person.key_scope(), token.key_scope()),
            ("user_1", "token_1")
        );
        let nobody = [Caller::Open, Caller::Nobody, Caller::Operator].map(Access::of);
        for access in nobody {
            assert_eq!((access.user_id(), access.key_scope()), (None, ""));
        }
    }

    #[test]
    fn roles_and_scopes_show_as_their_words() {
        assert_eq!(format!("{} {}", Role::Viewer, Scope::Write), "viewer write");
    }
}
