import test from 'ava';
import { BufferedProtocol, fromPromise, run, sleep } from 'miolo';
import type { Coroutine, Protocol, Transport } from 'miolo';
import { Echo, Recorder, nodeClient, portOf, serve, theLoop } from '../helpers.js';
import { inBothDrives } from './pair.js';

test.serial('more submissions in a turn than the ring holds all take effect, in order', async (t) => {
  await run(
    (function* (): Coroutine<void> {
      const loop = theLoop();
      const fired: number[] = [];
      const when = loop.time() + 0.001;
      for (let index = 0; index < 20_000; index++) loop.callAt(when, (at: number) => fired.push(at), [index]);
      for (let index = 0; index < 10_000; index++) loop.callLater(0.001, () => t.fail()).cancel();
      while (fired.length < 20_000) yield* sleep(0.001);
      t.true(fired.every((at, index) => at === index));
    })(),
  );
});

test.serial('more bytes in a turn than the outgoing arena holds leave in order', async (t) => {
  await run(
    (function* (): Coroutine<void> {
      const server = yield* serve(() => new Echo());
      const connections: { transport: Transport; protocol: Recorder }[] = [];
      for (let count = 0; count < 64; count++) {
        const [transport, protocol] = yield* theLoop().createConnection(
          () => new Recorder(),
          '127.0.0.1',
          portOf(server),
        );
        connections.push({ transport, protocol });
      }
      // In one turn, interleaved: 64 connections, 200 pieces each, 1.3 MB in all.
      for (let piece = 0; piece < 200; piece++) {
        for (const { transport } of connections) transport.write(Buffer.alloc(100, piece));
      }
      while (connections.some(({ protocol }) => protocol.bytes < 20_000)) yield* sleep(0.001);
      for (const { transport, protocol } of connections) {
        t.is(protocol.bytes, 20_000);
        transport.close();
      }
      server.close();
      yield* server.waitClosed();
    })(),
  );
});

test.serial('a transport that is closed while its completion is queued delivers nothing more', async (t) => {
  await run(
    (function* (): Coroutine<void> {
      const protocols: Closer[] = [];
      class Closer extends Recorder {
        override dataReceived(data: Uint8Array): void {
          super.dataReceived(data);
          for (const other of protocols) other.transport.close();
        }
      }
      const server = yield* serve(() => (protocols.push(new Closer()), protocols.at(-1)!));
      const clients = [];
      for (let count = 0; count < 10; count++) clients.push(yield* fromPromise(nodeClient(portOf(server))));
      while (protocols.length < 10) yield;
      for (const protocol of protocols) yield* protocol.made;
      for (const client of clients) client.on('error', () => {}).write('x');
      for (const protocol of protocols) yield* protocol.lost;
      const delivered = protocols.filter((protocol) => protocol.bytes > 0).length;
      t.is(delivered, 1);
      for (const protocol of protocols) t.is(protocol.log.at(-1), 'lost null');
      for (const client of clients) client.destroy();
      server.close();
      yield* server.waitClosed();
    })(),
  );
});

const resizable = Reflect.has(ArrayBuffer.prototype, 'resize');

test.serial('memory of a BufferedProtocol may shrink and grow between its uses', async (t) => {
  t.true(resizable);
  await run(
    (function* (): Coroutine<void> {
      const Resizable = ArrayBuffer as unknown as new (
        length: number,
        options: { maxByteLength: number },
      ) => ArrayBuffer & { resize(length: number): void };
      const buffer = new Resizable(8, { maxByteLength: 64 });
      const view = new Uint8Array(buffer);
      let text = '';
      class Shrinking extends BufferedProtocol {
        override getBuffer(): Uint8Array {
          return view;
        }

        override bufferUpdated(count: number): void {
          text += Buffer.from(view.slice(0, count)).toString();
          buffer.resize(view.length === 8 ? 3 : 40);
        }
      }
      const server = yield* serve(() => new Shrinking() as unknown as Protocol);
      const client = yield* fromPromise(nodeClient(portOf(server)));
      client.write('0123456789abcdefghij');
      while (text.length < 20) yield* sleep(0.001);
      t.is(text, '0123456789abcdefghij');
      client.destroy();
      server.close();
      yield* server.waitClosed();
    })(),
  );
});

inBothDrives(test, 'reads of every size are kept apart, whatever memory they share', function* (t) {
  class Keeper extends Recorder {
    readonly kept: Uint8Array[] = [];

    override dataReceived(data: Uint8Array): void {
      super.dataReceived(data);
      this.kept.push(data);
    }
  }
  const keeper = new Keeper();
  const server = yield* serve(() => keeper);
  const [transport] = yield* theLoop().createConnection(() => new Recorder(), '127.0.0.1', portOf(server));
  let sent = 0;
  for (const size of [1, 7, 4096, 4097, 30_000, 65_536, 65_537, 200_000]) {
    for (let round = 0; round < 20; round++) {
      const bytes = Buffer.from(Array.from({ length: size }, (_each, at) => ((sent + at) * 7) & 0xff));
      transport.write(bytes);
      sent += size;
      while (keeper.bytes < sent) yield* sleep(0);
    }
  }
  t.true(new Set(keeper.kept.map(({ length }) => length)).size > 4);
  let at = 0;
  for (const data of keeper.kept) {
    t.true(data.every((byte, index) => byte === (((at + index) * 7) & 0xff)));
    t.is(data.byteOffset % 8, 0);
    at += data.length;
    const { buffer, length } = data;
    if (buffer.byteLength === length) continue;
    // Memory that others have a share in cannot be given away: newer Nodes throw, older ones copy.
    try {
      structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    } catch (error) {
      t.is((error as Error).name, 'DataCloneError');
    }
    t.is(data.length, length);
  }
  transport.close();
  server.close();
  yield* server.waitClosed();
});
