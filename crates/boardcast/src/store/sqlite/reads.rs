//! Reads for a caller. Each looks up what the caller may in its own read transaction, so what was
//! taken away by a commit is taken away from every read that begins after it; what they may not see
//! isn't there (I9). Reads without a caller are the log's alone: bytes that all watchers share.

use super::deleted::{self, Deleted, DeletedBoard};
use super::log::{self, EventsRead, Readers};
use super::people::{self, LetIn};
use super::rights::Judged;
use super::rows;
use crate::live::{Located, ReadError};
use crate::store::Failure;
use boardcast_core::access::{Access, Caller, Role};
use boardcast_core::cursor::Cursor;
use boardcast_core::limits::SEEN_SECONDS;
use boardcast_core::model::{Board, BoardId, Login, Malformed, Task, TaskId, UserId};
use boardcast_core::people::{Credential, Member, PasswordHash, Session, Token, User, UserKind};
use boardcast_core::protocol::{Kind, PeopleKind, Refusal};
use boardcast_core::rules::{Fault, Stopped};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use utoipa::ToSchema;

/// A board as a page of boards shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedBoard {
    /// The board's own fields.
    #[serde(flatten)]
    pub board: Board,
    /// What the caller may on it; without accounts nobody is anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub role: Option<Role>,
}

/// A caller whose credential is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// How they are known.
    pub caller: Caller,
    /// Whose rights these are.
    pub user: User,
    /// Whether it is time to note that the credential is in use.
    pub is_seen_anew: bool,
}

/// Who signs in with a login, if the password fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub user_id: UserId,
    /// What the password is compared with.
    pub password: PasswordHash,
}

impl Readers {
    /// A living task.
    pub async fn task(&self, access: &Access, id: TaskId) -> Result<Option<Task>, Failure> {
        self.read_as(access, move |connection, judged| {
            let found = rows::one(connection, rows::TASK_BY_ID, [id.as_str()], rows::task_from)?;
            let Some((board_id, task)) = found else {
                return Ok(None);
            };
            let role = judged.role(connection, &board_id)?;
            Ok(role.map(|_| task))
        })
        .await
    }

    /// A page of a living board's log.
    pub async fn events(
        &self,
        access: &Access,
        board_id: BoardId,
        after: Option<Result<Cursor, Malformed>>,
        limit: usize,
    ) -> Result<EventsRead, Failure> {
        self.read_as(access, move |connection, judged| {
            if judged.role(connection, &board_id)?.is_none() {
                return Ok(EventsRead::NoBoard);
            }
            log::read_after(connection, &board_id, after, limit).map_err(fault)
        })
        .await
    }

    /// Living boards by id, after one of them. A board whose row can't be read is out of service and
    /// hides no other.
    pub async fn boards(
        &self,
        access: &Access,
        after: Option<BoardId>,
        limit: usize,
    ) -> Result<Vec<ListedBoard>, Failure> {
        self.read_as(access, move |connection, judged| {
            let after = after.as_ref().map_or("", BoardId::as_str);
            match judged.user_no() {
                Some(user_no) => boards_of(connection, judged, user_no, after, limit),
                None if judged.sees_every_board() => every_board(connection, after, limit),
                None => Ok(Vec::new()),
            }
        })
        .await
    }

