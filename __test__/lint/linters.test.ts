import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ESLint } from 'eslint';
import { ROOT } from '../helpers.ts';
import { CASES } from './cases.ts';

/** The blocks of docs/lint.md of one language, in order. */
function blocks(language: string): string[] {
  const page = readFileSync(join(ROOT, 'docs/lint.md'), 'utf8');
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm'))].map(
    (match) => match[1]!,
  );
}

/** A folder inside of the package, from which its own name can be imported. */
function folder(t: ExecutionContext): string {
  const parent = join(ROOT, 'build/lint-projects');
  mkdirSync(parent, { recursive: true });
  const made = mkdtempSync(join(parent, 'project-'));
  t.teardown(() => rmSync(made, { recursive: true }));
  return made;
}

const SAMPLE = `import { sleep } from 'miolo';
import { ask } from './ask.js';
export function* main(db) {
  sleep(1);
  ask();
  db.query();
  yield* sleep(1);
}
`;

interface OxlintReport {
  readonly diagnostics: readonly {
    readonly message: string;
    readonly code: string;
    readonly filename: string;
    readonly labels: readonly { readonly span: { readonly line: number } }[];
  }[];
}

/** Runs the installed oxlint with the folder's configuration. */
function runOxlint(cwd: string, ...args: readonly string[]): string {
  const { stdout, stderr, error } = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/oxlint/bin/oxlint'), '-c', '.oxlintrc.json', '--no-ignore', ...args],
    { cwd, encoding: 'utf8' },
  );
  if (error !== undefined) throw error;
  if (stderr !== '') throw new Error(stderr);
  return stdout;
}

/** What oxlint's run of the rule reports. */
function diagnose(cwd: string, files: readonly string[]): { file: string; line: number }[] {
  const { diagnostics } = JSON.parse(runOxlint(cwd, '--format', 'json', ...files)) as OxlintReport;
  return diagnostics
    .filter(({ code }) => code === 'miolo(no-floating-coroutine)')
    .map(({ filename, labels }) => ({ file: basename(filename), line: labels[0]!.span.line }));
}

/** The lines of one file that oxlint's run of the rule reports. */
function oxlint(cwd: string, file: string): number[] {
  return diagnose(cwd, [file])
    .map(({ line }) => line)
    .sort((a, b) => a - b);
}

for (const [index, lines] of [[4], [4, 5, 6]].entries()) {
  test(`set-up ${index + 1} for ESLint works as the page has it`, async (t) => {
    const cwd = folder(t);
    writeFileSync(join(cwd, 'eslint.config.mjs'), blocks('js')[index]!);
    writeFileSync(join(cwd, 'sample.js'), SAMPLE);
    const eslint = new ESLint({ cwd, overrideConfigFile: join(cwd, 'eslint.config.mjs') });
    const [result] = await eslint.lintFiles(['sample.js']);
    t.deepEqual(
      result!.messages.map(({ ruleId, line }) => [ruleId, line]),
      lines.map((line) => ['miolo/no-floating-coroutine', line]),
    );
  });

  test(`set-up ${index + 1} for oxlint works as the page has it`, (t) => {
    const cwd = folder(t);
    writeFileSync(join(cwd, '.oxlintrc.json'), blocks('json')[index]!);
    writeFileSync(join(cwd, 'sample.js'), SAMPLE);
    t.deepEqual(oxlint(cwd, 'sample.js'), lines);
  });
}

test('the page says which lines of its TypeScript are reported', (t) => {
  const cwd = folder(t);
  const [code] = blocks('ts reported');
  writeFileSync(join(cwd, '.oxlintrc.json'), blocks('json')[0]!);
  writeFileSync(join(cwd, 'shop.ts'), code!);
  const marked = code!.split('\n').flatMap((line, at) => (line.includes('// reported') ? [at + 1] : []));
  t.true(marked.length > 10);
  t.deepEqual(oxlint(cwd, 'shop.ts'), marked);
});

test('types tell the rule what is a coroutine', (t) => {
  const cwd = folder(t);
  writeFileSync(join(cwd, '.oxlintrc.json'), blocks('json')[0]!);
  const reported = `import { Lock, Queue, sleep, type Coroutine, type StreamReader } from 'miolo';
interface Job { run(): Coroutine<void> }
export function* work(body: () => Coroutine<void>, reader: StreamReader): Coroutine<void> {
  body(); // reported
  reader.read(1); // reported
  for (;;) yield sleep(1); // reported
}
const again = (): Coroutine<void> => sleep(1);
export class Shop {
  queue: Queue<number>;
  constructor(private readonly lock: Lock, queue: Queue<number>, readonly job: Job) { this.queue = queue; }
  *open(other: Shop): Coroutine<void> {
    again(); // reported
    this.lock.acquire(); // reported
    this.queue!.put(1); // reported
    (this as Shop).close(); // reported
    other.close(); // reported
  }
  *close(): Coroutine<void> {}
}
`;
  const right = `import { Queue, type Coroutine } from 'miolo';
export function* numbers(): IterableIterator<Coroutine<void>> { yield step(); }
function* step(): Coroutine<void> {}
export abstract class Jobs { abstract take(): void; *all(): Coroutine<void> { this.take(); } }
export class Store { @flow *load(): Generator<Promise<void>> {} reload(): void { this.load(); } }
export function f(queue: { put(n: number): void }, other: Queue<number>, body: () => void): void {
  queue.put(1); body(); void other;
}
`;
  writeFileSync(join(cwd, 'reported.ts'), reported);
  writeFileSync(join(cwd, 'right.ts'), right);
  const marked = reported.split('\n').flatMap((line, at) => (line.includes('// reported') ? [at + 1] : []));
  t.deepEqual(oxlint(cwd, 'reported.ts'), marked);
  t.deepEqual(oxlint(cwd, 'right.ts'), []);
});

/** The cases that need no options, which every file of a folder shares, by the name of their file. */
const FILES = new Map(
  CASES.filter(({ options }) => options === undefined).map((entry, at) => [`case-${at}.mjs`, entry]),
);

test('oxlint reports what ESLint reports', (t) => {
  const cwd = folder(t);
  writeFileSync(join(cwd, '.oxlintrc.json'), blocks('json')[0]!);
  for (const [file, { code }] of FILES) writeFileSync(join(cwd, file), code);
  const reported = diagnose(cwd, [...FILES.keys()]).map(({ file }) => file);
  for (const [file, { title, messageId }] of FILES) {
    t.is(reported.filter((name) => name === file).length, messageId === null ? 0 : 1, title);
  }
});

test('oxlint --fix-suggestions accepts the suggestions', (t) => {
  const cwd = folder(t);
  // oxlint's own rules would change the files as well.
  const config = { ...(JSON.parse(blocks('json')[0]!) as object), categories: { correctness: 'off' } };
  writeFileSync(join(cwd, '.oxlintrc.json'), JSON.stringify(config));
  const fixable = [...FILES].filter(([, { fixed }]) => fixed !== null);
  t.true(fixable.length > 20);
  for (const [file, { code }] of fixable) writeFileSync(join(cwd, file), code);
  runOxlint(cwd, '--fix-suggestions', ...fixable.map(([file]) => file));
  for (const [file, { title, fixed }] of fixable) {
    t.is(readFileSync(join(cwd, file), 'utf8'), fixed!, title);
  }
});
