//! What a store keeps, in memory: whole rows, deleted ones by what took them away, the births of ids,
//! and each board's log. It changes rows by putting the event's thing in their place, knows nothing of
//! the fold that it is compared with, and asserts after every event what must hold of any store:
//! ranks unique among siblings, versions up by one, times as the contract says, and that only what
//! doesn't stand is created.

use boardcast_core::access::{Access, Actor, Caller, Rights, Role, Standing};
use boardcast_core::cursor::{BoardKey, Cursor};
use boardcast_core::frame::json;
use boardcast_core::model::{
    Board, BoardId, List, ListId, ListWithTasks, PersonName, Snapshot, Task, TaskId, TaskSummary,
    Timestamp, TokenName, UserId,
};
use boardcast_core::protocol::{Change, Command, Event, Fingerprint, Kind, Refusal, Request};
use boardcast_core::rank::Rank;
use boardcast_core::rules::place::{Family, Place, Sibling};
use boardcast_core::rules::{Birth, Decision, Fault, Stopped, View, decide};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that stands, and everything that happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ledger {
    pub(crate) boards: BTreeMap<BoardId, Board>,
    pub(crate) lists: BTreeMap<ListId, List>,
    pub(crate) tasks: BTreeMap<TaskId, Task>,
    deleted: Deleted,
    /// Of every id ever used, by kind and id: deleted ones stay.
    births: BTreeMap<(String, String), Birth>,
    /// Of every board ever made.
    logs: BTreeMap<BoardId, Log>,
    /// Who is what on which board; without it there are no accounts.
    pub(crate) members: Option<BTreeMap<(UserId, BoardId), Role>>,
}

/// What no longer stands, by what it went with.
#[derive(Clone, Debug, Default, PartialEq)]
struct Deleted {
    /// Boards with the lists and tasks that stood on them.
    boards: BTreeMap<BoardId, (Board, Vec<List>, Vec<Task>)>,
    /// Lists with the tasks that stood in them.
    lists: BTreeMap<ListId, (List, Vec<Task>)>,
    /// Tasks that were deleted on their own, and the board that they were on.
    tasks: BTreeMap<TaskId, (BoardId, Task)>,
}

/// One board's history.
#[derive(Clone, Debug, PartialEq)]
struct Log {
    key: BoardKey,
    head: Cursor,
    /// The newest place before which nothing is served.
    floor: Cursor,
    events: Vec<(Cursor, Event)>,
}

/// What each is called.
pub(crate) fn actor(caller: &Caller) -> Option<Actor> {
    let name = |id: &UserId| PersonName::parse(id.as_str()).expect("an id is a name");
    match caller {
        Caller::Open | Caller::Nobody | Caller::Operator => None,
        Caller::Person { user_id, .. } => Some(Actor::Person {
            id: user_id.clone(),
            name: name(user_id),
        }),
        Caller::Token {
            user_id, token_id, ..
        } => Some(Actor::Token {
            id: user_id.clone(),
            name: name(user_id),
            token_id: token_id.clone(),
            token_name: TokenName::parse(token_id.as_str()).expect("an id is a name"),
        }),
    }
}

/// Every credential is good, unless accounts came or were never there.
impl Rights for Ledger {
    fn standing(&self, access: &Access) -> Result<Option<Standing>, Fault> {
        let is_open = *access.caller() == Caller::Open;
        let is_good = is_open == self.members.is_none() && *access.caller() != Caller::Nobody;
        Ok(is_good.then(|| Standing {
            actor: actor(access.caller()),
            makes_boards: cap(access) >= Role::Editor,
            rules_people: false,
        }))
    }

    fn role(&self, access: &Access, board_id: &BoardId) -> Result<Option<Role>, Fault> {
        let Some(members) = &self.members else {
            return Ok(Some(Role::Admin));
        };
        let of_user = |user_id: &UserId| members.get(&(user_id.clone(), board_id.clone()));
        let role = access.user_id().and_then(of_user);
        Ok(role.map(|role| cap(access).min(*role)))
    }
}

