//! Lets a server go down a thousand times instead of the few dozen of a test run, or a hundred thousand
//! clients come and go: `boardcast-soak KIND BINARY COUNT SEED`, as `cargo xtask soak` calls it. What
//! happens and what is judged is in [`boardcast_sim::outage`] and [`boardcast_sim::churn`]; a line of
//! progress for each run, and every seed can be had again.
#![allow(
    clippy::print_stdout,
    reason = "printing is what a command-line tool is for"
)]

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use boardcast_sim::churn::soak;
use boardcast_sim::outage::{Outage, Trial, Verdict};
use boardcast_sim::program::Program;
use tokio::time::Instant;

/// Outages in one run; each run begins with an empty disk.
const OUTAGES_PER_RUN: usize = 20;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let wrong = match &words[..] {
        [kind, binary, count, seed] if kind == "churn" => churn(binary, count, seed).await,
        words => go_down(words).await,
    };
    let Some(wrong) = wrong else {
        println!("boardcast-soak power-cuts|kills|churn BINARY COUNT SEED");
        return ExitCode::from(2);
    };
    for sentence in &wrong {
        println!("{sentence}");
    }
    if wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is wrong after the outages; none if these aren't words of theirs.
async fn go_down(words: &[String]) -> Option<Vec<String>> {
    let (trial, count) = read(words)?;
    let begun = Instant::now();
    let mut verdict = Verdict::default();
    let mut seed = trial.seed;
    while verdict.outages < count && verdict.wrong.is_empty() {
        verdict.absorb(
            run(Trial {
                seed,
                ..trial.clone()
            })
            .await,
        );
        seed += 1;
        let elapsed = begun.elapsed().as_secs();
        println!("{elapsed:>5} s, of {count}: {verdict}");
    }
    Some(verdict.wrong)
}

/// What is left in a server after so many clients; none if the numbers aren't any.
async fn churn(binary: &str, count: &str, seed: &str) -> Option<Vec<String>> {
    let (count, seed) = (count.parse().ok()?, seed.parse().ok()?);
    let folder = std::env::temp_dir().join(format!("boardcast-churn-{}", std::process::id()));
    let run = async {
        std::fs::create_dir(&folder)?;
        let data = folder.join("churn.db");
        // One pool: what grows is the program's then, and not what threads keep for each other.
        let env = [("MALLOC_ARENA_MAX".to_owned(), "1".to_owned())];
        let mut program = Program::start(binary, &data, &["--log", "warn"], &env).await?;
        let mut wrong = soak(&program, count, seed, |line| println!("{line}")).await;
        let status = program.terminate().await?;
        if !status.success() {
            wrong.push(format!("it ended with {status}:\n{}", program.output()));
        }
        std::fs::remove_dir_all(&folder)?;
        Ok(wrong)
    };
    Some(
        run.await
            .unwrap_or_else(|fault: io::Error| vec![fault.to_string()]),
    )
}

fn read(words: &[String]) -> Option<(Trial, usize)> {
    let [kind, binary, count, seed] = words else {
        return None;
    };
    let trial = Trial {
        binary: PathBuf::from(binary),
        outage: Outage::PowerCut,
        outages: OUTAGES_PER_RUN,
        boards: 4,
        writers: 16,
        watchers: 12,
        seed: seed.parse().ok()?,
    };
    let trial = match kind.as_str() {
        "power-cuts" => trial,
        "kills" => Trial {
            outage: Outage::Kill,
            boards: 200,
            writers: 32,
            watchers: 500,
            ..trial
        },
        _ => return None,
    };
    Some((trial, count.parse().ok()?))
}

async fn run(trial: Trial) -> Verdict {
    let name = format!("boardcast-soak-{}-{}", std::process::id(), trial.seed);
    let folder = std::env::temp_dir().join(name);
    let made = std::fs::create_dir(&folder);
    let verdict = match made {
        Ok(()) => trial.run(&folder).await,
        Err(fault) => Verdict {
            wrong: vec![format!("{}: {fault}", folder.display())],
            ..Verdict::default()
        },
    };
    // A run that went wrong leaves what it was about.
    if verdict.wrong.is_empty() {
        let _ = std::fs::remove_dir_all(&folder);
    }
    verdict
}
