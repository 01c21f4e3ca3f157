//! Judges a finished run over one board: what was asked for, what the watchers saw, what the board
//! is now.
//!
//! A thing that comes from another board, or goes to one, is to this board a creation or a
//! deletion.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::fold::{Fold, check_at_rest, same_board};
use crate::sse::Parser;
use crate::watcher::Report;

/// A write that was answered 2xx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acked {
    /// The type of event it asks for: `task_moved`. Only creations and deletions are told apart by
    /// it; a change that changed nothing is answered with the version that some other event made.
    pub kind: String,
    /// The id of the board, list or task.
    pub thing: String,
    /// The version in the answer; `None`: deleted.
    pub version: Option<u64>,
}

/// A write that was sent and never answered, so that it may have taken effect, once, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The type of event it asks for.
    pub kind: String,
    /// The id of the thing; creations choose their own.
    pub thing: String,
}

/// What one watcher saw.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What to call it in a violation.
    pub name: String,
    /// It watched from before the first write to the end, recording, without needing a second
    /// snapshot: so it must have seen everything.
    pub is_continuous: bool,
    /// What it counted and recorded.
    pub report: Report,
    /// The board as it folded it.
    pub fold: Fold,
}

impl Watched {
    /// What a recording watcher saw that began before the first write; continuous if it needed only
    /// the one snapshot it began with.
    pub fn new(name: impl Into<String>, (report, fold): (Report, Fold)) -> Self {
        Watched {
            name: name.into(),
            is_continuous: report.snapshots <= 1,
            report,
            fold,
        }
    }
}

/// Says everything that is wrong with a run; empty if it was good. `board` is what `GET
/// /boards/{id}` answers at the end, `None` if that is 404. Every watcher must have been waited for
/// up to its cursor.
pub fn judge(
    acked: &[Acked],
    unanswered: &[Unanswered],
    watchers: &[Watched],
    board: Option<&Value>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for watched in watchers {
        let log = read_log(&watched.report.recorded);
        let mut found = watched.report.violations.clone();
        judge_fold(&watched.fold, board, &mut found);
        judge_phantoms(&log, acked, unanswered, &mut found);
        judge_effects(&log, acked, unanswered, &mut found);
        if watched.is_continuous {
            judge_gaps(&log, &mut found);
            judge_acked(&log, acked, &mut found);
        }
        wrong.extend(
            found
                .into_iter()
                .map(|sentence| format!("{}: {sentence}", watched.name)),
        );
    }
    judge_agreement(watchers, &mut wrong);
    wrong.extend(board.and_then(|board| check_at_rest(board).err()));
    wrong
}

/// One event of the log, as far as the oracle cares.
struct Logged {
    seq: u64,
    kind: String,
    thing: String,
    version: Option<u64>,
}

fn read_log(recorded: &BTreeMap<u64, Vec<u8>>) -> Vec<Logged> {
    recorded
        .iter()
        .map(|(seq, raw)| read_event(*seq, raw))
        .collect()
}

/// The thing an event is about stands under its kind's first word: `task`, or `taskId` when it is
/// deleted.
fn read_event(seq: u64, raw: &[u8]) -> Logged {
    let data = data_of(raw);
    let kind = data["type"].as_str().unwrap_or_default().to_owned();
    let noun = kind.split('_').next().unwrap_or_default();
    let carried = &data[noun];
    let thing = carried["id"]
        .as_str()
        .or_else(|| data[format!("{noun}Id")].as_str());
    Logged {
        seq,
        thing: thing.unwrap_or_default().to_owned(),
        version: carried["version"].as_u64(),
        kind,
    }
}

fn data_of(raw: &[u8]) -> Value {
    let mut parser = Parser::default();
    parser.push(raw);
    parser
        .next()
        .and_then(Result::ok)
        .map(|block| block.json())
        .unwrap_or_default()
}

/// I2: what a watcher folded is the board.
fn judge_fold(fold: &Fold, board: Option<&Value>, wrong: &mut Vec<String>) {
    match (fold.board(), board) {
        (Some(folded), Some(board)) => {
            if let Err(difference) = same_board(folded, board) {
                wrong.push(format!("its fold is not the board: {difference}"));
            }
        }
        (None, None) => {}
        (folded, _) => {
            let (has, is) = if folded.is_some() {
                ("a", "gone")
            } else {
                ("no", "there")
            };
            wrong.push(format!("it has {has} board, which is {is}"));
        }
    }
}

/// Nothing happens to a thing that nobody asked for. (Things that were asked for may move unasked,
/// when ranks are re-spaced.)
fn judge_phantoms(
    log: &[Logged],
    acked: &[Acked],
    unanswered: &[Unanswered],
    wrong: &mut Vec<String>,
) {
    let asked: BTreeSet<&str> = acked
        .iter()
        .map(|write| write.thing.as_str())
        .chain(unanswered.iter().map(|write| write.thing.as_str()))
        .collect();
    for event in log
        .iter()
        .filter(|event| !asked.contains(event.thing.as_str()))
    {
        wrong.push(format!(
            "event {} is a phantom: nobody asked for {} {}",
            event.seq, event.kind, event.thing
        ));
    }
}

