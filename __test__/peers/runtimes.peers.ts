import { fileURLToPath } from 'node:url';
import test from 'ava';
import { output } from './programs.js';

const program = fileURLToPath(new URL('./runtime/program.js', import.meta.url));

for (const { name, args } of [
  { name: 'bun', args: ['--no-install'] },
  { name: 'deno', args: ['run', '--quiet', '--no-prompt', '--no-lock', '--allow-all'] },
]) {
  test.serial(`the native loop keeps its contract and talks to the network under ${name}`, async (t) => {
    const printed = String(await output(name, [...args, program], `${name}, of npm`)).trim();
    const [, good, all] = /(\d+) of (\d+)$/.exec(printed) ?? [];
    t.log(printed.split('\n').at(-1));
    t.is(good, all, printed);
    t.true(Number(all) > 100);
  });
}
