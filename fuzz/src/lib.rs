//! Everything that reads bytes from outside, each with what must hold of it whatever the bytes are. A
//! function here takes one input and panics if that doesn't hold; who finds the inputs is the engine's
//! matter (`cargo xtask fuzz`), and those in `corpus/` are tests without it.
//!
//! - [`mod@wire`]: the core: ids, cursors, ranks, texts, times, events, snapshots, frames, and the rules
//! - [`mod@http`]: whole requests to the real routes, down to the data file
//! - [`mod@stream`]: event streams, as the command line and the judge read them
//! - [`mod@histories`]: what `boardcast-check` judges

mod histories;
mod http;
mod stream;
mod wire;

// Read where they are, because nobody else needs to see them.
#[path = "../../crates/boardcast-core/tests/rules/asks.rs"]
#[allow(dead_code, reason = "shared with the core's tests")]
mod asks;
#[path = "../../crates/boardcast/src/cli/client/events.rs"]
#[allow(dead_code, reason = "shared with the command line")]
mod events;
#[path = "../../crates/boardcast-core/tests/rules/ledger.rs"]
#[allow(dead_code, reason = "shared with the core's tests")]
mod ledger;

pub use self::http::http;
pub use histories::histories;
pub use stream::stream;
pub use wire::wire;
