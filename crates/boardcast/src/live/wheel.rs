//! A timing wheel: who is to be looked at when. Everyone is on it once; looking early is harmless, so
//! a deadline that moves needs no change here, and whoever left is passed over when its turn comes.

use super::shard::Token;
use std::time::Duration;

/// How fine it is: no clock of a stream needs more.
const TICK: Duration = Duration::from_millis(250);
/// How far it reaches, 16 s: whoever is due later is looked at once in between.
const SLOTS: usize = 64;

#[derive(Debug)]
pub(super) struct Wheel {
    slots: Vec<Vec<Token>>,
    /// The next slot that was not looked at.
    next_tick: u64,
}

impl Wheel {
    /// A wheel that begins to turn at this time.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            slots: vec![Vec::new(); SLOTS],
            next_tick: ticks(now),
        }
    }

    /// Puts somebody where it is due, or as late before that as the wheel reaches.
    pub(super) fn put(&mut self, token: Token, due: Duration) {
        let latest = self.next_tick + SLOTS as u64 - 1;
        let tick = (ticks(due) + 1).clamp(self.next_tick, latest);
        self.slots[slot(tick)].push(token);
    }

    /// Takes out one slot whose time has come.
    pub(super) fn take(&mut self, now: Duration) -> Option<Vec<Token>> {
        // After a pause longer than the wheel all of it is due, once.
        self.next_tick = self.next_tick.max(ticks(now).saturating_sub(SLOTS as u64));
        while self.next_tick <= ticks(now) {
            let due = std::mem::take(&mut self.slots[slot(self.next_tick)]);
            self.next_tick += 1;
            if !due.is_empty() {
                return Some(due);
            }
        }
        None
    }

    /// When somebody is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let ticks = self.next_tick..self.next_tick + SLOTS as u64;
        let due = ticks
            .into_iter()
            .find(|&tick| !self.slots[slot(tick)].is_empty())?;
        Some(TICK * u32::try_from(due).unwrap_or(u32::MAX))
    }
}

fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX)
}

fn slot(tick: u64) -> usize {
    (tick % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(slot: u32) -> Token {
        Token { slot, turn: 0 }
    }

    fn taken(wheel: &mut Wheel, now: Duration) -> Vec<u32> {
        std::iter::from_fn(|| wheel.take(now))
            .flatten()
            .map(|token| token.slot)
            .collect()
    }

    #[test]
    fn everyone_comes_up_once_when_due_and_the_late_ones_early() {
        let second = Duration::from_secs(1);
        let mut wheel = Wheel::new(5 * second);
        wheel.put(token(1), 15 * second);
        wheel.put(token(2), 6 * second);
        wheel.put(token(3), 60 * second);
        assert!(taken(&mut wheel, 6 * second).is_empty());
        assert_eq!(wheel.next_due(), Some(6 * second + TICK));
        assert_eq!(taken(&mut wheel, 6 * second + TICK), [2]);
        assert!(taken(&mut wheel, 15 * second).is_empty());
        assert_eq!(taken(&mut wheel, 21 * second), [1, 3]);
        assert_eq!(wheel.next_due(), None);
    }

    #[test]
    fn a_pause_longer_than_the_wheel_loses_nobody() {
        let mut wheel = Wheel::new(Duration::ZERO);
        (0..40).for_each(|slot| wheel.put(token(slot), Duration::from_millis(400) * slot));
        let mut all = taken(&mut wheel, Duration::from_secs(1_000));
        all.sort_unstable();
        assert_eq!(all, (0..40).collect::<Vec<_>>());
        wheel.put(token(1), Duration::from_secs(1_001));
        assert_eq!(taken(&mut wheel, Duration::from_secs(1_002)), [1]);
    }
}
