import { NotImplementedError, ValueError, isExit } from './exceptions.ts';
import type { Loop } from './loop.ts';
import type { BaseProtocol } from './protocols.ts';
import { type BaseTransport, DatagramTransport, type ExtraInfo, Transport } from './transports.ts';

/** A transport's high mark unless it is set: bytes. */
const DEFAULT_HIGH = 64 * 1024;

/** What flow control is done for. */
interface Controlled extends BaseTransport {
  readonly _loop: Loop;
  _protocolPaused: boolean;
  _highWater: number;
  _lowWater: number;
  getWriteBufferSize(): number;
}

function maybePause(transport: Controlled): void {
  if (transport.getWriteBufferSize() <= transport._highWater || transport._protocolPaused) return;
  transport._protocolPaused = true;
  tell(transport, 'pauseWriting');
}

function maybeResume(transport: Controlled): void {
  if (!transport._protocolPaused || transport.getWriteBufferSize() > transport._lowWater) return;
  transport._protocolPaused = false;
  tell(transport, 'resumeWriting');
}

function tell(transport: Controlled, method: 'pauseWriting' | 'resumeWriting'): void {
  const protocol: BaseProtocol | null = transport.getProtocol();
  try {
    protocol?.[method]();
  } catch (error) {
    if (isExit(error)) throw error;
    transport._loop.callExceptionHandler({
      message: `protocol.${method}() failed`,
      exception: error,
      transport,
      protocol,
    });
  }
}

function setLimits(transport: Controlled, high?: number | null, low?: number | null): void {
  const top = high ?? (low === null || low === undefined ? DEFAULT_HIGH : 4 * low);
  const bottom = low ?? Math.floor(top / 4);
  if (!(top >= bottom && bottom >= 0)) {
    throw new ValueError(`high (${top}) must be >= low (${bottom}) must be >= 0`);
  }
  transport._highWater = top;
  transport._lowWater = bottom;
}

/**
 * Flow control for transports that buffer: the protocol is paused above the high mark, once, and resumed at or
 * below the low one, in strict alternation. asyncio: `_FlowControlMixin`.
 *
 * A subclass calls {@link _maybePauseProtocol} when its buffer grew and {@link _maybeResumeProtocol} when it sank.
 */
export class FlowControlTransport extends Transport {
  readonly _loop: Loop;
  _protocolPaused = false;
  _highWater: number = DEFAULT_HIGH;
  _lowWater: number = DEFAULT_HIGH / 4;

  constructor(extra: ExtraInfo | null | undefined, loop: Loop) {
    super(extra);
    this._loop = loop;
  }

  _maybePauseProtocol(): void {
    maybePause(this);
  }

  _maybeResumeProtocol(): void {
    maybeResume(this);
  }

  override getWriteBufferLimits(): [low: number, high: number] {
    return [this._lowWater, this._highWater];
  }

  override setWriteBufferLimits(high?: number | null, low?: number | null): void {
    this._setWriteBufferLimits(high, low);
    this._maybePauseProtocol();
  }

  _setWriteBufferLimits(high?: number | null, low?: number | null): void {
    setLimits(this, high, low);
  }
}

export { FlowControlTransport as _FlowControlMixin };

/** {@link FlowControlTransport} for datagrams. */
export class DatagramFlowControlTransport extends DatagramTransport {
  readonly _loop: Loop;
  _protocolPaused = false;
  _highWater: number = DEFAULT_HIGH;
  _lowWater: number = DEFAULT_HIGH / 4;

  constructor(extra: ExtraInfo | null | undefined, loop: Loop) {
    super(extra);
    this._loop = loop;
  }

  _maybePauseProtocol(): void {
    maybePause(this);
  }

  _maybeResumeProtocol(): void {
    maybeResume(this);
  }

  /** What waits to be sent: bytes, and 8 a datagram. */
  getWriteBufferSize(): number {
    throw new NotImplementedError('this transport has no getWriteBufferSize()');
  }

  /** As those of a stream, in bytes and 8 a datagram. */
  getWriteBufferLimits(): [low: number, high: number] {
    return [this._lowWater, this._highWater];
  }

  /** @throws ValueError unless high >= low >= 0 */
  setWriteBufferLimits(high?: number | null, low?: number | null): void {
    setLimits(this, high, low);
    this._maybePauseProtocol();
  }
}
