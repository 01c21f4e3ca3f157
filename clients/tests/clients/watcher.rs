//! One client while it runs, behind a line of its own: a program or a page, and what it said so far.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use boardcast_sim::sse::Parser;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::board::Credential;
use crate::browser::Browser;
use crate::expected::Client;
use crate::line::Line;

/// How a client's last word begins that knows that it needn't come back.
pub(crate) const CLOSED: &str = "closed for good";

/// What the test is told by its environment; the browser has its own.
#[derive(Clone)]
pub(crate) struct Paths {
    pub(crate) server: PathBuf,
    python: PathBuf,
}

impl Paths {
    pub(crate) fn from_environment() -> Option<Paths> {
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        Some(Paths {
            server: path("BOARDCAST_BIN")?,
            python: path("BOARDCAST_PYTHON")?,
        })
    }
}

/// What clients are run with.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) paths: Paths,
    browser: Arc<Browser>,
}

impl Tools {
    pub(crate) fn new(paths: Paths, browser: Browser) -> Tools {
        Tools {
            paths,
            browser: Arc::new(browser),
        }
    }

    /// Once nobody else uses them any more.
    pub(crate) async fn close(self) {
        if let Some(browser) = Arc::into_inner(self.browser) {
            browser.close().await;
        }
    }
}

/// A message that a client got, as it was told of it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: Option<String>,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// What a client said so far.
#[derive(Default)]
pub(crate) struct Said {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    messages: Vec<Message>,
    end: Option<String>,
}

impl Said {
    /// A line of its output: an event as JSON.
    pub(crate) fn push(&self, line: &str) {
        match serde_json::from_str::<Value>(line) {
            Ok(event) => self.push_message(Message {
                // Where a client knows no id yet, some say so by an empty one.
                id: event["id"]
                    .as_str()
                    .filter(|id| !id.is_empty())
                    .map(str::to_owned),
                kind: event["type"].as_str().unwrap_or_default().to_owned(),
                data: event["data"].clone(),
            }),
            Err(_) => self.end(&format!("error: it said {line:?}")),
        }
    }

    fn push_message(&self, message: Message) {
        self.inner.lock().expect("whole").messages.push(message);
    }

    /// It has ended, or says that it gave up; the first reason stays.
    pub(crate) fn end(&self, why: &str) {
        let mut inner = self.inner.lock().expect("whole");
        inner.end.get_or_insert_with(|| why.to_owned());
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.inner.lock().expect("whole").messages.clone()
    }

    /// Whether it got anything.
    pub(crate) fn has_begun(&self) -> bool {
        !self.inner.lock().expect("whole").messages.is_empty()
    }

    /// How it ended: the program's exit, or a page's last word.
    pub(crate) fn ended(&self) -> Option<String> {
        self.inner.lock().expect("whole").end.clone()
    }

    /// The number of the last event it got, 0 before the first.
    pub(crate) fn last_seq(&self) -> u64 {
        let inner = self.inner.lock().expect("whole");
        let id = inner
            .messages
            .last()
            .and_then(|message| message.id.as_deref());
        id.map_or(0, |id| boardcast_sim::cursor::seq_of(id).unwrap_or(0))
    }
}

pub(crate) struct Watcher {
    pub(crate) client: Client,
    pub(crate) line: Line,
    pub(crate) said: Arc<Said>,
    _running: JoinSet<()>,
}

impl Watcher {
    /// Lets it begin to watch the board, from a place if one is given.
    pub(crate) async fn start(
        client: Client,
        tools: &Tools,
        line: Line,
        cursor: Option<&str>,
        credential: Option<&Credential>,
    ) -> Watcher {
        let said = Arc::new(Said::default());
        let base = format!("http://localhost:{}", line.port());
        let secret = credential.map(|credential| credential.secret.as_str());
        let mut running = JoinSet::new();
        if let Some(page) = client.page() {
            let after = cursor.map_or_else(String::new, |cursor| format!("&after={cursor}"));
            let url = format!("{base}/{page}?board=b{after}");
            tools.browser.open(&url, secret, Arc::clone(&said)).await;
        } else {
            let mut command = command(client, tools);
            command.arg(format!("{base}/boards/b/events")).args(cursor);
            if let Some(secret) = secret {
                command.env("BOARDCAST_TOKEN", secret);
            }
            running = run(command, client, &said);
        }
        Watcher {
            client,
            line,
            said,
            _running: running,
        }
    }
}

fn command(client: Client, tools: &Tools) -> Command {
    let (program, script): (&Path, _) = match client {
        Client::NodeEventsource => ("node".as_ref(), Some("node/eventsource.js")),
        Client::NodeModern => ("node".as_ref(), Some("node/eventsource-client.js")),
        Client::HttpxSse => (&tools.paths.python, Some("python/with_httpx_sse.py")),
        Client::Sseclient => (&tools.paths.python, Some("python/with_sseclient.py")),
        Client::Rust => (env!("CARGO_BIN_EXE_with-eventsource-client").as_ref(), None),
        Client::Curl => ("sh".as_ref(), Some("curl.sh")),
        Client::Chromium | Client::FetchEventSource => unreachable!("they are pages"),
    };
    let mut command = Command::new(program);
    command.args(script);
    command
}

/// The program lives as long as what is given back.
fn run(mut command: Command, client: Client, said: &Arc<Said>) -> JoinSet<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", client.name()));
    let said = Arc::clone(said);
    let mut running = JoinSet::new();
    running.spawn(async move {
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut stderr = child.stderr.take().expect("piped");
        let mut complaints = String::new();
        let listen = async {
            match client {
                Client::Curl => read_stream(stdout, &said).await,
                _ => read_lines(stdout, &said).await,
            }
        };
        let _ = tokio::join!(listen, stderr.read_to_string(&mut complaints));
        let status = child.wait().await.expect("it is ours");
        let last = complaints.lines().last().unwrap_or_default();
        match status.code() {
            Some(0) if last.starts_with(CLOSED) => said.end(last),
            Some(code) => said.end(&format!("exit code {code} ({last})")),
            None => said.end(&format!("{status} ({last})")),
        }
    });
    running
}

async fn read_lines(source: BufReader<impl AsyncRead + Unpin>, said: &Said) {
    let mut lines = source.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        said.push(&line);
    }
}

/// curl shows the stream as it comes.
async fn read_stream(mut source: BufReader<impl AsyncRead + Unpin>, said: &Said) {
    let mut parser = Parser::default();
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = source.read(&mut bytes).await {
        parser.push(&bytes[..read]);
        for block in parser.by_ref() {
            match block {
                Ok(block) if block.is_message() => said.push_message(Message {
                    id: block.id.clone(),
                    kind: block.kind(),
                    data: block.json(),
                }),
                Ok(_) => {}
                Err(violation) => said.end(&format!("error: {violation}")),
            }
        }
    }
}
