//! A connected stream, or one that is being connected.
//!
//! # Invariants
//!
//! 1. At most one receive a batch, so that the end of the stream comes a turn after its last bytes.
//! 2. Readiness to read is cleared by a receive that would have to wait, or by a short one: that proves a TCP
//!    socket drained unless its peer has ended or urgent data cut it short (which shows as readiness of its own).
//! 3. After the end of the stream or an error nothing is received: `ended` stays.
//! 4. Bytes are sent in order: with a backlog nothing is sent past it.
//! 5. What the kernel took short has filled its buffer, so an edge will follow; nothing asks it a second time.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use socket2::SockAddr;

use super::Readiness;

/// A backlog's memory above which it is given back when it is empty.
const KEPT_BACKLOG: usize = 64 * 1024;

/// Parts that one gathered write may have (the least that systems guarantee is 16, Linux takes 1024).
const MOST_PARTS: usize = 1024;

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
    pub low_mark: usize,
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
    pub const fn new(socket: TcpStream, peer: Option<SockAddr>, connecting: bool) -> Self {
        Self {
            socket,
            peer,
            paused: true,
            connecting,
            ended: false,
            low_mark: DEFAULT_LOW_MARK,
            ending_writes: false,
            backlog: VecDeque::new(),
        }
    }

    pub fn backlog(&self) -> usize {
        self.backlog.len()
    }

    pub const fn may_receive(&self, readiness: Readiness) -> bool {
        readiness.readable && !self.paused && !self.ended && !self.connecting
    }

    /// How the attempt to connect ended.
    pub fn connected(&mut self) -> io::Result<()> {
        self.connecting = false;
        let outcome = match self.socket.take_error() {
            Ok(None) => self.socket.peer_addr().map(drop),
            Ok(Some(error)) | Err(error) => Err(error),
        };
        self.ended = outcome.is_err();
        outcome
    }

    pub fn receive(&mut self, readiness: &mut Readiness, buffer: &mut [u8]) -> Received {
        match self.socket.read(buffer) {
            Ok(0) => {
                self.ended = true;
                Received::End
            }
            Ok(count) => {
                if count < buffer.len() && !readiness.ending && !readiness.urgent {
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
                    self.ended = true;
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
            let (taken_parts, taken_bytes) = self.send_now(parts)?;
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
            let sent = match some {
                [one] => self.socket.write(one),
                several => self.socket.write_vectored(several),
            };
            let mut count = match sent {
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

    /// The kernel has room again.
    pub fn flush(&mut self) -> Flushed {
        let before = self.backlog.len();
        if before == 0 {
            return Flushed::Nothing;
        }
        while !self.backlog.is_empty() {
            let (front, back) = self.backlog.as_slices();
            let offered = front.len() + back.len();
            match self.socket.write_vectored(&[IoSlice::new(front), IoSlice::new(back)]) {
                Ok(count) => {
                    self.backlog.drain(..count);
                    if count < offered {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.drop_backlog();
                    return Flushed::Failed(error);
                }
            }
        }
        let after = self.backlog.len();
        if after == 0 {
            self.drop_backlog();
            if self.ending_writes {
                // Fails only when the connection is gone, which the next receive tells.
                let _ = self.socket.shutdown(Shutdown::Write);
            }
        }
        if after == 0 || (before > self.low_mark && after <= self.low_mark) {
            Flushed::Drained
        } else {
            Flushed::Nothing
        }
    }

    /// Tells the peer that no more will come, after the backlog.
    pub fn end_writes(&mut self) -> io::Result<()> {
        self.ending_writes = true;
        if self.backlog.is_empty() { self.socket.shutdown(Shutdown::Write) } else { Ok(()) }
    }

    fn drop_backlog(&mut self) {
        self.backlog.clear();
        if self.backlog.capacity() > KEPT_BACKLOG {
            self.backlog = VecDeque::new();
        }
    }
}
