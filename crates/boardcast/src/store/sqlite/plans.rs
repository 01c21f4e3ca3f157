//! Every statement finds its rows by an index: what a person does costs no more in a full file than
//! in an empty one. The statements are read from the sources, so a new one is looked at as well.

use super::rows::sibling_sql;
use crate::store::contract::{Bench, board_id, list_id};
use boardcast_core::rank::Rank;
use boardcast_core::rules::place::{Family, Place};
use rusqlite::Connection;

const SOURCES: [&str; 5] = [
    include_str!("rows.rs"),
    include_str!("log.rs"),
    include_str!("writer.rs"),
    include_str!("retention.rs"),
    include_str!("deleted.rs"),
];

/// Walked through as a whole on purpose: boards are few, and retention looks once a minute.
const WALKED: &str = "SCAN board";

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
    let mut all = sibling_statements();
    for source in SOURCES {
        let found = statements(source);
        assert!(found.len() >= 3, "its statements are found: {found:?}");
        all.extend(found);
    }
    for sql in all {
        for line in plan(&connection, &sql) {
            let is_bad = line.starts_with("SCAN") && line != WALKED || line.contains("TEMP B-TREE");
            assert!(!is_bad, "{line}: {sql}");
        }
    }
}
