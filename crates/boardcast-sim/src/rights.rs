//! What people may, by the rules of the contract and nothing else: accounts, their sessions and tokens,
//! and what they are on boards. Sans-IO: whoever drives a run tells each change in the order of the
//! commits, and asks what it had to be answered and who may see what since.

use std::collections::{BTreeMap, BTreeSet};

/// What somebody is on a board, or a token may be at most. Each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads and watches.
    Viewer,
    /// Changes lists and tasks.
    Editor,
    /// Changes the board and its members.
    Admin,
}

/// By what somebody is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Badge {
    /// By nothing.
    Nobody,
    /// By having the data file.
    Operator,
    /// By the session of that id.
    Session(String),
    /// By the token of that id.
    Token(String),
}

/// A change of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Somebody who knows their password signs in; a session that asks is replaced.
    SignIn {
        /// Who.
        user: String,
        /// The session that begins.
        session: String,
    },
    /// The session or the token that asks ends.
    SignOut,
    /// A session of the caller's ends.
    EndSession(String),
    /// All of them do.
    EndAllSessions,
    /// Another password: all of the caller's sessions end, and this one begins.
    ChangePassword {
        /// The session that begins.
        session: String,
    },
    /// A token is made.
    MakeToken {
        /// Whose.
        user: String,
        /// Its id.
        token: String,
        /// What it may at most.
        cap: Role,
        /// The boards it is good for, if not for all.
        boards: Option<BTreeSet<String>>,
    },
    /// A token ends.
    EndToken {
        /// Whose.
        user: String,
        /// Which one.
        token: String,
    },
    /// An account is disabled, or is no more.
    Disable(String, bool),
    /// An account may change other people, or may no more.
    Promote(String, bool),
    /// Somebody is this on a board.
    PutMember {
        /// Where.
        board: String,
        /// Who.
        user: String,
        /// What.
        role: Role,
    },
    /// Somebody is nothing on a board.
    RemoveMember {
        /// Where.
        board: String,
        /// Who.
        user: String,
    },
}

/// What a change of people is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// The credential is good for nothing.
    NotSignedIn,
    /// The caller may know of it and not do it.
    NotAllowed,
    /// There is no such thing, as far as the caller may know.
    NotFound,
    /// The body names a board that the account may not know of.
    UnknownBoard,
    /// Whoever it is for can do nothing.
    Disabled,
    /// Nobody could act any more.
    LastAdmin,
    /// Nobody signs in with that.
    WrongLogin,
}

/// All there is to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    users: BTreeMap<String, User>,
    /// Whose each is.
    sessions: BTreeMap<String, String>,
    tokens: BTreeMap<String, Token>,
    /// By board and account.
    members: BTreeMap<(String, String), Role>,
    /// Sessions from before the clock was set on, which may have ended.
    aged: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct User {
    is_admin: bool,
    is_disabled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    user: String,
    cap: Role,
    boards: Option<BTreeSet<String>>,
}

impl Rights {
    /// Notes an account.
    pub fn add_user(&mut self, user: &str, is_admin: bool) {
        let is_disabled = false;
        let added = User {
            is_admin,
            is_disabled,
        };
        self.users.insert(user.to_owned(), added);
    }

    /// Notes a session.
    pub fn add_session(&mut self, session: &str, user: &str) {
        self.sessions.insert(session.to_owned(), user.to_owned());
    }

    /// A board was made, for the first time or anew, by somebody if that is known: of one that had its
    /// id before nothing is left.
    pub fn board_was_made(&mut self, board: &str, by: Option<&str>) {
        self.members.retain(|(name, _), _| name != board);
        for token in self.tokens.values_mut() {
            if let Some(boards) = &mut token.boards {
                boards.remove(board);
            }
        }
        if let Some(by) = by {
            let place = (board.to_owned(), by.to_owned());
            self.members.insert(place, Role::Admin);
        }
    }

