//! The rules of the house that no compiler or linter knows, as pure functions over file text: what may be named where,
//! how files begin and are called, words that don't belong. The order of the server's modules is in `imports`, what documents
//! say of the tree in `documents`; reading the disk is `tree`'s. A rule that recurs in review belongs here.

use std::fmt;

use crate::documents;
use crate::imports;
use crate::source::{Source, Token, paths};

/// One line that breaks a rule, and what to do about it.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) path: String,
    pub(crate) line: usize,
    rule: &'static str,
    advice: String,
}

/// Every violation in `sources`, by path and line.
pub(crate) fn check(sources: &[Source]) -> Vec<Violation> {
    let mut violations: Vec<Violation> = sources
        .iter()
        .flat_map(|source| RULES.iter().flat_map(move |rule| rule(source)))
        .chain(documents::check(sources))
        .collect();
    violations.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    violations
}

type Rule = fn(&Source) -> Vec<Violation>;

const RULES: [Rule; 14] = [
    imports::check,
    core_is_pure,
    core_depends_on_no_io,
    judges_share_nothing,
    sabotage_only_in_tests,
    sql_only_in_store,
    only_auth_vouches,
    http_only_at_the_edge,
    environment_only_in_config,
    files_say_what_they_are,
    nothing_unfinished,
    web_files_say_what_they_are,
    nothing_that_the_page_may_not_do,
    no_words_of_a_machine,
];

const SERVER: &str = "crates/boardcast/src/";

/// The core takes time, randomness and data as arguments: that is why the simulator can run it from a seed.
fn core_is_pure(source: &Source) -> Vec<Violation> {
    if !source.path.starts_with("crates/boardcast-core/src/") {
        return Vec::new();
    }
    const IMPURE: [&[&str]; 10] = [
        &["tokio"],
        &["rand"],
        &["getrandom"],
        &["std", "fs"],
        &["std", "net"],
        &["std", "thread"],
        &["std", "env"],
        &["std", "time", "SystemTime"],
        &["std", "time", "Instant"],
        &["std", "time", "*"],
    ];
    paths(&source.tokens)
        .iter()
        .filter(|named| {
            let is_clock_module = named.segments == ["std", "time"];
            is_clock_module || IMPURE.iter().any(|prefix| named.starts_with(prefix))
        })
        .map(|named| {
            let advice = format!(
                "`{}` in boardcast-core; pass in what it would give",
                named.segments.join("::")
            );
            Violation::new(source, named.line, "the core is pure", advice)
        })
        .collect()
}

