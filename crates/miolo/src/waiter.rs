//! Waiting in place of a reactor, on another thread.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::Error;
use crate::selector::{Queue, WAKER};

/// Waits for a reactor on a thread of its own, for hosts that cannot watch a descriptor (Windows has none).
///
/// The wait is all that the other thread does. What it found stays in mio's list of events, which the reactor's
/// next [`turn`](crate::Reactor::turn) takes instead of polling: sockets and timers are touched by the reactor's
/// thread only. Three things follow for the host:
///
/// * after [`wait`](Self::wait) has returned true, it makes a turn before it waits again (a wait before that
///   returns at once);
/// * before each wait it calls [`Reactor::arm`](crate::Reactor::arm), and gives the deadline that it returns to
///   the wait;
/// * while the wait lasts, turns that do not wait find no events of sockets, and a turn that waits ends it.
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
/// let deadline = reactor.now() + Duration::from_millis(1);
/// reactor.timers().add(deadline, 42);
///
/// let waiter = reactor.waiter();
/// let rest = reactor.arm(None)?.map(|at| at.saturating_sub(reactor.now()));
/// let thread = std::thread::spawn(move || waiter.wait(rest));
/// // This thread does something else here.
/// assert!(thread.join().unwrap()?);
/// reactor.turn(Some(Duration::ZERO), &mut Print)?; // Timer { data: 42 }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Waiter {
    queue: Arc<Mutex<Queue>>,
    woken: Arc<AtomicBool>,
    interrupter: Interrupter,
}

/// Ends a [`Waiter`]'s wait, from any thread.
#[derive(Debug, Clone)]
pub struct Interrupter {
    waker: Arc<mio::Waker>,
    interrupted: Arc<AtomicBool>,
}

impl Interrupter {
    /// Ends the wait under way, or the next one. The reactor does not notice.
    ///
    /// # Errors
    ///
    /// What the operating system reports.
    pub fn interrupt(&self) -> io::Result<()> {
        // First the flag: the wake-up may be consumed by a turn, the flag only by a wait.
        self.interrupted.store(true, Ordering::Release);
        self.waker.wake()
    }
}

impl Waiter {
    pub(crate) const fn new(
        queue: Arc<Mutex<Queue>>,
        waker: Arc<mio::Waker>,
        woken: Arc<AtomicBool>,
        interrupted: Arc<AtomicBool>,
    ) -> Self {
        Self { queue, woken, interrupter: Interrupter { waker, interrupted } }
    }

    /// What ends the wait.
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// Waits until a turn would find something, or for `limit` (`None`: without), and returns true; or until it is
    /// interrupted, and returns false.
    ///
    /// # Errors
    ///
    /// When polling fails.
    pub fn wait(&self, limit: Option<Duration>) -> Result<bool, Error> {
        // A limit beyond the clock's end is none.
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut guard = Queue::lock(&self.queue);
        let queue = &mut *guard;
        while !queue.found {
            if self.interrupter.interrupted.swap(false, Ordering::AcqRel) {
                return Ok(false);
            }
            let rest = end.map(|end| end.saturating_duration_since(Instant::now()));
            match queue.poll.poll(&mut queue.events, rest) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            // An interruption arrives as an event of the waker, which is then nobody's.
            let woken = self.woken.load(Ordering::Acquire);
            queue.found = queue.events.iter().any(|event| event.token() != WAKER || woken);
            if end.is_some_and(|end| end <= Instant::now()) {
                return Ok(true);
            }
        }
        Ok(true)
    }
}