    /// These are the members of a board, whatever was known before.
    pub fn set_members(&mut self, board: &str, members: &BTreeMap<String, Role>) {
        self.members.retain(|(name, _), _| name != board);
        for (user, role) in members {
            let place = (board.to_owned(), user.clone());
            self.members.insert(place, *role);
        }
    }

    /// The clock was set on by days: which sessions have ended nobody knows.
    pub fn age(&mut self) {
        self.aged = self.sessions.keys().cloned().collect();
    }

    /// Whether nobody knows if a badge is still good.
    pub fn is_unsure(&self, badge: &Badge) -> bool {
        matches!(badge, Badge::Session(session) if self.aged.contains(session))
    }

    /// Whose badge it is, if it is good.
    pub fn holder(&self, badge: &Badge) -> Option<&str> {
        let user = match badge {
            Badge::Nobody | Badge::Operator => return None,
            Badge::Session(session) => self.sessions.get(session)?,
            Badge::Token(token) => &self.tokens.get(token)?.user,
        };
        self.is_able(user).then_some(user.as_str())
    }

    /// What somebody may on a board; none if they may not know of it.
    pub fn role(&self, badge: &Badge, board: &str) -> Option<Role> {
        let user = self.holder(badge)?;
        let role = self.member(board, user)?;
        match badge {
            Badge::Token(token) => {
                let Token { cap, boards, .. } = &self.tokens[token];
                let is_for_it = boards.as_ref().is_none_or(|boards| boards.contains(board));
                is_for_it.then_some(role.min(*cap))
            }
            _ => Some(role),
        }
    }

    /// Whether somebody may make boards.
    pub fn makes_boards(&self, badge: &Badge) -> bool {
        self.holder(badge).is_some()
            && match badge {
                Badge::Token(token) => {
                    let Token { cap, boards, .. } = &self.tokens[token];
                    *cap >= Role::Editor && boards.is_none()
                }
                _ => true,
            }
    }

    /// What somebody is on a board, whether they can act or not.
    pub fn member(&self, board: &str, user: &str) -> Option<Role> {
        let place = (board.to_owned(), user.to_owned());
        self.members.get(&place).copied()
    }

    /// Members of a board.
    pub fn members(&self, board: &str) -> BTreeMap<String, Role> {
        let own = self.members.iter().filter(|((name, _), _)| name == board);
        own.map(|((_, user), role)| (user.clone(), *role)).collect()
    }

    /// Accounts, by whether they may change others and whether they can do nothing.
    pub fn users(&self) -> impl Iterator<Item = (&str, bool, bool)> {
        let all = self.users.iter();
        all.map(|(name, user)| (name.as_str(), user.is_admin, user.is_disabled))
    }

    /// The badges of an account, oldest names first.
    pub fn badges(&self, user: &str) -> Vec<Badge> {
        let sessions = self.sessions.iter().filter(|(_, own)| *own == user);
        let tokens = self.tokens.iter().filter(|(_, token)| token.user == user);
        let sessions = sessions.map(|(session, _)| Badge::Session(session.clone()));
        let tokens = tokens.map(|(token, _)| Badge::Token(token.clone()));
        sessions.chain(tokens).collect()
    }

