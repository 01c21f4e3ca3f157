//! A client's socket with the two clocks that an HTTP body can't have. Stall: hyper does not poll a
//! body whose socket is full, so a reader that stopped reading is noticed here, where its bytes pile
//! up. Linger: an answer given while the client is still sending would be lost to a reset, so a
//! closing connection goes on reading for a moment.

use boardcast_core::limits::{
    LINGER_SECONDS_MAX, STALL_BYTES_MIN, STALL_SECONDS, UNACKNOWLEDGED_MS_MAX, UNSENT_BYTES_MAX,
};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// An accepted connection.
#[derive(Debug)]
pub struct GuardedSocket {
    stream: TcpStream,
    stall: Option<StallWindow>,
    linger: Option<Pin<Box<Sleep>>>,
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

impl GuardedSocket {
    /// Sets the options that bound what a slow or vanished peer may cost: no delay for small frames,
    /// little unsent data in the kernel, and a limit on unacknowledged data.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        #[cfg(target_os = "linux")]
        {
            let socket = socket2::SockRef::from(&stream);
            socket.set_tcp_user_timeout(Some(Duration::from_millis(u64::from(
                UNACKNOWLEDGED_MS_MAX,
            ))))?;
            socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
        }
        Ok(Self {
            stream,
            stall: None,
            linger: None,
        })
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
            Poll::Pending => loop {
                let window = self.stall.get_or_insert_with(StallWindow::open);
                ready!(window.ends.as_mut().poll(cx));
                if window.bytes_taken < STALL_BYTES_MIN {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "the reader stalled",
                    )));
                }
                self.stall = None;
            },
        }
    }
}

impl AsyncRead for GuardedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for GuardedSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch_stall(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch_stall(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called once everything is handed over: nothing waits any more.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stall = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        let until = this
            .linger
            .get_or_insert_with(|| Box::pin(sleep(Duration::from_secs(LINGER_SECONDS_MAX))));
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        discard(&mut this.stream, cx)
    }
}

/// Reads and forgets what still comes. Ready at the client's end, or when it is gone.
fn discard(stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    // As much as one poll reads before it lets others run.
    const READS_MAX: usize = 32;
    let mut scratch = [0; 16 * 1024];
    for _ in 0..READS_MAX {
        let mut buf = ReadBuf::new(&mut scratch);
        match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf)) {
            Ok(()) if !buf.filled().is_empty() => {}
            Ok(()) | Err(_) => return Poll::Ready(Ok(())),
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}
