/** Every hook of the guide's tables, overridden with a wrong signature; `complete` ones stand in loops.types.ts. */
import {
  BaseEventLoop,
  type Callback,
  type Context,
  type Coroutine,
  type Future,
  type Handle,
  MioEventLoop,
  type Selector,
  Server,
  type SocketLike,
  Task,
  type TimerHandle,
  type Transport,
} from 'miolo';

export class WrongSelectors {
  // @ts-expect-error -- it is given seconds or null
  a: Selector<number> = { select: (timeout: string) => timeout.length };
  // @ts-expect-error -- it waits by itself, and returns no promise
  b: Selector<number> = { select: async () => 1 };
  // @ts-expect-error -- it is given a drive, or null
  c: Selector<number> = { select: () => 1, notify: (drive: string) => void drive };
  // @ts-expect-error -- true or false
  d: Selector<number> = { select: () => 1, pending: () => 'no' };
  // @ts-expect-error -- it is given seconds or null
  e: Selector<number> = { select: () => 1, arm: (timeout: string) => void timeout };
  // @ts-expect-error -- it is given nothing
  f: Selector<number> = { select: () => 1, flush: (what: string) => void what };
  // @ts-expect-error -- it is given nothing
  g: Selector<number> = { select: () => 1, close: (what: string) => void what };
}

// @ts-expect-error -- lacks all three: _selector, _processEvents, _writeToSelf
export class Nothing extends BaseEventLoop {}

/** The hooks of the turn. */
export class WrongTurn extends BaseEventLoop<number> {
  override readonly _selector: Selector<number> = { select: () => 1 };
  // @ts-expect-error -- events are numbers
  override _processEvents(_events: string): void {}
  // @ts-expect-error -- takes nothing
  override _writeToSelf(_what: string): void {}
  // @ts-expect-error -- a handle
  override _addCallback(_handle: string): void {}
  // @ts-expect-error -- seconds
  override time(): Date {
    return new Date();
  }
  // @ts-expect-error -- a timer's handle
  override _timerHandleCancelled(_handle: number): void {}
  // @ts-expect-error -- a handle
  override _addCallbackSignalsafe(_handle: Callback): void {}
  // @ts-expect-error -- seconds or null
  override _nextTimeout(): string {
    return '';
  }
  // @ts-expect-error -- true or false
  override _isReady(): number {
    return 1;
  }
  // @ts-expect-error -- true or false
  override _isAlive(): number {
    return 1;
  }
  // @ts-expect-error -- seconds
  override _hostTime(): Date {
    return new Date();
  }
  // @ts-expect-error -- takes nothing
  override _wakeHosted(_seconds: number): void {}
  // @ts-expect-error -- returns the handle
  override _callSoon(_callback: Callback, _args?: readonly unknown[], _context?: Context | null): void {}
  // @ts-expect-error -- takes nothing
  override _checkClosed(_what: string): void {}
  // @ts-expect-error -- takes nothing
  override _checkRunning(_what: string): void {}
  // @ts-expect-error -- takes nothing
  override _checkThread(_what: string): void {}
  // @ts-expect-error -- the name of a method
  override _checkCallback(_callback: unknown, _method: number): void {}
  // @ts-expect-error -- the name of a method
  override _checkTimer(_when: number, _callback: unknown, _method: number): void {}
  // @ts-expect-error -- takes nothing
  override _checkPromises(_what: string): void {}
  // @ts-expect-error -- takes nothing
  override _checkDefaultExecutor(_what: string): void {}
  // @ts-expect-error -- a future
  override _doShutdown(_future: string): void {}
  // @ts-expect-error -- true or false
  override _setCoroutineOriginTracking(_enabled: string): void {}
  // @ts-expect-error -- takes nothing
  override _runForeverSetup(_what: string): void {}
  // @ts-expect-error -- takes nothing
  override _runForeverCleanup(_what: string): void {}
  // @ts-expect-error -- takes nothing
  override _runOnce(_what: string): void {}
  // @ts-expect-error -- takes nothing
  override _hold(_what: string): void {}
  // @ts-expect-error -- takes nothing
  override _release(_what: string): void {}
  // @ts-expect-error -- returns the handle
  override callSoon(_callback: Callback): void {}
  // @ts-expect-error -- seconds come first
  override callAt(_callback: Callback, _when: string): TimerHandle {
    throw new Error('not called');
  }
  // @ts-expect-error -- makes a future
  override createFuture(): Promise<unknown> {
    return Promise.resolve();
  }
  // @ts-expect-error -- makes a task of a coroutine
  override createTask(_coro: string): Task {
    throw new Error('not called');
  }
}

