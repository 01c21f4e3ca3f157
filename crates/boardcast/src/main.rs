//! The `boardcast` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    boardcast::cli::run()
}
