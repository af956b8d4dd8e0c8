import { copyBytes } from './bytes.ts';
import { type Coroutine, isCoroutine } from './coroutine.ts';
import { CancelledError, isExit } from './exceptions.ts';
import { FlowControlMixin } from './flow-control-mixin.ts';
import { type Future, failFuture } from './future.ts';
import type { Loop } from './loop.ts';
import { StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';
import type { Task } from './task.ts';
import type { Transport } from './transports.ts';

/** Called for each connection of a server; a coroutine or a promise that it returns is its handler. */
export type ClientConnectedCb = (
  reader: StreamReader,
  writer: StreamWriter,
) => Coroutine<unknown> | PromiseLike<unknown> | void;

/** Feeds a {@link StreamReader} from a transport. asyncio: `StreamReaderProtocol`. */
export class StreamReaderProtocol extends FlowControlMixin {
  /** The reader copies at once. */
  override readonly borrowsData: boolean = true;
  _streamReader: StreamReader | null;
  readonly _clientConnectedCb: ClientConnectedCb | null;
  _transport: Transport | null = null;
  _task: Task | null = null;
  _overSsl = false;
  readonly _closed: Future<void>;

  /**
   * @param clientConnectedCb for servers: called when the connection stands
   * @param loop default: the current one
   */
  constructor(
    streamReader: StreamReader | null,
    clientConnectedCb?: ClientConnectedCb | null,
    loop?: Loop | null,
  ) {
    super(loop);
    this._streamReader = streamReader;
    this._clientConnectedCb = clientConnectedCb ?? null;
    this._closed = this._loop.createFuture<void>();
  }

  override connectionMade(transport: Transport): void {
    this._transport = transport;
    const reader = this._streamReader;
    reader?.setTransport(transport);
    this._overSsl = transport.getExtraInfo('sslcontext') !== null;
    if (this._clientConnectedCb === null) return;
    const writer = new StreamWriter(transport, this, reader, this._loop);
    const handler = this._clientConnectedCb(reader!, writer);
    if (isCoroutine(handler)) {
      this._task = this._loop.createTask(handler) as Task;
      this._task.addDoneCallback((task: Task) => this.#onHandlerDone(task, transport));
    } else if (typeof (handler as PromiseLike<unknown> | undefined)?.then === 'function') {
      (handler as PromiseLike<unknown>).then(undefined, (error: unknown) =>
        this.#onPromiseRejected(error, transport),
      );
    }
  }

  #onHandlerDone(task: Task, transport: Transport): void {
    if (task.cancelled()) {
      transport.close();
      return;
    }
    const error = task.exception();
    if (error !== null) this.#onHandlerFailed(error, transport);
  }

  #onHandlerFailed(exception: unknown, transport: Transport): void {
    this.#report(exception, transport);
    transport.close();
  }

  #report(exception: unknown, transport: Transport): void {
    this._loop.callExceptionHandler({
      message: 'Unhandled exception in client_connected_cb',
      exception,
      transport,
    });
  }

  /** As a task would end with the same error. */
  #onPromiseRejected(error: unknown, transport: Transport): void {
    const loop = this._loop;
    if (loop.isClosed()) {
      // The promise outlived the loop, which took its connection along: only an error is news.
      if (!(error instanceof CancelledError)) this.#report(error, transport);
      return;
    }
    if (error instanceof CancelledError) {
      transport.close();
      return;
    }
    this.#onHandlerFailed(error, transport);
    if (!isExit(error)) return;
    loop.callSoonThreadsafe(() => {
      throw error;
    });
  }

  override connectionLost(error: Error | null): void {
    const reader = this._streamReader;
    if (reader !== null) {
      if (error === null) reader.feedEof();
      else reader.setException(error);
    }
    if (!this._closed.done()) {
      if (error === null) this._closed.setResult();
      else {
        failFuture(this._closed, error);
        // Nobody has to wait for the end.
        this._closed.exception();
      }
    }
    super.connectionLost(error);
    this._streamReader = null;
    this._task = null;
    this._transport = null;
  }

  override dataReceived(data: Uint8Array): void {
    this._streamReader?.feedData(data);
  }

  /**
   * {@link dataReceived} of what stands in `memory` from `start` to `end`, where other bytes are going to be: for
   * transports, whose memory need not be lent to be copied.
   */
  _copyReceived(memory: Uint8Array, start: number, end: number): void {
    const reader = this._streamReader;
    if (reader === null) return;
    const isOurs =
      this.dataReceived === StreamReaderProtocol.prototype.dataReceived &&
      reader.feedData === StreamReader.prototype.feedData;
    // Whoever overrides either of them is to see bytes, and feedData tells of its own mistakes.
    if (isOurs && !reader._eof) reader._feed(memory, start, end);
    else this.dataReceived(copyBytes(memory, start, end));
  }

  override eofReceived(): boolean {
    this._streamReader?.feedEof();
    // The writing side stays open; TLS cannot do that.
    return !this._overSsl;
  }

  override _getCloseWaiter(_stream: unknown): Future<void> {
    return this._closed;
  }

  /** For `startTls`. */
  _replaceTransport(transport: Transport): void {
    this._transport = transport;
    this._overSsl = transport.getExtraInfo('sslcontext') !== null;
    this._streamReader?._replaceTransport(transport);
  }
}
