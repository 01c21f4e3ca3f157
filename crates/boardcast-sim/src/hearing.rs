//! Every answer of one server, and everything on its streams, held against what somebody knows of it:
//! whoever asks and watches here is overheard. So a rule for all answers is checked by every test there is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client::Answer;
use crate::sse::Block;

/// Something that a server said, and what it was asked.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// Its target, query included.
    pub target: &'a str,
    /// What was said.
    pub said: Said<'a>,
}

/// What a server says.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// A whole answer.
    Answer(&'a Answer),
    /// The head of an answer whose body is followed, or left.
    Head(u16, &'a [(String, String)]),
    /// A block of a stream.
    Block(&'a Block),
}

/// Says what is wrong with something that was said.
pub type Judge = fn(&Heard<'_>) -> Result<(), String>;

/// Complaints that are kept; a server that is wrong is soon wrong often.
const COMPLAINTS_MAX: usize = 10;

/// A server that is being listened to. When that ends there must have been nothing to complain of.
#[derive(Debug)]
pub struct Hearing {
    addr: SocketAddr,
    complaints: Arc<Mutex<Vec<String>>>,
}

/// How to judge one server, for whoever asks it.
#[derive(Clone, Debug)]
pub(crate) struct Ear {
    judge: Judge,
    complaints: Arc<Mutex<Vec<String>>>,
}

static EARS: Mutex<BTreeMap<SocketAddr, Ear>> = Mutex::new(BTreeMap::new());

impl Hearing {
    /// From now on everything that the server at the address says is judged.
    #[must_use]
    pub fn of(addr: SocketAddr, judge: Judge) -> Hearing {
        let complaints = Arc::default();
        let ear = Ear {
            judge,
            complaints: Arc::clone(&complaints),
        };
        lock(&EARS).insert(addr, ear);
        Hearing { addr, complaints }
    }

    /// What there is to complain of so far.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        lock(&self.complaints).clone()
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        lock(&EARS).remove(&self.addr);
        let complaints = self.complaints();
        let is_over = std::thread::panicking();
        assert!(
            is_over || complaints.is_empty(),
            "{}",
            complaints.join("\n")
        );
    }
}

impl Ear {
    /// Whoever listens to the server at an address.
    pub(crate) fn at(addr: SocketAddr) -> Option<Ear> {
        lock(&EARS).get(&addr).cloned()
    }

    /// Tells what was said.
    pub(crate) fn tell(&self, heard: Heard<'_>) {
        if let Err(complaint) = (self.judge)(&heard) {
            let mut complaints = lock(&self.complaints);
            if complaints.len() < COMPLAINTS_MAX {
                complaints.push(format!("{} {}: {complaint}", heard.method, heard.target));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::script::{Server, Step};
    use crate::stream::EventStream;

    fn dislikes(heard: &Heard<'_>) -> Result<(), String> {
        match heard.said {
            Said::Answer(answer) if answer.status == 200 => Ok(()),
            Said::Block(block) if block.kind() == "good" => Ok(()),
            Said::Head(200, _) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    /// A server that gives each connection one of these answers.
    async fn answering(answers: &[&str]) -> Server {
        let steps = |answer: &&str| {
            let bytes = answer.as_bytes().to_vec();
            vec![Step::AwaitRequest, Step::Send(bytes), Step::Hold]
        };
        Server::start(answers.iter().map(steps).collect()).await
    }

    #[tokio::test]
    async fn answers_and_blocks_are_judged_while_somebody_listens() {
        let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n\
            data: {\"type\":\"good\"}\n\ndata: {\"type\":\"bad\"}\n\n";
        let gone = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        let fine = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let server = answering(&[fine, gone, stream]).await;
        let hearing = Hearing::of(server.addr(), dislikes);
        let client = Client::new(server.addr());
        client.get("/a").await.unwrap();
        assert_eq!(hearing.complaints(), Vec::<String>::new());
        client.get("/b?c=1").await.unwrap();
        let mut opened = EventStream::open(server.addr(), "/d", &[]).await.unwrap();
        for _ in 0..2 {
            opened.stream.next().await.unwrap();
        }
        let complaints = hearing.complaints();
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].starts_with("GET /b?c=1: "), "{complaints:?}");
        assert!(complaints[1].starts_with("GET /d: "), "{complaints:?}");
        // What it found is known; else dropping it would fail this test.
        lock(&hearing.complaints).clear();
    }

    #[tokio::test]
    #[should_panic(expected = "GET /: ")]
    async fn a_complaint_fails_the_test_in_the_end() {
        let server = answering(&["HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"]).await;
        let hearing = Hearing::of(server.addr(), dislikes);
        Client::new(server.addr()).get("/").await.unwrap();
        drop(hearing);
    }
}
