//! What a store keeps of people, in memory: accounts, sessions, tokens, links, members. It makes the changes of
//! a decision one by one and knows nothing of the rules. People are called by their ids: `ada` is a server admin,
//! `bob` somebody, `bot` a program.

use boardcast_core::access::{Access, Caller, Rights, Role, Scope, Standing};
use boardcast_core::model::{
    BoardId, Login, PersonName, SessionId, Timestamp, TokenId, TokenName, UserId,
};
use boardcast_core::people::{
    Agent, NewSession, PasswordHash, PeopleCommand, PeopleRequest, SecretHash, User, UserKind, Who,
};
use boardcast_core::protocol::Refusal;
use boardcast_core::rules::people::{PeopleChange, PeopleDecision, PeopleView, decide};
use boardcast_core::rules::{Fault, Stopped};
use std::collections::{BTreeMap, BTreeSet};

/// When the town was founded.
pub(crate) const BEFORE: Timestamp = Timestamp(1_000);
/// When the command under test comes.
pub(crate) const NOW: Timestamp = Timestamp(2_000);

/// What is refused for somebody who can do nothing.
pub(crate) const DISABLED: &str = "a disabled account: enable it first";

/// Everything that stands.
#[derive(Clone, Default)]
pub(crate) struct Town {
    pub(crate) is_on: bool,
    pub(crate) users: BTreeMap<UserId, User>,
    passwords: BTreeMap<UserId, PasswordHash>,
    pub(crate) sessions: Vec<(UserId, SessionId)>,
    pub(crate) tokens: Vec<(UserId, TokenId)>,
    pub(crate) invites: Vec<(UserId, SecretHash)>,
    pub(crate) boards: BTreeSet<BoardId>,
    pub(crate) members: BTreeMap<(BoardId, UserId), Role>,
    /// Accounts and members that only count.
    pub(crate) others: usize,
}

pub(crate) fn user_id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

pub(crate) fn session_id(text: &str) -> SessionId {
    SessionId::parse(text).unwrap()
}

pub(crate) fn token_id(text: &str) -> TokenId {
    TokenId::parse(text).unwrap()
}

pub(crate) fn board_id(text: &str) -> BoardId {
    BoardId::parse(text).unwrap()
}

pub(crate) fn person_name(text: &str) -> PersonName {
    PersonName::parse(text).unwrap()
}

pub(crate) fn login(text: &str) -> Login {
    Login::parse(text).unwrap()
}

pub(crate) fn password(text: &str) -> PasswordHash {
    PasswordHash::parse(&format!("${text}")).unwrap()
}

pub(crate) fn secret(text: &str) -> SecretHash {
    SecretHash::of(text.as_bytes())
}

pub(crate) fn session(id: &str) -> NewSession {
    NewSession {
        id: session_id(id),
        secret: secret(id),
        agent: Agent::of("browser"),
    }
}

pub(crate) fn make_token(owner: &str, id: &str, boards: Option<&[&str]>) -> PeopleCommand {
    PeopleCommand::MakeToken {
        user_id: user_id(owner),
        token_id: token_id(id),
        secret: secret(id),
        name: TokenName::parse("script").unwrap(),
        scope: Scope::Write,
        boards: boards.map(|boards| boards.iter().map(|id| board_id(id)).collect()),
        ends_at: None,
    }
}

pub(crate) fn end_token(owner: &str, id: &str) -> PeopleCommand {
    PeopleCommand::EndToken {
        user_id: user_id(owner),
        token_id: token_id(id),
    }
}

pub(crate) fn sign_in(who: &str, checked: &str, new: &str) -> PeopleCommand {
    PeopleCommand::SignIn {
        user_id: user_id(who),
        checked: password(checked),
        session: session(new),
    }
}

pub(crate) fn create_person(id: &str) -> PeopleCommand {
    PeopleCommand::CreatePerson {
        user_id: user_id(id),
        login: login(id),
        name: person_name(id),
        invite: secret(id),
    }
}

pub(crate) fn rename(id: &str, name: &str) -> PeopleCommand {
    PeopleCommand::EditUser {
        user_id: user_id(id),
        name: Some(person_name(name)),
        is_admin: None,
        disabled: None,
    }
}

