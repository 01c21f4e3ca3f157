//! Clients that speak TLS, with a certificate that lives as long as the test. HTTP/2 is spoken through
//! `h2` itself, which takes no more than the test does.

use crate::app::{PATIENCE, TestApp};
use boardcast_sim::sse::{Block, Parser};
use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::response::Parts;
use http::{Request, Uri};
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Bytes that a stream may send before more is asked for.
const WINDOW: u32 = 16 * 1024;

/// A certificate for this machine, vouched for by nobody.
pub(crate) struct Certificate {
    folder: TempDir,
    trusted: Trusted,
}

/// What of a certificate a client has to know.
#[derive(Clone)]
pub(crate) struct Trusted(CertificateDer<'static>);

impl Certificate {
    pub(crate) fn new() -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = Self {
            folder,
            trusted: Trusted(made.cert.der().clone()),
        };
        std::fs::write(certificate.path(), made.cert.pem()).expect("a file");
        let key = made.signing_key.serialize_pem();
        std::fs::write(certificate.key_path(), key).expect("a file");
        certificate
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub(crate) fn key_path(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Whatever becomes of the files.
    pub(crate) fn trusted(&self) -> &Trusted {
        &self.trusted
    }
}

impl Trusted {
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        protocol: &[u8],
    ) -> TlsStream<TcpStream> {
        let stream = self.try_connect(address, protocol).await;
        let stream = stream.expect("both ends agree");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
        stream
    }

    /// Fails if the server there has another certificate.
    pub(crate) async fn try_connect(
        &self,
        address: SocketAddr,
        protocol: &[u8],
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.clone()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config
            .with_safe_default_protocol_versions()
            .expect("versions");
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let socket = TcpStream::connect(address).await.expect("a connection");
        let name = "localhost".try_into().expect("a name");
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, socket);
        timeout(PATIENCE, connecting).await.expect("in time")
    }
}

/// HTTP/1.1 by hand.
pub(crate) struct Tls1 {
    stream: TlsStream<TcpStream>,
    host: String,
}

impl Tls1 {
    pub(crate) async fn open(app: &TestApp, certificate: &Certificate) -> Self {
        let stream = certificate
            .trusted()
            .connect(app.address(), b"http/1.1")
            .await;
        let host = app.address().to_string();
        Self { stream, host }
    }

    /// The head of an answer, and its chunks put together, as soon as they are this long or longer.
    pub(crate) async fn get(&mut self, path: &str, bytes: usize) -> (String, String) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host);
        self.stream
            .write_all(request.as_bytes())
            .await
            .expect("it is sent");
        let mut text = String::new();
        loop {
            let mut piece = vec![0; 16 * 1024];
            let read = timeout(PATIENCE, self.stream.read(&mut piece)).await;
            let read = read.expect("in time").expect("no cut");
            assert!(read > 0, "not the end: {text}");
            text += std::str::from_utf8(&piece[..read]).expect("text");
            if let Some((head, chunks)) = text.split_once("\r\n\r\n") {
                let lines = chunks.split("\r\n");
                // Sizes and contents by turns.
                let body: String = lines.skip(1).step_by(2).collect();
                if body.len() >= bytes {
                    return (format!("{head}\r\n"), body);
                }
            }
        }
    }
}

impl Tls1 {
    /// Nothing more comes.
    pub(crate) async fn expect_end(mut self) {
        let mut piece = [0; 1024];
        let read = timeout(PATIENCE, self.stream.read(&mut piece)).await;
        let read = read.expect("in time").unwrap_or(0);
        let more = String::from_utf8_lossy(&piece[..read]);
        assert!(read == 0, "it goes on: {more}");
    }
}

/// One connection of HTTP/2.
pub(crate) struct Http2 {
    send: SendRequest<Bytes>,
    driver: JoinHandle<Result<(), h2::Error>>,
    authority: String,
}

/// An answer, whole.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: Parts,
    pub(crate) bytes: Vec<u8>,
    /// Null if it has none.
    pub(crate) json: Value,
}

