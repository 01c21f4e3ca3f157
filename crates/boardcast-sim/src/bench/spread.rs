//! How long things took: a histogram in steps of about 3 %, so that a million deliveries cost a few
//! kilobytes.

/// Steps between two powers of two.
const STEPS: u64 = 32;

/// Durations in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    counts: Vec<u64>,
    total: u64,
}

impl Spread {
    pub(crate) fn add(&mut self, nanos: u64) {
        let slot = slot(nanos);
        if slot >= self.counts.len() {
            self.counts.resize(slot + 1, 0);
        }
        self.counts[slot] += 1;
        self.total += 1;
    }

    /// Takes another's durations too.
    pub(crate) fn merge(&mut self, other: &Spread) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    /// What so many per cent were not above, in milliseconds; 0 if there was nothing.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        let wanted = (self.total as f64 * percent / 100.0).ceil() as u64;
        let mut seen = 0;
        for (slot, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return upper_end(slot) as f64 / 1e6;
            }
        }
        0.0
    }
}

fn slot(nanos: u64) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let power = u64::from(nanos.ilog2()) - u64::from(STEPS.ilog2());
    ((power + 1) * STEPS + (nanos >> power) - STEPS) as usize
}

fn upper_end(slot: usize) -> u64 {
    let slot = slot as u64;
    if slot < STEPS {
        return slot;
    }
    let power = slot / STEPS - 1;
    ((slot % STEPS + STEPS + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_within_a_step_of_the_truth() {
        let mut spread = Spread::default();
        (1..=100).for_each(|ms| spread.add(ms * 1_000_000));
        for percent in [1.0, 50.0, 99.0, 100.0] {
            let found = spread.percentile(percent);
            assert!((found / percent - 1.0).abs() < 0.04, "{percent}: {found}");
        }
        assert_eq!(Spread::default().percentile(50.0), 0.0);
        let mut both = Spread::default();
        both.add(1);
        both.merge(&spread);
        assert_eq!(both.percentile(100.0), spread.percentile(100.0));
        assert!(both.percentile(0.5) < 0.1);
    }

    #[test]
    fn every_duration_lies_in_its_slot() {
        for nanos in [0, 1, 31, 32, 33, 63, 64, 1_000, 123_456_789] {
            let end = upper_end(slot(nanos));
            assert!(nanos <= end, "{nanos} > {end}");
            assert!(end <= nanos + nanos / STEPS + 1, "{end} for {nanos}");
        }
    }
}
