//! How often somebody may be wrong. Counted per address, and per login *and* address, never per login
//! alone: else anybody could lock anybody out. A device on which the person signed in before has a count
//! of its own, so that neither strangers behind the same address stand in its way nor it in theirs.

use boardcast_core::limits::{
    TRIES_KEPT_MAX, TRIES_PER_ADDRESS_MAX, TRIES_PER_LOGIN_MAX, TRIES_SECONDS,
};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(TRIES_SECONDS);

/// Who is counted.
#[derive(Clone, Copy, Debug)]
pub struct Tried<'a> {
    /// Whose secret is guessed: a login, or what else names it.
    pub login: &'a str,
    /// Where the guess comes from.
    pub address: IpAddr,
    /// The device, if the person signed in on it before.
    pub device: Option<&'a str>,
}

/// Come back after so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyTries {
    /// Seconds, at least one.
    pub retry_after_seconds: u64,
}

/// What is counted now. When it is full, the oldest counts are forgotten.
#[derive(Debug, Default)]
pub struct Tries(Mutex<BTreeMap<Key, Count>>);

/// A hash, so that everything is counted in the same room.
type Key = [u8; 16];

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    tries: u32,
}

/// A try that was let through. It counts as wrong unless it turns out right.
#[must_use]
#[derive(Debug)]
pub struct Try<'a> {
    tries: &'a Tries,
    counted: Vec<Key>,
}

impl Tries {
    /// Lets a try through, or says when. Counted before it is known to be wrong, so that many at once
    /// don't get through together.
    pub fn begin(&self, tried: Tried<'_>, now: Instant) -> Result<Try<'_>, TooManyTries> {
        let caps = caps(tried);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for &(key, max) in &caps {
            if let Some(wait) = counts.get(&key).and_then(|count| count.wait(max, now)) {
                let retry_after_seconds = wait.as_secs() + 1;
                return Err(TooManyTries {
                    retry_after_seconds,
                });
            }
        }
        for &(key, _) in &caps {
            let fresh = Count {
                since: now,
                tries: 0,
            };
            make_room(&mut counts, &key, now);
            let count = counts.entry(key).or_insert(fresh);
            if count.is_over(now) {
                *count = fresh;
            }
            count.tries += 1;
        }
        let counted = caps.into_iter().map(|(key, _)| key).collect();
        Ok(Try {
            tries: self,
            counted,
        })
    }
}

impl Tries {
    fn forget_one_each(&self, keys: &[Key]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if let Some(count) = counts.get_mut(key) {
                count.tries = count.tries.saturating_sub(1);
            }
        }
    }
}

impl Try<'_> {
    /// It never came to it: there was no turn to look whether it was right.
    pub fn take_back(self) {
        self.tries.forget_one_each(&self.counted);
    }

    /// It was right: it doesn't count, and what the person mistyped before is forgotten. What others
    /// tried from the same address is not.
    pub fn was_right(self) {
        if let Some((own, shared)) = self.counted.split_first() {
            self.tries.forget_one_each(shared);
            let mut counts = self.tries.0.lock().unwrap_or_else(PoisonError::into_inner);
            counts.remove(own);
        }
    }
}

impl Count {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= WINDOW
    }

    fn wait(&self, max: u32, now: Instant) -> Option<Duration> {
        let is_used_up = self.tries >= max && !self.is_over(now);
        is_used_up.then(|| WINDOW.saturating_sub(now.saturating_duration_since(self.since)))
    }
}

/// The person's own count first.
fn caps(tried: Tried<'_>) -> Vec<(Key, u32)> {
    let login = tried.login.as_bytes();
    if let Some(device) = tried.device {
        return vec![(
            key(&[b"device", login, device.as_bytes()]),
            TRIES_PER_LOGIN_MAX,
        )];
    }
    let network = network(tried.address);
    vec![
        (key(&[b"login", login, &network]), TRIES_PER_LOGIN_MAX),
        (key(&[b"address", &network]), TRIES_PER_ADDRESS_MAX),
    ]
}

fn key(parts: &[&[u8]]) -> Key {
    let hash = boardcast_core::protocol::Fingerprint::of(parts).0;
    hash[..16].try_into().expect("32 bytes hold 16")
}

/// What one customer of a provider has: an IPv4 address, or 64 bits of IPv6.
fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets()[..8].into(),
    }
}

