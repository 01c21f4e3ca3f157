//! Each promise broken in a history that keeps the others.

use serde_json::{Value, json};

use super::{Class, Line, judge, judge_text};

const MARK: &str = "03b7710c9ae4";
const AT: &str = "2026-11-24T10:00:00.000Z";

fn id(seq: u64) -> String {
    format!("{seq}-{MARK}")
}

fn task(name: &str, version: u64) -> Value {
    json!({"id": name, "listId": "l", "title": format!("{name} {version}"), "description": "",
        "rank": name, "version": version, "createdAt": AT, "updatedAt": AT})
}

fn board(seq: u64, tasks: &[Value]) -> Value {
    let tasks: Vec<_> = tasks
        .iter()
        .cloned()
        .map(|mut task| {
            task.as_object_mut().unwrap().remove("description");
            task["hasDescription"] = json!(false);
            task
        })
        .collect();
    json!({"id": "b", "name": "B", "version": 1, "createdAt": AT, "updatedAt": AT, "cursor": id(seq),
        "lists": [{"id": "l", "boardId": "b", "name": "L", "rank": "l", "version": 1, "createdAt": AT,
            "updatedAt": AT, "tasks": tasks}]})
}

fn event(kind: &str, task: &Value) -> Value {
    json!({"type": kind, "task": task, "boardId": "b", "by": null, "at": AT})
}

fn deletion(name: &str) -> Value {
    json!({"type": "task_deleted", "taskId": name, "boardId": "b", "by": null, "at": AT})
}

fn saw(watcher: &str, seq: u64, event: &Value) -> Line {
    Line::Saw {
        watcher: watcher.into(),
        id: Some(id(seq)),
        data: event.to_string(),
    }
}

fn greeted(watcher: &str, id: Option<String>) -> Line {
    Line::Saw {
        watcher: watcher.into(),
        id,
        data: json!({"type": "connected"}).to_string(),
    }
}

fn opened(watcher: &str, after: Option<u64>) -> Line {
    Line::Opened {
        watcher: watcher.into(),
        after: after.map(id),
    }
}

fn begun(watcher: &str) -> Vec<Line> {
    let snapshot = json!({"type": "snapshot", "board": board(2, &[])});
    vec![
        opened(watcher, None),
        greeted(watcher, None),
        saw(watcher, 2, &snapshot),
    ]
}

fn asked(write: u64, thing: &str) -> Line {
    Line::Asked {
        write,
        thing: thing.into(),
    }
}

fn answered(write: u64, status: u16, body: Value) -> Line {
    Line::Answered {
        write,
        status,
        body,
    }
}

/// Two watchers see a task made, moved and deleted; the second one is cut in between.
fn good() -> Vec<Line> {
    let (made, moved) = (task("t", 1), task("t", 2));
    let mut lines = begun("v");
    lines.extend(begun("w"));
    lines.extend([
        asked(0, "t"),
        saw("v", 3, &event("task_created", &made)),
        answered(0, 201, made.clone()),
        asked(1, "t"),
        saw("v", 4, &event("task_moved", &moved)),
        saw("w", 3, &event("task_created", &made)),
        answered(1, 200, moved.clone()),
        Line::Reading { read: 0 },
        Line::Read {
            read: 0,
            board: board(4, std::slice::from_ref(&moved)),
        },
        opened("w", Some(3)),
        greeted("w", Some(id(3))),
        saw("w", 4, &event("task_moved", &moved)),
        asked(2, "t"),
        answered(2, 204, Value::Null),
        saw("v", 5, &deletion("t")),
        saw("w", 5, &deletion("t")),
        Line::Rest {
            board: board(5, &[]),
        },
    ]);
    lines
}

/// Judges after a change, which must be told in exactly these classes.
#[track_caller]
fn check(change: impl FnOnce(&mut Vec<Line>), classes: &[Class]) {
    let mut lines = good();
    change(&mut lines);
    let verdict = judge(&lines);
    let found: Vec<_> = verdict.counts.keys().copied().collect();
    assert_eq!(found, classes, "{:#?}", verdict.wrong);
}

fn at(lines: &[Line], wanted: &Line) -> usize {
    let found = lines.iter().position(|line| line == wanted);
    found.expect("the history has this line")
}

