//! The bounded queue to the writer, and the turns that empty it: take all that waits, commit it as
//! one transaction, publish, then answer. No linger: alone, a command is its own transaction; under
//! load batches form by themselves while the previous one syncs. A thread is the loop around the
//! turns; a simulated world takes them itself.

use super::sqlite::Writer;
use super::{Answer, Answered, Asked, Committed, Failure, Fatal, PeopleAnswer, Upkeep};
use crate::spine;
use boardcast_core::access::{Caller, Revocation};
use boardcast_core::frame::Segment;
use boardcast_core::limits::{BATCH_COMMANDS_MAX, PRUNE_SECONDS, SUBMISSIONS_WAITING_MAX};
use boardcast_core::people::PeopleRequest;
use boardcast_core::protocol::Request;
use std::future::pending;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// What is on its way to the writer, and where its answer goes.
struct Submission {
    asked: Asked,
    answer_tx: oneshot::Sender<Answered>,
}

/// The way to the writer. Dropping or closing it ends the writer once everything taken is answered.
pub struct Submissions {
    submission_tx: Mutex<Option<SyncSender<Submission>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Submissions {
    /// Starts the writer's thread around a writer. `publish` gets what each commit took away and its
    /// segments before any of its requests is answered.
    pub fn start(
        writer: Writer,
        publish: impl Fn(Vec<Revocation>, Vec<Segment>) + Send + 'static,
    ) -> Self {
        let (mut submissions, turns) = Self::by_hand(writer);
        let thread = spine::spawn("writer", move || turns.run(publish));
        submissions.thread = Mutex::new(Some(thread));
        submissions
    }

    /// The way to a writer that has no thread: nothing happens but in the turns that somebody takes.
    #[must_use]
    pub fn by_hand(writer: Writer) -> (Self, Turns) {
        let (submission_tx, submission_rx) = mpsc::sync_channel(SUBMISSIONS_WAITING_MAX);
        let submissions = Self {
            submission_tx: Mutex::new(Some(submission_tx)),
            thread: Mutex::new(None),
        };
        let turns = Turns {
            writer,
            submission_rx,
            batch: Vec::with_capacity(BATCH_COMMANDS_MAX),
        };
        (submissions, turns)
    }

    /// Hands a request over and waits for its answer. Refused at once if the queue is full; once it
    /// is in the queue only the writer answers, so this has no timeout.
    pub async fn submit(&self, request: Request) -> Answer {
        match self.hand_over(request.into()).await? {
            Answered::Change(answer) => answer,
            Answered::People(_) | Answered::Noted => {
                unreachable!("a change of boards was asked for")
            }
        }
    }

    /// The same for a change of people.
    pub async fn submit_people(&self, request: PeopleRequest) -> PeopleAnswer {
        match self.hand_over(request.into()).await? {
            Answered::People(answer) => answer,
            Answered::Change(_) | Answered::Noted => {
                unreachable!("a change of people was asked for")
            }
        }
    }

    /// Notes that a credential is in use, unless the queue is full: the next use will be noted.
    pub fn note_seen(&self, caller: Caller) {
        let (answer_tx, _) = oneshot::channel();
        let asked = Asked::Seen(caller);
        let _ = self.enqueue(Submission { asked, answer_tx });
    }

    async fn hand_over(&self, asked: Asked) -> Result<Answered, Failure> {
        let (answer_tx, answer_rx) = oneshot::channel();
        self.enqueue(Submission { asked, answer_tx })?;
        match answer_rx.await {
            Ok(answered) => Ok(answered),
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

/// The writer's end of the queue.
pub struct Turns {
    writer: Writer,
    submission_rx: Receiver<Submission>,
    /// Taken, and not carried out yet.
    batch: Vec<Submission>,
}

impl Turns {
    fn run(mut self, publish: impl Fn(Vec<Revocation>, Vec<Segment>)) {
        let mut idle_wait = Duration::from_secs(PRUNE_SECONDS);
        loop {
            match self.submission_rx.recv_timeout(idle_wait) {
                Ok(first) => {
                    self.batch.push(first);
                    self.carry_out(&publish)
                        .unwrap_or_else(|fatal| spine::stop(&fatal));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let has_more = self
                .maintain(&publish)
                .unwrap_or_else(|fatal| spine::stop(&fatal));
            idle_wait = if has_more {
                Duration::ZERO
            } else {
                Duration::from_secs(PRUNE_SECONDS)
            };
        }
    }

    /// One turn: all that waits, as far as it fits into one transaction, is committed, published,
    /// and answered, in this order. True if there was anything.
    pub fn carry_out(
        &mut self,
        publish: impl FnOnce(Vec<Revocation>, Vec<Segment>),
    ) -> Result<bool, Fatal> {
        let room = BATCH_COMMANDS_MAX - self.batch.len();
        self.batch.extend(self.submission_rx.try_iter().take(room));
        if self.batch.is_empty() {
            return Ok(false);
        }
        let (asked, answer_txs): (Vec<_>, Vec<_>) = self
            .batch
            .drain(..)
            .map(|submission| (submission.asked, submission.answer_tx))
            .unzip();
        let Committed {
            revocations,
            segments,
            answers,
        } = self.writer.commit(&asked)?;
        assert_eq!(
            answers.len(),
            answer_txs.len(),
            "every request in a batch gets one answer"
        );
        publish(revocations, segments);
        for (answer_tx, answer) in answer_txs.into_iter().zip(answers) {
            // A caller that has gone away no longer wants to know.
            let _ = answer_tx.send(answer);
        }
        Ok(true)
    }

    /// What nobody waits for, a small step of it. True if there is more to do.
    pub fn maintain(
        &mut self,
        publish: impl FnOnce(Vec<Revocation>, Vec<Segment>),
    ) -> Result<bool, Fatal> {
        let Upkeep {
            has_more,
            revocations,
        } = self.writer.maintain()?;
        if !revocations.is_empty() {
            publish(revocations, Vec::new());
        }
        Ok(has_more)
    }
}
