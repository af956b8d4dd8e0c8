//! The reactor: sockets, timers, and the turn.
//!
//! # Invariants
//!
//! 1. A socket that has readiness and may act stands on `current` or on `again`, once (`Slot::listed`).
//! 2. `current` is the rest of one poll result. While it is not empty nothing is polled, so that late connections
//!    of a large result are not starved by early ones.
//! 3. Whoever could go on after it was served (a full receive, a resumed stream) stands on `again` and is merged
//!    with the next poll result, which is then not waited for.
//! 4. `owners` has the token of every registered descriptor, and of no other.
//! 5. A socket of datagrams that waits for something nobody will tell of stands on `stuck`, and `retry` is when
//!    those are tried again: no wait is longer.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use socket2::{SockAddr, SockRef, Socket};

use crate::selector::{Selector, Waker};
use crate::serve::serve;
#[cfg(unix)]
use crate::serve::serve_datagrams;
use crate::table::{Kind, Slot, Table};
#[cfg(unix)]
use crate::transport::datagram::{Datagram, Tools};
use crate::transport::listener::Listener;
use crate::transport::stream::Stream;
#[cfg(unix)]
use crate::watcher::{Owners, Watcher};
use crate::{Error, Event, Sink, Timers, Token, Waiter};

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
    /// How long a wait polls without a pause before it blocks, while recent waits show that it pays; zero: never.
    ///
    /// What comes in that time is found without the thread having to be woken, which takes tens of microseconds on
    /// many machines. The price is a processor that is busy meanwhile; it pays only where the peers run on other ones.
    /// When most such waits find nothing in time, they become rare. More than 10 ms count as 10 ms.
    pub busy_poll: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            budget: 64 * 1024,
            max_receive: 256 * 1024,
            accepts: 101,
            events: 1024,
            busy_poll: Duration::ZERO,
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
    sockets: Table,
    #[cfg(unix)]
    owners: Owners,
    current: VecDeque<Token>,
    again: VecDeque<Token>,
    timers: Timers,
    accepted: Vec<(TcpStream, SockAddr)>,
    /// Made with the first socket of datagrams.
    #[cfg(unix)]
    datagrams: Option<Box<Tools>>,
    stuck: Vec<Token>,
    retry: Option<Duration>,
    options: Options,
}

