// @ts-check
/** miolo's echo servers, one for each way in which bytes can be had: what the benchmarks and the guard serve by. */
import { BufferedProtocol, ConnectionError, Protocol, getRunningLoop, startServer } from 'miolo';

export class Echo extends Protocol {
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

export class BorrowingEcho extends Echo {
  borrowsData = true;
}

/** One for all: what is in it has been written before the next bytes come. */
export const shared = Buffer.allocUnsafeSlow(256 * 1024);

export class BufferedEcho extends BufferedProtocol {
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

/** A task a connection. */
function* echo(reader, writer) {
  try {
    for (let data = yield* reader.read(65536); data.length > 0; data = yield* reader.read(65536)) {
      writer.write(data);
      yield* writer.drain();
    }
  } catch (error) {
    // The load generator leaves when its time is up.
    if (!(error instanceof ConnectionError)) throw error;
  }
  writer.close();
}

/** What starts a server whose connections `factory` makes protocols for. */
export const serve = (factory) => (port) =>
  getRunningLoop().createServer(factory, '127.0.0.1', port, { backlog: 4096 });

/** By name: what starts a server on a loopback port, as a coroutine. */
export const apis = {
  protocol: serve(() => new Echo()),
  borrowed: serve(() => new BorrowingEcho()),
  buffered: serve(() => new BufferedEcho()),
  streams: (port) => startServer(echo, '127.0.0.1', port, { backlog: 4096 }),
};
