import { Queue } from './queue.ts';

/** A queue that gives the newest item first. asyncio: `LifoQueue`. */
export class LifoQueue<T = unknown> extends Queue<T> {
  protected override _init(_maxsize: number): void {
    this._queue = [];
  }

  protected override _get(): T {
    return this._queue.pop!() as T;
  }
}
