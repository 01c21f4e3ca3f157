//! Contract 2, safe writes: what the program does when an answer is lost or the server is busy. A
//! proxy between the two loses answers as it is told.

use super::{end, program, refused};
use crate::app::TestApp;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to a change on its way.
#[derive(Clone, Copy)]
enum Fault {
    /// It is carried out, and the answer is lost.
    LoseAnswer,
    /// The line breaks before the server hears of it.
    LoseRequest,
    /// A server that is busy refuses it.
    Busy,
}

/// Passes requests on, but for changes that meet a fault. Reading always works.
struct Proxy {
    server: String,
    /// The heads of the changes that came.
    changes: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Proxy {
    async fn start(upstream: SocketAddr, faults: &[Fault]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let faults = Arc::new(Mutex::new(VecDeque::from(faults.to_vec())));
        let changes = Arc::default();
        let seen = Arc::clone(&changes);
        let serving = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                pass_on(socket, upstream, &faults, &seen).await;
            }
        });
        Self {
            server,
            changes,
            serving,
        }
    }

    /// The idempotency keys of the changes that came.
    fn keys(&self) -> Vec<String> {
        let changes = self.changes.lock().unwrap();
        let key = |head: &String| {
            let (_, rest) = head.split_once("idempotency-key: ").expect("a key");
            rest.split_once("\r\n").unwrap().0.to_owned()
        };
        changes.iter().map(key).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Until either side ends the connection.
async fn pass_on(
    mut client: TcpStream,
    upstream: SocketAddr,
    faults: &Mutex<VecDeque<Fault>>,
    changes: &Mutex<Vec<String>>,
) {
    let mut server = TcpStream::connect(upstream).await.unwrap();
    while let Some(request) = read_message(&mut client).await {
        let mut fault = None;
        if !request.starts_with("GET ") {
            changes.lock().unwrap().push(request.clone());
            fault = faults.lock().unwrap().pop_front();
        }
        match fault {
            Some(Fault::LoseRequest) => return,
            Some(Fault::Busy) => {
                let busy = r#"{"detail":"Too many are waiting."}"#;
                let head = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0";
                let length = busy.len();
                let busy = format!("{head}\r\ncontent-length: {length}\r\n\r\n{busy}");
                client.write_all(busy.as_bytes()).await.unwrap();
                continue;
            }
            Some(Fault::LoseAnswer) | None => {}
        }
        server.write_all(request.as_bytes()).await.unwrap();
        let answer = read_message(&mut server).await.expect("an answer");
        if fault.is_some() {
            return;
        }
        client.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// A whole request or answer whose body, if any, has a length.
async fn read_message(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(bytes.clone()).unwrap().to_lowercase();
    let length = head
        .split_once("content-length: ")
        .map(|(_, rest)| rest.split_once("\r\n").unwrap().0);
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    socket.read_exact(&mut body).await.ok()?;
    bytes.extend(body);
    Some(String::from_utf8(bytes).unwrap())
}

/// Adds a task through faults and checks that all attempts had one key. The server and how it ended.
async fn add_through(faults: &[Fault]) -> (TestApp, super::Ran) {
    let app = TestApp::start().await;
    let proxy = Proxy::start(app.address(), faults).await;
    let args = ["add", "To do", "Once", "--json"];
    let ran = end(program(&proxy.server, &args).spawn().unwrap()).await;
    let keys = proxy.keys();
    assert_eq!(keys.len(), 6.min(faults.len() + 1));
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    (app, ran)
}

async fn times_added(app: &TestApp) -> usize {
    let titles = super::titles(app, "list-todo").await;
    titles.iter().filter(|title| *title == "Once").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_answer_is_lost_is_sent_again_and_done_once() {
    let faults = [
        Fault::LoseRequest,
        Fault::LoseAnswer,
        Fault::LoseAnswer,
        Fault::Busy,
    ];
    let (app, ran) = add_through(&faults).await;
    let task: Value = serde_json::from_str(&super::done(ran)).unwrap();
    assert_eq!(task["version"], 1);
    assert_eq!(times_added(&app).await, 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_never_answered_is_given_up_and_said_to_be_unknown() {
    let (app, ran) = add_through(&[Fault::LoseAnswer; 6]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{ran:?}");
    assert!(
        ran.err.contains("the request may have been carried out"),
        "{ran:?}"
    );
    assert_eq!(times_added(&app).await, 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stays_busy_refuses_in_the_end() {
    let (app, ran) = add_through(&[Fault::Busy; 6]).await;
    refused(&ran, 1, "Too many are waiting");
    assert_eq!(times_added(&app).await, 0);
    app.stop().await;
}
