//! One stream of several boards (contract 3): every board's log whole and in order, in the order in
//! which things were committed, with ids that promise nothing that isn't written.

use super::world::{From, Happening, World};
use super::{Merge, MergeStep, Revoked};
use crate::sabotage::{Harm, Spot, arm, disarm};
use boardcast_core::limits::{LOG_READ_BYTES_MAX, RETRY_MS};
use bytes::Bytes;

const A: usize = 0;
const B: usize = 1;

fn two() -> World {
    World::of(&["a", "b"])
}

/// A watcher from the heads on, that was greeted.
fn following(world: &mut World) -> Merge {
    let heads = vec![From::Head; world.logs.len()];
    let mut merge = world.watch(&heads);
    assert_eq!(world.run(&mut merge).len(), 1);
    merge
}

fn send(step: MergeStep) -> Bytes {
    match step {
        MergeStep::Send(bytes) => bytes,
        step => panic!("{step:?}"),
    }
}

#[test]
fn a_stream_begins_with_the_places_of_all_boards() {
    let mut world = two();
    world.change(&[A, A, B]);
    let mut merge = world.watch(&[From::Head, From::After(1)]);
    let greeting = send(world.step(&mut merge));
    let begin = format!("data: {{\"type\":\"connected\"}}\nretry: {RETRY_MS}\nid: a:3-");
    assert!(greeting.starts_with(begin.as_bytes()));
    assert_eq!(world.run(&mut merge), ["b2: a3 b2"]);
}

#[test]
fn events_come_in_the_order_in_which_they_were_committed() {
    let mut world = two();
    let mut merge = following(&mut world);
    world.change(&[B]);
    world.change(&[A, B, B, A]);
    world.change(&[A]);
    let sent = world.run(&mut merge);
    let order = [
        "b2: a1 b2",
        "a2: a2 b2",
        "b3: a2 b3",
        "b4: a2 b4",
        "a3: a3 b4",
        "a4: a4 b4",
    ];
    assert_eq!(sent, order);
}

#[test]
fn a_replay_is_in_the_order_in_which_things_were_committed() {
    let mut world = two();
    world.rows_max = 2;
    for _ in 0..3 {
        world.change(&[B, A]);
        world.change(&[B]);
    }
    let mut merge = world.watch(&[From::After(1), From::After(2)]);
    let sent = world.run(&mut merge);
    let order = [
        "connected: a1 b2",
        "a2: a2 b2",
        "b3: a2 b3",
        "b4: a2 b4",
        "a3: a3 b4",
        "b5: a3 b5",
        "b6: a3 b6",
        "a4: a4 b6",
        "b7: a4 b7",
    ];
    assert_eq!(sent, order);
}

/// A commit that touches two boards reaches the tails one after the other, and the file before both.
#[test]
fn nothing_goes_out_before_the_whole_commit_is_published() {
    let mut world = two();
    world.change(&[A]);
    world.commit(&[(A, Happening::Changed), (B, Happening::Changed)]);
    let mut merge = world.watch(&[From::After(1), From::Head]);
    let sent = world.run(&mut merge);
    assert_eq!(sent, ["connected: a1 b2", "a2: a2 b2"], "not the third");
    world.publish();
    assert_eq!(world.run(&mut merge), ["a3: a3 b2"]);
}

#[test]
fn a_place_moves_only_with_what_is_written() {
    let mut world = two();
    world.change(&[A, A, A, B]);
    world.prune(A, 4);
    let mut merge = world.watch(&[From::Lost(2), From::After(1)]);
    // Both boards' snapshot and event are known by now; the id tells of what the client has.
    let sent = world.run(&mut merge);
    let order = ["connected: a2 b1", "snapshot a4: a4 b1", "b2: a4 b2"];
    assert_eq!(sent, order);
}

#[test]
fn a_snapshot_is_asked_for_board_by_board() {
    let mut world = two();
    let mut merge = world.watch(&[From::Snapshot, From::Snapshot]);
    let sent = world.run(&mut merge);
    assert_eq!(
        sent,
        ["connected:", "snapshot a1: a1", "snapshot b1: a1 b1"]
    );
    world.change(&[B, A]);
    assert_eq!(world.run(&mut merge), ["b2: a1 b2", "a2: a2 b2"]);
}

