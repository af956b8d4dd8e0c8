//! Descriptors by number: what pipe transports need.
//!
//! JavaScript owns these numbers. Calls with one that is closed answer EBADF, as the system does; nothing here keeps
//! a number beyond the call.

use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::Result;
use napi::bindgen_prelude::{Env, Unknown};
use napi_derive::napi;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::bytes;

/// Runs `action` on a descriptor and answers with its count, or the errno as a negative number.
fn with(fd: i32, action: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<usize>) -> i32 {
    if fd < 0 {
        return -libc::EBADF;
    }
    // SAFETY: not negative, and used during this call only, in which no JavaScript runs that could close it. For a
    // number that is closed already the system answers EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    // No panic gets out into JavaScript.
    let outcome = catch_unwind(AssertUnwindSafe(|| action(borrowed)));
    match outcome.unwrap_or(Err(rustix::io::Errno::IO)) {
        Ok(count) => i32::try_from(count).unwrap_or(i32::MAX),
        Err(error) => -error.raw_os_error(),
    }
}

/// Reads into `buffer`. Returns the count, or an errno as a negative number.
#[napi]
pub fn descriptor_read(env: Env, fd: i32, buffer: Unknown<'_>) -> Result<i32> {
    let buffer = bytes::write(env, &buffer)?;
    Ok(with(fd, |fd| rustix::io::read(fd, buffer)))
}

/// Writes `data`. Returns the count, or an errno as a negative number.
#[napi]
pub fn descriptor_write(env: Env, fd: i32, data: Unknown<'_>) -> Result<i32> {
    let data = bytes::read(env, &data)?;
    Ok(with(fd, |fd| rustix::io::write(fd, data)))
}

/// Makes a descriptor non-blocking, for all that share its open file. Returns 0, or an errno as a negative number.
#[napi]
pub fn descriptor_set_nonblocking(fd: i32) -> i32 {
    with(fd, |fd| {
        let flags = fcntl_getfl(fd)?;
        fcntl_setfl(fd, flags | OFlags::NONBLOCK)?;
        Ok(0)
    })
}

/// Closes a descriptor that JavaScript owns. Returns 0, or an errno as a negative number.
#[napi]
pub fn descriptor_close(fd: i32) -> i32 {
    let open = with(fd, |fd| fcntl_getfl(fd).map(|_| 0));
    if open < 0 {
        return open;
    }
    // SAFETY: open by the check above; JavaScript gives its ownership up with this call.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    0
}

/// Sends up to `length` bytes of a file, from `offset` on, to a socket. Returns the count, or an errno as a negative
/// number; ENOSYS where the system has no such call.
#[napi]
pub fn descriptor_sendfile(out: i32, file: i32, offset: f64, length: u32) -> i32 {
    with(out, |out| send_file(out, file, offset, length))
}

#[cfg(target_os = "linux")]
fn send_file(out: BorrowedFd<'_>, file: i32, offset: f64, length: u32) -> rustix::io::Result<usize> {
    if file < 0 {
        return Err(rustix::io::Errno::BADF);
    }
    // SAFETY: not negative, and used during this call only, as above.
    let file = unsafe { BorrowedFd::borrow_raw(file) };
    let mut offset = whole(offset);
    rustix::fs::sendfile(out, file, Some(&mut offset), length as usize)
}

#[cfg(target_os = "macos")]
fn send_file(out: BorrowedFd<'_>, file: i32, offset: f64, length: u32) -> rustix::io::Result<usize> {
    use std::os::fd::AsRawFd;

    // In: how much to send, of which 0 would mean "to the end". Out: how much was sent, also beside an error.
    let mut count = libc::off_t::from(length.max(1));
    let offset = libc::off_t::try_from(whole(offset)).map_err(|_| rustix::io::Errno::INVAL)?;
    // SAFETY: `count` is valid for the call, which keeps no pointer; null means no headers. Both numbers are used
    // during this call only; one that is closed, or negative, is answered with EBADF.
    let status =
        unsafe { libc::sendfile(file, out.as_raw_fd(), offset, &raw mut count, std::ptr::null_mut(), 0) };
    let error = (status != 0).then(std::io::Error::last_os_error);
    sent_beside(error.and_then(|error| error.raw_os_error()), count)
}

/// The outcome of a call that tells an error and a count: bytes that left count more than why no more did, which the
/// next call tells again.
#[cfg(any(target_os = "macos", test))]
fn sent_beside(error: Option<i32>, count: i64) -> rustix::io::Result<usize> {
    match error {
        // Only these two leave a count that is to be believed; with others it may be what was asked for.
        Some(libc::EAGAIN | libc::EINTR) if count > 0 => {}
        Some(errno) => return Err(rustix::io::Errno::from_raw_os_error(errno)),
        None => {}
    }
    usize::try_from(count).map_err(|_| rustix::io::Errno::IO)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn send_file(_out: BorrowedFd<'_>, _file: i32, _offset: f64, _length: u32) -> rustix::io::Result<usize> {
    Err(rustix::io::Errno::NOSYS)
}

/// Sets where a file stands. Returns 0, or an errno as a negative number.
#[napi]
pub fn descriptor_seek(fd: i32, position: f64) -> i32 {
    with(fd, |fd| rustix::fs::seek(fd, rustix::fs::SeekFrom::Start(whole(position))).map(|_| 0))
}

/// A place in a file, which JavaScript has as a whole number below 2^53.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates; the value is whole and >= 0"
)]
const fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::sent_beside;

    #[test]
    fn bytes_that_left_before_the_call_had_to_wait_are_counted() {
        assert_eq!(sent_beside(Some(libc::EAGAIN), 4096), Ok(4096));
        assert_eq!(sent_beside(Some(libc::EINTR), 1), Ok(1));
        assert_eq!(sent_beside(Some(libc::EAGAIN), 0), Err(rustix::io::Errno::AGAIN));
        assert_eq!(sent_beside(Some(libc::EPIPE), 4096), Err(rustix::io::Errno::PIPE));
        assert_eq!(sent_beside(None, 0), Ok(0));
    }
}
