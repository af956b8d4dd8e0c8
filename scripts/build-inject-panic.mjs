/** Builds the binary whose crossings can be made to panic, for the tests, at build/inject-panic/miolo.node. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync } from 'node:fs';

const folder = 'build/inject-panic';
const { status } = spawnSync(
  'napi',
  [
    ...['build', '--platform', '--release', '--manifest-path', 'crates/miolo-node/Cargo.toml'],
    ...['--features', 'inject-panic', '--target-dir', 'target/inject-panic'],
    ...['--no-js', '--dts', 'ignored.d.ts', '--output-dir', folder],
  ],
  { stdio: 'inherit' },
);
if (status !== 0) process.exit(status ?? 1);
const built = readdirSync(folder).find((name) => /^miolo\..+\.node$/.test(name));
copyFileSync(`${folder}/${built}`, `${folder}/miolo.node`);
