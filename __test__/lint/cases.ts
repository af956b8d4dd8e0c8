import type { NoFloatingCoroutineOptions } from 'miolo/lint';

/** Code, and what the rule has to say of it. */
export interface Case {
  readonly title: string;
  readonly code: string;
  /** Null for code without a fault; else the code has one. */
  readonly messageId: string | null;
  /** The code after the suggestion, if there is one. */
  readonly fixed: string | null;
  readonly options: NoFloatingCoroutineOptions | undefined;
}

export const CASES: Case[] = [];

function reports(
  title: string,
  messageId: string,
  code: string,
  fixed: string | null = null,
  options?: NoFloatingCoroutineOptions,
): void {
  CASES.push({ title, code, messageId, fixed, options });
}

function accepts(title: string, code: string, options?: NoFloatingCoroutineOptions): void {
  CASES.push({ title, code, messageId: null, fixed: null, options });
}

const IMPORT = "import { run, sleep, createTask, Queue, Lock, openConnection, startServer } from 'miolo';\n";

// --- a coroutine that is dropped

reports(
  'a coroutine of the package that is dropped',
  'dropped-generator',
  `${IMPORT}function* main() { sleep(1); }`,
  `${IMPORT}function* main() { yield* sleep(1); }`,
);
reports(
  'a call of a renamed import',
  'dropped-generator',
  "import { sleep as pause } from 'miolo/base';\nfunction* main() { pause(1); }",
  "import { sleep as pause } from 'miolo/base';\nfunction* main() { yield* pause(1); }",
);
reports(
  'a call through a namespace',
  'dropped-async',
  "import * as aio from 'miolo';\nasync function main() { aio.sleep(1); }",
  "import * as aio from 'miolo';\nasync function main() { await aio.sleep(1); }",
);
reports(
  'a call of what require() gave',
  'dropped-generator',
  "const { sleep: nap } = require('miolo');\nfunction* main() { nap(1); }",
  "const { sleep: nap } = require('miolo');\nfunction* main() { yield* nap(1); }",
);
reports(
  'a call of a generator function of the file',
  'dropped-generator',
  'function* worker(queue) {}\nexport function* main(queue) { worker(queue); }',
  'function* worker(queue) {}\nexport function* main(queue) { yield* worker(queue); }',
);
reports(
  'a call of a generator function in a variable',
  'dropped-generator',
  'const worker = function* () {};\nexport function* main() { worker(); }',
  'const worker = function* () {};\nexport function* main() { yield* worker(); }',
);
reports(
  'a call of what coroutine() made, in an async function',
  'dropped-async',
  "import { coroutine } from 'miolo';\nconst step = coroutine(function* () {});\nasync () => { step(); };",
  "import { coroutine } from 'miolo';\nconst step = coroutine(function* () {});\nasync () => { await step(); };",
);
reports(
  'a plain generator function in an async function, where await would not help',
  'dropped-plain',
  'function* step() {}\nasync () => { step(); };',
);
reports('a drop where nothing can wait', 'dropped-plain', `${IMPORT}function handler() { sleep(1); }`);
reports(
  'the last operand of a condition',
  'dropped-generator',
  `${IMPORT}function* main(a) { a && sleep(1); }`,
  `${IMPORT}function* main(a) { a && (yield* sleep(1)); }`,
);
reports(
  'a branch of a conditional',
  'dropped-generator',
  `${IMPORT}function* main(a) { a ? sleep(1) : yield* sleep(2); }`,
  `${IMPORT}function* main(a) { a ? yield* sleep(1) : yield* sleep(2); }`,
);
reports(
  'a method of the same class',
  'dropped-generator',
  'class A { *step() {} *main() { this.step(); } }',
  'class A { *step() {} *main() { yield* this.step(); } }',
);
reports(
  'a private method, in an arrow function',
  'dropped-plain',
  'class A { *#step() {} main() { return () => { this.#step(); }; } }',
);
reports(
  'an inherited method',
  'dropped-generator',
  'class A { *step() {} }\nclass B extends A { *main() { this.step(); } }',
  'class A { *step() {} }\nclass B extends A { *main() { yield* this.step(); } }',
);
reports(
  'a static method',
  'dropped-generator',
  'class A { static *step() {} }\nfunction* main() { A.step(); }',
  'class A { static *step() {} }\nfunction* main() { yield* A.step(); }',
);
reports(
  'a method of an instance made in the file',
  'dropped-generator',
  'class A { *step() {} }\nconst a = new A();\nfunction* main() { a.step(); }',
  'class A { *step() {} }\nconst a = new A();\nfunction* main() { yield* a.step(); }',
);
reports(
  'a queue of the file',
  'dropped-generator',
  `${IMPORT}const queue = new Queue();\nfunction* main() { queue.put(1); }`,
  `${IMPORT}const queue = new Queue();\nfunction* main() { yield* queue.put(1); }`,
);
reports(
  'a lock in a private field',
  'dropped-generator',
  `${IMPORT}class A { #lock = new Lock(); *main() { this.#lock.acquire(); } }`,
  `${IMPORT}class A { #lock = new Lock(); *main() { yield* this.#lock.acquire(); } }`,
);
reports(
  'a queue that the constructor makes',
  'dropped-generator',
  `${IMPORT}class A { constructor() { this.queue = new Queue(); } *main() { this.queue.join(); } }`,
  `${IMPORT}class A { constructor() { this.queue = new Queue(); } *main() { yield* this.queue.join(); } }`,
);
reports(
  'an inherited method of a class of the package',
  'dropped-generator',
  `${IMPORT}class Jobs extends Queue { *again(job) { this.put(job); } }`,
  `${IMPORT}class Jobs extends Queue { *again(job) { yield* this.put(job); } }`,
);
reports(
  'a stream that openConnection() gave',
  'dropped-generator',
  `${IMPORT}function* main() { const [r, w] = yield* openConnection(); w.write('a'); r.read(1); }`,
  `${IMPORT}function* main() { const [r, w] = yield* openConnection(); w.write('a'); yield* r.read(1); }`,
);
reports(
  'a stream that startServer() gives',
  'dropped-generator',
  `${IMPORT}createTask(startServer(function* (r, w) { w.drain(); }));`,
  `${IMPORT}createTask(startServer(function* (r, w) { yield* w.drain(); }));`,
);
reports(
  'a receiver with a telling name',
  'dropped-generator',
  `${IMPORT}export function* handle(reader, writer) { writer.drain(); }`,
  `${IMPORT}export function* handle(reader, writer) { yield* writer.drain(); }`,
);
reports(
  'a server of the loop',
  'dropped-generator',
  "import { getRunningLoop } from 'miolo';\nfunction* main(f) { const s = yield* getRunningLoop().createServer(f); s.serveForever(); }",
  "import { getRunningLoop } from 'miolo';\nfunction* main(f) { const s = yield* getRunningLoop().createServer(f); yield* s.serveForever(); }",
);
reports(
  'a scope that never runs',
  'dropped-generator',
  "import { timeout } from 'miolo';\nfunction* main(f) { timeout(1).run(f); }",
  "import { timeout } from 'miolo';\nfunction* main(f) { yield* timeout(1).run(f); }",
);
reports(
  'a function that the options name',
  'dropped-generator',
  "import { ask } from './ask.js';\nfunction* main() { ask(); }",
  "import { ask } from './ask.js';\nfunction* main() { yield* ask(); }",
  { functions: ['ask'] },
);
reports(
  'a method that the options name',
  'dropped-generator',
  'function* main(db) { db.query(); }',
  'function* main(db) { yield* db.query(); }',
  { methods: ['query'] },
);

