//! One event stream over one socket: opened, read block by block, cut at will. Keeps no cursor and
//! never reconnects; that is the watcher's.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::badge;
use crate::client::Answer;
use crate::dial::dial;
use crate::hearing::{Ear, Heard, Said};
use crate::http1::{self, BodyEnd, Chunks, header};
use crate::sse::{Block, Parser, Violation};
use crate::wait::{WAIT, within};

/// Why there is no next block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// The connection ended without an end of the body, or within a block.
    Cut(String),
    /// The bytes break a rule of the contract. Unless they can't be told apart any more, the next
    /// call goes on.
    Violation(Violation),
    /// No whole block in this time. The next call goes on.
    Quiet(Duration),
}

impl fmt::Display for StreamError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamError::Cut(how) => write!(out, "the stream was cut: {how}"),
            StreamError::Violation(rule) => write!(out, "the stream breaks the contract: {rule}"),
            StreamError::Quiet(limit) => write!(out, "nothing on the stream in {limit:?}"),
        }
    }
}

impl std::error::Error for StreamError {}

/// A response whose head has arrived.
#[derive(Debug)]
pub struct Opened {
    /// The status code.
    pub status: u16,
    /// The headers as sent, in order.
    pub headers: Vec<(String, String)>,
    /// The body, if the status says that it is a stream.
    pub stream: EventStream,
}

impl Opened {
    /// The first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Reads the body to its end, as that of a plain answer: a refusal, say.
    ///
    /// # Errors
    /// If the body is cut or isn't whole within [`WAIT`].
    pub async fn into_answer(mut self) -> io::Result<Answer> {
        let stream = &mut self.stream;
        let read = http1::read_body(&mut stream.socket, &mut stream.pending, stream.end);
        let body = within("body", read).await?;
        let answer = Answer {
            status: self.status,
            headers: self.headers,
            body,
        };
        self.stream.tell(Said::Answer(&answer));
        Ok(answer)
    }
}

/// A stream being read. One that is not read holds the server's bytes back, as a stalled client
/// would.
#[derive(Debug)]
pub struct EventStream {
    socket: TcpStream,
    /// Bytes off the socket that are not decoded yet.
    pending: Vec<u8>,
    end: BodyEnd,
    chunks: Chunks,
    parser: Parser,
    /// The body has ended as it should.
    ended: bool,
    /// Who listens along, and what was asked.
    ear: Option<(Ear, String)>,
}