pub(crate) fn edit(id: &str, is_admin: Option<bool>, disabled: Option<bool>) -> PeopleCommand {
    PeopleCommand::EditUser {
        user_id: user_id(id),
        name: None,
        is_admin,
        disabled,
    }
}

pub(crate) fn invite(id: &str, link: &str) -> PeopleCommand {
    PeopleCommand::Invite {
        user_id: user_id(id),
        invite: secret(link),
    }
}

pub(crate) fn put_member(board: &str, who: &str, role: Role) -> PeopleCommand {
    PeopleCommand::PutMember {
        board_id: board_id(board),
        who: Who::Id(user_id(who)),
        role,
    }
}

pub(crate) fn remove_member(board: &str, who: &str) -> PeopleCommand {
    PeopleCommand::RemoveMember {
        board_id: board_id(board),
        user_id: user_id(who),
    }
}

/// Somebody by their first session, which is called like them.
pub(crate) fn by(who: &str) -> Access {
    Access::of(Caller::Person {
        user_id: user_id(who),
        session_id: session_id(who),
    })
}

/// A program of somebody's that may everything.
pub(crate) fn by_token_of(who: &str) -> Access {
    Access::of(Caller::Token {
        user_id: user_id(who),
        token_id: token_id(who),
        scope: Scope::Admin,
    })
}

pub(crate) fn by_operator() -> Access {
    Access::of(Caller::Operator)
}

pub(crate) fn by_nobody() -> Access {
    Access::of(Caller::Nobody)
}

impl Town {
    /// With Ada, Bob and the bot, and the boards `b`, whose admin is Ada, and `empty`.
    pub(crate) fn new() -> Self {
        let mut town = Self {
            is_on: true,
            ..Self::default()
        };
        for id in ["ada", "bob"] {
            town.settle(id, UserKind::Person);
            town.passwords.insert(user_id(id), password(id));
            town.sessions.push((user_id(id), session_id(id)));
        }
        town.settle("bot", UserKind::Service);
        town.account("ada").is_admin = true;
        town.boards = ["b", "empty"].map(board_id).into();
        town.join("b", "ada", Role::Admin);
        town
    }

    pub(crate) fn settle(&mut self, id: &str, kind: UserKind) {
        let user = User {
            id: user_id(id),
            kind,
            login: (kind == UserKind::Person).then(|| login(id)),
            name: person_name(id),
            is_admin: false,
            has_password: kind == UserKind::Person,
            disabled_at: None,
            created_at: BEFORE,
            updated_at: BEFORE,
            version: 3,
        };
        self.users.insert(user.id.clone(), user);
    }

    pub(crate) fn account(&mut self, id: &str) -> &mut User {
        self.users.get_mut(&user_id(id)).unwrap()
    }

    pub(crate) fn join(&mut self, board: &str, who: &str, role: Role) {
        self.members.insert((board_id(board), user_id(who)), role);
    }

    /// What is decided, and done.
    pub(crate) fn ask(
        &mut self,
        access: Access,
        command: PeopleCommand,
    ) -> Result<PeopleDecision, Refusal> {
        let request = PeopleRequest { access, command };
        let decision = decide(self, &request, NOW).map_err(|stopped| match stopped {
            Stopped::Refused(refusal) => refusal,
            Stopped::Fault(fault) => unreachable!("a town can always be read: {fault}"),
        })?;
        for change in &decision.changes {
            self.change(change.clone());
        }
        Ok(decision)
    }

    fn change(&mut self, change: PeopleChange) {
        match change {
            PeopleChange::SwitchOn => self.is_on = true,
            PeopleChange::GiveEveryBoard(id) => {
                for board in self.boards.clone() {
                    self.members.insert((board, id.clone()), Role::Admin);
                }
            }
            PeopleChange::PutUser(user) => _ = self.users.insert(user.id.clone(), user),
            PeopleChange::PutPassword(id, password) => _ = self.passwords.insert(id, password),
            PeopleChange::BeginSession(id, _, session) => self.sessions.push((id, session.id)),
            PeopleChange::EndSession(ended) => self.sessions.retain(|(_, id)| *id != ended),
            PeopleChange::MakeToken(id, _, token) => self.tokens.push((id, token.id)),
            PeopleChange::EndToken(ended) => self.tokens.retain(|(_, id)| *id != ended),
            PeopleChange::PutInvite(id, secret, _) => self.invites.push((id, secret)),
            PeopleChange::EndInvites(ended) => self.invites.retain(|(id, _)| *id != ended),
            PeopleChange::PutMember(board, id, role) => _ = self.members.insert((board, id), role),
            PeopleChange::RemoveMember(board, id) => _ = self.members.remove(&(board, id)),
        }
    }

