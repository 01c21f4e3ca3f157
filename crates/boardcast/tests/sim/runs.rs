//! Many runs side by side, and what is made of one that fails: it is shrunk, and printed with the
//! command that gives it again.

use crate::swarm::{FAULTS, Run};
use crate::world::{Counts, Verdict, carry_out};
use std::cell::Cell;
use std::io::Write as _;
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

/// What many runs came to.
#[derive(Default)]
pub(crate) struct Sum {
    pub(crate) runs: u64,
    pub(crate) steps: u64,
    pub(crate) simulated: Duration,
    pub(crate) took: Duration,
    pub(crate) counts: Counts,
    /// The failing run with the lowest seed, and what is wrong with it.
    pub(crate) failed: Option<(Run, Verdict)>,
}

/// Carries out one run for each seed, on all processors, up to the first that fails.
pub(crate) fn run_all(seeds: Range<u64>, is_told: bool) -> Sum {
    let began_at = now();
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new(Sum::default());
    let workers = thread::available_parallelism().map_or(2, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let run = Run::of(seed);
                    let verdict = carry_out_quietly(&run);
                    let mut sum = sum.lock().expect("no worker panics with it");
                    if !verdict.wrong.is_empty() {
                        next.store(seeds.end, Ordering::Relaxed);
                    }
                    sum.add(run, verdict);
                    sum.took = began_at.elapsed();
                    if is_told && sum.runs.is_multiple_of(100) {
                        say(&format!("{sum}"));
                    }
                }
            });
        }
    });
    sum.into_inner().expect("no worker panics with it")
}

impl Sum {
    fn add(&mut self, run: Run, verdict: Verdict) {
        self.runs += 1;
        self.steps += verdict.steps;
        self.simulated += verdict.simulated;
        self.counts.add(&verdict.counts);
        let is_first = self
            .failed
            .as_ref()
            .is_none_or(|(known, _)| run.seed < known.seed);
        if !verdict.wrong.is_empty() && is_first {
            self.failed = Some((run, verdict));
        }
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counts {
            answers,
            accepted,
            connections,
            starts,
            bytes,
            fanout,
            happened,
        } = &self.counts;
        write!(
            out,
            "{} runs, {} steps, {} simulated seconds in {:.1} of ours: {answers} answers ({accepted} accepted), \
             {connections} connections ({bytes} bytes), {starts} starts, {fanout:?}, {happened:?}",
            self.runs,
            self.steps,
            self.simulated.as_secs(),
            self.took.as_secs_f64(),
        )
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.accepted += other.accepted;
        self.connections += other.connections;
        self.bytes += other.bytes;
        self.starts += other.starts;
        self.fanout.add(&other.fanout);
        for (fault, times) in &other.happened {
            *self.happened.entry(*fault).or_default() += times;
        }
    }
}

/// A smaller run that still fails: fewer steps first, then one fault after the other off.
pub(crate) fn shrink(run: &Run, verdict: &Verdict) -> (Run, Verdict) {
    let mut smallest = (run.clone(), verdict.clone());
    // A run ends where it fails, so what it did is enough; half of it seldom is.
    let mut lower = 0;
    let mut upper = verdict.steps;
    while lower < upper {
        let steps = lower.midpoint(upper);
        match fails(&Run {
            steps: Some(steps),
            ..smallest.0.clone()
        }) {
            Some(found) => {
                upper = steps;
                smallest = found;
            }
            None => lower = steps + 1,
        }
    }
    for fault in FAULTS {
        if !smallest.1.counts.happened.contains_key(&fault) {
            continue;
        }
        let mut fewer = smallest.0.clone();
        if fewer.without.insert(fault)
            && let Some(found) = fails(&fewer)
        {
            smallest = found;
        }
    }
    smallest
}

fn fails(run: &Run) -> Option<(Run, Verdict)> {
    let verdict = carry_out_quietly(run);
    (!verdict.wrong.is_empty()).then(|| (run.clone(), verdict))
}

/// What is wrong, and how to see it again.
pub(crate) fn explain(run: &Run, verdict: &Verdict) -> String {
    let wrong = verdict.wrong.join("\n  ");
    format!("seed {}:\n  {wrong}\nagain: {}", run.seed, command(run))
}

fn command(run: &Run) -> String {
    let mut command = format!("cargo xtask sim --seed {}", run.seed);
    if let Some(steps) = run.steps {
        command += &format!(" --steps {steps}");
    }
    for fault in &run.without {
        command += &format!(" --without {fault:?}");
    }
    command
}

thread_local! {
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// A broken invariant of the spine ends the process, as it does everywhere; before that the seed is
/// told.
pub(crate) fn carry_out_quietly(run: &Run) -> Verdict {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if let Some(seed) = SEED.get() {
                say(&format!(
                    "seed {seed}: {panic}\nagain: cargo xtask sim --seed {seed}"
                ));
            }
            before(panic);
        }));
    });
    SEED.set(Some(run.seed));
    let verdict = carry_out(run);
    SEED.set(None);
    verdict
}

#[expect(
    clippy::disallowed_methods,
    reason = "said to a person; nothing that is simulated depends on it"
)]
fn now() -> Instant {
    Instant::now()
}

/// Past the test's own capture, which an abort would lose.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
