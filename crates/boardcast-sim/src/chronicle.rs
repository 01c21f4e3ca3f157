//! One history of a whole run, put together from everything that was shown to anybody, and judged by
//! the contract alone. Sans-IO: whoever drives a run tells what was asked, answered and shown.
//!
//! What holds for all watchers together stands here: a number of a board means one event for
//! everybody and for ever (I3), what was shown or answered is never gone again (I5), an answered
//! write took effect once and a refused one not at all (I4), and the board is what its events make it
//! (I2). A run that puts an older copy of the data back says so; then what came after the copy is void.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cursor::seq_of;
use crate::fold::{Fold, check_at_rest, same_board};
use crate::sse::Block;

/// More than this says nothing new.
const WRONG_MAX: usize = 50;

/// What parts the sign of a write from the rest of a text.
const SIGN: char = '#';

/// Everything that was asked and shown.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    lines: BTreeMap<String, Line>,
    /// Boards that were purged and made anew: what was shown of them before.
    past: Vec<(String, Line)>,
    writes: Vec<Write>,
    /// The newest version of each thing that was ever answered.
    versions: BTreeMap<String, u64>,
    wrong: Vec<String>,
}

/// What was shown of one board.
#[derive(Clone, Debug, Default)]
struct Line {
    shown: BTreeMap<u64, Shown>,
    fold: Fold,
    /// The number up to which events are folded.
    folded: u64,
    /// The number from which on nothing was missed.
    complete_since: u64,
    /// When its board was made.
    created_at: Option<Value>,
}

/// A place of a log.
#[derive(Clone, Debug)]
struct Shown {
    id: String,
    /// None if only the place was shown.
    data: Option<String>,
}

#[derive(Clone, Debug)]
struct Write {
    kind: &'static str,
    thing: Option<String>,
    /// What its text can be known by.
    sign: Option<String>,
    /// The newest answered version of its thing when it was first sent.
    version_before: u64,
    /// Its key is still kept.
    can_repeat: bool,
    /// An attempt at it was never answered.
    was_lost: bool,
    /// It may have been carried out more than once.
    may_repeat: bool,
    state: State,
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    /// Sent, or to be sent again.
    Open,
    Done(u16, Value),
    Refused,
    /// Never answered, or its answer is void.
    Unknown,
}

/// A moment to which a run may go back.
#[derive(Clone, Debug)]
pub struct Moment {
    lines: BTreeMap<String, Line>,
    past: Vec<(String, Line)>,
    states: Vec<State>,
}

impl Chronicle {
    /// Everything that is wrong so far, in order.
    pub fn wrong(&self) -> &[String] {
        &self.wrong
    }

    /// Notes what whoever drives the run found wrong.
    pub fn object(&mut self, sentence: impl Into<String>) {
        if self.wrong.len() < WRONG_MAX {
            self.wrong.push(sentence.into());
        }
    }

    /// The text of the next write: whatever carries it is that write's doing.
    pub fn text(&self, words: &str) -> String {
        format!("{words} {SIGN}{}", self.writes.len())
    }

    /// A write is sent for the first time. `text` is what it sets, from [`Chronicle::text`]; `thing`
    /// what it is about, if the client knows that. A new board that is asked for under an old id
    /// may begin a new history.
    pub fn asked(
        &mut self,
        kind: &'static str,
        thing: Option<&str>,
        text: Option<&str>,
        has_key: bool,
    ) -> usize {
        let newest = thing.and_then(|thing| self.versions.get(thing));
        self.writes.push(Write {
            kind,
            thing: thing.map(str::to_owned),
            sign: text.and_then(sign_of),
            version_before: newest.copied().unwrap_or_default(),
            can_repeat: has_key,
            was_lost: false,
            may_repeat: false,
            state: State::Open,
        });
        self.writes.len() - 1
    }

    /// Whether the same again must get the first answer.
    pub fn can_repeat(&self, write: usize) -> bool {
        self.writes[write].can_repeat
    }

    /// The clock was set on, so that nobody knows which keys are still kept. Of what is on its way just
    /// now nobody knows whether it counts as sent again.
    pub fn forget_keys(&mut self, on_their_way: &[usize]) {
        for write in &mut self.writes {
            write.can_repeat = false;
        }
        for &write in on_their_way {
            self.writes[write].may_repeat = true;
        }
    }

