//! Many boards at once: small ones in turn, by either way to a watcher, and a small one beside a large
//! one that takes all it can get.

use std::thread;
use std::time::Duration;

use super::cases::{net, of, per_second};
use super::report::{Part, digits, median, thousands};
use super::spread::Spread;
use super::stage::{Figures, Stage, calm, measure};
use super::storms::make_aside;
use super::swarm::{Swarm, Target};

type Outcome = Result<Part, String>;

const WATCHERS_EACH: usize = 5;

/// Events of so many boards at a time, in turn, to so many watchers of each.
fn in_turn(
    target: &Target,
    boards: usize,
    watchers: usize,
    at_once: usize,
    time: Duration,
) -> Result<Figures, String> {
    let mut swarm = Swarm::new(target, boards)?;
    swarm.watch_each(watchers)?;
    swarm.write_in_turn(time / 10, at_once)?;
    calm(&target.pids);
    let figures = measure(&mut swarm, target, |swarm| {
        swarm.write_in_turn(time, at_once)
    })?;
    swarm.verify()?;
    drop(swarm);
    calm(&target.pids);
    Ok(figures)
}

pub(crate) async fn boards(mut stage: Stage) -> Outcome {
    const AT_ONCE: usize = 20;
    let mut part = Part::new(
        "Many small boards",
        &[
            "boards",
            "watchers",
            "ours: CPU µs a delivery",
            "floor",
            "ratio",
            "deliveries/s",
            "floor",
            "p50 ms",
            "p99 ms",
        ],
        "Twenty boards at a time get an event each, and the next twenty when those have been seen, in turn. As in the fan-out, CPU \
         a delivery is without what the same writes cost when nobody watches.",
    );
    let boards = stage.size(1_000, 20);
    let ours = stage.ours_with_boards(boards).await?;
    let time = stage.time(1_500);
    let (mut own, mut bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut costs, mut bare_costs) = (Vec::new(), Vec::new());
    for _ in 0..stage.pairs() {
        let quiet_us = in_turn(&ours.target, boards, 0, AT_ONCE, time)?.cpu_per_event();
        let figures = in_turn(&ours.target, boards, WATCHERS_EACH, AT_ONCE, time)?;
        let mut floor = stage.floor(figures.bytes_per_delivery());
        (floor.watch, floor.path) = ("/{writer}".into(), "/{writer}".into());
        let floor_quiet_us = in_turn(&floor, boards, 0, AT_ONCE, time / 2)?.cpu_per_event();
        let floor = in_turn(&floor, boards, WATCHERS_EACH, AT_ONCE, time)?;
        let (cost, bare_cost) = (net(&figures, quiet_us), net(&floor, floor_quiet_us));
        ratios.push(cost / bare_cost);
        costs.push(cost);
        bare_costs.push(bare_cost);
        own.push(figures);
        bare.push(floor);
    }
    part.row([
        thousands(boards as f64),
        thousands((boards * WATCHERS_EACH) as f64),
        digits(median(&costs)),
        digits(median(&bare_costs)),
        digits(median(&ratios)),
        thousands(of(&own, per_second)),
        thousands(of(&bare, per_second)),
        digits(of(&own, |figures| figures.latencies.percentile(50.0))),
        digits(of(&own, |figures| figures.latencies.percentile(99.0))),
    ]);
    part.ratio(format!(
        "On {} boards with {WATCHERS_EACH} watchers each, one delivery costs {} times the CPU of a bare send.",
        thousands(boards as f64),
        digits(median(&ratios))
    ));
    Ok(part)
}

