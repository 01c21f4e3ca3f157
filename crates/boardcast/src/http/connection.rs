//! The accept loop, and hyper around each connection.

use super::http2;
use super::peer::{Link, Peer, TrustedProxies};
use super::tls::{self, Tls};
use crate::engine::Engine;
use crate::live::takeover::{LentSocket, Loan, Taken};
use crate::live::{GuardedSocket, Hangup};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use boardcast_core::limits::{HEAD_BYTES_MAX, HEAD_SECONDS_MAX};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;
use tower::Service as _;

/// Everything that is connected now.
pub struct Connections {
    listener: TcpListener,
    service: Service,
    permits: Arc<Semaphore>,
    drain_rx: watch::Receiver<bool>,
    drain_max: Duration,
    tasks: JoinSet<()>,
}

/// What every connection is served with.
#[derive(Clone)]
pub struct Service {
    /// Answers requests.
    pub router: Router,
    /// Has the clock, and the reactor that streams may go over to.
    pub engine: Arc<Engine>,
    /// Whose word on others counts.
    pub proxies: Arc<TrustedProxies>,
    /// If TLS ends here.
    pub tls: Option<Arc<Tls>>,
}

impl Connections {
    /// Connections of a listener to be served, as many at once as there are permits. Once `drain_rx` is
    /// true they may take `drain_max` to end.
    #[must_use]
    pub fn new(
        listener: TcpListener,
        service: Service,
        permits: Arc<Semaphore>,
        drain_rx: watch::Receiver<bool>,
        drain_max: Duration,
    ) -> Self {
        Self {
            listener,
            service,
            permits,
            drain_rx,
            drain_max,
            tasks: JoinSet::new(),
        }
    }

    /// Serves until the drain, then lets connections finish, then cuts what is left.
    pub async fn serve(self) {
        let Self {
            listener,
            service,
            permits,
            mut drain_rx,
            drain_max,
            mut tasks,
        } = self;
        let drains = drain_rx.clone();
        loop {
            tokio::select! {
                ((stream, address), permit) = accept(&listener, &permits) => {
                    tasks.spawn(serve_connection(stream, address, permit, service.clone(), drains.clone()));
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
) -> ((TcpStream, IpAddr), OwnedSemaphorePermit) {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .expect("never closed");
    loop {
        match listener.accept().await {
            Ok((stream, from)) => return ((stream, from.ip()), permit),
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
    address: IpAddr,
    permit: OwnedSemaphorePermit,
    service: Service,
    mut drain_rx: watch::Receiver<bool>,
) {
    let Ok(socket) = GuardedSocket::new(stream) else {
        return;
    };
    let tls = service.tls.clone();
    let is_tls = tls.is_some();
    let link = Link { address, is_tls };
    let requests = Requests { service, link };
    let Some(tls) = tls else {
        return serve_plain(socket, requests, permit, drain_rx).await;
    };
    // What loses its rights is cut below the encryption: nothing that waits in there goes out any more.
    let loan = Loan::new(socket);
    let socket = tokio::select! {
        socket = tls.shake_hands(loan.lent()) => socket,
        _ = drain_rx.wait_for(|is_draining| *is_draining) => None,
    };
    match socket {
        Some(socket) if tls::is_http2(&socket) => {
            http2::serve(socket, requests, loan.hangup(), drain_rx).await;
        }
        Some(socket) => serve_encrypted(socket, requests, loan.hangup(), drain_rx).await,
        None => {}
    }
}

/// Without TLS, a stream's socket may be taken away.
async fn serve_plain(
    socket: GuardedSocket,
    requests: Requests,
    permit: OwnedSemaphorePermit,
    drain_rx: watch::Receiver<bool>,
) {
    let engine = Arc::clone(&requests.service.engine);
    let loan = Loan::new(socket);
    let hangup = loan.hangup();
    let socket = loan.lent();
    let (taken_tx, taken_rx) = mpsc::channel(1);
    let lent = Lent {
        requests,
        hangup: hangup.clone(),
        loan,
        taken_tx,
    };
    let answer = move |request| lent.clone().answer(request);
    let taken = serve_http1(socket, answer, &hangup, taken_rx, drain_rx).await;
    if let (Some(taken), Some(reactor)) = (taken, engine.reactor()) {
        taken.join(reactor, permit);
    }
}

async fn serve_encrypted(
    socket: TlsStream<LentSocket>,
    requests: Requests,
    hangup: Hangup,
    drain_rx: watch::Receiver<bool>,
) {
    let (_, taken_rx) = mpsc::channel(1);
    let hung_up = hangup.clone();
    let answer = move |request| requests.clone().route(request, hung_up.clone());
    serve_http1(socket, answer, &hangup, taken_rx, drain_rx).await;
}

/// Until the connection has ended, or its socket was taken.
async fn serve_http1<A>(
    socket: impl AsyncRead + AsyncWrite + Unpin,
    answer: impl Fn(http::Request<Incoming>) -> A,
    hangup: &Hangup,
    mut taken_rx: mpsc::Receiver<Taken>,
    mut drain_rx: watch::Receiver<bool>,
) -> Option<Taken>
where
    A: Future<Output = Result<Response, Infallible>>,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEAD_SECONDS_MAX))
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(socket), service_fn(answer));
    tokio::pin!(connection);
    let mut is_draining = false;
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a connection ended early");
                }
                return None;
            }
            Some(taken) = taken_rx.recv() => return Some(taken),
            () = hangup.hung_up() => return None,
            _ = drain_rx.wait_for(|is_draining| *is_draining), if !is_draining => {
                is_draining = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// What the requests of one connection are answered with.
#[derive(Clone)]
pub(super) struct Requests {
    service: Service,
    link: Link,
}

impl Requests {
    /// Through all middleware.
    pub(super) async fn route(
        mut self,
        mut request: http::Request<Incoming>,
        hangup: Hangup,
    ) -> Result<Response, Infallible> {
        let peer = Peer::judge(self.link, request.headers(), &self.service.proxies);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(hangup);
        self.service.router.call(request.map(Body::new)).await
    }
}

/// The same where the connection is lent.
#[derive(Clone)]
struct Lent {
    requests: Requests,
    hangup: Hangup,
    loan: Loan,
    taken_tx: mpsc::Sender<Taken>,
}

impl Lent {
    /// Around all middleware: an answer that is a stream may leave with the socket. Then hyper waits
    /// for it until its connection is dropped.
    async fn answer(self, request: http::Request<Incoming>) -> Result<Response, Infallible> {
        let engine = Arc::clone(&self.requests.service.engine);
        let may_be_taken = self.loan.may_be_taken_by(&request) && engine.reactor().is_some();
        let response = self.requests.route(request, self.hangup).await?;
        if !may_be_taken {
            return Ok(response);
        }
        match self.loan.take(response, engine.outside().now()) {
            Ok(taken) => {
                // Can't fail: the connection waits for it, and takes one.
                let _ = self.taken_tx.send(taken).await;
                std::future::pending().await
            }
            Err(response) => Ok(response),
        }
    }
}
