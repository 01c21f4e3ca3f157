//! Ranks under adversarial inserts and moves: order is always as asked, ranks stay unique and short,
//! and re-spacing stays rare and small. Everything here is counted, so the same numbers come out on
//! every machine.

use boardcast_core::access::{Access, Rights, Role, Standing};
use boardcast_core::limits::{RANK_CHARS_MAX, TASKS_PER_BOARD_MAX};
use boardcast_core::model::{Board, BoardId, List, ListId, Task, TaskId};
use boardcast_core::protocol::{Kind, Slot};
use boardcast_core::rank::Rank;
use boardcast_core::rules::place::{Family, Place, Sibling, place};
use boardcast_core::rules::{Birth, Fault, View};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

const TURNS: usize = 100_000;
/// The most siblings re-spaced at once, until tens of thousands came and went in one gap.
const MANY: usize = 512;
/// Stands in the middle of a full list.
const MIDDLE: usize = TASKS_PER_BOARD_MAX / 2;

/// One family of siblings, numbered in the order in which they came, with an index by rank.
struct Row {
    by_rank: BTreeMap<Rank, usize>,
    ranks: Vec<Option<Rank>>,
    living: Vec<usize>,
    random: u64,
    cost: Cost,
}

/// What placing cost so far.
#[derive(Debug, Default)]
struct Cost {
    /// Things placed.
    placed: usize,
    /// Siblings that got another rank for it.
    respaced: usize,
    /// The most siblings that one placement re-spaced.
    largest: usize,
    /// Placements before the first that re-spaced more than [`MANY`]; none did if absent.
    calm: Option<usize>,
    /// The longest rank.
    chars: usize,
}

impl Rights for Row {
    fn standing(&self, _: &Access) -> Result<Option<Standing>, Fault> {
        unreachable!("placing looks at siblings only")
    }
    fn role(&self, _: &Access, _: &BoardId) -> Result<Option<Role>, Fault> {
        unreachable!("placing looks at siblings only")
    }
}

impl View for Row {
    fn board(&self, _: &BoardId) -> Result<Option<Board>, Fault> {
        unreachable!("placing looks at siblings only")
    }
    fn list(&self, _: &ListId) -> Result<Option<List>, Fault> {
        unreachable!("placing looks at siblings only")
    }
    fn task(&self, _: &TaskId) -> Result<Option<(BoardId, Task)>, Fault> {
        unreachable!("placing looks at siblings only")
    }
    fn deleted_board(&self, _: &BoardId) -> Result<Option<Board>, Fault> {
        unreachable!("placing looks at siblings only")
    }
    fn deleted_list(&self, _: &ListId) -> Result<Option<(List, Vec<Task>)>, Fault> {
        unreachable!("placing looks at siblings only")
    }
    fn deleted_task(&self, _: &TaskId) -> Result<Option<(BoardId, Task)>, Fault> {
        unreachable!("placing looks at siblings only")
    }
    fn birth(&self, _: Kind, _: &str) -> Result<Option<Birth>, Fault> {
        unreachable!("placing looks at siblings only")
    }
    fn count_lists(&self, _: &BoardId) -> Result<usize, Fault> {
        unreachable!("placing looks at siblings only")
    }
    fn count_tasks(&self, _: &BoardId) -> Result<usize, Fault> {
        unreachable!("placing looks at siblings only")
    }
    fn sibling(
        &self,
        _: Family<'_>,
        place: Place<'_>,
        except: Option<&str>,
    ) -> Result<Option<Sibling>, Fault> {
        let except = except.map(number);
        let is_other = |entry: &(&Rank, &usize)| Some(*entry.1) != except;
        let found = match place {
            Place::First => self.by_rank.iter().find(is_other),
            Place::Last => self.by_rank.iter().rev().find(is_other),
            Place::Below(rank) => self.by_rank.range(..rank).rev().find(is_other),
            Place::Above(rank) => self.above(rank).find(is_other),
            Place::Member(id) => self.ranks[number(id)].as_ref().and_then(|rank| {
                let entry = self.by_rank.get_key_value(rank)?;
                is_other(&entry).then_some(entry)
            }),
            Place::Nth(_) | Place::At(_) => unreachable!("no index or rank is asked for here"),
        };
        Ok(found.map(|(rank, &number)| Sibling {
            id: number.to_string(),
            rank: rank.clone(),
        }))
    }
}

fn number(id: &str) -> usize {
    id.parse().expect("ids are numbers here")
}