fn cap(access: &Access) -> Role {
    match access.caller() {
        Caller::Token { scope, .. } => scope.cap(),
        _ => Role::Admin,
    }
}

impl View for Ledger {
    fn board(&self, id: &BoardId) -> Result<Option<Board>, Fault> {
        Ok(self.boards.get(id).cloned())
    }

    fn list(&self, id: &ListId) -> Result<Option<List>, Fault> {
        Ok(self.lists.get(id).cloned())
    }

    fn task(&self, id: &TaskId) -> Result<Option<(BoardId, Task)>, Fault> {
        let found = self.tasks.get(id).cloned();
        Ok(found.map(|task| (self.lists[&task.list_id].board_id.clone(), task)))
    }

    fn deleted_board(&self, id: &BoardId) -> Result<Option<Board>, Fault> {
        let found = self.deleted.boards.get(id);
        Ok(found.map(|(board, _, _)| board.clone()))
    }

    fn deleted_list(&self, id: &ListId) -> Result<Option<(List, Vec<Task>)>, Fault> {
        let found = self.deleted.lists.get(id);
        Ok(found
            .filter(|(list, _)| self.boards.contains_key(&list.board_id))
            .cloned())
    }

    fn deleted_task(&self, id: &TaskId) -> Result<Option<(BoardId, Task)>, Fault> {
        let with_a_list = self.deleted.lists.values().flat_map(|(list, tasks)| {
            let board_id = &list.board_id;
            tasks.iter().map(move |task| (board_id, task))
        });
        let alone = self.deleted.tasks.values();
        let alone = alone.map(|(board_id, task)| (board_id, task));
        let found = alone.chain(with_a_list).find(|(_, task)| task.id == *id);
        Ok(found
            .filter(|(board_id, _)| self.boards.contains_key(board_id))
            .map(|(board_id, task)| (board_id.clone(), task.clone())))
    }

    fn birth(&self, kind: Kind, id: &str) -> Result<Option<Birth>, Fault> {
        Ok(self.births.get(&(kind.to_string(), id.to_owned())).copied())
    }

    fn count_lists(&self, board_id: &BoardId) -> Result<usize, Fault> {
        Ok(self.lists_of(board_id).count())
    }

    fn count_tasks(&self, board_id: &BoardId) -> Result<usize, Fault> {
        let is_here = |task: &&Task| self.lists[&task.list_id].board_id == *board_id;
        Ok(self.tasks.values().filter(is_here).count())
    }

    fn sibling(
        &self,
        family: Family<'_>,
        place: Place<'_>,
        except: Option<&str>,
    ) -> Result<Option<Sibling>, Fault> {
        let mut siblings = self.siblings(family);
        siblings.retain(|sibling| Some(sibling.id.as_str()) != except);
        let mut siblings = siblings.into_iter();
        Ok(match place {
            Place::First => siblings.next(),
            Place::Last => siblings.next_back(),
            Place::Nth(index) => siblings.nth(usize::try_from(index).unwrap_or(usize::MAX)),
            Place::Below(rank) => siblings.rfind(|sibling| sibling.rank < *rank),
            Place::Above(rank) => siblings.find(|sibling| sibling.rank > *rank),
            Place::At(rank) => siblings.find(|sibling| sibling.rank == *rank),
            Place::Member(id) => siblings.find(|sibling| sibling.id == id),
        })
    }
}

impl Ledger {
    /// Decides a request and, if it is accepted, lets it happen.
    pub(crate) fn commit(
        &mut self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let decision = self.decide(request, now)?;
        if !decision.events.is_empty() {
            self.bear(&request.command);
        }
        for event in &decision.events {
            self.record(event);
        }
        Ok(decision)
    }

