//! Socket options by their numbers.

use std::io;
use std::os::fd::AsRawFd;

use socket2::Socket;

/// Bytes that an option has at most.
const LONGEST: usize = 1024;

/// Reads an integer option.
pub fn get(socket: &Socket, level: i32, name: i32) -> io::Result<i32> {
    let mut value: libc::c_int = 0;
    let mut len = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: an open descriptor; the out pointers are a local integer and its size.
    let status =
        unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut len) };
    if status == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// Reads an option of up to `len` bytes.
pub fn get_bytes(socket: &Socket, level: i32, name: i32, len: usize) -> io::Result<Vec<u8>> {
    let mut value = vec![0_u8; len.min(LONGEST)];
    let mut len = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    // SAFETY: an open descriptor; a pointer to `len` bytes, and to the local that says so.
    let status =
        unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut len) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    value.truncate(usize::try_from(len).unwrap_or(0));
    Ok(value)
}

/// Sets an integer option.
pub fn set(socket: &Socket, level: i32, name: i32, value: i32) -> io::Result<()> {
    set_bytes(socket, level, name, &value.to_ne_bytes())
}

/// Sets an option of bytes.
pub fn set_bytes(socket: &Socket, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    let len = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    // SAFETY: an open descriptor; a pointer to `len` bytes, which the system copies.
    let status = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.as_ptr().cast(), len) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
