import { MioEventLoop, Transport } from 'miolo';

/** Brings a protocol what a record says its peer sent; each part when as much was written as before it in the record. */
class ReplayTransport extends Transport {
  constructor(loop, protocol, entries) {
    super({ peername: 'a record' });
    Object.assign(this, { loop, protocol, left: entries.filter(({ kind }) => kind !== 'made') });
    this.written = 0;
    this.closing = false;
  }

  write(data) {
    this.written += Buffer.byteLength(data);
    // Never from inside of write(): the protocol is not done yet.
    this.loop.callSoon(() => this.advance());
  }

  advance() {
    while (!this.closing && this.left.length > 0) {
      const { kind, data } = this.left[0];
      if (kind === 'out' && data.length > this.written) return;
      this.left.shift();
      if (kind === 'out') this.written -= data.length;
      else if (kind === 'in') this.protocol.dataReceived(data);
      else if (kind === 'lost' || !this.protocol.eofReceived()) this.close();
    }
  }

  isClosing() {
    return this.closing;
  }

  close() {
    if (this.closing) return;
    this.closing = true;
    this.loop.callSoon(() => this.protocol.connectionLost(null));
  }

  abort() {
    this.close();
  }
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
    const transport = new ReplayTransport(this, protocol, this.records.shift());
    this.callSoon(() => protocol.connectionMade(transport));
    this.callSoon(() => transport.advance());
    if (waiter) this.callSoon(() => waiter.done() || waiter.setResult());
    return transport;
  }
}
