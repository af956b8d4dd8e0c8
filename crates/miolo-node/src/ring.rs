//! The submission and completion rings: the memory that JavaScript and Rust share.
//!
//! JavaScript writes submissions without a call; one crossing carries them all in and brings back what
//! happened. Nothing is serialised: an entry is four 32-bit integers.
//!
//! # Invariants
//!
//! 1. *One thread.* Both sides run on the thread of the JavaScript environment, never at the same time:
//!    Rust touches the memory only inside a crossing, JavaScript only between crossings.
//! 2. *Pinned.* Every buffer is owned by JavaScript and held by a strong reference for as long as the ring
//!    lives, is not resizable and is never handed to user code, so that its address and length stay. (The
//!    receive arena may be handed out for borrowed delivery; it is replaced by [`Ring::set_arena`] then.)
//! 3. *No slice outlives a crossing*, and none is alive while JavaScript runs.
//! 4. *Submissions* `[0, control[SUBMITTED])` are complete entries. Rust takes all of them, in order, and sets
//!    the count to 0. A full ring is emptied by a crossing before the next entry is written.
//! 5. *Completions* are appended at `control[COMPLETED]`; JavaScript sets the count to 0 when it has taken
//!    all. Without room for one more, no event is taken from the reactor: it stays there. What a flush has to
//!    report waits in `overflow`. Nothing is lost, and the order stays.
//! 6. *Arena.* Bytes named by a `RECEIVED` or `DATAGRAM` entry stay until JavaScript has taken all completions. As long as one
//!    is untaken nothing is received.
//! 7. *Tokens* carry a generation. What is submitted for a stale token has no effect.
//! 8. *Untrusted.* Offsets, lengths and opcodes are checked before use: a wrong entry is an error, never a
//!    wild access.
//! 9. *Outgoing bytes* named by `SEND` and `SEND_TO` entries are taken (sent, or copied) before the crossing ends.

mod datagrams;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ptr::NonNull;
use std::time::Duration;

use self::datagrams::Outgoing;
use miolo::{Error, Event, Reactor, Sink, TimerKey, Token};

/// Integers an entry has.
const WORDS: usize = 4;

/// Opcode or kind, subject, two values.
type Entry = [i32; WORDS];

/// Indices of the control block.
pub mod control {
    /// Number of submissions written.
    pub const SUBMITTED: usize = 0;
    /// Number of completions written.
    pub const COMPLETED: usize = 1;
    /// 1 while some socket may act without waiting: the next turn must not block.
    pub const MORE: usize = 2;
    /// 1 if completions of a flush changed what JavaScript knows of a backlog.
    pub const BACKLOG_CHANGED: usize = 3;
    /// 1 after a panic: every crossing fails from then on.
    pub const POISONED: usize = 4;
    /// Number of crossings made, for whoever counts them.
    pub const CROSSINGS: usize = 5;
    /// Number of times the submissions were taken: what JavaScript wrote before has left the outgoing arena.
    pub const EPOCH: usize = 6;
}

/// Opcodes of submissions. The second word is a token, or a timer's number.
mod op {
    /// Words: token, offset, length in the outgoing arena.
    pub const SEND: i32 = 1;
    pub const PAUSE: i32 = 2;
    pub const RESUME: i32 = 3;
    pub const SHUTDOWN: i32 = 4;
    pub const RELEASE: i32 = 5;
    /// Words: token, low mark in bytes.
    pub const LOW_MARK: i32 = 6;
    /// Words: number, deadline in seconds as a float64.
    pub const TIMER_ADD: i32 = 7;
    pub const TIMER_CANCEL: i32 = 8;
    /// Words: token, offset, length in the outgoing arena of a packed address and the datagram behind it.
    pub const SEND_TO: i32 = 9;
}

/// Kinds of completions. The second word is a token, or a timer's number.
mod kind {
    /// Words: listener, stream.
    pub const ACCEPTED: i32 = 1;
    /// Words: listener, errno.
    pub const ACCEPT_FAILED: i32 = 2;
    pub const CONNECTED: i32 = 3;
    /// Words: stream, offset, length in the receive arena.
    pub const RECEIVED: i32 = 4;
    pub const EOF: i32 = 5;
    /// Words: stream, errno.
    pub const LOST: i32 = 6;
    /// Words: stream, bytes the kernel has not taken yet.
    pub const BACKLOG: i32 = 7;
    pub const TIMER: i32 = 8;
    pub const WOKEN: i32 = 9;
    /// Words: watch, 1 for readable + 2 for writable.
    pub const READY: i32 = 10;
    /// Words: socket, offset of the sender's packed address in the receive arena, length of the bytes behind it.
    pub const DATAGRAM: i32 = 11;
    /// Words: socket, errno.
    pub const RECEIVE_FAILED: i32 = 12;
    /// Words: socket, errno.
    pub const SEND_FAILED: i32 = 13;
}

