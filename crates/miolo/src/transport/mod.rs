//! Sockets as state machines, one a file.

#[cfg(unix)]
pub mod datagram;
pub mod listener;
pub mod stream;

/// What a socket is known to be ready for.
///
/// mio reports edges. A bit is set by an edge, also while reading is paused, and cleared only by proof that the
/// readiness is used up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Readiness {
    pub readable: bool,
    /// The peer has sent everything, or the connection failed: a short receive proves nothing then.
    pub ending: bool,
    /// Urgent data has come: a receive stops in front of it, so a short one proves nothing.
    pub urgent: bool,
    pub writable: bool,
}

impl Readiness {
    pub fn add(&mut self, event: &mio::event::Event) {
        let ending = event.is_read_closed() || event.is_error();
        let urgent = is_priority(event);
        self.readable |= event.is_readable() || ending || urgent;
        self.ending |= ending;
        self.urgent |= urgent;
        self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_priority(event: &mio::event::Event) -> bool {
    event.is_priority()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_priority(_event: &mio::event::Event) -> bool {
    false
}
