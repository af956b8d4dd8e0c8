import {
  AssertionError,
  CancelledError,
  BaseExceptionGroup,
  ContextVar,
  Runner,
  asyncWith,
  currentTask,
  gather,
  isException,
  shield,
  sleep,
  waitFor,
} from 'miolo/base';
import type { AsyncContextManager, Coroutine, ExceptionContext, Future, Loop } from 'miolo/base';
import { Endpoint } from './memory-pipe.ts';
import type { ConformanceLoop } from './loops.ts';
import { OPERATIONS, type Operation, type Thing } from './operations.ts';
import { ProgramError, isNative, latin1, matches, renderException } from './values.ts';

const MAX_TURNS = 20_000;
const MAX_TRACE = 5000;

/** An operation: its name, its arguments, perhaps an object with options. */
export type Step = readonly [name: string, ...rest: Thing[]];

/** A program of the conformance language. */
export interface Program {
  readonly id: string;
  readonly main: readonly Step[];
  readonly blocks?: Record<string, readonly Step[]>;
  readonly callbacks?: Record<string, readonly Step[]>;
  readonly ctxvars?: Record<string, unknown>;
  readonly quiet?: readonly string[];
  readonly runs?: readonly (string | null)[];
}

export type TraceEvent = readonly [time: number, task: string | null, event: string, ...values: unknown[]];

/** Handed up by a block that executed "return". */
export class Return {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

export type Signal = Return | null;

type Condition = boolean | readonly [kind: string, ...rest: Thing[]];

/** Where a future stands, as traces show it. */
export function stateOf(future: Pick<Future, 'done' | 'cancelled'>): string {
  if (!future.done()) return 'pending';
  return future.cancelled() ? 'cancelled' : 'finished';
}

const METHODS: Record<string, string> = {
  done: 'done',
  cancelled: 'cancelled',
  locked: 'locked',
  is_set: 'isSet',
  empty: 'empty',
  full: 'full',
  expired: 'expired',
};

/** Runs one program on one loop and writes its trace. */
export class Interpreter {
  readonly program: Program;
  readonly loop: ConformanceLoop & Loop;
  readonly trace: TraceEvent[] = [];
  readonly #quiet: ReadonlySet<string>;
  #frozen = false;
  /** Set when the program is malformed or runs away, or the library throws what it must not. */
  error: unknown = null;
  #mainTask: Thing = null;
  #idles = 0;
  readonly #names = new Map<string, Thing>();
  readonly #labels = new Map<unknown, string>();
  /** Every task that operations made, in order. */
  readonly spawned: Thing[] = [];
  /** Readers that had their end. */
  readonly ended = new Set<unknown>();
  /** What must not be collected. */
  readonly keep: unknown[] = [];
  readonly counters = new Map<string, number>();
  readonly #autoNames = new Map<string, string>();
  readonly #callbacks = new Map<string, (future?: Future) => void>();
  readonly #variables = new Map<string, ContextVar<unknown>>();

  constructor(program: Program, makeLoop: (interpreter: Interpreter) => ConformanceLoop) {
    this.program = program;
    this.#quiet = new Set(program.quiet);
    for (const [name, initial] of Object.entries(program.ctxvars ?? {})) {
      const variable =
        initial === null
          ? new ContextVar<unknown>(name)
          : new ContextVar<unknown>(name, { default: initial });
      this.#variables.set(name, variable);
    }
    this.loop = makeLoop(this) as never;
    this.loop.setExceptionHandler(this.onException);
  }

  fail(error: unknown): never {
    this.error ??= error;
    this.#frozen = true;
    throw error instanceof ProgramError ? error : new ProgramError(error);
  }

  /** Called by the loop before each turn. */
  onTurn(turns: number): void {
    if (turns > MAX_TURNS) this.fail(new ProgramError('too many turns'));
  }

