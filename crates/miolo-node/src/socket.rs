//! Sockets of the user's, and views of those that a reactor has.
//!
//! # Invariants
//!
//! 1. A descriptor has one owner: an `Own` place, or a reactor. A view asks the reactor by token at each use, so that
//!    it never acts on a number that was closed and used again.
//! 2. Every socket is non-blocking.

use std::cell::RefCell;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use miolo::Token;
use napi::Result;
use napi::bindgen_prelude::{Either, Env, Unknown};
use napi_derive::napi;
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::net::RecvFlags;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::address::{AddressTuple, address_from, interface_index, tuple_from};
use crate::core::Shared;
use crate::{bytes, message, options};

/// What a send never does is raise SIGPIPE: a library cannot count on its being ignored. Elsewhere sockets have
/// SO_NOSIGPIPE.
#[cfg(any(target_os = "linux", target_os = "android"))]
const ALWAYS: i32 = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const ALWAYS: i32 = 0;

enum Place {
    Own(Socket),
    View(Rc<Shared>, Token),
    Closed,
}

/// A socket. Methods return 0, a count, or an errno as a negative number.
#[napi]
pub struct NativeSocket {
    place: RefCell<Place>,
    /// The peer's address when the socket was accepted, which the system forgets when the peer is gone.
    accepted_from: RefCell<Option<AddressTuple>>,
    /// The sender of the datagram that was received last.
    sender: RefCell<Option<AddressTuple>>,
}

/// What `receiveMessage` found.
#[napi(object)]
pub struct NativeMessage {
    /// Bytes, or an errno as a negative number.
    pub count: i32,
    /// Of the system: MSG_TRUNC, MSG_CTRUNC, ...
    pub flags: i32,
    /// They are the caller's.
    pub descriptors: Vec<i32>,
    /// The sender's.
    pub address: Option<AddressTuple>,
}

/// Opens a socket; family, type and protocol are the system's numbers. Or an errno as a negative number.
#[napi]
pub fn open_socket(family: i32, kind: i32, protocol: i32) -> Either<NativeSocket, i32> {
    let protocol = if protocol == 0 { None } else { Some(Protocol::from(protocol)) };
    either(Socket::new(Domain::from(family), Type::from(kind), protocol).and_then(NativeSocket::own))
}

/// Opens two sockets that are connected with each other. Or an errno as a negative number.
#[napi]
pub fn open_socket_pair(family: i32, kind: i32, protocol: i32) -> Either<Vec<NativeSocket>, i32> {
    let protocol = if protocol == 0 { None } else { Some(Protocol::from(protocol)) };
    let pair = Socket::pair(Domain::from(family), Type::from(kind), protocol)
        .and_then(|(one, other)| Ok(vec![NativeSocket::own(one)?, NativeSocket::own(other)?]));
    match pair {
        Ok(sockets) => Either::A(sockets),
        Err(error) => Either::B(negative(&error)),
    }
}

/// Takes a descriptor of a socket over. Or an errno as a negative number; the descriptor is the caller's then.
#[napi]
pub fn take_descriptor(fd: i32) -> Either<NativeSocket, i32> {
    if fd < 0 {
        return Either::B(-libc::EBADF);
    }
    // SAFETY: not negative. The system answers EBADF or ENOTSOCK below if it is no open socket's.
    let probe = unsafe { BorrowedFd::borrow_raw(fd) };
    if let Err(error) = rustix::net::sockopt::socket_type(probe) {
        return Either::B(-error.raw_os_error());
    }
    // SAFETY: an open socket's, by the probe; JavaScript gives it away with this call, so that this is the only
    // owner.
    either(NativeSocket::own(unsafe { Socket::from_raw_fd(fd) }))
}

