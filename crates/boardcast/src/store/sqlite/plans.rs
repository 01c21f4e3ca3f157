//! Every statement finds its rows by an index: what a person does costs no more in a full file than
//! in an empty one. The statements are read from the sources, so a new one is looked at as well.

use super::WRITER_STATEMENTS_MAX;
use super::rows::sibling_sql;
use crate::store::contract::{Bench, board_id, list_id};
use boardcast_core::rank::Rank;
use boardcast_core::rules::place::{Family, Place};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;

/// Files in the same folder that hold tests.
const TESTS: [&str; 4] = ["bad_rows.rs", "growth.rs", "opening.rs", "plans.rs"];

/// Files that look at a data file as a whole, and on whom nobody waits.
const WHOLE: [&str; 3] = ["backup.rs", "check.rs", "restore.rs"];

/// Every source beside this one that may hold statements of the program.
fn sources() -> BTreeMap<String, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sqlite");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let sources = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let named = sources.map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(&path).unwrap())
    });
    named
        .filter(|(name, _)| !TESTS.contains(&name.as_str()) && !WHOLE.contains(&name.as_str()))
        .collect()
}

/// Walked through as a whole on purpose: boards are few and retention looks once a minute, and the
/// first account is given all of them; accounts are counted when one is made; the schema is looked at
/// once in a start.
const WALKED: [&str; 4] = [
    "SCAN board",
    "SCAN board USING COVERING INDEX sqlite_autoindex_board_1",
    "SCAN user USING COVERING INDEX sqlite_autoindex_user_2",
    "SCAN sqlite_schema",
];

/// The statements of a source: its string literals that begin as SQL does.
fn statements(source: &str) -> Vec<String> {
    let literals = source.split('"').skip(1).step_by(2);
    let is_sql = |literal: &&str| {
        let first = literal.split_whitespace().next().unwrap_or_default();
        ["SELECT", "INSERT", "UPDATE", "DELETE"].contains(&first)
    };
    let is_whole = |literal: &&str| !literal.contains('{');
    let found = literals.filter(is_sql).filter(is_whole);
    found.map(str::to_owned).collect()
}

fn sibling_statements() -> Vec<String> {
    let (board, list, rank) = (board_id("b"), list_id("l"), Rank::parse("V").unwrap());
    let places = [
        Place::At(&rank),
        Place::First,
        Place::Last,
        Place::Nth(7),
        Place::Below(&rank),
        Place::Above(&rank),
        Place::Member("t"),
    ];
    let families = [Family::Lists(&board), Family::Tasks(&list)];
    families
        .iter()
        .flat_map(|family| places.iter().map(|place| sibling_sql(*family, *place)))
        .collect()
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .expect("it is SQL");
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().expect("a plan") {
        lines.push(row.get("detail").expect("a line"));
    }
    lines
}

#[test]
fn no_statement_walks_through_a_table_or_sorts() {
    let bench = Bench::new();
    let connection = Connection::open(bench.data()).unwrap();
    let found: Vec<_> = sources()
        .values()
        .flat_map(|source| statements(source))
        .collect();
    assert!(found.len() > 30, "the statements are found: {found:?}");
    for sql in sibling_statements().iter().chain(&found) {
        for line in plan(&connection, sql) {
            let walks = line.starts_with("SCAN") && !WALKED.contains(&line.as_str());
            assert!(!walks && !line.contains("TEMP B-TREE"), "{line}: {sql}");
        }
    }
}

#[test]
fn all_statements_of_the_writer_stay_prepared() {
    let sources = sources();
    let count = |name: &str| statements(&sources[name]).len();
    let writers = sibling_statements().len() + count("rows.rs") + count("writer.rs");
    assert!(
        (30..WRITER_STATEMENTS_MAX).contains(&writers),
        "{writers} statements"
    );
}
