//! What documents say of the tree: files that they name are there, links lead somewhere, what is said to guard a
//! promise exists, and nothing is left for later. Pure functions over file text, as in `house`; nothing here reads the disk.

use std::collections::BTreeSet;

use crate::house::Violation;
use crate::source::Source;
use crate::tree::NO_SOURCES;

/// How the names of text files end. What ends otherwise is a setting, a host or a field.
const ENDINGS: [&str; 13] = [
    "c", "css", "html", "js", "json", "lock", "md", "py", "rs", "sh", "svelte", "toml", "ts",
];
/// Those that stand in blocks, too: in a map of the tree. Other blocks are commands with files of the reader's.
const ENDINGS_OF_CODE: [&str; 3] = ["rs", "svelte", "ts"];

/// Each promise, and what guards it.
const PROMISES: &str = "docs/reliability.md";
const GUARDED_BY: &str = "guarded by";

/// Every violation in the documents among `sources`.
pub(crate) fn check(sources: &[Source]) -> Vec<Violation> {
    let documents = sources.iter().filter(|source| source.path.ends_with(".md"));
    let tree = Tree::of(sources);
    documents
        .flat_map(|document| check_document(document, &tree))
        .collect()
}

/// What there is to be named.
struct Tree<'a> {
    sources: &'a [Source],
    /// Files and folders from the root, and from each folder on the way to them.
    places: BTreeSet<&'a str>,
}

impl<'a> Tree<'a> {
    fn of(sources: &'a [Source]) -> Self {
        let mut places = BTreeSet::new();
        for source in sources {
            let path = source.path.as_str();
            let starts = std::iter::once(0).chain(ends_of_folders(path).map(|end| end + 1));
            let ends: Vec<_> = ends_of_folders(path).chain([path.len()]).collect();
            for start in starts {
                let longer = ends.iter().filter(|end| **end > start);
                places.extend(longer.map(|end| &path[start..*end]));
            }
        }
        Self { sources, places }
    }

    /// Whether this is a file or folder, or the end of the path to one.
    fn has_place(&self, name: &str) -> bool {
        self.places.contains(name.trim_end_matches('/'))
    }

    /// Whether this is a place, a program or a function.
    fn has(&self, name: &str) -> bool {
        let function = format!("fn {name}(");
        let mut sources = self.sources.iter();
        self.has_place(name)
            || self.has_place(&format!("bin/{name}.rs"))
            || sources.any(|source| source.path.ends_with(".rs") && source.text.contains(&function))
    }
}

fn ends_of_folders(path: &str) -> impl Iterator<Item = usize> {
    path.match_indices('/').map(|(at, _)| at)
}

fn check_document(document: &Source, tree: &Tree<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut say = |line: usize, rule: &'static str, advice: String| {
        violations.push(Violation::new(document, line, rule, advice));
    };
    let (mut is_block, mut guards_at) = (false, None);
    for (line, text) in document.lines() {
        if let Some(word) = left_for_later(text) {
            let advice = format!("{word}; do it, or say what is so and why");
            say(line, "nothing unfinished", advice);
        }
        if text.trim_start().starts_with("```") {
            is_block = !is_block;
            continue;
        }
        let named: Vec<_> = if is_block {
            let words = text.split_whitespace();
            let words = words.map(|word| word.trim_matches([',', ';', ':', '(', ')']));
            words
                .filter(|word| is_file(word, &ENDINGS_OF_CODE))
                .collect()
        } else {
            let is_named = |word: &&str| is_file(word, &ENDINGS) || is_folder(word);
            in_backticks(text).filter(is_named).collect()
        };
        for name in named.into_iter().filter(|name| !tree.has_place(name)) {
            let advice = format!("`{name}` isn't there; say what is");
            say(line, "documents name what is there", advice);
        }
        for to in links(text).filter(|to| !leads_somewhere(&document.path, to, tree)) {
            let advice = format!("the link to {to} leads nowhere");
            say(line, "documents name what is there", advice);
        }
        if document.path != PROMISES || is_block {
            continue;
        }
        let cells: Vec<_> = text.split('|').map(str::trim).collect();
        let head = cells.iter().position(|cell| *cell == GUARDED_BY);
        guards_at = if cells.len() < 3 {
            None
        } else {
            head.or(guards_at)
        };
        let guards = guards_at
            .and_then(|at| cells.get(at))
            .copied()
            .unwrap_or_default();
        for guard in in_backticks(guards).filter(|guard| !tree.has(guard)) {
            let advice =
                format!("`{guard}` is no file, function or program; name what guards the promise");
            say(line, "promises are guarded", advice);
        }
    }
    violations
}

