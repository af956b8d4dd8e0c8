//! The core: a reactor with its rings, as one object of JavaScript.

use std::cell::{Cell, RefCell};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use miolo::resolver::{Query, names_of};
use miolo::{Options, Reactor, Token};
use napi::bindgen_prelude::{Env, Function, Unknown};
use napi::{Error, JsValue, Result, Status, sys};
use napi_derive::napi;
use socket2::SockRef;

use crate::address::{AddressTuple, internet_address, tuple_from};
use crate::bytes;
use crate::guest::Guest;
use crate::hosted::Hosted;
use crate::names::{Answers, NativeAnswer};
use crate::pin::{Pin, check};
use crate::ring::{Buffers, Ring, control};
use crate::signals::{self, Watch};
use crate::socket::{NativeSocket, negative};
use crate::uv::Uv;

/// The reactor and its rings, together since a crossing needs both.
#[derive(Debug)]
pub struct Inner {
    pub reactor: Reactor,
    pub ring: Ring,
}

/// What the object of JavaScript and the hosted driver share.
#[derive(Debug)]
pub struct Shared {
    /// Empty after `close`, and after a panic.
    inner: RefCell<Option<Inner>>,
    poisoned: Cell<bool>,
}

impl Shared {
    /// Runs `action`, letting no panic out: after one the reactor is gone and every crossing fails.
    pub fn with<T>(
        &self,
        action: impl FnOnce(&mut Inner) -> std::result::Result<T, miolo::Error>,
    ) -> Result<T> {
        let Ok(mut guard) = self.inner.try_borrow_mut() else {
            return Err(Error::new(Status::GenericFailure, "the core is already in a crossing"));
        };
        let Some(inner) = guard.as_mut() else {
            return Err(self.gone());
        };
        match catch_unwind(AssertUnwindSafe(|| action(inner))) {
            Ok(outcome) => outcome.map_err(|error| Error::new(Status::GenericFailure, error.to_string())),
            Err(_) => {
                drop(guard);
                self.poison();
                Err(self.gone())
            }
        }
    }

    fn gone(&self) -> Error {
        if self.poisoned.get() {
            Error::new(Status::GenericFailure, "the core has panicked; its descriptors are closed")
        } else {
            Error::new(Status::Closing, "the core is closed")
        }
    }

    /// Gives the reactor up after a panic: its descriptors close, and JavaScript finds the mark.
    pub fn poison(&self) {
        self.poisoned.set(true);
        if let Ok(mut guard) = self.inner.try_borrow_mut()
            && let Some(inner) = guard.take()
        {
            inner.ring.set_control(control::POISONED, 1);
            // What panicked once may panic again while it is dropped.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(inner)));
        }
    }

    /// One turn of the reactor.
    pub fn enter(&self, timeout: Option<Duration>) -> Result<()> {
        self.with(|inner| {
            inner.ring.count_crossing();
            inner.ring.enter(&mut inner.reactor, timeout)
        })
    }

    /// Takes the submissions.
    pub fn flush(&self) -> Result<()> {
        self.with(|inner| inner.ring.submit(&mut inner.reactor, None).map(drop))
    }

    fn close(&self) {
        let _ = self.flush();
        if let Ok(mut guard) = self.inner.try_borrow_mut() {
            guard.take();
        }
    }
}

/// A reactor with its rings.
#[napi]
#[derive(Debug)]
pub struct NativeCore {
    shared: Rc<Shared>,
    hosted: Cell<*const Hosted>,
    guest: RefCell<Option<Box<Guest>>>,
    pins: RefCell<Vec<Pin>>,
    arena: RefCell<Option<Pin>>,
    /// What is watched while the loop blocks.
    signals: RefCell<Option<Watch>>,
    answers: Answers,
}

