// @ts-check
/** The peer: an echo server on Bun.listen. `bun bench/peers/bun-echo.mjs [--pieces N]`; prints `ready PORT`. */
import { parseArgs } from 'node:util';
import { split } from '../pieces.mjs';

const { Bun } = /** @type {any} */ (globalThis);
const { values } = parseArgs({ options: { pieces: { type: 'string', default: '1' } } });
const pieces = Number(values.pieces);

/** Writes; what is not taken is kept until the socket drains, and nothing is read meanwhile. */
function send(socket, data) {
  if (socket.data.length > 0) {
    socket.data.push(data);
    return;
  }
  const count = Math.max(socket.write(data), 0);
  if (count < data.length) {
    socket.data.push(data.subarray(count));
    socket.pause();
  }
}

const server = Bun.listen({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open(socket) {
      /** What is still to be written. */
      socket.data = [];
      socket.setNoDelay(true);
    },
    data:
      pieces === 1
        ? send
        : (socket, data) => {
            for (const piece of split(data, pieces)) send(socket, piece);
          },
    drain(socket) {
      const kept = socket.data;
      if (kept.length === 0) return;
      while (kept.length > 0) {
        const count = Math.max(socket.write(kept[0]), 0);
        if (count < kept[0].length) {
          kept[0] = kept[0].subarray(count);
          return;
        }
        kept.shift();
      }
      socket.resume();
    },
    error() {
      // The load generator leaves when its time is up.
    },
  },
});
console.log(`ready ${server.port}`);
