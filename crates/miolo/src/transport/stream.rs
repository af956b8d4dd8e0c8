//! A connected stream, or one that is being connected.
//!
//! # Invariants
//!
//! 1. At most one receive a batch, so that the end of the stream comes a turn after its last bytes.
//! 2. Readiness to read is cleared by a receive that would have to wait, or by a short one where that proves the
//!    socket drained: on TCP over epoll and kqueue, unless its peer has ended or urgent data cut it short (which
//!    shows as readiness of its own). A Unix socket also stops at passed descriptors, and Windows wants to be
//!    asked until it would have to wait.
//! 3. After the end of the stream or a failure nothing is received: `ended` stays.
//! 4. Bytes are sent in order: with a backlog nothing is sent past it.
//! 5. What the kernel took short has filled its buffer, so an edge will follow; nothing asks it a second time.
//! 6. A failure is told once: `fail` drops the backlog, so that no later flush can meet it again.
//! 7. What looks like the end of the stream after a write met its failure is none: the system tells a failure once,
//!    and whoever asks it later hears that no more will come. Only a broken pipe leaves the end what it is: the peer
//!    had sent it.
//! 8. The peer is told the end of the writes once, when the stream is connected and the backlog is gone.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read};
use std::net::Shutdown;

use mio::net::TcpStream;
use socket2::SockAddr;

use super::Readiness;

/// A backlog's memory above which it is given back when it is empty.
const KEPT_BACKLOG: usize = 64 * 1024;

/// Parts that one gathered write may have (the least that systems guarantee is 16, Linux takes 1024).
const MOST_PARTS: usize = 1024;

/// Whether a short receive can prove a TCP socket drained.
const SHORT_PROVES: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
));

/// The low mark unless it is set.
const DEFAULT_LOW_MARK: usize = 16 * 1024;

#[derive(Debug)]
pub struct Stream {
    pub socket: TcpStream,
    pub peer: Option<SockAddr>,
    pub paused: bool,
    pub connecting: bool,
    /// Nothing more will be received.
    pub ended: bool,
    /// A write has met the connection's failure.
    cut: bool,
    low_mark: usize,
    /// The low mark was set while something waited: the next flush tells if that is below it already.
    low_mark_is_news: bool,
    short_proves: bool,
    /// The peer is to be told that no more will come, once the backlog is gone.
    ending_writes: bool,
    backlog: VecDeque<u8>,
}

/// What a receive found.
pub enum Received {
    Bytes(usize),
    End,
    Nothing,
    Failed(io::Error),
}

/// What a flush came to.
pub enum Flushed {
    /// The backlog sank to the low mark, or to nothing.
    Drained,
    Nothing,
    Failed(io::Error),
}

impl Stream {
    pub fn new(socket: TcpStream, peer: Option<SockAddr>, connecting: bool) -> Self {
        let internet = peer.as_ref().is_some_and(|peer| peer.is_ipv4() || peer.is_ipv6());
        Self {
            short_proves: SHORT_PROVES && internet,
            socket,
            peer,
            paused: true,
            connecting,
            ended: false,
            cut: false,
            low_mark: DEFAULT_LOW_MARK,
            low_mark_is_news: false,
            ending_writes: false,
            backlog: VecDeque::new(),
        }
    }

    pub fn backlog(&self) -> usize {
        self.backlog.len()
    }

    /// Sets the backlog at which [`Flushed::Drained`] comes.
    pub fn set_low_mark(&mut self, bytes: usize) {
        self.low_mark = bytes;
        self.low_mark_is_news = !self.backlog.is_empty();
    }

    pub const fn may_receive(&self, readiness: Readiness) -> bool {
        readiness.readable && !self.paused && !self.ended && !self.connecting
    }

    /// Whether the attempt to connect has succeeded; false if it goes on.
    pub fn connected(&mut self, readiness: &mut Readiness) -> io::Result<bool> {
        let outcome = match self.socket.take_error() {
            Ok(None) => self.socket.peer_addr().map(drop),
            Ok(Some(error)) | Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            if error.kind() == io::ErrorKind::NotConnected && !readiness.ending {
                // An event without a cause, which mio allows.
                readiness.writable = false;
                return Ok(false);
            }
            self.connecting = false;
            self.fail();
            return Err(error);
        }
        self.connecting = false;
        Ok(true)
    }

