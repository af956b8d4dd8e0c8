//! The reactor: sockets, timers, and the turn.
//!
//! # Invariants
//!
//! 1. A socket that has readiness and may act stands on `current` or on `again`, once (`Slot::listed`).
//! 2. `current` is the rest of one poll result. While it is not empty nothing is polled, so that late connections
//!    of a large result are not starved by early ones.
//! 3. Whoever could go on after it was served (a full receive, a resumed stream) stands on `again` and is merged
//!    with the next poll result, which is then not waited for.
//! 4. A slot that is freed gets a new generation; free slots are used again in the order they became free.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use socket2::{SockAddr, SockRef, Socket};

use crate::selector::{Selector, Waker};
use crate::transport::Readiness;
use crate::transport::listener::Listener;
use crate::transport::stream::{Flushed, Received, Stream};
use crate::{Error, Event, Sink, Timers, Token};

/// How a reactor divides its attention.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Bytes received after which a batch ends, so that they are still in the cache when they are used.
    pub budget: usize,
    /// Bytes that one receive takes at most.
    pub max_receive: usize,
    /// Connections that one listener accepts in a batch.
    pub accepts: usize,
    /// Events that one poll takes.
    pub events: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { budget: 64 * 1024, max_receive: 256 * 1024, accepts: 101, events: 1024 }
    }
}

#[derive(Debug)]
enum Kind {
    Free,
    Listener(Listener),
    Stream(Stream),
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    readiness: Readiness,
    /// Whether the slot stands on a list.
    listed: bool,
    kind: Kind,
}

impl Slot {
    fn may_act(&self) -> bool {
        match &self.kind {
            Kind::Free => false,
            Kind::Listener(listener) => listener.may_act(self.readiness),
            Kind::Stream(stream) => stream.may_receive(self.readiness),
        }
    }
}

/// Sockets and timers of one thread.
///
/// ```
/// use std::time::Duration;
/// use miolo::{Event, Options, Reactor, Sink};
///
/// struct Print;
/// impl Sink for Print {
///     fn room(&self) -> bool { true }
///     fn buffer(&mut self) -> &mut [u8] { &mut [] }
///     fn event(&mut self, event: Event) { println!("{event:?}"); }
/// }
///
/// # fn main() -> Result<(), miolo::Error> {
/// let mut reactor = Reactor::new(Options::default())?;
/// let now = reactor.now();
/// reactor.timers().add(now + Duration::from_millis(1), 42);
/// reactor.turn(None, &mut Print)?; // Timer { data: 42 }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reactor {
    selector: Selector,
    epoch: Instant,
    slots: Vec<Slot>,
    free: VecDeque<usize>,
    current: VecDeque<Token>,
    again: VecDeque<Token>,
    timers: Timers,
    accepted: Vec<(TcpStream, SockAddr)>,
    options: Options,
}

impl Reactor {
    /// Makes a reactor. Options of 0 count as 1: a reactor makes progress in each turn.
    ///
    /// # Errors
    ///
    /// When the operating system has no descriptors left.
    pub fn new(options: Options) -> Result<Self, Error> {
        let options = Options {
            budget: options.budget.max(1),
            max_receive: options.max_receive.max(1),
            accepts: options.accepts.max(1),
            events: options.events.max(1),
        };
        Ok(Self {
            selector: Selector::new(options.events)?,
            epoch: Instant::now(),
            slots: Vec::new(),
            free: VecDeque::new(),
            current: VecDeque::new(),
            again: VecDeque::new(),
            timers: Timers::default(),
            accepted: Vec::new(),
            options,
        })
    }

    /// What ends a wait from another thread.
    pub fn waker(&self) -> Waker {
        self.selector.waker()
    }

    /// Time since the reactor was made, by a monotonic clock. Deadlines of timers count from there.
    pub fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// The timers.
    pub const fn timers(&mut self) -> &mut Timers {
        &mut self.timers
    }

    /// Whether some socket could act at once: the next turn will not wait.
    pub fn has_pending(&self) -> bool {
        !self.current.is_empty() || !self.again.is_empty()
    }