    /// A write was answered, for the first time or again. `can_fail`: something was wrong with the
    /// disk, so that it may have been turned away for that.
    pub fn answered(&mut self, write: usize, status: u16, body: &Value, can_fail: bool) {
        let name = self.name(write);
        let state = &self.writes[write].state;
        match (state, status) {
            (State::Done(first, said), _) => {
                let same = *first == status && said == body;
                let is_turned_away = status == 503 && can_fail;
                let may_repeat = self.writes[write].may_repeat;
                if !same && !is_turned_away && !may_repeat {
                    let again =
                        format!("{name} was answered {first} {said}, again {status} {body}");
                    self.object(again);
                }
            }
            (_, 200 | 201 | 204) => self.done(write, status, body),
            (_, 404 | 409 | 412 | 422) => self.writes[write].state = State::Refused,
            // That nothing happened is said of this attempt alone.
            (_, 503) if can_fail && self.writes[write].was_lost => {
                self.writes[write].state = State::Unknown;
            }
            (_, 503) if can_fail => self.writes[write].state = State::Refused,
            _ => self.object(format!("{name} was answered {status} {body}")),
        }
    }

    fn done(&mut self, write: usize, status: u16, body: &Value) {
        self.writes[write].state = State::Done(status, body.clone());
        let (Some(thing), Some(version)) = (body["id"].as_str(), body["version"].as_u64()) else {
            return;
        };
        let before = self.writes[write].version_before;
        // A board may have been purged and made anew.
        if version < before && !is_board(body) {
            let name = self.name(write);
            self.object(format!(
                "{name} was answered with version {version}, and {before} was answered before it was asked"
            ));
        }
        let newest = self.versions.entry(thing.to_owned()).or_default();
        *newest = version.max(*newest);
    }

