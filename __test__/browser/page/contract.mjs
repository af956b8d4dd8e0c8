/** The loop's contract, for a test in Node and for the page. */
import { BrowserEventLoop, PortSocket } from 'miolo/browser';
import { loopContract } from 'miolo/testing';

const transports = {
  *pair(loop, near, far) {
    const { port1, port2 } = new MessageChannel();
    yield* loop.createConnection(near, null, null, { sock: new PortSocket(port1) });
    yield* loop.connectAcceptedSocket(far, new PortSocket(port2));
  },
};

export const checks = loopContract(() => new BrowserEventLoop(), {
  blocking: false,
  hosted: true,
  transports,
});

/** Runs the check of this name; what it failed with, or null. */
export async function check(name) {
  try {
    await checks.find((each) => each.name === name).run();
    return null;
  } catch (error) {
    return `${error.message}\n${error.cause?.stack ?? error.stack}`;
  }
}
