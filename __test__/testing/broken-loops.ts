/** Loops that each break one rule, on purpose. */
import { MioEventLoop } from 'miolo';
import { Context, Handle, ensureFuture, isExit } from 'miolo/base';
import type {
  Awaitable,
  BaseProtocol,
  CallOptions,
  Callback,
  Coroutine,
  ExceptionContext,
  ExceptionHandler,
  ExtraInfo,
  Future,
  Protocol,
  Server,
  SocketLike,
  Task,
  TaskOptions,
  TimerHandle,
  Transport,
} from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';

// --- turns and timers ----------------------------------------------------------------------------------

export class LastInFirstOut extends VirtualClockLoop {
  override _processEvents(): void {
    const handles = [...this._ready].toReversed();
    this._ready.clear();
    for (const handle of handles) this._ready.push(handle);
  }
}

export class RunsNewHandlesInTheSameTurn extends VirtualClockLoop {
  override _runOnce(): void {
    super._runOnce();
    for (let handle = this._ready.shift(); handle !== undefined; handle = this._ready.shift()) {
      if (!handle.cancelled()) handle._run();
    }
  }
}

export class RunsHandlesTwice extends VirtualClockLoop {
  override _callSoon(callback: Callback, args?: readonly unknown[], context?: Context | null): Handle {
    const handle = super._callSoon(callback, args, context);
    this._ready.push(handle);
    return handle;
  }
}

/** The due timers, taken from the heap as the turn would. */
function takeDue(loop: VirtualClockLoop): TimerHandle[] {
  const due = loop._scheduled.filter((timer) => timer.when() <= loop.time() && !timer.cancelled());
  due.sort((a, b) => a.compareTo(b));
  // A sorted array is a heap.
  loop._scheduled = loop._scheduled.filter((timer) => !due.includes(timer)).sort((a, b) => a.compareTo(b));
  for (const timer of due) timer._scheduled = false;
  return due;
}

export class TimersBeforeIo extends VirtualClockLoop {
  override _runOnce(): void {
    for (const timer of takeDue(this)) this._ready.push(timer);
    super._runOnce();
  }
}

export class TimersBeforeReadyHandles extends VirtualClockLoop {
  override _runOnce(): void {
    const handles = [...takeDue(this), ...this._ready];
    this._ready.clear();
    for (const handle of handles) this._ready.push(handle);
    super._runOnce();
  }
}

export class TimersFireEarly extends VirtualClockLoop {
  override callAt<A extends readonly unknown[]>(
    when: number,
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): TimerHandle {
    // As a loop that rounds to whole milliseconds would.
    return super.callAt(Math.floor(when * 1000) / 1000, callback, args, options);
  }
}

class Stubborn extends Handle {
  #cancelled = false;

  override cancel(): void {
    this.#cancelled = true;
  }

  override cancelled(): boolean {
    return this.#cancelled;
  }
}

export class RunsCancelledHandles extends VirtualClockLoop {
  override _callSoon(callback: Callback, args?: readonly unknown[], context?: Context | null): Handle {
    const handle = new Stubborn(callback, args, this, context);
    this._ready.push(handle);
    return handle;
  }
}

class Leaky extends Handle {
  override _run(): void {
    const context = this._context!;
    const previous = context._enter();
    try {
      this._callback!(...this._args);
    } catch (error) {
      // Reported as ever, but the context is not left.
      this._loop.callExceptionHandler({ message: 'Exception in callback', exception: error });
      return;
    }
    context._leave(previous);
  }
}

export class ContextsAreNotRestoredAfterErrors extends VirtualClockLoop {
  override _callSoon(callback: Callback, args?: readonly unknown[], context?: Context | null): Handle {
    const handle = new Leaky(callback, args, this, context);
    this._ready.push(handle);
    return handle;
  }
}

export class OneContextForAll extends VirtualClockLoop {
  readonly #context = new Context();

  override _callSoon(callback: Callback, args?: readonly unknown[], _context?: Context | null): Handle {
    return super._callSoon(callback, args, this.#context);
  }
}

export class TakesTwoTurns extends VirtualClockLoop {
  override callSoon<A extends readonly unknown[]>(
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): Handle {
    return super.callSoon(() => void super.callSoon(callback, args, options));
  }
}

export class IgnoresItsOwnClock extends VirtualClockLoop {
  override callLater<A extends readonly unknown[]>(
    delay: number,
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): TimerHandle {
    return super.callAt(VirtualClockLoop.prototype.time.call(this) + delay, callback, args, options);
  }
}

// --- life and errors -----------------------------------------------------------------------------------

export class StopDropsTheRestOfTheTurn extends VirtualClockLoop {
  override stop(): void {
    super.stop();
    if (this.isRunning()) this._ready.clear();
  }
}

export class ExceptionsEndTheRun extends VirtualClockLoop {
  override callExceptionHandler(context: ExceptionContext): void {
    throw context.exception;
  }
}

export class SwallowsExits extends VirtualClockLoop {
  override _runOnce(): void {
    try {
      super._runOnce();
    } catch (error) {
      if (!isExit(error)) throw error;
    }
  }
}

export class LeavesItsStopCallback extends VirtualClockLoop {
  override runUntilCompleteSync<T>(awaitable: Awaitable<T>): T {
    const future = ensureFuture<T>(awaitable, { loop: this });
    future.addDoneCallback(() => this.stop());
    return super.runUntilCompleteSync(future);
  }
}

export class SchedulesWhenClosed extends VirtualClockLoop {
  override _checkClosed(): void {}
}

export class HandlersRunInAnyContext extends VirtualClockLoop {
  #handler: ExceptionHandler | null = null;

