//! An event's bytes on the wire, made once: the bytes in the log are the bytes a watcher gets, live
//! or replayed (I3). A [`Segment`] is a run of one board's frames in one shared buffer.

use crate::cursor::{Cursor, Meeting};
use crate::limits::FRAME_BYTES_MAX;
use crate::model::BoardId;
use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use std::io;

/// JSON with U+0085, U+2028 and U+2029 escaped: some clients split lines on them.
///
/// # Panics
/// If the value can't be JSON (a map with keys that are no text): none of ours is.
#[must_use]
pub fn json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, OneLine);
    value
        .serialize(&mut serializer)
        .expect("plain data is JSON");
    bytes
}

struct OneLine;

impl serde_json::ser::Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let breaks_lines = |c: char| matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
        let mut rest = fragment;
        while let Some(at) = rest.find(breaks_lines) {
            let c = rest[at..].chars().next().expect("found there");
            writer.write_all(&rest.as_bytes()[..at])?;
            write!(writer, "\\u{:04x}", u32::from(c))?;
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

/// A numbered event's frame: `data:` before `id:`, because some clients take the id as soon as they
/// read that line and would lose an event that is cut in between (WHATWG HTML, 9.2.6).
fn put_frame(into: &mut BytesMut, json: &[u8], cursor: Cursor) {
    let before = into.len();
    put_data(into, json);
    put_id(into, cursor);
    into.put_u8(b'\n');
    assert!(
        into.len() - before <= FRAME_BYTES_MAX,
        "limits keep every event under {FRAME_BYTES_MAX} bytes"
    );
}

fn put_data(into: &mut BytesMut, json: &[u8]) {
    into.put_slice(b"data: ");
    into.put_slice(json);
    into.put_u8(b'\n');
}

fn put_id(into: &mut BytesMut, cursor: Cursor) {
    into.put_slice(format!("id: {cursor}\n").as_bytes());
}

/// The first block of a stream of several boards: its id is made of their cursors.
#[must_use]
pub fn connected_many(retry_ms: u32, id: &str) -> Bytes {
    let mut bytes = BytesMut::with_capacity(96 + id.len());
    put_data(&mut bytes, CONNECTED);
    bytes.put_slice(format!("retry: {retry_ms}\n").as_bytes());
    if !id.is_empty() {
        bytes.put_slice(format!("id: {id}\n").as_bytes());
    }
    bytes.put_u8(b'\n');
    bytes.freeze()
}

const CONNECTED: &[u8] = br#"{"type":"connected"}"#;

/// The first block of every stream. With a cursor it is a place to resume from; without one a
/// snapshot follows, and a cut between the two must lose nothing.
#[must_use]
pub fn connected(retry_ms: u32, cursor: Option<Cursor>) -> Bytes {
    let id = cursor.map(|cursor| cursor.to_string());
    connected_many(retry_ms, &id.unwrap_or_default())
}

/// What stands before the board's JSON in a snapshot's block.
pub const SNAPSHOT_PREFIX: &[u8] = br#"data: {"type":"snapshot","board":"#;

/// The block that carries a whole board, given as the JSON of a snapshot.
#[must_use]
pub fn snapshot(board_json: &[u8], cursor: Cursor) -> Bytes {
    let end = snapshot_end(&cursor.to_string());
    let mut bytes = BytesMut::with_capacity(SNAPSHOT_PREFIX.len() + board_json.len() + end.len());
    bytes.put_slice(SNAPSHOT_PREFIX);
    bytes.put_slice(board_json);
    bytes.put_slice(&end);
    bytes.freeze()
}

/// What stands after the board's JSON in a snapshot's block.
#[must_use]
pub fn snapshot_end(id: &str) -> Bytes {
    format!("}}\nid: {id}\n\n").into()
}

/// The last block of a stream that is sent away: come back after this long.
#[must_use]
pub fn retry(retry_ms: u32) -> Bytes {
    format!("retry: {retry_ms}\n\n").into()
}

/// Keeps proxies from cutting an idle line; invisible to a page's code.
pub const HEARTBEAT_COMMENT: Bytes = Bytes::from_static(b":\n\n");
/// The same as an event that a page's code can see.
pub const HEARTBEAT_EVENT: Bytes = Bytes::from_static(b"event: ping\ndata: {}\n\n");

/// Whether an event's JSON is the last one of a stream. The type stands first in every event.
fn is_last(json: &[u8]) -> bool {
    json.starts_with(br#"{"type":"board_deleted""#)
}

/// Whether an event's JSON is one that no watcher gets, because the log's floor moves to it.
fn is_floor(json: &[u8]) -> bool {
    json.starts_with(br#"{"type":"board_restored""#)
}

/// A run of one board's frames without gaps, encoded once and shared by all who send it.
#[derive(Clone, Debug)]
pub struct Segment {
    board_id: BoardId,
    bytes: Bytes,
    frames: Vec<FrameEnd>,
    ends_stream: bool,
    raises_floor: bool,
}

#[derive(Clone, Copy, Debug)]
struct FrameEnd {
    cursor: Cursor,
    ordinal: u64,
    /// Offset in the bytes just past the frame.
    end: usize,
}

impl Segment {
    /// Whose events these are.
    #[must_use]
    pub fn board_id(&self) -> &BoardId {
        &self.board_id
    }

    /// The number of the first event in it.
    #[must_use]
    pub fn first_seq(&self) -> u64 {
        self.frames[0].cursor.seq
    }

    /// The place just after its last event.
    #[must_use]
    pub fn last(&self) -> Cursor {
        self.frames[self.frames.len() - 1].cursor
    }

    /// The ordinal of its last event.
    #[must_use]
    pub fn last_ordinal(&self) -> u64 {
        self.frames[self.frames.len() - 1].ordinal
    }

    /// Whether a stream ends after it: the board was deleted.
    #[must_use]
    pub fn ends_stream(&self) -> bool {
        self.ends_stream
    }

    /// Whether the log is served only from somewhere in here on: the board came back.
    #[must_use]
    pub fn raises_floor(&self) -> bool {
        self.raises_floor
    }

    /// Bytes of all its frames.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: a segment has at least one frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Whether the event at that number has that mark; `None` if it isn't in here.
    #[must_use]
    pub fn holds(&self, cursor: Cursor) -> Option<bool> {
        let index = usize::try_from(cursor.seq.checked_sub(self.first_seq())?).ok()?;
        self.frames.get(index).map(|frame| frame.cursor == cursor)
    }

    /// The frames after a place, one by one.
    pub fn frames_after(&self, place: Cursor) -> impl Iterator<Item = Frame> + '_ {
        let skipped = self.done_at(place).min(self.frames.len());
        let start = skipped
            .checked_sub(1)
            .map_or(0, |last| self.frames[last].end);
        self.frames[skipped..].iter().scan(start, |start, frame| {
            let bytes = self.bytes.slice(*start..frame.end);
            *start = frame.end;
            Some(Frame {
                cursor: frame.cursor,
                ordinal: frame.ordinal,
                bytes,
            })
        })
    }

    /// How many of its frames a watcher at a place has.
    ///
    /// # Panics
    /// If an event between the place and the segment is missing.
    fn done_at(&self, place: Cursor) -> usize {
        assert!(
            place.meets(self.first_seq()) != Meeting::Gap,
            "no gap before a segment"
        );
        usize::try_from(place.seq + 1 - self.first_seq()).unwrap_or(usize::MAX)
    }

    /// The frames after a place, without copying; empty if there are none.
    ///
    /// # Panics
    /// If an event between the place and the segment is missing: the caller looks for gaps first.
    #[must_use]
    pub fn after(&self, place: Cursor) -> Bytes {
        match self.done_at(place) {
            0 => self.bytes.clone(),
            done => self.bytes.slice(
                self.frames
                    .get(done - 1)
                    .map_or(self.len(), |frame| frame.end)..,
            ),
        }
    }
}

/// One event of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its place in its board's log.
    pub cursor: Cursor,
    /// Orders it among the events of all boards.
    pub ordinal: u64,
    bytes: Bytes,
}

impl Frame {
    /// Its bytes on the wire.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes after `data: `.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        let line = self
            .bytes
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        &line[b"data: ".len()..]
    }

    /// Whether its board's part of a stream ends with it.
    #[must_use]
    pub fn ends_stream(&self) -> bool {
        is_last(self.json())
    }

    /// The same event with another id, as streams of several boards have them.
    #[must_use]
    pub fn with_id(&self, id: &str) -> Bytes {
        block(self.json(), id)
    }
}

