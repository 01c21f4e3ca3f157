//! `rm` and `restore`.

use super::ask;
use super::client::print::Output;
use super::client::things::{Board, List, Task};
use super::client::{Client, Failure, find};
use crate::config::{Deleted, Kind, RmArgs};
use boardcast_core::model::TaskId;

pub(super) fn rm(args: &RmArgs) -> Result<(), Failure> {
    let client = ask(&args.client)?;
    let (id, name) = named(&client, args.kind, &args.thing)?;
    let (kind, path) = words(args.kind);
    let answer = client.change("DELETE", &format!("/{path}/{id}"), None)?;
    let sentence =
        format!("Deleted the {kind} \"{name}\"; `boardcast restore {kind} {id}` brings it back.");
    Output::new(args.client.json).changed(&answer.text, &sentence)
}

fn named(client: &Client, kind: Kind, text: &str) -> Result<(String, String), Failure> {
    Ok(match kind {
        Kind::Task => {
            let Task { id, title, .. } = find::task(client, text)?;
            (id, title)
        }
        Kind::List => {
            let List { id, name } = find::list(client, text)?.list;
            (id, name)
        }
        Kind::Board => {
            let Board { id, name } = find::board(client, text)?;
            (id, name)
        }
    })
}

pub(super) fn restore(deleted: &Deleted) -> Result<(), Failure> {
    let (of, args) = match deleted {
        Deleted::Task(args) => (Kind::Task, args),
        Deleted::List(args) => (Kind::List, args),
        Deleted::Board(args) => (Kind::Board, args),
    };
    let (kind, path) = words(of);
    let id = &args.id;
    // Ids of all kinds have the same form; what has another one could be no path.
    TaskId::parse(id).map_err(|why| Failure::Refused(format!("the id \"{id}\" {why}")))?;
    let answer = ask(&args.client)?.change("POST", &format!("/{path}/{id}/restore"), None)?;
    let name = match of {
        Kind::Task => answer.read::<Task>()?.title,
        Kind::List => answer.read::<List>()?.name,
        Kind::Board => answer.read::<Board>()?.name,
    };
    let sentence = format!("The {kind} \"{name}\" is back.");
    Output::new(args.client.json).changed(&answer.text, &sentence)
}

/// What a kind is called, and its place in paths.
fn words(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Task => ("task", "tasks"),
        Kind::List => ("list", "lists"),
        Kind::Board => ("board", "boards"),
    }
}