    /// What a change had to be answered with. `lives`: whether the board it names, if any, is there.
    pub fn answer(&self, badge: &Badge, change: &Change, lives: bool) -> Answer {
        let judged = match change {
            Change::SignIn { user, .. } if self.is_able(user) => Ok(()),
            Change::SignIn { .. } => Err(Answer::WrongLogin),
            Change::SignOut => match (badge, self.holder(badge)) {
                (Badge::Operator, _) => Err(Answer::NotAllowed),
                (_, Some(_)) => Ok(()),
                (_, None) => Err(Answer::NotSignedIn),
            },
            Change::EndAllSessions | Change::ChangePassword { .. } => {
                self.signed_in(badge).map(|_| ())
            }
            Change::EndSession(session) => match self.signed_in(badge) {
                Ok(user) if self.sessions.get(session).is_some_and(|own| own == user) => Ok(()),
                Ok(_) => Err(Answer::NotFound),
                Err(answer) => Err(answer),
            },
            Change::MakeToken { user, boards, .. } => {
                self.owns_tokens(badge, user).and_then(|()| {
                    if !self.is_able(user) {
                        return Err(Answer::Disabled);
                    }
                    let is_member = |board: &String| self.member(board, user).is_some() && lives;
                    let mut named = boards.iter().flatten();
                    let is_known = named.all(is_member);
                    is_known.then_some(()).ok_or(Answer::UnknownBoard)
                })
            }
            Change::EndToken { user, token } => self.owns_tokens(badge, user).and_then(|()| {
                let is_theirs = self.tokens.get(token).is_some_and(|own| own.user == *user);
                is_theirs.then_some(()).ok_or(Answer::NotFound)
            }),
            Change::Disable(user, true) | Change::Promote(user, false) => {
                self.rules_people(badge).and_then(|()| {
                    let rules = |user: &User| user.is_admin && !user.is_disabled;
                    let others = self.users.iter().filter(|(name, _)| *name != user);
                    let was_last = self.users.get(user).is_some_and(rules)
                        && !others.map(|(_, other)| other).any(rules);
                    (!was_last).then_some(()).ok_or(Answer::LastAdmin)
                })
            }
            Change::Disable(..) | Change::Promote(..) => self.rules_people(badge),
            Change::PutMember { board, user, role } => {
                self.rules_board(badge, board, lives).and_then(|()| {
                    let is_kept = *role == Role::Admin || !self.is_last_admin(board, user);
                    is_kept.then_some(()).ok_or(Answer::LastAdmin)
                })
            }
            Change::RemoveMember { board, user } => self.removes(badge, board, user, lives),
        };
        judged.err().unwrap_or(Answer::Done)
    }

    /// A change was done.
    pub fn apply(&mut self, badge: &Badge, change: &Change) {
        match change.clone() {
            Change::SignIn { user, session } => {
                if let Badge::Session(before) = badge {
                    self.sessions.remove(before);
                }
                self.sessions.insert(session, user);
            }
            Change::SignOut => match badge {
                Badge::Session(session) => _ = self.sessions.remove(session),
                Badge::Token(token) => _ = self.tokens.remove(token),
                Badge::Nobody | Badge::Operator => {}
            },
            Change::EndSession(session) => _ = self.sessions.remove(&session),
            Change::EndAllSessions => self.end_sessions(badge),
            Change::ChangePassword { session } => {
                let user = self.holder(badge).map(str::to_owned);
                self.end_sessions(badge);
                self.sessions.extend(user.map(|user| (session, user)));
            }
            Change::MakeToken {
                user,
                token,
                cap,
                boards,
            } => {
                let made = Token { user, cap, boards };
                self.tokens.insert(token, made);
            }
            Change::EndToken { token, .. } => _ = self.tokens.remove(&token),
            Change::Disable(user, is_disabled) => {
                let was_disabled = self.users.get(&user).is_some_and(|known| known.is_disabled);
                if is_disabled != was_disabled {
                    self.tokens.retain(|_, token| token.user != user);
                }
                if is_disabled {
                    self.sessions.retain(|_, own| *own != user);
                }
                self.users.entry(user).or_default().is_disabled = is_disabled;
            }
            Change::Promote(user, is_admin) => {
                self.users.entry(user).or_default().is_admin = is_admin;
            }
            Change::PutMember { board, user, role } => {
                self.members.insert((board, user), role);
            }
            Change::RemoveMember { board, user } => _ = self.members.remove(&(board, user)),
        }
    }

    fn end_sessions(&mut self, badge: &Badge) {
        if let Some(user) = self.holder(badge).map(str::to_owned) {
            self.sessions.retain(|_, own| *own != user);
        }
    }

    fn is_able(&self, user: &str) -> bool {
        self.users.get(user).is_some_and(|user| !user.is_disabled)
    }

    fn signed_in(&self, badge: &Badge) -> Result<&str, Answer> {
        match (badge, self.holder(badge)) {
            (Badge::Operator, _) | (Badge::Token(_), Some(_)) => Err(Answer::NotAllowed),
            (_, Some(user)) => Ok(user),
            (_, None) => Err(Answer::NotSignedIn),
        }
    }

