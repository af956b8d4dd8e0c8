import test from 'ava';
import net from 'node:net';
import { once } from 'node:events';
import {
  BufferedProtocol,
  ConnectionRefusedError,
  ConnectionResetError,
  MioEventLoop,
  OSError,
  Protocol,
  SystemExit,
  fromPromise,
  gather,
  run,
  runSync,
  sleep,
} from 'miolo';
import type { Coroutine, ExceptionContext, Transport } from 'miolo';
import { Echo, Recorder, nodeClient, portOf, serve, theLoop } from '../helpers.js';
import { pair } from './pair.js';

/** Byte `at` of connection `connection`. */
const pattern = (connection: number, at: number): number =>
  (connection * 31 + at * 7 + Math.floor(at / 251)) & 255;

class Verifier extends Protocol {
  readonly done = theLoop().createFuture<void>();
  #transport!: Transport;
  #received = 0;
  #sent = 0;
  readonly #connection: number;
  readonly #size: number;
  readonly #piece: number;

  constructor(connection: number, size: number, piece: number) {
    super();
    this.#connection = connection;
    this.#size = size;
    this.#piece = piece;
  }

  override connectionMade(transport: Transport): void {
    this.#transport = transport;
    this.#fill(1 << 20);
  }

  #fill(ahead: number): void {
    const until = Math.min(this.#size, this.#received + ahead);
    while (this.#sent < until) {
      const piece = Buffer.alloc(Math.min(this.#piece, this.#size - this.#sent));
      for (let at = 0; at < piece.length; at++) piece[at] = pattern(this.#connection, this.#sent + at);
      this.#sent += piece.length;
      this.#transport.write(piece);
    }
  }

  override dataReceived(data: Uint8Array): void {
    for (const byte of data) {
      if (byte !== pattern(this.#connection, this.#received++)) {
        this.done.setException(
          new Error(`connection ${this.#connection}: wrong byte at ${this.#received - 1}`),
        );
        this.#transport.abort();
        return;
      }
    }
    if (this.#received < this.#size) this.#fill(1 << 20);
    else {
      this.#transport.close();
      this.done.setResult();
    }
  }
}

class Borrower extends Echo {
  override readonly borrowsData = true as const;
}

class BufferedEcho extends BufferedProtocol {
  readonly #buffer = Buffer.alloc(5000);
  #transport!: Transport;

  override connectionMade(transport: Transport): void {
    this.#transport = transport;
  }

  override getBuffer(): Uint8Array {
    return this.#buffer;
  }

  override bufferUpdated(count: number): void {
    this.#transport.write(this.#buffer.subarray(0, count));
  }

  override pauseWriting(): void {
    this.#transport.pauseReading();
  }

  override resumeWriting(): void {
    this.#transport.resumeReading();
  }
}

for (const [name, make] of [
  ['Protocol', () => new Echo()],
  ['a borrowing Protocol', () => new Borrower()],
  ['BufferedProtocol', () => new BufferedEcho() as unknown as Protocol],
] as const) {
  for (const [drive, runner] of [
    ['hosted', run],
    ['blocking', async (main: Coroutine<void>) => runSync(main)],
  ] as const) {
    test.serial(
      `${name}, ${drive}: every byte of pipelined echoes of all sizes comes back in order`,
      async (t) => {
        function* main(): Coroutine<void> {
          const server = yield* serve(make);
          const clients = [];
          for (const [connection, piece] of [1, 100, 3000, 40_000, 200_000].entries()) {
            const [, verifier] = yield* theLoop().createConnection(
              () => new Verifier(connection, piece === 1 ? 20_000 : 3_000_000, piece),
              '127.0.0.1',
              portOf(server),
            );
            clients.push(verifier.done);
          }
          yield* gather(clients);
          server.close();
          yield* server.waitClosed();
        }
        await runner(main());
        t.pass();
      },
    );
  }
}

test.serial(
  'connectionMade, then reading, then the waiter; pausing in connectionMade holds the data back',
  async (t) => {
    await run(
      (function* (): Coroutine<void> {
        class Late extends Recorder {
          override connectionMade(transport: Transport): void {
            transport.pauseReading();
            super.connectionMade(transport);
          }
        }
        const protocols: Recorder[] = [];
        const server = yield* serve(() => (protocols.push(new Late()), protocols[0]!));
        const client = yield* fromPromise(nodeClient(portOf(server)));
        client.write('early');
        while (protocols.length === 0) yield* sleep(0.001);
        const protocol = protocols[0]!;
        const transport = yield* protocol.made;
        for (let turn = 0; turn < 20; turn++) yield;
        t.deepEqual(protocol.log, ['made']);
        transport.resumeReading();
        while (protocol.bytes < 5) yield* sleep(0.001);
        t.deepEqual(protocol.log, ['made', 'data early']);
        client.destroy();
        yield* protocol.lost;
        server.close();
        yield* server.waitClosed();
      })(),
    );
  },
);

/** What a server's protocol saw of what a client did. */
async function seen(client: (socket: net.Socket) => void, make?: () => Recorder): Promise<readonly string[]> {
  return run(
    (function* (): Coroutine<readonly string[]> {
      const protocols: Recorder[] = [];
      const server = yield* serve(() => (protocols.push(make?.() ?? new Recorder()), protocols[0]!));
      client(yield* fromPromise(nodeClient(portOf(server))));
      while (protocols.length === 0) yield* sleep(0.001);
      yield* protocols[0]!.lost;
      server.close();
      yield* server.waitClosed();
      return protocols[0]!.log;
    })(),
  );
}

test.serial(
  'data together with the end of the stream: first the data, then eofReceived, then connectionLost(null)',
  async (t) => {
    t.deepEqual(await seen((socket) => socket.end('hello')), ['made', 'data hello', 'eof', 'lost null']);
  },
);

test.serial('a reset gives connectionLost(ConnectionResetError) without eofReceived', async (t) => {
  t.deepEqual(await seen((socket) => socket.resetAndDestroy()), ['made', 'lost ConnectionResetError']);
});

test.serial('a reset while reading is paused is told when reading resumes', async (t) => {
  class Paused extends Recorder {
    override connectionMade(transport: Transport): void {
      super.connectionMade(transport);
      transport.pauseReading();
      theLoop().callLater(0.02, () => {
        this.log.push('resumed');
        transport.resumeReading();
      });
    }
  }
  const log = await seen(
    (socket) => socket.resetAndDestroy(),
    () => new Paused(),
  );
  t.deepEqual(log, ['made', 'resumed', 'lost ConnectionResetError']);
});

test.serial('a half-open peer still gets what is written after its end', async (t) => {
  let answer = '';
  class Answering extends Recorder {
    override eofReceived(): boolean {
      super.eofReceived();
      this.transport.write('fare');
      theLoop().callSoon(() => {
        this.transport.write('well');
        this.transport.close();
      });
      return true;
    }
  }
  const log = await seen(
    (socket) => {
      socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
      socket.end();
    },
    () => new Answering(),
  );
  t.deepEqual(log, ['made', 'eof', 'lost null']);
  t.is(answer, 'farewell');
});

test.serial(
  'a refused connection is a ConnectionRefusedError with errno, code, syscall, address and port',
  async (t) => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    server.close();
    await once(server, 'close');
    const error = await t.throwsAsync(
      run(
        (function* (): Coroutine<void> {
          yield* theLoop().createConnection(() => new Echo(), '127.0.0.1', port);
        })(),
      ),
      { instanceOf: ConnectionRefusedError },
    );
    t.like(error, { errno: 111, code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port });
  },
);

test.serial(
  'a peer that does not read pauses the protocol once; close() sends everything before connectionLost',
  async (t) => {
    const size = 20 << 20;
    await run(
      (function* (): Coroutine<void> {
        class Flood extends Recorder {
          override connectionMade(transport: Transport): void {
            super.connectionMade(transport);
            for (let sent = 0; sent < size; sent += 1 << 16) transport.write(Buffer.alloc(1 << 16, 7));
            this.log.push(`size ${transport.getWriteBufferSize() > 65536}`);
            transport.close();
            transport.close();
          }
        }
        const protocols: Flood[] = [];
        const server = yield* serve(() => (protocols.push(new Flood()), protocols[0]!));
        const client = yield* fromPromise(nodeClient(portOf(server)));
        yield* sleep(0.01);
        let received = 0;
        client.on('data', (data) => (received += data.length));
        yield* fromPromise(once(client, 'end'));
        t.is(received, size);
        yield* protocols[0]!.lost;
        t.deepEqual(protocols[0]!.log, ['made', 'pause', 'size true', 'resume', 'lost null']);
        server.close();
        yield* server.waitClosed();
      })(),
    );
  },
);

test.serial(
  'write(); abort() still delivers what fits, and connectionLost(null) comes in a later turn',
  async (t) => {
    let answer = '';
    const log = await seen(
      (socket) => {
        socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
        socket.on('error', () => {});
      },
      () =>
        new (class extends Recorder {
          override connectionMade(transport: Transport): void {
            super.connectionMade(transport);
            transport.write('last words');
            transport.abort();
            this.log.push('aborted');
            transport.write('ignored');
          }
        })(),
    );
    t.deepEqual(log, ['made', 'aborted', 'lost null']);
    t.is(answer, 'last words');
  },
);

test.serial(
  'an error of a callback is reported with its context and closes the transport; the loop goes on',
  async (t) => {
    for (const method of ['dataReceived', 'eofReceived'] as const) {
      const reports: ExceptionContext[] = [];
      const log = await seen(
        (socket) => socket.end('x'),
        () => {
          theLoop().setExceptionHandler((_loop, context) => void reports.push(context));
          const protocol = new Recorder();
          protocol[method] = () => {
            throw new Error('mine');
          };
          return protocol;
        },
      );
      t.is(log.at(-1), 'lost Error');
      t.is(reports.length, 1);
      t.true(String(reports[0]!.message).includes(method));
      t.deepEqual(Object.keys(reports[0]!).sort(), ['exception', 'message', 'protocol', 'transport']);
    }
  },
);

test.serial('an error of connectionMade is reported and the connection stays', async (t) => {
  const reports: ExceptionContext[] = [];
  const log = await seen(
    (socket) => socket.end('still here'),
    () => {
      theLoop().setExceptionHandler((_loop, context) => void reports.push(context));
      return new (class extends Recorder {
        override connectionMade(transport: Transport): void {
          super.connectionMade(transport);
          throw new Error('mine');
        }
      })();
    },
  );
  t.deepEqual(log, ['made', 'data still here', 'eof', 'lost null']);
  t.is(reports.length, 1);
});

test.serial('a turn that SystemExit leaves early loses no received byte', async (t) => {
  const loop = new MioEventLoop();
  const protocols: Recorder[] = [];
  let exits = 0;
  class Exiting extends Recorder {
    override dataReceived(data: Uint8Array): void {
      super.dataReceived(data);
      if (exits++ === 0) throw new SystemExit(3);
    }
  }
  const [server, clients] = await loop.runUntilComplete(
    (function* () {
      const listening = yield* serve(() => (protocols.push(new Exiting()), protocols.at(-1)!));
      const connected = [];
      for (let count = 0; count < 5; count++) {
        const [transport] = yield* loop.createConnection(
          () => new Recorder(),
          '127.0.0.1',
          portOf(listening),
        );
        connected.push(transport);
      }
      while (protocols.length < 5) yield;
      for (const protocol of protocols) yield* protocol.made;
      yield* sleep(0.01);
      return [listening, connected] as const;
    })(),
  );
  for (const [index, transport] of clients.entries()) transport.write(`message ${index}`);
  await t.throwsAsync(loop.runForever(), { instanceOf: SystemExit });
  t.false(loop.isRunning());
  await loop.runUntilComplete(
    (function* () {
      while (protocols.some((protocol) => protocol.bytes < 9)) yield* sleep(0.001);
      server.close();
      server.abortClients();
      for (const transport of clients) transport.abort();
      yield* server.waitClosed();
      yield* sleep(0);
    })(),
  );
  const received = protocols.map((protocol) => protocol.log.find((line) => line.startsWith('data')));
  t.deepEqual(new Set(received), new Set([0, 1, 2, 3, 4].map((index) => `data message ${index}`)));
  loop.close();
});

test.serial(
  'bytes given to a Protocol may be kept; borrowed ones show nothing of what comes after the turn',
  async (t) => {
    const kept: Uint8Array[] = [];
    const lent: Uint8Array[] = [];
    await run(
      (function* (): Coroutine<void> {
        class Keeper extends Echo {
          override dataReceived(data: Uint8Array): void {
            kept.push(data);
            super.dataReceived(data);
          }
        }
        class Lender extends Echo {
          override readonly borrowsData = true as const;

          override dataReceived(data: Uint8Array): void {
            lent.push(data);
            super.dataReceived(data);
          }
        }
        for (const make of [() => new Keeper(), () => new Lender()]) {
          const server = yield* serve(make);
          const client = yield* fromPromise(nodeClient(portOf(server)));
          for (let round = 0; round < 50; round++) {
            const message = Buffer.alloc(100 + round * 200, round + 1);
            client.write(message);
            let left = message.length;
            while (left > 0) {
              const [data] = (yield* fromPromise(once(client, 'data'))) as [Buffer];
              left -= data.length;
            }
          }
          client.destroy();
          server.close();
          yield* server.waitClosed();
        }
      })(),
    );
    let total = 0;
    for (const data of kept) {
      t.true(data.every((byte) => byte === data[0]));
      total += data.length;
    }
    t.is(
      total,
      Array.from({ length: 50 }, (_, round) => 100 + round * 200).reduce((sum, size) => sum + size),
    );
    t.true(lent.length >= 50);
    t.true(lent.some((data) => data.length === 0));
    // Few bytes are copied, and each connection begins with those.
    t.deepEqual(
      [...(lent[0] ?? [])],
      Array.from({ length: 100 }, () => 1),
    );
    // A detached view has a length of 0, and refuses to be asked for more.
    for (const data of lent) if (data.length > 0) t.true(data.every((byte) => byte === data[0]));
  },
);

test.serial(
  'memory of a BufferedProtocol that is detached, resizable or too small is handled at each use',
  async (t) => {
    const reports: ExceptionContext[] = [];
    const log = await run(
      (function* (): Coroutine<string[]> {
        theLoop().setExceptionHandler((_loop, context) => void reports.push(context));
        const lines: string[] = [];
        const lost = theLoop().createFuture<void>();
        const memories = [
          () => new Uint8Array(new ArrayBuffer(3)),
          () => new Uint8Array(new ArrayBuffer(2)),
          () => {
            const buffer = new ArrayBuffer(64);
            const view = new Uint8Array(buffer);
            structuredClone(buffer, { transfer: [buffer] });
            return view;
          },
        ];
        class Odd extends BufferedProtocol {
          override getBuffer(sizeHint: number): Uint8Array {
            lines.push(`hint ${sizeHint}`);
            return memories.shift()!();
          }

          override bufferUpdated(count: number): void {
            lines.push(`updated ${count}`);
          }

          override connectionLost(error: Error | null): void {
            lines.push(`lost ${error?.constructor.name}`);
            lost.setResult();
          }
        }
        const server = yield* serve(() => new Odd() as unknown as Protocol);
        const client = yield* fromPromise(nodeClient(portOf(server)));
        client.on('error', () => {});
        client.write('0123456789');
        yield* lost;
        server.close();
        yield* server.waitClosed();
        client.destroy();
        return lines;
      })(),
    );
    t.deepEqual(log, ['hint 10', 'updated 3', 'hint 7', 'updated 2', 'hint 5', 'lost RuntimeError']);
    t.is(reports.length, 1);
  },
);

test.serial('what is wrong with an argument is said at the call, before any effect', async (t) => {
  await run(
    (function* (): Coroutine<void> {
      const loop = theLoop();
      const factory = (): Echo => new Echo();
      const attempts: [() => Coroutine<unknown>, string, RegExp][] = [
        [() => loop.createConnection(factory, '127.0.0.1', 70_000), 'RangeError', /port/],
        [() => loop.createConnection(factory, '127.0.0.1', 1.5), 'TypeError', /port/],
        [() => loop.createConnection(factory, 'a\0b', 1), 'ValueError', /host/],
        [() => loop.createConnection(factory, 7 as never, 1), 'TypeError', /host/],
        [() => loop.createConnection(null as never, '127.0.0.1', 1), 'TypeError', /protocolFactory/],
        [() => loop.createConnection(factory), 'ValueError', /host and port/],
        [
          () => loop.createConnection(factory, '127.0.0.1', 1, { serverHostname: 'x' }),
          'ValueError',
          /serverHostname/,
        ],
        [
          () => loop.createConnection(factory, '127.0.0.1', 1, { localAddr: '127.0.0.1' as never }),
          'TypeError',
          /localAddr/,
        ],
        [
          () => loop.createConnection(factory, '127.0.0.1', 1, { happyEyeballsDelay: NaN }),
          'TypeError',
          /happyEyeballsDelay/,
        ],
        [
          () => loop.createConnection(factory, '127.0.0.1', 1, { interleave: 'a' as never }),
          'TypeError',
          /interleave/,
        ],
        [() => loop.createServer(factory, 5 as never, 0), 'TypeError', /^host: must be a string, an array/],
        [() => loop.createServer(factory, '127.0.0.1', -1), 'RangeError', /port/],
        [() => loop.createServer(factory), 'ValueError', /host\/port/],
        [() => loop.createServer(factory, '127.0.0.1', 0, { ssl: true }), 'TypeError', /ssl/],
        [() => loop.createServer(factory, '127.0.0.1', 0, { backlog: 'x' as never }), 'TypeError', /backlog/],
      ];
      for (const [attempt, name, message] of attempts) {
        try {
          yield* attempt();
          t.fail(`${message} was not refused`);
        } catch (error) {
          t.is((error as Error).name, name, String(error));
          t.regex((error as Error).message, message);
        }
      }
      const server = yield* serve(factory);
      const [transport] = yield* loop.createConnection(factory, '127.0.0.1', portOf(server));
      t.throws(() => transport.write(5 as never), { instanceOf: TypeError, message: /data/ });
      t.throws(() => transport.setWriteBufferLimits(1, 2), { name: 'ValueError', message: /high/ });
      transport.writeEof();
      transport.writeEof();
      t.throws(() => transport.write('x'), { name: 'RuntimeError', message: /writeEof/ });
      transport.close();
      server.close();
      yield* server.waitClosed();
    })(),
  );
});

test.serial('an address in use is an OSError that names it', async (t) => {
  await run(
    (function* (): Coroutine<void> {
      const server = yield* serve(() => new Echo());
      try {
        yield* theLoop().createServer(() => new Echo(), '127.0.0.1', portOf(server));
        t.fail();
      } catch (error) {
        t.true(error instanceof OSError);
        t.like(error, { code: 'EADDRINUSE', errno: 98 });
        t.regex((error as Error).message, /127\.0\.0\.1/);
      }
      server.close();
      yield* server.waitClosed();
    })(),
  );
});

test.serial(
  'after connectionLost there is no protocol, the descriptor is gone, and the addresses are still known',
  async (t) => {
    await run(
      (function* (): Coroutine<void> {
        const server = yield* serve(() => new Echo());
        const [transport, protocol] = yield* theLoop().createConnection(
          () => new Recorder(),
          '127.0.0.1',
          portOf(server),
        );
        const socket = transport.getExtraInfo('socket') as {
          fileno(): number;
          getsockopt(a: number, b: number): number;
        };
        t.true(socket.fileno() >= 0);
        t.is(socket.getsockopt(6, 1), 1, 'TCP_NODELAY is on');
        const names = [transport.getExtraInfo('sockname'), transport.getExtraInfo('peername')];
        t.is((names[1] as [string, number])[1], portOf(server));
        transport.close();
        t.true(transport.isClosing());
        t.is(yield* protocol.lost, null);
        yield;
        t.is(transport.getProtocol(), null);
        t.is(socket.fileno(), -1);
        t.deepEqual([transport.getExtraInfo('sockname'), transport.getExtraInfo('peername')], names);
        t.true(transport.isClosing());
        transport.write('dropped');
        transport.close();
        transport.abort();
        server.close();
        yield* server.waitClosed();
      })(),
    );
  },
);

test.serial('an override of _makeSocketTransport sees every connection, accepted and made', async (t) => {
  const seenBy: string[] = [];
  class Watching extends MioEventLoop {
    override _makeSocketTransport(...args: Parameters<MioEventLoop['_makeSocketTransport']>): Transport {
      seenBy.push(args[3]?.server == null ? 'made' : 'accepted');
      return super._makeSocketTransport(...args);
    }
  }
  await run(
    (function* (): Coroutine<void> {
      const server = yield* serve(() => new Echo());
      const [transport, protocol] = yield* theLoop().createConnection(
        () => new Recorder(),
        '127.0.0.1',
        portOf(server),
      );
      transport.write('x');
      while (protocol.bytes === 0) yield* sleep(0.001);
      transport.close();
      server.close();
      yield* server.waitClosed();
    })(),
    { loopFactory: () => new Watching() },
  );
  t.deepEqual(seenBy.sort(), ['accepted', 'made']);
});

test.serial('a connection reset is an error of the class that CPython gives it', (t) => {
  t.true(new ConnectionResetError('x') instanceof OSError);
});

test.serial('memory that threads share is written as it was, and detached memory is refused', async (t) => {
  const size = 100_000;
  const pieces = 100;
  /** Sees whether each piece has the bytes that it was written with. */
  class Pieces extends Recorder {
    wrong = 0;

    override dataReceived(data: Uint8Array): void {
      for (const byte of data) if (byte !== Math.floor(this.bytes++ / size)) this.wrong++;
    }
  }
  await run(
    (function* (): Coroutine<void> {
      const { server, near, far } = yield* pair(
        () => new Pieces(),
        () => new Recorder(),
      );
      const { transport } = far;
      const shared = new Uint8Array(new SharedArrayBuffer(size));
      // More than the kernel takes: what it refuses has to be kept before the next piece stands in its place.
      for (let piece = 0; piece < pieces; piece++) transport.write(shared.fill(piece));
      const detached = new Uint8Array(8);
      structuredClone(detached.buffer, { transfer: [detached.buffer] });
      const wrong = { instanceOf: TypeError, message: 'data: its memory is detached' };
      t.throws(() => transport.write(detached), wrong);
      t.throws(() => transport.writelines(['not sent either', detached]), wrong);
      t.throws(() => transport.write(new Uint16Array(1) as never), { message: /, not Uint16Array$/ });
      transport.close();
      yield* near.lost;
      t.is(near.bytes, pieces * size);
      t.is(near.wrong, 0);
      server.close();
    })(),
  );
});
