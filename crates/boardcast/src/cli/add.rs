//! `add`, `add-list` and `add-board`.

use super::ask;
use super::client::print::Output;
use super::client::things::{Board, List, Task};
use super::client::{Failure, find};
use super::place::{in_list, read_description};
use crate::config::{AddArgs, AddBoardArgs, AddListArgs};
use serde_json::json;

pub(super) fn task(args: &AddArgs) -> Result<(), Failure> {
    let client = ask(&args.client)?;
    let list = find::list(&client, &args.list)?;
    let mut body = in_list(&args.slot, &list.tasks)?;
    body.insert("listId".into(), json!(list.list.id));
    body.insert("title".into(), json!(args.title));
    if let Some(description) = &args.description {
        body.insert("description".into(), json!(read_description(description)?));
    }
    let answer = client.change("POST", "/tasks", Some(&body.into()))?;
    let Task { id, title, .. } = answer.read()?;
    let list = &list.list.name;
    let sentence = format!("Added \"{title}\" to {list} ({id}).");
    Output::new(args.client.json).changed(&answer.text, &sentence)
}

pub(super) fn list(args: &AddListArgs) -> Result<(), Failure> {
    let client = ask(&args.client)?;
    let board = find::board(&client, &args.board)?;
    let body = json!({ "boardId": board.id, "name": args.name });
    let answer = client.change("POST", "/lists", Some(&body))?;
    let List { id, name } = answer.read()?;
    let sentence = format!("Added the list \"{name}\" to {} ({id}).", board.name);
    Output::new(args.client.json).changed(&answer.text, &sentence)
}

pub(super) fn board(args: &AddBoardArgs) -> Result<(), Failure> {
    let body = json!({ "name": args.name });
    let answer = ask(&args.client)?.change("POST", "/boards", Some(&body))?;
    let Board { id, name } = answer.read()?;
    let sentence = format!("Added the board \"{name}\" ({id}).");
    Output::new(args.client.json).changed(&answer.text, &sentence)
}