#[test]
fn a_large_snapshot_goes_out_in_slices_and_nothing_in_between() {
    let mut world = two();
    world.padding = 3 * LOG_READ_BYTES_MAX;
    let mut merge = world.watch(&[From::Snapshot, From::After(1)]);
    send(world.step(&mut merge));
    assert_eq!(world.step(&mut merge), MergeStep::ReadSnapshot(A));
    merge.snapshot_read(A, world.read_snapshot(A));
    world.padding = 0;
    world.change(&[B]);
    let mut sent = Vec::new();
    while !merge.is_between_blocks() {
        let slice = send(world.step(&mut merge));
        assert!(slice.len() <= LOG_READ_BYTES_MAX);
        sent.extend_from_slice(&slice);
    }
    assert_eq!(super::world::shown(&sent), ["snapshot a1: a1 b1"]);
    assert_eq!(world.run(&mut merge), ["b2: a1 b2"]);
}

#[test]
fn a_place_that_is_pruned_in_mid_stream_is_followed_by_a_snapshot() {
    let mut world = two();
    let mut merge = following(&mut world);
    world.change(&[A, B, A]);
    world.trim(A, 3);
    world.prune(A, 2);
    let sent = world.run(&mut merge);
    assert_eq!(sent, ["snapshot a3: a3 b1", "b2: a3 b2"]);
    world.change(&[A]);
    assert_eq!(world.run(&mut merge), ["a4: a4 b2"]);
}

#[test]
fn what_the_tail_no_longer_has_comes_from_the_log() {
    let mut world = two();
    let mut merge = following(&mut world);
    world.change(&[A, A, B]);
    world.change(&[A]);
    world.trim(A, 3);
    assert_eq!(
        world.step(&mut merge),
        MergeStep::ReadLog(A, world.logs[A].events[0].cursor)
    );
    let sent = world.run(&mut merge);
    assert_eq!(sent, ["a2: a2 b1", "a3: a3 b1", "b2: a3 b2", "a4: a4 b2"]);
}

/// The tail of a board that nobody watched is empty, whatever the log has.
#[test]
fn what_happened_before_anybody_watched_comes_from_the_log() {
    let mut world = two();
    world.change(&[A, B, A]);
    let mut merge = world.watch(&[From::After(1), From::After(2)]);
    let sent = world.run(&mut merge);
    assert_eq!(sent, ["connected: a1 b2", "a2: a2 b2", "a3: a3 b2"]);
    assert_eq!(world.step(&mut merge), MergeStep::Wait);
}

#[test]
fn a_board_that_does_not_exist_is_told_and_the_rest_goes_on() {
    let mut world = two();
    let mut merge = world.watch(&[From::Unknown, From::Head]);
    let sent = world.run(&mut merge);
    assert_eq!(sent, ["connected: b1", "a gone: b1"]);
    world.change(&[A, B]);
    assert_eq!(world.run(&mut merge), ["b2: b2"]);
}

#[test]
fn that_a_board_is_gone_is_told_in_one_field() {
    let mut world = two();
    let mut merge = world.watch(&[From::Head, From::Unknown]);
    send(world.step(&mut merge));
    let told = send(world.step(&mut merge));
    let block = "data: {\"type\":\"board_gone\",\"boardId\":\"b\"}\nid: a:1-abab00000001\n\n";
    assert_eq!(told, block);
}

/// The board may be back one day: then the client needs a snapshot, and not just what happens next.
#[test]
fn what_the_client_knew_of_a_gone_board_stays_in_the_id() {
    let mut world = two();
    let mut merge = world.watch(&[From::Gone(1), From::Head]);
    let sent = world.run(&mut merge);
    assert_eq!(sent, ["connected: a1 b1", "a gone: a1 b1"]);
}

#[test]
fn a_cut_between_connected_and_snapshot_keeps_what_the_client_knew() {
    let mut world = two();
    world.change(&[A, A]);
    world.prune(A, 3);
    let mut merge = world.watch(&[From::Lost(1), From::Head]);
    let greeting = send(world.step(&mut merge));
    assert_eq!(super::world::shown(&greeting), ["connected: a1 b1"]);
}

