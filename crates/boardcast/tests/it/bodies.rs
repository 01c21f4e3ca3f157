//! What holds for streams whose sockets the server takes holds for those that it sends as bodies: the
//! same tests again, in a process of their own that is told so.

use std::process::Command;

const SWITCH: &str = "BOARDCAST_BODIES_ONLY";

/// Everything about streams that can tell the two apart.
const SUITES: [&str; 8] = [
    "stream::",
    "churn::",
    "crash::after_twenty_kills",
    "proxies::every_proxy",
    "takeover::a_stream_that_is_cut",
    "stall::readers_that_stopped",
    "load::three_hundred",
    "drain::a_stop_under_load",
];

/// Whether this process is to send streams as bodies. The program under test reads it as its flag.
#[allow(
    clippy::disallowed_methods,
    reason = "the tests' own switch, for the process that they start themselves"
)]
pub(crate) fn is_asked_for() -> bool {
    std::env::var_os(SWITCH).is_some()
}

#[test]
fn the_same_holds_for_streams_that_are_sent_as_bodies() {
    let this = std::env::current_exe().expect("a path");
    let run = Command::new(this).args(SUITES).env(SWITCH, "true").output();
    let run = run.expect("it runs");
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{output}");
    assert!(output.contains("test stream::"), "it tests something");
}
