import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import * as main from 'miolo';
import * as base from 'miolo/base';
import * as browser from 'miolo/browser';
import * as node from 'miolo/node';
import * as testing from 'miolo/testing';
import { ROOT } from '../helpers.ts';

/** The rule's lists; no entry point exports them. */
const lists = (await import(new URL('lint/names.js', `file://${ROOT}/dist/`).href)) as Record<
  string,
  unknown
>;
const functions = lists['COROUTINE_FUNCTIONS'] as ReadonlySet<string>;
const methods = lists['COROUTINE_METHODS'] as Readonly<Record<string, readonly string[]>>;

const exported: readonly (readonly [name: string, value: unknown])[] = [
  main,
  base,
  browser,
  node,
  testing,
].flatMap((entry) => Object.entries(entry));

/** The methods that declarations say to return a coroutine, by the class that declares them. */
function declaredMethods(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const dist = join(ROOT, 'dist');
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.d.ts')) continue;
    let current: Set<string> | null = null;
    for (const line of readFileSync(join(dist, file), 'utf8').split('\n')) {
      const opened = /^(?:export )?declare (?:abstract )?class (\w+)/.exec(line);
      if (opened !== null) found.set(opened[1]!, (current = new Set()));
      else if (line.startsWith('}')) current = null;
      const method =
        /^ {4}(?:abstract |protected |static )*(\w+)(?:<.*>)?\(.*\): (?:Awaitable)?Coroutine<.*>;$/;
      const name = method.exec(line)?.[1];
      if (name !== undefined) current?.add(name);
    }
  }
  return found;
}

test('the list of coroutine functions is what the package exports', (t) => {
  const real = exported.filter(([, value]) => base.isCoroutineFunction(value)).map(([name]) => name);
  t.deepEqual([...functions].sort(), [...new Set(real)].sort());
});

test('the list of coroutine methods is what the exported classes declare', (t) => {
  const declared = declaredMethods();
  t.true(declared.get('StreamReader')!.has('readline'), 'the declarations are read');
  const real: Record<string, string[]> = {};
  for (const [name, value] of exported) {
    if (typeof value !== 'function' || name.startsWith('_')) continue;
    const names = new Set<string>();
    for (
      let at = value as { name: string } | null;
      typeof at === 'function';
      at = Object.getPrototypeOf(at)
    ) {
      for (const method of declared.get(at.name) ?? []) names.add(method);
    }
    if (names.size > 0) real[name] = [...names].sort();
  }
  const listed = Object.fromEntries(
    Object.entries(methods)
      .filter(([, list]) => list.length > 0)
      .map(([name, list]) => [name, [...list].sort()]),
  );
  t.deepEqual(listed, real);
});

test('every other name in the lists is one of the package', (t) => {
  const names = new Set(exported.map(([name]) => name));
  const used = [
    ...Object.entries(lists['RETURNED_CLASSES'] as object).flat(),
    ...Object.entries(lists['AWAITED_CLASSES'] as object).flat(2),
    ...(lists['COROUTINE_TAKERS'] as Set<string>),
  ];
  t.deepEqual(
    used.filter((name) => !names.has(name as string)),
    [],
  );
});
