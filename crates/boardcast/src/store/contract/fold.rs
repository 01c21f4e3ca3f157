//! A snapshot is its log, folded by the wire contract's table: byte for byte, whatever was asked (I2).

use super::requests::{
    board_id, create_board, create_list, create_task, delete_list, delete_task, describe,
    if_version, keyed, list_id, move_task, rename_board, retitle, task_id,
};
use super::{Bench, Entry, IntoRequest, check, entries_in, folded};
use boardcast_core::cursor::Cursor;
use boardcast_core::model::{ListId, Name, TaskId};
use boardcast_core::protocol::{Command, Request, Slot};
use boardcast_sim::random::Random;
use std::collections::{BTreeMap, BTreeSet};

const BOARDS: u64 = 3;
const LISTS: u64 = 12;
const TASKS: u64 = 150;

#[tokio::test]
async fn a_snapshot_is_the_fold_of_the_whole_log_after_any_batches() {
    check(async |mut bench: Bench| {
        let mut random = Random::new(20_261_123);
        // What was published, board by board: what live watchers saw.
        let mut published = BTreeMap::<String, Vec<Entry>>::new();
        for round in 0..300 {
            let mut batch: Vec<_> = (0..=random.below(24))
                .map(|_| any_request(&mut random))
                .collect();
            if round == 280 {
                let board_id = board_id("b0");
                batch.push(Command::DeleteBoard { board_id }.into_request());
            }
            bench.clock.turn_hours(1);
            let committed = bench.commit(&batch);
            for segment in &committed.segments {
                let seen = published.entry(segment.board_id().to_string()).or_default();
                let head = seen.last().map_or(Cursor::START, |entry| entry.cursor);
                assert_eq!(segment.first_seq(), head.seq + 1);
                seen.extend(entries_in(&segment.after(head)));
            }
            if round % 20 == 19 {
                compare(&bench, &published).await;
            }
            if round % 100 == 99 {
                bench = bench.reopen_after(|_| {});
            }
        }
        let events: Vec<_> = published.values().flatten().collect();
        assert!(events.len() > 500, "{} events", events.len());
        let kinds: BTreeSet<_> = events.iter().map(|entry| kind(&entry.json)).collect();
        assert_eq!(kinds.len(), 11, "every type of event happened: {kinds:?}");
    })
    .await;
}

fn kind(json: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(json).expect("an event");
    event["type"].to_string()
}

async fn compare(bench: &Bench, published: &BTreeMap<String, Vec<Entry>>) {
    for (board, seen) in published {
        let log = bench.log_after(board, Cursor::START).await;
        assert_eq!(&log, seen, "replayed bytes are live bytes");
        let snapshot = bench.snapshot(board).await;
        assert_eq!(
            snapshot.as_ref().map(|(json, _)| json),
            folded(&log).as_ref()
        );
        if let Some((_, cursor)) = snapshot {
            assert_eq!(Some(cursor), log.last().map(|entry| entry.cursor));
        }
    }
}

/// Mostly possible, often refused, sometimes a repetition.
fn any_request(random: &mut Random) -> Request {
    let board = format!("b{}", random.below(BOARDS));
    let list = format!("l{}", random.below(LISTS));
    let task = format!("t{}", random.below(TASKS));
    let other = format!("t{}", random.below(TASKS));
    let text = format!("Text \u{2028} \u{85} \"{}\"", random.below(3));
    let command = match random.below(100) {
        0..6 => create_board(&board),
        6..8 => rename_board(&board, &format!("Name {}", random.below(3))),
        8..16 => create_list(&board, &list),
        16..18 => rename_list(&list, &text),
        18..22 => move_list(&list, list_slot(random)),
        22 if random.one_in(4) => delete_list(&list),
        24..44 => create_task(&list, &task),
        44..60 => retitle(&task, &format!("Title {}", random.below(9))),
        60..68 => describe(&task, if random.one_in(3) { "" } else { &text }),
        68..97 => move_task(&task, &list, task_slot(random, &other)),
        _ => delete_task(&task),
    };
    match random.below(10) {
        0 => if_version(command, 1 + random.below(3)),
        1 => {
            let key = format!("key {}", random.below(20));
            let body = format!("{command:?}");
            keyed(command, &key, &body)
        }
        _ => command.into_request(),
    }
}

fn rename_list(id: &str, name: &str) -> Command {
    Command::EditList {
        list_id: list_id(id),
        name: Some(Name::parse(&name.replace('\u{85}', "")).expect("a name")),
    }
}

fn move_list(id: &str, slot: Slot<ListId>) -> Command {
    Command::MoveList {
        list_id: list_id(id),
        slot,
    }
}

fn list_slot(random: &mut Random) -> Slot<ListId> {
    let other = list_id(&format!("l{}", random.below(LISTS)));
    match random.below(5) {
        0 => Slot::Top,
        1 => Slot::Bottom,
        2 => Slot::Index(random.below(5)),
        3 => Slot::Before(other),
        _ => Slot::After(other),
    }
}

fn task_slot(random: &mut Random, other: &str) -> Slot<TaskId> {
    match random.below(5) {
        0 => Slot::Top,
        1 => Slot::Bottom,
        2 => Slot::Index(random.below(12)),
        3 => Slot::Before(task_id(other)),
        _ => Slot::After(task_id(other)),
    }
}
