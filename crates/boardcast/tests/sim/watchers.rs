//! Watchers: they ask for a stream as a browser does, come back after every end, and let the judge see
//! every byte.

use crate::people;
use crate::server::{Answering, Asked, Server};
use crate::sockets::{Arrived, Receiver};
use crate::swarm::Way;
use crate::tasks::{Flag, at_once};
use crate::world::{Gaps, Ticket};
use axum::body::Body;
use axum::response::Response;
use boardcast::live::Hangup;
use boardcast::live::body::{Offer, Stream};
use boardcast::live::shard::Ending;
use boardcast_sim::chronicle::Chronicle;
use boardcast_sim::cursor::elements;
use boardcast_sim::joint::Joint;
use boardcast_sim::rights::Badge;
use boardcast_sim::sse::{Block, Parser};
use boardcast_sim::witness::Witness;
use bytes::Bytes;
use http_body::Body as _;
use serde_json::Value;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// How a watcher reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Whatever comes, when it comes.
    Steady,
    /// A piece now and then.
    Slow,
}

pub(crate) struct Watcher {
    pub(crate) name: String,
    pub(crate) boards: Vec<String>,
    pub(crate) pace: Pace,
    pub(crate) line: Line,
    pub(crate) flag: Arc<Flag>,
    /// Its line stands still up to this millisecond.
    pub(crate) stuck_until: u64,
    /// By what it is known.
    pub(crate) badge: Badge,
    /// Shows this instead, until its stream has begun.
    pub(crate) ticket: Option<Ticket>,
    /// What it could not see at some time since it asked.
    pub(crate) gaps: Gaps,
    /// Boards that were made anew since it asked.
    pub(crate) past: BTreeSet<String>,
    /// Boards that it was just shown something of, with the place, and those it was told to be gone.
    pub(crate) shown: Vec<(String, String)>,
    pub(crate) gone: Vec<String>,
    /// Nothing lies between it and a body.
    pub(crate) is_reader: bool,
    /// Something came on this connection.
    has_begun: bool,
    way: Way,
    /// Of the connection on which it asked.
    hangup: Hangup,
    judge: Judge,
    asks_snapshot: bool,
}

/// Where its connection stands.
pub(crate) enum Line {
    /// It comes back at this millisecond.
    Down(u64),
    Opening(Answering),
    Open(Delivery, Parser),
}

enum Judge {
    One(Witness),
    Many(Joint),
}

/// Whichever way a stream's bytes come.
pub(crate) enum Delivery {
    /// As the body of a response.
    Body(Body),
    /// Over a socket, coded in chunks.
    Socket(Receiver),
}

impl Delivery {
    fn take(&mut self, context: &mut Context<'_>) -> Arrived {
        match self {
            Self::Body(body) => match Pin::new(body).poll_frame(context) {
                Poll::Pending => Arrived::Nothing,
                Poll::Ready(None) => Arrived::End,
                Poll::Ready(Some(Ok(frame))) => {
                    Arrived::Bytes(frame.into_data().unwrap_or_default())
                }
                // Only for want of rights.
                Poll::Ready(Some(Err(_))) => Arrived::Cut(Ending::Revoked),
            },
            Self::Socket(receiver) => receiver.read(),
        }
    }

    /// The body's part of bytes that came.
    fn decode(&mut self, bytes: Bytes) -> Result<Bytes, String> {
        match self {
            Self::Body(_) => Ok(bytes),
            Self::Socket(receiver) => receiver.decode(&bytes).map(Bytes::from),
        }
    }
}

/// What came of one look at a watcher.
pub(crate) enum Looked {
    /// Nothing is there now.
    Waits,
    /// Bytes came, or an answer's head.
    Came,
    /// The answer is a stream that comes over a socket.
    Joins(Box<Stream>),
    /// The stream is over, in order.
    Ended,
    /// The server closed the line, wherever it stood.
    Cut,
    /// It was answered with this, and is to stay away.
    Refused(u16),
}

impl Watcher {
    pub(crate) fn new(boards: &[&str], pace: Pace, asks_snapshot: bool) -> Self {
        let boards: Vec<_> = boards.iter().map(|&board| board.to_owned()).collect();
        let name = format!("{pace:?} watcher of {}", boards.join(","));
        Self {
            judge: Judge::of(&boards, asks_snapshot),
            name,
            boards,
            pace,
            line: Line::Down(0),
            flag: Arc::default(),
            stuck_until: 0,
            badge: Badge::Nobody,
            ticket: None,
            gaps: Gaps::default(),
            past: BTreeSet::new(),
            shown: Vec::new(),
            gone: Vec::new(),
            is_reader: false,
            has_begun: false,
            way: Way::Body,
            hangup: Hangup::default(),
            asks_snapshot,
        }
    }