impl Row {
    /// That many siblings, each after the one before.
    fn of(count: usize) -> Self {
        let mut row = Self {
            by_rank: BTreeMap::new(),
            ranks: Vec::new(),
            living: Vec::new(),
            random: 0x5eed,
            cost: Cost::default(),
        };
        for _ in 0..count {
            row.insert(&Slot::Bottom);
        }
        row.cost = Cost::default();
        row
    }

    fn of_two() -> Self {
        Self::of(2)
    }

    fn full() -> Self {
        Self::of(TASKS_PER_BOARD_MAX)
    }

    /// Puts a new sibling there and gives its number.
    fn insert(&mut self, slot: &Slot<String>) -> usize {
        let new = self.ranks.len();
        self.ranks.push(None);
        self.living.push(new);
        self.put(new, slot);
        new
    }

    /// Places a new or standing sibling, step by step as a watcher sees it.
    fn put(&mut self, number: usize, slot: &Slot<String>) {
        let list_id = ListId::parse("list").unwrap();
        let moved = self.ranks[number].clone().map(|rank| Sibling {
            id: number.to_string(),
            rank,
        });
        let placement = place(&*self, Family::Tasks(&list_id), slot, moved.as_ref())
            .expect("every neighbour is there")
            .expect("nothing stands where it is put");
        let except = moved.as_ref().map(|moved| &moved.rank);
        for sibling in &placement.respaced {
            let number = self::number(&sibling.id);
            let old = self.ranks[number].clone().expect("a living sibling");
            let neighbours = self.around(&old, except);
            self.set(number, &sibling.rank);
            assert_eq!(
                self.around(&sibling.rank, except),
                neighbours,
                "re-spacing keeps the order, step by step"
            );
        }
        self.set(number, &placement.rank);
        let (below, above) = self.around(&placement.rank, None);
        match slot {
            Slot::Top => assert_eq!(below, None),
            Slot::Bottom => assert_eq!(above, None),
            Slot::Before(id) => assert_eq!(above, Some(self::number(id))),
            Slot::After(id) => assert_eq!(below, Some(self::number(id))),
            Slot::Index(_) => unreachable!("no index is asked for here"),
        }
        if placement.respaced.len() > MANY {
            self.cost.calm.get_or_insert(self.cost.placed);
        }
        self.cost.placed += 1;
        self.cost.respaced += placement.respaced.len();
        self.cost.largest = self.cost.largest.max(placement.respaced.len());
    }

    fn set(&mut self, number: usize, rank: &Rank) {
        if let Some(old) = self.ranks[number].replace(rank.clone()) {
            self.by_rank.remove(&old);
        }
        let taken = self.by_rank.insert(rank.clone(), number);
        assert_eq!(taken, None, "two siblings never share a rank");
        assert_eq!(Rank::parse(rank.as_str()).as_ref(), Ok(rank));
        self.cost.chars = self.cost.chars.max(rank.as_str().len());
    }

    fn delete(&mut self, at: usize) {
        let number = self.living.swap_remove(at);
        let rank = self.ranks[number].take().expect("a living sibling");
        self.by_rank.remove(&rank);
    }

    /// The neighbours on both sides of a rank, looking past another one.
    fn around(&self, rank: &Rank, except: Option<&Rank>) -> (Option<usize>, Option<usize>) {
        let below = self.by_rank.range(..rank).rev();
        let pick = |(rank, &number): (&Rank, &usize)| (Some(rank) != except).then_some(number);
        (
            below.filter_map(pick).next(),
            self.above(rank).find_map(pick),
        )
    }

    fn above(&self, rank: &Rank) -> impl Iterator<Item = (&Rank, &usize)> {
        let range: (Bound<&Rank>, Bound<&Rank>) = (Bound::Excluded(rank), Bound::Unbounded);
        self.by_rank.range(range)
    }

    fn last(&self) -> usize {
        *self.by_rank.last_key_value().expect("never empty").1
    }

