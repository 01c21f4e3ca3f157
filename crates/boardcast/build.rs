//! Builds the board in the browser (`web/`) and writes a table of its files, which `http/assets.rs`
//! compiles in. What stays away for want of Node or of npm's registry is warned of, and the program is
//! built without it; sources that don't build fail the build. Everything is written below `OUT_DIR`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a build script speaks to cargo on stdout, and on stderr if it fails"
)]

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

/// What stands in `web/` and no build reads: installed, built, or for tests.
const NO_SOURCES: [&str; 6] = [
    "node_modules",
    "dist",
    "e2e",
    "playwright.config.ts",
    "test-results",
    "playwright-report",
];

/// How long npm may take to install: about 15 MB, over a slow line.
const INSTALL_MAX: Duration = Duration::from_secs(180);
/// How long the build itself may take; it takes about a second.
const BUILD_MAX: Duration = Duration::from_secs(180);

const WITHOUT: &str = "This boardcast will have the API only, no board in the browser";
const BY_CHOICE: &str = "`--no-default-features` builds without it by choice";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(environment("OUT_DIR").expect("cargo sets it"));
    let table = out.join("interface.rs");
    if !cfg!(feature = "ui") {
        return write_table(&table, None);
    }
    // Asked now: where this script was compiled is another place when its folder was moved.
    let package = PathBuf::from(environment("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let web = package.join("../../web");
    let sources = sources(&web);
    for source in &sources {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    match build(&sources, &out.join("web")) {
        Ok(dist) => write_table(&table, Some(&dist)),
        Err(Trouble::NoNode(why)) => {
            rerun_when_node_comes();
            println!("cargo::warning={WITHOUT}: {why}. Install Node and build again; {BY_CHOICE}");
            write_table(&table, None)
        }
        Err(Trouble::NothingInstalled(why)) => {
            // A file that never exists: the next build tries again.
            println!("cargo::rerun-if-changed={}", out.join("never").display());
            println!(
                "cargo::warning={WITHOUT}: `npm ci` {why}. The next build tries again; {BY_CHOICE}"
            );
            write_table(&table, None)
        }
        Err(Trouble::Broken(output)) => {
            eprintln!("{output}");
            println!("cargo::error=web/ does not build: see below. {BY_CHOICE}");
            ExitCode::FAILURE
        }
    }
}

/// Why there is no interface.
enum Trouble {
    /// Node or npm is missing or too old.
    NoNode(String),
    /// npm didn't bring what the build needs.
    NothingInstalled(String),
    /// The sources don't build; what the build said.
    Broken(String),
}

/// Builds the interface from a copy of its sources and returns where it is.
fn build(sources: &[PathBuf], copy: &Path) -> Result<PathBuf, Trouble> {
    require_node()?;
    renew(sources, copy).expect("OUT_DIR can be written");
    let log = copy.with_extension("log");
    install(copy, &log)?;
    say("building the board in the browser");
    let mut build = npm();
    // Vite takes its mode from here, and the caller's is about something else.
    build.env("NODE_ENV", "production").args(["run", "build"]);
    run(build.current_dir(copy), &log, BUILD_MAX).map_err(|why| {
        let output = fs::read_to_string(&log).unwrap_or_default();
        Trouble::Broken(format!("`npm run build` in web/ {why}:\n{output}"))
    })?;
    Ok(copy.join("dist"))
}

/// What Vite runs on.
fn require_node() -> Result<(), Trouble> {
    let found = version_of(Command::new("node")).ok_or_else(|| {
        Trouble::NoNode("Node is not on the PATH; 20.19 or newer is needed".into())
    })?;
    let numbers = found.trim_start_matches('v').split('.');
    let numbers: Vec<u32> = numbers.map_while(|number| number.parse().ok()).collect();
    let is_new_enough = match numbers[..] {
        [20, minor, ..] => minor >= 19,
        [22, minor, ..] => minor >= 12,
        [major, ..] => major > 22,
        [] => false,
    };
    if !is_new_enough {
        let why = format!("Node {found} is too old; 20.19, 22.12 or newer is needed");
        return Err(Trouble::NoNode(why));
    }
    let npm_version = version_of(npm());
    npm_version.map_or_else(
        || Err(Trouble::NoNode("npm is not on the PATH".into())),
        |_| Ok(()),
    )
}

fn version_of(mut program: Command) -> Option<String> {
    let output = program
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| version.trim().to_owned())
}

fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

/// Installs what the lock file names, unless just that is installed already.
fn install(copy: &Path, log: &Path) -> Result<(), Trouble> {
    let wanted = fs::read(copy.join("package-lock.json")).unwrap_or_default();
    // npm begins with removing the folder, so this is there only if all of the rest is.
    let stamp = copy.join("node_modules/.installed-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say(
        "installing what the board in the browser is built with (npm ci; once per package-lock.json)",
    );
    let mut ci = npm();
    // No package's own scripts, and soon an answer where nothing can be reached.
    ci.args([
        "ci",
        "--omit=dev",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ])
    .args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]);
    run(ci.current_dir(copy), log, INSTALL_MAX).map_err(|why| {
        let output = fs::read_to_string(log).unwrap_or_default();
        // The lock file doesn't fit package.json.
        if output.contains("EUSAGE") {
            return Trouble::Broken(format!("`npm ci` in web/ {why}:\n{output}"));
        }
        let said = output.lines().map(str::trim);
        let said: Vec<_> = said.filter(|line| !line.is_empty()).take(3).collect();
        Trouble::NothingInstalled(format!("{why} ({})", said.join("; ")))
    })?;
    fs::write(stamp, wanted).expect("OUT_DIR can be written");
    Ok(())
}

