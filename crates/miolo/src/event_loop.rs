//! The loop of a Rust user: callbacks and protocols over a reactor.
//!
//! # Invariants
//!
//! 1. User code runs in the run phase only, and at most one turn is under way: a nested one would receive over the
//!    bytes of events that still wait.
//! 2. The run phase takes exactly what is ready when it begins. So every event of a turn is dispatched before the
//!    next turn clears the inbox; if a panic ended the phase early, the rest is dispatched before anything is received.
//! 3. A place of `timers` is free again when its timer was cancelled in the reactor or when its event was
//!    dispatched, whichever comes.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use socket2::{Domain, Protocol as IpProtocol, SockAddr, Socket, Type};

use crate::connection::{Connection, ConnectionId, Held, Transport};
use crate::handle::{LoopHandle, Server, TimerId};
use crate::inbox::Inbox;
use crate::{Error, Event, Options, Protocol, Reactor, TimerKey, Token};

/// Time for which a listener that ran out of descriptors does not accept.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);

/// Connections that the kernel keeps for a server until they are accepted.
const BACKLOG: i32 = 1024;

type Callback = Box<dyn FnOnce(&mut EventLoop)>;
type Factory = Box<dyn FnMut() -> Box<dyn Protocol>>;

/// What waits for the run phase.
pub enum Ready {
    Call(Callback),
    /// With the place of its bytes.
    Event(Event, usize),
    Made(Token),
    /// Reading goes on; what was held is delivered first.
    Held(Token),
    Lost(Box<dyn Protocol>, Option<io::Error>),
}

/// Whom a token is.
enum Peer {
    Listener(Token, Factory),
    Stream(Token, Box<dyn Protocol>, Connection),
}

/// What a callback of a protocol can reach.
struct Core {
    reactor: Reactor,
    /// By a token's index.
    peers: Vec<Option<Peer>>,
    ready: VecDeque<Ready>,
    stopping: bool,
    /// The connection whose callback is under way.
    calling: Option<Token>,
}

/// Runs callbacks, timers and protocols on one thread.
///
/// Dropping it closes its sockets and drops its protocols, without further callbacks. See the
/// [guide](crate::guide).
pub struct EventLoop {
    core: Core,
    inbox: Inbox,
    timers: Vec<Option<(TimerKey, Callback)>>,
    free_timers: Vec<usize>,
    handle: LoopHandle,
    running: bool,
    /// A panic ended the last run phase.
    interrupted: bool,
}

impl EventLoop {
    /// Makes a loop.
    ///
    /// # Errors
    ///
    /// When the operating system has no descriptors left.
    pub fn new() -> Result<Self, Error> {
        Self::with_options(Options::default())
    }

    /// Makes a loop whose reactor has the given options.
    ///
    /// ```
    /// use std::time::Duration;
    /// use miolo::{EventLoop, Options};
    ///
    /// # fn main() -> Result<(), miolo::Error> {
    /// let mut options = Options::default();
    /// options.busy_poll = Duration::from_micros(100);
    /// let event_loop = EventLoop::with_options(options)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the operating system has no descriptors left.
    pub fn with_options(options: Options) -> Result<Self, Error> {
        let reactor = Reactor::new(options)?;
        let handle = LoopHandle::new(reactor.waker());
        Ok(Self {
            core: Core { reactor, peers: Vec::new(), ready: VecDeque::new(), stopping: false, calling: None },
            inbox: Inbox::new(),
            timers: Vec::new(),
            free_timers: Vec::new(),
            handle,
            running: false,
            interrupted: false,
        })
    }

    /// Time since the loop was made, by a monotonic clock.
    pub fn time(&self) -> Duration {
        self.core.reactor.now()
    }

    /// What reaches the loop from other threads.
    pub fn handle(&self) -> LoopHandle {
        self.handle.clone()
    }

    // --- callbacks -----------------------------------------------------------------------------------

    /// Calls `callback` in the next turn.
    pub fn call_soon(&mut self, callback: impl FnOnce(&mut Self) + 'static) {
        self.core.ready.push_back(Ready::Call(Box::new(callback)));
    }

