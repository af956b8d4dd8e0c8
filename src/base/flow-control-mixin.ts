import { type Coroutine } from './coroutine.ts';
import { AssertionError, NotImplementedError } from './exceptions.ts';
import { type Future, failFuture } from './future.ts';
import type { Loop } from './loop.ts';
import { ConnectionResetError } from './os-error.ts';
import { Protocol } from './protocols.ts';
import { getEventLoop } from './running-loop.ts';

/** A protocol that lets coroutines wait while its transport's buffer is above the mark. asyncio: `FlowControlMixin`. */
export class FlowControlMixin extends Protocol {
  readonly _loop: Loop;
  _paused = false;
  _connectionLost = false;
  readonly _drainWaiters: Set<Future<void>> = new Set();

  /** @param loop default: the current one */
  constructor(loop?: Loop | null) {
    super();
    this._loop = loop ?? getEventLoop();
  }

  override pauseWriting(): void {
    if (this._paused) throw new AssertionError('pauseWriting while paused');
    this._paused = true;
  }

  override resumeWriting(): void {
    if (!this._paused) throw new AssertionError('resumeWriting while not paused');
    this._paused = false;
    for (const waiter of this._drainWaiters) if (!waiter.done()) waiter.setResult();
  }

  override connectionLost(error: Error | null): void {
    this._connectionLost = true;
    if (!this._paused) return;
    for (const waiter of this._drainWaiters) {
      if (waiter.done()) continue;
      if (error === null) waiter.setResult();
      else failFuture(waiter, error);
    }
  }

  /** Waits while the transport is above its mark. @throws ConnectionResetError after the connection was lost */
  *_drainHelper(): Coroutine<void> {
    if (this._connectionLost) throw new ConnectionResetError('Connection lost');
    if (!this._paused) return;
    const waiter = this._loop.createFuture<void>();
    this._drainWaiters.add(waiter);
    try {
      yield* waiter;
    } finally {
      this._drainWaiters.delete(waiter);
    }
  }

  /** What `StreamWriter.waitClosed` waits for. */
  _getCloseWaiter(_stream: unknown): Future<void> {
    throw new NotImplementedError('this protocol has no _getCloseWaiter()');
  }
}
