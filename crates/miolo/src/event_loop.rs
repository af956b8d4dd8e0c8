//! The loop of a Rust user: callbacks and protocols over a reactor.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol as IpProtocol, SockAddr, Socket, Type};

use crate::handle::{LoopHandle, TimerId};
use crate::protocol::{Connection, Protocol, Transport};
use crate::{Error, Event, Options, Reactor, Sink, Token};

/// Seconds for which a listener that ran out of descriptors does not accept.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);

/// Where a turn's bytes are received.
const ARENA: usize = 320 * 1024;

type Callback = Box<dyn FnOnce(&mut EventLoop)>;
type Factory = Box<dyn FnMut() -> Box<dyn Protocol>>;

/// What waits for the run phase.
enum Ready {
    Call(Callback),
    Made(Token),
    Event(Event, usize),
}

/// Whom a token is.
enum Peer {
    Listener(Token, Option<Factory>),
    Stream(Token, Option<Box<dyn Protocol>>, Connection),
}

/// Events and bytes of the turn under way.
struct Inbox {
    events: Vec<(Event, usize)>,
    arena: Vec<u8>,
    used: usize,
}

impl Sink for Inbox {
    fn room(&self) -> bool {
        true
    }

    fn buffer(&mut self) -> &mut [u8] {
        &mut self.arena[self.used..]
    }

    fn event(&mut self, event: Event) {
        let start = self.used;
        if let Event::Received { len, .. } = event {
            self.used += len;
        }
        self.events.push((event, start));
    }
}

/// Runs callbacks, timers and protocols on one thread.
///
/// See the [guide](crate::guide).
pub struct EventLoop {
    reactor: Reactor,
    inbox: Inbox,
    ready: VecDeque<Ready>,
    timers: Vec<Option<Callback>>,
    free_timers: Vec<usize>,
    /// By a token's index.
    peers: Vec<Option<Peer>>,
    handle: LoopHandle,
    stopping: bool,
}

impl EventLoop {
    /// Makes a loop.
    ///
    /// # Errors
    ///
    /// When the operating system has no descriptors left.
    pub fn new() -> Result<Self, Error> {
        let reactor = Reactor::new(Options::default())?;
        let handle = LoopHandle::new(reactor.waker());
        Ok(Self {
            reactor,
            inbox: Inbox { events: Vec::new(), arena: vec![0; ARENA], used: 0 },
            ready: VecDeque::new(),
            timers: Vec::new(),
            free_timers: Vec::new(),
            peers: Vec::new(),
            handle,
            stopping: false,
        })
    }

    /// Time since the loop was made, by a monotonic clock.
    pub fn time(&self) -> Duration {
        self.reactor.now()
    }

    /// What reaches the loop from other threads.
    pub fn handle(&self) -> LoopHandle {
        self.handle.clone()
    }

    /// Calls `callback` in the next turn.
    pub fn call_soon(&mut self, callback: impl FnOnce(&mut Self) + 'static) {
        self.ready.push_back(Ready::Call(Box::new(callback)));
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
        self.timers[place] = Some(Box::new(callback));
        TimerId { key: self.reactor.timers().add(deadline, place as u64), place }
    }

