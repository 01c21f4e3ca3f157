//! The accept loop, and hyper around each connection.

use crate::live::{GuardedSocket, Hangup};
use axum::Router;
use axum::body::Body;
use boardcast_core::limits::{HEAD_BYTES_MAX, HEAD_SECONDS_MAX};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::Service;

/// Everything that is connected now.
pub struct Connections {
    listener: TcpListener,
    router: Router,
    permits: Arc<Semaphore>,
    drain_rx: watch::Receiver<bool>,
    drain_max: Duration,
    tasks: JoinSet<()>,
}

impl Connections {
    /// Connections of a listener to be served by a router, at most so many at once. Once `drain_rx` is
    /// true they may take `drain_max` to end.
    #[must_use]
    pub fn new(
        listener: TcpListener,
        router: Router,
        connections_max: usize,
        drain_rx: watch::Receiver<bool>,
        drain_max: Duration,
    ) -> Self {
        Self {
            listener,
            router,
            permits: Arc::new(Semaphore::new(connections_max)),
            drain_rx,
            drain_max,
            tasks: JoinSet::new(),
        }
    }

    /// Serves until the drain, then lets connections finish, then cuts what is left.
    pub async fn serve(self) {
        let Self {
            listener,
            router,
            permits,
            mut drain_rx,
            drain_max,
            mut tasks,
        } = self;
        let drains = drain_rx.clone();
        loop {
            tokio::select! {
                (stream, permit) = accept(&listener, &permits) => {
                    tasks.spawn(serve_connection(stream, permit, router.clone(), drains.clone()));
                }
                Some(_) = tasks.join_next() => {}
                _ = drain_rx.wait_for(|is_draining| *is_draining) => break,
            }
        }
        drop(listener);
        let finished = async { while tasks.join_next().await.is_some() {} };
        if timeout(drain_max, finished).await.is_err() {
            tracing::warn!(
                connections = tasks.len(),
                "cutting connections that did not end in time"
            );
            tasks.shutdown().await;
        }
    }
}

/// The next connection, once there is room for one: until then callers wait in the backlog.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .expect("never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                // Out of descriptors, or a connection that was gone before it was accepted.
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
    router: Router,
    mut drain_rx: watch::Receiver<bool>,
) {
    let Ok(socket) = GuardedSocket::new(stream) else {
        return;
    };
    let hangup = Hangup::default();
    let service = {
        let hangup = hangup.clone();
        service_fn(move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(hangup.clone());
            router.clone().call(request.map(Body::new))
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEAD_SECONDS_MAX))
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(socket), service);
    tokio::pin!(connection);
    let mut is_draining = false;
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = hangup.hung_up() => return,
            _ = drain_rx.wait_for(|is_draining| *is_draining), if !is_draining => {
                is_draining = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
