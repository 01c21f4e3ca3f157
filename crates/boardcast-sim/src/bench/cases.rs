//! What is measured. Each case starts its own server, and says in its text how its figures came to
//! be.

use std::time::{Duration, Instant};

use super::host;
use super::report::{Part, digits, median, thousands};
use super::stage::{BOARD, Figures, Ours, Stage, fan_out as fan_out_to, measure};
use super::storms::{come_back, cut_and_miss};
use super::swarm::{Resume, Swarm, Target};
use crate::client::Client;
use crate::shim::Shim;

/// What nobody's patience is for: a bound, not a measure.
const LONG: Duration = Duration::from_secs(600);

type Outcome = Result<Part, String>;

pub(crate) async fn writes(mut stage: Stage) -> Outcome {
    let mut part = Part::new(
        "Writes",
        &[
            "writers",
            "writes/s",
            "answer p50 ms",
            "p99 ms",
            "syncs a command",
            "CPU µs a write",
            "in bare sends",
        ],
        "Each writer edits the title of a task of its own over one connection, and again as soon as it is answered, \
         which is when the write is on disk. One watcher follows and checks every one. Syncs are counted by a shim in a \
         run of its own. The last column is CPU divided by that of one bare send in the same minute.",
    );
    for writers in stage_sizes(&stage, &[1, 8, 64, 256], &[1, 8]) {
        let ours = stage.ours(writers).await?;
        let mut all = Vec::new();
        let mut ratios = Vec::new();
        for _ in 0..stage.pairs() {
            let figures = write_together(&ours.target, writers, stage.time(1_000))?;
            ratios.push(figures.cpu_per_event() / stage.unit()?);
            all.push(figures);
        }
        let syncs = syncs_per_command(&mut stage, writers).await?;
        let per_second = of(&all, |figures| figures.events / figures.seconds);
        let cpu = of(&all, Figures::cpu_per_event);
        part.row([
            writers.to_string(),
            thousands(per_second),
            digits(of(&all, |figures| figures.answer_times.percentile(50.0))),
            digits(of(&all, |figures| figures.answer_times.percentile(99.0))),
            digits(syncs),
            digits(cpu),
            digits(median(&ratios)),
        ]);
        stage.say(&format!(
            "  {writers} writers: {per_second:.0} writes/s, {cpu:.0} µs"
        ));
        if writers == 256 {
            part.ratio(format!(
                "A durable write costs as much CPU as {} bare sends with {writers} writers ({} writes/s, {} syncs each).",
                digits(median(&ratios)),
                thousands(per_second),
                digits(syncs)
            ));
        }
    }
    Ok(part)
}

fn write_together(target: &Target, writers: usize, time: Duration) -> Result<Figures, String> {
    let mut swarm = Swarm::new(target, writers)?;
    swarm.watch(1)?;
    swarm.write_together(time / 10, u64::MAX)?;
    swarm.settle()?;
    let figures = measure(&mut swarm, target, |swarm| {
        swarm.write_together(time, u64::MAX)
    })?;
    swarm.settle()?;
    swarm.verify()?;
    Ok(figures)
}

async fn syncs_per_command(stage: &mut Stage, writers: usize) -> Result<f64, String> {
    let data = stage.data();
    let shim = Shim::new(stage.folder(), &data).map_err(|fault| fault.to_string())?;
    let ours = stage.ours_on(&data, writers, &shim.env()).await?;
    let mut swarm = Swarm::new(&ours.target, writers)?;
    let before = shim.syncs_wal() + shim.syncs_db();
    let writes = swarm.write_together(stage.time(500), u64::MAX)?;
    Ok((shim.syncs_wal() + shim.syncs_db() - before) as f64 / writes as f64)
}

