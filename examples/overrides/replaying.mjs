import { BaseStreamTransport, MioEventLoop } from 'miolo';

const END_OF_STREAM = new Uint8Array(0);

/** Brings a protocol what a record says its peer sent; each part when as much was written as before it in the record. */
class ReplayTransport extends BaseStreamTransport {
  constructor(loop, protocol, waiter, entries) {
    super(loop, protocol, waiter, { extra: { peername: 'a record' } });
    this.left = entries.filter(({ kind }) => kind !== 'made');
    this.written = 0;
  }

  _send(bytes) {
    this.written += bytes.length;
    this._wake();
    return bytes.length;
  }

  _isReadable() {
    const [next] = this.left;
    return next !== undefined && (next.kind !== 'out' || next.data.length <= this.written);
  }

  _recv() {
    for (; this._isReadable() && this.left[0].kind === 'out'; this.left.shift()) {
      this.written -= this.left[0].data.length;
    }
    if (!this._isReadable()) return null;
    const { kind, data } = this.left.shift();
    if (kind === 'in') return data;
    if (kind === 'eof') return END_OF_STREAM;
    this.close();
    return null;
  }

  _sendEof() {}
  _closeChannel() {}
}

/** Plays the records of a {@link Recording} loop's clients back, a record a connection, without any network. */
export class Replaying extends MioEventLoop {
  constructor(records) {
    super();
    this.records = [...records];
  }

  *_ensureResolved() {
    return [[2, 1, 6, '', ['0.0.0.0', 0]]];
  }

  *_connectSock() {
    return { close() {} };
  }

  _makeSocketTransport(_sock, protocol, waiter) {
    return new ReplayTransport(this, protocol, waiter, this.records.shift());
  }
}