    /// What a write asks for.
    pub fn kind(&self, write: usize) -> &'static str {
        self.writes[write].kind
    }

    /// A write was turned away for what its writer may. That nothing happened is said of this attempt
    /// alone.
    pub fn turned_away(&mut self, write: usize) {
        let write = &mut self.writes[write];
        write.state = match write.state {
            State::Done(..) => return,
            _ if write.was_lost => State::Unknown,
            _ => State::Refused,
        };
    }

    /// A write was sent and will not be answered.
    pub fn unanswered(&mut self, write: usize) {
        let write = &mut self.writes[write];
        write.was_lost = true;
        if write.state == State::Open {
            write.state = State::Unknown;
        }
    }

    /// A write is sent again that is not answered yet.
    pub fn reopened(&mut self, write: usize) {
        let state = &mut self.writes[write].state;
        if *state == State::Unknown {
            *state = State::Open;
        }
    }

    fn name(&self, write: usize) -> String {
        let Write { kind, thing, .. } = &self.writes[write];
        format!("write {write} ({kind} of {thing:?})")
    }

    /// A board was shown that was made at this time. If that is another one than before, a history ends
    /// here and another begins.
    pub fn saw_life(&mut self, board: &str, created_at: &Value) {
        let line = self.lines.entry(board.to_owned()).or_default();
        let known = line.created_at.get_or_insert_with(|| created_at.clone());
        let mut past = self.past.iter();
        let is_known = known == created_at
            || past.any(|(name, line)| name == board && line.is_made_at(created_at));
        if is_known {
            return;
        }
        if !self.may_begin_anew(board) {
            return self.object(format!("{board} was made anew, and nobody asked for it"));
        }
        let next = Line {
            created_at: Some(created_at.clone()),
            ..Line::default()
        };
        let last = self.lines.insert(board.to_owned(), next);
        self.past.extend(last.map(|last| (board.to_owned(), last)));
    }

    /// Whether more boards were asked for under this id than there are histories of it.
    fn may_begin_anew(&self, board: &str) -> bool {
        let is_create = |write: &&Write| {
            let is_this = write.kind == "board_created" && write.thing.as_deref() == Some(board);
            is_this && write.state != State::Refused
        };
        let past = self.past.iter().filter(|(name, _)| name == board);
        self.writes.iter().filter(is_create).count() > 1 + past.count()
    }

    /// An event was shown to somebody who stood at a place `after`, if at any.
    pub fn saw_event(&mut self, board: &str, after: Option<&str>, id: &str, data: &str) {
        let event: Value = serde_json::from_str(data).unwrap_or_default();
        let created_at = &event["board"]["createdAt"];
        let created_at = Some(created_at).filter(|_| event["type"] == "board_created");
        self.saw_event_of(board, created_at, after, id, data);
    }

    /// [`Chronicle::saw_event`] of a board that was made at this time, if that is known.
    pub fn saw_event_of(
        &mut self,
        board: &str,
        created_at: Option<&Value>,
        after: Option<&str>,
        id: &str,
        data: &str,
    ) {
        if let Some(created_at) = created_at {
            self.saw_life(board, created_at);
        }
        let noted = match self.line(board, after, created_at, id) {
            Some(line) => line.note(id, Some(data)),
            None => Ok(()),
        };
        if let Err(why) = noted {
            self.object(format!("of {board}: {why}"));
        }
    }

    /// A place was shown to somebody: where a stream began, or where a board stands that was made at
    /// some time.
    pub fn saw_place(&mut self, board: &str, created_at: Option<&Value>, id: &str) {
        if let Some(created_at) = created_at {
            self.saw_life(board, created_at);
        }
        let noted = match self.line(board, None, created_at, id) {
            Some(line) => line.note(id, None),
            None => Ok(()),
        };
        if let Err(why) = noted {
            self.object(format!("of {board}: {why}"));
        }
    }

    /// The history that a place is in. Who watched a board that was purged and made anew may still see
    /// the rest of the old one. None if nobody can tell.
    fn line(
        &mut self,
        board: &str,
        after: Option<&str>,
        created_at: Option<&Value>,
        id: &str,
    ) -> Option<&mut Line> {
        let may_begin_anew = self.may_begin_anew(board);
        let line = self.lines.entry(board.to_owned()).or_default();
        let belongs = |line: &Line| {
            line.knows(id)
                || after.is_some_and(|after| line.knows(after))
                || created_at.is_some_and(|created_at| line.is_made_at(created_at))
        };
        if belongs(line) {
            return Some(line);
        }
        let past = self.past.iter_mut().rev();
        let mut past = past.filter(|(name, _)| name == board);
        if let Some((_, past)) = past.find(|(_, line)| belongs(line)) {
            return Some(past);
        }
        (!may_begin_anew).then_some(line)
    }

    /// The newest place of a board that was shown.
    pub fn newest(&self, board: &str) -> Option<&str> {
        let (_, shown) = self.lines.get(board)?.shown.last_key_value()?;
        Some(&shown.id)
    }

    /// Every place of a board that was shown, oldest first.
    pub fn places(&self, board: &str) -> Vec<String> {
        let shown = self.lines.get(board).into_iter();
        let shown = shown.flat_map(|line| line.shown.values());
        shown.map(|shown| shown.id.clone()).collect()
    }

    /// The log of a board that was made at some time was read to its end, which is here: nothing that
    /// was shown lies past it.
    pub fn ends_at(&mut self, board: &str, created_at: &Value, id: &str) {
        self.saw_place(board, Some(created_at), id);
        let newest = self.newest(board).map(str::to_owned);
        if newest.as_deref() != Some(id) {
            self.object(format!(
                "of {board}: the log ends at {id}, and {newest:?} was shown"
            ));
        }
    }

    /// The board is this, at its log's end.
    pub fn stands(&mut self, board: &str, whole: &Value) {
        let cursor = whole["cursor"].as_str().unwrap_or_default().to_owned();
        self.ends_at(board, &whole["createdAt"], &cursor);
        let line = self.lines.entry(board.to_owned()).or_default();
        let judged = line.compare(whole, seq_of(&cursor).unwrap_or_default());
        let judged = judged.and_then(|()| check_at_rest(whole));
        if let Err(why) = judged {
            self.object(format!("of {board} at {cursor}: {why}"));
        }
    }

    /// How a stream began that was asked for with `sent`, up to its first events. A place of this
    /// history is taken up, and no other; one of the newest `kept` ones must be.
    pub fn resumed(&mut self, board: &str, sent: &str, blocks: &[Block], kept: u64) {
        let line = self.lines.entry(board.to_owned()).or_default();
        let place = line.shown.iter().find(|(_, shown)| shown.id == sent);
        let (newest, since) = (line.newest(), line.complete_since);
        let must_be_good =
            place.is_some_and(|(seq, _)| *seq >= since && newest < seq.saturating_add(kept));
        let Some(connected) = blocks.first() else {
            return self.object(format!("of {board}: nothing came after {sent}"));
        };
        // Nobody was shown the place before the first event.
        let is_start = seq_of(sent) == Ok(0);
        match &connected.id {
            Some(id) if id != sent => {
                self.object(format!("of {board}: asked after {sent}, connected at {id}"));
            }
            Some(_) if place.is_none() && !is_start => {
                self.object(format!(
                    "of {board}: {sent} is no place of its log, and was taken"
                ));
            }
            None if must_be_good => {
                self.object(format!(
                    "of {board}: {sent} is a good place, and was not taken"
                ));
            }
            Some(_) | None => {}
        }
    }

    /// This moment, to come back to.
    pub fn moment(&self) -> Moment {
        Moment {
            lines: self.lines.clone(),
            past: self.past.clone(),
            states: self
                .writes
                .iter()
                .map(|write| write.state.clone())
                .collect(),
        }
    }

    /// The data of that moment were put back: what came after it is void.
    pub fn go_back(&mut self, moment: &Moment) {
        self.lines.clone_from(&moment.lines);
        self.past.clone_from(&moment.past);
        self.versions.clear();
        for (number, write) in self.writes.iter_mut().enumerate() {
            write.version_before = 0;
            let was = moment.states.get(number);
            if matches!(write.state, State::Done(..)) && was != Some(&write.state) {
                write.state = State::Unknown;
            }
        }
    }

    /// Judges the whole, once everything there is to see was seen. `living` are the boards that are
    /// there: of all others nobody knows what happened last, unless their deletion was seen.
    pub fn judge(&mut self, living: &BTreeSet<String>) {
        let mut happened = Happened::default();
        let past = self.past.iter().map(|(_, line)| line);
        let lines: Vec<_> = self.lines.values().chain(past).collect();
        lines.iter().for_each(|line| happened.add(line));
        let holes = lines.iter().map(|line| line.holes()).sum();
        let vague = self.writes.iter().filter(|write| write.may_repeat);
        let vague = vague.filter_map(|write| write.sign.clone()).collect();
        let mut wrong = happened.wrong(&vague);
        wrong.extend(self.unseen(&happened, holes, &self.open_ends(&happened, living)));
        let refused = self
            .writes
            .iter()
            .filter(|write| write.state == State::Refused);
        let signs = refused.filter_map(|write| write.sign.as_ref());
        wrong.extend(
            signs
                .filter(|sign| happened.signs.contains_key(*sign) && !vague.contains(*sign))
                .map(|sign| format!("write {sign} was refused, and it happened")),
        );
        for sentence in wrong {
            self.object(sentence);
        }
    }

    /// Boards of which more may have happened than anybody saw.
    fn open_ends(&self, happened: &Happened, living: &BTreeSet<String>) -> BTreeSet<String> {
        let lines = self.lines.iter();
        let gone = lines.filter(|(board, line)| !living.contains(*board) && !line.has_ended());
        let past = self.past.iter().filter(|(_, line)| !line.has_ended());
        let names = gone.map(|(board, _)| board);
        let names = names.chain(past.map(|(board, _)| board)).cloned();
        let restored = self.unseen_restores(happened);
        let restored = restored.filter(|board| !living.contains(board));
        names.chain(self.unseen_lives()).chain(restored).collect()
    }

    /// Boards that were answered as restored, and nobody saw it: their end came once more.
    fn unseen_restores(&self, happened: &Happened) -> impl Iterator<Item = String> {
        let answered = self.writes.iter().filter_map(|write| match &write.state {
            State::Done(_, said) if write.kind == "board_restored" => Some(said),
            _ => None,
        });
        answered.filter_map(|said| {
            let place = (said["id"].as_str()?.to_owned(), said["version"].as_u64()?);
            (!happened.versions.contains_key(&place)).then_some(place.0)
        })
    }

    /// Boards that were answered as made, and of which nothing was seen before they were gone.
    fn unseen_lives(&self) -> impl Iterator<Item = String> {
        let made = self.writes.iter().filter_map(|write| match &write.state {
            State::Done(_, said) if write.kind == "board_created" => Some(said),
            _ => None,
        });
        made.filter_map(|said| {
            let (board, created_at) = (said["id"].as_str()?, &said["createdAt"]);
            let past = self.past.iter().filter(|(name, _)| name == board);
            let mut lines = past.map(|(_, line)| line).chain(self.lines.get(board));
            let is_seen = lines.any(|line| line.is_made_at(created_at));
            (!is_seen).then(|| board.to_owned())
        })
    }

    /// A list stays on its board.
    fn boards_of_lists(&self, happened: &Happened) -> BTreeMap<String, String> {
        let answered = self.writes.iter().filter_map(|write| match &write.state {
            State::Done(_, said) => Some(said),
            _ => None,
        });
        let seen = happened.versions.values().flatten();
        let lists = seen.chain(answered).filter_map(|thing| {
            let board = thing["boardId"].as_str()?;
            Some((thing["id"].as_str()?.to_owned(), board.to_owned()))
        });
        lists.collect()
    }

    /// Answers whose event nobody saw; as many as there are numbers that nobody saw may be true.
    fn unseen(&self, happened: &Happened, holes: u64, open_ends: &BTreeSet<String>) -> Vec<String> {
        let boards = self.boards_of_lists(happened);
        let mut wrong = Vec::new();
        let mut unseen = BTreeSet::new();
        for (number, write) in self.writes.iter().enumerate() {
            let State::Done(_, said) = &write.state else {
                continue;
            };
            let (Some(thing), Some(version)) = (said["id"].as_str(), said["version"].as_u64())
            else {
                continue;
            };
            let list = said["listId"].as_str().unwrap_or(thing);
            let board = boards.get(list).map_or(thing, String::as_str);
            if open_ends.contains(board) {
                continue;
            }
            let name = self.name(number);
            let is_same = |carried: &Value| same_thing(carried, said);
            let place = (thing.to_owned(), version);
            match happened.versions.get(&place) {
                None => {
                    unseen.insert(place);
                    wrong.push(format!("{name} was answered {said}, which no event made"));
                }
                Some(carried) if !carried.iter().any(is_same) => {
                    unseen.insert(place);
                    wrong.push(format!(
                        "{name} was answered {said}, its events say {carried:?}"
                    ));
                }
                Some(_) => {}
            }
        }
        if unseen.len() as u64 <= holes {
            wrong.clear();
        }
        wrong
    }
}

