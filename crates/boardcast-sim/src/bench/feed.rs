//! One event stream as cheaply as it can be read without giving up the count: chunks undone, blocks
//! parted, and of each block only its mark and its id. The whole truth about a stream is for
//! [`crate::sse`]; this one shares two cores with the server it measures.

use memchr::memmem;

/// Bytes of an id that are kept; longer ones are not ours to resume from.
const ID_BYTES_MAX: usize = 64;

/// What is kept of a snapshot that is still coming: more than a mark or an id, either of which may be
/// cut in two.
const SNAPSHOT_BYTES_KEPT: usize = 256;

/// How a snapshot begins.
const SNAPSHOT: &[u8] = b"data: {\"type\":\"snapshot\"";

/// Room that a stream keeps between two events.
const ROOM_KEPT: usize = 4 * 1024;

/// What writers put into what they write, so that any server's deliveries can be counted: which of
/// them, its how-manieth write, and when it was sent (in nanoseconds on the load's own clock).
/// As text `~writer~number~nanos~`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) writer: usize,
    pub(crate) number: u64,
    pub(crate) nanos: u64,
}

impl Mark {
    pub(crate) fn text(self) -> String {
        format!("~{}~{}~{}~", self.writer, self.number, self.nanos)
    }

    /// The first in some bytes, and where it ends.
    fn find(bytes: &[u8]) -> Option<(Mark, usize)> {
        let mut at = memchr::memchr(b'~', bytes)? + 1;
        let mut number = || {
            let end = at + memchr::memchr(b'~', &bytes[at..])?;
            let text = std::str::from_utf8(&bytes[at..end]).ok()?;
            at = end + 1;
            text.parse().ok()
        };
        let (writer, count, nanos) = (number()?, number()?, number()?);
        let mark = Mark {
            writer: usize::try_from(writer).ok()?,
            number: count,
            nanos,
        };
        Some((mark, at))
    }
}

