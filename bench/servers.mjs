// @ts-check
/** The echo servers that the benchmarks compare, and how each is started. */
import { spawn, spawnSync } from 'node:child_process';
import { on } from 'node:events';
import { existsSync } from 'node:fs';

/** The least that an echo server on mio does: every other is measured by it. */
export const YARDSTICK = 'bare mio';

const NEWEST = process.env['NODE_NEWEST'] ?? 'bench/peers/node_modules/node/bin/node';
const PYTHON = process.env['PYTHON'] ?? 'python3';

const miolo = (api, drive) => [process.execPath, 'bench/echo-server.mjs', '--api', api, '--drive', drive];
const python = (api, loop) => [PYTHON, 'bench/peers/asyncio_echo.py', api, loop];

/** Whether Python runs `code`. */
function pythonRuns(code) {
  return spawnSync(PYTHON, ['-c', code], { stdio: 'ignore' }).status === 0;
}

/**
 * Every server with its command, and what is missing to run it (null: nothing).
 *
 * @returns {{ name: string, command: string[], missing: string | null }[]}
 */
export function echoServers() {
  const [major] = process.versions.node.split('.');
  const recent = pythonRuns('import sys; sys.exit(sys.version_info < (3, 12))')
    ? null
    : 'no Python from 3.12 on';
  const uvloop = recent ?? (pythonRuns('import uvloop') ? null : 'uvloop is not installed');
  const file = (path) => (existsSync(path) ? null : path);
  const server = (name, command, missing = file(command[0])) => ({ name, command, missing });
  return [
    server(YARDSTICK, ['target/release/mio-echo']),
    server('miolo (Rust)', ['target/release/examples/echo']),
    server('miolo protocol, hosted', miolo('protocol', 'hosted')),
    server('miolo buffered, hosted', miolo('buffered', 'hosted')),
    server('miolo borrowed, hosted', miolo('borrowed', 'hosted')),
    server('miolo streams, hosted', miolo('streams', 'hosted')),
    server('miolo protocol, blocking', miolo('protocol', 'sync')),
    server('miolo buffered, blocking', miolo('buffered', 'sync')),
    server('miolo borrowed, blocking', miolo('borrowed', 'sync')),
    server('miolo streams, blocking', miolo('streams', 'sync')),
    server(`node:net, Node ${major}`, [process.execPath, 'bench/node-net-echo.mjs']),
    server('node:net, newest Node', [NEWEST, 'bench/node-net-echo.mjs']),
    server('asyncio protocol', python('protocol', 'asyncio'), recent),
    server('uvloop protocol', python('protocol', 'uvloop'), uvloop),
    server('uvloop streams', python('streams', 'uvloop'), uvloop),
  ];
}

/** miolo's servers beside themselves: what overriding the loop and debugging cost. */
export function variantServers() {
  const variant = (api, loop, what) => ({
    name: `miolo ${api}, hosted, ${what}`,
    command: [...miolo(api, 'hosted'), '--loop', loop],
    missing: null,
  });
  return ['protocol', 'streams'].flatMap((api) => [
    variant(api, 'plain', 'nothing overridden'),
    variant(api, 'overriding', 'four hooks overridden'),
    variant(api, 'debug', 'debug mode'),
  ]);
}

/** Starts a server by `command` and waits until it listens. */
export async function startServer(server, command = server.command) {
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const [data] of on(child.stdout, 'data', { close: ['end'] })) {
    text += data;
    const match = /^ready (\d+)/m.exec(text);
    if (match !== null) return { ...server, child, port: match[1] };
  }
  throw new Error(`${server.name} did not start`);
}
