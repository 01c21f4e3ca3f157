//! A client's socket with the two clocks that an HTTP body can't have. Stall: hyper does not poll a
//! body whose socket is full, so a reader that stopped reading is noticed here, where its bytes pile
//! up. Linger: an answer given while the client is still sending would be lost to a reset, so a
//! closing connection goes on reading for as long as something comes, within bounds.

use boardcast_core::limits::{
    LINGER_QUIET_SECONDS_MAX, LINGER_SECONDS_MAX, STALL_BYTES_MIN, STALL_SECONDS,
    UNACKNOWLEDGED_MS_MAX, UNSENT_BYTES_MAX,
};
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// An accepted connection.
#[derive(Debug)]
pub struct GuardedSocket {
    /// None once it was given away.
    stream: Option<TcpStream>,
    stall: Option<StallWindow>,
    linger: Option<Linger>,
}

/// While bytes wait: how long still, and how many were taken since it began.
#[derive(Debug)]
struct StallWindow {
    ends: Pin<Box<Sleep>>,
    bytes_taken: u64,
}

impl StallWindow {
    fn open() -> Self {
        Self {
            ends: Box::pin(sleep(Duration::from_secs(STALL_SECONDS))),
            bytes_taken: 0,
        }
    }
}

/// While a closing connection is still being sent to: how long it is read from, and how long yet if
/// nothing comes.
#[derive(Debug)]
struct Linger {
    ends: Pin<Box<Sleep>>,
    quiet_ends: Pin<Box<Sleep>>,
}

impl Linger {
    fn open() -> Self {
        Self {
            ends: Box::pin(sleep(Duration::from_secs(LINGER_SECONDS_MAX))),
            quiet_ends: Box::pin(sleep(Duration::from_secs(LINGER_QUIET_SECONDS_MAX))),
        }
    }

    /// Reads and forgets what still comes. Ready at the client's end, when it is gone, or when one of
    /// the two clocks has run out.
    fn poll(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        // As much as one poll reads before it lets others run.
        const READS_MAX: usize = 32;
        if self.ends.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut scratch = [0; 16 * 1024];
        for _ in 0..READS_MAX {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    let quiet = Duration::from_secs(LINGER_QUIET_SECONDS_MAX);
                    self.quiet_ends.as_mut().reset(Instant::now() + quiet);
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.quiet_ends.as_mut().poll(cx),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl GuardedSocket {
    /// Sets the options that bound what a slow or vanished peer may cost: no delay for small frames,
    /// little unsent data in the kernel, and a limit on unacknowledged data.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let options = SockRef::from(&stream);
        #[cfg(target_os = "linux")]
        options.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
        limit_unacknowledged(&options, false)?;
        Ok(Self {
            stream: Some(stream),
            stall: None,
            linger: None,
        })
    }

    /// The socket without its clocks; none if bytes wait.
    pub(super) fn give_away(&mut self) -> Option<TcpStream> {
        let is_at_rest = self.stall.is_none() && self.linger.is_none();
        self.stream.take_if(|_| is_at_rest)
    }

    /// Closes it at once: what the kernel has not sent yet is thrown away.
    pub(super) fn abort(mut self) {
        if let Some(stream) = self.stream.take() {
            throw_away_unsent(&SockRef::from(&stream));
        }
    }

    fn stream(&mut self) -> &mut TcpStream {
        self.stream
            .as_mut()
            .expect("nobody uses what was given away")
    }

    /// Notes what a write came to. A write that must wait opens a window; a window that ends with
    /// too little taken ends the connection.
    fn watch_stall(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                if let Some(window) = &mut self.stall {
                    window.bytes_taken += bytes as u64;
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                if self.stall.is_none() {
                    // The kernel's limit would end a reader that is slow but alive: Linux counts how
                    // long less than the next segment fits, however much is taken meanwhile.
                    limit_unacknowledged(&SockRef::from(&*self.stream()), true)?;
                }
                let window = self.stall.get_or_insert_with(StallWindow::open);
                loop {
                    ready!(window.ends.as_mut().poll(cx));
                    if window.bytes_taken < STALL_BYTES_MIN {
                        return Poll::Ready(Err(io::Error::new(
                            io::ErrorKind::TimedOut,
                            "the reader stalled",
                        )));
                    }
                    *window = StallWindow::open();
                }
            }
        }
    }
}

impl AsyncRead for GuardedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(self.stream()).poll_read(cx, buf)
    }
}

impl AsyncWrite for GuardedSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.stream()).poll_write(cx, buf);
        self.watch_stall(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.stream()).poll_write_vectored(cx, bufs);
        self.watch_stall(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(AsyncWrite::is_write_vectored)
    }

    /// Called once everything is handed over: nothing waits any more.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.stall.take().is_some() {
            limit_unacknowledged(&SockRef::from(&*self.stream()), false)?;
        }
        Pin::new(self.stream()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(Pin::new(this.stream()).poll_shutdown(cx))?;
        }
        let linger = this.linger.get_or_insert_with(Linger::open);
        let stream = this.stream.as_mut().expect("it is shut down once");
        linger.poll(stream, cx).map(Ok)
    }
}

