//! `boards`, `lists`, `tasks` and `deleted`: what stands, and what can come back.

use super::ask;
use super::client::print::Output;
use super::client::things::{self, Deleted, DeletedBoard, DeletedThing, Told};
use super::client::{Client, Failure, find};
use crate::config::{BoardsArgs, DeletedArgs, ListsArgs, TasksArgs};

pub(super) fn boards(args: &BoardsArgs) -> Result<(), Failure> {
    let boards = things::boards(&ask(&args.client)?)?;
    Output::new(args.client.json).things(boards.iter().map(|told| {
        let board = &told.thing;
        (&*told.text, vec![board.id.clone(), board.name.clone()])
    }))
}

pub(super) fn lists(args: &ListsArgs) -> Result<(), Failure> {
    let board = find::snapshot(&ask(&args.client)?, &args.board)?;
    Output::new(args.client.json).things(board.lists.iter().map(|told| {
        let list = &told.thing;
        let count = count(list.tasks.len(), "task");
        (&*told.text, vec![list.id.clone(), list.name.clone(), count])
    }))
}

pub(super) fn tasks(args: &TasksArgs) -> Result<(), Failure> {
    let board = find::snapshot(&ask(&args.client)?, &args.board)?;
    let lists = match &args.list {
        Some(list) => vec![find::list_of(board, list)?],
        None => board.lists.into_iter().map(|told| told.thing).collect(),
    };
    let tasks = lists
        .iter()
        .flat_map(|list| list.tasks.iter().map(move |told| (list, told)));
    Output::new(args.client.json).things(tasks.map(|(list, told)| {
        let task = &told.thing;
        let row = vec![task.id.clone(), list.name.clone(), task.title.clone()];
        (&*told.text, row)
    }))
}

pub(super) fn deleted(args: &DeletedArgs) -> Result<(), Failure> {
    let (client, mut output) = (ask(&args.client)?, Output::new(args.client.json));
    match &args.board {
        None => deleted_boards(&client, &mut output),
        Some(board) => deleted_things(&client, &mut output, board),
    }
}

fn deleted_boards(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let boards: Vec<Told<DeletedBoard>> = things::all_pages(client, "/boards?deleted=1")?;
    output.things(boards.iter().map(|told| {
        let DeletedBoard {
            id,
            name,
            deleted_at,
        } = &told.thing;
        let row = vec![deleted_at.clone(), "board".into(), id.clone(), name.clone()];
        (&*told.text, row)
    }))
}

fn deleted_things(client: &Client, output: &mut Output, board: &str) -> Result<(), Failure> {
    let board = find::board(client, board)?;
    let path = format!("/boards/{}/deleted", board.id);
    let things: Vec<Told<Deleted>> = things::all_pages(client, &path)?;
    output.things(things.iter().map(|told| {
        let (kind, id, name) = match &told.thing.thing {
            DeletedThing::List(list) => ("list", &list.id, &list.name),
            DeletedThing::Task(task) => ("task", &task.id, &task.title),
        };
        let at = told.thing.deleted_at.clone();
        (&*told.text, vec![at, kind.into(), id.clone(), name.clone()])
    }))
}

/// `1 task`, `2 tasks`.
pub(super) fn count(many: usize, what: &str) -> String {
    let s = if many == 1 { "" } else { "s" };
    format!("{many} {what}{s}")
}
