import { Context, ContextVar, Exception, _unregisterTask, allTasks, brandError } from '../base/index.ts';
import type { Coroutine, Future, Handle, Loop, Task } from '../base/index.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { SimulatedSocket } from './simulated-socket.ts';

/** The host went down while a program ran on it. */
export class HostDownError extends Exception {}
brandError(HostDownError, 'HostDownError', 'ERR_MIOLO_HOST_DOWN');

/** A program of a host: a coroutine function. */
export type HostProgram<T = unknown> = (host: SimulatedHost) => Coroutine<T>;

/** Which life of which host code belongs to. */
const currentLife = new ContextVar<HostLife>('miolo.testing.host');

/** The life that code in `context` belongs to; null for code of no host. */
export function lifeOf(context: Context): HostLife | null {
  return context.get(currentLife) ?? null;
}

/** The life that the running code belongs to; null for code of no host. */
export function lifeHere(): HostLife | null {
  return currentLife.get(null as never);
}

/** The host that the running code belongs to; null for code of no host. */
export function currentHost(): SimulatedHost | null {
  return lifeHere()?.host ?? null;
}

const FIRST_EPHEMERAL_PORT = 49152;
const EPHEMERAL_PORTS = 65536 - FIRST_EPHEMERAL_PORT;

/** What a host is between two crashes: everything in it is gone at its end. */
export class HostLife {
  readonly host: SimulatedHost;
  readonly context: Context = new Context();
  alive = true;
  /** Bound sockets by port. */
  readonly streams: Map<number, SimulatedSocket> = new Map();
  readonly datagrams: Map<number, SimulatedSocket> = new Map();
  /** What became ready while the host was paused. */
  #held: Handle[] = [];
  #lastPort = 0;
  /** What waits for programs of the host from outside of it. */
  readonly #outcomes = new Set<Future<never>>();

  constructor(host: SimulatedHost) {
    this.host = host;
    this.context.run(() => currentLife.set(this));
  }

  /** Whether a handle may run now. */
  admit(handle: Handle): boolean {
    if (this.alive && !this.host.paused) return true;
    if (this.alive) this.#held.push(handle);
    return false;
  }

  takeHeld(): Handle[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }

  freePort(table: ReadonlyMap<number, unknown>): number {
    for (let tries = 0; tries < EPHEMERAL_PORTS; tries++) {
      const port = FIRST_EPHEMERAL_PORT + (this.#lastPort++ % EPHEMERAL_PORTS);
      if (!table.has(port)) return port;
    }
    return 0;
  }

  run<T>(program: HostProgram<T>): Future<T> {
    const { loop } = this.host.network;
    const outcome = loop.createFuture<T>();
    const name = `${this.host.name}:${program.name || 'program'}`;
    const task: Task<T> = loop.createTask(program(this.host), { name, context: this.context.copy() });
    this.#outcomes.add(outcome as Future<never>);
    task.addDoneCallback(
      () => {
        this.#outcomes.delete(outcome as Future<never>);
        if (outcome.done()) {
          // Whoever waited has given up; an error must still be heard of.
          if (!task.cancelled() && task.exception() !== null) this.#reportLost(task);
        } else if (task.cancelled()) outcome.cancel();
        else if (task.exception() !== null) outcome.setException(task.exception() as Error);
        else outcome._finish(task.result());
      },
      { context: new Context() },
    );
    return outcome;
  }

  #reportLost(task: Task<never> | Task): void {
    this.host.network.loop.callExceptionHandler({
      message: `a program of the host ${this.host.name} failed`,
      exception: task.exception(),
      task,
    });
  }

  /** Ends the life as a power failure does: nothing of it runs again, not even a `finally`. */
  end(): void {
    this.alive = false;
    this.#held = [];
    const { loop } = this.host.network;
    for (const task of allTasks(loop as unknown as Loop)) {
      const context = (task as Partial<Task>).getContext?.();
      if (context === undefined || lifeOf(context) !== this) continue;
      (task as Task)._logDestroyPending = false;
      _unregisterTask(task);
    }
    for (const outcome of this.#outcomes) {
      if (outcome.done()) continue;
      outcome.setException(new HostDownError(`the host ${this.host.name} went down`));
      // It is no news for whoever made it happen.
      outcome._retrieved();
    }
    this.#outcomes.clear();
  }
}