impl Drop for GuardedSocket {
    /// What is unsent after the close is the kernel's again, and not for long.
    fn drop(&mut self) {
        if self.stall.is_some() && self.stream.is_some() {
            // Fails only on a connection that is dead already.
            let _ = limit_unacknowledged(&SockRef::from(&*self.stream()), false);
        }
    }
}

/// From now on a close throws away what the kernel has not sent yet.
pub(super) fn throw_away_unsent(options: &SockRef<'_>) {
    // Fails only on a connection that is dead already.
    let _ = options.set_linger(Some(Duration::ZERO));
}

/// How long the kernel lets a peer leave data unacknowledged; while bytes wait the stall window
/// decides alone.
pub(super) fn limit_unacknowledged(options: &SockRef<'_>, bytes_wait: bool) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let limit = Duration::from_millis(u64::from(UNACKNOWLEDGED_MS_MAX));
        options.set_tcp_user_timeout((!bytes_wait).then_some(limit))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (options, bytes_wait);
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    const LIMIT: Duration = Duration::from_millis(UNACKNOWLEDGED_MS_MAX as u64);

    /// A guarded socket and its peer.
    async fn connected() -> (GuardedSocket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap());
        let (accepted, peer) = tokio::join!(listener.accept(), peer);
        (
            GuardedSocket::new(accepted.unwrap().0).unwrap(),
            peer.unwrap(),
        )
    }

    fn limit(socket: &GuardedSocket) -> Option<Duration> {
        let limit = SockRef::from(socket.stream.as_ref().unwrap())
            .tcp_user_timeout()
            .unwrap();
        limit.filter(|limit| !limit.is_zero())
    }

    /// Writes until the peer takes no more.
    async fn fill(socket: &mut GuardedSocket) {
        let forever = async {
            loop {
                socket.write_all(&[b'x'; 4_096]).await.unwrap();
            }
        };
        let filled = timeout(Duration::from_secs(1), forever).await;
        assert!(filled.is_err(), "it waits");
    }

    #[tokio::test]
    async fn a_connection_has_the_options_that_bound_its_cost() {
        let (socket, _peer) = connected().await;
        let options = SockRef::from(socket.stream.as_ref().unwrap());
        assert!(options.tcp_nodelay().unwrap());
        assert_eq!(options.tcp_notsent_lowat().unwrap(), UNSENT_BYTES_MAX);
        assert_eq!(limit(&socket), Some(LIMIT));
    }

    #[tokio::test(start_paused = true)]
    async fn while_bytes_wait_the_clock_decides_and_not_the_kernel() {
        let (mut socket, mut peer) = connected().await;
        fill(&mut socket).await;
        assert_eq!(limit(&socket), None);
        let reading = tokio::spawn(async move {
            let mut scratch = [0; 4_096];
            while matches!(peer.read(&mut scratch).await, Ok(1..)) {}
        });
        socket.write_all(b"the last one").await.unwrap();
        socket.flush().await.unwrap();
        assert_eq!(limit(&socket), Some(LIMIT));
        drop(socket);
        reading.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_for_a_whole_window_is_given_up() {
        let (mut socket, _peer) = connected().await;
        let began = Instant::now();
        let error = loop {
            if let Err(error) = socket.write_all(&[b'x'; 4_096]).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), STALL_SECONDS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_enough_in_every_window_goes_on() {
        const BYTES: usize = 24 * 1024 * 1024;
        let (mut socket, mut peer) = connected().await;
        let reading = tokio::spawn(async move {
            let (mut scratch, mut bytes) = (vec![0; 1024 * 1024], 0);
            while bytes < BYTES {
                tokio::time::sleep(Duration::from_secs(STALL_SECONDS - 1)).await;
                bytes += peer.read(&mut scratch).await.unwrap();
            }
        });
        socket.write_all(&vec![b'x'; BYTES]).await.unwrap();
        reading.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_closing_connection_is_read_from_while_something_comes_and_no_longer_than_a_body() {
        let (mut silent, _peer) = connected().await;
        let began = Instant::now();
        silent.shutdown().await.unwrap();
        assert_eq!(began.elapsed().as_secs(), LINGER_QUIET_SECONDS_MAX);

        let (mut sent_to, mut peer) = connected().await;
        let sending = tokio::spawn(async move {
            while peer.write_all(b"still sending").await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let began = Instant::now();
        sent_to.shutdown().await.unwrap();
        assert_eq!(began.elapsed().as_secs(), LINGER_SECONDS_MAX);
        drop(sent_to);
        sending.await.unwrap();

        let (mut left, peer) = connected().await;
        drop(peer);
        let began = Instant::now();
        left.shutdown().await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 0);
    }
}
