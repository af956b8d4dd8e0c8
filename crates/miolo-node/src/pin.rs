//! Typed arrays of JavaScript, held in place.

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use napi::{Error, Result, Status, sys};

use crate::ring::Memory;

/// A strong reference to a typed array's `ArrayBuffer`, which keeps its memory where it is.
#[derive(Debug)]
pub struct Pin {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl Pin {
    /// Pins `value`, a typed array with elements of the size of `T`, and says where its elements are.
    ///
    /// # Safety
    ///
    /// `env` and `value` belong to the call of JavaScript under way. The caller keeps the returned [`Pin`] for
    /// as long as it uses the memory, and JavaScript neither detaches nor resizes the buffer in that time.
    pub unsafe fn new<T: Copy>(env: sys::napi_env, value: sys::napi_value) -> Result<(Self, Memory<T>)> {
        let mut is_typed = false;
        // SAFETY: `env` and `value` are live by the contract; the out pointer is a local.
        check(unsafe { sys::napi_is_typedarray(env, value, &raw mut is_typed) }, "typed array")?;
        if !is_typed {
            return Err(Error::new(Status::InvalidArg, "a typed array is needed"));
        }
        let (mut kind, mut len, mut data, mut buffer, mut offset) =
            (0, 0, ptr::null_mut::<c_void>(), ptr::null_mut(), 0);
        // SAFETY: `value` is a typed array; the out pointers are locals.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                env,
                value,
                &raw mut kind,
                &raw mut len,
                &raw mut data,
                &raw mut buffer,
                &raw mut offset,
            )
        };
        check(status, "typed array")?;
        let expected = match size_of::<T>() {
            1 => sys::TypedarrayType::uint8_array,
            _ => sys::TypedarrayType::int32_array,
        };
        let start = NonNull::new(data.cast::<T>()).filter(|_| kind == expected);
        let Some(start) = start else {
            return Err(Error::new(Status::InvalidArg, "a typed array of another type, or an empty one"));
        };
        let mut reference = ptr::null_mut();
        // SAFETY: `buffer` was just given for this call; the out pointer is a local.
        check(unsafe { sys::napi_create_reference(env, buffer, 1, &raw mut reference) }, "reference")?;
        // SAFETY: `len` elements at `start`, aligned by the kind of the array, initialised as every ArrayBuffer;
        // pinned by the reference and left alone by the contract of this function.
        let memory = unsafe { Memory::new(start, len) };
        Ok((Self { env, reference }, memory))
    }

    /// Lets the buffer go. Called on the JavaScript thread while the environment lives; without it the
    /// environment frees the reference when it ends.
    pub fn release(self) {
        // SAFETY: the reference was made for this environment and is used no more. A failure (the environment
        // is ending) leaves it to the environment.
        let _ = unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

/// Turns a status of Node-API into a result.
pub fn check(status: sys::napi_status, what: &'static str) -> Result<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(Error::new(Status::from(status), what)) }
}
