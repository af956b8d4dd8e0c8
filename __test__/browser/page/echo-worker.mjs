/** Echoes over streams, in a Web Worker, until it is terminated. */
import { run, startServer } from '../../../dist/base/index.js';
import { BrowserEventLoop, PortListener } from '../../../dist/browser/index.js';

const listener = new PortListener(self);

function* echo(reader, writer) {
  for (let data = yield* reader.read(65_536); data.length > 0; data = yield* reader.read(65_536)) {
    writer.write(data);
    yield* writer.drain();
  }
  writer.close();
}

function* main() {
  const server = yield* startServer(echo, null, null, { sock: listener });
  yield* server.serveForever();
}

await run(main(), { loopFactory: () => new BrowserEventLoop() });