    /// Calls `callback` after `delay`, never earlier.
    pub fn call_later(&mut self, delay: Duration, callback: impl FnOnce(&mut Self) + 'static) -> TimerId {
        let deadline = self.time().saturating_add(delay);
        self.call_at(deadline, callback)
    }

    /// Calls `callback` at `deadline` of [`Self::time`]. Of equal deadlines the first made runs first.
    pub fn call_at(&mut self, deadline: Duration, callback: impl FnOnce(&mut Self) + 'static) -> TimerId {
        let place = self.free_timers.pop().unwrap_or_else(|| {
            self.timers.push(None);
            self.timers.len() - 1
        });
        let key = self.core.reactor.timers().add(deadline, place as u64);
        self.timers[place] = Some((key, Box::new(callback)));
        TimerId { key, place }
    }

    /// Cancels a timer, also one that is due but has not run. False if it has run or was cancelled before.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        let Some(place) = self.timers.get_mut(timer.place) else {
            return false;
        };
        if place.as_ref().is_none_or(|(key, _)| *key != timer.key) {
            return false;
        }
        *place = None;
        if self.core.reactor.timers().cancel(timer.key) {
            self.free_timers.push(timer.place);
        }
        true
    }

    // --- connections ---------------------------------------------------------------------------------

    /// Serves TCP connections on `address` with the protocols that `factory` makes. Port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// What the operating system reports: the address is in use, or not this machine's.
    pub fn create_server(
        &mut self,
        address: SocketAddr,
        factory: impl FnMut() -> Box<dyn Protocol> + 'static,
    ) -> Result<Server, Error> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(IpProtocol::TCP))?;
        // Elsewhere it would let another program take the port while it is in use.
        if cfg!(unix) {
            socket.set_reuse_address(true)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let address = socket.local_addr()?.as_socket().unwrap_or(address);
        let token = self.core.reactor.listen(socket)?;
        self.core.set_peer(token, Peer::Listener(token, Box::new(factory)));
        Ok(Server { token, address })
    }

    /// Ends accepting; connections that were accepted stay. False if the server was closed before.
    pub fn close_server(&mut self, server: Server) -> bool {
        let open = self.core.factory(server.token).is_some();
        if open {
            self.core.forget(server.token);
        }
        open
    }

    /// Connects to `address`. `connection_made` or `connection_lost` of `protocol` follows.
    ///
    /// # Errors
    ///
    /// What the operating system reports at once.
    pub fn create_connection(
        &mut self,
        address: SocketAddr,
        protocol: Box<dyn Protocol>,
    ) -> Result<ConnectionId, Error> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(IpProtocol::TCP))?;
        let token = self.core.reactor.connect(socket, &SockAddr::from(address))?;
        self.core.set_peer(token, Peer::Stream(token, protocol, Connection::new()));
        Ok(ConnectionId(token))
    }

    /// Calls `action` with the transport of a connection, from outside of its protocol's callbacks. `None` if the
    /// connection is gone, or does not stand yet.
    pub fn with_transport<T>(
        &mut self,
        connection: ConnectionId,
        action: impl FnOnce(&mut Transport<'_>) -> T,
    ) -> Option<T> {
        self.core
            .with_protocol(connection.0, |_, transport| transport.connection.made.then(|| action(transport)))
            .flatten()
    }

    // --- names ---------------------------------------------------------------------------------------

    /// Looks a name up on another thread, and calls `callback` with what was found in a later turn.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    #[cfg(feature = "resolver")]
    pub fn lookup(
        &self,
        query: crate::resolver::Query,
        callback: impl FnOnce(&mut Self, Result<Vec<crate::resolver::Found>, crate::resolver::NameError>)
        + Send
        + 'static,
    ) -> Result<(), Error> {
        let handle = self.handle();
        Ok(crate::resolver::spawn(move || {
            let found = query.run();
            // Fails when the loop is gone, and nobody waits any more.
            let _ = handle.call_soon(move |event_loop| callback(event_loop, found));
        })?)
    }

    // --- running -------------------------------------------------------------------------------------

    /// Runs until [`Self::stop`].
    ///
    /// # Errors
    ///
    /// [`Error::Running`] inside of a callback; when polling fails.
    ///
    /// # Panics
    ///
    /// When a callback does. The loop can be run again.
    pub fn run(&mut self) -> Result<(), Error> {
        loop {
            self.run_once()?;
            if std::mem::take(&mut self.core.stopping) {
                return Ok(());
            }
        }
    }

    /// Ends [`Self::run`] after the turn under way.
    pub const fn stop(&mut self) {
        self.core.stopping = true;
    }

    /// One turn. Waits for something to do, unless something is ready.
    ///
    /// # Errors
    ///
    /// [`Error::Running`] inside of a callback; when polling fails.
    ///
    /// # Panics
    ///
    /// When a callback does.
    pub fn run_once(&mut self) -> Result<(), Error> {
        if self.running {
            return Err(Error::Running);
        }
        self.running = true;
        let outcome = catch_unwind(AssertUnwindSafe(|| self.turn()));
        self.running = false;
        match outcome {
            Ok(result) => result,
            Err(panic) => {
                self.interrupted = true;
                if let Some(token) = self.core.calling.take() {
                    self.core.forget(token);
                }
                resume_unwind(panic)
            }
        }
    }

    /// The five phases. Purge, poll, process and expire are the reactor's, which puts I/O and then due timers into
    /// the inbox; here they become ready.
    fn turn(&mut self) -> Result<(), Error> {
        if !std::mem::take(&mut self.interrupted) {
            let at_once = self.core.stopping || !self.core.ready.is_empty();
            self.inbox.clear();
            self.core.reactor.turn(at_once.then_some(Duration::ZERO), &mut self.inbox)?;
            self.make_ready();
        }
        self.run_ready();
        Ok(())
    }

    fn make_ready(&mut self) {
        for (event, start) in self.inbox.events.drain(..) {
            if matches!(event, Event::Woken) {
                self.core.ready.extend(self.handle.take().into_iter().map(|call| Ready::Call(call)));
            } else {
                self.core.ready.push_back(Ready::Event(event, start));
            }
        }
    }

    /// Runs what is ready now; what that queues waits for the next turn.
    fn run_ready(&mut self) {
        for _ in 0..self.core.ready.len() {
            match self.core.ready.pop_front() {
                Some(Ready::Event(event, start)) => self.dispatch(event, start),
                Some(Ready::Call(callback)) => callback(self),
                Some(Ready::Made(token)) => self.core.connection_made(token),
                Some(Ready::Held(token)) => self.core.deliver_held(token),
                Some(Ready::Lost(mut protocol, error)) => protocol.connection_lost(error),
                None => break,
            }
        }
    }

    fn dispatch(&mut self, event: Event, start: usize) {
        match event {
            Event::Received { stream, len } => self.core.received(stream, self.inbox.bytes(start, len)),
            Event::Drained { stream, backlog } => self.core.drained(stream, backlog),
            Event::Accepted { listener, stream } => self.core.accepted(listener, stream),
            Event::Eof { stream } => self.core.ended(stream),
            Event::Connected { stream } => self.core.connection_made(stream),
            Event::Lost { stream, error } => {
                self.core.with_protocol(stream, |_, transport| transport.connection.lose(Some(error)));
            }
            Event::AcceptFailed { listener, .. } => {
                // Out of descriptors, mostly: again when some may have been closed.
                self.call_later(ACCEPT_RETRY, move |event_loop| event_loop.core.reactor.resume(listener));
            }
            Event::Timer { data } => {
                let place = usize::try_from(data).unwrap_or(usize::MAX);
                let callback = self.timers.get_mut(place).and_then(Option::take);
                self.free_timers.push(place);
                if let Some((_, callback)) = callback {
                    callback(self);
                }
            }
            // Nobody but the loop watches: its reactor is not given out.
            // Loops of this kind have no watches and no sockets of datagrams: reactors have.
            Event::Ready { .. }
            | Event::Datagram { .. }
            | Event::ReceiveFailed { .. }
            | Event::SendFailed { .. }
            | Event::Woken => {}
        }
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        // What they hold may be dropped only after the lock is.
        drop(self.handle.close());
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EventLoop")
            .field("reactor", &self.core.reactor)
            .field("ready", &self.core.ready.len())
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

impl Core {
    fn accepted(&mut self, listener: Token, stream: Token) {
        // A factory that panics must not leave the stream behind.
        self.calling = Some(stream);
        let protocol = self.factory(listener).map(|factory| factory());
        self.calling = None;
        let Some(protocol) = protocol else {
            // The server was closed in the meantime.
            self.reactor.release(stream);
            return;
        };
        self.set_peer(stream, Peer::Stream(stream, protocol, Connection::new()));
        self.ready.push_back(Ready::Made(stream));
    }

    fn connection_made(&mut self, token: Token) {
        self.with_protocol(token, |protocol, transport| {
            protocol.connection_made(transport);
            // Reading begins afterwards, unless that has paused or closed.
            transport.connection.made = true;
            if transport.connection.delivers() {
                transport.reactor.resume(token);
            }
        });
    }

    fn received(&mut self, token: Token, bytes: &[u8]) {
        self.with_protocol(token, |protocol, transport| {
            if transport.connection.delivers() {
                protocol.data_received(transport, bytes);
            } else if !transport.connection.closing {
                transport.connection.held = Some(Held::Data(bytes.to_vec()));
            }
        });
    }

    fn ended(&mut self, token: Token) {
        self.with_protocol(token, |protocol, transport| {
            if transport.connection.delivers() {
                end(protocol, transport);
            } else if !transport.connection.closing {
                transport.connection.held = Some(Held::End);
            }
        });
    }

    fn deliver_held(&mut self, token: Token) {
        self.with_protocol(token, |protocol, transport| {
            if !transport.connection.delivers() {
                return;
            }
            match transport.connection.held.take() {
                Some(Held::Data(bytes)) => protocol.data_received(transport, &bytes),
                Some(Held::End) => end(protocol, transport),
                None => {}
            }
            if transport.connection.delivers() {
                transport.reactor.resume(token);
            }
        });
    }

    fn drained(&mut self, token: Token, backlog: usize) {
        self.with_protocol(token, |protocol, transport| {
            if transport.connection.paused_writing && backlog <= transport.connection.low_mark {
                transport.connection.paused_writing = false;
                protocol.resume_writing(transport);
            }
            // resume_writing may have written again.
            if transport.connection.closing && transport.write_buffer_size() == 0 {
                transport.connection.lose(None);
            }
        });
    }

    /// Calls `action` with the protocol of a stream, then does what follows from it.
    fn with_protocol<T>(
        &mut self,
        token: Token,
        action: impl FnOnce(&mut dyn Protocol, &mut Transport<'_>) -> T,
    ) -> Option<T> {
        let place = self.peers.get_mut(token.index())?;
        let Some(Peer::Stream(its, protocol, connection)) = place else {
            return None;
        };
        if *its != token {
            return None;
        }
        let mut transport = Transport {
            token,
            reactor: &mut self.reactor,
            connection,
            ready: &mut self.ready,
            stopping: &mut self.stopping,
        };
        self.calling = Some(token);
        let result = action(&mut **protocol, &mut transport);
        let pauses = !transport.connection.lost
            && !transport.connection.paused_writing
            && transport.write_buffer_size() > transport.connection.high_mark;
        if pauses {
            transport.connection.paused_writing = true;
            protocol.pause_writing(&mut transport);
        }
        self.calling = None;
        if connection.lost {
            let error = connection.error.take();
            self.reactor.release(token);
            if let Some(Peer::Stream(_, protocol, _)) = place.take() {
                // In a turn of its own, never from inside of another callback.
                self.ready.push_back(Ready::Lost(protocol, error));
            }
        }
        Some(result)
    }

    fn factory(&mut self, listener: Token) -> Option<&mut Factory> {
        match self.peers.get_mut(listener.index())? {
            Some(Peer::Listener(its, factory)) if *its == listener => Some(factory),
            _ => None,
        }
    }

    fn set_peer(&mut self, token: Token, peer: Peer) {
        let index = token.index();
        if index >= self.peers.len() {
            self.peers.resize_with(index + 1, || None);
        }
        self.peers[index] = Some(peer);
    }

    /// Closes a socket whose owner is not told.
    fn forget(&mut self, token: Token) {
        self.reactor.release(token);
        if let Some(place) = self.peers.get_mut(token.index()) {
            *place = None;
        }
    }
}

fn end(protocol: &mut dyn Protocol, transport: &mut Transport<'_>) {
    if !protocol.eof_received(transport) {
        transport.close();
    }
}
