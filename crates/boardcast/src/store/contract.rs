//! What every backend promises, as tests that know nothing of how it keeps things: requests go in,
//! [`Committed`] comes out, and the log, cursors, snapshots and retention are looked at through the
//! same reads that the server uses. A new backend joins by one more entry in [`check_keeping`].

mod commits;
mod fold;
mod idempotency;
pub(super) mod people;
mod places;
mod queue;
mod requests;
mod retention;
mod snapshots;

pub(super) use requests::{
    board_id, create_board, create_list, create_task, create_task_with, keyed, list_id, move_task,
    rename_board, retitle, task_id,
};

use super::sqlite::{self, Opened, Readers, Writer};
use super::{Answer, Answered, Asked, Committed, Fatal, PeopleAnswer, Retention};
use crate::live::{Located, Location, Log, Page};
use crate::outside::Outside;
use boardcast_core::access::{Access, Revocation};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::{self, Segment};
use boardcast_core::model::{Snapshot, Timestamp};
use boardcast_core::people::{PeopleCommand, PeopleRequest};
use boardcast_core::protocol::{Command, Event, Outcome, Request};
use boardcast_sim::random::Random;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Far more than any test makes.
pub(super) const EVERYTHING: Retention = Retention {
    events: 1_000_000,
    days: 36_500,
};

/// Holds a promise against every backend, each on an empty store of its own.
async fn check(promise: impl AsyncFn(Bench)) {
    check_keeping(EVERYTHING, promise).await;
}

/// [`check`] with a retention that the test will run into.
async fn check_keeping(retention: Retention, promise: impl AsyncFn(Bench)) {
    for start in [Bench::sqlite] {
        promise(start(retention)).await;
    }
}

/// An open store that a test drives by hand, without threads.
pub(super) struct Bench {
    pub(super) writer: Writer,
    pub(super) readers: Arc<Readers>,
    pub(super) clock: Arc<Clock>,
    retention: Retention,
    folder: TempDir,
}

impl Bench {
    /// An empty SQLite store.
    pub(super) fn sqlite(retention: Retention) -> Self {
        Self::sqlite_in(tempfile::tempdir().expect("a folder"), retention)
    }

    /// The SQLite store whose data file is `board.db` in this folder.
    pub(super) fn sqlite_in(folder: TempDir, retention: Retention) -> Self {
        let clock = Arc::<Clock>::default();
        let opened = sqlite::open(&data_in(&folder), retention, Arc::clone(&clock) as _);
        let Opened {
            writer, readers, ..
        } = opened.expect("it opens");
        Self {
            writer,
            readers,
            clock,
            retention,
            folder,
        }
    }

    /// An empty SQLite store that keeps everything.
    pub(super) fn new() -> Self {
        Self::sqlite(EVERYTHING)
    }

    /// Closes the store and does something to its data file before it is opened again.
    pub(super) fn reopen_after(self, meddle: impl FnOnce(&PathBuf)) -> Self {
        let Self {
            writer,
            readers,
            clock,
            retention,
            folder,
        } = self;
        readers.close();
        drop(writer);
        meddle(&data_in(&folder));
        let opened = sqlite::open(&data_in(&folder), retention, Arc::clone(&clock) as _);
        let Opened {
            writer, readers, ..
        } = opened.expect("it opens again");
        Self {
            writer,
            readers,
            clock,
            retention,
            folder,
        }
    }

    /// Its data file.
    pub(super) fn data(&self) -> PathBuf {
        data_in(&self.folder)
    }

    /// Commits a batch that the backend takes whole.
    pub(super) fn commit(&mut self, requests: &[Request]) -> Done {
        self.try_commit(requests).expect("nothing fatal")
    }

    /// The same where something may be fatal.
    pub(super) fn try_commit(&mut self, requests: &[Request]) -> Result<Done, Fatal> {
        let asked: Vec<_> = requests.iter().cloned().map(Asked::Change).collect();
        let Committed {
            segments, answers, ..
        } = self.writer.commit(&asked)?;
        assert_eq!(answers.len(), requests.len());
        let answer = |answered| match answered {
            Answered::Change(answer) => answer,
            other => unreachable!("a change was asked for: {other:?}"),
        };
        Ok(Done {
            segments,
            answers: answers.into_iter().map(answer).collect(),
        })
    }

    /// One request in a batch of its own.
    pub(super) fn ask(&mut self, request: Request) -> Answer {
        self.commit(&[request]).answers.remove(0)
    }

    /// One command that is accepted.
    pub(super) fn accept(&mut self, command: Command) -> Outcome {
        self.ask(command.into_request()).expect("it is accepted")
    }

    /// A board with one list and that many tasks: `b`, `l`, `t0`…
    pub(super) fn furnish(&mut self, tasks: usize) {
        self.accept(create_board("b"));
        self.accept(create_list("b", "l"));
        for index in 0..tasks {
            self.accept(create_task("l", &format!("t{index}")));
        }
    }

