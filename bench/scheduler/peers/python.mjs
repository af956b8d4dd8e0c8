// @ts-check
/** CPython's asyncio, on its own loop and on uvloop: the newest Python from 3.12 on that is on PATH. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../asyncio_peer.py', import.meta.url));

/** `PYTHON` names another one. */
const candidates = [process.env['PYTHON'], 'python3.15', 'python3.14', 'python3.13', 'python3.12', 'python3'];

/**
 * @param {(name: string, reason: string) => void} reportAbsent
 */
export function pythonPeers(reportAbsent) {
  for (const python of candidates) {
    if (python === undefined) continue;
    const { status, stdout } = spawnSync(python, [program, '--list'], { encoding: 'utf8' });
    // Not there, or too old: the program says so by its exit code.
    if (status !== 0) continue;
    const { version, uvloop, cases } = JSON.parse(stdout);
    const peer = (name, loop, peerVersion) => ({
      name,
      version: peerVersion,
      command: (work) => (cases.includes(work.name) ? [python, program, loop, work.name] : null),
      memory: (what, count) =>
        what === 'pending' ? [python, program, loop, '--memory', String(count)] : null,
    });
    const found = [peer('asyncio', 'asyncio', `CPython ${version}`)];
    if (uvloop === null) reportAbsent('uvloop', `cannot be imported by ${python}`);
    else found.push(peer('uvloop', 'uvloop', `${uvloop} on CPython ${version}`));
    return found;
  }
  reportAbsent('asyncio, uvloop', 'no Python from 3.12 on');
  return [];
}
