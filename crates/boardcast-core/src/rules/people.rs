//! What may be done with accounts, sessions, tokens and members. Decided as boards are: purely, given
//! a view of what stands in the transaction that will change it. There is always a server admin who
//! can act, and no board loses its last one.

use super::{Fault, Stopped};
use crate::access::{Access, Caller, Revocation, Rights, Role, Standing};
use crate::limits::{
    INVITE_DAYS, MEMBERS_PER_BOARD_MAX, SESSION_DAYS_MAX, SESSIONS_PER_USER_MAX,
    TOKENS_PER_USER_MAX, USERS_MAX,
};
use crate::model::{BoardId, Login, PersonName, SessionId, Timestamp, TokenId, UserId};
use crate::people::{
    Member, NewSession, PasswordHash, PeopleCommand, PeopleOutcome, PeopleRequest, SecretHash,
    Session, Token, User, UserKind, Who,
};
use crate::protocol::{Kind, PeopleKind, Refusal};

const DAY_MS: i64 = 24 * 3_600_000;

/// What stands, read inside the transaction that will change it.
pub trait PeopleView: Rights {
    /// Whether accounts are on.
    fn has_accounts(&self) -> Result<bool, Fault>;
    /// An account, disabled or not.
    fn user(&self, id: &UserId) -> Result<Option<User>, Fault>;
    /// The account that signs in with that.
    fn user_by_login(&self, login: &Login) -> Result<Option<User>, Fault>;
    /// The kept password, if one was set.
    fn password(&self, id: &UserId) -> Result<Option<PasswordHash>, Fault>;
    /// All accounts there are.
    fn count_users(&self) -> Result<usize, Fault>;
    /// Server admins who are not disabled.
    fn count_admins(&self) -> Result<usize, Fault>;
    /// A person's sessions, oldest first.
    fn sessions(&self, id: &UserId) -> Result<Vec<SessionId>, Fault>;
    /// An account's tokens.
    fn tokens(&self, id: &UserId) -> Result<Vec<TokenId>, Fault>;
    /// Whom a link is for, if it is still good.
    fn invited(&self, invite: &SecretHash) -> Result<Option<UserId>, Fault>;
    /// Whether there is such a living board.
    fn has_board(&self, id: &BoardId) -> Result<bool, Fault>;
    /// What somebody is on a board.
    fn member(&self, board_id: &BoardId, id: &UserId) -> Result<Option<Role>, Fault>;
    /// Members of a board.
    fn count_members(&self, board_id: &BoardId) -> Result<usize, Fault>;
    /// Admins of a board who are not disabled.
    fn count_board_admins(&self, board_id: &BoardId) -> Result<usize, Fault>;
}

/// An accepted change of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeopleDecision {
    /// What changes, in this order.
    pub changes: Vec<PeopleChange>,
    /// What streams may stand on no longer.
    pub revocations: Vec<Revocation>,
    /// What the caller is told.
    pub outcome: PeopleOutcome,
}

/// One change of what is kept of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeopleChange {
    /// Accounts are on from now on.
    SwitchOn,
    /// The account becomes an admin of every board there is.
    GiveEveryBoard(UserId),
    /// The account is this.
    PutUser(User),
    /// Its password is this.
    PutPassword(UserId, PasswordHash),
    /// A session begins.
    BeginSession(UserId, SecretHash, Session),
    /// A session ends.
    EndSession(SessionId),
    /// A token is made.
    MakeToken(UserId, SecretHash, Token),
    /// A token ends.
    EndToken(TokenId),
    /// There is a link that is good until then.
    PutInvite(UserId, SecretHash, Timestamp),
    /// No link for the account is good any more.
    EndInvites(UserId),
    /// Somebody is this on a board.
    PutMember(BoardId, UserId, Role),
    /// Somebody is nothing on a board.
    RemoveMember(BoardId, UserId),
}

