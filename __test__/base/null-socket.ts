import { AF_INET, BlockingIOError, SOCK_STREAM } from 'miolo/base';
import type { Address, RawSocketLike } from 'miolo/base';

/** A socket to which nothing happens but that it is closed; whoever reads from it would have to wait. */
export class NullSocket implements RawSocketLike {
  readonly family: number;
  readonly type: number;
  readonly proto = 0;
  closed = false;

  constructor(family: number = AF_INET, type: number = SOCK_STREAM) {
    this.family = family;
    this.type = type;
  }

  fileno = (): number => 1;
  bind(): void {}
  listen(): void {}
  connect(): void {}
  getsockname = (): string => '';
  getpeername = (): string => '';
  setsockopt(): void {}
  getsockopt = (): number => 0;
  shutdown(): void {}
  gettimeout = (): number => 0;
  accept = (): [RawSocketLike, Address] => wait();
  recv = (): Uint8Array => wait();
  recvInto = (): number => wait();
  recvfrom = (): [Uint8Array, Address] => wait();
  recvfromInto = (): [number, Address] => wait();
  send = (): number => wait();
  sendto = (): number => wait();

  close(): void {
    this.closed = true;
  }
}

function wait(): never {
  throw new BlockingIOError('it would have to wait');
}
