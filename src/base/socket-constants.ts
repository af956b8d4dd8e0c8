/**
 * Numbers of the socket interface. They are Linux's unless a platform layer has brought the platform's own with
 * {@link setSocketConstants}; what imports them sees the change.
 */
export let AF_UNSPEC = 0;
export let AF_UNIX = 1;
export let AF_INET = 2;
export let AF_INET6 = 10;
export let SOCK_STREAM = 1;
export let SOCK_DGRAM = 2;
export let SOCK_RAW = 3;
export let SOCK_SEQPACKET = 5;

export let IPPROTO_IP = 0;
export let IPPROTO_ICMP = 1;
export let IPPROTO_TCP = 6;
export let IPPROTO_UDP = 17;
export let IPPROTO_IPV6 = 41;
export let IPPROTO_ICMPV6 = 58;

export let SOL_SOCKET = 1;
export let SO_REUSEADDR = 2;
export let SO_TYPE = 3;
export let SO_ERROR = 4;
export let SO_BROADCAST = 6;
export let SO_SNDBUF = 7;
export let SO_RCVBUF = 8;
export let SO_KEEPALIVE = 9;
export let SO_OOBINLINE = 10;
export let SO_LINGER = 13;
export let SO_REUSEPORT = 15;
export let SO_RCVLOWAT = 18;
export let SO_SNDLOWAT = 19;
/** Linux only, as the next three. */
export let SO_PEERCRED = 17;
export let SO_BINDTODEVICE = 25;
export let SO_PROTOCOL = 38;
export let SO_DOMAIN = 39;

export let TCP_NODELAY = 1;
export let TCP_MAXSEG = 2;
/** Linux only, as TCP_DEFER_ACCEPT, TCP_QUICKACK and TCP_USER_TIMEOUT. */
export let TCP_CORK = 3;
export let TCP_KEEPIDLE = 4;
export let TCP_KEEPINTVL = 5;
export let TCP_KEEPCNT = 6;
export let TCP_DEFER_ACCEPT = 9;
export let TCP_QUICKACK = 12;
export let TCP_USER_TIMEOUT = 18;

export let IP_TOS = 1;
export let IP_TTL = 2;
export let IP_MULTICAST_IF = 32;
export let IP_MULTICAST_TTL = 33;
export let IP_MULTICAST_LOOP = 34;
export let IPV6_UNICAST_HOPS = 16;
export let IPV6_MULTICAST_IF = 17;
export let IPV6_MULTICAST_HOPS = 18;
export let IPV6_MULTICAST_LOOP = 19;
export let IPV6_V6ONLY = 26;

export let MSG_OOB = 1;
export let MSG_PEEK = 2;
export let MSG_DONTROUTE = 4;
export let MSG_CTRUNC = 8;
export let MSG_TRUNC = 0x20;
export let MSG_DONTWAIT = 0x40;
export let MSG_EOR = 0x80;
export let MSG_WAITALL = 0x100;
export let MSG_NOSIGNAL = 0x4000;

export let SHUT_RD = 0;
export let SHUT_WR = 1;
export let SHUT_RDWR = 2;
export let SOMAXCONN = 4096;

export let AI_PASSIVE = 1;
export let AI_CANONNAME = 2;
export let AI_NUMERICHOST = 4;
export let AI_V4MAPPED = 8;
export let AI_ALL = 0x10;
export let AI_ADDRCONFIG = 0x20;
export let AI_NUMERICSERV = 0x400;

export let NI_NUMERICHOST = 1;
export let NI_NUMERICSERV = 2;
export let NI_NOFQDN = 4;
export let NI_NAMEREQD = 8;
export let NI_DGRAM = 16;

/** Bytes that the path of a Unix socket has at most. */
export let UNIX_PATH_MAX = 107;