/// Runs a command with its output in `log`; an error says how it ended.
fn run(command: &mut Command, log: &Path, limit: Duration) -> Result<(), String> {
    const TICK: Duration = Duration::from_millis(50);
    let output = File::create(log).expect("OUT_DIR can be written");
    let errors = output.try_clone().expect("a second handle");
    let started = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn();
    let mut child = started.map_err(|error| format!("could not be started: {error}"))?;
    for _ in 0..limit.as_millis() / TICK.as_millis() {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("ended with {status}")),
            Ok(None) => thread::sleep(TICK),
            Err(error) => return Err(format!("was lost: {error}")),
        }
    }
    // If it ended just now, there is nothing to kill.
    let _ = child.kill();
    let _ = child.wait();
    Err(format!("was not done within {} s", limit.as_secs()))
}

/// What is built from, in `web/`: each is watched for changes, and copied.
fn sources(web: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(web).expect("web/ is part of the repository");
    let mut sources: Vec<_> = entries
        .map(|entry| entry.expect("web/ can be read").path())
        .filter(|path| !NO_SOURCES.iter().any(|name| path.ends_with(name)))
        .collect();
    sources.sort();
    sources
}

/// Makes `copy` hold these sources and, of what was there, only what is installed.
fn renew(sources: &[PathBuf], copy: &Path) -> io::Result<()> {
    fs::create_dir_all(copy)?;
    for entry in fs::read_dir(copy)? {
        let path = entry?.path();
        if path.ends_with("node_modules") {
            continue;
        }
        if path.is_dir() {
            fs::remove_dir_all(path)?;
        } else {
            fs::remove_file(path)?;
        }
    }
    for source in sources {
        copy_into(source, copy)?;
    }
    Ok(())
}

fn copy_into(source: &Path, folder: &Path) -> io::Result<()> {
    let target = folder.join(source.file_name().expect("it was listed"));
    if !source.is_dir() {
        return fs::copy(source, target).map(|_| ());
    }
    fs::create_dir(&target)?;
    for entry in fs::read_dir(source)? {
        copy_into(&entry?.path(), &target)?;
    }
    Ok(())
}

/// Writes the table's expression: of each file the name, and the bytes as they are, in Brotli and in
/// gzip; no file at all without an interface.
fn write_table(table: &Path, dist: Option<&Path>) -> ExitCode {
    let mut files = Vec::new();
    if let Some(dist) = dist {
        list(dist, &mut files);
    }
    let mut text = String::from("&[\n");
    for file in files {
        let dist = dist.expect("it has files");
        let name = file.strip_prefix(dist).expect("listed below it");
        let name = name
            .to_str()
            .expect("Vite names files in ASCII")
            .replace('\\', "/");
        let compressed = |suffix| {
            let path = PathBuf::from(format!("{}.{suffix}", file.display()));
            match path.exists() {
                true => format!("Some(include_bytes!({path:?}))"),
                false => "None".into(),
            }
        };
        text += &format!(
            "    Embedded {{ name: {name:?}, bytes: include_bytes!({file:?}), brotli: {}, gzip: {} }},\n",
            compressed("br"),
            compressed("gz"),
        );
    }
    text += "]\n";
    fs::write(table, text).expect("OUT_DIR can be written");
    ExitCode::SUCCESS
}

/// Every file below `folder` that is no compressed form of another, in order.
fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("Vite built it");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    paths.sort();
    for path in paths {
        let is_compressed = path
            .extension()
            .is_some_and(|suffix| suffix == "br" || suffix == "gz");
        if path.is_dir() {
            list(&path, files);
        } else if !is_compressed {
            files.push(path);
        }
    }
}

/// Cargo looks at the folders of the `PATH` before each build, and builds anew when one has changed.
fn rerun_when_node_comes() {
    println!("cargo::rerun-if-env-changed=PATH");
    let path = environment("PATH").unwrap_or_default();
    for folder in std::env::split_paths(&path).filter(|folder| folder.is_dir()) {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
}

/// Tells a person at a terminal why the build takes its time: cargo keeps what scripts print to itself.
fn say(what: &str) {
    if let Ok(mut terminal) = OpenOptions::new().write(true).open("/dev/tty") {
        // Cargo's progress bar stands in this line, and comes again in the next. Nobody waits for this.
        let _ = writeln!(terminal, "\r\x1b[K   Interface {what}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to build scripts through the environment; the program itself reads it in config.rs"
)]
fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
