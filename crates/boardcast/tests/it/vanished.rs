//! Peers that vanish without a word, as when a cable is pulled: in a network of the test's own, in which
//! what goes to one address begins to go nowhere. Contract 3, what a reader may cost: half-open peers
//! are found and let go within a minute, and delay nobody.

use crate::app::{PATIENCE, until};
use crate::program::{BINARY, place, skip};
use boardcast_sim::program::Program;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// How long a half-open peer may be kept.
const KEPT: Duration = Duration::from_mins(1);
const VANISHING: &str = "10.9.0.2";
const STAYING: &str = "10.9.0.3";

/// Both addresses, and a line into nowhere: its other end has no address and passes nothing on.
const SETUP: &str = "ip link set lo up && \
    ip addr add 10.9.0.2/32 dev lo && ip addr add 10.9.0.3/32 dev lo && \
    ip link add out type veth peer name nowhere && \
    ip link set out arp off up && ip link set nowhere up && \
    echo 1 >/proc/sys/net/ipv4/conf/out/route_localnet";
const VANISH: &str = "ip addr del 10.9.0.2/32 dev lo && ip route add 10.9.0.2/32 dev out";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_vanish_are_let_go_within_a_minute_and_delay_nobody() {
    if !Network::is_possible().await {
        skip(
            "needs curl, iproute2 and the right to make a network namespace (unshare --user --net)",
        );
        return;
    }
    let network = Network::start().await;
    let at_rest = network.program.sockets();
    let mut staying = network.watch(STAYING);
    staying.read_until("connected").await;
    let mut vanishing = Vec::new();
    for (request, says) in [
        // One stream that the reactor sends, and one that is a body.
        (get("/boards/board-1/events"), Some("connected")),
        (get("/events?boards=board-1"), Some("connected")),
        // Has its answer, and keeps the connection.
        (get("/healthz"), Some("HTTP/1.1 200")),
        (
            get("/boards/board-1/events?limit=1&after=LATEST&wait=30"),
            None,
        ),
        ("GET /boards HTTP/1.1\r\nHost: local".to_owned(), None),
        (
            "POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: 90\r\n\r\n{\"title\":"
                .to_owned(),
            None,
        ),
    ] {
        let request = request.replace("LATEST", &network.cursor().await);
        let mut peer = network.begin(VANISHING, &request).await;
        if let Some(says) = says {
            peer.read_until(says).await;
        }
        vanishing.push(peer);
    }
    let everyone = at_rest + 1 + vanishing.len();
    until("all are there", || network.program.sockets() == everyone).await;

    network.run("sh", &["-c", VANISH]).await;
    // More than the kernel takes for somebody who acknowledges nothing.
    for n in 0..20 {
        let title = format!("after it, {n}");
        network.add(&title).await;
        staying.read_until(&title).await;
    }
    let let_go = async {
        while network.program.sockets() > at_rest + 1 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let let_go = timeout(KEPT, let_go).await;
    assert!(let_go.is_ok(), "{} sockets", network.program.sockets());
    network.add("in the end").await;
    staying.read_until("in the end").await;
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n")
}

/// The program in a network of its own.
struct Network {
    program: Program,
    _folder: TempDir,
}

impl Network {
    async fn is_possible() -> bool {
        let mut parted = parted(&format!("{SETUP} && curl --version"));
        let parted = parted.stdout(Stdio::null()).stderr(Stdio::null());
        parted.status().await.is_ok_and(|status| status.success())
    }

    async fn start() -> Self {
        let (folder, data) = place();
        let script = folder.path().join("parted.sh");
        let inside = format!("{SETUP} && exec '{BINARY}' --log warn \"$@\"");
        let text = "#!/bin/sh\n\
                    exec unshare --user --map-root-user --net sh -c \"$INSIDE\" sh \"$@\"\n";
        fs::write(&script, text).expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let env = [("INSIDE".to_owned(), inside)];
        let program = Program::start(&script, &data, &[], &env).await;
        Self {
            program: program.expect("it starts"),
            _folder: folder,
        }
    }

    /// A command in the program's network.
    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--user", "--net", "--preserve-credentials", "--target"])
            .arg(self.program.pid().to_string())
            .arg(program)
            .args(args)
            .kill_on_drop(true);
        command
    }

    async fn run(&self, program: &str, args: &[&str]) -> String {
        let output = self.command(program, args).output().await.expect("it runs");
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Sends these bytes from that address and keeps the connection.
    async fn begin(&self, from: &str, bytes: &str) -> Peer {
        let url = format!("telnet://{}", self.program.addr());
        let mut peer = self.curl(from, &url);
        let stdin = peer.child.stdin.as_mut().expect("piped");
        stdin.write_all(bytes.as_bytes()).await.expect("it reads");
        peer
    }

    /// Watches the board from that address.
    fn watch(&self, from: &str) -> Peer {
        let url = format!("http://{}/boards/board-1/events", self.program.addr());
        self.curl(from, &url)
    }

    fn curl(&self, from: &str, url: &str) -> Peer {
        let args = ["--silent", "--no-buffer", "--interface", from, url];
        let mut curl = self.command("curl", &args);
        let curl = curl.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = curl.spawn().expect("curl");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Peer { child, lines }
    }

    async fn add(&self, title: &str) {
        let task = json!({
            "listId": "list-todo", "title": title, "description": "x".repeat(20_000)
        });
        let url = format!("http://{}/tasks", self.program.addr());
        let task = task.to_string();
        let args = ["--silent", "--fail", "--json", &task, &url];
        self.run("curl", &args).await;
    }

    /// Where the board's log stands.
    async fn cursor(&self) -> String {
        let url = format!("http://{}/boards/board-1", self.program.addr());
        let board = self.run("curl", &["--silent", "--fail", &url]).await;
        let board: serde_json::Value = serde_json::from_str(&board).expect("JSON");
        board["cursor"].as_str().expect("a cursor").to_owned()
    }
}

/// A shell in a new network.
fn parted(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "sh", "-c", script]);
    command
}

/// A client that reads what it is asked to. It goes when this is dropped.
struct Peer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    async fn read_until(&mut self, says: &str) {
        let reading = async {
            while let Some(line) = self.lines.next_line().await.expect("text") {
                if line.contains(says) {
                    return;
                }
            }
            panic!("it ended without {says}");
        };
        timeout(PATIENCE, reading).await.expect("it comes in time");
    }
}
