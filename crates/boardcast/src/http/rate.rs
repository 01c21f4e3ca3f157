//! How much one caller may ask for: a token bucket for each, in a table of fixed size. Who is known is
//! counted as their account, wherever they are and by whichever of its credentials, so that neighbours
//! behind one address don't wait for each other; everybody else as their address. Nothing is ever
//! evicted from it, so nobody can have their own bucket forgotten by bringing others: a caller's place
//! follows from a secret hash, twice, and who shares one place with somebody has the other alone.
//! Streams are never limited here.

use super::answer::Problem;
use super::security::Suspicion;
use super::{App, Peer, credential};
use crate::outside::{Outside, random_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use boardcast_core::limits::{RATE_PLACES, WRITES_BURST_SECONDS};
use boardcast_core::model::{Timestamp, UserId};
use http::Method;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller<'a> {
    /// Whoever has this address or is in this network, and nobody that is known.
    Address(IpAddr),
    /// An account, by any of its sessions and tokens: it could make itself more of them.
    Account(&'a UserId),
}

/// A limit, and how much of it each caller has used.
pub(super) struct RateLimit {
    rate: Rate,
    secret: [u8; 32],
    /// When the bucket at a place will be full, in microseconds since 1970; two rows of places.
    full_at_us: Mutex<Box<[i64]>>,
}

/// A bucket of `burst` tokens that gets a new one every `interval_us` microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Microseconds until there is one more.
    pub(super) interval_us: i64,
    /// As many as there may be.
    pub(super) burst: i64,
}

impl Rate {
    /// For writes: so many a second, and at once what some seconds would give. None without a limit.
    #[must_use]
    pub(super) fn of_writes(per_second: u32) -> Option<Self> {
        (per_second > 0).then(|| Self {
            interval_us: 1_000_000 / i64::from(per_second),
            burst: i64::from(per_second) * WRITES_BURST_SECONDS,
        })
    }
}

impl RateLimit {
    /// A limit of which nobody has used anything.
    pub(super) fn new(rate: Rate, outside: &dyn Outside) -> Self {
        Self {
            rate,
            secret: random_bytes(outside),
            full_at_us: Mutex::new(vec![0; 2 * RATE_PLACES].into()),
        }
    }

    /// Takes a token, or says how many seconds there will be none.
    pub(super) fn take(&self, caller: Caller<'_>, now: Timestamp) -> Result<(), u64> {
        let Rate { interval_us, burst } = self.rate;
        let now_us = now.0.saturating_mul(1_000);
        // Of a bucket that is empty. Were the clock set back, one could seem emptier than that.
        let empty = now_us.saturating_add(interval_us * burst);
        let places = self.places(caller);
        let mut full_at = self
            .full_at_us
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for place in places {
            full_at[place] = full_at[place].clamp(now_us, empty);
        }
        let fullest = places.map(|place| full_at[place]).into_iter().min();
        let wait_us = fullest.map_or(0, |full_at| full_at + interval_us - empty);
        if wait_us > 0 {
            return Err(wait_us.unsigned_abs().div_ceil(1_000_000));
        }
        for place in places {
            full_at[place] = empty.min(full_at[place] + interval_us);
        }
        Ok(())
    }

    /// One place in each row.
    fn places(&self, caller: Caller<'_>) -> [usize; 2] {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        // The letter keeps an account from being taken for an address whose bytes its id spells.
        match caller {
            Caller::Address(IpAddr::V4(address)) => hasher.update(b"4").update(&address.octets()),
            Caller::Address(IpAddr::V6(address)) => hasher.update(b"6").update(&address.octets()),
            Caller::Account(id) => hasher.update(b"a").update(id.as_str().as_bytes()),
        };
        let hash = hasher.finalize();
        let hash = hash.as_bytes();
        let place = |at: usize| {
            let bytes = [hash[at], hash[at + 1], hash[at + 2], hash[at + 3]];
            u32::from_le_bytes(bytes) as usize % RATE_PLACES
        };
        [place(0), RATE_PLACES + place(4)]
    }
}

