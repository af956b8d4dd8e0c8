/** Installs the development packages if they are not there, or older than the lock file. */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';

const modified = (path) =>
  statSync(new URL(`../${path}`, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (modified('node_modules/.package-lock.json') < modified('package-lock.json')) {
  // Not `npm ci`: npm 11 writes no entries for other platforms' optional packages of @napi-rs/cli, and then refuses the
  // lock file for lacking them. This takes the locked versions as well.
  const { status } = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund'], {
    stdio: 'inherit',
  });
  process.exit(status ?? 1);
}