    /// Asks for its stream, after the last event it has.
    pub(crate) fn request(&self) -> Asked {
        let mut path = match &self.judge {
            Judge::One(_) => format!("/boards/{}/events?", self.boards[0]),
            Judge::Many(_) => format!("/events?boards={}&", self.boards.join(",")),
        };
        if self.asks_snapshot {
            path += "snapshot=1&";
        }
        let header = match &self.ticket {
            Some(ticket) => {
                path += &format!("ticket={}", ticket.secret);
                None
            }
            None => people::header(&self.badge),
        };
        let asked = Asked::new("GET", path.trim_end_matches(['?', '&']));
        let asked = match header {
            Some((name, value)) => asked.header(name, value),
            None => asked,
        };
        match self.last_id() {
            Some(id) => asked.header("last-event-id", id),
            None => asked,
        }
    }

    pub(crate) fn open(&mut self, server: &mut Server, way: Way) {
        self.hangup = match self.is_reader {
            true => Hangup::of_reader(),
            false => Hangup::default(),
        };
        self.has_begun = false;
        self.line = Line::Opening(server.call_on(&self.request(), self.hangup.clone()));
        self.way = way;
        self.flag.raise();
    }

    pub(crate) fn last_id(&self) -> Option<String> {
        match &self.judge {
            Judge::One(witness) => witness.last_id().map(str::to_owned),
            Judge::Many(joint) => Some(joint.id()).filter(|id| !id.is_empty()),
        }
    }

    /// Where it stands on a board.
    pub(crate) fn place(&self, board: &str) -> Option<String> {
        self.judge.place(board)
    }

    /// Whether its stream must have come to where a board stands, given the time.
    pub(crate) fn follows(&self, board: &str) -> bool {
        self.is_open()
            && match &self.judge {
                Judge::One(_) => true,
                Judge::Many(joint) => joint.follows(board),
            }
    }

    /// A board as it folded it.
    pub(crate) fn board(&self, board: &str) -> Option<&Value> {
        match &self.judge {
            Judge::One(witness) => witness.board(),
            Judge::Many(joint) => joint.board(board),
        }
    }

    /// Whether it was told to stay away and begins as somebody new.
    pub(crate) fn begin_anew(&mut self) {
        self.judge = Judge::of(&self.boards, self.asks_snapshot);
    }

    /// Its stream comes over a socket.
    pub(crate) fn joined(&mut self, receiver: Receiver) {
        self.line = Line::Open(Delivery::Socket(receiver), Parser::default());
        self.flag.raise();
    }

    pub(crate) fn is_stuck(&self, now_ms: u64) -> bool {
        now_ms < self.stuck_until
    }

    /// The connection is gone, wherever it stood.
    pub(crate) fn lose(&mut self, back_at: u64) {
        self.stuck_until = 0;
        self.line = Line::Down(back_at);
    }

    pub(crate) fn has_socket(&self) -> bool {
        matches!(self.line, Line::Open(Delivery::Socket(_), _))
    }

    pub(crate) fn is_slow(&self) -> bool {
        self.pace == Pace::Slow
    }

    /// Whether its body may still give something, for all that was done.
    pub(crate) fn is_left_open(&self) -> bool {
        matches!(self.line, Line::Open(Delivery::Body(_), _))
            && self.has_begun
            && at_once(self.hangup.hung_up()).is_none()
    }

    /// Whether something came of the stream that it asked for last.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.line, Line::Open(..))
    }

    /// Milliseconds after which it comes back.
    pub(crate) fn retry_ms(&self) -> u64 {
        let told = match &self.judge {
            Judge::One(witness) => witness.retry_ms(),
            Judge::Many(joint) => joint.retry_ms(),
        };
        told.unwrap_or(2_000)
    }

    /// Takes what is there: one piece. `take` says how many of its bytes arrive.
    pub(crate) fn look(
        &mut self,
        chronicle: &mut Chronicle,
        take: impl FnOnce(&str, &Bytes) -> usize,
    ) -> Looked {
        let waker: Waker = Arc::clone(&self.flag).into();
        let mut context = Context::from_waker(&waker);
        match &mut self.line {
            Line::Down(_) => Looked::Waits,
            Line::Open(Delivery::Body(_), _) if at_once(self.hangup.hung_up()).is_some() => {
                Looked::Cut
            }
            Line::Opening(answering) => match answering.as_mut().poll(&mut context) {
                Poll::Pending => Looked::Waits,
                Poll::Ready(Ok(response)) => self.opened(response),
            },
            Line::Open(delivery, parser) => match delivery.take(&mut context) {
                Arrived::Nothing => Looked::Waits,
                Arrived::Bytes(bytes) => {
                    let taken = take(&self.name, &bytes);
                    match delivery.decode(bytes.slice(..taken)) {
                        Ok(body) => parser.push(&body),
                        Err(why) => chronicle.object(format!("{}: {why}", self.name)),
                    }
                    self.read(chronicle);
                    Looked::Came
                }
                Arrived::Cut(ending) => {
                    if ending == Ending::InOrder {
                        chronicle.object(format!("{}: an end without the last chunk", self.name));
                    }
                    Looked::Cut
                }
                Arrived::End => {
                    if !parser.partial().is_empty() {
                        chronicle.object(format!("{}: an orderly end in a block", self.name));
                    }
                    self.judge.end();
                    self.pass_on(chronicle);
                    Looked::Ended
                }
            },
        }
    }

    fn opened(&mut self, response: Response) -> Looked {
        let (mut head, body) = response.into_parts();
        if head.status != 200 {
            return Looked::Refused(head.status.as_u16());
        }
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
        let headers = head.headers.iter();
        let headers: Vec<(String, String)> = headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        match &mut self.judge {
            Judge::One(witness) => witness.begin(&headers, false),
            Judge::Many(joint) => joint.begin(),
        }
        let offer = head.extensions.remove::<Offer>();
        if let Some(offer) = offer.filter(|_| self.way == Way::Shard) {
            let stream = offer.take().expect("nobody else takes it");
            return Looked::Joins(Box::new(stream));
        }
        self.line = Line::Open(Delivery::Body(body), Parser::default());
        self.flag.raise();
        Looked::Came
    }

    fn read(&mut self, chronicle: &mut Chronicle) {
        let Line::Open(_, parser) = &mut self.line else {
            return;
        };
        for block in parser.by_ref() {
            match block {
                Ok(block) => {
                    self.has_begun |= block.data.is_some();
                    note_board(&self.boards, &block, &mut self.shown, &mut self.gone);
                    tell(chronicle, &self.boards, &block, |board| {
                        self.judge.place(board)
                    });
                    self.judge.see(&block);
                }
                Err(violation) => chronicle.object(format!("{}: {violation}", self.name)),
            }
        }
        // A piece of a snapshot, or of an event.
        let rest = parser.partial();
        if let ([alone], false) = (&self.boards[..], rest.is_empty() || rest.starts_with(b"r")) {
            self.shown.push((alone.clone(), String::new()));
        }
        self.pass_on(chronicle);
    }

    fn pass_on(&mut self, chronicle: &mut Chronicle) {
        let violations = match &mut self.judge {
            Judge::One(witness) => &mut witness.report_mut().violations,
            Judge::Many(joint) => &mut joint.report_mut().violations,
        };
        for violation in violations.drain(..) {
            chronicle.object(format!("{}: {violation}", self.name));
        }
    }
}

