//! Who is being sent what they may see, so that it ends when they may no longer (I9).
//!
//! Whoever is sent anything over time holds a [`Lease`], and takes it *before* its rights are read. So
//! no loss is missed: one that was committed before the rights were read is seen by that read; any
//! later one is handed to [`Leases::revoke`] after its commit, and finds the lease. (It is the order
//! of [`super::hub`]: attach, then read the head.)
//!
//! When `revoke` returns nothing more is sent to those that it cut. A lease is cut under the same lock
//! under which it changes hands, from a request to a body and from there to whoever has the sockets,
//! so at no moment it is between two of them and found by none. All orders in which threads can meet
//! here are tried, as in [`super::cuts`].

use super::shard::Token;
use super::{AtomicBool, Hangup, Mutex, MutexGuard};
use crate::sabotage::{self, Spot};
use boardcast_core::access::{Access, Caller, Revocation};
use boardcast_core::model::{BoardId, SessionId, TokenId, UserId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError};
use tokio::sync::Notify;

/// All leases: as many as there are streams, and requests that wait for an event.
#[derive(Default)]
pub struct Leases {
    registry: Mutex<Registry>,
    sender: OnceLock<Arc<dyn Sender>>,
}

/// Sends to watchers by itself, once their leases have joined it.
pub trait Sender: Send + Sync {
    /// From the return on it sends nothing more to these.
    fn cut(&self, watchers: Vec<Token>);
}

/// The right to be sent something; dropping it is leaving.
pub struct Lease {
    leases: Arc<Leases>,
    /// None once a watcher has it.
    number: Option<u64>,
    stake: Arc<Stake>,
}

/// The holder's rights, or what the stream stands on, are gone: nothing more may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the right to see this was taken away")]
pub struct Revoked;

/// What the holder of a lease and whoever revokes share.
#[derive(Default)]
struct Stake {
    /// Something was lost that the holder hasn't looked at.
    has_news: AtomicBool,
    loss: Mutex<Loss>,
    news: Notify,
}

#[derive(Default)]
struct Loss {
    is_all: bool,
    /// Boards of several, while others remain.
    boards: Vec<BoardId>,
    /// Of the connection, once something of the stream may have gone out on it.
    hangup: Option<Hangup>,
}

#[derive(Default)]
struct Registry {
    next: u64,
    /// Held by requests and bodies.
    streams: BTreeMap<u64, (Option<Box<Holder>>, Arc<Stake>)>,
    /// Held by watchers of the sender.
    watchers: BTreeMap<Token, Option<Box<Holder>>>,
    /// Everyone with an account, by all that may be revoked.
    index: BTreeSet<(Key, Name)>,
    /// Accounts are on: what open mode granted is worth nothing, whoever comes with it.
    open_mode_is_over: bool,
}

/// Somebody with an account, and the boards that they are sent.
struct Holder {
    keys: [Key; 2],
    boards: Box<[BoardId]>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    User(UserId),
    Session(SessionId),
    Token(TokenId),
}

/// Which lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Stream(u64),
    Watcher(Token),
}

/// What a revocation comes to, to be done once nobody waits for the registry.
#[derive(Default)]
struct Cut {
    hangups: Vec<(Hangup, Reach)>,
    watchers: Vec<Token>,
}

/// How much of a connection ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    All,
    /// What was handed over and may still be on its way inside the program.
    Waiting,
}

impl Leases {
    /// Who sends by itself; named once, before anybody joins it.
    pub fn send_by(&self, sender: Arc<dyn Sender>) {
        let is_first = self.sender.set(sender).is_ok();
        assert!(is_first, "watchers have one sender");
    }

    /// Registers somebody who wants to be sent what happens on these boards. What they may is read
    /// after this.
    pub fn take(self: &Arc<Self>, access: &Access, boards: Vec<BoardId>) -> Lease {
        let holder = Holder::of(access, boards).map(Box::new);
        let stake = Arc::<Stake>::default();
        let mut registry = self.registry();
        if registry.open_mode_is_over && *access.caller() == Caller::Open {
            stake.lose_all();
        }
        registry.next += 1;
        let number = registry.next;
        registry.enter(holder.as_deref(), Name::Stream(number));
        registry
            .streams
            .insert(number, (holder, Arc::clone(&stake)));
        Lease {
            leases: Arc::clone(self),
            number: Some(number),
            stake,
        }
    }

