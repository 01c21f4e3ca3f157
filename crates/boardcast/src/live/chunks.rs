//! Blocks as HTTP/1.1 sends them in a body without a length (RFC 9112, 7.1): each one is a chunk of
//! its own, so whoever took half of what was sent is owed the rest of one event and no more; after
//! that it may go on from anywhere, or end.

use crate::sabotage::{self, Spot};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::Segment;
use boardcast_core::limits::SEND_BYTES_MAX;
use std::io::Write;

/// Ends the body.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Adds a block as a chunk.
pub(super) fn put_chunk(into: &mut Vec<u8>, block: &[u8]) {
    write!(into, "{:X}\r\n", block.len()).expect("memory takes everything");
    into.extend_from_slice(block);
    into.extend_from_slice(b"\r\n");
}

/// The chunks of events that follow each other, as many as one send takes.
#[derive(Debug, Default)]
pub(super) struct Run {
    bytes: Vec<u8>,
    /// Each event's place, and the offset just past its chunk.
    ends: Vec<(Cursor, usize)>,
    is_last: bool,
}

impl Run {
    /// What these segments have after a place; at least one event.
    pub(super) fn fill<'a>(
        &mut self,
        mut place: Cursor,
        segments: impl IntoIterator<Item = &'a Segment>,
    ) {
        self.bytes.clear();
        self.ends.clear();
        self.is_last = false;
        for segment in segments {
            if self.is_last || !self.put(place, segment) {
                break;
            }
            place = segment.last();
        }
        assert!(!self.ends.is_empty(), "a run has events");
    }

    /// Whether the whole segment had room.
    fn put(&mut self, place: Cursor, segment: &Segment) -> bool {
        for frame in segment.frames_after(place) {
            let is_full = self.bytes.len() + frame.bytes().len() > SEND_BYTES_MAX
                || sabotage::hits(Spot::EventsApart);
            if is_full && !self.ends.is_empty() {
                return false;
            }
            put_chunk(&mut self.bytes, frame.bytes());
            self.ends.push((frame.cursor, self.bytes.len()));
        }
        self.is_last = segment.ends_stream();
        true
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The place after all of it.
    pub(super) fn last(&self) -> Cursor {
        self.ends[self.ends.len() - 1].0
    }

    /// Whether the stream is over after it.
    pub(super) fn is_last(&self) -> bool {
        self.is_last
    }

    /// For a watcher that took so many of its bytes: the place after the last event that has begun,
    /// whether the stream is over there, and what is left of that event. None if it took nothing.
    pub(super) fn cut_at(&self, bytes: usize) -> Option<(Cursor, bool, &[u8])> {
        let begun = self.ends.partition_point(|(_, end)| *end < bytes);
        let (place, end) = self.ends[begun];
        let is_last = self.is_last && begun + 1 == self.ends.len();
        (bytes > 0).then(|| (place, is_last, &self.bytes[bytes..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::{frames, place, segment};

    #[test]
    fn each_event_is_a_chunk_and_a_cut_at_any_byte_owes_the_rest_of_one() {
        let mut run = Run::default();
        run.fill(place(3), [&segment(3..=5), &segment(6..=6)]);
        assert_eq!(run.cut_at(0), None);
        let mut expected = Vec::new();
        for seq in 4..=6 {
            let before = expected.len();
            put_chunk(&mut expected, frames(seq..=seq).as_bytes());
            for bytes in before + 1..=expected.len() {
                let rest = &expected[bytes..];
                assert_eq!(run.cut_at(bytes), Some((place(seq), false, rest)));
            }
        }
        assert_eq!(run.bytes(), expected);
        assert_eq!((run.last(), run.is_last()), (place(6), false));
    }

    #[test]
    fn a_run_is_as_much_as_one_send_takes() {
        let mut run = Run::default();
        let segments: Vec<_> = (1..=4_000).map(|seq| segment(seq..=seq)).collect();
        run.fill(place(0), &segments);
        assert!(run.bytes().len() <= SEND_BYTES_MAX + SEND_BYTES_MAX / 4);
        assert!(run.last().seq > 100);
    }
}
