//! A tiny HTTP/1.1 client that shows a test exactly what went over the wire. Loopback only.
//!
//! It adds to a request only what HTTP needs (`Host`, `Content-Length`, and `Content-Type` for
//! JSON), follows nothing, retries nothing and hides no status.

use std::io;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::badge;
use crate::dial::{assert_loopback, dial};
use crate::hearing::{Ear, Heard, Said};
use crate::http1::{self, BodyEnd, header};
use crate::wait::within;

/// A request to be sent; a header set here replaces the one that would be added.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    path: String,
    version: &'static str,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    adds_host: bool,
}

impl Request {
    /// A request without a body. `path` is the whole target, query included.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Request {
            method: method.into(),
            path: path.into(),
            version: "HTTP/1.1",
            headers: Vec::new(),
            body: None,
            adds_host: true,
        }
    }

    /// Adds a header, after those there are. The same name twice is sent twice.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets a JSON body, as `application/json` unless a content type is set by [`Request::header`].
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string().into_bytes());
        if header(&self.headers, "content-type").is_none() {
            self = self.header("content-type", "application/json");
        }
        self
    }

    /// Sets the body to these bytes, without a content type.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The body as JSON, if it has one that is.
    pub fn body_json(&self) -> Option<Value> {
        serde_json::from_slice(self.body.as_ref()?).ok()
    }

    /// Sends no `Host`.
    #[must_use]
    pub fn without_host(mut self) -> Self {
        self.adds_host = false;
        self
    }

    /// Speaks HTTP/1.0, as some proxies do to their upstreams.
    #[must_use]
    pub fn http10(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    /// The bytes on the wire.
    fn encode(&self, addr: SocketAddr) -> Vec<u8> {
        let mut headers = Vec::new();
        if self.adds_host && header(&self.headers, "host").is_none() {
            headers.push(("host".to_owned(), addr.to_string()));
        }
        headers.extend(self.headers.iter().cloned());
        badge::show(addr, &mut headers);
        let framed = ["content-length", "transfer-encoding"];
        let framed = framed.iter().any(|name| header(&headers, name).is_some());
        let writes = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        if !framed && (writes || self.body.is_some()) {
            let length = self.body.as_ref().map_or(0, Vec::len);
            headers.push(("content-length".to_owned(), length.to_string()));
        }
        let mut bytes = http1::request_head(&self.method, &self.path, self.version, &headers);
        bytes.extend(self.body.iter().flatten());
        bytes
    }
}

/// What the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers as sent, in order.
    pub headers: Vec<(String, String)>,
    /// The body, its transfer coding undone.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none, with the status and the body in the message.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|fault| {
            panic!(
                "{} with a body that is not JSON ({fault}): {:?}",
                self.status,
                self.text()
            )
        })
    }

    /// The first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Hands itself back if the status is `status`.
    ///
    /// # Panics
    /// If the status is another, with both and the body in the message.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(
            self.status,
            status,
            "expected {status}, got {}: {}",
            self.status,
            self.text()
        );
        self
    }
}

/// Asks one server, on a fresh connection for each request.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    addr: SocketAddr,
}

impl Client {
    /// A client of the server at `addr`.
    ///
    /// # Panics
    /// If `addr` is not a loopback address.
    pub fn new(addr: SocketAddr) -> Self {
        assert_loopback(addr);
        Client { addr }
    }

    /// The address it asks.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends `request` and reads the whole answer.
    ///
    /// # Errors
    /// If the connection fails, is cut before the answer is whole, or is silent for
    /// [`crate::wait::WAIT`].
    pub async fn send(&self, request: Request) -> io::Result<Answer> {
        Connection::open(self.addr).await?.send(request).await
    }

    /// `GET path`.
    ///
    /// # Errors
    /// As for [`Client::send`].
    pub async fn get(&self, path: &str) -> io::Result<Answer> {
        self.send(Request::new("GET", path)).await
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    /// As for [`Client::send`].
    pub async fn post(&self, path: &str, body: &Value) -> io::Result<Answer> {
        self.send(Request::new("POST", path).json(body)).await
    }

    /// `PATCH path` with a JSON body.
    ///
    /// # Errors
    /// As for [`Client::send`].
    pub async fn patch(&self, path: &str, body: &Value) -> io::Result<Answer> {
        self.send(Request::new("PATCH", path).json(body)).await
    }

    /// `DELETE path`.
    ///
    /// # Errors
    /// As for [`Client::send`].
    pub async fn delete(&self, path: &str) -> io::Result<Answer> {
        self.send(Request::new("DELETE", path)).await
    }
}

/// One kept-alive connection, for writers that send many requests.
#[derive(Debug)]
pub struct Connection {
    addr: SocketAddr,
    socket: TcpStream,
    /// What the server sent beyond the last answer.
    pending: Vec<u8>,
    open: bool,
}

impl Connection {
    /// Connects to the server at `addr`.
    ///
    /// # Errors
    /// If nobody listens there.
    ///
    /// # Panics
    /// If `addr` is not a loopback address.
    pub async fn open(addr: SocketAddr) -> io::Result<Connection> {
        let socket = dial(addr, None).await?;
        Ok(Connection {
            addr,
            socket,
            pending: Vec::new(),
            open: true,
        })
    }

