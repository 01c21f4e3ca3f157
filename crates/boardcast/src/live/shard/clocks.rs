//! A watcher's clocks: a heartbeat when it was sent nothing, and an end when its socket takes nothing.

use super::{Ending, Entry, HEARTBEAT, Shard, Sink, State, Token, put_aside};
use crate::live::chunks::put_chunk;
use crate::sabotage::{self, Spot};
use boardcast_core::limits::{STALL_BYTES_MIN, STALL_SECONDS};
use std::time::Duration;

const STALL: Duration = Duration::from_secs(STALL_SECONDS);

/// How a full socket does.
pub(super) struct Stall {
    ends: Duration,
    pub(super) bytes_taken: u64,
}

impl Shard {
    pub(super) fn look_at_clocks(&mut self, now: Duration, sink: &mut impl Sink) {
        while let Some(due) = self.wheel.take(now) {
            for token in due {
                self.look_at_clock(token, now, sink);
            }
        }
    }

    fn look_at_clock(&mut self, token: Token, now: Duration, sink: &mut impl Sink) {
        let Some(entry) = self.find_mut(token) else {
            return;
        };
        if let Some(stall) = &mut entry.stall
            && stall.ends <= now
        {
            // Who has room just now had none for most of the window; who waits for a read waits for us.
            let is_stalled = entry.state != State::Reading && stall.bytes_taken < STALL_BYTES_MIN;
            if is_stalled && !sabotage::hits(Spot::StallIgnored) {
                return self.end(token, Ending::Cut, sink);
            }
            **stall = Stall::from(now);
        }
        let is_overdue = entry.last_sent + HEARTBEAT <= now;
        if is_overdue && sabotage::hits(Spot::HeartbeatInEvent) {
            entry.interrupt();
        }
        // Who is overdue and in no list has its heartbeat, or something better, when it comes back.
        let silent_since = if is_overdue { now } else { entry.last_sent };
        let heartbeat_due = silent_since + HEARTBEAT;
        let stall = entry.stall.as_ref();
        let due = stall.map_or(heartbeat_due, |stall| heartbeat_due.min(stall.ends));
        if matches!(entry.state, State::Listed(_)) && is_overdue {
            self.queue(token);
        }
        self.wheel.put(token, due);
    }
}

impl Stall {
    pub(super) fn from(now: Duration) -> Self {
        Self {
            ends: now + STALL,
            bytes_taken: 0,
        }
    }
}

impl Entry {
    /// The mistake of [`Spot::HeartbeatInEvent`].
    fn interrupt(&mut self) {
        if let (State::Blocked, Some(rest)) = (self.state, &self.control) {
            let mut control = Vec::new();
            put_chunk(&mut control, &self.watcher.heartbeat());
            control.extend_from_slice(rest);
            self.control = put_aside(control.into());
        }
    }
}