fn core_depends_on_no_io(source: &Source) -> Vec<Violation> {
    if source.path != "crates/boardcast-core/Cargo.toml" {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (line, text) in source.lines() {
        let text = text.split('#').next().unwrap_or_default();
        let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
        if let Some(word) = words.find(|word| ["tokio", "hyper", "axum", "rusqlite"].contains(word))
        {
            let advice = format!(
                "boardcast-core depends on `{word}`; what needs it belongs into crates/boardcast"
            );
            violations.push(Violation::new(source, line, "the core is pure", advice));
        }
    }
    violations
}

/// A judge that shared a line with what it judges could make the same mistake.
fn judges_share_nothing(source: &Source) -> Vec<Violation> {
    if source.path != "crates/boardcast-sim/Cargo.toml" {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (line, text) in source.lines() {
        let name = text
            .split(['=', '.', '#'])
            .next()
            .unwrap_or_default()
            .trim();
        if ["boardcast", "boardcast-core"].contains(&name) {
            let advice = format!(
                "boardcast-sim depends on `{name}`, which it judges; what drives the server stands in crates/boardcast/tests/sim"
            );
            let rule = "judges share nothing with the server";
            violations.push(Violation::new(source, line, rule, advice));
        }
    }
    violations
}

/// What harms the program on purpose must not get into one that somebody uses.
fn sabotage_only_in_tests(source: &Source) -> Vec<Violation> {
    if !source.path.ends_with("Cargo.toml") {
        return Vec::new();
    }
    let mut section = "";
    let mut violations = Vec::new();
    for (line, text) in source.lines() {
        if text.starts_with('[') {
            section = text.trim();
        }
        if text.contains("\"sabotage\"") && section != "[dev-dependencies]" {
            let advice = "the feature is for the tests of crates/boardcast alone";
            let rule = "sabotage only in tests";
            violations.push(Violation::new(source, line, rule, advice));
        }
    }
    violations
}

fn sql_only_in_store(source: &Source) -> Vec<Violation> {
    if source.path.starts_with("crates/boardcast/src/store/") {
        return Vec::new();
    }
    words(&source.tokens)
        .filter(|(_, word)| *word == "rusqlite")
        .map(|(line, _)| {
            let advice = "`rusqlite` is named in crates/boardcast/src/store/ alone; give the store a verb for it";
            Violation::new(source, line, "SQL only in store", advice)
        })
        .collect()
}

/// Between a route and the data nobody makes up who asks, and a route has no way to the data but the
/// engine's, which wants to know who asks.
fn only_auth_vouches(source: &Source) -> Vec<Violation> {
    let Some(inside) = source.path.strip_prefix(SERVER) else {
        return Vec::new();
    };
    let is_route = inside.starts_with("http/") || inside == "http.rs";
    if !(is_route || inside.starts_with("live/") || inside == "engine.rs") {
        return Vec::new();
    }
    let makes_access = |segments: &[String]| {
        let made = segments.windows(2).find(|pair| pair[0] == "Access");
        made.is_some_and(|pair| ["open", "of"].contains(&pair[1].as_str()))
    };
    let reads_past_engine =
        |segments: &[String]| is_route && segments.iter().any(|name| name == "Readers");
    let named = paths(source.product());
    let named = named
        .iter()
        .filter(|path| makes_access(&path.segments) || reads_past_engine(&path.segments));
    named
        .map(|path| {
            let advice = "take the `Access` from auth.rs, and ask the engine with it";
            Violation::new(source, path.line, "only auth vouches for callers", advice)
        })
        .collect()
}

/// `body.rs` and `takeover.rs` are where `live` touches a request.
fn http_only_at_the_edge(source: &Source) -> Vec<Violation> {
    const EDGE: [&str; 3] = ["http.rs", "live/body.rs", "live/takeover.rs"];
    const CRATES: [&str; 7] = [
        "axum",
        "http",
        "http_body",
        "http_body_util",
        "hyper",
        "hyper_util",
        "tower_http",
    ];
    let Some(inside) = source.path.strip_prefix(SERVER) else {
        return Vec::new();
    };
    if EDGE.contains(&inside) || inside.starts_with("http/") {
        return Vec::new();
    }
    let named = paths(source.product());
    let has_our_http = named
        .iter()
        .any(|path| path.imported && path.segments.len() == 2 && path.segments[1] == "http");
    named
        .iter()
        .filter(|path| CRATES.contains(&path.segments[0].as_str()))
        .filter(|path| path.imported || !(has_our_http && path.segments[0] == "http"))
        .map(|path| {
            let advice = format!(
                "`{}` belongs into http/, live/body.rs or live/takeover.rs; hand over plain values",
                path.segments.join("::")
            );
            Violation::new(source, path.line, "HTTP only at the edge", advice)
        })
        .collect()
}

/// What std keeps in the same module and is no setting stays free: arguments, and where the program and its scratch files are.
fn environment_only_in_config(source: &Source) -> Vec<Violation> {
    const FREE: [&str; 6] = [
        "args",
        "args_os",
        "consts",
        "current_dir",
        "current_exe",
        "temp_dir",
    ];
    let is_source = source.path.starts_with("crates/") && source.path.contains("/src/");
    if !is_source || source.path == "crates/boardcast/src/config.rs" {
        return Vec::new();
    }
    let named = paths(source.product());
    let in_code = named
        .iter()
        .filter(|path| path.starts_with(&["std", "env"]))
        .filter(|path| {
            path.segments
                .get(2)
                .is_none_or(|item| !FREE.contains(&item.as_str()))
        })
        .map(|path| path.line);
    in_code
        .chain(clap_env_lines(source.product()))
        .map(|line| {
            let advice = "environment variables are read in crates/boardcast/src/config.rs alone; pass the value in";
            Violation::new(source, line, "environment only in config", advice)
        })
        .collect()
}

/// Lines where `#[arg(…)]` names `env`.
fn clap_env_lines(tokens: &[Token]) -> Vec<usize> {
    let mut lines = Vec::new();
    for (at, window) in tokens.windows(3).enumerate() {
        let opens =
            window[0].is_mark('#') && window[1].is_mark('[') && window[2].word() == Some("arg");
        if !opens {
            continue;
        }
        let mut depth = 0;
        for token in &tokens[at + 1..] {
            if token.is_mark('[') {
                depth += 1;
            } else if token.is_mark(']') {
                depth -= 1;
            } else if token.word() == Some("env") {
                lines.push(token.line);
            }
            if depth == 0 {
                break;
            }
        }
    }
    lines
}

fn files_say_what_they_are(source: &Source) -> Vec<Violation> {
    if !source.path.ends_with(".rs") {
        return Vec::new();
    }
    let mut violations = Vec::new();
    if !source.text.starts_with("//!") {
        let advice =
            "open with a `//!` line: what lives here, what must not, which invariant it keeps";
        violations.push(Violation::new(
            source,
            1,
            "files open with their purpose",
            advice,
        ));
    }
    violations.extend(says_nothing(source, source.path.trim_end_matches(".rs")));
    violations
}

/// A name, of the file or of a folder around it, that would fit any other as well.
fn says_nothing(source: &Source, path: &str) -> Option<Violation> {
    let name = path
        .split('/')
        .find(|name| ["utils", "common", "helpers", "misc"].contains(name))?;
    let advice = format!(
        "`{name}` says nothing; name the file after what it does, or put the code where it is used"
    );
    let rule = "files are named after what they do";
    Some(Violation::new(source, 1, rule, advice))
}

/// The same for the interface, which has no `//!`.
fn web_files_say_what_they_are(source: &Source) -> Vec<Violation> {
    let Some((path, opening)) = web_source(source) else {
        return Vec::new();
    };
    let mut violations = Vec::new();
    if !source.text.starts_with(opening) {
        let advice = format!("open with a `{opening}` comment: what lives here, what must not");
        let rule = "files open with their purpose";
        violations.push(Violation::new(source, 1, rule, advice));
    }
    violations.extend(says_nothing(source, path));
    for (line, text) in source.lines() {
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        let unfinished = ["TODO", concat!("FIX", "ME"), concat!("XX", "X")];
        if let Some(word) = words.find(|word| unfinished.contains(word)) {
            let advice = format!("{word}; do it, or say what is so and why");
            violations.push(Violation::new(source, line, "nothing unfinished", advice));
        }
    }
    violations
}

/// The path of a file of the interface without its ending, and how such a file opens.
fn web_source(source: &Source) -> Option<(&str, &'static str)> {
    let path = source.path.strip_prefix("web/")?;
    let endings = [(".ts", "// "), (".svelte", "<!--")];
    endings
        .iter()
        .find_map(|(ending, opening)| Some((path.strip_suffix(ending)?, *opening)))
}

/// The page's content security policy lets no text become code or markup, and no style stand in a tag.
fn nothing_that_the_page_may_not_do(source: &Source) -> Vec<Violation> {
    const FORBIDDEN: [&str; 9] = [
        "{@html",
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "style=\"",
        "style='",
        "eval(",
        "new Function(",
    ];
    if !source.path.starts_with("web/src/") || web_source(source).is_none() {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (line, text) in source.lines() {
        if let Some(found) = FORBIDDEN.iter().find(|found| has_word(text, found)) {
            let advice = format!(
                "`{found}` is against the page's policy (http/assets.rs); let Svelte make elements from values, and classes the style"
            );
            let rule = "nothing that the page may not do";
            violations.push(Violation::new(source, line, rule, advice));
        }
    }
    violations
}

/// Whether `word` stands in `text` and is not the end of a longer word.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || c == '_'))
    })
}

