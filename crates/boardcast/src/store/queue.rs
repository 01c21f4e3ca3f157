//! The bounded queue to the writer, and the thread that drains it: take all that waits, commit it as
//! one transaction, publish, then answer. No linger: alone, a command is its own transaction; under
//! load batches form by themselves while the previous one syncs.

use super::sqlite::Writer;
use super::{Answer, Committed, Failure, Fatal};
use crate::spine;
use boardcast_core::frame::Segment;
use boardcast_core::limits::{BATCH_COMMANDS_MAX, PRUNE_SECONDS, SUBMISSIONS_WAITING_MAX};
use boardcast_core::protocol::Request;
use std::future::pending;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// A request on its way to the writer, and where its answer goes.
struct Submission {
    request: Request,
    answer_tx: oneshot::Sender<Answer>,
}

/// The way to the writer. Dropping or closing it ends the writer once everything taken is answered.
pub struct Submissions {
    submission_tx: Mutex<Option<SyncSender<Submission>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Submissions {
    /// Starts the writer's thread around a writer. `publish` gets each commit's segments before any
    /// of its requests is answered.
    pub fn start(writer: Writer, publish: impl Fn(Vec<Segment>) + Send + 'static) -> Self {
        let (submission_tx, submission_rx) = mpsc::sync_channel(SUBMISSIONS_WAITING_MAX);
        let thread = spine::spawn("writer", move || run(writer, &submission_rx, publish));
        Self {
            submission_tx: Mutex::new(Some(submission_tx)),
            thread: Mutex::new(Some(thread)),
        }
    }

    /// Hands a request over and waits for its answer. Refused at once if the queue is full; once it
    /// is in the queue only the writer answers, so this has no timeout.
    pub async fn submit(&self, request: Request) -> Answer {
        let (answer_tx, answer_rx) = oneshot::channel();
        self.enqueue(Submission { request, answer_tx })?;
        match answer_rx.await {
            Ok(answer) => answer,
            // The writer answers everything it took, or the process is ending because nobody can know
            // what became of it. Then the connection breaks off: any answer might be wrong.
            Err(_) => pending().await,
        }
    }

    fn enqueue(&self, submission: Submission) -> Result<(), Failure> {
        let submission_tx = self
            .submission_tx
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(submission_tx) = submission_tx.as_ref() else {
            return Err(Failure::Closing);
        };
        match submission_tx.try_send(submission) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(Failure::Busy),
            Err(TrySendError::Disconnected(_)) => Err(Failure::Closing),
        }
    }

    /// Takes nothing new; returns when everything taken is answered and the file is closed. Blocks.
    pub fn close(&self) {
        drop(
            self.submission_tx
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        if let Some(thread) = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            thread
                .join()
                .expect("the writer's thread aborts instead of panicking");
        }
    }
}

fn run(mut writer: Writer, submission_rx: &Receiver<Submission>, publish: impl Fn(Vec<Segment>)) {
    let mut batch = Vec::with_capacity(BATCH_COMMANDS_MAX);
    let mut idle_wait = Duration::from_secs(PRUNE_SECONDS);
    loop {
        match submission_rx.recv_timeout(idle_wait) {
            Ok(first) => {
                batch.push(first);
                batch.extend(submission_rx.try_iter().take(BATCH_COMMANDS_MAX - 1));
                carry_out(&mut writer, &mut batch, &publish)
                    .unwrap_or_else(|fatal| spine::stop(&fatal));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let has_more = writer
            .maintain()
            .unwrap_or_else(|fatal| spine::stop(&fatal));
        idle_wait = if has_more {
            Duration::ZERO
        } else {
            Duration::from_secs(PRUNE_SECONDS)
        };
    }
}

fn carry_out(
    writer: &mut Writer,
    batch: &mut Vec<Submission>,
    publish: &impl Fn(Vec<Segment>),
) -> Result<(), Fatal> {
    let (requests, answer_txs): (Vec<_>, Vec<_>) = batch
        .drain(..)
        .map(|submission| (submission.request, submission.answer_tx))
        .unzip();
    let Committed { segments, answers } = writer.commit(&requests)?;
    assert_eq!(
        answers.len(),
        answer_txs.len(),
        "every request in a batch gets one answer"
    );
    publish(segments);
    for (answer_tx, answer) in answer_txs.into_iter().zip(answers) {
        // A caller that has gone away no longer wants to know.
        let _ = answer_tx.send(answer);
    }
    Ok(())
}
