//! Accounts, sessions, tokens and members as rows: what the rules see of them inside the writer's
//! transaction, and what a decision changes. Who may what is [`super::rights`]'.

use super::rights::{self, Judged, word};
use super::rows::{one, text};
use crate::sabotage::{self, Spot};
use boardcast_core::access::{Access, Caller, Rights, Role, Scope, Standing};
use boardcast_core::limits::SEEN_SECONDS;
use boardcast_core::model::{
    BoardId, Login, PersonName, SessionId, Timestamp, TokenId, TokenName, UserId,
};
use boardcast_core::people::{
    Agent, Member, PasswordHash, SecretHash, Session, Token, User, UserKind,
};
use boardcast_core::rules::Fault;
use boardcast_core::rules::people::{PeopleChange, PeopleView};
use rusqlite::{Connection, Row, params};

/// What stands of people, as the rules see it.
pub(super) struct People<'a> {
    connection: &'a Connection,
    now: Timestamp,
}

impl<'a> People<'a> {
    pub(super) fn new(connection: &'a Connection, now: Timestamp) -> Self {
        Self { connection, now }
    }

    fn count(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize, Fault> {
        Ok(one(self.connection, sql, params, |row| row.get(0))?.unwrap_or(0))
    }
}

impl Rights for People<'_> {
    fn standing(&self, access: &Access) -> Result<Option<Standing>, Fault> {
        let judged = Judged::of(self.connection, access, self.now)?;
        Ok(judged.map(|judged| judged.standing))
    }

    fn role(&self, access: &Access, board_id: &BoardId) -> Result<Option<Role>, Fault> {
        let outside =
            sabotage::hits(Spot::RightsReadOutside).then(|| read_outside(self.connection));
        let connection = outside.as_ref().unwrap_or(self.connection);
        match Judged::of(connection, access, self.now)? {
            Some(judged) => judged.role(connection, board_id),
            None => Ok(None),
        }
    }
}

impl PeopleView for People<'_> {
    fn has_accounts(&self) -> Result<bool, Fault> {
        rights::has_accounts(self.connection)
    }

    fn user(&self, id: &UserId) -> Result<Option<User>, Fault> {
        user(self.connection, id)
    }

    fn user_by_login(&self, login: &Login) -> Result<Option<User>, Fault> {
        let sql = "
            SELECT id, kind, login, name, is_admin, password IS NOT NULL, disabled_at, created_at,
                   updated_at, version FROM user WHERE login = ?";
        one(self.connection, sql, [login.as_str()], user_from)
    }

    fn password(&self, id: &UserId) -> Result<Option<PasswordHash>, Fault> {
        password(self.connection, id)
    }

    fn count_users(&self) -> Result<usize, Fault> {
        self.count("SELECT count(*) FROM user", [])
    }

    fn count_admins(&self) -> Result<usize, Fault> {
        let sql = "SELECT count(*) FROM user WHERE is_admin = 1 AND disabled_at IS NULL";
        self.count(sql, [])
    }

    fn sessions(&self, id: &UserId) -> Result<Vec<SessionId>, Fault> {
        let sql = "
            SELECT id FROM session WHERE user_no = (SELECT no FROM user WHERE id = ?)
            ORDER BY created_at";
        many(self.connection, sql, [id.as_str()], |row| {
            text(row, 0, SessionId::parse)
        })
    }

    fn tokens(&self, id: &UserId) -> Result<Vec<TokenId>, Fault> {
        let sql = "
            SELECT id FROM token WHERE user_no = (SELECT no FROM user WHERE id = ?)
            ORDER BY created_at";
        many(self.connection, sql, [id.as_str()], |row| {
            text(row, 0, TokenId::parse)
        })
    }

    fn invited(&self, invite: &SecretHash) -> Result<Option<UserId>, Fault> {
        let sql = "
            SELECT id FROM invite JOIN user ON no = user_no WHERE secret = ? AND ends_at > ?";
        one(self.connection, sql, params![invite.0, self.now.0], |row| {
            text(row, 0, UserId::parse)
        })
    }

    fn has_board(&self, id: &BoardId) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM board WHERE id = ? AND deleted_at IS NULL";
        Ok(one(self.connection, sql, [id.as_str()], |_| Ok(()))?.is_some())
    }

    fn member(&self, board_id: &BoardId, id: &UserId) -> Result<Option<Role>, Fault> {
        let sql = "
            SELECT role FROM member WHERE board_no = (SELECT no FROM board WHERE id = ?)
                                      AND user_no = (SELECT no FROM user WHERE id = ?)";
        one(
            self.connection,
            sql,
            [board_id.as_str(), id.as_str()],
            |row| word(row, 0, Role::read),
        )
    }

    fn count_members(&self, board_id: &BoardId) -> Result<usize, Fault> {
        let sql = "
            SELECT count(*) FROM member WHERE board_no = (SELECT no FROM board WHERE id = ?)";
        self.count(sql, [board_id.as_str()])
    }

    fn count_board_admins(&self, board_id: &BoardId) -> Result<usize, Fault> {
        let sql = "
            SELECT count(*) FROM member JOIN user ON no = user_no
            WHERE board_no = (SELECT no FROM board WHERE id = ?) AND role = 'admin'
              AND disabled_at IS NULL";
        self.count(sql, [board_id.as_str()])
    }
}

