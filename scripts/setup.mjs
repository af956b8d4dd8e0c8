/** Installs the development packages if they are not there, or older than the lock file. */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';

const modified = (path) =>
  statSync(new URL(`../${path}`, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (modified('node_modules/.package-lock.json') < modified('package-lock.json')) {
  const { status } = spawnSync('npm', ['ci'], { stdio: 'inherit' });
  process.exit(status ?? 1);
}
