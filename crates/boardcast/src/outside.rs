//! What comes from outside the program's logic: the wall clock, randomness, and whether anything
//! happens beside it. A leaf: everyone may use it, and `serve.rs` alone builds the real one, so that
//! a test or the simulator can hand in another.

use boardcast_core::model::Timestamp;
use std::ops::RangeInclusive;

/// The wall clock, randomness, and other threads.
pub trait Outside: Send + Sync + 'static {
    /// The time now. May jump in either direction.
    fn now(&self) -> Timestamp;

    /// Fills the buffer with bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);

    /// Whether there are threads for what blocks. In a simulated world there are none: there all
    /// happens in one order.
    fn has_threads(&self) -> bool {
        true
    }
}

/// Random bytes, as many as the type has room for.
pub fn random_bytes<const N: usize>(outside: &dyn Outside) -> [u8; N] {
    let mut bytes = [0; N];
    outside.fill(&mut bytes);
    bytes
}

/// A number from a range, for spreading clients over time; not exactly uniform.
pub fn random_within(outside: &dyn Outside, range: &RangeInclusive<u32>) -> u32 {
    let span = range.end() - range.start() + 1;
    range.start() + u32::from_be_bytes(random_bytes(outside)) % span
}
