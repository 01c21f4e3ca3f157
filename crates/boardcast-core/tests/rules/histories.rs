//! Random histories: whatever is asked, a viewer who folds the events onto the snapshot it began with
//! has the board, byte for byte (I2), at every event and not only at the end of a command. A viewer of
//! a board that came back begins again, with a snapshot.

use crate::asks::{
    add_board, ask, ask_if, birth, board_id, create_board, create_list, create_task, delete_board,
    delete_list, delete_task, edit_board, edit_list, edit_task, list_id, move_list, move_task,
    restore_board, restore_list, restore_task, task_id,
};
use crate::ledger::Ledger;
use crate::slots::crowded;
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::json;
use boardcast_core::model::{BoardId, Snapshot, Timestamp};
use boardcast_core::protocol::{Change, Command, Event, Outcome, Precondition, Request};
use boardcast_core::rules::place::{Family, Sibling};
use boardcast_core::rules::{View, apply};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::sample::Index;
use proptest::test_runner::Config;

const BOARDS: [&str; 2] = ["main", "other"];

/// Two boards: `main` has no room between its things, `other` has.
fn start() -> Ledger {
    let mut ledger = crowded(3, 8);
    add_board(&mut ledger, "other", "far(x y) farther(z)");
    ledger
}

fn any_board() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("main"), 1 => Just("other")]
}

/// Those that stand at the start, and some that may come.
fn any_list() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..5).prop_map(|n| format!("l{n}")),
        1 => Just("far".to_owned()),
        1 => Just("farther".to_owned()),
    ]
}

fn any_task() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (0..34).prop_map(|n| format!("t{n}")),
        1 => Just("x".to_owned()),
    ]
}

/// Ids of tasks that mostly don't stand yet.
fn any_new_task() -> impl Strategy<Value = String> {
    (20..90).prop_map(|n| format!("t{n}"))
}

fn any_slot(id: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just("top".to_owned()),
        1 => Just("bottom".to_owned()),
        4 => (0..9).prop_map(|index| format!("index {index}")),
        2 => id.clone().prop_map(|id| format!("before {id}")),
        2 => id.prop_map(|id| format!("after {id}")),
    ]
}

fn any_text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[a-c]|\u{2028}ü\"")
}

fn any_command() -> impl Strategy<Value = Command> {
    let list_slot = || any_slot(any_list().boxed());
    let task_slot = || any_slot(any_task().boxed());
    prop_oneof![
        1 => any_board().prop_map(create_board),
        2 => (any_board(), any_text()).prop_map(|(id, to)| edit_board(id, to.as_deref())),
        3 => (any_list(), any_board(), list_slot())
            .prop_map(|(id, board, slot)| create_list(&id, board, &slot)),
        2 => (any_list(), any_text()).prop_map(|(id, to)| edit_list(&id, to.as_deref())),
        6 => (any_list(), list_slot()).prop_map(|(id, slot)| move_list(&id, &slot)),
        10 => (any_new_task(), any_list(), task_slot())
            .prop_map(|(id, list, slot)| create_task(&id, &list, &slot)),
        4 => (any_task(), any_text(), any_text())
            .prop_map(|(id, to, details)| edit_task(&id, to.as_deref(), details.as_deref())),
        30 => (any_task(), proptest::option::of(any_list()), task_slot())
            .prop_map(|(id, list, slot)| move_task(&id, list.as_deref(), &slot)),
        8 => any_task().prop_map(|id| delete_task(&id)),
        2 => any_task().prop_map(|id| restore_task(&id)),
        1 => any_list().prop_map(|id| restore_list(&id)),
        1 => any_board().prop_map(restore_board),
    ]
}

/// What ends much at once comes seldom, else little is left to look at.
fn any_end() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => any_list().prop_map(|id| delete_list(&id)),
        1 => any_board().prop_map(delete_board),
    ]
}

