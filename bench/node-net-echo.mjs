// @ts-check
/** The peer: an echo server on node:net. `node bench/node-net-echo.mjs PORT`; prints `ready PORT`. */
import { createServer } from 'node:net';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});
server.listen({ port: Number(process.argv[2] ?? 0), host: '127.0.0.1', backlog: 4096 }, () => {
  console.log(`ready ${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`);
});
