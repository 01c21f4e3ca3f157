//! A port for a server that goes down and comes back, or is started later: nobody else is given it meanwhile.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::time::sleep;

use crate::wait::within;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// A free loopback port that is kept until the last copy of this is dropped.
///
/// A socket is bound to it and never listens. Linux then lets a server listen there that reuses addresses,
/// as servers do, and gives the port neither to whoever asks for any nor to a connection. Other systems
/// don't have that; there it is only a port that was free.
#[derive(Clone, Debug)]
pub struct Port {
    addr: SocketAddr,
    _held: Option<Arc<TcpSocket>>,
}

impl Port {
    /// # Errors
    /// If there is none.
    pub fn reserve() -> io::Result<Port> {
        let socket = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let addr = socket.local_addr()?;
        let held = cfg!(target_os = "linux").then(|| Arc::new(socket));
        Ok(Port { addr, _held: held })
    }

    /// Waits until nobody listens there. A server in this process may have ended and still do: whatever
    /// is started at that moment has its socket for as long as it takes to become another program.
    ///
    /// # Errors
    /// If somebody goes on listening.
    pub async fn wait_until_free(&self) -> io::Result<()> {
        let free = async {
            while bound(self.addr).is_err() {
                sleep(LOOK).await;
            }
            Ok(())
        };
        within("a free port", free).await
    }

    /// Where a server is to listen.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

fn bound(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_server_comes_and_goes_and_nobody_else_gets_the_port() {
        let port = Port::reserve().unwrap();
        let is_anybodys = || TcpSocket::new_v4().unwrap().bind(port.addr()).is_ok();
        for _ in 0..3 {
            assert!(!is_anybodys());
            port.wait_until_free().await.unwrap();
            let server = TcpListener::bind(port.addr()).await.unwrap();
            drop(server);
        }
        assert!(!is_anybodys());
    }
}
