//! The guest-thread driver: a thread waits in the reactor's place and calls JavaScript by a threadsafe function.
//!
//! For runtimes that do not let libuv watch a descriptor. The thread only waits (see `guest_thread`); what it found
//! is taken by the turn that JavaScript makes when it is called.
//!
//! # Invariants
//!
//! 1. At most one call of the threadsafe function is under way (`Bell::ringing`).
//! 2. The thread uses the threadsafe function only while it lives: whoever gives the function up joins the thread
//!    before. At the end of the environment the clean-up hook does so, which runs before the function's own since it
//!    was added later.
//! 3. `Bell` is freed by the threadsafe function's finalizer, after its last call.
//! 4. No borrow of the core is held while JavaScript runs.
//! 5. The function keeps the process alive at no time: what does is decided in JavaScript.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use napi::{Error, Result, Status, sys};

use crate::core::Shared;
use crate::guest_thread::GuestThread;
use crate::pin::check;
use crate::uncaught::report;

/// What both threads know of the calls.
#[derive(Debug, Default)]
struct Ringing {
    /// Whether a call is under way.
    under_way: AtomicBool,
    /// Whether the thread has failed: nobody waits any more.
    failed: AtomicBool,
}

/// The context of the threadsafe function, for the JavaScript thread only.
#[derive(Debug)]
struct Bell {
    ringing: Arc<Ringing>,
    shared: Rc<Shared>,
}

/// The threadsafe function, in the thread's hands.
#[derive(Debug, Clone, Copy)]
struct Rope(sys::napi_threadsafe_function);

// SAFETY: Node-API lets any thread call a threadsafe function; that it lives then is invariant 2.
unsafe impl Send for Rope {}

