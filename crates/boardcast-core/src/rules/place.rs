//! Where a thing goes among its siblings: the gap that a slot names, the rank inside it, and, when a
//! rank would pass its bound, which crowded run of siblings is spaced out to make room.

use super::{Fault, Stopped, View};
use crate::model::{BoardId, ListId};
use crate::protocol::{Refusal, Slot};
use crate::rank::Rank;
use std::collections::VecDeque;
use std::iter;

/// Things that are ordered among each other.
#[derive(Clone, Copy, Debug)]
pub enum Family<'a> {
    /// A board's lists.
    Lists(&'a BoardId),
    /// A list's tasks.
    Tasks(&'a ListId),
}

/// Which sibling is looked for.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// The first one.
    First,
    /// The last one.
    Last,
    /// The one at this index.
    Nth(u64),
    /// The last one below a rank.
    Below(&'a Rank),
    /// The first one above a rank.
    Above(&'a Rank),
    /// The one with exactly this rank.
    At(&'a Rank),
    /// The one with this id.
    Member(&'a str),
}

/// A thing among others, by id and rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub rank: Rank,
}

/// Where a thing shall stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Its rank.
    pub rank: Rank,
    /// Siblings that get another rank first. In this order no two of them ever share a rank or
    /// change places.
    pub respaced: Vec<Sibling>,
}

/// Finds the place that a slot names. `moved` is the thing itself, if it stands in this family
/// already. `None`: it stands there now.
pub fn place<Id: AsRef<str>>(
    view: &impl View,
    family: Family<'_>,
    slot: &Slot<Id>,
    moved: Option<&Sibling>,
) -> Result<Option<Placement>, Stopped> {
    let siblings = Siblings {
        view,
        family,
        moved,
    };
    if let (Slot::Before(id) | Slot::After(id), Some(moved)) = (slot, moved)
        && id.as_ref() == moved.id
    {
        return Ok(None);
    }
    let (below, above) = siblings.gap(slot)?;
    if moved.is_some_and(|moved| is_between(&moved.rank, below.as_ref(), above.as_ref())) {
        return Ok(None);
    }
    match Rank::between(rank_of(below.as_ref()), rank_of(above.as_ref())) {
        Some(rank) => Ok(Some(Placement {
            rank,
            respaced: Vec::new(),
        })),
        None => Ok(Some(siblings.respace(below, above)?)),
    }
}

/// Finds the place of a thing that comes back: where it stood, or else right after the sibling that
/// stands there now.
pub fn place_again(
    view: &impl View,
    family: Family<'_>,
    rank: &Rank,
) -> Result<Placement, Stopped> {
    match view.sibling(family, Place::At(rank), None)? {
        None => Ok(Placement {
            rank: rank.clone(),
            respaced: Vec::new(),
        }),
        Some(holder) => {
            let placement = place(view, family, &Slot::After(holder.id), None)?;
            Ok(placement.expect("a thing that comes back doesn't stay"))
        }
    }
}

/// A family as seen by one thing that is being placed in it.
struct Siblings<'a, V> {
    view: &'a V,
    family: Family<'a>,
    moved: Option<&'a Sibling>,
}

impl<V: View> Siblings<'_, V> {
    fn at(&self, place: Place<'_>) -> Result<Option<Sibling>, Fault> {
        self.view.sibling(
            self.family,
            place,
            self.moved.map(|moved| moved.id.as_str()),
        )
    }

    fn below(&self, rank: &Rank) -> Result<Option<Sibling>, Fault> {
        self.at(Place::Below(rank))
    }

    fn above(&self, rank: &Rank) -> Result<Option<Sibling>, Fault> {
        self.at(Place::Above(rank))
    }

    fn gap<Id: AsRef<str>>(
        &self,
        slot: &Slot<Id>,
    ) -> Result<(Option<Sibling>, Option<Sibling>), Stopped> {
        let neighbour = |id: &Id, field| {
            self.at(Place::Member(id.as_ref()))?
                .ok_or(Stopped::Refused(Refusal::NeighbourGone { field }))
        };
        Ok(match slot {
            Slot::Top => (None, self.at(Place::First)?),
            Slot::Bottom => (self.at(Place::Last)?, None),
            Slot::Index(index) => match self.at(Place::Nth(*index))? {
                Some(above) => (self.below(&above.rank)?, Some(above)),
                None => (self.at(Place::Last)?, None),
            },
            Slot::Before(id) => {
                let above = neighbour(id, "before")?;
                (self.below(&above.rank)?, Some(above))
            }
            Slot::After(id) => {
                let below = neighbour(id, "after")?;
                let above = self.above(&below.rank)?;
                (Some(below), above)
            }
        })
    }

    /// Makes room in a gap that has none: the smallest of the [`runs`] around it that fits between
    /// its own neighbours is spread out evenly.
    fn respace(&self, below: Option<Sibling>, above: Option<Sibling>) -> Result<Placement, Fault> {
        let mut run = Run {
            siblings: VecDeque::new(),
            new_at: 0,
            below,
            above,
        };
        for (siblings, chars_max) in runs() {
            self.widen(&mut run, siblings)?;
            if let Some(ranks) = self.spread(&run, chars_max) {
                return Ok(run.respaced(ranks));
            }
            assert!(
                run.siblings.len() >= siblings,
                "all siblings together fit with short ranks"
            );
        }
        unreachable!("no family is that large");
    }

    fn widen(&self, run: &mut Run, wanted: usize) -> Result<(), Fault> {
        while run.siblings.len() < wanted && (run.below.is_some() || run.above.is_some()) {
            if let Some(sibling) = run.below.take() {
                run.below = self.below(&sibling.rank)?;
                run.siblings.push_front(sibling);
                run.new_at += 1;
            }
            if let Some(sibling) = run.above.take() {
                run.above = self.above(&sibling.rank)?;
                run.siblings.push_back(sibling);
            }
        }
        Ok(())
    }

    /// Ranks for the run and the new thing in it, none of them the one that the moved thing still
    /// has.
    fn spread(&self, run: &Run, chars_max: usize) -> Option<Vec<Rank>> {
        let (below, above) = (rank_of(run.below.as_ref()), rank_of(run.above.as_ref()));
        let count = run.siblings.len() + 1;
        let ranks = Rank::spread(below, above, count, chars_max)?;
        let Some(taken) = self
            .moved
            .map(|moved| &moved.rank)
            .filter(|rank| ranks.contains(rank))
        else {
            return Some(ranks);
        };
        let mut ranks = Rank::spread(below, above, count + 1, chars_max)?;
        let spare = ranks.iter().position(|rank| rank == taken).unwrap_or(count);
        ranks.remove(spare);
        Some(ranks)
    }
}

