//! Every shape that crosses the wire or the writer's queue: what is asked ([`Command`]), what happened
//! ([`Event`]), what is answered ([`Outcome`]) and why not ([`Refusal`]).

use crate::access::{Access, Actor};
use crate::cursor::BoardKey;
use crate::limits::{IDEMPOTENCY_KEY_CHARS_MAX, LISTS_PER_BOARD_MAX, TASKS_PER_BOARD_MAX};
use crate::model::{
    Board, BoardId, Description, List, ListId, Name, Task, TaskId, Timestamp, Title,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One change that somebody asks for. Complete: ids and keys are drawn before it is submitted, so
/// deciding it is pure.
#[derive(Clone, Debug)]
pub enum Command {
    /// Makes a board; its log begins here.
    CreateBoard {
        /// The new board's id.
        board_id: BoardId,
        /// Its name.
        name: Name,
        /// The secret of its marks.
        key: BoardKey,
        /// Set if the client chose the id.
        birth: Option<Fingerprint>,
    },
    /// Changes a board's own fields.
    EditBoard {
        /// Which board.
        board_id: BoardId,
        /// Its new name, if that changes.
        name: Option<Name>,
    },
    /// Deletes a board and ends its streams.
    DeleteBoard {
        /// Which board.
        board_id: BoardId,
    },
    /// Brings a deleted board back as it was.
    RestoreBoard {
        /// Which board.
        board_id: BoardId,
    },
    /// Makes a list.
    CreateList {
        /// The new list's id.
        list_id: ListId,
        /// The board it stands on.
        board_id: BoardId,
        /// Its name.
        name: Name,
        /// Where among the board's lists.
        slot: Slot<ListId>,
        /// Set if the client chose the id.
        birth: Option<Fingerprint>,
    },
    /// Changes a list's own fields.
    EditList {
        /// Which list.
        list_id: ListId,
        /// Its new name, if that changes.
        name: Option<Name>,
    },
    /// Moves a list among its board's lists.
    MoveList {
        /// Which list.
        list_id: ListId,
        /// Where to.
        slot: Slot<ListId>,
    },
    /// Deletes a list with its tasks.
    DeleteList {
        /// Which list.
        list_id: ListId,
    },
    /// Brings a deleted list back with the tasks that went with it.
    RestoreList {
        /// Which list.
        list_id: ListId,
    },
    /// Makes a task.
    CreateTask {
        /// The new task's id.
        task_id: TaskId,
        /// The list it stands in.
        list_id: ListId,
        /// What is to be done.
        title: Title,
        /// The details.
        description: Description,
        /// Where in the list.
        slot: Slot<TaskId>,
        /// Set if the client chose the id.
        birth: Option<Fingerprint>,
    },
    /// Changes a task's text.
    EditTask {
        /// Which task.
        task_id: TaskId,
        /// Its new title, if that changes.
        title: Option<Title>,
        /// Its new description, if that changes.
        description: Option<Description>,
    },
    /// Moves a task within its list or to another one, of any board.
    MoveTask {
        /// Which task.
        task_id: TaskId,
        /// The list to move to; none means its own.
        list_id: Option<ListId>,
        /// Where in the list.
        slot: Slot<TaskId>,
    },
    /// Deletes a task.
    DeleteTask {
        /// Which task.
        task_id: TaskId,
    },
    /// Brings a deleted task back to its list.
    RestoreTask {
        /// Which task.
        task_id: TaskId,
    },
}

/// Where among its siblings a thing shall stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot<Id> {
    /// Before all others.
    Top,
    /// After all others.
    Bottom,
    /// So that it has this index afterwards; past the end means the end.
    Index(u64),
    /// Directly before this sibling.
    Before(Id),
    /// Directly after this sibling.
    After(Id),
}

/// A hash over everything that makes two requests the same one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Hashes parts so that no two different lists of parts collide by joining differently.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

/// An `Idempotency-Key` and what it was used for (draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// 1 to 128 visible ASCII characters.
    pub key: String,
    /// The request it stands for.
    pub fingerprint: Fingerprint,
}

impl IdempotencyKey {
    /// Whether a header's value can be a key.
    #[must_use]
    pub fn is_valid(key: &str) -> bool {
        (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_graphic())
    }
}

/// `If-Match` (RFC 9110, 13.1.1), compared with a thing's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// `*`: it exists.
    Exists,
    /// Its version is one of these.
    VersionIn(Vec<u64>),
}

impl Precondition {
    /// Whether a thing of that version passes.
    #[must_use]
    pub fn admits(&self, version: u64) -> bool {
        match self {
            Self::Exists => true,
            Self::VersionIn(versions) => versions.contains(&version),
        }
    }
}

