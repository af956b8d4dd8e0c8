// @ts-check
/** HTTP/1.1 on streams: one coroutine a connection, requests one after the other. */
import { IncompleteReadError, LimitOverrunError, TimeoutError, startServer, timeout } from 'miolo';

const REASONS = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  505: 'HTTP Version Not Supported',
};

/** A request that cannot be answered: the status says why, and the connection ends. */
export class HttpError extends Error {
  constructor(status, message = REASONS[status]) {
    super(message);
    this.status = status;
  }
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const LARGEST_HEAD = 16 * 1024;
const LARGEST_BODY = 16 * 1024 * 1024;
const DECIMAL = /^\d{1,15}$/;

/** Reads the head of the next request; null when the client has closed in between. */
function* readHead(reader) {
  let head;
  try {
    head = yield* reader.readuntil(END_OF_HEAD);
  } catch (error) {
    if (error instanceof LimitOverrunError) throw new HttpError(431);
    if (!(error instanceof IncompleteReadError)) throw error;
    if (error.partial.length === 0) return null;
    throw new HttpError(400, 'the request ends in its head');
  }
  const [start, ...lines] = head.toString('latin1', 0, head.length - 4).split('\r\n');
  const [method, target, version, ...rest] = start.split(' ');
  if (rest.length > 0 || !target?.startsWith('/')) throw new HttpError(400);
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') throw new HttpError(505);
  const headers = new Map();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0 || /\s/.test(line.slice(0, colon))) throw new HttpError(400, 'malformed header');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
  }
  const connection = headers.get('connection')?.toLowerCase();
  const keepAlive = version === 'HTTP/1.1' ? connection !== 'close' : connection === 'keep-alive';
  return { method, target, headers, body: Buffer.alloc(0), keepAlive };
}

function* readBody(reader, headers) {
  const coding = headers.get('transfer-encoding');
  const length = headers.get('content-length');
  if (coding !== undefined) {
    // Both would be a way to smuggle a request past a proxy.
    if (length !== undefined) throw new HttpError(400);
    if (coding.toLowerCase() !== 'chunked') throw new HttpError(501);
    return yield* readChunks(reader);
  }
  if (length === undefined) return Buffer.alloc(0);
  if (!DECIMAL.test(length)) throw new HttpError(400);
  if (Number(length) > LARGEST_BODY) throw new HttpError(413);
  return yield* reader.readexactly(Number(length));
}

function* readChunks(reader) {
  const chunks = [];
  let total = 0;
  for (;;) {
    const [size] = (yield* reader.readline()).toString('latin1').trim().split(';');
    if (!/^[0-9a-f]{1,8}$/i.test(size)) throw new HttpError(400, 'malformed chunk');
    const length = Number.parseInt(size, 16);
    total += length;
    if (total > LARGEST_BODY) throw new HttpError(413);
    if (length === 0) break;
    chunks.push(yield* reader.readexactly(length));
    yield* reader.readexactly(2);
  }
  // Trailers, which nobody asks for.
  while ((yield* reader.readline()).length > 2);
  return Buffer.concat(chunks);
}

function respond(writer, { status = 200, type = 'text/plain', body = '' }, { method, keepAlive }) {
  const bytes = Buffer.from(body);
  writer.write(
    `HTTP/1.1 ${status} ${REASONS[status]}\r\nContent-Type: ${type}\r\nContent-Length: ${bytes.length}\r\n` +
      `${keepAlive ? '' : 'Connection: close\r\n'}\r\n`,
  );
  if (method !== 'HEAD') writer.write(bytes);
}

/** A server of HTTP. */
export class HttpServer {
  #handler;
  #idle;
  /** Connections that are not at a request. */
  #resting = new Set();
  #stopping = false;
  #server = null;

  /**
   * @param handler a coroutine function of a request (method, target, headers, body) that returns status, type and body
   * @param options.idle seconds that a connection waits for a request to be there, with its body
   */
  constructor(handler, { idle = 60 } = {}) {
    this.#handler = handler;
    this.#idle = idle;
  }

  /** Begins to listen; the port. */
  *start(host, port) {
    const options = { limit: LARGEST_HEAD, backlog: 1024 };
    const serve = this.#serve.bind(this);
    this.#server = yield* startServer(serve, host, port, options);
    return this.#server.sockets[0].getsockname()[1];
  }

  /** Accepts nothing more, and closes each connection once the request that it is at has its answer. */
  stop() {
    this.#stopping = true;
    this.#server.close();
    for (const writer of this.#resting) writer.close();
  }

  /** Waits until the last connection is gone. */
  *waitClosed() {
    yield* this.#server.waitClosed();
  }

  *#serve(reader, writer) {
    try {
      while (!this.#stopping) {
        const request = yield* timeout(this.#idle).run(this.#nextRequest(reader, writer));
        if (request === null) break;
        const response = yield* this.#handler(request);
        request.keepAlive &&= !this.#stopping;
        respond(writer, response, request);
        yield* writer.drain();
        if (!request.keepAlive) break;
      }
    } catch (error) {
      if (error instanceof HttpError) {
        respond(writer, { status: error.status, body: `${error.message}\n` }, { keepAlive: false });
      } else if (!(error instanceof TimeoutError) && !isOfTheConnection(error)) throw error;
    } finally {
      writer.close();
    }
  }

  *#nextRequest(reader, writer) {
    let request;
    this.#resting.add(writer);
    try {
      request = yield* readHead(reader);
    } finally {
      this.#resting.delete(writer);
    }
    if (request === null) return null;
    if (request.headers.get('expect')?.toLowerCase() === '100-continue') {
      writer.write('HTTP/1.1 100 Continue\r\n\r\n');
    }
    request.body = yield* readBody(reader, request.headers);
    return request;
  }
}

/** Whether the client is the one to blame: it went away. */
function isOfTheConnection(error) {
  return error instanceof IncompleteReadError || ['ECONNRESET', 'EPIPE'].includes(error.code);
}