/// A connection that sees what was committed, for [`sabotage`].
fn read_outside(inside: &Connection) -> Connection {
    let path = inside.path().expect("a file");
    super::open_reader(path.as_ref()).expect("a readable file")
}

pub(super) fn user(connection: &Connection, id: &UserId) -> Result<Option<User>, Fault> {
    let sql = "
        SELECT id, kind, login, name, is_admin, password IS NOT NULL, disabled_at, created_at,
               updated_at, version FROM user WHERE id = ?";
    one(connection, sql, [id.as_str()], user_from)
}

/// The kept password of an account that can sign in.
pub(super) fn password(
    connection: &Connection,
    id: &UserId,
) -> Result<Option<PasswordHash>, Fault> {
    let sql = "
        SELECT password FROM user
        WHERE id = ? AND password IS NOT NULL AND disabled_at IS NULL";
    one(connection, sql, [id.as_str()], |row| {
        text(row, 0, PasswordHash::parse)
    })
}

/// Who signs in with that, and the kept password; none if nobody can.
pub(super) fn candidate(
    connection: &Connection,
    login: &Login,
) -> Result<Option<(UserId, PasswordHash)>, Fault> {
    let sql = "
        SELECT id, password FROM user
        WHERE login = ? AND password IS NOT NULL AND disabled_at IS NULL";
    one(connection, sql, [login.as_str()], |row| {
        Ok((
            text(row, 0, UserId::parse)?,
            text(row, 1, PasswordHash::parse)?,
        ))
    })
}

/// All accounts by id, after one of them.
pub(super) fn users(
    connection: &Connection,
    after: Option<&UserId>,
    limit: usize,
) -> Result<Vec<User>, Fault> {
    let sql = "
        SELECT id, kind, login, name, is_admin, password IS NOT NULL, disabled_at, created_at,
               updated_at, version FROM user WHERE id > ? ORDER BY id LIMIT ?";
    let after = after.map_or("", UserId::as_str);
    many(connection, sql, params![after, limit], user_from)
}

