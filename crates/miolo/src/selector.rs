//! Waiting: mio's poll, the waker, and a timer descriptor for waits below a millisecond.

use std::io;
#[cfg(unix)]
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use mio::event::{Event, Source};
#[cfg(unix)]
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry};

use crate::Token;
use crate::busy_poll::BusyPoll;
use crate::waiter::Waiter;

pub const WAKER: mio::Token = mio::Token(usize::MAX);
#[cfg(any(target_os = "linux", target_os = "android"))]
const TIMER: mio::Token = mio::Token(usize::MAX - 1);

/// What a stream is registered for. Urgent data shows as its own readiness on Linux, and must be asked for: it
/// ends a receive early, which would look like a drained socket otherwise.
#[cfg(any(target_os = "linux", target_os = "android"))]
const STREAM: Interest = Interest::READABLE.add(Interest::WRITABLE).add(Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const STREAM: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// Ends a reactor's wait, from any thread.
#[derive(Debug, Clone)]
pub struct Waker {
    waker: Arc<mio::Waker>,
    woken: Arc<AtomicBool>,
}

impl Waker {
    /// Makes the turn under way, or the next one, report [`Event::Woken`](crate::Event::Woken). Calls before that
    /// turn count as one.
    ///
    /// # Errors
    ///
    /// What the operating system reports.
    pub fn wake(&self) -> io::Result<()> {
        if self.woken.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        // After a failure the next call must try again.
        self.waker.wake().inspect_err(|_| self.woken.store(false, Ordering::Release))
    }
}

/// mio's poll and what it found. Whoever polls holds the lock: the reactor, or a [`Waiter`] in its place.
#[derive(Debug)]
pub struct Queue {
    pub poll: Poll,
    pub events: Events,
    /// Whether `events` were found by a waiter and not taken by the reactor yet. Nobody polls before they are:
    /// mio reports an edge once.
    pub found: bool,
}

impl Queue {
    /// The queue, as soon as nobody else polls.
    pub fn lock(this: &Mutex<Self>) -> MutexGuard<'_, Self> {
        // A panic cannot leave it half changed.
        this.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls up to `wait`. Out of line, for those who do not use it.
    #[cold]
    fn poll_busily(&mut self, busy_poll: &mut BusyPoll, wait: Option<Duration>) -> io::Result<()> {
        busy_poll.wait(wait, Instant::now, |wait| {
            self.poll.poll(&mut self.events, wait).map(|()| !self.events.is_empty())
        })
    }

    /// The queue, if nobody polls.
    fn try_lock(this: &Mutex<Self>) -> Option<MutexGuard<'_, Self>> {
        match this.try_lock() {
            Ok(queue) => Some(queue),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// mio's poll with what every reactor waits for.
#[derive(Debug)]
pub struct Selector {
    queue: Arc<Mutex<Queue>>,
    registry: Registry,
    waker: Waker,
    /// Set to end a waiter's wait.
    interrupted: Arc<AtomicBool>,
    busy_poll: Option<BusyPoll>,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    timer: timer_descriptor::TimerDescriptor,
}

impl Selector {
    /// Takes up to `capacity` events a poll, and polls busily for up to `busy_poll` a wait.
    pub fn new(capacity: usize, busy_poll: Duration) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), WAKER)?);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let timer = timer_descriptor::TimerDescriptor::new(poll.registry(), TIMER)?;
        let registry = poll.registry().try_clone()?;
        let events = Events::with_capacity(capacity);
        Ok(Self {
            queue: Arc::new(Mutex::new(Queue { poll, events, found: false })),
            registry,
            waker: Waker { waker, woken: Arc::new(AtomicBool::new(false)) },
            interrupted: Arc::new(AtomicBool::new(false)),
            busy_poll: BusyPoll::new(busy_poll),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            timer,
        })
    }

    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// What another thread waits by, in place of [`Self::poll`].
    pub fn waiter(&self) -> Waiter {
        Waiter::new(
            Arc::clone(&self.queue),
            Arc::clone(&self.waker.waker),
            Arc::clone(&self.waker.woken),
            Arc::clone(&self.interrupted),
        )
    }

    pub fn add_stream(&self, source: &mut impl Source, token: Token) -> io::Result<()> {
        self.registry.register(source, mio::Token(token.raw() as usize), STREAM)
    }

    pub fn add_listener(&self, source: &mut impl Source, token: Token) -> io::Result<()> {
        self.registry.register(source, mio::Token(token.raw() as usize), Interest::READABLE)
    }

    /// Registers a socket of datagrams for both directions.
    #[cfg(unix)]
    pub fn add_datagram(&self, fd: RawFd, token: Token) -> io::Result<()> {
        self.add_watched(fd, token, Interest::READABLE.add(Interest::WRITABLE))
    }

    /// Registers a descriptor that somebody else owns.
    #[cfg(unix)]
    pub fn add_watched(&self, fd: RawFd, token: Token, interest: Interest) -> io::Result<()> {
        let token = mio::Token(token.raw() as usize);
        match self.registry.register(&mut SourceFd(&fd), token, interest) {
            // Left behind by a duplicate of a descriptor that was closed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.registry.reregister(&mut SourceFd(&fd), token, interest)
            }
            outcome => outcome,
        }
    }

    /// Registers it anew, which makes the system look at it again.
    #[cfg(unix)]
    pub fn renew_watched(&self, fd: RawFd, token: Token, interest: Interest) -> io::Result<()> {
        self.registry.reregister(&mut SourceFd(&fd), mio::Token(token.raw() as usize), interest)
    }

    #[cfg(unix)]
    pub fn remove_watched(&self, fd: RawFd) {
        // Fails for a descriptor that was closed, whose registration the system has dropped.
        let _ = self.registry.deregister(&mut SourceFd(&fd));
    }

    pub fn remove(&self, source: &mut impl Source) {
        // Fails only for a descriptor that is not registered, which is what is wanted.
        let _ = self.registry.deregister(source);
    }

    /// Sees to it that the poll descriptor is readable at `deadline` (since the epoch; it is `now`). Returns the
    /// deadline that is left to the caller.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn arm(&mut self, deadline: Option<Duration>, now: Duration) -> io::Result<Option<Duration>> {
        self.timer.set(deadline, now)?;
        Ok(None)
    }

    /// Other systems have no descriptor for it.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the other system's uses it and can fail"
    )]
    pub fn arm(&mut self, deadline: Option<Duration>, _now: Duration) -> io::Result<Option<Duration>> {
        Ok(deadline)
    }

    /// Whether to poll again in place of a wait.
    pub fn should_spin(&mut self) -> bool {
        self.busy_poll.as_mut().is_some_and(|busy_poll| busy_poll.should_spin(Instant::now()))
    }

    /// Polls made in place of a wait.
    pub fn busy_polls(&self) -> u64 {
        self.busy_poll.as_ref().map_or(0, BusyPoll::polls)
    }

    /// Waits up to `wait` (`None`: without limit), calls `ready` for each socket's event, and says whether the
    /// waker was used. A wait that a signal interrupts finds nothing.
    ///
    /// While a waiter waits, a poll that would not wait finds nothing (the waiter will tell), and one that would
    /// ends the waiter's wait first.
    pub fn poll(
        &mut self,
        wait: Option<Duration>,
        now: Duration,
        mut ready: impl FnMut(Token, &Event),
    ) -> io::Result<bool> {
        let wait = self.precise(wait, now)?;
        let mut guard = match Queue::try_lock(&self.queue) {
            Some(guard) => guard,
            None if wait == Some(Duration::ZERO) => return Ok(false),
            None => {
                self.interrupted.store(true, Ordering::Release);
                self.waker.waker.wake()?;
                Queue::lock(&self.queue)
            }
        };
        let queue = &mut *guard;
        if !std::mem::take(&mut queue.found) {
            let polled = match &mut self.busy_poll {
                None => queue.poll.poll(&mut queue.events, wait),
                Some(busy_poll) => queue.poll_busily(busy_poll, wait),
            };
            match polled {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        // Also when a host waited, or another thread.
        if let Some(busy_poll) = &mut self.busy_poll
            && !queue.events.is_empty()
        {
            busy_poll.observe(Instant::now());
        }
        let mut woken = false;
        for event in &queue.events {
            match event.token() {
                // A swap, not a store: what a thread did before a wake-up that was left out is seen here. Not set
                // when the wake-up was for a waiter.
                WAKER => woken |= self.waker.woken.swap(false, Ordering::AcqRel),
                #[cfg(any(target_os = "linux", target_os = "android"))]
                TIMER => self.timer.clear(),
                #[expect(clippy::cast_possible_truncation, reason = "made of a u32")]
                mio::Token(raw) => ready(Token::from_raw(raw as u32), event),
            }
        }
        Ok(woken)
    }

    /// mio rounds waits up to whole milliseconds; the timer descriptor does not.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn precise(&mut self, wait: Option<Duration>, now: Duration) -> io::Result<Option<Duration>> {
        match wait {
            Some(wait) if !wait.is_zero() => {
                self.timer.set(Some(now.saturating_add(wait)), now)?;
                Ok(None)
            }
            other => Ok(other),
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    #[expect(clippy::unnecessary_wraps, reason = "the other system's can fail")]
    fn precise(&mut self, wait: Option<Duration>, _now: Duration) -> io::Result<Option<Duration>> {
        Ok(wait)
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for Selector {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.registry.as_raw_fd()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod timer_descriptor {
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::time::Duration;

    use mio::unix::SourceFd;
    use mio::{Interest, Registry};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    /// Longer waits end early, which does no harm: each turn looks at the deadlines again.
    const LONGEST: Duration = Duration::from_secs(24 * 3600);

    /// A timerfd in the poll set.
    #[derive(Debug)]
    pub struct TimerDescriptor {
        fd: OwnedFd,
        /// When it will be readable, since the epoch.
        armed: Option<Duration>,
    }

    impl TimerDescriptor {
        pub fn new(registry: &Registry, token: mio::Token) -> io::Result<Self> {
            let fd =
                timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Self { fd, armed: None })
        }

        pub fn set(&mut self, deadline: Option<Duration>, now: Duration) -> io::Result<()> {
            if self.armed == deadline {
                return Ok(());
            }
            // Zero would disarm it.
            let wait = deadline
                .map_or(Duration::ZERO, |at| at.saturating_sub(now).clamp(Duration::from_nanos(1), LONGEST));
            let value = Timespec {
                tv_sec: wait.as_secs().try_into().map_err(io::Error::other)?,
                tv_nsec: wait.subsec_nanos().into(),
            };
            let interval = Timespec { tv_sec: 0, tv_nsec: 0 };
            timerfd_settime(
                &self.fd,
                TimerfdTimerFlags::empty(),
                &Itimerspec { it_interval: interval, it_value: value },
            )?;
            self.armed = deadline;
            Ok(())
        }

        /// Makes it unreadable again.
        pub fn clear(&mut self) {
            // Nothing to be read means that it was set anew in between.
            let _ = rustix::io::read(&self.fd, &mut [0_u8; 8]);
            self.armed = None;
        }
    }
}
