//! Random histories: whatever is asked, a viewer who folds the events onto the snapshot it began with
//! has the board, byte for byte (I2), at every event and not only at the end of a command.

use crate::asks::{
    add_board, ask, ask_if, birth, board_id, create_board, create_list, create_task, delete_board,
    delete_list, delete_task, edit_board, edit_list, edit_task, list_id, move_list, move_task,
    task_id,
};
use crate::ledger::Ledger;
use crate::slots::crowded;
use boardcast_core::frame::json;
use boardcast_core::model::{BoardId, Snapshot, Timestamp};
use boardcast_core::protocol::{Change, Command, Event, Outcome, Precondition, Request};
use boardcast_core::rules::apply;
use boardcast_core::rules::place::Family;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
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
        4 => any_task().prop_map(|id| delete_task(&id)),
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
    let command = prop_oneof![40 => any_command(), 1 => any_end()];
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

/// What a viewer of every board has.
struct Viewer {
    boards: Vec<(BoardId, Option<Snapshot>)>,
}

impl Viewer {
    fn of(ledger: &Ledger) -> Self {
        let look = |id: &str| (board_id(id), ledger.snapshot(&board_id(id)));
        Self {
            boards: BOARDS.map(look).into(),
        }
    }

    /// Takes what happened since, event by event, from the bytes on the wire.
    fn follow(&mut self, ledger: &Ledger, events: &[Event]) {
        for (id, state) in &mut self.boards {
            let mine: Vec<_> = events
                .iter()
                .filter(|event| event.board_id == *id)
                .collect();
            let seq = ledger.last_seq(id) - mine.len() as u64;
            for (cursor, event) in ledger.log_after(id, seq) {
                let read: Event = serde_json::from_slice(&json(event)).unwrap();
                assert_eq!(read, *event);
                apply(state, &read, *cursor);
            }
        }
    }

    fn assert_sees(&self, ledger: &Ledger) {
        for (id, state) in &self.boards {
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
    if !decision.events.is_empty() {
        ledger.bear(&request.command);
    }
    for event in &decision.events {
        ledger.record(event);
        viewer.follow(ledger, std::slice::from_ref(event));
        let takes_things_away = matches!(
            event.change,
            Change::BoardDeleted | Change::ListDeleted { .. } | Change::TaskDeleted { .. }
        );
        if !takes_things_away {
            let outcome = &decision.outcome;
            assert_eq!(orders(ledger, outcome), orders(&before, outcome));
        }
    }
}

proptest! {
    #![proptest_config(Config::with_cases(128))]

    #[test]
    fn folding_the_events_gives_the_board(
        requests in proptest::collection::vec(any_request(), 1..80),
    ) {
        let mut ledger = start();
        let mut viewer = Viewer::of(&ledger);
        for (turn, request) in requests.iter().enumerate() {
            let now = Timestamp(10_000 + i64::try_from(turn).unwrap());
            happen(&mut ledger, &mut viewer, request, now);
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
    for (cursor, event) in ledger.log_after(&board_id("main"), 0) {
        apply(&mut state, event, *cursor);
    }
    assert_eq!(state, ledger.snapshot(&board_id("main")));
    assert!(ledger.lists.contains_key(&list_id("todo")));
    assert!(ledger.tasks[&task_id("b")].version == 2);
    ledger
        .commit(&ask(delete_board("main")), Timestamp(6_000))
        .unwrap();
    let (cursor, event) = ledger.log_after(&board_id("main"), 0).last().unwrap();
    apply(&mut state, event, *cursor);
    assert_eq!(state, None);
}