#[test]
fn a_good_history_leaves_nothing_to_say_written_or_not() {
    check(|_| {}, &[]);
    let text: String = good()
        .iter()
        .map(|line| serde_json::to_string(line).unwrap() + "\n\n")
        .collect();
    let verdict = judge_text(&text);
    assert!(verdict.is_good(), "{:?}", verdict.wrong);
    let counts = (verdict.writes, verdict.answered, verdict.watchers);
    assert_eq!(counts, (3, 3, 2));
    assert_eq!((verdict.events, verdict.reconnects), (6, 1));
}

#[test]
fn what_is_no_history_is_not_understood() {
    assert_eq!(judge_text("{}").counts[&Class::Unreadable], 1);
    let strange = answered(9, 200, task("t", 1));
    check(|lines| lines.push(strange), &[Class::Unreadable]);
}

#[test]
fn a_watcher_that_is_passed_over_has_lost_something() {
    let skipped = saw("w", 4, &event("task_moved", &task("t", 2)));
    check(
        |lines| drop(lines.remove(at(lines, &skipped))),
        &[Class::Lost],
    );
}

#[test]
fn a_snapshot_that_is_owed_and_does_not_come_is_a_loss() {
    let resumed = greeted("w", Some(id(3)));
    check(
        |lines| {
            let place = at(lines, &resumed);
            lines[place] = greeted("w", None);
        },
        &[Class::Lost],
    );
}

#[test]
fn an_answered_write_without_its_event_is_lost() {
    let made = task("u", 1);
    let at_end = |lines: &mut Vec<Line>| {
        let end = lines.len() - 1;
        lines.splice(end..end, [asked(3, "u"), answered(3, 201, made)]);
    };
    check(at_end, &[Class::Lost]);
}

#[test]
fn what_nobody_asked_for_or_was_refused_may_not_happen() {
    let made = event("task_created", &task("u", 1));
    let happens = |lines: &mut Vec<Line>| {
        let end = lines.len() - 1;
        lines.splice(end..end, [saw("v", 6, &made), saw("w", 6, &made)]);
        lines[end + 2] = Line::Rest {
            board: board(6, &[task("u", 1)]),
        };
    };
    check(happens, &[Class::Phantom]);
    let refused = [asked(3, "u"), answered(3, 409, json!({}))];
    check(
        |lines| {
            happens(lines);
            lines.splice(0..0, refused);
        },
        &[Class::Phantom],
    );
}

#[test]
fn an_unanswered_write_may_have_happened_once() {
    let made = event("task_created", &task("u", 1));
    let edited = event("task_updated", &task("u", 2));
    let happens = |lines: &mut Vec<Line>, events: &[&Value]| {
        let rest = lines.pop().unwrap();
        lines.extend([asked(3, "u"), Line::Unanswered { write: 3 }]);
        for (seq, event) in (6..).zip(events) {
            lines.extend([saw("v", seq, event), saw("w", seq, event)]);
        }
        let seq = 5 + events.len() as u64;
        let tasks: Vec<_> = events
            .last()
            .map(|event| event["task"].clone())
            .into_iter()
            .collect();
        lines.push(match rest {
            Line::Rest { .. } => Line::Rest {
                board: board(seq, &tasks),
            },
            other => other,
        });
    };
    check(|lines| happens(lines, &[]), &[]);
    check(|lines| happens(lines, &[&made]), &[]);
    check(|lines| happens(lines, &[&made, &edited]), &[Class::Phantom]);
}

#[test]
fn new_ranks_for_crowded_neighbours_need_no_asking() {
    let mut respaced = task("t", 3);
    respaced["title"] = json!("t 2");
    respaced["rank"] = json!("r");
    let moved = event("task_moved", &respaced);
    let instead = |lines: &mut Vec<Line>| {
        lines.truncate(at(lines, &asked(2, "t")));
        lines.extend([saw("v", 5, &moved), saw("w", 5, &moved)]);
    };
    check(instead, &[]);
}

#[test]
fn an_event_seen_again_and_a_write_carried_out_again_are_doubled() {
    let again = saw("v", 4, &event("task_moved", &task("t", 2)));
    check(
        |lines| {
            let place = at(lines, &again);
            lines.insert(place + 1, again);
        },
        &[Class::Duplicate],
    );
    check(
        |lines| lines.push(answered(1, 200, task("t", 3))),
        &[Class::Duplicate],
    );
}

