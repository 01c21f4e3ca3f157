//! Judges a Boardcast: one that runs somewhere, or what somebody has written down about one.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command-line tool prints, and its seed comes from the clock"
)]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use boardcast_sim::history::{Class, Line, Verdict, judge, judge_text};
use boardcast_sim::probe::{Probe, Probed, Progress};
use clap::Parser;

const AFTER_HELP: &str = "\
The test of a server takes a board of its own, lets clients write and watch it, cuts the watchers off \
again and again, and asks some writes twice. Then it judges what everybody was answered and shown: \
nothing lost, nothing doubled, nothing out of order, nothing nobody asked for, every snapshot what the \
events make. The board is deleted in the end. Test only servers that are yours to test.

Ends with 0 if nothing is wrong, 1 if something is, 2 if nothing can be said.";

/// Judges a Boardcast: one that runs somewhere, or a written history of one.
#[derive(Parser)]
#[command(name = "boardcast-check", version, after_help = AFTER_HELP)]
struct Flags {
    /// A history to judge: JSON lines, as --save writes them
    #[arg(required_unless_present = "url", conflicts_with = "url")]
    history: Option<PathBuf>,
    /// A server to test, such as `https://board.example.org`
    #[arg(long)]
    url: Option<String>,
    /// A file with a token that may make and delete boards there (scope admin); on the command line
    /// others could read it
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
    /// How long to write
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Clients that watch
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=500))]
    watchers: u64,
    /// Clients that write
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    writers: u64,
    /// Writes a second, of all writers together
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=2000))]
    writes_per_second: u32,
    /// What is written, and where lines are cut, follows from this number; by default from the clock
    #[arg(long)]
    seed: Option<u64>,
    /// Keeps the history in a file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let verdict = match &flags.url {
        Some(url) => test(url, &flags),
        None => read(flags.history.as_ref()),
    };
    match verdict {
        Ok(verdict) => tell(&verdict),
        Err(why) => {
            eprintln!("boardcast-check: {why}");
            ExitCode::from(2)
        }
    }
}

fn read(path: Option<&PathBuf>) -> Result<Verdict, String> {
    let path = path.ok_or("name a history, or a server with --url")?;
    Ok(judge_text(&read_file(path)?))
}

fn read_file(path: &PathBuf) -> Result<String, String> {
    fs::read_to_string(path).map_err(|fault| format!("{}: {fault}", path.display()))
}

fn test(url: &str, flags: &Flags) -> Result<Verdict, String> {
    let token = flags.token_file.as_ref().map(read_file).transpose()?;
    let probe = Probe {
        url: url.to_owned(),
        token: token.map(|token| token.trim().to_owned()),
        duration: Duration::from_secs(flags.seconds),
        writers: flags.writers as usize,
        watchers: flags.watchers as usize,
        writes_per_second: flags.writes_per_second,
        seed: flags.seed.unwrap_or_else(clock_seed),
    };
    eprintln!(
        "{url}: {} s, {} writers, {} watchers, seed {}",
        flags.seconds, probe.writers, probe.watchers, probe.seed
    );
    let Probed { lines, left_behind } = probe.run(progress).map_err(|why| why.to_string())?;
    if let Some(why) = left_behind {
        eprintln!("its board is still there. {why}");
    }
    if let Some(path) = &flags.save {
        fs::write(path, written(&lines)).map_err(|fault| format!("{}: {fault}", path.display()))?;
    }
    Ok(judge(&lines))
}

fn clock_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_millis() as u64)
}

fn progress(
    Progress {
        answered,
        seen,
        cuts,
    }: Progress,
) {
    eprintln!("{answered:>7} writes answered, {seen:>8} messages seen, {cuts:>5} lines cut");
}

fn written(lines: &[Line]) -> String {
    let line = |line| serde_json::to_string(line).expect("a line is JSON") + "\n";
    lines.iter().map(line).collect()
}

fn tell(verdict: &Verdict) -> ExitCode {
    println!(
        "{} writes, {} of them answered; {} watchers saw {} events over {} reconnects; {} boards compared",
        verdict.writes,
        verdict.answered,
        verdict.watchers,
        verdict.events,
        verdict.reconnects,
        verdict.snapshots
    );
    let count = |class: &Class| verdict.counts.get(class).copied().unwrap_or_default();
    for class in Class::ALL {
        println!("{:>6} {class}", count(&class));
    }
    for sentence in &verdict.wrong {
        println!("{sentence}");
    }
    if verdict.is_good() {
        println!("Good: nothing missed, nothing doubled, nothing out of order.");
        ExitCode::SUCCESS
    } else {
        println!("Not good: the sentences above say what is wrong.");
        ExitCode::FAILURE
    }
}
