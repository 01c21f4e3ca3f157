//! Watchers that go on for as long as anything happens, and their testimony.

use super::Testimony;
use crate::app::PATIENCE;
use boardcast_sim::fold::Fold;
use boardcast_sim::merged::MergedWatcher;
use boardcast_sim::random::Random;
use boardcast_sim::watcher::{Report, Watcher, WatcherHandle};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Where every board stands once nothing happens any more.
type End = watch::Receiver<Option<BTreeMap<String, String>>>;

const TICK: Duration = Duration::from_millis(10);

/// Watches one board to the end. A watcher whose board is gone stops, as it should; then another one
/// begins, until there is a board again. Cut at random once in so many blocks, and in between; never
/// if that is 0.
pub(super) async fn watch_one(
    address: SocketAddr,
    board: &str,
    mut random: Random,
    one_in: u64,
    end: End,
) -> Testimony {
    let mut testimony = Testimony {
        name: format!("a watcher of {board}, cut once in {one_in}"),
        ..Testimony::default()
    };
    let began_at = Instant::now();
    loop {
        let watcher = Watcher::new(address, board).recording();
        let watcher = match one_in {
            0 => watcher,
            _ => watcher.cutting(random.draw(), one_in),
        };
        let watcher = watcher.spawn();
        let is_at_end = follow(&watcher, board, &mut random, one_in, &end).await;
        let (report, fold) = watcher.stop().await;
        add(&mut testimony, board, report);
        if is_at_end {
            testimony.folds.insert(board.to_owned(), fold);
            return testimony;
        }
        assert!(began_at.elapsed() < 4 * PATIENCE, "{}", testimony.name);
        sleep(TICK).await;
    }
}

/// True once it has come to the end; false if it stopped before.
async fn follow(
    watcher: &WatcherHandle,
    board: &str,
    random: &mut Random,
    one_in: u64,
    end: &End,
) -> bool {
    while !watcher.is_stopped() {
        let cursor = end.borrow().as_ref().map(|end| end[board].clone());
        if cursor.is_some() && watcher.last_id() == cursor {
            return true;
        }
        if one_in > 0 && random.one_in(one_in) {
            watcher.cut();
        }
        sleep(TICK).await;
    }
    false
}

fn add(testimony: &mut Testimony, board: &str, report: Report) {
    testimony.violations.extend(report.violations);
    for raw in report.recorded.into_values() {
        let text = String::from_utf8(raw).unwrap();
        let mut lines = text.lines();
        let data = lines.next().and_then(|line| line.strip_prefix("data: "));
        let id = lines.next().and_then(|line| line.strip_prefix("id: "));
        let place = (board.to_owned(), id.unwrap().to_owned());
        testimony.seen.push((place, data.unwrap().to_owned()));
    }
}

/// Watches several boards in one stream to the end.
pub(super) async fn watch_all(
    address: SocketAddr,
    boards: &[&str],
    from_head: bool,
    mut random: Random,
    one_in: u64,
    end: End,
) -> Testimony {
    let watcher = MergedWatcher::new(address, boards);
    let watcher = match one_in {
        0 => watcher,
        _ => watcher.cutting(random.draw(), one_in),
    };
    let (watcher, begins) = match from_head {
        true => (watcher.from_head(), "from the head"),
        false => (watcher, "from a snapshot"),
    };
    let watcher = watcher.spawn();
    let name = format!("a watcher of {boards:?}, cut once in {one_in}, {begins}");
    while end.borrow().is_none() {
        if one_in > 0 && random.one_in(one_in) {
            watcher.cut();
        }
        sleep(TICK).await;
    }
    let mut end = end.borrow().clone().expect("it has come");
    end.retain(|board, _| boards.contains(&board.as_str()));
    // A board that ended and came back is for those that come anew.
    let began_at = Instant::now();
    while let Err(behind) = watcher.wait_for(&end, Duration::from_secs(2)).await {
        assert!(began_at.elapsed() < PATIENCE, "{name}: {behind}");
        watcher.cut();
    }
    let (report, folds): (_, BTreeMap<String, Fold>) = watcher.stop().await;
    Testimony {
        name,
        violations: report.violations,
        folds,
        seen: report.recorded.into_iter().collect(),
    }
}
