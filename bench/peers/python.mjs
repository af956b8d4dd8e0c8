// @ts-check
/** The newest Python from 3.12 on that is on this machine, and uvloop for it in an environment of its own. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';

const here = (/** @type {string} */ file) => fileURLToPath(new URL(file, import.meta.url));
const ENVIRONMENT = here('.venv');

/** Says as JSON what a Python is. One that was built without optimizations is about half as fast, and is marked. */
const PROBE = `
import json, sys, sysconfig
try:
    import uvloop
    found = uvloop.__version__
except ImportError:
    found = None
optimized = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
print(json.dumps({
    "python": sys.executable, "numbers": sys.version_info[:3], "base": sys.base_prefix, "uvloop": found,
    "version": ".".join(map(str, sys.version_info[:3])) + ("" if optimized else " (built without optimizations)"),
}))
`;

/** @typedef {{ python: string, numbers: number[], base: string, uvloop: string | null, version: string }} Python */

/** @returns {Python | null} what `python` is; null if it does not run */
function probe(python) {
  const { status, stdout } = spawnSync(python, ['-c', PROBE], { encoding: 'utf8' });
  return status === 0 ? JSON.parse(stdout) : null;
}

function newerFirst(/** @type {Python} */ one, /** @type {Python} */ other) {
  const at = one.numbers.findIndex((number, index) => number !== other.numbers[index]);
  return at < 0 ? 0 : other.numbers[at] - one.numbers[at];
}

/** Of PATH and of pyenv; `PYTHON` names the only one. */
function candidates() {
  const named = process.env['PYTHON'];
  if (named !== undefined) return [named];
  const versions = `${process.env['PYENV_ROOT'] ?? `${homedir()}/.pyenv`}/versions`;
  return [
    ...['python3', 'python3.12', 'python3.13', 'python3.14', 'python3.15'],
    ...(existsSync(versions) ? readdirSync(versions) : []).map((name) => `${versions}/${name}/bin/python3`),
  ];
}

/** The Python of the environment with uvloop; null where there is none of this Python and none can be made. */
function inEnvironment(/** @type {Python} */ found, /** @type {boolean} */ install) {
  const program = `${ENVIRONMENT}/bin/python`;
  const present = probe(program);
  const current = present?.base === found.base && present.version === found.version;
  if (current && present.uvloop !== null) return present;
  if (!install) return null;
  console.error(`pip install uvloop (CPython ${found.version}, bench/peers/.venv)`);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--retries', '1'];
  const steps = [
    [found.python, '-m', 'venv', '--clear', ENVIRONMENT],
    // Wheels only: building it takes a compiler and minutes.
    [program, ...pip, '--only-binary', ':all:', '-r', here('requirements.txt')],
  ];
  for (const [command = '', ...args] of steps) {
    const { status } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) return null;
  }
  return probe(program);
}

/**
 * @param {boolean} install whether uvloop may be installed where it is missing
 * @returns {Python | null} null where no Python is recent enough
 */
export function findPython(install) {
  const [newest] = candidates()
    .map(probe)
    .filter((found) => found !== null)
    .filter(({ numbers: [major = 0, minor = 0] }) => major > 3 || (major === 3 && minor >= 12))
    .sort(newerFirst);
  if (newest === undefined) return null;
  return newest.uvloop === null ? (inEnvironment(newest, install) ?? newest) : newest;
}
