//! People, their sessions and tokens as plain data, and what may be asked of them: changes of people
//! go through the same writer as changes of boards, in the same transactions. They make no events.
//! Secrets never come in here: only hashes of them do.

use crate::access::{Access, Role, Scope, words};
use crate::limits::{AGENT_CHARS_MAX, PASSWORD_HASH_CHARS_MAX};
use crate::model::{
    BoardId, Login, Malformed, PersonName, SessionId, Timestamp, TokenId, TokenName, UserId,
};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use utoipa::ToSchema;

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Who.
    pub id: UserId,
    /// A person, or a program.
    pub kind: UserKind,
    /// What they sign in with; programs don't.
    pub login: Option<Login>,
    /// What people call them.
    pub name: PersonName,
    /// Whether they may change other people.
    pub is_admin: bool,
    /// Whether they have set a password.
    pub has_password: bool,
    /// Since when they can do nothing.
    pub disabled_at: Option<Timestamp>,
    /// When the account was made; never changes.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Goes up by one with every change.
    pub version: u64,
}

/// What an account stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// Somebody who signs in.
    Person,
    /// A program, which has tokens and nothing else.
    Service,
}

words! { UserKind { Person "person" Service "service" } }

/// One device that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Which one.
    pub id: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub ends_at: Timestamp,
    /// What the browser called itself.
    pub agent: Agent,
}

/// A program's way in, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Which one.
    pub id: TokenId,
    /// What it is for.
    pub name: TokenName,
    /// What it may at most.
    pub scope: Scope,
    /// The boards it is good for; none means all of its owner's. Empty once they are all gone.
    #[schema(required)]
    pub boards: Option<Vec<BoardId>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if it does by itself.
    #[schema(required)]
    pub ends_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[schema(required)]
    pub used_at: Option<Timestamp>,
}

/// Somebody on a board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// What people call them.
    pub name: PersonName,
    /// What they sign in with.
    #[schema(required)]
    pub login: Option<Login>,
    /// What they are on the board.
    pub role: Role,
    /// Whether they can do nothing now.
    pub disabled: bool,
}

/// What a secret is known by: a hash of 256 random bits, which needs no salt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// Of a secret as it stands on the wire.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        Self(blake3::hash(secret).into())
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// What a caller shows to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The secret of a session.
    Session(SecretHash),
    /// The secret of a token.
    Token(SecretHash),
}

/// A password as it is kept: a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Arc<str>);

