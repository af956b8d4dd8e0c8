//! Errors that JavaScript threw into native code which nobody called.

use std::ptr;

use napi::sys;

/// Gives what JavaScript threw to the process's `uncaughtException`: nobody is left to catch it.
///
/// # Safety
///
/// Called on the thread of `env` with a handle scope open, after a call that left an exception pending.
pub unsafe fn report(env: sys::napi_env) {
    let mut error = ptr::null_mut();
    // SAFETY: a live environment by the contract; the out pointer is a local.
    let status = unsafe { sys::napi_get_and_clear_last_exception(env, &raw mut error) };
    if status == sys::Status::napi_ok {
        // SAFETY: a value of the open scope. Fails when the environment ends, where nobody can be told.
        let _ = unsafe { sys::napi_fatal_exception(env, error) };
    }
}