  /** Called by the loop when it would wait for ever. */
  onIdle(): void {
    this.#idles++;
    this.log('deadlock', this.#idles);
    const main = this.#mainTask;
    if (this.#idles <= 3 && main !== null && !main.done()) main.cancel('deadlock');
    else this.loop.stop();
  }

  // --- the trace ---------------------------------------------------------------------------------------

  taskLabel(task: Thing): string | null {
    if (task === null) return null;
    const name: string = task.getName();
    if (!/^Task-\d+$/.test(name)) return name;
    let label = this.#autoNames.get(name);
    if (label === undefined) this.#autoNames.set(name, (label = `auto-${this.#autoNames.size + 1}`));
    return label;
  }

  currentLabel(): string | null {
    return this.taskLabel(currentTask(this.loop));
  }

  log(event: string, ...values: unknown[]): void {
    if (this.#frozen) return;
    if (this.trace.length >= MAX_TRACE) this.fail(new ProgramError('too many events'));
    this.trace.push([this.loop.time(), this.currentLabel(), event, ...values]);
  }

  /** The form in which a value is logged. */
  render(value: unknown): unknown {
    if (value === undefined || value === null) return null;
    if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') return value;
    if (value instanceof Uint8Array) return latin1(value);
    if (Array.isArray(value)) return value.map((each) => this.render(each));
    if (value instanceof Error) return { exc: renderException(value) };
    return { ref: this.label(value) };
  }

  label(thing: unknown): string | null {
    return this.#labels.get(thing) ?? null;
  }

  readonly onException = (_loop: unknown, context: ExceptionContext): void => {
    this.logContext('exc_handler', context);
  };

  /** Logs a report; false for those that in CPython are up to the collector, and not part of a trace. */
  logContext(event: string, context: ExceptionContext): boolean {
    const message = context.message ?? '';
    if (message.includes('never retrieved') || message.includes('was destroyed')) return false;
    if (isNative(context.exception)) this.fail(context.exception);
    const keys = Object.keys(context).filter((key) => key !== 'sourceTraceback');
    const exception = context.exception === undefined ? null : renderException(context.exception);
    this.log(event, kindOf(message), keys.sort(), exception);
    return true;
  }

  // --- names -------------------------------------------------------------------------------------------

  bind<T>(name: string, thing: T): T {
    if (!this.#labels.has(thing)) this.#labels.set(thing, name);
    this.#names.set(name, thing);
    this.keep.push(thing);
    return thing;
  }

  get(name: string): Thing {
    return name === 'self' ? currentTask() : this.#names.get(name);
  }

  has(name: string): boolean {
    return name === 'self' ? currentTask(this.loop) !== null : this.#names.has(name);
  }

  variable(name: string): ContextVar<unknown> {
    return this.#variables.get(name)!;
  }

  /** The first name that an operation refers to and that is not bound. */
  #missing(operation: Operation, args: readonly Thing[], options: Thing): string | null {
    const kinds = operation.kinds;
    for (let i = 0; i < kinds.length; i++) {
      const argument = args[i];
      let names: readonly string[] = [];
      if (kinds[i] === 'r') names = [argument];
      else if (kinds[i] === 'R') names = argument;
      else if (kinds[i] === 'a') names = namesIn(argument);
      else if (kinds[i] === 'A') names = argument.flatMap(namesIn);
      const missing = names.find((name) => !this.has(name));
      if (missing !== undefined) return missing;
    }
    for (const key of ['ctx', 'lock']) {
      const name = options[key];
      if (name !== undefined && name !== null && !this.has(name)) return name;
    }
    return null;
  }

  // --- awaitable expressions ---------------------------------------------------------------------------

  awaitable(expression: Thing): Thing {
    if (typeof expression === 'string') return this.get(expression);
    const [[key, argument]] = Object.entries(expression) as [[string, Thing]];
    switch (key) {
      case 'co':
        return this.coroutine(argument);
      case 'sleep':
      case 'value':
        return sleep(expression.sleep, expression.value ?? null);
      case 'ev':
      case 'bar':
        return this.get(argument).wait();
      case 'acq':
        return this.get(argument).acquire();
      case 'get':
        return this.get(argument).get();
      case 'put':
        return this.get(argument[0]).put(argument[1]);
      case 'join':
        return this.get(argument).join();
      case 'readline':
        return readerOf(this.get(argument)).readline();
      case 'shield':
        return shield(this.awaitable(argument));
      case 'wait_for':
        return waitFor(this.awaitable(argument[0]), argument[1]);
      case 'gather':
      case 're':
        return gather(
          expression.gather.map((each: Thing) => this.awaitable(each)),
          { returnExceptions: expression.re === true },
        );
      default:
        return this.fail(new ProgramError(`no awaitable ${key}`));
    }
  }

  // --- running -----------------------------------------------------------------------------------------

  /** A block as a coroutine of its own: the body of a task. */
  *coroutine(block: string): Coroutine {
    let value: unknown;
    try {
      value = yield* this.block(block);
    } catch (error) {
      if (!this.#quiet.has(block)) this.log('raised', renderException(error));
      throw error;
    }
    if (!this.#quiet.has(block)) this.log('returned', this.render(value));
    return value;
  }

  *block(name: string): Coroutine {
    const signal = yield* this.steps(this.program.blocks![name]!);
    return signal === null ? null : signal.value;
  }

  *steps(steps: readonly Step[]): Coroutine<Signal> {
    for (const step of steps) {
      const signal = yield* this.step(step);
      if (signal !== null) return signal;
    }
    return null;
  }

  #decode(step: Step): [operation: Operation, args: readonly Thing[], options: Thing] {
    const operation = OPERATIONS.get(step[0]);
    if (operation === undefined) return this.fail(new ProgramError(`no operation ${step[0]}`));
    const count = operation.kinds.length;
    if (step.length < 1 + count || step.length > 2 + count) {
      this.fail(new ProgramError(`bad operation ${JSON.stringify(step)}`));
    }
    return [operation, step.slice(1, 1 + count), step[1 + count] ?? {}];
  }

  *step(step: Step): Coroutine<Signal> {
    if (this.#frozen) throw new ProgramError('the program is over');
    const [operation, args, options] = this.#decode(step);
    if (!operation.awaits) return this.stepSync(step);
    const missing = this.#missing(operation, args, options);
    if (missing !== null) {
      this.log('missing', missing);
      return null;
    }
    let result: unknown;
    try {
      result = yield* operation.run(this, args, options) as Coroutine;
    } catch (error) {
      this.#caught(operation, options.safe ?? 0, error);
      return null;
    }
    return this.#completed(operation, result);
  }

  stepSync(step: Step): Signal {
    const [operation, args, options] = this.#decode(step);
    if (operation.awaits) this.fail(new ProgramError(`${operation.name} in a callback`));
    const missing = this.#missing(operation, args, options);
    if (missing !== null) {
      this.log('missing', missing);
      return null;
    }
    let result: unknown;
    try {
      result = operation.run(this, args, options);
    } catch (error) {
      this.#caught(operation, options.safe ?? 0, error);
      return null;
    }
    return this.#completed(operation, result);
  }

  #caught(operation: Operation, safe: number, error: unknown): void {
    if (isNative(error) || error instanceof AssertionError) this.fail(error);
    const wanted =
      (safe >= 1 && isException(error)) ||
      (safe === 2 && (error instanceof CancelledError || error instanceof BaseExceptionGroup));
    if (!wanted) throw error;
    this.log(operation.name, { exc: renderException(error) });
  }

  #completed(operation: Operation, result: unknown): Signal {
    if (operation.logs === 'control') return (result as Signal | undefined) ?? null;
    if (operation.logs === 'name') this.log(operation.name);
    else this.log(operation.name, this.render(result));
    return null;
  }

  /** Executes operations inside of `manager`. */
  scope<V>(manager: AsyncContextManager<V>, steps: readonly Step[]): Coroutine<Signal> {
    return asyncWith(manager, () => this.steps(steps));
  }

  /** `try`. A "return" in `finally` is ignored. */
  *attempt(parts: Thing): Coroutine<Signal> {
    try {
      return yield* this.steps(parts.body);
    } catch (error) {
      const clauses: Thing[] = parts.except ?? [];
      const clause = clauses.find((each) => each.of.some((name: string) => matches(error, name)));
      if (clause === undefined || error instanceof ProgramError) throw error;
      if (clause.cause) {
        const cause = (error as Error).cause ?? null;
        this.log('except', renderException(error), cause === null ? null : renderException(cause));
      } else this.log('except', renderException(error));
      const signal = yield* this.steps(clause.do ?? []);
      if (signal === null && clause.reraise) throw error;
      return signal;
    } finally {
      if (parts.finally !== undefined && !this.#frozen) yield* this.steps(parts.finally);
    }
  }

  /** The one function that stands for a callback. */
  callback(name: string): (future?: Future) => void {
    let callback = this.#callbacks.get(name);
    if (callback === undefined) {
      callback = (future) => {
        if (future === undefined) this.log('cb', name);
        else this.log('cb', name, stateOf(future));
        for (const step of this.program.callbacks![name]!) this.stepSync(step);
      };
      this.#callbacks.set(name, callback);
    }
    return callback;
  }

  /** The conditions of "if". */
  holds(condition: Condition): boolean {
    if (typeof condition === 'boolean') return condition;
    const [kind, first, second] = condition;
    if (kind === 'not') return !this.holds(first);
    if (kind === 'counter') return (this.counters.get(first) ?? 0) >= second;
    if (kind === 'cancelling') return ((currentTask() as Thing)?.cancelling() ?? -1) > first;
    if (!this.has(first)) return false;
    if (kind === 'exists') return true;
    return Boolean(this.get(first)[METHODS[kind]!]());
  }

  // --- the program as a whole --------------------------------------------------------------------------

  *#main(steps: readonly Step[]): Coroutine {
    this.#mainTask = currentTask();
    this.#mainTask.setName('main');
    const signal = yield* this.steps(steps);
    return signal === null ? null : signal.value;
  }

  #mains(): Coroutine[] {
    const runs = this.program.runs ?? [];
    const names = runs.length === 0 ? [null] : runs;
    return names.map((name) => this.#main(name === null ? this.program.main : this.program.blocks![name]!));
  }

  #runner(): Runner {
    return new Runner({ loopFactory: () => this.loop });
  }

  /** The trace, with the thread blocked. */
  runBlocking(): readonly TraceEvent[] {
    const runner = this.#runner();
    for (const main of this.#mains()) {
      let outcome: unknown;
      try {
        outcome = this.render(runner.runSync(main));
      } catch (error) {
        outcome = { exc: renderException(error) };
      }
      this.log('run_end', outcome, this.loop.turns);
    }
    try {
      runner.closeSync();
    } catch (error) {
      this.log('close_raised', renderException(error));
    }
    return this.#end();
  }

  /** The trace, driven by Node. */
  async runHosted(): Promise<readonly TraceEvent[]> {
    const runner = this.#runner();
    for (const main of this.#mains()) {
      let outcome: unknown;
      try {
        outcome = this.render(await runner.run(main));
      } catch (error) {
        outcome = { exc: renderException(error) };
      }
      this.log('run_end', outcome, this.loop.turns);
    }
    try {
      await runner.close();
    } catch (error) {
      this.log('close_raised', renderException(error));
    }
    return this.#end();
  }

  #end(): readonly TraceEvent[] {
    this.log('closed');
    this.#frozen = true;
    if (this.error !== null) throw this.error;
    return this.trace;
  }
}

/** The reader of an end of a pipe, or what is a reader itself. */
export function readerOf(thing: Thing): Thing {
  return thing instanceof Endpoint ? thing.reader : thing;
}

/** The names that an awaitable expression mentions, left to right. */
function namesIn(expression: Thing): string[] {
  if (typeof expression === 'string') return [expression];
  return Object.entries(expression).flatMap(([key, argument]: [string, Thing]) => {
    if (['ev', 'acq', 'get', 'join', 'bar', 'readline'].includes(key)) return [argument];
    if (key === 'put') return [argument[0]];
    if (key === 'shield') return namesIn(argument);
    if (key === 'wait_for') return namesIn(argument[0]);
    if (key === 'gather') return argument.flatMap(namesIn);
    return [];
  });
}

function kindOf(message: string): string {
  if (message.startsWith('Exception in callback')) return 'callback';
  if (message.startsWith('unhandled exception during asyncio.run() shutdown')) return 'shutdown';
  if (message.startsWith('Unhandled error in exception handler')) return 'handler';
  if (message.startsWith('custom')) return 'custom';
  return message.includes('has errored out') ? 'taskgroup' : 'other';
}