    /// For hosts that wait on the reactor's descriptor: makes it readable at the earliest deadline. Linux only;
    /// elsewhere hosts look at [`Timers::next_deadline`].
    ///
    /// # Errors
    ///
    /// What the operating system reports.
    pub fn arm(&mut self) -> Result<(), Error> {
        let deadline = self.timers.next_deadline();
        let now = self.now();
        Ok(self.selector.arm(deadline, now)?)
    }

    // --- the turn ------------------------------------------------------------------------------------

    /// One turn: purge, poll, process, expire. The fifth phase, run, is the caller's.
    ///
    /// Waits up to `timeout` (`None`: without limit), but not past the earliest timer, and not at all while a
    /// socket [is pending](Self::has_pending).
    ///
    /// # Errors
    ///
    /// When polling fails.
    pub fn turn<S: Sink>(&mut self, timeout: Option<Duration>, sink: &mut S) -> Result<(), Error> {
        self.purge();
        if self.poll(timeout)? {
            sink.event(Event::Woken);
        }
        self.process(sink);
        self.expire(sink);
        Ok(())
    }

    fn purge(&mut self) {
        self.timers.purge();
    }

    /// Says whether the waker was used.
    fn poll(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        if !self.current.is_empty() {
            return Ok(false);
        }
        let now = self.now();
        let wait = if self.again.is_empty() {
            let to_deadline = self.timers.next_deadline().map(|deadline| deadline.saturating_sub(now));
            [timeout, to_deadline].into_iter().flatten().min()
        } else {
            Some(Duration::ZERO)
        };
        std::mem::swap(&mut self.current, &mut self.again);
        let (slots, current) = (&mut self.slots, &mut self.current);
        Ok(self.selector.poll(wait, now, |token, event| {
            // An event of a socket that was released since is nobody's.
            let Some(slot) = find(slots, token) else {
                return;
            };
            slot.readiness.add(event);
            if !slot.listed {
                slot.listed = true;
                current.push_back(token);
            }
        })?)
    }

    fn process<S: Sink>(&mut self, sink: &mut S) {
        let mut received = 0;
        while received < self.options.budget
            && sink.room()
            && let Some(token) = self.current.pop_front()
        {
            let Some(slot) = find(&mut self.slots, token) else {
                continue;
            };
            slot.listed = false;
            match &mut slot.kind {
                Kind::Free => {}
                Kind::Listener(_) => self.accept(token, sink),
                Kind::Stream(stream) => {
                    received += serve(token, stream, &mut slot.readiness, self.options.max_receive, sink);
                }
            }
            self.list(token);
        }
    }

    fn expire<S: Sink>(&mut self, sink: &mut S) {
        if self.timers.is_empty() {
            return;
        }
        let now = self.now();
        while sink.room()
            && let Some(data) = self.timers.pop_due(now)
        {
            sink.event(Event::Timer { data });
        }
    }

    fn accept<S: Sink>(&mut self, token: Token, sink: &mut S) {
        let mut accepted = std::mem::take(&mut self.accepted);
        let Some(Slot { readiness, kind: Kind::Listener(listener), .. }) = find(&mut self.slots, token)
        else {
            return;
        };
        let mut outcome = Ok(());
        if listener.may_act(*readiness) {
            outcome = listener.accept(readiness, self.options.accepts, &mut accepted);
        }
        for (socket, peer) in accepted.drain(..) {
            // Fails only for a connection that is gone already, which its first receive tells.
            let _ = socket.set_nodelay(true);
            match self.insert(Kind::Stream(Stream::new(socket, Some(peer), false))) {
                Ok(stream) => sink.event(Event::Accepted { listener: token, stream }),
                Err(error) => outcome = Err(io::Error::other(error)),
            }
        }
        self.accepted = accepted;
        if let Err(error) = outcome {
            self.pause(token);
            sink.event(Event::AcceptFailed { listener: token, error });
        }
    }

    /// Puts a socket that may act on the list of those that are served next.
    fn list(&mut self, token: Token) {
        if let Some(slot) = find(&mut self.slots, token)
            && !slot.listed
            && slot.may_act()
        {
            slot.listed = true;
            self.again.push_back(token);
        }
    }

