import { MioEventLoop } from 'miolo';
import { Tap } from './tap.mjs';

/** The longest line that version 1 of the PROXY protocol allows. */
const LONGEST = 107;

/** `PROXY TCP4 192.0.2.1 198.51.100.2 40000 443`, or `PROXY UNKNOWN ...`. */
const LINE = /^PROXY (?:TCP[46] (\S+) (\S+) (\d{1,5}) (\d{1,5})|UNKNOWN.*)$/;

/** Holds a connection back until its first line has said who is really there. */
class ProxyTap extends Tap {
  head = Buffer.alloc(0);
  transport = null;
  begun = false;

  connectionMade(transport) {
    this.transport = transport;
  }

  dataReceived(data) {
    if (this.begun) {
      super.dataReceived(data);
      return;
    }
    this.head = Buffer.concat([this.head, data]);
    const end = this.head.indexOf('\r\n');
    const line = end < 0 ? null : LINE.exec(this.head.toString('latin1', 0, end));
    if (line === null) {
      if (end >= 0 || this.head.length >= LONGEST) this.transport.abort();
      return;
    }
    const [, source, destination, sourcePort, destinationPort] = line;
    if (source !== undefined) {
      this.transport._extra.peername = [source, Number(sourcePort)];
      this.transport._extra.sockname = [destination, Number(destinationPort)];
    }
    this.begun = true;
    super.connectionMade(this.transport);
    const rest = this.head.subarray(end + 2);
    if (rest.length > 0) this.deliver(rest);
  }

  /** As a transport would: nothing while it is paused, and nothing after close(). */
  deliver(data) {
    const { transport } = this;
    if (transport.isClosing()) return;
    if (transport.isReading()) {
      super.dataReceived(data);
      return;
    }
    const { resumeReading } = transport;
    transport.resumeReading = () => {
      transport.resumeReading = resumeReading;
      transport.resumeReading();
      transport._loop.callSoon(() => this.deliver(data));
    };
  }

  eofReceived() {
    return this.begun ? super.eofReceived() : false;
  }

  connectionLost(error) {
    // Who was never told of a connection is not told of its end.
    if (this.begun) super.connectionLost(error);
  }
}

/** The native loop behind a load balancer: accepted connections know their clients by the PROXY protocol. */
export class BehindProxy extends MioEventLoop {
  _makeSocketTransport(sock, protocol, waiter, options) {
    const isAccepted = options?.server != null;
    return super._makeSocketTransport(sock, isAccepted ? new ProxyTap(protocol) : protocol, waiter, options);
  }
}
