//! Lends a connection to hyper until a stream's request takes the socket away from it. hyper parses
//! the request, and it is routed, judged and answered like any other; if what was answered is a stream
//! of one board, and nothing of the connection is left in hyper's hands, the socket goes to the
//! reactor with the answer's head. In doubt it stays, and [`super::body`] sends the same bytes.

use super::body::Offer;
use super::reactor::{Joining, Reactor};
use super::{GuardedSocket, Hangup, body};
use boardcast_core::model::Timestamp;
use http::header::EXPECT;
use http::response::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

/// A connection that is lent and may be taken back. Nothing of it happens at the same time: one task
/// polls hyper, and in it the request's answer.
#[derive(Clone)]
pub struct Loan(Arc<Mutex<Connection>>);

/// What hyper gets. Once the socket is taken back it neither reads nor writes.
pub struct LentSocket(Loan);

/// A connection that is lent, for as long as somebody else keeps it.
#[derive(Clone)]
pub(super) struct WeakLoan(Weak<Mutex<Connection>>);

struct Connection {
    /// None once it was taken, or closed.
    socket: Option<GuardedSocket>,
    heads: Heads,
    /// Whether the kernel has everything that hyper wrote or was given so far.
    is_flushed: bool,
}

/// What was taken: a socket, and the stream that goes over it.
pub struct Taken {
    stream: std::net::TcpStream,
    head: Vec<u8>,
    source: body::Stream,
}

impl Loan {
    /// Lends a connection on which nothing was read or written.
    #[must_use]
    pub fn new(socket: GuardedSocket) -> Self {
        Self(Arc::new(Mutex::new(Connection {
            socket: Some(socket),
            heads: Heads::default(),
            is_flushed: true,
        })))
    }

    /// For hyper.
    #[must_use]
    pub fn lent(&self) -> LentSocket {
        LentSocket(self.clone())
    }

    /// Closes it. All that hyper has in hand stays there.
    #[must_use]
    pub fn hangup(&self) -> Hangup {
        Hangup::of_loan(WeakLoan(Arc::downgrade(&self.0)))
    }

    /// A request has been parsed. True if its answer may take the socket: nothing follows the request
    /// on the connection, and nothing of an earlier answer waits.
    #[must_use]
    pub fn may_be_taken_by<B: Body>(&self, request: &Request<B>) -> bool {
        let body_len = request.body().size_hint().exact();
        let mut connection = self.lock();
        connection.heads.parsed(body_len);
        request.method() == Method::GET
            && request.version() == Version::HTTP_11
            && body_len == Some(0)
            && !request.headers().contains_key(EXPECT)
            && connection.is_at_rest()
    }

