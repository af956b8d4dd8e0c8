//! A socket of datagrams: UDP, or a Unix one.
//!
//! # Invariants
//!
//! 1. Datagrams are sent in the order they were given: while some wait nothing is sent past them.
//! 2. One that cannot be sent is told of and left out; those behind it are sent all the same. A socket that would
//!    have to wait keeps the queue.
//! 3. A connected socket sends one by one: what its peer refused is told to a later send, and a call with several
//!    would swallow the error of any but the first.
//! 4. Readiness to read is cleared by a receive that would have to wait, or by one that fetched fewer than it had
//!    memory for: the system has looked once more then. With an error pending it may have stopped at that, so a
//!    short one proves nothing.
//! 5. No datagram is cut for having come in a batch: what is longer than its slot runs over into spare memory and is
//!    held until there is room. Those behind it wait, so that the order stays.
//! 6. Nobody says when an unconnected Unix socket's peer has room again, so that one is tried again after a while
//!    (`must_retry`).

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;

use miolo_mmsg::{Message, Receiver, Sender};
use socket2::{SockAddr, Socket};

use super::Readiness;

/// Datagrams of one system call at most.
const MOST: usize = 32;

/// What a Unix socket, whose spare memory is larger, gets.
const MOST_UNIX: usize = 8;

/// Bytes behind each received datagram that are the sink's as well.
pub const GAP: usize = 128;

/// A slot's bytes, as long as no longer datagrams come: ordinary networks carry no more without fragments.
const SLOT: usize = 2048 - GAP;

/// No UDP datagram is longer.
const LONGEST_UDP: usize = 64 * 1024;

/// Of a longer Unix datagram the rest is lost, as asyncio has it.
const LONGEST_UNIX: usize = 256 * 1024;

/// What a datagram counts beyond its bytes, in flow control.
const HEADER: usize = 8;

/// The low mark unless it is set.
const DEFAULT_LOW_MARK: usize = 16 * 1024;

/// A datagram that waits to be sent.
#[derive(Debug)]
struct Queued {
    bytes: Box<[u8]>,
    to: Option<SockAddr>,
}

impl Queued {
    fn of(message: Message<'_>) -> Self {
        Self { bytes: message.bytes.into(), to: message.to.cloned() }
    }

    fn message(&self) -> Message<'_> {
        Message { bytes: &self.bytes, to: self.to.as_ref() }
    }

    const fn cost(&self) -> usize {
        self.bytes.len() + HEADER
    }
}

/// A datagram in a sink's buffer.
#[derive(Debug)]
pub struct Found {
    pub start: usize,
    pub len: usize,
    pub from: SockAddr,
}

/// What datagrams are received and sent with: one for all sockets.
#[derive(Debug)]
pub struct Tools {
    receiver: Receiver,
    sender: Sender,
    /// Where what is longer than its slot runs over to. The system gives its pages as they are used.
    spare: Vec<u8>,
    /// What the last receive brought.
    pub found: Vec<Found>,
}

impl Tools {
    pub fn new() -> Self {
        Self {
            receiver: Receiver::new(MOST),
            sender: Sender::new(MOST),
            spare: Vec::new(),
            found: Vec::new(),
        }
    }
}

#[derive(Debug)]
pub struct Datagram {
    pub socket: Socket,
    pub peer: Option<SockAddr>,
    pub paused: bool,
    pub low_mark: usize,
    unix: bool,
    queue: VecDeque<Queued>,
    /// What the queue counts: bytes, and a header each.
    backlog: usize,
    /// Datagrams longer than a small slot come.
    large: bool,
    /// Received, but not yet delivered.
    held: VecDeque<(Vec<u8>, SockAddr)>,
}

impl Datagram {
    pub fn new(socket: Socket) -> Self {
        Self {
            peer: socket.peer_addr().ok(),
            unix: socket.local_addr().is_ok_and(|address| address.is_unix()),
            socket,
            paused: true,
            low_mark: DEFAULT_LOW_MARK,
            queue: VecDeque::new(),
            backlog: 0,
            large: false,
            held: VecDeque::new(),
        }
    }

    pub const fn backlog(&self) -> usize {
        self.backlog
    }

    pub fn may_receive(&self, readiness: Readiness) -> bool {
        !self.paused && (readiness.readable || !self.held.is_empty())
    }

    /// Whether what waits has to be tried again without having been told.
    pub fn must_retry(&self) -> bool {
        self.unix && self.peer.is_none() && !self.queue.is_empty()
    }

    // --- receiving ---------------------------------------------------------------------------------------

