//! The project's one door to its own checks: `cargo xtask VERB`. Here live the verbs and their help; what a step runs is
//! in `steps`, the rules of the house in `house`. No check of the product's behaviour belongs here: those are its tests.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what a command-line tool is for"
)]

mod bench;
mod clients;
mod documents;
mod fuzz;
mod house;
mod imports;
mod python;
mod schema;
mod soak;
mod source;
mod steps;
mod tools;
mod tree;
mod web;

use std::process::ExitCode;

use steps::{
    ADVISORIES, CLIENTS, CLIPPY, DEPENDENCIES, DOCS, FORMAT, FUZZ, HOUSE, SCHEMA, SERVER, TESTS,
    WEB_BROWSER, WEB_FORMAT, WEB_INSTALL, WEB_SIZE, WEB_TYPES, WEB_UNITS,
};

const HELP: &str = "\
Checks Boardcast. Usage: cargo xtask VERB

  test     everything a change must pass, in this order, stopping at the first failure:
             1 house rules    import order, what may be named where, words that don't belong
             2 format         cargo fmt --all --check
             3 clippy         cargo clippy, every target, warnings are errors
             4 docs           cargo doc, private items too, warnings are errors
             5 dependencies   cargo deny: licences, bans, sources (deny.toml)
             6 web: install   npm ci in web/, unless just that is installed
             7 web: format    prettier
             8 web: types     svelte-check and tsc
             9 web: units     vitest
            10 web: size      the first screen's JavaScript, compressed: at most 60 kB
            11 tests          cargo test --workspace
            12 fuzz           libFuzzer, 15 s for each target: fuzz --seconds 15
            13 web: browser   playwright: Chromium on the server that was just built
            14 clients        what others watch streams with, on that server (docs/clients.md)
            15 schema         Schemathesis on that server and its /openapi.json: schema --examples 5
  lint     steps 1 to 5: all of Rust but the tests
  web      steps 6 to 10 and 13, with a build of the server before the last
  clients  [NAME] step 14 with a build of the server before; one client alone, or those with NAME in theirs
  house    step 1 alone: takes a moment, needs no build
  sim      the simulator: sim --seeds A..B for many worlds, with a word about how far it is; sim --seed N for one of them,
           told step by step (--steps N: only so many; --without FAULT: without that, also several times). --release
           before all of it for an optimised build. Step 11 carries out 500 of them
  fuzz     [--seconds 60] [wire|http|stream|histories ...]: looks for inputs that break what reads bytes from outside, two
           targets at a time. What it finds goes into target/fuzz, and what it learns is used by the next run
  mutants  [FILE ...]: changes the core, or files of it, in one small way after another and looks whether its tests notice.
           Builds the pinned cargo-mutants into target/tools if need be. Half an hour; it says how far it is
  audit    cargo deny check advisories: known vulnerabilities in dependencies. Needs the network, so it is not in test
  tools    installs into target/tools the pinned cargo-deny (a few minutes, once) and the Python packages that checks use
           (xtask/requirements.txt); the verbs that need them do it when they are missing
  bench    [--quick] [--write FILE] [writes|fanout|boards|beside|paths|storms|stalled|idle|snapshot|resume|peers|flight ...]: what the server costs,
           beside the floor and nginx with nchan. All of it takes about twelve minutes; --quick only shows that it runs
  schema   [--examples 100] [--seed 1]: Schemathesis on the server that was built (`cargo build`), without accounts and as
           two people: requests after the server's own document, right, wrong and in sequences. Minutes
  soak     power-cuts|kills [--count 1000] [--seed 1]: the outages of the tests, for longer. Minutes; stops at what is wrong
           churn [--count 100000] [--seed 1]: clients that come and go in every way, and what they leave in the server
  help     this text

Needs a C compiler (SQLite is compiled in), the rustfmt and clippy components, and for web/ Node 20.19 or newer with npm.
The tests start nginx, Caddy, HAProxy, Chromium, Python and curl: as root on Debian they are installed, elsewhere you are
told what to type.
Cargo's own settings apply as usual: CARGO_TARGET_DIR, CARGO_TERM_COLOR, CC.
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["test"] => steps::run(&[
            HOUSE,
            FORMAT,
            CLIPPY,
            DOCS,
            DEPENDENCIES,
            WEB_INSTALL,
            WEB_FORMAT,
            WEB_TYPES,
            WEB_UNITS,
            WEB_SIZE,
            TESTS,
            FUZZ,
            WEB_BROWSER,
            CLIENTS,
            SCHEMA,
        ]),
        ["lint"] => steps::run(&[HOUSE, FORMAT, CLIPPY, DOCS, DEPENDENCIES]),
        ["web"] => steps::run(&[
            WEB_INSTALL,
            WEB_FORMAT,
            WEB_TYPES,
            WEB_UNITS,
            WEB_SIZE,
            SERVER,
            WEB_BROWSER,
        ]),
        ["clients", ref name @ ..] => steps::test_clients(name),
        ["house"] => steps::run(&[HOUSE]),
        ["sim", "--release", ref wish @ ..] if !wish.is_empty() => {
            steps::simulate(wish, " --release")
        }
        ["sim", ref wish @ ..] if !wish.is_empty() => steps::simulate(wish, ""),
        ["fuzz", ref words @ ..] => fuzz::run(&tree::root(), words),
        ["mutants", ref files @ ..] => steps::mutate(files),
        ["audit"] => steps::run(&[ADVISORIES]),
        ["bench", ref words @ ..] => bench::run(&tree::root(), words),
        ["schema", ref flags @ ..] => steps::schema(flags),
        ["soak", ref flags @ ..] => soak::run(&tree::root(), flags),
        ["tools"] => steps::tools(),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!(
                "xtask: there is no `cargo xtask {}`; `cargo xtask help` lists the verbs",
                words.join(" ")
            );
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
