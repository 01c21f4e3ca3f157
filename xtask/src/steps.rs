//! The steps behind the verbs, and running them: in order, a line and the seconds for each, a stop at the first failure
//! with what to do next. The output of the commands goes through untouched; our own lines go to stderr, so that stdout
//! holds the commands' alone.

use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::tools::Need;
use crate::{clients, fuzz, house, python, schema, tools, tree, web};

/// One check: what it is called, what it runs, and what a person does when it fails.
pub(crate) struct Step {
    name: &'static str,
    next: &'static str,
    /// What must be on the machine; it is looked for before the first step.
    needs: &'static [Need],
    work: fn(&Path) -> Result<()>,
}

pub(crate) const HOUSE: Step = Step {
    name: "house rules",
    next: "mend the lines above; `cargo xtask house` checks them alone",
    needs: &[],
    work: house_rules,
};

pub(crate) const FORMAT: Step = Step {
    name: "format",
    next: "run `cargo fmt --all`",
    needs: &[Need::Rust],
    work: |root| cargo(root, "fmt --all --check"),
};

pub(crate) const CLIPPY: Step = Step {
    name: "clippy",
    next: "mend what is named above; `cargo clippy --fix --workspace --all-targets` does the simple part",
    needs: &[Need::Rust],
    work: |root| {
        cargo(
            root,
            "clippy --workspace --all-targets --locked -- -D warnings",
        )
    },
};

pub(crate) const DOCS: Step = Step {
    name: "docs",
    next: "mend the doc comments named above; usually a link that leads nowhere or to a private item",
    needs: &[Need::Rust],
    work: |root| {
        let mut command = tools::cargo(root);
        command.env("RUSTDOCFLAGS", "-D warnings");
        run_as(
            "RUSTDOCFLAGS='-D warnings' cargo",
            command,
            "doc --workspace --no-deps --locked --document-private-items",
        )
    },
};

pub(crate) const DEPENDENCIES: Step = Step {
    name: "dependencies",
    next: "if cargo-deny named a crate: choose another one, or change deny.toml in the same commit and say why",
    needs: &[Need::Rust],
    work: |root| cargo_deny(root, "--locked check bans licenses sources"),
};

pub(crate) const ADVISORIES: Step = Step {
    name: "advisories",
    next: "if a crate was named: `cargo update -p CRATE`. If nothing could be fetched: this verb needs the network",
    needs: &[Need::Rust],
    work: |root| cargo_deny(root, "--locked check advisories"),
};

/// The server's binary is not built by itself before: its integration tests make cargo build it, and for all of the
/// workspace before any test runs. A build of the binary alone would choose other features and compile twice.
pub(crate) const TESTS: Step = Step {
    name: "tests",
    next: "run the failed test alone: `cargo test -p CRATE NAME -- --nocapture`",
    needs: &[Need::Rust, Need::Nginx, Need::Caddy, Need::Haproxy],
    work: test,
};

/// After the tests, whose crates it uses.
pub(crate) const FUZZ: Step = Step {
    name: "fuzz",
    next: "put the input that was found into fuzz/corpus/TARGET/ under a name that says what it is, and \
        `cargo test -p boardcast-fuzz` breaks on it until that is mended",
    needs: &[Need::Rust, Need::Cpp],
    work: fuzz::step,
};

/// For who works on the interface alone; where all tests run, they leave the same.
pub(crate) const SERVER: Step = Step {
    name: "server",
    next: "mend what is named above",
    needs: &[Need::Rust],
    work: |root| cargo(root, "build --locked"),
};

pub(crate) const WEB_INSTALL: Step = Step {
    name: "web: install",
    next: "npm needs its registry, once for each package-lock.json; `npm ci` in web/ says what it lacks",
    needs: &[Need::Node],
    work: web::install,
};

pub(crate) const WEB_FORMAT: Step = Step {
    name: "web: format",
    next: "run `npm run format` in web/",
    needs: &[Need::Node],
    work: |root| web::npm(root, "run lint"),
};

pub(crate) const WEB_TYPES: Step = Step {
    name: "web: types",
    next: "mend what is named above; `npm run check` in web/ checks again",
    needs: &[Need::Node],
    work: |root| web::npm(root, "run check"),
};

pub(crate) const WEB_UNITS: Step = Step {
    name: "web: units",
    next: "run the failed test alone: `npx vitest run FILE` in web/",
    needs: &[Need::Node],
    work: |root| web::npm(root, "test"),
};

pub(crate) const WEB_SIZE: Step = Step {
    name: "web: size",
    next: "load what the first screen doesn't show with `import()` when it is needed",
    needs: &[Need::Node],
    work: web::weigh,
};

pub(crate) const WEB_BROWSER: Step = Step {
    name: "web: browser",
    next: "run the failed test alone: `npx playwright test FILE` in web/; a trace of it is in web/test-results",
    needs: &[Need::Node, Need::Chromium],
    work: web::browse,
};

pub(crate) const CLIENTS: Step = Step {
    name: "clients",
    next: "run the failed client alone: `cargo xtask clients NAME`; docs/clients.md says what each of them does",
    needs: &[
        Need::Rust,
        Need::Node,
        Need::Python,
        Need::Chromium,
        Need::Curl,
    ],
    work: |root| clients::test(root, &[]),
};