/// What a stream brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Brought<'a> {
    /// The status of its answer.
    Status(u16),
    /// An event with a mark.
    Event(Mark),
    /// A piece of a snapshot, in which marks may stand as well; pieces overlap.
    Piece(&'a [u8]),
    /// The last piece of a snapshot, or all of it.
    Snapshot(&'a [u8]),
    /// Anything else: `connected`, a heartbeat, a word to the client.
    Other,
}

/// All marks in a snapshot.
pub(crate) fn marks(mut bytes: &[u8]) -> impl Iterator<Item = Mark> {
    std::iter::from_fn(move || {
        loop {
            let begin = memchr::memchr(b'~', bytes)?;
            if let Some((mark, end)) = Mark::find(&bytes[begin..]) {
                bytes = &bytes[begin + end..];
                return Some(mark);
            }
            // Half a mark, at the edge of a piece.
            bytes = &bytes[begin + 1..];
        }
    })
}

/// Where a stream stands.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    place: Place,
    is_chunked: bool,
    /// The head, or the part of a block that has come.
    carry: Vec<u8>,
    id: Vec<u8>,
    /// What is carried is the end of a snapshot's pieces.
    is_in_snapshot: bool,
    ended: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Place {
    #[default]
    Head,
    /// In a chunk's size line: the size so far, and whether its digits are over.
    Size(usize, bool),
    /// In a chunk: so much is left.
    Chunk(usize),
    /// In the line end after a chunk.
    AfterChunk,
    /// In a body without chunks.
    Plain,
}

impl Feed {
    /// The last id, to resume from.
    pub(crate) fn id(&self) -> Option<&str> {
        std::str::from_utf8(&self.id)
            .ok()
            .filter(|id| !id.is_empty())
    }

    /// Keeps the id for another connection.
    pub(crate) fn begin_again(&mut self) {
        let id = std::mem::take(&mut self.id);
        *self = Feed {
            id,
            ..Feed::default()
        };
    }

    /// Whether the last chunk has come.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes what was received and says what it brought.
    pub(crate) fn push(&mut self, mut bytes: &[u8], brought: &mut impl FnMut(Brought<'_>)) {
        if self.place == Place::Head {
            self.carry.extend_from_slice(bytes);
            let Some(end) = memmem::find(&self.carry, b"\r\n\r\n") else {
                return;
            };
            let all = std::mem::take(&mut self.carry);
            self.read_head(&all[..end], brought);
            return self.push(&all[end + 4..], brought);
        }
        while !bytes.is_empty() {
            bytes = self.take(bytes);
        }
        self.part(brought);
    }

    fn read_head(&mut self, head: &[u8], brought: &mut impl FnMut(Brought<'_>)) {
        let head = head.to_ascii_lowercase();
        self.is_chunked = memmem::find(&head, b"transfer-encoding: chunked").is_some();
        self.place = if self.is_chunked {
            Place::Size(0, false)
        } else {
            Place::Plain
        };
        let status = head
            .get(9..12)
            .and_then(|code| std::str::from_utf8(code).ok());
        brought(Brought::Status(
            status.and_then(|code| code.parse().ok()).unwrap_or(0),
        ));
    }

    /// Takes one piece: to the end of a line of the coding, or of its content.
    fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match self.place {
            Place::Head | Place::Plain => {
                self.carry.extend_from_slice(bytes);
                &[]
            }
            Place::Chunk(left) => {
                let (content, rest) = bytes.split_at(left.min(bytes.len()));
                self.carry.extend_from_slice(content);
                self.place = match left - content.len() {
                    0 => Place::AfterChunk,
                    left => Place::Chunk(left),
                };
                rest
            }
            Place::AfterChunk => {
                if bytes[0] == b'\n' {
                    self.place = Place::Size(0, false);
                }
                &bytes[1..]
            }
            Place::Size(size, is_over) => {
                let byte = bytes[0];
                let digit = char::from(byte).to_digit(16).filter(|_| !is_over);
                self.place = match (byte, digit) {
                    (b'\n', _) if size == 0 => {
                        self.ended = true;
                        Place::Plain
                    }
                    (b'\n', _) => Place::Chunk(size),
                    (_, Some(digit)) => Place::Size(size * 16 + digit as usize, false),
                    _ => Place::Size(size, true),
                };
                &bytes[1..]
            }
        }
    }

    /// Parts what has come into blocks.
    fn part(&mut self, brought: &mut impl FnMut(Brought<'_>)) {
        let mut done = 0;
        while let Some(end) = memmem::find(&self.carry[done..], b"\n\n") {
            let block = &self.carry[done..done + end + 1];
            keep_id(block, &mut self.id);
            brought(if std::mem::take(&mut self.is_in_snapshot) {
                Brought::Snapshot(block)
            } else {
                read_block(block)
            });
            done += end + 2;
        }
        let rest = &self.carry[done..];
        if rest.len() > SNAPSHOT_BYTES_KEPT && (self.is_in_snapshot || rest.starts_with(SNAPSHOT)) {
            self.is_in_snapshot = true;
            brought(Brought::Piece(rest));
            done = self.carry.len() - SNAPSHOT_BYTES_KEPT;
        }
        if done == self.carry.len() {
            self.carry.clear();
            self.carry.shrink_to(ROOM_KEPT);
        } else {
            self.carry.drain(..done);
        }
    }
}

fn read_block(block: &[u8]) -> Brought<'_> {
    if block.starts_with(SNAPSHOT) {
        return Brought::Snapshot(block);
    }
    match Mark::find(block) {
        Some((mark, _)) => Brought::Event(mark),
        None => Brought::Other,
    }
}

fn keep_id(block: &[u8], id: &mut Vec<u8>) {
    let line = if block.starts_with(b"id: ") {
        &block[4..]
    } else {
        match memmem::rfind(block, b"\nid: ") {
            Some(at) => &block[at + 5..],
            None => return,
        }
    };
    let end = memchr::memchr(b'\n', line).unwrap_or(line.len());
    id.clear();
    if end <= ID_BYTES_MAX {
        id.extend_from_slice(&line[..end]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(feed: &mut Feed, bytes: &[u8], piece: usize) -> Vec<String> {
        let mut all = Vec::new();
        for bytes in bytes.chunks(piece) {
            feed.push(bytes, &mut |brought| all.push(format!("{brought:?}")));
        }
        all
    }

    fn event(number: u64) -> String {
        let mark = Mark {
            writer: 3,
            number,
            nanos: 77,
        };
        format!(
            "data: {{\"title\":\"{} x\"}}\nid: {number}-ab\n\n",
            mark.text()
        )
    }

    fn chunked(parts: &[String]) -> Vec<u8> {
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for part in parts {
            bytes.extend(format!("{:x};note\r\n{part}\r\n", part.len()).bytes());
        }
        bytes
    }

    #[test]
    fn it_reads_the_same_whole_and_byte_by_byte() {
        let connected = "data: {\"type\":\"connected\"}\nretry: 2000\nid: 0-00\n\n";
        let halves = event(2);
        let parts = [
            connected.to_owned() + &event(1),
            halves[..20].to_owned(),
            halves[20..].to_owned(),
            ":\n\n".to_owned(),
        ];
        let bytes = chunked(&parts);
        let mark = |number| format!("Event(Mark {{ writer: 3, number: {number}, nanos: 77 }})");
        let all = ["Status(200)", "Other", &mark(1), &mark(2), "Other"];
        for piece in [1, 7, 4_096] {
            let mut feed = Feed::default();
            assert_eq!(read(&mut feed, &bytes, piece), all, "pieces of {piece}");
            assert_eq!(feed.id(), Some("2-ab"));
            assert!(!feed.has_ended());
            read(&mut feed, b"0\r\n\r\n", 1);
            assert!(feed.has_ended());
        }
    }

    #[test]
    fn it_reads_a_body_without_chunks_and_ids_before_the_data() {
        let mut feed = Feed::default();
        let body = "id: 17:0\ndata: ~0~1~5~\n\n";
        let bytes = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
        assert_eq!(read(&mut feed, bytes.as_bytes(), 5).len(), 2);
        assert_eq!(feed.id(), Some("17:0"));
        feed.begin_again();
        assert_eq!((feed.id(), feed.place), (Some("17:0"), Place::Head));
    }

    #[test]
    fn a_snapshot_is_no_event_and_holds_marks() {
        let data = "data: {\"type\":\"snapshot\",\"a\":\"~0~4~1~\",\"b\":\"~1~9~1~\"}";
        let bytes = chunked(&[format!("{data}\nid: 4-ab\n\n")]);
        let mut found = Vec::new();
        Feed::default().push(&bytes, &mut |brought| {
            if let Brought::Snapshot(block) = brought {
                found.extend(marks(block).map(|mark| (mark.writer, mark.number)));
            }
        });
        assert_eq!(found, [(0, 4), (1, 9)]);
    }

    #[test]
    fn a_large_snapshot_is_read_in_pieces_and_loses_no_mark() {
        let marks_in = |from: usize, to: usize| {
            let marks = (from..to).map(|at| format!("\"{}~{at}~7~9~\",", "x".repeat(at % 97)));
            marks.collect::<String>()
        };
        let data = "data: {\"type\":\"snapshot\",".to_owned() + &marks_in(0, 500);
        let bytes = chunked(&[format!("{data}}}\nid: 4-ab\n\n{}", event(1))]);
        for piece in [1, 10, 255, 1_000, 4_096] {
            let (mut found, mut ends, mut events) = (std::collections::BTreeSet::new(), 0, 0);
            let mut feed = Feed::default();
            for bytes in bytes.chunks(piece) {
                feed.push(bytes, &mut |brought| match brought {
                    Brought::Piece(block) => found.extend(marks(block).map(|mark| mark.writer)),
                    Brought::Snapshot(block) => {
                        found.extend(marks(block).map(|mark| mark.writer));
                        ends += 1;
                    }
                    Brought::Event(_) => events += 1,
                    _ => {}
                });
                assert!(feed.carry.len() < SNAPSHOT_BYTES_KEPT + 2 * piece);
            }
            assert!(found.into_iter().eq(0..500), "pieces of {piece}");
            assert_eq!((ends, events, feed.id()), (1, 1, Some("1-ab")));
        }
    }
}
