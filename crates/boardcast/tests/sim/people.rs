//! People in the world: who there is, by what they are known, and what is changed about them. What
//! they may is the judge's to say; how a change is put to the writer stands here.

use boardcast::store::{Failure, PeopleAnswer};
use boardcast_core::access::{Access, Caller, Role as ProductRole, Scope};
use boardcast_core::model::{BoardId, Login, PersonName, SessionId, TokenId, TokenName, UserId};
use boardcast_core::people::{
    Agent, NewSession, PasswordHash, PeopleCommand, PeopleRequest, SecretHash, Who,
};
use boardcast_core::protocol::Refusal;
use boardcast_sim::random::Random;
use boardcast_sim::rights::{Answer, Badge, Change, Rights, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use crate::clients::BOARDS;

/// The first one makes the first account, and rules people.
pub(crate) const USERS: [&str; 4] = ["first", "second", "third", "fourth"];

/// Sees every board, changes nothing and is never touched: the judges read by this account.
pub(crate) const AUDITOR: &str = "auditor";

/// Credentials that an account has at once: enough to lose some.
const BADGES_MAX: usize = 5;

pub(crate) struct People {
    /// As of the last commit that was made known.
    pub(crate) rights: Rights,
    /// While the writer takes a turn: what rights are once all that waits is done.
    pub(crate) ahead: Option<Rights>,
    pub(crate) random: Random,
    /// Whose each session and each token is or was.
    owners: BTreeMap<Badge, String>,
    made: u64,
}

impl People {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            rights: Rights::default(),
            ahead: None,
            random,
            owners: BTreeMap::new(),
            made: 0,
        }
    }

    /// Whether somebody may know of a board, now or, in the middle of a turn, after it.
    pub(crate) fn may_see(&self, badge: &Badge, board: &str) -> bool {
        let mut both = [Some(&self.rights), self.ahead.as_ref()]
            .into_iter()
            .flatten();
        self.rights.is_unsure(badge) || both.any(|rights| rights.role(badge, board).is_some())
    }

    /// Every credential that there ever was.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Badge> {
        self.owners.keys()
    }

    pub(crate) fn new_session(&mut self, user: &str) -> String {
        self.made += 1;
        let session = format!("s{}", self.made);
        let badge = Badge::Session(session.clone());
        self.owners.insert(badge, user.to_owned());
        session
    }

    pub(crate) fn new_token(&mut self, user: &str) -> String {
        self.made += 1;
        let token = format!("t{}", self.made);
        let badge = Badge::Token(token.clone());
        self.owners.insert(badge, user.to_owned());
        token
    }

    /// Most often one that is good; the auditor's is nobody's to take.
    pub(crate) fn some_badge(&mut self) -> Badge {
        let wants_good = !self.random.one_in(6);
        let rights = &self.rights;
        let fits = |(badge, user): &(&Badge, &String)| {
            let is_good = rights.holder(badge).is_some() && !rights.is_unsure(badge);
            *user != AUDITOR && (is_good || !wants_good)
        };
        let all: Vec<_> = self.owners.iter().filter(fits).collect();
        match all.is_empty() {
            true => Badge::Nobody,
            false => self.random.pick(&all).0.clone(),
        }
    }

    /// Most often one that may do this on the board, if there is any.
    pub(crate) fn badge_for(&mut self, board: &str, needed: Role) -> Badge {
        if self.random.one_in(4) {
            return self.some_badge();
        }
        let may = |badge: &&Badge| {
            self.owners[*badge] != AUDITOR
                && !self.rights.is_unsure(badge)
                && self.rights.role(badge, board) >= Some(needed)
        };
        let able: Vec<_> = self.owners.keys().filter(may).collect();
        match able.is_empty() {
            true => self.some_badge(),
            false => (*self.random.pick(&able)).clone(),
        }
    }

    /// The next change, and who asks for it.
    pub(crate) fn draw(&mut self) -> (Badge, Change) {
        let user = (*self.random.pick(&USERS)).to_owned();
        let board = (*self.random.pick(&BOARDS)).to_owned();
        let role = *self
            .random
            .pick(&[Role::Viewer, Role::Editor, Role::Editor, Role::Admin]);
        match self.random.below(100) {
            0..28 => {
                let asker = self.ruler_of(&board);
                (asker, Change::PutMember { board, user, role })
            }
            28..48 => {
                let asker = self.ruler_of(&board);
                (asker, Change::RemoveMember { board, user })
            }
            48..53 => (self.ruler(), Change::Disable(user, true)),
            53..64 => (self.ruler(), Change::Disable(user, false)),
            64..67 => {
                let is_admin = self.random.one_in(2);
                (self.ruler(), Change::Promote(user, is_admin))
            }
            67..83 => self.change_tokens(user, role),
            83..88 => self.end_sessions(&user),
            _ => self.begin_session(user),
        }
    }

    fn ruler(&mut self) -> Badge {
        match self.random.one_in(2) {
            true => Badge::Operator,
            false => self.some_badge(),
        }
    }

    fn ruler_of(&mut self, board: &str) -> Badge {
        match self.random.one_in(3) {
            true => Badge::Operator,
            false => self.badge_for(board, Role::Admin),
        }
    }

    /// One of the account's own sessions, if it has any.
    fn session_of(&mut self, user: &str) -> Badge {
        let own = self.rights.badges(user).into_iter();
        let own: Vec<_> = own.filter(|b| matches!(b, Badge::Session(_))).collect();
        match own.is_empty() || self.random.one_in(6) {
            true => self.some_badge(),
            false => self.random.pick(&own).clone(),
        }
    }

    fn tokens_of(&self, user: &str) -> Vec<String> {
        let own = self.rights.badges(user).into_iter();
        let own = own.filter_map(|badge| match badge {
            Badge::Token(token) => Some(token),
            _ => None,
        });
        own.collect()
    }

    fn change_tokens(&mut self, user: String, cap: Role) -> (Badge, Change) {
        let own = self.tokens_of(&user);
        let asker = self.session_of(&user);
        if !own.is_empty() && (own.len() >= BADGES_MAX || self.random.one_in(3)) {
            let token = self.random.pick(&own).clone();
            return match self.random.below(6) {
                0..2 => (Badge::Operator, Change::EndToken { user, token }),
                2..4 => (Badge::Token(token), Change::SignOut),
                _ => (asker, Change::EndToken { user, token }),
            };
        }
        let boards = self.random.one_in(3).then(|| {
            let board = *self.random.pick(&BOARDS);
            BTreeSet::from([board.to_owned()])
        });
        let made = Change::MakeToken {
            token: self.new_token(&user),
            user,
            cap,
            boards,
        };
        let asker = match self.random.one_in(4) {
            true => Badge::Operator,
            false => asker,
        };
        (asker, made)
    }

    fn end_sessions(&mut self, user: &str) -> (Badge, Change) {
        let asker = self.session_of(user);
        let change = match (self.random.below(4), self.session_of(user)) {
            (0, _) => Change::EndAllSessions,
            (1, Badge::Session(session)) => Change::EndSession(session),
            (2, _) => Change::ChangePassword {
                session: self.new_session(user),
            },
            _ => Change::SignOut,
        };
        // The session that a new password begins is the asker's.
        match (&change, self.owners.get(&asker)) {
            (Change::ChangePassword { .. }, Some(owner)) if owner != user => {
                (asker, Change::SignOut)
            }
            _ => (asker, change),
        }
    }

    fn begin_session(&mut self, user: String) -> (Badge, Change) {
        let own = self.rights.badges(&user).into_iter();
        let is_sure = |badge: &Badge| !self.rights.is_unsure(badge);
        let sessions = own.filter(|badge| matches!(badge, Badge::Session(_)) && is_sure(badge));
        if sessions.count() >= BADGES_MAX {
            return (self.session_of(&user), Change::EndAllSessions);
        }
        let session = self.new_session(&user);
        let asker = match self.random.one_in(4) {
            true => self.session_of(&user),
            false => Badge::Nobody,
        };
        let asker = match asker {
            Badge::Session(_) => asker,
            _ => Badge::Nobody,
        };
        (asker, Change::SignIn { user, session })
    }

    /// Whose a credential is or was.
    pub(crate) fn owner(&self, badge: &Badge) -> &str {
        self.owners.get(badge).map_or("", String::as_str)
    }

    pub(crate) fn access(&self, badge: &Badge) -> Access {
        Access::of(match badge {
            Badge::Nobody => Caller::Nobody,
            Badge::Operator => Caller::Operator,
            Badge::Session(session) => Caller::Person {
                user_id: user_id(self.owner(badge)),
                session_id: parsed(session, SessionId::parse),
            },
            Badge::Token(token) => Caller::Token {
                user_id: user_id(self.owner(badge)),
                token_id: parsed(token, TokenId::parse),
                // Whatever a caller was told once: the row's own counts.
                scope: Scope::Admin,
            },
        })
    }

    pub(crate) fn request(&self, badge: &Badge, change: &Change) -> PeopleRequest {
        PeopleRequest {
            access: self.access(badge),
            command: command(change),
        }
    }
}

