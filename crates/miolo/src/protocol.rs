use std::io;

use crate::Transport;

/// The callbacks of a connection. Each has an empty default.
///
/// `connection_made` comes first and `connection_lost` last, once each. Nothing is called from inside of a call to
/// the transport.
///
/// A callback that panics ends [`EventLoop::run`](crate::EventLoop::run) with its panic. Its connection is closed and
/// its protocol dropped, without `connection_lost`; the loop can be run again, for the others.
pub trait Protocol {
    /// The connection stands.
    fn connection_made(&mut self, _transport: &mut Transport<'_>) {}

    /// Bytes came. They are the loop's: what is to be kept is copied.
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
