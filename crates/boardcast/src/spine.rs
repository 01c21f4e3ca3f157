//! Threads and tasks of the spine: they end the whole process on a panic. A spine that goes on after
//! a broken invariant could send something wrong; a process that ends makes watchers reconnect and
//! replay. A leaf.

use futures_util::FutureExt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};

/// Starts a thread of the spine.
///
/// # Panics
/// If the system has no thread left to give.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place where threads are started"
)]
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let guarded = move || {
        if catch_unwind(AssertUnwindSafe(body)).is_err() {
            // The panic hook has said what and where.
            std::process::abort();
        }
    };
    Builder::new()
        .name(name.into())
        .spawn(guarded)
        .expect("a thread can be started")
}

/// The same for a part of the spine that runs as a task: a watcher's own steps.
pub async fn guard<T>(steps: impl Future<Output = T>) -> T {
    match AssertUnwindSafe(steps).catch_unwind().await {
        Ok(done) => done,
        Err(_) => std::process::abort(),
    }
}

/// Ends the process because going on could break a promise.
pub fn stop(reason: &dyn std::fmt::Display) -> ! {
    tracing::error!("stopping at once, so that nothing wrong is served: {reason}");
    std::process::abort();
}
