//! Boards that somebody watches: the tail of each one's log in memory, and a wake-up when it grows.
//! A board that nobody watches costs a commit nothing but one look-up.

use super::Location;
use super::waking::Bell;
use boardcast_core::cursor::{Cursor, Meeting};
use boardcast_core::frame::Segment;
use boardcast_core::limits::{TAIL_BYTES_MAX, TAILS_BYTES_MAX};
use boardcast_core::model::BoardId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// All watched boards.
#[derive(Debug)]
pub struct Hub {
    channels: Mutex<BTreeMap<BoardId, Entry>>,
    /// Bytes of all tails together.
    tails_bytes: Arc<AtomicUsize>,
    committed: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    channel: Arc<Channel>,
    /// Seats taken, those of an older channel included; the entry goes with the last one.
    seats: usize,
}

#[derive(Debug)]
struct Channel {
    tail: Mutex<Tail>,
    /// The head's number, as a wake-up: it only says "look".
    head_tx: watch::Sender<u64>,
    /// For who else is to be told.
    bell: Bell,
}

/// Is told that boards' tails have grown.
pub trait Ear: Send + Sync {
    /// The tail of the board that it listens to under this number; or, shortly after it has ceased to
    /// listen, of one that had the number before.
    fn published(&self, board: u32);
}

impl Hub {
    /// A hub for a log that reaches up to an ordinal.
    #[must_use]
    pub fn new(committed: u64) -> Self {
        Self {
            channels: Mutex::default(),
            tails_bytes: Arc::default(),
            committed: AtomicU64::new(committed),
        }
    }

    /// Registers a watcher of a board. Whoever reads the log after this misses no event: what was
    /// committed before is in the log, what is published after is in the tail.
    pub fn attach(self: &Arc<Self>, board_id: BoardId) -> Seat {
        let mut channels = self.channels();
        let entry = channels.entry(board_id.clone()).or_insert_with(|| Entry {
            channel: self.make_channel(),
            seats: 0,
        });
        entry.seats += 1;
        let channel = Arc::clone(&entry.channel);
        let head_rx = channel.head_tx.subscribe();
        Seat {
            hub: Arc::clone(self),
            board_id,
            channel,
            head_rx,
            places: 1,
        }
    }

    /// Adds what was committed to the tails and wakes the watchers. Called by one thread, after the
    /// commit, in order. Who watches several boards sees a commit whole or not at all: it is in all
    /// tails before [`Hub::committed`] says so, and only then is anybody woken.
    pub fn publish(&self, segments: Vec<Segment>) {
        let heads: Vec<_> = segments
            .iter()
            .map(|segment| (segment.board_id().clone(), segment.last().seq))
            .collect();
        let committed = segments.iter().map(Segment::last_ordinal).max();
        self.push(segments);
        self.committed
            .fetch_max(committed.unwrap_or(0), Ordering::AcqRel);
        self.wake(&heads);
    }

    fn push(&self, segments: Vec<Segment>) {
        for segment in segments {
            if segment.first_seq() == 1 {
                self.begin_anew(segment.board_id());
            }
            if let Some(channel) = self.channel(segment.board_id()) {
                channel.tail().push(segment);
            }
        }
    }

    /// A board was purged and made anew under its old id: another history. Who watched the old one
    /// learns that it is gone; who comes now watches the new one.
    fn begin_anew(&self, board_id: &BoardId) {
        let mut channels = self.channels();
        let Some(entry) = channels.get_mut(board_id) else {
            return;
        };
        if entry.channel.tail().head().is_none() {
            return;
        }
        let old = std::mem::replace(&mut entry.channel, self.make_channel());
        old.tail().give_up();
        old.head_tx.send_replace(0);
        old.bell.ring();
    }

    fn make_channel(&self) -> Arc<Channel> {
        Arc::new(Channel {
            tail: Mutex::new(Tail::new(Arc::clone(&self.tails_bytes))),
            head_tx: watch::Sender::new(0),
            bell: Bell::new(),
        })
    }