/// Forgets what is over and, if that isn't enough, the older half: seldom, so it may take a while.
fn make_room(counts: &mut BTreeMap<Key, Count>, key: &Key, now: Instant) {
    if counts.len() < TRIES_KEPT_MAX || counts.contains_key(key) {
        return;
    }
    counts.retain(|_, count| !count.is_over(now));
    if counts.len() < TRIES_KEPT_MAX {
        return;
    }
    let mut ages: Vec<_> = counts.values().map(|count| count.since).collect();
    ages.sort_unstable();
    let median = ages[ages.len() / 2];
    counts.retain(|_, count| count.since > median);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn from(login: &str, last: u8) -> Tried<'_> {
        Tried {
            login,
            address: Ipv4Addr::new(192, 0, 2, last).into(),
            device: None,
        }
    }

    fn wrong(tries: &Tries, tried: Tried<'_>, now: Instant) -> bool {
        tries.begin(tried, now).is_ok()
    }

    fn use_up(tries: &Tries, tried: Tried<'_>, now: Instant) {
        for _ in 0..TRIES_PER_LOGIN_MAX {
            assert!(wrong(tries, tried, now));
        }
        assert!(!wrong(tries, tried, now));
    }

    #[test]
    fn who_is_wrong_too_often_waits() {
        let (tries, now) = (Tries::default(), Instant::now());
        use_up(&tries, from("ada", 1), now);
        let refused = tries.begin(from("ada", 1), now).unwrap_err();
        assert_eq!(refused.retry_after_seconds, TRIES_SECONDS + 1);
        assert!(wrong(&tries, from("ada", 1), now + WINDOW));
    }

    #[test]
    fn nobody_is_locked_out_from_where_they_are_by_somebody_elsewhere() {
        let (tries, now) = (Tries::default(), Instant::now());
        use_up(&tries, from("ada", 1), now);
        assert!(wrong(&tries, from("ada", 2), now));
        assert!(wrong(&tries, from("bob", 1), now));
    }

    #[test]
    fn many_logins_from_one_address_are_counted_together() {
        let (tries, now) = (Tries::default(), Instant::now());
        let logins: Vec<_> = (0..TRIES_PER_ADDRESS_MAX).map(|n| n.to_string()).collect();
        for login in &logins {
            assert!(wrong(&tries, from(login, 1), now));
        }
        assert!(!wrong(&tries, from("another", 1), now));
        assert!(wrong(&tries, from("another", 2), now));
    }

    #[test]
    fn a_device_that_was_signed_in_before_has_its_own_count() {
        let (tries, now) = (Tries::default(), Instant::now());
        use_up(&tries, from("ada", 1), now);
        let known = Tried {
            device: Some("laptop"),
            ..from("ada", 1)
        };
        use_up(&tries, known, now);
        let other = Tried {
            device: Some("phone"),
            ..known
        };
        assert!(wrong(&tries, other, now));
    }

    #[test]
    fn a_right_try_forgets_what_was_mistyped_but_not_what_others_tried() {
        let (tries, now) = (Tries::default(), Instant::now());
        for _ in 0..3 * TRIES_PER_ADDRESS_MAX {
            tries.begin(from("ada", 1), now).unwrap().was_right();
        }
        for n in 0..TRIES_PER_ADDRESS_MAX {
            assert!(wrong(&tries, from(&n.to_string(), 1), now));
        }
        assert!(!wrong(&tries, from("ada", 1), now));
    }

    #[test]
    fn a_try_that_is_taken_back_doesnt_count_and_forgets_no_other() {
        let (tries, now) = (Tries::default(), Instant::now());
        for _ in 0..2 * TRIES_PER_ADDRESS_MAX {
            tries.begin(from("ada", 1), now).unwrap().take_back();
        }
        for _ in 1..TRIES_PER_LOGIN_MAX {
            assert!(wrong(&tries, from("ada", 1), now));
        }
        tries.begin(from("ada", 1), now).unwrap().take_back();
        assert!(wrong(&tries, from("ada", 1), now));
        assert!(!wrong(&tries, from("ada", 1), now));
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let (tries, now) = (Tries::default(), Instant::now());
        let host = |last| Tried {
            address: Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last).into(),
            ..from("ada", 1)
        };
        use_up(&tries, host(1), now);
        assert!(!wrong(&tries, host(2), now));
    }

    #[test]
    fn the_table_is_bounded() {
        let (tries, now) = (Tries::default(), Instant::now());
        for n in 0..TRIES_KEPT_MAX as u32 {
            let tried = Tried {
                address: Ipv4Addr::from(n).into(),
                ..from("ada", 1)
            };
            assert!(wrong(&tries, tried, now + Duration::from_millis(n.into())));
            assert!(tries.0.lock().unwrap().len() <= TRIES_KEPT_MAX);
        }
    }
}
