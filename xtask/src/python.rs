//! The Python that checks run: one virtual environment in `target/tools/python` with just the packages that
//! `xtask/requirements.txt` names. Which packages these are, and what is done with them, is not known here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::steps;

const REQUIREMENTS: &str = "xtask/requirements.txt";
const PLACE: &str = "target/tools/python";

/// A program of the environment, such as `python`, after making all that the requirements name if it isn't there.
pub(crate) fn program(root: &Path, name: &str) -> Result<PathBuf> {
    install(root)?;
    Ok(root.join(PLACE).join("bin").join(name))
}

/// Makes the environment anew, unless it is of this Python and these requirements.
fn install(root: &Path) -> Result<()> {
    let requirements = fs::read_to_string(root.join(REQUIREMENTS)).context(REQUIREMENTS)?;
    let wanted = format!("{}\n{requirements}", version()?);
    // An environment is cleared before it is made, so this is there only if all of the rest is.
    let stamp = root.join(PLACE).join(".installed-requirements");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        eprintln!("xtask: {PLACE} is what {REQUIREMENTS} names");
        return Ok(());
    }
    let mut python = Command::new("python3");
    python.current_dir(root);
    steps::run_as("python3", python, &format!("-m venv --clear {PLACE}"))?;
    let install =
        format!("install --quiet --no-deps --only-binary=:all: --requirement {REQUIREMENTS}");
    pip(root, &install)?;
    // Nothing came along that the file doesn't name; so it says here what is missing.
    pip(root, "check")?;
    fs::write(&stamp, wanted).context("noting what is installed")
}

/// Whether there is a Python that can make environments; Debian parts the two.
pub(crate) fn is_there() -> bool {
    let output = Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .output();
    output.is_ok_and(|output| output.status.success())
}

fn version() -> Result<String> {
    let output = Command::new("python3")
        .arg("--version")
        .output()
        .context("could not start python3")?;
    ensure!(
        output.status.success(),
        "python3 --version ended with {}",
        output.status
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn pip(root: &Path, args: &str) -> Result<()> {
    let typed = format!("{PLACE}/bin/python");
    let mut python = Command::new(root.join(&typed));
    python.current_dir(root);
    let args = format!("-m pip --disable-pip-version-check {args}");
    steps::run_as(&typed, python, &args)
}
