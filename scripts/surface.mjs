/**
 * `npm run surface -- FILE`: how much of a table of names the built package has.
 *
 * FILE is tab-separated, with a heading line: area, python, kind, signature, typescript, ... A class or function must
 * be exported, a member must be declared by its class; a method of the loop that throws NotImplementedError on
 * MioEventLoop counts as missing. Names that docs/differences.md leaves out, with the reason, are counted apart.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as testing from 'miolo/testing';
import * as miolo from 'miolo';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const exported = { ...testing, ...miolo };

/** What the declaration files say: the members and the base of each class, and the names of types. */
function readDeclarations() {
  const classes = new Map();
  const types = new Set();
  for (const file of readdirSync(at('dist'), { recursive: true })) {
    if (!file.endsWith('.d.ts')) continue;
    const text = readFileSync(at(`dist/${file}`), 'utf8').replace(/\/\*\*[\s\S]*?\*\//g, '');
    for (const [, name] of text.matchAll(/^export (?:declare )?(?:interface|type) (\w+)/gm)) types.add(name);
    const pattern =
      /^(?:export )?(?:declare )?(?:abstract )?class (\w+)[^\n{]*?(?: extends (\w+)[^\n{]*)?\{\n([\s\S]*?)^\}/gm;
    for (const [, name, base, body] of text.matchAll(pattern)) {
      const members = new Set();
      const member =
        /^ {4}(?:(?:static|readonly|protected|abstract|declare|get|set|override) )*([\w$]+|\[Symbol\.\w+\])/gm;
      for (const [, found] of body.matchAll(member)) members.add(found);
      classes.set(name, { base, members });
    }
  }
  return { classes, types };
}

/** The names that docs/differences.md leaves out: in backticks, under its heading about them. */
function readLeftOut() {
  const text = readFileSync(at('docs/differences.md'), 'utf8');
  const section = /^## Names that are left out\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(text)?.[1] ?? '';
  return [...section.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
}

const { classes, types } = readDeclarations();
const leftOut = readLeftOut();

const isLeftOut = (python) =>
  leftOut.some((name) => (name.endsWith('*') ? python.startsWith(name.slice(0, -1)) : python === name));

function hasMember(className, member) {
  // Under the name it was declared with, which an alias does not tell.
  for (let name = exported[className]?.name ?? className; name !== undefined;) {
    const found = classes.get(name);
    if (found === undefined) break;
    if (found.members.has(member)) return true;
    name = found.base;
  }
  // Accessors and methods that are defined at run time.
  const prototype = exported[className]?.prototype;
  return prototype !== undefined && (member in prototype || member === '[Symbol.iterator]');
}

/** Whether the loop only has the place for a method: calling it, or driving its coroutine, throws NotImplementedError. */
function isMissingOnTheLoop(method) {
  const loop = new miolo.MioEventLoop();
  try {
    const owner = ownerOf(loop, method);
    // Only places for hooks are declared so high up; everything below has a body, which is not for us to run.
    if (owner !== 'AbstractEventLoop' && owner !== 'NetworkLoop') return false;
    const result = loop[method]();
    if (typeof result?.next === 'function') result.next();
    return false;
  } catch (error) {
    // Anything else is the complaint of a real method about its arguments.
    return error instanceof miolo.NotImplementedError;
  } finally {
    loop.close();
  }
}

function ownerOf(object, member) {
  let prototype = Object.getPrototypeOf(object);
  while (prototype !== null && !Object.hasOwn(prototype, member))
    prototype = Object.getPrototypeOf(prototype);
  return prototype?.constructor.name;
}

const LOOPS = new Set(['AbstractEventLoop', 'BaseEventLoop', 'SelectorEventLoop', 'BaseSelectorEventLoop']);

/** The class of a row about a member, as the package calls it; null for a row about something else. */
function classOf(python, names) {
  const owner = python.split('.').slice(0, -1).join('.');
  if (names.has(owner)) return names.get(owner);
  const last = owner.split('.').at(-1);
  return /^_*[A-Z]/.test(last) ? last : null;
}

/** The names that a cell of the table declares. */
function declaredNames(typescript) {
  const [first] = typescript.split('{');
  const names = [];
  for (const part of first.split(/;\s*/)) {
    const found =
      /^(?:(?:abstract|protected|readonly|static|get\/set|get|set|const|class|enum|interface|function) )*([\w$]+|\[Symbol\.\w+\])/.exec(
        part.trim(),
      );
    if (found !== null && found[1] !== 'constructor') names.push(found[1]);
    if (/^(?:abstract |const |class |enum |interface )/.test(part.trim())) break;
  }
  return names;
}

function readTable(file) {
  const [, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [area, python, kind, , typescript] = line
      .split('\t')
      .map((cell) => cell.replace(/^"|"$/g, '').replaceAll('""', '"'));
    return { area, python, kind, typescript };
  });
}

const file = process.argv[2];
if (file === undefined) {
  console.error('usage: npm run surface -- FILE');
  process.exit(2);
}

const rows = readTable(file);
const classNames = new Map();
for (const { python, kind, typescript } of rows) {
  if (kind === 'class' || kind === 'exception') classNames.set(python, declaredNames(typescript)[0]);
}

/** What a row lacks, null if nothing. */
function lacks({ python, kind, typescript }) {
  if (typescript.startsWith('finalizer')) return null;
  if (typescript.startsWith('process.')) return null;
  const names = declaredNames(typescript);
  if (names.length === 0) return typescript;
  const owner = kind === 'class' || kind === 'exception' ? null : classOf(python, classNames);
  if (owner === null)
    return names.every((name) => name in exported || types.has(name)) ? null : names.join(', ');
  const className = LOOPS.has(owner) ? 'MioEventLoop' : owner;
  const absent = names.filter((name) => !hasMember(className, name));
  if (absent.length > 0) return `${className}.${absent.join(', ')}`;
  if (className === 'MioEventLoop' && isMissingOnTheLoop(names[0]))
    return `${className}.${names[0]} (not implemented)`;
  return null;
}

const areas = new Map();
for (const row of rows) {
  let area = areas.get(row.area);
  if (area === undefined) areas.set(row.area, (area = { all: 0, there: 0, leftOut: 0, missing: [] }));
  area.all++;
  if (isLeftOut(row.python)) area.leftOut++;
  else {
    const what = lacks(row);
    if (what === null) area.there++;
    else area.missing.push(`${row.python}: ${what}`);
  }
}

let missing = 0;
for (const [name, area] of areas) {
  const without = area.leftOut === 0 ? '' : `, ${area.leftOut} left out (docs/differences.md)`;
  console.log(`${name}: ${area.there} of ${area.all}${without}`);
  for (const line of area.missing) console.log(`  missing ${line}`);
  missing += area.missing.length;
}
console.log(`surface: ${rows.length - missing} of ${rows.length} there or left out, ${missing} missing`);
