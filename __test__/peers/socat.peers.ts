import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { fromPromise, openConnection, openUnixConnection, run, startServer, startUnixServer } from 'miolo';
import type { Coroutine, StreamReader, StreamWriter } from 'miolo';
import { portOf } from '../helpers.js';
import { freePort, launch, listening, patterned, temporaryFolder } from './programs.js';

const content = patterned(2_000_000);

for (const kind of ['UNIX', 'TCP'] as const) {
  test.serial(`socat talks to a server of ours over ${kind}, half-closes, and gets the answer`, async (t) => {
    const [folder, remove] = temporaryFolder();
    t.teardown(remove);
    const path = join(folder, 'socket');
    // Everything to the end, and only then the answer.
    const answer = function* (reader: StreamReader, writer: StreamWriter): Coroutine<void> {
      writer.write(yield* reader.read());
      writer.close();
    };
    const got = await run(
      (function* (): Coroutine<Buffer> {
        const unix = kind === 'UNIX';
        const server = unix
          ? yield* startUnixServer(answer, path)
          : yield* startServer(answer, '127.0.0.1', 0);
        const address = unix ? `UNIX-CONNECT:${path}` : `TCP:127.0.0.1:${portOf(server)}`;
        const socat = yield* fromPromise(launch('socat', ['-t', '30', '-', address]));
        socat.stdin!.end(content);
        const all = yield* fromPromise(buffer(socat.stdout!));
        server.close();
        yield* server.waitClosed();
        return all;
      })(),
    );
    t.true(got.equals(content));
  });
}

for (const kind of ['UNIX', 'TCP'] as const) {
  test.serial(`a client of ours half-closes to socat over ${kind}, and gets the answer`, async (t) => {
    const [folder, remove] = temporaryFolder();
    t.teardown(remove);
    const path = join(folder, 'socket');
    const port = await freePort();
    const address = kind === 'UNIX' ? `UNIX-LISTEN:${path},fork` : `TCP-LISTEN:${port},bind=127.0.0.1,fork`;
    // What it reads goes through cat, which answers only as long as its input lasts.
    const socat = await launch('socat', ['-t', '30', address, 'EXEC:cat']);
    t.teardown(() => socat.kill('SIGKILL'));
    await listening(kind === 'UNIX' ? { path } : { port, host: '127.0.0.1' }, socat);
    await run(
      (function* (): Coroutine<void> {
        const [reader, writer] =
          kind === 'UNIX' ? yield* openUnixConnection(path) : yield* openConnection('127.0.0.1', port);
        writer.write(content);
        writer.writeEof();
        t.true(content.equals(yield* reader.read()));
        writer.close();
        yield* writer.waitClosed();
      })(),
    );
  });
}