impl Answered {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.json);
        self.json
    }
}

impl Http2 {
    pub(crate) async fn open(app: &TestApp, certificate: &Certificate) -> Self {
        let socket = certificate.trusted().connect(app.address(), b"h2").await;
        let (send, connection) = h2::client::Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(64 * 1024 * 1024)
            .handshake(socket)
            .await
            .expect("both speak HTTP/2");
        let authority = format!("localhost:{}", app.address().port());
        let driver = tokio::spawn(connection);
        Self {
            send,
            driver,
            authority,
        }
    }

    /// The head of an answer, and its body to come. `path` may name another authority.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        json: Option<&Value>,
    ) -> (Parts, RecvStream) {
        let uri: Uri = match path.strip_prefix('/') {
            Some(_) => format!("https://{}{path}", self.authority).parse(),
            None => path.parse(),
        }
        .expect("an address");
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if json.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(()).expect("a request");
        let mut send = self.send.clone().ready().await.expect("it is open");
        let (answer, mut body) = send
            .send_request(request, json.is_none())
            .expect("it is sent");
        if let Some(json) = json {
            body.send_data(json.to_string().into(), true)
                .expect("it is sent");
        }
        let answer = timeout(PATIENCE, answer).await.expect("an answer in time");
        answer.expect("an answer").into_parts()
    }

    /// A whole answer.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        json: Option<&Value>,
    ) -> Answered {
        let (head, mut body) = self.ask(method, path, headers, json).await;
        let mut bytes = Vec::new();
        while let Some(piece) = timeout(PATIENCE, body.data()).await.expect("in time") {
            let piece = piece.expect("no cut");
            body.flow_control()
                .release_capacity(piece.len())
                .expect("it was taken");
            bytes.extend(piece);
        }
        let json = serde_json::from_slice(&bytes).unwrap_or_default();
        Answered {
            status: head.status.as_u16(),
            head,
            bytes,
            json,
        }
    }

    pub(crate) async fn watch(&self, path: &str, headers: &[(&str, &str)]) -> Events {
        let (head, body) = self.ask("GET", path, headers, None).await;
        assert_eq!(head.status, 200);
        Events {
            body,
            parser: Parser::default(),
            reset: false,
        }
    }

    /// How many requests the server lets be open.
    pub(crate) fn requests_max(&self) -> usize {
        self.send.current_max_send_streams()
    }

    /// Closes the socket under whatever goes on.
    pub(crate) async fn cut(self) {
        self.driver.abort();
        assert!(self.driver.await.is_err_and(|error| error.is_cancelled()));
    }

    /// The server ends the connection, in order.
    pub(crate) async fn expect_end(self) {
        drop(self.send);
        let ended = timeout(PATIENCE, self.driver).await.expect("it ends");
        ended.expect("no panic").expect("it ends in order");
    }
}

/// A stream that is read.
pub(crate) struct Events {
    body: RecvStream,
    parser: Parser,
    reset: bool,
}

impl Events {
    /// The next block, comments passed over.
    pub(crate) async fn next(&mut self) -> Block {
        self.try_next().await.expect("not the end")
    }

    /// The same; none at the end, in order or not.
    pub(crate) async fn try_next(&mut self) -> Option<Block> {
        loop {
            match self.parser.next() {
                Some(Ok(block)) if block.comment_only => continue,
                Some(block) => return Some(block.expect("well-formed")),
                None => {}
            }
            match timeout(PATIENCE, self.body.data()).await.expect("in time") {
                Some(Ok(piece)) => {
                    let len = piece.len();
                    self.body
                        .flow_control()
                        .release_capacity(len)
                        .expect("it was taken");
                    self.parser.push(&piece);
                }
                Some(Err(error)) => {
                    self.reset = error.is_reset();
                    return None;
                }
                None => return None,
            }
        }
    }

    pub(crate) fn was_reset(&self) -> bool {
        self.reset
    }

    pub(crate) async fn expect_end(&mut self) {
        assert!(self.try_next().await.is_none() && !self.reset);
    }
}
