import {
  CancelledError,
  _enterTask,
  _leaveTask,
  _registerEagerTask,
  _registerTask,
  _swapCurrentTask,
  _unregisterEagerTask,
  _unregisterTask,
  copyContext,
  futureAddToAwaitedBy,
  futureDiscardFromAwaitedBy,
  isExit,
  isFuture,
} from 'miolo/base';
import type { Context, Coroutine, FutureLike, Loop, TaskOptions } from 'miolo/base';
import { ForeignFuture } from './foreign-future.js';

/** A task that shares nothing with the library's: all that makes it one are the functions of the guide. */
export class ForeignTask<T = unknown> extends ForeignFuture<T> {
  readonly #coro: Coroutine<T>;
  readonly #context: Context;
  #name: string;
  #waiter: FutureLike | null = null;
  #mustCancel = false;
  #message: unknown = null;
  #requests = 0;
  readonly #wakeup = (future: FutureLike): void => this.#onDone(future);

  constructor(coro: Coroutine<T>, loop: Loop, options: TaskOptions = {}) {
    super(loop);
    this.#coro = coro;
    this.#context = options.context ?? copyContext();
    this.#name = options.name ?? 'foreign';
    if (options.eagerStart === true) this.#eagerStart();
    else this.#queue(null);
    if (!this.done()) _registerTask(this as FutureLike);
  }

  getName(): string {
    return this.#name;
  }

  setName(name: unknown): void {
    this.#name = String(name);
  }

  getCoro(): Coroutine<T> {
    return this.#coro;
  }

  getContext(): Context {
    return this.#context;
  }

  cancelling(): number {
    return this.#requests;
  }

  uncancel(): number {
    if (this.#requests > 0 && --this.#requests === 0) this.#mustCancel = false;
    return this.#requests;
  }

  override cancel(msg?: unknown): boolean {
    if (this.done()) return false;
    this.#requests++;
    if (this.#waiter?.cancel(msg) === true) return true;
    this.#mustCancel = true;
    this.#message = msg;
    return true;
  }

  #eagerStart(): void {
    const loop = this.getLoop();
    const former = _swapCurrentTask(loop, this as FutureLike);
    _registerEagerTask(this as FutureLike);
    try {
      this.#context.run(() => this.#advance(null));
    } finally {
      _unregisterEagerTask(this as FutureLike);
      _swapCurrentTask(loop, former);
    }
  }

  #queue(thrown: { readonly error: unknown } | null): void {
    this.getLoop().callSoon(() => this.#step(thrown), [], { context: this.#context });
  }

  #step(thrown: { readonly error: unknown } | null): void {
    const loop = this.getLoop();
    this.#waiter = null;
    _enterTask(loop, this as FutureLike);
    try {
      this.#advance(thrown);
    } finally {
      _leaveTask(loop, this as FutureLike);
      if (this.done()) _unregisterTask(this as FutureLike);
    }
  }

  #advance(thrown: { readonly error: unknown } | null): void {
    let toThrow = thrown;
    if (this.#mustCancel) {
      if (!(thrown?.error instanceof CancelledError)) toThrow = { error: new CancelledError(this.#message) };
      this.#mustCancel = false;
    }
    try {
      const step = toThrow === null ? this.#coro.next() : this.#coro.throw(toThrow.error);
      if (step.done !== true) this.#waitFor(step.value);
      else if (this.#mustCancel) super.cancel(this.#message);
      else this.setResult(step.value);
    } catch (error) {
      // Whatever it is, it is the outcome; exits end the run as well.
      if (error instanceof CancelledError) super.cancel(error.args[0]);
      else this.setException(error);
      if (isExit(error)) throw error;
    }
  }

  #waitFor(yielded: unknown): void {
    if (!isFuture(yielded)) {
      this.#queue(null);
      return;
    }
    yielded._asyncioFutureBlocking = false;
    futureAddToAwaitedBy(yielded, this as FutureLike);
    yielded.addDoneCallback(this.#wakeup as never, { context: this.#context });
    this.#waiter = yielded;
    if (this.#mustCancel && yielded.cancel(this.#message)) this.#mustCancel = false;
  }

  #onDone(future: FutureLike): void {
    futureDiscardFromAwaitedBy(future, this as FutureLike);
    let thrown: { readonly error: unknown } | null = null;
    try {
      future.result();
    } catch (error) {
      // Whatever it is, it belongs to the coroutine.
      thrown = { error };
    }
    this.#step(thrown);
  }
}
