use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

use socket2::{SockAddr, SockAddrStorage};

use crate::header::{self, Header};

/// A datagram that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its bytes that there was memory for: the first part was filled first.
    pub len: usize,
    /// Whether it had more.
    pub cut: bool,
    /// The sender's address. Its length is 0 for a Unix socket without a name.
    pub from: SockAddr,
}

/// What several datagrams are received with.
pub struct Receiver {
    headers: Box<[Header]>,
    parts: Box<[[libc::iovec; 2]]>,
    names: Box<[SockAddrStorage]>,
    /// What the last call received.
    count: usize,
}

// SAFETY: by invariant 1 of the crate the pointers mean nothing between calls, and a call has the value to itself.
unsafe impl Send for Receiver {}
// SAFETY: shared borrows reach the lengths and names only.
unsafe impl Sync for Receiver {}

impl fmt::Debug for Receiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Receiver").field("most", &self.headers.len()).finish_non_exhaustive()
    }
}

impl Receiver {
    /// For up to `most` datagrams a call.
    pub fn new(most: usize) -> Self {
        let nowhere = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        Self {
            headers: header::headers(most),
            parts: vec![[nowhere; 2]; most].into_boxed_slice(),
            names: (0..most).map(|_| SockAddrStorage::zeroed()).collect(),
            count: 0,
        }
    }

    /// Receives without waiting. `slots` is the memory of each datagram, in two parts of which the second is used
    /// when the first is full; what is beyond the number of datagrams a call is left alone.
    ///
    /// Returns how many datagrams came. On Linux, fewer than there were slots: the system found nothing more, or
    /// an error, which it keeps for the next call.
    ///
    /// # Errors
    ///
    /// What the operating system reports: `WouldBlock` if nothing is there.
    pub fn receive<'a>(
        &mut self,
        fd: BorrowedFd<'_>,
        slots: impl Iterator<Item = [&'a mut [u8]; 2]>,
    ) -> io::Result<usize> {
        self.count = 0;
        let mut offered = 0;
        let places = self.headers.iter_mut().zip(&mut self.parts).zip(&mut self.names);
        for (((header, parts), name), slot) in places.zip(slots) {
            *parts = slot.map(|part| libc::iovec { iov_base: part.as_mut_ptr().cast(), iov_len: part.len() });
            let message = &mut header.msg_hdr;
            message.msg_name = (&raw mut *name).cast();
            message.msg_namelen = name.size_of();
            message.msg_iov = parts.as_mut_ptr();
            message.msg_iovlen = if parts[1].iov_len == 0 { 1 } else { 2 };
            // Descriptors that come along are closed by the system, for want of a place.
            message.msg_control = std::ptr::null_mut();
            message.msg_controllen = 0;
            message.msg_flags = 0;
            offered += 1;
        }
        // SAFETY: the first `offered` headers were just filled: parts from exclusive borrows of slots that last for
        // `'a`, hence beyond this call, which do not overlap since they are exclusive; names and parts of our own,
        // which do not move (invariant 2), of the lengths that are told.
        self.count = unsafe { header::receive(fd, &mut self.headers[..offered]) }?;
        Ok(self.count)
    }

    /// A datagram of the last call's.
    ///
    /// # Panics
    ///
    /// If `index` is not below the number that it returned.
    pub fn received(&self, index: usize) -> Received {
        assert!(index < self.count, "no such datagram");
        let Header { msg_hdr, msg_len } = &self.headers[index];
        let name = &self.names[index];
        let namelen = msg_hdr.msg_namelen.min(name.size_of());
        let mut storage = SockAddrStorage::zeroed();
        // SAFETY: both are storages of addresses, as large as `namelen` at least, and do not overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(
                (&raw const *name).cast::<u8>(),
                (&raw mut storage).cast::<u8>(),
                namelen as usize,
            );
        }
        // SAFETY: the system's own address and length (nothing but zeros for a length of 0).
        let from = unsafe { SockAddr::new(storage, namelen) };
        Received { len: *msg_len as usize, cut: msg_hdr.msg_flags & libc::MSG_TRUNC != 0, from }
    }
}
