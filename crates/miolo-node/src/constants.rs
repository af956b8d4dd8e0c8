//! The platform's numbers of the socket interface, for JavaScript.

use std::collections::HashMap;

use napi_derive::napi;

/// Makes the table of constants that every platform of ours has, by their own names.
macro_rules! table {
    ($($name:ident)*) => { [$((stringify!($name), i64::from(libc::$name))),*] };
}

/// The platform's numbers by name. What the platform has not is absent.
#[napi]
pub fn socket_constants() -> HashMap<String, i64> {
    let common = table! {
        AF_UNSPEC AF_UNIX AF_INET AF_INET6
        SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_SEQPACKET
        IPPROTO_IP IPPROTO_ICMP IPPROTO_TCP IPPROTO_UDP IPPROTO_IPV6 IPPROTO_ICMPV6
        SOL_SOCKET SO_TYPE SO_ERROR SO_REUSEADDR SO_REUSEPORT SO_KEEPALIVE SO_BROADCAST SO_LINGER SO_OOBINLINE
        SO_SNDBUF SO_RCVBUF SO_SNDLOWAT SO_RCVLOWAT
        TCP_NODELAY TCP_MAXSEG TCP_KEEPINTVL TCP_KEEPCNT
        IP_TOS IP_TTL IP_MULTICAST_IF IP_MULTICAST_TTL IP_MULTICAST_LOOP
        IPV6_V6ONLY IPV6_UNICAST_HOPS IPV6_MULTICAST_IF IPV6_MULTICAST_HOPS IPV6_MULTICAST_LOOP
        MSG_OOB MSG_PEEK MSG_DONTROUTE MSG_CTRUNC MSG_TRUNC MSG_DONTWAIT MSG_EOR MSG_WAITALL
        SHUT_RD SHUT_WR SHUT_RDWR SOMAXCONN
        AI_PASSIVE AI_CANONNAME AI_NUMERICHOST AI_NUMERICSERV AI_ADDRCONFIG AI_V4MAPPED AI_ALL
        NI_NUMERICHOST NI_NUMERICSERV NI_NOFQDN NI_NAMEREQD NI_DGRAM
    };
    let mut all: HashMap<String, i64> =
        common.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let own = table! { TCP_KEEPIDLE TCP_USER_TIMEOUT TCP_QUICKACK TCP_CORK TCP_DEFER_ACCEPT SO_BINDTODEVICE SO_DOMAIN SO_PROTOCOL SO_PEERCRED MSG_NOSIGNAL };
    #[cfg(target_vendor = "apple")]
    // What Linux calls the idle time is the keepalive's whole time here.
    let own = [("TCP_KEEPIDLE", i64::from(libc::TCP_KEEPALIVE))];
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    let own = table! { TCP_KEEPIDLE };
    all.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
    // SAFETY: an all-zero value is one of this struct of integers.
    let address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    // The path ends with a NUL, which an abstract name does not need.
    let longest = i64::try_from(address.sun_path.len()).unwrap_or(0) - 1;
    all.insert("UNIX_PATH_MAX".to_owned(), longest);
    all
}
