import { MioEventLoop } from 'miolo';

/**
 * The native loop with a clock that runs `scale` times as fast: an hour of timeouts in a minute, on real sockets.
 *
 * With `time()` overridden, timers are kept in the base class's heap and go by this clock.
 */
export class ScaledTime extends MioEventLoop {
  constructor(scale) {
    super();
    this.scale = scale;
  }

  time() {
    return super.time() * this.scale;
  }

  /** What the poll waits is real time. */
  _nextTimeout() {
    const seconds = super._nextTimeout();
    return seconds === null ? null : seconds / this.scale;
  }
}
