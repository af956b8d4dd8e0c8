import {
  type AbstractEventLoop,
  BaseEventLoop,
  BufferedProtocol,
  type CallOptions,
  type Callback,
  type Coroutine,
  type Handle,
  type Loop,
  MioEventLoop,
  Protocol,
  Runner,
  type Selector,
  Server,
  Socket,
  type StreamReader,
  Task,
  type TimerHandle,
  Transport,
  getRunningLoop,
  run,
  runSync,
} from 'miolo';
import { VirtualClockLoop } from 'miolo/testing';
import { type Equal, expectType } from './expect.ts';

declare const mio: MioEventLoop;

function add(a: number, b: string): string {
  return b + a;
}

export function scheduling(loop: Loop): void {
  const handle = loop.callSoon(add, [1, 'a']);
  expectType<Equal<typeof handle, Handle>>();
  loop.callSoonThreadsafe(add, [1, 'a'], { context: null });
  const timer = loop.callLater(1, add, [1, 'a']);
  expectType<Equal<typeof timer, TimerHandle>>();
  loop.callAt(loop.time() + 1, add, [1, 'a']);
  loop.callSoon(() => {});
  loop.callSoon((a?: number) => a, []);
  loop.callSoon((...all: number[]) => all, [1, 2, 3]);
  const known = [1, 'a'] as const;
  loop.callSoon(add, known);
  loop.callSoon(
    (a, b) => {
      expectType<Equal<typeof a, number>>();
      expectType<Equal<typeof b, string>>();
    },
    [1, 'a'],
  );
  // Whoever passes on what others gave knows no types.
  const pass = (callback: Callback, args: readonly unknown[]): Handle => loop.callSoon(callback, args);
  pass(add, [1, 'a']);

  // @ts-expect-error -- a number, then a string
  loop.callSoon(add, ['a', 1]);
  // @ts-expect-error -- the second is missing
  loop.callSoon(add, [1]);
  // @ts-expect-error -- the callback takes nothing
  loop.callSoon(() => {}, [1]);
  // @ts-expect-error -- a number, then a string
  loop.callSoonThreadsafe(add, [1, 2]);
  // @ts-expect-error -- a number, then a string
  loop.callLater(1, add, [1, 2]);
  // @ts-expect-error -- a number, then a string
  loop.callAt(1, add, [1, 2]);
  // @ts-expect-error -- arguments are one array
  loop.callSoon(add, 1, 'a');
  // @ts-expect-error -- the delay is first
  loop.callLater(add, 1);
  // @ts-expect-error -- seconds
  loop.callLater('1', add, [1, 'a']);
}

export function schedulingOnConcreteLoops(base: BaseEventLoop): void {
  base.callSoon(add, [1, 'a']);
  mio.callAt(1, add, [1, 'a']);
  const abstract: AbstractEventLoop = base;
  abstract.callSoon(add, [1, 'a']);
  const ours: Loop = base;
  scheduling(ours);

  // @ts-expect-error -- a number, then a string
  base.callSoon(add, [1, 2]);
  // @ts-expect-error -- a number, then a string
  base.callSoonThreadsafe(add, [1, 2]);
  // @ts-expect-error -- a number, then a string
  base.callLater(1, add, [1, 2]);
  // @ts-expect-error -- a number, then a string
  base.callAt(1, add, [1, 2]);
  // @ts-expect-error -- a number, then a string
  mio.callAt(1, add, [1, 2]);
  // @ts-expect-error -- a number, then a string
  abstract.callSoon(add, [1, 2]);
}

export function running(coro: Coroutine<number>): void {
  const hosted = mio.runUntilComplete(coro);
  expectType<Equal<typeof hosted, Promise<number>>>();
  const blocking = mio.runUntilCompleteSync(mio.createFuture<string>());
  expectType<Equal<typeof blocking, string>>();
  mio.setTaskFactory((loop, made, options) => new Task(made, { ...options, loop }));
  mio.setExceptionHandler((_loop, context) => {
    expectType<Equal<typeof context.message, string | undefined>>();
    expectType<Equal<typeof context.exception, unknown>>();
  });
  // @ts-expect-error -- makes no task
  mio.setTaskFactory(() => null);
  // @ts-expect-error -- to take it away is null
  mio.setExceptionHandler();
  // @ts-expect-error -- a promise is brought in by fromPromise()
  void mio.runUntilComplete(Promise.resolve(1));
}

const selector: Selector<readonly number[]> = { select: () => [] };

export class Complete extends BaseEventLoop<readonly number[]> {
  override readonly _selector = selector;

  override _processEvents(events: readonly number[]): void {
    expectType<Equal<typeof events, readonly number[]>>();
  }

  override _writeToSelf(): void {}

  // What a loop may override keeps the callers' types.
  override callSoon<A extends readonly unknown[]>(
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
  ): Handle {
    return super.callSoon(callback, args);
  }

  override time(): number {
    return 0;
  }
}

/** An override that does not care for them is one too. */
export class Counting extends MioEventLoop {
  count = 0;

