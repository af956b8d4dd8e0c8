/** Another thread of Node's that echoes, until it is terminated. Invitations come through the port that it is given. */
import { type MessagePort, workerData } from 'node:worker_threads';
import { run, startServer } from 'miolo/base';
import { BrowserEventLoop, PortListener } from 'miolo/browser';
import { echo } from './support.js';

const listener = new PortListener(workerData as MessagePort);

function* main() {
  const server = yield* startServer(echo, null, null, { sock: listener });
  yield* server.serveForever();
}

await run(main(), { loopFactory: () => new BrowserEventLoop() });