// --- kept, but not waited for

reports(
  'a result that is a coroutine',
  'unused',
  `${IMPORT}function* main() { const x = sleep(1, 'a'); }`,
  `${IMPORT}function* main() { const x = yield* sleep(1, 'a'); }`,
);
reports(
  'a result that is a generator of the file',
  'unused',
  'function* ask() {}\nexport function* main() { let x = ask(); }',
  'function* ask() {}\nexport function* main() { let x = yield* ask(); }',
);
reports(
  'parts of a coroutine in place of its result',
  'destructured',
  `${IMPORT}export function* main() { const [r, w] = openConnection(); w.close(r); }`,
  `${IMPORT}export function* main() { const [r, w] = yield* openConnection(); w.close(r); }`,
);

// --- yield in place of yield*

reports(
  'yield of a coroutine of the package',
  'yielded',
  `${IMPORT}export function* main() { while (true) yield sleep(1); }`,
  `${IMPORT}export function* main() { while (true) yield* sleep(1); }`,
);
reports(
  'yield of a coroutine of the file, in a coroutine that is run',
  'yielded',
  `${IMPORT}function* step() {}\nfunction* main() { for (;;) yield step(); }\nrun(main());`,
  `${IMPORT}function* step() {}\nfunction* main() { for (;;) yield* step(); }\nrun(main());`,
);
reports(
  'yield whose answer is used',
  'yielded',
  `${IMPORT}function* ask() {}\nexport function* main() { const x = yield ask(); return x; }`,
  `${IMPORT}function* ask() {}\nexport function* main() { const x = yield* ask(); return x; }`,
);
reports(
  'yield in a generator function that is written into a call',
  'yielded',
  `${IMPORT}function* step() {}\nexport const go = (lock) => lock.run(function* () { yield step(); });`,
  `${IMPORT}function* step() {}\nexport const go = (lock) => lock.run(function* () { yield* step(); });`,
);
reports(
  'yield of a method',
  'yielded',
  `${IMPORT}class A { *step() {} *main() { yield* sleep(1); yield this.step(); } }`,
  `${IMPORT}class A { *step() {} *main() { yield* sleep(1); yield* this.step(); } }`,
);