#[test]
fn a_number_that_goes_back_is_out_of_order() {
    let (third, fourth) = (
        saw("v", 3, &event("task_created", &task("t", 1))),
        saw("v", 4, &event("task_moved", &task("t", 2))),
    );
    check(
        |lines| {
            let (a, b) = (at(lines, &third), at(lines, &fourth));
            lines.swap(a, b);
        },
        &[Class::Lost, Class::Reordered],
    );
}

#[test]
fn a_number_means_the_same_to_everybody_and_to_the_answer() {
    let other = saw("w", 4, &event("task_moved", &task("t", 2)));
    let mut changed = task("t", 2);
    changed["title"] = json!("other");
    let answer = answered(1, 200, task("t", 2));
    check(
        |lines| {
            let place = at(lines, &other);
            lines[place] = saw("w", 4, &event("task_moved", &changed));
        },
        &[Class::Content],
    );
    check(
        |lines| {
            let place = at(lines, &answer);
            lines[place] = answered(1, 200, changed);
        },
        &[Class::Content],
    );
}

#[test]
fn a_snapshot_is_what_the_events_make() {
    check(
        |lines| {
            for line in lines {
                if let Line::Read { board: read, .. } = line {
                    *read = board(4, &[task("t", 1)]);
                }
            }
        },
        &[Class::Snapshot],
    );
}

#[test]
fn what_was_answered_before_the_asking_comes_before_it() {
    // The second write is asked after the first was answered, and has the smaller number.
    let (a, b) = (task("a", 1), task("b", 1));
    let mut lines = begun("v");
    lines.extend([
        asked(0, "b"),
        answered(0, 201, b.clone()),
        asked(1, "a"),
        answered(1, 201, a.clone()),
        saw("v", 3, &event("task_created", &a)),
        saw("v", 4, &event("task_created", &b)),
    ]);
    let verdict = judge(&lines);
    assert_eq!(
        verdict.counts,
        [(Class::Order, 1)].into(),
        "{:?}",
        verdict.wrong
    );
    // A read that misses what was answered before it.
    let old = Line::Read {
        read: 1,
        board: board(2, &[]),
    };
    check(
        |lines| {
            let place = at(lines, &asked(2, "t"));
            lines.splice(place..place, [Line::Reading { read: 1 }, old]);
        },
        &[Class::Order],
    );
}

#[test]
fn who_lost_the_right_sees_nothing_more() {
    let last = saw("w", 5, &deletion("t"));
    let revoked = Line::Revoked {
        watcher: "w".into(),
    };
    check(
        |lines| {
            let place = at(lines, &last);
            lines.insert(place, revoked.clone());
        },
        &[Class::Rights],
    );
    check(
        |lines| {
            let place = at(lines, &last);
            lines[place] = revoked;
        },
        &[],
    );
}

#[test]
fn in_the_end_everybody_stands_where_the_board_does() {
    let last = saw("w", 5, &deletion("t"));
    check(
        |lines| drop(lines.remove(at(lines, &last))),
        &[Class::Behind],
    );
}

/// Nobody's board comes that far, but anybody can write it down.
#[test]
fn numbers_at_the_end_of_their_range_are_judged_like_others() {
    let last = task("t", u64::MAX);
    let snapshot =
        json!({"type": "snapshot", "board": board(u64::MAX, std::slice::from_ref(&last))});
    let lines = [
        opened("w", None),
        greeted("w", None),
        saw("w", u64::MAX, &snapshot),
        saw("w", 1, &event("task_created", &last)),
        saw("w", 2, &event("task_moved", &last)),
        saw("w", u64::MAX, &event("task_moved", &last)),
        Line::Reading { read: 0 },
        Line::Read {
            read: 0,
            board: board(u64::MAX, std::slice::from_ref(&last)),
        },
        Line::Rest {
            board: board(u64::MAX, &[last]),
        },
    ];
    let verdict = judge(&lines);
    let classes: Vec<_> = verdict.counts.into_iter().collect();
    let expected = [(Class::Duplicate, 1), (Class::Reordered, 3)];
    assert_eq!(classes, expected, "{:#?}", verdict.wrong);
}
