// @ts-check
/**
 * What an idle connection costs a server: `npm run bench:idle`. Options: `--connections N` (10,000), `--rounds N` (3),
 * `--only TEXT`.
 *
 * The resident memory of the server process, by the operating system, with the connections held and before. Kernel
 * memory of the sockets is not in it; it is the same for all. Each round starts each server anew: memory that it once
 * had it keeps.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { withDescriptors } from './machine.mjs';
import { echoServers, startServer } from './servers.mjs';
import { spread, whole } from './statistics.mjs';
import { table } from './table.mjs';

/** Resident bytes that are the process's own. */
function residentBytes(pid) {
  const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

/** Bytes a connection of `count`. */
async function measure(server, count) {
  const { child, port } = await startServer(server, withDescriptors(server.command));
  try {
    await delay(200);
    const before = residentBytes(child.pid);
    const [program, ...args] = withDescriptors(['target/release/hold', port, String(count)]);
    const holder = spawn(program ?? '', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const [first] = await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')]);
    if (!String(first).startsWith('held'))
      throw new Error(`${server.name}: the connections could not be made`);
    // The last ones are accepted after the client has them.
    await delay(1000);
    const bytes = residentBytes(child.pid) - before;
    holder.stdin.end();
    await once(holder, 'close');
    return bytes / count;
  } finally {
    child.kill('SIGKILL');
  }
}

/**
 * The table.
 *
 * @param {object} options
 * @param {readonly import('./servers.mjs').Server[]} options.servers
 * @param {number} options.rounds
 * @param {number} options.connections
 * @param {(name: string, reason: string) => void} options.leaveOut told of a peer that fails
 */
export async function idleMemory({ servers, rounds, connections, leaveOut }) {
  /** @type {Map<string, number[]>} */
  const holding = servers.filter(({ apartOnly }) => apartOnly !== true);
  const found = new Map(holding.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const server of holding.filter(({ name }) => found.has(name))) {
      try {
        found.get(server.name)?.push(await measure(server, connections));
      } catch (error) {
        if (!server.peer) throw error;
        leaveOut(server.name, 'failed at idle connections');
        found.delete(server.name);
      }
    }
  }
  const head = ['server', `bytes an idle connection (of ${connections.toLocaleString('en')})`];
  return table(
    head,
    [...found].map(([name, bytes]) => [name, spread(bytes, whole)]),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = parseArgs({
    options: {
      connections: { type: 'string', default: '10000' },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
    },
  });
  const leaveOut = (/** @type {string} */ name, /** @type {string} */ reason) =>
    console.error(`absent: ${name} (${reason})`);
  const servers = echoServers().filter(({ name, missing }) => {
    if (missing !== null) leaveOut(name, missing);
    return missing === null && name.includes(values.only);
  });
  const [rounds, connections] = [Number(values.rounds), Number(values.connections)];
  console.log(await idleMemory({ servers, rounds, connections, leaveOut }));
  console.log(`\n${rounds} interleaved rounds; median (smallest-largest). Node ${process.versions.node}.`);
}
