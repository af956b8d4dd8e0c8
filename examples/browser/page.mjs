// @ts-check
/** Asks a worker three things at once, over three connections, while the page goes on painting. */
import { TaskGroup, openConnection, run, timeout } from 'miolo/base';
import { BrowserEventLoop, connectPort } from 'miolo/browser';

const show = (id) => document.querySelector(`#${id}`);
const worker = new Worker(new URL('worker.mjs', import.meta.url), { type: 'module' });

let frames = 0;
requestAnimationFrame(function paint() {
  show('frames').textContent = String(++frames);
  requestAnimationFrame(paint);
});

function* primesBelow(limit) {
  const [reader, writer] = yield* openConnection(null, null, { sock: connectPort(worker) });
  writer.write(`${limit}\n`);
  const answer = new TextDecoder().decode(yield* reader.readline()).trim();
  writer.close();
  yield* writer.waitClosed();
  const line = document.createElement('li');
  line.textContent = `${answer} primes below ${limit}`;
  show('answers').append(line);
}

function* main() {
  yield* timeout(60).run(function* () {
    yield* new TaskGroup().run(function* (group) {
      for (const limit of [300_000, 20_000, 1000]) group.createTask(primesBelow(limit));
    });
  });
}

try {
  await run(main(), { loopFactory: () => new BrowserEventLoop() });
  show('state').textContent = 'done';
} catch (error) {
  show('state').textContent = `failed: ${error}`;
}
