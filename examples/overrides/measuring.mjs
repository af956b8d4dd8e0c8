import { MioEventLoop } from 'miolo';

/**
 * The native loop with a measure of every handle that goes through `callSoon`: task steps, done callbacks, the start and
 * end of connections. (What I/O makes ready goes through `_addCallback`.)
 */
export class Measuring extends MioEventLoop {
  /** By the name of the callback: how often it ran, seconds it waited for its turn, seconds it took. */
  measures = new Map();

  callSoon(callback, args, options) {
    // The check of debug mode is about the callback, not about what stands for it.
    if (this.getDebug()) this._checkCallback(callback, 'callSoon');
    const queued = performance.now();
    const measured = (...its) => {
      const begun = performance.now();
      try {
        return callback(...its);
      } finally {
        this.#note(callback.name || '(anonymous)', begun - queued, performance.now() - begun);
      }
    };
    return super.callSoon(measured, args, options);
  }

  #note(name, waited, took) {
    const measure = this.measures.get(name) ?? { count: 0, waited: 0, took: 0 };
    measure.count++;
    measure.waited += waited / 1000;
    measure.took += took / 1000;
    this.measures.set(name, measure);
  }
}