#[napi]
impl NativeSocket {
    fn own(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self::at(Place::Own(socket)))
    }

    fn at(place: Place) -> Self {
        Self { place: RefCell::new(place), accepted_from: RefCell::default(), sender: RefCell::default() }
    }

    /// Opens a socket in this object, whose own one is closed or given away. Returns 0, or an errno as a negative
    /// number. While a loop blocks the runtime frees no object, so that those that could be used again are.
    #[napi]
    pub fn reopen(&self, family: i32, kind: i32, protocol: i32) -> i32 {
        let protocol = if protocol == 0 { None } else { Some(Protocol::from(protocol)) };
        let opened = Socket::new(Domain::from(family), Type::from(kind), protocol)
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
        match opened {
            Ok(socket) => {
                self.place.replace(Place::Own(socket));
                self.accepted_from.take();
                self.sender.take();
                0
            }
            Err(error) => negative(&error),
        }
    }

    /// A view of a socket that a reactor has.
    pub fn view(shared: Rc<Shared>, token: Token) -> Self {
        Self::at(Place::View(shared, token))
    }

    /// Binds to an address.
    #[napi]
    pub fn bind(&self, host: String, port: i32, flow: u32, scope: u32) -> i32 {
        let Some(address) = address_from(&host, port, flow, scope) else {
            return -libc::EINVAL;
        };
        self.act(|socket| socket.bind(&address))
    }

    /// Begins to listen.
    #[napi]
    pub fn listen(&self, backlog: i32) -> i32 {
        self.act(|socket| socket.listen(backlog))
    }

    /// Connects, or begins to (EINPROGRESS).
    #[napi]
    pub fn connect(&self, host: String, port: i32, flow: u32, scope: u32) -> i32 {
        let Some(address) = address_from(&host, port, flow, scope) else {
            return -libc::EINVAL;
        };
        self.act(|socket| socket.connect(&address))
    }

    /// Accepts a connection; `peername` of what it returns is known even if the peer is gone.
    #[napi]
    pub fn accept(&self) -> Either<NativeSocket, i32> {
        either(self.with(|socket| {
            let (socket, peer) = socket.accept()?;
            let accepted = Self::own(socket)?;
            *accepted.accepted_from.borrow_mut() = tuple_from(&peer);
            Ok(accepted)
        }))
    }

    /// Receives into `buffer`.
    #[napi]
    pub fn receive(&self, env: Env, buffer: Unknown<'_>, flags: i32) -> Result<i32> {
        let buffer = bytes::write(env, &buffer)?;
        let flags = RecvFlags::from_bits_retain(flags.cast_unsigned());
        Ok(count(self.with(|socket| {
            let (count, _) = rustix::net::recv(socket, buffer, flags)?;
            Ok(count)
        })))
    }

    /// Receives into `buffer`; `sender` tells from whom.
    #[napi]
    pub fn receive_from(&self, env: Env, buffer: Unknown<'_>, flags: i32) -> Result<i32> {
        let buffer = bytes::write(env, &buffer)?;
        let flags = RecvFlags::from_bits_retain(flags.cast_unsigned());
        Ok(count(self.with(|socket| {
            let (count, _, address) = rustix::net::recvfrom(socket, buffer, flags)?;
            *self.sender.borrow_mut() = address.as_ref().and_then(message::tuple_from_any);
            Ok(count)
        })))
    }

    /// The sender of what `receiveFrom` received last.
    #[napi]
    pub fn sender(&self) -> Option<AddressTuple> {
        self.sender.borrow_mut().take()
    }

    /// Receives into `buffer`, and up to `most` descriptors.
    #[napi]
    pub fn receive_message(
        &self,
        env: Env,
        buffer: Unknown<'_>,
        most: u32,
        flags: i32,
    ) -> Result<NativeMessage> {
        let buffer = bytes::write(env, &buffer)?;
        let received = self.with(|socket| message::receive(socket, buffer, most as usize, flags));
        Ok(match received {
            Ok(received) => NativeMessage {
                count: count(Ok(received.count)),
                flags: received.flags,
                descriptors: received.descriptors,
                address: received.address,
            },
            Err(error) => {
                NativeMessage { count: negative(&error), flags: 0, descriptors: Vec::new(), address: None }
            }
        })
    }

    /// Sends what the system takes of `data`.
    #[napi]
    pub fn send(&self, env: Env, data: Unknown<'_>, flags: i32) -> Result<i32> {
        let data = bytes::read(env, &data)?;
        Ok(count(self.with(|socket| socket.send_with_flags(data, flags | ALWAYS))))
    }

    /// Sends to an address.
    #[napi]
    pub fn send_to(&self, env: Env, data: Unknown<'_>, flags: i32, address: AddressTuple) -> Result<i32> {
        let data = bytes::read(env, &data)?;
        let (host, port, flow, scope) = address;
        let Some(address) = address_from(&host, port, flow, scope) else {
            return Ok(-libc::EINVAL);
        };
        Ok(count(self.with(|socket| socket.send_to_with_flags(data, &address, flags | ALWAYS))))
    }

    /// Sends bytes and duplicates of descriptors.
    #[napi]
    pub fn send_message(
        &self,
        env: Env,
        data: Unknown<'_>,
        descriptors: Vec<i32>,
        flags: i32,
        address: Option<AddressTuple>,
    ) -> Result<i32> {
        let data = bytes::read(env, &data)?;
        Ok(count(self.with(|socket| message::send(socket, data, &descriptors, flags | ALWAYS, address))))
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

    /// The descriptor, -1 when it is closed.
    #[napi]
    pub fn fileno(&self) -> i32 {
        self.with(|socket| Ok(socket.as_raw_fd())).unwrap_or(-1)
    }

    /// The local address.
    #[napi]
    pub fn sockname(&self) -> Option<AddressTuple> {
        tuple_from(&self.with(Socket::local_addr).ok()?)
    }

    /// The peer's address.
    #[napi]
    pub fn peername(&self) -> Option<AddressTuple> {
        let known = self.accepted_from.borrow().clone();
        known.or_else(|| tuple_from(&self.with(Socket::peer_addr).ok()?))
    }

    /// Family, type and protocol, as far as the system tells; or the errno as a negative number, alone.
    #[napi]
    pub fn kind(&self) -> Vec<i32> {
        self.with(|socket| {
            let family = i32::from(socket.local_addr()?.family());
            let kind = i32::from(socket.r#type()?);
            #[cfg(any(target_os = "linux", target_os = "android"))]
            let protocol = options::get(socket, libc::SOL_SOCKET, libc::SO_PROTOCOL)?;
            // Other systems do not tell.
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            let protocol = 0;
            Ok(vec![family, kind, protocol])
        })
        .unwrap_or_else(|error| vec![negative(&error)])
    }

    /// Another descriptor of the same socket.
    #[napi]
    pub fn duplicate(&self) -> Either<NativeSocket, i32> {
        either(self.with(Socket::try_clone).and_then(Self::own))
    }

    /// Whether programs that are started get the descriptor (1 or 0), or an errno as a negative number.
    #[napi]
    pub fn inheritable(&self) -> i32 {
        count(self.with(|socket| Ok(usize::from(!fcntl_getfd(socket)?.contains(FdFlags::CLOEXEC)))))
    }

    /// Says whether programs that are started get the descriptor.
    #[napi]
    pub fn set_inheritable(&self, on: bool) -> i32 {
        self.act(|socket| {
            let mut flags = fcntl_getfd(socket)?;
            flags.set(FdFlags::CLOEXEC, !on);
            Ok(fcntl_setfd(socket, flags)?)
        })
    }

    /// Sets an integer option.
    #[napi]
    pub fn set_option(&self, level: i32, name: i32, value: i32) -> i32 {
        self.act(|socket| options::set(socket, level, name, value))
    }

    /// Sets an option of bytes.
    #[napi]
    pub fn set_option_bytes(&self, env: Env, level: i32, name: i32, value: Unknown<'_>) -> Result<i32> {
        let value = bytes::read(env, &value)?;
        Ok(self.act(|socket| options::set_bytes(socket, level, name, value)))
    }

    /// Reads an integer option into the second place; the first is 0, or a negative errno.
    #[napi]
    pub fn get_option(&self, level: i32, name: i32) -> Vec<i32> {
        match self.with(|socket| options::get(socket, level, name)) {
            Ok(value) => vec![0, value],
            Err(error) => vec![negative(&error), 0],
        }
    }

    /// Reads an option of up to `len` bytes. Or an errno as a negative number.
    #[napi]
    pub fn get_option_bytes(&self, level: i32, name: i32, len: u32) -> Either<Vec<u32>, i32> {
        match self.with(|socket| options::get_bytes(socket, level, name, len as usize)) {
            Ok(value) => Either::A(value.into_iter().map(u32::from).collect()),
            Err(error) => Either::B(negative(&error)),
        }
    }

    /// Joins a multicast group, or leaves it. The interface is a number, a name, an IPv4 address, or empty for the
    /// system's choice.
    #[napi]
    pub fn multicast(&self, group: String, interface: String, join: bool) -> i32 {
        if let Ok(group) = group.parse() {
            let interface = match interface.parse() {
                Ok(address) => InterfaceIndexOrAddress::Address(address),
                Err(_) if interface.is_empty() => InterfaceIndexOrAddress::Index(0),
                Err(_) => match interface_index(&interface) {
                    Some(index) => InterfaceIndexOrAddress::Index(index),
                    None => return -libc::ENODEV,
                },
            };
            return self.act(|socket| {
                if join {
                    socket.join_multicast_v4_n(&group, &interface)
                } else {
                    socket.leave_multicast_v4_n(&group, &interface)
                }
            });
        }
        let Ok(group) = group.parse() else {
            return -libc::EINVAL;
        };
        let index = if interface.is_empty() { Some(0) } else { interface_index(&interface) };
        let Some(index) = index else {
            return -libc::ENODEV;
        };
        self.act(|socket| {
            if join {
                socket.join_multicast_v6(&group, index)
            } else {
                socket.leave_multicast_v6(&group, index)
            }
        })
    }

    /// Closes the descriptor, if it is this object's. Closing twice has no effect.
    #[napi]
    pub fn close(&self) {
        *self.place.borrow_mut() = Place::Closed;
    }

    /// Gives the descriptor away, as a number: whoever gets it closes it. -1 if it is not this object's.
    #[napi]
    pub fn detach(&self) -> i32 {
        self.take().map_or(-1, IntoRawFd::into_raw_fd)
    }

    /// Gives the descriptor away.
    pub fn take(&self) -> Option<Socket> {
        let mut place = self.place.borrow_mut();
        match std::mem::replace(&mut *place, Place::Closed) {
            Place::Own(socket) => Some(socket),
            other => {
                *place = other;
                None
            }
        }
    }

    /// Runs `action` on the socket, letting no panic out into JavaScript: after one the socket is closed.
    fn with<T>(&self, action: impl FnOnce(&Socket) -> io::Result<T>) -> io::Result<T> {
        catch_unwind(AssertUnwindSafe(|| self.find(action))).unwrap_or_else(|_| {
            self.close();
            Err(io::Error::from_raw_os_error(libc::EIO))
        })
    }

    fn find<T>(&self, action: impl FnOnce(&Socket) -> io::Result<T>) -> io::Result<T> {
        let closed = || Err(io::Error::from_raw_os_error(libc::EBADF));
        match &*self.place.borrow() {
            Place::Own(socket) => action(socket),
            Place::View(shared, token) => {
                let outcome = shared.with(|inner| Ok(inner.reactor.socket(*token).map(|it| action(&it))));
                // A core that is closed has no sockets.
                outcome.ok().flatten().unwrap_or_else(closed)
            }
            Place::Closed => closed(),
        }
    }

    fn act(&self, action: impl FnOnce(&Socket) -> io::Result<()>) -> i32 {
        self.with(action).map_or_else(|error| negative(&error), |()| 0)
    }
}

fn either(outcome: io::Result<NativeSocket>) -> Either<NativeSocket, i32> {
    match outcome {
        Ok(socket) => Either::A(socket),
        Err(error) => Either::B(negative(&error)),
    }
}

/// The errno of a failure, as a negative number.
pub fn negative(error: &io::Error) -> i32 {
    -error.raw_os_error().unwrap_or(libc::EINVAL)
}

fn count(outcome: io::Result<usize>) -> i32 {
    outcome.map_or_else(|error| negative(&error), |count| i32::try_from(count).unwrap_or(i32::MAX))
}
