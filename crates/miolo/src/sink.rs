use std::io;

use socket2::SockAddr;

use crate::Token;

/// What happened in a turn.
#[non_exhaustive]
#[derive(Debug)]
pub enum Event {
    /// A connection was accepted. Reading is paused until [`Reactor::resume`](crate::Reactor::resume).
    Accepted {
        /// The socket that listens.
        listener: Token,
        /// The new stream.
        stream: Token,
    },
    /// Accepting failed (no descriptors left, mostly). The listener is paused.
    AcceptFailed {
        /// The socket that listens.
        listener: Token,
        /// Why.
        error: io::Error,
    },
    /// A connection attempt succeeded.
    Connected {
        /// The stream.
        stream: Token,
    },
    /// Bytes came: the first `len` of the buffer that the sink gave last.
    Received {
        /// The stream.
        stream: Token,
        /// Number of bytes.
        len: usize,
    },
    /// The peer has sent everything.
    Eof {
        /// The stream.
        stream: Token,
    },
    /// The connection, or the attempt to make one, failed. The stream stays until it is released.
    Lost {
        /// The stream.
        stream: Token,
        /// Why.
        error: io::Error,
    },
    /// What waited to be sent has sunk to the low mark, or to nothing.
    Drained {
        /// The stream, or socket of datagrams.
        stream: Token,
        /// Bytes that still wait; a datagram counts 8 more.
        backlog: usize,
    },
    /// A datagram came, into the buffer that the sink gave last. Later events may tell of more in the same buffer.
    Datagram {
        /// The socket.
        socket: Token,
        /// Where in the buffer it begins.
        start: usize,
        /// Number of bytes; may be 0.
        len: usize,
        /// The sender's address. Its length is 0 for a Unix socket without a name.
        from: SockAddr,
    },
    /// Receiving failed, mostly since a peer refused what was sent to it. The socket stays in use.
    ReceiveFailed {
        /// The socket of datagrams.
        socket: Token,
        /// Why.
        error: io::Error,
    },
    /// A datagram that waited could not be sent. Those behind it are not affected.
    SendFailed {
        /// The socket of datagrams.
        socket: Token,
        /// Why.
        error: io::Error,
    },
    /// A watched descriptor is ready, and will be told of again as long as it is.
    Ready {
        /// What [`Reactor::watch`](crate::Reactor::watch) gave.
        watcher: Token,
        /// Whether a read would find something: bytes, the end, or an error.
        readable: bool,
        /// Whether a write would find room, or an error.
        writable: bool,
    },
    /// A timer is due.
    Timer {
        /// What it was added with.
        data: u64,
    },
    /// [`Waker::wake`](crate::Waker::wake) was called.
    Woken,
}

/// Where a reactor puts what happens.
pub trait Sink {
    /// Whether one more event can be taken. Without room the batch ends; nothing is lost.
    fn room(&self) -> bool;

    /// How many events can be taken, at least. Datagrams are received that many at a time.
    fn spare(&self) -> usize {
        usize::from(self.room())
    }

    /// Where the next receive may put its bytes. They are the sink's when [`Event::Received`] follows.
    ///
    /// [`Event::Datagram`] is told once or more for a buffer: each datagram's bytes, and 128 behind them, are the
    /// sink's. One that is longer than the buffer of a turn's first receive is cut to it.
    fn buffer(&mut self) -> &mut [u8];

    /// Takes an event.
    fn event(&mut self, event: Event);
}
