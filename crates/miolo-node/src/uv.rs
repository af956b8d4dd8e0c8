//! The few functions of libuv that the hosted driver needs, looked up at run time.
//!
//! They are never linked: a runtime without libuv (Bun, Deno) must still be able to load the addon, and a
//! symbol that a runtime exports only to abort must not be called (JavaScript decides whether to try).

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem;
use std::sync::OnceLock;

/// An opaque `uv_loop_t`.
pub type Loop = c_void;
/// An opaque handle of any type.
pub type Handle = c_void;
pub type PollCallback = unsafe extern "C" fn(handle: *mut Handle, status: c_int, events: c_int);
pub type HandleCallback = unsafe extern "C" fn(handle: *mut Handle);

/// `UV_READABLE`.
pub const READABLE: c_int = 1;
/// `UV_IDLE` and `UV_POLL` of `uv_handle_type`, whose order is part of libuv's ABI.
pub const IDLE: c_int = 6;
pub const POLL: c_int = 8;

type HandleSize = unsafe extern "C" fn(kind: c_int) -> usize;
type PollInit = unsafe extern "C" fn(*mut Loop, *mut Handle, fd: c_int) -> c_int;
type PollStart = unsafe extern "C" fn(*mut Handle, events: c_int, PollCallback) -> c_int;
type PollStop = unsafe extern "C" fn(*mut Handle) -> c_int;
type IdleInit = unsafe extern "C" fn(*mut Loop, *mut Handle) -> c_int;
type IdleStart = unsafe extern "C" fn(*mut Handle, HandleCallback) -> c_int;
type IdleStop = unsafe extern "C" fn(*mut Handle) -> c_int;
type SetData = unsafe extern "C" fn(*mut Handle, *mut c_void);
type GetData = unsafe extern "C" fn(*const Handle) -> *mut c_void;
type Unref = unsafe extern "C" fn(*mut Handle);
type Close = unsafe extern "C" fn(*mut Handle, HandleCallback);

/// libuv's functions.
#[derive(Debug, Clone, Copy)]
pub struct Uv {
    pub handle_size: HandleSize,
    pub poll_init: PollInit,
    pub poll_start: PollStart,
    pub poll_stop: PollStop,
    pub idle_init: IdleInit,
    pub idle_start: IdleStart,
    pub idle_stop: IdleStop,
    pub set_data: SetData,
    pub get_data: GetData,
    pub unref: Unref,
    pub close: Close,
}

impl Uv {
    /// The functions of the running program, looked up once, or the name of one that is missing.
    pub fn find() -> Result<&'static Self, &'static str> {
        static FOUND: OnceLock<Result<Uv, &'static str>> = OnceLock::new();
        FOUND.get_or_init(Self::look_up).as_ref().map_err(|name| *name)
    }

    fn look_up() -> Result<Self, &'static str> {
        // Each cast gives the symbol the signature that libuv's documentation gives the function of that name.
        Ok(Self {
            // SAFETY: size_t uv_handle_size(uv_handle_type).
            handle_size: unsafe { mem::transmute::<*mut c_void, HandleSize>(symbol(c"uv_handle_size")?) },
            // SAFETY: int uv_poll_init(uv_loop_t*, uv_poll_t*, int).
            poll_init: unsafe { mem::transmute::<*mut c_void, PollInit>(symbol(c"uv_poll_init")?) },
            // SAFETY: int uv_poll_start(uv_poll_t*, int, uv_poll_cb).
            poll_start: unsafe { mem::transmute::<*mut c_void, PollStart>(symbol(c"uv_poll_start")?) },
            // SAFETY: int uv_poll_stop(uv_poll_t*).
            poll_stop: unsafe { mem::transmute::<*mut c_void, PollStop>(symbol(c"uv_poll_stop")?) },
            // SAFETY: int uv_idle_init(uv_loop_t*, uv_idle_t*).
            idle_init: unsafe { mem::transmute::<*mut c_void, IdleInit>(symbol(c"uv_idle_init")?) },
            // SAFETY: int uv_idle_start(uv_idle_t*, uv_idle_cb).
            idle_start: unsafe { mem::transmute::<*mut c_void, IdleStart>(symbol(c"uv_idle_start")?) },
            // SAFETY: int uv_idle_stop(uv_idle_t*).
            idle_stop: unsafe { mem::transmute::<*mut c_void, IdleStop>(symbol(c"uv_idle_stop")?) },
            // SAFETY: void uv_handle_set_data(uv_handle_t*, void*).
            set_data: unsafe { mem::transmute::<*mut c_void, SetData>(symbol(c"uv_handle_set_data")?) },
            // SAFETY: void* uv_handle_get_data(const uv_handle_t*).
            get_data: unsafe { mem::transmute::<*mut c_void, GetData>(symbol(c"uv_handle_get_data")?) },
            // SAFETY: void uv_unref(uv_handle_t*).
            unref: unsafe { mem::transmute::<*mut c_void, Unref>(symbol(c"uv_unref")?) },
            // SAFETY: void uv_close(uv_handle_t*, uv_close_cb).
            close: unsafe { mem::transmute::<*mut c_void, Close>(symbol(c"uv_close")?) },
        })
    }
}

fn symbol(name: &'static CStr) -> Result<*mut c_void, &'static str> {
    let name_pointer: *const c_char = name.as_ptr();
    // SAFETY: a NUL-terminated name; RTLD_DEFAULT needs no handle.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name_pointer) };
    if found.is_null() { Err(name.to_str().unwrap_or("a function of libuv")) } else { Ok(found) }
}