    /// Decides a request; nothing happens yet.
    pub(crate) fn decide(&self, request: &Request, now: Timestamp) -> Result<Decision, Refusal> {
        decide(self, request, now).map_err(|stopped| match stopped {
            Stopped::Refused(refusal) => refusal,
            Stopped::Fault(fault) => unreachable!("a ledger can always be read: {fault}"),
        })
    }

    /// Takes the id of what a command makes, and opens the log of a board.
    pub(crate) fn bear(&mut self, command: &Command) {
        match command {
            Command::CreateBoard {
                board_id,
                key,
                birth,
                ..
            } => {
                self.take_id(Kind::Board, board_id, *birth);
                let log = Log {
                    key: key.clone(),
                    head: Cursor::START,
                    floor: Cursor::START,
                    events: Vec::new(),
                };
                self.logs.insert(board_id.clone(), log);
            }
            Command::CreateList { list_id, birth, .. } => {
                self.take_id(Kind::List, list_id, *birth);
            }
            Command::CreateTask { task_id, birth, .. } => {
                self.take_id(Kind::Task, task_id, *birth);
            }
            _ => {}
        }
    }

    fn take_id(&mut self, kind: Kind, id: &impl AsRef<str>, fingerprint: Option<Fingerprint>) {
        let id = (kind.to_string(), id.as_ref().to_owned());
        let taken = self.births.insert(id, Birth { fingerprint });
        assert_eq!(taken, None, "an id is taken once");
    }

    /// Appends an event to its board's log and changes the rows.
    pub(crate) fn record(&mut self, event: &Event) {
        assert_eq!(event.by.is_some(), self.members.is_some());
        self.change_rows(event);
        let living = self.boards.get_mut(&event.board_id);
        let deleted = self.deleted.boards.get_mut(&event.board_id);
        let board = living.or_else(|| deleted.map(|(board, _, _)| board));
        board.expect("a known board").updated_at = event.at;
        let log = self.logs.get_mut(&event.board_id).expect("a board's log");
        let seq = log.head.seq + 1;
        let mark = log.head.mark.next(&log.key, seq, &json(event));
        log.head = Cursor { seq, mark };
        log.events.push((log.head, event.clone()));
        if let Change::BoardRestored { .. } = event.change {
            log.floor = log.head;
        }
        self.assert_ranks();
    }

    fn change_rows(&mut self, event: &Event) {
        let board_id = &event.board_id;
        match &event.change {
            Change::BoardCreated { board } => {
                assert!(!self.deleted.boards.contains_key(board_id));
                self.put_board(board, None, event);
            }
            Change::BoardUpdated { board } => {
                let old = self.boards[board_id].clone();
                self.put_board(board, Some(old), event);
            }
            Change::BoardDeleted => self.bury_board(board_id),
            Change::BoardRestored { board } => {
                let found = self.deleted.boards.remove(board_id);
                let (old, lists, tasks) = found.expect("a deleted board");
                assert_eq!(board.name, old.name);
                self.put_board(board, Some(old), event);
                let lists = lists.into_iter().map(|list| (list.id.clone(), list));
                self.lists.extend(lists);
                let tasks = tasks.into_iter().map(|task| (task.id.clone(), task));
                self.tasks.extend(tasks);
            }
            Change::ListCreated { list } => {
                assert!(!self.lists.contains_key(&list.id), "it doesn't stand");
                let found = self.deleted.lists.remove(&list.id);
                let old = found.map(|(old, tasks)| {
                    // They are expected one by one now.
                    let tasks = tasks.into_iter();
                    let alone = tasks.map(|task| (task.id.clone(), (board_id.clone(), task)));
                    self.deleted.tasks.extend(alone);
                    old
                });
                self.put_list(list, old, event);
            }
            Change::ListUpdated { list } | Change::ListMoved { list } => {
                let old = self.lists[&list.id].clone();
                self.put_list(list, Some(old), event);
            }
            Change::ListDeleted { list_id } => {
                let list = self.lists.remove(list_id).expect("a living list");
                assert_eq!(list.board_id, *board_id);
                let tasks = self.take_tasks(|task| task.list_id == *list_id);
                self.deleted.lists.insert(list_id.clone(), (list, tasks));
            }
            Change::TaskCreated { task } => {
                assert!(!self.tasks.contains_key(&task.id), "it doesn't stand");
                let old = self.deleted.tasks.remove(&task.id);
                self.put_task(task, old.map(|(_, old)| old), event);
            }
            Change::TaskUpdated { task } | Change::TaskMoved { task } => {
                let old = self.tasks[&task.id].clone();
                assert_eq!(self.lists[&old.list_id].board_id, *board_id);
                self.put_task(task, Some(old), event);
            }
            Change::TaskDeleted { task_id } => {
                let task = self.tasks.remove(task_id).expect("a living task");
                assert_eq!(self.lists[&task.list_id].board_id, *board_id);
                let buried = (board_id.clone(), task);
                self.deleted.tasks.insert(task_id.clone(), buried);
            }
        }
    }

