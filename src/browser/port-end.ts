import { ConnectionResetError } from '../base/index.ts';
import { Fifo } from '../base/fifo.ts';
import { announceLife, watchLife } from './port-life.ts';
import { PIECE_BYTES, type PortMessage, PortProtocolError, readPortMessage } from './port-messages.ts';

/** Pages and Node each have types of their own for events. */
// oxlint-disable-next-line typescript/no-explicit-any -- anything narrower is refused by one of them
export type EventListenerLike = (event: any) => void;

/** What a connection needs of a `MessagePort`, a page's or Node's. */
export interface PortLike {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener(type: string, listener: EventListenerLike): void;
  removeEventListener(type: string, listener: EventListenerLike): void;
  start(): void;
  close(): void;
  /** Node: the port does not keep the process alive. */
  unref?(): void;
}

/**
 * One end of a connection over a port: it counts and checks what comes and goes. It calls nothing of the user's;
 * {@link onChange} says that there is something new to look at.
 */
export class PortEnd {
  readonly #port: PortLike;
  readonly #incoming = new Fifo<Uint8Array>();
  /** What {@link peek} has taken from there. */
  #next: Uint8Array | null = null;
  /** Bytes received, taken by the protocol, sent, and taken by the peer's. */
  #received = 0;
  #taken = 0;
  #sent = 0;
  #acked = 0;
  /** Bytes to be read. */
  available = 0;
  /** Whether nothing comes behind what is to be read. */
  eof = false;
  /** Whether the peer takes nothing any more. */
  deaf = false;
  /** That the peer has gone in the middle of something: to be told when everything is read. */
  reset: ConnectionResetError | null = null;
  /** That the peer does not keep to the protocol: nothing that it sent can be trusted. */
  malformed: PortProtocolError | null = null;
  /** Whether the peer, or its port, is gone: nothing is under way any more. */
  gone = false;
  #discards = false;
  /** End the announcement of this realm's life, and the watch over the peer's. */
  #endAnnouncement: (() => void) | null = null;
  #endWatch: (() => void) | null = null;
  #closed = false;
  onChange: () => void = () => {};
  readonly #onMessage = (event: { readonly data: unknown }): void => this.#receive(event.data);
  readonly #onMessageError = (): void => this.#refuse(new PortProtocolError('a message cannot be read'));
  readonly #onClose = (): void => this.#vanish();

  constructor(port: PortLike) {
    this.#port = port;
    // From now on: the peer may vanish before there is a transport.
    port.addEventListener('close', this.#onClose);
  }

  /** Begins to receive. */
  start(): void {
    if (this.#closed) return;
    this.#port.addEventListener('message', this.#onMessage);
    this.#port.addEventListener('messageerror', this.#onMessageError);
    this.#port.start();
    // What keeps a process alive are runs of the loop, and they count their connections.
    this.#port.unref?.();
    if (!tellsItsEnd(this.#port)) {
      this.#endAnnouncement = announceLife((lock) => this.#post({ miolo: 'life', lock }));
    }
    // What happened meanwhile is to be looked at.
    this.onChange();
  }

  // --- receiving -----------------------------------------------------------------------------------

  #receive(data: unknown): void {
    if (this.gone || this.malformed !== null) return;
    try {
      this.#take(readPortMessage(data));
    } catch (error) {
      if (!(error instanceof PortProtocolError)) throw error;
      this.#refuse(error);
      return;
    }
    this.onChange();
  }

  #refuse(error: PortProtocolError): void {
    this.malformed ??= error;
    this.onChange();
  }

  #take(message: PortMessage): void {
    switch (message.miolo) {
      case 'data': {
        const { at, bytes } = message;
        if (at !== this.#received || this.eof) {
          throw new PortProtocolError(`bytes at ${at} in place of ${this.#received}`);
        }
        this.#received += bytes.byteLength;
        if (this.#discards) return;
        this.#incoming.push(new Uint8Array(bytes));
        this.available += bytes.byteLength;
        return;
      }
      case 'ack': {
        const { upTo } = message;
        // What was under way when the peer stopped does not count any more.
        if (this.deaf) return;
        if (upTo <= this.#acked || upTo > this.#sent) {
          throw new PortProtocolError(`${upTo} bytes acknowledged, after ${this.#acked} of ${this.#sent}`);
        }
        this.#acked = upTo;
        return;
      }
      case 'eof':
        if (message.at !== this.#received || this.eof) {
          throw new PortProtocolError(`the end at ${message.at} in place of ${this.#received}`);
        }
        this.eof = true;
        return;
      case 'life':
        if (this.#endWatch !== null) throw new PortProtocolError('a second life');
        this.#endWatch = watchLife(message.lock, () => this.#vanish());
        return;
      case 'stop':
        this.#lose('the peer closed without reading everything');
        return;
      case 'gone':
        this.gone = true;
        this.eof = true;
        this.#lose('the peer closed without reading everything');
    }
  }

  /** The platform says that the other port is no more: regular, if the peer said so before. */
  #vanish(): void {
    if (this.gone) return;
    this.gone = true;
    this.#lose('the peer has vanished');
    this.reset ??= new ConnectionResetError('the peer has vanished');
    this.onChange();
  }

  /** The peer takes nothing any more. */
  #lose(why: string): void {
    this.deaf = true;
    if (this.unacked > 0) this.reset ??= new ConnectionResetError(why);
    this.#acked = this.#sent;
  }

