import { MioEventLoop } from 'miolo';

/** The native loop with names of its own: service discovery, tests, split horizons. Others go to the resolver. */
export class OwnNames extends MioEventLoop {
  /** Addresses by name, several in the order they are to be tried. */
  names = new Map();
  /** What was asked for, in order. */
  asked = [];

  *_ensureResolved([host, port, ...rest], options) {
    this.asked.push(host);
    const found = [];
    for (const address of this.names.get(host) ?? [host]) {
      found.push(...(yield* super._ensureResolved([address, port, ...rest], options)));
    }
    return found;
  }
}
