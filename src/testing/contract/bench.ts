import { Handle, logger, sleep } from '../../base/index.ts';
import type {
  Awaitable,
  BaseEventLoop,
  Coroutine,
  ExceptionContext,
  Host,
  LogLevel,
  Loop,
} from '../../base/index.ts';
import { ContractError, isSame, show } from './contract-error.ts';

/** Any loop that inherits from BaseEventLoop. */
export type ContractLoop = BaseEventLoop<unknown>;

/** Who turns the loop: its own poll, or a host. */
export type Drive = 'blocking' | 'hosted';

/** Turns after which a check's run is given up: none of the checks needs a hundredth of it. */
const MAX_TURNS = 200_000;

/** Milliseconds of real time after which a hosted run is given up. */
const MAX_WAIT = 20_000;

/** Seconds of the loop's clock that something may take to come about. */
const MAX_DELAY = 10;

/** A line of the log. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

/**
 * One loop under test, instrumented: polls are counted, I/O can be made, reports are kept.
 *
 * What is reported and not taken by {@link takeReports} fails the check.
 */
export class Bench {
  readonly loop: ContractLoop;
  readonly drive: Drive;
  readonly rule: string;
  /** Polls so far; each turn has one. */
  polls = 0;
  /** Called in each poll, before the loop's own. */
  onPoll: () => void = () => {};
  readonly #io: Handle[] = [];
  #reports: ExceptionContext[] = [];

  constructor(loop: ContractLoop, drive: Drive, rule: string, host: (() => Host) | null) {
    this.loop = loop;
    this.drive = drive;
    this.rule = rule;
    if (host !== null) loop._host = host();
    this.keepReports();
    this.#instrument();
  }

  /** The loop, as what tasks and futures need of it. */
  get asLoop(): Loop {
    return this.loop as unknown as Loop;
  }

  #instrument(): void {
    const { loop } = this;
    const selector = loop._selector;
    const select = selector.select.bind(selector);
    selector.select = (timeout) => {
      if (++this.polls > MAX_TURNS) this.fail('the run to end', `it took more than ${MAX_TURNS} turns`);
      if (timeout !== 0 && (loop._ready.length > 0 || loop._stopping)) {
        const why = loop._stopping ? 'a stop is pending' : 'handles are ready';
        throw new ContractError(
          'the poll does not wait when anything is ready or a stop is pending',
          `a poll with a timeout of 0, since ${why}`,
          `a poll with a timeout of ${show(timeout)}`,
        );
      }
      this.onPoll();
      return select(timeout);
    };
    const processEvents = loop._processEvents.bind(loop);
    loop._processEvents = (events) => {
      for (const handle of this.#io.splice(0)) loop._addCallback(handle);
      processEvents(events);
    };
  }

  // --- making things happen ----------------------------------------------------------------------------

  /** What the next poll makes ready, as if it came from a descriptor. */
  addIo(callback: () => unknown): Handle {
    const handle = new Handle(callback, [], this.asLoop);
    this.#io.push(handle);
    return handle;
  }

  /** Runs until the loop is stopped. */
  async forever(): Promise<void> {
    if (this.drive === 'blocking') this.loop.runForeverSync();
    else await this.#inTime(this.loop.runForever());
  }

  /** One turn, which does not wait. */
  async turn(): Promise<void> {
    this.loop.stop();
    await this.forever();
  }

  /** Runs until `awaitable` is done. */
  async complete<T>(awaitable: Awaitable<T>): Promise<T> {
    if (this.drive === 'blocking') return this.loop.runUntilCompleteSync(awaitable);
    return await this.#inTime(this.loop.runUntilComplete(awaitable));
  }

  async #inTime<T>(run: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.loop.stop();
        const what = `it has not after ${MAX_WAIT} ms`;
        reject(new ContractError(this.rule, 'the hosted run to end', what));
      }, MAX_WAIT);
    });
    try {
      return await Promise.race([run, limit]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Lets the loop turn until `condition` holds. For coroutines of the check. */
  *until(condition: () => boolean, what: string): Coroutine<void> {
    const end = this.loop.time() + MAX_DELAY;
    while (!condition()) {
      if (this.loop.time() > end) this.fail(what, `nothing within ${MAX_DELAY} s of the loop's clock`);
      yield* sleep(0.001);
    }
  }

  /** Gives the loop some turns, each with a poll. For coroutines of the check. */
  *turns(count: number): Coroutine<void> {
    for (let turn = 0; turn < count; turn++) yield;
  }

  // --- reports and the log -----------------------------------------------------------------------------

  /** Has reports kept for {@link takeReports}; a check may have set another handler meanwhile. */
  keepReports(): void {
    this.loop.setExceptionHandler((_loop, context) => void this.#reports.push(context));
  }

  /** What was reported since the last time. */
  takeReports(): ExceptionContext[] {
    const reports = this.#reports;
    this.#reports = [];
    return reports;
  }

  /** Takes the log, until the function returned is called, which returns what was logged. */
  startLog(): () => LogLine[] {
    const lines: LogLine[] = [];
    const former = logger.setSink((level, message) => void lines.push({ level, message }));
    return () => {
      logger.setSink(former);
      return lines;
    };
  }

  /** What is logged during `action`. */
  async logOf(action: () => unknown): Promise<LogLine[]> {
    const stop = this.startLog();
    let lines: LogLine[] = [];
    try {
      await action();
    } finally {
      lines = stop();
    }
    return lines;
  }

  // --- assertions --------------------------------------------------------------------------------------

  fail(expected: string, happened: string): never {
    throw new ContractError(this.rule, expected, happened);
  }

  /** `actual` is `expected`: a plain value, the same object, or an array of such. */
  same(actual: unknown, expected: unknown, what: string): void {
    if (!isSame(actual, expected)) this.fail(`${what}: ${show(expected)}`, show(actual));
  }

  ok(condition: boolean, expected: string, happened: string): void {
    if (!condition) this.fail(expected, happened);
  }

  /** `action` throws, or rejects with, an error of `type`, which is returned. */
  async throws<E>(
    action: () => unknown,
    type: abstract new (...args: never[]) => E,
    what: string,
  ): Promise<E> {
    try {
      await action();
    } catch (error) {
      // Whatever it is, the check is about it.
      return this.isA(error, type, what);
    }
    return this.fail(`${what}: ${type.name}`, 'nothing was thrown');
  }

  /** `error` is of `type`. */
  isA<E>(error: unknown, type: abstract new (...args: never[]) => E, what: string): E {
    if (error instanceof ContractError && !(error instanceof type)) throw error;
    if (!(error instanceof type)) this.fail(`${what}: ${type.name}`, show(error));
    return error;
  }

  // --- the end -----------------------------------------------------------------------------------------

  /** After a check that went well: nothing else was reported, and the loop closes. */
  finish(): void {
    const [first] = this.#reports;
    if (first !== undefined) {
      const { message = '', exception } = first;
      throw new ContractError(
        this.rule,
        'no report besides those that the rule asks for',
        `reported: ${message} ${exception === undefined ? '' : show(exception)}`,
        { cause: exception },
      );
    }
    this.discard();
  }

  /** Lets go of the loop; what is pending in it is nobody's concern. */
  discard(): void {
    this.loop.setExceptionHandler(() => {});
    if (!this.loop.isClosed()) this.loop.close();
  }
}

/** A check before it is bound to a loop and a drive. */
export interface Spec {
  readonly name: string;
  /** The rule of asyncio that it proves. */
  readonly rule: string;
  /** Only this drive can be checked. */
  readonly only?: Drive;
  body(bench: Bench): Promise<void> | void;
}
