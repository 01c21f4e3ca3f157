//! Every lease is found by all that can be revoked of it, by nothing else, and not after it is gone.

use super::{place, segment};
use crate::live::hub::{Hub, Tail};
use crate::live::leases::Sender;
use crate::live::shard::Token;
use crate::live::{Hangup, Lease, Leases, Revoked, publish};
use crate::sabotage::{Harm, Spot, arm, disarm};
use boardcast_core::access::{Access, Caller, Revocation, Scope};
use boardcast_core::cursor::Cursor;
use boardcast_core::model::{BoardId, SessionId, TokenId, UserId};
use boardcast_sim::random::Random;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// Remembers who was cut.
#[derive(Default)]
struct Knife(Mutex<Vec<Token>>);

impl Sender for Knife {
    fn cut(&self, watchers: Vec<Token>) {
        self.0.lock().unwrap().extend(watchers);
    }
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn session(name: &str) -> SessionId {
    SessionId::parse(name).unwrap()
}

fn board(name: &str) -> BoardId {
    BoardId::parse(name).unwrap()
}

fn boards(names: &[&str]) -> Vec<BoardId> {
    names.iter().map(|name| board(name)).collect()
}

fn person(user_id: &str, session_id: &str) -> Access {
    Access::of(Caller::Person {
        user_id: user(user_id),
        session_id: session(session_id),
    })
}

fn program(user_id: &str, token_id: &str) -> Access {
    Access::of(Caller::Token {
        user_id: user(user_id),
        token_id: TokenId::parse(token_id).unwrap(),
        scope: Scope::Read,
    })
}

fn watcher(slot: u32) -> Token {
    Token { slot, turn: 0 }
}

#[test]
fn a_lease_ends_with_the_person_the_session_the_board_and_with_no_others() {
    let ended_by = |revocation| {
        let leases = Arc::<Leases>::default();
        let lease = leases.take(&person("ada", "phone"), boards(&["b"]));
        leases.revoke(&[revocation]);
        lease.look().is_err()
    };
    assert!(ended_by(Revocation::Everyone));
    assert!(ended_by(Revocation::User(user("ada"))));
    assert!(ended_by(Revocation::Session(session("phone"))));
    assert!(ended_by(Revocation::Member(user("ada"), board("b"))));
    assert!(!ended_by(Revocation::User(user("bob"))));
    assert!(!ended_by(Revocation::Session(session("laptop"))));
    assert!(!ended_by(Revocation::Token(
        TokenId::parse("phone").unwrap()
    )));
    assert!(!ended_by(Revocation::Member(user("ada"), board("c"))));
    assert!(!ended_by(Revocation::Member(user("bob"), board("b"))));
}

#[test]
fn of_several_boards_one_can_be_lost_and_is_told_once() {
    let leases = Arc::<Leases>::default();
    let lease = leases.take(&person("ada", "phone"), boards(&["a", "b", "c"]));
    let lose = |name| leases.revoke(&[Revocation::Member(user("ada"), board(name))]);
    lose("b");
    lose("b");
    assert_eq!(lease.check(), Ok(()));
    assert_eq!(lease.look(), Ok(boards(&["b"])));
    assert!(!lease.has_news());
    lose("a");
    lose("c");
    assert_eq!(lease.look(), Ok(boards(&["a", "c"])));
    leases.revoke(&[Revocation::User(user("ada"))]);
    assert_eq!(
        (lease.check(), lease.look()),
        (Err(Revoked), Err(Revoked)),
        "and so it stays"
    );
    assert_eq!(lease.look(), Err(Revoked));
}

#[test]
fn a_lease_that_was_lost_before_it_was_passed_on_is_passed_to_nobody() {
    let leases = Arc::<Leases>::default();
    let cut = Arc::<Knife>::default();
    leases.send_by(Arc::clone(&cut) as Arc<dyn Sender>);
    let hangup = Hangup::of_reader();
    for joins in [false, true] {
        let lease = leases.take(&person("ada", "phone"), boards(&["b"]));
        leases.revoke(&[Revocation::User(user("ada"))]);
        let passed = match joins {
            true => lease.join(watcher(1)),
            false => {
                lease.begin(&hangup);
                lease.look().map(|_| ())
            }
        };
        assert_eq!(passed, Err(Revoked));
    }
    assert!(leases.is_empty());
    let lease = leases.take(&person("ada", "phone"), boards(&["b"]));
    lease.join(watcher(2)).unwrap();
    leases.revoke(&[Revocation::User(user("ada"))]);
    assert_eq!(*cut.0.lock().unwrap(), [watcher(2)]);
    leases.left(watcher(2));
    assert!(leases.is_empty());
}

#[test]
fn once_accounts_are_on_nobody_is_sent_anything_without_one() {
    let leases = Arc::<Leases>::default();
    let before = leases.take(&Access::open(), boards(&["b"]));
    leases.revoke(&[Revocation::Everyone]);
    let after = leases.take(&Access::open(), boards(&["b"]));
    assert_eq!((before.look(), after.look()), (Err(Revoked), Err(Revoked)));
    let signed_in = leases.take(&person("ada", "phone"), boards(&["b"]));
    assert_eq!(signed_in.look(), Ok(Vec::new()));
}

#[tokio::test]
async fn whoever_waits_learns_of_a_loss_before_and_during_the_wait() {
    let leases = Arc::<Leases>::default();
    let lease = leases.take(&person("ada", "phone"), boards(&["a", "b"]));
    leases.revoke(&[Revocation::Member(user("ada"), board("a"))]);
    lease.news().await;
    lease.look().unwrap();
    let revoked = async { leases.revoke(&[Revocation::User(user("ada"))]) };
    tokio::join!(lease.news(), revoked);
    assert_eq!(lease.look(), Err(Revoked));
}

/// A lease as a list would have it.
struct Known {
    access: Access,
    boards: Vec<BoardId>,
    held: Held,
    is_over: bool,
    lost: BTreeSet<BoardId>,
}

enum Held {
    Lease(Lease),
    Watcher(Token),
}

impl Known {
    fn lose(&mut self, revocation: &Revocation) {
        let caller = self.access.caller();
        let ends = match revocation {
            Revocation::Everyone => true,
            Revocation::User(lost) => self.access.user_id() == Some(lost),
            Revocation::Session(lost) => {
                matches!(caller, Caller::Person { session_id, .. } if session_id == lost)
            }
            Revocation::Token(lost) => {
                matches!(caller, Caller::Token { token_id, .. } if token_id == lost)
            }
            Revocation::Member(lost, board_id) => {
                let is_its = self.access.user_id() == Some(lost) && self.boards.contains(board_id);
                if is_its && self.boards.len() > 1 {
                    self.lost.insert(board_id.clone());
                }
                is_its && self.boards.len() == 1
            }
        };
        self.is_over |= ends;
    }
}

/// Against a list that is searched from end to end.
#[test]
fn whatever_comes_goes_and_is_revoked_exactly_those_are_cut_and_nothing_stays() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let leases = Arc::<Leases>::default();
        let cut = Arc::<Knife>::default();
        leases.send_by(Arc::clone(&cut) as Arc<dyn Sender>);
        let mut known: Vec<Known> = Vec::new();
        let mut slots = 0;
        for _ in 0..120 {
            match random.below(10) {
                0..5 => {
                    let (who, by) = (random.below(3), random.below(3));
                    let access = match random.below(7) {
                        0 => Access::open(),
                        1..3 => program(&format!("user-{who}"), &format!("{who}-{by}")),
                        _ => person(&format!("user-{who}"), &format!("{who}-{by}")),
                    };
                    let mut boards = boards(&["a", "b", "c"]);
                    boards.retain(|_| !random.one_in(2));
                    let lease = leases.take(&access, boards.clone());
                    assert_eq!(lease.check(), Ok(()), "seed {seed}");
                    let held = match boards.len() {
                        1 if random.one_in(2) => {
                            slots += 1;
                            lease.join(watcher(slots)).unwrap();
                            Held::Watcher(watcher(slots))
                        }
                        _ => Held::Lease(lease),
                    };
                    known.push(Known {
                        access,
                        boards,
                        held,
                        is_over: false,
                        lost: BTreeSet::new(),
                    });
                }
                5..8 if !known.is_empty() => {
                    let at = random.below(known.len() as u64) as usize;
                    if let Held::Watcher(token) = known.swap_remove(at).held {
                        leases.left(token);
                    }
                }
                _ => {
                    let (who, by) = (random.below(3), random.below(3));
                    let revocation = match random.below(4) {
                        0 => Revocation::User(user(&format!("user-{who}"))),
                        1 => Revocation::Session(session(&format!("{who}-{by}"))),
                        2 => Revocation::Token(TokenId::parse(&format!("{who}-{by}")).unwrap()),
                        _ => {
                            let board_id = board(["a", "b", "c"][random.below(3) as usize]);
                            Revocation::Member(user(&format!("user-{who}")), board_id)
                        }
                    };
                    leases.revoke(std::slice::from_ref(&revocation));
                    known.iter_mut().for_each(|one| one.lose(&revocation));
                    check(&mut known, &cut, seed);
                }
            }
            assert_eq!(leases.len(), known.len(), "seed {seed}");
        }
        if random.one_in(2) {
            leases.revoke(&[Revocation::Everyone]);
            for one in &mut known {
                one.lose(&Revocation::Everyone);
            }
            check(&mut known, &cut, seed);
        }
        known.retain(|one| matches!(one.held, Held::Watcher(_)));
        leases.all_left();
        assert!(leases.are_forgotten(), "seed {seed}: an entry is left");
    }
}