    /// Whether another request can be sent: the last answer was read whole and the server keeps the
    /// connection open.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Sends `request` and reads the whole answer.
    ///
    /// # Errors
    /// If the connection is no longer open, is cut before the answer is whole, or is silent for
    /// [`crate::wait::WAIT`]. Whether the request took effect is then unknown.
    pub async fn send(&mut self, request: Request) -> io::Result<Answer> {
        if !self.open {
            let why = "the server closed this connection after its last answer";
            return Err(io::Error::new(io::ErrorKind::NotConnected, why));
        }
        // Until the exchange is whole, the connection's place is unknown: also if this future is
        // dropped.
        self.open = false;
        let what = format!("{} {}", request.method, request.path);
        let bytes = request.encode(self.addr);
        let exchange = exchange(&mut self.socket, &mut self.pending, &bytes, &request.method);
        let (answer, stays_open) = within(&what, exchange).await?;
        self.open = stays_open;
        if let Some(ear) = Ear::at(self.addr) {
            ear.tell(Heard {
                method: &request.method,
                target: &request.path,
                said: Said::Answer(&answer),
            });
        }
        Ok(answer)
    }
}

/// Writes and reads at once: a server may refuse a body that is still being sent, and that answer
/// counts.
async fn exchange(
    socket: &mut TcpStream,
    pending: &mut Vec<u8>,
    request: &[u8],
    method: &str,
) -> io::Result<(Answer, bool)> {
    let (mut reader, mut writer) = socket.split();
    let mut write = std::pin::pin!(writer.write_all(request));
    let mut read = std::pin::pin!(read_answer(&mut reader, pending, method));
    let mut written = None;
    loop {
        tokio::select! {
            // Writing first, so that an answer read in the same moment finds the request sent.
            biased;
            end = &mut write, if written.is_none() => written = Some(end),
            answer = &mut read => {
                let (answer, keeps_open) = answer?;
                return Ok((answer, keeps_open && matches!(written, Some(Ok(())))));
            }
        }
    }
}

/// The answer, and whether another may follow on the same connection.
async fn read_answer<R: AsyncRead + Unpin>(
    reader: &mut R,
    pending: &mut Vec<u8>,
    method: &str,
) -> io::Result<(Answer, bool)> {
    let head = http1::read_head(reader, pending).await?;
    let end = head.body_end(method)?;
    let keeps_open = head.keeps_open() && end != BodyEnd::Close;
    let body = http1::read_body(reader, pending, end).await?;
    let answer = Answer {
        status: head.status,
        headers: head.headers,
        body,
    };
    Ok((answer, keeps_open))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::script::{Server, Step};

    fn answering(bytes: &str) -> Vec<Step> {
        vec![Step::AwaitRequest, Step::Send(bytes.as_bytes().to_vec())]
    }

    #[tokio::test]
    async fn a_request_carries_what_http_needs_and_no_more() {
        let created = "HTTP/1.1 201 Created\r\nContent-Length: 8\r\n\r\n{\"a\": 1}";
        let server = Server::start(vec![answering(created)]).await;
        let answer = Client::new(server.addr())
            .post("/tasks", &json!({"title": "x"}))
            .await
            .unwrap();
        assert_eq!((answer.status, answer.json()), (201, json!({"a": 1})));
        assert_eq!(answer.header("content-length"), Some("8"));
        let sent = format!(
            "POST /tasks HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{}",
            server.addr(),
            r#"{"title":"x"}"#
        );
        assert_eq!(server.requests().await, [sent]);
    }

    #[tokio::test]
    async fn own_headers_replace_the_added_ones() {
        let server = Server::start(vec![answering("HTTP/1.1 204 No Content\r\n\r\n")]).await;
        let request = Request::new("PATCH", "/tasks/t")
            .without_host()
            .header("Content-Type", "text/plain")
            .header("Content-Length", "2")
            .json(&json!({}));
        let answer = Client::new(server.addr()).send(request).await.unwrap();
        assert_eq!((answer.status, answer.body), (204, vec![]));
        let sent =
            "PATCH /tasks/t HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(server.requests().await, [sent]);
    }

    #[tokio::test]
    async fn one_connection_carries_many_requests_however_their_bodies_end() {
        let steps = [
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\nto the end",
        ];
        let server = Server::start(vec![steps.into_iter().flat_map(answering).collect()]).await;
        let mut connection = Connection::open(server.addr()).await.unwrap();
        let mut bodies = Vec::new();
        for _ in 0..3 {
            assert!(connection.is_open());
            bodies.push(
                connection
                    .send(Request::new("GET", "/"))
                    .await
                    .unwrap()
                    .text(),
            );
        }
        assert_eq!(bodies, ["abc", "", "to the end"]);
        assert!(!connection.is_open());
        let again = connection.send(Request::new("GET", "/")).await.unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::NotConnected);
    }

    #[tokio::test]
    async fn an_answer_to_a_body_that_is_still_being_sent_arrives() {
        let refusal = "HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
        let server = Server::start(vec![vec![Step::Send(refusal.into()), Step::Stall]]).await;
        let request = Request::new("POST", "/tasks").body(vec![b'x'; 64 * 1024 * 1024]);
        let mut connection = Connection::open(server.addr()).await.unwrap();
        assert_eq!(connection.send(request).await.unwrap().status, 413);
        assert!(!connection.is_open());
    }

    #[tokio::test]
    async fn an_answer_that_is_cut_short_is_an_error() {
        let server = Server::start(vec![answering(
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab",
        )])
        .await;
        let cut = Client::new(server.addr()).get("/").await.unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    #[should_panic(expected = "not a loopback address")]
    fn only_this_machine_is_asked() {
        let _ = Client::new("192.0.2.1:80".parse().unwrap());
    }
}
