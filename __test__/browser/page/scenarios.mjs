/** What the Chromium test has the page do. Each returns what the test looks at. */
import {
  Protocol,
  TaskGroup,
  createTask,
  fromPromise,
  gather,
  getRunningLoop,
  openConnection,
  run,
  sleep,
  startServer,
  timeout,
} from 'miolo/base';
import { BrowserEventLoop, PortListener, PortSocket, connectPort } from 'miolo/browser';

const inLoop = (main) => run(main, { loopFactory: () => new BrowserEventLoop() });

function startWorker() {
  return new Worker(new URL('echo-worker.mjs', import.meta.url), { type: 'module' });
}

function byteAt(at) {
  return (at + (at >> 8) + (at >> 16)) & 255;
}

function pattern(from, length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = byteAt(from + at);
  return bytes;
}

/** Sends `total` bytes to a worker and back, and reads slowly at first: every 64 KiB a millisecond. */
export async function echo(total) {
  const worker = startWorker();
  const piece = 100_000;
  let [most, received, firstWrong, pauses] = [0, 0, -1, 0];

  function* send(writer) {
    for (let at = 0; at < total; at += piece) {
      writer.write(pattern(at, Math.min(piece, total - at)));
      const size = writer.transport.getWriteBufferSize();
      most = Math.max(most, size);
      if (size > 65_536) pauses++;
      yield* writer.drain();
    }
    writer.writeEof();
  }

  function* receive(reader) {
    for (let data = yield* reader.read(65_536); data.length > 0; data = yield* reader.read(65_536)) {
      for (const byte of data) {
        if (byte !== byteAt(received) && firstWrong < 0) firstWrong = received;
        received++;
      }
      if (received < 2_000_000) yield* sleep(0.001);
    }
  }

  function* main() {
    const [reader, writer] = yield* openConnection(null, null, { sock: connectPort(worker) });
    yield* gather([send(writer), receive(reader)]);
    writer.close();
    yield* writer.waitClosed();
  }

  await inLoop(main());
  worker.terminate();
  return { most, received, firstWrong, pauses };
}

/** A loop that always has something to do, until the page has painted and its timers have run. */
export async function besidesThePage() {
  let [frames, ticks, turns] = [0, 0, 0];
  requestAnimationFrame(function paint() {
    if (++frames < 10) requestAnimationFrame(paint);
  });
  const timer = setInterval(() => ticks++, 1);

  function* busy() {
    while (frames < 10 || ticks < 10) {
      turns++;
      yield;
    }
    return 'painted';
  }

  function* main() {
    const results = yield* new TaskGroup().run(function* (group) {
      const tasks = [group.createTask(busy()), group.createTask(sleep(0.01, 'slept'))];
      return yield* gather(tasks);
    });
    try {
      yield* timeout(0.01).run(sleep(3600));
    } catch (error) {
      results.push(error.name);
    }
    return results;
  }

  const results = await inLoop(main());
  clearInterval(timer);
  return { results, enough: frames >= 10 && ticks >= 10 && turns > 20 };
}

/** Async functions wait for tasks, and tasks for promises of the page's. */
export async function asyncFunctions() {
  async function fetches() {
    const slept = await createTask(sleep(0.001, 'slept'));
    const response = await fetch(new URL('index.html', import.meta.url));
    return [slept, response.status, (await response.text()).includes('importmap')];
  }

  function* main() {
    return yield* fromPromise(fetches());
  }

  return await inLoop(main());
}

/** The locks of connections that this page waits for. */
async function watched() {
  const probe = `probe ${crypto.randomUUID()}`;
  const { held, pending } = await navigator.locks.request(probe, () => navigator.locks.query());
  const { clientId } = held.find(({ name }) => name === probe);
  return pending
    .filter((lock) => lock.clientId === clientId && lock.name.startsWith('miolo/browser '))
    .map(({ name }) => name);
}

/** Until the page waits for a lock that is none of those. */
async function watchesAnother(before) {
  if ('onclose' in MessagePort.prototype) return;
  while (!(await watched()).some((name) => !before.includes(name))) {
    // Without a pause the browser would be kept busy with answers.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** What reads on from a worker that is terminated is told. */
export async function terminated() {
  const before = await watched();
  const worker = startWorker();

  function* main() {
    const [reader, writer] = yield* openConnection(null, null, { sock: connectPort(worker) });
    writer.write('hello');
    const answer = new TextDecoder().decode(yield* reader.readexactly(5));
    // One that ends before that is noticed by nobody.
    yield* fromPromise(watchesAnother(before));
    worker.terminate();
    try {
      return [answer, String(yield* reader.read(1))];
    } catch (error) {
      return [answer, error.name, error.code];
    }
  }

  return await inLoop(main());
}

/** Nobody says that a worker which is gone takes no connections; waiting has to have an end of its own. */
export async function connectsTooLate() {
  const worker = startWorker();
  worker.terminate();

  function* main() {
    const [reader] = yield* openConnection(null, null, { sock: connectPort(worker) });
    try {
      return String(yield* timeout(0.1).run(reader.read(1)));
    } catch (error) {
      return error.name;
    }
  }

  return await inLoop(main());
}

/** A foreign message costs the connection; the other port hears of it. */
export async function foreignMessage() {
  const { port1, port2 } = new MessageChannel();
  const goodbye = new Promise((resolve) =>
    port2.addEventListener('message', ({ data }) => data.miolo === 'gone' && resolve(data.miolo)),
  );
  port2.start();
  port2.postMessage(new Map([['no', 'message of ours']]));

  function* main() {
    const lost = getRunningLoop().createFuture();
    class Lost extends Protocol {
      connectionLost(error) {
        lost.setResult(error.name);
      }
    }
    yield* getRunningLoop().createConnection(() => new Lost(), null, null, { sock: new PortSocket(port1) });
    return yield* lost;
  }

  return [await inLoop(main()), await goodbye];
}

/** A frame of another origin connects to this page, which names the origin or does not. */
export async function frame(origin, origins) {
  const listener = new PortListener(globalThis, { origins });
  const outcome = new Promise((resolve) => {
    addEventListener('message', function listen({ data }) {
      if (data?.outcome === undefined) return;
      removeEventListener('message', listen);
      resolve(data.outcome);
    });
  });
  const element = document.createElement('iframe');
  element.src = `${origin}${new URL('frame.html', import.meta.url).pathname}`;
  document.body.append(element);

  function* answer(reader, writer) {
    writer.write(yield* reader.readline());
    writer.close();
  }

  function* main() {
    const server = yield* startServer(answer, null, null, { sock: listener });
    const result = yield* fromPromise(outcome);
    server.close();
    return result;
  }

  const result = await inLoop(main());
  element.remove();
  return result;
}