/// A command with everything that decides whether it may happen.
#[derive(Clone, Debug)]
pub struct Request {
    /// What the caller was granted.
    pub access: Access,
    /// What is asked.
    pub command: Command,
    /// Only if the thing stands at this version.
    pub precondition: Option<Precondition>,
    /// At most once under this key.
    pub idempotency: Option<IdempotencyKey>,
}

/// Something that happened: what the log keeps and watchers get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// What changed.
    #[serde(flatten)]
    pub change: Change,
    /// Whose log it stands in.
    pub board_id: BoardId,
    /// Who did it; null without accounts.
    #[schema(required)]
    pub by: Option<Actor>,
    /// When it was committed.
    pub at: Timestamp,
}

/// What an event changed, with the whole changed thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum Change {
    /// The board was made.
    BoardCreated {
        /// Its own fields.
        board: Board,
    },
    /// The board's own fields changed.
    BoardUpdated {
        /// Its own fields.
        board: Board,
    },
    /// The board is gone; the stream ends.
    BoardDeleted,
    /// The board is back. Never delivered: the log's floor becomes this event's own place, so every
    /// older cursor gets a snapshot.
    BoardRestored {
        /// Its own fields.
        board: Board,
    },
    /// A list was made or came back.
    ListCreated {
        /// Its own fields.
        list: List,
    },
    /// A list's own fields changed.
    ListUpdated {
        /// Its own fields.
        list: List,
    },
    /// A list has another rank.
    ListMoved {
        /// Its own fields.
        list: List,
    },
    /// A list is gone, and its tasks with it.
    // Said again for the schema, which doesn't know of all fields.
    #[schema(rename_all = "camelCase")]
    ListDeleted {
        /// Which list.
        list_id: ListId,
    },
    /// A task was made, came back, or came over from another board.
    TaskCreated {
        /// The whole task.
        task: Task,
    },
    /// A task's text changed.
    TaskUpdated {
        /// The whole task.
        task: Task,
    },
    /// A task has another rank or list.
    TaskMoved {
        /// The whole task.
        task: Task,
    },
    /// A task is gone.
    #[schema(rename_all = "camelCase")]
    TaskDeleted {
        /// Which task.
        task_id: TaskId,
    },
}

/// What an accepted command came to. Kept under an idempotency key, so that a retry gets the first
/// answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The board as it now is.
    Board(Board),
    /// The list as it now is.
    List(List),
    /// The task as it now is.
    Task(Task),
    /// It is gone.
    Deleted,
}

/// The current state of what a precondition spoke of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Thing {
    /// A board.
    Board(Board),
    /// A list.
    List(List),
    /// A task.
    Task(Task),
}

/// The kinds of things there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A board.
    Board,
    /// A list.
    List,
    /// A task.
    Task,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Board => "board",
            Self::List => "list",
            Self::Task => "task",
        })
    }
}

/// The caller's mistake. Its text is a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What the command is about doesn't exist, or the caller may not see it.
    #[error("There is no such {0}. It may have been deleted.")]
    NotFound(Kind),
    /// Something that the body names doesn't exist.
    #[error("{field} names no {kind} that exists.")]
    UnknownReference {
        /// The body's field.
        field: &'static str,
        /// What it should name.
        kind: Kind,
    },
    /// The list that a deleted task would come back to is deleted itself.
    #[error("Its list is deleted too. Restore the list, and the task if it isn't back by then.")]
    ListGone,
    /// The chosen id names something else, alive or deleted.
    #[error("This id is taken. Choose another one, or leave it out and get one.")]
    IdTaken,
    /// `before` or `after` names nothing in the target now.
    #[error(
        "The neighbour named by {field} is not there now. Look where it went and send the move again."
    )]
    NeighbourGone {
        /// The body's field.
        field: &'static str,
    },
    /// The board holds as many living lists or tasks as it may.
    #[error("The board is full: it holds {} {}. Delete some first.", full_max(*.0), full_name(*.0))]
    BoardFull(Kind),
    /// `If-Match` named another version.
    #[error(
        "It has changed since: this is version {version}. Look at the current state and decide again."
    )]
    VersionMismatch {
        /// The version that it has.
        version: u64,
        /// What it is now.
        current: Box<Thing>,
    },
    /// `If-Match` on a create.
    #[error("If-Match has no meaning when something is made. Leave it out.")]
    PreconditionOnCreate,
    /// The key was used for another request.
    #[error(
        "This Idempotency-Key was used for another request. Use a new key for each new request."
    )]
    KeyReused,
    /// The credential was good when the request came, or there was none, and it isn't good now.
    #[error("You are not signed in, or no longer. Sign in, or send a token that is good.")]
    NotSignedIn,
    /// The caller may see it, but not do that.
    #[error("You may see this, but not change it like that. Ask an admin for another role.")]
    NotAllowed,
    /// Accounts are on already, or not on yet.
    #[error("Accounts are {}.", if *.is_on { "on already" } else { "not on yet: set them up first" })]
    Accounts {
        /// Which of the two.
        is_on: bool,
    },
    /// Nobody is known by this login, or not by this password, or they are disabled.
    #[error("Login and password don't fit together.")]
    WrongLogin,
    /// A link that is spent, replaced, too old, or never was.
    #[error("This link is no longer good. Ask an admin for a new one.")]
    InviteGone,
    /// No such account, session, token or member, as far as the caller may know.
    #[error("There is no such {0}.")]
    NoSuchPerson(PeopleKind),
    /// Something that the body names is nobody's.
    #[error("{field} names nobody with an account.")]
    UnknownPerson {
        /// The body's field.
        field: &'static str,
    },
    /// Without them nobody could do what only admins can.
    #[error("They are the last admin. Make somebody else an admin first.")]
    LastAdmin,
    /// Somebody signs in with it.
    #[error("This login is taken. Choose another one.")]
    LoginTaken,
    /// There are as many as there may be.
    #[error("There are {max} {what} already. Remove some first.")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        max: usize,
    },
    /// Only a person has passwords, sessions and links, and nobody disabled is given a secret.
    #[error("This can't be done for {0}.")]
    WrongKind(&'static str),
}

