//! Every order in which those who take rights away and the one thread that sends can meet in `cuts.rs`
//! and `leases.rs`, tried out by loom: the same files, compiled over its locks. Whoever waits for ever
//! is found as a deadlock. (Counted references are the standard library's, as in `waking.rs`.)

use crate::live::shard::{self, Token};
use crate::live::{Hangup, cuts as real};
use crate::sabotage::{Harm, Spot, arm, disarm};
use boardcast_core::access::{Access, Caller, Revocation};
use boardcast_core::model::{BoardId, SessionId, UserId};
use cuts::Cuts;
use leases::{Lease, Leases};
use loom::sync::atomic::AtomicBool;
use loom::sync::{Condvar, Mutex, MutexGuard, Notify};
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use waking::{Inbox, Wake};

#[path = "../cuts.rs"]
#[allow(
    clippy::duplicate_mod,
    unreachable_pub,
    reason = "the locks are others here"
)]
mod cuts;
#[path = "../leases.rs"]
#[allow(
    clippy::duplicate_mod,
    dead_code,
    unreachable_pub,
    reason = "the locks are others here"
)]
mod leases;
#[path = "../waking.rs"]
#[allow(clippy::duplicate_mod, dead_code, reason = "the locks are others here")]
mod waking;

/// A thread that sleeps until it is woken.
struct Sleeper(Arc<Notify>);

impl Wake for Sleeper {
    fn wake(&self) {
        self.0.notify();
    }
}

/// What the reactor hands to whoever takes rights away.
struct Knife {
    cuts: Arc<Cuts>,
    inbox: Arc<Inbox<(), Sleeper>>,
}

impl leases::Sender for Knife {
    fn cut(&self, watchers: Vec<Token>) {
        self.cuts.cut(watchers, || self.inbox.push(()));
    }
}

/// How the thread may treat what was ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manners {
    LooksThenJudges,
    JudgesThenLooks,
}

/// The reactor, as far as it concerns rights.
struct Reactor {
    leases: Arc<Leases>,
    cuts: Arc<Cuts>,
    inbox: Arc<Inbox<(), Sleeper>>,
    sleep: Arc<Notify>,
    manners: Manners,
    revoked: Vec<Token>,
}

impl Reactor {
    fn new(manners: Manners) -> Self {
        let sleep = Arc::new(Notify::new());
        let inbox = Arc::new(Inbox::new(Sleeper(Arc::clone(&sleep))));
        let (leases, cuts) = (Arc::<Leases>::default(), Arc::<Cuts>::default());
        leases.send_by(Arc::new(Knife {
            cuts: Arc::clone(&cuts),
            inbox: Arc::clone(&inbox),
        }));
        Self {
            leases,
            cuts,
            inbox,
            sleep,
            manners,
            revoked: Vec::new(),
        }
    }

    fn look(&mut self) {
        if self.cuts.are_pending() {
            self.revoked.extend(self.cuts.take());
        }
    }

    fn join(&mut self, client: &mut Client) {
        let lease = client.lease.take().expect("it joins once");
        if lease.join(client.watcher).is_err() {
            self.revoked.push(client.watcher);
        }
    }

    /// Sends something, unless it may not be: it was not answered before the send is over.
    fn send(&mut self, client: &Client) {
        if self.manners == Manners::LooksThenJudges {
            self.look();
        }
        let is_revoked = self.revoked.contains(&client.watcher);
        if self.manners == Manners::JudgesThenLooks {
            self.look();
        }
        let is_answered = || client.is_answered.load(Ordering::Acquire);
        assert!(is_revoked || !is_answered(), "sent after the answer");
    }

    /// Sleeps until it knows that somebody is to be sent nothing more.
    fn lose(&mut self, client: &Client) {
        while !self.revoked.contains(&client.watcher) {
            self.sleep.wait();
            self.inbox.empty_into(&mut Vec::new());
            self.look();
        }
        self.leases.left(client.watcher);
    }

    fn end(self) {
        self.cuts.close();
        self.leases.all_left();
    }
}

/// Somebody who watches, and will lose their session.
struct Client {
    watcher: Token,
    session_id: SessionId,
    /// Until it has joined.
    lease: Option<Lease>,
    /// Whoever took the session away was told that it is done.
    is_answered: Arc<AtomicBool>,
}

