//! A board's log: numbers without gaps, marks that chain from the floor on with the board's key, and
//! events that follow from each other.

use super::{Ledger, Look};
use crate::store::sqlite::rows;
use boardcast_core::cursor::{Cursor, Meeting};
use boardcast_core::limits::FRAME_BYTES_MAX;
use boardcast_core::model::Timestamp;
use boardcast_core::protocol::Event;

/// Bytes of a frame beyond its JSON, at most: `data: `, `id: ` with the longest cursor, line ends.
const FRAME_BYTES_AROUND: usize = 64;
/// Events between two tellings of how far it is.
const EVENTS_A_TELLING: u64 = 1_000;

/// A row of the log.
struct Logged {
    cursor: Cursor,
    ordinal: i64,
    at: Timestamp,
    json: String,
}

impl Look<'_> {
    pub(super) fn at_log(&mut self, tell: &mut dyn FnMut(u64)) -> rusqlite::Result<()> {
        let sql = "SELECT seq, mark, ordinal, at, json FROM event WHERE board_no = ? ORDER BY seq";
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query([self.board_no])?;
        let mut last: Option<(Cursor, i64)> = None;
        while let Some(row) = found.next()? {
            let logged = Logged {
                cursor: rows::cursor_from(row, 0)?,
                ordinal: row.get(2)?,
                at: Timestamp(row.get(3)?),
                json: row.get(4)?,
            };
            self.at_event(&logged, last);
            last = Some((logged.cursor, logged.ordinal));
            self.report.events += 1;
            if self.report.events.is_multiple_of(EVENTS_A_TELLING) {
                tell(self.report.events);
            }
        }
        match last {
            // A board that is past coming back loses its log first.
            None if self.row.is_deleted => {}
            None => self.at_end(self.row.floor),
            Some((end, _)) => self.at_end(end),
        }
        self.report.folded += u64::from(self.ledger.is_whole);
        Ok(())
    }

    fn at_end(&mut self, end: Cursor) {
        let head = self.row.head;
        if end.seq < head.seq {
            self.missing(end.seq + 1, head.seq);
            // Whatever those said is unknown.
            self.ledger = Ledger::default();
            self.last_at = None;
        } else if end != head {
            self.find("log", format!("ends at {end}, but the board says {head}"));
        }
        if self.row.floor.seq > head.seq {
            let floor = self.row.floor;
            self.find(
                "log",
                format!("is kept from {floor} on, past its end {head}"),
            );
        }
    }

    fn missing(&mut self, first: u64, last: u64) {
        if first == last {
            self.find(format!("event {first}"), "is missing from the log");
        } else {
            let thing = format!("events {first} to {last}");
            self.find(thing, "are missing from the log");
        }
    }

    fn at_event(&mut self, logged: &Logged, last: Option<(Cursor, i64)>) {
        let Logged { cursor, json, .. } = logged;
        let before = match last {
            Some((place, _)) => self.follow(place, cursor.seq),
            None => self.begin(cursor.seq),
        };
        let thing = format!("event {}", cursor.seq);
        if let Some(before) = before
            && before.mark.next(&self.row.key, cursor.seq, json.as_bytes()) != cursor.mark
        {
            let problem = "has a mark that doesn't follow from it and the event before it";
            self.find(&thing, problem);
        }
        let floor = self.row.floor;
        if cursor.seq == floor.seq && *cursor != floor {
            self.find(
                &thing,
                format!("is {cursor}, but the board's floor is {floor}"),
            );
        }
        if last.is_some_and(|(_, ordinal)| ordinal >= logged.ordinal) {
            self.find(&thing, "was committed before the event before it");
        }
        if json.len() + FRAME_BYTES_AROUND > FRAME_BYTES_MAX {
            self.find(&thing, "is larger than a frame may be");
        }
        self.last_at = Some(logged.at);
        match serde_json::from_str::<Event>(json) {
            Ok(event) => self.fold(&thing, logged, &event),
            Err(error) => {
                self.find(&thing, format!("can't be read: {error}"));
                self.ledger = Ledger::default();
            }
        }
    }

    /// The place before the first event that is stored, if it is known. Events below the floor are
    /// those of a board that was restored, on their way out; a deleted board loses its oldest events
    /// first.
    fn begin(&mut self, seq: u64) -> Option<Cursor> {
        let floor = self.row.floor;
        if seq == 1 {
            self.ledger.is_whole = true;
            Some(Cursor::START)
        } else if seq <= floor.seq || self.row.is_deleted {
            None
        } else {
            self.follow(floor, seq)
        }
    }

    /// The place before an event, unless something is missing in between.
    fn follow(&mut self, place: Cursor, seq: u64) -> Option<Cursor> {
        if place.meets(seq) == Meeting::Deliver {
            return Some(place);
        }
        self.missing(place.seq + 1, seq - 1);
        self.ledger = Ledger::default();
        None
    }

    fn fold(&mut self, thing: &str, logged: &Logged, event: &Event) {
        if event.board_id.as_str() != self.id {
            self.find(thing, format!("is of board {}", event.board_id));
        }
        if event.at != logged.at {
            self.find(thing, "has another time in its row than in its text");
        }
        for objection in self.ledger.fold(logged.cursor.seq, event) {
            self.find(thing, objection);
        }
    }
}
