//! The simulator: seeds of whole worlds, in which the real server meets every misfortune there is, on
//! simulated time, and is judged from outside by the contract alone.

mod clients;
mod disk;
mod fanout;
mod gates;
mod mistakes;
mod nature;
mod people;
mod runs;
mod server;
mod sockets;
mod swarm;
mod tasks;
mod trace;
mod watchers;
mod wish;
mod world;

use runs::{carry_out_quietly, explain, run_all, say, shrink};
use swarm::Run;
use wish::Wish;

/// Seeds that every change must pass.
const SEEDS: u64 = 500;

/// Or the seeds that somebody asks for: see `cargo xtask help`.
#[test]
fn no_seed_breaks_the_contract() {
    let failed = match Wish::read() {
        None => run_all(0..SEEDS, false).failed,
        Some(Wish::Seeds(seeds)) => {
            let sum = run_all(seeds, true);
            say(&sum.to_string());
            sum.failed
        }
        Some(Wish::One(run)) => {
            let verdict = carry_out_quietly(&run);
            assert!(verdict.wrong.is_empty(), "{}", explain(&run, &verdict));
            None
        }
    };
    if let Some((run, verdict)) = failed {
        say(&explain(&run, &verdict));
        let (run, verdict) = shrink(&run, &verdict);
        panic!("{}", explain(&run, &verdict));
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 1_000..1_006 {
        let first = carry_out_quietly(&Run::of(seed));
        assert_eq!(first, carry_out_quietly(&Run::of(seed)), "seed {seed}");
    }
}

#[test]
fn another_seed_gives_another_run() {
    let digest = |seed| carry_out_quietly(&Run::of(seed)).digest;
    assert_ne!(digest(1_000), digest(1_001));
}
