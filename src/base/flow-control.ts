import { ValueError, isExit } from './exceptions.ts';
import type { Loop } from './loop.ts';
import type { BaseProtocol } from './protocols.ts';
import { type ExtraInfo, Transport } from './transports.ts';

/** A transport's high mark unless it is set: bytes. */
const DEFAULT_HIGH = 64 * 1024;

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
    if (this.getWriteBufferSize() <= this._highWater || this._protocolPaused) return;
    this._protocolPaused = true;
    this.#tell('pauseWriting');
  }

  _maybeResumeProtocol(): void {
    if (!this._protocolPaused || this.getWriteBufferSize() > this._lowWater) return;
    this._protocolPaused = false;
    this.#tell('resumeWriting');
  }

  #tell(method: 'pauseWriting' | 'resumeWriting'): void {
    const protocol: BaseProtocol | null = this.getProtocol();
    try {
      protocol?.[method]();
    } catch (error) {
      if (isExit(error)) throw error;
      this._loop.callExceptionHandler({
        message: `protocol.${method}() failed`,
        exception: error,
        transport: this,
        protocol,
      });
    }
  }

  override getWriteBufferLimits(): [low: number, high: number] {
    return [this._lowWater, this._highWater];
  }

  override setWriteBufferLimits(high?: number | null, low?: number | null): void {
    this._setWriteBufferLimits(high, low);
    this._maybePauseProtocol();
  }

  _setWriteBufferLimits(high?: number | null, low?: number | null): void {
    const top = high ?? (low === null || low === undefined ? DEFAULT_HIGH : 4 * low);
    const bottom = low ?? Math.floor(top / 4);
    if (!(top >= bottom && bottom >= 0)) {
      throw new ValueError(`high (${top}) must be >= low (${bottom}) must be >= 0`);
    }
    this._highWater = top;
    this._lowWater = bottom;
  }
}

export { FlowControlTransport as _FlowControlMixin };