/// I4: no write took effect twice.
fn judge_effects(
    log: &[Logged],
    acked: &[Acked],
    unanswered: &[Unanswered],
    wrong: &mut Vec<String>,
) {
    let mut seen = BTreeMap::new();
    for event in log.iter().filter(|event| event.version.is_some()) {
        if let Some(first) = seen.insert((&event.thing, event.version), event.seq) {
            let (thing, version) = (&event.thing, event.version.unwrap_or_default());
            wrong.push(format!(
                "{thing} came to version {version} twice: events {first} and {}",
                event.seq
            ));
        }
    }
    for (thing, deletions) in deletions(log) {
        let asked = acked
            .iter()
            .filter(|write| write.thing == thing && write.version.is_none())
            .count()
            + unanswered
                .iter()
                .filter(|write| write.thing == thing && write.kind.ends_with("_deleted"))
                .count();
        if deletions > asked {
            wrong.push(format!(
                "{thing} was deleted {deletions} times, asked for {asked} times"
            ));
        }
    }
}

fn judge_gaps(log: &[Logged], wrong: &mut Vec<String>) {
    for pair in log.windows(2).filter(|pair| pair[1].seq != pair[0].seq + 1) {
        wrong.push(format!(
            "nothing between events {} and {}",
            pair[0].seq, pair[1].seq
        ));
    }
}

/// I4, I5: every answered write is in the log.
fn judge_acked(log: &[Logged], acked: &[Acked], wrong: &mut Vec<String>) {
    let versions: BTreeSet<(&str, Option<u64>)> = log
        .iter()
        .map(|event| (event.thing.as_str(), event.version))
        .collect();
    let created: BTreeSet<(&str, &str)> = log
        .iter()
        .map(|event| (event.thing.as_str(), event.kind.as_str()))
        .collect();
    let deletions = deletions(log);
    let mut acked_deletions = BTreeMap::new();
    for write in acked {
        let (thing, kind) = (write.thing.as_str(), write.kind.as_str());
        let Some(version) = write.version else {
            *acked_deletions.entry(thing).or_insert(0) += 1;
            continue;
        };
        if !versions.contains(&(thing, write.version)) {
            wrong.push(format!(
                "{kind} of {thing} was answered with version {version}, which no event made"
            ));
        } else if kind.ends_with("_created") && !created.contains(&(thing, kind)) {
            wrong.push(format!(
                "{kind} of {thing} was answered, and no event says so"
            ));
        }
    }
    for (thing, answered) in acked_deletions {
        let seen = deletions.get(thing).copied().unwrap_or(0);
        if seen < answered {
            wrong.push(format!(
                "{thing} was answered as deleted {answered} times, its events say {seen}"
            ));
        }
    }
}

fn deletions(log: &[Logged]) -> BTreeMap<&str, usize> {
    let mut count = BTreeMap::new();
    for event in log.iter().filter(|event| event.kind.ends_with("_deleted")) {
        *count.entry(event.thing.as_str()).or_insert(0) += 1;
    }
    count
}

