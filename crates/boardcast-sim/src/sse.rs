//! A strict parser of `text/event-stream` (WHATWG HTML, section 9.2.6) that also checks what the
//! contract promises about the bytes. It knows nothing of boards, sockets or chunks.

use serde_json::Value;

/// The largest block, blank line included, whose type is not `snapshot`.
pub const BLOCK_BYTES_MAX: usize = 64 * 1024;

/// No board is this large; past it the end of a block is no longer waited for.
const PENDING_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The type whose blocks may be as large as their board.
const SNAPSHOT: &str = "snapshot";

/// Text that some clients take for the end of a line though the standard doesn't: U+0085, U+2028,
/// U+2029.
const FALSE_LINE_ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// One block of the stream: the lines up to a blank one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The exact bytes, the blank line included.
    pub raw: Vec<u8>,
    /// What the `data` line carries.
    pub data: Option<String>,
    /// What the `id` line carries.
    pub id: Option<String>,
    /// What the `event` line carries; a block without one reaches `onmessage`.
    pub event: Option<String>,
    /// What the `retry` line carries, in milliseconds.
    pub retry: Option<u64>,
    /// No line carries anything: comments alone, or nothing at all.
    pub comment_only: bool,
}

impl Block {
    /// Whether `onmessage` would see it: data under no event name.
    pub fn is_message(&self) -> bool {
        self.data.is_some() && self.event.is_none()
    }

    /// The data as JSON; null if there is none or it isn't JSON.
    pub fn json(&self) -> Value {
        let data = self.data.as_deref().unwrap_or_default();
        serde_json::from_str(data).unwrap_or_default()
    }

    /// The data's `type`, `""` if it has none.
    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap_or_default().to_owned()
    }
}

/// The rule a block broke, with the block or what of it is enough to find it.
pub type Violation = String;

/// Takes bytes as they arrive and yields whole blocks.
///
/// A block that breaks a rule of its own is yielded as the [`Violation`] and the next one is read.
/// After a byte that makes every later line doubtful (a carriage return), nothing more is yielded.
#[derive(Debug, Default)]
pub struct Parser {
    pending: Vec<u8>,
    /// Where in `pending` the block that is not yet yielded begins.
    block_start: usize,
    /// Where its last line begins.
    line_start: usize,
    /// How far it has been looked at.
    scanned: usize,
    /// The body's first block is behind.
    begun: bool,
    /// A rule was broken after which nothing can be told apart.
    broken: bool,
}

impl Parser {
    /// Takes the next bytes of the body, however they are cut.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        self.pending.drain(..self.block_start);
        self.line_start -= self.block_start;
        self.scanned -= self.block_start;
        self.block_start = 0;
        self.pending.extend_from_slice(bytes);
    }

    /// The bytes of the block that has begun and not ended. Empty at a frame's boundary.
    pub fn partial(&self) -> &[u8] {
        &self.pending[self.block_start..]
    }

    /// Looks for the blank line that ends the block; the end is past it.
    fn find_block_end(&mut self) -> Result<Option<usize>, Violation> {
        while let Some(at) = self.pending[self.scanned..]
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'))
        {
            let line_end = self.scanned + at;
            if self.pending[line_end] == b'\r' {
                return Err(format!(
                    "a carriage return after {}",
                    excerpt(&self.pending[self.block_start..line_end])
                ));
            }
            let blank = line_end == self.line_start;
            self.scanned = line_end + 1;
            self.line_start = self.scanned;
            if blank {
                return Ok(Some(self.scanned));
            }
        }
        self.scanned = self.pending.len();
        if self.partial().len() > PENDING_BYTES_MAX {
            return Err(format!(
                "no blank line in {PENDING_BYTES_MAX} bytes after {}",
                excerpt(self.partial())
            ));
        }
        Ok(None)
    }

    fn take_block(&mut self, end: usize) -> Result<Block, Violation> {
        let raw = self.pending[self.block_start..end].to_vec();
        self.block_start = end;
        let first = !std::mem::replace(&mut self.begun, true);
        if first && raw.starts_with("\u{feff}".as_bytes()) {
            return Err(format!("a byte order mark before {}", excerpt(&raw)));
        }
        parse_block(raw)
    }

    fn give_up(&mut self, violation: Violation) -> Violation {
        *self = Parser {
            broken: true,
            ..Parser::default()
        };
        violation
    }
}