#[napi]
impl NativeCore {
    /// Makes a core over buffers that the caller owns: control, submissions and completions as `Int32Array`,
    /// the outgoing and the receive arena as `Uint8Array`. `busy_poll` is in seconds.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        control_block: Unknown<'_>,
        submissions: Unknown<'_>,
        completions: Unknown<'_>,
        outgoing: Unknown<'_>,
        arena: Unknown<'_>,
        busy_poll: f64,
    ) -> Result<Self> {
        // SAFETY: the contract of `Pin::new` holds: values of this call; the pins are kept in `self`, JavaScript's side of
        // the ring neither detaches nor resizes the buffers while the core lives (ring, invariant 2).
        let (control_pin, control) = unsafe { Pin::new::<i32>(env.raw(), control_block.raw()) }?;
        // SAFETY: as above.
        let (submissions_pin, submissions) = unsafe { Pin::new::<i32>(env.raw(), submissions.raw()) }?;
        // SAFETY: as above.
        let (completions_pin, completions) = unsafe { Pin::new::<i32>(env.raw(), completions.raw()) }?;
        // SAFETY: as above.
        let (outgoing_pin, outgoing) = unsafe { Pin::new::<u8>(env.raw(), outgoing.raw()) }?;
        // SAFETY: as above; when the arena is replaced `set_arena` brings the new one.
        let (arena_pin, arena) = unsafe { Pin::new::<u8>(env.raw(), arena.raw()) }?;
        let buffers = Buffers { control, submissions, completions, outgoing, arena };
        let mut options = Options::default();
        options.busy_poll = limit_from(busy_poll).unwrap_or_default();
        let reactor = Reactor::new(options).map_err(failure)?;
        Ok(Self {
            shared: Rc::new(Shared {
                inner: RefCell::new(Some(Inner { reactor, ring: Ring::new(buffers) })),
                poisoned: Cell::new(false),
            }),
            hosted: Cell::new(ptr::null()),
            guest: RefCell::new(None),
            pins: RefCell::new(vec![control_pin, submissions_pin, completions_pin, outgoing_pin]),
            arena: RefCell::new(Some(arena_pin)),
            signals: RefCell::new(None),
            answers: Answers::default(),
        })
    }

    /// Takes the submissions, waits up to `timeout` seconds (negative: without limit), receives, and leaves what
    /// happened in the completion ring.
    #[napi]
    pub fn enter(&self, timeout: f64) -> Result<()> {
        self.shared.enter(limit_from(timeout))
    }

    /// Takes the submissions.
    #[napi]
    pub fn flush(&self) -> Result<()> {
        self.shared.with(|inner| {
            inner.ring.count_crossing();
            inner.ring.submit(&mut inner.reactor, None)?;
            inner.ring.note_more(&inner.reactor);
            Ok(())
        })?;
        if let Some(hosted) = self.hosted() {
            hosted.settle();
        }
        Ok(())
    }

    /// Takes the submissions, then sends `data` on stream `token` at once. Returns the bytes that the kernel has
    /// not taken yet; `data` is free when the call returns.
    #[napi]
    pub fn send(&self, env: Env, token: u32, data: Unknown<'_>) -> Result<i32> {
        let (mut start, mut len) = (ptr::null_mut(), 0);
        // SAFETY: values of this call; the out pointers are locals.
        let status =
            unsafe { sys::napi_get_buffer_info(env.raw(), data.raw(), &raw mut start, &raw mut len) };
        check(status, "data must be a Uint8Array")?;
        let bytes = if start.is_null() || len == 0 {
            &[][..]
        } else {
            // SAFETY: Node-API just gave the address and length (of a detached array: none); no JavaScript of this
            // thread runs before the slice ends with this call, and JavaScript gives no memory that other threads have.
            unsafe { std::slice::from_raw_parts(start.cast::<u8>(), len) }
        };
        self.send_now(Token::from_raw(token), bytes)
    }

    /// Takes the submissions. Returns the bytes of stream `token` that the kernel has not taken yet.
    #[napi]
    pub fn backlog(&self, token: u32) -> Result<i32> {
        self.shared.with(|inner| {
            inner.ring.count_crossing();
            inner.ring.submit(&mut inner.reactor, None)?;
            Ok(i32::try_from(inner.reactor.backlog(Token::from_raw(token))).unwrap_or(i32::MAX))
        })
    }

    /// Replaces the receive arena, whose former buffer was lent out and detached.
    #[napi]
    pub fn set_arena(&self, env: Env, arena: Unknown<'_>) -> Result<()> {
        // SAFETY: values of this call; the pin is kept in `self` until the next arena replaces it.
        let (pin, memory) = unsafe { Pin::new::<u8>(env.raw(), arena.raw()) }?;
        self.shared.with(|inner| {
            inner.ring.count_crossing();
            inner.ring.set_arena(memory);
            Ok(())
        })?;
        if let Some(former) = self.arena.replace(Some(pin)) {
            former.release();
        }
        Ok(())
    }

    /// Seconds of the monotonic clock by which timers expire.
    #[napi]
    pub fn now(&self) -> Result<f64> {
        self.shared.with(|inner| Ok(inner.reactor.now().as_secs_f64()))
    }

    /// Accepts connections on a bound, listening `socket`, which the core owns from now on; at most `accepts` in a
    /// batch. Returns a token, or an errno as a negative number.
    #[napi]
    pub fn listen(&self, socket: &NativeSocket, accepts: u32) -> Result<i32> {
        self.take(socket, |inner, socket| {
            let token = inner.reactor.listen(socket)?;
            inner.reactor.set_accepts(token, usize::try_from(accepts).unwrap_or(usize::MAX));
            Ok(token)
        })
    }

    /// Number of sockets that the core has, for tests.
    #[napi]
    pub fn sockets(&self) -> Result<u32> {
        self.shared.with(|inner| {
            inner.ring.submit(&mut inner.reactor, None)?;
            Ok(u32::try_from(inner.reactor.sockets()).unwrap_or(u32::MAX))
        })
    }

    /// Whether the host should make another turn before it waits. Libuv's driver asks by itself.
    #[napi]
    pub fn should_busy_poll(&self) -> Result<bool> {
        self.shared.with(|inner| {
            inner.ring.count_crossing();
            Ok(inner.reactor.should_busy_poll())
        })
    }

    /// Number of polls that were made in place of a wait, for tests.
    #[napi]
    pub fn busy_polls(&self) -> Result<f64> {
        self.shared.with(|inner| Ok(inner.reactor.busy_polls() as f64))
    }

    /// Makes a stream of a connected `socket`, which the core owns from now on; reading is paused. Returns a
    /// token, or an errno as a negative number.
    #[napi]
    pub fn adopt(&self, socket: &NativeSocket) -> Result<i32> {
        self.take(socket, |inner, socket| inner.reactor.adopt(socket))
    }

    /// Takes a `socket` of datagrams, which the core owns from now on; receiving is paused. Returns a token, or an
    /// errno as a negative number.
    #[napi]
    pub fn adopt_datagrams(&self, socket: &NativeSocket) -> Result<i32> {
        self.take(socket, |inner, socket| inner.reactor.adopt_datagrams(socket))
    }

    /// Takes the submissions, then sends one datagram to a packed address. Returns what waits; `data` is free when
    /// the call returns.
    #[napi]
    pub fn send_datagram(
        &self,
        env: Env,
        token: u32,
        address: Unknown<'_>,
        data: Unknown<'_>,
    ) -> Result<i32> {
        let (address, data) = (bytes::read(env, &address)?, bytes::read(env, &data)?);
        self.shared.with(|inner| {
            inner.ring.count_crossing();
            let token = Token::from_raw(token);
            let backlog = inner.ring.send_datagram(&mut inner.reactor, token, address, data)?;
            Ok(i32::try_from(backlog).unwrap_or(i32::MAX))
        })
    }

    /// Closes the descriptor of `token` now, after the submissions.
    #[napi]
    pub fn release(&self, token: u32) -> Result<()> {
        self.shared.with(|inner| {
            inner.ring.count_crossing();
            inner.ring.submit(&mut inner.reactor, None)?;
            inner.reactor.release(Token::from_raw(token));
            Ok(())
        })
    }

    /// The local address of `token`'s socket.
    #[napi]
    pub fn sockname(&self, token: u32) -> Option<AddressTuple> {
        self.socket(token, |socket| tuple_from(&socket.local_addr().ok()?))
    }

    /// The peer's address of `token`'s socket.
    #[napi]
    pub fn peername(&self, token: u32) -> Option<AddressTuple> {
        let peer = |inner: &mut Inner| Ok(inner.reactor.peer(Token::from_raw(token)).and_then(tuple_from));
        self.shared.with(peer).ok().flatten()
    }

    /// The descriptor of `token`'s socket, -1 if there is none.
    #[napi]
    pub fn fileno(&self, token: u32) -> i32 {
        self.socket(token, |socket| Some(socket.as_raw_fd())).unwrap_or(-1)
    }

    /// A view of `token`'s socket, for its options and addresses.
    #[napi]
    pub fn view(&self, token: u32) -> NativeSocket {
        NativeSocket::view(Rc::clone(&self.shared), Token::from_raw(token))
    }

    /// Watches a descriptor that JavaScript owns for what `interest` says (1: readable, 2: writable, 3: both; 0 ends
    /// the watch), in place of what it was watched for before.
    ///
    /// Returns the watch's token (0 for none), an errno as a negative number, or -EEXIST if the descriptor is that
    /// of a socket of the core's. At once and not by way of the ring: whoever takes a watch back may close the
    /// descriptor next, and the number would be somebody else's when the submission is taken.
    #[napi]
    pub fn watch(&self, fd: i32, interest: u32) -> Result<i32> {
        self.shared.with(|inner| {
            inner.ring.count_crossing();
            Ok(match inner.reactor.watch(fd, interest & 1 != 0, interest & 2 != 0) {
                Ok(token) => token.map_or(0, |token| token.raw().cast_signed()),
                Err(miolo::Error::Owned(_)) => -libc::EEXIST,
                Err(error) => -error.errno().unwrap_or(libc::EIO),
            })
        })
    }

    /// The token of the core's socket, or of the watch, that has a descriptor; -1 for none.
    #[napi]
    pub fn owner(&self, fd: i32) -> Result<i32> {
        self.shared.with(|inner| Ok(inner.reactor.owner(fd).map_or(-1, |token| token.raw().cast_signed())))
    }

    /// Looks the addresses of a host up, on another thread, with family, type, protocol and flags as hints. A `WOKEN` completion says that `answers` has something.
    /// Returns 0, or an errno as a negative number.
    #[napi]
    pub fn lookup(
        &self,
        id: u32,
        host: Option<String>,
        service: Option<String>,
        hints: (i32, i32, i32, i32),
    ) -> Result<i32> {
        let (family, kind, protocol, flags) = hints;
        let query = Query { host, service, family, kind, protocol, flags };
        self.begin(move || NativeAnswer::of_addresses(id, query.run()))
    }

    /// Looks the names of an address's host and service up, as [`Self::lookup`] does addresses.
    #[napi]
    pub fn lookup_names(&self, id: u32, address: AddressTuple, flags: i32) -> Result<i32> {
        let (host, port, flow, scope) = address;
        let Some(address) = internet_address(&host, port, flow, scope) else {
            return Ok(-libc::EINVAL);
        };
        self.begin(move || NativeAnswer::of_names(id, names_of(address, flags)))
    }

    /// Takes the answers that have come.
    #[napi]
    pub fn answers(&self) -> Vec<NativeAnswer> {
        self.answers.take()
    }

    fn begin(&self, lookup: impl FnOnce() -> NativeAnswer + Send + 'static) -> Result<i32> {
        let waker = self.shared.with(|inner| Ok(inner.reactor.waker()))?;
        Ok(self.answers.begin(waker, lookup).map_or_else(|error| negative(&error), |()| 0))
    }

    /// Whether this runtime has the functions of libuv that [`Self::host_start`] needs. Some runtimes have them only
    /// to abort when they are called, which this does not tell.
    #[napi]
    pub fn has_uv_poll() -> bool {
        // Elsewhere the poll descriptor does not become readable at a timer's deadline (`Reactor::arm`).
        cfg!(target_os = "linux") && Uv::find().is_ok()
    }

    /// Lets libuv drive: `turn` is called whenever there is something to take.
    #[napi]
    pub fn host_start(&self, env: Env, turn: Function<'_, (), ()>) -> Result<()> {
        if self.hosted.get().is_null() {
            // SAFETY: values of the call under way.
            let hosted = unsafe { Hosted::new(env.raw(), turn.raw(), Rc::clone(&self.shared)) }?;
            self.hosted.set(hosted);
        }
        self.hosted().map_or(Ok(()), Hosted::start)
    }

    /// Starts a thread that waits when it is [told to](Self::guest_arm): `turn` is called when a turn would find
    /// something, and has to make one.
    #[napi]
    pub fn guest_start(&self, env: Env, turn: Function<'_, (), ()>) -> Result<()> {
        let mut guest = self.guest.borrow_mut();
        if guest.is_none() {
            // SAFETY: values of the call under way.
            *guest = Some(unsafe { Guest::new(env.raw(), turn.raw(), Rc::clone(&self.shared)) }?);
        }
        Ok(())
    }

    /// After the submissions: has the thread wait, up to `timeout` seconds (negative: without limit).
    #[napi]
    pub fn guest_arm(&self, timeout: f64) {
        if let Some(guest) = self.guest.borrow().as_ref() {
            guest.arm(limit_from(timeout));
        }
    }

    /// Ends what [`Self::host_start`] or [`Self::guest_start`] began.
    #[napi]
    pub fn host_stop(&self) {
        if let Some(hosted) = self.hosted() {
            hosted.stop();
        }
        if let Some(guest) = self.guest.borrow().as_ref() {
            guest.disarm();
        }
    }

    /// From now on `signal` wakes the poll instead of doing what it did before; see [`Self::take_signals`]. Returns
    /// 0, or an errno as a negative number.
    #[napi]
    pub fn watch_signal(&self, signal: i32) -> Result<i32> {
        let mut watch = self.signals.borrow_mut();
        if watch.is_none() {
            let waker = self.shared.with(|inner| Ok(inner.reactor.waker()))?;
            match Watch::new(waker) {
                Ok(new) => *watch = Some(new),
                Err(error) => return Ok(negative(&error)),
            }
        }
        let outcome = watch.as_mut().map_or(Ok(()), |watch| watch.add(signal));
        watch.take_if(|watch| watch.is_empty());
        drop(watch);
        Ok(outcome.map_or_else(|error| negative(&error), |()| 0))
    }

    /// Restores what handled `signal` before [`Self::watch_signal`].
    #[napi]
    pub fn unwatch_signal(&self, signal: i32) {
        let mut watch = self.signals.borrow_mut();
        if let Some(watch) = watch.as_mut() {
            watch.remove(signal);
        }
        watch.take_if(|watch| watch.is_empty());
    }

    /// The watched signals that came since the last call.
    #[napi]
    pub fn take_signals(&self) -> Vec<i32> {
        signals::take()
    }

    /// Closes every descriptor, after one attempt to send what was written.
    #[napi]
    pub fn close(&self) {
        if let Some(hosted) = self.hosted() {
            hosted.close();
            self.hosted.set(ptr::null());
        }
        self.guest.take();
        self.signals.take();
        self.shared.close();
        for pin in self.pins.take() {
            pin.release();
        }
        if let Some(pin) = self.arena.take() {
            pin.release();
        }
    }

    /// What `action` says of `token`'s socket; nothing if it is gone, or the core is.
    fn socket<T>(&self, token: u32, action: impl FnOnce(&SockRef<'_>) -> Option<T>) -> Option<T> {
        let ask =
            |inner: &mut Inner| Ok(inner.reactor.socket(Token::from_raw(token)).as_ref().and_then(action));
        self.shared.with(ask).ok().flatten()
    }

    fn send_now(&self, token: Token, bytes: &[u8]) -> Result<i32> {
        self.shared.with(|inner| {
            inner.ring.count_crossing();
            let backlog = inner.ring.submit(&mut inner.reactor, Some((token, bytes)))?;
            Ok(i32::try_from(backlog).unwrap_or(i32::MAX))
        })
    }

    fn take(
        &self,
        socket: &NativeSocket,
        action: impl FnOnce(&mut Inner, socket2::Socket) -> std::result::Result<Token, miolo::Error>,
    ) -> Result<i32> {
        let Some(socket) = socket.take() else {
            return Ok(-libc::EBADF);
        };
        self.shared.with(|inner| {
            Ok(match action(inner, socket) {
                Ok(token) => token.raw().cast_signed(),
                Err(error) => -error.errno().unwrap_or(libc::EIO),
            })
        })
    }

    fn hosted(&self) -> Option<&Hosted> {
        // SAFETY: null, or made by `Hosted::new` and alive: it frees itself only after `close`, which both places
        // that call it (`close`, `drop`) follow by forgetting the pointer, or when the environment has ended,
        // after which no JavaScript calls us.
        unsafe { self.hosted.get().as_ref() }
    }
}

#[cfg(feature = "inject-panic")]
#[napi]
impl NativeCore {
    /// Panics inside of a crossing.
    #[napi]
    pub fn inject_panic(&self) -> Result<()> {
        self.shared.with(|_| panic!("injected"))
    }
}

impl Drop for NativeCore {
    fn drop(&mut self) {
        if let Some(hosted) = self.hosted() {
            hosted.close();
        }
        self.hosted.set(ptr::null());
        // The thread of a guest ends with the field.
    }
}

/// Seconds as JavaScript gives them; negative ones are no limit.
fn limit_from(seconds: f64) -> Option<Duration> {
    (seconds >= 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn failure(error: miolo::Error) -> Error {
    Error::new(Status::GenericFailure, error.to_string())
}