fn any_request() -> impl Strategy<Value = Request> {
    let command = prop_oneof![20 => any_command(), 1 => any_end()];
    let precondition = prop_oneof![
        8 => Just(None),
        1 => Just(Some(Precondition::Exists)),
        1 => (1_u64..4).prop_map(|version| Some(Precondition::VersionIn(vec![version]))),
    ];
    // Another create under the same id has another birth.
    let birth_is_other = any::<[bool; 3]>().prop_map(|bits| bits == [true; 3]);
    (command, precondition, birth_is_other).prop_map(|(mut command, precondition, is_other)| {
        if let (true, Command::CreateTask { birth: born, .. }) = (is_other, &mut command) {
            *born = birth("another create");
        }
        match precondition {
            Some(precondition) => ask_if(command, precondition),
            None => ask(command),
        }
    })
}

/// Now and then something that is deleted is asked back: which of it.
fn any_return() -> impl Strategy<Value = Option<Index>> {
    prop_oneof![4 => Just(None), 1 => any::<Index>().prop_map(Some)]
}

/// What a viewer of every board has: its state, and the place up to which it has everything.
struct Viewer {
    boards: Vec<(BoardId, Option<Snapshot>, Cursor)>,
}

impl Viewer {
    fn of(ledger: &Ledger) -> Self {
        let look = |id: &str| {
            let id = board_id(id);
            (id.clone(), ledger.snapshot(&id), ledger.head(&id))
        };
        Self {
            boards: BOARDS.map(look).into(),
        }
    }

    /// Takes what happened since, event by event, from the bytes on the wire; the whole board where
    /// its place can't be served.
    fn follow(&mut self, ledger: &Ledger) {
        for (id, state, place) in &mut self.boards {
            let Some(events) = ledger.log_after(id, *place) else {
                *state = ledger.snapshot(id);
                *place = ledger.head(id);
                continue;
            };
            for (cursor, event) in events {
                let read: Event = serde_json::from_slice(&json(event)).unwrap();
                assert_eq!(read, *event);
                let is_floor = matches!(read.change, Change::BoardRestored { .. });
                assert!(!is_floor, "never delivered");
                apply(state, &read, *cursor);
                *place = *cursor;
            }
        }
    }

    fn assert_sees(&self, ledger: &Ledger) {
        for (id, state, _) in &self.boards {
            let standing = ledger.snapshot(id);
            assert_eq!(*state, standing);
            assert_eq!(json(state), json(&standing));
        }
    }
}

/// Every family in order, without the thing that the command is about: no event changes how the others
/// stand to each other.
fn orders(ledger: &Ledger, outcome: &Outcome) -> Vec<Vec<String>> {
    let about = match outcome {
        Outcome::Task(task) => task.id.to_string(),
        Outcome::List(list) => list.id.to_string(),
        Outcome::Board(_) | Outcome::Deleted => String::new(),
    };
    let order = |family| {
        let siblings = ledger.siblings(family).into_iter();
        siblings
            .map(|sibling| sibling.id)
            .filter(|id| *id != about)
            .collect()
    };
    let lists = ledger.boards.keys().map(|id| order(Family::Lists(id)));
    let tasks = ledger.lists.keys().filter(|id| id.as_str() != about);
    let tasks = tasks.map(|id| order(Family::Tasks(id)));
    lists.chain(tasks).collect()
}

/// Every family with the ranks in it.
fn ranks(ledger: &Ledger) -> Vec<Vec<Sibling>> {
    let lists = ledger.boards.keys().map(Family::Lists);
    let tasks = ledger.lists.keys().map(Family::Tasks);
    let families = lists.chain(tasks);
    families.map(|family| ledger.siblings(family)).collect()
}

/// What was just deleted comes back with everything that went with it, to where it stood.
fn assert_undone(before: &Ledger, after: &Ledger, command: &Command, now: Timestamp) {
    let undo = match command.clone() {
        Command::DeleteBoard { board_id } => Command::RestoreBoard { board_id },
        Command::DeleteList { list_id } => Command::RestoreList { list_id },
        Command::DeleteTask { task_id } => Command::RestoreTask { task_id },
        _ => return,
    };
    let mut undone = after.clone();
    undone.commit(&ask(undo), now).unwrap();
    assert_eq!(ranks(&undone), ranks(before));
    for (id, task) in &undone.tasks {
        let old = &before.tasks[id];
        assert_eq!(
            (&task.title, &task.description),
            (&old.title, &old.description)
        );
    }
}