/// Sessions of a person that have not ended, oldest first.
pub(super) fn sessions(
    connection: &Connection,
    user_no: i64,
    now: Timestamp,
) -> Result<Vec<Session>, Fault> {
    let sql = "
        SELECT id, created_at, seen_at, ends_at, agent FROM session
        WHERE user_no = ? AND ends_at > ? AND seen_at >= ? ORDER BY created_at";
    let bound = params![user_no, now.0, rights::oldest_seen(now).0];
    many(connection, sql, bound, |row| {
        Ok(Session {
            id: text(row, 0, SessionId::parse)?,
            created_at: Timestamp(row.get(1)?),
            seen_at: Timestamp(row.get(2)?),
            ends_at: Timestamp(row.get(3)?),
            agent: Agent::of(row.get_ref(4)?.as_str()?),
        })
    })
}

/// Tokens of an account that have not ended, oldest first.
pub(super) fn tokens(
    connection: &Connection,
    id: &UserId,
    now: Timestamp,
) -> Result<Vec<Token>, Fault> {
    let sql = "
        SELECT id, name, scope, is_limited, created_at, ends_at, used_at FROM token
        WHERE user_no = (SELECT no FROM user WHERE id = ?) AND coalesce(ends_at > ?, true)
        ORDER BY created_at";
    let mut tokens = many(connection, sql, params![id.as_str(), now.0], token_from)?;
    for token in &mut tokens {
        if let Some(boards) = &mut token.boards {
            *boards = boards_of_token(connection, &token.id)?;
        }
    }
    Ok(tokens)
}

fn boards_of_token(connection: &Connection, id: &TokenId) -> Result<Vec<BoardId>, Fault> {
    let sql = "
        SELECT id FROM token_board JOIN board ON no = board_no
        WHERE token_id = ? ORDER BY board_no";
    many(connection, sql, [id.as_str()], |row| {
        text(row, 0, BoardId::parse)
    })
}

/// Members of a board, in the order in which their accounts were made.
pub(super) fn members(connection: &Connection, board_id: &BoardId) -> Result<Vec<Member>, Fault> {
    let sql = "
        SELECT id, name, login, role, disabled_at IS NOT NULL
        FROM member JOIN user ON no = user_no
        WHERE board_no = (SELECT no FROM board WHERE id = ?) ORDER BY user_no";
    many(connection, sql, [board_id.as_str()], |row| {
        Ok(Member {
            user_id: text(row, 0, UserId::parse)?,
            name: text(row, 1, PersonName::parse)?,
            login: login_from(row, 2)?,
            role: word(row, 3, Role::read)?,
            disabled: row.get(4)?,
        })
    })
}

/// Whom a secret lets in.
pub(super) struct LetIn {
    pub(super) caller: Caller,
    pub(super) user: User,
    /// When it was last noted that the secret is in use.
    pub(super) seen_at: Option<Timestamp>,
}

/// The session with this secret, if it is good now.
pub(super) fn session_by_secret(
    connection: &Connection,
    secret: &SecretHash,
    now: Timestamp,
) -> Result<Option<LetIn>, Fault> {
    let sql = "
        SELECT user.id, kind, login, name, is_admin, password IS NOT NULL, disabled_at,
               user.created_at, updated_at, version, session.id, seen_at
        FROM session JOIN user ON no = user_no
        WHERE secret = ? AND ends_at > ? AND seen_at >= ? AND disabled_at IS NULL";
    let bound = params![secret.0, now.0, rights::oldest_seen(now).0];
    one(connection, sql, bound, |row| {
        let user = user_from(row)?;
        Ok(LetIn {
            caller: Caller::Person {
                user_id: user.id.clone(),
                session_id: text(row, 10, SessionId::parse)?,
            },
            user,
            seen_at: Some(Timestamp(row.get(11)?)),
        })
    })
}