    /// Takes the socket for an answer that is a stream, if nothing has come on it meanwhile.
    pub fn take<B>(&self, response: Response<B>, now: Timestamp) -> Result<Taken, Response<B>> {
        let mut connection = self.lock();
        if response.status() != StatusCode::OK || !connection.is_at_rest() {
            return Err(response);
        }
        let Some(offer) = response.extensions().get::<Offer>() else {
            return Err(response);
        };
        let Some(stream) = connection
            .socket
            .as_mut()
            .and_then(GuardedSocket::give_away)
        else {
            return Err(response);
        };
        let source = offer.take();
        connection.socket = None;
        match (source, stream.into_std()) {
            (Some(source), Ok(stream)) => Ok(Taken {
                stream,
                head: head(&response.into_parts().0, now),
                source,
            }),
            // The runtime or the kernel has given the connection up.
            _ => Err(response),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything in here happens between two writes of hyper's, never in the middle of one: both hold the
/// connection.
impl WeakLoan {
    /// On return nothing more goes out, and what the kernel has not sent yet is thrown away.
    pub(super) fn close(&self) {
        let Some(loan) = self.0.upgrade().map(Loan) else {
            return;
        };
        let socket = loan.lock().socket.take();
        if let Some(socket) = socket {
            socket.abort();
        }
    }

    /// Whether anything that hyper was given may not be the kernel's yet. hyper flushes its socket only
    /// when it has written everything.
    pub(super) fn may_bytes_wait(&self) -> bool {
        let loan = self.0.upgrade().map(Loan);
        loan.is_some_and(|loan| !loan.lock().is_flushed)
    }

    pub(super) fn hand_over(&self, is_refused: impl FnOnce() -> bool) -> bool {
        let Some(loan) = self.0.upgrade().map(Loan) else {
            return false;
        };
        let mut connection = loan.lock();
        let is_handed_over = !is_refused();
        connection.is_flushed &= !is_handed_over;
        is_handed_over
    }
}

impl fmt::Debug for WeakLoan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakLoan").finish_non_exhaustive()
    }
}

impl Taken {
    /// Moves it to the thread that sends.
    pub fn join(self, reactor: &Reactor, permit: OwnedSemaphorePermit) {
        let body::Stream {
            line,
            seat,
            watcher,
        } = self.source;
        reactor.join(Joining {
            stream: self.stream,
            head: self.head,
            seat,
            watcher,
            lease: line.lease,
            permits: (line.permit, permit),
        });
    }
}

/// The answer's head, as hyper would have written it.
fn head(parts: &Parts, now: Timestamp) -> Vec<u8> {
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    for (name, value) in &parts.headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"transfer-encoding: chunked\r\n");
    if let Some(date) = date(now) {
        head.extend_from_slice(format!("date: {date}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// As HTTP writes it; none for a year that it can't name.
fn date(now: Timestamp) -> Option<String> {
    let now = jiff::Timestamp::from_millisecond(now.0).ok()?;
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    printer.timestamp_to_rfc9110_string(&now).ok()
}

impl Connection {
    fn is_at_rest(&self) -> bool {
        self.is_flushed && self.heads.is_nothing_ahead()
    }

    fn poll_socket<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut GuardedSocket>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &mut self.socket {
            Some(socket) => poll(Pin::new(socket)),
            // Nobody wakes hyper any more: its connection is dropped.
            None => Poll::Pending,
        }
    }
}

impl AsyncRead for LentSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut connection = self.0.lock();
        let before = buf.filled().len();
        ready!(connection.poll_socket(|socket| socket.poll_read(cx, buf)))?;
        connection.heads.handed_over(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LentSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut connection = self.0.lock();
        connection.is_flushed = false;
        connection.poll_socket(|socket| socket.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut connection = self.0.lock();
        connection.is_flushed = false;
        connection.poll_socket(|socket| socket.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        let connection = self.0.lock();
        connection
            .socket
            .as_ref()
            .is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut connection = self.0.lock();
        ready!(connection.poll_socket(|socket| socket.poll_flush(cx)))?;
        connection.is_flushed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut connection = self.0.lock();
        connection.poll_socket(|socket| socket.poll_shutdown(cx))
    }
}

/// Where requests begin and end in what was handed over, as far as that is certain.
#[derive(Debug, PartialEq, Eq)]
enum Heads {
    /// In a head, of which so many bytes were handed over.
    Head { bytes: u64, line: Line },
    /// A head is whole and not parsed; so many bytes came after it.
    Whole { after: u64 },
    /// In a body, of which so many bytes are to come.
    Body { left: u64 },
    /// Unknown, and it stays so: bytes of another request may be anywhere.
    Unknown,
}

/// What was read of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Something.
    Begun,
    /// Nothing.
    Empty,
    /// Nothing but a carriage return.
    Return,
}

impl Default for Heads {
    fn default() -> Self {
        Self::Head {
            bytes: 0,
            line: Line::Begun,
        }
    }
}

impl Heads {
    /// These bytes were read by hyper.
    fn handed_over(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.hand_over(byte);
        }
    }

    fn hand_over(&mut self, byte: u8) {
        match self {
            Self::Head { bytes, line } => {
                *bytes += 1;
                *line = match (byte, *line) {
                    (b'\n', Line::Empty | Line::Return) => {
                        *self = Self::Whole { after: 0 };
                        return;
                    }
                    (b'\n', Line::Begun) => Line::Empty,
                    (b'\r', Line::Empty) => Line::Return,
                    _ => Line::Begun,
                };
            }
            Self::Whole { after } => *after += 1,
            Self::Body { left: 1 } => *self = Self::default(),
            Self::Body { left } => *left -= 1,
            Self::Unknown => {}
        }
    }

    /// hyper has parsed a head; its body has this length, or one that only its bytes tell.
    fn parsed(&mut self, body_len: Option<u64>) {
        *self = match (&self, body_len) {
            (Self::Whole { after }, Some(len)) if *after == len => Self::default(),
            (Self::Whole { after }, Some(len)) if *after < len => Self::Body { left: len - after },
            _ => Self::Unknown,
        };
    }

    /// Whether everything that was handed over belongs to requests that were parsed.
    fn is_nothing_ahead(&self) -> bool {
        matches!(self, Self::Head { bytes: 0, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    fn after(steps: &[(&str, Option<Option<u64>>)]) -> bool {
        let mut heads = Heads::default();
        for (bytes, parsed) in steps {
            heads.handed_over(bytes.as_bytes());
            if let Some(body_len) = parsed {
                heads.parsed(*body_len);
            }
        }
        heads.is_nothing_ahead()
    }

    const GET: &str = "GET /a HTTP/1.1\r\nhost: b\r\n\r\n";
    const NO_BODY: Option<Option<u64>> = Some(Some(0));

    #[test]
    fn a_request_alone_leaves_nothing_ahead_however_it_comes() {
        assert!(after(&[(GET, NO_BODY)]));
        assert!(after(&[("GET /a HTTP/1.1\nhost: b\n\n", NO_BODY)]));
        for at in 1..GET.len() {
            assert!(after(&[(&GET[..at], None), (&GET[at..], NO_BODY)]));
        }
        assert!(after(&[(GET, NO_BODY), (GET, NO_BODY)]));
        let post = "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n";
        let whole = format!("{post}four\r\n\r\n!");
        assert!(after(&[(&whole, Some(Some(9))), (GET, NO_BODY)]));
        assert!(after(&[
            (post, Some(Some(9))),
            ("four\r\n\r\n!", None),
            (GET, NO_BODY)
        ]));
    }

    #[test]
    fn in_doubt_something_is_ahead() {
        let two = GET.repeat(2);
        assert!(!after(&[(&two, NO_BODY)]));
        assert!(!after(&[(&two, NO_BODY), ("", NO_BODY)]));
        // A third one is read while the second one is answered.
        assert!(!after(&[(&two, NO_BODY), ("", NO_BODY), (GET, None)]));
        assert!(!after(&[(&two, NO_BODY), ("", NO_BODY), (GET, NO_BODY)]));
        assert!(!after(&[(GET, NO_BODY), ("G", None)]));
        let half = format!("{GET}GET /a HT");
        assert!(!after(&[(&half, NO_BODY), ("TP/1.1\r\n\r\n", NO_BODY)]));
        // A body whose length only its bytes tell.
        assert!(!after(&[
            (GET, Some(None)),
            ("0\r\n\r\n", None),
            (GET, NO_BODY)
        ]));
        // Lines before a request, which hyper passes over.
        assert!(!after(&[("\r\n\r\n", None), (GET, NO_BODY)]));
    }

    /// Both ends of a connection that is lent.
    async fn lent() -> (Loan, LentSocket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (stream, _) = listener.accept().await.unwrap();
        let loan = Loan::new(GuardedSocket::new(stream).unwrap());
        let lent = loan.lent();
        (loan, lent, peer.unwrap())
    }

    #[tokio::test]
    async fn a_hung_up_connection_takes_nothing_more_and_sends_nothing_that_waits() {
        let (loan, mut lent, mut peer) = lent().await;
        let mut waiting = 0;
        while let Some(Ok(taken)) = lent.write(&[b'x'; 64 * 1024]).now_or_never() {
            waiting += taken;
        }
        loan.hangup().hang_up();
        assert!(lent.write(b"more").now_or_never().is_none());
        let mut received = Vec::new();
        let ended = peer.read_to_end(&mut received).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert!(received.len() < waiting, "{} arrived", received.len());
    }

    #[tokio::test]
    async fn what_hyper_was_given_waits_until_it_is_flushed() {
        let (loan, mut lent, mut peer) = lent().await;
        let hangup = loan.hangup();
        hangup.hang_up_if_bytes_wait();
        assert!(!hangup.hand_over(|| true), "refused, so nothing waits");
        hangup.hang_up_if_bytes_wait();
        assert!(hangup.hand_over(|| false));
        lent.write_all(b"it").await.unwrap();
        lent.flush().await.unwrap();
        hangup.hang_up_if_bytes_wait();
        let mut received = [0; 2];
        peer.read_exact(&mut received).await.unwrap();
        assert!(hangup.hand_over(|| false));
        hangup.hang_up_if_bytes_wait();
        assert!(lent.write(b"it").now_or_never().is_none());
        assert!(peer.read(&mut received).await.is_err(), "it is reset");
    }

    #[tokio::test]
    async fn a_hangup_keeps_no_connection_open() {
        let (loan, lent, mut peer) = lent().await;
        let hangup = loan.hangup();
        drop((loan, lent));
        assert_eq!(peer.read(&mut [0; 2]).await.unwrap(), 0);
        hangup.hang_up();
        assert!(!hangup.hand_over(|| false));
    }
}