// --- promises

reports(
  'yield of fetch()',
  'promise',
  "import { run } from 'miolo';\nfunction* main() { const a = yield fetch('x'); return a; }\nrun(main());",
  "import { run, fromPromise } from 'miolo';\nfunction* main() { const a = yield* fromPromise(fetch('x')); return a; }\nrun(main());",
);
reports(
  'yield of an async function of the file',
  'promise',
  "import { run, fromPromise as bring } from 'miolo';\nasync function f() {}\nfunction* main() { yield f(); }\nrun(main(bring));",
  "import { run, fromPromise as bring } from 'miolo';\nasync function f() {}\nfunction* main() { yield* bring(f()); }\nrun(main(bring));",
);
reports(
  'yield* of an async arrow function',
  'promise',
  "import * as aio from 'miolo';\nconst f = async () => 1;\nfunction* main() { return yield* f(); }\naio.run(main());",
  "import * as aio from 'miolo';\nconst f = async () => 1;\nfunction* main() { return yield* aio.fromPromise(f()); }\naio.run(main());",
);
reports(
  'yield of Promise.all()',
  'promise',
  "import { run } from 'miolo';\nfunction* main(a) { yield Promise.all(a); }\nrun(main([]));",
  "import { run, fromPromise } from 'miolo';\nfunction* main(a) { yield* fromPromise(Promise.all(a)); }\nrun(main([]));",
);
reports(
  'await of a plain generator',
  'awaited',
  "import { run } from 'miolo';\nfunction* step() {}\nasync function main() { await step(); await run(step()); }",
);

// --- a function in place of a coroutine

reports(
  'run(main)',
  'uncalled',
  `${IMPORT}function* main() {}\nawait run(main);`,
  `${IMPORT}function* main() {}\nawait run(main());`,
);
reports(
  'createTask(worker), of a function with parameters',
  'uncalled',
  `${IMPORT}function* worker(queue) {}\nexport const f = () => createTask(worker);`,
);
reports(
  'loop.createTask(this.step)',
  'uncalled',
  "import { getRunningLoop } from 'miolo';\nclass A { *step() {} go() { return getRunningLoop().createTask(this.step); } }",
  "import { getRunningLoop } from 'miolo';\nclass A { *step() {} go() { return getRunningLoop().createTask(this.step()); } }",
);
reports(
  'run(function* () { ... })',
  'uncalled',
  `${IMPORT}run(function* () {});`,
  `${IMPORT}run(function* () {}());`,
);

// --- what is right