impl PasswordHash {
    /// Reads a PHC string.
    pub fn parse(phc: &str) -> Result<Self, Malformed> {
        let is_phc = phc.starts_with('$') && phc.bytes().all(|byte| byte.is_ascii_graphic());
        if is_phc && phc.len() <= PASSWORD_HASH_CHARS_MAX {
            Ok(Self(phc.into()))
        } else {
            Err(Malformed::PasswordHash)
        }
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// What a browser calls itself, for its owner's eyes: cut to what a line holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agent(Arc<str>);

impl Agent {
    /// The beginning of a text, without control characters.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let shown = text.chars().filter(|c| !c.is_control());
        Self(shown.take(AGENT_CHARS_MAX).collect::<String>().into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A session that begins if a command is accepted.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// What its secret is known by.
    pub secret: SecretHash,
    /// What the browser calls itself.
    pub agent: Agent,
}

/// A change of people that somebody asks for. Complete: ids and secrets are drawn and passwords hashed
/// before it is submitted.
#[derive(Clone, Debug)]
pub enum PeopleCommand {
    /// Makes the first account, switches accounts on, and gives it every board.
    SetUp {
        /// The new account's id.
        user_id: UserId,
        /// What it signs in with.
        login: Login,
        /// What people call it.
        name: PersonName,
        /// Its password.
        password: PasswordHash,
        /// Where it is signed in from now on.
        session: NewSession,
    },
    /// Signs a person in whose password was checked. A session that asks is replaced.
    SignIn {
        /// Who.
        user_id: UserId,
        /// The kept password that was checked: it may have changed since.
        checked: PasswordHash,
        /// The new session.
        session: NewSession,
    },
    /// Ends the session or the token that asks.
    SignOut,
    /// Ends one of the caller's own sessions.
    EndSession {
        /// Which one.
        session_id: SessionId,
    },
    /// Ends all sessions of the caller's, this one too.
    EndAllSessions,
    /// Changes the caller's password. All sessions end and a new one begins.
    ChangePassword {
        /// The kept password that was checked.
        checked: PasswordHash,
        /// The new one.
        password: PasswordHash,
        /// The new session.
        session: NewSession,
    },
    /// Makes a token, for the caller or, by a server admin, for a program's account.
    MakeToken {
        /// Whose.
        user_id: UserId,
        /// Its id.
        token_id: TokenId,
        /// What its secret is known by.
        secret: SecretHash,
        /// What it is for.
        name: TokenName,
        /// What it may at most.
        scope: Scope,
        /// The only boards it is good for.
        boards: Option<Vec<BoardId>>,
        /// When it ends by itself.
        ends_at: Option<Timestamp>,
    },
    /// Ends a token.
    EndToken {
        /// Whose.
        user_id: UserId,
        /// Which one.
        token_id: TokenId,
    },
    /// Makes a person's account, with a link to set the first password.
    CreatePerson {
        /// The new account's id.
        user_id: UserId,
        /// What it signs in with.
        login: Login,
        /// What people call it.
        name: PersonName,
        /// What the link's secret is known by.
        invite: SecretHash,
    },
    /// Makes an account for a program.
    CreateService {
        /// The new account's id.
        user_id: UserId,
        /// What people call it.
        name: PersonName,
    },
    /// Changes an account: its name by itself, everything by a server admin.
    EditUser {
        /// Which one.
        user_id: UserId,
        /// Its new name, if that changes.
        name: Option<PersonName>,
        /// Whether it may change other people, if that changes.
        is_admin: Option<bool>,
        /// Whether it can do anything at all, if that changes.
        disabled: Option<bool>,
    },
    /// Makes a link with which a person sets a new password. Earlier ones end.
    Invite {
        /// Whom.
        user_id: UserId,
        /// What the link's secret is known by.
        invite: SecretHash,
    },
    /// Spends a link: sets the password, ends all sessions, and begins a new one.
    AcceptInvite {
        /// What the link's secret is known by.
        invite: SecretHash,
        /// The new password.
        password: PasswordHash,
        /// The new name, if that changes.
        name: Option<PersonName>,
        /// The new session.
        session: NewSession,
    },
    /// Makes somebody a member of a board, or gives a member another role.
    PutMember {
        /// On which board.
        board_id: BoardId,
        /// Whom.
        who: Who,
        /// What they shall be.
        role: Role,
    },
    /// Takes somebody off a board. Everyone may leave.
    RemoveMember {
        /// On which board.
        board_id: BoardId,
        /// Whom.
        user_id: UserId,
    },
}

/// How a request names somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// By id.
    Id(UserId),
    /// By what they sign in with.
    Login(Login),
}

/// A change of people with who asks for it.
#[derive(Clone, Debug)]
pub struct PeopleRequest {
    /// Who asks. [`crate::access::Caller::Nobody`] may set up, sign in and accept an invite.
    pub access: Access,
    /// What is asked.
    pub command: PeopleCommand,
}

/// What an accepted change of people came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeopleOutcome {
    /// They are signed in by the new session.
    SignedIn {
        /// The account.
        user: User,
        /// The session.
        session: Session,
    },
    /// The account as it now is.
    User(User),
    /// There is a link for it now.
    Invited {
        /// The account.
        user: User,
        /// When the link ends.
        ends_at: Timestamp,
    },
    /// The token as it was made.
    Token(Token),
    /// The member as they now are.
    Member {
        /// Who and what.
        member: Member,
        /// Whether they were none before.
        is_new: bool,
    },
    /// It is done, and there is nothing to show.
    Done,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_password_is_a_phc_string() {
        let longest = format!("${}", "x".repeat(PASSWORD_HASH_CHARS_MAX - 1));
        for good in ["$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", &longest] {
            assert_eq!(PasswordHash::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "argon2id$",
            "$a b",
            "$ä",
            "$a\n",
            &format!("{longest}x"),
        ] {
            assert_eq!(
                PasswordHash::parse(bad),
                Err(Malformed::PasswordHash),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn what_a_browser_calls_itself_is_one_line_of_bounded_length() {
        assert_eq!(Agent::of("Browser\r\n 1\u{0}").as_str(), "Browser 1");
        let long = Agent::of(&"ä".repeat(AGENT_CHARS_MAX + 1));
        assert_eq!(long.as_str().chars().count(), AGENT_CHARS_MAX);
    }

    #[test]
    fn no_secret_shows_itself_by_accident() {
        let secret = SecretHash::of(b"secret");
        assert_ne!(secret, SecretHash::of(b"another"));
        assert_eq!(format!("{secret:?}"), "SecretHash(…)");
        let password = PasswordHash::parse("$hash").unwrap();
        assert_eq!(format!("{password:?}"), "PasswordHash(…)");
    }

    #[test]
    fn accounts_are_of_people_and_of_programs() {
        for (kind, word) in [(UserKind::Person, "person"), (UserKind::Service, "service")] {
            assert_eq!(kind.to_string(), word);
            assert_eq!(UserKind::read(word), Some(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{word}\""));
        }
        assert_eq!(UserKind::read("robot"), None);
    }
}