/// Those that ended are gone from the list; everyone else goes on.
fn check(known: &mut Vec<Known>, cut: &Knife, seed: u64) {
    let cut = std::mem::take(&mut *cut.0.lock().unwrap());
    let mut wrong = Vec::new();
    for one in known.iter_mut() {
        let is_right = match &one.held {
            Held::Watcher(token) => cut.contains(token) == one.is_over,
            Held::Lease(lease) => match lease.look() {
                Err(Revoked) => one.is_over,
                Ok(lost) => {
                    let lost: BTreeSet<_> = lost.into_iter().collect();
                    !one.is_over && lost == std::mem::take(&mut one.lost)
                }
            },
        };
        if !is_right {
            wrong.push(one.access.clone());
        }
    }
    assert_eq!(wrong, [], "seed {seed}");
    // As their streams end: the lease is dropped, the watcher leaves with the next check of lengths.
    known.retain(|one| !one.is_over || matches!(one.held, Held::Watcher(_)));
    for one in known.iter_mut() {
        one.is_over = false;
    }
}

/// Notes where a board's tail stood when it was told to cut.
struct Witness {
    hub: Arc<Hub>,
    head_then: Mutex<Vec<Option<Cursor>>>,
}

impl Sender for Witness {
    fn cut(&self, _: Vec<Token>) {
        let head = self
            .hub
            .attach(crate::live::tests::board())
            .peek(Tail::head);
        self.head_then.lock().unwrap().push(head);
    }
}

