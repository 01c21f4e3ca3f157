//! The ruler itself, in small: that it runs, and that nothing is lost, doubled or out of order while
//! it does. Its figures here mean nothing and none is looked at.

use crate::app::say;
use crate::program::BINARY;
use boardcast_sim::bench::{Bench, Case};
use std::path::PathBuf;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ruler_runs_and_finds_nothing_lost_or_doubled() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench {
        binary: PathBuf::from(BINARY),
        door: Some(PathBuf::from(env!("CARGO_BIN_EXE_boardcast-publish"))),
        floor: None,
        is_quick: true,
        folder: folder.path().to_owned(),
        say: |sentence| say(sentence),
    };
    for case in Case::ALL {
        let part = bench.run(case).await.expect("nothing is wrong");
        assert!(!part.rows.is_empty(), "{case:?}");
    }
}
