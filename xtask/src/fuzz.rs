//! `cargo xtask fuzz`: looks for inputs that break a promise of whatever reads bytes from outside. Builds the
//! targets in `fuzz/` with libFuzzer around them and this workspace's crates counting what an input reaches, runs
//! two at a time, and says how far they are. What must hold is the targets' own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::{steps, tools};

const TARGETS: [&str; 4] = ["wire", "http", "stream", "histories"];
/// Cores that CI has.
const AT_ONCE: usize = 2;
/// In `cargo xtask test`; what is found once is kept, so each run only has to look a little further.
const STEP_SECONDS: u32 = 15;
const VERB_SECONDS: u32 = 60;
/// Bytes of an input; all that is interesting fits.
const INPUT_BYTES_MAX: u32 = 4096;
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Looks between two words about how far it is.
const LOOKS_PER_WORD: u32 = 20;

const USAGE: &str = "cargo xtask fuzz [--seconds 60] [wire|http|stream|histories ...]";

/// The verb: long, and it says how far it is.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<()> {
    let (seconds, names) = match words {
        ["--seconds", seconds, names @ ..] => (seconds.parse().context(USAGE)?, names),
        names => (VERB_SECONDS, names),
    };
    if let Some(unknown) = names.iter().find(|name| !TARGETS.contains(name)) {
        bail!("there is no target {unknown}: {USAGE}");
    }
    tools::require(root, &[&tools::Need::Rust, &tools::Need::Cpp])?;
    let names = if names.is_empty() { &TARGETS } else { names };
    search(root, names, seconds, true)
}

/// The step: all targets, for a moment.
pub(crate) fn step(root: &Path) -> Result<()> {
    search(root, &TARGETS, STEP_SECONDS, false)
}

fn search(root: &Path, names: &[&str], seconds: u32, is_told: bool) -> Result<()> {
    let built = build(root)?;
    let mut waiting = names.iter();
    let mut running: Vec<Search> = Vec::new();
    let mut looks = 0;
    loop {
        while running.len() < AT_ONCE
            && let Some(name) = waiting.next()
        {
            running.push(Search::start(root, &built, name, seconds)?);
        }
        if running.is_empty() {
            return Ok(());
        }
        thread::sleep(LOOK_AGAIN);
        looks += 1;
        let is_word_due = is_told && looks % LOOKS_PER_WORD == 0;
        let mut still = Vec::new();
        for mut search in running {
            match search.child.try_wait()? {
                Some(status) => search.end(status.success())?,
                None if is_word_due => {
                    search.tell();
                    still.push(search);
                }
                None => still.push(search),
            }
        }
        running = still;
    }
}

/// Builds the targets and says where they are. As part of the whole workspace, so that the crates of others are the
/// ones that its tests are built with; without the interface.
fn build(root: &Path) -> Result<PathBuf> {
    let mut command = tools::cargo(root);
    command.env("RUSTC_WORKSPACE_WRAPPER", root.join("fuzz/rustc"));
    let targets = TARGETS.map(|name| format!(" --example fuzz-{name}"));
    let args = format!(
        "build --workspace --no-default-features --features boardcast-fuzz/engine --locked{}",
        targets.concat()
    );
    steps::run_as("RUSTC_WORKSPACE_WRAPPER=fuzz/rustc cargo", command, &args)?;
    let xtask = std::env::current_exe().context("where xtask runs from")?;
    let folder = xtask.parent().context("xtask lies in a folder")?;
    Ok(folder.join("examples"))
}

/// One target that looks for inputs.
struct Search {
    name: String,
    child: Child,
    log: PathBuf,
    found: PathBuf,
}

impl Search {
    fn start(root: &Path, built: &Path, name: &str, seconds: u32) -> Result<Self> {
        let folder = root.join("target/fuzz");
        let (own, log) = (folder.join(name), folder.join(format!("{name}.log")));
        let found = folder.join("found");
        for folder in [&own, &found] {
            fs::create_dir_all(folder)?;
        }
        let output = File::create(&log)?;
        let program = built.join(format!("fuzz-{name}"));
        eprintln!(
            "xtask: fuzz {name}: {seconds} s; what it says is in {}",
            log.display()
        );
        let child = Command::new(&program)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={INPUT_BYTES_MAX}"))
            .args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
            .arg(format!("-artifact_prefix={}/{name}-", found.display()))
            .arg(&own)
            .arg(root.join("fuzz/corpus").join(name))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .with_context(|| format!("could not start {}", program.display()))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
            found,
        })
    }

    fn said(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How far it is, in libFuzzer's own words.
    fn tell(&self) {
        let said = self.said();
        let last = said.lines().rev().find(|line| line.starts_with('#'));
        eprintln!("xtask: fuzz {}: {}", self.name, last.unwrap_or("begins"));
    }

    fn end(self, is_good: bool) -> Result<()> {
        let said = self.said();
        if is_good {
            let runs = said
                .lines()
                .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
            let runs = runs.unwrap_or("?").trim();
            eprintln!("xtask: fuzz {}: {runs} inputs, nothing found", self.name);
            return Ok(());
        }
        let lines: Vec<_> = said.lines().filter(|line| !line.starts_with('#')).collect();
        for line in &lines[lines.len().saturating_sub(TOLD_LINES_MAX)..] {
            eprintln!("{line}");
        }
        ensure!(
            is_good,
            "fuzz {}: an input breaks a promise; it is in {}",
            self.name,
            self.found.display()
        );
        Ok(())
    }
}

/// Of what a target says at its end.
const TOLD_LINES_MAX: usize = 60;

/// A target that isn't waited for has nobody to report to.
impl Drop for Search {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