    fn rules_people(&self, badge: &Badge) -> Result<(), Answer> {
        match (badge, self.holder(badge)) {
            (Badge::Operator, _) => Ok(()),
            (_, None) => Err(Answer::NotSignedIn),
            (Badge::Session(_), Some(user)) if self.users[user].is_admin => Ok(()),
            (_, Some(_)) => Err(Answer::NotAllowed),
        }
    }

    /// A person's tokens are their own, and the operator's to make and end.
    fn owns_tokens(&self, badge: &Badge, user: &str) -> Result<(), Answer> {
        let own = match badge {
            Badge::Token(token) => self.tokens.get(token).map(|token| &token.user),
            Badge::Session(session) => self.sessions.get(session),
            Badge::Nobody | Badge::Operator => None,
        };
        if own.is_some_and(|own| own == user) {
            return self.signed_in(badge).map(|_| ());
        }
        self.rules_people(badge)?;
        let is_operator = *badge == Badge::Operator;
        is_operator.then_some(()).ok_or(Answer::NotAllowed)
    }

    fn board_admins(&self, board: &str) -> impl Iterator<Item = &str> {
        let own = self.members.iter();
        let own = own.filter(move |((name, _), role)| name == board && **role == Role::Admin);
        let own = own.map(|((_, user), _)| user.as_str());
        own.filter(|user| self.is_able(user))
    }

    fn is_last_admin(&self, board: &str, user: &str) -> bool {
        let mut admins = self.board_admins(board);
        admins.next() == Some(user) && admins.next().is_none()
    }

    fn rules_board(&self, badge: &Badge, board: &str, lives: bool) -> Result<(), Answer> {
        let rules_people = self.rules_people(badge);
        if rules_people == Err(Answer::NotSignedIn) {
            return Err(Answer::NotSignedIn);
        }
        let is_operator = *badge == Badge::Operator;
        let is_orphaned = self.board_admins(board).next().is_none();
        if rules_people.is_ok() && lives && (is_operator || is_orphaned) {
            return Ok(());
        }
        match self.role(badge, board) {
            Some(Role::Admin) if lives => Ok(()),
            Some(_) if lives => Err(Answer::NotAllowed),
            _ => Err(Answer::NotFound),
        }
    }