/// What `errno` is reported for an error that has none.
const EIO: i32 = 5;

/// A buffer that JavaScript owns, by address.
#[derive(Debug, Clone, Copy)]
pub struct Memory<T> {
    start: NonNull<T>,
    len: usize,
}

impl<T: Copy> Memory<T> {
    /// Names `len` elements at `start`.
    ///
    /// # Safety
    ///
    /// `start` is aligned for `T` and points to `len` initialised elements which stay at this address and are
    /// accessed only as invariants 1 to 3 of this module say, for as long as any copy of the value is used.
    pub const unsafe fn new(start: NonNull<T>, len: usize) -> Self {
        Self { start, len }
    }

    fn get(self, index: usize) -> T {
        assert!(index < self.len, "ring index out of range");
        // SAFETY: inside the buffer by the assertion, readable by the contract of `new`.
        let place = unsafe { self.start.add(index) };
        // SAFETY: as above; aligned since `start` is.
        unsafe { place.read() }
    }

    fn set(self, index: usize, value: T) {
        assert!(index < self.len, "ring index out of range");
        // SAFETY: inside the buffer by the assertion.
        let place = unsafe { self.start.add(index) };
        // SAFETY: writable by the contract of `new`, aligned since `start` is.
        unsafe { place.write(value) }
    }

    /// The elements `[offset, offset + len)`, or nothing if they are not all inside.
    fn slice<'a>(self, offset: usize, len: usize) -> Option<&'a [T]> {
        if offset > self.len || len > self.len - offset {
            return None;
        }
        // SAFETY: inside the buffer by the check above.
        let place = unsafe { self.start.add(offset) };
        // SAFETY: initialised and pinned by the contract of `new`; nobody writes while the slice lives, since
        // slices end with the crossing (invariant 3) and the receive arena never overlaps the outgoing one.
        Some(unsafe { std::slice::from_raw_parts(place.as_ptr(), len) })
    }

    fn slice_mut<'a>(self, offset: usize, len: usize) -> &'a mut [T] {
        assert!(offset <= self.len && len <= self.len - offset, "ring slice out of range");
        // SAFETY: inside the buffer by the assertion.
        let place = unsafe { self.start.add(offset) };
        // SAFETY: initialised, pinned and ours alone during the crossing by the contract of `new`; the reactor
        // drops the slice before it asks for the next one.
        unsafe { std::slice::from_raw_parts_mut(place.as_ptr(), len) }
    }
}

/// The five buffers of a ring.
#[derive(Debug, Clone, Copy)]
pub struct Buffers {
    /// Counters and flags, see [`control`].
    pub control: Memory<i32>,
    /// Submission entries.
    pub submissions: Memory<i32>,
    /// Completion entries.
    pub completions: Memory<i32>,
    /// Bytes that `SEND` entries name.
    pub outgoing: Memory<u8>,
    /// Where received bytes go.
    pub arena: Memory<u8>,
}

/// A piece of the outgoing arena, and the next piece of the same stream.
#[derive(Debug, Clone, Copy)]
struct Part {
    offset: u32,
    len: u32,
    /// Index + 1 of the next part, 0 at the end.
    next: u32,
}

/// The pieces that wait for one stream, first and last (index + 1; 0 if none).
#[derive(Debug, Clone, Copy, Default)]
struct Chain {
    first: u32,
    last: u32,
    raw: u32,
}

/// The rings, seen from Rust.
#[derive(Debug)]
pub struct Ring {
    buffers: Buffers,
    /// First free byte of the arena.
    used: usize,
    /// Where the buffer begins that the reactor was given last.
    given: usize,
    /// `SEND_TO` entries of the crossing under way.
    datagrams: Vec<Outgoing>,
    /// Whether a `RECEIVED` or `DATAGRAM` entry may be untaken (invariant 6).
    holding: bool,
    /// `SEND` entries of the crossing under way, gathered by stream.
    parts: Vec<Part>,
    /// By a token's index.
    chains: Vec<Chain>,
    /// Streams in order of their first `SEND`.
    senders: Vec<u32>,
    /// Timers by the number JavaScript gave them.
    timers: Vec<Option<TimerKey>>,
    /// Completions for which the ring had no room (invariant 5).
    overflow: VecDeque<Entry>,
}

