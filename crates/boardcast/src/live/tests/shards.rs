//! Shards over sockets that take what a seed says: short writes, refusals, ends, prunes, failing
//! reads. Whatever happens, what a watcher was sent is a stream without gaps, and who is left has all.

use super::{World, board, place, snapshot};
use crate::live::chunks::{LAST_CHUNK, put_chunk};
use crate::live::cuts::Cuts;
use crate::live::hub::Ear;
use crate::live::shard::{Ask, Ending, Sent, Shard, Sink, Token};
use crate::live::{Heartbeat, Page, ReadError, Snapshot, Start, Watcher};
use crate::outside::Outside;
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::{Segment, SegmentBuilder};
use boardcast_core::limits::{
    FRAME_BYTES_MAX, HEARTBEAT_SECONDS, SENDS_PER_TURN_MAX, STALL_BYTES_MIN, STALL_SECONDS,
};
use boardcast_core::model::{BoardId, Timestamp};
use boardcast_sim::random::Random;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
const SEEDS: u64 = 300;

/// A clock that stands still and randomness that isn't.
pub(super) struct Still;

impl Outside for Still {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

#[derive(Default)]
struct Told(Mutex<Vec<u32>>);

impl Ear for Told {
    fn published(&self, board: u32) {
        self.0.lock().unwrap().push(board);
    }
}

/// A client's end of a connection.
#[derive(Default)]
struct Client {
    received: Vec<u8>,
    /// Bytes that it still takes; none: any number.
    room: Option<usize>,
    is_full: bool,
    ended: Option<Ending>,
    is_revoked: bool,
}

#[derive(Default)]
struct Clients {
    all: BTreeMap<Token, Client>,
    cuts: Arc<Cuts>,
    /// Who loses their rights while a send to somebody goes on, after so many sends.
    revoked_in_send: Vec<(usize, Token)>,
    log_asks: Vec<(Ask, Cursor)>,
    snapshot_asks: Vec<Ask>,
    sends: usize,
}

impl Sink for Clients {
    fn send(&mut self, watcher: Token, bytes: &[u8]) -> Sent {
        self.sends += 1;
        let client = self.all.entry(watcher).or_default();
        assert_eq!(client.ended, None, "nothing is sent after the end");
        assert!(!client.is_revoked, "nothing is sent without the right");
        assert!(!client.is_full, "nothing is sent to a full socket");
        let taken = client.room.unwrap_or(usize::MAX).min(bytes.len());
        client.received.extend_from_slice(&bytes[..taken]);
        client.room = client.room.map(|room| room - taken);
        while let Some((_, token)) = self.revoked_in_send.pop_if(|(at, _)| *at <= self.sends) {
            self.revoke(token);
        }
        let client = self.all.entry(watcher).or_default();
        if taken == bytes.len() {
            return Sent::All;
        }
        client.is_full = true;
        Sent::Short(taken)
    }

    fn is_full(&mut self, _: Token, _: bool) {}

    fn close(&mut self, watcher: Token, ending: Ending) {
        self.all.entry(watcher).or_default().ended = Some(ending);
    }

    fn read_log(&mut self, ask: Ask, _: &BoardId, place: Cursor) {
        self.log_asks.push((ask, place));
    }

    fn read_snapshot(&mut self, ask: Ask, _: &BoardId) {
        self.snapshot_asks.push(ask);
    }

    fn hold(&mut self, _: Token, snapshot: &Arc<Snapshot>) -> Bytes {
        snapshot.frame().clone()
    }
}

impl Clients {
    /// From another thread, as it were.
    fn revoke(&mut self, token: Token) {
        self.all.entry(token).or_default().is_revoked = true;
        self.cuts.order(vec![token]);
    }
}

/// A shard, its clients, and a log whose commits are published when the test says.
struct Rig {
    world: World,
    shard: Shard,
    told: Arc<Told>,
    clients: Clients,
    now: Duration,
    head: u64,
    unpublished: Vec<Segment>,
    /// Every event of such a number is large.
    large: u64,
}

impl Rig {
    fn new() -> Self {
        let told = Arc::<Told>::default();
        let ear = Arc::clone(&told) as Arc<dyn Ear>;
        let shard = Shard::new(ear, Arc::new(Still), Duration::ZERO);
        let clients = Clients {
            cuts: Arc::clone(shard.cuts()),
            ..Clients::default()
        };
        Self {
            world: World::with_events(0),
            shard,
            told,
            clients,
            now: Duration::ZERO,
            head: 0,
            unpublished: Vec::new(),
            large: u64::MAX,
        }
    }

