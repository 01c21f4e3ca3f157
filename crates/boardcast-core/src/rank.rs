//! Ranks: text that orders things bytewise, made so that there is always room between two of them.
//!
//! A rank is a fraction between 0 and 1 in base 62, its digits in ASCII order and without a trailing
//! zero. So comparing bytes compares fractions, and only the server makes them: a client names
//! neighbours or a position. Which things are re-spaced when a rank would grow past its bound is
//! decided in [`crate::rules`].

use crate::limits::RANK_CHARS_MAX;
use crate::model::{Malformed, text_type};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE: u8 = 62;
/// Digits that appending and prepending count in: 62⁴ steps before either grows a rank.
const STEP_DIGITS: usize = 4;

/// Where a thing stands among its siblings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank(Arc<str>);

impl Rank {
    /// Reads a rank as this program wrote it: 1 to 64 base-62 digits, the last one not zero.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let is_rank = (1..=RANK_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !text.ends_with('0');
        if is_rank {
            Ok(Self(text.into()))
        } else {
            Err(Malformed::Rank)
        }
    }

    /// A rank after `below` and before `above`, as short as the gap allows. With one neighbour it
    /// counts on from it, so that appending or prepending all day keeps ranks short; with none it is
    /// the middle. `None` if it would be longer than [`RANK_CHARS_MAX`].
    ///
    /// # Panics
    /// If `below` is not before `above`: siblings are unique and in order.
    #[must_use]
    pub fn between(below: Option<&Self>, above: Option<&Self>) -> Option<Self> {
        let digits = match (below, above) {
            (Some(below), None) => {
                step_up(&below.digits()).unwrap_or_else(|| middle(&below.digits(), None))
            }
            (None, Some(above)) => {
                step_down(&above.digits()).unwrap_or_else(|| middle(&[], Some(&above.digits())))
            }
            (below, above) => middle_of(below, above),
        };
        (digits.len() <= RANK_CHARS_MAX).then(|| Self::from_digits(&digits))
    }

    /// `count` ranks in order between the two, spread by halving the gap again and again. `None` if
    /// one of them would be longer than `chars_max`.
    ///
    /// # Panics
    /// If `below` is not before `above`.
    #[must_use]
    pub fn spread(
        below: Option<&Self>,
        above: Option<&Self>,
        count: usize,
        chars_max: usize,
    ) -> Option<Vec<Self>> {
        let mut ranks = Vec::with_capacity(count);
        halve(below, above, count, chars_max, &mut ranks).then_some(ranks)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn digits(&self) -> Vec<u8> {
        self.0.bytes().map(value_of).collect()
    }

    fn from_digits(digits: &[u8]) -> Self {
        assert!(
            digits.last().is_some_and(|&last| last != 0),
            "a rank doesn't end in zero"
        );
        let text: String = digits
            .iter()
            .map(|&digit| DIGITS[digit as usize] as char)
            .collect();
        Self(text.into())
    }
}

text_type!(Rank);

fn value_of(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'Z' => byte - b'A' + 10,
        b'a'..=b'z' => byte - b'a' + 36,
        _ => unreachable!("a rank holds only base-62 digits"),
    }
}

fn halve(
    below: Option<&Rank>,
    above: Option<&Rank>,
    count: usize,
    chars_max: usize,
    into: &mut Vec<Rank>,
) -> bool {
    if count == 0 {
        return true;
    }
    let digits = middle_of(below, above);
    if digits.len() > chars_max {
        return false;
    }
    let middle = Rank::from_digits(&digits);
    let left = (count - 1) / 2;
    halve(below, Some(&middle), left, chars_max, into) && {
        into.push(middle.clone());
        halve(Some(&middle), above, count - 1 - left, chars_max, into)
    }
}

fn middle_of(below: Option<&Rank>, above: Option<&Rank>) -> Vec<u8> {
    let below = below.map(Rank::digits).unwrap_or_default();
    middle(&below, above.map(Rank::digits).as_deref())
}

/// The shortest fraction near the middle of the gap; no `above` means 1.
fn middle(below: &[u8], above: Option<&[u8]>) -> Vec<u8> {
    assert!(
        above.is_none_or(|above| below < above),
        "siblings are in order"
    );
    let mut above = above;
    let mut digits = Vec::new();
    loop {
        let place = digits.len();
        let low = below.get(place).copied().unwrap_or(0);
        let high = above.map_or(BASE, |above| above.get(place).copied().unwrap_or(0));
        if high - low >= 2 {
            digits.push(low + (high - low) / 2);
            return digits;
        }
        digits.push(low);
        if high > low {
            // Whatever follows is below `above` now; only `below` still matters.
            above = None;
        }
    }
}

/// The next step above, counted in the first [`STEP_DIGITS`] digits; `None` at the top.
fn step_up(digits: &[u8]) -> Option<Vec<u8>> {
    let mut step = fixed(digits);
    let place = step.iter().rposition(|&digit| digit < BASE - 1)?;
    step[place] += 1;
    step[place + 1..].fill(0);
    Some(trimmed(step))
}

