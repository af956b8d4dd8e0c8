//! Signals while a loop blocks: Node's own handling needs its event loop, which does not turn then.
//!
//! The handler notes the signal and wakes the reactor; JavaScript takes the notes. It stands only as long as a
//! blocking run lasts: what handled the signal before (Node, mostly) does so again afterwards.
//!
//! # Invariants
//!
//! 1. The handler does what is safe in a signal's context, on any thread, and nothing else: atomic operations, and
//!    the waker's one system call. It allocates nothing, locks nothing, and leaves `errno` as it was.
//! 2. `TARGET` is null or points to the waker of the only [`Watch`]. It is freed after it was taken out and no
//!    handler runs any more (`RUNNING` is 0): one that begins later finds null.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use libc::c_int;
use miolo::Waker;

/// Signals have numbers from 1 to this.
const LAST: c_int = 64;

/// A bit for each signal that came and was not taken.
static PENDING: AtomicU64 = AtomicU64::new(0);
/// Whom the handler wakes.
static TARGET: AtomicPtr<Waker> = AtomicPtr::new(ptr::null_mut());
/// Handlers that may be using the target.
static RUNNING: AtomicU32 = AtomicU32::new(0);

/// The signals that a core watches. Dropped, it restores what handled them before.
pub struct Watch {
    waker: *mut Waker,
    former: Vec<(c_int, libc::sigaction)>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Watch").field("signals", &self.former.len()).finish_non_exhaustive()
    }
}

impl Watch {
    /// Makes `waker` what signals wake; none is watched yet. Fails with `EBUSY` while another watch exists.
    pub fn new(waker: Waker) -> io::Result<Self> {
        let waker = Box::into_raw(Box::new(waker));
        if TARGET.compare_exchange(ptr::null_mut(), waker, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            // SAFETY: made by Box::into_raw above and given to nobody.
            drop(unsafe { Box::from_raw(waker) });
            return Err(io::Error::from_raw_os_error(libc::EBUSY));
        }
        Ok(Self { waker, former: Vec::new() })
    }

    /// From now on `signal` is noted, and whatever handled it is set aside. Harmless twice.
    pub fn add(&mut self, signal: c_int) -> io::Result<()> {
        if !(1..=LAST).contains(&signal) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        if self.former.iter().any(|(known, _)| *known == signal) {
            return Ok(());
        }
        let mut action = empty_action();
        action.sa_sigaction = handler();
        // Restarting limits where others meet EINTR; the waker ends our own wait.
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        let mut former = empty_action();
        // SAFETY: both point to locals; the handler keeps to invariant 1.
        if unsafe { libc::sigaction(signal, &raw const action, &raw mut former) } != 0 {
            return Err(io::Error::last_os_error());
        }
        self.former.push((signal, former));
        Ok(())
    }

    /// Restores what handled `signal` before. Harmless for one that is not watched.
    pub fn remove(&mut self, signal: c_int) {
        if let Some(place) = self.former.iter().position(|(known, _)| *known == signal) {
            let (signal, former) = self.former.swap_remove(place);
            restore(signal, &former);
        }
    }

    /// Whether nothing is watched.
    pub const fn is_empty(&self) -> bool {
        self.former.is_empty()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for (signal, former) in self.former.drain(..) {
            restore(signal, &former);
        }
        TARGET.store(ptr::null_mut(), Ordering::SeqCst);
        // One that interrupted this thread has returned; one on another thread is about to.
        while RUNNING.load(Ordering::SeqCst) > 0 {
            std::hint::spin_loop();
        }
        // SAFETY: made by Box::into_raw in `new`; no handler has it or can find it (invariant 2).
        drop(unsafe { Box::from_raw(self.waker) });
    }
}

/// The signals that came since the last call, by number.
pub fn take() -> Vec<c_int> {
    let pending = PENDING.swap(0, Ordering::SeqCst);
    (1..=LAST).filter(|signal| pending & bit(*signal) != 0).collect()
}

const fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// Puts `former` back, unless somebody has set another handler since: that one is newer.
fn restore(signal: c_int, former: &libc::sigaction) {
    let mut current = empty_action();
    // SAFETY: asks only; points to a local.
    unsafe { libc::sigaction(signal, ptr::null(), &raw mut current) };
    if current.sa_sigaction == handler() {
        // SAFETY: what sigaction itself gave for this signal. Cannot fail for a signal that could be watched.
        unsafe { libc::sigaction(signal, former, ptr::null_mut()) };
    }
}

fn handler() -> libc::sighandler_t {
    on_signal as extern "C" fn(c_int) as libc::sighandler_t
}

fn empty_action() -> libc::sigaction {
    // SAFETY: integers, a set of bits and at most an optional function: zeros are a value of it.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: points into a local.
    unsafe { libc::sigemptyset(&raw mut action.sa_mask) };
    action
}