    fn with_events(count: u64) -> Self {
        let mut rig = Self::new();
        rig.commit(1..=count);
        rig
    }

    fn segment(&self, seqs: RangeInclusive<u64>) -> Segment {
        let mut builder = SegmentBuilder::new(board());
        for seq in seqs {
            let width = if seq % self.large == 0 { 30_000 } else { 20 };
            builder.push(
                place(seq),
                seq,
                format!("{{\"n\":{seq:width$}}}").as_bytes(),
            );
        }
        builder.build().unwrap()
    }

    /// Makes events durable, one commit; they are published later.
    fn append(&mut self, seqs: RangeInclusive<u64>) {
        self.head = *seqs.end();
        let segment = self.segment(seqs);
        self.world.log.commits.lock().unwrap().push(segment.clone());
        self.unpublished.push(segment);
        *self.world.log.snapshot.lock().unwrap() = Some(snapshot(100_000, self.head));
    }

    fn publish(&mut self) {
        for segment in self.unpublished.drain(..) {
            self.world.hub.publish(vec![segment]);
        }
    }

    fn commit(&mut self, seqs: RangeInclusive<u64>) {
        self.append(seqs);
        self.publish();
    }

    fn add(&mut self, start: Start) -> Token {
        let seat = self.world.attach();
        let watcher = Watcher::new(start, Heartbeat::Comment);
        let token = self.shard.add(HEAD.to_vec(), seat, watcher, self.now);
        self.clients.all.insert(token, Client::default());
        token
    }

    fn add_at_head(&mut self) -> Token {
        let head = place(self.head);
        self.add(Start::After { place: head, head })
    }

    /// A watcher of another board, on which nothing has happened.
    fn add_to_empty(&mut self, board_id: &str) -> Token {
        let seat = self.world.hub.attach(BoardId::parse(board_id).unwrap());
        let start = Start::After {
            place: Cursor::START,
            head: Cursor::START,
        };
        let watcher = Watcher::new(start, Heartbeat::Comment);
        let token = self.shard.add(HEAD.to_vec(), seat, watcher, self.now);
        self.clients.all.insert(token, Client::default());
        token
    }

    /// Tells the shard whatever was published.
    fn hear(&mut self) -> usize {
        let told = std::mem::take(&mut *self.told.0.lock().unwrap());
        told.iter().for_each(|board| self.shard.published(*board));
        told.len()
    }

    fn turn(&mut self) -> bool {
        self.turn_of(SENDS_PER_TURN_MAX)
    }

    fn turn_of(&mut self, sends_max: usize) -> bool {
        let is_busy = self.shard.turn_of(sends_max, self.now, &mut self.clients);
        let states = self.shard.audit().unwrap();
        assert_eq!(states.all(), self.shard.len());
        is_busy
    }

    fn serve_reads(&mut self, fails: bool) {
        for (ask, after) in std::mem::take(&mut self.clients.log_asks) {
            let page: Result<Page, _> = (!fails)
                .then(|| self.world.log.page(after))
                .ok_or(ReadError);
            self.shard.log_read(ask, &page);
        }
        for ask in std::mem::take(&mut self.clients.snapshot_asks) {
            let snapshot = self.world.log.snapshot.lock().unwrap().clone();
            let read = (!fails).then_some(snapshot).ok_or(ReadError);
            self.shard.snapshot_read(ask, &read, &mut self.clients);
        }
    }