fn nothing_unfinished(source: &Source) -> Vec<Violation> {
    const RULE: &str = "nothing unfinished";
    let mut violations = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let before = |back: usize| at.checked_sub(back).map(|at| &source.tokens[at]);
        let calls_macro = source
            .tokens
            .get(at + 1)
            .is_some_and(|next| next.is_mark('!'));
        let opens_attribute = before(1).is_some_and(|token| token.is_mark('['))
            && before(2).is_some_and(|token| token.is_mark('#'));
        let found = match token.word() {
            Some("todo") if calls_macro => {
                Some((RULE, "write it, or leave it out until it is needed"))
            }
            Some("unimplemented") if calls_macro => {
                Some((RULE, "write it, or make the case impossible"))
            }
            Some("ignore") if opens_attribute => Some((
                "every test runs",
                "mend the test or remove it; an ignored test tests nothing",
            )),
            Some("unbounded_channel") => Some((
                "every queue has a limit",
                "use a bounded channel, its size a constant in limits.rs with the reason",
            )),
            _ => None,
        };
        if let Some((rule, advice)) = found {
            violations.push(Violation::new(source, token.line, rule, advice));
        }
    }
    for comment in &source.comments {
        let mut words = comment.text.split(|c: char| !c.is_alphanumeric());
        if let Some(word) =
            words.find(|word| [concat!("FIX", "ME"), concat!("XX", "X")].contains(word))
        {
            let advice = format!("{word} in a comment; do it, or say what is so and why");
            violations.push(Violation::new(source, comment.line, RULE, advice));
        }
    }
    violations
}

