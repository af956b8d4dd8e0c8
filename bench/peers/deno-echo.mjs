// @ts-check
/**
 * The peer: an echo server on Deno.listen, an async function a connection.
 * `deno run --allow-net=127.0.0.1 bench/peers/deno-echo.mjs [--pieces N]`; prints `ready PORT`.
 */
import { parseArgs } from 'node:util';
import { split } from '../pieces.mjs';

const { Deno } = /** @type {any} */ (globalThis);
const { values } = parseArgs({ args: Deno.args, options: { pieces: { type: 'string', default: '1' } } });
const pieces = Number(values.pieces);

async function writeAll(connection, data) {
  for (let at = 0; at < data.length;) at += await connection.write(data.subarray(at));
}

async function serve(connection) {
  try {
    connection.setNoDelay(true);
    const buffer = new Uint8Array(65536);
    for (let count = await connection.read(buffer); count !== null; count = await connection.read(buffer)) {
      const data = buffer.subarray(0, count);
      if (pieces === 1) await writeAll(connection, data);
      else for (const piece of split(data, pieces)) await writeAll(connection, piece);
    }
  } catch {
    // The load generator leaves when its time is up.
  }
  connection.close();
}

const listener = Deno.listen({ hostname: '127.0.0.1', port: 0, tcpBacklog: 4096 });
console.log(`ready ${listener.addr.port}`);
for await (const connection of listener) void serve(connection);
