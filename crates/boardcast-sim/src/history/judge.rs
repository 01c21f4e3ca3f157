//! The judge: takes a history line by line, and says at its end what is wrong with it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Class, Line, Verdict};
use crate::cursor::seq_of;
use crate::fold::{Fold, check_at_rest, same_board};

/// What an event is known by: the thing, and the version it came to; none for its deletion.
type Effect = (String, Option<u64>);

/// What is known so far.
#[derive(Default)]
pub(super) struct Judge {
    pub(super) verdict: Verdict,
    /// Lines so far.
    now: usize,
    writes: BTreeMap<u64, Write>,
    watchers: BTreeMap<String, Watcher>,
    /// What was shown under each number, and to whom first.
    log: BTreeMap<u64, Shown>,
    /// Boards as they were shown, by number.
    boards: Vec<(u64, Value)>,
    reads: BTreeMap<u64, usize>,
    /// What was read, asked for at which line.
    answered_reads: Vec<(usize, u64)>,
    rest: Option<Value>,
    /// The line at which the first watcher connected.
    first_opened: Option<usize>,
}

struct Write {
    thing: String,
    asked: usize,
    /// The first answer, and when it came.
    answer: Option<(usize, u16, Value)>,
}

impl Write {
    fn is_acked(&self) -> bool {
        matches!(self.answer, Some((_, 200..300, _)))
    }

    fn effect(&self) -> Effect {
        let version = match &self.answer {
            Some((_, _, body)) => body["version"].as_u64(),
            None => None,
        };
        (self.thing.clone(), version)
    }
}

#[derive(Default)]
struct Watcher {
    connections: usize,
    /// The number of the last event that it has.
    last: Option<u64>,
    /// The cursor that it said it goes on after, until it was taken up.
    after: Option<String>,
    awaits_snapshot: bool,
    is_revoked: bool,
    is_gone: bool,
}

struct Shown {
    id: String,
    data: String,
    watcher: String,
}

impl Judge {
    /// The next line.
    pub(super) fn take(&mut self, line: &Line) {
        self.now += 1;
        match line {
            Line::Asked { write, thing } => {
                let asked = self.now;
                self.writes.entry(*write).or_insert_with(|| Write {
                    thing: thing.clone(),
                    asked,
                    answer: None,
                });
            }
            Line::Answered {
                write,
                status,
                body,
            } => self.answered(*write, *status, body),
            // Without an answer is what every write is until it has one.
            Line::Unanswered { .. } => {}
            Line::Opened { watcher, after } => {
                self.first_opened.get_or_insert(self.now);
                let watcher = self.watchers.entry(watcher.clone()).or_default();
                watcher.connections += 1;
                watcher.after.clone_from(after);
            }
            Line::Saw { watcher, id, data } => self.saw(watcher, id.as_deref(), data),
            Line::Revoked { watcher } => {
                self.watchers.entry(watcher.clone()).or_default().is_revoked = true;
            }
            Line::Reading { read } => _ = self.reads.insert(*read, self.now),
            Line::Read { read, board } => {
                let asked = self.reads.get(read).copied().unwrap_or(self.now);
                if let Some(seq) = self.shown_board(board) {
                    self.answered_reads.push((asked, seq));
                }
            }
            Line::Rest { board } => {
                self.shown_board(board);
                self.rest = Some(board.clone());
            }
        }
    }

    fn answered(&mut self, number: u64, status: u16, body: &Value) {
        let now = self.now;
        let Some(write) = self.writes.get_mut(&number) else {
            let sentence = format!("write {number} was answered, and never asked");
            return self.verdict.object(Class::Unreadable, sentence);
        };
        match &write.answer {
            // That nothing happened is said of one attempt.
            _ if matches!(status, 429 | 500..) => {}
            None => write.answer = Some((now, status, body.clone())),
            Some((_, first, said)) if (*first, said) != (status, body) => {
                let sentence =
                    format!("write {number} was answered {first} {said}, again {status} {body}");
                self.verdict.object(Class::Duplicate, sentence);
            }
            Some(_) => {}
        }
    }

