//! Datagrams in the rings.
//!
//! On both ways a datagram's bytes stand behind its packed address. Those sent in one crossing go out socket by
//! socket, each socket's in the order they were written.

use std::io;

use miolo::{Error, Message, Reactor, Token};
use socket2::SockAddr;

use super::{Ring, control, corrupt, errno, kind, saturate};
use crate::packed::{pack, unpack};

/// A `SEND_TO` entry.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing {
    raw: u32,
    offset: u32,
    len: u32,
}

impl Ring {
    /// Notes a datagram of the crossing under way.
    pub(super) fn gather_datagram(&mut self, token: Token, offset: i32, len: i32) -> Result<(), Error> {
        let (Ok(offset), Ok(len)) = (u32::try_from(offset), u32::try_from(len)) else {
            return Err(corrupt("negative offset or length"));
        };
        self.datagrams.push(Outgoing { raw: token.raw(), offset, len });
        Ok(())
    }

    /// Sends what was noted.
    pub(super) fn send_datagrams(&mut self, reactor: &mut Reactor) -> Result<(), Error> {
        if self.datagrams.is_empty() {
            return Ok(());
        }
        let mut noted = std::mem::take(&mut self.datagrams);
        // Stable, so that each socket's stay in order.
        noted.sort_by_key(|datagram| datagram.raw);
        let mut outcome = Ok(());
        for group in noted.chunk_by(|one, other| one.raw == other.raw) {
            if let Err(error) = self.send_group(reactor, group) {
                outcome = Err(error);
            }
        }
        noted.clear();
        self.datagrams = noted;
        outcome
    }

    fn send_group(&mut self, reactor: &mut Reactor, group: &[Outgoing]) -> Result<(), Error> {
        // Address by address, and with each datagram the number of its own.
        let mut addresses: Vec<Option<SockAddr>> = Vec::with_capacity(4);
        let mut datagrams: Vec<(usize, &[u8])> = Vec::with_capacity(group.len());
        let mut outcome = Ok(());
        let mut last: &[u8] = &[];
        for outgoing in group {
            let bytes = self.buffers.outgoing.slice(outgoing.offset as usize, outgoing.len as usize);
            let Some(bytes) = bytes else {
                outcome = Err(corrupt("a datagram outside of the outgoing arena"));
                continue;
            };
            if last.is_empty() || !bytes.starts_with(last) {
                let Some((address, len)) = unpack(bytes) else {
                    outcome = Err(corrupt("a datagram without an address"));
                    continue;
                };
                addresses.push(address);
                last = &bytes[..len];
            }
            datagrams.push((addresses.len() - 1, &bytes[last.len()..]));
        }
        let messages: Vec<Message<'_>> =
            datagrams.iter().map(|&(at, bytes)| Message { bytes, to: addresses[at].as_ref() }).collect();
        let token = Token::from_raw(group[0].raw);
        let backlog = self.send_messages(reactor, token, &messages);
        if backlog > 0 {
            self.complete(kind::BACKLOG, token.raw(), saturate(backlog), 0);
            self.set_control(control::BACKLOG_CHANGED, 1);
        }
        outcome
    }

    /// Takes all submissions, then sends one datagram behind what waits. Returns the socket's backlog.
    pub fn send_datagram(
        &mut self,
        reactor: &mut Reactor,
        token: Token,
        packed: &[u8],
        bytes: &[u8],
    ) -> Result<usize, Error> {
        self.submit(reactor, None)?;
        let (address, _) = unpack(packed).ok_or_else(|| corrupt("a datagram without an address"))?;
        Ok(self.send_messages(reactor, token, &[Message { bytes, to: address.as_ref() }]))
    }

    fn send_messages(&mut self, reactor: &mut Reactor, token: Token, messages: &[Message<'_>]) -> usize {
        let mut failed = |error: io::Error| {
            self.complete(kind::SEND_FAILED, token.raw(), errno(&error), 0);
        };
        // What is sent by a stale token has no effect (invariant 7).
        reactor.send_datagrams(token, messages, &mut failed).unwrap_or(0)
    }

    /// Appends a completion for a datagram that the reactor put at `start` of the buffer it was given.
    ///
    /// Moved to what came before it, behind its address. That overwrites none of those behind it: addresses are
    /// shorter than the gap between two datagrams, so the place that is free never reaches beyond `start` plus gap.
    pub(super) fn complete_datagram(&mut self, socket: Token, start: usize, len: usize, from: &SockAddr) {
        let packed = pack(from);
        let address = packed.as_bytes();
        let arena = self.buffers.arena;
        let memory = arena.slice_mut(0, arena.len);
        let (at, source) = (self.used, self.given + start);
        memory.copy_within(source..source + len, at + address.len());
        memory[at..at + address.len()].copy_from_slice(address);
        self.complete(kind::DATAGRAM, socket.raw(), saturate(at), saturate(len));
        self.used = (at + address.len() + len).next_multiple_of(8).min(arena.len);
        self.holding = true;
    }
}