  override callSoon(callback: Callback, args?: readonly unknown[], options?: CallOptions): Handle {
    this.count++;
    return super.callSoon(callback, args, options);
  }
}

// @ts-expect-error -- lacks _processEvents
export class WithoutProcessEvents extends BaseEventLoop<readonly number[]> {
  override readonly _selector = selector;
  override _writeToSelf(): void {}
}

// @ts-expect-error -- lacks _writeToSelf
export class WithoutWriteToSelf extends BaseEventLoop<readonly number[]> {
  override readonly _selector = selector;
  override _processEvents(): void {}
}

// @ts-expect-error -- lacks _selector
export class WithoutSelector extends BaseEventLoop<readonly number[]> {
  override _processEvents(): void {}
  override _writeToSelf(): void {}
}

export class WrongHooks extends BaseEventLoop<readonly number[]> {
  // @ts-expect-error -- its events are not what the loop processes
  override readonly _selector: Selector<string> = { select: () => '' };
  // @ts-expect-error -- events are numbers
  override _processEvents(_events: string): void {}
  // @ts-expect-error -- takes nothing
  override _writeToSelf(_what: string): void {}
  // @ts-expect-error -- seconds
  override time(): string {
    return '';
  }
  // @ts-expect-error -- returns a transport
  override _makeSocketTransport(): string {
    return '';
  }
  // @ts-expect-error -- there is no such hook
  override _runTwice(): void {}
}

export class WrongNativeHooks extends MioEventLoop {
  // @ts-expect-error -- returns a transport
  override _makeSocketTransport(): number {
    return 0;
  }
}

// @ts-expect-error -- an abstract class
export const nobody = new BaseEventLoop();

export class Echo extends Protocol {
  transport: Transport | null = null;

  override connectionMade(transport: Transport): void {
    this.transport = transport;
  }

  override dataReceived(data: Uint8Array): void {
    this.transport!.write(data);
  }

  override connectionLost(error: Error | null): void {
    expectType<Equal<typeof error, Error | null>>();
  }
}

export class WrongProtocol extends Protocol {
  // @ts-expect-error -- a transport
  override connectionMade(_transport: string): void {}
  // @ts-expect-error -- bytes
  override dataReceived(_data: string): void {}
  // @ts-expect-error -- true keeps the connection open
  override eofReceived(): string {
    return '';
  }
  // @ts-expect-error -- called dataReceived
  override data_received(_data: Uint8Array): void {}
}

export class WrongBufferedProtocol extends BufferedProtocol {
  // @ts-expect-error -- bytes
  override getBuffer(_sizeHint: number): string {
    return '';
  }
  // @ts-expect-error -- a number
  override bufferUpdated(_count: string): void {}
}

export function* network(): Coroutine<void> {
  const [transport, protocol] = yield* mio.createConnection(() => new Echo(), '127.0.0.1', 80);
  expectType<Equal<typeof transport, Transport>>();
  expectType<Equal<typeof protocol, Echo>>();
  const server = yield* mio.createServer(() => new Echo(), null, 0);
  expectType<Equal<typeof server, Server>>();
  // @ts-expect-error -- a factory
  yield* mio.createServer(new Echo());
  // @ts-expect-error -- makes no protocol
  yield* mio.createServer(() => 1);
}

/** Whatever a loop polls, a run takes it. */
export function givenToRuns(make: () => MioEventLoop, other: () => BaseEventLoop<string>): void {
  void run(nothing(), { loopFactory: make });
  runSync(nothing(), { loopFactory: other });
  void new Runner({ loopFactory: () => new VirtualClockLoop() });
  // @ts-expect-error -- a class is no function that makes one
  void run(nothing(), { loopFactory: MioEventLoop });
}

function* nothing(): Coroutine<void> {}

export function* theRunningLoopHasAllThatAsyncioHas(): Coroutine<void> {
  const loop = getRunningLoop();
  const server = yield* loop.createServer(() => new Echo(), '127.0.0.1', 0);
  expectType<Equal<typeof server, Server>>();
  const [transport, protocol] = yield* loop.createConnection(() => new Echo(), '127.0.0.1', 80);
  expectType<Equal<typeof transport, Transport>>();
  expectType<Equal<typeof protocol, Echo>>();
  const task = loop.createTask(answer());
  expectType<Equal<typeof task, Task<number>>>();
  const root = yield* loop.runInExecutor(null, (of: number) => Math.sqrt(of), [2]);
  expectType<Equal<typeof root, number>>();
  const [socket] = yield* loop.sockAccept(new Socket());
  expectType<Equal<typeof socket, Socket>>();
  loop.addReader(socket, () => {});

  // @ts-expect-error -- a server has protocols made by a function
  yield* loop.createServer(new Echo(), '127.0.0.1', 0);
}

declare function answer(): Coroutine<number>;

export function* readersOfNodeGiveBuffers(reader: StreamReader): Coroutine<void> {
  const head = yield* reader.readexactly(2);
  expectType<Equal<typeof head, Buffer>>();
  expectType<Equal<ReturnType<typeof head.readUInt16BE>, number>>();
}
