/**
 * What drives a hosted loop: Node's own loop, a page, a test.
 *
 * A host calls back from the bottom of its own stack, never from inside of the call that asked.
 */
export interface Host {
  /** Calls `fn` soon, after other work of the host's has had its chance. */
  soon(fn: () => void): void;
  /** Calls `fn` after `seconds`, not earlier; the function returned cancels that. */
  later(seconds: number, fn: () => void): () => void;
  /** From now on the process is to be kept alive. */
  hold(): void;
  /** From now on the process may end. */
  release(): void;
  /** Registers what is called when the process is about to end although a run is pending; returns the undoing. */
  stalled?(callback: () => void): () => void;
}

/** A host of what every JavaScript runtime has. */
class TimeoutHost implements Host {
  soon(fn: () => void): void {
    setTimeout(fn, 0);
  }

  later(seconds: number, fn: () => void): () => void {
    const timer = setTimeout(fn, Math.min(Math.ceil(seconds * 1000), 0x7fffffff));
    return () => clearTimeout(timer);
  }

  hold(): void {}

  release(): void {}
}

let factory: () => Host = () => new TimeoutHost();

/** Replaces what loops are hosted by when they have not been given a host. */
export function setDefaultHost(next: () => Host): void {
  factory = next;
}

/** A host for a loop that was given none. */
export function defaultHost(): Host {
  return factory();
}