impl Line {
    fn knows(&self, id: &str) -> bool {
        let shown = seq_of(id).ok().and_then(|seq| self.shown.get(&seq));
        shown.is_some_and(|shown| shown.id == id)
    }

    fn is_made_at(&self, created_at: &Value) -> bool {
        self.created_at.as_ref() == Some(created_at)
    }

    fn note(&mut self, id: &str, data: Option<&str>) -> Result<(), String> {
        let seq = seq_of(id)?;
        let shown = self.shown.entry(seq).or_insert_with(|| Shown {
            id: id.to_owned(),
            data: data.map(str::to_owned),
        });
        if shown.id != id {
            return Err(format!("number {seq} is {} and {id}", shown.id));
        }
        match (&shown.data, data) {
            (None, Some(data)) => shown.data = Some(data.to_owned()),
            (Some(known), Some(data)) if known != data => {
                return Err(format!("event {id} is {known} and {data}"));
            }
            _ => {}
        }
        self.fold_on()
    }

    fn newest(&self) -> u64 {
        self.shown.last_key_value().map_or(0, |(seq, _)| *seq)
    }

    /// Folds the events that follow each other.
    fn fold_on(&mut self) -> Result<(), String> {
        let mut verdict = Ok(());
        while let Some(Shown {
            id,
            data: Some(data),
        }) = self.shown.get(&(self.folded + 1))
        {
            self.folded += 1;
            let message = serde_json::from_str(data).unwrap_or_default();
            verdict = verdict.and(self.fold.apply(&message, Some(id)));
        }
        verdict
    }