pub(crate) async fn fan_out(mut stage: Stage) -> Outcome {
    let mut part = Part::new(
        "Fan-out",
        &[
            "watchers",
            "ours: CPU µs a delivery",
            "floor",
            "ratio",
            "CPU µs an event",
            "deliveries/s",
            "floor",
            "p50 ms",
            "p99 ms",
            "floor p50",
            "floor p99",
        ],
        "One writer edits one task; the next write is sent when everybody has the one before, so no two events share a send. \
         Ours and the floor take turns with the same number of sockets and bytes; the ratio is the median of the pairs. CPU a \
         delivery is without what the same write costs when nobody watches, CPU an event is with it. Latency is from the \
         moment before the writer sends to the moment after the watcher has read, so ours has the commit in it, and both \
         have the load's own work: one thread that reads for all watchers. The last row is with accounts on, everyone showing a \
         token; its events say who did it, and are larger by that.",
    );
    let ours = stage.ours(1).await?;
    let with_accounts = stage.ours_with_accounts(1).await?;
    let time = stage.time(1_500);
    let floor_quiet_us = fan_out_to(&stage.floor(400), 0, time)?.cpu_per_event();
    let sizes = stage_sizes(&stage, &[1, 100, 1_000, 10_000], &[1, 50]);
    let open = sizes.into_iter().map(|watchers| (&ours, watchers, ""));
    let watchers = stage.size(1_000, 50);
    for (ours, watchers, note) in open.chain([(&with_accounts, watchers, " with accounts")]) {
        let watchers = stage.watchers(watchers);
        let (mut own, mut bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let (mut costs, mut bare_costs) = (Vec::new(), Vec::new());
        for _ in 0..stage.pairs() {
            let quiet_us = fan_out_to(&ours.target, 0, time / 2)?.cpu_per_event();
            let figures = fan_out_to(&ours.target, watchers, time)?;
            let floor = fan_out_to(&stage.floor(figures.bytes_per_delivery()), watchers, time)?;
            costs.push(net(&figures, quiet_us));
            bare_costs.push(net(&floor, floor_quiet_us));
            ratios.push(net(&figures, quiet_us) / net(&floor, floor_quiet_us));
            own.push(figures);
            bare.push(floor);
        }
        let ratio = median(&ratios);
        let is_clear = watchers >= 100;
        let when_clear = |value: f64| {
            if is_clear {
                digits(value)
            } else {
                "–".to_owned()
            }
        };
        part.row([
            thousands(watchers as f64) + note,
            when_clear(median(&costs)),
            when_clear(median(&bare_costs)),
            when_clear(ratio),
            digits(of(&own, Figures::cpu_per_event)),
            thousands(of(&own, per_second)),
            thousands(of(&bare, per_second)),
            digits(of(&own, |figures| figures.latencies.percentile(50.0))),
            digits(of(&own, |figures| figures.latencies.percentile(99.0))),
            digits(of(&bare, |figures| figures.latencies.percentile(50.0))),
            digits(of(&bare, |figures| figures.latencies.percentile(99.0))),
        ]);
        stage.say(&format!(
            "  {watchers} watchers{note}: {ratio:.2} times the floor"
        ));
        if is_clear {
            part.ratio(format!(
                "One delivery to each of {} watchers{note} costs {} times the CPU of a bare send.",
                thousands(watchers as f64),
                digits(ratio)
            ));
        }
    }
    Ok(part)
}

/// CPU of a delivery without that of the write.
pub(crate) fn net(figures: &Figures, write_us: f64) -> f64 {
    (figures.cpu_us - figures.events * write_us) / figures.deliveries
}

pub(crate) fn per_second(figures: &Figures) -> f64 {
    figures.deliveries / figures.seconds
}

pub(crate) async fn stalled(mut stage: Stage) -> Outcome {
    let mut part = Part::new(
        "Stalled readers",
        &[
            "watchers that read",
            "that don't",
            "p50 ms",
            "p99 ms",
            "CPU µs a delivery",
            "server's memory MB",
            "kernel's TCP memory MB",
        ],
        "Events of 8 KB, a megabyte and more of them, one after another to those who read, first alone and then beside some \
         who have asked for a stream and never read it. Kernel memory is that of all TCP sockets, both ends.",
    );
    let (reading, stalling) = (stage.size(1_000, 50), stage.size(200, 10));
    let ours = stage.ours(1).await?;
    let mut target = ours.target.clone();
    target.body = "{\"title\":\"{mark}\",\"description\":\"{fill}\"}".into();
    target.body_bytes = 8_000;
    let mut swarm = Swarm::new(&target, 1)?;
    swarm.watch(reading)?;
    let mut medians = Vec::new();
    for stalled in [0, stalling] {
        swarm.stall(stalled)?;
        let least = stage.size(150, 10) as u64;
        swarm.write_alone(Duration::ZERO, 3)?;
        let figures = measure(&mut swarm, &target, |swarm| {
            swarm.write_alone(stage.time(2_000), least)
        })?;
        swarm.verify()?;
        let (server, kernel) = (host::resident(&target.pids), host::tcp_memory());
        part.row([
            thousands(reading as f64),
            thousands(stalled as f64),
            digits(figures.latencies.percentile(50.0)),
            digits(figures.latencies.percentile(99.0)),
            digits(figures.cpu_per_delivery()),
            digits(server / 1e6),
            digits(kernel / 1e6),
        ]);
        medians.push((figures.latencies.percentile(99.0), server, kernel));
    }
    let [(before, server, kernel), (after, server_then, kernel_then)] = medians[..] else {
        return Err("two measurements were made".into());
    };
    part.ratio(format!(
        "{stalling} stalled readers beside {} others change those others' p99 by a factor of {}, and cost {} KB of the server's and {} KB of the kernel's memory each.",
        thousands(reading as f64),
        digits(after / before),
        digits((server_then - server) / 1e3 / stalling as f64),
        digits((kernel_then - kernel) / 1e3 / stalling as f64)
    ));
    Ok(part)
}

pub(crate) async fn snapshot(mut stage: Stage) -> Outcome {
    let tasks = stage.size(5_000, 200);
    let mut part = Part::new(
        "Snapshot of a large board",
        &[
            "tasks",
            "MB",
            "time ms",
            "CPU ms",
            "in bare sends",
            "MB/s of CPU",
        ],
        "`GET /boards/{id}` of a board full of tasks with titles of 100 characters, one after another on fresh connections.",
    );
    let ours = stage.ours(1).await?;
    fill_board(&ours, tasks)?;
    let client = Client::new(ours.target.addr);
    let path = format!("/boards/{BOARD}");
    let (mut times, mut bytes) = (Vec::new(), 0);
    let reads = stage.size(40, 3);
    let cpu = host::cpu_us(&ours.target.pids);
    for _ in 0..reads {
        let begun = Instant::now();
        let answer = client.get(&path).await.map_err(|fault| fault.to_string())?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        bytes = answer.body.len();
    }
    let cpu_us = (host::cpu_us(&ours.target.pids) - cpu) / reads as f64;
    let (megabytes, ratio) = (bytes as f64 / 1e6, cpu_us / stage.unit()?);
    part.row([
        thousands(tasks as f64),
        digits(megabytes),
        digits(median(&times)),
        digits(cpu_us / 1e3),
        digits(ratio),
        digits(megabytes / (cpu_us / 1e6)),
    ]);
    part.ratio(format!(
        "A board of {} tasks ({} MB) is read whole in {} ms, with {} ms of CPU.",
        thousands(tasks as f64),
        digits(megabytes),
        digits(median(&times)),
        digits(cpu_us / 1e3)
    ));
    Ok(part)
}

/// So many more tasks on the board, of the writers' own kind but for their marks.
pub(crate) fn fill_board(ours: &Ours, tasks: usize) -> Result<(), String> {
    let target = Target {
        method: "POST".into(),
        path: "/tasks".into(),
        body: "{\"listId\":\"bench-list\",\"title\":\"{fill}\"}".into(),
        body_bytes: 140,
        ..ours.target.clone()
    };
    let mut swarm = Swarm::new(&target, 64)?;
    let before = swarm.tally.answers;
    while swarm.tally.answers - before < tasks as u64 {
        swarm.write_together(LONG, tasks as u64 - (swarm.tally.answers - before))?;
    }
    Ok(())
}

pub(crate) async fn resume(mut stage: Stage) -> Outcome {
    const MISSED: u64 = 10;
    let mut part = Part::new(
        "Ten missed events in a long log",
        &[
            "events stored",
            "file MB",
            "p50 ms",
            "p99 ms",
            "CPU µs a resume",
            "in bare sends",
        ],
        "A watcher is cut, ten events happen while nobody watches, it comes back with its cursor. The time is from connecting \
         until it has the ten; the CPU is that of 200 who do so together. The log is filled by 256 writers, over HTTP.",
    );
    let data = stage.data();
    let ours = stage.ours_on(&data, 256, &[]).await?;
    let mut last = 0.0;
    for stored in stage_sizes(&stage, &[1_000, 1_000_000], &[300, 1_000]) {
        let stored = store(&stage, &ours, stored)?;
        let (mut swarm, mut times) = (
            Swarm::new(&ours.target, 1)?,
            super::spread::Spread::default(),
        );
        swarm.watch(1)?;
        for _ in 0..stage.size(100, 3) {
            cut_and_miss(&mut swarm, &ours.target, MISSED)?;
            let figures = come_back(&mut swarm, &ours.target, Resume::Own)?;
            times.add((figures.seconds * 1e9) as u64);
        }
        drop(swarm);
        let mut costs = Vec::new();
        let together = stage.size(200, 10);
        let mut swarm = Swarm::new(&ours.target, 1)?;
        swarm.watch(together)?;
        for _ in 0..stage.pairs() {
            cut_and_miss(&mut swarm, &ours.target, MISSED)?;
            let figures = come_back(&mut swarm, &ours.target, Resume::Own)?;
            costs.push(figures.cpu_us / together as f64);
        }
        let bytes = std::fs::metadata(&data).map_or(0, |file| file.len());
        let ratio = median(&costs) / stage.unit()?;
        part.row([
            thousands(stored as f64),
            digits(bytes as f64 / 1e6),
            digits(times.percentile(50.0)),
            digits(times.percentile(99.0)),
            digits(median(&costs)),
            digits(ratio),
        ]);
        if last > 0.0 {
            part.ratio(format!(
                "Ten missed among {} stored events are there after {} ms ({} times that of a short log).",
                thousands(stored as f64),
                digits(times.percentile(50.0)),
                digits(times.percentile(50.0) / last)
            ));
        }
        last = times.percentile(50.0);
    }
    Ok(part)
}

/// Fills the log, for two minutes at most; how many events it then has from here.
fn store(stage: &Stage, ours: &Ours, events: usize) -> Result<u64, String> {
    const TIME_MAX: Duration = Duration::from_secs(120);
    let mut swarm = Swarm::new(&ours.target, 256)?;
    let begun = Instant::now();
    while (swarm.tally.answers as usize) < events && begun.elapsed() < TIME_MAX {
        let left = events as u64 - swarm.tally.answers;
        swarm.write_together(Duration::from_secs(5), left)?;
        stage.say(&format!(
            "  {} of {events} events stored",
            swarm.tally.answers
        ));
    }
    Ok(swarm.tally.answers)
}

fn stage_sizes(stage: &Stage, whole: &[usize], quick: &[usize]) -> Vec<usize> {
    if stage.is_quick() { quick } else { whole }.to_vec()
}

/// The median of one figure of several runs.
pub(crate) fn of<T>(runs: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    median(&runs.iter().map(figure).collect::<Vec<_>>())
}
