//! The programs the steps need: what must be on the machine already, what is installed there where that can be done, and
//! cargo-deny, which goes into `target/tools` at a pinned version where it is missing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{python, steps};

/// A program of cargo's that is built at one version, so that the same tree gives the same answer everywhere.
pub(crate) struct Pinned {
    name: &'static str,
    version: &'static str,
}

/// Raise it together with a run of `cargo xtask lint`.
pub(crate) const CARGO_DENY: Pinned = Pinned {
    name: "cargo-deny",
    version: "0.20.2",
};

/// Raise it together with a run of `cargo xtask mutants`.
pub(crate) const CARGO_MUTANTS: Pinned = Pinned {
    name: "cargo-mutants",
    version: "27.1.0",
};

/// What a step needs on the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A C compiler and the components that check Rust.
    Rust,
    /// Node, new enough for Vite, and npm.
    Node,
    /// Python with what makes virtual environments.
    Python,
    /// A C++ compiler, for the engine that looks for inputs.
    Cpp,
    Nginx,
    Caddy,
    Haproxy,
    Chromium,
    Curl,
}

/// Programs that checks start: what needs them, by which names they go, and the Debian packages they come in.
const PROGRAMS: [(Need, &[&str], &str); 6] = [
    (Need::Cpp, &["c++", "g++", "clang++"], "g++"),
    (Need::Nginx, &["nginx"], "nginx-light"),
    (Need::Caddy, &["caddy"], "caddy"),
    (Need::Haproxy, &["haproxy"], "haproxy"),
    (Need::Chromium, &CHROMIUM, "chromium"),
    (Need::Curl, &["curl"], "curl"),
];

const CHROMIUM: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Fails with everything that is missing at once, and how to get it; installs what tests start where that needs nobody's
/// password.
pub(crate) fn require(root: &Path, needs: &[&Need]) -> Result<()> {
    let mut missing = Vec::new();
    if needs.contains(&&Need::Rust) {
        missing.extend(missing_for_rust(root));
    }
    if needs.contains(&&Need::Node) {
        missing.extend(missing_node());
    }
    if !missing.is_empty() {
        bail!("missing on this machine:\n  - {}", missing.join("\n  - "));
    }
    let mut packages: Vec<_> = PROGRAMS
        .iter()
        .filter(|(need, names, _)| needs.contains(&need) && installed(names).is_none())
        .map(|(_, _, package)| *package)
        .collect();
    if needs.contains(&&Need::Python) && !python::is_there() {
        packages.extend(["python3", "python3-venv"]);
    }
    install_packages("the checks need", &packages)
}

fn missing_for_rust(root: &Path) -> Vec<String> {
    let mut missing = Vec::new();
    if let Some(compiler) = missing_c_compiler() {
        missing.push(format!(
            "a C compiler: `{compiler}` does not run, and SQLite is compiled from source. \
             Install one (Debian: `apt-get install gcc libc6-dev`, macOS: `xcode-select --install`) or name yours in CC"
        ));
    }
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !runs(cargo(root).args([subcommand, "--version"])) {
            missing.push(format!(
                "the {component} component: `rustup component add {component}`"
            ));
        }
    }
    missing
}

fn missing_node() -> Option<String> {
    const HOW: &str = "Install it from your system's packages or from nodejs.org; the server alone builds without";
    let output = Command::new("node").arg("--version").output().ok();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match version {
        None => Some(format!("Node 20.19 or newer, for web/. {HOW}")),
        Some(version) if !is_node_new_enough(&version) => Some(format!(
            "Node 20.19, 22.12 or newer, for web/: this is {version}. {HOW}"
        )),
        Some(_) if !runs(npm().arg("--version")) => {
            Some("npm, for web/: it comes with Node, or as a package of its own".into())
        }
        Some(_) => None,
    }
}

/// What Vite runs on.
fn is_node_new_enough(version: &str) -> bool {
    let numbers = version.trim_start_matches('v').split('.');
    let numbers: Vec<u32> = numbers.map_while(|number| number.parse().ok()).collect();
    match numbers[..] {
        [20, minor, ..] => minor >= 19,
        [22, minor, ..] => minor >= 12,
        [major, ..] => major > 22,
        [] => false,
    }
}

pub(crate) fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

/// The browser that tests start.
pub(crate) fn chromium() -> Result<PathBuf> {
    installed(&CHROMIUM).context("Chromium is not installed")
}

