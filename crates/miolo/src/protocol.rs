use std::io::{self, IoSlice};
use std::net::SocketAddr;

use crate::{Error, Reactor, Token};

/// A transport's high mark unless it is set.
const DEFAULT_HIGH_MARK: usize = 64 * 1024;

/// The callbacks of a connection. Each has an empty default.
///
/// `connection_made` comes first and `connection_lost` last, once each. Nothing is called from inside of a call to
/// the transport.
pub trait Protocol {
    /// The connection stands.
    fn connection_made(&mut self, _transport: &mut Transport<'_>) {}

    /// Bytes came.
    fn data_received(&mut self, _transport: &mut Transport<'_>, _data: &[u8]) {}

    /// The peer will send no more. True keeps the connection open for writing.
    fn eof_received(&mut self, _transport: &mut Transport<'_>) -> bool {
        false
    }

    /// The connection is gone, or was never made. `None` after a regular end, or `abort`.
    fn connection_lost(&mut self, _error: Option<io::Error>) {}

    /// More than the high mark waits to be sent: write no more until `resume_writing`.
    fn pause_writing(&mut self, _transport: &mut Transport<'_>) {}

    /// What waits has sunk to the low mark.
    fn resume_writing(&mut self, _transport: &mut Transport<'_>) {}
}

/// What the loop knows of a connection beside its protocol.
///
/// # Invariants
///
/// 1. `paused_writing` alternates strictly: `pause_writing` was the last callback of the two exactly if it is set.
/// 2. After `closing` nothing is delivered but `connection_lost`.
/// 3. `lost` is set once, and `connection_lost` is on its way from then on.
#[derive(Debug, Default)]
pub struct Connection {
    pub closing: bool,
    pub paused_reading: bool,
    pub paused_writing: bool,
    /// What the protocol has to be told about the marks.
    pub announced_pause: bool,
    pub eof_written: bool,
    pub lost: bool,
    pub error: Option<io::Error>,
    high: Option<usize>,
    low: Option<usize>,
}

impl Connection {
    pub fn high_mark(&self) -> usize {
        self.high.unwrap_or(DEFAULT_HIGH_MARK)
    }

    pub fn low_mark(&self) -> usize {
        self.low.unwrap_or(DEFAULT_HIGH_MARK / 4)
    }

    pub fn lose(&mut self, error: Option<io::Error>) {
        if !self.lost {
            self.lost = true;
            self.closing = true;
            self.error = error;
        }
    }
}

/// A connection, as its protocol sees it during a callback.
#[derive(Debug)]
pub struct Transport<'a> {
    pub(crate) token: Token,
    pub(crate) reactor: &'a mut Reactor,
    pub(crate) connection: &'a mut Connection,
    pub(crate) stopping: &'a mut bool,
}

impl Transport<'_> {
    /// Sends bytes. Never waits: what the kernel does not take now is kept and sent later. Ignored after `abort` and
    /// after the connection was lost.
    ///
    /// # Panics
    ///
    /// After [`Self::write_eof`].
    pub fn write(&mut self, data: &[u8]) {
        self.writelines(&[IoSlice::new(data)]);
    }

    /// Sends several pieces in one gathered write.
    ///
    /// # Panics
    ///
    /// After [`Self::write_eof`].
    pub fn writelines(&mut self, parts: &[IoSlice<'_>]) {
        assert!(!self.connection.eof_written, "write after write_eof");
        if self.connection.lost {
            return;
        }
        match self.reactor.send(self.token, parts) {
            Ok(backlog) => {
                if backlog > self.connection.high_mark() {
                    self.connection.paused_writing = true;
                }
            }
            Err(Error::Io(error)) => self.connection.lose(Some(error)),
            Err(_) => self.connection.lose(None),
        }
    }

    /// Tells the peer that no more will come, after what was written. The connection stays open for reading.
    pub fn write_eof(&mut self) {
        if self.connection.closing || self.connection.eof_written {
            return;
        }
        self.connection.eof_written = true;
        if let Err(Error::Io(error)) = self.reactor.shutdown_write(self.token) {
            self.connection.lose(Some(error));
        }
    }

    /// Closes after what was written has been sent. Nothing is received any more.
    pub fn close(&mut self) {
        if self.connection.closing {
            return;
        }
        self.connection.closing = true;
        self.reactor.pause(self.token);
        if self.reactor.backlog(self.token) == 0 {
            self.connection.lose(None);
        }
    }

    /// Closes at once: what waits to be sent is lost.
    pub fn abort(&mut self) {
        self.connection.lose(None);
    }

    /// Nothing is delivered until [`Self::resume_reading`].
    pub fn pause_reading(&mut self) {
        if !self.connection.closing {
            self.connection.paused_reading = true;
            self.reactor.pause(self.token);
        }
    }

    /// Delivers again.
    pub fn resume_reading(&mut self) {
        if !self.connection.closing {
            self.connection.paused_reading = false;
            self.reactor.resume(self.token);
        }
    }

    /// Whether the connection is closing or closed.
    pub fn is_closing(&self) -> bool {
        self.connection.closing
    }

    /// Bytes that wait to be sent.
    pub fn write_buffer_size(&self) -> usize {
        self.reactor.backlog(self.token)
    }

    /// Sets the marks of flow control: above `high` bytes the protocol is paused, at `low` it is resumed.
    ///
    /// # Panics
    ///
    /// Unless `high >= low`.
    pub fn set_write_buffer_limits(&mut self, high: usize, low: usize) {
        assert!(high >= low, "high ({high}) must be >= low ({low})");
        self.connection.high = Some(high);
        self.connection.low = Some(low);
        self.reactor.set_low_mark(self.token, low);
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.reactor.peer(self.token)?.as_socket()
    }

    /// The local address.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.reactor.socket(self.token)?.local_addr().ok()?.as_socket()
    }

    /// Ends [`EventLoop::run`](crate::EventLoop::run) after the turn under way.
    pub fn stop_loop(&mut self) {
        *self.stopping = true;
    }
}
