import { ConnectionAbortedError, RuntimeError } from '../base/index.ts';
import { WebSocketClient, connectionEnded } from './web-socket.ts';

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Evaluated {
  readonly result: { readonly value?: unknown };
  readonly exceptionDetails?: {
    readonly text: string;
    readonly exception?: { readonly description?: string };
  };
}

interface AttachedWorker {
  readonly sessionId: string;
}

/** Talks the inspector's protocol with a thread: sends texts somehow, and is given those that come. */
class InspectorSession {
  readonly #send: (text: string) => void;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  /** Called with each event. */
  onEvent: (method: string, params: unknown) => void = () => {};

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  receive(text: string): void {
    const message = JSON.parse(text) as Message;
    if (message.id === undefined) {
      this.onEvent(message.method ?? '', message.params);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error === undefined) waiting?.resolve(message.result);
    else waiting?.reject(new RuntimeError(`the inspector refuses: ${message.error.message}`));
  }

  fail(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }

  call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send(JSON.stringify({ id, method, params }));
    });
  }

  /** The value of an expression there, which JSON must be able to hold. */
  async evaluate(expression: string): Promise<unknown> {
    const params = { expression, returnByValue: true };
    const { result, exceptionDetails } = (await this.call('Runtime.evaluate', params)) as Evaluated;
    if (exceptionDetails !== undefined) {
      const what = exceptionDetails.exception?.description ?? exceptionDetails.text;
      throw new RuntimeError(`evaluation in the other process failed: ${what}`);
    }
    return result.value;
  }
}

/** A debugger of another process, all its threads. */
export class InspectorClient {
  readonly #socket: WebSocketClient;
  readonly #main: InspectorSession;
  readonly #workers = new Map<string, InspectorSession>();

  private constructor(socket: WebSocketClient) {
    this.#socket = socket;
    this.#main = new InspectorSession((text) => socket.send(text));
    socket.onMessage = (text) => this.#main.receive(text);
    socket.onClose = (error) => {
      for (const session of [this.#main, ...this.#workers.values()]) session.fail(connectionEnded(error));
    };
    this.#main.onEvent = (method, params) => this.#event(method, params);
  }

  /**
   * Connects.
   *
   * Rejects with ConnectionError, and with the signal's reason.
   */
  static async connect(url: string, signal: AbortSignal): Promise<InspectorClient> {
    const socket = await WebSocketClient.connect(url, signal);
    const client = new InspectorClient(socket);
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    return client;
  }

  /** The value of an expression in the main thread. */
  evaluate(expression: string): Promise<unknown> {
    return this.#main.evaluate(expression);
  }

  /** The values of an expression in the worker threads; of those that end meanwhile, none. */
  async evaluateInWorkers(expression: string): Promise<unknown[]> {
    await this.#main.call('NodeWorker.enable', { waitForDebuggerOnStart: false });
    const values: Promise<unknown>[] = [];
    for (const session of this.#workers.values()) {
      values.push(session.evaluate(expression).catch((error: unknown) => noneIfEnded(error)));
    }
    const found = await Promise.all(values);
    await this.#main.call('NodeWorker.disable');
    return found.filter((value) => value !== undefined);
  }

  /** Has the process close its inspector, which ends this connection and all others. */
  async closeInspector(): Promise<void> {
    try {
      await this.#main.evaluate(`process.getBuiltinModule?.('node:inspector').close()`);
    } catch (error) {
      // That is the answer.
      if (!(error instanceof ConnectionAbortedError)) throw error;
    }
  }

  close(): void {
    this.#socket.close();
  }

  #event(method: string, params: unknown): void {
    if (method === 'NodeWorker.attachedToWorker') {
      const { sessionId } = params as AttachedWorker;
      const send = (message: string): void => {
        this.#main.call('NodeWorker.sendMessageToWorker', { message, sessionId }).catch((error: unknown) => {
          this.#workers.get(sessionId)?.fail(new WorkerEnded('the worker does not listen', { cause: error }));
        });
      };
      this.#workers.set(sessionId, new InspectorSession(send));
    } else if (method === 'NodeWorker.receivedMessageFromWorker') {
      const { sessionId, message } = params as AttachedWorker & { readonly message: string };
      this.#workers.get(sessionId)?.receive(message);
    } else if (method === 'NodeWorker.detachedFromWorker') {
      const { sessionId } = params as AttachedWorker;
      this.#workers.get(sessionId)?.fail(new WorkerEnded('the worker has ended'));
      this.#workers.delete(sessionId);
    }
  }
}

class WorkerEnded extends RuntimeError {}

function noneIfEnded(error: unknown): undefined {
  if (!(error instanceof WorkerEnded)) throw error;
}
