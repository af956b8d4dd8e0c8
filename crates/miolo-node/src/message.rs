//! Messages with descriptors beside their bytes.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, IntoRawFd, RawFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketAddrAny, SocketAddrUnix, recvmsg, sendmsg, sendmsg_addr,
};
use socket2::Socket;

use crate::address::{AddressTuple, UNIX_PORT, internet_address, tuple_from_socket, unix_tuple};

/// Descriptors that one message carries at most (Linux's limit).
const MOST_DESCRIPTORS: usize = 253;

/// Descriptors that come are not left to programs that are started later, where the system can see to it.
#[cfg(not(target_vendor = "apple"))]
const CLOSE_ON_EXEC: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(target_vendor = "apple")]
const CLOSE_ON_EXEC: RecvFlags = RecvFlags::empty();

/// What a received message is beside its bytes.
pub struct Received {
    pub count: usize,
    pub flags: i32,
    pub descriptors: Vec<RawFd>,
    pub address: Option<AddressTuple>,
}

/// Sends `bytes` and duplicates of `descriptors`, to `address` if the socket is not connected.
pub fn send(
    socket: &Socket,
    bytes: &[u8],
    descriptors: &[RawFd],
    flags: i32,
    address: Option<AddressTuple>,
) -> io::Result<usize> {
    if descriptors.len() > MOST_DESCRIPTORS || descriptors.iter().any(|fd| *fd < 0) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: not negative by the check above. The system looks the numbers up itself and answers EBADF for those
    // that are closed; nothing of ours uses them as open ones.
    let borrowed = |fd: &RawFd| unsafe { BorrowedFd::borrow_raw(*fd) };
    let descriptors: Vec<BorrowedFd<'_>> = descriptors.iter().map(borrowed).collect();
    let rights = SendAncillaryMessage::ScmRights(&descriptors);
    let mut space = vec![MaybeUninit::uninit(); rights.size()];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(rights) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let flags = SendFlags::from_bits_retain(flags.cast_unsigned());
    let parts = [IoSlice::new(bytes)];
    let count = match address {
        None => sendmsg(socket, &parts, &mut control, flags)?,
        Some((path, UNIX_PORT, ..)) => {
            let address = match path.strip_prefix('\0') {
                #[cfg(any(target_os = "linux", target_os = "android"))]
                Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes())?,
                _ => SocketAddrUnix::new(path.as_str())?,
            };
            sendmsg_addr(socket, &address, &parts, &mut control, flags)?
        }
        Some((host, port, flow, scope)) => {
            let address = internet_address(&host, port, flow, scope);
            let address = address.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
            sendmsg_addr(socket, &address, &parts, &mut control, flags)?
        }
    };
    Ok(count)
}

/// Receives bytes, and up to `most` descriptors, which are the caller's.
pub fn receive(socket: &Socket, buffer: &mut [u8], most: usize, flags: i32) -> io::Result<Received> {
    let most = most.min(MOST_DESCRIPTORS);
    let space_len = if most == 0 { 0 } else { rustix::cmsg_space!(ScmRights(most)) };
    let mut space = vec![MaybeUninit::uninit(); space_len];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::from_bits_retain(flags.cast_unsigned()) | CLOSE_ON_EXEC;
    let message = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags)?;
    let mut descriptors = Vec::new();
    // Linux repeats what was asked for.
    let mut flags = message.flags.bits() & !CLOSE_ON_EXEC.bits();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = part {
            for descriptor in rights {
                if descriptors.len() < most {
                    descriptors.push(descriptor.into_raw_fd());
                } else {
                    // The space is a multiple of the alignment and may hold more; dropped, it is closed.
                    flags |= libc::MSG_CTRUNC.cast_unsigned();
                }
            }
        }
    }
    Ok(Received {
        count: message.bytes,
        flags: flags.cast_signed(),
        descriptors,
        address: message.address.as_ref().and_then(tuple_from_any),
    })
}

/// What an address that rustix found is for JavaScript.
pub fn tuple_from_any(address: &SocketAddrAny) -> Option<AddressTuple> {
    if let Ok(address) = SocketAddr::try_from(address.clone()) {
        return Some(tuple_from_socket(&address));
    }
    let address = SocketAddrUnix::try_from(address.clone()).ok()?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.abstract_name() {
        return Some(unix_tuple(&[b"\0", name].concat()));
    }
    Some(unix_tuple(address.path_bytes().unwrap_or_default()))
}