    /// The names of somebody's sessions, oldest first.
    pub(crate) fn sessions_of(&self, who: &str) -> Vec<String> {
        let own = self.sessions.iter().filter(|(id, _)| id.as_str() == who);
        own.map(|(_, session)| session.to_string()).collect()
    }

    fn is_able(&self, id: &UserId) -> bool {
        let user = self.users.get(id);
        user.is_some_and(|user| user.disabled_at.is_none())
    }
}

impl Rights for Town {
    fn standing(&self, access: &Access) -> Result<Option<Standing>, Fault> {
        let is_good = match access.caller() {
            Caller::Open | Caller::Nobody => false,
            Caller::Operator => true,
            Caller::Token { user_id, .. } => self.is_able(user_id),
            Caller::Person { user_id, .. } => self.is_able(user_id),
        };
        let rules_people = match access.caller() {
            Caller::Operator => true,
            Caller::Person { user_id, .. } => self.users[user_id].is_admin,
            _ => false,
        };
        Ok(is_good.then_some(Standing {
            actor: None,
            makes_boards: true,
            rules_people,
        }))
    }

    fn role(&self, access: &Access, board_id: &BoardId) -> Result<Option<Role>, Fault> {
        let own = |id: &UserId| self.members.get(&(board_id.clone(), id.clone()));
        Ok(access.user_id().and_then(own).copied())
    }
}

impl PeopleView for Town {
    fn has_accounts(&self) -> Result<bool, Fault> {
        Ok(self.is_on)
    }

    fn user(&self, id: &UserId) -> Result<Option<User>, Fault> {
        Ok(self.users.get(id).cloned())
    }

    fn user_by_login(&self, login: &Login) -> Result<Option<User>, Fault> {
        let mut users = self.users.values();
        Ok(users
            .find(|user| user.login.as_ref() == Some(login))
            .cloned())
    }

    fn password(&self, id: &UserId) -> Result<Option<PasswordHash>, Fault> {
        Ok(self.passwords.get(id).cloned())
    }

    fn count_users(&self) -> Result<usize, Fault> {
        Ok(self.users.len() + self.others)
    }

    fn count_admins(&self) -> Result<usize, Fault> {
        let users = self.users.values();
        let able = users.filter(|user| user.is_admin && user.disabled_at.is_none());
        Ok(able.count())
    }

    fn sessions(&self, id: &UserId) -> Result<Vec<SessionId>, Fault> {
        let own = self.sessions.iter().filter(|(owner, _)| owner == id);
        Ok(own.map(|(_, session)| session.clone()).collect())
    }

    fn tokens(&self, id: &UserId) -> Result<Vec<TokenId>, Fault> {
        let own = self.tokens.iter().filter(|(owner, _)| owner == id);
        Ok(own.map(|(_, token)| token.clone()).collect())
    }

    fn invited(&self, invite: &SecretHash) -> Result<Option<UserId>, Fault> {
        let link = self.invites.iter().find(|(_, link)| link == invite);
        Ok(link.map(|(id, _)| id.clone()))
    }

    fn has_board(&self, id: &BoardId) -> Result<bool, Fault> {
        Ok(self.boards.contains(id))
    }

    fn member(&self, board_id: &BoardId, id: &UserId) -> Result<Option<Role>, Fault> {
        let role = self.members.get(&(board_id.clone(), id.clone()));
        Ok(role.copied())
    }

    fn count_members(&self, board_id: &BoardId) -> Result<usize, Fault> {
        let members = self.members.keys().filter(|(board, _)| board == board_id);
        Ok(members.count() + self.others)
    }

    fn count_board_admins(&self, board_id: &BoardId) -> Result<usize, Fault> {
        let able = self.members.iter().filter(|((board, id), role)| {
            board == board_id && **role == Role::Admin && self.is_able(id)
        });
        Ok(able.count())
    }
}