/// Neighbouring siblings, the gap among them, and who stands around them.
struct Run {
    siblings: VecDeque<Sibling>,
    new_at: usize,
    below: Option<Sibling>,
    above: Option<Sibling>,
}

impl Run {
    /// Gives the ranks out. Those that go up are moved from the top down, then those that go down
    /// from the bottom up: so each passes only through room that is free at that moment.
    fn respaced(self, mut ranks: Vec<Rank>) -> Placement {
        let rank = ranks.remove(self.new_at);
        let changed: Vec<_> = self
            .siblings
            .into_iter()
            .zip(ranks)
            .filter(|(old, rank)| old.rank != *rank)
            .collect();
        let (up, down): (Vec<_>, Vec<_>) = changed
            .into_iter()
            .partition(|(old, rank)| *rank > old.rank);
        let respaced = up
            .into_iter()
            .rev()
            .chain(down)
            .map(|(old, rank)| Sibling { id: old.id, rank })
            .collect();
        Placement { rank, respaced }
    }
}

/// How many siblings are re-spaced together, smallest first, and how long their ranks may be.
///
/// A few siblings do where there is much room around them, which is so in nearly every list. Where
/// that has been used up, the run reaches past the crowd at once: some 370 inserts into one gap fill
/// a rank, so 512 siblings take in all that came since the last time, and little of the room outside
/// is spent. Runs between the two would leave the crowd standing: the worst pattern of inserts into one
/// gap would have a whole list re-spaced after 5,000 of them, not after 30,000 as it is (counted in
/// `tests/rules/ranks.rs`).
fn runs() -> impl Iterator<Item = (usize, usize)> {
    let few = (8, 20);
    let many = (0..8).map(|doublings| (512 << doublings, 40 - doublings));
    iter::once(few).chain(many)
}

fn rank_of(sibling: Option<&Sibling>) -> Option<&Rank> {
    sibling.map(|sibling| &sibling.rank)
}

fn is_between(rank: &Rank, below: Option<&Sibling>, above: Option<&Sibling>) -> bool {
    below.is_none_or(|below| below.rank < *rank) && above.is_none_or(|above| *rank < above.rank)
}