/// A block with an id that is no cursor, but made of them; without one if it is empty.
#[must_use]
pub fn block(json: &[u8], id: &str) -> Bytes {
    let mut bytes = BytesMut::with_capacity(json.len() + id.len() + 16);
    put_data(&mut bytes, json);
    if !id.is_empty() {
        bytes.put_slice(b"id: ");
        bytes.put_slice(id.as_bytes());
        bytes.put_u8(b'\n');
    }
    bytes.put_u8(b'\n');
    bytes.freeze()
}

/// Puts frames together to a [`Segment`].
#[derive(Debug)]
pub struct SegmentBuilder {
    board_id: BoardId,
    bytes: BytesMut,
    frames: Vec<FrameEnd>,
    ends_stream: bool,
    raises_floor: bool,
}

impl SegmentBuilder {
    /// An empty run of this board's frames.
    #[must_use]
    pub fn new(board_id: BoardId) -> Self {
        Self {
            board_id,
            bytes: BytesMut::new(),
            frames: Vec::new(),
            ends_stream: false,
            raises_floor: false,
        }
    }

    /// Adds the next event. Its ordinal orders it among the events of all boards.
    ///
    /// # Panics
    /// If its number isn't one more than the last one's (I1), its ordinal isn't larger, or the frame
    /// is too large.
    pub fn push(&mut self, cursor: Cursor, ordinal: u64, json: &[u8]) {
        if let Some(last) = self.frames.last() {
            assert!(last.ordinal < ordinal, "ordinals go up");
            assert_eq!(
                last.cursor.meets(cursor.seq),
                Meeting::Deliver,
                "events follow each other"
            );
        }
        put_frame(&mut self.bytes, json, cursor);
        self.frames.push(FrameEnd {
            cursor,
            ordinal,
            end: self.bytes.len(),
        });
        self.ends_stream = is_last(json);
        self.raises_floor |= is_floor(json);
    }

