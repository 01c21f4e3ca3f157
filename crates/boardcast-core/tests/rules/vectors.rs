//! The fold table as data: what the browser's fold is tested with, too, so that both do the same.

use boardcast_core::cursor::Cursor;
use boardcast_core::model::Snapshot;
use boardcast_core::protocol::Event;
use boardcast_core::rules::apply;
use serde::Deserialize;

/// A board's life in `steps`, and single events on made-up boards in `cases`.
#[derive(Deserialize)]
struct Vectors {
    steps: Vec<Step>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Step {
    name: String,
    events: Vec<Logged>,
    after: Option<Snapshot>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    before: Option<Snapshot>,
    event: Logged,
    after: Option<Snapshot>,
}

#[derive(Deserialize)]
struct Logged {
    id: Cursor,
    data: Event,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/fold.json")).expect("the vectors can be read")
}

#[test]
fn a_board_told_by_its_events_is_the_board_at_every_step() {
    let mut state = None;
    let steps = vectors().steps;
    assert!(steps.len() > 20);
    for step in steps {
        for event in &step.events {
            apply(&mut state, &event.data, event.id);
        }
        assert_eq!(state, step.after, "{}", step.name);
    }
}

#[test]
fn single_events_do_what_the_table_says() {
    let cases = vectors().cases;
    assert!(!cases.is_empty());
    for case in cases {
        let mut state = case.before;
        apply(&mut state, &case.event.data, case.event.id);
        assert_eq!(state, case.after, "{}", case.name);
    }
}
