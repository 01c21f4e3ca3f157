//! Connecting: to this machine alone.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream};

use crate::wait::within;

/// Connects to `addr`, with a receive buffer of about `receive_bytes` if given.
///
/// Panics if `addr` is not a loopback address: tests and load stay on this machine.
pub(crate) async fn dial(addr: SocketAddr, receive_bytes: Option<u32>) -> io::Result<TcpStream> {
    assert_loopback(addr);
    let socket = if addr.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(bytes) = receive_bytes {
        // Before connecting: the window is agreed on then.
        socket.set_recv_buffer_size(bytes)?;
    }
    let socket = within("connect", socket.connect(addr)).await?;
    if socket.local_addr()? == addr {
        // TCP lets a socket connect to itself when the kernel happens to give it the port it asks
        // for. That happens to who knocks again and again at a server that is down, and would keep
        // it from its port.
        socket.set_zero_linger()?;
        return Err(io::Error::new(
            io::ErrorKind::ConnectionRefused,
            "nobody listens, the socket met itself",
        ));
    }
    socket.set_nodelay(true)?;
    Ok(socket)
}

pub(crate) fn assert_loopback(addr: SocketAddr) {
    assert!(addr.ip().is_loopback(), "{addr} is not a loopback address");
}
