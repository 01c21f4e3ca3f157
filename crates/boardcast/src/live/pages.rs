//! Numbered places for many small things of one kind, in pages that never move. A table that doubles
//! when it is full copies everything and holds twice what it needs; a hundred thousand watchers who
//! left would leave it as large as it ever was. Here one more thing costs at most one more page, and
//! a page goes back when the last one has left it.

use std::collections::BTreeSet;

/// Places of a page. Few enough that a page in use for one thing wastes little, and enough that the
/// list of pages is short.
const PLACES: usize = 64;

/// Things by number. A number is free again once its thing was removed; the lowest page that has room
/// is filled first, so that the others can become empty.
#[derive(Debug)]
pub(super) struct Pages<T> {
    /// An empty page has no places: it was given back.
    pages: Vec<Page<T>>,
    /// Pages with room.
    open: BTreeSet<usize>,
    len: usize,
}

#[derive(Debug)]
struct Page<T> {
    places: Box<[Option<T>]>,
    used: usize,
}

impl<T> Page<T> {
    fn given_back() -> Self {
        Self {
            places: Box::default(),
            used: 0,
        }
    }
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self {
            pages: Vec::new(),
            open: BTreeSet::new(),
            len: 0,
        }
    }
}

impl<T> Pages<T> {
    /// Where the next thing goes.
    pub(super) fn vacant(&self) -> u32 {
        let page = self.open.first().copied().unwrap_or(self.pages.len());
        let places = self.pages.get(page).map_or(&[][..], |page| &page.places);
        let place = places.iter().position(Option::is_none).unwrap_or(0);
        u32::try_from(page * PLACES + place).expect("there are fewer descriptors")
    }

    /// Puts a thing at the next vacant number.
    pub(super) fn insert(&mut self, thing: T) -> u32 {
        let number = self.vacant();
        self.put(number, thing);
        number
    }

    /// Puts a thing at a number that somebody else chose.
    pub(super) fn put(&mut self, number: u32, thing: T) {
        let (at, place) = split(number);
        while self.pages.len() <= at {
            self.open.insert(self.pages.len());
            self.pages.push(Page::given_back());
        }
        let page = &mut self.pages[at];
        if page.places.is_empty() {
            page.places = (0..PLACES).map(|_| None).collect();
        }
        let before = page.places[place].replace(thing);
        assert!(before.is_none(), "a number stands for one thing");
        page.used += 1;
        self.len += 1;
        if page.used == PLACES {
            self.open.remove(&at);
        }
    }

    /// Takes a thing out.
    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        let (at, place) = split(number);
        let page = self.pages.get_mut(at)?;
        let thing = page.places.get_mut(place)?.take()?;
        page.used -= 1;
        self.len -= 1;
        self.open.insert(at);
        if page.used == 0 {
            *page = Page::given_back();
            self.shorten();
        }
        Some(thing)
    }

    /// Forgets the pages at the end that were given back.
    fn shorten(&mut self) {
        while self.pages.pop_if(|page| page.used == 0).is_some() {
            self.open.remove(&self.pages.len());
        }
        if self.pages.len() < self.pages.capacity() / 4 {
            self.pages.shrink_to(self.pages.len() * 2);
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<&T> {
        let (at, place) = split(number);
        self.pages.get(at)?.places.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let (at, place) = split(number);
        self.pages.get_mut(at)?.places.get_mut(place)?.as_mut()
    }

    /// All of them, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.pages.iter().enumerate().flat_map(|(at, page)| {
            let places = page.places.iter().enumerate();
            places.filter_map(move |(place, thing)| {
                Some(((at * PLACES + place) as u32, thing.as_ref()?))
            })
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<T> std::ops::Index<u32> for Pages<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        self.get(number).expect("something has this number")
    }
}

impl<T> std::ops::IndexMut<u32> for Pages<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        self.get_mut(number).expect("something has this number")
    }
}

/// The page, and the place in it.
fn split(number: u32) -> (usize, usize) {
    let number = number as usize;
    (number / PLACES, number % PLACES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any, prop_oneof};
    use std::collections::BTreeMap;

    impl<T> Pages<T> {
        /// Places that there is memory for.
        fn places(&self) -> usize {
            self.pages.iter().map(|page| page.places.len()).sum()
        }
    }

    fn filled(count: u32) -> Pages<u32> {
        let mut pages = Pages::default();
        (0..count).for_each(|number| assert_eq!(pages.insert(number), number));
        pages
    }

    #[test]
    fn one_more_costs_at_most_one_page_and_moves_nothing() {
        let mut pages = filled(10 * PLACES as u32);
        assert_eq!(pages.places(), 10 * PLACES);
        let first: *const u32 = &raw const pages[0];
        pages.insert(0);
        assert_eq!(pages.places(), 11 * PLACES);
        assert_eq!(&raw const pages[0], first);
    }

    #[test]
    fn a_page_goes_back_when_the_last_one_has_left_it() {
        let mut pages = filled(3 * PLACES as u32);
        let middle = PLACES as u32..2 * PLACES as u32;
        middle.for_each(|number| assert_eq!(pages.remove(number), Some(number)));
        assert_eq!((pages.places(), pages.pages.len()), (2 * PLACES, 3));
        assert_eq!(pages.insert(7), PLACES as u32, "the lowest with room");
        pages.remove(PLACES as u32);
        (0..3 * PLACES as u32).for_each(|number| _ = pages.remove(number));
        assert_eq!((pages.places(), pages.pages.len()), (0, 0));
        assert!(pages.is_empty() && pages.pages.capacity() <= 4);
        assert_eq!(pages.insert(1), 0);
    }

    #[test]
    #[should_panic(expected = "a number stands for one thing")]
    fn a_number_is_not_given_twice() {
        filled(3).put(2, 0);
    }

    #[derive(Clone, Debug)]
    enum Move {
        Insert,
        Put(u32),
        Remove(u32),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let numbers = 0..6 * PLACES as u32;
        let one = prop_oneof![
            3 => any::<()>().prop_map(|()| Move::Insert),
            1 => numbers.clone().prop_map(Move::Put),
            3 => numbers.prop_map(Move::Remove),
        ];
        vec(one, 0..2_000)
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn it_holds_what_a_map_would_and_no_page_for_nothing(moves in moves()) {
            let (mut pages, mut map) = (Pages::default(), BTreeMap::new());
            for (thing, one) in moves.into_iter().enumerate() {
                match one {
                    Move::Insert => {
                        let number = pages.insert(thing);
                        assert_eq!(map.insert(number, thing), None);
                    }
                    Move::Put(number) if map.contains_key(&number) => {}
                    Move::Put(number) => {
                        pages.put(number, thing);
                        map.insert(number, thing);
                    }
                    Move::Remove(number) => assert_eq!(pages.remove(number), map.remove(&number)),
                }
                assert_eq!(pages.len(), map.len());
            }
            assert!(pages.iter().eq(map.iter().map(|(number, thing)| (*number, thing))));
            assert!(map.iter().all(|(number, thing)| pages.get(*number) == Some(thing)));
            let used: BTreeSet<u32> = map.keys().map(|number| number / PLACES as u32).collect();
            assert_eq!(pages.places(), used.len() * PLACES);
            let last = used.last().map_or(0, |page| *page as usize + 1);
            assert_eq!(pages.pages.len(), last);
        }
    }
}
