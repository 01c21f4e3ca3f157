//! Following boards: one stream after another, each going on after the last id, until nothing is left
//! to follow. Cuts, restarts, dead lines and servers that send us away all end in the same way: wait,
//! come back with the id. What the events do to a board is not known here.

use super::events::{Event, Item, Parser};
use super::{Client, Failure, Opened};
use crate::outside::random_within;
use boardcast_core::limits::{WATCH_BACKOFF_MS, WATCH_RETRY_MS_MAX};
use serde::Deserialize;
use std::collections::VecDeque;
use std::io::Read;
use std::mem;
use std::time::Duration;

/// What happens next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// Something to tell.
    Event(Event),
    /// The line is down, and why. Told once, however often it is tried.
    Lost(String),
    /// The line is up again.
    Back,
    /// Nothing is left to follow.
    Gone,
}

/// Where a follower begins.
#[derive(Clone, Debug)]
pub(crate) enum Begin {
    /// After the event with this id.
    After(String),
    /// With the boards as they stand.
    Snapshot,
}

/// Follows one board or several.
pub(crate) struct Follow<'a> {
    client: &'a Client,
    boards: Vec<String>,
    /// Ids are of the kind that names several boards.
    is_merged: bool,
    wants_snapshot: bool,
    line: Option<Line>,
    items: VecDeque<Item>,
    /// Outlives lines: a stream that begins with a snapshot may be cut before it has an id.
    id: String,
    retry_ms: u32,
    attempts_failed: u32,
    is_lost: bool,
}

struct Line {
    bytes: Box<dyn Read>,
    parser: Parser,
}

/// As much of an event's data as decides whether to go on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
    board_id: Option<String>,
}

impl<'a> Follow<'a> {
    /// Follows the boards of these ids, at least one.
    pub(crate) fn new(client: &'a Client, boards: Vec<String>, begin: Begin) -> Self {
        let (id, wants_snapshot) = match begin {
            Begin::After(id) => (id, false),
            Begin::Snapshot => (String::new(), true),
        };
        Self {
            client,
            is_merged: boards.len() > 1,
            boards,
            wants_snapshot,
            line: None,
            items: VecDeque::new(),
            id,
            retry_ms: 0,
            attempts_failed: 0,
            is_lost: false,
        }
    }

    /// Waits for what happens next.
    pub(crate) fn next(&mut self) -> Result<Happening, Failure> {
        loop {
            while let Some(item) = self.items.pop_front() {
                if let Some(happening) = self.take(item) {
                    return Ok(happening);
                }
            }
            if self.boards.is_empty() {
                return Ok(Happening::Gone);
            }
            let lost = match self.line.take() {
                Some(line) => self.read(line)?,
                None => match self.connect()? {
                    Connected::Yes => None,
                    Connected::Gone => return Ok(Happening::Gone),
                    Connected::No(why) => Some(why),
                },
            };
            if let Some(why) = lost
                && !mem::replace(&mut self.is_lost, true)
            {
                return Ok(Happening::Lost(why));
            }
        }
    }

    fn take(&mut self, item: Item) -> Option<Happening> {
        let event = match item {
            Item::Retry(ms) => {
                self.retry_ms = u32::try_from(ms)
                    .unwrap_or(u32::MAX)
                    .min(WATCH_RETRY_MS_MAX);
                return None;
            }
            // A named event is a heartbeat, or of a later time; its coming is all that counts.
            Item::Event(event) if !event.name.is_empty() => return None,
            Item::Event(event) => event,
        };
        let Ok(Kind { kind, board_id }) = serde_json::from_str(&event.data) else {
            return None;
        };
        match kind.as_str() {
            "connected" => {
                self.attempts_failed = 0;
                let was_lost = mem::replace(&mut self.is_lost, false);
                return was_lost.then_some(Happening::Back);
            }
            "board_deleted" | "board_gone" => {
                self.boards.retain(|board| Some(board) != board_id.as_ref());
            }
            _ => {}
        }
        Some(Happening::Event(event))
    }

    /// Reads what there is; the reason if that was all.
    fn read(&mut self, mut line: Line) -> Result<Option<String>, Failure> {
        let mut bytes = [0; 16 * 1024];
        match line.bytes.read(&mut bytes) {
            Ok(0) => Ok(Some("the server ended the stream".into())),
            Err(error) => Ok(Some(error.to_string())),
            Ok(read) => {
                let fed = line.parser.feed(&bytes[..read], &mut self.items);
                fed.map_err(|_| {
                    Failure::Refused("the server sends an event or an id that never ends".into())
                })?;
                line.parser.id().clone_into(&mut self.id);
                self.line = Some(line);
                Ok(None)
            }
        }
    }

    /// Tries to get a line, after the wait that is due.
    fn connect(&mut self) -> Result<Connected, Failure> {
        if self.is_lost {
            std::thread::sleep(self.pause());
        }
        // Taken back by `connected`.
        self.attempts_failed += 1;
        match self.client.open(&self.path(), &self.id)? {
            Opened::Stream(bytes) => {
                let parser = Parser::new(&self.id);
                self.line = Some(Line { bytes, parser });
                Ok(Connected::Yes)
            }
            Opened::Gone => Ok(Connected::Gone),
            Opened::NotNow(why, wait) => {
                let wait = wait.map_or(0, |wait| wait.as_millis());
                let wait = u32::try_from(wait).unwrap_or(u32::MAX);
                self.retry_ms = self.retry_ms.max(wait.min(WATCH_RETRY_MS_MAX));
                Ok(Connected::No(why))
            }
        }
    }

