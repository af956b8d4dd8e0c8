use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{EventLoop, TimerKey, Waker};

/// A callback from another thread.
pub type Call = Box<dyn FnOnce(&mut EventLoop) + Send>;

/// Names a timer of an [`EventLoop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId {
    pub(crate) key: TimerKey,
    pub(crate) place: usize,
}

/// What reaches a loop from other threads.
#[derive(Clone)]
pub struct LoopHandle {
    calls: Arc<Mutex<VecDeque<Call>>>,
    waker: Waker,
}

impl LoopHandle {
    pub(crate) fn new(waker: Waker) -> Self {
        Self { calls: Arc::default(), waker }
    }

    /// Calls `callback` on the loop's thread, in a later turn.
    ///
    /// # Errors
    ///
    /// When the loop cannot be woken; the callback then runs when something else wakes it.
    pub fn call_soon(&self, callback: impl FnOnce(&mut EventLoop) + Send + 'static) -> std::io::Result<()> {
        // First the callback, then the wake-up. A panic of another holder leaves the queue whole.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push_back(Box::new(callback));
        self.waker.wake()
    }

    pub(crate) fn take(&self) -> VecDeque<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LoopHandle").finish_non_exhaustive()
    }
}
