use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream as StdStream;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use mio::{Events, Interest, Poll, event::Source, net::{TcpListener, TcpStream}, unix::SourceFd};
use socket2::{SockAddr, SockRef, Socket};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime};
use crate::{Error, Event, Sink, Timers, Token};

const WAKER: mio::Token = mio::Token(usize::MAX);
const TIMERFD: mio::Token = mio::Token(usize::MAX - 1);
#[derive(Debug, Clone)]
pub struct Options { pub budget: usize, pub max_receive: usize, pub accepts: usize, pub events: usize }
impl Default for Options { fn default() -> Self { Self { budget: 65536, max_receive: 262144, accepts: 101, events: 1024 } } }
#[derive(Debug, Clone)]
pub struct Waker(Arc<mio::Waker>);
impl Waker { pub fn wake(&self) -> io::Result<()> { self.0.wake() } }

const READABLE: u8 = 1; const CLOSED: u8 = 2; const WRITABLE: u8 = 4; const ERROR: u8 = 8;
#[derive(Debug)]
enum Kind { Free, Listener(TcpListener), Stream(Stream) }
#[derive(Debug)]
struct Stream { io: TcpStream, peer: Option<SockAddr>, reading: bool, connecting: bool, ended: bool, shutdown: bool, low: usize, backlog: VecDeque<u8> }
#[derive(Debug)]
struct Slot { generation: u32, bits: u8, queued: bool, paused: bool, kind: Kind }
#[derive(Debug)]
pub struct Reactor { poll: Poll, events: Events, waker: Arc<mio::Waker>, epoch: Instant, slots: Vec<Slot>, free: VecDeque<usize>, current: VecDeque<Token>, again: VecDeque<Token>, timers: Timers, timerfd: OwnedFd, armed: Option<Duration>, woken: bool, options: Options }

