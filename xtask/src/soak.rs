//! `cargo xtask soak`: the long forms of tests that let the server go down again and again, or clients
//! come and go. Builds both sides for release; what is done and judged is the simulator's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{steps, tools};

const USAGE: &str =
    "cargo xtask soak power-cuts|kills|churn [--count 1000, of churn 100000] [--seed 1]";

pub(crate) fn run(root: &Path, words: &[&str]) -> Result<()> {
    let (kind, mut count, flags) = match words {
        [kind @ ("power-cuts" | "kills"), flags @ ..] => (kind, "1000", flags),
        [kind @ "churn", flags @ ..] => (kind, "100000", flags),
        _ => bail!("{USAGE}"),
    };
    let mut seed = "1";
    for flag in flags.chunks(2) {
        match flag {
            ["--count", value] => count = value,
            ["--seed", value] => seed = value,
            _ => bail!("{USAGE}"),
        }
    }
    let server = build(root, "boardcast", "boardcast")?;
    let soak = build(root, "boardcast-sim", "boardcast-soak")?;
    let args = format!("{kind} {} {count} {seed}", server.display());
    steps::run_as(&soak.display().to_string(), Command::new(&soak), &args)
}

/// Builds a program for release and says where it is.
pub(crate) fn build(root: &Path, package: &str, program: &str) -> Result<PathBuf> {
    let args = format!("build --release --locked --package {package} --bin {program}");
    steps::run_as("cargo", tools::cargo(root), &args)?;
    let xtask = std::env::current_exe().context("where xtask runs from")?;
    let target = xtask.ancestors().nth(2).context("xtask lies in target")?;
    Ok(target.join("release").join(program))
}
