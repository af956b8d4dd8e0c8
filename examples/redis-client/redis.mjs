// @ts-check
/** A client of Redis on streams: pipelined, and connected again after a loss. */
import { CancelledError, ConnectionError, IncompleteReadError, OSError } from 'miolo';
import { createTask, getRunningLoop, openConnection, sleep } from 'miolo';

/** An error that the server answered. */
export class RedisError extends Error {}

const FIRST_DELAY = 0.05;
const LONGEST_DELAY = 2;

/** The bytes of a request. */
function encode(words) {
  const pieces = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word));
    pieces.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(pieces);
}

/** Reads one reply: a string, a number, a Buffer, null, an array, or a RedisError. */
function* readReply(reader) {
  const line = (yield* reader.readuntil(Buffer.from('\r\n'))).toString('utf8').slice(0, -2);
  const rest = line.slice(1);
  switch (line[0]) {
    case '+':
      return rest;
    case '-':
      return new RedisError(rest);
    case ':':
      return Number(rest);
    case '$': {
      if (rest === '-1') return null;
      const bytes = yield* reader.readexactly(Number(rest) + 2);
      return bytes.subarray(0, -2);
    }
    case '*': {
      if (rest === '-1') return null;
      const elements = [];
      for (let left = Number(rest); left > 0; left--) elements.push(yield* readReply(reader));
      return elements;
    }
    default:
      throw new RedisError(`no reply begins with ${JSON.stringify(line[0])}`);
  }
}

/**
 * A connection that is made again whenever it is lost.
 *
 * Requests made while there is none wait for the next. Those that were sent and not answered fail with
 * ConnectionError: the server may have carried them out, so that only the caller knows whether to repeat them.
 */
export class RedisClient {
  /** Requests that no connection has taken yet. */
  #unsent = [];
  /** Futures of replies that are due, in order. */
  #due = [];
  #writer = null;
  #loop = getRunningLoop();
  #task;

  constructor(host, port) {
    this.#task = createTask(this.#keepConnected(host, port));
    // However it ended, even if it was cancelled before it began.
    this.#task.addDoneCallback(() => fail(this.#unsent.splice(0).map(({ future }) => future)));
  }

  /**
   * Sends a request. Its future gets the reply; requests made together travel together.
   *
   * @param {...(string | number | Buffer)} words
   */
  call(...words) {
    const future = this.#loop.createFuture();
    if (this.#task.done()) {
      future.setException(new ConnectionError('the client is closed'));
      return future;
    }
    const request = encode(words);
    if (this.#writer === null) this.#unsent.push({ request, future });
    else this.#send(request, future);
    return future;
  }

  /** Ends the connection; what has no reply yet fails. */
  *close() {
    this.#task.cancel();
    try {
      yield* this.#task;
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
    }
  }

  #send(request, future) {
    this.#due.push(future);
    this.#writer.write(request);
  }

  *#keepConnected(host, port) {
    let delay = FIRST_DELAY;
    for (;;) {
      try {
        const [reader, writer] = yield* openConnection(host, port);
        delay = FIRST_DELAY;
        yield* this.#talk(reader, writer);
      } catch (error) {
        // Refused, reset, or ended by the server.
        if (!(error instanceof OSError) && !(error instanceof IncompleteReadError)) throw error;
      }
      yield* sleep(delay);
      delay = Math.min(2 * delay, LONGEST_DELAY);
    }
  }

  /** Sends what waits and hands out replies, until the connection ends with an error. */
  *#talk(reader, writer) {
    this.#writer = writer;
    try {
      for (const { request, future } of this.#unsent.splice(0)) {
        if (!future.done()) this.#send(request, future);
      }
      for (;;) {
        const reply = yield* readReply(reader);
        const future = this.#due.shift();
        // A caller that was cancelled does not want it any more.
        if (future.done()) continue;
        if (reply instanceof RedisError) future.setException(reply);
        else future.setResult(reply);
      }
    } finally {
      this.#writer = null;
      writer.close();
      fail(this.#due.splice(0));
    }
  }
}

function fail(futures) {
  for (const future of futures) {
    if (!future.done())
      future.setException(new ConnectionError('the connection was lost before the reply came'));
  }
}