/** The hooks of sockets, servers, transports and descriptors. */
export class WrongNetwork extends BaseEventLoop<number> {
  override readonly _selector: Selector<number> = { select: () => 1 };
  override _processEvents(): void {}
  override _writeToSelf(): void {}

  // @ts-expect-error -- returns a socket
  override _makeSocket(): number {
    return 1;
  }
  // @ts-expect-error -- a coroutine, and no promise
  override async _ensureResolved(): Promise<never[]> {
    return [];
  }
  // @ts-expect-error -- addresses are [family, type, proto, canonname, address]
  override *getaddrinfo(): Coroutine<string[]> {
    yield;
    return [];
  }
  // @ts-expect-error -- host and service
  override *getnameinfo(): Coroutine<string> {
    yield;
    return '';
  }
  // @ts-expect-error -- a path
  override _removeStaleSocket(_path: number): void {}
  // @ts-expect-error -- returns a socket
  override *_connectSock(): Coroutine<void> {
    yield;
  }
  // @ts-expect-error -- transport and protocol
  override *_createConnectionTransport(): Coroutine<Transport> {
    yield;
    throw new Error('not called');
  }
  // @ts-expect-error -- addresses are [family, type, proto, canonname, address]
  override *_createServerGetaddrinfo(): Coroutine<string[]> {
    yield;
    return [];
  }
  // @ts-expect-error -- a factory comes first
  override _startServing(_sock: SocketLike): void {}
  // @ts-expect-error -- a socket
  override _stopServing(_sock: string): void {}
  // @ts-expect-error -- makes a server
  override createUnixServer(): number {
    return 1;
  }
  // @ts-expect-error -- returns a transport, and no promise
  override async _makeSocketTransport(): Promise<Transport> {
    throw new Error('not called');
  }
  // @ts-expect-error -- returns a transport
  override _makeSslTransport(): void {}
  // @ts-expect-error -- a protocol comes second
  override _makeDatagramTransport(_sock: SocketLike, _waiter: Future<void>): never {
    throw new Error('not called');
  }
  // @ts-expect-error -- returns a transport
  override _makeReadPipeTransport(): void {}
  // @ts-expect-error -- returns a transport
  override _makeWritePipeTransport(): void {}
  // @ts-expect-error -- a coroutine
  override _makeSubprocessTransport(): Transport {
    throw new Error('not called');
  }
  // @ts-expect-error -- returns the number of bytes
  override *_sendfileNative(): Coroutine<void> {
    yield;
  }
  // @ts-expect-error -- returns the number of bytes
  override *_sendfileFallback(): Coroutine<void> {
    yield;
  }
  // @ts-expect-error -- returns the number of bytes
  override *_sockSendfileNative(): Coroutine<void> {
    yield;
  }
  // @ts-expect-error -- returns the number of bytes
  override *_sockSendfileFallback(): Coroutine<void> {
    yield;
  }
  // @ts-expect-error -- a socket
  override _checkSendfileParams(_sock: number): void {}
  // @ts-expect-error -- returns the handle
  override _addReader(): void {}
  // @ts-expect-error -- whether there was one
  override _removeReader(): void {}
  // @ts-expect-error -- a descriptor
  override _addWriter(_fd: string): Handle {
    throw new Error('not called');
  }
  // @ts-expect-error -- whether there was one
  override _removeWriter(): void {}
  // @ts-expect-error -- a descriptor
  override _ensureFdNoTransport(_fd: string): void {}
}

export class WrongServer extends Server {
  // @ts-expect-error -- a transport
  override _attach(_transport: string): void {}
  // @ts-expect-error -- a transport
  override _detach(_transport: string): void {}
}

/** The native loop has the same hooks. */
export class WrongNative extends MioEventLoop {
  // @ts-expect-error -- its events are completions
  override _processEvents(_events: string): void {}
  // @ts-expect-error -- seconds
  override time(): string {
    return '';
  }
  // @ts-expect-error -- returns a socket
  override _makeSocket(): number {
    return 1;
  }
  // @ts-expect-error -- a coroutine, and no promise
  override async getaddrinfo(): Promise<never[]> {
    return [];
  }
  // @ts-expect-error -- a factory comes first
  override _startServing(_sock: SocketLike): void {}
}