/// A few examples of each operation; those that the document makes certain are all tried.
pub(crate) const SCHEMA: Step = Step {
    name: "schema",
    next: "the lines above name what was asked and how to ask it again; `cargo xtask schema --examples 100` looks further",
    needs: &[Need::Python],
    work: |root| schema::run(root, &["--examples", "5"]),
};

/// Runs `steps` in order and stops at the first that fails.
pub(crate) fn run(steps: &[Step]) -> Result<()> {
    let root = tree::root();
    let needs: Vec<_> = steps.iter().flat_map(|step| step.needs).collect();
    tools::require(&root, &needs)?;
    let total = steps.len();
    for (at, step) in steps.iter().enumerate() {
        let started = now();
        let outcome = (step.work)(&root);
        let name = format!("[{}/{total}] {}", at + 1, step.name);
        let took = format!("{:.1} s", started.elapsed().as_secs_f64());
        match outcome {
            Ok(()) => eprintln!("xtask: {name}: ok, {took}"),
            Err(error) => bail!(
                "{name}: FAILED, {took}: {error:#}\nxtask: next: {}",
                step.next
            ),
        }
    }
    Ok(())
}

/// Installs the tools of our own, before a step would.
pub(crate) fn tools() -> Result<()> {
    let root = tree::root();
    tools::require(&root, &[&Need::Python])?;
    tools::CARGO_DENY.install(&root)?;
    python::program(&root, "python").map(drop)
}

/// Tests one of the clients, or all, against a server that is built now.
pub(crate) fn test_clients(name: &[&str]) -> Result<()> {
    match name {
        [] => run(&[SERVER, CLIENTS]),
        _ => {
            let root = tree::root();
            tools::require(&root, &CLIENTS.needs.iter().collect::<Vec<_>>())?;
            (SERVER.work)(&root)?;
            clients::test(&root, name)
        }
    }
}

/// Holds the server that was built against its document, for as long as somebody wants.
pub(crate) fn schema(words: &[&str]) -> Result<()> {
    let root = tree::root();
    tools::require(&root, &[&Need::Python])?;
    schema::run(&root, words)
}

/// Runs the simulator's worlds that somebody wants to see.
pub(crate) fn simulate(wish: &[&str], profile: &str) -> Result<()> {
    let root = tree::root();
    tools::require(&root, &[&Need::Rust])?;
    let wish = wish.join(" ");
    let mut command = tools::cargo(&root);
    command.env("BOARDCAST_SIM", &wish);
    let args = format!(
        "test --package boardcast --no-default-features --test sim --locked{profile} -- --exact no_seed_breaks_the_contract --nocapture"
    );
    run_as(&format!("BOARDCAST_SIM='{wish}' cargo"), command, &args)
}

/// Changes the core in one small way after another and looks whether its tests notice; settings are in
/// `.cargo/mutants.toml`.
pub(crate) fn mutate(files: &[&str]) -> Result<()> {
    let root = tree::root();
    tools::require(&root, &[&Need::Rust])?;
    let files: String = files.iter().map(|file| format!(" --file {file}")).collect();
    // Of cargo's commands that are programs of their own, the first word is the command's name.
    let args = format!("mutants --package boardcast-core --output target{files}");
    run_as("cargo", tools::CARGO_MUTANTS.command(&root)?, &args)
        .context("tests that would notice belong beside the others in crates/boardcast-core")
}

fn house_rules(root: &Path) -> Result<()> {
    let files = tree::sources(root)?;
    let violations = house::check(&files);
    for violation in &violations {
        println!("{violation}");
    }
    ensure!(
        violations.is_empty(),
        "{} in {} files looked at",
        match violations.len() {
            1 => "1 violation".to_owned(),
            many => format!("{many} violations"),
        },
        files.len()
    );
    Ok(())
}

/// Most tests mostly wait, so there are more at a time than cores.
fn test(root: &Path) -> Result<()> {
    const PER_CORE: usize = 2;
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut command = tools::cargo(root);
    if tools::environment("RUST_TEST_THREADS").is_none() {
        command.env("RUST_TEST_THREADS", (PER_CORE * cores).to_string());
    }
    run_as("cargo", command, "test --workspace --locked")
}

fn cargo(root: &Path, args: &str) -> Result<()> {
    run_as("cargo", tools::cargo(root), args)
}

fn cargo_deny(root: &Path, args: &str) -> Result<()> {
    run_as("cargo deny", tools::cargo_deny(root)?, args)
}

/// Runs `command` with `args`, parted by spaces, after saying so as a person would type it: a failure can be repeated by
/// hand. Its output goes straight through; anything but success is an error that says how it ended.
pub(crate) fn run_as(typed: &str, mut command: Command, args: &str) -> Result<()> {
    eprintln!("xtask: $ {typed} {args}");
    let status = command
        .args(args.split(' '))
        .status()
        .with_context(|| format!("could not start {}", command.get_program().display()))?;
    ensure!(status.success(), "the command ended with {status}");
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "xtask times its steps for a person; nothing here is simulated"
)]
fn now() -> Instant {
    Instant::now()
}