/// The token with this secret, if it is good now.
pub(super) fn token_by_secret(
    connection: &Connection,
    secret: &SecretHash,
    now: Timestamp,
) -> Result<Option<LetIn>, Fault> {
    let sql = "
        SELECT user.id, kind, login, user.name, is_admin, password IS NOT NULL, disabled_at,
               user.created_at, updated_at, version, token.id, used_at, scope
        FROM token JOIN user ON no = user_no
        WHERE secret = ? AND coalesce(ends_at > ?, true) AND disabled_at IS NULL";
    one(connection, sql, params![secret.0, now.0], |row| {
        let user = user_from(row)?;
        Ok(LetIn {
            caller: Caller::Token {
                user_id: user.id.clone(),
                token_id: text(row, 10, TokenId::parse)?,
                scope: word(row, 12, Scope::read)?,
            },
            user,
            seen_at: row.get::<_, Option<i64>>(11)?.map(Timestamp),
        })
    })
}

/// Carries out one change that was decided.
pub(super) fn apply(
    connection: &Connection,
    change: &PeopleChange,
    now: Timestamp,
) -> rusqlite::Result<()> {
    match change {
        PeopleChange::SwitchOn => {
            let sql = "INSERT OR REPLACE INTO setting VALUES ('accounts', 'on')";
            run(connection, sql, [])
        }
        PeopleChange::GiveEveryBoard(id) => {
            let sql = "
                INSERT INTO member SELECT board.no, user.no, 'admin' FROM user CROSS JOIN board
                WHERE user.id = ?";
            run(connection, sql, [id.as_str()])
        }
        PeopleChange::PutUser(user) => put_user(connection, user),
        PeopleChange::PutPassword(id, password) => {
            let sql = "UPDATE user SET password = ? WHERE id = ?";
            run(connection, sql, [password.as_str(), id.as_str()])
        }
        PeopleChange::BeginSession(id, secret, session) => {
            begin_session(connection, id, secret, session)
        }
        PeopleChange::EndSession(id) => run(
            connection,
            "DELETE FROM session WHERE id = ?",
            [id.as_str()],
        ),
        PeopleChange::MakeToken(id, secret, token) => make_token(connection, id, secret, token),
        PeopleChange::EndToken(id) => end_token(connection, id.as_str()),
        PeopleChange::PutInvite(id, secret, ends_at) => {
            let sql = "
                INSERT INTO invite SELECT ?, no, ?, ? FROM user WHERE id = ?";
            let row = params![secret.0, now.0, ends_at.0, id.as_str()];
            run(connection, sql, row)
        }
        PeopleChange::EndInvites(id) => {
            let sql = "DELETE FROM invite WHERE user_no = (SELECT no FROM user WHERE id = ?)";
            run(connection, sql, [id.as_str()])
        }
        PeopleChange::PutMember(board_id, id, role) => put_member(connection, board_id, id, *role),
        PeopleChange::RemoveMember(board_id, id) => {
            let sql = "
                DELETE FROM member WHERE board_no = (SELECT no FROM board WHERE id = ?)
                                     AND user_no = (SELECT no FROM user WHERE id = ?)";
            run(connection, sql, [board_id.as_str(), id.as_str()])
        }
    }
}

/// Makes somebody this on a board, whatever they were.
pub(super) fn put_member(
    connection: &Connection,
    board_id: &BoardId,
    id: &UserId,
    role: Role,
) -> rusqlite::Result<()> {
    let sql = "
        INSERT OR REPLACE INTO member
        VALUES ((SELECT no FROM board WHERE id = ?), (SELECT no FROM user WHERE id = ?), ?)";
    run(
        connection,
        sql,
        [board_id.as_str(), id.as_str(), role.as_str()],
    )
}

fn put_user(connection: &Connection, user: &User) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO user (id, kind, login, name, is_admin, disabled_at, created_at, updated_at, version)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET
            name = excluded.name, is_admin = excluded.is_admin, disabled_at = excluded.disabled_at,
            updated_at = excluded.updated_at, version = excluded.version";
    let row = params![
        user.id.as_str(),
        user.kind.as_str(),
        user.login.as_ref().map(Login::as_str),
        user.name.as_str(),
        user.is_admin,
        user.disabled_at.map(|at| at.0),
        user.created_at.0,
        user.updated_at.0,
        user.version,
    ];
    run(connection, sql, row)
}

