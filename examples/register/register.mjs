/**
 * A replicated register: a value that any client can read and write while a majority of the replicas is reachable.
 *
 * A value has a version, `[counter, client]`. Writing asks a majority for their versions, and stores the value with a
 * higher one at a majority. Reading asks a majority, and stores the newest value at a majority before it returns it, so
 * that no later read finds an older one.
 *
 * Five mistakes can be switched on, each of which breaks a promise. The simulated network finds every one of them.
 */
import {
  FIRST_COMPLETED,
  OSError,
  TimeoutError,
  createTask,
  gather,
  openConnection,
  sleep,
  startServer,
  timeout,
  wait,
} from 'miolo/base';

export const BUGS = ['oneReplicaIsEnough', 'noWriteBack', 'forgetfulDisk', 'acceptsOlder', 'sameVersion'];

export const REPLICAS = ['a', 'b', 'c'];
const PORT = 7000;
const decoder = new TextDecoder();

function newer([counter, client], [otherCounter, otherClient]) {
  return counter > otherCounter || (counter === otherCounter && client > otherClient);
}

/** What a replica runs, from each start on. */
export function replica(bugs) {
  return function* replicaProgram(host) {
    let kept = host.disk.get('kept') ?? { version: [0, 0], value: null };
    const answer = (request) => {
      if (request.ask === 'get') return kept;
      if (bugs.has('acceptsOlder') || newer(request.version, kept.version)) {
        kept = { version: request.version, value: request.value };
        if (!bugs.has('forgetfulDisk')) host.disk.set('kept', kept);
      }
      return {};
    };
    const server = yield* startServer(
      function* (reader, writer) {
        try {
          for (;;) {
            const line = yield* reader.readline();
            if (line.length === 0) break;
            writer.write(`${JSON.stringify(answer(JSON.parse(decoder.decode(line))))}\n`);
            yield* writer.drain();
          }
        } catch (error) {
          if (!(error instanceof OSError)) throw error;
        } finally {
          writer.close();
        }
      },
      null,
      PORT,
    );
    yield* server.serveForever();
  };
}

/** Asks one replica; null if there is no answer in time. */
function* ask(name, request) {
  let writer = null;
  try {
    return yield* timeout(1).run(function* () {
      const [reader, its] = yield* openConnection(name, PORT);
      writer = its;
      writer.write(`${JSON.stringify(request)}\n`);
      const line = decoder.decode(yield* reader.readline());
      return line.endsWith('\n') ? JSON.parse(line) : null;
    });
  } catch (error) {
    if (!(error instanceof OSError)) throw error;
    return null;
  } finally {
    writer?.close();
  }
}

/** A client's view of the register. Its operations fail with TimeoutError when no majority answers. */
export class Register {
  constructor(client, bugs) {
    this.client = client;
    this.bugs = bugs;
    this.counter = 0;
    this.needed = bugs.has('oneReplicaIsEnough') ? 1 : 2;
  }

  *#askAll(request) {
    let pending = new Set(REPLICAS.map((name) => createTask(ask(name, request))));
    const answers = [];
    // The first majority is enough; the slower ones go on by themselves.
    while (answers.length < this.needed && pending.size > 0) {
      const [done, others] = yield* wait(pending, { returnWhen: FIRST_COMPLETED });
      pending = others;
      for (const task of done) if (task.result() !== null) answers.push(task.result());
    }
    if (answers.length < this.needed) throw new TimeoutError('no majority');
    return answers;
  }

  *#newest() {
    const answers = yield* this.#askAll({ ask: 'get' });
    return answers.reduce((best, each) => (newer(each.version, best.version) ? each : best));
  }

  *read() {
    const found = yield* this.#newest();
    if (!this.bugs.has('noWriteBack')) yield* this.#askAll({ ask: 'set', ...found });
    return found.value;
  }

  *write(value) {
    const { version } = yield* this.#newest();
    // Above its own ones too: a write that failed may have left its version at a replica that was not asked now.
    this.counter = Math.max(this.counter, version[0]) + 1;
    const counter = this.bugs.has('sameVersion') ? Math.max(1, version[0]) : this.counter;
    yield* this.#askAll({ ask: 'set', version: [counter, this.client], value });
  }
}

/**
 * One writer counts up, two readers read: no read may return less than a write, or a read, that had ended before it
 * began.
 */
export function scenario(bugNames = []) {
  const bugs = new Set(bugNames);
  return function* registerScenario(network) {
    REPLICAS.forEach((name, i) => network.host(name, `10.0.0.${i + 1}`).boot(replica(bugs)));
    let known = 0;
    let last = 0;
    const writer = network.host('writer', '10.0.1.1').run(function* writing() {
      const register = new Register(1, bugs);
      for (let value = 1; value <= 12; value++) {
        last = value;
        try {
          yield* register.write(value);
          known = Math.max(known, value);
        } catch (error) {
          if (!(error instanceof OSError)) throw error;
        }
        yield* sleep(network.random.between(0, 0.5));
      }
    });
    const readers = [2, 3].map((client) =>
      network.host(`reader${client}`, `10.0.1.${client}`).run(function* reading() {
        const register = new Register(client, bugs);
        for (let i = 0; i < 40; i++) {
          const least = known;
          try {
            const value = (yield* register.read()) ?? 0;
            if (value < least) throw new Error(`read ${value} after ${least} was known`);
            if (value > last) throw new Error(`read ${value}, which nobody wrote`);
            known = Math.max(known, value);
          } catch (error) {
            if (!(error instanceof OSError)) throw error;
          }
          yield* sleep(network.random.between(0, 0.1));
        }
      }),
    );
    yield* gather([writer, ...readers]);
  };
}

/** What the network and the replicas are put through. */
export const TROUBLE = {
  network: { latency: 0.01, jitter: 0.3, loss: 0.2 },
  faults: { hosts: REPLICAS, count: 8, within: 10, lasts: 3 },
  limit: 600,
};
