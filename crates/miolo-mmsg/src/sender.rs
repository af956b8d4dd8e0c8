use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

use socket2::SockAddr;

use crate::header::{self, Header};

/// A datagram to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// What it says; may be empty.
    pub bytes: &'a [u8],
    /// Where to; nothing on a connected socket.
    pub to: Option<&'a SockAddr>,
}

/// What several datagrams are sent with.
pub struct Sender {
    headers: Box<[Header]>,
    parts: Box<[libc::iovec]>,
}

// SAFETY: by invariant 1 of the crate the pointers mean nothing between calls, and a call has the value to itself.
unsafe impl Send for Sender {}
// SAFETY: shared borrows reach nothing.
unsafe impl Sync for Sender {}

impl fmt::Debug for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sender").field("most", &self.headers.len()).finish_non_exhaustive()
    }
}

impl Sender {
    /// For up to `most` datagrams a call.
    pub fn new(most: usize) -> Self {
        let nowhere = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        Self { headers: header::headers(most), parts: vec![nowhere; most].into_boxed_slice() }
    }

    /// Sends without waiting, in order. What is beyond the number of datagrams a call is left alone.
    ///
    /// Returns how many the system took. If fewer than there were, the next one failed: sending it again tells why,
    /// unless the error was one that the socket had pending, which is lost.
    ///
    /// # Errors
    ///
    /// What the operating system reports of the first one.
    pub fn send(&mut self, fd: BorrowedFd<'_>, messages: &[Message<'_>]) -> io::Result<usize> {
        let mut offered = 0;
        for ((header, part), message) in self.headers.iter_mut().zip(&mut self.parts).zip(messages) {
            // The system only reads, whatever its types say.
            *part = libc::iovec {
                iov_base: message.bytes.as_ptr().cast_mut().cast(),
                iov_len: message.bytes.len(),
            };
            let target = &mut header.msg_hdr;
            (target.msg_name, target.msg_namelen) = match message.to {
                None => (std::ptr::null_mut(), 0),
                Some(address) => (address.as_ptr().cast_mut().cast(), address.len()),
            };
            target.msg_iov = part;
            target.msg_iovlen = 1;
            target.msg_control = std::ptr::null_mut();
            target.msg_controllen = 0;
            target.msg_flags = 0;
            offered += 1;
        }
        // SAFETY: the first `offered` headers were just filled: bytes and addresses from borrows that outlive this
        // call, parts of our own, which do not move (invariant 2).
        unsafe { header::send(fd, &mut self.headers[..offered]) }
    }
}