impl Ring {
    /// A ring over `buffers`.
    pub const fn new(buffers: Buffers) -> Self {
        Self {
            buffers,
            used: 0,
            given: 0,
            datagrams: Vec::new(),
            holding: false,
            parts: Vec::new(),
            chains: Vec::new(),
            senders: Vec::new(),
            timers: Vec::new(),
            overflow: VecDeque::new(),
        }
    }

    /// Sets a control word.
    pub fn set_control(&self, index: usize, value: i32) {
        self.buffers.control.set(index, value);
    }

    /// Reads a control word.
    pub fn control(&self, index: usize) -> i32 {
        self.buffers.control.get(index)
    }

    /// Counts a crossing.
    pub fn count_crossing(&self) {
        let count = self.control(control::CROSSINGS);
        self.set_control(control::CROSSINGS, count.wrapping_add(1));
    }

    /// Replaces the receive arena (a borrowed one was detached, or taken away by whoever it was lent to).
    pub const fn set_arena(&mut self, arena: Memory<u8>) {
        self.buffers.arena = arena;
        self.used = 0;
    }

    /// One turn of the reactor: submissions in, then what happened out.
    ///
    /// `None` waits without limit. With completions of an earlier crossing untaken it does not wait, and with
    /// received bytes untaken it does not receive.
    pub fn enter(&mut self, reactor: &mut Reactor, timeout: Option<Duration>) -> Result<(), Error> {
        self.submit(reactor, None)?;
        if self.control(control::COMPLETED) == 0 {
            self.holding = false;
            self.refill();
        }
        let untaken = self.control(control::COMPLETED) > 0;
        if !self.holding {
            self.used = 0;
            let timeout = if untaken { Some(Duration::ZERO) } else { timeout };
            reactor.turn(timeout, self)?;
        }
        self.note_more(reactor);
        Ok(())
    }

    /// Lets JavaScript know whether the next turn must not wait.
    pub fn note_more(&self, reactor: &Reactor) {
        self.set_control(control::MORE, i32::from(reactor.has_pending() || !self.overflow.is_empty()));
    }

    /// Whether JavaScript has something to take, or will without waiting.
    pub fn is_idle(&self, reactor: &Reactor) -> bool {
        self.control(control::COMPLETED) == 0 && self.overflow.is_empty() && !reactor.has_pending()
    }

    /// Whether completions wait to be taken.
    pub fn is_untaken(&self) -> bool {
        self.control(control::COMPLETED) > 0
    }

    /// Moves what overflowed into the ring, which is empty.
    fn refill(&mut self) {
        let mut count = 0;
        while count < self.capacity()
            && let Some(entry) = self.overflow.pop_front()
        {
            self.write(count, entry);
            count += 1;
        }
        self.set_control(control::COMPLETED, saturate(count));
    }

    /// Takes all submissions. `direct` is a stream with bytes to be sent behind those that wait for it.
    ///
    /// Returns the direct stream's backlog.
    pub fn submit(&mut self, reactor: &mut Reactor, direct: Option<(Token, &[u8])>) -> Result<usize, Error> {
        let count = usize::try_from(self.control(control::SUBMITTED)).unwrap_or(0);
        let capacity = self.buffers.submissions.len / WORDS;
        if count > capacity {
            return Err(corrupt("more submissions than the ring holds"));
        }
        self.set_control(control::SUBMITTED, 0);
        self.set_control(control::EPOCH, self.control(control::EPOCH).wrapping_add(1));
        let mut outcome = Ok(());
        for index in 0..count {
            let at = index * WORDS;
            let words = [0, 1, 2, 3].map(|word| self.buffers.submissions.get(at + word));
            if let Err(error) = self.take(reactor, words) {
                // The rest is still taken: other streams must not lose what they wrote.
                outcome = Err(error);
            }
        }
        if let Err(error) = self.send_datagrams(reactor) {
            outcome = Err(error);
        }
        if let Some((token, _)) = direct {
            self.chain(token);
        }
        let mut backlog = 0;
        let mut next = 0;
        while let Some(&index) = self.senders.get(next) {
            next += 1;
            let raw = self.chains[index as usize].raw;
            let token = Token::from_raw(raw);
            let tail = direct.filter(|(stream, _)| *stream == token).map(|(_, bytes)| bytes);
            let left = self.send_chain(reactor, token, tail);
            if tail.is_some() {
                backlog = left;
            }
        }
        self.senders.clear();
        self.parts.clear();
        outcome.map(|()| backlog)
    }

