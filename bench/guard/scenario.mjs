// @ts-check
/**
 * The whole, in one process and one thread: miolo's echo server, and a client that takes turns with it.
 *
 * `node --expose-gc bench/guard/scenario.mjs crossings|memory API DRIVE CONNECTIONS BYTES TICKS [PLANT]`. Prints a line
 * of JSON. What is counted stands between two calls that a trace of the system calls shows: {@link BEGIN}, {@link END}.
 *
 * The client acts once a tick: in a blocking loop that is a turn, in a hosted one an iteration of Node's loop. It reads
 * what it is owed and writes anew, by system calls of its own. What it writes lies in the server's sockets before the
 * server looks, so that no other thread has a say in how many turns there are.
 *
 * PLANT makes each message dearer, to show that the guard would notice: `crossing`, `call`, `heap` or `buffer`.
 */
import { AF_INET, Handle, MioEventLoop, SOCK_STREAM, Socket, getRunningLoop, run, runSync } from 'miolo';
import { existsSync, fstatSync, readSync, writeSync } from 'node:fs';
import { GCProfiler, getHeapStatistics } from 'node:v8';
import { apis } from '../echo-protocols.mjs';

const BEGIN = '/miolo-guard-begins';
const END = '/miolo-guard-ends';

const [mode = '', api = '', drive = '', ...rest] = process.argv.slice(2);
const [connections = 0, bytes = 0, ticks = 0] = rest.slice(0, 3).map(Number);
const plant = rest[3];
const hosted = drive === 'hosted';

/** Ticks before anything is counted: what is hot is compiled then, where that is of interest. */
const WARM_UP = mode === 'memory' ? Math.ceil(6000 / Math.min(connections, 4)) : 100;

/** Memory is looked at after each of so many windows of TICKS, so that the median is free of what happens once. */
const WINDOWS = 9;

/** Ticks until an echo is back: as many groups of connections take turns, so that each turn has the same work. */
const GROUPS = hosted ? 1 : api === 'streams' ? 3 : 2;

let crossings = 0;
let turns = 0;

class Steady extends MioEventLoop {
  /** Stands still, so that a tick of the host is not cut short on a busy machine. */
  _hostTime() {
    return 0;
  }
}

/** Counts every call of the border, both ways, where it is made and not where the core notes it. */
class Counting extends Steady {
  constructor() {
    super({ driver: 'uv' });
    const { core } = this._ring;
    const methods = Object.getPrototypeOf(core);
    for (const name of Object.getOwnPropertyNames(methods)) {
      if (name === 'constructor') continue;
      core[name] = (...args) => {
        crossings++;
        // Those that are given to be called.
        const counted = args.map((value) =>
          typeof value === 'function' ? () => (crossings++, value()) : value,
        );
        return methods[name].apply(core, counted);
      };
    }
  }

  _runOnce() {
    turns++;
    super._runOnce();
  }
}

/** What a planted regression leaves behind. */
let planted;

class Client {
  #loop = getRunningLoop();
  #handle = new Handle(() => this.#tick(), [], this.#loop);
  #message = Buffer.alloc(bytes, 'x');
  #returned = Buffer.alloc(bytes);
  /** Descriptors by group. */
  #groups;
  #group = 0;
  /** Where in the group the client is to read, and the bytes that this one owes; -1: none is to be read. */
  #at = -1;
  #missing = bytes;
  #ticks = 0;
  #calls = 0;
  #late = 0;
  /** One more than there are windows. */
  #looks = [];
  #profiler = new GCProfiler();
  done = this.#loop.createFuture();

  constructor(groups) {
    this.#groups = groups;
    this.#next();
  }

  #next() {
    if (hosted) setImmediate(() => this.#tick());
    else this.#loop._addCallback(this.#handle);
  }

  #tick() {
    try {
      if (this.#read()) this.#write();
      else this.#late++;
    } catch (error) {
      this.done.setException(error);
      return;
    }
    if (!this.done.done()) this.#next();
  }

  /** Says whether everything is back that the group is owed. */
  #read() {
    if (this.#ticks < GROUPS) return true;
    const group = this.#groups[this.#group];
    while (this.#at < connections) {
      this.#calls++;
      try {
        this.#missing -= readSync(group[this.#at], this.#returned, 0, this.#missing, null);
      } catch (error) {
        if (error.code === 'EAGAIN') return false;
        throw error;
      }
      if (this.#missing > 0) continue;
      this.#missing = bytes;
      this.#at++;
    }
    return true;
  }

  #write() {
    const counted = this.#ticks - WARM_UP;
    if (counted >= 0 && counted % ticks === 0) this.#look(counted / ticks);
    if (this.done.done()) return;
    for (const fd of this.#groups[this.#group]) {
      this.#calls++;
      if (writeSync(fd, this.#message) < bytes) throw new Error('the kernel did not take a message');
      if (plant !== undefined) this.#spend(fd);
    }
    this.#ticks++;
    this.#group = (this.#group + 1) % GROUPS;
    this.#at = 0;
  }

  #spend(fd) {
    if (plant === 'crossing') this.#loop._ring.core.now();
    else if (plant === 'call') fstatSync(fd);
    else if (plant === 'heap') planted = Array.from({ length: 8 }, () => planted === undefined);
    else if (plant === 'buffer') planted = new ArrayBuffer(1024);
  }

  #look(window) {
    if (window === 0) {
      if (mode === 'memory') globalThis.gc?.();
      this.#profiler.start();
    }
    if (window === WINDOWS) existsSync(END);
    // Reading of /proc, which is not to be among the calls that are traced.
    const { arrayBuffers } = mode === 'memory' ? process.memoryUsage() : { arrayBuffers: 0 };
    const { used_heap_size: heap } = getHeapStatistics();
    this.#looks.push({ heap, arrayBuffers, turns, crossings, calls: this.#calls, late: this.#late });
    if (window === 0) existsSync(BEGIN);
    if (window === WINDOWS) this.done.setResult(this.#result());
  }

  #result() {
    const looks = this.#looks;
    const differences = (name) => looks.slice(1).map((look, at) => look[name] - looks[at][name]);
    const sum = (name) => looks[WINDOWS][name] - looks[0][name];
    const median = (name) => differences(name).sort((a, b) => a - b)[WINDOWS >> 1];
    const windowMessages = ticks * connections;
    return {
      heap: median('heap') / windowMessages,
      arrayBuffers: median('arrayBuffers') / windowMessages,
      messages: windowMessages * WINDOWS,
      ...Object.fromEntries(['turns', 'crossings', 'calls', 'late'].map((name) => [name, sum(name)])),
      collections: this.#profiler.stop()?.statistics.length ?? 0,
    };
  }
}

function* main() {
  const loop = getRunningLoop();
  const server = yield* apis[api](0);
  const sockets = [];
  for (let count = 0; count < GROUPS * connections; count++) {
    const socket = new Socket(AF_INET, SOCK_STREAM);
    yield* loop.sockConnect(socket, server.sockets[0].getsockname());
    sockets.push(socket);
  }
  const fds = sockets.map((socket) => socket.fileno());
  const groups = Array.from({ length: GROUPS }, (_, at) =>
    fds.slice(at * connections, (at + 1) * connections),
  );
  const figures = yield* new Client(groups).done;
  for (const socket of sockets) socket.close();
  server.close();
  return figures;
}

const loopFactory = () => (mode === 'crossings' ? new Counting() : new Steady({ driver: 'uv' }));
const figures = hosted ? await run(main(), { loopFactory }) : runSync(main(), { loopFactory });
console.log(JSON.stringify(figures));