    /// Cancels a timer. False if it has run or was cancelled before.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        if !self.reactor.timers().cancel(timer.key) {
            return false;
        }
        self.timers[timer.place] = None;
        self.free_timers.push(timer.place);
        true
    }

    /// Serves TCP connections on `address` with the protocols that `factory` makes, and returns the address bound
    /// (port 0 takes a free one).
    ///
    /// # Errors
    ///
    /// What the operating system reports: the address is in use, or not this machine's.
    pub fn create_server(
        &mut self,
        address: SocketAddr,
        factory: impl FnMut() -> Box<dyn Protocol> + 'static,
    ) -> Result<SocketAddr, Error> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(IpProtocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(100)?;
        let bound = socket.local_addr()?.as_socket().unwrap_or(address);
        let token = self.reactor.listen(socket)?;
        self.set_peer(token, Peer::Listener(token, Some(Box::new(factory))));
        Ok(bound)
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
    ) -> Result<(), Error> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(IpProtocol::TCP))?;
        let token = self.reactor.connect(socket, &SockAddr::from(address))?;
        self.set_peer(token, Peer::Stream(token, Some(protocol), Connection::default()));
        Ok(())
    }

    /// Runs until [`Self::stop`].
    ///
    /// # Errors
    ///
    /// When polling fails.
    pub fn run(&mut self) -> Result<(), Error> {
        loop {
            self.run_once()?;
            if std::mem::take(&mut self.stopping) {
                return Ok(());
            }
        }
    }

    /// Ends [`Self::run`] after the turn under way.
    pub const fn stop(&mut self) {
        self.stopping = true;
    }

    /// One turn: purge, poll and expire (in the reactor), process, run.
    ///
    /// # Errors
    ///
    /// When polling fails.
    pub fn run_once(&mut self) -> Result<(), Error> {
        let timeout = (self.stopping || !self.ready.is_empty()).then_some(Duration::ZERO);
        self.inbox.used = 0;
        self.reactor.turn(timeout, &mut self.inbox)?;
        self.process();
        self.run_ready();
        Ok(())
    }

    /// Queues what the turn brought: I/O first, then due timers.
    fn process(&mut self) {
        for (event, start) in self.inbox.events.drain(..) {
            self.ready.push_back(Ready::Event(event, start));
        }
    }

    /// Exactly what is ready now; what that queues waits for the next turn.
    fn run_ready(&mut self) {
        for _ in 0..self.ready.len() {
            match self.ready.pop_front() {
                Some(Ready::Call(callback)) => callback(self),
                Some(Ready::Made(token)) => self.connection_made(token),
                Some(Ready::Event(event, start)) => self.dispatch(event, start),
                None => break,
            }
        }
    }

    fn dispatch(&mut self, event: Event, start: usize) {
        match event {
            Event::Accepted { listener, stream } => self.accepted(listener, stream),
            Event::AcceptFailed { listener, .. } => {
                // Out of descriptors, mostly: again when some may have been closed.
                self.call_later(ACCEPT_RETRY, move |event_loop| event_loop.reactor.resume(listener));
            }
            Event::Connected { stream } => self.connection_made(stream),
            Event::Received { stream, len } => {
                // Out of the way of the callback, which has the loop's transports but not its bytes.
                let arena = std::mem::take(&mut self.inbox.arena);
                self.with_protocol(stream, |protocol, transport| {
                    if !transport.connection.closing {
                        protocol.data_received(transport, &arena[start..start + len]);
                    }
                });
                self.inbox.arena = arena;
            }
            Event::Eof { stream } => self.with_protocol(stream, |protocol, transport| {
                if !transport.connection.closing && !protocol.eof_received(transport) {
                    transport.close();
                }
            }),
            Event::Lost { stream, error } => {
                self.with_protocol(stream, |_, transport| transport.connection.lose(Some(error)));
            }
            Event::Drained { stream, backlog } => self.drained(stream, backlog),
            Event::Timer { data } => {
                let place = usize::try_from(data).unwrap_or(usize::MAX);
                if let Some(callback) = self.timers.get_mut(place).and_then(Option::take) {
                    self.free_timers.push(place);
                    callback(self);
                }
            }
            Event::Woken => {
                for call in self.handle.take() {
                    call(self);
                }
            }
        }
    }

    fn accepted(&mut self, listener: Token, stream: Token) {
        let made = match self.peer_mut(listener) {
            Some(Peer::Listener(_, factory)) => factory.as_mut().map(|factory| factory()),
            _ => None,
        };
        let Some(protocol) = made else {
            self.reactor.release(stream);
            return;
        };
        self.set_peer(stream, Peer::Stream(stream, Some(protocol), Connection::default()));
        self.ready.push_back(Ready::Made(stream));
    }

    fn connection_made(&mut self, token: Token) {
        self.with_protocol(token, |protocol, transport| {
            protocol.connection_made(transport);
            // Reading begins afterwards, unless that has paused or closed.
            if !transport.connection.closing && !transport.connection.paused_reading {
                transport.reactor.resume(token);
            }
        });
    }

    fn drained(&mut self, token: Token, backlog: usize) {
        self.with_protocol(token, |protocol, transport| {
            if transport.connection.announced_pause && backlog <= transport.connection.low_mark() {
                transport.connection.paused_writing = false;
                transport.connection.announced_pause = false;
                protocol.resume_writing(transport);
            }
            // resume_writing may have written again.
            if transport.connection.closing && transport.write_buffer_size() == 0 {
                transport.connection.lose(None);
            }
        });
    }

    /// Calls `action` with the protocol of a stream, then does what the callback asked for.
    fn with_protocol(&mut self, token: Token, action: impl FnOnce(&mut dyn Protocol, &mut Transport<'_>)) {
        let index = token.index();
        let Some(Some(Peer::Stream(its, protocol, connection))) = self.peers.get_mut(index) else {
            return;
        };
        if *its != token {
            return;
        }
        let Some(mut taken) = protocol.take() else {
            return;
        };
        let mut transport =
            Transport { token, reactor: &mut self.reactor, connection, stopping: &mut self.stopping };
        action(&mut *taken, &mut transport);
        while transport.connection.paused_writing && !transport.connection.announced_pause {
            transport.connection.announced_pause = true;
            taken.pause_writing(&mut transport);
        }
        if transport.connection.lost {
            let error = transport.connection.error.take();
            self.reactor.release(token);
            self.peers[index] = None;
            // In a turn of its own, never from inside of another callback.
            self.call_soon(move |_| taken.connection_lost(error));
        } else {
            *protocol = Some(taken);
        }
    }

    fn peer_mut(&mut self, token: Token) -> Option<&mut Peer> {
        let peer = self.peers.get_mut(token.index())?.as_mut()?;
        match peer {
            Peer::Listener(its, _) | Peer::Stream(its, _, _) if *its == token => Some(peer),
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
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EventLoop").field("reactor", &self.reactor).finish_non_exhaustive()
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => error,
            other => Self::other(other),
        }
    }
}
