//! What the server grants whoever comes from outside, and what it remembers of them.

use super::Peer;
use super::rate::{Rate, RateLimit};
use super::security::SecurityLog;
use crate::live::{AddressPermit, AddressStreams};
use crate::outside::Outside;
use std::sync::Arc;

/// Limits and memory that all requests share.
pub struct Edge {
    /// For whatever changes something; none without a limit.
    pub(super) writes: Option<RateLimit>,
    /// None without a limit.
    streams: Option<Arc<AddressStreams>>,
    /// What looked like somebody trying.
    pub(super) log: SecurityLog,
}

/// A client has as many streams as it may.
pub(super) struct TooManyStreams;

impl Edge {
    /// With so many writes a second and so many streams for each client; without a limit where it is 0.
    pub fn new(writes_per_second: u32, streams_per_address: usize, outside: &dyn Outside) -> Self {
        let streams = (streams_per_address > 0).then(|| AddressStreams::new(streams_per_address));
        Self {
            writes: Rate::of_writes(writes_per_second).map(|rate| RateLimit::new(rate, outside)),
            streams,
            log: SecurityLog::default(),
        }
    }

    /// Counts one more stream of a client, if that is to be counted.
    pub(super) fn admit_stream(
        &self,
        peer: &Peer,
    ) -> Result<Option<AddressPermit>, TooManyStreams> {
        match &self.streams {
            Some(streams) if !peer.address.is_loopback() => {
                let permit = streams.open(peer.network());
                permit.map(Some).ok_or(TooManyStreams)
            }
            _ => Ok(None),
        }
    }
}
