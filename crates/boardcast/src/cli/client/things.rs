//! Boards, lists and tasks as the server tells them: as much as is shown, and the text to the letter.
//! What is unknown is passed over, so that an older client reads a newer server.

use super::{Client, Failure};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A thing, and the text that told it.
#[derive(Debug)]
pub(crate) struct Told<T> {
    pub(crate) text: Box<RawValue>,
    pub(crate) thing: T,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Told<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let thing = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        Ok(Self { text, thing })
    }
}

/// A board's own fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Board {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// A list's own fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct List {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// A task, whole or as a snapshot shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) list_id: String,
    pub(crate) title: String,
}

/// A whole board.
#[derive(Debug, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) lists: Vec<Told<ListWithTasks>>,
    pub(crate) cursor: String,
}

/// A list in a snapshot.
#[derive(Debug, Deserialize)]
pub(crate) struct ListWithTasks {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) tasks: Vec<Told<Task>>,
}

/// What was deleted on a board.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deleted {
    #[serde(flatten)]
    pub(crate) thing: DeletedThing,
    pub(crate) deleted_at: String,
}

/// A deleted list or task.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DeletedThing {
    List(List),
    Task(Task),
}

/// A deleted board.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletedBoard {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) deleted_at: String,
}

/// A page of things under whatever name the server gives them.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Page<T> {
    #[serde(alias = "boards", alias = "deleted")]
    things: Vec<Told<T>>,
    next: Option<String>,
}

/// All things of a paged resource.
pub(crate) fn all_pages<T: DeserializeOwned>(
    client: &Client,
    path: &str,
) -> Result<Vec<Told<T>>, Failure> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let mut things = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}{separator}limit=1000{cursor}"))?;
        let page: Page<T> = page.read()?;
        things.extend(page.things);
        match page.next {
            None => return Ok(things),
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
}

/// All boards.
pub(crate) fn boards(client: &Client) -> Result<Vec<Told<Board>>, Failure> {
    all_pages(client, "/boards")
}

/// A whole board; none if it is gone.
pub(crate) fn snapshot(client: &Client, board_id: &str) -> Result<Option<Snapshot>, Failure> {
    client.find(&format!("/boards/{board_id}"))
}
