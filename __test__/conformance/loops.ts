/** The loops that programs run on. Each is a loop of the library with another clock and no I/O. */
import { MioEventLoop } from 'miolo';
import type { Completions } from 'miolo';
import type { BaseEventLoop, ExceptionContext, Selector } from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';

/** What a program's loop tells its interpreter. */
export interface Listener {
  onTurn(turns: number): void;
  onIdle(): void;
  logContext(event: string, context: ExceptionContext): boolean;
}

export type ConformanceLoop = BaseEventLoop<never> & { readonly turns: number };

class CountingVirtualLoop extends VirtualClockLoop {
  readonly #listener: Listener;
  turns = 0;

  constructor(listener: Listener) {
    super();
    this.#listener = listener;
  }

  override _runOnce(): void {
    this.#listener.onTurn(++this.turns);
    super._runOnce();
  }

  override onIdle(): void {
    this.#listener.onIdle();
  }

  override defaultExceptionHandler(context: ExceptionContext): void {
    this.#listener.logContext('default_handler', context);
  }
}

/** The native loop with its clock and its selector replaced. */
class CountingMioLoop extends MioEventLoop {
  readonly #listener: Listener;
  #now = 0;
  turns = 0;

  constructor(listener: Listener) {
    super();
    this.#listener = listener;
    const native = this._selector;
    const selector: Selector<Completions> = {
      select: (timeout) => {
        if (timeout === null) this.#listener.onIdle();
        else this.#now += timeout;
        return native.select(0);
      },
      close: () => native.close(),
    };
    (this as { _selector: Selector<Completions> })._selector = selector;
  }

  override time(): number {
    return this.#now;
  }

  override _runOnce(): void {
    this.#listener.onTurn(++this.turns);
    super._runOnce();
  }

  override defaultExceptionHandler(context: ExceptionContext): void {
    this.#listener.logContext('default_handler', context);
  }
}

export type LoopKind = 'virtual' | 'mio';

export function makeLoop(kind: LoopKind, listener: Listener): ConformanceLoop {
  return (kind === 'virtual'
    ? new CountingVirtualLoop(listener)
    : new CountingMioLoop(listener)) as unknown as ConformanceLoop;
}
