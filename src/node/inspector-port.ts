/** Finds the inspector of another Node process on this machine, and has it opened. */
import { execFile } from 'node:child_process';
import { readFile, readdir, readlink } from 'node:fs/promises';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { PermissionError, ProcessLookupError, RuntimeError, TimeoutError } from '../base/index.ts';

/** Where Node's inspectors are unless somebody said otherwise: the first port, and those of its siblings. */
const USUAL_PORTS: readonly number[] = Array.from({ length: 10 }, (_, at) => 9229 + at);

/** Seconds that an inspector may take to open. */
const OPENING = 10;

/** Seconds after which the process is asked again. */
const REPEAT = 0.5;

const SIGUSR1_ON_LINUX = 10;

/** @throws ProcessLookupError; PermissionError when the process belongs to somebody else */
export function checkProcess(pid: number): void {
  if (!Number.isInteger(pid) || pid <= 0) throw new TypeError('pid: must be a positive integer');
  try {
    process.kill(pid, 0);
  } catch (error) {
    throw processError(error, pid);
  }
}

function processError(error: unknown, pid: number): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const details = { code, cause: error };
  if (code === 'ESRCH' || code === 'ENOENT') return new ProcessLookupError(`no process ${pid}`, details);
  if (code === 'EPERM' || code === 'EACCES') {
    return new PermissionError(`process ${pid} belongs to somebody else`, details);
  }
  return error;
}

/**
 * Addresses of inspectors that may be the process's.
 *
 * On Linux they are the process's own; elsewhere whoever listens on the usual ports: ask for the pid.
 */
export async function findInspectors(pid: number, signal: AbortSignal): Promise<string[]> {
  const ports = process.platform === 'linux' ? await portsOf(pid) : USUAL_PORTS;
  const found = await Promise.all(ports.map((port) => inspectorAt(port, signal)));
  return found.filter((url) => url !== null);
}

/** The TCP ports that a process of Linux listens on. */
async function portsOf(pid: number): Promise<number[]> {
  try {
    const inodes = new Set<string>();
    for (const fd of await readdir(`/proc/${pid}/fd`)) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch((error: NodeJS.ErrnoException) => {
        // Closed since it was listed.
        if (error.code === 'ENOENT') return '';
        throw error;
      });
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
    const tables = await Promise.all(
      ['tcp', 'tcp6'].map((name) =>
        readFile(`/proc/${pid}/net/${name}`, 'utf8').catch((error: NodeJS.ErrnoException) => {
          // A kernel without IPv6.
          if (error.code === 'ENOENT') return '';
          throw error;
        }),
      ),
    );
    const ports: number[] = [];
    for (const line of tables.join('\n').split('\n')) {
      const columns = line.trim().split(/\s+/);
      const LISTEN = '0A';
      if (columns[3] !== LISTEN || !inodes.has(columns[9] ?? '')) continue;
      ports.push(Number.parseInt(columns[1]!.split(':')[1]!, 16));
    }
    return ports;
  } catch (error) {
    throw processError(error, pid);
  }
}

/** The address of the inspector that listens at a port of this machine, null if none does. */
function inspectorAt(port: number, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: '/json/list', timeout: 1000, signal };
    const request = get(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve(addressIn(text)));
      response.on('error', () => resolve(null));
    });
    request.on('timeout', () => request.destroy());
    // Whatever speaks no HTTP there is no inspector.
    request.on('error', () => resolve(null));
  });
}

function addressIn(text: string): string | null {
  let targets: unknown;
  try {
    targets = JSON.parse(text);
  } catch {
    // Not JSON (a SyntaxError): somebody else's server.
    return null;
  }
  if (!Array.isArray(targets)) return null;
  const address = (targets[0] as { webSocketDebuggerUrl?: unknown } | undefined)?.webSocketDebuggerUrl;
  return typeof address === 'string' ? address : null;
}

/**
 * Has a process open its inspector, and waits until it is there.
 *
 * Rejects with RuntimeError when it is no Node process, which the signal for that would kill; with TimeoutError when
 * no inspector opens.
 *
 * @returns addresses, as {@link findInspectors}
 */
export async function openInspector(pid: number, signal: AbortSignal): Promise<string[]> {
  for (let waited = 0; waited < OPENING; waited += REPEAT) {
    // A process that sleeps in a blocking run wakes, but may be asleep again before the inspector is to be opened.
    if (!(await signalInspector(pid))) {
      throw new RuntimeError(`process ${pid} is no Node process, or one that no debugger can attach to`);
    }
    const next = performance.now() + REPEAT * 1000;
    while (performance.now() < next) {
      const found = await findInspectors(pid, signal);
      if (found.length > 0) return found;
      await delay(20, undefined, { signal });
    }
  }
  throw new TimeoutError(
    `process ${pid} opens no inspector: another process may have its port (start one with --inspect-port=0)`,
  );
}

/**
 * Has a process open its inspector. If it is open, a process that waits in a system call looks after its messages.
 *
 * @returns false when the process was not signalled: it is no Node process, which the signal for that would kill
 */
export async function signalInspector(pid: number): Promise<boolean> {
  if (!(await takesTheSignal(pid))) return false;
  try {
    if (process.platform === 'win32') {
      (process as unknown as { _debugProcess(pid: number): void })._debugProcess(pid);
    } else process.kill(pid, 'SIGUSR1');
  } catch (error) {
    throw processError(error, pid);
  }
  return true;
}

/** Whether SIGUSR1 opens an inspector there, as far as this can be told: everybody else dies of it. */
async function takesTheSignal(pid: number): Promise<boolean> {
  // There it is no signal, and does no harm.
  if (process.platform === 'win32') return true;
  if (process.platform === 'linux') {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch((error: unknown) => {
      throw processError(error, pid);
    });
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
    return ((BigInt(`0x${caught}`) >> BigInt(SIGUSR1_ON_LINUX - 1)) & 1n) === 1n;
  }
  const { stdout } = await promisify(execFile)('ps', ['-p', String(pid), '-o', 'comm=']);
  return /(^|\/)node[^/]*$/.test(stdout.trim());
}