    fn take(&mut self, reactor: &mut Reactor, words: Entry) -> Result<(), Error> {
        let [operation, subject, first, second] = words;
        let token = Token::from_raw(subject.cast_unsigned());
        match operation {
            op::SEND => self.gather(token, first, second)?,
            op::SEND_TO => self.gather_datagram(token, first, second)?,
            op::PAUSE => reactor.pause(token),
            op::RESUME => reactor.resume(token),
            op::LOW_MARK => reactor.set_low_mark(token, usize::try_from(first).unwrap_or(0)),
            op::SHUTDOWN => {
                self.send_chain(reactor, token, None);
                if let Err(error) = reactor.shutdown_write(token) {
                    self.lost(token, &error);
                }
            }
            op::RELEASE => {
                self.send_chain(reactor, token, None);
                let sent = self.send_datagrams(reactor);
                reactor.release(token);
                sent?;
            }
            op::TIMER_ADD => {
                let deadline = f64::from_bits(
                    u64::from(first.cast_unsigned()) | (u64::from(second.cast_unsigned()) << 32),
                );
                self.add_timer(reactor, subject, deadline)?;
            }
            op::TIMER_CANCEL => {
                let place = usize::try_from(subject).ok().and_then(|number| self.timers.get_mut(number));
                if let Some(key) = place.and_then(Option::take) {
                    reactor.timers().cancel(key);
                }
            }
            _ => return Err(corrupt("unknown submission")),
        }
        Ok(())
    }

    fn add_timer(&mut self, reactor: &mut Reactor, number: i32, deadline: f64) -> Result<(), Error> {
        let number = usize::try_from(number).map_err(|_| corrupt("negative timer number"))?;
        // Rounded up: a timer may be late, never early.
        let nanos = (deadline.max(0.0) * 1e9).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates; the value is >= 0"
        )]
        let deadline = Duration::from_nanos(nanos as u64);
        if number >= self.timers.len() {
            self.timers.resize(number + 1, None);
        }
        self.timers[number] = Some(reactor.timers().add(deadline, number as u64));
        Ok(())
    }

    /// The chain of `token`'s slot, emptied if it belonged to an earlier crossing or another stream.
    fn chain(&mut self, token: Token) -> &mut Chain {
        let index = token.index();
        if index >= self.chains.len() {
            self.chains.resize(index + 1, Chain::default());
        }
        let chain = &mut self.chains[index];
        if chain.raw != token.raw() || chain.first == 0 {
            *chain = Chain { first: 0, last: 0, raw: token.raw() };
            #[expect(clippy::cast_possible_truncation, reason = "a token's index has 20 bits")]
            self.senders.push(index as u32);
        }
        &mut self.chains[index]
    }

    fn gather(&mut self, token: Token, offset: i32, len: i32) -> Result<(), Error> {
        let (Ok(offset), Ok(len)) = (u32::try_from(offset), u32::try_from(len)) else {
            return Err(corrupt("negative offset or length"));
        };
        if self.buffers.outgoing.slice(offset as usize, len as usize).is_none() {
            return Err(corrupt("bytes outside of the outgoing arena"));
        }
        self.parts.push(Part { offset, len, next: 0 });
        #[expect(clippy::cast_possible_truncation, reason = "no more parts than submissions")]
        let place = self.parts.len() as u32;
        let chain = self.chain(token);
        let last = chain.last;
        if chain.first == 0 {
            chain.first = place;
        }
        chain.last = place;
        if last != 0 {
            self.parts[last as usize - 1].next = place;
        }
        Ok(())
    }

    /// Sends what waits for `token`, with `tail` behind it, in one gathered write. Returns the backlog.
    fn send_chain(&mut self, reactor: &mut Reactor, token: Token, tail: Option<&[u8]>) -> usize {
        let Some(chain) = self.chains.get_mut(token.index()).filter(|chain| chain.raw == token.raw()) else {
            return 0;
        };
        let mut place = std::mem::take(&mut chain.first);
        if place == 0 && tail.is_none() {
            return 0;
        }
        let mut gathered: [IoSlice<'_>; 16] = [IoSlice::new(&[]); 16];
        let mut more: Vec<IoSlice<'_>> = Vec::new();
        let mut count = 0;
        let mut push = |bytes| {
            if more.is_empty() && count < gathered.len() {
                gathered[count] = IoSlice::new(bytes);
                count += 1;
            } else {
                if more.is_empty() {
                    more.extend_from_slice(&gathered);
                }
                more.push(IoSlice::new(bytes));
            }
        };
        while place != 0 {
            let part = self.parts[place as usize - 1];
            place = part.next;
            if let Some(bytes) = self.buffers.outgoing.slice(part.offset as usize, part.len as usize) {
                push(bytes);
            }
        }
        if let Some(bytes) = tail {
            push(bytes);
        }
        let parts = if more.is_empty() { &gathered[..count] } else { &more[..] };
        match reactor.send(token, parts) {
            Ok(backlog) => {
                // A direct call returns the number; others learn of it here.
                if backlog > 0 && tail.is_none() {
                    self.complete(kind::BACKLOG, token.raw(), saturate(backlog), 0);
                    self.set_control(control::BACKLOG_CHANGED, 1);
                }
                backlog
            }
            Err(error) => {
                self.lost(token, &error);
                0
            }
        }
    }

    fn lost(&mut self, token: Token, error: &Error) {
        if !matches!(error, Error::Stale) {
            self.complete(kind::LOST, token.raw(), error.errno().unwrap_or(EIO), 0);
        }
    }

    /// Appends a completion.
    fn complete(&mut self, kind: i32, subject: u32, first: i32, second: i32) {
        let entry = [kind, subject.cast_signed(), first, second];
        let count = self.completed();
        if count >= self.capacity() || !self.overflow.is_empty() {
            self.overflow.push_back(entry);
            return;
        }
        self.write(count, entry);
        self.set_control(control::COMPLETED, saturate(count + 1));
    }

    fn completed(&self) -> usize {
        usize::try_from(self.control(control::COMPLETED)).unwrap_or(usize::MAX)
    }

    const fn capacity(&self) -> usize {
        self.buffers.completions.len / WORDS
    }

    fn write(&self, place: usize, entry: Entry) {
        for (word, value) in entry.into_iter().enumerate() {
            self.buffers.completions.set(place * WORDS + word, value);
        }
    }
}

