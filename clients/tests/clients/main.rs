//! What others have written to watch event streams, against the server: every client in every scenario, from a writer that
//! goes on writing. Prints a line for each scenario, and fails if any client did another thing than `docs/clients.md` says.
//!
//! Takes the name of a client, or a part of it, to test that one alone.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that tells what it does, and is told by its environment what to use"
)]

mod board;
mod browser;
mod document;
mod expected;
mod judge;
mod line;
mod scenario;
mod watcher;

use std::process::ExitCode;

use tokio::task::JoinSet;
use tokio::time::Instant;

use browser::Browser;
use expected::{Client, Scenario};
use watcher::{Paths, Tools};

#[tokio::main]
async fn main() -> ExitCode {
    let Some(paths) = Paths::from_environment() else {
        println!("skipped: `cargo xtask clients` gets together what this needs");
        return ExitCode::SUCCESS;
    };
    let words: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| words.iter().all(|word| name.contains(word.as_str()));
    let clients: Vec<_> = Client::ALL
        .into_iter()
        .filter(|client| wanted(client.name()))
        .collect();
    if clients.is_empty() {
        println!("there is no such client as {words:?}");
        return ExitCode::FAILURE;
    }
    let tools = Tools::new(paths, Browser::start().await);
    let mut running = JoinSet::new();
    for scenario in Scenario::ALL {
        let (clients, tools) = (clients.clone(), tools.clone());
        running.spawn(async move {
            let began = Instant::now();
            let wrong = scenario::run(scenario, &clients, &tools).await;
            (scenario, began.elapsed(), wrong)
        });
    }
    let mut failures = document::check().err().into_iter().collect::<Vec<_>>();
    while let Some(ended) = running.join_next().await {
        let Ok((scenario, took, wrong)) = ended else {
            failures.push("a scenario broke off; the panic above says at what".to_owned());
            continue;
        };
        println!(
            "{:20} {:5.1} s, {} wrong",
            scenario.name(),
            took.as_secs_f64(),
            wrong.len()
        );
        failures.extend(wrong);
    }
    tools.close().await;
    for failure in &failures {
        println!("FAILED: {failure}");
    }
    let total = clients.len() * Scenario::ALL.len() + 1;
    println!(
        "{} passed, {} failed",
        total - failures.len(),
        failures.len()
    );
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