    /// As long as the server told, and longer if it fails again and again. The random part keeps those
    /// who were cut together from coming back together.
    fn pause(&self) -> Duration {
        let (shortest, longest) = WATCH_BACKOFF_MS.into_inner();
        let doublings = self.attempts_failed.min(16);
        let full = shortest.saturating_mul(1 << doublings).min(longest);
        let own = random_within(self.client.outside(), &(full / 2..=full)).max(shortest);
        let told = random_within(
            self.client.outside(),
            &(self.retry_ms..=self.retry_ms + self.retry_ms / 4),
        );
        let told = told.min(longest.max(self.retry_ms));
        Duration::from_millis(own.max(told).into())
    }

    fn path(&self) -> String {
        let boards = self.boards.join(",");
        let snapshot = if self.wants_snapshot {
            "&snapshot=1"
        } else {
            ""
        };
        if self.is_merged {
            format!("/events?boards={boards}&heartbeat=event{snapshot}")
        } else {
            format!("/boards/{boards}/events?heartbeat=event{snapshot}")
        }
    }
}

/// What an attempt to connect came to.
enum Connected {
    Yes,
    Gone,
    No(String),
}

#[cfg(test)]
mod tests {
    use super::super::Silence;
    use super::*;
    use crate::serve::Machine;
    use crate::spine;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread::JoinHandle;

    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    const CONNECTED: &str = "data: {\"type\":\"connected\"}\nretry: 1\nid: 1-a\n\n";

    /// How a scripted answer ends.
    enum End {
        Close,
        Hold,
    }

    /// A server that gives one answer a connection, and then the heads of the requests it saw.
    fn serve(answers: Vec<(String, End)>) -> (String, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let playing = spine::spawn("script", move || {
            let mut held = Vec::new();
            for (at, (answer, end)) in answers.into_iter().enumerate() {
                let (mut socket, _) = listener.accept().unwrap();
                let head = read_head(&socket);
                assert_eq!(head.contains("last-event-id: 1-a\r\n"), at > 0, "{head}");
                assert!(head.starts_with("GET /boards/b/events?heartbeat=event HTTP/1.1"));
                socket.write_all(answer.as_bytes()).unwrap();
                if matches!(end, End::Hold) {
                    held.push(socket);
                }
            }
        });
        (server, playing)
    }

    fn read_head(socket: &TcpStream) -> String {
        let mut lines = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut head).unwrap(), 0);
        }
        head
    }

    fn told(happening: Happening) -> String {
        match happening {
            Happening::Event(event) => event.id,
            Happening::Lost(_) => "lost".into(),
            Happening::Back => "back".into(),
            Happening::Gone => "gone".into(),
        }
    }

    #[track_caller]
    fn check(silence_ms: u64, answers: Vec<(String, End)>, expected: &[&str]) {
        let (server, playing) = serve(answers);
        let silence = Silence(Duration::from_millis(silence_ms));
        let client = Client::new(&server, Box::new(Machine), silence);
        let begin = Begin::After(String::new());
        let mut follow = Follow::new(&client, vec!["b".into()], begin);
        let seen = expected.iter().map(|_| told(follow.next().unwrap()));
        assert_eq!(seen.collect::<Vec<_>>(), expected);
        playing.join().unwrap();
    }

    fn event(id: &str, kind: &str) -> String {
        format!("data: {{\"type\":\"{kind}\",\"boardId\":\"b\"}}\nid: {id}\n\n")
    }

    #[test]
    fn a_dead_line_is_given_up_and_nothing_is_told_twice() {
        let ping = "event: ping\ndata: {}\n\n";
        let first = format!("{HEAD}{CONNECTED}{ping}data: {{\"type\":\"ta");
        let second = format!("{HEAD}{CONNECTED}{}", event("2-b", "task_created"));
        check(
            300,
            vec![(first, End::Hold), (second, End::Hold)],
            &["lost", "back", "2-b"],
        );
    }

    #[test]
    fn a_server_that_sends_us_away_is_asked_again() {
        let first = format!("{HEAD}{CONNECTED}");
        let busy = "HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
        let away = format!("{HEAD}retry: 2\n\n");
        let last = format!("{HEAD}{CONNECTED}{}", event("2-b", "board_deleted"));
        check(
            10_000,
            vec![
                (first, End::Close),
                (busy.into(), End::Close),
                (away, End::Close),
                (last, End::Close),
            ],
            &["lost", "back", "2-b", "gone"],
        );
    }

    #[test]
    fn a_board_that_is_gone_is_not_asked_for_again() {
        let first = format!("{HEAD}{CONNECTED}");
        let gone = "HTTP/1.1 204 No Content\r\n\r\n";
        check(
            10_000,
            vec![(first, End::Close), (gone.into(), End::Close)],
            &["lost", "gone"],
        );
    }
}
