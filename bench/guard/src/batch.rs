//! A turn's events, collected as the binding's ring collects them.

use miolo::{Event, Sink, Token};
use socket2::SockAddr;

use crate::Outcome;

/// The size of the binding's receive arena.
const ARENA: usize = 320 * 1024;

/// Events that a turn may bring.
const MOST: usize = 1024;

/// What a turn brought.
pub struct Batch {
    arena: Vec<u8>,
    used: usize,
    /// Streams, and where their bytes are.
    pub received: Vec<(Token, usize, usize)>,
    /// Where datagrams are, and whose.
    pub datagrams: Vec<(usize, usize, SockAddr)>,
    pub accepted: Option<Token>,
    pub ended: bool,
    pub timers: usize,
    unexpected: Option<Event>,
}

impl Batch {
    pub fn new() -> Self {
        Self {
            arena: vec![0; ARENA],
            used: 0,
            received: Vec::with_capacity(MOST),
            datagrams: Vec::with_capacity(MOST),
            accepted: None,
            ended: false,
            timers: 0,
            unexpected: None,
        }
    }

    pub fn bytes(&self, start: usize, len: usize) -> &[u8] {
        &self.arena[start..start + len]
    }

    /// Makes room for the next turn's. Fails if something came that no case brings about.
    pub fn clear(&mut self) -> Outcome {
        self.used = 0;
        self.received.clear();
        self.datagrams.clear();
        self.accepted = None;
        self.ended = false;
        self.timers = 0;
        self.unexpected.take().map_or(Ok(()), |event| Err(format!("unexpected: {event:?}").into()))
    }
}

impl Sink for Batch {
    fn room(&self) -> bool {
        self.spare() > 0
    }

    fn spare(&self) -> usize {
        MOST - self.received.len() - self.datagrams.len()
    }

    fn buffer(&mut self) -> &mut [u8] {
        &mut self.arena[self.used..]
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Received { stream, len } => {
                self.received.push((stream, self.used, len));
                self.used += len;
            }
            // Turns of these cases receive once, so that the buffer begins where the arena does.
            Event::Datagram { start, len, from, .. } => self.datagrams.push((start, len, from)),
            Event::Accepted { stream, .. } => self.accepted = Some(stream),
            Event::Eof { .. } => self.ended = true,
            Event::Timer { .. } => self.timers += 1,
            other => self.unexpected = Some(other),
        }
    }
}