    /// Bytes so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no frame yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The segment, unless there was nothing in it.
    #[must_use]
    pub fn build(self) -> Option<Segment> {
        let Self {
            board_id,
            bytes,
            frames,
            ends_stream,
            raises_floor,
        } = self;
        (!frames.is_empty()).then(|| Segment {
            board_id,
            bytes: bytes.freeze(),
            frames,
            ends_stream,
            raises_floor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Mark;

    fn place(seq: u64) -> Cursor {
        Cursor {
            seq,
            mark: Mark([seq as u8; 6]),
        }
    }

    fn segment(seqs: std::ops::RangeInclusive<u64>) -> Segment {
        let mut builder = SegmentBuilder::new(BoardId::parse("board-1").unwrap());
        for seq in seqs {
            builder.push(place(seq), seq, format!("{{\"n\":{seq}}}").as_bytes());
        }
        builder.build().unwrap()
    }

    #[test]
    fn a_frame_is_data_then_id_then_a_blank_line() {
        assert_eq!(
            segment(3..=3).after(place(2)),
            "data: {\"n\":3}\nid: 3-030303030303\n\n"
        );
    }

    #[test]
    fn a_segment_gives_the_frames_after_a_place() {
        let segment = segment(3..=5);
        assert_eq!(segment.after(place(2)).len(), segment.len());
        assert!(segment.after(place(3)).starts_with(b"data: {\"n\":4}"));
        assert!(segment.after(place(4)).starts_with(b"data: {\"n\":5}"));
        assert!(segment.after(place(5)).is_empty());
        assert!(segment.after(place(9)).is_empty());
    }

    #[test]
    fn a_segment_knows_the_marks_of_its_events() {
        let segment = segment(3..=5);
        assert_eq!(segment.holds(place(2)), None);
        assert_eq!(segment.holds(place(3)), Some(true));
        assert_eq!(
            segment.holds(Cursor {
                seq: 3,
                mark: Mark::ZERO
            }),
            Some(false)
        );
        assert_eq!(segment.holds(place(6)), None);
    }

    #[test]
    #[should_panic(expected = "no gap before a segment")]
    fn a_gap_before_a_segment_is_never_sent() {
        let _ = segment(3..=5).after(place(1));
    }

    #[test]
    #[should_panic(expected = "events follow each other")]
    fn a_gap_inside_a_segment_is_never_built() {
        let mut builder = SegmentBuilder::new(BoardId::parse("board-1").unwrap());
        builder.push(place(1), 1, b"{}");
        builder.push(place(3), 3, b"{}");
    }

    #[test]
    fn deleting_the_board_ends_the_stream() {
        let mut builder = SegmentBuilder::new(BoardId::parse("board-1").unwrap());
        builder.push(
            place(1),
            1,
            br#"{"type":"task_deleted","taskId":"board_deleted"}"#,
        );
        assert!(!builder.ends_stream);
        builder.push(
            place(2),
            2,
            br#"{"type":"board_deleted","boardId":"board-1"}"#,
        );
        assert!(builder.build().unwrap().ends_stream());
    }

    #[test]
    fn characters_that_split_lines_are_escaped() {
        let text = "a\u{85}b\u{2028}c\u{2029}d\né\u{1f9f9}";
        let encoded = String::from_utf8(json(&text)).unwrap();
        assert_eq!(encoded, "\"a\\u0085b\\u2028c\\u2029d\\né\u{1f9f9}\"");
        assert_eq!(serde_json::from_str::<String>(&encoded).unwrap(), text);
    }

    #[test]
    fn the_stream_opens_to_the_letter() {
        assert_eq!(
            connected(2000, Some(place(65))),
            "data: {\"type\":\"connected\"}\nretry: 2000\nid: 65-414141414141\n\n"
        );
        assert_eq!(
            connected(2000, None),
            "data: {\"type\":\"connected\"}\nretry: 2000\n\n"
        );
        assert_eq!(
            snapshot(b"{}", place(65)),
            "data: {\"type\":\"snapshot\",\"board\":{}}\nid: 65-414141414141\n\n"
        );
    }

    #[test]
    fn the_frames_after_a_place_come_one_by_one_and_whole() {
        let segment = segment(3..=5);
        let frames: Vec<_> = segment.frames_after(place(3)).collect();
        let places: Vec<_> = frames
            .iter()
            .map(|frame| (frame.cursor, frame.ordinal))
            .collect();
        assert_eq!(places, [(place(4), 4), (place(5), 5)]);
        assert_eq!(frames[0].json(), b"{\"n\":4}");
        assert_eq!(
            frames[0].bytes(),
            b"data: {\"n\":4}\nid: 4-040404040404\n\n"
        );
        let joined: Vec<u8> = frames
            .iter()
            .flat_map(|frame| frame.bytes().to_vec())
            .collect();
        assert_eq!(joined, segment.after(place(3)));
        assert_eq!(segment.frames_after(place(2)).count(), 3);
        assert_eq!(segment.frames_after(place(5)).count(), 0);
        assert_eq!(segment.frames_after(place(9)).count(), 0);
    }

    #[test]
    fn a_segment_says_what_it_holds() {
        let segment = segment(3..=5);
        assert_eq!(segment.board_id().as_str(), "board-1");
        assert_eq!((segment.first_seq(), segment.last()), (3, place(5)));
        assert_eq!((segment.last_ordinal(), segment.is_empty()), (5, false));
        assert!(!segment.ends_stream() && !segment.raises_floor());
    }

    #[test]
    fn a_run_without_events_is_no_segment() {
        let mut builder = SegmentBuilder::new(BoardId::parse("board-1").unwrap());
        assert_eq!((builder.is_empty(), builder.len()), (true, 0));
        builder.push(place(1), 1, b"{}");
        assert!(!builder.is_empty());
        assert_eq!(builder.len(), b"data: {}\nid: 1-010101010101\n\n".len());
        let empty = SegmentBuilder::new(BoardId::parse("board-1").unwrap());
        assert!(empty.build().is_none());
    }

    #[test]
    fn a_board_that_came_back_raises_the_floor_for_all_that_follows() {
        let mut builder = SegmentBuilder::new(BoardId::parse("board-1").unwrap());
        builder.push(place(1), 1, br#"{"type":"board_restored","board":{}}"#);
        builder.push(place(2), 2, b"{}");
        let segment = builder.build().unwrap();
        assert!(segment.raises_floor() && !segment.ends_stream());
    }

    #[test]
    #[should_panic(expected = "ordinals go up")]
    fn two_events_never_share_an_ordinal() {
        let mut builder = SegmentBuilder::new(BoardId::parse("board-1").unwrap());
        builder.push(place(1), 1, b"{}");
        builder.push(place(2), 1, b"{}");
    }

    /// A frame of so many bytes.
    fn frame_of(bytes: usize) -> usize {
        let around = b"data: \nid: 1-010101010101\n\n".len();
        let mut builder = SegmentBuilder::new(BoardId::parse("board-1").unwrap());
        builder.push(place(1), 1, &vec![b' '; bytes - around]);
        builder.len()
    }

    #[test]
    fn a_frame_is_as_large_as_clients_can_take() {
        assert_eq!(frame_of(FRAME_BYTES_MAX), FRAME_BYTES_MAX);
    }

    #[test]
    #[should_panic(expected = "limits keep every event under")]
    fn a_larger_frame_is_never_made() {
        frame_of(FRAME_BYTES_MAX + 1);
    }

    #[test]
    fn on_a_stream_of_several_boards_a_frame_has_another_id() {
        let segment = segment(3..=3);
        let frame = segment.frames_after(place(2)).next().unwrap();
        assert_eq!(frame.with_id("a:1,b:2"), "data: {\"n\":3}\nid: a:1,b:2\n\n");
        assert_eq!(frame.with_id(""), "data: {\"n\":3}\n\n");
        let greeting = "data: {\"type\":\"connected\"}\nretry: 2000\n";
        assert_eq!(
            connected_many(2000, "a:1"),
            format!("{greeting}id: a:1\n\n")
        );
        assert_eq!(connected_many(2000, ""), format!("{greeting}\n"));
        assert_eq!(retry(7), "retry: 7\n\n");
    }

    #[test]
    fn a_boards_end_ends_its_part_of_a_stream() {
        let mut builder = SegmentBuilder::new(BoardId::parse("board-1").unwrap());
        builder.push(place(1), 1, b"{}");
        builder.push(
            place(2),
            2,
            br#"{"type":"board_deleted","boardId":"board-1"}"#,
        );
        let segment = builder.build().unwrap();
        let ends: Vec<_> = segment
            .frames_after(Cursor::START)
            .map(|frame| frame.ends_stream())
            .collect();
        assert_eq!(ends, [false, true]);
    }
}
