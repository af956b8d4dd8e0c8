//! The hosted driver: libuv watches the reactor's poll descriptor and calls a turn.
//!
//! # Invariants
//!
//! 1. The two libuv handles are heap memory of libuv's own size, freed only in their close callbacks.
//! 2. `Hosted` is freed in the close callback that comes last; until then every callback finds it alive.
//! 3. Handles are closed once: by [`Hosted::close`], which the loop's `close()`, the finalizer of the core and
//!    the environment's clean-up hook all end in.
//! 4. No borrow of the core is held while JavaScript runs: it may call back into the core.
//! 5. Libuv watches a duplicate of the poll descriptor, which `Hosted` owns and which is closed when libuv has let go of
//!    it. The reactor's own closes at once when a panic gives the reactor up, and libuv ends the process when a
//!    descriptor that it is about to watch is not open.
//!
//! # Busy polling
//!
//! Node's loop is not held up: as long as the reactor asks for it, libuv is only kept from blocking (an active idle
//! handle does that), so that it looks at every descriptor, ours among them, again and again, and at its timers and
//! immediates in between.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

use napi::{Error, Result, Status, sys};

use crate::core::Shared;
use crate::pin::check;
use crate::uncaught::report;
use crate::uv::{Handle, IDLE, POLL, READABLE, Uv};

/// What libuv's allocator guarantees, and more than its handles need.
const ALIGN: usize = 16;

/// A reactor's place in libuv's loop.
#[derive(Debug)]
pub struct Hosted {
    env: sys::napi_env,
    uv: &'static Uv,
    poll: *mut Handle,
    idle: *mut Handle,
    /// Handles that libuv has not given back yet.
    open: Cell<u8>,
    running: Cell<bool>,
    /// Whether libuv is kept from blocking.
    spinning: Cell<bool>,
    /// Whether that is for a turn. Else it is for busy polling.
    due: Cell<bool>,
    closing: Cell<bool>,
    context: sys::napi_async_context,
    callback: sys::napi_ref,
    cleanup: Cell<sys::napi_async_cleanup_hook_handle>,
    shared: Rc<Shared>,
    /// What libuv watches; open as long as its handles are.
    _descriptor: OwnedFd,
}

impl Hosted {
    /// Puts `shared`'s reactor into the loop of `env`, at rest.
    ///
    /// # Safety
    ///
    /// `env` and `callback` (a function) belong to the call of JavaScript under way.
    pub unsafe fn new(
        env: sys::napi_env,
        callback: sys::napi_value,
        shared: Rc<Shared>,
    ) -> Result<*const Self> {
        let uv = Uv::find().map_err(|name| {
            Error::new(
                Status::GenericFailure,
                format!("this runtime has no libuv to be hosted by ({name} is missing)"),
            )
        })?;
        let mut uv_loop = ptr::null_mut();
        // SAFETY: `env` is live by the contract; the out pointer is a local.
        check(unsafe { sys::napi_get_uv_event_loop(env, &raw mut uv_loop) }, "napi_get_uv_event_loop")?;
        let descriptor = shared.with(|inner| {
            // SAFETY: the reactor's, which is open as long as it is borrowed here.
            let fd = unsafe { BorrowedFd::borrow_raw(inner.reactor.as_raw_fd()) };
            Ok(fd.try_clone_to_owned()?)
        })?;
        let callback_reference = reference(env, callback)?;
        let context = async_context(env)?;

        let poll = allocate(uv, POLL);
        // SAFETY: a live loop of this thread, fresh memory of a poll handle's size, an open descriptor that stays
        // open until the handle is closed (invariant 5).
        let status = unsafe { (uv.poll_init)(uv_loop.cast(), poll, descriptor.as_raw_fd()) };
        if status != 0 {
            free(uv, poll, POLL);
            return Err(Error::new(
                Status::GenericFailure,
                format!("libuv refuses to watch the reactor ({status})"),
            ));
        }
        let idle = allocate(uv, IDLE);
        // SAFETY: a live loop of this thread, fresh memory of an idle handle's size; cannot fail.
        unsafe { (uv.idle_init)(uv_loop.cast(), idle) };
        for handle in [poll, idle] {
            // SAFETY: an initialised handle. What keeps the process alive is decided in JavaScript.
            unsafe { (uv.unref)(handle) };
        }
        let hosted = Box::into_raw(Box::new(Self {
            env,
            uv,
            poll,
            idle,
            open: Cell::new(2),
            running: Cell::new(false),
            spinning: Cell::new(false),
            due: Cell::new(false),
            closing: Cell::new(false),
            context,
            callback: callback_reference,
            cleanup: Cell::new(ptr::null_mut()),
            shared,
            _descriptor: descriptor,
        }));
        for handle in [poll, idle] {
            // SAFETY: an initialised handle.
            unsafe { (uv.set_data)(handle, hosted.cast()) };
        }
        let mut cleanup = ptr::null_mut();
        // SAFETY: `env` is live; `hosted` lives until its last close callback, which removes the hook.
        let status = unsafe {
            sys::napi_add_async_cleanup_hook(env, Some(on_environment_end), hosted.cast(), &raw mut cleanup)
        };
        // SAFETY: just made by Box::into_raw, and not freed since.
        let this = unsafe { &*hosted };
        if let Err(error) = check(status, "napi_add_async_cleanup_hook") {
            this.close();
            return Err(error);
        }
        this.cleanup.set(cleanup);
        Ok(hosted)
    }