fn begin_session(
    connection: &Connection,
    id: &UserId,
    secret: &SecretHash,
    session: &Session,
) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO session
        VALUES (?, ?, (SELECT no FROM user WHERE id = ?), ?, ?, ?, ?)";
    let row = params![
        session.id.as_str(),
        secret.0,
        id.as_str(),
        session.created_at.0,
        session.seen_at.0,
        session.ends_at.0,
        session.agent.as_str(),
    ];
    run(connection, sql, row)
}

fn make_token(
    connection: &Connection,
    id: &UserId,
    secret: &SecretHash,
    token: &Token,
) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO token
        VALUES (?, ?, (SELECT no FROM user WHERE id = ?), ?, ?, ?, ?, ?, NULL)";
    let row = params![
        token.id.as_str(),
        secret.0,
        id.as_str(),
        token.name.as_str(),
        token.scope.as_str(),
        token.boards.is_some(),
        token.created_at.0,
        token.ends_at.map(|at| at.0),
    ];
    run(connection, sql, row)?;
    for board_id in token.boards.iter().flatten() {
        let sql = "
            INSERT OR IGNORE INTO token_board SELECT ?, no FROM board WHERE id = ?";
        run(connection, sql, [token.id.as_str(), board_id.as_str()])?;
    }
    Ok(())
}

/// With the boards that it was limited to.
pub(super) fn end_token(connection: &Connection, id: &str) -> rusqlite::Result<()> {
    run(
        connection,
        "DELETE FROM token_board WHERE token_id = ?",
        [id],
    )?;
    run(connection, "DELETE FROM token WHERE id = ?", [id])
}

/// Notes that a session or token is in use, unless that was noted a moment ago.
pub(super) fn note_seen(
    connection: &Connection,
    caller: &Caller,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let noted_before = now.minus_millis(SEEN_SECONDS as i64 * 1_000);
    let (sql, id) = match caller {
        Caller::Person { session_id, .. } => (
            "UPDATE session SET seen_at = ? WHERE id = ? AND seen_at <= ?",
            session_id.as_str(),
        ),
        Caller::Token { token_id, .. } => (
            "UPDATE token SET used_at = ? WHERE id = ? AND coalesce(used_at <= ?, true)",
            token_id.as_str(),
        ),
        Caller::Open | Caller::Nobody | Caller::Operator => return Ok(()),
    };
    run(connection, sql, params![now.0, id, noted_before.0])
}

fn user_from(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: text(row, 0, UserId::parse)?,
        kind: word(row, 1, UserKind::read)?,
        login: login_from(row, 2)?,
        name: text(row, 3, PersonName::parse)?,
        is_admin: row.get(4)?,
        has_password: row.get(5)?,
        disabled_at: row.get::<_, Option<i64>>(6)?.map(Timestamp),
        created_at: Timestamp(row.get(7)?),
        updated_at: Timestamp(row.get(8)?),
        version: row.get(9)?,
    })
}

/// Its boards are read apart.
fn token_from(row: &Row<'_>) -> rusqlite::Result<Token> {
    let is_limited: bool = row.get(3)?;
    Ok(Token {
        id: text(row, 0, TokenId::parse)?,
        name: text(row, 1, TokenName::parse)?,
        scope: word(row, 2, Scope::read)?,
        boards: is_limited.then(Vec::new),
        created_at: Timestamp(row.get(4)?),
        ends_at: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        used_at: row.get::<_, Option<i64>>(6)?.map(Timestamp),
    })
}

fn login_from(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Login>> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => text(row, column, Login::parse).map(Some),
    }
}

/// All rows, through the statement cache.
fn many<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Fault> {
    let found = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_map(params, read)?.collect());
    found.map_err(|error| Fault(error.into()))
}

fn run(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(params).map(|_| ())
}
