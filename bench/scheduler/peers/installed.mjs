// @ts-check
/** Packages of bench/peers, which the library itself does not depend on. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { load } from '../../peers/load.mjs';

const directory = fileURLToPath(new URL('../../peers/', import.meta.url));
const manifest = (/** @type {string} */ name) => `${directory}node_modules/${name}/package.json`;

/**
 * Installs what is missing. What cannot be had is left out of the comparison.
 *
 * @param {readonly string[]} names
 */
export function installPeers(names) {
  if (names.every((name) => existsSync(manifest(name)))) return;
  console.error('npm install --prefix bench/peers');
  const options = ['--no-package-lock', '--no-audit', '--no-fund'];
  spawnSync('npm', ['install', '--prefix', directory, ...options], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** @param {string} name */
export async function importPeer(name) {
  if (!existsSync(manifest(name))) throw new Error('not installed: npm install --prefix bench/peers');
  const { version } = JSON.parse(readFileSync(manifest(name), 'utf8'));
  return { module: await load(name), version };
}
