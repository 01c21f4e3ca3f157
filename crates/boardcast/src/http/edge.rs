//! What the server grants whoever comes from outside, and what it remembers of them.

use super::rate::{Rate, RateLimit};
use crate::outside::Outside;

/// Limits and memory that all requests share.
pub struct Edge {
    /// For whatever changes something; none without a limit.
    pub(super) writes: Option<RateLimit>,
}

impl Edge {
    /// With so many writes a second for each caller; without a limit if it is 0.
    pub fn new(writes_per_second: u32, outside: &dyn Outside) -> Self {
        Self {
            writes: Rate::of_writes(writes_per_second).map(|rate| RateLimit::new(rate, outside)),
        }
    }
}
