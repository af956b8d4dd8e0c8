/** The loop and its transports in a page of a real Chromium, and in a Web Worker. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import test from 'ava';
import type { ContractCheck } from 'miolo/testing';
import { type Browser, type Page, chromium } from 'playwright-core';
import { ROOT } from '../helpers.js';

const PAGES = '__test__/browser/page';

/** The checks, for their names. */
const contract = (await import(join(ROOT, PAGES, 'contract.mjs'))) as {
  readonly checks: readonly ContractCheck[];
};

/** Milliseconds; a busy machine takes its time. Below the two minutes in which ava wants to hear something. */
const PATIENCE = 60_000;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
};

/** Serves the repository's files. */
const server = http.createServer((request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url!, 'http://localhost').pathname));
  const type = TYPES[extname(path)];
  void (async () => {
    if (path === '/favicon.ico') return void response.writeHead(204).end();
    try {
      const content = await readFile(join(ROOT, path));
      response.writeHead(type === undefined ? 404 : 200, { 'content-type': type ?? 'text/plain' });
      response.end(content);
    } catch (error) {
      response.writeHead(404).end(String(error));
    }
  })();
});

let browser: Browser | null = null;
let page: Page;
let origin: string;
/** What the page complained of. */
const complaints: string[] = [];

/** What has not ended in time: the browser hangs, and is not asked again. */
let hung: string | null = null;

/** What the browser answers; an error if it does not in time, or did not before. Nothing else here waits for it. */
async function inTime<T>(what: string, ask: () => Promise<T>): Promise<T> {
  if (hung !== null) throw new Error(`the browser hung before: ${hung}`);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      hung = what;
      reject(new Error(`not within ${PATIENCE} ms: ${what}`));
    }, PATIENCE);
  });
  try {
    return await Promise.race([ask(), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function openPage(path: string): Promise<Page> {
  return await inTime(`open ${path}`, async () => {
    const next = await browser!.newPage();
    next.setDefaultTimeout(PATIENCE);
    next.on('pageerror', (error) => complaints.push(String(error)));
    // No warnings: a busy machine makes the debug mode complain of slow callbacks.
    next.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await next.goto(`${origin}/${path}`);
    return next;
  });
}

test.before('Chromium starts', async (t) => {
  // Longer than its parts, which have better messages.
  t.timeout(3 * PATIENCE);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await inTime('launch', () =>
    chromium.launch({
      executablePath: String(execFileSync('sh', ['-c', 'command -v chromium'])).trim(),
      chromiumSandbox: false,
      args: ['--disable-dev-shm-usage', '--disable-gpu'],
      timeout: PATIENCE,
    }),
  );
  page = await openPage(`${PAGES}/index.html`);
});

test.after.always('Chromium ends', async (t) => {
  t.timeout(2 * PATIENCE);
  server.close();
  server.closeAllConnections();
  // One that does not close, or hung before, is killed when this process ends: playwright-core does that.
  if (browser !== null) await inTime('close', () => browser!.close());
});

test.afterEach((t) => {
  t.deepEqual(complaints.splice(0), [], 'what the page complained of');
});

/** Calls an exported function of one of the pages' modules in the page. */
function inPage(module: string, name: string, ...args: readonly unknown[]): Promise<unknown> {
  // As text: the compiler has ideas of its own of an import().
  const [path, all] = [JSON.stringify(`/${PAGES}/${module}`), JSON.stringify(args)];
  return inTime(name, () => page.evaluate(`import(${path}).then((module) => module.${name}(...${all}))`));
}

for (const { name } of contract.checks) {
  test.serial(`in the page: ${name}`, async (t) => {
    t.is(await inPage('contract.mjs', 'check', name), null);
  });
}

test.serial('a worker echoes 8 MB over streams, held up by a slow reader', async (t) => {
  const total = 8_000_000;
  const { most, pauses, ...rest } = (await inPage('scenarios.mjs', 'echo', total)) as {
    most: number;
    pauses: number;
  };
  t.deepEqual(rest as object, { received: total, firstWrong: -1 });
  t.true(pauses > 0, 'the writer has to wait');
  t.true(most <= 65_536 + 100_000, `no more than the high mark and a write wait: ${most}`);
});

test.serial('a loop that is never idle lets the page paint and run its timers', async (t) => {
  t.deepEqual(await inPage('scenarios.mjs', 'besidesThePage'), {
    results: ['painted', 'slept', 'TimeoutError'],
    enough: true,
  });
});

test.serial('async functions await tasks, and tasks the promises of the page', async (t) => {
  t.deepEqual(await inPage('scenarios.mjs', 'asyncFunctions'), ['slept', 200, true]);
});

test.serial('a worker that is terminated is a connection that is reset', async (t) => {
  t.deepEqual(await inPage('scenarios.mjs', 'terminated'), ['hello', 'ConnectionResetError', 'ECONNRESET']);
});

test.serial('a worker that was terminated before never answers', async (t) => {
  // Chromium 156 tells nothing; one whose ports have a `close` event would.
  const outcome = String(await inPage('scenarios.mjs', 'connectsTooLate'));
  t.true(['TimeoutError', 'ConnectionResetError'].includes(outcome), outcome);
});

test.serial('a foreign message ends the connection with a typed error, and closes the port', async (t) => {
  t.deepEqual(await inPage('scenarios.mjs', 'foreignMessage'), ['PortProtocolError', 'gone']);
});

test.serial('a window of another origin connects only if it is named', async (t) => {
  const other = origin.replace('127.0.0.1', 'localhost');
  t.is(await inPage('scenarios.mjs', 'frame', other, []), '');
  t.is(await inPage('scenarios.mjs', 'frame', other, [other]), 'from the frame\n');
});

test.serial('the example counts primes in a worker, and paints', async (t) => {
  const example = await openPage('examples/browser/index.html');
  const shown = await inTime('the example', async () => {
    await example.locator('#state:not(:text("counting"))').waitFor();
    await example.locator('#frames:not(:text-is("0"))').waitFor();
    return {
      state: await example.locator('#state').textContent(),
      answers: (await example.locator('#answers li').allTextContents()).sort(),
    };
  });
  t.deepEqual(shown, {
    state: 'done',
    answers: ['168 primes below 1000', '2262 primes below 20000', '25997 primes below 300000'],
  });
});
