/** Programs of other makes, as the ends of connections. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { ROOT } from '../helpers.js';

/** Starts a program; fails with what to install when it is not there. */
export async function launch(name: string, args: readonly string[], debian = name): Promise<ChildProcess> {
  const child = spawn(name, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw new Error(`${String(error)}: install Debian's package ${debian}`, { cause: error });
  }
  return child;
}

/** A port that is free at the moment. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until something listens at `address`, or `program` has ended. */
export async function listening(address: net.NetConnectOpts, program: ChildProcess): Promise<void> {
  while (program.exitCode === null) {
    const socket = net.connect(address);
    try {
      await once(socket, 'connect');
      socket.destroy();
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ECONNREFUSED' && code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`the program has ended with ${program.exitCode}`);
}

/** A folder of the test's own, and what removes it. */
export function temporaryFolder(): [path: string, remove: () => void] {
  const path = mkdtempSync(join(tmpdir(), 'miolo-peers-'));
  return [path, () => rmSync(path, { recursive: true, force: true })];
}

/** Runs a program to its end, which has to be good; what it printed. */
export async function output(
  name: string,
  args: readonly string[],
  debian = name,
  input?: Buffer,
): Promise<Buffer> {
  const child = await launch(name, args, debian);
  // It may end without having read everything.
  child.stdin!.on('error', () => {}).end(input);
  const [printed, errors, [code]] = await Promise.all([
    buffer(child.stdout!),
    text(child.stderr!),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code}: ${errors}`);
  return printed;
}

/** Starts an example that prints `ready PORT`. */
export async function example(
  path: string,
  ...options: readonly string[]
): Promise<[program: ChildProcess, port: number]> {
  const program = spawn(process.execPath, [join(ROOT, 'examples', path), ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(program.stdout!, 'data')) as [Buffer];
  return [program, Number(/ready (\d+)/.exec(String(line))![1])];
}

/** Bytes that tell their place. */
export function patterned(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at++) bytes[at] = (at * 13 + (at >> 8) + (at >> 16)) & 0xff;
  return bytes;
}
