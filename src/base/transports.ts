import { joinBytes } from './bytes.ts';
import { NotImplementedError } from './exceptions.ts';
import type { BaseProtocol } from './protocols.ts';
import type { Address } from './socket-like.ts';

/** What `getExtraInfo` knows, by name. */
export type ExtraInfo = Record<string, unknown>;

/** The methods that all transports have. asyncio: `BaseTransport`. */
export class BaseTransport {
  _extra: ExtraInfo;

  constructor(extra?: ExtraInfo | null) {
    this._extra = extra ?? {};
  }

  /** What the transport knows under `name` ('peername', 'sockname', 'socket', ...), else `defaultValue`. */
  getExtraInfo(name: string, defaultValue: unknown = null): unknown {
    return Object.hasOwn(this._extra, name) ? this._extra[name] : defaultValue;
  }

  /** Whether the transport is closing or closed. */
  isClosing(): boolean {
    return missing('isClosing');
  }

  /** Closes the transport: what was written is sent first, then the protocol's `connectionLost(null)` is called. */
  close(): void {
    missing('close');
  }

  setProtocol(_protocol: BaseProtocol): void {
    missing('setProtocol');
  }

  /** The protocol, null after the connection was lost. */
  getProtocol(): BaseProtocol | null {
    return missing('getProtocol');
  }
}

/** A transport that reads. asyncio: `ReadTransport`. */
export class ReadTransport extends BaseTransport {
  isReading(): boolean {
    return missing('isReading');
  }

  /** Nothing is delivered until {@link resumeReading}. Harmless twice, and while closing. */
  pauseReading(): void {
    missing('pauseReading');
  }

  resumeReading(): void {
    missing('resumeReading');
  }
}

/** A transport that writes. asyncio: `WriteTransport`. */
export class WriteTransport extends BaseTransport {
  /**
   * Sets the marks of flow control.
   *
   * @param _high bytes above which the protocol is paused; default 64 KiB, or 4 times `low`
   * @param _low bytes at which it is resumed; default a quarter of `high`
   * @throws ValueError unless high >= low >= 0
   */
  setWriteBufferLimits(_high?: number | null, _low?: number | null): void {
    missing('setWriteBufferLimits');
  }

  /** Bytes that wait to be sent. */
  getWriteBufferSize(): number {
    return missing('getWriteBufferSize');
  }

  getWriteBufferLimits(): [low: number, high: number] {
    return missing('getWriteBufferLimits');
  }

  /** Sends bytes (or a string, as UTF-8). Never waits; the memory is free when the call returns. */
  write(_data: Uint8Array | string): void {
    missing('write');
  }

  /** Sends several pieces, as one. */
  writelines(listOfData: Iterable<Uint8Array | string>): void {
    this.write(joinBytes(listOfData));
  }

  /** Sends what was written, then says that no more will come. The connection stays open for reading. */
  writeEof(): void {
    missing('writeEof');
  }

  canWriteEof(): boolean {
    return missing('canWriteEof');
  }

  /** Closes at once: what waits to be sent is lost. */
  abort(): void {
    missing('abort');
  }
}

/** A transport that reads and writes. asyncio: `Transport`. */
export class Transport extends WriteTransport implements ReadTransport {
  isReading(): boolean {
    return missing('isReading');
  }

  pauseReading(): void {
    missing('pauseReading');
  }

  resumeReading(): void {
    missing('resumeReading');
  }
}

/** A transport of datagrams. asyncio: `DatagramTransport`. */
export class DatagramTransport extends BaseTransport {
  /**
   * Sends a datagram, an empty one as well. Never waits; the memory is free when the call returns. What the system
   * refuses is told to the protocol's `errorReceived`.
   *
   * @param _address where to; null if the endpoint has a remote address
   * @throws TypeError for other than bytes and for a malformed address; ValueError for another address than the
   * endpoint's own
   */
  sendto(_data: Uint8Array, _address?: Address | null): void {
    missing('sendto');
  }

  /** Closes at once: datagrams that wait to be sent are lost. */
  abort(): void {
    missing('abort');
  }
}

/** A child process. asyncio: `SubprocessTransport`. */
export class SubprocessTransport extends BaseTransport {
  getPid(): number | null {
    return missing('getPid');
  }

  getReturncode(): number | null {
    return missing('getReturncode');
  }

  getPipeTransport(_fd: number): BaseTransport | null {
    return missing('getPipeTransport');
  }

  sendSignal(_signal: number | string): void {
    missing('sendSignal');
  }

  terminate(): void {
    missing('terminate');
  }

  kill(): void {
    missing('kill');
  }
}

function missing(method: string): never {
  throw new NotImplementedError(`this transport has no ${method}()`);
}