    /// Compares what the events made with the board; begins from the board where events were missed.
    fn compare(&mut self, whole: &Value, seq: u64) -> Result<(), String> {
        match self.fold.board() {
            Some(folded) if self.folded == seq => same_board(folded, whole)
                .map_err(|difference| format!("it is not what its events made: {difference}")),
            _ => {
                self.fold = Fold::of(whole.clone());
                (self.folded, self.complete_since) = (seq, seq);
                Ok(())
            }
        }
    }

    /// Whether its deletion is the last that was seen.
    fn has_ended(&self) -> bool {
        let last = self.shown.last_key_value();
        let data = last.and_then(|(_, shown)| shown.data.as_deref());
        data.is_some_and(|data| data.starts_with("{\"type\":\"board_deleted\""))
    }

    /// Numbers whose event nobody saw.
    fn holes(&self) -> u64 {
        let seen = self.shown.iter().filter(|(_, shown)| shown.data.is_some());
        self.newest() - seen.filter(|(seq, _)| **seq > 0).count() as u64
    }
}

/// What all events together did.
#[derive(Default)]
struct Happened {
    /// Under a thing and its version what an event carried.
    versions: BTreeMap<(String, u64), Vec<Value>>,
    /// How often a thing came to carry a write's sign.
    signs: BTreeMap<String, BTreeSet<(String, u64)>>,
    twice: Vec<String>,
}

