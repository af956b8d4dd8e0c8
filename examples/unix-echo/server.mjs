// @ts-check
/**
 * Echoes on a Unix socket.
 *
 * `node examples/unix-echo/server.mjs /tmp/echo.socket`, then `socat - UNIX-CONNECT:/tmp/echo.socket`. SIGINT and
 * SIGTERM end it; the path is removed.
 */
import { getRunningLoop, run, startUnixServer } from 'miolo';

function* echo(reader, writer) {
  try {
    for (let data = yield* reader.read(65_536); data.length > 0; data = yield* reader.read(65_536)) {
      writer.write(data);
      // A peer that does not read is not read from, either.
      yield* writer.drain();
    }
  } catch (error) {
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') throw error;
  } finally {
    writer.close();
  }
}

function* main() {
  const [path] = process.argv.slice(2);
  if (path === undefined) throw new Error('usage: server.mjs PATH');
  const server = yield* startUnixServer(echo, path);
  const loop = getRunningLoop();
  for (const signal of ['SIGINT', 'SIGTERM']) {
    loop.addSignalHandler(signal, () => {
      server.close();
      server.closeClients();
    });
  }
  console.log(`ready ${path}`);
  yield* server.waitClosed();
  for (const signal of ['SIGINT', 'SIGTERM']) loop.removeSignalHandler(signal);
}

await run(main());
