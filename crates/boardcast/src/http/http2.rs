//! HTTP/2: many requests on one connection, all in its one task, so that nothing of them is left when
//! it ends. Each has a clock of its own: what one reader doesn't take holds back neither the socket
//! nor the others, so the socket's clock would never notice.

use super::connection::Requests;
use crate::live::Hangup;
use axum::body::Body;
use axum::response::Response;
use boardcast_core::limits::{
    BODY_BYTES_MAX, HEAD_BYTES_MAX, HEAD_SECONDS_MAX, PING_SECONDS, REQUESTS_AT_ONCE_MAX,
    RESETS_MAX, SLICE_BYTES_MAX, STALL_BYTES_MIN, STALL_SECONDS,
};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// Serves a connection until it ends. One on which nothing is asked is let go.
pub(super) async fn serve(
    socket: impl AsyncRead + AsyncWrite + Unpin,
    requests: Requests,
    hangup: Hangup,
    mut drain_rx: watch::Receiver<bool>,
) {
    const IDLE: Duration = Duration::from_secs(HEAD_SECONDS_MAX);
    let hangup = Arc::new(hangup);
    let streams = Streams::on(Arc::clone(&hangup));
    let answer = service_fn(move |request| answer(requests.clone(), request));
    let connection = builder(streams.clone()).serve_connection(TokioIo::new(socket), answer);
    tokio::pin!(connection);
    let mut running = FuturesUnordered::new();
    let mut idle_until = Instant::now() + IDLE;
    let mut is_ending = false;
    loop {
        tokio::select! {
            biased;
            // First, so that a stream that was hung up is reset before anything more of it is written.
            () = streams.run(&mut running) => idle_until = Instant::now() + IDLE,
            () = hangup.hung_up() => return,
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            _ = drain_rx.wait_for(|is_draining| *is_draining), if !is_ending => {
                is_ending = true;
                idle_until = Instant::now() + IDLE;
                connection.as_mut().graceful_shutdown();
            }
            () = sleep_until(idle_until) => {
                idle_until = Instant::now() + IDLE;
                if !running.is_empty() {
                    continue;
                }
                if is_ending {
                    // It was told, and does not go.
                    return;
                }
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn builder(streams: Streams) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams);
    let window = u32::try_from(BODY_BYTES_MAX).expect("it is small");
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(REQUESTS_AT_ONCE_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).expect("it is small"))
        // What is sent but not read waits here, for one request and for all of them.
        .initial_stream_window_size(window)
        .initial_connection_window_size(window)
        .max_send_buf_size(SLICE_BYTES_MAX)
        // Asking and taking it back costs the client nothing; whoever does only that is cut off.
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .keep_alive_interval(Duration::from_secs(PING_SECONDS))
        .keep_alive_timeout(Duration::from_secs(PING_SECONDS));
    builder
}

async fn answer(
    requests: Requests,
    request: http::Request<Incoming>,
) -> Result<Response, Infallible> {
    let reader = READER.with(Reader::clone);
    let response = requests.route(request, reader.hangup.clone()).await?;
    Ok(response.map(|body| Body::new(Watched::new(body, reader))))
}

tokio::task_local! {
    /// Of the request whose steps are being taken.
    static READER: Reader;
}

type Steps = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where hyper puts the steps of each request. They are taken by the connection's own task.
#[derive(Clone)]
struct Streams {
    /// Of the connection.
    hangup: Arc<Hangup>,
    begun: Arc<Mutex<Begun>>,
}

/// Steps that nobody has taken yet, and the task that is to.
#[derive(Default)]
struct Begun {
    steps: Vec<Steps>,
    waker: Option<Waker>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, steps: F) {
        let reader = Reader::of(Hangup::of_stream(&self.hangup));
        let until_given_up = async move {
            tokio::select! {
                biased;
                () = READER.scope(reader.clone(), steps) => {}
                // Dropping the steps resets the stream.
                () = reader.stalls() => tracing::debug!("a reader stalled"),
                () = reader.hangup.hung_up() => {}
            }
        };
        let mut begun = self.lock();
        begun.steps.push(Box::pin(until_given_up));
        if let Some(waker) = begun.waker.take() {
            waker.wake();
        }
    }
}

impl Streams {
    fn on(hangup: Arc<Hangup>) -> Self {
        let begun = Arc::default();
        Self { hangup, begun }
    }

    fn lock(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes steps of all; returns when none is left.
    async fn run(&self, running: &mut FuturesUnordered<Steps>) {
        poll_fn(|cx| {
            let mut begun = self.lock();
            begun.waker = Some(cx.waker().clone());
            let steps = std::mem::take(&mut begun.steps);
            drop(begun);
            if steps.is_empty() && running.is_empty() {
                return Poll::Pending;
            }
            running.extend(steps);
            while ready!(running.poll_next_unpin(cx)).is_some() {}
            Poll::Ready(())
        })
        .await;
    }
}

/// Who is sent the answer to one request.
#[derive(Clone)]
struct Reader {
    hangup: Hangup,
    taking: Arc<Mutex<Taking>>,
}

/// How a reader takes what it is given.
#[derive(Default)]
struct Taking {
    /// Bytes that were given last; none once more was asked for.
    given: Option<u64>,
    /// While bytes wait: how long still, and how many were taken since it began.
    window: Option<(Pin<Box<Sleep>>, u64)>,
}

impl Reader {
    fn of(hangup: Hangup) -> Self {
        let taking = Arc::default();
        Self { hangup, taking }
    }

