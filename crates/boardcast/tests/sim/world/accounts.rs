//! Worlds in which accounts are on: people change while everything else goes on, and whatever anybody
//! receives or is refused is held against what they may at that moment. Rights count from the moment
//! at which the writer makes a commit known, which is before anybody in it is answered.

mod reading;
mod recall;
mod tickets;
mod watching;
mod writes;

use super::World;
use crate::clients::{BOARDS, State};
use crate::people::{self, AUDITOR, People, USERS};
use crate::server::Asked;
use crate::tasks::Flag;
use boardcast::sabotage::{Spot, disarm};
use boardcast::store::PeopleAnswer;
use boardcast_core::access::{Access, Caller};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::Segment;
use boardcast_core::people::{PeopleCommand, PeopleRequest};
use boardcast_sim::cursor::seq_of;
use boardcast_sim::rights::{Answer, Badge, Change, Rights, Role};
use reading::Reader;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
pub(crate) use tickets::Ticket;
pub(crate) use watching::Gaps;
use writes::Judged;

/// Requests that only read, at the same time.
const READERS_MAX: usize = 3;

/// What waits for the writer, in the order of its queue.
pub(super) enum Queued {
    Change(Waiting),
    Write { write: usize, badge: Badge },
}

/// A change of people on its way.
pub(super) struct Waiting {
    badge: Badge,
    change: Change,
    answer: Pin<Box<dyn Future<Output = PeopleAnswer>>>,
}

/// Everything of a world that has to do with accounts.
pub(super) struct Accounts {
    pub(super) people: People,
    queue: Vec<Queued>,
    /// Of writes that were carried out and not answered yet.
    judged: BTreeMap<usize, Judged>,
    readers: Vec<Reader>,
    /// Places of boards since they were made, if that was seen.
    places: BTreeMap<String, BTreeSet<String>>,
    tickets: tickets::Tickets,
    /// Where each board stands.
    heads: BTreeMap<String, u64>,
    auditor: Badge,
    /// By whose credential each write is asked.
    writers: BTreeMap<usize, Badge>,
    boards_of_lists: BTreeMap<String, String>,
    /// What is answered where there is nothing, for each kind of thing.
    not_found: BTreeMap<String, Value>,
    pub(super) is_in_turn: bool,
    /// Events of the turn that is taken: of which board, which, and by whose credential.
    events: Vec<(String, String, Value)>,
    /// Rights when the copy was made.
    pub(super) copied: Option<Rights>,
}

impl Accounts {
    pub(super) fn new(people: People) -> Self {
        Self {
            people,
            queue: Vec::new(),
            judged: BTreeMap::new(),
            readers: Vec::new(),
            places: BTreeMap::new(),
            tickets: tickets::Tickets::default(),
            heads: BTreeMap::new(),
            auditor: Badge::Nobody,
            writers: BTreeMap::new(),
            boards_of_lists: BTreeMap::new(),
            not_found: BTreeMap::new(),
            is_in_turn: false,
            events: Vec::new(),
            copied: None,
        }
    }
}

