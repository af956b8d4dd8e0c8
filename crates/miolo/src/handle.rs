use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{EventLoop, TimerKey, Token, Waker};

/// A callback from another thread.
pub type Call = Box<dyn FnOnce(&mut EventLoop) + Send>;

/// Names a timer of an [`EventLoop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId {
    pub(crate) key: TimerKey,
    pub(crate) place: usize,
}

/// Names a server of an [`EventLoop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    pub(crate) token: Token,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// The address it listens on, with the port that the system chose if 0 was asked for.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

#[derive(Default)]
struct Calls {
    queue: Vec<Call>,
    closed: bool,
}

/// What reaches a loop from other threads.
#[derive(Clone)]
pub struct LoopHandle {
    calls: Arc<Mutex<Calls>>,
    waker: Waker,
}

impl LoopHandle {
    pub(crate) fn new(waker: Waker) -> Self {
        Self { calls: Arc::default(), waker }
    }

    /// Calls `callback` on the loop's thread, in a later turn. Callbacks of one thread keep their order.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the loop is gone. What the operating system reports when the loop cannot be woken; the
    /// callback then runs when something else wakes it.
    pub fn call_soon(&self, callback: impl FnOnce(&mut EventLoop) + Send + 'static) -> io::Result<()> {
        {
            let mut calls = self.lock();
            if calls.closed {
                return Err(io::Error::new(io::ErrorKind::NotConnected, "the event loop is gone"));
            }
            calls.queue.push(Box::new(callback));
        }
        // After the callback, so that the turn which this ends finds it.
        self.waker.wake()
    }

    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().queue)
    }

    /// From now on nothing is taken.
    pub(crate) fn close(&self) -> Vec<Call> {
        let mut calls = self.lock();
        calls.closed = true;
        std::mem::take(&mut calls.queue)
    }

    /// Nothing of ours can panic with the lock held, so that a poisoned queue is whole.
    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LoopHandle").finish_non_exhaustive()
    }
}
