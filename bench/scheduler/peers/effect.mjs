// @ts-check
/** effect. A body gives an Effect for a number of operations. */
import { importPeer } from './installed.mjs';

export async function open() {
  const { module, version } = await importPeer('effect');
  return { api: module, version, start: (body, n) => module.Effect.runPromise(body(n)) };
}
