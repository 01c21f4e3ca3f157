//! What callers may, looked up in the transaction that asks and remembered nowhere: rights that were
//! taken away by a commit are gone for whatever begins after it (I9).

use super::rows::{one, text};
use crate::sabotage::{self, Spot};
use boardcast_core::access::{Access, Actor, Caller, Role, Scope, Standing};
use boardcast_core::limits::SESSION_IDLE_DAYS;
use boardcast_core::model::{
    BoardId, PersonName, SessionId, Timestamp, TokenId, TokenName, UserId,
};
use boardcast_core::rules::Fault;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

const DAY_MS: i64 = 24 * 3_600_000;

/// Sessions that were last seen before this have ended.
pub(super) fn oldest_seen(now: Timestamp) -> Timestamp {
    now.minus_millis(i64::from(SESSION_IDLE_DAYS) * DAY_MS)
}

/// A caller whose credential is good, in the transaction that asked.
pub(super) struct Judged {
    pub(super) standing: Standing,
    reach: Reach,
}

/// Which boards there are for a caller.
enum Reach {
    Every,
    None,
    /// Those that a user is a member of.
    Member(i64),
    /// The same, as far as a token goes.
    Token {
        user_no: i64,
        token_id: TokenId,
        scope: Scope,
        is_limited: bool,
    },
}

impl Judged {
    /// Whether a caller's credential is good now; `None` if not.
    pub(super) fn of(
        connection: &Connection,
        access: &Access,
        now: Timestamp,
    ) -> Result<Option<Self>, Fault> {
        match access.caller() {
            Caller::Open => Ok((!has_accounts(connection)?).then(Self::open)),
            Caller::Nobody => Ok(None),
            Caller::Operator => Ok(Some(Self::operator())),
            Caller::Person {
                user_id,
                session_id,
            } => Self::of_session(connection, user_id, session_id, now),
            Caller::Token {
                user_id, token_id, ..
            } => Self::of_token(connection, user_id, token_id, now),
        }
    }

    fn open() -> Self {
        let standing = Standing {
            actor: None,
            makes_boards: true,
            rules_people: false,
        };
        Self {
            standing,
            reach: Reach::Every,
        }
    }

    fn operator() -> Self {
        let standing = Standing {
            actor: None,
            makes_boards: false,
            rules_people: true,
        };
        Self {
            standing,
            reach: Reach::None,
        }
    }

    fn of_session(
        connection: &Connection,
        user_id: &UserId,
        session_id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Self>, Fault> {
        let sql = "
            SELECT user.no, name, is_admin FROM session JOIN user ON user.no = user_no
            WHERE session.id = ? AND user.id = ? AND ends_at > ? AND seen_at >= ?
              AND disabled_at IS NULL";
        let bound = params![
            session_id.as_str(),
            user_id.as_str(),
            now.0,
            oldest_seen(now).0
        ];
        one(connection, sql, bound, |row| {
            let actor = Actor::Person {
                id: user_id.clone(),
                name: text(row, 1, PersonName::parse)?,
            };
            let standing = Standing {
                actor: Some(actor),
                makes_boards: true,
                rules_people: row.get(2)?,
            };
            Ok(Self {
                standing,
                reach: Reach::Member(row.get(0)?),
            })
        })
    }

    /// The scope is the row's: what a caller was told once doesn't count.
    fn of_token(
        connection: &Connection,
        user_id: &UserId,
        token_id: &TokenId,
        now: Timestamp,
    ) -> Result<Option<Self>, Fault> {
        let sql = "
            SELECT user.no, user.name, token.name, scope, is_limited
            FROM token JOIN user ON user.no = user_no
            WHERE token.id = ? AND user.id = ? AND coalesce(ends_at > ?, true)
              AND disabled_at IS NULL";
        let bound = params![token_id.as_str(), user_id.as_str(), now.0];
        one(connection, sql, bound, |row| {
            let actor = Actor::Token {
                id: user_id.clone(),
                name: text(row, 1, PersonName::parse)?,
                token_id: token_id.clone(),
                token_name: text(row, 2, TokenName::parse)?,
            };
            let (scope, is_limited) = (word(row, 3, Scope::read)?, row.get::<_, bool>(4)?);
            let standing = Standing {
                actor: Some(actor),
                makes_boards: scope >= Scope::Write && !is_limited,
                rules_people: false,
            };
            Ok(Self {
                standing,
                reach: Reach::Token {
                    user_no: row.get(0)?,
                    token_id: token_id.clone(),
                    scope,
                    is_limited,
                },
            })
        })
    }

    /// What the caller may on a board, alive or deleted; `None` if they may not know of it.
    pub(super) fn role(
        &self,
        connection: &Connection,
        board_id: &BoardId,
    ) -> Result<Option<Role>, Fault> {
        match &self.reach {
            Reach::Every => Ok(Some(Role::Admin)),
            Reach::None => Ok(None),
            Reach::Member(user_no) => member_role(connection, board_id, *user_no),
            Reach::Token {
                user_no,
                token_id,
                scope,
                is_limited,
            } => {
                if *is_limited && !is_for_board(connection, token_id, board_id)? {
                    return Ok(None);
                }
                let role = member_role(connection, board_id, *user_no)?;
                let cap = match sabotage::hits(Spot::ScopeIgnored) {
                    true => Role::Admin,
                    false => scope.cap(),
                };
                Ok(role.map(|role| role.min(cap)))
            }
        }
    }

    /// The account whose boards these are; `None` if it is none's.
    pub(super) fn user_no(&self) -> Option<i64> {
        match self.reach {
            Reach::Every | Reach::None => None,
            Reach::Member(user_no) | Reach::Token { user_no, .. } => Some(user_no),
        }
    }

    /// Whether all boards are there for the caller.
    pub(super) fn sees_every_board(&self) -> bool {
        matches!(self.reach, Reach::Every)
    }
}

/// Whether accounts were switched on.
pub(super) fn has_accounts(connection: &Connection) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM setting WHERE name = 'accounts' AND value = 'on'";
    Ok(one(connection, sql, [], |_| Ok(()))?.is_some())
}

fn member_role(
    connection: &Connection,
    board_id: &BoardId,
    user_no: i64,
) -> Result<Option<Role>, Fault> {
    let sql = "
        SELECT role FROM member
        WHERE board_no = (SELECT no FROM board WHERE id = ?) AND user_no = ?";
    one(
        connection,
        sql,
        params![board_id.as_str(), user_no],
        |row| word(row, 0, Role::read),
    )
}

fn is_for_board(
    connection: &Connection,
    token_id: &TokenId,
    board_id: &BoardId,
) -> Result<bool, Fault> {
    let sql = "
        SELECT 1 FROM token_board
        WHERE token_id = ? AND board_no = (SELECT no FROM board WHERE id = ?)";
    let bound = params![token_id.as_str(), board_id.as_str()];
    Ok(one(connection, sql, bound, |_| Ok(()))?.is_some())
}

/// One of a few words. Another one is a bad row: see [`super::rows::is_bad`].
pub(super) fn word<T>(
    row: &Row<'_>,
    column: usize,
    read: fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let word = row.get_ref(column)?.as_str()?;
    read(word).ok_or_else(|| {
        let error = format!("{word:?} is none of the words that stand here").into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
    })
}
