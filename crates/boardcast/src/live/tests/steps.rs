//! A watcher's steps: which bytes come next, when it reads the log, when it waits and when it is over.

use super::{World, board, deletion, frames, place, segment, snapshot};
use crate::live::hub::Seat;
use crate::live::watcher::Step;
use crate::live::{Heartbeat, Page, Start, Watcher};
use boardcast_core::cursor::{Cursor, Mark};
use boardcast_core::frame::SegmentBuilder;
use boardcast_core::limits::{SNAPSHOT_SLICE_BYTES, TAIL_BYTES_MAX};
use std::sync::Arc;

/// A watcher and its place in the hub.
struct Watching {
    seat: Seat,
    watcher: Watcher,
}

impl Watching {
    fn begin(world: &World, start: Start) -> Self {
        let watcher = Watcher::new(start, Heartbeat::Comment);
        let seat = world.attach();
        Self { seat, watcher }
    }

    /// A watcher that has been greeted, after an event of a log that reaches up to another.
    fn after(world: &World, after: u64, head: u64) -> Self {
        let (place, head) = (place(after), place(head));
        let mut watching = Self::begin(world, Start::After { place, head });
        let connected = format!("data: {{\"type\":\"connected\"}}\nretry: 2000\nid: {place}\n\n");
        watching.expect_sent(&connected);
        watching
    }

    /// A watcher that has been greeted and needs the whole board.
    fn lost(world: &World) -> Self {
        let mut watching = Self::begin(world, Start::Snapshot);
        watching.expect_sent("data: {\"type\":\"connected\"}\nretry: 2000\n\n");
        watching.expect(&Step::ReadSnapshot);
        watching
    }

    fn step(&mut self) -> Step {
        let watcher = &mut self.watcher;
        self.seat.look(|tail| watcher.step(tail))
    }

    #[track_caller]
    fn expect(&mut self, expected: &Step) {
        assert_eq!(self.step(), *expected);
    }

    #[track_caller]
    fn expect_sent(&mut self, expected: &str) {
        self.expect(&Step::Send(expected.to_owned().into()));
    }

    /// Reads the log where it must and gives what there is to send.
    #[track_caller]
    fn read_log(&mut self, world: &World, after: u64) -> Option<String> {
        self.expect(&Step::ReadLog(place(after)));
        let sent = self.watcher.log_read(&world.log.page(place(after)));
        sent.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }
}

#[test]
fn a_new_watcher_is_greeted_and_then_follows() {
    let world = World::with_events(3);
    let mut watching = Watching::after(&world, 3, 3);
    watching.expect(&Step::Wait);
    world.commit(segment(4..=4));
    world.commit(segment(5..=7));
    watching.expect_sent(&frames(4..=4));
    watching.expect_sent(&frames(5..=7));
    watching.expect(&Step::Wait);
}

#[test]
fn what_was_committed_before_anybody_watched_is_read_from_the_log() {
    let world = World::with_events(3);
    let mut watching = Watching::after(&world, 1, 3);
    assert_eq!(watching.read_log(&world, 1), Some(frames(2..=2)));
    assert_eq!(watching.read_log(&world, 2), Some(frames(3..=3)));
    watching.expect(&Step::Wait);
}

#[test]
fn a_cursor_in_the_middle_of_a_commit_gets_the_rest_of_it() {
    let world = World::with_events(2);
    world.commit(segment(3..=6));
    let mut from_log = Watching::after(&world, 4, 6);
    assert_eq!(from_log.read_log(&world, 4), Some(frames(5..=6)));
    world.commit(segment(7..=9));
    let mut from_tail = Watching::after(&world, 8, 9);
    from_tail.expect_sent(&frames(9..=9));
    from_tail.expect(&Step::Wait);
    drop(from_log);
}

#[test]
fn a_watcher_ahead_of_the_hub_waits_and_gets_nothing_twice() {
    let world = World::with_events(3);
    // It read the log after a commit that is not published yet.
    let mut watching = Watching::after(&world, 4, 4);
    watching.expect(&Step::Wait);
    world.commit(segment(4..=4));
    watching.expect(&Step::Wait);
    world.commit(segment(5..=5));
    watching.expect_sent(&frames(5..=5));
}

#[test]
fn a_watcher_that_lags_behind_the_tail_reads_the_log_and_comes_back() {
    let world = World::with_events(0);
    let mut watching = Watching::after(&world, 0, 0);
    let large = vec![b'x'; TAIL_BYTES_MAX / 8];
    for seq in 1..=20 {
        let mut commit = SegmentBuilder::new(board());
        commit.push(place(seq), seq, &large);
        world.commit(commit.build().unwrap());
    }
    let mut from_log = 0;
    while matches!(watching.step(), Step::ReadLog(at) if at == place(from_log)) {
        assert!(watching.read_log(&world, from_log).is_some());
        from_log += 1;
    }
    assert!((13..20).contains(&from_log), "{from_log}");
    // The look that ended the loop has sent one more.
    for _ in from_log + 1..20 {
        assert!(matches!(watching.step(), Step::Send(bytes) if bytes.len() > large.len()));
    }
    watching.expect(&Step::Wait);
}

#[test]
fn a_watcher_whose_place_was_pruned_gets_a_snapshot_right_there_and_goes_on() {
    let world = World::with_events(5);
    let mut watching = Watching::after(&world, 1, 5);
    assert_eq!(watching.read_log(&world, 1), Some(frames(2..=2)));
    world.prune(4);
    assert_eq!(watching.read_log(&world, 2), None);
    watching.expect(&Step::ReadSnapshot);
    let board = snapshot(10, 5);
    watching
        .watcher
        .snapshot_read(Some((board.frame().clone(), place(5))));
    watching.expect(&Step::Send(board.frame().clone()));
    watching.expect(&Step::Wait);
    world.commit(segment(6..=6));
    watching.expect_sent(&frames(6..=6));
}