/// Decides a change of people at a moment. Order of the checks: whether there are accounts, who asks,
/// whether they may, whether what it is about exists, then the rules of the command itself.
pub fn decide(
    view: &impl PeopleView,
    request: &PeopleRequest,
    now: Timestamp,
) -> Result<PeopleDecision, Stopped> {
    let PeopleRequest { access, command } = request;
    let decider = Decider { view, access, now };
    let is_on = view.has_accounts()?;
    if is_on == matches!(command, PeopleCommand::SetUp { .. }) {
        return Err(Refusal::Accounts { is_on }.into());
    }
    match command {
        PeopleCommand::SetUp {
            user_id,
            login,
            name,
            password,
            session,
        } => decider.set_up(user_id, login, name, password, session),
        PeopleCommand::SignIn {
            user_id,
            checked,
            session,
        } => decider.sign_in(user_id, checked, session),
        PeopleCommand::SignOut => decider.sign_out(),
        PeopleCommand::EndSession { session_id } => decider.end_session(session_id),
        PeopleCommand::EndAllSessions => decider.end_all_sessions(),
        PeopleCommand::ChangePassword {
            checked,
            password,
            session,
        } => decider.change_password(checked, password, session),
        PeopleCommand::MakeToken {
            user_id,
            token_id,
            secret,
            name,
            scope,
            boards,
            ends_at,
        } => {
            let token = Token {
                id: token_id.clone(),
                name: name.clone(),
                scope: *scope,
                boards: boards.clone(),
                created_at: now,
                ends_at: *ends_at,
                used_at: None,
            };
            decider.make_token(user_id, *secret, token)
        }
        PeopleCommand::EndToken { user_id, token_id } => decider.end_token(user_id, token_id),
        PeopleCommand::CreatePerson {
            user_id,
            login,
            name,
            invite,
        } => decider.create_person(user_id, login, name, *invite),
        PeopleCommand::CreateService { user_id, name } => decider.create_service(user_id, name),
        PeopleCommand::EditUser {
            user_id,
            name,
            is_admin,
            disabled,
        } => decider.edit_user(user_id, name.as_ref(), *is_admin, *disabled),
        PeopleCommand::Invite { user_id, invite } => decider.invite(user_id, *invite),
        PeopleCommand::AcceptInvite {
            invite,
            password,
            name,
            session,
        } => decider.accept_invite(invite, password, name.as_ref(), session),
        PeopleCommand::PutMember {
            board_id,
            who,
            role,
        } => decider.put_member(board_id, who, *role),
        PeopleCommand::RemoveMember { board_id, user_id } => {
            decider.remove_member(board_id, user_id)
        }
    }
}

/// One change of people being decided.
struct Decider<'a, V> {
    view: &'a V,
    access: &'a Access,
    now: Timestamp,
}

type Decided = Result<PeopleDecision, Stopped>;

