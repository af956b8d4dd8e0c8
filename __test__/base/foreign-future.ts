import { CancelledError, InvalidStateError, copyContext } from 'miolo/base';
import type { Callback, Context, FutureLike, Loop, Yieldable } from 'miolo/base';

/** A future that shares nothing with the library's but the mark and the public methods. */
export class ForeignFuture<T = unknown> implements FutureLike<T> {
  _asyncioFutureBlocking = false;
  readonly #loop: Loop;
  #state: 'pending' | 'done' | 'failed' | 'cancelled' = 'pending';
  #value: unknown = undefined;
  #callbacks: { readonly callback: (future: never) => unknown; readonly context: Context }[] = [];

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  getLoop(): Loop {
    return this.#loop;
  }

  done(): boolean {
    return this.#state !== 'pending';
  }

  cancelled(): boolean {
    return this.#state === 'cancelled';
  }

  result(): T {
    if (this.#state === 'pending') throw new InvalidStateError('pending');
    if (this.#state === 'cancelled') throw new CancelledError(this.#value);
    if (this.#state === 'failed') throw this.#value;
    return this.#value as T;
  }

  exception(): unknown {
    if (this.#state === 'pending') throw new InvalidStateError('pending');
    if (this.#state === 'cancelled') throw new CancelledError(this.#value);
    return this.#state === 'failed' ? this.#value : null;
  }

  cancel(msg?: unknown): boolean {
    if (this.done()) return false;
    this.#end('cancelled', msg);
    return true;
  }

  setResult(value: T): void {
    this.#end('done', value);
  }

  setException(error: unknown): void {
    this.#end('failed', error);
  }

  #end(state: 'done' | 'failed' | 'cancelled', value: unknown): void {
    this.#state = state;
    this.#value = value;
    for (const { callback, context } of this.#callbacks.splice(0)) {
      this.#loop.callSoon(callback as Callback, [this], { context });
    }
  }

  addDoneCallback(
    callback: (future: never) => unknown,
    options?: { readonly context?: Context | null },
  ): void {
    const context = options?.context ?? copyContext();
    if (this.done()) this.#loop.callSoon(callback as Callback, [this], { context });
    else this.#callbacks.push({ callback, context });
  }

  removeDoneCallback(callback: (future: never) => unknown): number {
    const before = this.#callbacks.length;
    this.#callbacks = this.#callbacks.filter((entry) => entry.callback !== callback);
    return before - this.#callbacks.length;
  }

  /** How many callbacks wait for the end. */
  get callbackCount(): number {
    return this.#callbacks.length;
  }

  *[Symbol.iterator](): Iterator<Yieldable, T> {
    if (!this.done()) {
      this._asyncioFutureBlocking = true;
      yield this;
    }
    return this.result();
  }
}
