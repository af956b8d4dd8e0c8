// @ts-check
/** effection. A body is a generator function of the number of operations. */
import { importPeer } from './installed.mjs';

export async function open() {
  const { module, version } = await importPeer('effection');
  return { api: module, version, start: (body, n) => module.run(() => body(n)) };
}