/// The header that shows a credential.
pub(crate) fn header(badge: &Badge) -> Option<(&'static str, String)> {
    match badge {
        Badge::Nobody | Badge::Operator => None,
        Badge::Session(session) => Some(("cookie", format!("boardcast={}", secret(session)))),
        Badge::Token(token) => Some(("authorization", format!("Bearer {}", secret(token)))),
    }
}

/// What is known of an answer; none if nothing of the turn happened.
pub(crate) fn answered(answer: &PeopleAnswer) -> Option<Result<Answer, String>> {
    let refusal = match answer {
        Ok(_) => return Some(Ok(Answer::Done)),
        Err(Failure::Refused(refusal)) => refusal,
        Err(_) => return None,
    };
    Some(match refusal {
        Refusal::NotSignedIn => Ok(Answer::NotSignedIn),
        Refusal::NotAllowed => Ok(Answer::NotAllowed),
        Refusal::NotFound(_) | Refusal::NoSuchPerson(_) => Ok(Answer::NotFound),
        Refusal::UnknownReference { .. } => Ok(Answer::UnknownBoard),
        Refusal::WrongKind(_) => Ok(Answer::Disabled),
        Refusal::LastAdmin => Ok(Answer::LastAdmin),
        Refusal::WrongLogin => Ok(Answer::WrongLogin),
        other => Err(format!("{other:?}")),
    })
}

