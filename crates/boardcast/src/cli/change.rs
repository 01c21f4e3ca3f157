//! `move`, `edit` and `rename`.

use super::ask;
use super::client::find::FoundList;
use super::client::print::Output;
use super::client::things::{Board, Task};
use super::client::{Client, Failure, find};
use super::place::{in_list, read_description};
use crate::config::{EditArgs, MoveArgs, Named, RenameArgs, SlotArgs};
use serde_json::{Map, json};

pub(super) fn move_task(args: &MoveArgs) -> Result<(), Failure> {
    let client = ask(&args.client)?;
    let task = find::task(&client, &args.task)?;
    let list = target(&client, args.list.as_deref(), &args.slot, &task)?;
    let mut body = in_list(&args.slot, &list.tasks)?;
    body.insert("listId".into(), json!(list.list.id));
    let path = format!("/tasks/{}/move", task.id);
    let answer = client.change("PATCH", &path, Some(&body.into()))?;
    let sentence = format!("\"{}\" is in {} now.", task.title, list.list.name);
    Output::new(args.client.json).changed(&answer.text, &sentence)
}

/// The list that is named; else the task's own, unless the neighbour stands in another one.
fn target(
    client: &Client,
    list: Option<&str>,
    slot: &SlotArgs,
    task: &Task,
) -> Result<FoundList, Failure> {
    if let Some(list) = list {
        return find::list(client, list);
    }
    let own = find::list_by_id(client, &task.list_id)?;
    match slot.before.as_ref().or(slot.after.as_ref()) {
        Some(neighbour) if find::task_of(&own.tasks, neighbour).is_err() => {
            let neighbour = find::task(client, neighbour)?;
            find::list_by_id(client, &neighbour.list_id)
        }
        _ => Ok(own),
    }
}

pub(super) fn edit(args: &EditArgs) -> Result<(), Failure> {
    let client = ask(&args.client)?;
    let task = find::task(&client, &args.task)?;
    let mut body = Map::new();
    if let Some(title) = &args.title {
        body.insert("title".into(), json!(title));
    }
    if let Some(description) = &args.description {
        body.insert("description".into(), json!(read_description(description)?));
    }
    let path = format!("/tasks/{}", task.id);
    let answer = client.change("PATCH", &path, Some(&body.into()))?;
    let Task { id, title, .. } = answer.read()?;
    let sentence = format!("Changed \"{title}\" ({id}).");
    Output::new(args.client.json).changed(&answer.text, &sentence)
}

pub(super) fn rename(args: &RenameArgs) -> Result<(), Failure> {
    let client = ask(&args.client)?;
    let (path, old) = match args.kind {
        Named::Board => {
            let Board { id, name } = find::board(&client, &args.thing)?;
            (format!("/boards/{id}"), name)
        }
        Named::List => {
            let list = find::list(&client, &args.thing)?.list;
            (format!("/lists/{}", list.id), list.name)
        }
    };
    let body = json!({ "name": args.name });
    let answer = client.change("PATCH", &path, Some(&body))?;
    let sentence = format!("\"{old}\" is called \"{}\" now.", args.name);
    Output::new(args.client.json).changed(&answer.text, &sentence)
}
