//! A connection of a loop: what is known of it, and what its protocol can do with it.
//!
//! # Invariants
//!
//! 1. `paused_writing` says what the protocol was told last; it alternates strictly.
//! 2. After `closing` nothing is delivered but `connection_lost` and the flow control of what is still being sent.
//! 3. `lost` is set once, and `connection_lost` is on its way from then on.
//! 4. While `paused_reading` nothing is delivered: what had been received already is `held`. The reactor reads on
//!    only after `held` was delivered, so that it never takes more than one event.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;

use crate::event_loop::Ready;
use crate::{Error, EventLoop, Reactor, Token};

/// A transport's high mark unless it is set.
const DEFAULT_HIGH_MARK: usize = 64 * 1024;

/// The low mark that goes with it.
const DEFAULT_LOW_MARK: usize = DEFAULT_HIGH_MARK / 4;

/// Names a connection of an [`EventLoop`], also when it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub(crate) Token);

/// What was received before the protocol paused reading.
#[derive(Debug)]
pub enum Held {
    Data(Vec<u8>),
    End,
}

/// What the loop knows of a connection beside its protocol.
#[derive(Debug)]
pub struct Connection {
    pub made: bool,
    pub closing: bool,
    pub lost: bool,
    pub error: Option<io::Error>,
    pub paused_reading: bool,
    pub held: Option<Held>,
    pub paused_writing: bool,
    pub high_mark: usize,
    pub low_mark: usize,
    eof_written: bool,
}

impl Connection {
    pub const fn new() -> Self {
        Self {
            made: false,
            closing: false,
            lost: false,
            error: None,
            paused_reading: false,
            held: None,
            paused_writing: false,
            high_mark: DEFAULT_HIGH_MARK,
            low_mark: DEFAULT_LOW_MARK,
            eof_written: false,
        }
    }

    pub fn lose(&mut self, error: Option<io::Error>) {
        if !self.lost {
            self.lost = true;
            self.closing = true;
            self.error = error;
        }
    }

    pub const fn delivers(&self) -> bool {
        !self.closing && !self.paused_reading
    }
}

/// A connection, as its protocol sees it during a callback.
pub struct Transport<'a> {
    pub(crate) token: Token,
    pub(crate) reactor: &'a mut Reactor,
    pub(crate) connection: &'a mut Connection,
    pub(crate) ready: &'a mut VecDeque<Ready>,
    pub(crate) stopping: &'a mut bool,
}

impl Transport<'_> {
    /// The connection's name, for [`EventLoop::with_transport`].
    pub const fn id(&self) -> ConnectionId {
        ConnectionId(self.token)
    }

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
            Ok(_) => {}
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

    /// Delivers again, from the next turn on.
    pub fn resume_reading(&mut self) {
        if self.connection.closing || !self.connection.paused_reading {
            return;
        }
        self.connection.paused_reading = false;
        if self.connection.held.is_some() {
            self.ready.push_back(Ready::Held(self.token));
        } else if self.connection.made {
            self.reactor.resume(self.token);
        }
    }

    /// Whether reading is paused.
    pub const fn is_reading_paused(&self) -> bool {
        self.connection.paused_reading
    }

    /// Whether the connection is closing or closed.
    pub const fn is_closing(&self) -> bool {
        self.connection.closing
    }

    /// Bytes that wait to be sent.
    pub fn write_buffer_size(&self) -> usize {
        self.reactor.backlog(self.token)
    }

    /// Sets the marks of flow control: above `high` bytes the protocol is paused, at `low` it is resumed. At first
    /// they are 64 KiB and 16 KiB.
    ///
    /// # Panics
    ///
    /// Unless `high >= low`.
    pub fn set_write_buffer_limits(&mut self, high: usize, low: usize) {
        assert!(high >= low, "high ({high}) must be >= low ({low})");
        self.connection.high_mark = high;
        self.connection.low_mark = low;
        self.reactor.set_low_mark(self.token, low);
    }

    /// The low and the high mark.
    pub const fn write_buffer_limits(&self) -> (usize, usize) {
        (self.connection.low_mark, self.connection.high_mark)
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.reactor.peer(self.token)?.as_socket()
    }

    /// The local address.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.reactor.socket(self.token)?.local_addr().ok()?.as_socket()
    }

    /// Calls `callback` with the loop, in a later turn: the way from a protocol to timers and other connections.
    pub fn call_soon(&mut self, callback: impl FnOnce(&mut EventLoop) + 'static) {
        self.ready.push_back(Ready::Call(Box::new(callback)));
    }

    /// Ends [`EventLoop::run`] after the turn under way.
    pub const fn stop_loop(&mut self) {
        *self.stopping = true;
    }
}

impl fmt::Debug for Transport<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Transport")
            .field("id", &self.id())
            .field("connection", &self.connection)
            .field("write_buffer_size", &self.write_buffer_size())
            .finish_non_exhaustive()
    }
}
