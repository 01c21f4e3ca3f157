//! What watchers cost who do nothing: memory while they are there, heartbeats, and what is left of
//! it once they have gone.

use std::time::{Duration, Instant};

use super::host;
use super::report::{Part, digits, median, slope, thousands};
use super::stage::{Stage, calm};
use super::swarm::{Swarm, Target};

/// Watchers from which on memory is looked at: what a server sets up once is below it.
const FROM: f64 = 5_000.0;

/// In which everyone gets one heartbeat from our server.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long memory may take to go back.
const PATIENCE: Duration = Duration::from_secs(10);

/// One server's life.
struct Round {
    /// Resident memory by watchers, in bytes.
    points: Vec<(f64, f64)>,
    /// Before the first came, and after the last had gone.
    before: f64,
    after: f64,
    /// Share of a core while nothing happens but heartbeats.
    heartbeats: f64,
}

impl Round {
    fn full(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.1)
    }

    fn each(&self) -> f64 {
        slope_of_many(&self.points)
    }
}

pub(crate) async fn idle(mut stage: Stage) -> Result<Part, String> {
    let mut part = Part::new(
        "Idle watchers",
        &["watchers", "server's memory MB"],
        "Streams that are open and quiet, on a new server each time; medians of the rounds. What a watcher costs is the slope of \
         the server's resident memory from 5,000 watchers on, by least squares; the kernel's own part of a socket is not in \
         it. Then everyone gets one heartbeat, and then all leave at once. In the last \
         round what is left then is looked at once half has gone back, or ten seconds later.",
    );
    let mut rounds = Vec::new();
    for left in (0..stage.pairs()).rev() {
        let patience = if left == 0 && !stage.is_quick() {
            PATIENCE
        } else {
            Duration::ZERO
        };
        let round = live_once(&mut stage, patience).await?;
        stage.say(&format!(
            "  {:.3} KiB each, heartbeats {:.2} % of a core, {:.1} MB before, {:.1} full, {:.1} after",
            round.each() / 1024.0,
            round.heartbeats * 100.0,
            round.before / 1e6,
            round.full() / 1e6,
            round.after / 1e6,
        ));
        rounds.push(round);
    }
    let of =
        |figure: &dyn Fn(&Round) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
    let watchers: Vec<f64> = rounds[0].points.iter().map(|point| point.0).collect();
    part.row([
        "none yet".to_owned(),
        digits(of(&|round| round.before) / 1e6),
    ]);
    for (at, watchers) in watchers.iter().enumerate() {
        part.row([
            thousands(*watchers),
            digits(of(&|round| round.points[at].1) / 1e6),
        ]);
    }
    let last = rounds.last().ok_or("there was a round")?;
    part.row(["none any more".to_owned(), digits(last.after / 1e6)]);
    let most = thousands(watchers.last().copied().unwrap_or(0.0));
    part.ratio(format!(
        "An idle watcher costs {} KiB of the server's memory (the slope up to {most}).",
        digits(of(&Round::each) / 1024.0)
    ));
    part.ratio(format!(
        "Heartbeats of {most} idle watchers take {} % of a core.",
        digits(of(&|round| round.heartbeats * 100.0))
    ));
    part.ratio(format!(
        "Once {most} watchers have left, the server has {} MB more than before the first came; with them it had {} MB more.",
        digits((last.after - last.before) / 1e6),
        digits(of(&|round| round.full() - round.before) / 1e6)
    ));
    Ok(part)
}

async fn live_once(stage: &mut Stage, patience: Duration) -> Result<Round, String> {
    let ours = stage.ours(1).await?;
    let pids = &ours.target.pids;
    let mut swarm = Swarm::new(&ours.target, 1)?;
    swarm.write_alone(Duration::ZERO, 1)?;
    calm(pids);
    let before = host::resident(pids);
    let points = fill(stage, &mut swarm, &ours.target)?;
    let window = stage.time(HEARTBEAT.as_millis() as u64);
    let cpu = host::cpu_us(pids);
    swarm.look_on(window)?;
    let heartbeats = (host::cpu_us(pids) - cpu) / 1e6 / window.as_secs_f64();
    swarm.write_alone(Duration::ZERO, 1)?;
    swarm.verify()?;
    drop(swarm);
    calm(pids);
    let half = f64::midpoint(before, host::resident(pids));
    Ok(Round {
        points,
        before,
        after: settled(pids, half, patience),
        heartbeats,
    })
}

/// Resident memory once it has fallen so far, or when patience is at its end: an allocator may give
/// back what is free after a while.
fn settled(pids: &[u32], wanted: f64, patience: Duration) -> f64 {
    let begun = Instant::now();
    while host::resident(pids) > wanted && begun.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(100));
    }
    host::resident(pids)
}

/// Resident memory at ever more idle watchers, of any server.
pub(crate) fn memory_by_watchers(
    stage: &Stage,
    target: &Target,
) -> Result<Vec<(f64, f64)>, String> {
    let mut swarm = Swarm::new(target, 1)?;
    let points = fill(stage, &mut swarm, target)?;
    swarm.write_alone(Duration::ZERO, 1)?;
    swarm.verify()?;
    Ok(points)
}

fn fill(stage: &Stage, swarm: &mut Swarm, target: &Target) -> Result<Vec<(f64, f64)>, String> {
    let (step, most) = (
        stage.size(1_000, 20),
        stage.watchers(stage.size(15_000, 100)),
    );
    let mut points = Vec::new();
    while (points.len() + 1) * step <= most {
        swarm.watch(step)?;
        calm(&target.pids);
        let watchers = (points.len() + 1) * step;
        points.push((watchers as f64, host::resident(&target.pids)));
    }
    Ok(points)
}

/// What each more costs, in bytes: from [`FROM`] on, or of all if there are fewer.
pub(crate) fn slope_of_many(points: &[(f64, f64)]) -> f64 {
    let many: Vec<_> = points
        .iter()
        .copied()
        .filter(|point| point.0 >= FROM)
        .collect();
    slope(if many.len() > 1 { &many } else { points })
}
