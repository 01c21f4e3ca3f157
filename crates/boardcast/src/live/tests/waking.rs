//! Every order in which a writer, a reactor and others can meet in `waking.rs`, tried out by loom: the
//! same file, compiled over its locks. Whoever sleeps for ever is found as a deadlock. (Counted
//! references are the standard library's: dropped in a deadlock, loom's own end the process.)

use crate::sabotage::{Harm, Spot, arm, disarm};
use checked::{Bell, Inbox, Wake};
use loom::sync::{Mutex, MutexGuard, Notify};
use loom::thread;
use std::sync::Arc;

#[path = "../waking.rs"]
#[allow(clippy::duplicate_mod, reason = "the locks are others here")]
mod checked;

/// A thread that sleeps until it is woken.
struct Sleeper(Arc<Notify>);

impl Wake for Sleeper {
    fn wake(&self) {
        self.0.notify();
    }
}

/// A reader's side of an inbox: sleeps, then takes what there is, as the reactor does.
struct Reader<M> {
    sleep: Arc<Notify>,
    inbox: Arc<Inbox<M, Sleeper>>,
    taken: Vec<M>,
}

impl<M> Reader<M> {
    fn new() -> Self {
        let sleep = Arc::new(Notify::new());
        let inbox = Arc::new(Inbox::new(Sleeper(Arc::clone(&sleep))));
        Self {
            sleep,
            inbox,
            taken: Vec::new(),
        }
    }

    fn read(&mut self) -> std::vec::Drain<'_, M> {
        self.sleep.wait();
        self.inbox.empty_into(&mut self.taken);
        self.taken.drain(..)
    }
}

/// Two threads push, the second one twice: everything arrives, each one's in order.
fn messages_arrive() {
    let mut reader = Reader::new();
    let push = |messages: &'static [u32]| {
        let inbox = Arc::clone(&reader.inbox);
        thread::spawn(move || messages.iter().for_each(|message| inbox.push(*message)))
    };
    let threads = [push(&[1]), push(&[2, 3])];
    let mut all = Vec::new();
    while all.len() < 3 {
        all.extend(reader.read());
    }
    assert!(reader.inbox.wakes() <= 3, "one wake-up a message at most");
    all.retain(|message| *message != 1);
    assert_eq!(all, [2, 3]);
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

/// Two threads do the same, with nobody reading in between.
fn twice(act: impl Fn() + Clone + Send + 'static) {
    let threads = [act.clone(), act].map(thread::spawn);
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

/// Who was woken and has not read is not woken again.
fn a_reader_is_woken_once() {
    let mut reader = Reader::new();
    let inbox = Arc::clone(&reader.inbox);
    twice(move || inbox.push(()));
    assert_eq!(reader.inbox.wakes(), 1);
    assert_eq!(reader.read().count(), 2);
}

/// A bell that has rung and was not heard is silent.
fn a_listener_is_told_once() {
    let (mut reader, bell) = (Reader::new(), Arc::new(Bell::new()));
    let inbox = Arc::clone(&reader.inbox);
    bell.listen(move || inbox.push(()));
    let ringing = Arc::clone(&bell);
    twice(move || ringing.ring());
    assert_eq!(reader.read().count(), 1);
    bell.ignore();
}

/// How a reader may treat a bell that has rung.
#[derive(Clone, Copy)]
enum Manners {
    HearsThenLooks,
    LooksThenHears,
}

/// A board grows twice while its listener comes and looks: it sees all of it, told or not.
fn growth_is_seen(manners: Manners) {
    const GROWTH: u64 = 2;
    let (tail, bell) = (Arc::new(Mutex::new(0)), Arc::new(Bell::new()));
    let mut reader = Reader::new();
    let writer = {
        let (tail, bell) = (Arc::clone(&tail), Arc::clone(&bell));
        thread::spawn(move || {
            for _ in 0..GROWTH {
                *tail.lock().unwrap() += 1;
                bell.ring();
            }
        })
    };
    let inbox = Arc::clone(&reader.inbox);
    bell.listen(move || inbox.push(()));
    let look = || *tail.lock().unwrap();
    let (mut seen, mut told) = (look(), 0);
    while seen < GROWTH {
        for () in reader.read() {
            told += 1;
            match manners {
                Manners::HearsThenLooks => {
                    bell.heard();
                    seen = look();
                }
                Manners::LooksThenHears => {
                    seen = look();
                    bell.heard();
                }
            }
        }
    }
    writer.join().unwrap();
    assert!(told <= GROWTH, "told once for what grew, at most");
    bell.ignore();
}

#[test]
fn in_every_order_each_message_arrives_and_none_waits_for_a_reader_that_sleeps() {
    loom::model(messages_arrive);
}

#[test]
fn in_every_order_whoever_listens_sees_what_has_grown() {
    loom::model(|| growth_is_seen(Manners::HearsThenLooks));
}

#[test]
fn in_every_order_nobody_is_woken_or_told_twice() {
    loom::model(a_reader_is_woken_once);
    loom::model(a_listener_is_told_once);
}

#[test]
#[should_panic(expected = "deadlock")]
fn an_inbox_that_wakes_its_reader_only_when_something_waited_already_is_found_out() {
    struct Armed;
    impl Drop for Armed {
        fn drop(&mut self) {
            disarm(Spot::InboxWakesLate);
        }
    }
    arm(Spot::InboxWakesLate, Harm::Always);
    let _armed = Armed;
    loom::model(messages_arrive);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_bell_that_counts_as_heard_only_after_the_look_is_found_out() {
    loom::model(|| growth_is_seen(Manners::LooksThenHears));
}
