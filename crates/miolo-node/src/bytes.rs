//! Byte arrays of JavaScript, for the length of one call.

use std::ptr;

use napi::bindgen_prelude::{Env, Unknown};
use napi::{JsValue, Result, sys};

use crate::pin::check;

/// Where the bytes of a typed array are. None for an empty or a detached one.
fn place(env: Env, value: &Unknown<'_>, what: &'static str) -> Result<(*mut u8, usize)> {
    let (mut start, mut len) = (ptr::null_mut(), 0);
    // SAFETY: values of the call under way; the out pointers are locals.
    let status = unsafe { sys::napi_get_buffer_info(env.raw(), value.raw(), &raw mut start, &raw mut len) };
    check(status, what)?;
    Ok(if start.is_null() { (ptr::NonNull::dangling().as_ptr(), 0) } else { (start.cast(), len) })
}

/// The bytes of a `Uint8Array`, to be read before the call returns.
pub fn read<'a>(env: Env, value: &'a Unknown<'_>) -> Result<&'a [u8]> {
    let (start, len) = place(env, value, "data must be a Uint8Array")?;
    // SAFETY: Node-API just gave address and length; the value is held by the call's scope, which outlives the
    // borrow, and no JavaScript runs meanwhile that could detach or change it. JavaScript refuses shared memory.
    Ok(unsafe { std::slice::from_raw_parts(start, len) })
}

/// The bytes of a `Uint8Array`, to be written before the call returns.
///
/// The callers write to one array at a time: no two slices of the same memory are alive.
#[expect(clippy::mut_from_ref, reason = "the memory is JavaScript's, not that of the value")]
pub fn write<'a>(env: Env, value: &'a Unknown<'_>) -> Result<&'a mut [u8]> {
    let (start, len) = place(env, value, "buffer must be a Uint8Array")?;
    // SAFETY: as in `read`; JavaScript's memory is initialised, and nobody else has a slice of it (see above).
    Ok(unsafe { std::slice::from_raw_parts_mut(start, len) })
}
