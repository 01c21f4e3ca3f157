//! `cargo xtask bench`: the ruler. Builds both sides for release; what is measured and how is the
//! simulator's.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{soak, tools};

pub(crate) fn run(root: &Path, words: &[&str]) -> Result<()> {
    // Those that are no flag, and not the value of one.
    let cases = words.iter().enumerate().filter(|(at, word)| {
        let is_value = *at > 0 && words[at - 1] == "--write";
        !is_value && !word.starts_with("--")
    });
    let is_whole = cases.count() == 0 && !words.contains(&"--quick");
    let compares = is_whole || ["peers", "flight"].iter().any(|case| words.contains(case));
    if compares {
        tools::require_nchan()?;
    }
    let server = soak::build(root, "boardcast", "boardcast")?;
    let door = soak::build(root, "boardcast --features bench", "boardcast-publish")?;
    let load = soak::build(root, "boardcast-sim", "boardcast-load")?;
    let typed = format!("cargo xtask bench {}", words.join(" "));
    let status = Command::new(&load)
        .current_dir(root)
        .arg("bench")
        .args(words)
        .arg("--server")
        .arg(server)
        .arg("--door")
        .arg(door)
        .args(["--command", typed.trim_end()])
        .status()
        .with_context(|| format!("could not start {}", load.display()))?;
    anyhow::ensure!(status.success(), "the bench ended with {status}");
    Ok(())
}
