//! What several verbs read from the command line: a place in a list, and a description.

use super::client::things::Task;
use super::client::{Failure, find};
use crate::config::SlotArgs;
use serde_json::{Map, Value, json};
use std::io::Read;

/// The fields that say where in a list. A neighbour is sent as such, so that the place means the same
/// when somebody else moves a task in the same moment.
pub(super) fn in_list(slot: &SlotArgs, tasks: &[Task]) -> Result<Map<String, Value>, Failure> {
    let mut fields = Map::new();
    let mut put = |name: &str, value| fields.insert(name.into(), value);
    if slot.top {
        put("position", json!("top"));
    }
    if let Some(index) = slot.position {
        put("position", json!(index));
    }
    if let Some(text) = &slot.before {
        put("before", json!(find::task_of(tasks, text)?.id));
    }
    if let Some(text) = &slot.after {
        put("after", json!(find::task_of(tasks, text)?.id));
    }
    Ok(fields)
}

/// The text itself, or standard input for `-`.
pub(super) fn read_description(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.into());
    }
    let mut description = String::new();
    let read = std::io::stdin().read_to_string(&mut description);
    read.map_err(|error| {
        Failure::Refused(format!("standard input can't be read as text: {error}"))
    })?;
    Ok(description)
}
