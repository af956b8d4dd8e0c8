// @ts-check
/** The npm packages of this folder, which the library itself does not depend on: the peers of the benchmarks. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const directory = fileURLToPath(new URL('.', import.meta.url));
const manifest = (/** @type {string} */ name) => `${directory}node_modules/${name}/package.json`;

function versionOf(/** @type {string} */ name) {
  return existsSync(manifest(name)) ? JSON.parse(readFileSync(manifest(name), 'utf8')).version : undefined;
}

/**
 * Installs what is missing or of another version than package.json names. What cannot be had is left out: the packages
 * are optional dependencies, so that one without a build for this machine does not keep the others away.
 *
 * @param {readonly string[]} names
 */
export function installPeers(names) {
  const wanted = JSON.parse(readFileSync(`${directory}package.json`, 'utf8')).optionalDependencies;
  if (names.every((name) => versionOf(name) === wanted[name])) return;
  console.error('npm install --prefix bench/peers');
  const options = ['--no-package-lock', '--no-audit', '--no-fund'];
  spawnSync('npm', ['install', '--prefix', directory, ...options], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** @param {string} name */
export async function importPeer(name) {
  const version = versionOf(name);
  if (version === undefined) throw new Error('not installed: npm install --prefix bench/peers');
  return { module: await import(name), version };
}

/** Where a program of a package is. */
export const inPackage = (/** @type {string} */ path) => `${directory}node_modules/${path}`;

/**
 * The first of these programs that runs here. Its version is asked of itself, which shows that it does; null if none does.
 *
 * @param {readonly string[]} programs
 */
export function firstThatRuns(programs) {
  for (const program of programs) {
    const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
    const [version] = (status === 0 && /\d+\.\d+\.\d+/.exec(stdout)) || [];
    if (version !== undefined) return { program, version };
  }
  return null;
}
