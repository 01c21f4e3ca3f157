//! Whether a client saw what it should have: every event once, in order, with the content that the log has.

use std::collections::BTreeMap;
use std::time::Duration;

use boardcast_sim::cursor::seq_of;
use boardcast_sim::fold::{Fold, same_board};
use serde_json::Value;

use crate::expected::Outcome;
use crate::line::{AGES, Noted};
use crate::watcher::{CLOSED, Message, Watcher};

/// By how much a client's timer may be early.
const TIMER: Duration = Duration::from_millis(20);
/// How long any client stays away after any cut; some for half of the 2 s that they are told at first.
const LEAST: Duration = Duration::from_secs(1);

/// What stood in the end.
pub(crate) struct Ending {
    pub(crate) log: BTreeMap<u64, (String, Value)>,
    pub(crate) board: Value,
}

/// What a client should have come to.
pub(crate) struct Due {
    pub(crate) outcome: Outcome,
    /// How often it is told that it is connected.
    pub(crate) connections: usize,
    /// The number of the last event that it may have seen.
    pub(crate) last_allowed: u64,
}

/// # Errors
/// The first thing that is wrong.
pub(crate) fn judge(watcher: &Watcher, due: &Due, ending: &Ending) -> Result<(), String> {
    let outcome = due.outcome;
    let last = judge_messages(&watcher.said.messages(), due, ending)?;
    let ended = watcher.said.ended();
    match (outcome, &ended) {
        (Outcome::Ends(code), Some(said)) if said.starts_with(&format!("exit code {code} ")) => {}
        (Outcome::Closes, Some(said)) if said.starts_with(CLOSED) => {}
        (Outcome::Ends(_) | Outcome::Closes, _) => {
            return Err(format!("its end is {ended:?} after event {last}"));
        }
        (_, Some(said)) => return Err(format!("it ended after event {last}: {said}")),
        (_, None) => {
            let head = ending.log.keys().next_back().copied().unwrap_or(0);
            ensure(last == head, || {
                format!("it saw event {last} and not {head}")
            })?;
        }
    }
    ensure(last <= due.last_allowed, || {
        format!("it saw event {last}, after {}", due.last_allowed)
    })?;
    match outcome {
        Outcome::EverythingWhenTold => {
            let (told, after) = first_return(&watcher.line.noted())?;
            came_back_after(told, after)
        }
        Outcome::EverythingUntold => {
            // Had it seen that, it would not be back.
            let (told, after) = first_return(&watcher.line.noted())?;
            ensure(told == AGES, || format!("it was told {told:?}"))?;
            came_back_after(LEAST, after)
        }
        _ => Ok(()),
    }
}

/// The number of the last event, if everything before it is as it should be.
fn judge_messages(messages: &[Message], due: &Due, ending: &Ending) -> Result<u64, String> {
    let (outcome, connections) = (due.outcome, due.connections);
    let mut place: Option<String> = None;
    let mut connected = 0;
    let mut fold = None;
    for Message { id, kind, data } in messages {
        match kind.as_str() {
            "connected" => {
                connected += 1;
                ensure(place.is_none() || *id == place, || {
                    format!("it came back with {id:?}, having seen {place:?}")
                })?;
                place.clone_from(id);
            }
            "snapshot" => {
                ensure(outcome == Outcome::Snapshot && place.is_none(), || {
                    format!("a snapshot after {place:?}")
                })?;
                let board = &data["board"];
                ensure(board["cursor"].as_str() == id.as_deref(), || {
                    format!("a snapshot of {} as {id:?}", board["cursor"])
                })?;
                place.clone_from(id);
                fold = Some(Fold::of(board.clone()));
            }
            _ => {
                let next = seq_of(place.as_deref().ok_or("an event before it has a place")?)? + 1;
                let logged = ending.log.get(&next);
                let is_next = logged.is_some_and(|(logged_id, logged_data)| {
                    Some(logged_id) == id.as_ref() && logged_data == data
                });
                ensure(is_next, || format!("{id:?} is not event {next}"))?;
                if let Some(fold) = &mut fold {
                    fold.apply(data, id.as_deref())?;
                }
                place.clone_from(id);
            }
        }
    }
    ensure(connected == connections, || {
        format!("it was connected {connected} times instead of {connections}")
    })?;
    if outcome == Outcome::Snapshot {
        let fold = fold.ok_or("it saw no snapshot")?;
        same_board(fold.board().ok_or("no board")?, &ending.board)?;
    }
    // It may have ended before it had a place.
    place.map_or(Ok(0), |place| seq_of(&place))
}

/// How long a client that was sent away was told to stay away, and how long it did.
fn first_return(noted: &[Noted]) -> Result<(Duration, Duration), String> {
    let mut sent_away = noted
        .iter()
        .enumerate()
        .filter_map(|(at, noted)| match noted {
            Noted::Ended(when, told) => Some((at, *when, *told)),
            Noted::Asked(_) => None,
        });
    let (at, when, told) = sent_away.next().ok_or("it was never sent away")?;
    let back = noted[at..].iter().find_map(|noted| match noted {
        Noted::Asked(when) => Some(*when),
        Noted::Ended(..) => None,
    });
    let after = back.ok_or("it never came back")?.duration_since(when);
    Ok((told, after))
}

fn came_back_after(least: Duration, after: Duration) -> Result<(), String> {
    ensure(after + TIMER >= least, || {
        format!("it was to stay away for {least:?} and was back after {after:?}")
    })
}

fn ensure(holds: bool, says: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(says()) }
}
