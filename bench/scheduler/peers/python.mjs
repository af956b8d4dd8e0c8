// @ts-check
/** CPython's asyncio, on its own loop and on uvloop. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findPython } from '../../peers/python.mjs';

const program = fileURLToPath(new URL('../asyncio_peer.py', import.meta.url));

/**
 * @param {(name: string, reason: string) => void} reportAbsent
 * @param {boolean} install whether uvloop may be installed where it is missing
 */
export function pythonPeers(reportAbsent, install) {
  const found = findPython(install);
  if (found === null) {
    reportAbsent('asyncio, uvloop', 'no Python from 3.12 on');
    return [];
  }
  const { python, version, uvloop } = found;
  const { cases } = JSON.parse(spawnSync(python, [program, '--list'], { encoding: 'utf8' }).stdout);
  const peer = (name, loop, peerVersion) => ({
    name,
    version: peerVersion,
    command: (work) => (cases.includes(work.name) ? [python, program, loop, work.name] : null),
    memory: (what, count) => (what === 'pending' ? [python, program, loop, '--memory', String(count)] : null),
  });
  const peers = [peer('asyncio', 'asyncio', `CPython ${version}`)];
  if (uvloop === null) reportAbsent('uvloop', `not installed for CPython ${version}`);
  else peers.push(peer('uvloop', 'uvloop', `${uvloop} on CPython ${version}`));
  return peers;
}