impl Iterator for Parser {
    type Item = Result<Block, Violation>;

    /// The next whole block; `None` until more bytes are pushed.
    fn next(&mut self) -> Option<Self::Item> {
        match self.find_block_end() {
            Ok(None) => None,
            Ok(Some(end)) => Some(self.take_block(end)),
            Err(violation) => Some(Err(self.give_up(violation))),
        }
    }
}

fn parse_block(raw: Vec<u8>) -> Result<Block, Violation> {
    let text = std::str::from_utf8(&raw).map_err(|_| format!("not UTF-8: {}", excerpt(&raw)))?;
    if let Some(end) = text.chars().find(|char| FALSE_LINE_ENDS.contains(char)) {
        return Err(format!(
            "a raw U+{:04X} in {}",
            u32::from(end),
            excerpt(&raw)
        ));
    }
    let mut block = Block {
        comment_only: true,
        ..Block::default()
    };
    // A line that begins with a colon is a comment.
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(':'))
    {
        block.comment_only = false;
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        set_field(&mut block, field, value)
            .map_err(|rule| format!("{rule} in {}", excerpt(&raw)))?;
    }
    check_whole(&block, raw.len()).map_err(|rule| format!("{rule} in {}", excerpt(&raw)))?;
    Ok(Block { raw, ..block })
}

/// One line's effect. A field the standard doesn't know is passed over, as is a `retry` that isn't
/// all digits.
fn set_field(block: &mut Block, field: &str, value: &str) -> Result<(), &'static str> {
    let (slot, twice) = match field {
        "data" if block.id.is_some() => return Err("id before data"),
        "data" => (&mut block.data, "more than one data line"),
        "id" => (&mut block.id, "more than one id line"),
        "event" => (&mut block.event, "more than one event line"),
        "retry" => {
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            block.retry = if digits {
                value.parse().ok()
            } else {
                block.retry
            };
            return Ok(());
        }
        _ => return Ok(()),
    };
    match slot.replace(value.to_owned()) {
        Some(_) => Err(twice),
        None => Ok(()),
    }
}

/// The rules that need the whole block.
fn check_whole(block: &Block, length: usize) -> Result<(), &'static str> {
    if block.data.is_none() && (block.id.is_some() || block.event.is_some()) {
        return Err("an id or event without data");
    }
    if length > BLOCK_BYTES_MAX && block.kind() != SNAPSHOT {
        return Err("more than 64 KiB");
    }
    Ok(())
}

