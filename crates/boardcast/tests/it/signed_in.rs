//! What holds where everyone is the same nobody holds where everyone is somebody: the same tests again,
//! in a process of their own, against servers with accounts.

use crate::accounts::{cookie_of, set_up};
use crate::app::TestApp;
use boardcast_sim::badge;
use boardcast_sim::client::Request;
use serde_json::json;
use std::process::Command;

const SWITCH: &str = "BOARDCAST_TESTS_SIGNED_IN";

/// Everything about streams, and about writes that are sent again.
const SUITES: [&str; 9] = [
    "stream::",
    "merged::",
    "pages::",
    "switching::",
    "races::",
    "safe_writes::",
    "restore::",
    "churn::the",
    "load::three_hundred",
];

/// But for those that speak without a client of ours, or look for events of nobody.
const SKIPPED: [&str; 3] = [
    "races::lagging::a_snapshot_is_never_older",
    "safe_writes::keys_refused::a_key_is_1_to_128",
    "stream::a_new_watcher_starts_at_the_head",
];

/// Whether this process's servers are to have accounts.
#[allow(
    clippy::disallowed_methods,
    reason = "the tests' own switch, for the process that they start themselves"
)]
pub(crate) fn is_asked_for() -> bool {
    std::env::var_os(SWITCH).is_some()
}

/// Makes the first account, and lets all clients of the server show a token of it.
pub(crate) async fn switch_on(app: &TestApp) {
    let session = cookie_of(&set_up(app, "ada").await.expect(201));
    let body = json!({ "name": "tests", "scope": "admin" });
    let request = Request::new("POST", "/me/tokens").json(&body);
    let made = app.send(session.on(request)).await.expect(201).json();
    badge::wear(app.address(), made["secret"].as_str().expect("a secret"));
}

#[test]
fn the_same_holds_where_accounts_are_on() {
    let this = std::env::current_exe().expect("a path");
    let skipped = SKIPPED.iter().flat_map(|name| ["--skip", name]);
    let run = Command::new(this)
        .args(SUITES)
        .args(skipped)
        .env(SWITCH, "true")
        .output();
    let run = run.expect("it runs");
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{output}");
    assert!(output.contains("test stream::"), "it tests something");
}
