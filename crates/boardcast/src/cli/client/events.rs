//! The event stream format (WHATWG HTML, 9.2.5 and 9.2.6), bytes in, events out. No IO, and nothing
//! of what Boardcast puts into events.

use boardcast_core::limits::{CLIENT_ANSWER_BYTES_MAX, CLIENT_ID_BYTES_MAX};
use std::mem;

/// What a stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// An event.
    Event(Event),
    /// To wait so many milliseconds before coming back.
    Retry(u64),
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The `event` field; empty for an event without one, which a browser calls a message.
    pub(crate) name: String,
    /// Its data, lines joined by line feeds.
    pub(crate) data: String,
    /// The last id that was seen up to here; empty before the first.
    pub(crate) id: String,
}

/// Reads one connection's bytes.
#[derive(Debug)]
pub(crate) struct Parser {
    line: Vec<u8>,
    is_first_line: bool,
    /// The last byte was a carriage return: a line feed after it belongs to it.
    is_after_cr: bool,
    name: String,
    data: String,
    has_data: bool,
    /// Takes effect with the block's end.
    next_id: String,
    id: String,
}

/// A line, an id or an event that is longer than anything a server should send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Parser {
    /// A parser of a new connection. The last id outlives connections.
    pub(crate) fn new(id: &str) -> Self {
        Self {
            line: Vec::new(),
            is_first_line: true,
            is_after_cr: false,
            name: String::new(),
            data: String::new(),
            has_data: false,
            next_id: id.into(),
            id: id.into(),
        }
    }

    /// The last id that took effect: where to go on.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Takes the next bytes, however they are cut, and hands over what they complete.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        items: &mut impl Extend<Item>,
    ) -> Result<(), TooLong> {
        for &byte in bytes {
            let is_second_half =
                mem::replace(&mut self.is_after_cr, byte == b'\r') && byte == b'\n';
            match byte {
                _ if is_second_half => {}
                b'\r' | b'\n' => {
                    let line = mem::take(&mut self.line);
                    items.extend(self.end_line(&line));
                    // Its room is used again.
                    self.line = line;
                    self.line.clear();
                    if self.next_id.len() > CLIENT_ID_BYTES_MAX {
                        return Err(TooLong);
                    }
                }
                _ => self.line.push(byte),
            }
        }
        let held = (self.line.len() + self.data.len()) as u64;
        if held <= CLIENT_ANSWER_BYTES_MAX {
            Ok(())
        } else {
            Err(TooLong)
        }
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Item> {
        let is_first = mem::replace(&mut self.is_first_line, false);
        let line = match line.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) if is_first => rest,
            _ => line,
        };
        if line.is_empty() {
            return self.end_block();
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value.into(),
            "data" => {
                if mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') => self.next_id = value.into(),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                return value.parse().ok().map(Item::Retry);
            }
            // A comment has an empty name; others are for a later time.
            _ => {}
        }
        None
    }

    fn end_block(&mut self) -> Option<Item> {
        self.id.clone_from(&self.next_id);
        let name = mem::take(&mut self.name);
        let data = mem::take(&mut self.data);
        let event = Event {
            name,
            data,
            id: self.id.clone(),
        };
        mem::replace(&mut self.has_data, false).then_some(Item::Event(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str, id: &str) -> Item {
        Item::Event(Event {
            name: name.into(),
            data: data.into(),
            id: id.into(),
        })
    }

    /// Feeds the text byte by byte, then in all other ways to cut it in two, and checks what comes.
    #[track_caller]
    fn check(text: &str, expected: &[Item]) {
        let bytes = text.as_bytes();
        let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let (mut parser, mut items) = (Parser::new(""), Vec::new());
            for piece in pieces {
                parser.feed(piece, &mut items).unwrap();
            }
            items
        };
        assert_eq!(read(&mut bytes.chunks(1)), expected, "byte by byte");
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(read(&mut [head, tail].into_iter()), expected, "cut at {at}");
        }
    }

    #[test]
    fn lines_end_with_lf_cr_or_both() {
        for end in ["\n", "\r", "\r\n"] {
            let text = ["data: a", "id: 1", "", "data: b", "", ""].join(end);
            check(&text, &[event("", "a", "1"), event("", "b", "1")]);
        }
        check(
            "data: a\r\n\ndata: b\n\r\n",
            &[event("", "a", ""), event("", "b", "")],
        );
        // A carriage return alone ends the block: nobody waits for what may follow.
        check("data: a\r\r", &[event("", "a", "")]);
    }

    #[test]
    fn several_data_lines_are_one_text() {
        check("data: a\ndata\ndata: b\n\n", &[event("", "a\n\nb", "")]);
        check("data\n\n", &[event("", "", "")]);
        check("data:\n\n", &[event("", "", "")]);
    }

    #[test]
    fn one_space_after_the_colon_belongs_to_it() {
        check(
            "data:a\n\ndata:  a:b\n\n",
            &[event("", "a", ""), event("", " a:b", "")],
        );
    }

    #[test]
    fn comments_and_unknown_fields_are_passed_over() {
        check(": heartbeat\n\n:\nother: x\nDATA: x\ndata : x\n\n", &[]);
        check(
            "data: a\n: in between\ndata: b\n\n",
            &[event("", "a\nb", "")],
        );
    }

    #[test]
    fn names_last_for_one_event_and_ids_until_the_next() {
        check(
            "event: ping\ndata: {}\nid: 7\n\ndata: a\n\nid\ndata: b\n\n",
            &[
                event("ping", "{}", "7"),
                event("", "a", "7"),
                event("", "b", ""),
            ],
        );
        check("event: lost\n\ndata: a\n\n", &[event("", "a", "")]);
    }

    #[test]
    fn an_id_with_nul_is_no_id() {
        check(
            "id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n",
            &[event("", "a", "1"), event("", "b", "1")],
        );
    }

    #[test]
    fn only_digits_are_a_time_to_come_back() {
        check(
            "retry: 2000\nretry: -1\nretry: 1.5\nretry: 2 \nretry\nretry: x\n\n",
            &[Item::Retry(2000)],
        );
        check("retry: 99999999999999999999\n", &[]);
    }

    #[test]
    fn a_byte_order_mark_is_no_text_at_the_beginning() {
        check(
            "\u{feff}data: a\n\n\u{feff}data: b\n\n",
            &[event("", "a", "")],
        );
    }

    #[test]
    fn text_is_utf_8_however_it_is_cut() {
        check(
            "data: é\u{1f9f9}\u{85}\u{2028}\n\n",
            &[event("", "é\u{1f9f9}\u{85}\u{2028}", "")],
        );
        let (mut parser, mut items) = (Parser::new(""), Vec::new());
        parser.feed(b"data: \xff\n\n", &mut items).unwrap();
        assert_eq!(items, [event("", "\u{fffd}", "")]);
    }

    #[test]
    fn what_is_cut_off_is_no_event_and_moves_no_id() {
        let (mut parser, mut items) = (Parser::new("1"), Vec::new());
        parser.feed(b"data: a\nid: 2\n", &mut items).unwrap();
        assert_eq!((items.len(), parser.id()), (0, "1"));
        parser.feed(b"\n", &mut items).unwrap();
        assert_eq!((items.len(), parser.id()), (1, "2"));
    }

    /// Each event holds the id, so a long one and many short events would take the product of both.
    #[test]
    fn an_id_is_bounded_whatever_comes_after_it() {
        let read = |id_bytes| {
            let text = format!("id: {}\nid: 1\ndata: a\n\n", "x".repeat(id_bytes));
            let (mut parser, mut items) = (Parser::new(""), Vec::new());
            parser.feed(text.as_bytes(), &mut items).map(|()| items)
        };
        let longest = read(CLIENT_ID_BYTES_MAX);
        assert_eq!(longest, Ok(vec![event("", "a", "1")]));
        assert_eq!(read(CLIENT_ID_BYTES_MAX + 1), Err(TooLong));
    }
}