impl Rope {
    /// Has JavaScript called, once.
    fn pull(self, ringing: &Ringing) {
        if ringing.under_way.swap(true, Ordering::AcqRel) {
            return;
        }
        // SAFETY: it lives (invariant 2); the data is not used.
        let status = unsafe {
            sys::napi_call_threadsafe_function(
                self.0,
                ptr::null_mut(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
        if status != sys::Status::napi_ok {
            // The environment ends: nobody is there to be called.
            ringing.under_way.store(false, Ordering::Release);
        }
    }
}

/// A reactor hosted by a thread of its own.
#[derive(Debug)]
pub struct Guest {
    env: sys::napi_env,
    rope: Rope,
    thread: RefCell<GuestThread>,
    ringing: Arc<Ringing>,
    closed: Cell<bool>,
    shared: Rc<Shared>,
}

impl Guest {
    /// Starts the thread for `shared`'s reactor, at rest.
    ///
    /// # Safety
    ///
    /// `env` and `callback` (a function) belong to the call of JavaScript under way.
    pub unsafe fn new(
        env: sys::napi_env,
        callback: sys::napi_value,
        shared: Rc<Shared>,
    ) -> Result<Box<Self>> {
        let waiter = shared.with(|inner| Ok(inner.reactor.waiter()))?;
        let ringing = Arc::new(Ringing::default());
        let bell = Bell { ringing: Arc::clone(&ringing), shared: Rc::clone(&shared) };
        // SAFETY: the contract of this function.
        let rope = unsafe { threadsafe_function(env, callback, bell) }?;
        let theirs = Arc::clone(&ringing);
        let started = GuestThread::start(waiter, move |healthy| {
            if !healthy {
                theirs.failed.store(true, Ordering::Release);
            }
            rope.pull(&theirs);
        });
        let thread = match started {
            Ok(thread) => thread,
            Err(error) => {
                give_up(rope);
                return Err(Error::new(Status::GenericFailure, format!("no thread to wait: {error}")));
            }
        };
        let thread = RefCell::new(thread);
        let guest = Box::new(Self { env, rope, thread, ringing, closed: Cell::new(false), shared });
        // SAFETY: `env` is live. The box stays where it is until `close`, which removes the hook.
        let status = unsafe {
            sys::napi_add_env_cleanup_hook(
                env,
                Some(on_environment_end),
                ptr::from_ref(&*guest).cast_mut().cast(),
            )
        };
        if let Err(error) = check(status, "napi_add_env_cleanup_hook") {
            guest.end();
            return Err(error);
        }
        Ok(guest)
    }

    /// Has the thread wait for what the next turn is due for, and for `timeout` at most. It then calls JavaScript,
    /// once. What a turn would find without waiting is not waited for: its edge is gone.
    pub fn arm(&self, timeout: Option<Duration>) {
        if self.closed.get() {
            return;
        }
        let outcome = self.shared.with(|inner| {
            inner.ring.count_crossing();
            // JavaScript has looked, but a call that took submissions since may have made a stream ready again.
            if !inner.ring.is_idle(&inner.reactor) {
                return Ok(None);
            }
            let now = inner.reactor.now();
            let limit = timeout.map(|timeout| now.saturating_add(timeout));
            let deadline = inner.reactor.arm(limit)?;
            Ok(Some(deadline.map(|deadline| deadline.saturating_sub(now))))
        });
        match outcome {
            Ok(Some(rest)) => {
                self.thread.borrow().arm(rest.and_then(|rest| Instant::now().checked_add(rest)));
            }
            // A turn is due; or nothing is left to wait for, which JavaScript finds in its turn.
            Ok(None) | Err(_) => self.rope.pull(&self.ringing),
        }
    }

    /// Ends to wait.
    pub fn disarm(&self) {
        if !self.closed.get() {
            self.thread.borrow().disarm();
        }
    }

    /// Ends the thread and gives the threadsafe function up.
    pub fn close(&self) {
        if self.closed.get() {
            return;
        }
        // SAFETY: added in `new` with the same two values, and not removed since (`closed`).
        let _ = unsafe {
            sys::napi_remove_env_cleanup_hook(
                self.env,
                Some(on_environment_end),
                ptr::from_ref(self).cast_mut().cast(),
            )
        };
        self.end();
    }

    /// [`Self::close`] without the hook.
    fn end(&self) {
        if self.closed.replace(true) {
            return;
        }
        self.thread.borrow_mut().join();
        give_up(self.rope);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.close();
    }
}

/// Makes a threadsafe function of `callback` that does not keep the process alive.
///
/// # Safety
///
/// `env` and `callback` (a function) belong to the call of JavaScript under way.
unsafe fn threadsafe_function(env: sys::napi_env, callback: sys::napi_value, bell: Bell) -> Result<Rope> {
    const NAME: &str = "miolo";
    let (mut name, mut function) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: `env` is live by the contract; a pointer and length of a str.
    let status = unsafe {
        sys::napi_create_string_utf8(env, NAME.as_ptr().cast(), NAME.len().cast_signed(), &raw mut name)
    };
    check(status, "name")?;
    let bell = Box::into_raw(Box::new(bell));
    // SAFETY: values of this call; `bell` is freed by the finalizer (invariant 3).
    let status = unsafe {
        sys::napi_create_threadsafe_function(
            env,
            callback,
            ptr::null_mut(),
            name,
            0,
            1,
            bell.cast(),
            Some(on_given_up),
            bell.cast(),
            Some(on_ring),
            &raw mut function,
        )
    };
    if let Err(error) = check(status, "napi_create_threadsafe_function") {
        // SAFETY: made above, and nobody has it.
        drop(unsafe { Box::from_raw(bell) });
        return Err(error);
    }
    let rope = Rope(function);
    // SAFETY: just made, on the thread of `env`.
    let status = unsafe { sys::napi_unref_threadsafe_function(env, function) };
    check(status, "napi_unref_threadsafe_function").inspect_err(|_| give_up(rope))?;
    Ok(rope)
}

/// Gives the threadsafe function up; calls under way come to nothing. The thread is not there any more.
fn give_up(rope: Rope) {
    // SAFETY: alive: given up once. It fails for one that is closing already.
    let _ =
        unsafe { sys::napi_release_threadsafe_function(rope.0, sys::ThreadsafeFunctionReleaseMode::abort) };
}

/// Calls JavaScript. Without an environment (it ends) there is nobody to call.
unsafe extern "C" fn on_ring(
    env: sys::napi_env,
    callback: sys::napi_value,
    context: *mut c_void,
    _data: *mut c_void,
) {
    if env.is_null() || callback.is_null() {
        return;
    }
    // SAFETY: the context that the function was made with, alive by invariant 3.
    let bell = unsafe { &*context.cast::<Bell>() };
    bell.ringing.under_way.store(false, Ordering::Release);
    if bell.ringing.failed.load(Ordering::Acquire) {
        // JavaScript finds the mark in its turn. What panics while it is dropped has nobody left to be told.
        let _ = catch_unwind(AssertUnwindSafe(|| bell.shared.poison()));
    }
    let (mut receiver, mut result) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: called by Node-API on the environment's thread with a handle scope open.
    if unsafe { sys::napi_get_global(env, &raw mut receiver) } != sys::Status::napi_ok {
        return;
    }
    // SAFETY: values of this scope, no arguments.
    let status = unsafe { sys::napi_call_function(env, receiver, callback, 0, ptr::null(), &raw mut result) };
    if status == sys::Status::napi_pending_exception {
        // SAFETY: as above, and an exception is pending.
        unsafe { report(env) };
    }
}

unsafe extern "C" fn on_given_up(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the `Bell` that the function was made with; this is the last that is called with it.
    let bell = unsafe { Box::from_raw(data.cast::<Bell>()) };
    // What panics while it is dropped has nobody left to be told.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(bell)));
}

unsafe extern "C" fn on_environment_end(data: *mut c_void) {
    // SAFETY: the `Guest` that the hook was added for; the hook is removed before it is freed.
    let guest = unsafe { &*data.cast::<Guest>() };
    // What was written is tried once more before the descriptors go. A panic has nobody left to be told.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let _ = guest.shared.flush();
        guest.end();
    }));
}
