import { type MessagePort, Worker } from 'node:worker_threads';
import test from 'ava';
import {
  NotImplementedError,
  OSError,
  TaskGroup,
  fromPromise,
  gather,
  openConnection,
  startServer,
} from 'miolo/base';
import type { Coroutine, StreamReader, StreamWriter } from 'miolo/base';
import { type PortLike, PortListener, PortSocket, type PortTarget, connectPort } from 'miolo/browser';
import { Recorder, connect, echo, inLoop, until } from './support.js';

/** A channel for invitations: what connects, and what listens. */
function street(): [target: PortTarget, source: MessagePort] {
  const { port1, port2 } = new MessageChannel();
  return [port1 as unknown as PortTarget, port2];
}

/** Sends a line, and returns the line that comes back. */
function* ask(sock: PortSocket, line: string): Coroutine<string> {
  const [reader, writer] = yield* openConnection(null, null, { sock });
  writer.write(`${line}\n`);
  const answer = new TextDecoder().decode(yield* reader.readline()).trim();
  writer.close();
  yield* writer.waitClosed();
  return answer;
}

test.serial('streams connect to a server, and many do at once', async (t) => {
  await inLoop(function* () {
    const [target, source] = street();
    const server = yield* startServer(echo, null, null, { sock: new PortListener(source) });
    const tasks = yield* new TaskGroup().run(function* (group) {
      yield;
      return Array.from({ length: 20 }, (_, at) => group.createTask(ask(connectPort(target), `line ${at}`)));
    });
    t.deepEqual(
      yield* gather(tasks),
      Array.from({ length: 20 }, (_, at) => `line ${at}`),
    );
    server.close();
    yield* server.waitClosed();
    source.close();
  });
});

test.serial('connections that come before the server listens wait for it', async (t) => {
  await inLoop(function* (loop) {
    const [target, source] = street();
    const listener = new PortListener(source);
    const answer = loop.createTask(ask(connectPort(target), 'early'));
    const arrived = loop.createFuture<void>();
    source.addEventListener('message', () => arrived.setResult());
    yield* arrived;
    t.false(answer.done());
    const server = yield* startServer(echo, null, null, { sock: listener, startServing: false });
    yield* server.startServing();
    t.is(yield* answer, 'early');
    server.close();
    source.close();
  });
});

test.serial(
  'listeners of one source are told apart by their names; other messages are left alone',
  async (t) => {
    await inLoop(function* () {
      const [target, source] = street();
      const names = ['', 'second'];
      const servers = [];
      for (const name of names) {
        const shout = function* (reader: StreamReader, writer: StreamWriter): Coroutine<void> {
          const line = yield* reader.readline();
          t.is(writer.getExtraInfo('sockname'), name);
          writer.write(`${name}:`);
          writer.write(line);
          writer.close();
        };
        servers.push(yield* startServer(shout, null, null, { sock: new PortListener(source, { name }) }));
      }
      for (const foreign of ['hello', null, { miolo: 'connect' }, { miolo: 'connect', name: '' }]) {
        target.postMessage(foreign, { transfer: [] });
      }
      for (const name of names) t.is(yield* ask(connectPort(target, { name }), 'x'), `${name}:x`);
      for (const server of servers) server.close();
      source.close();
    });
  },
);

test.serial('a listener that is closed ends the connections that nobody has taken', async (t) => {
  await inLoop(function* (loop) {
    const [target, source] = street();
    const listener = new PortListener(source);
    const arrived = loop.createFuture<void>();
    source.addEventListener('message', () => arrived.setResult());
    const { port1, port2 } = new MessageChannel();
    listener.offer(port2);
    const waiting = yield* connect(loop, port1);
    const [, invited] = yield* loop.createConnection(() => new Recorder(loop), null, null, {
      sock: connectPort(target),
    });
    yield* arrived;
    t.deepEqual([waiting.log, invited.log], [['made'], ['made']]);
    listener.close();
    listener.close();
    yield* gather([waiting.lost, invited.lost]);
    t.deepEqual(
      [waiting.log, invited.log],
      [
        ['made', 'eof', 'lost'],
        ['made', 'eof', 'lost'],
      ],
    );
    const late = new MessageChannel();
    listener.offer(late.port2);
    const recorder = yield* connect(loop, late.port1);
    yield* recorder.lost;
    t.deepEqual(recorder.log, ['made', 'eof', 'lost']);
    source.close();
  });
});

