//! A stream as an HTTP body: moves the bytes that [`super::watcher`] and [`super::merge`] decide on.
//! hyper polls a body only when its socket has room, so a reader that lags costs nothing but its
//! place; when it reads again it goes on from the tail, or from the log.
//!
//! A body whose lease lost its rights fails: HTTP/1.1 breaks the connection off, HTTP/2 resets the
//! stream. What hyper has in hand by then is stopped by [`Hangup`].

use super::hub::{After, Hub, Seat};
use super::merge::MergeStep;
use super::pins::Part;
use super::watcher::Step;
use super::{Hangup, Lease, Log, Merge, Pins, ReadError, Revoked, Snapshot, StreamPermit, Watcher};
use crate::outside::{Outside, random_within};
use crate::sabotage::{self, Spot};
use crate::spine;
use axum::body::Body;
use boardcast_core::cursor::Cursor;
use boardcast_core::limits::{HEARTBEAT_SECONDS, RETRY_SPREAD_MS};
use boardcast_core::model::BoardId;
use bytes::Bytes;
use futures_util::future::select_all;
use futures_util::{FutureExt, StreamExt, stream};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What every stream needs besides its place. Dropping it leaves nothing behind.
pub struct Line {
    /// Where a watcher reads what is no longer in memory.
    pub log: Arc<dyn Log>,
    /// Counts the snapshots that readers hold.
    pub pins: Arc<Pins>,
    /// Closes this connection.
    pub hangup: Hangup,
    /// True once the program is going down.
    pub drain_rx: watch::Receiver<bool>,
    /// For spreading those that are sent away.
    pub outside: Arc<dyn Outside>,
    /// Taken before the caller's rights were read.
    pub lease: Lease,
    /// One of the streams that may be open.
    pub permit: StreamPermit,
}

/// A stream of one board.
pub struct Stream {
    /// What it shares with all streams.
    pub line: Line,
    /// Registered before its place was judged: the other order could lose a wake-up.
    pub seat: Seat,
    /// What comes next.
    pub watcher: Watcher,
}

/// A stream of several boards.
pub struct MergedStream {
    /// What it shares with all streams.
    pub line: Line,
    /// Knows up to where commits are complete.
    pub hub: Arc<Hub>,
    /// One for each board asked for; none where there is no such board.
    pub seats: Vec<Option<Seat>>,
    /// What comes next.
    pub merge: Merge,
}

/// A stream of one board as a body that hasn't begun: whoever has the socket may still take it out
/// and send it another way.
#[derive(Clone)]
pub struct Offer(Weak<Mutex<Option<Stream>>>);

impl Offer {
    /// The stream, unless its body has begun or is gone.
    #[must_use]
    pub fn take(&self) -> Option<Stream> {
        take_out(&*self.0.upgrade()?)
    }
}

fn take_out(stream: &Mutex<Option<Stream>>) -> Option<Stream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Gives a stream's bytes one piece after the other.
trait Source: Send + 'static {
    /// What it shares with all streams.
    fn line(&self) -> &Line;
    /// The next bytes; none at the end. The last ones were handed over at `last_sent`.
    fn next(
        &mut self,
        last_sent: Instant,
    ) -> impl Future<Output = Result<Option<Bytes>, Revoked>> + Send;
}

fn body(source: impl Source) -> Body {
    let begun = stream::iter([source]).flat_map(pieces);
    Body::from_stream(begun)
}

fn pieces(source: impl Source) -> impl stream::Stream<Item = Result<Bytes, Revoked>> + Send {
    source.line().begin();
    let state = (source, Instant::now());
    stream::try_unfold(state, |(mut source, last_sent)| async move {
        let next = spine::guard(source.next(last_sent)).await?;
        let Some(bytes) = next else { return Ok(None) };
        source.line().hand_over()?;
        Ok(Some((bytes, (source, Instant::now()))))
    })
}

impl Stream {
    /// The response's body, and the offer to send it another way.
    pub fn into_body(self) -> (Body, Offer) {
        let offered = Arc::new(Mutex::new(Some(self)));
        let offer = Offer(Arc::downgrade(&offered));
        let begin = async move { stream::iter(take_out(&offered)).flat_map(pieces) };
        (Body::from_stream(begin.flatten_stream()), offer)
    }

    fn send_away(&mut self) -> Option<Bytes> {
        self.watcher.send_away(self.line.retry_ms())
    }
}

impl Source for Stream {
    fn line(&self) -> &Line {
        &self.line
    }

    async fn next(&mut self, last_sent: Instant) -> Result<Option<Bytes>, Revoked> {
        loop {
            self.line.lease.look()?;
            if self.watcher.is_between_blocks() && self.line.is_draining() {
                return Ok(self.send_away());
            }
            match self.seat.look(|tail| self.watcher.step(tail)) {
                Step::Send(bytes) => return Ok(Some(bytes)),
                Step::ReadLog(place) => {
                    match self.line.log.after(self.seat.board_id(), place).await {
                        Ok(page) => {
                            if let Some(bytes) = self.watcher.log_read(&page) {
                                return Ok(Some(bytes));
                            }
                        }
                        Err(ReadError) => return Ok(self.send_away()),
                    }
                }
                Step::ReadSnapshot => match self.line.log.snapshot(self.seat.board_id()).await {
                    Ok(snapshot) => {
                        let held = self.line.hold(snapshot, Part::Frame);
                        self.watcher.snapshot_read(held);
                    }
                    Err(ReadError) => return Ok(self.send_away()),
                },
                Step::Wait => {
                    let woken = self.line.wait(self.seat.published(), last_sent);
                    if woken.await == Woken::HeartbeatDue {
                        return Ok(Some(self.watcher.heartbeat()));
                    }
                }
                Step::End => return Ok(None),
            }
        }
    }
}