    fn removes(&self, badge: &Badge, board: &str, user: &str, lives: bool) -> Result<(), Answer> {
        let leaves = matches!(badge, Badge::Session(_)) && self.holder(badge) == Some(user);
        if leaves {
            let is_known = self.role(badge, board).is_some() && lives;
            is_known.then_some(()).ok_or(Answer::NotFound)?;
        } else {
            self.rules_board(badge, board, lives)?;
        }
        if self.member(board, user).is_none() {
            Err(Answer::NotFound)
        } else if self.is_last_admin(board, user) {
            Err(Answer::LastAdmin)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: &str) -> Badge {
        Badge::Session(name.to_owned())
    }

    fn put(user: &str, role: Role) -> Change {
        Change::PutMember {
            board: "b".to_owned(),
            user: user.to_owned(),
            role,
        }
    }

    fn remove(user: &str) -> Change {
        Change::RemoveMember {
            board: "b".to_owned(),
            user: user.to_owned(),
        }
    }

    /// An admin of the server and of a board, and somebody else; each with a session.
    fn two_people() -> Rights {
        let mut rights = Rights::default();
        rights.add_user("ada", true);
        rights.add_user("bob", false);
        rights.add_session("a", "ada");
        rights.add_session("b", "bob");
        rights.board_was_made("b", Some("ada"));
        rights
    }

    #[track_caller]
    fn check(rights: &mut Rights, badge: &Badge, change: &Change, answer: Answer) {
        assert_eq!(rights.answer(badge, change, true), answer);
        if answer == Answer::Done {
            rights.apply(badge, change);
        }
    }

    #[test]
    fn members_come_and_go_and_the_last_admin_stays() {
        let mut rights = two_people();
        let (ada, bob) = (session("a"), session("b"));
        assert_eq!(rights.role(&bob, "b"), None);
        check(
            &mut rights,
            &bob,
            &put("bob", Role::Admin),
            Answer::NotFound,
        );
        check(&mut rights, &ada, &put("bob", Role::Viewer), Answer::Done);
        assert_eq!(rights.role(&bob, "b"), Some(Role::Viewer));
        check(&mut rights, &bob, &remove("ada"), Answer::NotAllowed);
        check(&mut rights, &ada, &remove("ada"), Answer::LastAdmin);
        check(
            &mut rights,
            &ada,
            &put("ada", Role::Editor),
            Answer::LastAdmin,
        );
        check(&mut rights, &ada, &put("bob", Role::Admin), Answer::Done);
        check(&mut rights, &bob, &remove("ada"), Answer::Done);
        assert_eq!(rights.role(&ada, "b"), None);
        assert_eq!(rights.answer(&bob, &remove("ada"), false), Answer::NotFound);
    }

    #[test]
    fn a_token_may_what_its_owner_may_up_to_its_scope_on_its_boards() {
        let mut rights = two_people();
        let token = |name: &str, cap, boards: Option<&str>| Change::MakeToken {
            user: "ada".to_owned(),
            token: name.to_owned(),
            cap,
            boards: boards.map(|board| BTreeSet::from([board.to_owned()])),
        };
        let ada = session("a");
        let badge = Badge::Token("t".to_owned());
        check(
            &mut rights,
            &session("b"),
            &token("t", Role::Viewer, None),
            Answer::NotAllowed,
        );
        check(
            &mut rights,
            &ada,
            &token("t", Role::Viewer, Some("c")),
            Answer::UnknownBoard,
        );
        check(
            &mut rights,
            &ada,
            &token("t", Role::Viewer, Some("b")),
            Answer::Done,
        );
        assert_eq!(rights.role(&badge, "b"), Some(Role::Viewer));
        assert!(!rights.makes_boards(&badge) && rights.makes_boards(&ada));
        check(
            &mut rights,
            &badge,
            &token("u", Role::Viewer, None),
            Answer::NotAllowed,
        );
        rights.board_was_made("b", Some("ada"));
        assert_eq!(
            rights.role(&badge, "b"),
            None,
            "it was for another board of that id"
        );
        check(&mut rights, &badge, &Change::SignOut, Answer::Done);
        check(&mut rights, &badge, &Change::SignOut, Answer::NotSignedIn);
        assert_eq!(rights.holder(&ada), Some("ada"));
    }

    #[test]
    fn who_is_disabled_can_do_nothing_and_the_last_server_admin_is_not() {
        let mut rights = two_people();
        let (ada, bob) = (session("a"), session("b"));
        let disable = |user: &str| Change::Disable(user.to_owned(), true);
        check(&mut rights, &bob, &disable("ada"), Answer::NotAllowed);
        check(&mut rights, &ada, &disable("ada"), Answer::LastAdmin);
        check(&mut rights, &ada, &disable("bob"), Answer::Done);
        check(&mut rights, &bob, &Change::SignOut, Answer::NotSignedIn);
        let again = Change::SignIn {
            user: "bob".to_owned(),
            session: "c".to_owned(),
        };
        check(&mut rights, &Badge::Nobody, &again, Answer::WrongLogin);
        let token = Change::MakeToken {
            user: "bob".to_owned(),
            token: "t".to_owned(),
            cap: Role::Viewer,
            boards: None,
        };
        check(&mut rights, &ada, &token, Answer::NotAllowed);
        check(&mut rights, &Badge::Operator, &token, Answer::Disabled);
        let enable = Change::Disable("bob".to_owned(), false);
        check(&mut rights, &Badge::Operator, &enable, Answer::Done);
        check(&mut rights, &Badge::Nobody, &again, Answer::Done);
        assert_eq!(rights.holder(&bob), None, "its sessions stay ended");
        assert_eq!(rights.holder(&session("c")), Some("bob"));
    }
}