    // --- sockets ---------------------------------------------------------------------------------------

    /// Accepts connections on a socket that is bound and listens.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`]; what the operating system reports. The socket is closed then.
    pub fn listen(&mut self, socket: Socket) -> Result<Token, Error> {
        socket.set_nonblocking(true)?;
        self.insert(Kind::Listener(Listener::new(TcpListener::from_std(socket.into()))))
    }

    /// Takes a connected socket. Reading is paused until [`Self::resume`].
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`]; what the operating system reports. The socket is closed then.
    pub fn adopt(&mut self, socket: Socket) -> Result<Token, Error> {
        socket.set_nonblocking(true)?;
        let peer = socket.peer_addr().ok();
        self.insert(Kind::Stream(Stream::new(into_stream(socket), peer, false)))
    }

    /// Begins to connect; [`Event::Connected`] or [`Event::Lost`] follows in a later turn.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`]; what the operating system reports at once. The socket is closed then.
    pub fn connect(&mut self, socket: Socket, address: &SockAddr) -> Result<Token, Error> {
        socket.set_nonblocking(true)?;
        match socket.connect(address) {
            Ok(()) => {}
            Err(error) if is_in_progress(&error) => {}
            Err(error) => return Err(error.into()),
        }
        self.insert(Kind::Stream(Stream::new(into_stream(socket), Some(address.clone()), true)))
    }

    /// Sends `parts` in one gathered write; what the kernel does not take is copied and sent later. Returns the
    /// bytes that wait.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`]; what the operating system reports (the stream stays until it is released).
    pub fn send(&mut self, token: Token, parts: &[IoSlice<'_>]) -> Result<usize, Error> {
        Ok(self.stream(token).ok_or(Error::Stale)?.send(parts)?)
    }

    /// Bytes of a stream that wait to be sent; 0 for a stale token.
    pub fn backlog(&self, token: Token) -> usize {
        match self.kind(token) {
            Some(Kind::Stream(stream)) => stream.backlog(),
            _ => 0,
        }
    }

    /// Sets the backlog at which [`Event::Drained`] comes.
    pub fn set_low_mark(&mut self, token: Token, bytes: usize) {
        if let Some(stream) = self.stream(token) {
            stream.low_mark = bytes;
        }
    }

    /// Tells the peer that no more will come, after what waits was sent.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`]; what the operating system reports.
    pub fn shutdown_write(&mut self, token: Token) -> Result<(), Error> {
        Ok(self.stream(token).ok_or(Error::Stale)?.end_writes()?)
    }

    /// Ends receiving, or accepting, until [`Self::resume`].
    pub fn pause(&mut self, token: Token) {
        self.set_paused(token, true);
    }

    /// Begins to receive, or to accept.
    pub fn resume(&mut self, token: Token) {
        self.set_paused(token, false);
        self.list(token);
    }

    fn set_paused(&mut self, token: Token, paused: bool) {
        match find(&mut self.slots, token).map(|slot| &mut slot.kind) {
            Some(Kind::Listener(listener)) => listener.paused = paused,
            Some(Kind::Stream(stream)) => stream.paused = paused,
            Some(Kind::Free) | None => {}
        }
    }

    /// Closes a socket now; what waits to be sent is lost. The token is stale from then on. Harmless twice.
    pub fn release(&mut self, token: Token) {
        let Some(slot) = find(&mut self.slots, token) else {
            return;
        };
        match std::mem::replace(&mut slot.kind, Kind::Free) {
            Kind::Free => return,
            Kind::Listener(mut listener) => self.selector.remove(&mut listener.socket),
            Kind::Stream(mut stream) => self.selector.remove(&mut stream.socket),
        }
        slot.generation = Token::next_generation(slot.generation);
        self.free.push_back(token.index());
    }

    /// A view of a socket, for its options and addresses.
    pub fn socket(&self, token: Token) -> Option<SockRef<'_>> {
        match self.kind(token)? {
            Kind::Free => None,
            Kind::Listener(listener) => Some(SockRef::from(&listener.socket)),
            Kind::Stream(stream) => Some(SockRef::from(&stream.socket)),
        }
    }

    /// The address of a stream's peer.
    pub fn peer(&self, token: Token) -> Option<&SockAddr> {
        match self.kind(token)? {
            Kind::Stream(stream) => stream.peer.as_ref(),
            _ => None,
        }
    }

    fn insert(&mut self, kind: Kind) -> Result<Token, Error> {
        let index = match self.free.front() {
            Some(&index) => index,
            None if self.slots.len() < Token::MAX_SLOTS => self.slots.len(),
            None => return Err(Error::Exhausted),
        };
        let generation = self.slots.get(index).map_or(0, |slot| slot.generation);
        let token = Token::new(index, generation);
        let mut kind = kind;
        match &mut kind {
            Kind::Free => {}
            Kind::Listener(listener) => self.selector.add_listener(&mut listener.socket, token)?,
            Kind::Stream(stream) => self.selector.add_stream(&mut stream.socket, token)?,
        }
        let slot = Slot { generation, readiness: Readiness::default(), listed: false, kind };
        if index == self.slots.len() {
            self.slots.push(slot);
        } else {
            self.free.pop_front();
            self.slots[index] = slot;
        }
        Ok(token)
    }

    fn kind(&self, token: Token) -> Option<&Kind> {
        let slot = self.slots.get(token.index())?;
        (slot.generation == token.generation()).then_some(&slot.kind)
    }

    fn stream(&mut self, token: Token) -> Option<&mut Stream> {
        match &mut find(&mut self.slots, token)?.kind {
            Kind::Stream(stream) => Some(stream),
            _ => None,
        }
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for Reactor {
    /// The descriptor that is readable when a turn would find something.
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.selector.as_raw_fd()
    }
}