/// What went with a list is in it again once the list is back.
fn assert_whole(before: &Ledger, after: &Ledger, command: &Command) {
    let Command::RestoreList { list_id } = command else {
        return;
    };
    let (_, tasks) = before.deleted_list(list_id).unwrap().unwrap();
    let went = tasks
        .into_iter()
        .map(|task| (task.id.to_string(), task.rank));
    let came = after.siblings(Family::Tasks(list_id)).into_iter();
    let came = came.map(|sibling| (sibling.id, sibling.rank));
    assert_eq!(came.collect::<Vec<_>>(), went.collect::<Vec<_>>());
}

/// One request is decided and, if it is accepted, happens event by event.
fn happen(ledger: &mut Ledger, viewer: &mut Viewer, request: &Request, now: Timestamp) {
    let before = ledger.clone();
    let decided = ledger.decide(request, now);
    assert_eq!(ledger.decide(request, now), decided, "deciding is pure");
    let Ok(decision) = decided else {
        assert_eq!(ledger.commit(request, now), decided);
        assert!(*ledger == before, "a refused command changes nothing");
        return;
    };
    if decision.events.is_empty() {
        return;
    }
    ledger.bear(&request.command);
    for event in &decision.events {
        ledger.record(event);
        viewer.follow(ledger);
        let changes_families = matches!(
            event.change,
            Change::BoardDeleted
                | Change::BoardRestored { .. }
                | Change::ListDeleted { .. }
                | Change::TaskDeleted { .. }
        );
        if !changes_families {
            let outcome = &decision.outcome;
            assert_eq!(orders(ledger, outcome), orders(&before, outcome));
        }
    }
    assert_undone(&before, ledger, &request.command, now);
    assert_whole(&before, ledger, &request.command);
}

proptest! {
    #![proptest_config(Config::with_cases(128))]

    #[test]
    fn folding_the_events_gives_the_board(
        turns in proptest::collection::vec((any_request(), any_return()), 1..80),
    ) {
        let mut ledger = start();
        let mut viewer = Viewer::of(&ledger);
        for (turn, (request, back)) in turns.iter().enumerate() {
            let now = Timestamp(10_000 + i64::try_from(turn).unwrap());
            happen(&mut ledger, &mut viewer, request, now);
            let deleted = ledger.deleted();
            if let Some(back) = back.filter(|_| !deleted.is_empty()) {
                happen(&mut ledger, &mut viewer, &ask(back.get(&deleted).clone()), now);
            }
            viewer.assert_sees(&ledger);
        }
    }
}

#[test]
fn a_viewer_from_the_first_event_on_has_the_board_too() {
    let mut ledger = Ledger::default();
    add_board(&mut ledger, "main", "todo(a b c) doing(d)");
    for command in [
        move_task("c", Some("doing"), "top"),
        delete_task("a"),
        move_list("doing", "top"),
        edit_task("b", None, Some("details")),
        delete_list("doing"),
    ] {
        ledger.commit(&ask(command), Timestamp(5_000)).unwrap();
    }
    let mut state = None;
    let main = board_id("main");
    for (cursor, event) in ledger.log_after(&main, Cursor::START).unwrap() {
        apply(&mut state, event, *cursor);
    }
    assert_eq!(state, ledger.snapshot(&board_id("main")));
    assert!(ledger.lists.contains_key(&list_id("todo")));
    assert!(ledger.tasks[&task_id("b")].version == 2);
    ledger
        .commit(&ask(delete_board("main")), Timestamp(6_000))
        .unwrap();
    let events = ledger.log_after(&main, Cursor::START).unwrap();
    let (cursor, event) = events.last().unwrap();
    apply(&mut state, event, *cursor);
    assert_eq!(state, None);
}
