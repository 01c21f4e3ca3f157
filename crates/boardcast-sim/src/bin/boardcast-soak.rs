//! Lets a server go down a thousand times instead of the few dozen of a test run: `boardcast-soak
//! KIND BINARY COUNT SEED`, as `cargo xtask soak` calls it. What happens and what is judged is in
//! [`boardcast_sim::outage`]; a line of progress for each run, and every seed can be had again.
#![allow(
    clippy::print_stdout,
    reason = "printing is what a command-line tool is for"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use boardcast_sim::outage::{Outage, Trial, Verdict};
use tokio::time::Instant;

/// Outages in one run; each run begins with an empty disk.
const OUTAGES_PER_RUN: usize = 20;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((trial, count)) = read(&words) else {
        println!("boardcast-soak power-cuts|kills BINARY COUNT SEED");
        return ExitCode::from(2);
    };
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
    for sentence in &verdict.wrong {
        println!("{sentence}");
    }
    if verdict.wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
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