accepts(
  'coroutines that are driven',
  `${IMPORT}
  function* step() { yield* sleep(1); yield; }
  function* main() {
    const lock = new Lock();
    const task = createTask(step());
    const a = step();
    yield* lock.run(step);
    yield* lock.run(function* () { yield* step(); });
    const [reader, writer] = yield* openConnection();
    const line = yield* reader.readline();
    writer.write(line);
    yield* writer.drain();
    yield* task;
    return yield* a;
  }
  async function other() { await sleep(1); const x = sleep(2); await x; }
  run(main()); run(other);`,
);
accepts(
  'generators that are iterators',
  `${IMPORT}
  function* numbers() { yield 1; yield* [2]; }
  for (const n of numbers()) console.log(n);
  console.log([...numbers()], Math.max(...numbers()), Array.from(numbers()));
  const kept = numbers();
  export const first = () => numbers().next();
  const [one] = numbers();
  function* pairs() { const it = numbers(); for (const n of it) yield n; const [a] = numbers(); yield a; }
  class Tree { *[Symbol.iterator]() { yield* this.walk(); } *walk() { yield 1; } all() { return this.walk(); } }
  export default function () { kept.return(); return new Set(pairs(one)); }`,
);
accepts(
  'an iterator of coroutines',
  `import { asCompleted, gather, sleep } from 'miolo';
  function* fetchOne(url) { yield* sleep(url); }
  function* jobs(urls) { for (const url of urls) yield fetchOne(url); }
  function* pauses() { yield sleep(1); yield sleep(2); }
  export function* exported(urls) { for (const url of urls) yield fetchOne(url); }
  export function* main(urls) {
    for (const next of asCompleted(jobs(urls))) yield* next;
    return yield* gather([...pauses()]);
  }`,
);
accepts(
  'an iterator of promises',
  `import { run } from 'miolo';
  function* requests(urls) { for (const url of urls) yield fetch(url); }
  function* two() { yield fetch('a'); yield fetch('b'); }
  async function* stream() { yield fetch('c'); }
  export const all = async (urls) => [await Promise.all(requests(urls)), await Promise.all([...two()]), stream(), run];`,
);
accepts(
  'generators that another library drives',
  `import { call, put } from 'redux-saga/effects';
  function* child() { yield put({}); }
  async function ask() {}
  export function* parent() { yield child(); const x = yield ask(); yield call(child, x); yield fetch('x'); }`,
);
accepts(
  'methods of the same names on anything else',
  `import { sleep, run } from 'miolo';
  import { Queue } from 'elsewhere';
  const queue = new Queue();
  export function* main(event, pool, map, lock, rl) {
    queue.put(1); queue.join(); event.wait(); pool.drain(); map.get(1); lock.acquire(); rl.readline(); lock.run(main);
    yield* sleep(1);
  }
  class Writer { drain() {} *main(f) { this.drain(); this.readline(); f(); } }
  const writer = new Writer();
  writer.drain();
  run(writer.main());`,
);
accepts(
  'names that mean something else here',
  `import { sleep, run } from 'miolo';
  export function f(sleep) { sleep(1); }
  export function g() { const fetch = () => {}; function* h() { yield fetch(); } run(h()); }
  function* step() {}
  export function h() { const step = () => {}; step(); }
  let either = function* () {};
  either = () => {};
  either();
  export { sleep, step };`,
);
accepts('names of the package in a file that does not import it', 'sleep(1); run(main); writer.drain();');
accepts('void, which says that it is meant', `${IMPORT}function* main() { void sleep(1); }`);
accepts(
  'await of generators that coroutine() was told of',
  `import { coroutineMethods, run } from 'miolo';
  class A { *step() {} }
  coroutineMethods(A.prototype, 'step');
  async function main(a = new A()) { await new A().step(a); }
  export { main, run };`,
);

reports(
  'a function for a Runner',
  'uncalled',
  "import { Runner } from 'miolo';\nconst runner = new Runner();\nfunction* main() {}\nawait runner.run(main);",
  "import { Runner } from 'miolo';\nconst runner = new Runner();\nfunction* main() {}\nawait runner.run(main());",
);
reports(
  'a stream of a handler that is passed by name',
  'dropped-generator',
  `${IMPORT}function* handle(r, w) { w.drain(); r.at_eof(); }\ncreateTask(startServer(handle));`,
  `${IMPORT}function* handle(r, w) { yield* w.drain(); r.at_eof(); }\ncreateTask(startServer(handle));`,
);
reports(
  'yield in a handler that is passed by name',
  'yielded',
  `${IMPORT}function* step() {}\nfunction* handle() { for (;;) yield step(); }\ncreateTask(startServer(handle));`,
  `${IMPORT}function* step() {}\nfunction* handle() { for (;;) yield* step(); }\ncreateTask(startServer(handle));`,
);
accepts(
  'an object that is iterated',
  `${IMPORT}function* step() {}\nexport const all = { *[Symbol.iterator]() { yield step(); yield fetch('a'); } };`,
);
reports(
  'a drop while a class is made, where nothing can wait',
  'dropped-plain',
  `${IMPORT}export function* main() { return class { static { sleep(1); } }; }`,
);
accepts(
  'generators that another library makes something else of',
  `import { makeAutoObservable } from 'mobx';
  import { co } from 'co';
  class Store { constructor() { makeAutoObservable(this); } *load() {} reload() { this.load(); } }
  function* work() {}
  work = co.wrap(work);
  work();
  export const store = new Store();
  store.load();`,
);
reports(
  'a method of a class whose constructor tells somebody of the instance',
  'dropped-generator',
  `${IMPORT}export class A { constructor(all) { all.add(this); } *step() {} *main() { this.step(); } }`,
  `${IMPORT}export class A { constructor(all) { all.add(this); } *step() {} *main() { yield* this.step(); } }`,
);
