//! Events as lines for a person: `12:03:04  To do  + Water the plants`. Names of lists and tasks are
//! kept along the way, because an event names only what it changes.

use crate::cli::client::Failure;
use crate::cli::client::things::{Board, List, Snapshot, Task};
use crate::cli::show::count;
use boardcast_core::model::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// As much of an event as is told.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    #[serde(rename = "type")]
    kind: String,
    at: Option<String>,
    board_id: Option<String>,
    task: Option<Task>,
    task_id: Option<String>,
    list: Option<List>,
    list_id: Option<String>,
    board: Option<Box<RawValue>>,
}

impl Event {
    /// Reads an event's data; none if it is of a form from a later time.
    pub(super) fn read(data: &str) -> Option<Self> {
        serde_json::from_str(data).ok()
    }

    fn board<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.board.as_ref()?.get()).ok()
    }
}

/// What is known of the watched boards.
pub(super) struct Names {
    boards: HashMap<String, String>,
    lists: HashMap<String, String>,
    tasks: HashMap<String, Task>,
    /// Lines about tasks say on which board.
    has_several: bool,
}

/// A line without its time: where, and what.
type Line = (String, String);

impl Names {
    /// Knows these boards.
    pub(super) fn new(snapshots: Vec<Snapshot>) -> Self {
        let mut names = Self {
            boards: HashMap::new(),
            lists: HashMap::new(),
            tasks: HashMap::new(),
            has_several: snapshots.len() > 1,
        };
        for snapshot in snapshots {
            names.learn(snapshot);
        }
        names
    }

    fn learn(&mut self, snapshot: Snapshot) {
        self.boards.insert(snapshot.id, snapshot.name);
        for list in snapshot.lists.into_iter().map(|told| told.thing) {
            self.lists.insert(list.id, list.name);
            let tasks = list.tasks.into_iter().map(|told| told.thing);
            self.tasks.extend(tasks.map(|task| (task.id.clone(), task)));
        }
    }

    /// Tells an event, in one line or, for a whole board, in several.
    pub(super) fn tell(
        &mut self,
        event: &Event,
        now: Timestamp,
        mut line: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let time = time_of_day(event.at.as_deref(), now);
        let lines = match event.kind.as_str() {
            "snapshot" => self.tell_board(event),
            _ => self.tell_change(event).into_iter().collect(),
        };
        lines
            .iter()
            .try_for_each(|(place, what)| line(&format!("{time}  {place}  {what}")))
    }

    fn tell_change(&mut self, event: &Event) -> Option<Line> {
        let board_id = event.board_id.as_deref()?;
        let (thing, change) = event.kind.rsplit_once('_')?;
        let sign = match change {
            "created" => '+',
            "updated" => '~',
            "moved" => '>',
            "deleted" | "gone" => '-',
            _ => return None,
        };
        let (place, what) = match thing {
            "task" => self.tell_task(event, board_id)?,
            "list" => (self.board_name(board_id), self.tell_list(event)?),
            "board" => self.tell_own(event, board_id),
            _ => return None,
        };
        Some((place, format!("{sign} {what}")))
    }

    fn tell_task(&mut self, event: &Event, board_id: &str) -> Option<Line> {
        let Some(task) = &event.task else {
            let id = event.task_id.as_deref()?;
            return Some(match self.tasks.remove(id) {
                Some(task) => (self.place(board_id, &task.list_id), task.title),
                None => (self.board_name(board_id), id.into()),
            });
        };
        let before = self.tasks.insert(task.id.clone(), task.clone());
        let mut what = task.title.clone();
        if let Some(before) = before {
            if before.title != task.title {
                what += &format!(" (was \"{}\")", before.title);
            }
            if before.list_id != task.list_id {
                what += &format!(" (from {})", self.list_name(&before.list_id));
            }
        }
        Some((self.place(board_id, &task.list_id), what))
    }

    fn tell_list(&mut self, event: &Event) -> Option<String> {
        let Some(list) = &event.list else {
            let id = event.list_id.as_deref()?;
            self.tasks.retain(|_, task| task.list_id != id);
            let name = self.lists.remove(id).unwrap_or_else(|| id.into());
            return Some(format!("list \"{name}\""));
        };
        let before = self.lists.insert(list.id.clone(), list.name.clone());
        Some(renamed("list", before, &list.name))
    }

    fn tell_own(&mut self, event: &Event, board_id: &str) -> Line {
        let place = self.board_name(board_id);
        let Some(Board { id, name }) = event.board() else {
            return (place, "board".into());
        };
        let what = renamed("board", self.boards.insert(id, name.clone()), &name);
        (place, what)
    }

    /// A whole board: what it holds, then each task.
    fn tell_board(&mut self, event: &Event) -> Vec<Line> {
        let Some(snapshot) = event.board::<Snapshot>() else {
            return Vec::new();
        };
        let mut tasks = Vec::new();
        for list in snapshot.lists.iter().map(|told| &told.thing) {
            self.lists.insert(list.id.clone(), list.name.clone());
            for task in list.tasks.iter().map(|told| &told.thing) {
                let place = self.place(&snapshot.id, &list.id);
                tasks.push((place, format!("= {}", task.title)));
            }
        }
        let lists = count(snapshot.lists.len(), "list");
        let what = format!("= {lists}, {}", count(tasks.len(), "task"));
        let whole = (snapshot.name.clone(), what);
        self.learn(snapshot);
        std::iter::once(whole).chain(tasks).collect()
    }

    fn place(&self, board_id: &str, list_id: &str) -> String {
        let list = self.list_name(list_id);
        if self.has_several {
            format!("{} / {list}", self.board_name(board_id))
        } else {
            list
        }
    }

    fn list_name(&self, id: &str) -> String {
        self.lists.get(id).cloned().unwrap_or_else(|| id.into())
    }

    fn board_name(&self, id: &str) -> String {
        self.boards.get(id).cloned().unwrap_or_else(|| id.into())
    }
}

fn renamed(kind: &str, before: Option<String>, name: &str) -> String {
    match before {
        Some(before) if before != name => format!("{kind} \"{name}\" (was \"{before}\")"),
        _ => format!("{kind} \"{name}\""),
    }
}

/// When it happened, where the person is; with the date if that is another day.
fn time_of_day(at: Option<&str>, now: Timestamp) -> String {
    let zone = TimeZone::system();
    let now = jiff::Timestamp::from_millisecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let at = at.and_then(|at| at.parse().ok()).unwrap_or(now);
    let (at, now) = (
        at.to_zoned_datetime(zone.clone()),
        now.to_zoned_datetime(zone),
    );
    let form = if at.date() == now.date() {
        "%H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    at.strftime(form).to_string()
}