impl Happened {
    fn add(&mut self, line: &Line) {
        for shown in line.shown.values() {
            let data = shown.data.as_deref().unwrap_or_default();
            let event: Value = serde_json::from_str(data).unwrap_or_default();
            let noun = event["type"].as_str().unwrap_or_default();
            let carried = &event[noun.split('_').next().unwrap_or_default()];
            let (Some(thing), Some(version)) =
                (carried["id"].as_str(), carried["version"].as_u64())
            else {
                continue;
            };
            let place = (thing.to_owned(), version);
            let all = self.versions.entry(place).or_default();
            all.push(carried.clone());
            // A board that was purged and made anew begins again.
            if all.len() > 1 && !noun.starts_with("board") {
                let twice = format!("{thing} came to version {version} twice");
                self.twice.push(twice);
            }
        }
    }

    /// What happened twice. Moves carry a text on; only where a text appears, its write happened.
    fn wrong(&mut self, vague: &BTreeSet<String>) -> Vec<String> {
        let mut before: Option<(&str, Option<String>)> = None;
        let carried = self.versions.iter();
        let carried = carried.flat_map(|(place, all)| all.iter().map(move |one| (place, one)));
        for ((thing, version), carried) in carried {
            let text = carried["title"].as_str().or(carried["name"].as_str());
            let sign = text.and_then(sign_of);
            let is_same = before.as_ref() == Some(&(thing.as_str(), sign.clone()));
            if let (false, Some(sign)) = (is_same, &sign) {
                let places = self.signs.entry(sign.clone()).or_default();
                places.insert((thing.clone(), *version));
            }
            before = Some((thing, sign));
        }
        let mut wrong = std::mem::take(&mut self.twice);
        let often = self.signs.iter().filter(|(_, places)| places.len() > 1);
        let often = often.filter(|(sign, _)| !vague.contains(*sign));
        wrong.extend(
            often.map(|(sign, places)| format!("write {sign} happened more than once: {places:?}")),
        );
        wrong
    }
}

/// Whether an answer shows a thing as an event carried it. A board's `updatedAt` goes on with every
/// event of its log.
fn same_thing(carried: &Value, said: &Value) -> bool {
    if !is_board(said) {
        return carried == said;
    }
    let mut said = said.clone();
    said["updatedAt"] = carried["updatedAt"].clone();
    *carried == said
}

fn is_board(thing: &Value) -> bool {
    thing.get("boardId").is_none() && thing.get("listId").is_none()
}

