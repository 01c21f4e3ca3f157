//! `boardcast completions SHELL`: a script that completes the other verbs and their flags.

use super::client::Failure;
use super::client::print::Output;
use crate::config::{Cli, CompletionsArgs};
use clap::CommandFactory;

pub(super) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "boardcast", &mut script);
    Output::new(false).text(&script)
}
