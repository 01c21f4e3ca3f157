//! Many who come back at once with cursors that can't be served: what they cost is a board's, however
//! many they are.

use crate::app::{TestApp, until};
use crate::stream::{add_long_titles, next, open_stalled, wait_for_seats};

const WATCHERS: usize = 50;
/// Of another history.
const NOWHERE: &str = "?after=1-0123456789ab";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_who_need_a_board_whole_at_one_place_share_one_encoding() {
    let app = TestApp::start().await;
    // More than sockets hold, so nobody is done before the last has come.
    add_long_titles(&app, 250).await;
    let snapshots = || app.server().engine().snapshots();
    let (before, _) = snapshots();
    let mut streams = Vec::new();
    for _ in 0..WATCHERS {
        streams.push(open_stalled(&app, NOWHERE).await);
    }
    wait_for_seats(&app, WATCHERS).await;
    let mut blocks = Vec::new();
    for stream in &mut streams {
        blocks.push(next(stream).await);
    }
    let (made, bytes) = snapshots();
    assert_eq!(made - before, 1, "it is encoded once");
    assert!(bytes <= blocks[0].raw.len(), "and held once");
    assert!(blocks.iter().all(|block| block.raw == blocks[0].raw));
    until("nobody holds it", || snapshots().1 == 0).await;
    drop(streams);
    app.stop().await;
}
