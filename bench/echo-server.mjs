// @ts-check
/**
 * miolo's echo servers: `node bench/echo-server.mjs --api protocol|buffered|borrowed --drive hosted|sync --port N`.
 *
 * Prints `ready PORT` when it listens (port 0, the default, takes a free one).
 */
import { BufferedProtocol, Protocol, getRunningLoop, run, runSync } from 'miolo';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    api: { type: 'string', default: 'protocol' },
    drive: { type: 'string', default: 'hosted' },
    port: { type: 'string', default: '0' },
  },
});

class Echo extends Protocol {
  connectionMade(transport) {
    this.transport = transport;
  }

  dataReceived(data) {
    this.transport.write(data);
  }

  pauseWriting() {
    this.transport.pauseReading();
  }

  resumeWriting() {
    this.transport.resumeReading();
  }
}

class BorrowingEcho extends Echo {
  borrowsData = true;
}

/** One for all: what is in it has been written before the next bytes come. */
const shared = Buffer.allocUnsafeSlow(256 * 1024);

class BufferedEcho extends BufferedProtocol {
  connectionMade(transport) {
    this.transport = transport;
  }

  getBuffer() {
    return shared;
  }

  bufferUpdated(count) {
    this.transport.write(shared.subarray(0, count));
  }

  pauseWriting() {
    this.transport.pauseReading();
  }

  resumeWriting() {
    this.transport.resumeReading();
  }
}

const factories = {
  protocol: () => new Echo(),
  borrowed: () => new BorrowingEcho(),
  buffered: () => new BufferedEcho(),
};

const factory = factories[values.api];
if (factory === undefined) throw new Error(`--api must be one of ${Object.keys(factories).join(', ')}`);

function* main() {
  const loop = getRunningLoop();
  const server = yield* loop.createServer(factory, '127.0.0.1', Number(values.port), { backlog: 4096 });
  console.log(`ready ${server.sockets[0].getsockname()[1]}`);
  yield* server.serveForever();
}

if (values.drive === 'sync') runSync(main());
else await run(main());
