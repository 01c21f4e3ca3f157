//! One send: what goes to a watcher's socket, and what is kept of it when the socket takes less. All
//! pass the gate, so nothing goes to a watcher that has lost its rights, wherever it stands.

use super::clocks::Stall;
use super::{Ending, Entry, Sent, Shard, Sink, State, Token};
use crate::live::chunks::{Run, put_chunk};
use crate::live::cuts::Cuts;
use crate::sabotage::{self, Spot};
use bytes::{Buf, Bytes};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What every send passes.
#[derive(Default)]
pub(super) struct Gate {
    pub(super) cuts: Arc<Cuts>,
    /// Watchers that are to end, and get nothing until then.
    pub(super) revoked: BTreeSet<Token>,
}

impl Shard {
    /// Sends what a watcher lacks of a run that begins at its place. True if it has all of it now;
    /// else it is blocked or gone.
    pub(super) fn deliver(
        &mut self,
        token: Token,
        run: &Run,
        now: Duration,
        sink: &mut impl Sink,
    ) -> bool {
        let entry = &mut self.watchers[token.slot];
        match self.gate.send(token, run.bytes(), sink) {
            Sent::All => {
                entry.sent(run.bytes().len(), now);
                entry.watcher.took_events(run.last(), run.is_last());
                true
            }
            Sent::Short(taken) => {
                if let Some((place, is_last, rest)) = run.cut_at(taken) {
                    entry.watcher.took_events(place, is_last);
                    entry.control = put_aside(owed(rest));
                }
                self.block(token, taken, now, sink);
                false
            }
            Sent::Gone => {
                self.end(token, Ending::Cut, sink);
                false
            }
        }
    }

    pub(super) fn send_slice(
        &mut self,
        token: Token,
        slice: &[u8],
        now: Duration,
        sink: &mut impl Sink,
    ) {
        self.slice.clear();
        put_chunk(&mut self.slice, slice);
        let entry = &mut self.watchers[token.slot];
        let bytes = &self.slice[entry.offset as usize..];
        match self.gate.send(token, bytes, sink) {
            Sent::All => {
                entry.sent(bytes.len(), now);
                entry.offset = 0;
                entry.watcher.took_slice();
                self.queue(token);
            }
            Sent::Short(taken) => {
                entry.offset += u32::try_from(taken).expect("a slice has a limit");
                entry.offset += u32::from(sabotage::hits(Spot::SliceOffByOne));
                self.block(token, taken, now, sink);
            }
            Sent::Gone => self.end(token, Ending::Cut, sink),
        }
    }

    pub(super) fn send_control(&mut self, token: Token, now: Duration, sink: &mut impl Sink) {
        let entry = &mut self.watchers[token.slot];
        let control = entry.control.as_mut().expect("something is to be sent");
        let sent = self.gate.send(token, control, sink);
        match sent {
            Sent::All if entry.is_ending => self.end(token, Ending::InOrder, sink),
            Sent::All => {
                let bytes = control.len();
                entry.sent(bytes, now);
                entry.control = None;
                self.queue(token);
            }
            Sent::Short(taken) => {
                control.advance(taken);
                self.block(token, taken, now, sink);
            }
            Sent::Gone => self.end(token, Ending::Cut, sink),
        }
    }

    pub(super) fn block(
        &mut self,
        token: Token,
        taken: usize,
        now: Duration,
        sink: &mut impl Sink,
    ) {
        let entry = &mut self.watchers[token.slot];
        entry.state = State::Blocked;
        entry.sent(taken, now);
        if entry.stall.is_none() {
            entry.stall = Some(Box::new(Stall::from(now)));
            sink.is_full(token, true);
        }
        if sabotage::hits(Spot::SentWhileFull) {
            self.queue(token);
        }
    }
}

impl Gate {
    /// For a watcher that lost its rights this is the end. What was ordered before the look is known;
    /// what is ordered after it waits until the next look, which comes when this send is over.
    pub(super) fn send(&mut self, watcher: Token, bytes: &[u8], sink: &mut impl Sink) -> Sent {
        self.look();
        if self.revoked.contains(&watcher) {
            return Sent::Gone;
        }
        sink.send(watcher, bytes)
    }

    pub(super) fn look(&mut self) {
        if self.cuts.are_pending() {
            self.revoked.extend(self.cuts.take());
        }
    }
}

impl Entry {
    fn sent(&mut self, bytes: usize, now: Duration) {
        if bytes > 0 {
            self.last_sent = now;
        }
        if let Some(stall) = &mut self.stall {
            stall.bytes_taken += bytes as u64;
        }
    }
}

/// Most watchers have nothing of the kind most of the time.
pub(super) fn put_aside(bytes: Bytes) -> Option<Box<Bytes>> {
    (!bytes.is_empty()).then(|| Box::new(bytes))
}

/// The rest of the one event that a watcher has half of.
fn owed(rest: &[u8]) -> Bytes {
    if sabotage::hits(Spot::RestDropped) {
        return Bytes::new();
    }
    if sabotage::hits(Spot::RestTwice) {
        return [rest, rest].concat().into();
    }
    Bytes::copy_from_slice(rest)
}