/// I3: a place in the log holds the same bytes for everybody.
fn judge_agreement(watchers: &[Watched], wrong: &mut Vec<String>) {
    let mut first: BTreeMap<u64, (&str, &[u8])> = BTreeMap::new();
    for watched in watchers {
        for (seq, raw) in &watched.report.recorded {
            let (name, other) = first.entry(*seq).or_insert((&watched.name, raw));
            if other != raw {
                let (other, raw) = (String::from_utf8_lossy(other), String::from_utf8_lossy(raw));
                wrong.push(format!(
                    "event {seq} is {other:?} to {name} and {raw:?} to {}",
                    watched.name
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn board() -> Value {
        json!({"id": "b", "name": "B", "lists": [], "cursor": "4-03b7710c9ae4"})
    }

    fn event(seq: u64, data: &Value) -> (u64, Vec<u8>) {
        (
            seq,
            format!("data: {data}\nid: {seq}-03b7710c9ae4\n\n").into_bytes(),
        )
    }

    fn task_event(kind: &str, version: u64) -> Value {
        json!({"type": kind, "task": {"id": "t", "version": version}, "boardId": "b"})
    }

    fn deleted() -> Value {
        json!({"type": "task_deleted", "taskId": "t", "boardId": "b"})
    }

    fn watched(events: &[Value]) -> Watched {
        let recorded = events
            .iter()
            .zip(2..)
            .map(|(data, seq)| event(seq, data))
            .collect();
        let report = Report {
            snapshots: 1,
            recorded,
            ..Report::default()
        };
        Watched::new("w", (report, Fold::of(board())))
    }

    fn acked(kind: &str, version: Option<u64>) -> Acked {
        Acked {
            kind: kind.into(),
            thing: "t".into(),
            version,
        }
    }

    fn unanswered(kind: &str) -> Unanswered {
        Unanswered {
            kind: kind.into(),
            thing: "t".into(),
        }
    }

    fn good_events() -> [Value; 3] {
        [
            task_event("task_created", 1),
            task_event("task_moved", 2),
            deleted(),
        ]
    }

    fn good_acks() -> [Acked; 3] {
        [
            acked("task_created", Some(1)),
            acked("task_moved", Some(2)),
            acked("task_deleted", None),
        ]
    }

    #[track_caller]
    fn check(acked: &[Acked], unanswered: &[Unanswered], events: &[Value], said: &[&str]) {
        let wrong = judge(acked, unanswered, &[watched(events)], Some(&board()));
        assert_eq!(wrong.len(), said.len(), "{wrong:?}");
        for (sentence, part) in wrong.iter().zip(said) {
            assert!(sentence.contains(part), "{sentence:?} doesn't say {part:?}");
        }
    }

    #[test]
    fn a_good_run_leaves_nothing_to_say() {
        check(&good_acks(), &[], &good_events(), &[]);
    }

    #[test]
    fn an_unanswered_write_may_or_may_not_have_happened() {
        let maybe = [unanswered("task_moved"), unanswered("task_deleted")];
        check(&good_acks()[..1], &maybe, &good_events(), &[]);
        check(&good_acks()[..1], &maybe, &good_events()[..1], &[]);
    }

    #[test]
    fn an_answered_write_that_no_event_tells_of_is_lost() {
        check(
            &good_acks(),
            &[],
            &good_events()[..2],
            &["answered as deleted 1 times, its events say 0"],
        );
        check(
            &[acked("task_moved", Some(3))],
            &[unanswered("task_deleted")],
            &good_events(),
            &["version 3"],
        );
        let updated = [task_event("task_updated", 1)];
        check(
            &good_acks()[..1],
            &[],
            &updated,
            &["task_created of t was answered, and no event says so"],
        );
    }

    #[test]
    fn a_write_that_took_effect_twice_is_reported() {
        let twice = [task_event("task_created", 1), task_event("task_created", 1)];
        check(
            &good_acks()[..1],
            &[],
            &twice,
            &["version 1 twice: events 2 and 3"],
        );
        let twice = [task_event("task_created", 1), deleted(), deleted()];
        let acks = [acked("task_created", Some(1)), acked("task_deleted", None)];
        check(&acks, &[], &twice, &["deleted 2 times, asked for 1 times"]);
    }

    #[test]
    fn an_event_nobody_asked_for_is_a_phantom() {
        let ghost =
            json!({"type": "list_created", "list": {"id": "l", "version": 1}, "boardId": "b"});
        check(
            &[],
            &[],
            &[ghost],
            &["event 2 is a phantom: nobody asked for list_created l"],
        );
    }

    #[test]
    fn a_change_that_changed_nothing_is_answered_with_an_older_version() {
        let acks = [
            acked("task_created", Some(1)),
            acked("task_updated", Some(1)),
        ];
        check(&acks, &[], &good_events()[..1], &[]);
    }

    #[test]
    fn watchers_agree_on_every_place() {
        let mut other = watched(&[
            task_event("task_created", 1),
            task_event("task_updated", 2),
            deleted(),
        ]);
        other.name = "v".into();
        let wrong = judge(
            &good_acks(),
            &[],
            &[watched(&good_events()), other],
            Some(&board()),
        );
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].starts_with("event 3 is"));
    }

    #[test]
    fn every_fold_is_the_board() {
        let mut renamed = board();
        renamed["name"] = json!("C");
        let wrong = judge(
            &good_acks(),
            &[],
            &[watched(&good_events())],
            Some(&renamed),
        );
        assert_eq!(wrong, [r#"w: its fold is not the board: name: "B" ≠ "C""#]);
        let wrong = judge(&good_acks(), &[], &[watched(&good_events())], None);
        assert_eq!(wrong, ["w: it has a board, which is gone"]);
    }

    #[test]
    fn a_watcher_that_needed_a_snapshot_may_have_missed_events() {
        let mut late = watched(&good_events()[2..]);
        late.is_continuous = false;
        assert_eq!(
            judge(&good_acks(), &[], &[late], Some(&board())),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_a_watcher_reported_and_gaps_are_passed_on() {
        let mut broken = watched(&good_events());
        broken.report.violations.push("lost".into());
        broken.report.recorded.remove(&3);
        let wrong = judge(&good_acks()[2..], &[], &[broken], Some(&board()));
        assert_eq!(wrong, ["w: lost", "w: nothing between events 2 and 4"]);
    }
}
