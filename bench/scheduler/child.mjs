// @ts-check
/** A peer in a process of its own, asked for one round at a time. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** The line that says what is wrong, of all that a dying process writes. */
function firstError(/** @type {string} */ text) {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /^\w*(?:Error|Exception)\b/.test(line)) ?? lines.at(-1);
}

/**
 * Starts one and waits until it is ready.
 *
 * @param {string} program
 * @param {readonly string[]} args
 */
export async function startChild(program, args) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (data) => (complaints += data));
  child.on('error', (error) => (complaints += error.message));
  // A child that ended cannot take its line; that it gave no answer is what is reported.
  child.stdin.on('error', () => {});
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  async function answer() {
    const { value, done } = await answers.next();
    if (done) throw new Error(firstError(complaints) ?? 'ended without an answer');
    return JSON.parse(value);
  }
  const { version } = await answer();
  return {
    version,
    /** @param {number} seconds */
    round(seconds) {
      child.stdin.write(`${seconds}\n`);
      return answer();
    },
    stop() {
      child.kill('SIGKILL');
    },
  };
}