impl AsRawFd for Reactor { fn as_raw_fd(&self) -> RawFd { self.poll.as_raw_fd() } }
impl Reactor {
    pub fn new(options: Options) -> Result<Self, Error> {
        let poll = Poll::new()?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), WAKER)?);
        let timerfd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC).map_err(io::Error::from)?;
        poll.registry().register(&mut SourceFd(&timerfd.as_raw_fd()), TIMERFD, Interest::READABLE)?;
        Ok(Self { poll, events: Events::with_capacity(options.events), waker, epoch: Instant::now(), slots: Vec::new(), free: VecDeque::new(), current: VecDeque::new(), again: VecDeque::new(), timers: Timers::default(), timerfd, armed: None, woken: false, options })
    }
    pub fn waker(&self) -> Waker { Waker(Arc::clone(&self.waker)) }
    pub fn now(&self) -> Duration { self.epoch.elapsed() }
    pub fn timers(&mut self) -> &mut Timers { &mut self.timers }
    pub fn has_pending(&self) -> bool { !self.current.is_empty() || !self.again.is_empty() }
    fn insert(&mut self, kind: Kind) -> Result<Token, Error> {
        let index = if let Some(i) = self.free.pop_front() { i } else { if self.slots.len() > 0xf_ffff { return Err(Error::Exhausted); } self.slots.push(Slot { generation: 0, bits: 0, queued: false, paused: true, kind: Kind::Free }); self.slots.len() - 1 };
        let token = Token::new(index, self.slots[index].generation);
        let slot = &mut self.slots[index];
        slot.bits = 0; slot.queued = false; slot.paused = true; slot.kind = kind;
        let id = mio::Token(token.raw() as usize);
        let done = match &mut slot.kind {
            Kind::Listener(l) => { slot.paused = false; self.poll.registry().register(l, id, Interest::READABLE) }
            Kind::Stream(s) => self.poll.registry().register(&mut s.io, id, Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY),
            Kind::Free => Ok(()),
        };
        if let Err(e) = done { self.drop_slot(index); return Err(e.into()); }
        Ok(token)
    }
    fn drop_slot(&mut self, index: usize) { let slot = &mut self.slots[index]; slot.kind = Kind::Free; slot.generation = (slot.generation + 1) & 0x7ff; self.free.push_back(index); }
    fn slot(&mut self, token: Token) -> Option<&mut Slot> { self.slots.get_mut(token.index()).filter(|s| s.generation == token.generation() && !matches!(s.kind, Kind::Free)) }
    pub fn listen(&mut self, socket: Socket) -> Result<Token, Error> { socket.set_nonblocking(true)?; self.insert(Kind::Listener(TcpListener::from_std(socket.into()))) }
    fn stream(io: TcpStream, peer: Option<SockAddr>, connecting: bool) -> Kind { Kind::Stream(Stream { io, peer, reading: false, connecting, ended: false, shutdown: false, low: 16384, backlog: VecDeque::new() }) }
    pub fn adopt(&mut self, socket: Socket) -> Result<Token, Error> { socket.set_nonblocking(true)?; let _ = socket.set_tcp_nodelay(true); let peer = socket.peer_addr().ok(); let s: StdStream = socket.into(); self.insert(Self::stream(TcpStream::from_std(s), peer, false)) }
    pub fn connect(&mut self, socket: Socket, address: &SockAddr) -> Result<Token, Error> {
        socket.set_nonblocking(true)?; let _ = socket.set_tcp_nodelay(true);
        match socket.connect(address) { Ok(()) => {} Err(e) if e.raw_os_error() == Some(115) || e.kind() == io::ErrorKind::WouldBlock => {} Err(e) => return Err(e.into()) }
        let s: StdStream = socket.into();
        self.insert(Self::stream(TcpStream::from_std(s), Some(address.clone()), true))
    }
    pub fn send(&mut self, token: Token, parts: &[IoSlice<'_>]) -> Result<usize, Error> {
        let Some(Slot { kind: Kind::Stream(s), .. }) = self.slot(token) else { return Err(Error::Stale) };
        let mut skip = 0;
        if s.backlog.is_empty() && !s.connecting {
            let total: usize = parts.iter().map(|p| p.len()).sum();
            loop {
                let r = if parts.len() == 1 { s.io.write(&parts[0][skip..]) } else if skip == 0 { s.io.write_vectored(&parts[..parts.len().min(1024)]) } else { break };
                match r { Ok(n) => { skip += n; if skip >= total { return Ok(0); } if parts.len() > 1 { break; } } Err(e) if e.kind() == io::ErrorKind::WouldBlock => break, Err(e) if e.kind() == io::ErrorKind::Interrupted => {} Err(e) => return Err(e.into()) }
            }
        }
        for p in parts { if skip >= p.len() { skip -= p.len(); continue; } s.backlog.extend(&p[skip..]); skip = 0; }
        Ok(s.backlog.len())
    }
    pub fn backlog(&self, token: Token) -> usize { match self.slots.get(token.index()) { Some(Slot { generation, kind: Kind::Stream(s), .. }) if *generation == token.generation() => s.backlog.len(), _ => 0 } }
    pub fn set_low_mark(&mut self, token: Token, low: usize) { if let Some(Slot { kind: Kind::Stream(s), .. }) = self.slot(token) { s.low = low; } }
    pub fn shutdown_write(&mut self, token: Token) -> Result<(), Error> { let Some(Slot { kind: Kind::Stream(s), .. }) = self.slot(token) else { return Err(Error::Stale) }; s.shutdown = true; if s.backlog.is_empty() { s.io.shutdown(std::net::Shutdown::Write)?; } Ok(()) }
    pub fn pause(&mut self, token: Token) { if let Some(s) = self.slot(token) { s.paused = true; } }
    pub fn resume(&mut self, token: Token) { if let Some(s) = self.slot(token) { s.paused = false; if s.bits & (READABLE | CLOSED | ERROR) != 0 && !s.queued { s.queued = true; self.again.push_back(token); } } }
    pub fn release(&mut self, token: Token) { if self.slot(token).is_none() { return; } let index = token.index(); let reg = self.poll.registry(); match &mut self.slots[index].kind { Kind::Listener(l) => { let _ = l.deregister(reg); } Kind::Stream(s) => { let _ = s.io.deregister(reg); } Kind::Free => {} } self.drop_slot(index); }
    pub fn socket(&self, token: Token) -> Option<SockRef<'_>> { match self.slots.get(token.index()) { Some(s) if s.generation == token.generation() => match &s.kind { Kind::Listener(l) => Some(SockRef::from(l)), Kind::Stream(s) => Some(SockRef::from(&s.io)), Kind::Free => None }, _ => None } }
    pub fn peer(&self, token: Token) -> Option<&SockAddr> { match self.slots.get(token.index()) { Some(Slot { generation, kind: Kind::Stream(s), .. }) if *generation == token.generation() => s.peer.as_ref(), _ => None } }
    fn set_timerfd(&mut self, at: Option<Duration>) -> Result<(), Error> {
        if self.armed == at { return Ok(()); }
        let wait = at.map_or(Duration::ZERO, |d| d.saturating_sub(self.now()).max(Duration::from_nanos(1)));
        let spec = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: Timespec { tv_sec: wait.as_secs().min(1 << 40) as i64, tv_nsec: wait.subsec_nanos().into() } };
        timerfd_settime(&self.timerfd, TimerfdTimerFlags::empty(), &spec).map_err(io::Error::from)?;
        self.armed = at; Ok(())
    }
    pub fn arm(&mut self) -> Result<(), Error> { let next = self.timers.next_deadline(); self.set_timerfd(next) }
    pub fn turn<S: Sink>(&mut self, timeout: Option<Duration>, sink: &mut S) -> Result<(), Error> {
        self.timers.purge();
        if self.current.is_empty() { self.poll(timeout)?; }
        if self.woken { self.woken = false; sink.event(Event::Woken); }
        self.process(sink);
        let now = self.now();
        while sink.room() && let Some(data) = self.timers.pop_due(now) { sink.event(Event::Timer { data }); }
        Ok(())
    }
    fn poll(&mut self, timeout: Option<Duration>) -> Result<(), Error> {
        let deadline = self.timers.next_deadline();
        let now = self.now();
        let wait = if self.has_pending() { Some(Duration::ZERO) } else { match (timeout, deadline) { (Some(t), Some(d)) => Some(t.min(d.saturating_sub(now))), (t, d) => t.or(d.map(|d| d.saturating_sub(now))) } };
        let mio_wait = match wait { Some(w) if !w.is_zero() => { self.set_timerfd(Some(now.saturating_add(w)))?; None } w => w };
        match self.poll.poll(&mut self.events, mio_wait) { Ok(()) => {} Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()), Err(e) => return Err(e.into()) }
        std::mem::swap(&mut self.current, &mut self.again);
        for event in &self.events {
            if event.token() == WAKER { self.woken = true; continue; }
            if event.token() == TIMERFD { let mut b = [0u8; 8]; let _ = rustix::io::read(&self.timerfd, &mut b); self.armed = None; continue; }
            let token = Token::from_raw(event.token().0 as u32);
            let Some(slot) = self.slots.get_mut(token.index()).filter(|s| s.generation == token.generation()) else { continue };
            if event.is_readable() || event.is_priority() { slot.bits |= READABLE; }
            if event.is_read_closed() { slot.bits |= CLOSED | READABLE; }
            if event.is_error() { slot.bits |= ERROR | READABLE; }
            if event.is_writable() { slot.bits |= WRITABLE; }
            if !slot.queued { slot.queued = true; self.current.push_back(token); }
        }
        Ok(())
    }
    fn process<S: Sink>(&mut self, sink: &mut S) {
        let mut received = 0;
        while received < self.options.budget && sink.room() && let Some(token) = self.current.pop_front() {
            let index = token.index();
            let Some(slot) = self.slots.get_mut(index).filter(|s| s.generation == token.generation()) else { continue };
            slot.queued = false;
            match &mut slot.kind {
                Kind::Free => {}
                Kind::Listener(l) => {
                    if slot.paused || slot.bits & READABLE == 0 { continue; }
                    let mut fresh = Vec::new(); let mut failed = None;
                    loop { if fresh.len() >= self.options.accepts { break; } match l.accept() { Ok((io, peer)) => { let _ = io.set_nodelay(true); fresh.push((io, peer)); } Err(e) if e.kind() == io::ErrorKind::WouldBlock => { slot.bits &= !READABLE; break; } Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {} Err(e) => { slot.paused = true; failed = Some(e); break; } } }
                    if slot.bits & READABLE != 0 && failed.is_none() { slot.queued = true; self.again.push_back(token); }
                    for (io, peer) in fresh { if let Ok(stream) = self.insert(Self::stream(io, Some(peer.into()), false)) { sink.event(Event::Accepted { listener: token, stream }); } }
                    if let Some(error) = failed { sink.event(Event::AcceptFailed { listener: token, error }); }
                }
                Kind::Stream(s) => {
                    if s.connecting {
                        if slot.bits & (WRITABLE | ERROR | CLOSED) == 0 { continue; }
                        s.connecting = false;
                        match s.io.take_error().and_then(|e| e.map_or(Ok(()), Err)).and_then(|()| s.io.peer_addr().map(drop)) { Ok(()) => sink.event(Event::Connected { stream: token }), Err(error) => { slot.bits = 0; s.ended = true; sink.event(Event::Lost { stream: token, error }); continue; } }
                    }
                    if !slot.paused && !s.ended && slot.bits & READABLE != 0 {
                        let closed = slot.bits & (CLOSED | ERROR) != 0;
                        let buffer = sink.buffer(); let room = buffer.len().min(self.options.max_receive);
                        match s.io.read(&mut buffer[..room]) {
                            Ok(0) => { s.ended = true; slot.bits &= !(READABLE | CLOSED); sink.event(Event::Eof { stream: token }); }
                            Ok(n) => { received += n; if n < room && !closed { slot.bits &= !READABLE; } sink.event(Event::Received { stream: token, len: n }); }
                            Err(e) if e.kind() == io::ErrorKind::WouldBlock => slot.bits &= !READABLE,
                            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                            Err(error) => { s.ended = true; slot.bits = 0; sink.event(Event::Lost { stream: token, error }); continue; }
                        }
                    }
                    if slot.bits & WRITABLE != 0 {
                        slot.bits &= !WRITABLE;
                        if !s.backlog.is_empty() {
                            let before = s.backlog.len();
                            let mut lost = None;
                            while !s.backlog.is_empty() { let (a, b) = s.backlog.as_slices(); match s.io.write_vectored(&[IoSlice::new(a), IoSlice::new(b)]) { Ok(n) => { s.backlog.drain(..n); } Err(e) if e.kind() == io::ErrorKind::WouldBlock => break, Err(e) if e.kind() == io::ErrorKind::Interrupted => {} Err(e) => { lost = Some(e); break; } } }
                            let after = s.backlog.len();
                            if let Some(error) = lost { s.ended = true; s.backlog.clear(); sink.event(Event::Lost { stream: token, error }); }
                            else { if after == 0 && s.shutdown { let _ = s.io.shutdown(std::net::Shutdown::Write); } if after == 0 || (before > s.low && after <= s.low) { sink.event(Event::Drained { stream: token, backlog: after }); } }
                        }
                    }
                    if !slot.paused && !s.ended && slot.bits & READABLE != 0 { slot.queued = true; self.again.push_back(token); }
                }
            }
        }
    }
}
