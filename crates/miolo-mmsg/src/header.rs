//! The headers of messages, as the system wants them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A message and its length.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub type Header = libc::mmsghdr;

/// A message and its length.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations)]
pub struct Header {
    pub msg_hdr: libc::msghdr,
    pub msg_len: libc::c_uint,
}

/// Headers that name nothing.
pub fn headers(count: usize) -> Box<[Header]> {
    // SAFETY: integers and pointers, of which zeros are valid: no message, no name, no parts. (Some systems' headers
    // have private padding, so that they cannot be written out.)
    let empty: Header = unsafe { std::mem::zeroed() };
    vec![empty; count].into_boxed_slice()
}

/// Receives into `headers`, without waiting. Returns how many messages came.
///
/// # Safety
///
/// Each header's name and parts are valid for writing their lengths, until the call returns.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub unsafe fn receive(fd: BorrowedFd<'_>, headers: &mut [Header]) -> io::Result<usize> {
    let count = saturate(headers.len());
    // The type of flags differs between C libraries.
    let flags = libc::MSG_DONTWAIT as _;
    // SAFETY: `count` headers at the slice's start, valid by the contract.
    let got =
        unsafe { libc::recvmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count, flags, std::ptr::null_mut()) };
    counted(got as isize)
}

/// Sends `headers`, without waiting. Returns how many messages the system took.
///
/// # Safety
///
/// Each header's name and parts are valid for reading their lengths, until the call returns.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub unsafe fn send(fd: BorrowedFd<'_>, headers: &mut [Header]) -> io::Result<usize> {
    let count = saturate(headers.len());
    let flags = (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _;
    // SAFETY: `count` headers at the slice's start, valid by the contract.
    let taken = unsafe { libc::sendmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count, flags) };
    counted(taken as isize)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn saturate(count: usize) -> libc::c_uint {
    libc::c_uint::try_from(count).unwrap_or(libc::c_uint::MAX)
}

/// Receives into the first of `headers`, without waiting. Returns 1.
///
/// # Safety
///
/// The header's name and parts are valid for writing their lengths, until the call returns.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub unsafe fn receive(fd: BorrowedFd<'_>, headers: &mut [Header]) -> io::Result<usize> {
    let Some(header) = headers.first_mut() else { return Ok(0) };
    // SAFETY: a valid header by the contract.
    let len = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header.msg_hdr, libc::MSG_DONTWAIT) };
    header.msg_len = libc::c_uint::try_from(counted(len)?).unwrap_or(libc::c_uint::MAX);
    Ok(1)
}

/// Sends the first of `headers`, without waiting. Returns 1.
///
/// # Safety
///
/// The header's name and parts are valid for reading their lengths, until the call returns.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub unsafe fn send(fd: BorrowedFd<'_>, headers: &mut [Header]) -> io::Result<usize> {
    let Some(header) = headers.first_mut() else { return Ok(0) };
    // SAFETY: a valid header by the contract.
    counted(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const header.msg_hdr, libc::MSG_DONTWAIT) })?;
    Ok(1)
}

fn counted(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