impl EventStream {
    /// Asks for the stream at `path` and waits for the response head. `Host` and `Accept` are added
    /// unless `headers` sets them.
    ///
    /// # Errors
    /// If nobody listens, or no head arrives within [`WAIT`].
    ///
    /// # Panics
    /// If `addr` is not a loopback address.
    pub async fn open(
        addr: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Opened> {
        Self::open_with(addr, path, headers, None).await
    }

    /// [`EventStream::open`] with a receive buffer of about `receive_bytes`, so that a reader that
    /// stalls is felt by the server after little data.
    ///
    /// # Errors
    /// As for [`EventStream::open`].
    ///
    /// # Panics
    /// If `addr` is not a loopback address.
    pub async fn open_narrow(
        addr: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
        receive_bytes: u32,
    ) -> io::Result<Opened> {
        Self::open_with(addr, path, headers, Some(receive_bytes)).await
    }

    async fn open_with(
        addr: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
        receive_bytes: Option<u32>,
    ) -> io::Result<Opened> {
        let mut socket = dial(addr, receive_bytes).await?;
        let request = http1::request_head("GET", path, "HTTP/1.1", &request_headers(addr, headers));
        within("request", socket.write_all(&request)).await?;
        let mut pending = Vec::new();
        let head = within("response head", http1::read_head(&mut socket, &mut pending)).await?;
        let end = head.body_end("GET")?;
        let stream = EventStream {
            socket,
            pending,
            end,
            chunks: Chunks::default(),
            parser: Parser::default(),
            ended: end == BodyEnd::After(0),
            ear: Ear::at(addr).map(|ear| (ear, path.to_owned())),
        };
        stream.tell(Said::Head(head.status, &head.headers));
        Ok(Opened {
            status: head.status,
            headers: head.headers,
            stream,
        })
    }

    /// The next block; `None` once the body has ended in an orderly way at a block's boundary.
    /// Waits up to [`WAIT`]. Dropping the future loses nothing.
    ///
    /// # Errors
    /// See [`StreamError`].
    pub async fn next(&mut self) -> Result<Option<Block>, StreamError> {
        self.next_within(WAIT).await
    }

    /// The next block that a page's `onmessage` would see: comments, pings and bare `retry` blocks
    /// are passed over.
    ///
    /// # Errors
    /// See [`StreamError`].
    pub async fn next_event(&mut self) -> Result<Option<Block>, StreamError> {
        loop {
            match self.next().await? {
                Some(block) if !block.is_message() => {}
                end_or_message => return Ok(end_or_message),
            }
        }
    }

    /// The message of the next event, comments passed over.
    ///
    /// # Panics
    /// If there is none within `limit`.
    pub async fn next_event_within(&mut self, limit: Duration) -> Value {
        let event = timeout(limit, self.next_event()).await;
        let event = event.expect("an event in time").expect("no cut");
        event.expect("not the end").json()
    }

    /// [`EventStream::next`] that waits up to `limit`.
    ///
    /// # Errors
    /// See [`StreamError`]; [`StreamError::Quiet`] when the time is over.
    pub async fn next_within(&mut self, limit: Duration) -> Result<Option<Block>, StreamError> {
        let deadline = Instant::now() + limit;
        loop {
            self.decode()?;
            if let Some(found) = self.parser.next() {
                if let Ok(block) = &found {
                    self.tell(Said::Block(block));
                }
                return found.map(Some).map_err(StreamError::Violation);
            }
            if self.ended {
                return self.orderly_end();
            }
            let read = timeout_at(deadline, self.socket.read_buf(&mut self.pending)).await;
            match read.map_err(|_| StreamError::Quiet(limit))? {
                Ok(0) => self.peer_closed()?,
                Ok(_) => {}
                Err(fault) => return Err(StreamError::Cut(fault.to_string())),
            }
        }
    }

    /// Resets the connection (RST), as a client does that dies. Dropping the stream closes it
    /// politely.
    pub fn cut(self) {
        // If the socket is dead already, there is nothing left to cut.
        let _ = self.socket.set_zero_linger();
    }

    fn tell(&self, said: Said<'_>) {
        if let Some((ear, target)) = &self.ear {
            let method = "GET";
            ear.tell(Heard {
                method,
                target,
                said,
            });
        }
    }

    /// Undoes the transfer coding of what has arrived and hands it to the parser.
    fn decode(&mut self) -> Result<(), StreamError> {
        match &mut self.end {
            BodyEnd::LastChunk => {
                let mut body = Vec::new();
                let decoded = self.chunks.decode(&self.pending, &mut body);
                self.pending.clear();
                decoded.map_err(StreamError::Violation)?;
                self.parser.push(&body);
                self.ended = self.chunks.finished();
            }
            BodyEnd::After(left) => {
                let here = self.pending.len().min(*left as usize);
                self.parser.push(&self.pending[..here]);
                *left -= here as u64;
                self.ended = *left == 0;
            }
            BodyEnd::Close => self.parser.push(&self.pending),
        }
        self.pending.clear();
        Ok(())
    }

    /// A close ends only a body that has no other end, and no block.
    fn peer_closed(&mut self) -> Result<(), StreamError> {
        let partial = self.parser.partial().len();
        if self.end != BodyEnd::Close || partial > 0 {
            return Err(StreamError::Cut(format!(
                "closed without an end, {partial} bytes into a block"
            )));
        }
        self.ended = true;
        Ok(())
    }

    fn orderly_end(&self) -> Result<Option<Block>, StreamError> {
        match self.parser.partial() {
            [] => Ok(None),
            partial => {
                let partial = String::from_utf8_lossy(partial);
                Err(StreamError::Violation(format!(
                    "an orderly end within the block {partial:?}"
                )))
            }
        }
    }
}

fn request_headers(addr: SocketAddr, given: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    for (name, value) in [("accept", "text/event-stream"), ("host", &addr.to_string())] {
        if header(&headers, name).is_none() {
            headers.insert(0, (name.to_owned(), value.to_owned()));
        }
    }
    badge::show(addr, &mut headers);
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{LAST_CHUNK, STREAM_HEAD, Server, Step, chunk};

    const FIRST: &str = "data: {\"type\":\"connected\"}\nid: 1-03b7710c9ae4\n\n";

    /// A server that sends these pieces to one client, and that client's stream.
    async fn opened(pieces: &[&str], last: Option<Step>) -> Opened {
        let sent = pieces
            .iter()
            .map(|piece| Step::Send(piece.as_bytes().to_vec()));
        let steps = std::iter::once(Step::AwaitRequest)
            .chain(sent)
            .chain(last)
            .collect();
        let server = Server::start(vec![steps]).await;
        EventStream::open(server.addr(), "/boards/b/events", &[])
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn blocks_come_through_whatever_the_chunks() {
        let (left, right) = FIRST.split_at(11);
        let pieces = [
            STREAM_HEAD,
            &chunk(left),
            &chunk(&format!("{right}:\n\n")),
            LAST_CHUNK,
        ];
        let mut opened = opened(&pieces, None).await;
        assert_eq!(
            (opened.status, opened.header("Content-Type")),
            (200, Some("text/event-stream"))
        );
        assert_eq!(
            opened.stream.next().await.unwrap().unwrap().raw,
            FIRST.as_bytes()
        );
        assert_eq!(opened.stream.next_event().await, Ok(None));
        assert_eq!(opened.stream.next().await, Ok(None));
    }

    #[tokio::test]
    async fn a_body_that_ends_by_close_ends_in_order() {
        let head = "HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let mut opened = opened(&[head, FIRST], None).await;
        assert!(opened.stream.next().await.unwrap().is_some());
        assert_eq!(opened.stream.next().await, Ok(None));
    }

    #[tokio::test]
    async fn a_body_of_a_said_length_ends_in_order_after_it() {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", FIRST.len());
        let mut whole = opened(&[&head, FIRST], Some(Step::Hold)).await;
        assert!(whole.stream.next().await.unwrap().is_some());
        assert_eq!(whole.stream.next().await, Ok(None));
        let mut short = opened(&[&head, &FIRST[..20]], None).await;
        assert!(matches!(
            short.stream.next().await,
            Err(StreamError::Cut(_))
        ));
    }

    #[tokio::test]
    async fn a_missing_last_chunk_is_a_cut() {
        let mut opened = opened(&[STREAM_HEAD, &chunk(FIRST)], None).await;
        assert!(opened.stream.next().await.unwrap().is_some());
        assert!(matches!(
            opened.stream.next().await,
            Err(StreamError::Cut(_))
        ));
    }

    #[tokio::test]
    async fn a_reset_within_a_block_is_a_cut() {
        let mut opened = opened(&[STREAM_HEAD, &chunk(&FIRST[..20])], Some(Step::Reset)).await;
        assert!(matches!(
            opened.stream.next().await,
            Err(StreamError::Cut(_))
        ));
    }

    #[tokio::test]
    async fn an_orderly_end_within_a_block_is_a_violation() {
        let mut opened = opened(&[STREAM_HEAD, &chunk(&FIRST[..20]), LAST_CHUNK], None).await;
        assert!(matches!(
            opened.stream.next().await,
            Err(StreamError::Violation(_))
        ));
    }

    #[tokio::test]
    async fn silence_is_told_apart_from_an_end() {
        let mut opened = opened(&[STREAM_HEAD, &chunk(FIRST)], Some(Step::Hold)).await;
        assert!(opened.stream.next().await.unwrap().is_some());
        let limit = Duration::from_millis(1);
        assert_eq!(
            opened.stream.next_within(limit).await,
            Err(StreamError::Quiet(limit))
        );
        opened.stream.cut();
    }

    #[tokio::test]
    async fn a_refusal_can_be_read_as_an_answer() {
        let refused = opened(
            &["HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}"],
            None,
        )
        .await;
        assert_eq!(
            (refused.status, refused.into_answer().await.unwrap().body),
            (404, b"{}".to_vec())
        );
        let mut gone = opened(&["HTTP/1.1 204 No Content\r\n\r\n"], None).await;
        assert_eq!(gone.stream.next().await, Ok(None));
    }

    #[tokio::test]
    async fn own_headers_replace_the_added_ones() {
        let gone = b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
        let server = Server::start(vec![vec![Step::AwaitRequest, Step::Send(gone)]]).await;
        let headers = [("Accept", "*/*"), ("Last-Event-ID", "1-03b7710c9ae4")];
        EventStream::open_narrow(server.addr(), "/e", &headers, 4096)
            .await
            .unwrap();
        let sent = format!("GET /e HTTP/1.1\r\nhost: {}\r\n", server.addr());
        let rest = "Accept: */*\r\nLast-Event-ID: 1-03b7710c9ae4\r\n\r\n";
        assert_eq!(server.requests().await, [sent + rest]);
    }
}