    pub fn receive(&mut self, readiness: &mut Readiness, buffer: &mut [u8]) -> Received {
        match self.socket.read(buffer) {
            Ok(0) => {
                self.ended = true;
                if self.cut { Received::Nothing } else { Received::End }
            }
            Ok(count) => {
                if self.short_proves && count < buffer.len() && !readiness.ending && !readiness.urgent {
                    readiness.readable = false;
                }
                Received::Bytes(count)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    readiness.readable = false;
                    readiness.urgent = false;
                    Received::Nothing
                }
                io::ErrorKind::Interrupted => Received::Nothing,
                _ => {
                    self.fail();
                    Received::Failed(error)
                }
            },
        }
    }

    /// Sends what the kernel takes and keeps the rest. Returns the backlog.
    pub fn send(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut first = 0;
        let mut skip = 0;
        if self.backlog.is_empty() && !self.connecting {
            let (taken_parts, taken_bytes) = self
                .send_now(parts)
                .inspect_err(|error| self.cut |= error.kind() != io::ErrorKind::BrokenPipe)?;
            first = taken_parts;
            skip = taken_bytes;
        }
        for part in &parts[first..] {
            self.backlog.extend(&part[skip..]);
            skip = 0;
        }
        Ok(self.backlog.len())
    }

    /// Returns how many parts the kernel took whole, and how many bytes of the next one.
    fn send_now(&mut self, parts: &[IoSlice<'_>]) -> io::Result<(usize, usize)> {
        let mut first = 0;
        while first < parts.len() {
            let some = &parts[first..parts.len().min(first + MOST_PARTS)];
            let mut count = match self.write(some) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok((first, 0)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            for part in some {
                if count < part.len() {
                    return Ok((first, count));
                }
                count -= part.len();
                first += 1;
            }
        }
        Ok((first, 0))
    }

    /// One write, which never raises SIGPIPE: a library cannot count on its being ignored.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        const MSG_NOSIGNAL: i32 = 0x4000;
        let socket = socket2::SockRef::from(&self.socket);
        match parts {
            [one] => socket.send_with_flags(one, MSG_NOSIGNAL),
            several => socket.send_vectored_with_flags(several, MSG_NOSIGNAL),
        }
    }

    /// One write. Sockets have SO_NOSIGPIPE where there is such a signal.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        use std::io::Write;
        match parts {
            [one] => (&self.socket).write(one),
            several => (&self.socket).write_vectored(several),
        }
    }

    /// The kernel has room again, or the attempt to connect has succeeded.
    pub fn flush(&mut self) -> Flushed {
        let before = self.backlog.len();
        if before == 0 {
            self.shutdown_if_due();
            return Flushed::Nothing;
        }
        while !self.backlog.is_empty() {
            let (front, back) = self.backlog.as_slices();
            let offered = front.len() + back.len();
            let parts = [IoSlice::new(front), IoSlice::new(back)];
            match self.write(if back.is_empty() { &parts[..1] } else { &parts }) {
                Ok(count) => {
                    self.backlog.drain(..count);
                    if count < offered {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fail();
                    return Flushed::Failed(error);
                }
            }
        }
        let after = self.backlog.len();
        if after == 0 {
            self.drop_backlog();
            self.shutdown_if_due();
        }
        let was_above = before > self.low_mark || self.low_mark_is_news;
        if after == 0 || (was_above && after < before && after <= self.low_mark) {
            self.low_mark_is_news = false;
            Flushed::Drained
        } else {
            Flushed::Nothing
        }
    }

    /// Tells the peer that no more will come, after the backlog.
    pub fn end_writes(&mut self) -> io::Result<()> {
        if self.backlog.is_empty() && !self.connecting {
            return self.socket.shutdown(Shutdown::Write);
        }
        self.ending_writes = true;
        Ok(())
    }

    fn shutdown_if_due(&mut self) {
        if self.ending_writes {
            self.ending_writes = false;
            // Fails only when the connection is gone, which the next receive tells.
            let _ = self.socket.shutdown(Shutdown::Write);
        }
    }

    fn fail(&mut self) {
        self.ended = true;
        self.ending_writes = false;
        self.drop_backlog();
    }

    fn drop_backlog(&mut self) {
        self.backlog.clear();
        if self.backlog.capacity() > KEPT_BACKLOG {
            self.backlog = VecDeque::new();
        }
    }
}
