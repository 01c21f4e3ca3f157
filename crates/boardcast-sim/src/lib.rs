//! Judges Boardcast from outside: clients, watchers, fault shims and an oracle that know only the
//! wire contract.
//!
//! Nothing here shares a line with the product. Bytes come off real sockets and are read as
//! [`serde_json::Value`], so that a mistake in the product's own types cannot hide itself by being
//! made twice.
//!
//! From the bottom up: [`client`] asks, with a [`badge`] where one is needed and a [`hearing`] of all that is answered, [`sse`] parses and checks an event stream, [`stream`]
//! follows one over a socket, [`fold`] keeps a board by the contract's table, [`watcher`] follows a
//! board through cuts and restarts and [`merged`] several in one stream, [`oracle`] judges a
//! finished run. [`load`] asks like many clients and keeps a [`ledger`] of the answers, a [`crowd`] is
//! many watchers and their verdict. [`program`] runs the server as a child, on a [`port`] that stays its own, [`shim`] lets its disk be
//! slow or fail, [`power`] cuts its power and leaves what a [`disk`] would; [`outage`] lets it go down
//! that way, or by `kill -9`, again and again under a load, and judges; [`churn`] lets clients come and
//! go, and looks at what they leave. [`mod@bench`] measures. A [`probe`] tests a server that runs
//! somewhere, and [`mod@history`] judges what was written down.
//!
//! The simulator of `crates/boardcast` has no sockets and brings its bytes itself, decoded by [`http1`] where
//! they are those of a connection: it lets a [`witness`] judge each stream, a [`joint`] each stream of
//! several boards, and one [`chronicle`] everything
//! together; what people may meanwhile is what [`rights`] say.

pub mod badge;
pub mod bench;
mod cells;
pub mod chronicle;
pub mod churn;
pub mod client;
pub mod crowd;
pub mod cursor;
mod dial;
pub mod disk;
pub mod fold;
pub mod hearing;
pub mod history;
pub mod http1;
pub mod joint;
pub mod ledger;
pub mod load;
pub mod merged;
pub mod oracle;
pub mod outage;
pub mod port;
pub mod power;
pub mod probe;
pub mod program;
pub mod random;
pub mod rights;
#[cfg(test)]
mod scratch;
#[cfg(test)]
mod script;
pub mod shim;
pub mod sse;
pub mod stream;
pub mod wait;
pub mod watcher;
pub mod witness;
