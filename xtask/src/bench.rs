//! `cargo xtask bench`: the ruler. Builds both sides for release; what is measured and how is the
//! simulator's.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{soak, tools};

pub(crate) fn run(root: &Path, words: &[&str]) -> Result<()> {
    let names_cases = words.iter().any(|word| !word.starts_with("--"));
    let compares = words.contains(&"peers") || !(names_cases || words.contains(&"--quick"));
    if compares {
        tools::require_nchan()?;
    }
    let server = soak::build(root, "boardcast", "boardcast")?;
    let load = soak::build(root, "boardcast-sim", "boardcast-load")?;
    let typed = format!("cargo xtask bench {}", words.join(" "));
    let status = Command::new(&load)
        .current_dir(root)
        .arg("bench")
        .args(words)
        .arg("--server")
        .arg(server)
        .args(["--command", typed.trim_end()])
        .status()
        .with_context(|| format!("could not start {}", load.display()))?;
    anyhow::ensure!(status.success(), "the bench ended with {status}");
    Ok(())
}