    fn saw(&mut self, name: &str, id: Option<&str>, data: &str) {
        let message: Value = serde_json::from_str(data).unwrap_or_default();
        let watcher = self.watchers.entry(name.to_owned()).or_default();
        if watcher.is_revoked {
            let sentence = format!("{name} saw {data}");
            self.verdict.object(Class::Rights, sentence);
        }
        match message["type"].as_str() {
            Some("connected") => connected(watcher, id),
            Some("snapshot") => {
                watcher.awaits_snapshot = false;
                let place = self.shown_board(&message["board"]);
                self.watchers.entry(name.to_owned()).or_default().last = place;
            }
            Some(kind) => {
                let is_end = kind == "board_deleted";
                let Some(id) = id else { return };
                watcher.is_gone |= is_end;
                self.saw_event(name, id, data);
            }
            None => {
                let sentence = format!("{name} saw a message without a type: {data}");
                self.verdict.object(Class::Unreadable, sentence);
            }
        }
    }

    fn saw_event(&mut self, name: &str, id: &str, data: &str) {
        let seq = match seq_of(id) {
            Ok(seq) => seq,
            Err(fault) => return self.verdict.object(Class::Unreadable, fault),
        };
        self.verdict.events += 1;
        let watcher = self.watchers.entry(name.to_owned()).or_default();
        let was_seen = self.log.get(&seq).is_some_and(|shown| shown.id == id);
        let place = match watcher.last {
            _ if watcher.awaits_snapshot => {
                watcher.awaits_snapshot = false;
                let sentence = format!("{name} was owed a snapshot and saw event {seq}");
                Some((Class::Lost, sentence))
            }
            Some(last) if seq > last.saturating_add(1) => {
                let sentence = format!("{name} saw event {seq} after {last}");
                Some((Class::Lost, sentence))
            }
            Some(last) if seq <= last && was_seen => {
                let sentence = format!("{name} saw event {seq} again, after {last}");
                Some((Class::Duplicate, sentence))
            }
            Some(last) if seq <= last => {
                let sentence = format!("{name} saw event {seq} after {last}");
                Some((Class::Reordered, sentence))
            }
            _ => None,
        };
        watcher.last = watcher.last.max(Some(seq));
        if let Some((class, sentence)) = place {
            self.verdict.object(class, sentence);
        }
        let shown = self.log.entry(seq).or_insert_with(|| Shown {
            id: id.to_owned(),
            data: data.to_owned(),
            watcher: name.to_owned(),
        });
        if shown.id != id || shown.data != data {
            let first = format!(
                "event {seq} is {} {} to {}",
                shown.id, shown.data, shown.watcher
            );
            self.verdict.object(
                Class::Content,
                format!("{first}, and {id} {data} to {name}"),
            );
        }
    }

    fn shown_board(&mut self, board: &Value) -> Option<u64> {
        match seq_of(board["cursor"].as_str().unwrap_or_default()) {
            Ok(seq) => {
                self.boards.push((seq, board.clone()));
                Some(seq)
            }
            Err(fault) => {
                self.verdict.object(Class::Unreadable, fault);
                None
            }
        }
    }

    /// The verdict.
    pub(super) fn finish(mut self) -> Verdict {
        self.verdict.writes = self.writes.len();
        self.verdict.answered = self.writes.values().filter(|w| w.is_acked()).count();
        let is_open = |write: &&Write| write.answer.is_none();
        self.verdict.unanswered = self.writes.values().filter(is_open).count();
        self.verdict.watchers = self.watchers.len();
        let again = |watcher: &Watcher| watcher.connections.saturating_sub(1);
        self.verdict.reconnects = self.watchers.values().map(again).sum();
        self.verdict.snapshots = self.boards.len();
        let effects = self.judge_effects();
        self.judge_order(&effects);
        self.judge_boards();
        self.judge_rest();
        self.verdict
    }

    /// Every answered write has its event, every event its write, and none happens twice.
    fn judge_effects(&mut self) -> BTreeMap<Effect, Vec<u64>> {
        let mut effects: BTreeMap<Effect, Vec<u64>> = BTreeMap::new();
        let mut events = BTreeMap::new();
        for (seq, shown) in &self.log {
            let event: Value = serde_json::from_str(&shown.data).unwrap_or_default();
            if let Some(effect) = effect_of(&event) {
                effects.entry(effect).or_default().push(*seq);
                events.insert(*seq, event);
            }
        }
        self.judge_answers(&effects, &events);
        let happened_twice = effects
            .iter()
            .filter(|((_, version), seqs)| version.is_some() && seqs.len() > 1);
        for (effect, seqs) in happened_twice {
            let sentence = format!("{} happened at events {seqs:?}", named(effect));
            self.verdict.object(Class::Duplicate, sentence);
        }
        self.judge_asked(&effects, &events);
        effects
    }

