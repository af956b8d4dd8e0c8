import { FlowControlTransport, Protocol, _feedDataToBufferedProto, isBufferedProtocol } from 'miolo';

/** Stands between a transport and a protocol and passes everything on, so that a subclass may look, hold back or change. */
export class Tap extends Protocol {
  constructor(protocol) {
    super();
    this.protocol = protocol;
  }

  connectionMade(transport) {
    this.protocol.connectionMade(transport);
  }

  dataReceived(data) {
    if (isBufferedProtocol(this.protocol)) _feedDataToBufferedProto(this.protocol, data);
    else this.protocol.dataReceived(data);
  }

  eofReceived() {
    return this.protocol.eofReceived();
  }

  pauseWriting() {
    this.protocol.pauseWriting();
  }

  resumeWriting() {
    this.protocol.resumeWriting();
  }

  connectionLost(error) {
    this.protocol.connectionLost(error);
  }
}

/** Stands in the place of a transport, `inner`, whose protocol is `tap`; a subclass decides what happens to writes. */
export class Forwarding extends FlowControlTransport {
  inner = null;

  constructor(loop, tap) {
    super(null, loop);
    this.tap = tap;
  }

  isClosing = () => this.inner.isClosing();
  getProtocol = () => this.inner.getProtocol() && this.tap.protocol;
  setProtocol = (protocol) => (this.tap.protocol = protocol);
  isReading = () => this.inner.isReading();
  pauseReading = () => this.inner.pauseReading();
  resumeReading = () => this.inner.resumeReading();
  canWriteEof = () => this.inner.canWriteEof();
  getWriteBufferSize = () => this.inner.getWriteBufferSize();
  getExtraInfo = (name, fallback) => this.inner.getExtraInfo(name, fallback);
}
