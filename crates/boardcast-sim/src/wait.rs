//! How long anything here waits before it calls the other side dead. Never used to assert that
//! something was fast.

use std::io;
use std::time::Duration;

/// The longest wait for any single thing: a connect, an answer, the next byte of a stream, the end
/// of a child. Twice the server's heartbeat, so that a healthy quiet stream never reaches it.
pub const WAIT: Duration = Duration::from_secs(30);

/// Runs `work` for at most [`WAIT`]; past that an error of kind `TimedOut` says what was waited
/// for.
pub(crate) async fn within<T>(
    what: &str,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match tokio::time::timeout(WAIT, work).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{what}: nothing in {WAIT:?}"),
        )),
    }
}