/** Sets each constant, by its name. */
const setters: Readonly<Record<string, (value: number) => void>> = {
  AF_UNSPEC: (value) => (AF_UNSPEC = value),
  AF_UNIX: (value) => (AF_UNIX = value),
  AF_INET: (value) => (AF_INET = value),
  AF_INET6: (value) => (AF_INET6 = value),
  SOCK_STREAM: (value) => (SOCK_STREAM = value),
  SOCK_DGRAM: (value) => (SOCK_DGRAM = value),
  SOCK_RAW: (value) => (SOCK_RAW = value),
  SOCK_SEQPACKET: (value) => (SOCK_SEQPACKET = value),
  IPPROTO_IP: (value) => (IPPROTO_IP = value),
  IPPROTO_ICMP: (value) => (IPPROTO_ICMP = value),
  IPPROTO_TCP: (value) => (IPPROTO_TCP = value),
  IPPROTO_UDP: (value) => (IPPROTO_UDP = value),
  IPPROTO_IPV6: (value) => (IPPROTO_IPV6 = value),
  IPPROTO_ICMPV6: (value) => (IPPROTO_ICMPV6 = value),
  SOL_SOCKET: (value) => (SOL_SOCKET = value),
  SO_REUSEADDR: (value) => (SO_REUSEADDR = value),
  SO_TYPE: (value) => (SO_TYPE = value),
  SO_ERROR: (value) => (SO_ERROR = value),
  SO_BROADCAST: (value) => (SO_BROADCAST = value),
  SO_SNDBUF: (value) => (SO_SNDBUF = value),
  SO_RCVBUF: (value) => (SO_RCVBUF = value),
  SO_KEEPALIVE: (value) => (SO_KEEPALIVE = value),
  SO_OOBINLINE: (value) => (SO_OOBINLINE = value),
  SO_LINGER: (value) => (SO_LINGER = value),
  SO_REUSEPORT: (value) => (SO_REUSEPORT = value),
  SO_RCVLOWAT: (value) => (SO_RCVLOWAT = value),
  SO_SNDLOWAT: (value) => (SO_SNDLOWAT = value),
  SO_PEERCRED: (value) => (SO_PEERCRED = value),
  SO_BINDTODEVICE: (value) => (SO_BINDTODEVICE = value),
  SO_PROTOCOL: (value) => (SO_PROTOCOL = value),
  SO_DOMAIN: (value) => (SO_DOMAIN = value),
  TCP_NODELAY: (value) => (TCP_NODELAY = value),
  TCP_MAXSEG: (value) => (TCP_MAXSEG = value),
  TCP_CORK: (value) => (TCP_CORK = value),
  TCP_KEEPIDLE: (value) => (TCP_KEEPIDLE = value),
  TCP_KEEPINTVL: (value) => (TCP_KEEPINTVL = value),
  TCP_KEEPCNT: (value) => (TCP_KEEPCNT = value),
  TCP_DEFER_ACCEPT: (value) => (TCP_DEFER_ACCEPT = value),
  TCP_QUICKACK: (value) => (TCP_QUICKACK = value),
  TCP_USER_TIMEOUT: (value) => (TCP_USER_TIMEOUT = value),
  IP_TOS: (value) => (IP_TOS = value),
  IP_TTL: (value) => (IP_TTL = value),
  IP_MULTICAST_IF: (value) => (IP_MULTICAST_IF = value),
  IP_MULTICAST_TTL: (value) => (IP_MULTICAST_TTL = value),
  IP_MULTICAST_LOOP: (value) => (IP_MULTICAST_LOOP = value),
  IPV6_UNICAST_HOPS: (value) => (IPV6_UNICAST_HOPS = value),
  IPV6_MULTICAST_IF: (value) => (IPV6_MULTICAST_IF = value),
  IPV6_MULTICAST_HOPS: (value) => (IPV6_MULTICAST_HOPS = value),
  IPV6_MULTICAST_LOOP: (value) => (IPV6_MULTICAST_LOOP = value),
  IPV6_V6ONLY: (value) => (IPV6_V6ONLY = value),
  MSG_OOB: (value) => (MSG_OOB = value),
  MSG_PEEK: (value) => (MSG_PEEK = value),
  MSG_DONTROUTE: (value) => (MSG_DONTROUTE = value),
  MSG_CTRUNC: (value) => (MSG_CTRUNC = value),
  MSG_TRUNC: (value) => (MSG_TRUNC = value),
  MSG_DONTWAIT: (value) => (MSG_DONTWAIT = value),
  MSG_EOR: (value) => (MSG_EOR = value),
  MSG_WAITALL: (value) => (MSG_WAITALL = value),
  MSG_NOSIGNAL: (value) => (MSG_NOSIGNAL = value),
  SHUT_RD: (value) => (SHUT_RD = value),
  SHUT_WR: (value) => (SHUT_WR = value),
  SHUT_RDWR: (value) => (SHUT_RDWR = value),
  SOMAXCONN: (value) => (SOMAXCONN = value),
  AI_PASSIVE: (value) => (AI_PASSIVE = value),
  AI_CANONNAME: (value) => (AI_CANONNAME = value),
  AI_NUMERICHOST: (value) => (AI_NUMERICHOST = value),
  AI_V4MAPPED: (value) => (AI_V4MAPPED = value),
  AI_ALL: (value) => (AI_ALL = value),
  AI_ADDRCONFIG: (value) => (AI_ADDRCONFIG = value),
  AI_NUMERICSERV: (value) => (AI_NUMERICSERV = value),
  NI_NUMERICHOST: (value) => (NI_NUMERICHOST = value),
  NI_NUMERICSERV: (value) => (NI_NUMERICSERV = value),
  NI_NOFQDN: (value) => (NI_NOFQDN = value),
  NI_NAMEREQD: (value) => (NI_NAMEREQD = value),
  NI_DGRAM: (value) => (NI_DGRAM = value),
  UNIX_PATH_MAX: (value) => (UNIX_PATH_MAX = value),
};

/**
 * Replaces the numbers with a platform's own.
 *
 * @param table numbers by name; what it lacks becomes -1, which systems refuse
 */
export function setSocketConstants(table: Readonly<Record<string, number>>): void {
  for (const [name, set] of Object.entries(setters)) set(table[name] ?? -1);
}
