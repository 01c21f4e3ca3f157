//! The contract's fold table: what each event does to a viewer's state. Snapshot at n and the events
//! up to m give the snapshot at m, byte for byte (I2).

use crate::cursor::Cursor;
use crate::model::{List, ListWithTasks, Snapshot, Task, TaskId, TaskSummary};
use crate::protocol::{Change, Event};

/// Folds the event at `cursor` onto a board; `None` is a board that doesn't exist.
pub fn apply(state: &mut Option<Snapshot>, event: &Event, cursor: Cursor) {
    match (&event.change, state.as_mut()) {
        (Change::BoardCreated { board }, None) => {
            *state = Some(Snapshot {
                board: board.clone(),
                lists: Vec::new(),
                cursor,
            });
        }
        (Change::BoardDeleted, _) => *state = None,
        (change, Some(snapshot)) => change_board(snapshot, change),
        (_, None) => {}
    }
    if let Some(snapshot) = state {
        snapshot.board.updated_at = event.at;
        snapshot.cursor = cursor;
    }
}

fn change_board(snapshot: &mut Snapshot, change: &Change) {
    match change {
        Change::BoardCreated { board }
        | Change::BoardUpdated { board }
        | Change::BoardRestored { board } => {
            snapshot.board = board.clone();
        }
        Change::BoardDeleted => unreachable!("handled with the board as a whole"),
        Change::ListCreated { list }
        | Change::ListUpdated { list }
        | Change::ListMoved { list } => {
            put_list(snapshot, list);
        }
        Change::ListDeleted { list_id } => snapshot.lists.retain(|entry| entry.list.id != *list_id),
        Change::TaskCreated { task }
        | Change::TaskUpdated { task }
        | Change::TaskMoved { task } => {
            put_task(snapshot, task);
        }
        Change::TaskDeleted { task_id } => {
            take_task(snapshot, task_id);
        }
    }
}

fn put_list(snapshot: &mut Snapshot, list: &List) {
    let lists = &mut snapshot.lists;
    let known = lists
        .iter()
        .position(|entry| entry.list.id == list.id)
        .map(|at| lists.remove(at));
    let tasks = known.map(|entry| entry.tasks).unwrap_or_default();
    let at =
        lists.partition_point(|entry| (&entry.list.rank, &entry.list.id) < (&list.rank, &list.id));
    lists.insert(
        at,
        ListWithTasks {
            list: list.clone(),
            tasks,
        },
    );
}

fn put_task(snapshot: &mut Snapshot, task: &Task) {
    take_task(snapshot, &task.id);
    let Some(entry) = snapshot
        .lists
        .iter_mut()
        .find(|entry| entry.list.id == task.list_id)
    else {
        return;
    };
    let at = entry
        .tasks
        .partition_point(|other| (&other.rank, &other.id) < (&task.rank, &task.id));
    entry.tasks.insert(at, TaskSummary::from(task));
}

fn take_task(snapshot: &mut Snapshot, id: &TaskId) {
    for entry in &mut snapshot.lists {
        entry.tasks.retain(|task| task.id != *id);
    }
}
