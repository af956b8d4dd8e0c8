// @ts-check
/** How an echo server divides what it answers in several writes. */

/**
 * Views of `data`, `count` of them. What a server receives at once is a message when the client has one in flight.
 *
 * @template {Uint8Array} T
 * @param {T} data
 * @param {number} count
 */
export function split(data, count) {
  const size = Math.ceil(data.length / count);
  const pieces = [];
  for (let at = 0; at < data.length; at += size) pieces.push(/** @type {T} */ (data.subarray(at, at + size)));
  return pieces;
}