    fn put_board(&mut self, board: &Board, old: Option<Board>, event: &Event) {
        assert_eq!(board.id, event.board_id);
        let old = old.map(|old| (old.version, old.created_at));
        let new = (board.version, board.created_at);
        assert_succession(old, new, board.updated_at, event.at);
        self.boards.insert(board.id.clone(), board.clone());
    }

    fn put_list(&mut self, list: &List, old: Option<List>, event: &Event) {
        assert_eq!(list.board_id, event.board_id);
        let old = old.map(|old| (old.version, old.created_at));
        let new = (list.version, list.created_at);
        assert_succession(old, new, list.updated_at, event.at);
        self.lists.insert(list.id.clone(), list.clone());
    }

    fn put_task(&mut self, task: &Task, old: Option<Task>, event: &Event) {
        assert_eq!(self.lists[&task.list_id].board_id, event.board_id);
        let old = old.map(|old| (old.version, old.created_at));
        let new = (task.version, task.created_at);
        assert_succession(old, new, task.updated_at, event.at);
        self.tasks.insert(task.id.clone(), task.clone());
    }

    fn bury_board(&mut self, id: &BoardId) {
        let board = self.boards.remove(id).expect("a living board");
        let lists: BTreeMap<_, _> = self
            .lists
            .extract_if(.., |_, list| list.board_id == *id)
            .collect();
        let tasks = self.take_tasks(|task| lists.contains_key(&task.list_id));
        let lists = lists.into_values().collect();
        self.deleted
            .boards
            .insert(id.clone(), (board, lists, tasks));
    }

    /// Takes tasks out of what stands, in their order.
    fn take_tasks(&mut self, which: impl Fn(&Task) -> bool) -> Vec<Task> {
        let taken = self.tasks.extract_if(.., |_, task| which(task));
        let mut tasks: Vec<_> = taken.map(|(_, task)| task).collect();
        tasks.sort_by(|a, b| a.rank.cmp(&b.rank));
        tasks
    }

    /// Puts a row there as if it always had been.
    pub(crate) fn place_list(&mut self, list: List) {
        self.take_id(Kind::List, &list.id, None);
        self.lists.insert(list.id.clone(), list);
    }

    /// Puts a row there as if it always had been.
    pub(crate) fn place_task(&mut self, task: Task) {
        self.take_id(Kind::Task, &task.id, None);
        self.tasks.insert(task.id.clone(), task);
    }

    /// Asks everything back that was deleted, one by one.
    pub(crate) fn deleted(&self) -> Vec<Command> {
        let Deleted {
            boards,
            lists,
            tasks,
        } = &self.deleted;
        let boards = boards.keys().cloned();
        let boards = boards.map(|board_id| Command::RestoreBoard { board_id });
        let lists = lists.keys().cloned();
        let lists = lists.map(|list_id| Command::RestoreList { list_id });
        let tasks = tasks.keys().cloned();
        let tasks = tasks.map(|task_id| Command::RestoreTask { task_id });
        boards.chain(lists).chain(tasks).collect()
    }