impl<V: PeopleView> Decider<'_, V> {
    fn set_up(
        &self,
        user_id: &UserId,
        login: &Login,
        name: &PersonName,
        password: &PasswordHash,
        session: &NewSession,
    ) -> Decided {
        let mut user = self.new_user(user_id, UserKind::Person, Some(login), name)?;
        (user.is_admin, user.has_password) = (true, true);
        let (session, begins) = self.begin_session(user_id, session);
        Ok(PeopleDecision {
            changes: vec![
                PeopleChange::SwitchOn,
                PeopleChange::PutUser(user.clone()),
                PeopleChange::PutPassword(user_id.clone(), password.clone()),
                PeopleChange::GiveEveryBoard(user_id.clone()),
                begins,
            ],
            revocations: vec![Revocation::Everyone],
            outcome: PeopleOutcome::SignedIn { user, session },
        })
    }

    fn sign_in(&self, user_id: &UserId, checked: &PasswordHash, new: &NewSession) -> Decided {
        let user = self.able_user(user_id)?.ok_or(Refusal::WrongLogin)?;
        self.check_password(user_id, checked)?;
        let mut ended = self.view.sessions(user_id)?;
        ended.truncate((ended.len() + 1).saturating_sub(SESSIONS_PER_USER_MAX));
        if let Caller::Person { session_id, .. } = self.access.caller()
            && !ended.contains(session_id)
        {
            ended.push(session_id.clone());
        }
        let (mut changes, revocations) = end_sessions(ended);
        let (session, begins) = self.begin_session(user_id, new);
        changes.push(begins);
        Ok(PeopleDecision {
            changes,
            revocations,
            outcome: PeopleOutcome::SignedIn { user, session },
        })
    }

    /// Everyone may give up what they are known by: a token too, however little else it may.
    fn sign_out(&self) -> Decided {
        self.standing()?;
        match self.access.caller() {
            Caller::Person { session_id, .. } => Ok(done(end_sessions(vec![session_id.clone()]))),
            Caller::Token { token_id, .. } => Ok(done(end_one_token(token_id))),
            Caller::Open | Caller::Nobody | Caller::Operator => Err(Refusal::NotAllowed.into()),
        }
    }

    fn end_session(&self, session_id: &SessionId) -> Decided {
        let (user_id, _) = self.signed_in()?;
        if !self.view.sessions(&user_id)?.contains(session_id) {
            return Err(Refusal::NoSuchPerson(PeopleKind::Session).into());
        }
        Ok(done(end_sessions(vec![session_id.clone()])))
    }

    fn end_all_sessions(&self) -> Decided {
        let (user_id, _) = self.signed_in()?;
        Ok(done(end_sessions(self.view.sessions(&user_id)?)))
    }

    fn change_password(
        &self,
        checked: &PasswordHash,
        password: &PasswordHash,
        new: &NewSession,
    ) -> Decided {
        let (user_id, _) = self.signed_in()?;
        self.check_password(&user_id, checked)?;
        self.set_password(self.user(&user_id)?, password, new)
    }

    fn make_token(&self, user_id: &UserId, secret: SecretHash, token: Token) -> Decided {
        self.check_owns_tokens(user_id)?;
        check_enabled(&self.user(user_id)?)?;
        let max = TOKENS_PER_USER_MAX;
        check_room(self.view.tokens(user_id)?.len(), max, "tokens")?;
        for board_id in token.boards.iter().flatten() {
            let is_member = self.view.member(board_id, user_id)?.is_some();
            if !is_member || !self.view.has_board(board_id)? {
                return Err(Refusal::UnknownReference {
                    field: "boards",
                    kind: Kind::Board,
                }
                .into());
            }
        }
        Ok(PeopleDecision {
            changes: vec![PeopleChange::MakeToken(
                user_id.clone(),
                secret,
                token.clone(),
            )],
            revocations: Vec::new(),
            outcome: PeopleOutcome::Token(token),
        })
    }

    fn end_token(&self, user_id: &UserId, token_id: &TokenId) -> Decided {
        self.check_owns_tokens(user_id)?;
        if !self.view.tokens(user_id)?.contains(token_id) {
            return Err(Refusal::NoSuchPerson(PeopleKind::Token).into());
        }
        Ok(done(end_one_token(token_id)))
    }

    fn create_person(
        &self,
        user_id: &UserId,
        login: &Login,
        name: &PersonName,
        invite: SecretHash,
    ) -> Decided {
        self.rules_people()?;
        let user = self.new_user(user_id, UserKind::Person, Some(login), name)?;
        let ends_at = self.in_days(INVITE_DAYS);
        Ok(PeopleDecision {
            changes: vec![
                PeopleChange::PutUser(user.clone()),
                PeopleChange::PutInvite(user_id.clone(), invite, ends_at),
            ],
            revocations: Vec::new(),
            outcome: PeopleOutcome::Invited { user, ends_at },
        })
    }

    fn create_service(&self, user_id: &UserId, name: &PersonName) -> Decided {
        self.rules_people()?;
        let user = self.new_user(user_id, UserKind::Service, None, name)?;
        Ok(PeopleDecision {
            changes: vec![PeopleChange::PutUser(user.clone())],
            revocations: Vec::new(),
            outcome: PeopleOutcome::User(user),
        })
    }

    fn edit_user(
        &self,
        user_id: &UserId,
        name: Option<&PersonName>,
        is_admin: Option<bool>,
        disabled: Option<bool>,
    ) -> Decided {
        let is_renamed_by_self = is_admin.is_none() && disabled.is_none() && self.is_self(user_id);
        if is_renamed_by_self {
            self.signed_in()?;
        } else {
            self.rules_people()?;
        }
        let before = self.user(user_id)?;
        if is_admin == Some(true) && before.kind == UserKind::Service {
            return Err(Refusal::WrongKind("a program's account").into());
        }
        let mut user = before.clone();
        user.name = name.unwrap_or(&before.name).clone();
        user.is_admin = is_admin.unwrap_or(before.is_admin);
        match disabled {
            Some(true) => user.disabled_at = before.disabled_at.or(Some(self.now)),
            Some(false) => user.disabled_at = None,
            None => {}
        }
        if can_rule(&before) && !can_rule(&user) && self.view.count_admins()? <= 1 {
            return Err(Refusal::LastAdmin.into());
        }
        if user == before {
            return Ok(unchanged(PeopleOutcome::User(user)));
        }
        self.touch(&mut user);
        let mut decision = PeopleDecision {
            changes: vec![PeopleChange::PutUser(user.clone())],
            revocations: Vec::new(),
            outcome: PeopleOutcome::User(user.clone()),
        };
        if user.disabled_at.is_some() != before.disabled_at.is_some() {
            // Enabled again they make new ones: who was shut out may have left a token somewhere. A
            // file can hold ones that were made meanwhile, by a version that did so.
            let tokens = self.view.tokens(user_id)?.into_iter();
            decision.changes.extend(tokens.map(PeopleChange::EndToken));
        }
        if user.disabled_at.is_some() && before.disabled_at.is_none() {
            let (ends, _) = end_sessions(self.view.sessions(user_id)?);
            decision.changes.extend(ends);
            let no_links = PeopleChange::EndInvites(user_id.clone());
            decision.changes.push(no_links);
            decision.revocations.push(Revocation::User(user_id.clone()));
        }
        Ok(decision)
    }

    fn invite(&self, user_id: &UserId, invite: SecretHash) -> Decided {
        self.rules_people()?;
        let user = self.user(user_id)?;
        if user.kind == UserKind::Service {
            return Err(Refusal::WrongKind("a program's account").into());
        }
        check_enabled(&user)?;
        let ends_at = self.in_days(INVITE_DAYS);
        Ok(PeopleDecision {
            changes: vec![
                PeopleChange::EndInvites(user_id.clone()),
                PeopleChange::PutInvite(user_id.clone(), invite, ends_at),
            ],
            revocations: Vec::new(),
            outcome: PeopleOutcome::Invited { user, ends_at },
        })
    }

    fn accept_invite(
        &self,
        invite: &SecretHash,
        password: &PasswordHash,
        name: Option<&PersonName>,
        new: &NewSession,
    ) -> Decided {
        let user_id = self.view.invited(invite)?.ok_or(Refusal::InviteGone)?;
        let mut user = self.able_user(&user_id)?.ok_or(Refusal::InviteGone)?;
        user.name = name.unwrap_or(&user.name).clone();
        self.set_password(user, password, new)
    }

    fn put_member(&self, board_id: &BoardId, who: &Who, role: Role) -> Decided {
        self.check_admin_of(board_id)?;
        let user = match who {
            Who::Id(user_id) => self.user(user_id)?,
            Who::Login(login) => self
                .view
                .user_by_login(login)?
                .ok_or(Refusal::UnknownPerson { field: "login" })?,
        };
        let before = self.view.member(board_id, &user.id)?;
        let is_new = before.is_none();
        if is_new {
            let max = MEMBERS_PER_BOARD_MAX;
            check_room(self.view.count_members(board_id)?, max, "members")?;
        }
        if role < Role::Admin {
            self.check_not_last_admin(board_id, &user, before)?;
        }
        let put = PeopleChange::PutMember(board_id.clone(), user.id.clone(), role);
        let member = Member {
            disabled: user.disabled_at.is_some(),
            user_id: user.id,
            name: user.name,
            login: user.login,
            role,
        };
        Ok(PeopleDecision {
            changes: if before == Some(role) {
                Vec::new()
            } else {
                vec![put]
            },
            revocations: Vec::new(),
            outcome: PeopleOutcome::Member { member, is_new },
        })
    }

    fn remove_member(&self, board_id: &BoardId, user_id: &UserId) -> Decided {
        let leaves = matches!(self.access.caller(), Caller::Person { .. }) && self.is_self(user_id);
        if leaves {
            self.role_on(board_id)?;
        } else {
            self.check_admin_of(board_id)?;
        }
        let before = self.view.member(board_id, user_id)?;
        let user = self.view.user(user_id)?.filter(|_| before.is_some());
        let user = user.ok_or(Refusal::NoSuchPerson(PeopleKind::Member))?;
        self.check_not_last_admin(board_id, &user, before)?;
        let changes = vec![PeopleChange::RemoveMember(
            board_id.clone(),
            user_id.clone(),
        )];
        let revoked = Revocation::Member(user_id.clone(), board_id.clone());
        Ok(done((changes, vec![revoked])))
    }

    /// A password that somebody proved to be theirs to set: every session and link from before ends.
    fn set_password(&self, mut user: User, password: &PasswordHash, new: &NewSession) -> Decided {
        let (mut changes, revocations) = end_sessions(self.view.sessions(&user.id)?);
        user.has_password = true;
        self.touch(&mut user);
        let (session, begins) = self.begin_session(&user.id, new);
        changes.extend([
            PeopleChange::EndInvites(user.id.clone()),
            PeopleChange::PutUser(user.clone()),
            PeopleChange::PutPassword(user.id.clone(), password.clone()),
            begins,
        ]);
        Ok(PeopleDecision {
            changes,
            revocations,
            outcome: PeopleOutcome::SignedIn { user, session },
        })
    }

    /// What the caller's credential is good for.
    fn standing(&self) -> Result<Standing, Stopped> {
        Ok(self
            .view
            .standing(self.access)?
            .ok_or(Refusal::NotSignedIn)?)
    }

    /// The person and the session that asks; a token can't do what only a person may.
    fn signed_in(&self) -> Result<(UserId, SessionId), Stopped> {
        self.standing()?;
        match self.access.caller() {
            Caller::Person {
                user_id,
                session_id,
            } => Ok((user_id.clone(), session_id.clone())),
            _ => Err(Refusal::NotAllowed.into()),
        }
    }

    fn rules_people(&self) -> Result<(), Stopped> {
        if self.standing()?.rules_people {
            Ok(())
        } else {
            Err(Refusal::NotAllowed.into())
        }
    }

    fn is_operator(&self) -> bool {
        *self.access.caller() == Caller::Operator
    }

    fn is_self(&self, user_id: &UserId) -> bool {
        self.access.user_id() == Some(user_id)
    }

    /// A person has their own tokens; a program's are for those who rule people, and anybody's for the
    /// operator, who could make a link and be them.
    fn check_owns_tokens(&self, user_id: &UserId) -> Result<(), Stopped> {
        if self.is_self(user_id) {
            return self.signed_in().map(|_| ());
        }
        self.rules_people()?;
        match self.user(user_id)?.kind {
            UserKind::Service => Ok(()),
            UserKind::Person if self.is_operator() => Ok(()),
            UserKind::Person => Err(Refusal::NotAllowed.into()),
        }
    }

    /// What the caller is on a living board that they may know of.
    fn role_on(&self, board_id: &BoardId) -> Result<Role, Stopped> {
        self.standing()?;
        let role = self.view.role(self.access, board_id)?;
        match role {
            Some(role) if self.view.has_board(board_id)? => Ok(role),
            _ => Err(Refusal::NotFound(Kind::Board).into()),
        }
    }

    /// A board's admins choose its members, and the operator; where none of them can act any more, those
    /// who rule people do.
    fn check_admin_of(&self, board_id: &BoardId) -> Result<(), Stopped> {
        let is_up_to_them = self.standing()?.rules_people
            && self.view.has_board(board_id)?
            && (self.is_operator() || self.view.count_board_admins(board_id)? == 0);
        if is_up_to_them {
            return Ok(());
        }
        match self.role_on(board_id)? {
            Role::Admin => Ok(()),
            Role::Viewer | Role::Editor => Err(Refusal::NotAllowed.into()),
        }
    }

    /// Refuses to take its last admin who can act from a board.
    fn check_not_last_admin(
        &self,
        board_id: &BoardId,
        user: &User,
        role: Option<Role>,
    ) -> Result<(), Stopped> {
        let acts = role == Some(Role::Admin) && user.disabled_at.is_none();
        if acts && self.view.count_board_admins(board_id)? <= 1 {
            Err(Refusal::LastAdmin.into())
        } else {
            Ok(())
        }
    }

    fn check_password(&self, user_id: &UserId, checked: &PasswordHash) -> Result<(), Stopped> {
        if self.view.password(user_id)?.as_ref() == Some(checked) {
            Ok(())
        } else {
            Err(Refusal::WrongLogin.into())
        }
    }

    fn user(&self, user_id: &UserId) -> Result<User, Stopped> {
        let user = self.view.user(user_id)?;
        Ok(user.ok_or(Refusal::NoSuchPerson(PeopleKind::User))?)
    }

    fn able_user(&self, user_id: &UserId) -> Result<Option<User>, Fault> {
        let user = self.view.user(user_id)?;
        Ok(user.filter(|user| user.disabled_at.is_none()))
    }

    fn new_user(
        &self,
        user_id: &UserId,
        kind: UserKind,
        login: Option<&Login>,
        name: &PersonName,
    ) -> Result<User, Stopped> {
        check_room(self.view.count_users()?, USERS_MAX, "accounts")?;
        if let Some(login) = login
            && self.view.user_by_login(login)?.is_some()
        {
            return Err(Refusal::LoginTaken.into());
        }
        Ok(User {
            id: user_id.clone(),
            kind,
            login: login.cloned(),
            name: name.clone(),
            is_admin: false,
            has_password: false,
            disabled_at: None,
            created_at: self.now,
            updated_at: self.now,
            version: 1,
        })
    }

    fn begin_session(&self, user_id: &UserId, new: &NewSession) -> (Session, PeopleChange) {
        let session = Session {
            id: new.id.clone(),
            created_at: self.now,
            seen_at: self.now,
            ends_at: self.in_days(SESSION_DAYS_MAX),
            agent: new.agent.clone(),
        };
        let begins = PeopleChange::BeginSession(user_id.clone(), new.secret, session.clone());
        (session, begins)
    }

    fn in_days(&self, days: u32) -> Timestamp {
        self.now.minus_millis(-i64::from(days) * DAY_MS)
    }

    fn touch(&self, user: &mut User) {
        user.version += 1;
        user.updated_at = self.now;
    }
}

