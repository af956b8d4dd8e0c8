// @ts-check
/**
 * What an idle connection costs a server: `npm run bench:idle`, `-- --connections N` (default 10,000).
 *
 * The resident memory of the server process, by the operating system, with the connections held and before. Kernel
 * memory of the sockets is not in it; it is the same for all.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { withDescriptors } from './machine.mjs';
import { echoServers, startServer } from './servers.mjs';

const { values } = parseArgs({
  options: { connections: { type: 'string', default: '10000' }, only: { type: 'string' } },
});
const count = Number(values.connections);

/** Resident bytes that are the process's own. */
function residentBytes(pid) {
  const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

async function measure(server) {
  const { child, port } = await startServer(server, withDescriptors(server.command));
  try {
    await delay(200);
    const before = residentBytes(child.pid);
    const [program, ...args] = withDescriptors(['target/release/hold', port, String(count)]);
    const holder = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
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

console.log(`| server | bytes an idle connection (of ${count.toLocaleString('en')}) |`);
console.log('|---|---|');
for (const server of echoServers()) {
  if (server.missing !== null || (values.only !== undefined && !server.name.includes(values.only))) continue;
  console.log(`| ${server.name} | ${Math.round(await measure(server)).toLocaleString('en')} |`);
}
