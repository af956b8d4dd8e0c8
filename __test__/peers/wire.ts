/**
 * The same conversation with whatever is at the other end of the wire, in both directions.
 *
 * The first byte of a connection says what is to happen: E, everything that follows is echoed, and the end of the echo
 * follows the end of what was sent; R, the server resets; X, the server answers with a byte and the client resets.
 */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { TestFn } from 'ava';
import {
  AF_INET,
  ConnectionResetError,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_LINGER,
  Socket,
  openConnection,
  run,
  runSync,
  startServer,
} from 'miolo';
import type { Coroutine, Server, StreamReader, StreamWriter } from 'miolo';
import { patterned } from './programs.js';

/** Bytes that are echoed. */
export const SIZE: number = 8 << 20;

const content = patterned(SIZE);
const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** What a client prints when all went well. */
const GOOD = `echo ${SIZE} ${digest(content)}\nreset seen\nreset sent\n`;

/** A maker of programs for the other end. */
export interface Peer {
  readonly name: string;
  /** A program that has the conversation with a server, and prints {@link GOOD}. */
  client(port: number): Promise<ChildProcess>;
  /** A program that prints its port, serves, and prints `reset seen` for each. */
  server(): Promise<ChildProcess>;
}

/** Closes in such a way that the peer sees a reset. */
function reset(writer: StreamWriter): void {
  const sock = writer.getExtraInfo('socket') as Socket;
  sock.setsockopt(SOL_SOCKET, SO_LINGER, new Uint8Array(new Int32Array([1, 0]).buffer));
  writer.transport.abort();
}

/** Whether reading to the end fails by a reset. */
function* seesReset(reader: StreamReader): Coroutine<boolean> {
  try {
    yield* reader.read();
    return false;
  } catch (error) {
    if (!(error instanceof ConnectionResetError)) throw error;
    return true;
  }
}

/** Our end as the client; what it has to say at the end. */
function* converse(port: number): Coroutine<string> {
  const [reader, writer] = yield* openConnection('127.0.0.1', port);
  writer.write('E');
  writer.write(content);
  writer.writeEof();
  const echo = yield* reader.read();
  writer.close();
  yield* writer.waitClosed();

  const [resetReader, resetWriter] = yield* openConnection('127.0.0.1', port);
  resetWriter.write('R');
  const seen = yield* seesReset(resetReader);
  resetWriter.close();

  const [ackReader, ackWriter] = yield* openConnection('127.0.0.1', port);
  ackWriter.write('X');
  yield* ackReader.readexactly(1);
  reset(ackWriter);
  return `echo ${echo.length} ${digest(echo)}\n${seen ? 'reset seen' : 'no reset'}\nreset sent\n`;
}

/** Our end as the server, until the client's three connections are over; whether the last was a reset. */
function* answer(listener: Socket): Coroutine<boolean> {
  let resets: boolean | null = null;
  const server: Server = yield* startServer(
    function* (reader, writer): Coroutine<void> {
      const what = String(yield* reader.readexactly(1));
      if (what === 'R') return reset(writer);
      if (what === 'X') {
        writer.write('x');
        resets = yield* seesReset(reader);
        writer.close();
        return server.close();
      }
      for (let data = yield* reader.read(65_536); data.length > 0; data = yield* reader.read(65_536)) {
        writer.write(data);
        yield* writer.drain();
      }
      writer.writeEof();
      writer.close();
    },
    null,
    null,
    { sock: listener },
  );
  yield* server.waitClosed();
  return resets === true;
}

/** Registers the conversations with `peer`: both directions, both drives. */
export function conversations(test: TestFn, peer: Peer): void {
  const drives: [string, <T>(main: Coroutine<T>) => T | Promise<T>][] = [
    ['hosted', (main) => run(main)],
    ['blocking', (main) => runSync(main)],
  ];
  for (const [drive, go] of drives) {
    test.serial(`${drive}: a server of ours echoes to ${peer.name}, resets it, and is reset`, async (t) => {
      const listener = new Socket(AF_INET, SOCK_STREAM, 0);
      listener.bind(['127.0.0.1', 0]);
      listener.listen(10);
      const program = await peer.client((listener.getsockname() as [string, number])[1]);
      t.teardown(() => program.kill('SIGKILL'));
      program.stderr!.pipe(process.stderr);
      const printed = text(program.stdout!);
      t.true(await go(answer(listener)));
      t.is(await printed, GOOD);
    });

    test.serial(
      `${drive}: a client of ours is echoed to by ${peer.name}, is reset, and resets it`,
      async (t) => {
        const program = await peer.server();
        t.teardown(() => program.kill('SIGKILL'));
        program.stderr!.pipe(process.stderr);
        const lines = createInterface(program.stdout!)[Symbol.asyncIterator]();
        const port = Number((await lines.next()).value);
        t.is(await go(converse(port)), GOOD);
        t.is((await lines.next()).value, 'reset seen');
      },
    );
  }
}
