//! `cargo xtask clients`: gets together what the clients in `clients/` are made of, and runs their test. What they do there
//! and what is right of it is the test's.

use std::path::Path;

use anyhow::Result;

use crate::{python, steps, tools, web};

const FOLDER: &str = "clients";

/// Tests all of them, or the one named, against the server that was built last.
pub(crate) fn test(root: &Path, name: &[&str]) -> Result<()> {
    web::install_in(root, FOLDER)?;
    web::npm_in(root, FOLDER, "run build")?;
    let mut command = tools::cargo(root);
    command
        .env("BOARDCAST_BIN", web::server("clients")?)
        .env("BOARDCAST_PYTHON", python::program(root, "python")?)
        .env("BOARDCAST_CHROMIUM", tools::chromium()?);
    // With the whole workspace, so that what it stands on is what the other tests were built with.
    let args = ["test --workspace --test clients --locked --"];
    let args = [&args, name].concat().join(" ");
    steps::run_as("cargo", command, args.trim_end_matches(" --"))
}