/// The cargo that runs us, so that every step uses one toolchain.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(environment("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Ours at the pinned version, else the one installed on the machine, else ours after installing it.
pub(crate) fn cargo_deny(root: &Path) -> Result<Command> {
    if !CARGO_DENY.is_in(root) {
        let mut installed = cargo(root);
        installed.arg("deny");
        if runs(cargo(root).args(["deny", "--version"])) {
            return Ok(installed);
        }
    }
    CARGO_DENY
        .command(root)
        .context("licences and sources were not checked")
}

impl Pinned {
    /// Ours, after installing it where it is missing.
    pub(crate) fn command(&self, root: &Path) -> Result<Command> {
        if !self.is_in(root) {
            self.install(root)?;
        }
        let mut ours = Command::new(self.path(root));
        ours.current_dir(root);
        Ok(ours)
    }

    /// Puts it into `target/tools`; does nothing if it is there.
    pub(crate) fn install(&self, root: &Path) -> Result<()> {
        let Self { name, version } = self;
        if self.is_in(root) {
            eprintln!("xtask: {name} {version} is in target/tools");
            return Ok(());
        }
        eprintln!(
            "xtask: {name} is not installed; building {version} into target/tools. A few minutes, once"
        );
        let args = format!("install {name} --version {version} --locked --root target/tools");
        steps::run_as("cargo", cargo(root), &args)
            .with_context(|| format!("{name} could not be installed"))
    }

    fn path(&self, root: &Path) -> PathBuf {
        let file = format!("{}{}", self.name, std::env::consts::EXE_SUFFIX);
        root.join("target/tools/bin").join(file)
    }

    fn is_in(&self, root: &Path) -> bool {
        let Self { name, version } = self;
        // As cargo starts it: its first word is the command's name.
        let words = [name.trim_start_matches("cargo-"), "--version"];
        let output = Command::new(self.path(root)).args(words).output();
        output.is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout).trim() == format!("{name} {version}")
        })
    }
}

/// The module that puts event streams into nginx, and the Debian package it comes in.
const NCHAN: (&str, &str) = (
    "/usr/lib/nginx/modules/ngx_nchan_module.so",
    "libnginx-mod-nchan",
);

/// Makes sure that what the bench compares with is there.
pub(crate) fn require_nchan() -> Result<()> {
    let (module, package) = NCHAN;
    if Path::new(module).exists() && installed(&["nginx"]).is_some() {
        return Ok(());
    }
    install_packages("the bench compares with", &["nginx", package])
}

/// Installs packages where that needs nobody's password, else fails with what to type.
fn install_packages(who: &str, missing: &[&str]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    let install = format!("install --yes --no-install-recommends {packages}");
    let can_install = is_root() && runs(Command::new("apt-get").arg("--version"));
    if !can_install {
        bail!("{who} {packages}: `sudo apt-get {install}`, or your system's packages of them")
    }
    eprintln!("xtask: {who} {packages}; installing");
    steps::run_as("apt-get", apt_get(), "update")?;
    steps::run_as("apt-get", apt_get(), &install)
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // Nothing asks, and packaged services are not started: the tests start their own.
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1")
        .arg("-qq");
    command
}

fn installed(names: &[&str]) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let paths = names.iter().flat_map(|name| {
        folders
            .iter()
            .map(move |folder| Path::new(folder).join(name))
    });
    paths.into_iter().find(|path| path.exists())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// The name of the compiler that should run and doesn't. `CC` may hold flags or a wrapper; its first word must run.
fn missing_c_compiler() -> Option<String> {
    if cfg!(windows) {
        return None; // Found through the registry there, by the build itself.
    }
    let configured = environment("CC").map(|cc| cc.to_string_lossy().into_owned());
    let program = configured
        .as_deref()
        .and_then(|cc| cc.split_whitespace().next())
        .unwrap_or("cc");
    let found = runs(Command::new(program).arg("--version"));
    (!found).then(|| program.to_owned())
}

fn runs(command: &mut Command) -> bool {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[expect(
    clippy::disallowed_methods,
    reason = "which cargo, which compiler and which tree is the caller's environment by definition"
)]
pub(crate) fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_as_new_as_vite_wants_it() {
        for version in ["v20.19.0", "v22.12.1", "v23.0.0", "v24.1.0"] {
            assert!(is_node_new_enough(version), "{version}");
        }
        for version in [
            "", "v18.20.0", "v20.18.3", "v21.7.3", "v22.11.0", "nonsense",
        ] {
            assert!(!is_node_new_enough(version), "{version}");
        }
    }
}
