import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import net from 'node:net';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { ROOT } from '../helpers.js';

/** A program of a page, and what it prints, where the page says so. */
interface Block {
  readonly page: string;
  readonly line: number;
  readonly code: string;
  readonly output: string | null;
}

/** The blocks marked `js` of a page, each with the block marked `text` that follows it. */
function blocksOf(page: string): Block[] {
  const markdown = readFileSync(join(ROOT, page), 'utf8');
  const blocks: Block[] = [];
  const pattern = /^```js\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```\n)?/gm;
  for (const { 1: code, 2: output, index } of markdown.matchAll(pattern)) {
    blocks.push({
      page,
      line: markdown.slice(0, index).split('\n').length,
      code: code!,
      output: output ?? null,
    });
  }
  return blocks;
}

/** Programs stand inside of the package, so that they import it by its name. */
function save({ page, line, code }: Block): string {
  const folder = join(ROOT, 'build/docs');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${page.replaceAll(/[^\w]/g, '-')}-${line}.mjs`);
  writeFileSync(file, code);
  return file;
}

// The lint page has a test of its own, in both linters.
const pages = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md') && name !== 'lint.md');

for (const page of pages) {
  for (const block of blocksOf(`docs/${page}`)) {
    test(`the program in line ${block.line} of docs/${page} prints what the page says`, async (t) => {
      const child = spawn(process.execPath, [save(block)], { stdio: ['ignore', 'pipe', 'pipe'] });
      const [output, errors, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close') as Promise<[number | null]>,
      ]);
      t.is(errors, '');
      t.is(code, 0);
      if (block.output === null) t.pass('it runs');
      else t.is(output, block.output);
    });
  }
}

test("the README's first program echoes", async (t) => {
  const [block] = blocksOf('README.md');
  const port = await freePort();
  const file = save({ ...block!, code: block!.code.replace('8888', String(port)) });
  const server = spawn(process.execPath, [file], { stdio: ['ignore', 'inherit', 'inherit'] });
  t.teardown(() => server.kill());
  const socket = await connect(port, server);
  socket.write('hello');
  const [data] = (await once(socket, 'data')) as [Buffer];
  t.is(data.toString(), 'hello');
  socket.destroy();
});

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Tries until the server listens, or has ended. */
async function connect(port: number, server: ReturnType<typeof spawn>): Promise<net.Socket> {
  while (server.exitCode === null) {
    const socket = net.connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
    }
  }
  throw new Error(`the program has ended with ${server.exitCode}`);
}
