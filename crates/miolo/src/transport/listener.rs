//! A socket that accepts streams.
//!
//! # Invariants
//!
//! 1. Readiness is cleared only by an accept that would have to wait.
//! 2. A failure that is no single connection's pauses the listener: whoever uses it decides when to go on.

use std::io;

use mio::net::{TcpListener, TcpStream};
use socket2::{SockAddr, SockRef};

use super::Readiness;

#[derive(Debug)]
pub struct Listener {
    pub socket: TcpListener,
    pub paused: bool,
    /// Connections accepted in a batch, where it is not the reactor's number.
    pub accepts: Option<usize>,
    /// Whether the addresses are such as mio knows; it refuses those of Unix sockets.
    internet: bool,
}

impl Listener {
    pub fn new(socket: TcpListener) -> Self {
        let address = SockRef::from(&socket).local_addr();
        let internet = address.is_ok_and(|address| address.is_ipv4() || address.is_ipv6());
        Self { socket, paused: false, accepts: None, internet }
    }

    pub const fn may_act(&self, readiness: Readiness) -> bool {
        readiness.readable && !self.paused
    }

    /// Accepts up to `limit` streams into `accepted`.
    pub fn accept(
        &mut self,
        readiness: &mut Readiness,
        limit: usize,
        accepted: &mut Vec<(TcpStream, SockAddr)>,
    ) -> io::Result<()> {
        while accepted.len() < limit {
            match self.accept_one() {
                Ok(pair) => accepted.push(pair),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        readiness.readable = false;
                        break;
                    }
                    // That connection's own end, before it was accepted.
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => {
                        self.paused = true;
                        return Err(error);
                    }
                },
            }
        }
        Ok(())
    }

    fn accept_one(&self) -> io::Result<(TcpStream, SockAddr)> {
        if self.internet {
            return self.socket.accept().map(|(stream, peer)| (stream, peer.into()));
        }
        let (stream, peer) = SockRef::from(&self.socket).accept()?;
        stream.set_nonblocking(true)?;
        Ok((TcpStream::from_std(stream.into()), peer))
    }
}