    /// Wakes whoever watches by now, not only who did when the tails grew: somebody who came in
    /// between may have read an event from the log that was past what was committed until now.
    fn wake(&self, heads: &[(BoardId, u64)]) {
        for (board_id, head) in heads {
            if let Some(channel) = self.channel(board_id) {
                channel.head_tx.send_replace(*head);
                channel.bell.ring();
            }
        }
    }

    fn channel(&self, board_id: &BoardId) -> Option<Arc<Channel>> {
        let channels = self.channels();
        channels
            .get(board_id)
            .map(|entry| Arc::clone(&entry.channel))
    }

    /// The newest ordinal up to which every event is in its board's tail or in the log.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    fn vacate(&self, board_id: &BoardId, places: usize) {
        if places == 0 {
            return;
        }
        let mut channels = self.channels();
        let entry = channels
            .get_mut(board_id)
            .expect("a seat's board is in the hub");
        entry.seats -= places;
        if entry.seats == 0 {
            channels.remove(board_id);
        }
    }

    /// The newest event of a board's tail, if it is watched and one was published meanwhile.
    #[must_use]
    pub fn head(&self, board_id: &BoardId) -> Option<Cursor> {
        self.channel(board_id)?.tail().head()
    }

    /// Watchers of all boards, now.
    #[must_use]
    pub fn seats(&self) -> usize {
        self.channels().values().map(|entry| entry.seats).sum()
    }

    /// Boards that are watched, now.
    #[must_use]
    pub fn boards(&self) -> usize {
        self.channels().len()
    }

    /// Bytes of all tails, now.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tails_bytes.load(Ordering::Relaxed)
    }

    fn channels(&self) -> MutexGuard<'_, BTreeMap<BoardId, Entry>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The registration of one watcher, or of several of a board that somebody keeps together; dropping
/// it is leaving.
#[derive(Debug)]
pub struct Seat {
    hub: Arc<Hub>,
    board_id: BoardId,
    channel: Arc<Channel>,
    head_rx: watch::Receiver<u64>,
    /// Watchers that it stands for.
    places: usize,
}

impl Seat {
    /// The board that is watched.
    #[must_use]
    pub fn board_id(&self) -> &BoardId {
        &self.board_id
    }

    /// Looks at the tail. A publish after this look ends the next [`Seat::published`].
    pub fn look<T>(&mut self, look: impl FnOnce(&Tail) -> T) -> T {
        self.head_rx.mark_unchanged();
        look(&self.channel.tail())
    }

    /// Looks at the tail again, after a [`Seat::look`] that must still count.
    pub fn peek<T>(&self, look: impl FnOnce(&Tail) -> T) -> T {
        look(&self.channel.tail())
    }

    /// Whether the other one's board is this one, and not another that has its id now.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }

    /// Stands for another one's watchers too.
    pub fn join(&mut self, mut other: Self) {
        assert!(
            self.is_beside(&other),
            "only watchers of one board share a seat"
        );
        self.places += std::mem::take(&mut other.places);
    }

    /// One of its watchers leaves; gives how many are left.
    pub fn leave(&mut self) -> usize {
        self.hub.vacate(&self.board_id, 1);
        self.places -= 1;
        self.places
    }

    /// From now on this ear is told under a number when the tail has grown: once, until
    /// [`Seat::heard`].
    pub fn listen(&self, ear: Arc<dyn Ear>, board: u32) {
        self.channel.bell.listen(move || ear.published(board));
    }

    /// The ear heard. Whatever is published before the next look is seen by it, or told again.
    pub fn heard(&self) {
        self.channel.bell.heard();
    }

    /// Nobody listens any more.
    pub fn ignore(&self) {
        self.channel.bell.ignore();
    }

    /// Returns when something was published since the last look.
    pub async fn published(&mut self) {
        // Can't fail: the channel that this seat holds has the sender.
        let _ = self.head_rx.changed().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.vacate(&self.board_id, self.places);
    }
}

