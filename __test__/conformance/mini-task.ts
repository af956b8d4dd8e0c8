import {
  CancelledError,
  Future,
  _enterTask,
  _leaveTask,
  _registerTask,
  _unregisterTask,
  copyContext,
  isExit,
} from 'miolo/base';
import type { Context, Coroutine, FutureLike, Loop } from 'miolo/base';

/** A task class that is not the library's: it steps its coroutine by hand. */
export class MiniTask extends Future<unknown> {
  #coro: Coroutine;
  #name: string;
  readonly #its: Context;
  #waiter: FutureLike | null = null;
  #mustCancel = false;
  #message: unknown = null;
  #requests = 0;
  readonly #onWake = (future: FutureLike): void => this.#wakeup(future);

  constructor(coro: Coroutine, options: { loop: Loop; name: string; context?: Context | null }) {
    super({ loop: options.loop });
    this.#coro = coro;
    this.#name = options.name;
    this.#its = options.context ?? copyContext();
    _registerTask(this);
    this._loop.callSoon(() => this.#step(), [], { context: this.#its });
  }

  getName(): string {
    return this.#name;
  }

  setName(name: string): void {
    this.#name = name;
  }

  getCoro(): Coroutine {
    return this.#coro;
  }

  getContext(): Context {
    return this.#its;
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
    if (this.#waiter !== null && this.#waiter.cancel(msg)) return true;
    this.#mustCancel = true;
    this.#message = msg ?? null;
    return true;
  }

  #step(thrown?: unknown): void {
    let error = thrown;
    if (this.#mustCancel) {
      if (!(error instanceof CancelledError)) error = new CancelledError(this.#message);
      this.#mustCancel = false;
    }
    this.#waiter = null;
    _enterTask(this._loop, this);
    try {
      let step: IteratorResult<unknown, unknown>;
      try {
        step = error === undefined ? this.#coro.next() : this.#coro.throw(error);
      } catch (failure) {
        if (failure instanceof CancelledError) super.cancel(failure.args[0]);
        else {
          super.setException(failure);
          if (isExit(failure)) throw failure;
        }
        return;
      }
      if (step.done === true) {
        if (this.#mustCancel) super.cancel(this.#message);
        else super.setResult(step.value);
      } else if (step.value === undefined || step.value === null) {
        this._loop.callSoon(() => this.#step(), [], { context: this.#its });
      } else this.#waitFor(step.value as FutureLike);
    } finally {
      _leaveTask(this._loop, this);
      if (this.done()) _unregisterTask(this);
    }
  }

  #waitFor(future: FutureLike): void {
    future._asyncioFutureBlocking = false;
    future.addDoneCallback(this.#onWake as never, { context: this.#its });
    this.#waiter = future;
    if (this.#mustCancel && future.cancel(this.#message)) this.#mustCancel = false;
  }

  #wakeup(future: FutureLike): void {
    let error: unknown;
    try {
      future.result();
    } catch (failure) {
      error = failure;
    }
    this.#step(error);
  }
}