    /// Receives up to `most` datagrams into `buffer`; `tools.found` says where they are. If it is empty, nothing is
    /// to be had now. `whole` says that no larger buffer will come.
    pub fn receive(
        &mut self,
        readiness: &mut Readiness,
        buffer: &mut [u8],
        most: usize,
        whole: bool,
        tools: &mut Tools,
    ) -> io::Result<()> {
        tools.found.clear();
        let used = self.deliver_held(buffer, most, whole, &mut tools.found);
        let most = most.saturating_sub(tools.found.len());
        let room = buffer.len() - used;
        if !self.held.is_empty() || !readiness.readable || most == 0 || room <= GAP {
            return Ok(());
        }
        let (longest, batch) = if self.unix { (LONGEST_UNIX, MOST_UNIX) } else { (LONGEST_UDP, MOST) };
        let wanted = if self.large { longest } else { SLOT } + GAP;
        // Without room for one of that length, what there is room for; the rest runs over.
        let stride = wanted.min(room);
        let slot = stride - GAP;
        let offered = (room / stride).min(batch).min(most);
        let spare = longest.saturating_sub(slot);
        if tools.spare.len() < spare * offered {
            // Not resized: fresh zeros cost nothing until they are used.
            tools.spare = vec![0; spare * offered];
        }
        let outcome = {
            let mut rest = tools.spare.as_mut_slice();
            let slots = buffer[used..].chunks_exact_mut(stride).take(offered).map(|chunk| {
                let (over, next) = std::mem::take(&mut rest).split_at_mut(spare);
                rest = next;
                [&mut chunk[..slot], over]
            });
            tools.receiver.receive(self.socket.as_fd(), slots)
        };
        let count = match outcome {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                readiness.readable = false;
                readiness.ending = false;
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        };
        if count < offered && !readiness.ending {
            readiness.readable = false;
        }
        let mut longer = false;
        for index in 0..count {
            let message = tools.receiver.received(index);
            let (start, len) = (used + index * stride, message.len);
            longer |= len > SLOT;
            if len <= slot && self.held.is_empty() {
                tools.found.push(Found { start, len, from: message.from });
                continue;
            }
            let mut bytes = Vec::with_capacity(len);
            bytes.extend_from_slice(&buffer[start..start + len.min(slot)]);
            bytes.extend_from_slice(&tools.spare[index * spare..][..len.saturating_sub(slot)]);
            self.held.push_back((bytes, message.from));
        }
        self.large = longer;
        if tools.found.is_empty() {
            // All are held. There is nothing in front of them, so that they come next.
            self.deliver_held(buffer, most, whole, &mut tools.found);
        }
        Ok(())
    }

    /// Puts what is held into the buffer, as far as there is room. Returns the bytes used.
    fn deliver_held(&mut self, buffer: &mut [u8], most: usize, whole: bool, found: &mut Vec<Found>) -> usize {
        let mut used = 0;
        while found.len() < most
            && let Some((bytes, from)) = self.held.pop_front()
        {
            let room = buffer.len().saturating_sub(used + GAP);
            // A buffer that is too small for it even when it is empty gets the beginning.
            let len = if whole && used == 0 { bytes.len().min(room) } else { bytes.len() };
            if len > room || buffer.len() <= GAP {
                self.held.push_front((bytes, from));
                break;
            }
            buffer[used..used + len].copy_from_slice(&bytes[..len]);
            found.push(Found { start: used, len, from });
            used += (len + GAP).next_multiple_of(8).min(buffer.len() - used);
        }
        used
    }

    // --- sending -----------------------------------------------------------------------------------------

    /// Sends, or queues behind what waits. What cannot be sent at all goes to `failed`.
    pub fn send(&mut self, messages: &[Message<'_>], sender: &mut Tools, failed: &mut dyn FnMut(io::Error)) {
        let mut next = 0;
        while self.queue.is_empty() && next < messages.len() {
            match self.attempt(&messages[next..], &mut sender.sender) {
                Ok(0) => break,
                Ok(count) => next += count,
                Err(error) => {
                    failed(error);
                    next += 1;
                }
            }
        }
        for message in &messages[next..] {
            let queued = Queued::of(*message);
            self.backlog += queued.cost();
            self.queue.push_back(queued);
        }
    }

    /// Sends what waits. Returns whether the backlog sank to the low mark, or to nothing.
    pub fn flush(&mut self, sender: &mut Tools, failed: &mut dyn FnMut(io::Error)) -> bool {
        let before = self.backlog;
        while !self.queue.is_empty() {
            let waiting: Vec<Message<'_>> = self.queue.iter().take(MOST).map(Queued::message).collect();
            let gone = match self.attempt(&waiting, &mut sender.sender) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => {
                    failed(error);
                    1
                }
            };
            self.backlog -= self.queue.drain(..gone).map(|queued| queued.cost()).sum::<usize>();
        }
        if self.queue.is_empty() {
            self.queue.shrink_to(MOST);
        }
        before > 0 && (self.backlog == 0 || (before > self.low_mark && self.backlog <= self.low_mark))
    }

    /// One call. Returns how many went; 0 if the socket would have to wait. An error is the first one's.
    fn attempt(&self, messages: &[Message<'_>], sender: &mut Sender) -> io::Result<usize> {
        let batch = if self.peer.is_some() { 1 } else { MOST };
        let some = &messages[..messages.len().min(batch)];
        loop {
            match sender.send(self.socket.as_fd(), some) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                outcome => return outcome,
            }
        }
    }
}
