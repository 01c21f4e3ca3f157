//! The one total order of the server's modules: who may name whom inside `crates/boardcast/src`. A change of the order
//! is a change of the architecture and happens here, in `ORDER`.

use crate::house::Violation;
use crate::source::{Named, Source, paths};

/// A module names itself and earlier ones. Before all of them stands `boardcast-core`, a crate of its own.
const ORDER: [&str; 8] = [
    "live", "store", "engine", "auth", "desk", "http", "serve", "cli",
];

/// Everyone may name these, and they name nothing of the crate.
const LEAVES: [&str; 5] = ["config", "telemetry", "outside", "sabotage", "spine"];

const SRC: &str = "crates/boardcast/src/";
const RULE: &str = "import order";

pub(crate) fn check(source: &Source) -> Vec<Violation> {
    let Some(module) = module_of(&source.path) else {
        return Vec::new();
    };
    let top = module[0].as_str();
    if !is_known(top) {
        let advice =
            format!("`{top}` has no place in the order; give it one in xtask/src/imports.rs");
        return vec![Violation::new(source, 1, RULE, advice)];
    }
    paths(source.product())
        .iter()
        .filter_map(|named| {
            let target = resolve(&module, named)?;
            let advice = objection(top, &target)?;
            Some(Violation::new(source, named.line, RULE, advice))
        })
        .collect()
}

/// `store/sqlite.rs` is `[store, sqlite]`, `store/mod.rs` is `[store]`. The crate's root may name everything: `None`.
fn module_of(path: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix(SRC)?.strip_suffix(".rs")?;
    if ["lib", "main"].contains(&inside) {
        return None;
    }
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    Some(inside.split('/').map(str::to_owned).collect())
}

fn is_known(module: &str) -> bool {
    ORDER.contains(&module) || LEAVES.contains(&module)
}

/// The path from the crate's root, or `None` if it leads out of the crate or begins with a local name.
fn resolve(module: &[String], named: &Named) -> Option<Vec<String>> {
    let mut target = match named.segments.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => [module, &named.inside].concat(),
        _ => return None,
    };
    for segment in &named.segments {
        match segment.as_str() {
            "crate" | "self" => {}
            "super" => {
                target.pop();
            }
            _ => target.push(segment.clone()),
        }
    }
    Some(target)
}

fn objection(from: &str, target: &[String]) -> Option<String> {
    let Some(to) = target.first() else {
        return Some("the crate's root as a whole is not to be named; name the module".to_owned());
    };
    let place = |module: &str| ORDER.iter().position(|known| *known == module);
    match (place(from), place(to)) {
        _ if from == to => None,
        _ if !is_known(to) => Some(format!(
            "`crate::{to}` is no module of the order; name the module it comes from"
        )),
        (None, _) => Some(format!(
            "`{from}` is a leaf and names nothing of the crate, so not `{to}`; pass it in"
        )),
        (Some(from_at), Some(to_at)) if to_at > from_at => Some(format!(
            "`{from}` comes before `{to}` ({}); pass it in, or move it to where both may name it",
            order()
        )),
        _ => None,
    }
}

fn order() -> String {
    format!("core < {}", ORDER.join(" < "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objections(path: &str, code: &str) -> Vec<usize> {
        let source = Source::new(format!("{SRC}{path}"), code);
        check(&source)
            .iter()
            .map(|violation| violation.line)
            .collect()
    }

    #[test]
    fn a_module_names_itself_earlier_ones_and_leaves() {
        let code = "use boardcast_core::rules;\nuse crate::{live::hub, store, config::Config};\nuse super::schema;";
        assert!(objections("store/sqlite.rs", code).is_empty());
        assert!(
            objections(
                "serve.rs",
                "use crate::{auth, engine, http, live, outside, store};"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_later_module_is_caught_however_it_is_named() {
        assert_eq!(
            objections("store/sqlite.rs", "\nuse crate::engine::Engine;"),
            [2]
        );
        assert_eq!(
            objections(
                "store/sqlite.rs",
                "use crate::{\n    live,\n    http::error,\n};"
            ),
            [3]
        );
        assert_eq!(
            objections("store/sqlite.rs", "fn f() -> crate::engine::E {}"),
            [1]
        );
        assert_eq!(
            objections("store/sqlite.rs", "use super::super::engine;"),
            [1]
        );
        assert_eq!(objections("live/mod.rs", "use super::store;"), [1]);
        assert_eq!(objections("live.rs", "use super::*;"), [1]);
        assert_eq!(
            objections("http/tasks.rs", "pub(in crate::cli) struct A;"),
            [1]
        );
    }

    #[test]
    fn super_is_counted_from_the_block_it_stands_in() {
        assert!(objections("live/mod.rs", "mod inner { use super::hub; }").is_empty());
        assert_eq!(
            objections("live/mod.rs", "mod inner { use super::super::engine; }"),
            [1]
        );
    }

    #[test]
    fn a_leaf_names_nothing_of_the_crate() {
        assert_eq!(objections("config.rs", "use crate::telemetry;"), [1]);
        assert_eq!(objections("spine.rs", "use crate::live::hub;"), [1]);
        assert!(objections("config.rs", "use boardcast_core::limits;").is_empty());
    }

    #[test]
    fn what_has_no_place_in_the_order_is_named() {
        assert_eq!(objections("queue.rs", ""), [1]);
        assert_eq!(objections("http/tasks.rs", "use crate::Engine;"), [1]);
        assert_eq!(objections("http/tasks.rs", "use crate::*;"), [1]);
    }

    #[test]
    fn the_root_and_test_modules_are_exempt() {
        assert!(objections("lib.rs", "use crate::cli::run;").is_empty());
        assert!(objections("main.rs", "use boardcast::cli;").is_empty());
        let code = "use crate::live;\n#[cfg(test)]\nmod tests {\n    use crate::serve;\n}";
        assert!(objections("store/sqlite.rs", code).is_empty());
    }
}
