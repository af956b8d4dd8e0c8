/**
 * What users implement: callbacks that a transport makes. Never called from inside of a call to the transport,
 * except `pauseWriting`.
 *
 * ```text
 * start:  connectionMade
 *   dataReceived*  eofReceived?        (Protocol)
 *   (getBuffer bufferUpdated)*  eofReceived?   (BufferedProtocol)
 *   (pauseWriting resumeWriting)*      (any time in between)
 * end:    connectionLost
 * ```
 */
import { RuntimeError } from './exceptions.ts';
import type { BaseTransport, DatagramTransport, SubprocessTransport, Transport } from './transports.ts';
import type { Address } from './socket-like.ts';

/** The callbacks that all protocols have. asyncio: `BaseProtocol`. */
export class BaseProtocol {
  /** The connection stands. Called once, first. */
  connectionMade(_transport: BaseTransport): void {}

  /** The connection is gone. Called once, last. @param _error null after a regular end, or `abort()` */
  connectionLost(_error: Error | null): void {}

  /** More than the high mark waits to be sent: write no more until {@link resumeWriting}. */
  pauseWriting(): void {}

  /** What waits has sunk to the low mark. */
  resumeWriting(): void {}
}

/** A protocol for streams. asyncio: `Protocol`. */
export class Protocol extends BaseProtocol {
  /**
   * Set to true by a protocol that only borrows: the bytes it is given are valid during the call, and may show
   * nothing afterwards. Faster with large reads; for protocols that parse or copy at once.
   */
  declare readonly borrowsData?: boolean;

  override connectionMade(_transport: Transport): void {}

  /** Bytes came. They may be kept, unless {@link borrowsData} is set. */
  dataReceived(_data: Uint8Array): void {}

  /** The peer will send no more. @returns true to keep the connection open for writing */
  eofReceived(): boolean | null | undefined | void {}
}

/** A protocol that provides the memory that bytes are received into. asyncio: `BufferedProtocol`. */
export class BufferedProtocol extends BaseProtocol {
  override connectionMade(_transport: Transport): void {}

  /**
   * Memory for what comes next; must not be empty.
   *
   * @param _sizeHint bytes that are there
   */
  getBuffer(_sizeHint: number): Uint8Array {
    return new Uint8Array(0);
  }

  /** @param _count bytes that were put into the buffer */
  bufferUpdated(_count: number): void {}

  /** The peer will send no more. @returns true to keep the connection open for writing */
  eofReceived(): boolean | null | undefined | void {}
}

/** A protocol for datagrams. asyncio: `DatagramProtocol`. */
export class DatagramProtocol extends BaseProtocol {
  /** As {@link Protocol.borrowsData}. */
  declare readonly borrowsData?: boolean;

  override connectionMade(_transport: DatagramTransport): void {}

  /**
   * A datagram came, an empty one perhaps. Its bytes may be kept, unless {@link borrowsData} is set.
   *
   * @param _address the sender's, frozen: the same object for many of its datagrams. null only for Unix sockets that
   * have no name
   */
  datagramReceived(_data: Uint8Array, _address: Address): void {}

  /** A send or a receive failed with an error of the system's; the endpoint stays open. */
  errorReceived(_error: Error): void {}
}

/** A protocol for child processes. asyncio: `SubprocessProtocol`. */
export class SubprocessProtocol extends BaseProtocol {
  override connectionMade(_transport: SubprocessTransport): void {}

  pipeDataReceived(_fd: number, _data: Uint8Array): void {}

  pipeConnectionLost(_fd: number, _error: Error | null): void {}

  processExited(): void {}
}

/** What makes the protocol of a connection. */
export type ProtocolFactory<P extends BaseProtocol = BaseProtocol> = () => P;

/** Whether a protocol provides its own memory: by its method, so that any class may. */
export function isBufferedProtocol(protocol: unknown): protocol is BufferedProtocol {
  return typeof (protocol as { getBuffer?: unknown } | null)?.getBuffer === 'function';
}

/**
 * Gives bytes to a buffered protocol, in as many rounds as its buffers need. For transports that have them already.
 * asyncio: `_feed_data_to_buffered_proto`.
 *
 * @throws RuntimeError when the protocol provides an empty buffer
 */
export function _feedDataToBufferedProto(protocol: BufferedProtocol, data: Uint8Array): void {
  for (let at = 0; at < data.length;) {
    const left = data.length - at;
    const buffer = protocol.getBuffer(left);
    if (buffer.length === 0) throw new RuntimeError('getBuffer() returned an empty buffer');
    const count = Math.min(left, buffer.length);
    buffer.set(data.subarray(at, at + count));
    protocol.bufferUpdated(count);
    at += count;
  }
}