/// Put together here, so that this file holds none of them.
fn left_for_later(text: &str) -> Option<&str> {
    let later = [
        concat!("TO", "DO"),
        concat!("TB", "D"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.find(|word| later.contains(word))
}

/// What stands between two backticks.
fn in_backticks(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split('`').collect::<Vec<_>>();
    // An odd one at the end is not closed.
    let closed = parts.len().saturating_sub(1);
    parts.into_iter().take(closed).skip(1).step_by(2)
}

/// Whether it looks like a file of the tree. With a leading slash it is an address or a machine's.
fn is_file(word: &str, endings: &[&str]) -> bool {
    let ending = word
        .rsplit_once('.')
        .map(|(name, ending)| (!name.is_empty(), ending));
    ending.is_some_and(|(has_name, ending)| has_name && endings.contains(&ending)) && is_path(word)
}

fn is_folder(word: &str) -> bool {
    word.ends_with('/') && is_path(word)
}

fn is_path(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let is_built = word.split('/').any(|folder| NO_SOURCES.contains(&folder));
    word.chars().all(is_plain) && !word.starts_with(['/', '.']) && !is_built
}

/// Where links lead: `[text](place)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let after = text.split("](").skip(1);
    after.filter_map(|rest| rest.split([')', '#']).next())
}

/// Other hosts and pictures are for others to look at.
fn leads_somewhere(document: &str, to: &str, tree: &Tree<'_>) -> bool {
    let ending = to.rsplit('.').next().unwrap_or_default();
    if to.contains("://") || !ENDINGS.contains(&ending) {
        return true;
    }
    let mut folders: Vec<_> = document.split('/').collect();
    folders.pop();
    for step in to.split('/') {
        match step {
            ".." => drop(folders.pop()),
            "." => {}
            step => folders.push(step),
        }
    }
    let path = folders.join("/");
    tree.sources.iter().any(|source| source.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a document in a small tree that break a rule, each with the rule's name.
    fn found(path: &str, text: &str) -> Vec<String> {
        let sources = [
            Source::new(path, text),
            Source::new("crates/a/src/live/hub.rs", "//! x\nfn a_hub_hums() {}"),
            Source::new("crates/a/src/bin/a-check.rs", "//! x"),
            Source::new("docs/other.md", "# Other"),
        ];
        let violations = check(&sources);
        let shown = violations.iter().map(ToString::to_string);
        shown
            .map(|shown| shown.split(" — ").next().unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn a_file_or_folder_that_is_named_is_there() {
        for there in [
            "`crates/a/src/live/hub.rs`, `live/hub.rs`, `hub.rs`, `live/` and `crates/a/src/`",
            "`a.b`, `*.rs`, `.rs`, `/openapi.json`, `target/x.json`, `x.rs y`, `cargo.x()`, hub2.rs",
            "an `odd one, hub2.rs",
            "```\n  hub.rs  the hub: live/hub.rs, *.rs\n  cat notes.md\n```",
        ] {
            assert_eq!(found("a.md", there), [""; 0], "{there}");
        }
        for gone in [
            "`hub2.rs`",
            "`live/b.rs`",
            "x `ub.rs`",
            "`src/liv/`",
            "`a`, `b.toml`",
        ] {
            let expected = ["a.md:1: documents name what is there"];
            assert_eq!(found("a.md", gone), expected, "{gone}");
        }
        let expected = ["a.md:2: documents name what is there"];
        assert_eq!(found("a.md", "```\n  hub2.rs: x\n```"), expected);
    }

    #[test]
    fn a_link_leads_somewhere() {
        let good = "[a](other.md), [b](../crates/a/src/live/hub.rs#x), [c](https://x.example/y.md), ![d](e.png)";
        assert_eq!(found("docs/a.md", good), [""; 0]);
        let expected = ["docs/a.md:1: documents name what is there"];
        assert_eq!(found("docs/a.md", "[a](docs/other.md)"), expected);
        assert_eq!(found("docs/a.md", "[a](../other.md)"), expected);
    }

    #[test]
    fn what_guards_a_promise_is_a_file_a_test_or_a_program() {
        let table = |guards: &str| {
            format!("| promise | guarded by |\n|---|---|\n| all | {guards} |\n\n| a | `b` |\n")
        };
        let good = table("`hub.rs`, `live/`, `crates/a`, `a_hub_hums` and `a-check`");
        assert_eq!(found(PROMISES, &good), [""; 0]);
        let expected = ["docs/reliability.md:3: promises are guarded"];
        for bad in ["`a_hub_hum`", "`crates/b`", "the hub, `hub`"] {
            assert_eq!(found(PROMISES, &table(bad)), expected, "{bad}");
            assert_eq!(found("a.md", &table(bad)), [""; 0], "{bad}");
        }
    }

    #[test]
    fn nothing_in_a_document_is_left_for_later() {
        let expected = ["a.md:2: nothing unfinished"];
        for word in ["TO-DO", "TB-D", "FIX-ME", "XX-X"] {
            let text = format!("x\n({}: y)", word.replace('-', ""));
            assert_eq!(found("a.md", &text), expected, "{word}");
        }
        assert_eq!(found("a.md", "To do, a todo list, `BOARD_TODO`"), [""; 0]);
    }
}
