//! What counts a stream while it is open: as one of all, and as one of those that its address has.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedSemaphorePermit;

/// Given back when the stream ends.
pub struct StreamPermit {
    of_all: OwnedSemaphorePermit,
    /// Behind a pointer, since most streams have none.
    of_address: Option<Box<AddressPermit>>,
}

/// The streams that each address has open. It holds nobody who has none.
pub struct AddressStreams {
    streams_max: usize,
    open: Mutex<BTreeMap<IpAddr, usize>>,
}

/// One of the streams of an address. Given back when it is dropped.
pub struct AddressPermit {
    streams: Arc<AddressStreams>,
    address: IpAddr,
}

impl From<OwnedSemaphorePermit> for StreamPermit {
    fn from(of_all: OwnedSemaphorePermit) -> Self {
        Self {
            of_all,
            of_address: None,
        }
    }
}

impl StreamPermit {
    /// Counts the stream for its address too.
    pub fn count_for(&mut self, address: Option<AddressPermit>) {
        self.of_address = address.map(Box::new);
    }

    /// Both parts, for whoever keeps those of many streams together.
    pub(super) fn into_parts(self) -> (OwnedSemaphorePermit, Option<Box<AddressPermit>>) {
        (self.of_all, self.of_address)
    }
}

impl AddressStreams {
    /// With so many for each address.
    #[must_use]
    pub fn new(streams_max: usize) -> Arc<Self> {
        Arc::new(Self {
            streams_max,
            open: Mutex::default(),
        })
    }

    /// One more for an address; none if it has as many as it may.
    pub fn open(self: &Arc<Self>, address: IpAddr) -> Option<AddressPermit> {
        let mut open = self.lock();
        let count = open.get(&address).copied().unwrap_or_default();
        (count < self.streams_max).then(|| {
            open.insert(address, count + 1);
            AddressPermit {
                streams: Arc::clone(self),
                address,
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        match open.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = open.remove(&self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_at_once_and_without_any_it_is_forgotten() {
        let streams = AddressStreams::new(2);
        let [one, other] = ["203.0.113.9", "2001:db8::"].map(|text| text.parse().unwrap());
        let first = streams.open(one).expect("the first");
        let _second = streams.open(one).expect("the second");
        assert!(streams.open(one).is_none());
        let _another = streams.open(other).expect("somebody else's");
        drop(first);
        let third = streams.open(one).expect("room again");
        assert!(streams.open(one).is_none());
        drop((third, _second));
        assert_eq!(streams.lock().keys().collect::<Vec<_>>(), [&other]);
    }
}