impl Sink for Ring {
    fn room(&self) -> bool {
        self.completed() < self.capacity() && self.overflow.is_empty()
    }

    fn spare(&self) -> usize {
        if self.room() { self.capacity() - self.completed() } else { 0 }
    }

    fn buffer(&mut self) -> &mut [u8] {
        let arena = self.buffers.arena;
        self.given = self.used;
        arena.slice_mut(self.used, arena.len - self.used)
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Accepted { listener, stream } => {
                self.complete(kind::ACCEPTED, listener.raw(), stream.raw().cast_signed(), 0);
            }
            Event::AcceptFailed { listener, error } => {
                self.complete(kind::ACCEPT_FAILED, listener.raw(), errno(&error), 0);
            }
            Event::Connected { stream } => self.complete(kind::CONNECTED, stream.raw(), 0, 0),
            Event::Received { stream, len } => {
                self.complete(kind::RECEIVED, stream.raw(), saturate(self.used), saturate(len));
                // Kept aligned, so that typed views of a message can be laid over it.
                self.used = (self.used + len).next_multiple_of(8).min(self.buffers.arena.len);
                self.holding = true;
            }
            Event::Datagram { socket, start, len, from } => self.complete_datagram(socket, start, len, &from),
            Event::ReceiveFailed { socket, error } => {
                self.complete(kind::RECEIVE_FAILED, socket.raw(), errno(&error), 0);
            }
            Event::SendFailed { socket, error } => {
                self.complete(kind::SEND_FAILED, socket.raw(), errno(&error), 0);
            }
            Event::Eof { stream } => self.complete(kind::EOF, stream.raw(), 0, 0),
            Event::Lost { stream, error } => self.complete(kind::LOST, stream.raw(), errno(&error), 0),
            Event::Drained { stream, backlog } => {
                self.complete(kind::BACKLOG, stream.raw(), saturate(backlog), 0);
            }
            Event::Timer { data } => {
                let number = usize::try_from(data).unwrap_or(usize::MAX);
                if let Some(place) = self.timers.get_mut(number) {
                    *place = None;
                    #[expect(clippy::cast_possible_truncation, reason = "numbers come from 31-bit integers")]
                    self.complete(kind::TIMER, data as u32, 0, 0);
                }
            }
            Event::Ready { watcher, readable, writable } => {
                let bits = i32::from(readable) | (i32::from(writable) << 1);
                self.complete(kind::READY, watcher.raw(), bits, 0);
            }
            Event::Woken => self.complete(kind::WOKEN, 0, 0, 0),
            // Streams are closed by RELEASE here, never by the reactor.
            _ => {}
        }
    }
}

fn corrupt(what: &'static str) -> Error {
    io::Error::new(io::ErrorKind::InvalidData, what).into()
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(EIO)
}

fn saturate(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
