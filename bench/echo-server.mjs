// @ts-check
/**
 * miolo's echo servers:
 * `node bench/echo-server.mjs --api protocol|buffered|borrowed|streams --drive hosted|sync --loop NAME --pieces N --port N
 * --busy-poll MICROSECONDS`.
 *
 * Prints `ready PORT` when it listens (port 0, the default, takes a free one). What is received at once is answered by
 * `--pieces` writes (1).
 */
import { MioEventLoop, run, runSync } from 'miolo';
import { parseArgs } from 'node:util';
import { apisInPieces } from './echo-pieces.mjs';
import { apis as apisInOne } from './echo-protocols.mjs';

const { values } = parseArgs({
  options: {
    api: { type: 'string', default: 'protocol' },
    drive: { type: 'string', default: 'hosted' },
    loop: { type: 'string', default: 'plain' },
    pieces: { type: 'string', default: '1' },
    port: { type: 'string', default: '0' },
    'busy-poll': { type: 'string', default: '0' },
  },
});

const apis = values.pieces === '1' ? apisInOne : apisInPieces(Number(values.pieces));
const start = apis[values.api];
if (start === undefined) throw new Error(`--api must be one of ${Object.keys(apis).join(', ')}`);

/** Overrides what each turn, each connection and each callback goes through, by what only passes on. */
class Overriding extends MioEventLoop {
  _processEvents(events) {
    super._processEvents(events);
  }

  _makeSocketTransport(...args) {
    return super._makeSocketTransport(...args);
  }

  _addCallback(handle) {
    super._addCallback(handle);
  }

  callSoon(callback, args, options) {
    return super.callSoon(callback, args, options);
  }
}

const options = { busyPoll: Number(values['busy-poll']) / 1e6 };

/** @type {Record<string, () => MioEventLoop>} */
const loops = {
  plain: () => new MioEventLoop(options),
  overriding: () => new Overriding(options),
  debug() {
    const loop = new MioEventLoop(options);
    loop.setDebug(true);
    return loop;
  },
};
const loopFactory = loops[values.loop];
if (loopFactory === undefined) throw new Error(`--loop must be one of ${Object.keys(loops).join(', ')}`);

function* main() {
  const server = yield* start(Number(values.port));
  console.log(`ready ${server.sockets[0].getsockname()[1]}`);
  yield* server.serveForever();
}

if (values.drive === 'sync') runSync(main(), { loopFactory });
else await run(main(), { loopFactory });
