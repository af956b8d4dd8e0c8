// @ts-check
/** Counts primes: a server in a Web Worker. Each line is a limit, each answer the number of primes below it. */
// Import maps do not reach workers: a path, or a bundler.
import { run, sleep, startServer } from '../../dist/base/index.js';
import { BrowserEventLoop, PortListener } from '../../dist/browser/index.js';

/** Numbers that are looked at before others have their turn. */
const SLICE = 1000;

// At once: what comes before anybody listens would be lost.
const listener = new PortListener(self);

function isPrime(number) {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return number > 1;
}

function* countPrimes(limit) {
  let count = 0;
  for (let number = 2; number < limit; number++) {
    if (isPrime(number)) count++;
    if (number % SLICE === 0) yield* sleep(0);
  }
  return count;
}

function* serve(reader, writer) {
  for (let line = yield* reader.readline(); line.length > 0; line = yield* reader.readline()) {
    writer.write(`${yield* countPrimes(Number(new TextDecoder().decode(line)))}\n`);
    yield* writer.drain();
  }
  writer.close();
}

function* main() {
  const server = yield* startServer(serve, null, null, { sock: listener });
  yield* server.serveForever();
}

await run(main(), { loopFactory: () => new BrowserEventLoop() });