/// The beginning of `bytes` as a message can show it.
fn excerpt(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(200)];
    let more = if shown.len() < bytes.len() { "…" } else { "" };
    format!("{:?}{more}", String::from_utf8_lossy(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = concat!(
        "data: {\"type\":\"connected\"}\nretry: 2000\nid: 41-9f3ac21b07de\n\n",
        ":\n\n",
        "\n",
        "retry: 7\nretry: soon\n\n",
        "data: {\"type\":\"task_deleted\",\"taskId\":\"t\"}\nid: 42-03b7710c9ae4\n\n",
        "event: ping\ndata:{}\n: why\nunknown: field\n\n",
        "data: {\"type\":\"cut\"}\nid: 43-",
    );

    fn parse_in_pieces(bytes: &[u8], size: usize) -> (Vec<Result<Block, Violation>>, Vec<u8>) {
        let mut parser = Parser::default();
        let mut blocks = Vec::new();
        for piece in bytes.chunks(size) {
            parser.push(piece);
            blocks.extend(parser.by_ref());
        }
        (blocks, parser.partial().to_vec())
    }

    #[track_caller]
    fn check_violates(stream: &[u8], rule: &str) {
        for size in [1, stream.len()] {
            let (blocks, _) = parse_in_pieces(stream, size);
            let first = blocks.first().expect("something is yielded");
            let violation = first.as_ref().expect_err("the rule is kept");
            assert!(
                violation.contains(rule),
                "{violation:?} doesn't say {rule:?}"
            );
        }
    }

    #[test]
    fn blocks_are_the_same_however_the_bytes_are_cut() {
        let whole = parse_in_pieces(STREAM.as_bytes(), STREAM.len());
        for size in 1..40 {
            assert_eq!(
                parse_in_pieces(STREAM.as_bytes(), size),
                whole,
                "in pieces of {size}"
            );
        }
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        let (blocks, partial) = parse_in_pieces(STREAM.as_bytes(), STREAM.len());
        let blocks: Vec<Block> = blocks.into_iter().map(Result::unwrap).collect();
        assert_eq!(blocks.len(), 6);
        assert_eq!(blocks[0].data.as_deref(), Some(r#"{"type":"connected"}"#));
        assert_eq!(blocks[0].id.as_deref(), Some("41-9f3ac21b07de"));
        assert_eq!(
            (blocks[0].retry, blocks[0].kind().as_str()),
            (Some(2000), "connected")
        );
        assert!(blocks[1].comment_only && blocks[2].comment_only);
        assert_eq!((blocks[3].retry, blocks[3].comment_only), (Some(7), false));
        assert!(blocks[4].is_message() && !blocks[5].is_message());
        assert_eq!(
            (blocks[5].event.as_deref(), blocks[5].data.as_deref()),
            (Some("ping"), Some("{}"))
        );
        assert_eq!(partial, b"data: {\"type\":\"cut\"}\nid: 43-");
    }

    #[test]
    fn raw_is_every_byte_of_the_block() {
        let (blocks, partial) = parse_in_pieces(STREAM.as_bytes(), 5);
        let mut bytes: Vec<u8> = blocks
            .into_iter()
            .flat_map(|block| block.unwrap().raw)
            .collect();
        bytes.extend(partial);
        assert_eq!(bytes, STREAM.as_bytes());
    }

    #[test]
    fn an_id_before_its_data_is_caught() {
        check_violates(b"id: 1-03b7710c9ae4\ndata: {}\n\n", "id before data");
    }

    #[test]
    fn a_second_data_line_is_caught() {
        check_violates(b"data: {\ndata: }\n\n", "more than one data line");
    }

    #[test]
    fn an_id_or_event_without_data_is_caught() {
        check_violates(b"id: 1-03b7710c9ae4\n\n", "without data");
        check_violates(b"event: ping\n\n", "without data");
    }

    #[test]
    fn a_carriage_return_is_caught_and_ends_the_parsing() {
        check_violates(b"data: {}\r\n\r\n", "carriage return");
        let (blocks, _) = parse_in_pieces(b"data: {}\r\rdata: {}\n\ndata: {}\n\n", 3);
        assert_eq!(blocks.len(), 1);
    }

    #[test]
    fn a_byte_order_mark_is_caught() {
        check_violates("\u{feff}data: {}\n\n".as_bytes(), "byte order mark");
    }

    #[test]
    fn raw_characters_that_some_clients_split_lines_on_are_caught() {
        for end in FALSE_LINE_ENDS {
            let stream = format!("data: {{\"title\":\"a{end}b\"}}\n\n");
            check_violates(stream.as_bytes(), &format!("U+{:04X}", u32::from(end)));
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_caught() {
        check_violates(b"data: \xff\n\n", "not UTF-8");
    }

    #[test]
    fn only_a_snapshot_may_be_larger_than_a_frame() {
        let block = |kind: &str, length: usize| {
            let empty = format!("data: {{\"type\":\"{kind}\",\"x\":\"\"}}\n\n").len();
            format!(
                "data: {{\"type\":\"{kind}\",\"x\":\"{}\"}}\n\n",
                "x".repeat(length - empty)
            )
        };
        check_violates(
            block("task_created", BLOCK_BYTES_MAX + 1).as_bytes(),
            "64 KiB",
        );
        for fine in [
            block("task_created", BLOCK_BYTES_MAX),
            block("snapshot", BLOCK_BYTES_MAX * 3),
        ] {
            let (blocks, _) = parse_in_pieces(fine.as_bytes(), 4096);
            assert_eq!(
                blocks[0].as_ref().map(|block| block.raw.len()),
                Ok(fine.len())
            );
        }
    }

    #[test]
    fn a_bad_block_costs_only_itself() {
        let (blocks, _) = parse_in_pieces(b"data: 1\ndata: 2\n\ndata: {}\n\n", 64);
        assert!(blocks[0].is_err());
        assert_eq!(blocks[1].as_ref().unwrap().data.as_deref(), Some("{}"));
    }
}
