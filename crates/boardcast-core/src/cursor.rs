//! A cursor names a place in *one* history: `<seq>-<mark>`. The mark chains every event to all that
//! came before it, so a place in another history (a copied-back file, another board, a board made
//! anew) is recognised without any tool. Also here: the one ordering rule of the product.

use crate::model::Malformed;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// 48 bits that tie an event to the history before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark(pub [u8; 6]);

impl Mark {
    /// The mark before event 1.
    pub const ZERO: Self = Self([0; 6]);

    /// The mark of the event `seq`: the first 48 bits of a BLAKE3, keyed with the board's key, over
    /// the number, the previous mark, and the event's JSON.
    #[must_use]
    pub fn next(self, key: &BoardKey, seq: u64, json: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(&key.0);
        hasher.update(&seq.to_be_bytes());
        hasher.update(&self.0);
        hasher.update(json);
        let mut mark = [0; 6];
        hasher.finalize_xof().fill(&mut mark);
        Self(mark)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The secret of a board's marks: drawn when the board is made, kept with it, never sent.
#[derive(Clone, PartialEq, Eq)]
pub struct BoardKey(pub [u8; 32]);

impl fmt::Debug for BoardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoardKey(…)")
    }
}

/// A place in a board's log: just after the event `seq`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The event's number: per board, from 1, no gaps. 0 is the place before the first event.
    pub seq: u64,
    /// The event's mark.
    pub mark: Mark,
}

impl Cursor {
    /// The place before the first event of any board.
    pub const START: Self = Self {
        seq: 0,
        mark: Mark::ZERO,
    };

    /// Reads what [`fmt::Display`] writes, and nothing else: a number without leading zeros, `-`,
    /// twelve lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (seq, mark) = text.split_once('-').ok_or(Malformed::Cursor)?;
        let is_canonical = (seq == "0" || !seq.starts_with('0'))
            && seq.bytes().all(|b| b.is_ascii_digit())
            && mark.len() == 12
            && mark.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_canonical {
            return Err(Malformed::Cursor);
        }
        let seq = seq.parse().map_err(|_| Malformed::Cursor)?;
        let bits = u64::from_str_radix(mark, 16).map_err(|_| Malformed::Cursor)?;
        let mut mark = [0; 6];
        mark.copy_from_slice(&bits.to_be_bytes()[2..]);
        Ok(Self {
            seq,
            mark: Mark(mark),
        })
    }

    /// What a watcher at this place does with the event `seq` when it comes: the one ordering rule,
    /// for live, replay and folding alike.
    #[must_use]
    pub fn meets(self, seq: u64) -> Meeting {
        match self.seq.checked_add(1) {
            Some(next) if seq == next => Meeting::Deliver,
            Some(next) if seq > next => Meeting::Gap,
            _ => Meeting::Skip,
        }
    }
}

/// See [`Cursor::meets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// It is the next one.
    Deliver,
    /// The watcher has it already.
    Skip,
    /// Something is missing in between: read the log.
    Gap,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.seq, self.mark)
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_is_one() {
        let cursor = Cursor {
            seq: 41,
            mark: Mark([0x9f, 0x3a, 0xc2, 0x1b, 0x07, 0xde]),
        };
        assert_eq!(cursor.to_string(), "41-9f3ac21b07de");
        assert_eq!(Cursor::parse("41-9f3ac21b07de"), Ok(cursor));
        assert_eq!(Cursor::parse("0-000000000000"), Ok(Cursor::START));
        for bad in [
            "",
            "-",
            "41",
            "41-",
            "-9f3ac21b07de",
            "041-9f3ac21b07de",
            "+1-9f3ac21b07de",
            "41-9F3AC21B07DE",
            "41-9f3ac21b07d",
            "41-9f3ac21b07dee",
            "41-+f3ac21b07de",
            " 41-9f3ac21b07de",
            "41-9f3ac21b07de ",
            "18446744073709551616-9f3ac21b07de",
            "41-9f3ac21b07de,42-9f3ac21b07de",
            "٤١-9f3ac21b07de",
        ] {
            assert_eq!(Cursor::parse(bad), Err(Malformed::Cursor), "{bad:?}");
        }
    }

    #[test]
    fn a_mark_depends_on_key_number_past_and_bytes() {
        let key = BoardKey([7; 32]);
        let mark = Mark::ZERO.next(&key, 1, b"{}");
        assert_eq!(mark, Mark::ZERO.next(&key, 1, b"{}"));
        assert_ne!(mark, Mark::ZERO.next(&BoardKey([8; 32]), 1, b"{}"));
        assert_ne!(mark, Mark::ZERO.next(&key, 2, b"{}"));
        assert_ne!(mark, Mark([0, 0, 0, 0, 0, 1]).next(&key, 1, b"{}"));
        assert_ne!(mark, Mark::ZERO.next(&key, 1, b"{ }"));
    }

    #[test]
    fn a_mark_is_the_contracts_hash() {
        let mut input = 5_u64.to_be_bytes().to_vec();
        input.extend([1, 2, 3, 4, 5, 6]);
        input.extend(b"{\"type\":\"board_deleted\"}");
        let whole = blake3::keyed_hash(&[9; 32], &input);
        let mark =
            Mark([1, 2, 3, 4, 5, 6]).next(&BoardKey([9; 32]), 5, b"{\"type\":\"board_deleted\"}");
        assert_eq!(mark.0, whole.as_bytes()[..6]);
    }

    #[test]
    fn the_next_event_is_delivered_an_old_one_skipped_a_later_one_a_gap() {
        let cursor = Cursor {
            seq: 5,
            mark: Mark::ZERO,
        };
        assert_eq!(cursor.meets(4), Meeting::Skip);
        assert_eq!(cursor.meets(5), Meeting::Skip);
        assert_eq!(cursor.meets(6), Meeting::Deliver);
        assert_eq!(cursor.meets(7), Meeting::Gap);
        assert_eq!(
            Cursor {
                seq: u64::MAX,
                ..cursor
            }
            .meets(u64::MAX),
            Meeting::Skip
        );
    }

    #[test]
    fn a_place_shows_itself_in_messages_and_its_key_does_not() {
        let mark = Mark([0x9f, 0x3a, 0xc2, 0x1b, 0x07, 0xde]);
        let shown = format!("{:?} {mark:?}", Cursor { seq: 41, mark });
        assert_eq!(shown, "41-9f3ac21b07de 9f3ac21b07de");
        assert_eq!(format!("{:?}", BoardKey([7; 32])), "BoardKey(…)");
    }
}
