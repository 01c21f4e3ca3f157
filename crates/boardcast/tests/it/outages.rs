//! A server that goes down again and again, by `kill -9` at scale and by power cuts. Contract 2,
//! safe writes (an answered write is on disk and happened once, a retry gets the first answer) and
//! Contract 3, cursors (after any outage every watcher goes on where it was). `cargo xtask soak`
//! runs the same for longer.

use crate::app::say;
use crate::program::BINARY;
use boardcast_sim::outage::{Outage, Trial, Verdict};
use boardcast_sim::power::Swallowed;
use std::path::PathBuf;

async fn run(trial: Trial) -> Verdict {
    let folder = tempfile::tempdir().expect("a folder");
    trial.run(folder.path()).await
}

fn some_people(outage: Outage, outages: usize, seed: u64) -> Trial {
    Trial {
        binary: PathBuf::from(BINARY),
        outage,
        outages,
        boards: 4,
        writers: 16,
        watchers: 12,
        seed,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_fifty_power_cuts_every_answered_write_is_on_disk_and_everyone_saw_it_once() {
    let mut verdict = Verdict::default();
    // Each run begins with an empty disk.
    for seed in 1..=5 {
        verdict.absorb(run(some_people(Outage::PowerCut, 10, seed)).await);
    }
    say(&verdict);
    assert_eq!(verdict.wrong, Vec::<String>::new(), "{verdict}");
    assert!(verdict.outages >= 50, "{verdict}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_find_out_a_sync_that_is_left_out() {
    for swallowed in [
        Swallowed::All,
        Swallowed::Log,
        Swallowed::Data,
        Swallowed::Folder,
    ] {
        let mut verdict = Verdict::default();
        for seed in 1..=5 {
            verdict.absorb(run(some_people(Outage::PowerCutUnsynced(swallowed), 10, seed)).await);
            if !verdict.wrong.is_empty() {
                break;
            }
        }
        say(format_args!(
            "{swallowed:?}: {verdict}: {:?}",
            verdict.wrong.first()
        ));
        assert!(
            !verdict.wrong.is_empty(),
            "{swallowed:?} went unnoticed: {verdict}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_twenty_kills_two_hundred_boards_have_every_answered_write_once() {
    let verdict = run(Trial {
        boards: 200,
        writers: 32,
        watchers: 500,
        ..some_people(Outage::Kill, 20, 1)
    })
    .await;
    say(&verdict);
    assert_eq!(verdict.wrong, Vec::<String>::new(), "{verdict}");
    assert!(verdict.outages >= 20, "{verdict}");
}
