//! Everyone is cut and comes back at once, while others write.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::cases::{fill_board, of};
use super::host;
use super::report::{Part, digits, median, thousands};
use super::spread::Spread;
use super::stage::{Figures, Ours, Stage, calm, make, measure};
use super::swarm::{Resume, Swarm, Target};

/// A cursor that no board can serve.
const NOWHERE: &str = "1-000000000000";

/// Between two writes of the one who writes meanwhile.
const PAUSE: Duration = Duration::from_millis(5);

/// What a storm cost, and how those fared who wrote meanwhile.
struct Storm {
    figures: Figures,
    /// The most memory that the server had in it, beyond what it had before.
    more: f64,
    answer_times: Spread,
}

pub(crate) async fn storms(mut stage: Stage) -> Result<Part, String> {
    let mut part = Part::new(
        "Reconnect storms",
        &[
            "watchers come back",
            "board's tasks",
            "seconds until all have all",
            "CPU µs each",
            "in bare sends",
            "answer p50 ms meanwhile",
            "p99 ms",
            "memory more, MB",
        ],
        "Everyone is cut at once, a hundred events happen, and everyone asks for a stream again at once. With a cursor each gets \
         the hundred. With a cursor that can't be served (another history's) each gets a snapshot of the board: all of them the \
         same bytes, encoded once. The time is until the last has everything; the load connects from one thread, and reads \
         everything from one. Meanwhile somebody else edits a task on another board, five milliseconds after each answer: that \
         is the answers' time. The board of thousands of tasks is measured twice only: it is read whole ten thousand times each time. \
         Memory is the most that the server ever had in the storm, beyond what it had before.",
    );
    let watchers = stage.watchers(stage.size(10_000, 100));
    let small = stage.size(100, 10);
    let ours = stage.ours(small).await?;
    let aside = make_aside(&ours).await?;
    let mut kinds = vec![
        ("with a cursor", Resume::Own, small),
        ("with one that can't be served", Resume::At(NOWHERE), small),
    ];
    let mut rounds: Vec<Vec<Storm>> = vec![Vec::new(), Vec::new()];
    let mut units = Vec::new();
    for _ in 0..stage.pairs() {
        let mut swarm = Swarm::new(&ours.target, 1)?;
        swarm.watch(watchers)?;
        swarm.write_alone(Duration::ZERO, 3)?;
        for (at, (_, resume, _)) in kinds.iter().enumerate() {
            rounds[at].push(storm(&mut swarm, &ours.target, &aside, *resume)?);
        }
        drop(swarm);
        calm(&ours.target.pids);
        units.push(stage.unit()?);
    }
    let large = stage.size(5_000, 200);
    fill_board(&ours, large)?;
    kinds.push((
        "with one that can't be served",
        Resume::At(NOWHERE),
        large + small,
    ));
    rounds.push(Vec::new());
    for _ in 0..stage.size(2, 1) {
        let mut swarm = Swarm::new(&ours.target, 1)?;
        swarm.watch(watchers)?;
        swarm.write_alone(Duration::ZERO, 3)?;
        rounds[2].push(storm(
            &mut swarm,
            &ours.target,
            &aside,
            Resume::At(NOWHERE),
        )?);
        drop(swarm);
        calm(&ours.target.pids);
    }
    for ((name, _, tasks), storms) in kinds.iter().zip(&rounds) {
        let seconds = of(storms, |storm| storm.figures.seconds);
        let each = of(storms, |storm| storm.figures.cpu_us / watchers as f64);
        let more = of(storms, |storm| storm.more / 1e6);
        let mut answers = Spread::default();
        storms
            .iter()
            .for_each(|storm| answers.merge(&storm.answer_times));
        let ratio = each / median(&units);
        part.row([
            format!("{} {name}", thousands(watchers as f64)),
            thousands(*tasks as f64),
            digits(seconds),
            digits(each),
            digits(ratio),
            digits(answers.percentile(50.0)),
            digits(answers.percentile(99.0)),
            digits(more),
        ]);
        stage.say(&format!(
            "  {watchers} {name}, {tasks} tasks: {seconds:.2} s, {each:.0} µs each, answers p99 {:.1} ms, {more:.1} MB more",
            answers.percentile(99.0)
        ));
        part.ratio(format!(
            "Coming back {name} to a board of {} tasks costs as much CPU as {} bare sends; {} who do so at once have everything \
             after {} s, and who writes meanwhile is answered within {} ms (p99). The server needs {} MB more for that.",
            thousands(*tasks as f64),
            digits(ratio),
            thousands(watchers as f64),
            digits(seconds),
            digits(answers.percentile(99.0)),
            digits(more),
        ));
    }
    Ok(part)
}

/// A task on a board of its own, for somebody who has nothing to do with the storm.
pub(crate) async fn make_aside(ours: &Ours) -> Result<Target, String> {
    let wanted = vec![
        ("/boards", json!({"id": "aside", "name": "Aside"})),
        (
            "/lists",
            json!({"id": "aside", "boardId": "aside", "name": "Aside"}),
        ),
        (
            "/tasks",
            json!({"id": "aside", "listId": "aside", "title": "Aside"}),
        ),
    ];
    make(ours.target.addr, wanted).await?;
    Ok(Target {
        watch: "/boards/aside/events".into(),
        path: "/tasks/aside".into(),
        ..ours.target.clone()
    })
}

fn storm(
    swarm: &mut Swarm,
    target: &Target,
    aside: &Target,
    resume: Resume<'_>,
) -> Result<Storm, String> {
    const EVENTS: u64 = 100;
    cut_and_miss(swarm, target, EVENTS)?;
    host::forget_resident_max(&target.pids);
    let before = host::resident_max(&target.pids);
    let (figures, answer_times) = while_writing(aside, || come_back(swarm, target, resume))?;
    Ok(Storm {
        figures,
        more: host::resident_max(&target.pids) - before,
        answer_times,
    })
}

/// Everyone is gone, and then so much happens.
pub(crate) fn cut_and_miss(swarm: &mut Swarm, target: &Target, events: u64) -> Result<(), String> {
    swarm.cut();
    calm(&target.pids);
    for _ in 0..events {
        swarm.send(0)?;
        swarm.wait_for_answers()?;
    }
    Ok(())
}

/// What it costs until everyone has everything again.
pub(crate) fn come_back(
    swarm: &mut Swarm,
    target: &Target,
    resume: Resume<'_>,
) -> Result<Figures, String> {
    let figures = measure(swarm, target, |swarm| {
        swarm.come_back(resume)?;
        match resume {
            Resume::Own => swarm.settle()?,
            Resume::At(_) => {
                swarm.wait_for_snapshots()?;
                swarm.forgive();
            }
        }
        swarm.wait_for_streams()?;
        Ok(1)
    })?;
    swarm.verify()?;
    Ok(figures)
}

/// Somebody writes, with pauses, while something happens; and how long answers took.
fn while_writing<T>(
    target: &Target,
    work: impl FnOnce() -> Result<T, String>,
) -> Result<(T, Spread), String> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut writer = Swarm::new(target, 1)?;
            while !is_over.load(Ordering::Relaxed) {
                writer.send(0)?;
                writer.wait_for_answers()?;
                thread::sleep(PAUSE);
            }
            Ok::<_, String>(writer.tally.answer_times.clone())
        });
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        let answer_times = writing.join().map_err(|_| "the writer panicked")??;
        Ok((done?, answer_times))
    })
}