    /// Begins to watch.
    pub fn start(&self) -> Result<()> {
        if self.closing.get() {
            return Err(Error::new(Status::Closing, "the loop is closed"));
        }
        // SAFETY: an initialised poll handle of this thread's loop which is not closing.
        let status = unsafe { (self.uv.poll_start)(self.poll, READABLE, on_readable) };
        if status != 0 {
            return Err(Error::new(Status::GenericFailure, format!("uv_poll_start: {status}")));
        }
        self.running.set(true);
        self.settle();
        Ok(())
    }

    /// Ends to watch.
    pub fn stop(&self) {
        if self.running.replace(false) {
            // SAFETY: an initialised poll handle which is not closing (closing ends `running`).
            unsafe { (self.uv.poll_stop)(self.poll) };
            self.spin(false);
        }
    }

    /// After a crossing: lets libuv know when the next turn is due.
    pub fn settle(&self) {
        if !self.running.get() {
            return;
        }
        let outcome = self.shared.with(|inner| {
            inner.reactor.arm(None)?;
            let due = !inner.ring.is_idle(&inner.reactor);
            Ok((due, due || inner.reactor.should_busy_poll()))
        });
        // A poisoned core has to be noticed by JavaScript, which a turn does.
        let (due, spin) = outcome.unwrap_or((true, true));
        self.due.set(due);
        self.spin(spin);
    }

    /// In an iteration that libuv is kept from blocking in, before it looks at descriptors.
    fn iterate(&self) {
        if self.due.get() {
            self.turn();
        } else {
            self.settle();
        }
    }

    /// Keeps libuv from blocking, and has it call [`Self::iterate`] in each of its iterations, or no more.
    fn spin(&self, on: bool) {
        if self.spinning.replace(on) == on {
            return;
        }
        if on {
            // SAFETY: an initialised idle handle which is not closing.
            unsafe { (self.uv.idle_start)(self.idle, on_idle) };
        } else {
            // SAFETY: as above.
            unsafe { (self.uv.idle_stop)(self.idle) };
        }
    }

    /// Stops, and gives the handles back. The value frees itself when libuv has let go of them.
    pub fn close(&self) {
        self.stop();
        if self.closing.replace(true) {
            return;
        }
        // SAFETY: an initialised handle, closed once (`closing`).
        unsafe { (self.uv.close)(self.poll, on_closed) };
        // SAFETY: as above.
        unsafe { (self.uv.close)(self.idle, on_closed) };
    }

    /// One turn: receive, let JavaScript run, flush.
    fn turn(&self) {
        let entered = self.shared.enter(Some(std::time::Duration::ZERO));
        let nothing =
            entered.is_ok() && self.shared.with(|inner| Ok(inner.ring.is_untaken())).is_ok_and(|some| !some);
        if !nothing {
            self.call();
            if self.running.get() {
                // A failure has poisoned the core; the turn that `settle` asks for tells JavaScript.
                let _ = self.shared.flush();
            }
        }
        self.settle();
    }

    fn call(&self) {
        let mut scope = ptr::null_mut();
        // SAFETY: called by libuv on the environment's thread; the out pointer is a local.
        if unsafe { sys::napi_open_handle_scope(self.env, &raw mut scope) } != sys::Status::napi_ok {
            return;
        }
        let (mut function, mut receiver, mut result) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: a live reference of this environment; the out pointer is a local.
        unsafe { sys::napi_get_reference_value(self.env, self.callback, &raw mut function) };
        // SAFETY: as above.
        unsafe { sys::napi_get_global(self.env, &raw mut receiver) };
        // SAFETY: values of this scope, no arguments; the context lives as long as `self`.
        let status = unsafe {
            sys::napi_make_callback(
                self.env,
                self.context,
                receiver,
                function,
                0,
                ptr::null(),
                &raw mut result,
            )
        };
        if status == sys::Status::napi_pending_exception {
            // SAFETY: on the environment's thread, in the scope opened above, with an exception pending.
            unsafe { report(self.env) };
        }
        // SAFETY: the scope opened above.
        unsafe { sys::napi_close_handle_scope(self.env, scope) };
    }
}