/// What a change of people is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeopleKind {
    /// An account.
    User,
    /// A session.
    Session,
    /// A token.
    Token,
    /// A member of a board.
    Member,
}

impl std::fmt::Display for PeopleKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::User => "account",
            Self::Session => "session",
            Self::Token => "token",
            Self::Member => "member",
        })
    }
}

fn full_max(kind: Kind) -> usize {
    match kind {
        Kind::List => LISTS_PER_BOARD_MAX,
        Kind::Board | Kind::Task => TASKS_PER_BOARD_MAX,
    }
}

fn full_name(kind: Kind) -> &'static str {
    match kind {
        Kind::List => "lists",
        Kind::Board | Kind::Task => "tasks",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_is_visible_ascii_of_bounded_length() {
        for good in ["k", "!~", &"k".repeat(IDEMPOTENCY_KEY_CHARS_MAX)] {
            assert!(IdempotencyKey::is_valid(good), "{good:?}");
        }
        for bad in [
            "",
            "a b",
            "a\t",
            "ä",
            &"k".repeat(IDEMPOTENCY_KEY_CHARS_MAX + 1),
        ] {
            assert!(!IdempotencyKey::is_valid(bad), "{bad:?}");
        }
    }

    #[test]
    fn parts_that_join_to_the_same_bytes_are_other_requests() {
        let of = |parts: &[&[u8]]| Fingerprint::of(parts);
        assert_eq!(of(&[b"a", b"b"]), of(&[b"a", b"b"]));
        for other in [
            &[&b"ab"[..]][..],
            &[b"", b"ab"],
            &[b"a", b"b", b""],
            &[b"b", b"a"],
        ] {
            assert_ne!(of(&[b"a", b"b"]), of(other));
        }
    }

    #[test]
    fn a_precondition_admits_the_versions_that_it_names() {
        assert!(Precondition::Exists.admits(7));
        let some = Precondition::VersionIn(vec![1, 3]);
        assert!(some.admits(1) && some.admits(3) && !some.admits(2));
        assert!(!Precondition::VersionIn(Vec::new()).admits(1));
    }

    #[track_caller]
    fn check(refusal: &Refusal, beginning: &str) {
        let sentence = refusal.to_string();
        assert!(sentence.starts_with(beginning), "{sentence}");
    }

    #[test]
    fn a_refusal_says_what_it_is_about() {
        for (kind, word) in [
            (Kind::Board, "board"),
            (Kind::List, "list"),
            (Kind::Task, "task"),
        ] {
            check(
                &Refusal::NotFound(kind),
                &format!("There is no such {word}."),
            );
        }
        for (kind, word) in [
            (PeopleKind::User, "account"),
            (PeopleKind::Session, "session"),
            (PeopleKind::Token, "token"),
            (PeopleKind::Member, "member"),
        ] {
            check(
                &Refusal::NoSuchPerson(kind),
                &format!("There is no such {word}."),
            );
        }
        let full = |what| format!("The board is full: it holds {what}.");
        let tasks = format!("{TASKS_PER_BOARD_MAX} tasks");
        check(&Refusal::BoardFull(Kind::Task), &full(tasks));
        let lists = format!("{LISTS_PER_BOARD_MAX} lists");
        check(&Refusal::BoardFull(Kind::List), &full(lists));
        check(
            &Refusal::Accounts { is_on: true },
            "Accounts are on already.",
        );
        check(
            &Refusal::Accounts { is_on: false },
            "Accounts are not on yet",
        );
    }
}