/// The newest segments of one board's log: without gaps, up to the head, bounded in bytes. Empty and
/// headless until the first publish after somebody began to watch.
#[derive(Debug)]
pub struct Tail {
    segments: VecDeque<Segment>,
    bytes: usize,
    all_bytes: Arc<AtomicUsize>,
    head: Option<Cursor>,
    /// Whether the head is the board's deletion.
    has_ended: bool,
    /// The board was purged, and its id has another history now.
    is_given_up: bool,
}

/// What a tail has after a place.
#[derive(Debug, PartialEq, Eq)]
pub enum After<T> {
    /// Nothing: the watcher has everything that was published since somebody watches.
    CaughtUp,
    /// The next events.
    Events(T),
    /// Events that are no longer here: the log has them.
    Behind,
    /// The board is gone for good.
    Gone,
}

impl Tail {
    fn new(all_bytes: Arc<AtomicUsize>) -> Self {
        Self {
            segments: VecDeque::new(),
            bytes: 0,
            all_bytes,
            head: None,
            has_ended: false,
            is_given_up: false,
        }
    }

    /// The newest event, if one was published since somebody watches. Durable by construction.
    #[must_use]
    pub fn head(&self) -> Option<Cursor> {
        self.head
    }

    /// Where the log stands and whether a cursor is a place in it, as far as the tail can tell. Of a
    /// board that was deleted it tells nothing: no stream begins there.
    #[must_use]
    pub fn locate(&self, cursor: Cursor) -> Option<Location> {
        let head = self.head.filter(|_| !self.has_ended)?;
        let is_good = cursor == head || self.segment_with(cursor.seq)?.holds(cursor)?;
        Some(Location { head, is_good })
    }

    /// What comes after a place.
    #[must_use]
    pub fn after(&self, place: Cursor) -> After<&Segment> {
        match self.head.map(|head| place.meets(head.seq)) {
            _ if self.is_given_up => After::Gone,
            None | Some(Meeting::Skip) => After::CaughtUp,
            // It may be a place in the next board of this id, of which the hub doesn't know yet.
            Some(_) if self.has_ended && !self.holds(place) => After::Behind,
            Some(Meeting::Deliver | Meeting::Gap) => self
                .segment_with(place.seq + 1)
                .map_or(After::Behind, After::Events),
        }
    }

    fn holds(&self, place: Cursor) -> bool {
        let segment = self.segment_with(place.seq);
        segment.and_then(|segment| segment.holds(place)) == Some(true)
    }

    /// All that is here after a place, from the segment with the next event on.
    pub fn segments_after(&self, place: Cursor) -> impl Iterator<Item = &Segment> {
        self.segments.range(self.index_of(place.seq + 1)..)
    }

    /// The segment that contains an event.
    fn segment_with(&self, seq: u64) -> Option<&Segment> {
        self.segments
            .get(self.index_of(seq))
            .filter(|segment| segment.first_seq() <= seq)
    }

    /// The first segment that ends with this event or a later one. Nearly everyone who asks lacks
    /// only the newest, and old ones are in no cache: so it is looked for among the newest first.
    fn index_of(&self, seq: u64) -> usize {
        const NEWEST: usize = 4;
        let mut newest = (0..self.segments.len()).rev().take(NEWEST);
        match newest.find(|&index| self.segments[index].first_seq() <= seq) {
            Some(index) => index + usize::from(self.segments[index].last().seq < seq),
            None => self
                .segments
                .partition_point(|segment| segment.last().seq < seq),
        }
    }

    fn push(&mut self, segment: Segment) {
        if let Some(head) = self.head {
            assert_eq!(
                head.meets(segment.first_seq()),
                Meeting::Deliver,
                "segments follow each other"
            );
        }
        self.head = Some(segment.last());
        self.has_ended = segment.ends_stream();
        self.bytes += segment.len();
        let all_bytes = self.all_bytes.fetch_add(segment.len(), Ordering::Relaxed) + segment.len();
        let raises_floor = segment.raises_floor();
        self.segments.push_back(segment);
        if raises_floor || all_bytes > TAILS_BYTES_MAX {
            self.clear();
        }
        while self.bytes > TAIL_BYTES_MAX {
            self.drop_oldest();
        }
    }