impl World<'_> {
    pub(super) fn accounts(&mut self) -> &mut Accounts {
        self.accounts.as_mut().expect("accounts are on")
    }

    /// Whether somebody may be sent something of a board at this moment.
    pub(super) fn may_see(&self, badge: &Badge, board: &str) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| {
            // Whoever makes a board sees it.
            accounts.people.may_see(badge, board)
                || (accounts.is_in_turn && self.may_be_gone.contains(board))
        })
    }

    // The beginning.

    /// Whether accounts are on, or will be.
    pub(super) fn is_of_people(&self) -> bool {
        self.accounts.is_some() || self.swarm.people.is_some()
    }

    /// Open mode is over, for good, for whoever watches by it. Nothing goes wrong meanwhile; and what
    /// was asked by it and not answered is nobody's any more.
    pub(super) fn switch_accounts_on(&mut self) {
        if self.swarm.people.is_none() {
            return;
        }
        self.trace
            .note(format_args!("{} accounts are switched on", self.now_ms));
        let was_calm = std::mem::replace(&mut self.swarm.is_calm, true);
        disarm(Spot::ReadFails);
        self.settle();
        for client in &mut self.clients {
            if matches!(client.state, State::Again { .. }) {
                client.state = State::Idle;
            }
        }
        self.chronicle.forget_keys(&[]);
        self.copy = None;
        let people = self.swarm.people.take().map(People::new);
        self.accounts = people.map(|people| Box::new(Accounts::new(people)));
        self.set_up();
        self.swarm.is_calm = was_calm;
    }

    /// Switches accounts on: a few people who are something on most boards, each signed in.
    fn set_up(&mut self) {
        let first = self.accounts().people.new_session(USERS[0]);
        let nobody = Access::of(Caller::Nobody);
        self.ask_now(&nobody, people::set_up(USERS[0], &first));
        let accounts = self.accounts();
        accounts.people.rights.add_user(USERS[0], true);
        accounts.people.rights.add_session(&first, USERS[0]);
        for board in BOARDS {
            let rights = &mut accounts.people.rights;
            rights.board_was_made(board, Some(USERS[0]));
        }
        let operator = Access::of(Caller::Operator);
        for user in USERS[1..].iter().copied().chain([AUDITOR]) {
            let session = self.accounts().people.new_session(user);
            self.ask_now(&operator, people::create(user));
            self.ask_now(&nobody, people::accept(user, &session));
            let rights = &mut self.accounts().people.rights;
            rights.add_user(user, false);
            rights.add_session(&session, user);
        }
        let token = self.accounts().people.new_token(AUDITOR);
        self.accounts().auditor = Badge::Token(token.clone());
        self.change(
            Badge::Operator,
            Change::MakeToken {
                user: AUDITOR.to_owned(),
                token,
                cap: Role::Viewer,
                boards: None,
            },
        );
        for board in BOARDS {
            self.let_auditor_see(board);
            for user in &USERS[1..] {
                let role = match self.accounts().people.random.below(4) {
                    0 => continue,
                    1 => Role::Viewer,
                    2 => Role::Editor,
                    _ => Role::Admin,
                };
                let (board, user) = (board.to_owned(), (*user).to_owned());
                self.change(Badge::Operator, Change::PutMember { board, user, role });
            }
        }
        self.settle();
    }

    fn ask_now(&mut self, access: &Access, command: PeopleCommand) {
        let access = access.clone();
        let engine = Arc::clone(&self.server().engine);
        let asking = PeopleRequest { access, command };
        let mut answer = Box::pin(async move { engine.submit_people(asking).await });
        assert!(poll(&mut answer).is_none(), "it waits for the writer");
        self.turn();
        let answer = poll(&mut answer).expect("it was carried out");
        assert!(answer.is_ok(), "{answer:?}");
    }

    fn let_auditor_see(&mut self, board: &str) {
        let seen = Change::PutMember {
            board: board.to_owned(),
            user: AUDITOR.to_owned(),
            role: Role::Viewer,
        };
        self.change(Badge::Operator, seen);
    }

    /// What the judges ask by.
    pub(super) fn as_auditor(&self, asked: Asked) -> Asked {
        let badge = self.accounts.as_ref().map(|accounts| &accounts.auditor);
        match badge.and_then(people::header) {
            Some((name, value)) => asked.header(name, value),
            None => asked,
        }
    }

    // What people do.

    pub(super) fn people_act(&mut self) {
        let Some(accounts) = &mut self.accounts else {
            return;
        };
        match accounts.people.random.below(16) {
            0..4 => {
                let (badge, change) = accounts.people.draw();
                self.change(badge, change);
            }
            4..6 if accounts.readers.len() < READERS_MAX => self.read(),
            6..9 => self.take_what_is_read(),
            _ => {}
        }
    }

    /// Somebody loses a board while they read it: a moment that chance alone seldom meets.
    fn take_what_is_read(&mut self) {
        let accounts = self.accounts();
        let people = &mut accounts.people;
        let being_read = accounts.readers.iter().filter_map(Reader::reads);
        let being_read: Vec<_> = being_read.collect();
        if !being_read.is_empty() {
            let (board, badge) = *people.random.pick(&being_read);
            let user = people.owner(badge).to_owned();
            let board = board.to_owned();
            self.change(Badge::Operator, Change::RemoveMember { board, user });
        }
    }

    fn change(&mut self, badge: Badge, change: Change) {
        self.trace
            .note(format_args!("{} {badge:?} wants {change:?}", self.now_ms));
        let engine = Arc::clone(&self.server().engine);
        let request = self.accounts().people.request(&badge, &change);
        let mut answer: Pin<Box<dyn Future<Output = PeopleAnswer>>> =
            Box::pin(async move { engine.submit_people(request).await });
        // On its way to the queue.
        assert!(poll(&mut answer).is_none(), "it waits for the writer");
        self.accounts().queue.push(Queued::Change(Waiting {
            badge,
            change,
            answer,
        }));
    }

    /// The clock was set on by days.
    pub(super) fn age_people(&mut self) {
        if let Some(accounts) = &mut self.accounts {
            accounts.people.rights.age();
            self.look_who_may();
        }
    }

    // Turns.

    /// What rights are once everything is done that waits.
    pub(super) fn look_ahead(&mut self) {
        let Some(accounts) = &mut self.accounts else {
            return;
        };
        let mut ahead = accounts.people.rights.clone();
        for queued in &accounts.queue {
            if let Queued::Change(Waiting { badge, change, .. }) = queued
                && ahead.answer(badge, change, true) == Answer::Done
            {
                ahead.apply(badge, change);
            }
        }
        // Who looks before the commit is made known may find this already.
        for watcher in &mut self.watchers {
            watcher.gaps.note(&ahead, &watcher.badge, &watcher.boards);
        }
        for reader in &mut accounts.readers {
            reader.gaps.note(&ahead, &reader.badge, reader.boards());
        }
        accounts.people.ahead = Some(ahead);
        accounts.is_in_turn = true;
    }

    /// A commit is made known.
    pub(super) fn note_events(&mut self, segments: &[Segment]) {
        let Some(accounts) = &mut self.accounts else {
            return;
        };
        for segment in segments {
            let board = segment.board_id().as_str();
            accounts.heads.insert(board.to_owned(), segment.last().seq);
            let before = Cursor {
                seq: segment.first_seq() - 1,
                ..segment.last()
            };
            for frame in segment.frames_after(before) {
                let event: Value = serde_json::from_slice(frame.json()).unwrap_or_default();
                let kind = event["type"].as_str().unwrap_or_default().to_owned();
                let places = accounts.places.entry(board.to_owned()).or_default();
                if kind == "board_created" {
                    places.clear();
                }
                places.insert(frame.cursor.to_string());
                let event = (board.to_owned(), kind, event["by"].clone());
                accounts.events.push(event);
            }
        }
    }

    /// A board was read to its end.
    pub(super) fn note_head(&mut self, board: &str, whole: &Value) {
        let head = whole["cursor"].as_str().and_then(|id| seq_of(id).ok());
        if let (Some(accounts), Some(head)) = (&mut self.accounts, head) {
            accounts.heads.insert(board.to_owned(), head);
        }
    }

    /// The turn is over: everybody in it can see their answer.
    pub(super) fn know_changes(&mut self) {
        let Some(accounts) = &mut self.accounts else {
            return;
        };
        let heads_before = accounts.heads.clone();
        (accounts.people.ahead, accounts.is_in_turn) = (None, false);
        let events = std::mem::take(&mut accounts.events);
        let queue = std::mem::take(&mut accounts.queue);
        for (board, kind, by) in &events {
            if kind == "board_created" {
                let by = by["id"].as_str();
                accounts.people.rights.board_was_made(board, by);
                let watchers = self.watchers.iter_mut();
                for watcher in watchers.filter(|watcher| watcher.boards.contains(board)) {
                    watcher.past.insert(board.clone());
                }
                let server = self.server.as_mut().expect("it runs");
                server.fanout.made_anew(board);
            }
        }
        self.look_who_may();
        let mut turn: Vec<Judged> = Vec::new();
        for queued in queue {
            match queued {
                Queued::Change(waiting) => self.know_change(waiting),
                Queued::Write { write, badge } => {
                    let judged = self.judged_now(badge);
                    turn.push(judged.clone());
                    self.accounts().judged.insert(write, judged);
                }
            }
        }
        self.judge_events(&events, &turn);
        self.judge_streams();
        self.bound_readers(&heads_before);
    }

    fn know_change(&mut self, waiting: Waiting) {
        let Waiting {
            badge,
            change,
            mut answer,
        } = waiting;
        let Some(answer) = poll(&mut answer) else {
            return self.chronicle.object(format!("{change:?} is not answered"));
        };
        let answered = people::answered(&answer);
        self.trace.note(format_args!(
            "  {badge:?} is answered {change:?}: {answered:?}"
        ));
        let rights = &self.accounts().people.rights.clone();
        let expected = self.expected(rights, &badge, &change);
        match answered {
            None if self.disk_failed => {}
            Some(Ok(answer)) if expected.contains(&answer) => {
                if answer == Answer::Done {
                    self.accounts().people.rights.apply(&badge, &change);
                    self.look_who_may();
                }
            }
            _ => self.chronicle.object(format!(
                "{change:?} by {badge:?} was answered {answer:?}, not {expected:?}"
            )),
        }
    }

    /// What a change may be answered with. More than one where nobody can tell whether a board is there
    /// or a session has ended.
    fn expected(&self, rights: &Rights, badge: &Badge, change: &Change) -> Vec<Answer> {
        let may_be_gone = |board: &String| self.may_be_gone.contains(board);
        let is_vague = match change {
            Change::PutMember { board, .. } | Change::RemoveMember { board, .. } => {
                may_be_gone(board)
            }
            Change::MakeToken { boards, .. } => boards.iter().flatten().any(may_be_gone),
            _ => false,
        };
        let mut expected = vec![rights.answer(badge, change, true)];
        if is_vague {
            expected.push(rights.answer(badge, change, false));
        }
        if rights.is_unsure(badge) {
            expected.push(Answer::NotSignedIn);
        }
        if let Change::EndSession(session) = change
            && rights.is_unsure(&Badge::Session(session.clone()))
        {
            expected.push(Answer::NotFound);
        }
        expected
    }

    /// What people may be once all of this was carried out.
    fn after(&self, queue: &[Queued], rights: Rights) -> Vec<Rights> {
        let mut all = vec![rights];
        for queued in queue {
            let Queued::Change(Waiting { badge, change, .. }) = queued else {
                continue;
            };
            let mut next = Vec::new();
            for mut rights in all {
                let expected = self.expected(&rights, badge, change);
                if expected.iter().any(|answer| *answer != Answer::Done) {
                    next.push(rights.clone());
                }
                if expected.contains(&Answer::Done) {
                    rights.apply(badge, change);
                    next.push(rights);
                }
            }
            all = next;
        }
        all
    }

    /// Rights have changed: notes what nobody may see any more, for all who watch or read.
    pub(super) fn look_who_may(&mut self) {
        let Some(accounts) = &mut self.accounts else {
            return;
        };
        let rights = &accounts.people.rights;
        for watcher in &mut self.watchers {
            watcher.gaps.note(rights, &watcher.badge, &watcher.boards);
        }
        for reader in &mut accounts.readers {
            reader.look(rights);
        }
        let server = self.server.as_mut().expect("it runs");
        server.fanout.look_who_may(|badge, board| {
            !rights.is_unsure(badge) && rights.role(badge, board).is_some()
        });
    }

    /// Nobody who lost their rights is sent anything from here on, and streams by themselves are cut.
    fn judge_streams(&mut self) {
        let Some(accounts) = &self.accounts else {
            return;
        };
        let rights = &accounts.people.rights;
        let lost = |badge: &Badge, board: &str| {
            !rights.is_unsure(badge) && rights.role(badge, board).is_none()
        };
        let mut wrong = Vec::new();
        for watcher in &self.watchers {
            let is_alone = watcher.boards.len() == 1;
            let is_out =
                rights.holder(&watcher.badge).is_none() && !rights.is_unsure(&watcher.badge);
            let has_lost =
                is_alone && lost(&watcher.badge, &watcher.boards[0]) && watcher.past.is_empty();
            let must_be_cut = is_out || has_lost;
            if must_be_cut && watcher.is_left_open() {
                wrong.push(format!(
                    "{} lost its rights, and that was answered before its stream was cut",
                    watcher.name
                ));
            }
        }
        self.server.as_mut().expect("it runs").fanout.lost(lost);
        for sentence in wrong {
            self.chronicle.object(sentence);
        }
    }

    /// Whoever was told that a board is gone comes back for it.
    pub(super) fn look_again(&mut self) {
        if self.accounts.is_none() {
            return;
        }
        for watcher in &mut self.watchers {
            let follows = watcher.boards.iter().all(|board| watcher.follows(board));
            if watcher.is_open() && !follows {
                watcher.lose(self.now_ms);
            }
        }
    }

    /// Everybody gets everything back.
    pub(super) fn heal_people(&mut self) {
        if self.accounts.is_none() {
            return;
        }
        for user in USERS {
            self.change(Badge::Operator, Change::Disable(user.to_owned(), false));
            for board in BOARDS {
                let (board, user) = (board.to_owned(), user.to_owned());
                let role = Role::Admin;
                self.change(Badge::Operator, Change::PutMember { board, user, role });
            }
        }
    }
}

fn poll<T>(work: &mut Pin<Box<impl Future<Output = T> + ?Sized>>) -> Option<T> {
    let flag = Arc::<Flag>::default();
    match work.as_mut().poll(&mut Context::from_waker(&flag.into())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}