/// The middleware before anything is read of a write but who sends it. This machine's own address is not
/// limited: who has it could stop the server as well, or is a proxy that wasn't named.
pub(super) async fn limit_writes(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let is_read = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let peer = *Peer::of(request.extensions());
    if let Some(writes) = &app.edge.writes
        && !is_read
        && !peer.address.is_loopback()
    {
        // Whatever is wrong with a credential is for the route to say.
        let asker = credential::identify(&app, request.headers(), &peer, None).await;
        let asker = asker.ok().filter(|asker| asker.access.user_id().is_some());
        let account = asker.as_ref().and_then(|asker| asker.access.user_id());
        let caller = account.map_or(Caller::Address(peer.network()), Caller::Account);
        let now = app.engine.outside().now();
        if let Err(wait_seconds) = writes.take(caller, now) {
            let is_known = account.is_some();
            let suspicion = match is_known {
                true => Suspicion::TooManyWritesOfOne,
                false => Suspicion::TooManyWrites,
            };
            app.edge.log.note(suspicion, peer.address, now);
            return Err(Problem::TooManyRequests {
                is_known,
                wait_seconds,
            });
        }
        if let Some(asker) = asker {
            request.extensions_mut().insert(asker);
        }
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    struct Fixed;

    impl Outside for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }

        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    const START: i64 = 1_800_000_000_000;

    /// Two a second, and twenty at once.
    fn limit() -> RateLimit {
        RateLimit::new(Rate::of_writes(2).unwrap(), &Fixed)
    }

    fn address(text: &str) -> Caller<'static> {
        Caller::Address(text.parse().unwrap())
    }

    /// How many go through at a moment.
    fn burst(limit: &RateLimit, caller: Caller<'_>, now_ms: i64) -> usize {
        let now = Timestamp(now_ms);
        (0..1_000)
            .take_while(|_| limit.take(caller, now).is_ok())
            .count()
    }

    #[test]
    fn a_caller_has_a_burst_and_then_so_many_a_second() {
        let limit = limit();
        let caller = address("203.0.113.9");
        assert_eq!(burst(&limit, caller, START), 20);
        assert_eq!(limit.take(caller, Timestamp(START)), Err(1));
        assert_eq!(burst(&limit, caller, START + 499), 0);
        assert_eq!(burst(&limit, caller, START + 500), 1);
        assert_eq!(burst(&limit, caller, START + 3_500), 6);
        assert_eq!(
            burst(&limit, caller, START + 1_000_000),
            20,
            "never more than a burst"
        );
    }

    #[test]
    fn how_long_to_wait_is_said_in_whole_seconds_that_are_enough() {
        let rate = Rate {
            interval_us: 6_000_000,
            burst: 3,
        };
        let limit = RateLimit::new(rate, &Fixed);
        let caller = address("203.0.113.9");
        assert_eq!(burst(&limit, caller, START), 3);
        for (after_ms, seconds) in [(0, 6), (1, 6), (1_000, 5), (5_001, 1)] {
            let now = Timestamp(START + after_ms);
            assert_eq!(limit.take(caller, now), Err(seconds));
            let then = Timestamp(now.0 + i64::try_from(seconds).unwrap() * 1_000);
            let twin = RateLimit::new(rate, &Fixed);
            assert_eq!(burst(&twin, caller, START), 3);
            assert_eq!(twin.take(caller, then), Ok(()));
        }
    }

    #[test]
    fn a_clock_that_jumps_lets_nobody_wait_longer_than_a_burst_takes() {
        let limit = limit();
        let caller = address("203.0.113.9");
        assert_eq!(burst(&limit, caller, START), 20);
        let day = 86_400_000;
        assert_eq!(burst(&limit, caller, START - day), 0);
        assert_eq!(burst(&limit, caller, START - day + 10_000), 20);
        assert_eq!(burst(&limit, caller, START + day), 20);
    }

    #[test]
    fn an_account_is_no_address_and_no_other_account() {
        let limit = limit();
        // The first one's letters are the bytes of the address.
        let ids = ["1-2-", "user_2"].map(|id| UserId::parse(id).unwrap());
        let callers = [
            Caller::Account(&ids[0]),
            Caller::Account(&ids[1]),
            address("49.45.50.45"),
            address("312d:322d::"),
        ];
        for caller in callers {
            assert_eq!(burst(&limit, caller, START), 20, "{caller:?}");
            assert_eq!(burst(&limit, caller, START), 0, "{caller:?}");
        }
    }

    /// Bringing others along doesn't help, and they lose nothing by it.
    #[test]
    fn nobody_gets_a_new_bucket_by_filling_the_table() {
        let limit = limit();
        let caller = address("203.0.113.9");
        assert_eq!(burst(&limit, caller, START), 20);
        let others = (0..20_000u32).map(|n| Caller::Address(Ipv4Addr::from_bits(n).into()));
        let refused = others.filter(|other| limit.take(*other, Timestamp(START)).is_err());
        assert_eq!(refused.count(), 0);
        assert_eq!(burst(&limit, caller, START), 0);
    }
}
