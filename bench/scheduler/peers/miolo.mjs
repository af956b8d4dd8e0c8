// @ts-check
/** miolo's loops. A body is a coroutine function of the number of operations. */

/** The loop in pure TypeScript, whose poll is free: what scheduling costs by itself. */
export async function base() {
  const { VirtualClockLoop } = await import('miolo/testing');
  return blocking(new VirtualClockLoop());
}

/** {@link base} whose `callSoon` is overridden, by one that only passes on. */
export async function overridden() {
  const { VirtualClockLoop } = await import('miolo/testing');
  class Overriding extends VirtualClockLoop {
    callSoon(callback, args, options) {
      return super.callSoon(callback, args, options);
    }
  }
  return blocking(new Overriding());
}

/** {@link base} in debug mode. */
export async function debugging() {
  const peer = await base();
  peer.api.loop.setDebug(true);
  return peer;
}

/** {@link base} where a hundred context variables have a value. */
export async function withVariables() {
  const { ContextVar } = await import('miolo/base');
  for (let number = 0; number < 100; number++) new ContextVar(`variable ${number}`).set(number);
  return base();
}

/** The native loop, blocking: each turn polls the operating system. */
export async function native() {
  const { MioEventLoop } = await import('miolo');
  return blocking(new MioEventLoop());
}

/** The native loop, driven by Node's. */
export async function hosted() {
  const miolo = await import('miolo');
  const loop = new miolo.MioEventLoop();
  return { api: { ...miolo, loop }, start: (body, n) => loop.runUntilComplete(body(n)) };
}

async function blocking(loop) {
  const miolo = await import('miolo/base');
  return { api: { ...miolo, loop }, start: (body, n) => loop.runUntilCompleteSync(body(n)) };
}