    /// What was answered happened, and says the same.
    fn judge_answers(
        &mut self,
        effects: &BTreeMap<Effect, Vec<u64>>,
        events: &BTreeMap<u64, Value>,
    ) {
        // What happened before anybody watched is nobody's loss, and what nobody at all was shown is
        // told of each watcher that was passed over.
        let is_whole = self.is_log_whole();
        let since = self.first_opened.unwrap_or(usize::MAX);
        let acked = self.writes.iter().filter(|(_, write)| write.is_acked());
        for (number, write) in acked.filter(|(_, write)| write.asked > since) {
            let effect = write.effect();
            let Some(seqs) = effects.get(&effect) else {
                if is_whole {
                    let what = named(&effect);
                    let sentence = format!("write {number} was answered, and no event says {what}");
                    self.verdict.object(Class::Lost, sentence);
                }
                continue;
            };
            let said = write.answer.as_ref().map(|(_, _, body)| body);
            if let (Some(carried), Some(said)) = (carried(&events[&seqs[0]]), said)
                && carried != said
            {
                let sentence =
                    format!("write {number} was answered {said}, its event says {carried}");
                self.verdict.object(Class::Content, sentence);
            }
        }
    }

    /// What happened was asked for: answered, or maybe never answered.
    fn judge_asked(&mut self, effects: &BTreeMap<Effect, Vec<u64>>, events: &BTreeMap<u64, Value>) {
        let mut answered: BTreeMap<Effect, usize> = BTreeMap::new();
        let mut maybe: BTreeMap<&str, usize> = BTreeMap::new();
        for write in self.writes.values() {
            if write.is_acked() {
                *answered.entry(write.effect()).or_default() += 1;
            } else if write.answer.is_none() {
                *maybe.entry(&write.thing).or_default() += 1;
            }
        }
        let mut known: BTreeMap<&str, &Value> = BTreeMap::new();
        for (seq, event) in events {
            let effect = effect_of(event).expect("it was read before");
            let before =
                carried(event).and_then(|thing| known.insert(thing["id"].as_str()?, thing));
            // A deletion may be asked for again after the thing came back; other effects are one each.
            let (is_told, left) = (answered.get_mut(&effect), maybe.get_mut(effect.0.as_str()));
            match (is_told, left) {
                (Some(times), _) if effect.1.is_some() || *times > 0 => {
                    *times = times.saturating_sub(1);
                }
                (_, Some(left)) if *left > 0 => *left -= 1,
                _ if effects[&effect].len() > 1 && effect.1.is_some() => {}
                // The server gives crowded neighbours new ranks by itself.
                _ if before.is_some_and(|before| is_respaced(event, before)) => {}
                _ => {
                    let sentence = format!("event {seq} says {}, and nobody asked", named(&effect));
                    self.verdict.object(Class::Phantom, sentence);
                }
            }
        }
    }

    /// Whether every number between the first and the last that were shown was shown to somebody.
    fn is_log_whole(&self) -> bool {
        let numbers = (self.log.keys().next(), self.log.keys().next_back());
        let (Some(first), Some(last)) = numbers else {
            return true;
        };
        last - first == self.log.len() as u64 - 1
    }

    /// What was answered before something else was asked has the smaller number.
    fn judge_order(&mut self, effects: &BTreeMap<Effect, Vec<u64>>) {
        let mut own: BTreeMap<Effect, usize> = BTreeMap::new();
        for write in self.writes.values().filter(|write| write.is_acked()) {
            let first = own.entry(write.effect()).or_insert(write.asked);
            *first = write.asked.min(*first);
        }
        // Moments: an answer raises the number below which nothing may happen that is asked later.
        let mut answers = BTreeMap::new();
        let mut asked = Vec::new();
        for (number, write) in self.writes.iter().filter(|(_, write)| write.is_acked()) {
            let effect = write.effect();
            // A change that changed nothing is answered with what another write did.
            if own[&effect] != write.asked {
                continue;
            }
            let Some([seq]) = effects.get(&effect).map(Vec::as_slice) else {
                continue;
            };
            let (at, ..) = write.answer.as_ref().expect("it was answered");
            answers.insert(*at, *seq);
            asked.push((write.asked, u128::from(*seq), format!("write {number}")));
        }
        let reads = self.answered_reads.iter().enumerate();
        let after = |seq| u128::from(seq) + 1;
        // A read may show the newest answered write itself.
        asked.extend(reads.map(|(n, (at, seq))| (*at, after(*seq), format!("read {n}"))));
        for (at, seq, name) in asked {
            let before = answers.range(..at).map(|(_, seq)| *seq).max();
            if let Some(before) = before.filter(|before| u128::from(*before) >= seq) {
                let sentence = format!(
                    "{name} was asked after event {before} had been answered, and stands before it"
                );
                self.verdict.object(Class::Order, sentence);
            }
        }
    }