fn sign_of(text: &str) -> Option<String> {
    let (_, sign) = text.rsplit_once(SIGN)?;
    Some(sign.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::Parser;
    use serde_json::json;

    const T0: &str = "2026-11-23T21:17:57.000Z";
    const T1: &str = "2026-12-30T21:17:57.000Z";

    fn id(seq: u64) -> String {
        format!("{seq}-03b7710c9ae4")
    }

    fn board(created_at: &str) -> Value {
        json!({"id": "b", "name": "B #0", "version": 1, "createdAt": created_at, "updatedAt": created_at})
    }

    fn list(name: &str, version: u64) -> Value {
        json!({"id": "l", "boardId": "b", "name": name, "rank": "V", "version": version,
            "createdAt": T0, "updatedAt": T0})
    }

    fn event(kind: &str, field: &str, carried: &Value) -> String {
        let mut event = json!({"type": kind, "boardId": "b", "by": null, "at": T0});
        event[field] = carried.clone();
        event.to_string()
    }

    fn list_event(kind: &str, name: &str, version: u64) -> String {
        event(kind, "list", &list(name, version))
    }

    /// A board and a list that were asked for, answered, and seen.
    fn two_events() -> Chronicle {
        let mut chronicle = Chronicle::default();
        let made = chronicle.asked("board_created", Some("b"), Some("B #0"), false);
        chronicle.answered(made, 201, &board(T0), false);
        let made = chronicle.asked("list_created", Some("l"), Some("L #1"), true);
        chronicle.answered(made, 201, &list("L #1", 1), false);
        let created = event("board_created", "board", &board(T0));
        chronicle.saw_event("b", None, &id(1), &created);
        let created = list_event("list_created", "L #1", 1);
        chronicle.saw_event("b", Some(&id(1)), &id(2), &created);
        chronicle
    }

    fn whole(seq: u64) -> Value {
        let mut whole = board(T0);
        let mut own = list("L #1", 1);
        own["tasks"] = json!([]);
        (whole["lists"], whole["cursor"]) = (json!([own]), json!(id(seq)));
        whole
    }

    fn living() -> BTreeSet<String> {
        BTreeSet::from(["b".to_owned()])
    }

    #[track_caller]
    fn check(mut chronicle: Chronicle, said: &[&str]) {
        chronicle.judge(&living());
        let wrong = chronicle.wrong();
        assert_eq!(wrong.len(), said.len(), "{wrong:?}");
        for (sentence, part) in wrong.iter().zip(said) {
            assert!(sentence.contains(part), "{sentence:?} doesn't say {part:?}");
        }
    }

    #[test]
    fn a_good_run_leaves_nothing_to_say() {
        let mut chronicle = two_events();
        chronicle.stands("b", &whole(2));
        check(chronicle, &[]);
    }

    #[test]
    fn a_number_means_one_event_for_everybody() {
        let mut chronicle = two_events();
        let other = list_event("list_created", "M #1", 1);
        chronicle.saw_event("b", Some(&id(1)), &id(2), &other);
        chronicle.saw_place("b", None, "2-ffffffffffff");
        let said = ["event 2-03b7710c9ae4 is", "number 2 is"];
        check(chronicle, &said);
    }

    #[test]
    fn what_was_shown_is_never_gone_again() {
        let mut chronicle = two_events();
        chronicle.ends_at("b", &json!(T0), &id(1));
        check(chronicle, &["the log ends at 1-03b7710c9ae4"]);
    }

    #[test]
    fn the_board_is_what_its_events_made() {
        let mut chronicle = two_events();
        let mut other = whole(2);
        other["lists"][0]["name"] = json!("M");
        chronicle.stands("b", &other);
        check(chronicle, &["not what its events made: lists[0].name"]);
    }

    #[test]
    fn an_answer_has_its_event_and_a_refusal_has_none() {
        let mut chronicle = two_events();
        let lost = chronicle.asked("list_updated", Some("l"), Some("N #2"), false);
        chronicle.answered(lost, 200, &list("N #2", 2), false);
        let refused = chronicle.asked("list_updated", Some("l"), Some("O #3"), false);
        chronicle.answered(refused, 412, &Value::Null, false);
        let event = list_event("list_updated", "O #3", 3);
        chronicle.saw_event("b", Some(&id(2)), &id(3), &event);
        check(
            chronicle,
            &[
                "of b: list_updated 3-03b7710c9ae4: version",
                "which no event made",
                "write 3 was refused, and it happened",
            ],
        );
    }

    #[test]
    fn a_write_happens_once_and_is_answered_alike() {
        let mut chronicle = two_events();
        chronicle.answered(1, 201, &list("L #1", 2), false);
        let mut again = list("L #1", 1);
        again["id"] = json!("m");
        let created = event("list_created", "list", &again);
        chronicle.saw_event("b", Some(&id(2)), &id(3), &created);
        check(
            chronicle,
            &["write 1 (list_created", "write 1 happened more than once"],
        );
    }

    #[test]
    fn without_a_fault_nobody_is_turned_away() {
        let mut chronicle = two_events();
        let write = chronicle.asked("list_deleted", Some("l"), None, false);
        chronicle.answered(write, 503, &Value::Null, true);
        chronicle.answered(write, 503, &Value::Null, false);
        check(chronicle, &["was answered 503"]);
    }

    #[test]
    fn an_answer_is_not_older_than_one_from_before_the_question() {
        let mut chronicle = two_events();
        let newer = chronicle.asked("list_updated", Some("l"), Some("N #2"), false);
        chronicle.answered(newer, 200, &list("N #2", 2), false);
        let event = list_event("list_updated", "N #2", 2);
        chronicle.saw_event("b", Some(&id(2)), &id(3), &event);
        let late = chronicle.asked("list_updated", Some("l"), None, false);
        chronicle.answered(late, 200, &list("L #1", 1), false);
        check(chronicle, &["2 was answered before it was asked"]);
    }

    #[test]
    fn a_board_that_is_made_anew_begins_another_history() {
        let mut chronicle = two_events();
        let created = event("board_created", "board", &board(T1)).replace(T0, T1);
        let mut unasked = chronicle.clone();
        unasked.saw_event("b", None, "1-ffffffffffff", &created);
        let said = ["nobody asked for it", "number 1 is"];
        check(unasked, &said);
        chronicle.asked("board_created", Some("b"), Some("B #2"), false);
        chronicle.saw_event("b", None, "1-ffffffffffff", &created);
        // Somebody still reads the old one.
        let deleted = event("list_deleted", "listId", &json!("l"));
        chronicle.saw_event("b", Some(&id(2)), &id(3), &deleted);
        assert_eq!(chronicle.newest("b"), Some("1-ffffffffffff"));
        check(chronicle, &[]);
    }

    #[test]
    fn what_happened_between_two_ends_of_a_board_may_be_unseen() {
        let restored = |version| {
            let mut chronicle = two_events();
            let deleted =
                format!(r#"{{"type":"board_deleted","boardId":"b","by":null,"at":"{T0}"}}"#);
            chronicle.saw_event("b", Some(&id(2)), &id(3), &deleted);
            let write = chronicle.asked("board_restored", Some("b"), None, false);
            let mut said = board(T0);
            said["version"] = json!(version);
            chronicle.answered(write, 200, &said, false);
            let write = chronicle.asked("list_updated", Some("l"), Some("N #2"), false);
            chronicle.answered(write, 200, &list("N #2", 2), false);
            chronicle.judge(&BTreeSet::new());
            chronicle.wrong().len()
        };
        assert_eq!(restored(2), 0);
        assert_eq!(restored(1), 1, "a restore that was seen hides nothing");
    }

    #[test]
    fn after_an_older_copy_was_put_back_what_came_later_is_void() {
        let mut chronicle = two_events();
        let moment = chronicle.moment();
        let write = chronicle.asked("list_updated", Some("l"), Some("N #2"), false);
        chronicle.answered(write, 200, &list("N #2", 2), false);
        let updated = list_event("list_updated", "N #2", 2);
        chronicle.saw_event("b", Some(&id(2)), &id(3), &updated);
        chronicle.go_back(&moment);
        chronicle.saw_place("b", None, "3-ffffffffffff");
        check(chronicle, &[]);
    }

    #[test]
    fn a_place_of_this_history_is_taken_up_and_no_other() {
        let begins = |id: &str| {
            let mut parser = Parser::default();
            parser.push(format!("data: {{\"type\":\"connected\"}}\n{id}\n").as_bytes());
            parser.map(Result::unwrap).collect::<Vec<_>>()
        };
        let mut chronicle = two_events();
        let (good, foreign) = (id(2), "2-ffffffffffff");
        chronicle.resumed("b", &good, &begins(&format!("id: {good}\n")), 5);
        chronicle.resumed("b", foreign, &begins(""), 5);
        assert_eq!(chronicle.wrong(), Vec::<String>::new());
        chronicle.resumed("b", &good, &begins(""), 5);
        chronicle.resumed("b", foreign, &begins(&format!("id: {foreign}\n")), 5);
        check(chronicle, &["was not taken", "no place of its log"]);
    }
}
