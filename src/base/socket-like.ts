/** Where a socket is or goes: `[host, port]`, with flow information and scope for IPv6; a path for Unix sockets. */
export type Address =
  | readonly [host: string, port: number]
  | readonly [host: string, port: number, flowinfo: number, scopeid: number]
  | string;

/** What `getaddrinfo` returns a list of. */
export type AddrInfo = readonly [
  family: number,
  type: number,
  proto: number,
  canonname: string,
  address: Address,
];

/** What the loop needs of a socket, so that loops can bring their own: simulated, recorded, in memory. */
export interface SocketLike {
  readonly family: number;
  readonly type: number;
  readonly proto: number;
  /** Whether it encrypts what it sends, as Node's TLS sockets say; the loop takes plain sockets only. */
  readonly encrypted?: boolean;
  fileno(): number;
  bind(address: Address): void;
  listen(backlog: number): void;
  getsockname(): Address;
  getpeername(): Address;
  setsockopt(level: number, name: number, value: number | Uint8Array): void;
  getsockopt(level: number, name: number): number;
  shutdown(how: number): void;
  close(): void;
}

/** What the calls on bare sockets need of one. A call that would have to wait throws BlockingIOError. */
export interface RawSocketLike extends SocketLike {
  accept(): [RawSocketLike, Address];
  connect(address: Address): void;
  recv(bufsize: number): Uint8Array;
  recvInto(buffer: Uint8Array): number;
  recvfrom(bufsize: number): [Uint8Array, Address | null];
  recvfromInto(buffer: Uint8Array, nbytes?: number): [number, Address | null];
  send(data: Uint8Array): number;
  sendto(data: Uint8Array, address: Address): number;
  /** Seconds that a call may wait; asked in debug mode. */
  gettimeout?(): number | null;
}