#[test]
fn a_snapshot_comes_in_slices_and_then_what_happened_meanwhile() {
    let world = World::with_events(5);
    let mut watching = Watching::lost(&world);
    assert!(watching.watcher.is_between_blocks());
    let board = snapshot(2 * SNAPSHOT_SLICE_BYTES, 5);
    watching
        .watcher
        .snapshot_read(Some((board.frame().clone(), place(5))));
    let mut sent = Vec::new();
    for slice in 0..3 {
        assert!(
            !watching.watcher.is_between_blocks(),
            "before slice {slice}"
        );
        // Also what the snapshot holds already is published now.
        world.commit(segment(5 + slice..=5 + slice));
        let Step::Send(bytes) = watching.step() else {
            panic!("slice {slice} follows");
        };
        assert!(bytes.len() <= SNAPSHOT_SLICE_BYTES);
        sent.extend(bytes);
    }
    assert_eq!(sent, *board.frame());
    assert!(watching.watcher.is_between_blocks());
    watching.expect_sent(&frames(6..=6));
    watching.expect_sent(&frames(7..=7));
    watching.expect(&Step::Wait);
}

#[test]
fn the_stream_ends_with_the_boards_deletion_live_and_replayed() {
    let world = World::with_events(3);
    let mut live = Watching::after(&world, 3, 3);
    let mut replaying = Watching::after(&world, 2, 3);
    world.commit(segment(4..=4));
    live.expect_sent(&frames(4..=4));
    world.commit(deletion(5));
    let last = String::from_utf8(deletion(5).after(place(4)).to_vec()).unwrap();
    live.expect_sent(&last);
    live.expect(&Step::End);
    assert_eq!(replaying.read_log(&world, 2), Some(frames(3..=3)));
    replaying.expect(&Step::ReadLog(place(3)));
    let page = Page::Events(segment(4..=4));
    let sent = replaying.watcher.log_read(&page);
    assert_eq!(sent, Some(frames(4..=4).into()));
    let page = Page::Events(deletion(5));
    assert_eq!(replaying.watcher.log_read(&page), Some(last.into()));
    replaying.expect(&Step::End);
}

/// Its number alone would fit the new log.
#[test]
fn who_watched_a_board_that_is_made_anew_gets_nothing_of_the_new_one() {
    let world = World::with_events(3);
    let mut old = Watching::after(&world, 3, 3);
    world.commit(deletion(4));
    for seq in 1..=5 {
        world.hub.publish(vec![segment(seq..=seq)]);
    }
    old.expect(&Step::End);
    let mut new = Watching::after(&world, 5, 5);
    world.hub.publish(vec![segment(6..=6)]);
    new.expect_sent(&frames(6..=6));
    drop(old);
    world.hub.publish(vec![segment(7..=7)]);
    new.expect_sent(&frames(7..=7));
}

/// Between a commit and its publish the log may be that of the next board under this id.
#[test]
fn a_place_that_an_ended_tail_does_not_know_is_looked_up_in_the_log() {
    let world = World::with_events(3);
    let mut watching = Watching::lost(&world);
    world.commit(segment(4..=4));
    world.commit(deletion(5));
    let to = Cursor {
        mark: Mark([9; 6]),
        ..place(4)
    };
    watching.watcher.snapshot_read(Some(("new".into(), to)));
    watching.expect_sent("new");
    watching.expect(&Step::ReadLog(to));
}

#[test]
fn a_watcher_whose_board_is_gone_is_over() {
    let world = World::with_events(3);
    let mut lost = Watching::lost(&world);
    lost.watcher.snapshot_read(None);
    lost.expect(&Step::End);
    let mut behind = Watching::after(&world, 1, 3);
    assert_eq!(behind.watcher.log_read(&Page::Empty), None);
    behind.expect(&Step::End);
}

#[test]
fn between_two_blocks_a_watcher_is_sent_away_once() {
    let world = World::with_events(3);
    let start = Start::After {
        place: place(3),
        head: place(3),
    };
    let mut following = Watching::after(&world, 3, 3);
    following.expect(&Step::Wait);
    let all = [
        Watching::begin(&world, start),
        following,
        Watching::lost(&world),
    ];
    for mut watching in all {
        assert!(watching.watcher.is_between_blocks());
        let farewell = watching.watcher.send_away(1_234);
        assert_eq!(farewell.unwrap(), "retry: 1234\n\n");
        assert_eq!(watching.watcher.send_away(1_234), None);
        watching.expect(&Step::End);
    }
}

#[test]
#[should_panic(expected = "in the middle of a block")]
fn in_the_middle_of_a_snapshot_nobody_is_sent_away() {
    let world = World::with_events(3);
    let mut watching = Watching::lost(&world);
    let board = snapshot(2 * SNAPSHOT_SLICE_BYTES, 3);
    let bytes = Arc::clone(&board).frame().clone();
    watching.watcher.snapshot_read(Some((bytes, place(3))));
    assert!(matches!(watching.step(), Step::Send(_)));
    watching.watcher.send_away(1_234);
}

#[test]
fn a_heartbeat_is_what_was_asked_for() {
    let start = Start::Snapshot;
    assert_eq!(Watcher::new(start, Heartbeat::Comment).heartbeat(), ":\n\n");
    let event = "event: ping\ndata: {}\n\n";
    assert_eq!(Watcher::new(start, Heartbeat::Event).heartbeat(), event);
}
