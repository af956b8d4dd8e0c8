//! Socket addresses as they cross the border.

use std::ffi::{CString, OsStr};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;

use socket2::SockAddr;

/// Host, port, flow information, scope. For Unix sockets the path (`""`: unnamed; beginning with NUL: abstract),
/// and -1 for the port.
pub type AddressTuple = (String, i32, u32, u32);

/// The port of a Unix socket's address.
pub const UNIX_PORT: i32 = -1;

/// An address of an IP literal or a path. Nothing for a literal that is none, a port out of range, or a path that
/// is too long.
pub fn address_from(host: &str, port: i32, flow: u32, scope: u32) -> Option<SockAddr> {
    if port == UNIX_PORT {
        return SockAddr::unix(OsStr::new(host)).ok();
    }
    internet_address(host, port, flow, scope).map(SockAddr::from)
}

/// An address of an IP literal, of which an IPv6 one may have a zone.
pub fn internet_address(host: &str, port: i32, flow: u32, scope: u32) -> Option<SocketAddr> {
    let port = u16::try_from(port).ok()?;
    if let Some((literal, zone)) = host.split_once('%') {
        let ip: Ipv6Addr = literal.parse().ok()?;
        return Some(SocketAddrV6::new(ip, port, flow, interface_index(zone)?).into());
    }
    Some(match host.parse().ok()? {
        IpAddr::V4(ip) => SocketAddrV4::new(ip, port).into(),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, flow, scope).into(),
    })
}

/// The number of a network interface, given as such or by its name.
pub fn interface_index(name: &str) -> Option<u32> {
    if let Ok(index) = name.parse() {
        return Some(index);
    }
    let name = CString::new(name).ok()?;
    // SAFETY: a pointer to a string that ends with NUL and lives until the call returns.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// What an address is for JavaScript; nothing for families that are neither IP nor Unix.
pub fn tuple_from(address: &SockAddr) -> Option<AddressTuple> {
    if let Some(address) = address.as_socket() {
        return Some(tuple_from_socket(&address));
    }
    if let Some(path) = address.as_pathname() {
        return Some(unix_tuple(path.as_os_str().as_bytes()));
    }
    if let Some(name) = address.as_abstract_namespace() {
        return Some(unix_tuple(&[b"\0", name].concat()));
    }
    address.is_unix().then(|| unix_tuple(b""))
}

/// What an IP address is for JavaScript.
pub fn tuple_from_socket(address: &SocketAddr) -> AddressTuple {
    match address {
        SocketAddr::V4(v4) => (v4.ip().to_string(), v4.port().into(), 0, 0),
        SocketAddr::V6(v6) => (v6.ip().to_string(), v6.port().into(), v6.flowinfo(), v6.scope_id()),
    }
}

/// What a Unix socket's address is for JavaScript.
pub fn unix_tuple(path: &[u8]) -> AddressTuple {
    (String::from_utf8_lossy(path).into_owned(), UNIX_PORT, 0, 0)
}
