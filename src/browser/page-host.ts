import type { Host } from '../base/index.ts';
import { Fifo } from '../base/fifo.ts';

/** The longest delay of `setTimeout`, in milliseconds; a longer one would be taken for 0. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** In Node an open port keeps the process alive unless it is told not to; pages have no such functions. */
interface Referenced {
  ref?(): void;
  unref?(): void;
}

/**
 * The page, or a worker, as the host of a loop.
 *
 * `soon` is a message to itself: a task of the page's own queue, so that rendering, input and other timers have their
 * chance before it, and without the 4 ms that browsers make of a `setTimeout(0)` inside of another one. `later` is
 * `setTimeout`, which a page in the background is given once a second at most, later once a minute.
 */
export class PageHost implements Host {
  readonly #channel = new MessageChannel();
  readonly #asked = new Fifo<() => void>();
  readonly #onMessage = (): void => this.#run();
  #held = false;

  constructor() {
    const { port1 } = this.#channel;
    port1.addEventListener('message', this.#onMessage);
    port1.start();
    (port1 as Referenced).unref?.();
  }

  soon(fn: () => void): void {
    this.#asked.push(fn);
    if (this.#asked.length === 1 && !this.#held) (this.#channel.port1 as Referenced).ref?.();
    this.#channel.port2.postMessage(null);
  }

  #run(): void {
    const fn = this.#asked.shift();
    if (this.#asked.length === 0 && !this.#held) (this.#channel.port1 as Referenced).unref?.();
    fn?.();
  }

  /** Calls `fn` after `seconds`, or earlier after the longest delay that there is, about 24 days. */
  later(seconds: number, fn: () => void): () => void {
    // Rounded up: browsers count whole milliseconds, and a timer must not come early.
    const timer = setTimeout(fn, Math.min(Math.ceil(seconds * 1000), LONGEST_DELAY));
    return () => clearTimeout(timer);
  }

  hold(): void {
    this.#held = true;
    (this.#channel.port1 as Referenced).ref?.();
  }

  release(): void {
    this.#held = false;
    if (this.#asked.length === 0) (this.#channel.port1 as Referenced).unref?.();
  }

  /** Lets go of the channel; nothing that was asked for is called any more. */
  close(): void {
    this.#asked.clear();
    this.#channel.port1.removeEventListener('message', this.#onMessage);
    this.#channel.port1.close();
  }
}