/** What survives crashes of a host. What is put in is copied, and what is got is a copy, as with a real disk. */
export class SimulatedDisk {
  readonly #files = new Map<string, unknown>();

  /** A copy of what was put in last under `name`; undefined if nothing was. */
  get(name: string): unknown {
    return structuredClone(this.#files.get(name));
  }

  /** Writes at once and durably. @throws DataCloneError for what cannot be copied: functions, symbols */
  set(name: string, value: unknown): void {
    this.#files.set(name, structuredClone(value));
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  delete(name: string): boolean {
    return this.#files.delete(name);
  }

  names(): string[] {
    return [...this.#files.keys()];
  }
}

/** A machine of a {@link SimulatedNetwork}. Made by `network.host()`. */
export class SimulatedHost {
  readonly network: SimulatedNetwork;
  readonly name: string;
  readonly address: string;
  /** What survives crashes. */
  readonly disk: SimulatedDisk = new SimulatedDisk();
  /** Null while the host is down. */
  _life: HostLife | null;
  /** Since when the host is down, in seconds of the loop's clock. */
  _downSince = 0;
  #paused = false;
  readonly #programs: HostProgram[] = [];

  constructor(network: SimulatedNetwork, name: string, address: string) {
    this.network = network;
    this.name = name;
    this.address = address;
    this._life = new HostLife(this);
  }

  get up(): boolean {
    return this._life !== null;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /**
   * Runs a program on the host, once.
   *
   * @returns its outcome; HostDownError when the host goes down before the end. Cancelling it does not stop the
   * program
   * @throws HostDownError when the host is down
   */
  run<T>(program: HostProgram<T>): Future<T> {
    if (this._life === null) throw new HostDownError(`the host ${this.name} is down`);
    return this._life.run(program);
  }

  /** Runs a program now, and again after each {@link restart}. An error that ends it is reported to the loop. */
  boot(program: HostProgram): void {
    this.#programs.push(program);
    if (this._life !== null) this.#start(this._life, program);
  }

  #start(life: HostLife, program: HostProgram): void {
    // Nobody waits for it: the outcome's own report names it.
    void life.run(program);
  }

  /**
   * Cuts the power. Tasks and callbacks of the host never run again, not even `finally` blocks; code of the host
   * that calls this goes on to its next `yield*`. What was written to {@link disk} stays, and so do bytes that are
   * under way. Peers are told nothing: their connections are half-open, and fail when they send, by a reset after
   * the restart, or after the network's `timeout`. Harmless if the host is down.
   */
  crash(): void {
    this.#end(false);
  }

  /** Kills the host's programs; the system lives on: as {@link crash}, but each connection is reset. */
  kill(): void {
    this.#end(true);
  }

  #end(reset: boolean): void {
    const life = this._life;
    if (life === null) return;
    this.network._record(reset ? 'kill' : 'crash', this.name);
    this._life = null;
    this._downSince = this.network.loop.time();
    this.#paused = false;
    this.network._lifeEnds(life, reset);
    life.end();
  }

  /** Begins a new life, with the disk of the old one, and runs what {@link boot} was given. Harmless if it is up. */
  restart(): void {
    if (this._life !== null) return;
    this.network._record('restart', this.name);
    const life = (this._life = new HostLife(this));
    this.network._reachChanged();
    for (const program of this.#programs) this.#start(life, program);
  }

  /** Stops the host's programs, as a long garbage collection would: the clock goes on, the system still receives. */
  pause(): void {
    if (this._life === null || this.#paused) return;
    this.network._record('pause', this.name);
    this.#paused = true;
  }

  /** Lets the programs go on: first whatever became ready meanwhile, in its order. */
  resume(): void {
    if (!this.#paused) return;
    this.network._record('resume', this.name);
    this.#paused = false;
    for (const handle of this._life?.takeHeld() ?? []) this.network.loop._addCallback(handle);
  }

  toString(): string {
    return `<SimulatedHost ${this.name} ${this.address} ${this.up ? (this.#paused ? 'paused' : 'up') : 'down'}>`;
  }
}