fn find(slots: &mut [Slot], token: Token) -> Option<&mut Slot> {
    slots.get_mut(token.index()).filter(|slot| slot.generation == token.generation())
}

/// Serves one stream: the end of its connecting, one receive, then a flush. Returns the bytes received.
fn serve<S: Sink>(
    token: Token,
    stream: &mut Stream,
    readiness: &mut Readiness,
    max_receive: usize,
    sink: &mut S,
) -> usize {
    if stream.connecting {
        if !readiness.writable && !readiness.ending {
            return 0;
        }
        match stream.connected(readiness) {
            Ok(true) => sink.event(Event::Connected { stream: token }),
            Ok(false) => return 0,
            Err(error) => {
                sink.event(Event::Lost { stream: token, error });
                return 0;
            }
        }
    }
    let mut received = 0;
    if stream.may_receive(*readiness) {
        let buffer = sink.buffer();
        let room = buffer.len().min(max_receive);
        // Without memory to receive into the stream keeps its turn: an empty receive would look like its end.
        let outcome =
            if room == 0 { Received::Nothing } else { stream.receive(readiness, &mut buffer[..room]) };
        match outcome {
            Received::Bytes(len) => {
                received = len;
                sink.event(Event::Received { stream: token, len });
            }
            Received::End => sink.event(Event::Eof { stream: token }),
            Received::Nothing => {}
            Received::Failed(error) => {
                sink.event(Event::Lost { stream: token, error });
                return 0;
            }
        }
    }
    if readiness.writable {
        readiness.writable = false;
        match stream.flush() {
            Flushed::Drained => sink.event(Event::Drained { stream: token, backlog: stream.backlog() }),
            Flushed::Nothing => {}
            Flushed::Failed(error) => sink.event(Event::Lost { stream: token, error }),
        }
    }
    received
}

fn into_stream(socket: Socket) -> TcpStream {
    // Fails for what is no TCP socket, which needs no such option.
    let _ = socket.set_tcp_nodelay(true);
    TcpStream::from_std(socket.into())
}

/// `EINPROGRESS` (on Windows `WSAEWOULDBLOCK` stands for it), for which the standard library has no stable name.
#[cfg(any(target_os = "linux", target_os = "android"))]
const IN_PROGRESS: i32 = 115;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const IN_PROGRESS: i32 = 36;
#[cfg(windows)]
const IN_PROGRESS: i32 = 10036;

/// Whether a non-blocking connect is under way.
fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(IN_PROGRESS)
        || matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