#[test]
fn a_deleted_board_ends_its_part_and_the_last_one_the_stream() {
    let mut world = two();
    let mut merge = following(&mut world);
    world.happen(&[
        (A, Happening::Changed),
        (A, Happening::Deleted),
        (B, Happening::Changed),
    ]);
    let sent = world.run(&mut merge);
    assert_eq!(sent, ["a2: a2 b1", "a3 deleted: a3 b1", "b2: a3 b2"]);
    // Back on the board, but not in this part of the stream.
    world.happen(&[(A, Happening::Restored), (A, Happening::Changed)]);
    assert_eq!(world.run(&mut merge), [""; 0]);
    world.happen(&[(B, Happening::Deleted)]);
    assert_eq!(world.run(&mut merge), ["b3 deleted: a3 b3", "end"]);
    assert_eq!(world.step(&mut merge), MergeStep::End);
}

#[test]
fn a_board_that_is_deleted_before_its_snapshot_is_gone() {
    let mut world = two();
    let mut merge = world.watch(&[From::Lost(1), From::Head]);
    world.happen(&[(A, Happening::Deleted)]);
    let sent = world.run(&mut merge);
    assert_eq!(sent, ["connected: a1 b1", "a gone: a1 b1"]);
}

#[test]
fn a_board_that_was_deleted_and_came_back_begins_with_a_snapshot() {
    let mut world = two();
    let mut merge = following(&mut world);
    world.happen(&[(A, Happening::Changed), (A, Happening::Deleted)]);
    world.happen(&[(A, Happening::Restored), (A, Happening::Changed)]);
    assert_eq!(world.run(&mut merge), ["snapshot a5: a5 b1"]);
    world.change(&[A]);
    assert_eq!(world.run(&mut merge), ["a6: a6 b1"]);
}

#[test]
fn a_board_that_left_no_log_is_gone() {
    let mut world = two();
    world.change(&[A]);
    let mut merge = world.watch(&[From::After(1), From::Head]);
    send(world.step(&mut merge));
    assert!(matches!(world.step(&mut merge), MergeStep::ReadLog(A, _)));
    merge.log_read(A, super::super::Page::Empty);
    assert_eq!(world.run(&mut merge), ["a gone: a1 b1"]);
}

#[test]
fn a_board_that_was_made_anew_is_gone_to_who_watched_the_old_one() {
    let mut world = two();
    let mut merge = world.watch(&[From::Head, From::Head]);
    assert_eq!(world.run(&mut merge), ["connected: a1 b1"]);
    world.happen(&[(A, Happening::Deleted)]);
    world.make_anew(A);
    assert_eq!(world.run(&mut merge), ["a gone: a1 b1"]);
    world.change(&[B]);
    assert_eq!(world.run(&mut merge), ["b2: a1 b2"]);
}

#[test]
fn a_stream_of_boards_that_are_all_gone_ends() {
    let mut world = two();
    let mut merge = world.watch(&[From::Unknown, From::Gone(1)]);
    let sent = world.run(&mut merge);
    assert_eq!(sent, ["connected: b1", "a gone: b1", "b gone: b1", "end"]);
}

#[test]
fn small_events_go_out_together_and_about_64_kib_at_once() {
    let mut world = two();
    world.padding = 1_000;
    for _ in 0..100 {
        world.change(&[A, B]);
    }
    let mut merge = world.watch(&[From::After(1), From::After(1)]);
    send(world.step(&mut merge));
    let mut pieces = Vec::new();
    let mut sent = Vec::new();
    loop {
        match world.step(&mut merge) {
            MergeStep::Send(bytes) => {
                pieces.push(bytes.len());
                sent.extend_from_slice(&bytes);
            }
            MergeStep::ReadLog(board, place) => {
                merge.log_read(board, world.read_log(board, place));
            }
            step => break assert_eq!(step, MergeStep::Wait),
        }
    }
    assert_eq!(super::world::shown(&sent).len(), 200);
    let (last, whole) = pieces.split_last().unwrap();
    let block = sent.len() / 200 + 20;
    for piece in whole {
        assert!((LOG_READ_BYTES_MAX..LOG_READ_BYTES_MAX + block).contains(piece));
    }
    assert!(*last < LOG_READ_BYTES_MAX + block);
}

