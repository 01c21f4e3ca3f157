//! The program's flags and their variables: what `--help` says of them, what they do, and how a wrong
//! one is refused. A sentence and code 1 for what can't be served, clap's own words and code 2 for
//! what is no flag.

use crate::app::PATIENCE;
use crate::program::{BINARY, board_ids, check_refused, place, run, run_command, skip};
use boardcast_sim::client::{Client, Request};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

async fn output_of(args: &[&str]) -> String {
    let output = run_command(Command::new(BINARY).args(args)).await;
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_names_every_flag_with_its_variable_and_what_it_does() {
    for args in [
        ["--help"].as_slice(),
        &["serve", "--help"],
        &["help", "serve"],
    ] {
        let help = output_of(args).await;
        let (_, options) = help.split_once("Options:\n").expect("options");
        let (options, _) = options.split_once("Examples:\n").expect("examples");
        let mut flags = Vec::new();
        // A flag begins a paragraph; its variable ends it.
        for paragraph in options.split("      --").skip(1) {
            let flag = paragraph.split([' ', '\n']).next().expect("a name");
            if ["help", "version"].contains(&flag) {
                continue;
            }
            let variable = format!("BOARDCAST_{}", flag.to_uppercase().replace('-', "_"));
            let unwrapped = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                unwrapped.contains(&format!("[env: {variable}=")),
                "--{flag}: {unwrapped}"
            );
            assert!(
                unwrapped.len() > flag.len() + variable.len() + 30,
                "--{flag} says what it does"
            );
            flags.push(flag);
        }
        let all = [
            "listen",
            "data",
            "public-url",
            "allow-origin",
            "trusted-proxy",
            "tls-cert",
            "tls-key",
            "no-demo",
            "insecure-open",
            "writes-per-second",
            "streams-per-address",
            "keep-days",
            "keep-events",
            "web-dir",
            "log",
        ];
        assert_eq!(flags, all, "of boardcast {args:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_is_said() {
    let expected = format!("boardcast {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(output_of(&["--version"]).await, expected);
    assert_eq!(output_of(&["-V"]).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_flag_or_no_value_of_it_ends_with_code_2() {
    let (_folder, data) = place();
    for (args, says) in [
        (["--bogus"].as_slice(), "--bogus"),
        (&["serve", "--bogus"], "--bogus"),
        (&["launch"], "launch"),
        (&["--listen", "here"], "--listen"),
        (&["--keep-days", "-1"], "-1"),
        (&["--keep-events", "many"], "--keep-events"),
        (&["--writes-per-second", "1000001"], "--writes-per-second"),
        (&["--data", ""], "--data"),
    ] {
        let output = run_command(Command::new(BINARY).args(args)).await;
        check_refused(&output, 2, &[says, "--help"]);
    }
    for (name, value) in [
        ("BOARDCAST_LISTEN", "here"),
        ("BOARDCAST_KEEP_DAYS", "some"),
        ("BOARDCAST_NO_DEMO", "perhaps"),
        ("BOARDCAST_INSECURE_OPEN", ""),
    ] {
        let mut command = Command::new(BINARY);
        let output = run_command(command.arg("--data").arg(&data).env(name, value)).await;
        let flag = name
            .trim_start_matches("BOARDCAST_")
            .to_lowercase()
            .replace('_', "-");
        check_refused(&output, 2, &[&format!("--{flag}"), value]);
    }
    assert!(!data.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_served_is_refused_with_a_sentence_before_anything_is_made() {
    let (_folder, data) = place();
    for address in [
        "0.0.0.0:0",
        "[::]:0",
        "192.0.2.1:0",
        "[2001:db8::1]:0",
        "[::ffff:10.0.0.1]:0",
    ] {
        let output = run(&data, &["--listen", address]).await;
        let says = [
            address,
            "reached from other machines",
            "--insecure-open",
            "read and change everything",
        ];
        check_refused(&output, 1, &says);
    }
    for url in [
        "board.example.org",
        "ftp://board.example.org",
        "https://board.example.org/path",
        "https://",
        "",
    ] {
        let output = run(&data, &["--public-url", url]).await;
        check_refused(
            &output,
            1,
            &[
                "--public-url",
                &format!("{url:?}"),
                "https://board.example.org",
            ],
        );
    }
    for origin in ["*", "null", "wiki.example", "https://wiki.example/page", ""] {
        let output = run(&data, &["--allow-origin", origin]).await;
        check_refused(&output, 1, &["--allow-origin", &format!("{origin:?}")]);
    }
    for (proxy, says) in [
        ("proxy.example.org", "loopback"),
        ("10.1.2.3/24", "bits"),
        ("0.0.0.0/0", "everybody"),
    ] {
        let output = run(&data, &["--trusted-proxy", proxy]).await;
        check_refused(&output, 1, &["--trusted-proxy", proxy, says]);
    }
    for log in ["verbose", "boardcast=loud", "info,a=b=c"] {
        let output = run(&data, &["--log", log]).await;
        check_refused(
            &output,
            1,
            &["--log", log, "error, warn, info, debug or trace"],
        );
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").to_string();
    let output = run(&data, &["--listen", &port]).await;
    check_refused(
        &output,
        1,
        &["can't listen on", &port, "another program", "--listen"],
    );
    assert!(
        !data.exists(),
        "a data file was made by a server that never was"
    );
    let missing = data.join("board.db");
    check_refused(
        &run(&missing, &[]).await,
        1,
        &["board.db", "folder must exist and be writable"],
    );
    let folder = data.parent().expect("a folder");
    check_refused(
        &run(folder, &[]).await,
        1,
        &[&folder.display().to_string(), "can't be opened"],
    );
}

/// Root may write everywhere, so it has to become nobody first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_can_not_be_written_to_is_refused_with_a_sentence() {
    let (folder, data) = place();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).expect("it is ours");
    let mut words = vec![];
    if fs::write(folder.path().join("probe"), "").is_ok() {
        words.extend([
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ]);
    }
    words.push(BINARY);
    let command = || {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        command
    };
    let probe = command().arg("--version").output().await;
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return skip("this user may write everywhere, and setpriv can't make it another one");
    }
    let mut command = command();
    let output = run_command(
        command
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(&data),
    )
    .await;
    check_refused(
        &output,
        1,
        &[
            "team.db",
            "Permission denied",
            "folder must exist and be writable",
        ],
    );
}

/// The program with nothing but variables, and where it says that it listens.
struct ByVariables {
    child: Child,
    /// Open until it has ended: its greeting has more lines.
    _lines: Lines<BufReader<ChildStdout>>,
    greeting: String,
    address: SocketAddr,
}

impl ByVariables {
    async fn start(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(BINARY)
            .args(args)
            .envs(variables.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it can be started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let greeting = timeout(PATIENCE, lines.next_line()).await;
        let greeting = greeting.expect("it greets").expect("text").expect("a line");
        let (_, port) = greeting.rsplit_once(':').expect("a port");
        let address = SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a number")));
        Self {
            child,
            _lines: lines,
            greeting,
            address,
        }
    }

    async fn stop(self) -> String {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").arg(pid).status().await.expect("kill");
        assert!(sent.success());
        let ended = timeout(PATIENCE, self.child.wait_with_output()).await;
        let output = ended.expect("it ends").expect("it is waited for");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flag_can_be_given_by_its_variable() {
    let (folder, _data) = place();
    let variables = [
        ("BOARDCAST_LISTEN", "127.0.0.1:0"),
        ("BOARDCAST_DATA", "by-variable.db"),
        (
            "BOARDCAST_PUBLIC_URL",
            "https://one.example.org,https://two.example.org",
        ),
        ("BOARDCAST_TRUSTED_PROXY", "192.0.2.1,loopback"),
        ("BOARDCAST_NO_DEMO", "1"),
        ("BOARDCAST_INSECURE_OPEN", "no"),
        ("BOARDCAST_KEEP_DAYS", "7"),
        ("BOARDCAST_KEEP_EVENTS", "500"),
        ("BOARDCAST_LOG", "debug"),
    ];
    for args in [[].as_slice(), &["serve"]] {
        let program = ByVariables::start(folder.path(), args, &variables).await;
        assert!(
            program.greeting.contains("by-variable.db"),
            "{}",
            program.greeting
        );
        assert!(folder.path().join("by-variable.db").exists());
        assert!(board_ids(program.address).await.is_empty());
        for (host, status) in [
            ("one.example.org", 200),
            ("two.example.org", 200),
            ("three.example.org", 421),
        ] {
            let request = Request::new("GET", "/boards").header("host", host);
            let request = request.header("X-Forwarded-For", "203.0.113.77, 192.0.2.1");
            Client::new(program.address)
                .send(request)
                .await
                .expect("an answer")
                .expect(status);
        }
        let log = program.stop().await;
        assert!(log.contains("DEBUG") && log.contains("GET"), "{log}");
        assert!(log.contains("203.0.113.77"), "the client's address: {log}");
        assert!(
            !log.contains('\u{1b}'),
            "colours in a log that nobody looks at: {log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flag_wins_over_its_variable_and_a_name_is_a_name() {
    let (folder, _data) = place();
    let variables = [
        ("BOARDCAST_LISTEN", "0.0.0.0:0"),
        ("BOARDCAST_DATA", "variable.db"),
        ("BOARDCAST_NO_DEMO", "false"),
    ];
    // SQLite would take either name for something else than a file.
    for name in ["file:team.db?mode=memory", ":memory:"] {
        let args = ["--listen", "127.0.0.1:0", "--data", name];
        let program = ByVariables::start(folder.path(), &args, &variables).await;
        assert_eq!(board_ids(program.address).await, ["board-1"]);
        program.stop().await;
        assert!(folder.path().join(name).exists(), "{name}");
    }
    assert!(!folder.path().join("variable.db").exists());
}
