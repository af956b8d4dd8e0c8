// @ts-check
/** Every peer that runs in Node: what it is called, which shape of a case it runs, how it is opened. */
const miolo = () => import('./miolo.mjs');
const node = async () => (await import('./node.mjs')).open();

export const peers = [
  { name: 'miolo base', shape: 'miolo', open: async () => (await miolo()).base() },
  { name: 'miolo blocking', shape: 'miolo', open: async () => (await miolo()).native() },
  { name: 'miolo hosted', shape: 'miolo', open: async () => (await miolo()).hosted() },
  { name: 'promises', shape: 'promises', open: node },
  { name: 'nextTick', shape: 'nextTick', open: node },
  { name: 'setImmediate', shape: 'setImmediate', open: node },
  { name: 'setTimeout', shape: 'setTimeout', open: node },
  { name: 'effect', shape: 'effect', open: async () => (await import('./effect.mjs')).open() },
  {
    name: 'effection',
    shape: 'effection',
    open: async () => (await import('./effection.mjs')).open(),
    pendingLimit: 10_000,
  },
];

/** The first peer and what makes it slower. */
export const variants = [
  /** @type {typeof peers[number]} */ (peers[0]),
  {
    name: 'with 100 context variables',
    shape: 'miolo',
    open: async () => (await miolo()).withVariables(),
  },
  { name: 'callSoon overridden', shape: 'miolo', open: async () => (await miolo()).overridden() },
  { name: 'debug mode', shape: 'miolo', open: async () => (await miolo()).debugging() },
];

/** @param {string} name */
export function findPeer(name) {
  const peer = [...peers, ...variants].find((each) => each.name === name);
  if (peer === undefined) throw new Error(`no such peer: ${name}`);
  return peer;
}
