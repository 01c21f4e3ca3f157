//! The program's verbs, a file for each or for a few of a kind. Those that speak to a server share
//! `client`.

mod add;
mod backup;
mod change;
mod check;
mod client;
mod completions;
mod desk;
mod init;
mod kept;
mod login;
mod place;
mod progress;
mod prompt;
mod remove;
mod restore;
mod serve;
mod show;
mod token;
mod user;
mod watch;

use crate::config::{Cli, ClientArgs, Verb};
use crate::serve::Machine;
use clap::Parser;
use client::{Client, Failure, Silence};
use std::process::ExitCode;

/// Reads the command line and carries it out. An error shows as one sentence and exit code 1, or 3
/// where there is no server; a wrong flag as clap shows it and exit code 2.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.verb {
        None => return on_file(serve::run(&cli.serve)),
        Some(Verb::Serve(args)) => return on_file(serve::run(args)),
        Some(Verb::Backup(args)) => return on_file(backup::run(args)),
        Some(Verb::Check(args)) => return on_file(check::run(args)),
        Some(Verb::Restore(args)) => match &args.thing {
            None => return on_file(restore::run(args)),
            Some(thing) => remove::restore(thing),
        },
        Some(Verb::Watch(args)) => watch::run(args),
        Some(Verb::Boards(args)) => show::boards(args),
        Some(Verb::Lists(args)) => show::lists(args),
        Some(Verb::Tasks(args)) => show::tasks(args),
        Some(Verb::Add(args)) => add::task(args),
        Some(Verb::AddList(args)) => add::list(args),
        Some(Verb::AddBoard(args)) => add::board(args),
        Some(Verb::Move(args)) => change::move_task(args),
        Some(Verb::Edit(args)) => change::edit(args),
        Some(Verb::Rename(args)) => change::rename(args),
        Some(Verb::Rm(args)) => remove::rm(args),
        Some(Verb::Deleted(args)) => show::deleted(args),
        Some(Verb::Init(args)) => init::run(args),
        Some(Verb::User(args)) => user::run(args),
        Some(Verb::Token(args)) => token::run(args),
        Some(Verb::Login(args)) => login::sign_in(args),
        Some(Verb::Logout(args)) => login::sign_out(args),
        Some(Verb::Completions(args)) => completions::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::Unread) {
                complain(&failure.to_string());
            }
            failure.exit_code()
        }
    }
}

/// What came of a verb that has the data file itself.
fn on_file(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// A client of the server that the flags name, with what says who asks: from the environment, or kept by
/// `boardcast login`.
fn ask(args: &ClientArgs) -> Result<Client, Failure> {
    let given = args.token.clone().filter(|token| !token.is_empty());
    let token = match given {
        Some(token) => Some(token),
        None => kept::token_for(&args.server)?.map(|kept| kept.secret),
    };
    Ok(client_of(&args.server).with_token(token))
}

fn client_of(server: &str) -> Client {
    Client::new(server, Box::new(Machine), Silence::default())
}

/// Says a sentence to the person at the terminal. What a server said can't steer the terminal.
fn complain(sentence: &str) {
    use std::io::Write;
    let sentence = sentence.replace(char::is_control, " ");
    // Nobody may be there to read it, and there is nowhere else to say so.
    let _ = writeln!(std::io::stderr(), "boardcast: {sentence}");
}