/// Makes the first account, with a session.
pub(crate) fn set_up(user: &str, session: &str) -> PeopleCommand {
    PeopleCommand::SetUp {
        user_id: user_id(user),
        login: parsed(user, Login::parse),
        name: parsed(user, PersonName::parse),
        password: password(),
        session: begins(session),
    }
}

/// Makes an account whose password can be set by a link of its name.
pub(crate) fn create(user: &str) -> PeopleCommand {
    PeopleCommand::CreatePerson {
        user_id: user_id(user),
        login: parsed(user, Login::parse),
        name: parsed(user, PersonName::parse),
        invite: SecretHash::of(user.as_bytes()),
    }
}

/// Spends that link.
pub(crate) fn accept(user: &str, session: &str) -> PeopleCommand {
    PeopleCommand::AcceptInvite {
        invite: SecretHash::of(user.as_bytes()),
        password: password(),
        name: None,
        session: begins(session),
    }
}

fn command(change: &Change) -> PeopleCommand {
    match change.clone() {
        Change::SignIn { user, session } => PeopleCommand::SignIn {
            user_id: user_id(&user),
            checked: password(),
            session: begins(&session),
        },
        Change::SignOut => PeopleCommand::SignOut,
        Change::EndSession(session) => PeopleCommand::EndSession {
            session_id: parsed(&session, SessionId::parse),
        },
        Change::EndAllSessions => PeopleCommand::EndAllSessions,
        Change::ChangePassword { session } => PeopleCommand::ChangePassword {
            checked: password(),
            password: password(),
            session: begins(&session),
        },
        Change::MakeToken {
            user,
            token,
            cap,
            boards,
        } => PeopleCommand::MakeToken {
            user_id: user_id(&user),
            token_id: parsed(&token, TokenId::parse),
            secret: SecretHash::of(secret(&token).as_bytes()),
            name: parsed(&token, TokenName::parse),
            scope: match cap {
                Role::Viewer => Scope::Read,
                Role::Editor => Scope::Write,
                Role::Admin => Scope::Admin,
            },
            boards: boards.map(|boards| boards.iter().map(|board| board_id(board)).collect()),
            ends_at: None,
        },
        Change::EndToken { user, token } => PeopleCommand::EndToken {
            user_id: user_id(&user),
            token_id: parsed(&token, TokenId::parse),
        },
        Change::Disable(user, is_disabled) => edit(&user, None, Some(is_disabled)),
        Change::Promote(user, is_admin) => edit(&user, Some(is_admin), None),
        Change::PutMember { board, user, role } => PeopleCommand::PutMember {
            board_id: board_id(&board),
            who: Who::Id(user_id(&user)),
            role: match role {
                Role::Viewer => ProductRole::Viewer,
                Role::Editor => ProductRole::Editor,
                Role::Admin => ProductRole::Admin,
            },
        },
        Change::RemoveMember { board, user } => PeopleCommand::RemoveMember {
            board_id: board_id(&board),
            user_id: user_id(&user),
        },
    }
}

fn edit(user: &str, is_admin: Option<bool>, disabled: Option<bool>) -> PeopleCommand {
    PeopleCommand::EditUser {
        user_id: user_id(user),
        name: None,
        is_admin,
        disabled,
    }
}

fn begins(session: &str) -> NewSession {
    NewSession {
        id: parsed(session, SessionId::parse),
        secret: SecretHash::of(secret(session).as_bytes()),
        agent: Agent::of(""),
    }
}

/// The same for all: nobody hashes or checks one here.
fn password() -> PasswordHash {
    parsed("$password", PasswordHash::parse)
}

/// The secret of a session or a token follows from its name.
fn secret(name: &str) -> String {
    let (kind, number) = name.split_at(1);
    let prefix = if kind == "s" { "bcs_" } else { "bct_" };
    format!("{prefix}{number:0>52}")
}

fn user_id(user: &str) -> UserId {
    parsed(user, UserId::parse)
}

pub(crate) fn board_id(board: &str) -> BoardId {
    parsed(board, BoardId::parse)
}

fn parsed<T, E: Debug>(text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> T {
    parse(text).expect("made for it")
}