fn can_rule(user: &User) -> bool {
    user.is_admin && user.disabled_at.is_none()
}

/// A secret that is good for nothing, or all of a sudden later, is nobody's to hand out.
fn check_enabled(user: &User) -> Result<(), Refusal> {
    if user.disabled_at.is_none() {
        Ok(())
    } else {
        Err(Refusal::WrongKind("a disabled account: enable it first"))
    }
}

fn check_room(there_are: usize, max: usize, what: &'static str) -> Result<(), Refusal> {
    if there_are < max {
        Ok(())
    } else {
        Err(Refusal::TooMany { what, max })
    }
}

fn end_sessions(sessions: Vec<SessionId>) -> (Vec<PeopleChange>, Vec<Revocation>) {
    let ends = |id: SessionId| {
        (
            PeopleChange::EndSession(id.clone()),
            Revocation::Session(id),
        )
    };
    sessions.into_iter().map(ends).unzip()
}

fn end_one_token(token_id: &TokenId) -> (Vec<PeopleChange>, Vec<Revocation>) {
    let changes = vec![PeopleChange::EndToken(token_id.clone())];
    (changes, vec![Revocation::Token(token_id.clone())])
}

fn done((changes, revocations): (Vec<PeopleChange>, Vec<Revocation>)) -> PeopleDecision {
    PeopleDecision {
        changes,
        revocations,
        outcome: PeopleOutcome::Done,
    }
}

fn unchanged(outcome: PeopleOutcome) -> PeopleDecision {
    PeopleDecision {
        changes: Vec::new(),
        revocations: Vec::new(),
        outcome,
    }
}
