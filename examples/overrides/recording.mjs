import { MioEventLoop } from 'miolo';
import { Tap } from './tap.mjs';

/** Notes what a connection brings, and what its protocol writes. */
class RecordingTap extends Tap {
  constructor(protocol, loop) {
    super(protocol);
    this.loop = loop;
    this.entries = [];
  }

  connectionMade(transport) {
    this.note('made');
    // The transport keeps its own methods; only these two are looked at.
    const { write, writelines } = transport;
    transport.write = (data) => {
      this.note('out', data);
      write.call(transport, data);
    };
    transport.writelines = (pieces) => {
      const all = [...pieces];
      for (const data of all) this.note('out', data);
      writelines.call(transport, all);
    };
    super.connectionMade(transport);
  }

  dataReceived(data) {
    this.note('in', data);
    super.dataReceived(data);
  }

  eofReceived() {
    this.note('eof');
    return super.eofReceived();
  }

  connectionLost(error) {
    this.note('lost');
    super.connectionLost(error);
  }

  note(kind, data = '') {
    this.entries.push({ kind, time: this.loop.time(), data: Buffer.from(data) });
  }
}

/** The native loop, with a record of every stream connection: `[{ kind, time, data }, ...]` each, oldest first. */
export class Recording extends MioEventLoop {
  records = [];

  _makeSocketTransport(sock, protocol, waiter, options) {
    const tap = new RecordingTap(protocol, this);
    this.records.push(tap.entries);
    return super._makeSocketTransport(sock, tap, waiter, options);
  }
}