/// A board of few watchers alone, then beside one of so many that a core is never done with it.
pub(crate) async fn beside(mut stage: Stage) -> Outcome {
    const EVERY: Duration = Duration::from_millis(40);
    let mut part = Part::new(
        "A small board beside a large one",
        &[
            "the other board's watchers",
            "its deliveries/s",
            "its p50 ms",
            "server's CPU, cores",
            "small board: p50 ms",
            "p99 ms",
        ],
        "A board of twenty watchers gets an event every ten milliseconds, first alone, then while another one gets one every forty \
         milliseconds, which is more than one core can send to all of that one's watchers. Medians of the rounds. Each board has \
         a load of its own, in a thread of its own, so on two cores they are in each other's way, and in the server's.",
    );
    let (few, many) = (stage.size(20, 5), stage.watchers(stage.size(8_000, 50)));
    let ours = stage.ours(1).await?;
    let aside = make_aside(&ours).await?;
    let time = stage.time(4_000);
    let (mut alone, mut crowd, mut pressed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..stage.pairs() {
        alone.push(at_ease(&aside, few, time / 2)?);
        let mut large = Swarm::new(&ours.target, 1)?;
        large.watch(many)?;
        calm(&ours.target.pids);
        let (beside, figures) = thread::scope(|scope| {
            let small = scope.spawn(|| at_ease(&aside, few, time * 3 / 4));
            let figures = measure(&mut large, &ours.target, |large| {
                large.write_paced(time, EVERY)
            });
            let beside = small
                .join()
                .map_err(|_| "the small board's load panicked")?;
            Ok::<_, String>((beside?, figures?))
        })?;
        large.settle()?;
        large.verify()?;
        drop(large);
        calm(&ours.target.pids);
        stage.say(&format!(
            "  p99 of the small board {:.2} ms, alone {:.2} ms",
            beside.percentile(99.0),
            alone[alone.len() - 1].percentile(99.0)
        ));
        pressed.push(beside);
        crowd.push(figures);
    }
    let p99 = |all: &[Spread]| of(all, |spread| spread.percentile(99.0));
    let p50 = |all: &[Spread]| of(all, |spread| spread.percentile(50.0));
    let none = || "–".to_owned();
    part.row([
        none(),
        none(),
        none(),
        none(),
        digits(p50(&alone)),
        digits(p99(&alone)),
    ]);
    part.row([
        thousands(many as f64),
        thousands(of(&crowd, per_second)),
        digits(of(&crowd, |figures| figures.latencies.percentile(50.0))),
        digits(of(&crowd, |figures| figures.cpu_us / 1e6 / figures.seconds)),
        digits(p50(&pressed)),
        digits(p99(&pressed)),
    ]);
    part.ratio(format!(
        "A board of {few} watchers beside a saturating one of {}: p50 {} ms, p99 {} ms (alone {} and {} ms).",
        thousands(many as f64),
        digits(p50(&pressed)),
        digits(p99(&pressed)),
        digits(p50(&alone)),
        digits(p99(&alone)),
    ));
    Ok(part)
}

/// One event after another, with pauses, to a few.
fn at_ease(target: &Target, watchers: usize, time: Duration) -> Result<Spread, String> {
    const EVERY: Duration = Duration::from_millis(10);
    let mut swarm = Swarm::new(target, 1)?;
    swarm.watch(watchers)?;
    swarm.write_paced(time, EVERY)?;
    swarm.settle()?;
    swarm.verify()?;
    Ok(swarm.tally.latencies.clone())
}

/// The same events by either way to the watchers: over sockets that were taken over, and through
/// hyper as bodies.
pub(crate) async fn paths(mut stage: Stage) -> Outcome {
    let mut part = Part::new(
        "Sockets taken over, and bodies",
        &[
            "boards",
            "watchers",
            "sockets: CPU µs a delivery",
            "bodies",
            "ratio",
            "sockets: p50 ms",
            "p99 ms",
            "bodies: p50 ms",
            "p99 ms",
        ],
        "What taking sockets from hyper is worth: each of many boards gets an event, one at a time in turn, from a server that \
         takes sockets over and from one that sends all streams as bodies, in turn. Events come in by a door behind requests, \
         writer and file (`crates/boardcast/bench/publish.rs`) and are published there as the writer would; CPU a delivery is \
         without what the same events cost when nobody watches.",
    );
    let boards = stage.size(2_000, 20);
    let time = stage.time(1_500);
    let sockets = stage.with_door(boards, &[]).await?;
    let bodies = stage.with_door(boards, &["--bodies-only"]).await?;
    let (mut own, mut other) = (Vec::new(), Vec::new());
    let (mut costs, mut other_costs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..stage.pairs() {
        let run = |target: &Target| {
            let quiet_us = in_turn(target, boards, 0, 1, time / 2)?.cpu_per_event();
            let figures = in_turn(target, boards, WATCHERS_EACH, 1, time)?;
            Ok::<_, String>((net(&figures, quiet_us), figures))
        };
        let (cost, figures) = run(&sockets.target)?;
        let (other_cost, other_figures) = run(&bodies.target)?;
        stage.say(&format!("  {cost:.1} µs, as bodies {other_cost:.1} µs"));
        ratios.push(cost / other_cost);
        costs.push(cost);
        other_costs.push(other_cost);
        own.push(figures);
        other.push(other_figures);
    }
    part.row([
        thousands(boards as f64),
        thousands((boards * WATCHERS_EACH) as f64),
        digits(median(&costs)),
        digits(median(&other_costs)),
        digits(median(&ratios)),
        digits(of(&own, |figures| figures.latencies.percentile(50.0))),
        digits(of(&own, |figures| figures.latencies.percentile(99.0))),
        digits(of(&other, |figures| figures.latencies.percentile(50.0))),
        digits(of(&other, |figures| figures.latencies.percentile(99.0))),
    ]);
    part.ratio(format!(
        "On {} boards with {WATCHERS_EACH} watchers each, a delivery over a socket that was taken over costs {} times the CPU of \
         one through hyper.",
        thousands(boards as f64),
        digits(median(&ratios))
    ));
    Ok(part)
}