    fn lock(&self) -> MutexGuard<'_, Taking> {
        self.taking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when too little was taken for a whole window while more waited.
    async fn stalls(&self) {
        poll_fn(|cx| self.lock().poll_stall(cx)).await;
    }
}

impl Taking {
    /// More is asked for, so what was given has been taken.
    fn took(&mut self) {
        let bytes = self.given.take().unwrap_or_default();
        if let Some((_, taken)) = &mut self.window {
            *taken += bytes;
        }
    }

    /// There is nothing more to give now.
    fn has_all(&mut self) {
        self.window = None;
    }

    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // What is taken within one step of the request never gets here.
        if self.given.is_none() && self.window.is_none() {
            return Poll::Pending;
        }
        let open = || (Box::pin(sleep(Duration::from_secs(STALL_SECONDS))), 0);
        loop {
            let (ends, taken) = self.window.get_or_insert_with(open);
            ready!(ends.as_mut().poll(cx));
            if *taken < STALL_BYTES_MIN {
                return Poll::Ready(());
            }
            self.window = None;
        }
    }
}

/// A body that notes how it is taken, and gives little at a time: what was given is the
/// connection's, which holds it however long the reader lets it wait.
struct Watched {
    body: Body,
    reader: Reader,
    /// Of a piece that was too large.
    rest: Bytes,
}

impl Watched {
    fn new(body: Body, reader: Reader) -> Self {
        let rest = Bytes::new();
        Self { body, reader, rest }
    }

    fn give(&mut self, mut bytes: Bytes) -> Frame<Bytes> {
        self.rest = bytes.split_off(bytes.len().min(SLICE_BYTES_MAX));
        self.reader.lock().given = Some(bytes.len() as u64);
        Frame::data(bytes)
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.reader.lock().took();
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.give(rest))));
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match polled {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(match frame.into_data() {
                Ok(bytes) => self.give(bytes),
                Err(trailers) => trailers,
            }))),
            nothing => {
                self.reader.lock().has_all();
                nothing
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const WINDOW: Duration = Duration::from_secs(STALL_SECONDS);

    /// A body of pieces that are there at once, and its reader.
    fn watched(pieces: &[usize]) -> Watched {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|len| Ok::<_, Infallible>(Bytes::from(vec![b'x'; *len])))
            .collect();
        let pieces = futures_util::stream::iter(pieces);
        let body = Body::from_stream(pieces.chain(futures_util::stream::pending()));
        Watched::new(body, Reader::of(Hangup::default()))
    }

    fn take(body: &mut Watched) -> Option<usize> {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).now_or_never()?;
        Some(frame?.ok()?.into_data().ok()?.len())
    }

    /// How long a reader who takes nothing more is waited for.
    async fn patience(reader: &Reader) -> Duration {
        let began = Instant::now();
        reader.stalls().await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_for_a_whole_window_is_given_up_and_who_has_all_is_not() {
        let mut body = watched(&[100]);
        let reader = body.reader.clone();
        assert!(
            tokio::time::timeout(WINDOW * 9, reader.stalls())
                .await
                .is_err()
        );
        assert_eq!(take(&mut body), Some(100));
        assert_eq!(patience(&reader).await, WINDOW);
        assert_eq!(take(&mut body), None);
        assert!(
            tokio::time::timeout(WINDOW * 9, reader.stalls())
                .await
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_enough_in_every_window_goes_on() {
        let bytes = usize::try_from(STALL_BYTES_MIN).unwrap();
        for (piece, is_enough) in [(bytes, true), (bytes - 1, false)] {
            let mut body = watched(&[piece; 9]);
            let reader = body.reader.clone();
            take(&mut body);
            let mut windows = 0;
            let almost = WINDOW - Duration::from_secs(1);
            while windows < 8 && tokio::time::timeout(almost, reader.stalls()).await.is_err() {
                take(&mut body);
                windows += 1;
                if tokio::time::timeout(Duration::from_secs(1), reader.stalls())
                    .await
                    .is_ok()
                {
                    break;
                }
            }
            assert_eq!(windows == 8, is_enough, "after {windows} windows");
        }
    }

    #[tokio::test]
    async fn a_large_piece_is_given_in_slices_and_says_its_length_throughout() {
        let mut body = Watched::new(
            Body::from(vec![b'x'; 40_000]),
            Reader::of(Hangup::default()),
        );
        let mut left = 40_000;
        for slice in [
            SLICE_BYTES_MAX,
            SLICE_BYTES_MAX,
            40_000 - 2 * SLICE_BYTES_MAX,
        ] {
            assert!(!body.is_end_stream());
            assert_eq!(body.size_hint().exact(), Some(left as u64));
            assert_eq!(take(&mut body), Some(slice));
            left -= slice;
        }
        assert!(body.is_end_stream());
    }
}