  /** What comes next: a message's bytes, or those of several small ones, {@link PIECE_BYTES} at most; null if nothing. */
  peek(): Uint8Array | null {
    return (this.#next ??= this.#join());
  }

  #join(): Uint8Array | null {
    const incoming = this.#incoming;
    let length = 0;
    let count = 0;
    for (const piece of incoming) {
      if (length + piece.length > PIECE_BYTES) break;
      length += piece.length;
      count++;
    }
    if (count < 2) return incoming.shift() ?? null;
    const joined = new Uint8Array(length);
    for (let at = 0; count > 0; count--) {
      const piece = incoming.shift()!;
      joined.set(piece, at);
      at += piece.length;
    }
    return joined;
  }

  /** The protocol is given the first `count` bytes of what {@link peek} returned: the peer is told. */
  consume(count: number): void {
    const next = this.#next!;
    this.#next = count < next.length ? next.subarray(count) : null;
    this.available -= count;
    this.#taken += count;
    this.#post({ miolo: 'ack', upTo: this.#taken });
  }

  // --- sending ---------------------------------------------------------------------------------------

  /** Bytes that were sent, and that the peer's protocol has not been given. */
  get unacked(): number {
    return this.#sent - this.#acked;
  }

  /** Sends a copy of the bytes. */
  send(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const piece = bytes.subarray(at, at + PIECE_BYTES);
      // Memory of its own, even if the caller's is shared or a part of a pool; it goes over without another copy.
      const copy = new Uint8Array(piece.length);
      copy.set(piece);
      this.#post({ miolo: 'data', at: this.#sent, bytes: copy.buffer }, [copy.buffer]);
      this.#sent += piece.length;
    }
  }

  /** Nothing is sent after this. */
  finish(): void {
    this.#post({ miolo: 'eof', at: this.#sent });
  }

  // --- the end ---------------------------------------------------------------------------------------

  /** Drops what is to be read, and what comes. The peer is told when it may still have to wait for us. */
  stopReading(): void {
    if (this.#discards) return;
    this.#discards = true;
    this.#incoming.clear();
    this.#next = null;
    this.available = 0;
    if (this.unacked > 0) this.#post({ miolo: 'stop' });
  }

  /** Drops what the peer has not taken. */
  stopWriting(): void {
    this.#acked = this.#sent;
    this.deaf = true;
  }

  /** Says goodbye, and closes the port. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#post({ miolo: 'gone' });
    this.#closed = true;
    this.onChange = () => {};
    this.#endAnnouncement?.();
    this.#endWatch?.();
    const port = this.#port;
    port.removeEventListener('message', this.#onMessage);
    port.removeEventListener('messageerror', this.#onMessageError);
    port.removeEventListener('close', this.#onClose);
    port.close();
  }

  #post(message: PortMessage, transfer: ArrayBuffer[] = []): void {
    if (!this.gone && !this.#closed) this.#port.postMessage(message, transfer);
  }
}

/** Whether the platform says when the other port is gone: Node does, and some browsers. */
function tellsItsEnd(port: PortLike): boolean {
  return 'onclose' in port || port.unref !== undefined;
}