impl MergedStream {
    /// The response's body.
    pub fn into_body(self) -> Body {
        body(self)
    }

    /// One board is out of reach, and the others go on. Fails if the stream can't go on: it is in the
    /// middle of that board's snapshot.
    fn lose(&mut self, board_id: &BoardId) -> Result<(), Revoked> {
        if sabotage::hits(Spot::LostBoardGoesOn) {
            return Ok(());
        }
        let is_its = |seat: &Option<Seat>| seat.as_ref().is_some_and(|s| s.board_id() == board_id);
        let Some(index) = self.seats.iter().position(is_its) else {
            return Ok(());
        };
        self.merge.lose(index)?;
        self.seats[index] = None;
        Ok(())
    }

    fn step(&mut self) -> MergeStep {
        let seats = &mut self.seats;
        for seat in seats.iter_mut().flatten() {
            seat.look(|_| ());
        }
        self.merge.step(self.hub.committed(), |index, place| {
            let seat = seats[index].as_ref().expect("a followed board has a seat");
            seat.peek(|tail| match tail.after(place) {
                After::CaughtUp => After::CaughtUp,
                After::Behind => After::Behind,
                After::Gone => After::Gone,
                After::Events(segment) => After::Events(segment.clone()),
            })
        })
    }

    fn send_away(&mut self) -> Option<Bytes> {
        self.merge.send_away(self.line.retry_ms())
    }

    fn board_id(&self, index: usize) -> &BoardId {
        self.seats[index]
            .as_ref()
            .expect("a followed board has a seat")
            .board_id()
    }
}

impl Source for MergedStream {
    fn line(&self) -> &Line {
        &self.line
    }

    async fn next(&mut self, last_sent: Instant) -> Result<Option<Bytes>, Revoked> {
        loop {
            for board_id in self.line.lease.look()? {
                self.lose(&board_id)?;
            }
            if self.merge.is_between_blocks() && self.line.is_draining() {
                return Ok(self.send_away());
            }
            match self.step() {
                MergeStep::Send(bytes) => return Ok(Some(bytes)),
                MergeStep::ReadLog(index, place) => {
                    match self.line.log.after(self.board_id(index), place).await {
                        Ok(page) => self.merge.log_read(index, page),
                        Err(ReadError) => return Ok(self.send_away()),
                    }
                }
                MergeStep::ReadSnapshot(index) => {
                    match self.line.log.snapshot(self.board_id(index)).await {
                        Ok(snapshot) => {
                            let held = self.line.hold(snapshot, Part::Json);
                            self.merge.snapshot_read(index, held);
                        }
                        Err(ReadError) => return Ok(self.send_away()),
                    }
                }
                MergeStep::Wait => {
                    let seats = self.seats.iter_mut().flatten();
                    let published = select_all(seats.map(|seat| Box::pin(seat.published())));
                    let woken = self.line.wait(async { _ = published.await }, last_sent);
                    if woken.await == Woken::HeartbeatDue {
                        return Ok(Some(self.merge.heartbeat()));
                    }
                }
                MergeStep::End => return Ok(None),
            }
        }
    }
}

impl Line {
    /// From now on something of the stream may go out.
    fn begin(&self) {
        self.lease.begin(&self.hangup);
    }

    /// The last look before bytes leave our hands. Whoever revokes marks the lease first and then
    /// looks whether bytes wait, so either it is seen here, or these bytes are seen there.
    fn hand_over(&self) -> Result<(), Revoked> {
        let is_handed_over = self.hangup.hand_over(|| self.lease.has_news());
        is_handed_over.then_some(()).ok_or(Revoked)
    }

    /// Whether the program is going down. Without its sender it is gone and can't say so any more.
    fn is_draining(&self) -> bool {
        *self.drain_rx.borrow() || self.drain_rx.has_changed().is_err()
    }

    fn retry_ms(&self) -> u32 {
        random_within(&*self.outside, &RETRY_SPREAD_MS)
    }

    fn hold(&self, snapshot: Option<Arc<Snapshot>>, part: Part) -> Option<(Bytes, Cursor)> {
        snapshot.map(|snapshot| {
            let bytes = self.pins.hold(&snapshot, part, &self.hangup);
            (bytes, snapshot.cursor())
        })
    }

    /// Waits for a publish, a loss of rights, the drain, or the next heartbeat.
    async fn wait(&mut self, published: impl Future<Output = ()>, last_sent: Instant) -> Woken {
        let heartbeat_at = last_sent + Duration::from_secs(HEARTBEAT_SECONDS);
        tokio::select! {
            biased;
            () = self.lease.news() => Woken::Look,
            () = published => Woken::Look,
            // An error is looked at too: see `is_draining`.
            _ = self.drain_rx.changed() => Woken::Look,
            () = sleep_until(heartbeat_at) => Woken::HeartbeatDue,
        }
    }
}

#[derive(PartialEq, Eq)]
enum Woken {
    Look,
    HeartbeatDue,
}