fn reference(env: sys::napi_env, function: sys::napi_value) -> Result<sys::napi_ref> {
    let mut result = ptr::null_mut();
    // SAFETY: `env` and the value belong to the call under way (contract of `Hosted::new`).
    check(unsafe { sys::napi_create_reference(env, function, 1, &raw mut result) }, "a function is needed")?;
    Ok(result)
}

fn async_context(env: sys::napi_env) -> Result<sys::napi_async_context> {
    const NAME: &str = "miolo";
    let (mut name, mut context) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: `env` is live (contract of `Hosted::new`); a pointer and length of a str.
    let status = unsafe {
        sys::napi_create_string_utf8(env, NAME.as_ptr().cast(), NAME.len().cast_signed(), &raw mut name)
    };
    check(status, "name")?;
    // SAFETY: as above; the resource may be null.
    check(unsafe { sys::napi_async_init(env, ptr::null_mut(), name, &raw mut context) }, "napi_async_init")?;
    Ok(context)
}

fn layout(uv: &Uv, kind: c_int) -> Layout {
    // SAFETY: a pure function of a known handle type.
    let size = unsafe { (uv.handle_size)(kind) };
    Layout::from_size_align(size.max(1), ALIGN).unwrap_or(Layout::new::<[u128; 64]>())
}

fn allocate(uv: &Uv, kind: c_int) -> *mut Handle {
    let layout = layout(uv, kind);
    // SAFETY: the size is not zero.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        handle_alloc_error(layout);
    }
    memory.cast()
}

fn free(uv: &Uv, handle: *mut Handle, kind: c_int) {
    // SAFETY: made by `allocate` with the same kind, hence the same layout, and given up by libuv.
    unsafe { dealloc(handle.cast(), layout(uv, kind)) };
}

/// Runs `action` on the `Hosted` of a handle, letting no panic out.
///
/// # Safety
///
/// Called by libuv with a handle that [`Hosted::new`] made.
unsafe fn with_hosted(handle: *mut Handle, action: impl FnOnce(&Hosted)) {
    let Ok(uv) = Uv::find() else { return };
    // SAFETY: an initialised handle.
    let data = unsafe { (uv.get_data)(handle) };
    // SAFETY: set in `Hosted::new`, alive by invariant 2.
    let hosted = unsafe { &*data.cast::<Hosted>() };
    if catch_unwind(AssertUnwindSafe(|| action(hosted))).is_err() {
        hosted.shared.poison();
    }
}

unsafe extern "C" fn on_readable(handle: *mut Handle, _status: c_int, _events: c_int) {
    // SAFETY: libuv calls this for our poll handle only.
    unsafe { with_hosted(handle, Hosted::turn) };
}

unsafe extern "C" fn on_idle(handle: *mut Handle) {
    // SAFETY: libuv calls this for our idle handle only.
    unsafe { with_hosted(handle, Hosted::iterate) };
}

unsafe extern "C" fn on_environment_end(_hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    // SAFETY: the `Hosted` that the hook was added for; the hook is removed before it is freed.
    let hosted = unsafe { &*data.cast::<Hosted>() };
    // What was written is tried once more before the descriptors go. A panic has nobody left to be told.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let _ = hosted.shared.flush();
        hosted.close();
    }));
}

unsafe extern "C" fn on_closed(handle: *mut Handle) {
    let Ok(uv) = Uv::find() else { return };
    // SAFETY: an initialised handle.
    let data = unsafe { (uv.get_data)(handle) }.cast::<Hosted>();
    // SAFETY: alive by invariant 2: this is one of the two close callbacks.
    let hosted = unsafe { &*data };
    let kind = if handle == hosted.poll { POLL } else { IDLE };
    free(uv, handle, kind);
    hosted.open.set(hosted.open.get() - 1);
    if hosted.open.get() > 0 {
        return;
    }
    // SAFETY: made by Box::into_raw in `Hosted::new`; this was the last callback that could find it.
    let hosted = unsafe { Box::from_raw(data) };
    let cleanup = hosted.cleanup.get();
    // SAFETY: a reference of an environment that still lives: its end waits for this hook to be removed.
    unsafe { sys::napi_delete_reference(hosted.env, hosted.callback) };
    // SAFETY: as above.
    unsafe { sys::napi_async_destroy(hosted.env, hosted.context) };
    drop(hosted);
    if !cleanup.is_null() {
        // SAFETY: added by `Hosted::new`, removed once, here.
        unsafe { sys::napi_remove_async_cleanup_hook(cleanup) };
    }
}