    /// What was deleted on a living board since it can come back, newest first, before the event of
    /// that number; none if there is no such board.
    pub async fn deleted_things(
        &self,
        access: &Access,
        board_id: BoardId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<Vec<Deleted>>, Failure> {
        let now = self.now();
        self.read_as(access, move |connection, judged| {
            if judged.role(connection, &board_id)?.is_none() {
                return Ok(None);
            }
            deleted::things(connection, &board_id, before, limit, now).map_err(fault)
        })
        .await
    }

    /// Deleted boards that can come back, by id, after one of them.
    pub async fn deleted_boards(
        &self,
        access: &Access,
        after: Option<BoardId>,
        limit: usize,
    ) -> Result<Vec<DeletedBoard>, Failure> {
        let now = self.now();
        self.read_as(access, move |connection, judged| {
            let is_seen = |board_id: &BoardId| Ok(judged.role(connection, board_id)?.is_some());
            deleted::boards(connection, after.as_ref(), limit, now, is_seen)
        })
        .await
    }

    /// Where a living board's log stands for a caller.
    pub(super) async fn locate_as(
        &self,
        access: &Access,
        board_id: BoardId,
        cursor: Option<Cursor>,
    ) -> Result<Located, ReadError> {
        let located = self.read_as(access, move |connection, judged| {
            if judged.role(connection, &board_id)?.is_none() {
                return Ok(Located::NoBoard);
            }
            let found = log::read_location(connection, &board_id, cursor).map_err(fault)?;
            Ok(found.map_or(Located::NoBoard, Located::At))
        });
        match located.await {
            Err(Failure::Refused(Refusal::NotSignedIn)) => Ok(Located::NotSignedIn),
            located => located.map_err(|_| ReadError),
        }
    }

    /// Whose credential it is, if it is good now.
    pub async fn authenticate(&self, credential: Credential) -> Result<Option<Known>, ReadError> {
        let now = self.now();
        let found = self.read(move |connection| {
            let found = match credential {
                Credential::Session(secret) => people::session_by_secret(connection, &secret, now),
                Credential::Token(secret) => people::token_by_secret(connection, &secret, now),
            };
            found.map_err(rows::cause)
        });
        let noted_before = now.minus_millis(SEEN_SECONDS as i64 * 1_000);
        let known = |let_in: LetIn| Known {
            caller: let_in.caller,
            user: let_in.user,
            is_seen_anew: let_in.seen_at.is_none_or(|at| at <= noted_before),
        };
        Ok(found.await?.map(known))
    }

    /// Who signs in with that; none if nobody can.
    pub async fn candidate(&self, login: Login) -> Result<Option<Candidate>, ReadError> {
        let found =
            self.read(move |connection| people::candidate(connection, &login).map_err(rows::cause));
        let candidate = |(user_id, password)| Candidate { user_id, password };
        Ok(found.await?.map(candidate))
    }

    /// The caller's own account.
    pub async fn me(&self, access: &Access) -> Result<User, Failure> {
        let own = own_id(access)?;
        self.read_as(access, move |connection, _| {
            let user = people::user(connection, &own)?;
            Ok(user.ok_or(Refusal::NotSignedIn)?)
        })
        .await
    }

    /// The caller's own kept password, if one was set.
    pub async fn own_password(&self, access: &Access) -> Result<Option<PasswordHash>, Failure> {
        let own = own_id_of_person(access)?;
        self.read_as(access, move |connection, _| {
            Ok(people::password(connection, &own)?)
        })
        .await
    }

    /// The caller's own sessions, oldest first.
    pub async fn sessions(&self, access: &Access) -> Result<Vec<Session>, Failure> {
        own_id_of_person(access)?;
        let now = self.now();
        self.read_as(access, move |connection, judged| {
            let user_no = judged.user_no().ok_or(Refusal::NotAllowed)?;
            Ok(people::sessions(connection, user_no, now)?)
        })
        .await
    }

    /// An account's tokens, oldest first: a person's own, a program's for who rules people, or anybody's
    /// for the operator.
    pub async fn tokens(&self, access: &Access, id: UserId) -> Result<Vec<Token>, Failure> {
        let is_own = matches!(access.caller(), Caller::Person { user_id, .. } if *user_id == id);
        let is_operator = *access.caller() == Caller::Operator;
        let now = self.now();
        self.read_as(access, move |connection, judged| {
            if !is_own {
                check_rules_people(judged)?;
                let user = people::user(connection, &id)?;
                let user = user.ok_or(Refusal::NoSuchPerson(PeopleKind::User))?;
                if user.kind == UserKind::Person && !is_operator {
                    return Err(Refusal::NotAllowed.into());
                }
            }
            Ok(people::tokens(connection, &id, now)?)
        })
        .await
    }

    /// All accounts by id, after one of them, for who rules people.
    pub async fn users(
        &self,
        access: &Access,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<User>, Failure> {
        self.read_as(access, move |connection, judged| {
            check_rules_people(judged)?;
            Ok(people::users(connection, after.as_ref(), limit)?)
        })
        .await
    }

    /// Members of a living board, for each of them.
    pub async fn members(
        &self,
        access: &Access,
        board_id: BoardId,
    ) -> Result<Vec<Member>, Failure> {
        self.read_as(access, move |connection, judged| {
            let is_seen = judged.role(connection, &board_id)?.is_some();
            let found = log::read_location(connection, &board_id, None).map_err(fault)?;
            if found.is_none() || !is_seen {
                return Err(Refusal::NotFound(Kind::Board).into());
            }
            Ok(people::members(connection, &board_id)?)
        })
        .await
    }

    /// Whether the data file can be read.
    pub async fn is_readable(&self) -> bool {
        let read = |connection: &Connection| {
            let mut statement = connection.prepare_cached("SELECT 1 FROM board LIMIT 1")?;
            statement.query_row([], |_| Ok(())).optional()
        };
        self.read(read).await.is_ok()
    }

    /// Runs a read for a caller in a transaction in which their credential is good.
    async fn read_as<T: Send + 'static>(
        &self,
        access: &Access,
        read: impl FnOnce(&Connection, &Judged) -> Result<T, Stopped> + Send + 'static,
    ) -> Result<T, Failure> {
        let (access, now) = (access.clone(), self.now());
        let judged_read = move |connection: &Connection| {
            let judged = Judged::of(connection, &access, now).map_err(rows::cause)?;
            let Some(judged) = judged else {
                return Ok(Err(Refusal::NotSignedIn));
            };
            match read(connection, &judged) {
                Ok(found) => Ok(Ok(found)),
                Err(Stopped::Refused(refusal)) => Ok(Err(refusal)),
                Err(Stopped::Fault(fault)) => Err(rows::cause(fault)),
            }
        };
        Ok(self.read(judged_read).await??)
    }
}

fn own_id(access: &Access) -> Result<UserId, Failure> {
    Ok(access.user_id().cloned().ok_or(Refusal::NotSignedIn)?)
}

/// What a token can't ask for: only whoever signed in can.
fn own_id_of_person(access: &Access) -> Result<UserId, Failure> {
    match access.caller() {
        Caller::Person { user_id, .. } => Ok(user_id.clone()),
        Caller::Open | Caller::Nobody => Err(Refusal::NotSignedIn.into()),
        Caller::Token { .. } | Caller::Operator => Err(Refusal::NotAllowed.into()),
    }
}

fn check_rules_people(judged: &Judged) -> Result<(), Refusal> {
    if judged.standing.rules_people {
        Ok(())
    } else {
        Err(Refusal::NotAllowed)
    }
}

fn every_board(
    connection: &Connection,
    after: &str,
    limit: usize,
) -> Result<Vec<ListedBoard>, Stopped> {
    // Read row by row up to the limit, so there is none in here: bad rows don't count.
    let sql = "
        SELECT id, name, version, created_at, updated_at FROM board
        WHERE id > ? AND deleted_at IS NULL ORDER BY id";
    readable_boards(connection, sql, params![after], limit, |board| {
        Ok(Some(ListedBoard { board, role: None }))
    })
}

/// Those that a user is a member of, as far as the caller's credential goes.
fn boards_of(
    connection: &Connection,
    judged: &Judged,
    user_no: i64,
    after: &str,
    limit: usize,
) -> Result<Vec<ListedBoard>, Stopped> {
    // CROSS JOIN keeps the order, which is the boards'.
    let sql = "
        SELECT id, name, version, created_at, updated_at
        FROM board CROSS JOIN member ON board_no = no AND user_no = ?
        WHERE id > ? AND deleted_at IS NULL ORDER BY id";
    readable_boards(connection, sql, params![user_no, after], limit, |board| {
        let role = judged.role(connection, &board.id)?;
        Ok(role.map(|role| ListedBoard {
            board,
            role: Some(role),
        }))
    })
}

fn readable_boards(
    connection: &Connection,
    sql: &str,
    params: &[&dyn rusqlite::ToSql],
    limit: usize,
    listed: impl Fn(Board) -> Result<Option<ListedBoard>, Fault>,
) -> Result<Vec<ListedBoard>, Stopped> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let found = statement
        .query_map(params, rows::board_from)
        .map_err(fault)?;
    let mut boards = Vec::new();
    for board in found {
        let board = match board {
            Ok(board) => board,
            Err(error) if rows::is_bad(&error) => continue,
            Err(error) => return Err(fault(error)),
        };
        if boards.len() == limit {
            break;
        }
        boards.extend(listed(board)?);
    }
    Ok(boards)
}

fn fault(error: rusqlite::Error) -> Stopped {
    Stopped::Fault(Fault(error.into()))
}
