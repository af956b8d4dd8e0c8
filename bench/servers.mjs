// @ts-check
/** The echo servers that the benchmarks compare, and how each is started. */
import { spawn } from 'node:child_process';
import { on } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { firstThatRuns, inPackage, installPeers } from './peers/installed.mjs';
import { findPython } from './peers/python.mjs';

/** The least that an echo server on mio does: every other is measured by it. */
export const YARDSTICK = 'bare mio';

const START_SECONDS = 20;

/** A little more than a peer on another core takes to answer. */
const BUSY_MICROSECONDS = 100;

/**
 * @typedef {object} Server
 * @property {string} name
 * @property {readonly string[]} command
 * @property {string | null} missing what is missing to run it
 * @property {boolean} peer whether it is somebody else's: left out of what it fails at. Of ours a failure is a failure
 * @property {'always' | 'never' | 'once'} pieces whether it takes `--pieces N`; `once`: it answers by one write all the
 *   same
 * @property {boolean} [fullOnly] whether the quick comparison does without it
 * @property {boolean} [apartOnly] whether it is for scenarios whose client has a core of its own
 * @property {string} [version]
 */

/** @typedef {Server & { child: import('node:child_process').ChildProcess, port: string }} Running */

const miolo = (api, drive) => [process.execPath, 'bench/echo-server.mjs', '--api', api, '--drive', drive];

/** @param {Pick<Server, 'name' | 'command'> & Partial<Server>} server @returns {Server} */
const ours = (server) => ({ missing: null, peer: false, pieces: 'always', ...server });

/** @param {Pick<Server, 'name' | 'command'> & Partial<Server>} server @returns {Server} */
const peer = (server) => ({ ...ours(server), peer: true });

function mioloServers() {
  const named = (api, drive) => ({
    name: `miolo ${api}, ${drive === 'sync' ? 'blocking' : drive}`,
    command: miolo(api, drive),
  });
  const server = (api, drive, fullOnly) => ours({ ...named(api, drive), fullOnly });
  const busy = (drive) => {
    const { name, command } = named('protocol', drive);
    return ours({
      name: `${name}, busy ${BUSY_MICROSECONDS} us`,
      command: [...command, '--busy-poll', String(BUSY_MICROSECONDS)],
      apartOnly: true,
    });
  };
  return [
    server('protocol', 'hosted', false),
    server('buffered', 'hosted', false),
    server('borrowed', 'hosted', false),
    server('streams', 'hosted', false),
    server('protocol', 'sync', false),
    server('buffered', 'sync', true),
    server('borrowed', 'sync', true),
    server('streams', 'sync', false),
    busy('hosted'),
    busy('sync'),
  ];
}

/** Of a package that Cargo.lock names. */
const lockedVersion = (/** @type {string} */ name) =>
  new RegExp(`^name = "${name}"\\nversion = "(.*)"`, 'm').exec(readFileSync('Cargo.lock', 'utf8'))?.[1];

function otherRuntimes() {
  const newest = firstThatRuns([process.env['NODE_NEWEST'] ?? inPackage('node/bin/node')]);
  const bun = firstThatRuns([inPackage('bun/bin/bun.exe'), 'bun']);
  const deno = firstThatRuns([inPackage('deno/deno'), 'deno']);
  const missing = (found) => (found === null ? 'not installed, or does not run here' : null);
  return [
    peer({
      name: 'node:net, newest Node',
      command: [newest?.program ?? 'node', 'bench/node-net-echo.mjs'],
      missing: missing(newest),
      version: newest?.version,
    }),
    peer({
      name: 'Bun.listen',
      command: [bun?.program ?? 'bun', '--no-install', 'bench/peers/bun-echo.mjs'],
      missing: missing(bun),
      version: bun?.version,
    }),
    peer({
      name: 'Deno.listen',
      command: [
        // It asks nobody for a newer one, and leaves the home of whoever measures alone.
        ...['env', 'DENO_NO_UPDATE_CHECK=1', 'DENO_DIR=bench/peers/node_modules/.cache/deno'],
        ...[deno?.program ?? 'deno', 'run', '--quiet', '--no-prompt', '--no-config', '--no-lock'],
        ...['--allow-net=127.0.0.1', 'bench/peers/deno-echo.mjs'],
      ],
      missing: missing(deno),
      version: deno?.version,
    }),
  ];
}

function pythonServers(/** @type {boolean} */ install) {
  const found = findPython(install);
  const server = (loop, api) =>
    peer({
      name: `${loop} ${api}`,
      command: [found?.python ?? 'python3', 'bench/peers/asyncio_echo.py', api, loop],
      missing:
        found === null
          ? 'no Python from 3.12 on'
          : loop === 'uvloop' && found.uvloop === null
            ? `not installed for CPython ${found.version}`
            : null,
      version:
        loop === 'uvloop' ? `${found?.uvloop} on CPython ${found?.version}` : `CPython ${found?.version}`,
    });
  return [server('asyncio', 'protocol'), server('uvloop', 'protocol'), server('uvloop', 'streams')];
}

/**
 * Every server.
 *
 * @param {{ install?: boolean }} [options] whether peers that are missing may be installed
 */
export function echoServers({ install = false } = {}) {
  if (install) installPeers(['node', 'bun', 'deno']);
  const built = (/** @type {string} */ path) => ({
    command: [path],
    missing: existsSync(path) ? null : path,
  });
  const [major] = process.versions.node.split('.');
  return [
    ours({
      name: YARDSTICK,
      ...built('target/release/mio-echo'),
      pieces: 'once',
      version: lockedVersion('mio'),
    }),
    ours({ name: 'miolo (Rust)', ...built('target/release/examples/echo'), pieces: 'never' }),
    ...mioloServers(),
    ours({ name: `node:net, Node ${major}`, command: [process.execPath, 'bench/node-net-echo.mjs'] }),
    ...otherRuntimes(),
    peer({ name: 'tokio', ...built('target/release/tokio-echo'), version: lockedVersion('tokio') }),
    ...pythonServers(install),
  ];
}

/** miolo's servers beside themselves: what overriding the loop and debugging cost. */
export function variantServers() {
  const variant = (api, loop, what) =>
    ours({ name: `miolo ${api}, hosted, ${what}`, command: [...miolo(api, 'hosted'), '--loop', loop] });
  return ['protocol', 'streams'].flatMap((api) => [
    variant(api, 'plain', 'nothing overridden'),
    variant(api, 'overriding', 'four hooks overridden'),
    variant(api, 'debug', 'debug mode'),
  ]);
}

/** The servers for a scenario of several writes a message. */
export function inPieces(/** @type {readonly Server[]} */ servers, /** @type {number} */ count) {
  return servers
    .filter(({ pieces }) => pieces !== 'never')
    .map((server) => ({
      ...server,
      command: server.pieces === 'once' ? server.command : [...server.command, '--pieces', String(count)],
    }));
}

/**
 * Starts a server by `command` and waits until it listens.
 *
 * @template {{ name: string }} T
 * @param {T} server
 * @param {readonly string[]} command
 */
export async function startServer(server, command) {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const signal = AbortSignal.timeout(START_SECONDS * 1000);
  let text = '';
  try {
    for await (const [data] of on(child.stdout, 'data', { close: ['end'], signal })) {
      text += data;
      const match = /^ready (\d+)/m.exec(text);
      if (match !== null) return { ...server, child, port: match[1] ?? '' };
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  child.kill('SIGKILL');
  throw new Error(`${server.name} did not start`);
}