    /// SplitMix64: the same numbers on every machine.
    fn below_random(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    /// Keeps the list as long as a list may get. The first two, the middle and the newest stay.
    fn trim(&mut self) {
        while self.living.len() >= TASKS_PER_BOARD_MAX {
            let at = 2 + self.below_random(self.living.len() - 3);
            if self.living[at] != MIDDLE {
                self.delete(at);
            }
        }
    }
}

/// A hundred thousand inserts where the slot says, given what stands, the turn, and what came last.
fn inserting(mut row: Row, slot: impl Fn(&mut Row, usize, usize) -> Slot<String>) -> Cost {
    let mut newest = 1;
    for turn in 0..TURNS {
        row.trim();
        let slot = slot(&mut row, turn, newest);
        newest = row.insert(&slot);
    }
    row.cost
}

/// Holds the cost against a bound: twice what was counted when the rule was chosen, and half as long
/// until more than [`MANY`] are re-spaced at once.
fn check(cost: &Cost, respaced_per_1000_max: usize, calm_min: usize) {
    assert_eq!(cost.placed, TURNS);
    assert!(cost.chars <= RANK_CHARS_MAX, "{cost:?}");
    assert!(
        cost.respaced <= cost.placed / 1_000 * respaced_per_1000_max,
        "{cost:?}"
    );
    assert!(cost.calm.unwrap_or(TURNS) >= calm_min, "{cost:?}");
    assert!(cost.largest < TASKS_PER_BOARD_MAX, "{cost:?}");
}

#[test]
fn inserts_at_the_top_never_re_space() {
    check(&inserting(Row::of_two(), |_, _, _| Slot::Top), 0, TURNS);
}

#[test]
fn inserts_at_the_bottom_never_re_space() {
    check(&inserting(Row::of_two(), |_, _, _| Slot::Bottom), 0, TURNS);
}

#[test]
fn inserts_anywhere_never_re_space() {
    let cost = inserting(Row::of_two(), |row, _, _| {
        let at = row.below_random(row.living.len());
        Slot::Before(row.living[at].to_string())
    });
    check(&cost, 0, TURNS);
}

#[test]
fn inserts_directly_after_the_first_re_space_few() {
    let cost = inserting(Row::of_two(), |_, _, _| Slot::After("0".into()));
    check(&cost, 6_800, 17_000);
}

#[test]
fn inserts_directly_before_the_newest_re_space_few() {
    let cost = inserting(Row::of_two(), |_, _, newest| {
        Slot::Before(newest.to_string())
    });
    check(&cost, 6_800, 17_000);
}

#[test]
fn inserts_between_the_two_newest_re_space_few() {
    let cost = inserting(Row::of_two(), |_, turn, newest| match turn % 2 {
        0 => Slot::Before(newest.to_string()),
        _ => Slot::After(newest.to_string()),
    });
    check(&cost, 6_400, 15_000);
}

#[test]
fn inserts_on_either_side_of_the_newest_re_space_few() {
    let cost = inserting(Row::of_two(), |row, _, newest| match row.below_random(2) {
        0 => Slot::Before(newest.to_string()),
        _ => Slot::After(newest.to_string()),
    });
    check(&cost, 6_100, 15_000);
}

#[test]
fn inserts_into_one_gap_of_a_full_list_re_space_few() {
    let cost = inserting(Row::full(), |_, _, _| Slot::Before(MIDDLE.to_string()));
    check(&cost, 2_300, 18_000);
}

/// What a list sees in its whole life, unless tens of thousands of things come and go in one gap.
#[test]
fn a_list_filled_through_one_gap_is_never_re_spaced_as_a_whole() {
    let mut row = Row::of_two();
    let mut newest = 1;
    while row.living.len() < TASKS_PER_BOARD_MAX {
        let slot = match row.below_random(2) {
            0 => Slot::Before(newest.to_string()),
            _ => Slot::After(newest.to_string()),
        };
        newest = row.insert(&slot);
    }
    assert_eq!(row.cost.calm, None, "{:?}", row.cost);
}

#[test]
fn a_hundred_that_take_turns_in_a_full_list_re_space_few() {
    let mut row = Row::full();
    let mut turning: VecDeque<usize> = (MIDDLE + 1..=MIDDLE + 100).collect();
    for _ in 0..TURNS {
        let last = turning.pop_back().expect("a hundred");
        row.put(last, &Slot::After(MIDDLE.to_string()));
        turning.push_front(last);
    }
    check(&row.cost, 80, TURNS);
}

#[test]
fn the_last_of_a_hundred_moved_directly_after_the_first_re_spaces_few() {
    let mut row = Row::of(100);
    for _ in 0..TURNS {
        row.put(row.last(), &Slot::After("0".into()));
    }
    check(&row.cost, 80, TURNS);
}

#[test]
fn two_that_change_places_all_day_re_space_few() {
    let mut row = Row::of(4);
    for turn in 0..TURNS {
        let (moved, still) = if turn % 2 == 0 { (2, 1) } else { (1, 2) };
        row.put(moved, &Slot::Before(still.to_string()));
    }
    check(&row.cost, 8, TURNS);
}