impl Client {
    fn new(slot: u32, leases: &Arc<Leases>) -> Self {
        let session_id = SessionId::parse(&format!("session-{slot}")).unwrap();
        let access = Access::of(Caller::Person {
            user_id: UserId::parse("ada").unwrap(),
            session_id: session_id.clone(),
        });
        let boards = vec![BoardId::parse("b").unwrap()];
        Self {
            watcher: Token { slot, turn: 0 },
            session_id,
            lease: Some(leases.take(&access, boards)),
            is_answered: Arc::default(),
        }
    }

    /// Another thread takes the session away, and says so.
    fn sign_out(&self, leases: &Arc<Leases>) -> thread::JoinHandle<()> {
        let revocation = Revocation::Session(self.session_id.clone());
        let (leases, is_answered) = (Arc::clone(leases), Arc::clone(&self.is_answered));
        thread::spawn(move || {
            leases.revoke(&[revocation]);
            is_answered.store(true, Ordering::Release);
        })
    }
}

/// A watcher joins, and is sent two things, while its session ends.
fn one_is_cut(manners: Manners) {
    let mut reactor = Reactor::new(manners);
    let mut client = Client::new(1, &reactor.leases);
    let signing_out = client.sign_out(&reactor.leases);
    reactor.join(&mut client);
    reactor.send(&client);
    reactor.send(&client);
    reactor.lose(&client);
    signing_out.join().unwrap();
    assert!(reactor.leases.are_forgotten(), "nothing is left");
}

/// Two sessions end at the same time, and their watchers are sent something each.
fn two_are_cut() {
    let mut reactor = Reactor::new(Manners::LooksThenJudges);
    let mut clients = [1, 2].map(|slot| Client::new(slot, &reactor.leases));
    for client in &mut clients {
        reactor.join(client);
    }
    let signing_out = clients
        .each_ref()
        .map(|client| client.sign_out(&reactor.leases));
    clients.iter().for_each(|client| reactor.send(client));
    clients.iter().for_each(|client| reactor.lose(client));
    for thread in signing_out {
        thread.join().unwrap();
    }
    assert!(reactor.leases.are_forgotten(), "nothing is left");
}

/// A session ends while the thread does.
fn nobody_waits_for_one_who_has_ended() {
    let mut reactor = Reactor::new(Manners::LooksThenJudges);
    let mut client = Client::new(1, &reactor.leases);
    let signing_out = client.sign_out(&reactor.leases);
    reactor.join(&mut client);
    reactor.send(&client);
    reactor.end();
    signing_out.join().unwrap();
}

/// A mistake, as long as this lives.
struct Armed(Spot);

impl Armed {
    fn with(spot: Spot) -> Self {
        arm(spot, Harm::Always);
        Self(spot)
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        disarm(self.0);
    }
}

#[test]
fn what_is_ordered_is_taken_once() {
    let watcher = |slot| Token { slot, turn: 0 };
    let cuts = real::Cuts::default();
    assert!(!cuts.are_pending());
    cuts.order(vec![watcher(1)]);
    cuts.order(vec![watcher(2), watcher(3)]);
    assert!(cuts.are_pending());
    assert_eq!(cuts.take(), [1, 2, 3].map(watcher));
    assert!(!cuts.are_pending());
    assert_eq!(cuts.take(), []);
}

#[test]
fn in_every_order_nothing_is_sent_after_the_answer_and_nobody_waits_for_ever() {
    loom::model(|| one_is_cut(Manners::LooksThenJudges));
}

#[test]
fn two_are_cut_at_the_same_time() {
    // Not in every order: with three threads there are millions.
    let mut few = loom::model::Builder::new();
    few.preemption_bound = Some(2);
    few.check(two_are_cut);
}

#[test]
fn in_every_order_nobody_waits_for_a_thread_that_ends() {
    loom::model(nobody_waits_for_one_who_has_ended);
}

#[test]
#[should_panic(expected = "sent after the answer")]
fn a_thread_that_judges_before_it_looks_is_found_out() {
    loom::model(|| one_is_cut(Manners::JudgesThenLooks));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_thread_that_does_not_look_is_found_out() {
    let _armed = Armed::with(Spot::CutsIgnored);
    loom::model(|| one_is_cut(Manners::LooksThenJudges));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_lease_that_is_not_looked_at_when_it_changes_hands_is_found_out() {
    let _armed = Armed::with(Spot::LeaseForgottenInJoin);
    loom::model(|| one_is_cut(Manners::LooksThenJudges));
}
