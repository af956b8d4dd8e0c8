/**
 * What two transports tell each other over a `MessagePort`.
 *
 * ```text
 * data   bytes, from position `at` of the stream on     ack    the first `upTo` bytes were taken
 * eof    `at` is the end of the stream                  stop   the sender reads no more, but sends what waits
 * gone   the sender's last message                       life   the name of a lock that the sender's realm holds
 * ```
 */
import { ConnectionAbortedError } from '../base/index.ts';
import { brandError } from '../base/exceptions.ts';
import { LIFE_PREFIX } from './port-life.ts';

/** Bytes of one message at most, and so of one delivery. */
export const PIECE_BYTES: number = 256 * 1024;

export type PortMessage =
  | { readonly miolo: 'data'; readonly at: number; readonly bytes: ArrayBuffer }
  | { readonly miolo: 'ack'; readonly upTo: number }
  | { readonly miolo: 'eof'; readonly at: number }
  | { readonly miolo: 'life'; readonly lock: string }
  | { readonly miolo: 'stop' }
  | { readonly miolo: 'gone' };

/**
 * What came through a port is not what a transport sends: foreign messages, or one that is missing, repeated or out of
 * place. `connectionLost` gets it, and the port is closed. There is no such error in Python; its base is.
 */
export class PortProtocolError extends ConnectionAbortedError {}

brandError(PortProtocolError, 'PortProtocolError', 'ERR_MIOLO_PORT_PROTOCOL');

function isPosition(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** What was received, if it has the form of a message. @throws PortProtocolError */
export function readPortMessage(received: unknown): PortMessage {
  const message = (received ?? {}) as Record<string, unknown>;
  switch (message['miolo']) {
    case 'data': {
      const { at, bytes } = message;
      if (!isPosition(at)) break;
      if (!(bytes instanceof ArrayBuffer) || bytes.byteLength === 0 || bytes.byteLength > PIECE_BYTES) break;
      return received as PortMessage;
    }
    case 'ack':
      if (isPosition(message['upTo'])) return received as PortMessage;
      break;
    case 'eof':
      if (isPosition(message['at'])) return received as PortMessage;
      break;
    case 'life': {
      const { lock } = message;
      // Nobody may have us wait for a lock that is the program's own.
      if (typeof lock === 'string' && lock.startsWith(LIFE_PREFIX)) return received as PortMessage;
      break;
    }
    case 'stop':
    case 'gone':
      return received as PortMessage;
    default:
      throw new PortProtocolError("a message on the port is not a transport's");
  }
  throw new PortProtocolError(`a message ${String(message['miolo'])} on the port is malformed`);
}
