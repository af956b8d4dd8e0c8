import { type AwaitableCoroutine, type Coroutine, coroutine } from './coroutine.ts';
import type { FlowControlMixin } from './flow-control-mixin.ts';
import type { Loop } from './loop.ts';
import type { NetworkLoop, StartTlsOptions } from './network-loop.ts';
import type { StreamReader } from './stream-reader.ts';
import type { StreamReaderProtocol } from './stream-reader-protocol.ts';
import type { Transport, WriteTransport } from './transports.ts';

/** What a writer needs of its protocol: of {@link FlowControlMixin}, two methods. */
export type DrainProtocol = Pick<FlowControlMixin, '_drainHelper' | '_getCloseWaiter'>;

/**
 * The writing side of a stream. asyncio: `StreamWriter`.
 *
 * @example
 * ```ts
 * writer.write('hello\n');
 * yield* writer.drain(); // waits while too much is on its way
 * ```
 */
export class StreamWriter {
  _transport: WriteTransport;
  readonly _protocol: DrainProtocol;
  readonly _reader: StreamReader | null;
  readonly _loop: Loop;

  constructor(transport: WriteTransport, protocol: DrainProtocol, reader: StreamReader | null, loop: Loop) {
    this._transport = transport;
    this._protocol = protocol;
    this._reader = reader;
    this._loop = loop;
  }

  get transport(): WriteTransport {
    return this._transport;
  }

  /** Sends bytes (or a string, as UTF-8). Never waits: see {@link drain}. */
  write(data: Uint8Array | string): void {
    this._transport.write(data);
  }

  writelines(data: Iterable<Uint8Array | string>): void {
    this._transport.writelines(data);
  }

  /** Says that no more will come, after what was written. Reading goes on. */
  writeEof(): void {
    this._transport.writeEof();
  }

  canWriteEof(): boolean {
    return this._transport.canWriteEof();
  }

  /** Closes the stream, after what was written was sent. See {@link waitClosed}. */
  close(): void {
    this._transport.close();
  }

  isClosing(): boolean {
    return this._transport.isClosing();
  }

  /** Waits until the stream is closed. @throws the error that ended it */
  waitClosed(): AwaitableCoroutine<void> {
    return waitClosed(this);
  }

  /** What the transport knows under `name`: 'peername', 'sockname', 'socket', ... */
  getExtraInfo(name: string, defaultValue: unknown = null): unknown {
    return this._transport.getExtraInfo(name, defaultValue);
  }

  /**
   * Waits until it is reasonable to write on. Any number of coroutines may.
   *
   * @throws the error that ended the stream; ConnectionResetError after the connection was lost
   */
  drain(): AwaitableCoroutine<void> {
    return drain(this);
  }

  /**
   * Upgrades the stream to TLS, after what was written was sent. There is no TLS yet: throws NotImplementedError.
   *
   * asyncio: `StreamWriter.start_tls`.
   */
  startTls(sslcontext: unknown, options: Omit<StartTlsOptions, 'serverSide'> = {}): AwaitableCoroutine<void> {
    return startTls(this, sslcontext, options);
  }

  /** For {@link startTls}. */
  _replaceTransport(transport: Transport): void {
    this._transport = transport;
  }

  toString(): string {
    return `<StreamWriter transport=${String(this._transport)}>`;
  }
}

const waitClosed = coroutine(function* waitClosed(writer: StreamWriter): Coroutine<void> {
  yield* writer._protocol._getCloseWaiter(writer);
});

const drain = coroutine(function* drain(writer: StreamWriter): Coroutine<void> {
  const error = writer._reader?.exception() ?? null;
  if (error !== null) throw error;
  // A turn for connectionLost to come: who writes and drains in a loop must see the end.
  if (writer._transport.isClosing()) yield;
  yield* writer._protocol._drainHelper();
});

const startTls = coroutine(function* startTls(
  writer: StreamWriter,
  sslcontext: unknown,
  options: Omit<StartTlsOptions, 'serverSide'>,
): Coroutine<void> {
  const protocol = writer._protocol as StreamReaderProtocol;
  yield* writer.drain();
  const transport = yield* (writer._loop as Loop & NetworkLoop).startTls(
    writer._transport as Transport,
    protocol,
    sslcontext,
    { ...options, serverSide: protocol._clientConnectedCb !== null },
  );
  writer._replaceTransport(transport);
  protocol._replaceTransport(transport);
});
