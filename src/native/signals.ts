/**
 * The signals of a loop.
 *
 * Node delivers signals as events of its own loop, which does not turn while ours blocks; what it has caught already
 * would come too late for a run that blocks next. A handler therefore has two sources: in a hosted run Node's
 * `process.on`, at all other times the native core, which keeps a signal for the next run and wakes the poll. When the
 * last handler of a signal is removed, what handled it before is back in force.
 */
import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import {
  Handle,
  RuntimeError,
  ValueError,
  isCoroutine,
  isCoroutineFunction,
  osErrorFromErrno,
} from '../base/index.ts';
import type { BaseEventLoop, Callback, Loop } from '../base/index.ts';
import type { NativeCore } from './addon.ts';

/** The highest number that a signal can have. */
const LAST = 64;

const { SIGINT } = constants.signals;
const EINVAL = constants.errno.EINVAL;

const names = new Map<number, NodeJS.Signals>();
for (const [name, number] of Object.entries(constants.signals)) {
  // Of two names for a number the first is the usual one (SIGABRT, SIGIOT).
  if (!names.has(number)) names.set(number, name as NodeJS.Signals);
}

/**
 * The number of a signal.
 *
 * @throws TypeError when it is neither a number nor a name; ValueError when there is no such signal
 */
export function signalNumber(signal: number | string): number {
  if (typeof signal === 'string') {
    const number = (constants.signals as Readonly<Record<string, number>>)[signal];
    if (number === undefined || !Object.hasOwn(constants.signals, signal)) {
      throw new ValueError(`invalid signal name ${signal}`);
    }
    return number;
  }
  if (typeof signal !== 'number' || !Number.isInteger(signal)) {
    throw new TypeError(`sig: must be a whole number or a name, not ${String(signal)}`);
  }
  if (signal < 1 || signal > LAST) throw new ValueError(`invalid signal number ${signal}`);
  return signal;
}

/** What the loop of these signals provides. */
type SignalLoop = Pick<
  BaseEventLoop<never>,
  '_addCallbackSignalsafe' | '_checkClosed' | '_hold' | '_release'
>;

/** The signal handlers of one loop. */
export class Signals {
  /** By a signal's number. asyncio: `_signal_handlers`. */
  readonly handlers: Map<number, Handle> = new Map();
  readonly #loop: SignalLoop;
  readonly #core: NativeCore;
  readonly #listeners = new Map<number, () => void>();
  /** Whether the core has the signals, not Node. */
  #native = true;
  #blocking = false;
  /** What Ctrl-C calls in a blocking run, unless there is a handler for it. */
  #interrupt: (() => void) | null = null;

  constructor(loop: SignalLoop, core: NativeCore) {
    this.#loop = loop;
    this.#core = core;
  }

  add(signal: number | string, callback: Callback, args: readonly unknown[] | undefined): void {
    if (isCoroutine(callback) || isCoroutineFunction(callback)) {
      throw new TypeError('callback: coroutines cannot be used with addSignalHandler()');
    }
    if (typeof callback !== 'function') throw new TypeError('callback: must be a function');
    const number = signalNumber(signal);
    this.#loop._checkClosed();
    if (!isMainThread) throw new RuntimeError('signal handlers can be set in the main thread only');
    const name = names.get(number);
    if (name === undefined) throw new RuntimeError(`sig ${number} cannot be caught: Node has no name for it`);
    const handle = new Handle(callback, args, this.#loop as unknown as Loop);
    if (!this.handlers.has(number)) {
      this.#listen(number, name);
      this.#loop._hold();
    }
    this.handlers.set(number, handle);
  }

  #listen(number: number, name: NodeJS.Signals): void {
    const listener = (): void => this.handle(number);
    // In this order: Node's handler has to stand before the core sets it aside.
    if (this.#native) this.#core.unwatchSignal(number);
    try {
      process.on(name, listener);
    } catch (error) {
      process.off(name, listener);
      if ((error as { code?: unknown }).code !== 'EINVAL') throw error;
      throw new RuntimeError(`sig ${number} cannot be caught`, { cause: error });
    }
    this.#listeners.set(number, listener);
    if (this.#native) this.#watch(number);
  }

  remove(signal: number | string): boolean {
    const number = signalNumber(signal);
    if (!this.handlers.has(number)) return false;
    if (this.#native) {
      // In this order: Node takes away what the core has put back. What came before is still handled.
      this.#core.unwatchSignal(number);
      this.woken();
    }
    // Handling may have found the handle cancelled, and have removed it.
    if (!this.handlers.delete(number)) return true;
    process.off(names.get(number)!, this.#listeners.get(number)!);
    this.#listeners.delete(number);
    if (this.#blocking && number === SIGINT && this.#interrupt !== null) this.#watch(SIGINT);
    this.#loop._release();
    return true;
  }

  /** The loop is closed. */
  clear(): void {
    for (const number of [...this.handlers.keys()]) this.remove(number);
  }

  /** A signal came: its handler runs in the loop's next turn. asyncio: `_handle_signal`. */
  handle(number: number): void {
    const handle = this.handlers.get(number);
    if (handle === undefined) return;
    if (handle._cancelled) this.remove(number);
    else this.#loop._addCallbackSignalsafe(handle);
  }

  /** Calls `callback` at Ctrl-C in blocking runs; the function returned ends that. */
  interruptBy(callback: () => void): () => void {
    this.#interrupt = callback;
    if (this.#blocking) this.#watch(SIGINT);
    return () => {
      if (this.#interrupt !== callback) return;
      this.#interrupt = null;
      if (this.#blocking && !this.handlers.has(SIGINT)) this.#core.unwatchSignal(SIGINT);
    };
  }

  /** A run begins. @throws OSError, after which none has begun */
  begin(blocking: boolean): void {
    if (!blocking) {
      this.#giveToNode();
      return;
    }
    this.#blocking = true;
    try {
      if (this.#interrupt !== null && !this.handlers.has(SIGINT)) this.#watch(SIGINT);
    } catch (error) {
      this.#blocking = false;
      throw error;
    }
  }

  /**
   * The run has ended. What came and was not taken any more is passed on to the handlers, for the next run.
   *
   * @returns whether Ctrl-C came so late that nobody was told
   */
  end(): boolean {
    if (!this.#blocking) {
      this.#takeFromNode();
      return false;
    }
    this.#blocking = false;
    if (this.#interrupt !== null && !this.handlers.has(SIGINT)) this.#core.unwatchSignal(SIGINT);
    return this.#deliver() && this.#interrupt !== null;
  }

  /** The poll was woken: by a signal, perhaps. */
  woken(): void {
    if (this.#native && this.#deliver()) this.#interrupt?.();
  }

  /** Passes what the core has caught to the handlers; returns whether Ctrl-C was among it, and has none. */
  #deliver(): boolean {
    let isInterrupted = false;
    for (const number of this.#core.takeSignals()) {
      if (number === SIGINT && !this.handlers.has(SIGINT)) isInterrupted = true;
      else this.handle(number);
    }
    return isInterrupted;
  }

  #giveToNode(): void {
    this.#native = false;
    if (this.handlers.size === 0) return;
    for (const number of this.handlers.keys()) this.#core.unwatchSignal(number);
    this.#deliver();
  }

  #takeFromNode(): void {
    this.#native = true;
    for (const number of this.handlers.keys()) this.#watch(number);
  }

  #watch(number: number): void {
    const outcome = this.#core.watchSignal(number);
    if (outcome === -EINVAL) throw new RuntimeError(`sig ${number} cannot be caught`);
    if (outcome < 0) throw osErrorFromErrno(-outcome, 'sigaction');
  }
}
