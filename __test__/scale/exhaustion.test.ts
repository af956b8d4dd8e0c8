import test from 'ava';
import net from 'node:net';
import { once } from 'node:events';
import { DRIVES, Program } from './program.js';

/** Connections for which the server has descriptors. */
const ROOM = 30;

interface Report {
  readonly message: string;
  readonly code: string;
  readonly port: number;
  readonly time: number;
}

/** Echoes, and tells of every report. A second of its clock is a hundredth of ours. */
const server = (run: string): string => `
import { closeSync, openSync } from 'node:fs';
import { MioEventLoop, Protocol, getRunningLoop, run, runSync } from 'miolo';
class Fast extends MioEventLoop {
  time() { return super.time() * 100; }
}
class Echo extends Protocol {
  connectionMade(transport) { this.transport = transport; }
  dataReceived(data) { this.transport.write(data); }
}
function* main() {
  const loop = getRunningLoop();
  loop.setExceptionHandler((_loop, { message, exception, socket }) => {
    const [, port] = socket.getsockname();
    console.log(JSON.stringify({ message, code: exception.code, port, time: loop.time() }));
  });
  const server = yield* loop.createServer(() => new Echo(), '127.0.0.1', 0);
  console.log(server.sockets[0].getsockname()[1]);
  // Loading the program takes many descriptors, serving is to have few.
  const taken = [];
  try {
    for (;;) taken.push(openSync('/dev/null'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
  for (const fd of taken.splice(0, ${ROOM})) closeSync(fd);
  yield* server.serveForever();
}
${run}(main(), { loopFactory: () => new Fast() });
`;

async function connect(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  await once(socket, 'connect');
  socket.write('hello');
  return socket;
}

for (const [drive, run] of DRIVES) {
  test.serial(
    `${drive}: without descriptors accepting is reported, pauses for a second, and goes on; connections live`,
    async (t) => {
      const program = new Program(server(run), 256);
      const port = Number(await program.line());
      const answered = new Set<net.Socket>();
      const sockets = await Promise.all(Array.from({ length: 80 }, () => connect(port)));
      for (const socket of sockets) socket.on('data', () => answered.add(socket));

      const reports = [await program.json<Report>(), await program.json<Report>()];
      t.true(answered.size <= ROOM, 'the kernel has connected all, the server has not accepted all');
      // Those that it has are served as ever.
      const some = sockets.find((socket) => answered.has(socket)) ?? sockets[0]!;
      some.write('again');
      await once(some, 'data');

      const done = new Set<net.Socket>();
      while (done.size < sockets.length) {
        for (const socket of answered) {
          if (done.has(socket)) continue;
          done.add(socket);
          socket.destroy();
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      t.is(answered.size, sockets.length, 'each was accepted when there was room');

      for (const report of reports) {
        t.is(report.message, 'socket.accept() out of system resource');
        t.is(report.code, 'EMFILE');
        t.is(report.port, port);
      }
      t.true(reports[1]!.time - reports[0]!.time >= 1, 'by its own clock');
      await program.end();
    },
  );
}