    /// The board as a reader gets it.
    pub(crate) fn snapshot(&self, id: &BoardId) -> Option<Snapshot> {
        let board = self.boards.get(id)?.clone();
        let mut lists: Vec<_> = self.lists_of(id).cloned().collect();
        lists.sort_by(|a, b| (&a.rank, &a.id).cmp(&(&b.rank, &b.id)));
        let with_tasks = |list: List| {
            let mut tasks: Vec<_> = self.tasks_of(&list.id).map(TaskSummary::from).collect();
            tasks.sort_by(|a, b| (&a.rank, &a.id).cmp(&(&b.rank, &b.id)));
            ListWithTasks { list, tasks }
        };
        Some(Snapshot {
            board,
            lists: lists.into_iter().map(with_tasks).collect(),
            cursor: self.logs[id].head,
        })
    }

    /// The events of a board after a place; none if that place can't be served any more.
    pub(crate) fn log_after(&self, id: &BoardId, place: Cursor) -> Option<&[(Cursor, Event)]> {
        let Some(log) = self.logs.get(id) else {
            return Some(&[]);
        };
        let done = log
            .events
            .partition_point(|(cursor, _)| cursor.seq <= place.seq);
        (place.seq >= log.floor.seq).then(|| &log.events[done..])
    }

    /// Where the log of a board stands that was ever made.
    pub(crate) fn head(&self, id: &BoardId) -> Cursor {
        self.logs[id].head
    }

    /// A family in order.
    pub(crate) fn siblings(&self, family: Family<'_>) -> Vec<Sibling> {
        let sibling = |id: &dyn AsRef<str>, rank: &Rank| Sibling {
            id: id.as_ref().to_owned(),
            rank: rank.clone(),
        };
        let mut siblings: Vec<_> = match family {
            Family::Lists(id) => self
                .lists_of(id)
                .map(|list| sibling(&list.id, &list.rank))
                .collect(),
            Family::Tasks(id) => self
                .tasks_of(id)
                .map(|task| sibling(&task.id, &task.rank))
                .collect(),
        };
        siblings.sort_by(|a, b| a.rank.cmp(&b.rank));
        siblings
    }

    fn lists_of(&self, board_id: &BoardId) -> impl Iterator<Item = &List> {
        let is_here = move |list: &&List| list.board_id == *board_id;
        self.lists.values().filter(is_here)
    }

    fn tasks_of(&self, list_id: &ListId) -> impl Iterator<Item = &Task> {
        let is_here = move |task: &&Task| task.list_id == *list_id;
        self.tasks.values().filter(is_here)
    }

    /// No two living siblings share a rank, and every rank is one.
    fn assert_ranks(&self) {
        let mut seen = BTreeSet::new();
        let lists = self.lists.values();
        let lists = lists.map(|list| (list.board_id.as_str(), &list.rank));
        let tasks = self.tasks.values();
        let tasks = tasks.map(|task| (task.list_id.as_str(), &task.rank));
        for (kind, (family, rank)) in lists.map(|l| (0, l)).chain(tasks.map(|t| (1, t))) {
            assert_eq!(Rank::parse(rank.as_str()).as_ref(), Ok(rank));
            assert!(
                seen.insert((kind, family, rank)),
                "{rank} twice in {family}"
            );
        }
    }
}

/// A new thing has version 1 and the event's time; a known one is one version on, made when it was.
fn assert_succession(
    old: Option<(u64, Timestamp)>,
    (version, created_at): (u64, Timestamp),
    updated_at: Timestamp,
    at: Timestamp,
) {
    let (old_version, old_created_at) = old.unwrap_or((0, at));
    assert_eq!(version, old_version + 1);
    assert_eq!(created_at, old_created_at);
    assert_eq!(updated_at, at);
}
