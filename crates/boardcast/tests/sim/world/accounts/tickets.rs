//! Tickets: each lets one stream of its boards in, within half a minute, as whoever drew it. Some lie
//! around until they are old, some are shown twice, some for other boards.

use super::people;
use crate::clients::read_bytes;
use crate::server::Asked;
use crate::tasks::at_once;
use crate::world::World;
use boardcast_sim::rights::Badge;
use serde_json::{Value, json};

/// The contract's half a minute.
const GOOD_MS: u64 = 30_000;
/// Tickets that lie around, of each kind.
const KEPT_MAX: usize = 8;

/// What is shown instead of a credential.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) secret: String,
    badge: Badge,
    boards: Vec<String>,
    ends_at: u64,
    /// It is good for nothing, whatever happens.
    is_bad: bool,
}

/// All that lie around.
#[derive(Default)]
pub(super) struct Tickets {
    unspent: Vec<Ticket>,
    spent: Vec<Ticket>,
}

impl Tickets {
    /// The server has started anew, and knows none of them.
    pub(super) fn are_forgotten(&mut self) {
        self.spent.append(&mut self.unspent);
        self.spent.truncate(KEPT_MAX);
    }
}

impl World<'_> {
    /// Gives a watcher that comes back a ticket, or none.
    pub(crate) fn ticket_of_watcher(&mut self, at: usize) {
        self.watchers[at].ticket = None;
        if self.accounts.is_none() || self.swarm.is_calm || !self.swarm.tickets.one_in(4) {
            return;
        }
        let ticket = match self.swarm.tickets.below(4) {
            0 => self.found_ticket(at),
            1 => self.spent_ticket(),
            _ => self.draw_ticket(at),
        };
        let Some(ticket) = ticket else { return };
        self.trace.note(format_args!(
            "{} comes by {ticket:?}",
            self.watchers[at].name
        ));
        self.watchers[at].badge = ticket.badge.clone();
        self.watchers[at].ticket = Some(ticket);
        self.note_gaps(at);
    }

    /// One that nobody has spent: too old, for other boards, or good.
    fn found_ticket(&mut self, at: usize) -> Option<Ticket> {
        let tickets = &mut self.accounts.as_mut()?.tickets.unspent;
        let found = self
            .swarm
            .tickets
            .draw()
            .checked_rem(tickets.len() as u64)?;
        let mut ticket = tickets.swap_remove(found as usize);
        let mut boards = self.watchers[at].boards.iter();
        let fits = boards.all(|board| ticket.boards.contains(board));
        ticket.is_bad = !fits || ticket.ends_at <= self.now_ms;
        Some(ticket)
    }

    fn spent_ticket(&mut self) -> Option<Ticket> {
        let spent = &self.accounts.as_ref()?.tickets.spent;
        let found = self.swarm.tickets.draw().checked_rem(spent.len() as u64)?;
        let is_bad = true;
        Some(Ticket {
            is_bad,
            ..spent[found as usize].clone()
        })
    }

    /// A new one, or two, of which one is left lying.
    fn draw_ticket(&mut self, at: usize) -> Option<Ticket> {
        if self.swarm.tickets.one_in(2)
            && let Some(left) = self.new_ticket(at)
        {
            let unspent = &mut self.accounts().tickets.unspent;
            unspent.truncate(KEPT_MAX - 1);
            unspent.push(left);
        }
        self.new_ticket(at)
    }

    fn new_ticket(&mut self, at: usize) -> Option<Ticket> {
        let (badge, boards) = (&self.watchers[at].badge, &self.watchers[at].boards);
        let (badge, boards) = (badge.clone(), boards.clone());
        let (name, value) = people::header(&badge)?;
        let asked = Asked::new("POST", "/tickets").json(json!({ "boards": boards }));
        let answering = self.server().call(&asked.header(name, value));
        let (status, body) = at_once(read_bytes(answering)).unwrap_or_default();
        let rights = &self.accounts().people.rights;
        let is_known = rights.holder(&badge).is_some();
        let is_right = match status {
            201 | 429 => is_known,
            401 => !is_known,
            _ => status == 503,
        };
        if !is_right && !rights.is_unsure(&badge) {
            let sentence = format!("{badge:?} was answered {status} to a wish for a ticket");
            self.chronicle.object(sentence);
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        Some(Ticket {
            secret: body["ticket"].as_str()?.to_owned(),
            badge,
            boards,
            ends_at: self.now_ms + GOOD_MS,
            is_bad: false,
        })
    }

    /// A stream has begun that was asked for by a ticket, or goes on.
    pub(super) fn judge_ticket(&mut self, at: usize) {
        let watcher = &mut self.watchers[at];
        if !watcher.has_begun() {
            return;
        }
        let Some(ticket) = watcher.ticket.take() else {
            return;
        };
        if ticket.is_bad {
            let sentence = format!("{} was let in by a bad ticket: {ticket:?}", watcher.name);
            self.chronicle.object(sentence);
        }
        let spent = &mut self.accounts().tickets.spent;
        spent.truncate(KEPT_MAX - 1);
        spent.push(ticket);
    }

    /// Whether a watcher may have been turned away for its ticket.
    pub(super) fn has_no_good_ticket(&self, at: usize) -> bool {
        let ticket = self.watchers[at].ticket.as_ref();
        ticket.is_some_and(|ticket| ticket.is_bad || ticket.ends_at <= self.now_ms)
    }
}