extern "C" fn on_signal(signal: c_int) {
    let place = errno();
    // SAFETY: this thread's errno.
    let saved = unsafe { place.read() };
    PENDING.fetch_or(bit(signal), Ordering::SeqCst);
    RUNNING.fetch_add(1, Ordering::SeqCst);
    let target = TARGET.load(Ordering::SeqCst);
    // SAFETY: null or alive until RUNNING is 0 (invariant 2).
    if let Some(waker) = unsafe { target.as_ref() } {
        // A failure leaves the note, which the next turn takes: nobody can be told here.
        let _ = waker.wake();
    }
    RUNNING.fetch_sub(1, Ordering::SeqCst);
    // SAFETY: as above.
    unsafe { place.write(saved) };
}

#[cfg(any(target_os = "linux", target_os = "emscripten"))]
fn errno() -> *mut c_int {
    // SAFETY: takes nothing; the address of this thread's errno.
    unsafe { libc::__errno_location() }
}

#[cfg(target_os = "android")]
fn errno() -> *mut c_int {
    // SAFETY: as above.
    unsafe { libc::__errno() }
}

#[cfg(not(any(target_os = "linux", target_os = "emscripten", target_os = "android")))]
fn errno() -> *mut c_int {
    // SAFETY: as above.
    unsafe { libc::__error() }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use miolo::{Event, Options, Reactor, Sink};

    use super::{Watch, take};

    /// The disposition of a signal is the process's.
    static ALONE: Mutex<()> = Mutex::new(());

    struct Woken(usize, [u8; 8]);

    impl Sink for Woken {
        fn room(&self) -> bool {
            true
        }

        fn buffer(&mut self) -> &mut [u8] {
            &mut self.1
        }

        fn event(&mut self, event: Event) {
            if matches!(event, Event::Woken) {
                self.0 += 1;
            }
        }
    }

    fn raise(signal: libc::c_int) {
        // SAFETY: sends a signal to this thread.
        assert_eq!(unsafe { libc::raise(signal) }, 0);
    }

    fn handler_of(signal: libc::c_int) -> libc::sighandler_t {
        let mut action = super::empty_action();
        // SAFETY: asks only; points to a local.
        unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
        action.sa_sigaction
    }

    #[test]
    fn a_watched_signal_ends_the_wait_and_is_taken_once() {
        let _alone = ALONE.lock();
        let mut reactor = Reactor::new(Options::default()).unwrap();
        let mut watch = Watch::new(reactor.waker()).unwrap();
        watch.add(libc::SIGUSR2).unwrap();
        raise(libc::SIGUSR2);
        let mut sink = Woken(0, [0; 8]);
        reactor.turn(None, &mut sink).unwrap();
        assert_eq!(sink.0, 1);
        assert_eq!(take(), [libc::SIGUSR2]);
        assert!(take().is_empty());
    }

    #[test]
    fn the_former_handler_is_back_after_the_watch() {
        let _alone = ALONE.lock();
        let reactor = Reactor::new(Options::default()).unwrap();
        let before = handler_of(libc::SIGHUP);
        let mut watch = Watch::new(reactor.waker()).unwrap();
        watch.add(libc::SIGHUP).unwrap();
        assert_ne!(handler_of(libc::SIGHUP), before);
        watch.remove(libc::SIGHUP);
        assert_eq!(handler_of(libc::SIGHUP), before);
        watch.add(libc::SIGHUP).unwrap();
        drop(watch);
        assert_eq!(handler_of(libc::SIGHUP), before);
    }

    #[test]
    fn a_handler_that_was_set_during_the_watch_stays() {
        let _alone = ALONE.lock();
        let reactor = Reactor::new(Options::default()).unwrap();
        let mut watch = Watch::new(reactor.waker()).unwrap();
        watch.add(libc::SIGWINCH).unwrap();
        let mut ignoring = super::empty_action();
        ignoring.sa_sigaction = libc::SIG_IGN;
        // SAFETY: points to a local; ignores the signal.
        unsafe { libc::sigaction(libc::SIGWINCH, &raw const ignoring, std::ptr::null_mut()) };
        drop(watch);
        assert_eq!(handler_of(libc::SIGWINCH), libc::SIG_IGN);
    }

    #[test]
    fn there_is_one_watch_a_process_and_signals_that_cannot_be_caught_are_refused() {
        let _alone = ALONE.lock();
        let reactor = Reactor::new(Options::default()).unwrap();
        let mut watch = Watch::new(reactor.waker()).unwrap();
        assert_eq!(Watch::new(reactor.waker()).unwrap_err().raw_os_error(), Some(libc::EBUSY));
        for signal in [libc::SIGKILL, libc::SIGSTOP, 0, 65] {
            assert_eq!(watch.add(signal).unwrap_err().raw_os_error(), Some(libc::EINVAL));
        }
        assert!(watch.is_empty());
    }
}