/// The heads that the tail had when watchers were cut, in two commits that took rights away.
fn heads_when_cut() -> Vec<Option<Cursor>> {
    let hub = Arc::new(Hub::new(0));
    let leases = Arc::<Leases>::default();
    let witness = Arc::new(Witness {
        hub: Arc::clone(&hub),
        head_then: Mutex::default(),
    });
    leases.send_by(Arc::clone(&witness) as Arc<dyn Sender>);
    let _seat = hub.attach(crate::live::tests::board());
    for seq in 1..=2 {
        let lease = leases.take(&person("ada", "phone"), boards(&["board-1"]));
        lease.join(watcher(seq as u32)).unwrap();
        let lost = [Revocation::User(user("ada"))];
        publish(&leases, &hub, &lost, vec![segment(seq..=seq)]);
    }
    let heads = witness.head_then.lock().unwrap();
    heads.clone()
}

#[test]
fn who_loses_their_rights_in_a_commit_is_cut_before_it_is_shown() {
    assert_eq!(heads_when_cut(), [None, Some(place(1))]);
    arm(Spot::RevokedLate, Harm::Always);
    let late = heads_when_cut();
    disarm(Spot::RevokedLate);
    assert_eq!(
        late,
        [Some(place(1)), Some(place(2))],
        "the test would see it"
    );
}
