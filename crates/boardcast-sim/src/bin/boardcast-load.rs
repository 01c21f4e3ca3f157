//! The ruler's program, as `cargo xtask bench` calls it; what is measured is in
//! [`boardcast_sim::bench`].
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what a command-line tool is for"
)]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use boardcast_sim::bench::report::{Part, page};
use boardcast_sim::bench::{
    Bench, Case, Target, describe, end_when_told, fan_out_of, find_peers, floor, said,
};

const HELP: &str = "\
boardcast-load bench --server BINARY [--door BINARY] [--quick] [--write FILE --command TEXT] [CASE...]
    Measures: writes, fanout, boards, beside, paths, storms, stalled, idle, snapshot, resume; peers and flight are beside nginx
    with nchan. paths needs boardcast-publish as its --door.
boardcast-load fanout --to PORT --pid PID[,PID] --watch PATH --write 'METHOD PATH' --body TEXT
               [--watchers 1000] [--seconds 5] [--bytes 120]
    Points the load at any server on this machine. In the body {mark} stands for what the load counts by, {fill} for as
    many bytes as are missing; {writer} in the path is 0. An event has to carry the mark as it was written.
boardcast-load floor
    A bare loop of sends, which says where it listens.
";

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.first().map(String::as_str) {
        // Started as any server is, with flags of which none concerns it.
        _ if words.iter().any(|word| word == "floor") => run_floor(),
        Some("bench") => bench(&words[1..]).await,
        Some("fanout") => fanout(&words[1..]),
        _ => Err(HELP.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("boardcast-load: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run_floor() -> Result<(), String> {
    let text = |fault: std::io::Error| fault.to_string();
    boardcast_sim::bench::raise_descriptors();
    boardcast_sim::bench::end_with_parent()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(text)?;
    let addr = listener.local_addr().map_err(text)?;
    println!("listening on http://localhost:{}", addr.port());
    floor::serve(&listener).map_err(text)
}

async fn bench(words: &[String]) -> Result<(), String> {
    let mut flags = Flags::read(words, &["--quick"])?;
    let folder = std::env::temp_dir().join(format!("boardcast-bench-{}", std::process::id()));
    std::fs::create_dir(&folder).map_err(|fault| fault.to_string())?;
    end_when_told(folder.clone())?;
    let bench = Bench {
        binary: PathBuf::from(flags.take("--server")?),
        door: flags.take("--door").ok().map(PathBuf::from),
        floor: std::env::current_exe().ok(),
        is_quick: flags.take("--quick").is_ok(),
        folder: folder.clone(),
        say: |sentence| eprintln!("{sentence}"),
    };
    let file = flags.take("--write").ok();
    let command = flags.take("--command").unwrap_or_default();
    let mut cases = Vec::new();
    for word in flags.rest()? {
        cases.push(Case::named(&word).ok_or(format!("there is no case {word}"))?);
    }
    if cases.is_empty() {
        cases.extend(Case::ALL);
        // Comparing is no part of a look whether it runs.
        if !bench.is_quick {
            cases.extend(Case::WITH_PEER);
        }
    }
    // Not after all the others.
    if Case::WITH_PEER.iter().any(|case| cases.contains(case)) {
        find_peers()?;
    }
    let mut machine = describe();
    machine.push(format!(
        "Ours: {}",
        said(&bench.binary.to_string_lossy(), &["--version"])
    ));
    if Case::WITH_PEER.iter().any(|case| cases.contains(case)) {
        machine.push(said("/usr/sbin/nginx", &["-v"]));
    }
    machine.push(format!("Command: `{command}`"));
    let done = run(&bench, &cases).await;
    let _ = std::fs::remove_dir_all(&folder);
    let parts = done?;
    let page = page("Benchmarks", PREFACE, &machine, &parts);
    match file {
        Some(file) => {
            let page =
                page + &sections_of_others(&std::fs::read_to_string(&file).unwrap_or_default());
            std::fs::write(&file, page).map_err(|fault| format!("{file}: {fault}"))
        }
        None => {
            println!("{page}");
            Ok(())
        }
    }
}

/// What other commands wrote into the page: it stands at its end, and begins with a comment that says so.
fn sections_of_others(page: &str) -> String {
    let begin = page.find("<!--").unwrap_or(page.len());
    match &page[begin..] {
        "" => String::new(),
        sections => format!("\n{sections}"),
    }
}

async fn run(bench: &Bench, cases: &[Case]) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    for case in cases {
        let part = bench
            .run(*case)
            .await
            .map_err(|fault| format!("{case:?}: {fault}"))?;
        parts.push(part);
    }
    Ok(parts)
}

const PREFACE: &str = "\
Written by the command below, on the machine below; run it on yours. Server, load and floor share that machine's cores, so
look at the ratios first: the floor is a bare loop of non-blocking sends of the same bytes to as many sockets, measured in
turn with the server. CPU is user and system time of the server's process. Everything that was delivered was counted: had
one event been lost, doubled or out of order for one watcher, there would be no page.";

fn fanout(words: &[String]) -> Result<(), String> {
    let mut flags = Flags::read(words, &[])?;
    let write = flags.take("--write")?;
    let (method, path) = write.split_once(' ').ok_or("--write 'METHOD PATH'")?;
    let pids = flags.take("--pid")?;
    let pids = pids.split(',').map(number).collect::<Result<_, _>>()?;
    let target = Target {
        addr: SocketAddr::from((Ipv4Addr::LOCALHOST, number(&flags.take("--to")?)?)),
        door: None,
        pids,
        watch: flags.take("--watch")?,
        method: method.to_owned(),
        path: path.to_owned(),
        body: flags.take("--body")?,
        body_bytes: number(&flags.take("--bytes").unwrap_or("120".into()))?,
    };
    let watchers = number(&flags.take("--watchers").unwrap_or("1000".into()))?;
    let seconds = number(&flags.take("--seconds").unwrap_or("5".into()))?;
    flags.rest()?;
    println!(
        "{}",
        fan_out_of(&target, watchers, Duration::from_secs(seconds))?
    );
    Ok(())
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text} is no number that fits here"))
}

/// Flags with their values, and words without.
struct Flags {
    flags: Vec<(String, String)>,
    words: Vec<String>,
}

impl Flags {
    fn read(words: &[String], without_value: &[&str]) -> Result<Flags, String> {
        let mut flags = Flags {
            flags: Vec::new(),
            words: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if without_value.contains(&word.as_str()) {
                flags.flags.push((word.clone(), String::new()));
            } else if word.starts_with("--") {
                let value = words.next().ok_or(format!("{word} needs a value"))?;
                flags.flags.push((word.clone(), value.clone()));
            } else {
                flags.words.push(word.clone());
            }
        }
        Ok(flags)
    }

    fn take(&mut self, flag: &str) -> Result<String, String> {
        let at = self.flags.iter().position(|(name, _)| name == flag);
        let at = at.ok_or(format!("{flag} is missing\n{HELP}"))?;
        Ok(self.flags.remove(at).1)
    }

    /// The words; a flag that nobody took is nobody's.
    fn rest(self) -> Result<Vec<String>, String> {
        match self.flags.first() {
            Some((flag, _)) => Err(format!("there is no {flag}\n{HELP}")),
            None => Ok(self.words),
        }
    }
}
