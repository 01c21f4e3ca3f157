//! Tickets: what lets a stream in whose caller can't send a header or a cookie, such as a browser's
//! `EventSource` for another origin. A ticket stands in an address, where logs and histories may see it:
//! so it is good for one stream, for half a minute, and for the boards that it names.

use super::secret::{Kind, Secret};
use crate::outside::Outside;
use crate::sabotage::{self, Spot};
use boardcast_core::access::Access;
use boardcast_core::limits::{TICKET_SECONDS, TICKETS_MAX, TICKETS_PER_CALLER_MAX};
use boardcast_core::model::BoardId;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Tickets that were not spent yet; they don't outlive the process.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<BTreeMap<[u8; 32], Ticket>>);

#[derive(Clone, Debug)]
struct Ticket {
    access: Access,
    boards: Vec<BoardId>,
    ends: Instant,
}

/// Too many tickets were drawn and not spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyTickets;

impl Tickets {
    /// A ticket to these boards for whoever asks. What that caller may see is looked at when the ticket
    /// is spent.
    pub fn draw(
        &self,
        access: &Access,
        boards: Vec<BoardId>,
        outside: &dyn Outside,
        now: Instant,
    ) -> Result<Secret, TooManyTickets> {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.retain(|_, ticket| now < ticket.ends);
        let own = tickets
            .values()
            .filter(|ticket| ticket.access.caller() == access.caller());
        if tickets.len() >= TICKETS_MAX || own.count() >= TICKETS_PER_CALLER_MAX {
            return Err(TooManyTickets);
        }
        let secret = Secret::draw(Kind::Ticket, outside);
        let ticket = Ticket {
            access: access.clone(),
            boards,
            ends: now + Duration::from_secs(TICKET_SECONDS),
        };
        tickets.insert(secret.hash().0, ticket);
        Ok(secret)
    }

    /// Spends a ticket on a stream of these boards, whether it fits or not.
    #[must_use]
    pub fn spend(&self, text: &str, boards: &[BoardId], now: Instant) -> Option<Access> {
        let hash = Secret::parse(Kind::Ticket, text)?.hash().0;
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = tickets.remove(&hash)?;
        if sabotage::hits(Spot::TicketStays) {
            tickets.insert(hash, ticket.clone());
        }
        let is_over = now >= ticket.ends && !sabotage::hits(Spot::TicketNeverEnds);
        let fits = !is_over && boards.iter().all(|board| ticket.boards.contains(board));
        fits.then_some(ticket.access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::Machine;

    fn boards(ids: &[&str]) -> Vec<BoardId> {
        ids.iter().map(|id| BoardId::parse(id).unwrap()).collect()
    }

    fn draw(tickets: &Tickets, now: Instant) -> Secret {
        tickets
            .draw(&Access::open(), boards(&["a", "b"]), &Machine, now)
            .unwrap()
    }

    #[test]
    fn a_ticket_is_good_once() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        let ticket = draw(&tickets, now);
        assert!(
            tickets
                .spend(ticket.reveal(), &boards(&["a"]), now)
                .is_some()
        );
        assert!(
            tickets
                .spend(ticket.reveal(), &boards(&["a"]), now)
                .is_none()
        );
    }

    #[test]
    fn a_ticket_is_good_for_its_boards_and_spent_on_others() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        let ticket = draw(&tickets, now);
        assert!(
            tickets
                .spend(ticket.reveal(), &boards(&["a", "c"]), now)
                .is_none()
        );
        assert!(
            tickets
                .spend(ticket.reveal(), &boards(&["a"]), now)
                .is_none()
        );
    }

    #[test]
    fn a_ticket_ends_after_half_a_minute() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        let later = now + Duration::from_secs(TICKET_SECONDS);
        let ticket = draw(&tickets, now);
        assert!(
            tickets
                .spend(ticket.reveal(), &boards(&["a"]), later)
                .is_none()
        );
        assert!(
            tickets
                .spend("bck_nonsense", &boards(&["a"]), now)
                .is_none()
        );
    }

    #[test]
    fn a_caller_has_a_bounded_number_of_tickets_and_gets_room_again_in_time() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        for _ in 0..TICKETS_PER_CALLER_MAX {
            let _ = draw(&tickets, now);
        }
        let more = tickets.draw(&Access::open(), boards(&["a"]), &Machine, now);
        assert_eq!(more, Err(TooManyTickets));
        draw(&tickets, now + Duration::from_secs(TICKET_SECONDS));
    }
}
