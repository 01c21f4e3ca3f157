//! The security log: what looks like somebody trying, one target (`security`) for whoever watches for
//! that. It names addresses and never what was sent, and so few lines a minute that nobody can fill a
//! disk with it.

use boardcast_core::limits::SECURITY_LINES_PER_MINUTE;
use boardcast_core::model::Timestamp;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// Spoke for others, as a proxy does, without being a named one.
    SpokeForOthers,
    /// Asked for a host that is not ours.
    WrongHost,
    /// Sent a page of another site.
    CrossOrigin,
    /// Wrote more than an address may.
    TooManyWrites,
    /// Wrote more than an account may.
    TooManyWritesOfOne,
    /// Opened more streams than it may.
    TooManyStreams,
    /// Sent a wrong login, password or code.
    WrongSecret,
    /// Has tried so often that it must wait.
    TooManyTries,
}

const KINDS: usize = 8;

impl Suspicion {
    fn sentence(self) -> &'static str {
        match self {
            Self::SpokeForOthers => {
                "ignored X-Forwarded headers of somebody who is no --trusted-proxy"
            }
            Self::WrongHost => "refused a request for another host",
            Self::CrossOrigin => "refused a page of another site",
            Self::TooManyWrites => "refused a write: too many from this address",
            Self::TooManyWritesOfOne => "refused a write: too many by one account",
            Self::TooManyStreams => "sent a stream away: too many from this address",
            Self::WrongSecret => "refused a wrong login, password or code",
            Self::TooManyTries => {
                "refused to look at a login, password, link or code: too many were tried"
            }
        }
    }
}

/// Writes the log, within bounds for each kind.
#[derive(Default)]
pub(super) struct SecurityLog(Mutex<[Minute; KINDS]>);

/// What one kind came to in a minute.
#[derive(Clone, Copy, Default)]
struct Minute {
    since_1970: i64,
    count: u64,
}

impl SecurityLog {
    /// Writes a line, unless there are too many.
    pub(super) fn note(&self, suspicion: Suspicion, address: IpAddr, now: Timestamp) {
        if let Some(unsaid) = self.count(suspicion, now) {
            let sentence = suspicion.sentence();
            tracing::warn!(target: "security", %address, unsaid, "{sentence}");
        }
    }

    /// How many went by unsaid before, if this one is to be said.
    fn count(&self, suspicion: Suspicion, now: Timestamp) -> Option<u64> {
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = &mut minutes[suspicion as usize];
        let since_1970 = now.0.div_euclid(60_000);
        let mut unsaid = 0;
        if minute.since_1970 != since_1970 {
            unsaid = minute.count.saturating_sub(SECURITY_LINES_PER_MINUTE);
            *minute = Minute {
                since_1970,
                count: 0,
            };
        }
        minute.count += 1;
        (minute.count <= SECURITY_LINES_PER_MINUTE).then_some(unsaid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_kind_so_many_are_said_in_a_minute_and_how_many_were_not() {
        let log = SecurityLog::default();
        let said = |suspicion, at_ms| log.count(suspicion, Timestamp(at_ms));
        let minute = 60_000;
        for _ in 0..SECURITY_LINES_PER_MINUTE {
            assert_eq!(said(Suspicion::WrongHost, minute), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(said(Suspicion::WrongHost, 2 * minute - 1), None);
        }
        assert_eq!(said(Suspicion::TooManyStreams, minute), Some(0));
        assert_eq!(said(Suspicion::WrongHost, 2 * minute), Some(7));
        assert_eq!(said(Suspicion::WrongHost, 2 * minute), Some(0));
        // A clock that was set back begins another minute.
        assert_eq!(said(Suspicion::WrongHost, 0), Some(0));
    }
}