    /// A change of people in a batch of its own, and what it took away.
    pub(super) fn ask_people(
        &mut self,
        access: &Access,
        command: PeopleCommand,
    ) -> (PeopleAnswer, Vec<Revocation>) {
        let access = access.clone();
        let asked = Asked::People(PeopleRequest { access, command });
        let mut committed = self.writer.commit(&[asked]).expect("nothing fatal");
        match committed.answers.remove(0) {
            Answered::People(answer) => (answer, committed.revocations),
            other => unreachable!("a change of people was asked for: {other:?}"),
        }
    }

    pub(super) async fn locate(&self, board: &str, cursor: Option<Cursor>) -> Option<Location> {
        let access = Access::open();
        let located = self.readers.locate(&access, &board_id(board), cursor).await;
        match located.expect("the log is readable") {
            Located::At(location) => Some(location),
            Located::NoBoard => None,
            Located::NotSignedIn => unreachable!("there are no accounts"),
        }
    }

    /// Where a living board's log stands.
    pub(super) async fn head(&self, board: &str) -> Cursor {
        self.locate(board, None).await.expect("it lives").head
    }

    pub(super) async fn is_good(&self, board: &str, cursor: Cursor) -> bool {
        let location = self.locate(board, Some(cursor)).await;
        location.expect("it lives").is_good
    }

    pub(super) async fn page_after(&self, board: &str, place: Cursor) -> Page {
        let page = self.readers.after(&board_id(board), place).await;
        page.expect("the log is readable")
    }

    /// Every event after a place, page by page.
    pub(super) async fn log_after(&self, board: &str, mut place: Cursor) -> Vec<Entry> {
        let mut entries = Vec::new();
        loop {
            match self.page_after(board, place).await {
                Page::Events(segment) => {
                    entries.extend(entries_in(&segment.after(place)));
                    place = segment.last();
                }
                Page::Empty => return entries,
                Page::Gap => panic!("{place} of {board} is no longer kept"),
            }
        }
    }

    /// The board's JSON and the place at which it is true.
    pub(super) async fn snapshot(&self, board: &str) -> Option<(String, Cursor)> {
        let snapshot = self.readers.snapshot(&board_id(board)).await;
        let snapshot = snapshot.expect("the board is readable")?;
        let json = String::from_utf8(snapshot.json().to_vec()).expect("JSON is UTF-8");
        Some((json, snapshot.cursor()))
    }
}

/// What came of a batch of changes of boards.
pub(super) struct Done {
    pub(super) segments: Vec<Segment>,
    pub(super) answers: Vec<Answer>,
}

fn data_in(folder: &TempDir) -> PathBuf {
    folder.path().join("board.db")
}

/// One event as the log gives it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) cursor: Cursor,
    pub(super) json: String,
}

impl Entry {
    pub(super) fn event(&self) -> Event {
        serde_json::from_str(&self.json).expect("an event reads back")
    }
}

/// Takes frames apart by the wire contract, section 3.
pub(super) fn entries_in(frames: &[u8]) -> Vec<Entry> {
    let frames = std::str::from_utf8(frames).expect("UTF-8");
    let blocks = frames.split_terminator("\n\n");
    let entry = |block: &str| {
        let (data, id) = block.split_once('\n').expect("data, then id");
        Entry {
            cursor: Cursor::parse(id.strip_prefix("id: ").expect("an id")).expect("a cursor"),
            json: data.strip_prefix("data: ").expect("data").to_owned(),
        }
    };
    blocks.map(entry).collect()
}

/// What the contract's fold table makes of a log, as a snapshot's JSON.
pub(super) fn folded(log: &[Entry]) -> Option<String> {
    let mut state: Option<Snapshot> = None;
    for entry in log {
        boardcast_core::rules::apply(&mut state, &entry.event(), entry.cursor);
    }
    state.map(|state| String::from_utf8(frame::json(&state)).expect("JSON is UTF-8"))
}

/// A clock that stands until a test turns it, and randomness from a seed.
pub(super) struct Clock {
    now_ms: AtomicI64,
    random: Mutex<Random>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            now_ms: AtomicI64::new(1_795_468_677_123),
            random: Mutex::new(Random::new(1)),
        }
    }
}

impl Clock {
    /// Turns the clock, forwards or back.
    pub(super) fn turn_hours(&self, hours: i64) {
        self.now_ms.fetch_add(hours * 3_600_000, Ordering::Relaxed);
    }

    pub(super) fn turn_days(&self, days: i64) {
        self.turn_hours(days * 24);
    }
}

impl Outside for Clock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now_ms.load(Ordering::Relaxed))
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut random = self.random.lock().expect("no test panics in here");
        bytes.fill_with(|| random.draw() as u8);
    }
}

/// A command as somebody asks for it without any condition.
pub(super) trait IntoRequest {
    fn into_request(self) -> Request;
}