/// Paths of somebody's machine and hosts of package registries (a lock file of npm brings them in) differ from machine to
/// machine, so nothing here may depend on them. The words are put together here, so that this file holds none of them.
fn no_words_of_a_machine(source: &Source) -> Vec<Violation> {
    const RULE: &str = "no words of a development machine";
    let folders = [concat!("/", "work", "/"), concat!("/", "root", "/")];
    let hosts = [
        concat!("registry.", "npmjs."),
        concat!("static.", "crates.io"),
        concat!("index.", "crates.io"),
        concat!("pypi", ".org"),
        concat!("files.python", "hosted."),
        concat!("proxy.", "golang."),
        concat!("deb.", "debian."),
        concat!("repo1.", "maven."),
        concat!("repo.", "maven."),
    ];
    let mut violations = Vec::new();
    for (line, text) in source.lines() {
        if let Some(folder) = folders.iter().find(|folder| has_absolute(text, folder)) {
            let advice =
                format!("a path under {folder}; make it relative to the repository or a setting");
            violations.push(Violation::new(source, line, RULE, advice));
        }
        if let Some(host) = hosts.iter().find(|host| text.contains(**host)) {
            let advice =
                format!("the host {host}…; leave it to the package manager's own settings");
            violations.push(Violation::new(source, line, RULE, advice));
        }
    }
    violations
}

/// Whether `folder` begins a path somewhere in `text`: `a/b/` holds `/b/` too, but not at its beginning.
fn has_absolute(text: &str, folder: &str) -> bool {
    text.match_indices(folder).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "._-~*})>".contains(c)))
    })
}

fn words(tokens: &[Token]) -> impl Iterator<Item = (usize, &str)> {
    tokens
        .iter()
        .filter_map(|token| Some((token.line, token.word()?)))
}

