//! Requests as bytes by hand, for what no well-behaved client would send. One socket, one answer.

use crate::app::PATIENCE;
use boardcast_sim::client::Answer;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A connection whose every byte the test chooses.
pub(crate) struct RawSocket {
    stream: TcpStream,
}

impl RawSocket {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        assert!(address.ip().is_loopback(), "tests stay on this machine");
        let stream = TcpStream::connect(address).await.expect("a connection");
        Self { stream }
    }

    /// Hands everything to the kernel, reading nothing meanwhile.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = timeout(PATIENCE, self.stream.write_all(bytes)).await;
        written.expect("the server goes on reading, or closes")
    }

    /// Says that nothing more comes.
    pub(crate) async fn finish(&mut self) {
        // A server that has closed already doesn't want to know.
        let _ = self.stream.shutdown().await;
    }

    /// The next answer. Interim ones (1xx) count as answers of their own.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        self.answer_within(PATIENCE).await
    }

    /// [`RawSocket::answer`] for what takes the server some time.
    pub(crate) async fn answer_within(&mut self, limit: Duration) -> io::Result<Answer> {
        let read = timeout(limit, self.read_answer()).await;
        read.expect("an answer, or an end, comes in time")
    }

    async fn read_answer(&mut self) -> io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        let head = String::from_utf8(head).map_err(io::Error::other)?;
        let mut lines = head.trim_end().split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).unwrap_or_default();
        let status = status.parse().map_err(io::Error::other)?;
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        let length = answer.header("content-length").unwrap_or("0");
        let length = length.parse().map_err(io::Error::other)?;
        answer.body.resize(length, 0);
        self.stream.read_exact(&mut answer.body).await?;
        Ok(answer)
    }

    /// What comes within a moment; nothing if there is silence.
    pub(crate) async fn glance(&mut self, moment: Duration) -> Vec<u8> {
        let mut found = Vec::with_capacity(4 * 1024);
        // Silence, an end and a reset are all the same here.
        let _ = timeout(moment, self.stream.read_buf(&mut found)).await;
        found
    }

    /// Everything up to the end of the connection, however it ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        self.rest_within(PATIENCE).await
    }

    /// Everything up to the end of the connection, or until it is enough.
    pub(crate) async fn rest_until(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let mut rest = Vec::new();
        let reading = async {
            while !is_enough(&rest) && matches!(self.stream.read_buf(&mut rest).await, Ok(1..)) {}
        };
        let read = timeout(PATIENCE, reading).await;
        read.expect("the server closes the connection in time");
        rest
    }

    /// [`RawSocket::rest`] for an end that takes the server some time.
    pub(crate) async fn rest_within(&mut self, limit: Duration) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = timeout(limit, self.stream.read_to_end(&mut rest)).await;
        // A reset is an end too.
        let _ = read.expect("the server closes the connection in time");
        rest
    }
}
