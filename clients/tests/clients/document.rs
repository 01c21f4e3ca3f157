//! Whether the table in `docs/clients.md` is what the test expects, with the versions that it runs.

use std::fs;

use serde_json::Value;

use crate::expected::{Client, Scenario, expected};

/// # Errors
/// With the table as it should be.
pub(crate) fn check() -> Result<(), String> {
    let document = fs::read_to_string("../docs/clients.md").map_err(|error| error.to_string())?;
    let table = table();
    if document.contains(&table) {
        return Ok(());
    }
    Err(format!("the table in docs/clients.md should be\n{table}"))
}

fn table() -> String {
    let columns = Scenario::ALL.map(Scenario::name);
    let mut lines = vec![
        format!("| client | {} |", columns.join(" | ")),
        format!("|---|{}", "---|".repeat(columns.len())),
    ];
    for client in Client::ALL {
        let cells = Scenario::ALL.map(|scenario| expected(client, scenario).word());
        lines.push(format!("| {} | {} |", label(client), cells.join(" | ")));
    }
    lines.join("\n") + "\n"
}

fn label(client: Client) -> String {
    match client {
        Client::Chromium => "`EventSource` in Chromium".to_owned(),
        Client::FetchEventSource => npm("@microsoft/fetch-event-source") + " in Chromium",
        Client::NodeEventsource => npm("eventsource"),
        Client::NodeModern => npm("eventsource-client"),
        Client::HttpxSse => python("httpx-sse"),
        Client::Sseclient => python("sseclient-py"),
        Client::Rust => format!(
            "crate `eventsource-client` {}",
            locked("eventsource-client")
        ),
        Client::Curl => "curl".to_owned(),
    }
}

fn npm(package: &str) -> String {
    let lock = fs::read_to_string("package-lock.json").expect("npm's lock file");
    let lock: Value = serde_json::from_str(&lock).expect("JSON");
    let version = &lock["packages"][format!("node_modules/{package}")]["version"];
    format!("npm `{package}` {}", version.as_str().unwrap_or("?"))
}

fn python(package: &str) -> String {
    let pinned = fs::read_to_string("../xtask/requirements.txt").expect("the packages");
    let mut lines = pinned.lines().filter_map(|line| line.split_once("=="));
    let version = lines.find(|(name, _)| *name == package);
    format!(
        "Python `{package}` {}",
        version.map_or("?", |(_, version)| version)
    )
}

/// What cargo chose.
fn locked(package: &str) -> String {
    let lock = fs::read_to_string("../Cargo.lock").expect("cargo's lock file");
    let after = lock
        .split(&format!("name = \"{package}\"\nversion = \""))
        .nth(1);
    let version = after.and_then(|after| after.split('"').next());
    version.unwrap_or("?").to_owned()
}
