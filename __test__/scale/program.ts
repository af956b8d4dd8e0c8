/** Programs in processes of their own, with limits of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Interface, createInterface } from 'node:readline';
import { ROOT } from '../helpers.js';

/** A program that runs; what it prints is read line by line. */
export class Program {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #iterator: AsyncIterator<string>;
  stderr = '';

  /**
   * @param source an ES module that may import 'miolo'
   * @param descriptors how many it may have open (`ulimit -n`)
   */
  constructor(source: string, descriptors: number, flags: readonly string[] = []) {
    this.#child = spawn(
      '/bin/sh',
      [
        '-c',
        `ulimit -n ${descriptors} && exec "$0" "$@"`,
        process.execPath,
        ...flags,
        '--input-type=module',
        '-e',
        source,
      ],
      { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], timeout: 110_000, killSignal: 'SIGKILL' },
    );
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#lines = createInterface({ input: this.#child.stdout! });
    this.#iterator = this.#lines[Symbol.asyncIterator]();
  }

  /** The next line that it prints. @throws Error with what it wrote to stderr when it ends instead */
  async line(): Promise<string> {
    const { value, done } = await this.#iterator.next();
    if (done === true) throw new Error(`the program ended: ${this.stderr}`);
    return value;
  }

  /** The next line, as JSON. */
  async json<T>(): Promise<T> {
    return JSON.parse(await this.line()) as T;
  }

  /** Ends it, if it has not ended. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }
}

/** The two drives, as a program writes them. */
export const DRIVES: readonly (readonly [name: string, run: string])[] = [
  ['hosted', 'await run'],
  ['blocking', 'runSync'],
];
