//! The one Chromium behind all pages, by `browser.js`; what a page says goes to its watcher.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync;
use tokio::time::timeout;

use crate::watcher::Said;

/// For its end.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Browser {
    wishes: sync::Mutex<ChildStdin>,
    pages: Arc<Mutex<BTreeMap<u64, Arc<Said>>>>,
    process: Child,
}

impl Browser {
    pub(crate) async fn start() -> Browser {
        let mut process = Command::new("node")
            .arg("tests/clients/browser.js")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node");
        let pages: Arc<Mutex<BTreeMap<u64, Arc<Said>>>> = Arc::default();
        let said = BufReader::new(process.stdout.take().expect("piped"));
        tokio::spawn(hand_out(said, Arc::clone(&pages)));
        Browser {
            wishes: sync::Mutex::new(process.stdin.take().expect("piped")),
            pages,
            process,
        }
    }

    /// Closes all of its pages, and it.
    pub(crate) async fn close(self) {
        drop(self.wishes);
        let mut process = self.process;
        // Past that it is killed.
        let _ = timeout(PATIENCE, process.wait()).await;
    }

    /// Opens a page of its own in which nobody else is signed in.
    pub(crate) async fn open(&self, url: &str, cookie: Option<&str>, said: Arc<Said>) {
        let page = {
            let mut pages = self.pages.lock().expect("whole");
            let page = pages.len() as u64;
            pages.insert(page, said);
            page
        };
        let wish = json!({ "page": page, "url": url, "cookie": cookie });
        let mut wishes = self.wishes.lock().await;
        let asked = wishes.write_all(format!("{wish}\n").as_bytes()).await;
        asked.expect("the browser runs");
    }
}

async fn hand_out(
    source: BufReader<impl tokio::io::AsyncRead + Unpin>,
    pages: Arc<Mutex<BTreeMap<u64, Arc<Said>>>>,
) {
    let mut lines = source.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let told: Value = serde_json::from_str(&line).expect("JSON");
        let page = told["page"].as_u64().expect("a page");
        let said = Arc::clone(&pages.lock().expect("whole")[&page]);
        if let Some(line) = told["said"].as_str() {
            said.push(line);
        } else {
            said.end(told["complained"].as_str().unwrap_or_default());
        }
    }
}