/// The next step below; `None` at the bottom.
fn step_down(digits: &[u8]) -> Option<Vec<u8>> {
    let mut step = fixed(digits);
    if digits.len() <= STEP_DIGITS {
        let place = step.iter().rposition(|&digit| digit > 0)?;
        step[place] -= 1;
        step[place + 1..].fill(BASE - 1);
    }
    // Longer digits are above their own beginning already.
    let step = trimmed(step);
    (!step.is_empty()).then_some(step)
}

fn fixed(digits: &[u8]) -> Vec<u8> {
    (0..STEP_DIGITS)
        .map(|place| digits.get(place).copied().unwrap_or(0))
        .collect()
}

fn trimmed(mut digits: Vec<u8>) -> Vec<u8> {
    let len = digits
        .iter()
        .rposition(|&digit| digit != 0)
        .map_or(0, |last| last + 1);
    digits.truncate(len);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rank(text: &str) -> Rank {
        Rank::parse(text).unwrap()
    }

    fn check(below: &str, above: &str, expected: &str) {
        let neighbour = |text: &str| (!text.is_empty()).then(|| rank(text));
        let made = Rank::between(neighbour(below).as_ref(), neighbour(above).as_ref());
        assert_eq!(
            made,
            Some(rank(expected)),
            "between {below:?} and {above:?}"
        );
    }

    #[test]
    fn a_rank_is_the_short_middle_or_the_next_step() {
        check("", "", "V");
        check("V", "", "V001");
        check("V001", "", "V002");
        check("V00z", "", "V01");
        check("zzzz", "", "zzzzV");
        check("", "V", "Uzzz");
        check("", "V001", "V");
        check("", "V0001", "V");
        check("", "0001", "0000V");
        check("", "00001", "00000V");
        check("A", "C", "B");
        check("A", "B", "AV");
        check("A", "A1", "A0V");
        check("Az", "B", "AzV");
        check("A01", "A02", "A01V");
    }

    #[test]
    fn only_what_the_program_makes_is_a_rank() {
        for bad in ["", "0", "V0", "a-b", "é", &"V".repeat(65)] {
            assert_eq!(Rank::parse(bad), Err(Malformed::Rank), "{bad:?}");
        }
        assert!(Rank::parse(&"V".repeat(64)).is_ok());
    }

    #[test]
    fn a_rank_past_the_bound_is_refused_not_made() {
        let below = rank(&format!("{}1", "0".repeat(63)));
        let above = rank(&format!("{}2", "0".repeat(63)));
        assert_eq!(Rank::between(Some(&below), Some(&above)), None);
    }

    #[test]
    fn appending_and_prepending_all_day_keeps_ranks_short() {
        let mut top = rank("V");
        let mut bottom = rank("V");
        for _ in 0..100_000 {
            let above = Rank::between(Some(&top), None).unwrap();
            let below = Rank::between(None, Some(&bottom)).unwrap();
            assert!(above > top && below < bottom);
            assert!(above.as_str().len() <= STEP_DIGITS && below.as_str().len() <= STEP_DIGITS);
            (top, bottom) = (above, below);
        }
    }

    #[test]
    fn a_spread_uses_the_room_that_it_is_given_and_no_more() {
        let one_digit = Rank::spread(None, None, 61, 1).unwrap();
        let texts: String = one_digit.iter().map(Rank::as_str).collect();
        assert_eq!(texts.as_bytes(), &DIGITS[1..]);
        assert_eq!(Rank::spread(None, None, 62, 1), None);
        assert!(Rank::spread(None, None, 62, 2).is_some());
        assert_eq!(Rank::spread(None, None, 0, 0), Some(Vec::new()));
    }

    fn any_rank() -> impl Strategy<Value = Rank> {
        "[0-9A-Za-z]{0,20}[1-9A-Za-z]".prop_map(|text| rank(&text))
    }

    proptest! {
        #[test]
        fn what_is_made_lies_strictly_between(a in any_rank(), b in any_rank()) {
            prop_assume!(a != b);
            let (below, above) = if a < b { (a, b) } else { (b, a) };
            let made = Rank::between(Some(&below), Some(&above)).unwrap();
            prop_assert!(below < made && made < above);
            prop_assert!(Rank::parse(made.as_str()).is_ok());
            prop_assert!(Rank::between(Some(&below), None).unwrap() > below);
            prop_assert!(Rank::between(None, Some(&above)).unwrap() < above);
        }

        #[test]
        fn a_spread_is_in_order_inside_its_bounds(a in any_rank(), b in any_rank(), count in 0_usize..300) {
            prop_assume!(a != b);
            let (below, above) = if a < b { (a, b) } else { (b, a) };
            let ranks = Rank::spread(Some(&below), Some(&above), count, 64).unwrap();
            prop_assert_eq!(ranks.len(), count);
            let all: Vec<_> = [below].into_iter().chain(ranks).chain([above]).collect();
            prop_assert!(all.is_sorted_by(|a, b| a < b));
        }
    }
}