    /// Takes rights away. Called after the commit that did it, and before anybody is shown or told
    /// anything of that commit. On return nobody who lost their rights is sent anything more. Waits
    /// for a send that the kernel is being handed right now, and never for a slow reader: no send
    /// waits for room.
    pub fn revoke(&self, revocations: &[Revocation]) {
        let mut cut = Cut::default();
        if !revocations.is_empty() {
            let mut registry = self.registry();
            for revocation in revocations {
                registry.revoke(revocation, &mut cut);
            }
        }
        // Those who hand bytes over may hold their own locks when they come to the registry, so it is
        // let go of before anybody waits for those.
        for (hangup, reach) in cut.hangups {
            match reach {
                Reach::All => hangup.hang_up(),
                Reach::Waiting => hangup.hang_up_if_bytes_wait(),
            }
        }
        if !cut.watchers.is_empty() {
            let sender = self.sender.get().expect("whoever joined has a sender");
            sender.cut(cut.watchers);
        }
    }

    /// A watcher has left its sender.
    pub fn left(&self, watcher: Token) {
        let mut registry = self.registry();
        if let Some(holder) = registry.watchers.remove(&watcher) {
            registry.leave(holder.as_deref(), Name::Watcher(watcher));
        }
    }

    /// The sender has ended, and all its watchers with it.
    pub fn all_left(&self) {
        let mut registry = self.registry();
        for (watcher, holder) in std::mem::take(&mut registry.watchers) {
            registry.leave(holder.as_deref(), Name::Watcher(watcher));
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let registry = self.registry();
        registry.streams.len() + registry.watchers.len()
    }

    /// Whether nobody is sent anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing of anybody is left.
    #[cfg(test)]
    pub(super) fn are_forgotten(&self) -> bool {
        self.is_empty() && self.registry().index.is_empty()
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holder {
    /// None for whoever has no account: only [`Revocation::Everyone`] concerns them.
    fn of(access: &Access, boards: Vec<BoardId>) -> Option<Self> {
        let keys = match access.caller() {
            Caller::Open | Caller::Nobody | Caller::Operator => return None,
            Caller::Person {
                user_id,
                session_id,
            } => [Key::User(user_id.clone()), Key::Session(session_id.clone())],
            Caller::Token {
                user_id, token_id, ..
            } => [Key::User(user_id.clone()), Key::Token(token_id.clone())],
        };
        let boards = boards.into();
        Some(Self { keys, boards })
    }
}

impl Registry {
    fn enter(&mut self, holder: Option<&Holder>, name: Name) {
        for key in holder.iter().flat_map(|holder| &holder.keys) {
            self.index.insert((key.clone(), name));
        }
    }

    fn leave(&mut self, holder: Option<&Holder>, name: Name) {
        for key in holder.iter().flat_map(|holder| &holder.keys) {
            self.index.remove(&(key.clone(), name));
        }
    }

    fn revoke(&mut self, revocation: &Revocation, cut: &mut Cut) {
        let key = match revocation {
            Revocation::Everyone => {
                self.open_mode_is_over = true;
                if sabotage::hits(Spot::OpenModeGoesOn) {
                    return;
                }
                self.streams
                    .values()
                    .for_each(|(_, stake)| cut.all_of(stake));
                return cut.watchers.extend(self.watchers.keys());
            }
            Revocation::User(user_id) => Key::User(user_id.clone()),
            Revocation::Session(session_id) => Key::Session(session_id.clone()),
            Revocation::Token(token_id) => Key::Token(token_id.clone()),
            Revocation::Member(user_id, board_id) => {
                return self.revoke_board(user_id, board_id, cut);
            }
        };
        let forgets = matches!(key, Key::Session(_)) && sabotage::hits(Spot::StreamForgotten);
        let names_max = if forgets { 1 } else { usize::MAX };
        for name in self.names(key).take(names_max) {
            self.cut_whole(name, cut);
        }
    }

    fn revoke_board(&self, user_id: &UserId, board_id: &BoardId, cut: &mut Cut) {
        for name in self.names(Key::User(user_id.clone())) {
            let holder = match name {
                Name::Stream(number) => &self.streams[&number].0,
                Name::Watcher(token) => &self.watchers[&token],
            };
            let boards = holder.as_ref().map_or(&[][..], |holder| &*holder.boards);
            match name {
                _ if !boards.contains(board_id) => {}
                Name::Stream(number) if boards.len() > 1 => {
                    cut.one_of(&self.streams[&number].1, board_id);
                }
                _ => self.cut_whole(name, cut),
            }
        }
    }

    fn cut_whole(&self, name: Name, cut: &mut Cut) {
        match name {
            Name::Stream(_) if sabotage::hits(Spot::BodyNotCut) => {}
            Name::Stream(number) => cut.all_of(&self.streams[&number].1),
            Name::Watcher(token) => cut.watchers.push(token),
        }
    }

    fn names(&self, key: Key) -> impl Iterator<Item = Name> {
        const FIRST: Token = Token { slot: 0, turn: 0 };
        const LAST: Token = Token {
            slot: u32::MAX,
            turn: u32::MAX,
        };
        debug_assert!(Name::Stream(u64::MAX) < Name::Watcher(FIRST));
        let last = (key.clone(), Name::Watcher(LAST));
        let found = self.index.range((key, Name::Stream(0))..=last);
        found.map(|(_, name)| *name)
    }
}

impl Cut {
    fn all_of(&mut self, stake: &Stake) {
        let hangup = stake.lose_all();
        self.hangups
            .extend(hangup.map(|hangup| (hangup, Reach::All)));
    }

    fn one_of(&mut self, stake: &Stake, board_id: &BoardId) {
        let hangup = stake.lose(board_id);
        self.hangups
            .extend(hangup.map(|hangup| (hangup, Reach::Waiting)));
    }
}

impl Stake {
    fn lose_all(&self) -> Option<Hangup> {
        let mut loss = self.loss();
        loss.is_all = true;
        self.tell(&loss)
    }

    fn lose(&self, board_id: &BoardId) -> Option<Hangup> {
        let mut loss = self.loss();
        if !loss.boards.contains(board_id) {
            loss.boards.push(board_id.clone());
        }
        self.tell(&loss)
    }

    fn tell(&self, loss: &Loss) -> Option<Hangup> {
        self.has_news.store(true, Ordering::Release);
        self.news.notify_one();
        loss.hangup.clone()
    }

    fn loss(&self) -> MutexGuard<'_, Loss> {
        self.loss.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Whether something was lost since the last look.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.stake.has_news.load(Ordering::Acquire)
    }

    /// Returns once something was lost that was not looked at.
    pub async fn news(&self) {
        while !self.has_news() {
            self.stake.news.notified().await;
        }
    }

    /// The boards that were lost since the last look, where others remain.
    pub fn look(&self) -> Result<Vec<BoardId>, Revoked> {
        if !self.has_news() {
            return Ok(Vec::new());
        }
        let mut loss = self.stake.loss();
        if loss.is_all {
            return Err(Revoked);
        }
        self.stake.has_news.store(false, Ordering::Relaxed);
        Ok(std::mem::take(&mut loss.boards))
    }

    /// Whether the holder has anything left.
    pub fn check(&self) -> Result<(), Revoked> {
        let is_lost = self.has_news() && self.stake.loss().is_all;
        (!is_lost).then_some(()).ok_or(Revoked)
    }

    /// From now on something may go out on a connection, which ends with the lease's rights. What was
    /// lost before this is told by a look after it.
    pub fn begin(&self, hangup: &Hangup) {
        self.stake.loss().hangup = Some(hangup.clone());
    }

    /// Passes to a watcher of the sender's, which says with [`Leases::left`] when it has gone. Must be
    /// called by the sender itself, between two sends: what is revoked from now on is its to cut.
    pub fn join(mut self, watcher: Token) -> Result<(), Revoked> {
        let mut registry = self.leases.registry();
        if self.has_news() && !sabotage::hits(Spot::LeaseForgottenInJoin) {
            return Err(Revoked);
        }
        let number = self.number.take().expect("it passes once");
        let (holder, _) = registry.streams.remove(&number).expect("it is held");
        registry.leave(holder.as_deref(), Name::Stream(number));
        registry.enter(holder.as_deref(), Name::Watcher(watcher));
        registry.watchers.insert(watcher, holder);
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut registry = self.leases.registry();
        let (holder, _) = registry.streams.remove(&number).expect("it is held");
        registry.leave(holder.as_deref(), Name::Stream(number));
    }
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leases").finish_non_exhaustive()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}
