//! A socket that no loop owns yet.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use napi::{Error, Result, Status};
use napi_derive::napi;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Host, port, flow information, scope.
pub type AddressTuple = (String, u32, u32, u32);

const EBADF: i32 = 9;
const EINVAL: i32 = 22;

/// A socket that no loop owns yet. What can fail returns 0 or an errno as a negative number.
#[napi]
#[derive(Debug)]
pub struct NativeSocket {
    socket: RefCell<Option<Socket>>,
}

#[napi]
impl NativeSocket {
    /// Opens a non-blocking socket; family, type and protocol are the system's numbers.
    #[napi(constructor)]
    pub fn new(family: i32, kind: i32, protocol: i32) -> Result<Self> {
        let protocol = if protocol == 0 { None } else { Some(Protocol::from(protocol)) };
        let socket = Socket::new(Domain::from(family), Type::from(kind), protocol)
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
            .map_err(|error| Error::new(Status::GenericFailure, negative_errno(Err(error)).to_string()))?;
        Ok(Self { socket: RefCell::new(Some(socket)) })
    }

    /// Binds to an address.
    #[napi]
    pub fn bind(&self, host: String, port: u16, flow: u32, scope: u32) -> i32 {
        let Some(address) = address_from(&host, port, flow, scope) else {
            return -EINVAL;
        };
        self.act(|socket| socket.bind(&address))
    }

    /// Begins to listen.
    #[napi]
    pub fn listen(&self, backlog: i32) -> i32 {
        self.act(|socket| socket.listen(backlog))
    }

    /// Shuts down reading (0), writing (1) or both (2).
    #[napi]
    pub fn shutdown(&self, how: u32) -> i32 {
        let how = match how {
            0 => Shutdown::Read,
            1 => Shutdown::Write,
            _ => Shutdown::Both,
        };
        self.act(|socket| socket.shutdown(how))
    }

    /// The descriptor, -1 after `close` or when a loop owns it.
    #[napi]
    pub fn fileno(&self) -> i32 {
        self.socket.borrow().as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    /// The local address.
    #[napi]
    pub fn sockname(&self) -> Option<AddressTuple> {
        self.socket
            .borrow()
            .as_ref()
            .and_then(|socket| socket.local_addr().ok())
            .as_ref()
            .and_then(tuple_from)
    }

    /// The peer's address.
    #[napi]
    pub fn peername(&self) -> Option<AddressTuple> {
        self.socket.borrow().as_ref().and_then(|socket| socket.peer_addr().ok()).as_ref().and_then(tuple_from)
    }

    /// Sets an integer option.
    #[napi]
    pub fn set_option(&self, level: i32, name: i32, value: i32) -> i32 {
        self.act(|socket| option_set(socket, level, name, value))
    }

    /// Reads an integer option into the second place; the first is 0, or a negative errno.
    #[napi]
    pub fn get_option(&self, level: i32, name: i32) -> Vec<i32> {
        let mut value = 0;
        let status = self.act(|socket| {
            value = option_get(socket, level, name)?;
            Ok(())
        });
        vec![status, value]
    }

    /// Closes the descriptor. Closing twice, or what a loop owns, has no effect.
    #[napi]
    pub fn close(&self) {
        self.socket.take();
    }

    /// Gives the descriptor away.
    pub fn take(&self) -> Option<Socket> {
        self.socket.take()
    }

    fn act(&self, action: impl FnOnce(&Socket) -> io::Result<()>) -> i32 {
        self.socket.borrow().as_ref().map_or(-EBADF, |socket| negative_errno(action(socket)))
    }
}

/// 0, or the errno of a failure as a negative number.
pub fn negative_errno(outcome: io::Result<()>) -> i32 {
    outcome.map_or_else(|error| -error.raw_os_error().unwrap_or(EINVAL), |()| 0)
}

/// An address of an IP literal.
pub fn address_from(host: &str, port: u16, flow: u32, scope: u32) -> Option<SockAddr> {
    let address = match host.parse().ok()? {
        IpAddr::V4(ip) => SocketAddr::V4(SocketAddrV4::new(ip, port)),
        IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, flow, scope)),
    };
    Some(address.into())
}

/// Host, port, flow information and scope of an IP address.
pub fn tuple_from(address: &SockAddr) -> Option<AddressTuple> {
    match address.as_socket()? {
        SocketAddr::V4(v4) => Some((text_v4(*v4.ip()), v4.port().into(), 0, 0)),
        SocketAddr::V6(v6) => Some((text_v6(*v6.ip()), v6.port().into(), v6.flowinfo(), v6.scope_id())),
    }
}

fn text_v4(ip: Ipv4Addr) -> String {
    ip.to_string()
}

fn text_v6(ip: Ipv6Addr) -> String {
    ip.to_string()
}

/// Reads an integer option by its numbers.
pub fn option_get(socket: &Socket, level: i32, name: i32) -> io::Result<i32> {
    let fd: BorrowedFd<'_> = socket.as_fd();
    let mut value: libc::c_int = 0;
    let mut len = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: an open descriptor; the out pointers are a local integer and its size.
    let status =
        unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut len) };
    if status == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// Sets an integer option by its numbers.
pub fn option_set(socket: &Socket, level: i32, name: i32, value: i32) -> io::Result<()> {
    let fd: BorrowedFd<'_> = socket.as_fd();
    let value: libc::c_int = value;
    let len = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: an open descriptor; a pointer to a local integer, with its size.
    let status = unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), len) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