impl Violation {
    pub(crate) fn new(
        source: &Source,
        line: usize,
        rule: &'static str,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            path: source.path.clone(),
            line,
            rule,
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {} — {}",
            self.path, self.line, self.rule, self.advice
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree;

    /// The lines of `text` at `path` that break a rule, each with the rule's name.
    fn found(path: &str, text: &str) -> Vec<String> {
        let violations = check(&[Source::new(path, text)]);
        violations
            .iter()
            .map(|found| format!("{} {}", found.line, found.rule))
            .collect()
    }

    /// As `found`, for code below a line that opens the file; the code's first line is 1.
    fn found_in_code(path: &str, code: &str) -> Vec<String> {
        let violations = check(&[Source::new(path, format!("//! Opens.\n{code}"))]);
        violations
            .iter()
            .map(|found| format!("{} {}", found.line - 1, found.rule))
            .collect()
    }

    #[test]
    fn the_tree_keeps_the_rules_of_the_house() {
        let violations = check(&tree::sources(&tree::root()).unwrap());
        let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }

    #[test]
    fn the_core_names_no_clock_disk_network_thread_environment_or_dice() {
        let core = "crates/boardcast-core/src/rank.rs";
        for code in [
            "use tokio::sync::mpsc;",
            "use std::{collections::HashMap, fs};",
            "fn f() { std::net::TcpStream::connect(a) }",
            "fn f() { std::thread::yield_now() }",
            "use std::time::{Duration, Instant};",
            "use std::time::SystemTime;",
            "use std::time;",
            "use std::time::*;",
            "fn f() { rand::random() }",
            "use getrandom;",
            "#[cfg(test)]\nmod tests {}\nuse std::fs;",
        ] {
            assert_eq!(found_in_code(core, code).len(), 1, "{code}");
        }
        assert!(
            found_in_code(
                core,
                "use std::time::Duration; // no tokio::spawn, no std::fs"
            )
            .is_empty()
        );
    }

    #[test]
    fn the_core_does_not_depend_on_io() {
        let manifest = "crates/boardcast-core/Cargo.toml";
        let text = "[dependencies]\nserde = \"1\" # not tokio\ntokio.workspace = true\n[dependencies.axum]\n";
        assert_eq!(
            found(manifest, text),
            ["3 the core is pure", "4 the core is pure"]
        );
        assert!(found("crates/boardcast/Cargo.toml", text).is_empty());
    }

    #[test]
    fn judges_do_not_depend_on_what_they_judge() {
        let text = "[package]\nname = \"boardcast-sim\"\n[dependencies]\nserde_json = \"1\"\nboardcast-core.workspace = true\n";
        let judges = ["5 judges share nothing with the server"];
        assert_eq!(found("crates/boardcast-sim/Cargo.toml", text), judges);
        assert!(found("crates/boardcast/Cargo.toml", text).is_empty());
    }

    #[test]
    fn sabotage_is_turned_on_by_tests_alone() {
        let turned_on = "boardcast = { path = \".\", features = [\"sabotage\"] }\n";
        let of = |section| format!("[features]\nsabotage = []\n[{section}]\n{turned_on}");
        let manifest = "crates/boardcast/Cargo.toml";
        assert!(found(manifest, &of("dev-dependencies")).is_empty());
        let sabotage = ["4 sabotage only in tests"];
        assert_eq!(found(manifest, &of("dependencies")), sabotage);
    }

    #[test]
    fn sql_is_named_in_the_store_alone() {
        let code = "use rusqlite::Connection;";
        assert_eq!(
            found_in_code("crates/boardcast/src/engine.rs", code),
            ["1 SQL only in store"]
        );
        assert_eq!(
            found_in_code("crates/boardcast/tests/it/main.rs", code),
            ["1 SQL only in store"]
        );
        assert!(found_in_code("crates/boardcast/src/store/sqlite.rs", code).is_empty());
    }

    #[test]
    fn callers_are_vouched_for_by_auth_alone() {
        let vouches = ["1 only auth vouches for callers"];
        let (made, read) = (
            "fn f() { Access::open() }",
            "use crate::store::sqlite::Readers;",
        );
        for path in ["http/boards.rs", "engine.rs", "live/body.rs"] {
            let path = format!("crates/boardcast/src/{path}");
            assert_eq!(found_in_code(&path, made), vouches);
        }
        let route = "crates/boardcast/src/http/boards.rs";
        assert_eq!(found_in_code(route, read), vouches);
        assert!(found_in_code("crates/boardcast/src/engine.rs", read).is_empty());
        assert!(found_in_code("crates/boardcast/src/auth.rs", made).is_empty());
        assert!(found_in_code(route, "fn f(access: &Access) { access.caller() }").is_empty());
    }

    #[test]
    fn http_types_stay_at_the_edge() {
        let http = ["1 HTTP only at the edge"];
        assert_eq!(
            found_in_code("crates/boardcast/src/engine.rs", "use axum::Json;"),
            http
        );
        assert_eq!(
            found_in_code(
                "crates/boardcast/src/auth.rs",
                "fn f(h: &http::HeaderMap) {}"
            ),
            http
        );
        assert_eq!(
            found_in_code("crates/boardcast/src/auth.rs", "use ::http::Uri;"),
            http
        );
        assert_eq!(
            found_in_code("crates/boardcast/src/live/hub.rs", "use http_body::Frame;"),
            http
        );
        for path in ["http/tasks.rs", "live/body.rs", "live/takeover.rs"] {
            let path = format!("crates/boardcast/src/{path}");
            assert!(
                found_in_code(&path, "use hyper::body::Incoming;").is_empty(),
                "{path}"
            );
        }
        assert!(
            found_in_code(
                "crates/boardcast/src/cli/serve.rs",
                "use crate::http; fn f() { http::router() }"
            )
            .is_empty()
        );
    }

    #[test]
    fn the_environment_is_read_in_config_alone() {
        let environment = ["1 environment only in config"];
        let clap = "#[arg(value_parser = [1], env = \"BOARDCAST_PORT\")] port: u16,";
        assert_eq!(
            found_in_code("crates/boardcast/src/cli/watch.rs", clap),
            environment
        );
        assert_eq!(
            found_in_code("crates/boardcast/src/spine.rs", "use std::env;"),
            environment
        );
        assert_eq!(
            found_in_code(
                "crates/boardcast-sim/src/main.rs",
                "fn f() { std::env::var(a) }"
            ),
            environment
        );
        assert!(found_in_code("crates/boardcast/src/config.rs", clap).is_empty());
        assert!(
            found_in_code(
                "crates/boardcast/src/main.rs",
                "fn f() { std::env::args() }"
            )
            .is_empty()
        );
    }

    #[test]
    fn files_open_with_a_purpose_and_have_a_name() {
        assert_eq!(
            found("xtask/src/a.rs", "// not a doc comment"),
            ["1 files open with their purpose"]
        );
        assert_eq!(
            found("crates/a/tests/utils.rs", "//! x"),
            ["1 files are named after what they do"]
        );
        assert_eq!(
            found("crates/a/src/common/mod.rs", "//! x"),
            ["1 files are named after what they do"]
        );
        assert!(found("crates/a/src/commonly.rs", "//! x").is_empty());
    }

    #[test]
    fn files_of_the_interface_open_with_a_purpose_and_have_a_name() {
        let opens = ["1 files open with their purpose"];
        assert_eq!(found("web/src/a.ts", "import x from \"y\";"), opens);
        assert_eq!(found("web/e2e/a.ts", "/* x */"), opens);
        assert_eq!(found("web/src/A.svelte", "<script></script>"), opens);
        assert!(found("web/src/a.ts", "// Cards.").is_empty());
        assert!(found("web/src/A.svelte", "<!-- Cards. -->").is_empty());
        assert!(found("web/src/a.css", "a {}").is_empty());
        let named = ["1 files are named after what they do"];
        assert_eq!(found("web/src/utils.ts", "// x"), named);
        assert_eq!(found("web/src/common/a.ts", "// x"), named);
    }

    #[test]
    fn nothing_in_the_interface_is_left_for_later() {
        let unfinished = ["2 nothing unfinished"];
        assert_eq!(found("web/src/a.ts", "// x\nf(); // TODO: g"), unfinished);
        let marked = concat!("<!-- x -->\n<!-- FIX", "ME -->");
        assert_eq!(found("web/src/A.svelte", marked), unfinished);
        assert!(found("web/src/a.ts", "// x\nconst toDo = \"To do\";").is_empty());
    }

    #[test]
    fn the_interface_does_nothing_that_its_policy_forbids() {
        let forbidden = ["2 nothing that the page may not do"];
        for line in [
            "{@html text}",
            "node.innerHTML = text;",
            "<p style=\"color: red\">",
            "<p style='color: red'>",
            "eval(text);",
            "new Function(text)",
        ] {
            let text = format!("<!-- x -->\n{line}");
            assert_eq!(found("web/src/A.svelte", &text), forbidden, "{line}");
            assert!(found("web/e2e/a.ts", &format!("// x\n{line}")).is_empty());
        }
        for line in [
            "retrieval(x);",
            "<p style:color={colour}>",
            "<p class=\"a\">",
        ] {
            let text = format!("<!-- x -->\n{line}");
            assert!(found("web/src/A.svelte", &text).is_empty(), "{line}");
        }
    }

    #[test]
    fn nothing_is_left_for_later() {
        let path = "crates/boardcast-sim/src/oracle.rs";
        assert_eq!(
            found_in_code(path, "fn f() {\n    todo!()\n}"),
            ["2 nothing unfinished"]
        );
        assert_eq!(
            found_in_code(path, "fn f() { unimplemented!(\"x\") }"),
            ["1 nothing unfinished"]
        );
        assert_eq!(
            found_in_code(path, concat!("/* one\n  FIX", "ME two */")),
            ["2 nothing unfinished"]
        );
        assert_eq!(
            found_in_code(path, "#[test]\n#[ignore = \"slow\"]\nfn f() {}"),
            ["2 every test runs"]
        );
        assert_eq!(
            found_in_code(path, "let a = mpsc::unbounded_channel();"),
            ["1 every queue has a limit"]
        );
        assert!(found_in_code(path, "let todo = \"todo!(\"; // a list of things todo!").is_empty());
    }

    #[test]
    fn words_of_a_machine_are_caught_in_every_file() {
        let machine = ["2 no words of a development machine"];
        assert_eq!(found("a.md", concat!("\nsee (/", "work/main)")), machine);
        assert_eq!(found("a.sh", concat!("\nHOME=/", "root/x")), machine);
        assert_eq!(
            found(
                "web/lock.json",
                concat!("\n\"https://registry.", "npmjs.org/a.tgz\"")
            ),
            machine
        );
        assert!(
            found(
                "a.md",
                concat!(
                    "target/",
                    "work/ and https://a.example/",
                    "root/ and crates.io"
                )
            )
            .is_empty()
        );
    }
}
