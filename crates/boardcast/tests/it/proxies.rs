//! Streams through nginx, Caddy and HAProxy as Debian packages them, buffering and timeouts at their
//! defaults: the recipes of `docs/proxies.md`. Contract 3: proxies don't cut an idle line, nothing is buffered.

use crate::app::{PATIENCE, TestApp};
use crate::cli;
use crate::stream::START;
use boardcast_sim::client::{Client, Request};
use boardcast_sim::port::Port;
use boardcast_sim::stream::EventStream;
use boardcast_sim::watcher::Watcher;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longer than the 60 s after which nginx cuts a line on which nothing comes, or the 50 s of HAProxy.
const IDLE: Duration = Duration::from_secs(70);

/// A proxy that runs until it is dropped.
pub(crate) struct Proxy {
    _child: Child,
    _folder: TempDir,
    _port: Port,
    pub(crate) address: SocketAddr,
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// The recipe as it stands: HTTP/1.0 behind it.
    Nginx,
    /// With connections behind it reused.
    NginxReusing,
    Caddy,
    Haproxy,
}

const KINDS: [Kind; 4] = [Kind::Nginx, Kind::NginxReusing, Kind::Caddy, Kind::Haproxy];

impl Kind {
    fn program(self) -> (&'static str, &'static str) {
        match self {
            Self::Nginx | Self::NginxReusing => ("nginx", "nginx-light"),
            Self::Caddy => ("caddy", "caddy"),
            Self::Haproxy => ("haproxy", "haproxy"),
        }
    }

    fn config(self, listen: SocketAddr, upstream: SocketAddr, folder: &str) -> String {
        // One process, which is the one that the test ends.
        let nginx = |more: &str| {
            format!(
                "daemon off; master_process off; pid {folder}/pid; error_log stderr;
                 events {{}}
                 http {{
                     access_log off;
                     client_body_temp_path {folder}/body;
                     proxy_temp_path {folder}/proxy;
                     fastcgi_temp_path {folder}/fastcgi;
                     uwsgi_temp_path {folder}/uwsgi;
                     scgi_temp_path {folder}/scgi;
                     server {{
                         listen {listen};
                         location / {{
                             proxy_pass http://{upstream};
                             proxy_set_header Host $host;
                             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                             proxy_set_header X-Forwarded-Proto $scheme;
                             {more}
                         }}
                     }}
                 }}"
            )
        };
        match self {
            Self::Nginx => nginx(""),
            Self::NginxReusing => {
                nginx("proxy_http_version 1.1; proxy_set_header Connection \"\";")
            }
            Self::Caddy => format!(
                "{{\n admin off\n auto_https off\n}}\n\
                 http://:{port} {{\n bind 127.0.0.1\n reverse_proxy {upstream}\n}}\n",
                port = listen.port()
            ),
            Self::Haproxy => format!(
                "defaults\n mode http\n\
                 timeout connect 5s\n timeout client 50s\n timeout server 50s\n\
                 frontend board\n bind {listen}\n option forwardfor\n\
                 http-request set-header X-Forwarded-Proto http\n default_backend boardcast\n\
                 backend boardcast\n server one {upstream}\n"
            ),
        }
    }
}

