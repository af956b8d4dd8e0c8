// @ts-check
/** miolo's echo servers again, answering what they receive by several writes. */
import { ConnectionError, startServer } from 'miolo';
import { BorrowingEcho, BufferedEcho, Echo, serve, shared } from './echo-protocols.mjs';
import { split } from './pieces.mjs';

/** By name: what starts a server on a loopback port, as a coroutine. @param {number} count writes an answer */
export function apisInPieces(count) {
  class EchoInPieces extends Echo {
    dataReceived(data) {
      for (const piece of split(data, count)) this.transport.write(piece);
    }
  }

  class BorrowingEchoInPieces extends BorrowingEcho {
    dataReceived(data) {
      for (const piece of split(data, count)) this.transport.write(piece);
    }
  }

  class BufferedEchoInPieces extends BufferedEcho {
    bufferUpdated(bytes) {
      for (const piece of split(shared.subarray(0, bytes), count)) this.transport.write(piece);
    }
  }

  function* echoInPieces(reader, writer) {
    try {
      for (let data = yield* reader.read(65536); data.length > 0; data = yield* reader.read(65536)) {
        for (const piece of split(data, count)) writer.write(piece);
        yield* writer.drain();
      }
    } catch (error) {
      // The load generator leaves when its time is up.
      if (!(error instanceof ConnectionError)) throw error;
    }
    writer.close();
  }

  return {
    protocol: serve(() => new EchoInPieces()),
    borrowed: serve(() => new BorrowingEchoInPieces()),
    buffered: serve(() => new BufferedEchoInPieces()),
    streams: (port) => startServer(echoInPieces, '127.0.0.1', port, { backlog: 4096 }),
  };
}
