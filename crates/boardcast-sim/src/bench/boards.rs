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

/// How events come to many boards, in turn.
#[derive(Clone, Copy)]
enum Pace {
    /// To so many boards at a time, and to the next when those have been seen.
    AtOnce(usize),
    /// To one board every so often, whether or not what came before was seen.
    Every(Duration),
}

impl Pace {
    fn write(self, swarm: &mut Swarm, time: Duration) -> Result<u64, String> {
        match self {
            Self::AtOnce(boards) => swarm.write_in_turn(time, boards),
            Self::Every(pause) => swarm.write_evenly(time, pause),
        }
    }
}

/// Events at each of the paces, to so many watchers of each board.
fn in_turn<const N: usize>(
    target: &Target,
    mut swarm: Swarm,
    watchers: usize,
    paces: [Pace; N],
    time: Duration,
) -> Result<[Figures; N], String> {
    swarm.watch_each(watchers)?;
    let mut measured = Vec::with_capacity(N);
    for pace in paces {
        pace.write(&mut swarm, time / 10)?;
        calm(&target.pids);
        measured.push(measure(&mut swarm, target, |swarm| {
            pace.write(swarm, time)
        })?);
    }
    swarm.verify()?;
    drop(swarm);
    calm(&target.pids);
    measured
        .try_into()
        .map_err(|_| "as many figures as paces".into())
}

pub(crate) async fn boards(mut stage: Stage) -> Outcome {
    const PACE: [Pace; 1] = [Pace::AtOnce(20)];
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
        let [quiet] = in_turn(
            &ours.target,
            Swarm::new(&ours.target, boards)?,
            0,
            PACE,
            time,
        )?;
        let [figures] = in_turn(
            &ours.target,
            Swarm::new(&ours.target, boards)?,
            WATCHERS_EACH,
            PACE,
            time,
        )?;
        let mut floor = stage.floor(figures.bytes_per_delivery());
        (floor.watch, floor.path) = ("/{writer}".into(), "/{writer}".into());
        let [floor_quiet] = in_turn(&floor, Swarm::new(&floor, boards)?, 0, PACE, time / 2)?;
        let [floor] = in_turn(
            &floor,
            Swarm::new(&floor, boards)?,
            WATCHERS_EACH,
            PACE,
            time,
        )?;
        let cost = net(&figures, quiet.cpu_per_event());
        let bare_cost = net(&floor, floor_quiet.cpu_per_event());
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

/// The same events by three ways to the watchers: over sockets that were taken over, through hyper as
/// bodies, and by a server that has nothing of ours.
pub(crate) async fn paths(mut stage: Stage) -> Outcome {
    const PACES: [Pace; 2] = [Pace::Every(Duration::from_micros(500)), Pace::AtOnce(1)];
    let mut part = Part::new(
        "Sockets taken over, bodies, and a stock server",
        &[
            "events",
            "sockets: CPU µs a delivery",
            "bodies",
            "stock",
            "sockets / bodies",
            "sockets / stock",
            "sockets: p50 ms",
            "p99 ms",
            "bodies: p50 ms",
            "p99 ms",
            "stock: p50 ms",
            "p99 ms",
        ],
        "What taking sockets from hyper is worth where every event has few watchers: many boards get events in turn, from a \
         server that takes sockets over, from one that sends all streams as bodies, and from one made of axum's own event \
         streams over tokio's broadcast channels, which keeps no log and promises nothing; 2,000 events a second, and then each \
         as soon as the one before has been seen, where a core never rests. Events come in by a door behind requests, writer and \
         file (`crates/boardcast/bench/publish/main.rs`) and are published there as the writer would; CPU a delivery is without \
         what the same events cost when nobody watches. The load doesn't sleep while a delivery is due: on one machine it is \
         the server that pays for waking it, up to 6 µs a delivery, which it doesn't where watchers are elsewhere.",
    );
    let boards = stage.size(2_000, 20);
    let time = stage.time(1_500);
    let sockets = stage.with_door(boards, &[]).await?;
    let bodies = stage.with_door(boards, &["--bodies-only"]).await?;
    let stock = stage.with_door(boards, &["--stock"]).await?;
    let mut rounds: [Vec<[Way; 3]>; 2] = Default::default();
    for _ in 0..stage.pairs() {
        let run = |target: &Target| {
            let swarm = || {
                let mut swarm = Swarm::new(target, boards)?;
                swarm.stay_awake();
                Ok::<_, String>(swarm)
            };
            let quiet = in_turn(target, swarm()?, 0, PACES, time)?;
            let watched = in_turn(target, swarm()?, WATCHERS_EACH, PACES, time)?;
            let both = watched.into_iter().zip(quiet);
            Ok::<_, String>(both.map(|(figures, quiet)| Way {
                cost: net(&figures, quiet.cpu_per_event()),
                latencies: figures.latencies,
            }))
        };
        let ways = run(&sockets.target)?.zip(run(&bodies.target)?);
        for (round, ((own, bodies), stock)) in rounds.iter_mut().zip(ways.zip(run(&stock.target)?))
        {
            stage.say(&format!(
                "  {:.1} µs, as bodies {:.1} µs, stock {:.1} µs",
                own.cost, bodies.cost, stock.cost
            ));
            round.push([own, bodies, stock]);
        }
    }
    let names = ["2,000 a second", "one after another"];
    for (name, round) in names.into_iter().zip(&rounds) {
        let middle = |of: &dyn Fn(&[Way; 3]) -> f64| {
            digits(median(&round.iter().map(of).collect::<Vec<_>>()))
        };
        let costs = [0, 1, 2].map(|way| middle(&|ways| ways[way].cost));
        let ratios = [1, 2].map(|way| middle(&|ways| ways[0].cost / ways[way].cost));
        let latencies = [0, 1, 2].map(|way| {
            [50.0, 99.0].map(|share| middle(&|ways| ways[way].latencies.percentile(share)))
        });
        part.ratio(format!(
            "On {} boards with {WATCHERS_EACH} watchers each, events {name}: a delivery over a socket that was taken over costs \
             {} times the CPU of one through hyper, and {} times that of a stock server.",
            thousands(boards as f64),
            ratios[0],
            ratios[1],
        ));
        let cells = [name.to_owned()].into_iter().chain(costs).chain(ratios);
        part.row(cells.chain(latencies.into_iter().flatten()));
    }
    Ok(part)
}

/// What a delivery cost by one of the ways, and how long it took.
struct Way {
    cost: f64,
    latencies: Spread,
}