impl Proxy {
    pub(crate) async fn start(kind: Kind, upstream: SocketAddr) -> Self {
        let (program, package) = kind.program();
        let program = find(program).unwrap_or_else(|| {
            panic!(
                "{program} is not installed: `apt-get install {package}` (cargo xtask test does)"
            )
        });
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("a plain path");
        let port = Port::reserve().expect("a port");
        let address = port.addr();
        let config = folder.path().join("config");
        std::fs::write(&config, kind.config(address, upstream, path)).expect("a config");
        let mut command = Command::new(program);
        match kind {
            Kind::Nginx | Kind::NginxReusing => command.args(["-p", path, "-c"]).arg(&config),
            Kind::Caddy => command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(&config),
            Kind::Haproxy => command.args(["-db", "-f"]).arg(&config),
        };
        command
            .env("HOME", path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let child = command.spawn().expect("the proxy starts");
        let proxy = Self {
            _child: child,
            _folder: folder,
            _port: port,
            address,
        };
        proxy.wait_until_it_answers().await;
        proxy
    }

    async fn wait_until_it_answers(&self) {
        let answers = async {
            while tokio::net::TcpStream::connect(self.address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answers)
            .await
            .expect("the proxy listens");
    }
}

/// The program, also where only the administrator's path has it.
fn find(program: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    folders
        .iter()
        .map(|folder| PathBuf::from(folder).join(program))
        .find(|path| path.exists())
}

/// A first event comes through at once, an idle line stays, and a change after that still comes.
async fn check_stream(kind: Kind) {
    let app = TestApp::start().await;
    let proxy = Proxy::start(kind, app.address()).await;
    let path = "/boards/board-1/events";
    let opened = EventStream::open(proxy.address, path, &[])
        .await
        .expect("a stream");
    assert_eq!(opened.status, 200);
    let mut stream = opened.stream;
    let connected = stream
        .next_within(PATIENCE)
        .await
        .expect("connected")
        .expect("not the end");
    assert_eq!(connected.json()["type"], "connected");
    app.add_task("list-todo", "at once").await;
    let event = stream.next_event_within(PATIENCE).await;
    assert_eq!(event["task"]["title"], "at once");
    let mut heartbeats = 0;
    let idle_until = tokio::time::Instant::now() + IDLE;
    while tokio::time::Instant::now() < idle_until {
        let block = stream
            .next_within(PATIENCE)
            .await
            .expect("a heartbeat")
            .expect("not cut");
        assert!(block.comment_only);
        heartbeats += 1;
    }
    assert!(heartbeats >= 4, "{heartbeats} heartbeats");
    app.add_task("list-todo", "after a while").await;
    assert_eq!(
        stream.next_event_within(PATIENCE).await["task"]["title"],
        "after a while"
    );
    drop((stream, proxy));
    app.stop().await;
}

/// All of them at once: they mostly wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_proxy_passes_a_stream_on_at_once_and_leaves_it_open() {
    join_all(KINDS.map(check_stream)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_behind_a_proxy_misses_nothing_when_the_server_restarts() {
    join_all(KINDS.map(check_restarts)).await;
}

/// The server restarts twice under a watcher behind a proxy, which answers 502 or 503 in between.
async fn check_restarts(kind: Kind) {
    let mut app = TestApp::start().await;
    let proxy = Proxy::start(kind, app.address()).await;
    let watcher = Watcher::new(proxy.address, "board-1")
        .through_proxy()
        .spawn();
    watcher
        .wait_until_connected(PATIENCE)
        .await
        .expect("connected");
    for round in 0..3 {
        if round > 0 {
            app.pause().await;
            let down = Client::new(proxy.address).get("/boards/board-1").await;
            let status = down.expect("the proxy's answer").status;
            assert!(matches!(status, 502 | 503), "{status}");
            app.resume().await;
        }
        for n in 0..5 {
            let task = json!({ "listId": "list-todo", "title": format!("{round}.{n}") });
            app.post("/tasks", &task).await.expect(201);
        }
    }
    let board = app.board("board-1").await;
    let cursor = board["cursor"].as_str().expect("a cursor");
    watcher
        .wait_for_cursor(cursor, PATIENCE)
        .await
        .expect("it catches up");
    let (report, fold) = watcher.stop().await;
    assert_eq!(report.violations, Vec::<String>::new());
    assert_eq!(
        (report.lost, report.duplicates, report.snapshots),
        (0, 0, 1)
    );
    boardcast_sim::fold::same_board(fold.board().expect("a board"), &board).expect("the same");
    drop(proxy);
    app.stop().await;
}

/// The same with `boardcast watch`: what it prints is the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lines_of_a_watch_behind_nginx_are_the_log_though_the_server_restarts_twice() {
    let mut app = TestApp::start().await;
    let proxy = Proxy::start(Kind::Nginx, app.address()).await;
    let server = format!("http://{}", proxy.address);
    let args = ["watch", "board-1", "--json", "--since", START];
    let mut watch = cli::program(&server, &args).spawn().expect("it starts");
    let mut lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines();
    let mut watched = Vec::new();
    for round in 0..3 {
        if round > 0 {
            app.pause().await;
            app.resume().await;
        }
        for n in 0..5 {
            app.add_task("list-todo", &format!("{round}.{n}")).await;
        }
        let log = log_of(&app).await;
        while watched.len() < log.len() {
            let line = timeout(PATIENCE, lines.next_line())
                .await
                .expect("a line in time");
            let line = line.expect("text").expect("not the end");
            watched.push(serde_json::from_str::<Value>(&line).expect("JSON"));
        }
        assert_eq!(watched, log);
    }
    watch.kill().await.expect("it runs");
    drop(proxy);
    app.stop().await;
}

/// The log as the server keeps it, from its first event on.
async fn log_of(app: &TestApp) -> Vec<Value> {
    let path = format!("/boards/board-1/events?limit=1000&after={START}");
    let request = Request::new("GET", &path).header("accept", "application/json");
    let page = app.send(request).await.expect(200).json();
    page["events"].as_array().expect("events").clone()
}

/// What the proxies' own names are must be said with `--public-url`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_public_name_works_only_when_the_server_was_told() {
    for (urls, status) in [
        (vec![], 421),
        (vec!["https://board.example.org".to_owned()], 200),
    ] {
        let app = TestApp::start_with(|args| args.public_urls = urls).await;
        let proxy = Proxy::start(Kind::Nginx, app.address()).await;
        let request = Request::new("GET", "/boards/board-1").header("host", "board.example.org");
        let answer = Client::new(proxy.address)
            .send(request)
            .await
            .expect("an answer");
        assert_eq!(answer.status, status);
        drop(proxy);
        app.stop().await;
    }
}
