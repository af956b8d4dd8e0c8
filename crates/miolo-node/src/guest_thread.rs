//! The thread that waits in the reactor's place. It knows nothing of JavaScript: it rings.
//!
//! # Invariants
//!
//! 1. The thread rings only after a wait that it was armed for, once: it then rests until it is armed again.
//! 2. It holds no lock of [`Link`] while it waits, rings or rests, so that no call from outside blocks.
//! 3. [`GuestThread::join`] ends it whatever it does, and returns when it is gone.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use miolo::{Interrupter, Waiter};

/// What the thread does, or is to do. `None` as an end: no deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Rest,
    /// To wait, until the deadline at most.
    Armed(Option<Instant>),
    Waiting(Option<Instant>),
    Quit,
}

#[derive(Debug)]
struct Link {
    state: Mutex<State>,
    changed: Condvar,
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rests until there is something to wait for; says until when. `None` when the thread is to end.
    fn rest(&self) -> Option<Option<Instant>> {
        let mut state = self.lock();
        loop {
            match *state {
                State::Quit => return None,
                State::Armed(end) => {
                    *state = State::Waiting(end);
                    return Some(end);
                }
                State::Rest | State::Waiting(_) => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// After a wait that found something: whether it was still wanted, in which case the thread rests.
    fn found(&self) -> bool {
        let mut state = self.lock();
        let wanted = matches!(*state, State::Waiting(_));
        if wanted {
            *state = State::Rest;
        }
        drop(state);
        wanted
    }

    /// After an interrupted wait: if it is still wanted (the interruption was an older one's) it goes on.
    fn interrupted(&self) {
        let mut state = self.lock();
        if let State::Waiting(end) = *state {
            *state = State::Armed(end);
        }
    }
}

/// A thread that waits for a reactor.
#[derive(Debug)]
pub struct GuestThread {
    link: Arc<Link>,
    interrupter: Interrupter,
    thread: Option<JoinHandle<()>>,
}

impl GuestThread {
    /// Starts the thread, at rest. It calls `ring` with true when the reactor's next turn would find something,
    /// and with false when it has failed and ends.
    pub fn start(waiter: Waiter, ring: impl Fn(bool) + Send + 'static) -> io::Result<Self> {
        let link = Arc::new(Link { state: Mutex::new(State::Rest), changed: Condvar::new() });
        let interrupter = waiter.interrupter();
        let shared = Arc::clone(&link);
        let thread = std::thread::Builder::new().name("miolo-guest".into()).spawn(move || {
            // Out of here there is nobody to catch a panic.
            if catch_unwind(AssertUnwindSafe(|| serve(&shared, &waiter, &ring))).unwrap_or(false) {
                return;
            }
            let _ = catch_unwind(AssertUnwindSafe(|| ring(false)));
        })?;
        Ok(Self { link, interrupter, thread: Some(thread) })
    }

    /// Has the thread wait, until `end` at most, and ring. Harmless while it waits already.
    pub fn arm(&self, end: Option<Instant>) {
        let mut state = self.link.lock();
        match *state {
            State::Rest => {
                *state = State::Armed(end);
                drop(state);
                self.link.changed.notify_one();
            }
            State::Armed(_) => *state = State::Armed(end),
            State::Waiting(former) if former != end => {
                *state = State::Armed(end);
                drop(state);
                self.interrupt();
            }
            State::Waiting(_) | State::Quit => {}
        }
    }

    /// Has the thread rest. A ring that is under way may still come.
    pub fn disarm(&self) {
        let mut state = self.link.lock();
        let former = *state;
        if former != State::Quit {
            *state = State::Rest;
        }
        drop(state);
        if matches!(former, State::Waiting(_)) {
            self.interrupt();
        }
    }

    /// Ends the thread, which rings no more. Harmless twice.
    pub fn join(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        *self.link.lock() = State::Quit;
        self.link.changed.notify_one();
        self.interrupt();
        // A panic of the thread was caught and told.
        let _ = thread.join();
    }

    fn interrupt(&self) {
        // Fails for want of memory in the kernel only: the thread then goes on waiting, for what rings anyway.
        let _ = self.interrupter.interrupt();
    }
}

impl Drop for GuestThread {
    fn drop(&mut self) {
        self.join();
    }
}

/// The thread's life. Returns false if it cannot wait.
fn serve(link: &Link, waiter: &Waiter, ring: &impl Fn(bool)) -> bool {
    while let Some(end) = link.rest() {
        match waiter.wait(end.map(|end| end.saturating_duration_since(Instant::now()))) {
            Ok(true) => {
                if link.found() {
                    ring(true);
                }
            }
            Ok(false) => link.interrupted(),
            Err(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, TryRecvError, channel};
    use std::time::{Duration, Instant};

    use miolo::{Options, Reactor};

    use super::GuestThread;

    /// A thread, and what it rings.
    fn guest(reactor: &Reactor) -> (GuestThread, Receiver<bool>) {
        let (sender, rings) = channel();
        let ring = move |healthy| sender.send(healthy).unwrap_or(());
        (GuestThread::start(reactor.waiter(), ring).unwrap(), rings)
    }

    fn reactor() -> Reactor {
        Reactor::new(Options::default()).unwrap()
    }

    #[test]
    fn the_thread_rings_once_each_time_it_is_armed() {
        let reactor = reactor();
        let (mut guest, rings) = guest(&reactor);
        // Never taken by a turn: whenever the thread waits, there is something.
        reactor.waker().wake().unwrap();
        assert_eq!(rings.try_recv(), Err(TryRecvError::Empty), "at rest");
        for _ in 0..100 {
            guest.arm(None);
            assert_eq!(rings.recv(), Ok(true));
        }
        guest.join();
        guest.join();
        assert_eq!(rings.try_recv(), Err(TryRecvError::Disconnected));
    }

    #[test]
    fn a_disarmed_thread_does_not_ring() {
        let reactor = reactor();
        let (mut guest, rings) = guest(&reactor);
        for _ in 0..100 {
            guest.arm(None);
            guest.disarm();
        }
        reactor.waker().wake().unwrap();
        guest.join();
        assert_eq!(rings.try_recv(), Err(TryRecvError::Disconnected));
    }

    #[test]
    fn a_nearer_deadline_replaces_one_that_is_waited_for() {
        let reactor = reactor();
        let (guest, rings) = guest(&reactor);
        for _ in 0..100 {
            guest.arm(None);
            guest.arm(Some(Instant::now() + Duration::from_secs(3600)));
            let end = Instant::now() + Duration::from_micros(100);
            guest.arm(Some(end));
            assert_eq!(rings.recv(), Ok(true));
            assert!(Instant::now() >= end);
        }
    }

    #[test]
    fn a_thread_is_joined_in_the_middle_of_its_wait() {
        for _ in 0..100 {
            let reactor = reactor();
            let (mut guest, rings) = guest(&reactor);
            guest.arm(None);
            guest.join();
            assert_eq!(rings.try_recv(), Err(TryRecvError::Disconnected));
        }
    }
}