    /// Every board that was shown is what the one before it and the events between make.
    fn judge_boards(&mut self) {
        let mut boards = std::mem::take(&mut self.boards);
        boards.sort_by_key(|(seq, _)| *seq);
        let Some((mut at, first)) = boards.first().cloned() else {
            return;
        };
        let mut fold = Fold::of(first);
        for (seq, board) in &boards {
            let between = (at..=*seq).skip(1);
            let is_whole = between.clone().all(|seq| self.log.contains_key(&seq));
            if is_whole {
                for shown in between.map(|seq| &self.log[&seq]) {
                    let event = serde_json::from_str(&shown.data).unwrap_or_default();
                    if let Err(fault) = fold.apply(&event, Some(&shown.id)) {
                        self.verdict.object(Class::Content, fault);
                    }
                }
                if let Some(Err(fault)) = fold.board().map(|folded| same_board(folded, board)) {
                    let sentence = format!("the board shown at {seq}: {fault}");
                    self.verdict.object(Class::Snapshot, sentence);
                }
            }
            if let Err(fault) = check_at_rest(board) {
                self.verdict.object(Class::Snapshot, fault);
            }
            (at, fold) = (*seq, Fold::of(board.clone()));
        }
    }

    fn judge_rest(&mut self) {
        let Some(board) = &self.rest else { return };
        let Ok(head) = seq_of(board["cursor"].as_str().unwrap_or_default()) else {
            return;
        };
        for (name, watcher) in &self.watchers {
            if !watcher.is_revoked && !watcher.is_gone && watcher.last != Some(head) {
                let last = watcher
                    .last
                    .map_or("nowhere".to_owned(), |seq| seq.to_string());
                let sentence = format!("{name} stands at {last}, the board at {head}");
                self.verdict.object(Class::Behind, sentence);
            }
        }
        for seq in self.log.keys().filter(|seq| **seq > head) {
            let sentence = format!("event {seq} was shown, and the board stands at {head}");
            self.verdict.object(Class::Lost, sentence);
        }
    }
}

/// A stream begins: at the place that the watcher had, at the head, or with a snapshot.
fn connected(watcher: &mut Watcher, id: Option<&str>) {
    let after = watcher.after.take();
    match id.and_then(|id| seq_of(id).ok()) {
        None => watcher.awaits_snapshot = true,
        // A resume begins at the watcher's own place; whether it does, the next number tells.
        Some(_) if after.is_some() => {}
        Some(seq) => watcher.last = watcher.last.or(Some(seq)),
    }
}

/// The thing that an event carries: board, list or task.
fn carried(event: &Value) -> Option<&Value> {
    ["task", "list", "board"]
        .iter()
        .map(|noun| &event[*noun])
        .find(|thing| thing.is_object())
}

fn effect_of(event: &Value) -> Option<Effect> {
    if let Some(thing) = carried(event) {
        return Some((thing["id"].as_str()?.to_owned(), thing["version"].as_u64()));
    }
    let deleted = match event["type"].as_str()? {
        "board_deleted" => &event["boardId"],
        "list_deleted" => &event["listId"],
        "task_deleted" => &event["taskId"],
        _ => return None,
    };
    Some((deleted.as_str()?.to_owned(), None))
}

fn named((thing, version): &Effect) -> String {
    match version {
        Some(version) => format!("that {thing} came to version {version}"),
        None => format!("that {thing} was deleted"),
    }
}

/// Whether an event changes nothing but a thing's rank.
fn is_respaced(event: &Value, before: &Value) -> bool {
    let is_move = matches!(event["type"].as_str(), Some("task_moved" | "list_moved"));
    let mut expected = before.clone();
    let Some(after) = carried(event) else {
        return false;
    };
    for field in ["rank", "version", "updatedAt"] {
        expected[field] = after[field].clone();
    }
    is_move && expected == *after
}
