/** Which thread of JavaScript this is: a page, a worker, or the one that the program began in. */
interface Thread {
  readonly id: number;
  readonly name: string;
}

let thread: Thread | null = null;

/** Tells the package which thread it is loaded in. */
export function setThread(id: number, name: string): void {
  thread = { id, name };
}

/** The thread that this code runs in, null if no platform layer has told. */
export function currentThread(): Thread | null {
  return thread;
}
