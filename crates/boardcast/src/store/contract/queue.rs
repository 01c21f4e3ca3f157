//! The queue in front of a backend: nothing is published before it is durable, nobody is answered
//! before it is published, and what was taken is answered whatever comes (I4, I5, I7).

use super::requests::{create_board, create_list, create_task, retitle};
use super::{Bench, IntoRequest, board_id, check};
use crate::live::{Located, Location, Log};
use crate::store::queue::Submissions;
use crate::store::{Answer, Failure};
use boardcast_core::access::Access;
use boardcast_core::frame::Segment;
use boardcast_core::limits::{BATCH_COMMANDS_MAX, SUBMISSIONS_WAITING_MAX};
use boardcast_core::protocol::Command;
use futures_util::future::join_all;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::Poll;

/// A store behind its queue whose publishing a test holds in its hand.
struct Held {
    submissions: Arc<Submissions>,
    /// Each publish hands its segments over…
    published_rx: Receiver<Vec<Segment>>,
    /// …and waits here for the word to go on.
    go_on_tx: SyncSender<()>,
}

impl Held {
    fn start(bench: Bench) -> (Self, Bystander) {
        let Bench {
            writer,
            readers,
            folder,
            ..
        } = bench;
        let (published_tx, published_rx) = sync_channel(1);
        let (go_on_tx, go_on_rx) = sync_channel(1);
        let submissions = Submissions::start(writer, move |_, segments| {
            // The test may have ended.
            let _ = published_tx.send(segments);
            let _ = go_on_rx.recv();
        });
        let held = Self {
            submissions: Arc::new(submissions),
            published_rx,
            go_on_tx,
        };
        (
            held,
            Bystander {
                readers,
                _folder: folder,
            },
        )
    }

    fn submit(&self, command: Command) -> impl Future<Output = Answer> + use<> {
        let submissions = Arc::clone(&self.submissions);
        async move { submissions.submit(command.into_request()).await }
    }

    fn wait_for_publish(&self) -> Vec<Segment> {
        self.published_rx.recv().expect("the writer runs")
    }

    fn let_go_on(&self) {
        self.go_on_tx.send(()).expect("the writer runs");
    }

    /// Lets every publish go on from now on, on a thread of its own, until the queue is closed.
    fn let_everything_go_on(self) -> (Arc<Submissions>, tokio::task::JoinHandle<usize>) {
        let Self {
            submissions,
            published_rx,
            go_on_tx,
        } = self;
        let published = tokio::task::spawn_blocking(move || {
            let mut segments = 0;
            while let Ok(published) = published_rx.recv() {
                segments += published.len();
                // The last publish waits for nobody.
                let _ = go_on_tx.send(());
            }
            segments
        });
        (submissions, published)
    }
}

/// Polls once.
async fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context).is_pending())).await
}

/// Reads while the writer's thread has the writer.
struct Bystander {
    readers: Arc<crate::store::sqlite::Readers>,
    _folder: tempfile::TempDir,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_comes_after_the_publish_and_the_publish_after_the_commit() {
    check(async |mut bench: Bench| {
        bench.furnish(1);
        let (held, bystander) = Held::start(bench);
        let mut answer = Box::pin(held.submit(retitle("t0", "Changed")));
        assert!(is_pending(&mut answer).await);
        let segments = held.wait_for_publish();
        let last = segments[0].last();
        let (access, board_id) = (Access::open(), board_id("b"));
        let located = bystander.readers.locate(&access, &board_id, Some(last));
        let expected = Location {
            head: last,
            is_good: true,
        };
        assert_eq!(
            located.await,
            Ok(Located::At(expected)),
            "it is in the log before it is published"
        );
        assert!(
            is_pending(&mut answer).await,
            "answered before it was published"
        );
        held.let_go_on();
        answer.await.expect("it is accepted");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_while_a_batch_is_carried_out_becomes_the_next_batch() {
    check(async |mut bench: Bench| {
        bench.furnish(0);
        let (held, _bystander) = Held::start(bench);
        let mut first = Box::pin(held.submit(create_task("l", "first")));
        assert!(is_pending(&mut first).await);
        held.wait_for_publish();
        let mut waiting =
            Box::pin(join_all((0..20).map(|index| {
                held.submit(create_task("l", &format!("t{index}")))
            })));
        assert!(is_pending(&mut waiting).await);
        held.let_go_on();
        let segments = held.wait_for_publish();
        assert_eq!(
            (
                segments.len(),
                segments[0].last().seq - segments[0].first_seq()
            ),
            (1, 19)
        );
        held.let_go_on();
        assert!(waiting.await.iter().all(Result::is_ok));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_at_once_and_answers_all_that_it_took() {
    check(async |mut bench: Bench| {
        bench.accept(create_board("b"));
        let (held, _bystander) = Held::start(bench);
        let mut first = Box::pin(held.submit(create_list("b", "l")));
        assert!(is_pending(&mut first).await);
        held.wait_for_publish();
        let taken = (0..SUBMISSIONS_WAITING_MAX)
            .map(|index| held.submit(create_task("l", &format!("t{index}"))));
        let mut taken = Box::pin(join_all(taken));
        assert!(is_pending(&mut taken).await);
        for _ in 0..3 {
            assert_eq!(
                held.submit(create_task("l", "late")).await,
                Err(Failure::Busy)
            );
        }
        held.let_go_on();
        let (submissions, published) = held.let_everything_go_on();
        assert!(taken.await.iter().all(Result::is_ok));
        assert!(
            submissions
                .submit(create_task("l", "late").into_request())
                .await
                .is_ok()
        );
        submissions.close();
        let batches = published.await.unwrap();
        let fewest = SUBMISSIONS_WAITING_MAX.div_ceil(BATCH_COMMANDS_MAX) + 1;
        assert!(
            batches >= fewest,
            "{batches} batches, at least {fewest} by the bound of one"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_answers_what_was_taken_and_takes_nothing_new() {
    check(async |mut bench: Bench| {
        bench.furnish(0);
        let (held, _bystander) = Held::start(bench);
        let mut taken =
            Box::pin(join_all((0..30).map(|index| {
                held.submit(create_task("l", &format!("t{index}")))
            })));
        assert!(is_pending(&mut taken).await);
        let (submissions, _published) = held.let_everything_go_on();
        let closing = Arc::clone(&submissions);
        tokio::task::spawn_blocking(move || closing.close())
            .await
            .unwrap();
        assert!(taken.await.iter().all(Result::is_ok));
        let late = submissions
            .submit(create_task("l", "late").into_request())
            .await;
        assert_eq!(late, Err(Failure::Closing));
    })
    .await;
}
