import type { Coroutine } from './coroutine.ts';
import { NotImplementedError } from './exceptions.ts';
import type { Loop } from './loop.ts';

/** What every server has; for loops that bring their own. asyncio: `AbstractServer`. */
export abstract class AbstractServer {
  close(): void {
    missing('close');
  }

  closeClients(): void {
    missing('closeClients');
  }

  abortClients(): void {
    missing('abortClients');
  }

  getLoop(): Loop {
    return missing('getLoop');
  }

  isServing(): boolean {
    return missing('isServing');
  }

  startServing(): Coroutine<void> {
    return missing('startServing');
  }

  serveForever(): Coroutine<void> {
    return missing('serveForever');
  }

  waitClosed(): Coroutine<void> {
    return missing('waitClosed');
  }

  // oxlint-disable-next-line require-yield -- entering waits for nothing
  *aenter(): Coroutine<this> {
    return this;
  }

  *aexit(_error?: unknown): Coroutine<void> {
    this.close();
    yield* this.waitClosed();
  }
}

function missing(method: string): never {
  throw new NotImplementedError(`this server has no ${method}()`);
}