#[test]
fn who_is_sent_away_is_told_when_to_come_back_and_gets_no_more() {
    let mut world = two();
    let mut merge = following(&mut world);
    world.change(&[A]);
    assert_eq!(merge.send_away(1_234).unwrap(), "retry: 1234\n\n");
    assert_eq!(world.step(&mut merge), MergeStep::End);
    assert_eq!(merge.send_away(1_234), None);
}

#[test]
fn nobody_is_sent_away_from_a_stream_that_is_over() {
    let mut world = two();
    let mut merge = following(&mut world);
    world.happen(&[(A, Happening::Deleted), (B, Happening::Deleted)]);
    assert_eq!(world.run(&mut merge).last().unwrap(), "end");
    assert_eq!(merge.send_away(1_234), None);
}

#[test]
#[should_panic(expected = "in the middle of a block")]
fn nobody_is_sent_away_in_the_middle_of_a_snapshot() {
    let mut world = two();
    let mut merge = world.watch(&[From::Snapshot, From::Head]);
    send(world.step(&mut merge));
    assert_eq!(world.step(&mut merge), MergeStep::ReadSnapshot(A));
    merge.snapshot_read(A, world.read_snapshot(A));
    send(world.step(&mut merge));
    let _ = merge.send_away(1_234);
}

#[test]
fn a_board_that_is_lost_is_told_and_the_rest_goes_on() {
    let mut world = two();
    let mut merge = following(&mut world);
    world.change(&[A, B]);
    merge.lose(A).unwrap();
    assert_eq!(world.run(&mut merge), ["a gone: a1 b1", "b2: a1 b2"]);
    world.change(&[A, B]);
    assert_eq!(world.run(&mut merge), ["b3: a1 b3"]);
    merge.lose(A).unwrap();
    merge.lose(B).unwrap();
    assert_eq!(world.run(&mut merge), ["b gone: a1 b3", "end"]);
}

/// Its next event is in the watcher's hands, and waits for the rest of its commit to be published.
#[test]
fn what_was_taken_out_of_a_lost_boards_log_before_is_not_sent() {
    let mut world = two();
    world.change(&[A]);
    world.commit(&[(A, Happening::Changed), (B, Happening::Changed)]);
    let mut merge = world.watch(&[From::After(1), From::Head]);
    let sent = world.run(&mut merge);
    assert_eq!(sent, ["connected: a1 b2", "a2: a2 b2"], "not the third");
    merge.lose(A).unwrap();
    world.publish();
    assert_eq!(world.run(&mut merge), ["a gone: a2 b2"]);
}

/// Only what is new is kept back: the test above would see it.
#[test]
fn a_lost_board_that_goes_on_would_be_seen() {
    let mut world = two();
    let mut merge = following(&mut world);
    world.change(&[A]);
    arm(Spot::LostBoardGoesOn, Harm::Always);
    merge.lose(A).unwrap();
    disarm(Spot::LostBoardGoesOn);
    assert_eq!(world.run(&mut merge), ["a2: a2 b1"]);
}

#[test]
fn a_board_that_is_lost_in_the_middle_of_its_own_snapshot_breaks_the_stream_off() {
    let mut world = two();
    world.padding = 3 * LOG_READ_BYTES_MAX;
    let mut merge = world.watch(&[From::Snapshot, From::Snapshot]);
    send(world.step(&mut merge));
    assert_eq!(world.step(&mut merge), MergeStep::ReadSnapshot(A));
    merge.snapshot_read(A, world.read_snapshot(A));
    let slice = send(world.step(&mut merge));
    assert_eq!(merge.lose(A), Err(Revoked));
    merge.lose(B).unwrap();
    let mut whole = slice.to_vec();
    while !merge.is_between_blocks() {
        whole.extend_from_slice(&send(world.step(&mut merge)));
    }
    assert_eq!(super::world::shown(&whole), ["snapshot a1: a1"]);
    assert_eq!(world.run(&mut merge), ["b gone: a1"]);
}