/// How long a socket on `stuck` rests.
#[cfg(unix)]
const REST: Duration = Duration::from_millis(1);

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
            busy_poll: options.busy_poll,
        };
        Ok(Self {
            selector: Selector::new(options.events, options.busy_poll)?,
            epoch: Instant::now(),
            sockets: Table::default(),
            #[cfg(unix)]
            owners: Owners::default(),
            current: VecDeque::new(),
            again: VecDeque::new(),
            timers: Timers::default(),
            accepted: Vec::new(),
            #[cfg(unix)]
            datagrams: None,
            stuck: Vec::new(),
            retry: None,
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

    /// For hosts that wait on the reactor's descriptor or by a [`Waiter`]: makes both ready at the earliest
    /// deadline, which is that of a timer or `limit` (counted as theirs). Returns it if the system cannot (only Linux
    /// can): the host's wait has to end then.
    ///
    /// # Errors
    ///
    /// What the operating system reports.
    pub fn arm(&mut self, limit: Option<Duration>) -> Result<Option<Duration>, Error> {
        let deadline = [self.next_deadline(), limit].into_iter().flatten().min();
        let now = self.now();
        Ok(self.selector.arm(deadline, now)?)
    }

    /// What another thread waits by in place of this one's turns. See [`Waiter`].
    pub fn waiter(&self) -> Waiter {
        self.selector.waiter()
    }

    /// For hosts that wait on the reactor's descriptor or by a [`Waiter`]: whether to have a turn that does not wait at
    /// the next opportunity, and to ask again, before they do. See [`Options::busy_poll`], of which turns that wait
    /// make use by themselves.
    ///
    /// The budget counts from the first call after a turn that found something.
    pub fn should_busy_poll(&mut self) -> bool {
        self.selector.should_spin()
    }

    /// Number of polls made for [`Options::busy_poll`] so far, or of calls of [`Self::should_busy_poll`] that said yes:
    /// by how fast it grows one sees whether a reactor is asleep.
    pub fn busy_polls(&self) -> u64 {
        self.selector.busy_polls()
    }

    /// When the next wait must end at the latest.
    fn next_deadline(&mut self) -> Option<Duration> {
        [self.timers.next_deadline(), self.retry].into_iter().flatten().min()
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
        self.retry(now);
        let wait = if self.again.is_empty() {
            let to_deadline = self.next_deadline().map(|deadline| deadline.saturating_sub(now));
            [timeout, to_deadline].into_iter().flatten().min()
        } else {
            Some(Duration::ZERO)
        };
        std::mem::swap(&mut self.current, &mut self.again);
        let (sockets, current) = (&mut self.sockets, &mut self.current);
        Ok(self.selector.poll(wait, now, |token, event| {
            // An event of a socket that was released since is nobody's.
            let Some(slot) = sockets.find(token) else {
                return;
            };
            slot.readiness.add(event);
            if !slot.listed {
                slot.listed = true;
                current.push_back(token);
            }
        })?)
    }

    /// Has those that have rested long enough tried again.
    fn retry(&mut self, now: Duration) {
        if self.retry.is_none_or(|due| due > now) {
            return;
        }
        self.retry = None;
        for token in std::mem::take(&mut self.stuck) {
            let Some(slot) = self.sockets.find(token) else {
                continue;
            };
            slot.readiness.writable = true;
            if !slot.listed {
                slot.listed = true;
                self.again.push_back(token);
            }
        }
    }

    fn process<S: Sink>(&mut self, sink: &mut S) {
        let mut received = 0;
        while received < self.options.budget
            && sink.room()
            && let Some(token) = self.current.pop_front()
        {
            let Some(slot) = self.sockets.find(token) else {
                continue;
            };
            slot.listed = false;
            match &mut slot.kind {
                Kind::Free => {}
                Kind::Listener(_) => self.accept(token, sink),
                Kind::Stream(stream) => {
                    received += serve(token, stream, &mut slot.readiness, self.options.max_receive, sink);
                }
                #[cfg(unix)]
                Kind::Datagram(datagram) => {
                    if let Some(tools) = &mut self.datagrams {
                        let left = self.options.budget - received;
                        let whole = received == 0;
                        received +=
                            serve_datagrams(token, datagram, &mut slot.readiness, left, whole, tools, sink);
                    }
                    self.rest(token);
                }
                #[cfg(unix)]
                Kind::Watcher(watcher) => {
                    let (readable, writable) = watcher.take(&mut slot.readiness);
                    // Fails for a descriptor that was closed, of which there is nothing more to be told.
                    let _ = self.selector.renew_watched(watcher.fd, token, watcher.interest());
                    if readable || writable {
                        sink.event(Event::Ready { watcher: token, readable, writable });
                    }
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
        let Some(Slot { readiness, kind: Kind::Listener(listener), .. }) = self.sockets.find(token) else {
            return;
        };
        let mut outcome = Ok(());
        if listener.may_act(*readiness) {
            let limit = listener.accepts.unwrap_or(self.options.accepts);
            outcome = listener.accept(readiness, limit, &mut accepted);
        }
        for (socket, peer) in accepted.drain(..) {
            if peer.is_ipv4() || peer.is_ipv6() {
                // Fails only for a connection that is gone already, which its first receive tells.
                let _ = socket.set_nodelay(true);
            }
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
        if let Some(slot) = self.sockets.find(token)
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

    /// Sets how many connections a listener accepts in a batch, in place of [`Options::accepts`]; 0 counts as 1.
    pub fn set_accepts(&mut self, token: Token, accepts: usize) {
        if let Some(Slot { kind: Kind::Listener(listener), .. }) = self.sockets.find(token) {
            listener.accepts = Some(accepts.max(1));
        }
    }

    /// Number of sockets that the reactor has.
    pub fn sockets(&self) -> usize {
        self.sockets.len()
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
        Ok(self.sockets.stream(token).ok_or(Error::Stale)?.send(parts)?)
    }

    /// Takes a bound, connected or unbound socket of datagrams: UDP, or a Unix one. Receiving is paused until
    /// [`Self::resume`].
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`]; what the operating system reports. The socket is closed then.
    #[cfg(unix)]
    pub fn adopt_datagrams(&mut self, socket: Socket) -> Result<Token, Error> {
        socket.set_nonblocking(true)?;
        self.datagrams.get_or_insert_with(|| Box::new(Tools::new()));
        self.insert(Kind::Datagram(Datagram::new(socket)))
    }

    /// Sends datagrams, in order; what the kernel has no room for now is copied and sent later. One that cannot be
    /// sent is given to `failed` and left out. Returns what waits: bytes, and 8 a datagram.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`].
    #[cfg(unix)]
    pub fn send_datagrams(
        &mut self,
        token: Token,
        messages: &[miolo_mmsg::Message<'_>],
        failed: &mut dyn FnMut(io::Error),
    ) -> Result<usize, Error> {
        let (Some(datagram), Some(tools)) = (self.sockets.datagram(token), &mut self.datagrams) else {
            return Err(Error::Stale);
        };
        datagram.send(messages, tools, failed);
        let backlog = datagram.backlog();
        self.rest(token);
        Ok(backlog)
    }

    /// Notes a socket that has to be tried again.
    #[cfg(unix)]
    fn rest(&mut self, token: Token) {
        if self.sockets.datagram(token).is_some_and(|datagram| datagram.must_retry())
            && !self.stuck.contains(&token)
        {
            self.stuck.push(token);
            self.retry = Some(self.retry.unwrap_or_else(|| self.epoch.elapsed() + REST));
        }
    }

    /// Bytes of a stream that wait to be sent; 0 for a stale token.
    pub fn backlog(&self, token: Token) -> usize {
        match self.sockets.kind(token) {
            Some(Kind::Stream(stream)) => stream.backlog(),
            #[cfg(unix)]
            Some(Kind::Datagram(datagram)) => datagram.backlog(),
            _ => 0,
        }
    }

    /// Sets the backlog at which [`Event::Drained`] comes.
    pub fn set_low_mark(&mut self, token: Token, bytes: usize) {
        match self.sockets.find(token).map(|slot| &mut slot.kind) {
            Some(Kind::Stream(stream)) => stream.set_low_mark(bytes),
            #[cfg(unix)]
            Some(Kind::Datagram(datagram)) => datagram.low_mark = bytes,
            _ => {}
        }
    }

    /// Tells the peer that no more will come, after what waits was sent.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`]; what the operating system reports.
    pub fn shutdown_write(&mut self, token: Token) -> Result<(), Error> {
        Ok(self.sockets.stream(token).ok_or(Error::Stale)?.end_writes()?)
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
        match self.sockets.find(token).map(|slot| &mut slot.kind) {
            Some(Kind::Listener(listener)) => listener.paused = paused,
            Some(Kind::Stream(stream)) => stream.paused = paused,
            #[cfg(unix)]
            Some(Kind::Datagram(datagram)) => datagram.paused = paused,
            _ => {}
        }
    }

    /// Closes a socket now; what waits to be sent is lost. The token is stale from then on. Harmless twice.
    pub fn release(&mut self, token: Token) {
        let kind = self.sockets.remove(token);
        #[cfg(unix)]
        let registered = kind.fd().is_some_and(|fd| self.owners.clear(fd, token));
        match kind {
            Kind::Free => {}
            Kind::Listener(mut listener) => self.selector.remove(&mut listener.socket),
            Kind::Stream(mut stream) => self.selector.remove(&mut stream.socket),
            #[cfg(unix)]
            Kind::Datagram(datagram) => {
                self.selector.remove_watched(std::os::fd::AsRawFd::as_raw_fd(&datagram.socket));
            }
            #[cfg(unix)]
            Kind::Watcher(watcher) => {
                if registered {
                    self.selector.remove_watched(watcher.fd);
                }
            }
        }
    }

    // --- descriptors of others ---------------------------------------------------------------------------

    /// Watches a descriptor that somebody else owns, in place of what it was watched for before; for nothing ends
    /// the watch. [`Event::Ready`] comes in every turn in which the descriptor is ready: whoever closes it ends
    /// the watch first. Returns the watch's token, the same until it ends.
    ///
    /// # Errors
    ///
    /// [`Error::Owned`]; [`Error::Exhausted`]; what the operating system reports: a regular file cannot be watched
    /// (`PermissionDenied` on Linux).
    #[cfg(unix)]
    pub fn watch(
        &mut self,
        fd: std::os::fd::RawFd,
        readable: bool,
        writable: bool,
    ) -> Result<Option<Token>, Error> {
        let next = Watcher { fd, readable, writable };
        let wanted = readable || writable;
        let Some(token) = self.owners.get(fd) else {
            return if wanted { self.insert(Kind::Watcher(next)).map(Some) } else { Ok(None) };
        };
        let Some(Kind::Watcher(watcher)) = self.sockets.find(token).map(|slot| &mut slot.kind) else {
            return Err(Error::Owned(token));
        };
        if !wanted {
            self.release(token);
            return Ok(None);
        }
        let interest = next.interest();
        *watcher = next;
        let outcome = match self.selector.renew_watched(fd, token, interest) {
            // The descriptor was closed in between, and its number is used again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.selector.add_watched(fd, token, interest)
            }
            outcome => outcome,
        };
        if let Err(error) = outcome {
            self.release(token);
            return Err(error.into());
        }
        Ok(Some(token))
    }

    /// The socket of the reactor's, or the watch, that has the descriptor.
    #[cfg(unix)]
    pub fn owner(&self, fd: std::os::fd::RawFd) -> Option<Token> {
        self.owners.get(fd)
    }

    /// A view of a socket, for its options and addresses.
    pub fn socket(&self, token: Token) -> Option<SockRef<'_>> {
        match self.sockets.kind(token)? {
            Kind::Free => None,
            Kind::Listener(listener) => Some(SockRef::from(&listener.socket)),
            Kind::Stream(stream) => Some(SockRef::from(&stream.socket)),
            #[cfg(unix)]
            Kind::Datagram(datagram) => Some(SockRef::from(&datagram.socket)),
            #[cfg(unix)]
            Kind::Watcher(_) => None,
        }
    }

    /// The address of the peer of a stream, or of a connected socket of datagrams.
    pub fn peer(&self, token: Token) -> Option<&SockAddr> {
        match self.sockets.kind(token)? {
            Kind::Stream(stream) => stream.peer.as_ref(),
            #[cfg(unix)]
            Kind::Datagram(datagram) => datagram.peer.as_ref(),
            _ => None,
        }
    }

    fn insert(&mut self, mut kind: Kind) -> Result<Token, Error> {
        let token = self.sockets.next_token()?;
        match &mut kind {
            Kind::Free => {}
            Kind::Listener(listener) => self.selector.add_listener(&mut listener.socket, token)?,
            Kind::Stream(stream) => self.selector.add_stream(&mut stream.socket, token)?,
            #[cfg(unix)]
            Kind::Datagram(datagram) => {
                self.selector.add_datagram(std::os::fd::AsRawFd::as_raw_fd(&datagram.socket), token)?;
            }
            #[cfg(unix)]
            Kind::Watcher(watcher) => {
                self.selector.add_watched(watcher.fd, token, watcher.interest())?;
            }
        }
        #[cfg(unix)]
        if let Some(former) = kind.fd().and_then(|fd| self.owners.set(fd, token))
            && matches!(self.sockets.kind(former), Some(Kind::Watcher(_)))
        {
            // The watch of a descriptor that was closed, whose number this socket has got.
            self.sockets.remove(former);
        }
        self.sockets.insert(token, kind);
        Ok(token)
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for Reactor {
    /// The descriptor that is readable when a turn would find something.
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.selector.as_raw_fd()
    }
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