    fn give_room(&mut self, token: Token, room: Option<usize>) {
        let client = self.clients.all.get_mut(&token).unwrap();
        client.room = room;
        if std::mem::take(&mut client.is_full) {
            self.shard.writable(token);
        }
    }

    fn tokens(&self) -> Vec<Token> {
        let live = |(token, client): (&Token, &Client)| client.ended.is_none().then_some(*token);
        self.clients.all.iter().filter_map(live).collect()
    }

    /// Until nothing is left to do.
    fn settle(&mut self) {
        self.publish();
        for token in self.tokens() {
            self.give_room(token, None);
        }
        for _ in 0..100_000 {
            let was_told = self.hear() > 0;
            self.serve_reads(false);
            let is_busy = self.turn() || was_told || self.clients.cuts.are_pending();
            let asks = self.clients.log_asks.len() + self.clients.snapshot_asks.len();
            if !is_busy && asks == 0 {
                return;
            }
        }
        panic!("there is no end of it");
    }

    fn received(&self, token: Token) -> &[u8] {
        &self.clients.all[&token].received
    }

    /// The blocks of a stream so far, and whether it ends with the last chunk. A cut leaves a part of
    /// a chunk behind, which is dropped.
    fn blocks(&self, token: Token) -> (String, bool) {
        let received = self.received(token);
        let Some(mut rest) = received.strip_prefix(HEAD) else {
            assert!(HEAD.starts_with(received));
            return (String::new(), false);
        };
        let mut text = Vec::new();
        loop {
            if rest == LAST_CHUNK {
                return (String::from_utf8(text).unwrap(), true);
            }
            let Some(line) = rest.iter().position(|&byte| byte == b'\n') else {
                break;
            };
            let size = std::str::from_utf8(&rest[..line - 1]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            let Some(chunk) = rest.get(line + 1..line + 1 + size + 2) else {
                break;
            };
            let chunk = chunk.strip_suffix(b"\r\n").expect("a chunk ends");
            text.extend_from_slice(chunk);
            rest = &rest[line + 1 + size + 2..];
        }
        (String::from_utf8(text).unwrap(), false)
    }

    /// Checks a stream from its beginning: every event follows the one before or a snapshot. Gives the
    /// place that it has reached.
    fn check(&self, token: Token) -> Option<u64> {
        let (text, is_whole) = self.blocks(token);
        let mut at = None;
        for block in text.split_inclusive("\n\n") {
            let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) else {
                continue;
            };
            let seq = Cursor::parse(id.trim()).unwrap().seq;
            if block.starts_with("data: {\"n\":") {
                assert_eq!(Some(seq), at.map(|at: u64| at + 1), "no gap, nothing twice");
                let log = self.segment(seq..=seq).after(place(seq - 1));
                assert_eq!(block.as_bytes(), log, "the bytes of the log");
            }
            at = Some(seq);
        }
        let client = &self.clients.all[&token];
        assert_eq!(is_whole, client.ended == Some(Ending::InOrder));
        assert!(!client.is_revoked || client.ended.is_some(), "it ends");
        assert!(!is_whole || text.ends_with("\n\n"));
        at
    }
}

fn chunk(block: &[u8]) -> Vec<u8> {
    let mut chunk = Vec::new();
    put_chunk(&mut chunk, block);
    chunk
}

#[test]
fn whatever_sockets_do_each_stream_has_no_gap_and_ends_with_everything() {
    for seed in 0..SEEDS {
        run_seed(seed);
    }
}

fn run_seed(seed: u64) {
    let mut random = Random::new(seed);
    let mut rig = Rig::new();
    rig.large = *random.pick(&[u64::MAX, u64::MAX, 3]);
    for _ in 0..150 {
        let tokens = rig.tokens();
        let head = rig.head;
        match random.below(14) {
            0..=2 => rig.append(head + 1..=head + 1 + random.below(3)),
            3 | 4 => rig.publish(),
            5 if tokens.len() < 12 => {
                let floor = rig.world.log.floor.load(Ordering::Relaxed);
                let at = floor + random.below(head - floor + 1);
                let (at, head) = (place(at), place(head));
                let start = *random.pick(&[
                    Start::Snapshot,
                    Start::After { place: head, head },
                    Start::After { place: at, head },
                ]);
                if head.seq > 0 {
                    let token = rig.add(start);
                    rig.give_room(token, random.one_in(2).then(|| random.below(500) as usize));
                }
            }
            6 | 7 if !tokens.is_empty() => {
                let room = *random.pick(&[0, 1, 7, 300, 5_000, 90_000]);
                rig.give_room(*random.pick(&tokens), Some(room));
            }
            8 if random.one_in(6) && !tokens.is_empty() => {
                rig.shard.cut(*random.pick(&tokens), &mut rig.clients);
            }
            8 if random.one_in(3) && !tokens.is_empty() => {
                let token = *random.pick(&tokens);
                match random.one_in(2) {
                    true => rig.clients.revoke(token),
                    false => {
                        let at = rig.clients.sends + random.below(4) as usize;
                        rig.clients.revoked_in_send.push((at, token));
                    }
                }
            }
            9 if random.one_in(4) => {
                let floor = rig.world.log.floor.load(Ordering::Relaxed);
                rig.world.prune(floor + random.below(head - floor + 1));
            }
            10 => rig.serve_reads(random.one_in(20)),
            11 => rig.now += Duration::from_millis(random.below(4_000)),
            12 => _ = rig.hear(),
            _ => _ = rig.turn_of(*random.pick(&[1, 2, SENDS_PER_TURN_MAX])),
        }
    }
    if random.one_in(2) {
        rig.shard.drain();
        rig.settle();
        assert!(rig.shard.is_empty(), "seed {seed}: everyone has left");
    } else {
        rig.settle();
        for token in rig.tokens() {
            assert_eq!(rig.check(token), Some(rig.head), "seed {seed}");
        }
    }
    assert_eq!(rig.shard.len(), rig.tokens().len());
    for token in rig.clients.all.keys() {
        rig.check(*token);
    }
    for token in rig.tokens() {
        rig.shard.cut(token, &mut rig.clients);
    }
    assert_eq!((rig.world.hub.seats(), rig.world.hub.boards()), (0, 0));
}

#[test]
fn an_event_is_told_once_and_sent_once_to_each() {
    let mut rig = Rig::with_events(3);
    let tokens: Vec<_> = (0..100).map(|_| rig.add_at_head()).collect();
    rig.settle();
    rig.clients.sends = 0;
    rig.commit(4..=4);
    assert_eq!(rig.hear(), 1);
    rig.settle();
    assert_eq!(rig.clients.sends, 100);
    rig.append(5..=5);
    rig.append(6..=20);
    rig.publish();
    assert_eq!(rig.hear(), 1, "once until it was looked at");
    rig.settle();
    assert_eq!(rig.clients.sends, 200, "what piled up goes in one send");
    let log = chunk(&rig.segment(4..=4).after(place(3)));
    let all = rig.received(tokens[0]);
    assert!(all.windows(log.len()).any(|window| window == log));
    assert!(tokens.iter().all(|token| rig.received(*token) == all));
    assert_eq!(rig.check(tokens[0]), Some(20));
}

#[test]
fn a_small_board_has_its_turn_while_a_big_one_is_served() {
    let mut rig = Rig::with_events(1);
    let crowd: Vec<_> = (0..10 * SENDS_PER_TURN_MAX)
        .map(|_| rig.add_at_head())
        .collect();
    let token = rig.add_to_empty("small");
    rig.settle();
    let greeted = rig.received(token).len();
    rig.commit(2..=2);
    let mut builder = SegmentBuilder::new(BoardId::parse("small").unwrap());
    builder.push(place(1), 3, b"{}");
    rig.world.hub.publish(vec![builder.build().unwrap()]);
    rig.hear();
    rig.turn();
    assert!(rig.received(token).len() > greeted);
    assert!(crowd.iter().any(|token| rig.check(*token) == Some(1)));
    rig.settle();
    assert!(crowd.iter().all(|token| rig.check(*token) == Some(2)));
}

/// More deliveries are due than can be made: that is no reason to let others wait.
#[test]
fn who_is_new_back_or_idle_has_its_turn_while_a_big_board_is_always_busy() {
    const EACH: usize = 20;
    const TURNS_MAX: usize = 12;
    let mut rig = Rig::with_events(1);
    for _ in 0..10 * SENDS_PER_TURN_MAX {
        rig.add_at_head();
    }
    let idle = rig.add_to_empty("idle");
    rig.settle();
    let quiet = rig.received(idle).len();
    rig.now = Duration::from_secs(HEARTBEAT_SECONDS - 1);
    rig.commit(2..=2);
    rig.settle();
    rig.now += Duration::from_secs(2);
    rig.commit(3..=3);
    rig.hear();
    rig.turn();
    let behind = Start::After {
        place: place(1),
        head: place(rig.head),
    };
    let new: Vec<_> = (0..EACH).map(|_| rig.add_at_head()).collect();
    let back: Vec<_> = (0..EACH).map(|_| rig.add(behind)).collect();
    for _ in 0..TURNS_MAX {
        rig.commit(rig.head + 1..=rig.head + 1);
        rig.hear();
        rig.serve_reads(false);
        assert!(rig.turn(), "there is always more to do");
    }
    assert!(rig.received(idle).len() > quiet, "its heartbeat is late");
    for token in new.iter().chain(&back) {
        assert!(rig.received(*token).len() > HEAD.len(), "it is not greeted");
    }
    assert!(back.iter().all(|token| rig.check(*token) > Some(1)));
}

#[test]
fn a_reader_that_takes_too_little_is_cut_and_one_that_is_slow_is_not() {
    let mut rig = Rig::with_events(1);
    let (stalled, slow, quick) = (rig.add_at_head(), rig.add_at_head(), rig.add_at_head());
    rig.settle();
    rig.give_room(stalled, Some(10));
    rig.give_room(slow, Some(10));
    for second in 0..=STALL_SECONDS {
        rig.now = Duration::from_secs(second);
        rig.large = 1;
        rig.commit(rig.head + 1..=rig.head + 1);
        rig.hear();
        while rig.turn() {}
        rig.serve_reads(false);
        let census = rig.shard.census();
        assert!(census.owed < 2 * (FRAME_BYTES_MAX + 20), "{census:?}");
        if second == STALL_SECONDS / 2 {
            rig.give_room(slow, Some(usize::try_from(STALL_BYTES_MIN).unwrap()));
        }
    }
    rig.now += Duration::from_secs(1);
    while rig.turn() {}
    let ended = |token| rig.clients.all[&token].ended;
    assert_eq!(ended(stalled), Some(Ending::Cut));
    assert_eq!((ended(slow), ended(quick)), (None, None));
    assert_eq!(rig.shard.len(), 2);
    assert_eq!(
        rig.received(quick).len() / 30_000,
        STALL_SECONDS as usize + 1
    );
    rig.settle();
    assert_eq!(rig.check(slow), Some(rig.head), "it catches up");
}

#[test]
fn a_reader_that_takes_a_byte_whenever_its_clock_is_looked_at_is_cut_all_the_same() {
    let mut rig = Rig::with_events(1);
    let trickle = rig.add_at_head();
    rig.settle();
    rig.large = 1;
    rig.commit(2..=2);
    rig.give_room(trickle, Some(10));
    let tick = Duration::from_millis(250);
    let windows = 2 * Duration::from_secs(STALL_SECONDS);
    while rig.now < windows + 2 * tick && rig.clients.all[&trickle].ended.is_none() {
        rig.hear();
        while rig.turn() {}
        rig.now += tick;
        rig.give_room(trickle, Some(1));
    }
    assert_eq!(rig.clients.all[&trickle].ended, Some(Ending::Cut));
}

#[test]
fn silence_is_filled_with_heartbeats_and_events_put_them_off() {
    let mut rig = Rig::with_events(1);
    let token = rig.add_at_head();
    rig.settle();
    let before = rig.received(token).len();
    let tick = Duration::from_millis(250);
    rig.now = Duration::from_secs(HEARTBEAT_SECONDS) - tick;
    rig.settle();
    assert_eq!(rig.received(token).len(), before);
    rig.now += 2 * tick;
    rig.settle();
    let heartbeat = chunk(b":\n\n");
    assert_eq!(rig.received(token)[before..], heartbeat);
    rig.now += Duration::from_secs(HEARTBEAT_SECONDS - 1);
    rig.commit(2..=2);
    rig.settle();
    rig.now += Duration::from_secs(2);
    rig.settle();
    assert_eq!(rig.check(token), Some(2));
    assert!(!rig.received(token)[before + 1..].ends_with(&heartbeat));
}

#[test]
fn who_was_full_has_its_heartbeat_in_time_even_if_a_turn_comes_late() {
    let mut rig = Rig::with_events(1);
    let token = rig.add_at_head();
    rig.settle();
    rig.now = Duration::from_secs(1);
    rig.give_room(token, Some(10));
    rig.commit(2..=2);
    rig.hear();
    while rig.turn() {}
    rig.now = Duration::from_secs(10);
    rig.give_room(token, None);
    assert!(rig.turn_of(1), "it took the rest, and no more");
    rig.now = Duration::from_millis(15_500);
    while rig.turn() {}
    let before = rig.received(token).len();
    rig.now = Duration::from_millis(25_500);
    while rig.turn() {}
    assert_eq!(rig.received(token)[before..], chunk(b":\n\n"));
}

#[test]
fn watchers_that_come_back_to_one_place_read_the_log_once() {
    let mut rig = Rig::with_events(50);
    let start = Start::After {
        place: place(10),
        head: place(50),
    };
    let tokens: Vec<_> = (0..1_000).map(|_| rig.add(start)).collect();
    while rig.turn() {}
    assert_eq!(rig.clients.log_asks.len(), 1);
    rig.settle();
    assert!(tokens.iter().all(|token| rig.check(*token) == Some(50)));
}

#[test]
fn who_watched_a_board_that_was_made_anew_is_sent_away_and_the_new_one_has_its_own() {
    let mut rig = Rig::with_events(5);
    let (old, stalled) = (rig.add_at_head(), rig.add_at_head());
    rig.commit(6..=6);
    rig.settle();
    rig.give_room(stalled, Some(3));
    rig.commit(7..=7);
    rig.hear();
    while rig.turn() {}
    rig.world.log.commits.lock().unwrap().clear();
    rig.commit(1..=1);
    let new = rig.add(Start::After {
        place: Cursor::START,
        head: place(1),
    });
    rig.settle();
    rig.commit(2..=2);
    rig.settle();
    let ended = |token| rig.clients.all[&token].ended;
    assert_eq!(ended(old), Some(Ending::InOrder));
    assert_eq!(ended(stalled), Some(Ending::InOrder));
    assert_eq!((rig.check(old), rig.check(stalled)), (Some(7), Some(7)));
    assert_eq!((rig.check(new), rig.shard.len()), (Some(2), 1));
    rig.shard.cut(new, &mut rig.clients);
    assert_eq!((rig.world.hub.seats(), rig.world.hub.boards()), (0, 0));
}

/// Wherever it stands: `bring` takes it there, and what it is given to do comes after the loss.
#[track_caller]
fn check_revoked(name: &str, bring: impl FnOnce(&mut Rig) -> Token) {
    let mut rig = Rig::with_events(50);
    let others: Vec<_> = (0..5).map(|_| rig.add_at_head()).collect();
    rig.settle();
    let token = bring(&mut rig);
    let before = rig.received(token).len();
    rig.clients.revoke(token);
    rig.commit(rig.head + 1..=rig.head + 3);
    rig.now += Duration::from_secs(HEARTBEAT_SECONDS + 1);
    rig.settle();
    let client = &rig.clients.all[&token];
    assert_eq!(client.received.len(), before, "{name}");
    assert_eq!(client.ended, Some(Ending::Revoked), "{name}");
    for other in others {
        assert_eq!(rig.check(other), Some(rig.head), "{name}: others go on");
    }
    assert_eq!((rig.shard.len(), rig.world.hub.seats()), (5, 5), "{name}");
}

#[test]
fn who_lost_their_rights_gets_no_byte_more_wherever_they_stand() {
    let behind = Start::After {
        place: place(10),
        head: place(50),
    };
    check_revoked("it has just come", Rig::add_at_head);
    check_revoked("it has everything", |rig| {
        let token = rig.add_at_head();
        rig.settle();
        token
    });
    check_revoked("a pass is about to come to it", |rig| {
        let token = rig.add_at_head();
        rig.settle();
        rig.commit(51..=51);
        rig.hear();
        token
    });
    check_revoked("it has half of an event", |rig| {
        let token = rig.add_at_head();
        rig.settle();
        rig.give_room(token, Some(10));
        rig.commit(51..=51);
        rig.hear();
        while rig.turn() {}
        assert!(rig.clients.all[&token].is_full);
        token
    });
    check_revoked("its socket has room again", |rig| {
        let token = rig.add_at_head();
        rig.settle();
        rig.give_room(token, Some(10));
        rig.commit(51..=51);
        rig.hear();
        while rig.turn() {}
        rig.give_room(token, None);
        token
    });
    check_revoked("it waits for a page of the log", |rig| {
        let token = rig.add(behind);
        while rig.turn() {}
        assert_eq!(rig.clients.log_asks.len(), 1);
        token
    });
    check_revoked("its page has come", |rig| {
        let token = rig.add(behind);
        while rig.turn() {}
        rig.serve_reads(false);
        token
    });
    check_revoked("it waits for a snapshot", |rig| {
        let token = rig.add(Start::Snapshot);
        while rig.turn() {}
        assert_eq!(rig.clients.snapshot_asks.len(), 1);
        token
    });
    check_revoked("it is in the middle of a snapshot", |rig| {
        let token = rig.add(Start::Snapshot);
        while rig.turn() {}
        rig.give_room(token, Some(70_000));
        rig.serve_reads(false);
        while rig.turn() {}
        assert!(rig.clients.all[&token].is_full);
        token
    });
}

#[test]
fn who_loses_their_rights_in_the_middle_of_a_pass_is_passed_over() {
    let mut rig = Rig::with_events(1);
    let tokens: Vec<_> = (0..3 * SENDS_PER_TURN_MAX)
        .map(|_| rig.add_at_head())
        .collect();
    rig.settle();
    let greeted = rig.received(tokens[0]).len();
    // A pass begins with those who came last.
    let lost = [tokens[100], tokens[200], tokens[300]];
    let during = rig.clients.sends + 1;
    rig.clients.revoked_in_send = lost.map(|token| (during, token)).into();
    rig.commit(2..=2);
    rig.settle();
    for token in tokens {
        let client = &rig.clients.all[&token];
        if lost.contains(&token) {
            let ended = (client.received.len(), client.ended);
            assert_eq!(ended, (greeted, Some(Ending::Revoked)));
        } else {
            assert_eq!(rig.check(token), Some(2));
        }
    }
}

#[test]
fn who_lost_their_rights_is_not_sent_away_in_order_by_a_drain() {
    let mut rig = Rig::with_events(5);
    let (lost, other) = (rig.add_at_head(), rig.add_at_head());
    rig.settle();
    let before = rig.received(lost).len();
    rig.shard.drain();
    rig.clients.revoke(lost);
    rig.settle();
    let client = &rig.clients.all[&lost];
    let ended = (client.received.len(), client.ended);
    assert_eq!(ended, (before, Some(Ending::Revoked)));
    assert_eq!(rig.clients.all[&other].ended, Some(Ending::InOrder));
    assert!(rig.shard.is_empty());
}
