import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import net from 'node:net';
import { once } from 'node:events';
import { Protocol, getRunningLoop } from 'miolo';
import type { Coroutine, Future, MioEventLoop, Server, Transport } from 'miolo';

/** The package's folder. */
export const ROOT: string = dirname(createRequire(import.meta.url).resolve('miolo/package.json'));

/** The running loop, as what it is here. */
export function theLoop(): MioEventLoop {
  return getRunningLoop() as unknown as MioEventLoop;
}

/** Notes every callback. Ends when the connection does. */
export class Recorder extends Protocol {
  readonly log: string[] = [];
  readonly lost: Future<Error | null> = theLoop().createFuture<Error | null>();
  readonly made: Future<Transport> = theLoop().createFuture<Transport>();
  transport!: Transport;
  bytes = 0;

  override connectionMade(transport: Transport): void {
    this.transport = transport;
    this.log.push('made');
    this.made.setResult(transport);
  }

  override dataReceived(data: Uint8Array): void {
    this.bytes += data.length;
    this.log.push(`data ${Buffer.from(data).toString('latin1').slice(0, 20)}`);
  }

  override eofReceived(): boolean | void {
    this.log.push('eof');
  }

  override pauseWriting(): void {
    this.log.push('pause');
  }

  override resumeWriting(): void {
    this.log.push('resume');
  }

  override connectionLost(error: Error | null): void {
    this.log.push(`lost ${error === null ? null : error.constructor.name}`);
    this.lost.setResult(error);
  }
}

/** Echoes, with flow control. */
export class Echo extends Protocol {
  transport!: Transport;

  override connectionMade(transport: Transport): void {
    this.transport = transport;
  }

  override dataReceived(data: Uint8Array): void {
    this.transport.write(data);
  }

  override pauseWriting(): void {
    this.transport.pauseReading();
  }

  override resumeWriting(): void {
    this.transport.resumeReading();
  }
}

/** The port of a server. */
export function portOf(server: Server): number {
  return (server.sockets[0]!.getsockname() as readonly [string, number])[1];
}

/** A server on a free loopback port. */
export function* serve(factory: () => Protocol): Coroutine<Server> {
  return yield* theLoop().createServer(factory, '127.0.0.1', 0);
}

/** A client of Node's own. */
export async function nodeClient(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** How a program ended. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program in a process of its own, in the package's folder. */
export async function program(source: string, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    timeout: 100_000,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}