    fn give_up(&mut self) {
        self.clear();
        (self.head, self.is_given_up) = (None, true);
    }

    fn drop_oldest(&mut self) {
        let oldest = self
            .segments
            .pop_front()
            .expect("bytes are those of the segments");
        self.bytes -= oldest.len();
        self.all_bytes.fetch_sub(oldest.len(), Ordering::Relaxed);
    }

    /// Forgets the segments, not the head: watchers read the log.
    fn clear(&mut self) {
        while !self.segments.is_empty() {
            self.drop_oldest();
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use boardcast_core::cursor::Mark;
    use boardcast_core::frame::SegmentBuilder;
    use std::ops::RangeInclusive;

    fn board() -> BoardId {
        BoardId::parse("board-1").unwrap()
    }

    fn place(seq: u64) -> Cursor {
        Cursor {
            seq,
            mark: Mark([seq as u8; 6]),
        }
    }

    fn segment(seqs: RangeInclusive<u64>, json_len: usize) -> Segment {
        let mut builder = SegmentBuilder::new(board());
        for seq in seqs {
            builder.push(place(seq), seq, format!("{seq:json_len$}").as_bytes());
        }
        builder.build().unwrap()
    }

    fn tail_of(seqs: RangeInclusive<u64>) -> Tail {
        let mut tail = Tail::new(Arc::default());
        for seq in seqs {
            tail.push(segment(seq..=seq, 5));
        }
        tail
    }

    fn after(tail: &Tail, seq: u64) -> After<u64> {
        match tail.after(place(seq)) {
            After::CaughtUp => After::CaughtUp,
            After::Behind => After::Behind,
            After::Gone => After::Gone,
            After::Events(segment) => After::Events(segment.last().seq),
        }
    }

    #[test]
    fn a_tail_gives_what_comes_after_a_place_or_says_that_it_cannot() {
        let tail = tail_of(5..=7);
        assert_eq!(after(&tail, 7), After::CaughtUp);
        assert_eq!(
            after(&tail, 9),
            After::CaughtUp,
            "a reader ahead of the hub waits"
        );
        assert_eq!(after(&tail, 4), After::Events(5));
        assert_eq!(after(&tail, 6), After::Events(7));
        assert_eq!(after(&tail, 3), After::Behind);
        assert_eq!(after(&Tail::new(Arc::default()), 3), After::CaughtUp);
    }

    #[test]
    fn a_tail_of_many_segments_is_read_from_any_place() {
        let mut tail = Tail::new(Arc::default());
        let mut first = 3;
        for events in [1, 2, 3].into_iter().cycle().take(12) {
            tail.push(segment(first..=first + events - 1, 5));
            first += events;
        }
        let ends: Vec<_> = tail.segments.iter().map(|one| one.last().seq).collect();
        for seq in 2..first - 1 {
            let lacking: Vec<_> = ends.iter().copied().filter(|&end| end > seq).collect();
            let given = tail.segments_after(place(seq)).map(|one| one.last().seq);
            assert_eq!(given.collect::<Vec<_>>(), lacking, "after {seq}");
            assert_eq!(after(&tail, seq), After::Events(lacking[0]));
        }
        assert_eq!(tail.segments_after(place(first - 1)).count(), 0);
        assert_eq!(after(&tail, first - 1), After::CaughtUp);
        assert_eq!(after(&tail, 1), After::Behind);
    }

    #[test]
    fn a_tail_serves_nothing_from_before_its_board_came_back() {
        let mut tail = tail_of(5..=7);
        let mut restored = SegmentBuilder::new(board());
        restored.push(place(8), 8, br#"{"type":"board_restored"}"#);
        restored.push(place(9), 9, b"{}");
        tail.push(restored.build().unwrap());
        assert_eq!(after(&tail, 7), After::Behind);
        assert_eq!(after(&tail, 8), After::Behind);
        assert_eq!(after(&tail, 9), After::CaughtUp);
    }

    #[test]
    fn a_tail_judges_the_cursors_it_knows_and_no_others() {
        let tail = tail_of(5..=7);
        let foreign = |seq| Cursor {
            seq,
            mark: Mark::ZERO,
        };
        let is_good = |cursor| tail.locate(cursor).map(|location| location.is_good);
        assert_eq!(is_good(place(5)), Some(true));
        assert_eq!(is_good(place(7)), Some(true));
        assert_eq!(is_good(foreign(6)), Some(false));
        assert_eq!(is_good(foreign(7)), Some(false));
        assert_eq!(is_good(place(4)), None);
        assert_eq!(is_good(place(8)), None);
        assert_eq!(Tail::new(Arc::default()).locate(place(0)), None);
    }

    #[test]
    fn a_tail_lets_no_stream_begin_on_a_deleted_board() {
        let mut tail = tail_of(5..=7);
        let mut deletion = SegmentBuilder::new(board());
        deletion.push(place(8), 8, br#"{"type":"board_deleted"}"#);
        tail.push(deletion.build().unwrap());
        assert_eq!(tail.locate(place(8)), None);
        assert_eq!(tail.locate(place(6)), None);
    }

    #[test]
    fn a_tail_keeps_no_more_bytes_than_it_may() {
        let mut tail = Tail::new(Arc::default());
        for seq in 1..=100 {
            tail.push(segment(seq..=seq, 10_000));
            assert!(tail.bytes <= TAIL_BYTES_MAX);
            assert_eq!(tail.bytes, tail.all_bytes.load(Ordering::Relaxed));
        }
        assert!(tail.bytes > TAIL_BYTES_MAX / 2);
        tail.push(segment(101..=140, 10_000));
        assert_eq!(
            (tail.bytes, tail.head()),
            (0, Some(place(140))),
            "too large to keep at all"
        );
        assert_eq!(after(&tail, 100), After::Behind);
    }

    #[test]
    #[should_panic(expected = "segments follow each other")]
    fn a_gap_between_segments_is_never_published() {
        let mut tail = tail_of(5..=7);
        tail.push(segment(9..=9, 5));
    }

    #[test]
    fn the_last_one_to_leave_takes_the_board_along() {
        let hub = Arc::new(Hub::new(0));
        hub.publish(vec![segment(1..=1, 5)]);
        assert_eq!(hub.boards(), 0, "nobody watches");
        let seats = [hub.attach(board()), hub.attach(board())];
        hub.publish(vec![segment(2..=2, 5)]);
        assert_eq!((hub.boards(), hub.seats()), (1, 2));
        assert!(hub.bytes() > 0);
        drop(seats);
        assert_eq!((hub.boards(), hub.seats(), hub.bytes()), (0, 0, 0));
    }

    #[tokio::test]
    async fn a_publish_after_the_look_wakes_the_watcher() {
        let hub = Arc::new(Hub::new(0));
        let mut seat = hub.attach(board());
        hub.publish(vec![segment(1..=1, 5)]);
        assert_eq!(seat.look(Tail::head), Some(place(1)));
        hub.publish(vec![segment(2..=2, 5)]);
        seat.published().await;
        assert_eq!(seat.look(Tail::head), Some(place(2)));
    }

    #[tokio::test]
    async fn who_comes_in_the_middle_of_a_publish_is_woken_at_its_end() {
        let hub = Arc::new(Hub::new(0));
        hub.push(vec![segment(1..=1, 5)]);
        let mut seat = hub.attach(board());
        assert_eq!(seat.look(Tail::head), None);
        hub.wake(&[(board(), 1)]);
        seat.published().await;
    }
}
