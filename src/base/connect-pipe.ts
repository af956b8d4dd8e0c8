import { type Coroutine, coroutine } from './coroutine.ts';
import type { Future } from './future.ts';
import type { HookLoop } from './hook-checks.ts';
import { makeByHook } from './make-by-hook.ts';
import type { NetworkLoop } from './network-loop.ts';
import type { BaseProtocol, Protocol, ProtocolFactory } from './protocols.ts';
import type { ReadTransport, WriteTransport } from './transports.ts';

/**
 * A pipe that a transport takes over: a descriptor, or what has one and can close it (a `FileHandle`, a socket).
 */
export type PipeLike =
  | number
  | { fileno(): number; close(): unknown }
  | { readonly fd: number; close(): unknown };

type Loop = NetworkLoop & HookLoop & { createFuture<T>(): Future<T> };

/** `loop.connectReadPipe`. */
function* connectReadPipe<P extends Protocol>(
  loop: Loop,
  protocolFactory: ProtocolFactory<P>,
  pipe: PipeLike,
): Coroutine<[ReadTransport, P]> {
  if (typeof protocolFactory !== 'function') throw new TypeError('protocolFactory: must be a function');
  const protocol = protocolFactory();
  const waiter = loop.createFuture<void>();
  const transport = makeByHook(loop, '_makeReadPipeTransport', protocol, waiter, () =>
    loop._makeReadPipeTransport(pipe, protocol, waiter),
  );
  try {
    yield* waiter;
  } catch (error) {
    transport.close();
    throw error;
  }
  return [transport, protocol];
}
const connectReadPipeCall: typeof connectReadPipe = coroutine(connectReadPipe) as never;

/** `loop.connectWritePipe`. */
function* connectWritePipe<P extends BaseProtocol>(
  loop: Loop,
  protocolFactory: ProtocolFactory<P>,
  pipe: PipeLike,
): Coroutine<[WriteTransport, P]> {
  if (typeof protocolFactory !== 'function') throw new TypeError('protocolFactory: must be a function');
  const protocol = protocolFactory();
  const waiter = loop.createFuture<void>();
  const transport = makeByHook(loop, '_makeWritePipeTransport', protocol, waiter, () =>
    loop._makeWritePipeTransport(pipe, protocol, waiter),
  );
  try {
    yield* waiter;
  } catch (error) {
    transport.close();
    throw error;
  }
  return [transport, protocol];
}
const connectWritePipeCall: typeof connectWritePipe = coroutine(connectWritePipe) as never;

export { connectReadPipeCall as connectReadPipe, connectWritePipeCall as connectWritePipe };
