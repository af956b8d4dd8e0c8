import { RuntimeError } from './exceptions.ts';
import type { Loop } from './loop.ts';
import { getRunningLoop } from './running-loop.ts';

/** A primitive whose loop is the one on which somebody first has to wait. asyncio: `_LoopBoundMixin`. */
export abstract class LoopBound {
  _loop: Loop | null = null;

  /**
   * The running loop, which is the primitive's from now on.
   *
   * @throws RuntimeError when no loop runs, or the primitive is bound to another one
   */
  _getLoop(): Loop {
    const running = getRunningLoop();
    this._loop ??= running;
    if (this._loop !== running) {
      throw new RuntimeError(`${String(this)} is bound to a different event loop`);
    }
    return running;
  }
}

export { LoopBound as _LoopBoundMixin };
