// @ts-check
/** The peer: an echo server on node:net. `node bench/node-net-echo.mjs [PORT] [--pieces N]`; prints `ready PORT`. */
import { createServer } from 'node:net';
import { parseArgs } from 'node:util';
import { split } from './pieces.mjs';

const { values, positionals } = parseArgs({
  options: { pieces: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const pieces = Number(values.pieces);

/** @param {import('node:net').Socket} socket */
function echoInPieces(socket) {
  socket.on('data', (data) => {
    let more = true;
    for (const piece of split(/** @type {Buffer} */ (data), pieces)) more = socket.write(piece);
    if (!more) socket.pause();
  });
  socket.on('drain', () => socket.resume());
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  if (pieces === 1) socket.pipe(socket);
  else echoInPieces(socket);
});
server.listen({ port: Number(positionals[0] ?? 0), host: '127.0.0.1', backlog: 4096 }, () => {
  console.log(`ready ${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`);
});
