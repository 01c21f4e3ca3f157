//! Event streams. The command line's reader and the judge's see the same events, however the bytes are
//! cut; and what the server's frames carry comes out of both as it was.

use crate::events::{Item, Parser};
use boardcast_core::cursor::{Cursor, Mark};
use boardcast_core::frame::{SegmentBuilder, json};
use boardcast_core::limits::FRAME_BYTES_MAX;
use boardcast_core::model::BoardId;
use boardcast_sim::http1::Chunks;
use boardcast_sim::sse;

/// What one event is known by: name, data, id.
type Seen = (String, String, String);

/// Takes how to cut in the first byte, and the stream in the others.
pub fn stream(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else {
        return;
    };
    let whole = read(&[bytes]);
    let pieces = pieces(bytes, cut);
    assert_eq!(read(&pieces), whole, "the reader of the command line");
    let judged = judge(&[bytes]);
    assert_eq!(judge(&pieces), judged, "the judge's reader");
    if let Some(judged) = judged {
        let (items, id) = whole;
        let events: Vec<_> = items.into_iter().filter_map(event).collect();
        assert_eq!(events, judged, "both readers");
        assert!(judged.last().is_none_or(|(.., last)| *last == id));
    }
    assert_eq!(unchunk(&pieces), unchunk(&[bytes]), "a chunked body");
    carry(bytes);
}

/// Pieces of 1 byte and more, in a pattern that the byte gives.
fn pieces(mut bytes: &[u8], cut: u8) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut step = usize::from(cut);
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at((1 + step % 7).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
        step = step / 3 + piece.len() * 5;
    }
    pieces
}

fn read(pieces: &[&[u8]]) -> (Vec<Item>, String) {
    let (mut parser, mut items) = (Parser::new(""), Vec::new());
    for piece in pieces {
        parser.feed(piece, &mut items).expect("it is short");
    }
    let id = parser.id().to_owned();
    (items, id)
}

fn event(item: Item) -> Option<Seen> {
    match item {
        Item::Event(event) => Some((event.name, event.data, event.id)),
        Item::Retry(_) => None,
    }
}

/// None if a rule is broken that only the judge knows.
fn judge(pieces: &[&[u8]]) -> Option<Vec<Seen>> {
    let mut parser = sse::Parser::default();
    let (mut seen, mut last) = (Vec::new(), String::new());
    for piece in pieces {
        parser.push(piece);
        for block in &mut parser {
            let block = block.ok()?;
            last = block.id.filter(|id| !id.contains('\0')).unwrap_or(last);
            if let Some(data) = block.data {
                seen.push((block.event.unwrap_or_default(), data, last.clone()));
            }
        }
    }
    Some(seen)
}

fn unchunk(pieces: &[&[u8]]) -> (Result<usize, String>, bool, Vec<u8>) {
    let (mut chunks, mut body) = (Chunks::default(), Vec::new());
    let decoded = pieces
        .iter()
        .try_fold(0, |used, piece| Ok(used + chunks.decode(piece, &mut body)?));
    (decoded, chunks.finished(), body)
}

/// Every line of text comes out of a frame as it went in.
fn carry(bytes: &[u8]) {
    let mut builder = SegmentBuilder::new(BoardId::parse("board-1").expect("an id"));
    let mut sent = Vec::new();
    for (seq, line) in (1..).zip(bytes.split(|byte| *byte == 0)) {
        let line = String::from_utf8_lossy(line);
        let line = json(&line);
        let mark = Mark([seq as u8; 6]);
        if line.len() > FRAME_BYTES_MAX / 2 {
            return;
        }
        builder.push(Cursor { seq, mark }, seq, &line);
        let data = String::from_utf8(line).expect("JSON is text");
        let id = Cursor { seq, mark }.to_string();
        sent.push((String::new(), data, id));
    }
    let Some(segment) = builder.build() else {
        return;
    };
    let frames = segment.after(Cursor::START);
    let (items, _) = read(&[&frames]);
    let events: Vec<_> = items.into_iter().filter_map(event).collect();
    assert_eq!(events, sent);
    assert_eq!(judge(&[&frames]).as_ref(), Some(&sent));
    let one_by_one: Vec<u8> = segment
        .frames_after(Cursor::START)
        .flat_map(|frame| frame.bytes().to_vec())
        .collect();
    assert_eq!(one_by_one, frames);
}
