// @ts-check
/**
 * An in-memory key-value server that speaks RESP2, the protocol of Redis.
 *
 *     node examples/kv-server/server.mjs [--port N] [--drive hosted|sync]
 */
import { Protocol, getRunningLoop, run, runSync } from 'miolo';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';

import { execute } from './commands.mjs';
import { ReplyWriter } from './reply.mjs';
import { ProtocolError, RespParser } from './resp-parser.mjs';
import { Store } from './store.mjs';

/** Replies of one chunk of requests above which they are sent before the chunk is done. */
const MOST_REPLY_BYTES = 256 * 1024;

/** One client. */
export class KvProtocol extends Protocol {
  #parser = new RespParser();
  #session;
  #reply;
  /** @type {any} */
  #transport = null;
  #closing = false;

  /**
   * @param {Store} store
   * @param {ReplyWriter} reply shared by all clients: it is empty between chunks
   * @param {() => void} [shutdown]
   */
  constructor(store, reply, shutdown = () => {}) {
    super();
    this.#reply = reply;
    this.#session = { store, shutdown, close: () => (this.#closing = true) };
  }

  /** @override @param {any} transport */
  connectionMade(transport) {
    this.#transport = transport;
  }

  /** @override @param {Uint8Array} data */
  dataReceived(data) {
    try {
      this.#parser.feed(data, this.#onRequest);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#reply.error(`ERR Protocol error: ${error.message}`);
      this.#closing = true;
    }
    this.#send();
    if (this.#closing) this.#transport.close();
  }

  /** @param {Buffer[]} request */
  #onRequest = (request) => {
    // Nothing is answered after QUIT.
    if (this.#closing) return;
    execute(request, this.#reply, this.#session);
    if (this.#reply.length > MOST_REPLY_BYTES) this.#send();
  };

  #send() {
    if (this.#reply.length > 0) this.#transport.write(this.#reply.bytes);
    this.#reply.clear();
  }

  /** A client that does not read is not read from. @override */
  pauseWriting() {
    this.#transport.pauseReading();
  }

  /** @override */
  resumeWriting() {
    this.#transport.resumeReading();
  }
}

/**
 * Starts a server on the running loop.
 *
 * @param {string} host @param {number} port 0 takes a free one
 * @param {() => void} [shutdown] what SHUTDOWN does
 * @returns {Generator<any, import('miolo').Server, any>}
 */
export function* startKvServer(host, port, shutdown) {
  const loop = getRunningLoop();
  const store = new Store(loop);
  const reply = new ReplyWriter();
  return yield* /** @type {any} */ (loop).createServer(
    () => new KvProtocol(store, reply, shutdown),
    host,
    port,
  );
}

/** @param {number} port */
function* main(port) {
  const stopped = getRunningLoop().createFuture();
  const server = yield* startKvServer('127.0.0.1', port, () => {
    if (!stopped.done()) stopped.setResult();
  });
  const [host, bound] = /** @type {any} */ (server.sockets[0]).getsockname();
  console.log(`ready ${bound} (${host})`);
  yield* stopped;
  server.close();
  server.closeClients();
  yield* server.waitClosed();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '6380' }, drive: { type: 'string', default: 'hosted' } },
  });
  if (values.drive === 'sync') runSync(main(Number(values.port)));
  else await run(main(Number(values.port)));
}