impl Judge {
    fn of(boards: &[String], asks_snapshot: bool) -> Self {
        match boards {
            [_] => Self::One(Witness::new(false, asks_snapshot)),
            _ => Self::Many(Joint::new(boards.to_vec(), asks_snapshot)),
        }
    }

    fn place(&self, board: &str) -> Option<String> {
        match self {
            Self::One(witness) => witness.last_id().map(str::to_owned),
            Self::Many(joint) => joint.places().remove(board),
        }
    }

    fn see(&mut self, block: &Block) {
        match self {
            Self::One(witness) => witness.see(block),
            Self::Many(joint) => joint.see(block),
        }
    }

    fn end(&mut self) {
        match self {
            Self::One(witness) => witness.end(),
            Self::Many(joint) => joint.end(),
        }
    }
}

/// Notes which board a block is of.
fn note_board(
    boards: &[String],
    block: &Block,
    shown: &mut Vec<(String, String)>,
    gone: &mut Vec<String>,
) {
    if block.data.is_none() {
        return;
    }
    let message = block.json();
    let named = message["boardId"]
        .as_str()
        .or(message["board"]["id"].as_str());
    match (message["type"].as_str(), named, boards) {
        (Some("board_gone"), Some(board), _) => gone.push(board.to_owned()),
        (_, Some(board), [_, _, ..]) => {
            let id = block.id.as_deref().unwrap_or_default();
            let all = elements(id).unwrap_or_default().into_iter();
            let own = all.filter(|(name, _)| name == board);
            shown.extend(own);
        }
        (_, _, [alone]) => {
            shown.push((alone.clone(), block.id.clone().unwrap_or_default()));
        }
        // The beginning of several boards names places that the client told.
        _ => {}
    }
}

/// Notes what a block shows, in the one history of all. `place` is where its reader stood on a board.
pub(crate) fn tell(
    chronicle: &mut Chronicle,
    boards: &[String],
    block: &Block,
    place: impl FnOnce(&str) -> Option<String>,
) {
    let (Some(id), Some(data), true) = (&block.id, &block.data, block.is_message()) else {
        return;
    };
    let message = block.json();
    let kind = message["type"].as_str().unwrap_or_default();
    let is_merged = boards.len() > 1;
    let board = match kind {
        // A merged id also holds places that are not judged yet.
        "connected" if is_merged => return,
        "connected" => boards[0].as_str(),
        "board_gone" => return,
        "snapshot" => message["board"]["id"].as_str().unwrap_or_default(),
        _ => message["boardId"].as_str().unwrap_or_default(),
    };
    let cursor = if is_merged {
        let found = elements(id).unwrap_or_default().into_iter();
        let own = found.into_iter().find(|(name, _)| name == board);
        own.map(|(_, cursor)| cursor).unwrap_or_default()
    } else {
        id.clone()
    };
    match kind {
        "connected" => chronicle.saw_place(board, None, &cursor),
        "snapshot" => {
            let created_at = &message["board"]["createdAt"];
            chronicle.saw_place(board, Some(created_at), &cursor);
        }
        _ => chronicle.saw_event(board, place(board).as_deref(), &cursor, data),
    }
}
