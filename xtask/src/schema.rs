//! `cargo xtask schema`: Schemathesis on the server that was built, held against the document that the server gives
//! of itself. What is asked of it, and as whom, is in `xtask/schema/`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{python, steps};

const USAGE: &str = "cargo xtask schema [--examples 100] [--seed 1]";

/// `--examples 5` is few enough for every run of the checks.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<()> {
    let (mut examples, mut seed) = ("100", "1");
    for flag in words.chunks(2) {
        match flag {
            ["--examples", value] => examples = value,
            ["--seed", value] => seed = value,
            _ => bail!("{USAGE}"),
        }
    }
    let xtask = std::env::current_exe().context("where xtask runs from")?;
    let server = xtask.with_file_name(format!("boardcast{}", std::env::consts::EXE_SUFFIX));
    ensure!(
        server.is_file(),
        "{} is not built; `cargo build` builds it",
        server.display()
    );
    let python = python::program(root, "python")?;
    let typed = python.display().to_string();
    let mut command = Command::new(python);
    command
        .current_dir(root)
        .args(["xtask/schema/run.py", "--server"])
        .arg(&server);
    let typed = format!("{typed} xtask/schema/run.py --server {}", server.display());
    steps::run_as(
        &typed,
        command,
        &format!("--examples {examples} --seed {seed}"),
    )
}
