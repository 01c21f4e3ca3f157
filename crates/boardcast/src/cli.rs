//! The program's verbs, one file each.

mod backup;
mod check;
mod progress;
mod restore;
mod serve;

use crate::config::{Cli, Verb};
use clap::Parser;
use std::process::ExitCode;

/// Reads the command line and carries it out. An error shows as one sentence and exit code 1; a
/// wrong flag as clap shows it and exit code 2.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.verb {
        Some(Verb::Serve(args)) => serve::run(&args),
        Some(Verb::Backup(args)) => backup::run(&args),
        Some(Verb::Restore(args)) => restore::run(&args),
        Some(Verb::Check(args)) => check::run(&args),
        None => serve::run(&cli.serve),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            #[allow(
                clippy::print_stderr,
                reason = "an error is for the person at the terminal"
            )]
            {
                eprintln!("boardcast: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
