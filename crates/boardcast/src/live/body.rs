//! A stream as an HTTP body: moves the bytes that [`super::watcher`] decides on. hyper polls a body
//! only when its socket has room, so a reader that lags costs nothing but its place; when it reads
//! again it goes on from the tail, or from the log.

use super::hub::Seat;
use super::pins::Part;
use super::watcher::{Step, Watcher};
use super::{Hangup, Log, Pins, ReadError};
use crate::outside::{Outside, random_within};
use crate::spine;
use axum::body::Body;
use boardcast_core::limits::{HEARTBEAT_SECONDS, RETRY_SPREAD_MS};
use bytes::Bytes;
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};

/// A watcher with everything that it reads from. Dropping it leaves nothing behind.
pub struct Stream {
    /// Registered before its place was judged: the other order could lose a wake-up.
    pub seat: Seat,
    /// What comes next.
    pub watcher: Watcher,
    /// Where it reads what is no longer in memory.
    pub log: Arc<dyn Log>,
    /// Counts the snapshots that readers hold.
    pub pins: Arc<Pins>,
    /// Closes this connection.
    pub hangup: Hangup,
    /// True once the program is going down.
    pub drain_rx: watch::Receiver<bool>,
    /// For spreading those that are sent away.
    pub outside: Arc<dyn Outside>,
    /// One of the streams that may be open.
    pub permit: OwnedSemaphorePermit,
}

impl Stream {
    /// The response's body.
    pub fn into_body(self) -> Body {
        let state = (self, Instant::now());
        Body::from_stream(stream::unfold(
            state,
            |(mut stream, last_sent)| async move {
                let bytes = spine::guard(stream.next(last_sent)).await?;
                Some((Ok::<_, Infallible>(bytes), (stream, Instant::now())))
            },
        ))
    }

    /// The next bytes; none at the end.
    async fn next(&mut self, last_sent: Instant) -> Option<Bytes> {
        loop {
            if self.watcher.is_between_blocks() && self.is_draining() {
                return self.send_away();
            }
            match self.seat.look(|tail| self.watcher.step(tail)) {
                Step::Send(bytes) => return Some(bytes),
                Step::ReadLog(place) => match self.log.after(self.seat.board_id(), place).await {
                    Ok(page) => {
                        if let Some(bytes) = self.watcher.log_read(page) {
                            return Some(bytes);
                        }
                    }
                    Err(ReadError) => return self.send_away(),
                },
                Step::ReadSnapshot => match self.log.snapshot(self.seat.board_id()).await {
                    Ok(snapshot) => {
                        let held = snapshot.map(|snapshot| {
                            (
                                self.pins.hold(&snapshot, Part::Frame, &self.hangup),
                                snapshot.cursor(),
                            )
                        });
                        self.watcher.snapshot_read(held);
                    }
                    Err(ReadError) => return self.send_away(),
                },
                Step::Wait => {
                    if self.wait(last_sent).await == Woken::HeartbeatDue {
                        return Some(self.watcher.heartbeat());
                    }
                }
                Step::End => return None,
            }
        }
    }

    /// Waits for a publish, the drain, or the next heartbeat.
    async fn wait(&mut self, last_sent: Instant) -> Woken {
        let heartbeat_at = last_sent + Duration::from_secs(HEARTBEAT_SECONDS);
        tokio::select! {
            biased;
            () = self.seat.published() => Woken::Look,
            // An error is looked at too: see `is_draining`.
            _ = self.drain_rx.changed() => Woken::Look,
            () = sleep_until(heartbeat_at) => Woken::HeartbeatDue,
        }
    }

    /// Whether the program is going down. Without its sender it is gone and can't say so any more.
    fn is_draining(&self) -> bool {
        *self.drain_rx.borrow() || self.drain_rx.has_changed().is_err()
    }

    fn send_away(&mut self) -> Option<Bytes> {
        self.watcher
            .send_away(random_within(&*self.outside, &RETRY_SPREAD_MS))
    }
}

#[derive(PartialEq, Eq)]
enum Woken {
    Look,
    HeartbeatDue,
}