  override setExceptionHandler(handler: ExceptionHandler | null): void {
    super.setExceptionHandler(handler);
    this.#handler = handler;
  }

  override callExceptionHandler(context: ExceptionContext): void {
    if (this.#handler === null) super.callExceptionHandler(context);
    else this.#handler(this, context);
  }
}

export class StepsTasksByItself extends VirtualClockLoop {
  override createTask<T>(coro: Coroutine<T>, options?: TaskOptions): Task<T> {
    return super.createTask(coro, { ...options, eagerStart: true });
  }
}

// --- transports ----------------------------------------------------------------------------------------

/** The native loop with transports that something is done to. */
abstract class BrokenTransports extends MioEventLoop {
  override _makeSocketTransport(
    sock: SocketLike,
    protocol: BaseProtocol,
    waiter: Future<void> | null = null,
    options: { extra?: ExtraInfo | null; server?: Server | null } = {},
  ): Transport {
    const transport = super._makeSocketTransport(sock, protocol, waiter, options);
    this.break(transport, protocol as Protocol, (options.server ?? null) !== null);
    return transport;
  }

  abstract break(transport: Transport, protocol: Protocol, isAccepted: boolean): void;
}

export class ConnectionLostTwice extends BrokenTransports {
  override break(_transport: Transport, protocol: Protocol): void {
    const lost = protocol.connectionLost.bind(protocol);
    protocol.connectionLost = (error) => {
      lost(error);
      lost(error);
    };
  }
}

export class DataBeforeConnectionMade extends BrokenTransports {
  override break(_transport: Transport, protocol: Protocol, isAccepted: boolean): void {
    // Somebody has to say something first.
    if (isAccepted) return;
    const made = protocol.connectionMade.bind(protocol);
    const received = protocol.dataReceived.bind(protocol);
    protocol.connectionMade = (transport) => {
      protocol.dataReceived = (data) => {
        received(data);
        made(transport);
        protocol.dataReceived = received;
      };
    };
  }
}

export class PausesWhilePaused extends BrokenTransports {
  override break(transport: Transport, protocol: Protocol): void {
    const write = transport.write.bind(transport);
    transport.write = (data) => {
      const [, high] = transport.getWriteBufferLimits();
      const wasAbove = transport.getWriteBufferSize() > high;
      write(data);
      if (wasAbove) protocol.pauseWriting();
    };
  }
}

export class PausesInALaterTurn extends BrokenTransports {
  override break(_transport: Transport, protocol: Protocol): void {
    const pause = protocol.pauseWriting.bind(protocol);
    protocol.pauseWriting = () => void this.callSoon(pause);
  }
}

export class LosesInsideOfClose extends BrokenTransports {
  override break(transport: Transport, protocol: Protocol): void {
    const close = transport.close.bind(transport);
    const lost = protocol.connectionLost.bind(protocol);
    transport.close = () => {
      protocol.connectionLost = () => {};
      lost(null);
      close();
    };
  }
}

export class ReadsAfterClose extends BrokenTransports {
  override break(transport: Transport, protocol: Protocol): void {
    const close = transport.close.bind(transport);
    const received = protocol.dataReceived.bind(protocol);
    let closing = false;
    transport.close = () => {
      closing = true;
    };
    // Only the bytes after the ones at which it was asked to.
    protocol.dataReceived = (data) => {
      const late = closing;
      received(data);
      if (late) close();
    };
  }
}

export class AbortsWithAnError extends BrokenTransports {
  override break(transport: Transport, protocol: Protocol): void {
    const abort = transport.abort.bind(transport);
    const lost = protocol.connectionLost.bind(protocol);
    transport.abort = () => {
      protocol.connectionLost = () => lost(new Error('aborted'));
      abort();
    };
  }
}

export class KeepsCallersMemory extends BrokenTransports {
  override break(transport: Transport): void {
    const write = transport.write.bind(transport);
    transport.write = (data) => void this.callSoon(write, [data]);
  }
}

export class ResetsLookLikeCloses extends BrokenTransports {
  override break(_transport: Transport, protocol: Protocol): void {
    const lost = protocol.connectionLost.bind(protocol);
    protocol.connectionLost = () => lost(null);
  }
}

export class ResetsLookLikeTheEnd extends BrokenTransports {
  override break(_transport: Transport, protocol: Protocol): void {
    const lost = protocol.connectionLost.bind(protocol);
    protocol.connectionLost = (error) => {
      if (error !== null) protocol.eofReceived();
      lost(error);
    };
  }
}

export class ReportsResets extends BrokenTransports {
  override break(transport: Transport, protocol: Protocol): void {
    const lost = protocol.connectionLost.bind(protocol);
    protocol.connectionLost = (error) => {
      if (error !== null) this.callExceptionHandler({ message: 'reset', exception: error, transport });
      lost(error);
    };
  }
}

export class ClosesAtEveryEnd extends BrokenTransports {
  override break(_transport: Transport, protocol: Protocol): void {
    const eof = protocol.eofReceived.bind(protocol);
    protocol.eofReceived = () => void eof();
  }
}
