//! A socket that accepts streams.
//!
//! # Invariants
//!
//! 1. Readiness is cleared only by an accept that would have to wait.
//! 2. A failure that is no single connection's pauses the listener: whoever uses it decides when to go on.

use std::io;

use mio::net::{TcpListener, TcpStream};
use socket2::SockAddr;

use super::Readiness;

#[derive(Debug)]
pub struct Listener {
    pub socket: TcpListener,
    pub paused: bool,
}

impl Listener {
    pub const fn new(socket: TcpListener) -> Self {
        Self { socket, paused: false }
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
            match self.socket.accept() {
                Ok((stream, peer)) => accepted.push((stream, peer.into())),
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
}
