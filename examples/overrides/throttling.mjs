import { MioEventLoop, RuntimeError } from 'miolo';
import { Forwarding, Tap } from './tap.mjs';

/** Seconds between two sends of a connection. */
const PERIOD = 0.01;

/** The protocol gets the throttled transport, and is paused by that one alone. */
class ThrottlingTap extends Tap {
  throttled = null;

  connectionMade() {
    super.connectionMade(this.throttled);
  }

  pauseWriting() {
    this.throttled.blocked = true;
  }

  resumeWriting() {
    this.throttled.blocked = false;
    this.throttled.drain();
  }
}

/** Sends `share` bytes a period; the rest waits here, and counts for flow control. */
class Throttled extends Forwarding {
  waiting = Buffer.alloc(0);
  blocked = false;
  timer = null;
  /** What is to happen when all is sent: nothing, `writeEof` or `close`. */
  atEnd = null;

  write(data) {
    if (this.atEnd === 'writeEof') throw new RuntimeError('Cannot call write() after writeEof()');
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    if (this.inner.isClosing()) this.inner.write(bytes);
    else this.waiting = Buffer.concat([this.waiting, bytes.subarray(0)]);
    if (this.timer === null) this.drain();
    this._maybePauseProtocol();
  }

  drain() {
    if (this.timer !== null || this.blocked || this.inner.isClosing()) return;
    if (this.waiting.length > 0) {
      this.inner.write(this.waiting.subarray(0, this.share));
      this.waiting = this.waiting.subarray(this.share);
      this.timer = this._loop.callLater(PERIOD, () => ((this.timer = null), this.drain()));
      this._maybeResumeProtocol();
    }
    if (this.waiting.length === 0 && this.atEnd !== null) this.inner[this.atEnd]();
  }

  writeEof = () => this.end(this.atEnd ?? 'writeEof');
  close = () => this.end('close');
  end = (how) => ((this.atEnd = how), this.waiting.length === 0 && this.inner[how]());
  isClosing = () => this.atEnd === 'close' || this.inner.isClosing();
  getWriteBufferSize = () => this.waiting.length + this.inner.getWriteBufferSize();
  abort = () => ((this.waiting = Buffer.alloc(0)), this.timer?.cancel(), this.inner.abort());
}

/** The native loop, with connections that send `rate` bytes a second at most. */
export class Throttling extends MioEventLoop {
  rate = 1_000_000;

  _makeSocketTransport(sock, protocol, waiter, options) {
    const tap = new ThrottlingTap(protocol);
    tap.throttled = new Throttled(this, tap);
    tap.throttled.share = Math.max(1, Math.floor(this.rate * PERIOD));
    tap.throttled.inner = super._makeSocketTransport(sock, tap, waiter, options);
    return tap.throttled;
  }
}