test.serial(
  'a factory that fails costs its connection, is reported in debug mode, and the server goes on',
  async (t) => {
    await inLoop(function* (loop) {
      loop.setDebug(true);
      loop.slowCallbackDuration = 60;
      const reports: unknown[] = [];
      loop.setExceptionHandler((_loop, { exception }) => void reports.push(exception));
      const [target, source] = street();
      const error = new Error('expected');
      const made: Recorder[] = [];
      let calls = 0;
      const factory = (): Recorder => {
        if (++calls === 1) throw error;
        made.push(new Recorder(loop));
        return made[0]!;
      };
      const server = yield* loop.createServer(factory, null, null, { sock: new PortListener(source) });
      const clients = [];
      for (let count = 0; count < 2; count++) {
        const [, client] = yield* loop.createConnection(() => new Recorder(loop), null, null, {
          sock: connectPort(target),
        });
        clients.push(client);
      }
      yield* clients[0]!.lost;
      yield* until(() => made.length === 1 && made[0]!.log.length === 1);
      t.deepEqual([reports, clients[1]!.log], [[error], ['made']]);
      server.close();
      server.abortClients();
      yield* server.waitClosed();
      yield* clients[1]!.lost;
      source.close();
    });
  },
);

test.serial('a listener is no stream, has no options, and serves no TLS', async (t) => {
  await inLoop(function* (loop) {
    const listener = new PortListener(null);
    t.throws(() => listener.bind(), { instanceOf: OSError, message: /not supported/ });
    t.throws(() => listener.getpeername(), { instanceOf: OSError });
    t.throws(() => listener.setsockopt(), { instanceOf: OSError });
    t.is(String(listener), '<PortListener "">');
    try {
      yield* loop.createServer(() => new Recorder(loop), null, null, { sock: listener, ssl: {} });
      t.fail('it serves TLS');
    } catch (error) {
      t.true(error instanceof NotImplementedError, String(error));
    }
  });
});

/** Another thread, which echoes. */
function startThread(): [thread: Worker, target: PortTarget] {
  const { port1, port2 } = new MessageChannel();
  const thread = new Worker(new URL('./echo-thread.js', import.meta.url), {
    workerData: port2,
    transferList: [port2 as never],
  });
  return [thread, port1 as unknown as PortTarget];
}

test.serial('another thread echoes 4 MB, in order, to a reader that is slower', async (t) => {
  const [thread, target] = startThread();
  t.teardown(() => thread.terminate());
  const total = 4_000_000;
  await inLoop(function* () {
    const [reader, writer] = yield* openConnection(null, null, { sock: connectPort(target) });
    let [most, received, wrong] = [0, 0, -1];
    function* send(): Coroutine<void> {
      const bytes = new Uint8Array(50_000);
      for (let at = 0; at < total; at += bytes.length) {
        for (let index = 0; index < bytes.length; index++) bytes[index] = (at + index) % 251;
        writer.write(bytes);
        most = Math.max(most, writer.transport.getWriteBufferSize());
        yield* writer.drain();
      }
      writer.writeEof();
    }
    function* receive(): Coroutine<void> {
      for (let data = yield* reader.read(10_000); data.length > 0; data = yield* reader.read(10_000)) {
        for (const byte of data) if (byte !== received++ % 251 && wrong < 0) wrong = received - 1;
        yield;
      }
    }
    yield* gather([send(), receive()]);
    t.deepEqual([received, wrong], [total, -1]);
    t.true(most <= 65_536 + 50_000, `${most} bytes waited`);
    writer.close();
    yield* writer.waitClosed();
  });
});

test.serial('a thread that is terminated is a connection that is reset', async (t) => {
  const [thread, target] = startThread();
  t.teardown(() => thread.terminate());
  await inLoop(function* (loop) {
    const [, client] = yield* loop.createConnection(() => new Recorder(loop), null, null, {
      sock: connectPort(target),
    });
    client.transport.write('hello');
    yield* until(() => client.text === 'hello');
    yield* fromPromise(thread.terminate());
    yield* client.lost;
    t.is(client.error?.name, 'ConnectionResetError');
  });
});

test.serial('a socket of a port is no listener, has no options, and closes once', (t) => {
  const { port1, port2 } = new MessageChannel();
  const socket = new PortSocket(port1 as PortLike);
  for (const call of ['bind', 'listen', 'setsockopt', 'getsockopt', 'shutdown'] as const) {
    t.throws(() => socket[call](), { instanceOf: OSError }, call);
  }
  socket.close();
  socket.close();
  port2.close();
});
