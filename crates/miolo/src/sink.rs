use std::io;

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
        /// The stream.
        stream: Token,
        /// Bytes that still wait.
        backlog: usize,
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

    /// Where the next receive may put its bytes. They are the sink's when [`Event::Received`] follows.
    fn buffer(&mut self) -> &mut [u8];

    /// Takes an event.
    fn event(&mut self, event: Event);
}
