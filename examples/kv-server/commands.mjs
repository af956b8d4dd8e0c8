// @ts-check
/**
 * What the server can do: a table of commands.
 */
import { Deque } from './deque.mjs';

/** @typedef {import('./store.mjs').Store} Store */
/** @typedef {import('./reply.mjs').ReplyWriter} Reply */
/** @typedef {{ store: Store, close(): void, shutdown(): void }} Session */
/** @typedef {(args: Buffer[], reply: Reply, session: Session) => void} Handler */

/** An answer that is an error. */
class CommandError extends Error {}

const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';
const NOT_INTEGER = 'ERR value is not an integer or out of range';
const SYNTAX = 'ERR syntax error';
const MOST_INTEGER = 2n ** 63n - 1n;

/** @param {Buffer} bytes */
const keyOf = (bytes) => bytes.latin1Slice();

/** @param {Buffer} bytes */
function integerOf(bytes) {
  const text = bytes.latin1Slice();
  if (!/^-?(0|[1-9]\d{0,18})$/.test(text) || text === '-0') throw new CommandError(NOT_INTEGER);
  const value = BigInt(text);
  if (value > MOST_INTEGER || value < -MOST_INTEGER - 1n) throw new CommandError(NOT_INTEGER);
  return value;
}

/** @param {Store} store @param {string} key @returns {Buffer | null} */
function stringAt(store, key) {
  const value = store.get(key);
  if (value instanceof Deque) throw new CommandError(WRONG_TYPE);
  return value;
}

/** @param {Store} store @param {string} key @returns {Deque<Buffer> | null} */
function listAt(store, key) {
  const value = store.get(key);
  if (value !== null && !(value instanceof Deque)) throw new CommandError(WRONG_TYPE);
  return value;
}

/** A copy: the request's memory belongs to a chunk that is shared. @param {Buffer} bytes */
const keep = (bytes) => Buffer.from(bytes);

/** @param {bigint} amount @param {(by: bigint) => bigint} [sign] @returns {Handler} */
function adder(amount, sign = (by) => by) {
  return ([key, by], reply, { store }) => {
    const name = keyOf(/** @type {Buffer} */ (key));
    const step = by === undefined ? amount : sign(integerOf(by));
    const value = integerOf(stringAt(store, name) ?? Buffer.from('0')) + step;
    if (value > MOST_INTEGER || value < -MOST_INTEGER - 1n) {
      throw new CommandError('ERR increment or decrement would overflow');
    }
    store.set(name, Buffer.from(String(value)), true);
    reply.integer(value);
  };
}

/** @param {'push' | 'unshift'} end @returns {Handler} */
function pusher(end) {
  return ([key, ...values], reply, { store }) => {
    const name = keyOf(/** @type {Buffer} */ (key));
    let list = listAt(store, name);
    if (list === null) store.set(name, (list = new Deque()));
    for (const value of values) list[end](keep(value));
    reply.integer(list.length);
  };
}

/** @param {'pop' | 'shift'} end @returns {Handler} */
function popper(end) {
  return ([key, count], reply, { store }) => {
    const name = keyOf(/** @type {Buffer} */ (key));
    const list = listAt(store, name);
    const wanted = count === undefined ? null : Number(integerOf(count));
    if (wanted !== null && wanted < 0) throw new CommandError('ERR value is out of range, must be positive');
    if (list === null) {
      if (wanted === null) reply.bulk(null);
      else reply.array(-1);
      return;
    }
    if (wanted === null) reply.bulk(list[end]() ?? null);
    else {
      const some = Math.min(wanted, list.length);
      reply.array(some);
      for (let index = 0; index < some; index++) reply.bulk(list[end]() ?? null);
    }
    if (list.length === 0) store.delete(name);
  };
}

/** @param {number} unit seconds @returns {Handler} */
function expirer(unit) {
  return ([key, time], reply, { store }) => {
    const seconds = Number(integerOf(/** @type {Buffer} */ (time))) * unit;
    reply.integer(store.expire(keyOf(/** @type {Buffer} */ (key)), seconds) ? 1 : 0);
  };
}

/** @param {number} unit seconds @returns {Handler} */
function ttl(unit) {
  return ([key], reply, { store }) => {
    const seconds = store.ttl(keyOf(/** @type {Buffer} */ (key)));
    reply.integer(seconds < 0 ? seconds : Math.round(seconds / unit));
  };
}

/** @type {Handler} */
function setString([key, value, ...options], reply, { store }) {
  const name = keyOf(/** @type {Buffer} */ (key));
  /** @type {number | null} */
  let expiry = null;
  let keepTtl = false;
  let wantsOld = false;
  /** @type {boolean | null} */
  let mustExist = null;
  for (let at = 0; at < options.length; at++) {
    const option = /** @type {Buffer} */ (options[at]).latin1Slice().toUpperCase();
    if (option === 'NX' && mustExist !== true) mustExist = false;
    else if (option === 'XX' && mustExist !== false) mustExist = true;
    else if (option === 'GET') wantsOld = true;
    else if (option === 'KEEPTTL' && expiry === null) keepTtl = true;
    else if ((option === 'EX' || option === 'PX') && expiry === null && !keepTtl && at + 1 < options.length) {
      const amount = Number(integerOf(/** @type {Buffer} */ (options[++at])));
      if (amount <= 0) throw new CommandError("ERR invalid expire time in 'set' command");
      expiry = option === 'EX' ? amount : amount / 1000;
    } else throw new CommandError(SYNTAX);
  }
  const old = wantsOld ? stringAt(store, name) : null;
  if (mustExist !== null && store.has(name) !== mustExist) {
    reply.bulk(old);
    return;
  }
  store.set(name, keep(/** @type {Buffer} */ (value)), keepTtl);
  if (expiry !== null) store.expire(name, expiry);
  if (wantsOld) reply.bulk(old);
  else reply.simple('OK');
}

/** @type {Handler} */
function lrange([key, first, last], reply, { store }) {
  const list = listAt(store, keyOf(/** @type {Buffer} */ (key)));
  const length = list?.length ?? 0;
  /** @param {Buffer} bytes */
  const index = (bytes) => {
    const value = Number(integerOf(bytes));
    return value < 0 ? length + value : value;
  };
  const start = Math.max(0, index(/** @type {Buffer} */ (first)));
  const stop = Math.min(length - 1, index(/** @type {Buffer} */ (last)));
  reply.array(Math.max(0, stop - start + 1));
  for (let at = start; at <= stop; at++) reply.bulk(/** @type {Deque<Buffer>} */ (list).at(at) ?? null);
}

/** A glob as Redis has them, as a regular expression. @param {string} glob */
function toPattern(glob) {
  const source = glob.replace(
    /\\(.)|\*|\?|\[(\^?)((?:[^\]\\]|\\.)*)\]|[.+^${}()|[\]\\/]/g,
    (match, escaped, not, members) => {
      if (escaped !== undefined) return `\\u${escaped.charCodeAt(0).toString(16).padStart(4, '0')}`;
      if (match === '*') return '[^]*';
      if (match === '?') return '[^]';
      if (members !== undefined && members !== '') return `[${not}${members.replace(/[[\]^]/g, '\\$&')}]`;
      return `\\${match[0]}${match.slice(1).replace(/[[\]^]/g, '\\$&')}`;
    },
  );
  return new RegExp(`^${source}$`);
}

const SETTINGS = new Map([
  ['save', ''],
  ['appendonly', 'no'],
  ['maxmemory', '0'],
  ['databases', '1'],
]);

/** @type {Handler} */
function config([verb, ...patterns], reply) {
  const name = /** @type {Buffer} */ (verb).latin1Slice().toUpperCase();
  if (name === 'SET' || name === 'RESETSTAT') reply.simple('OK');
  else if (name === 'GET' && patterns.length > 0) {
    const wanted = patterns.map((pattern) => toPattern(pattern.latin1Slice().toLowerCase()));
    const found = [...SETTINGS].filter(([setting]) => wanted.some((pattern) => pattern.test(setting)));
    reply.array(found.length * 2);
    for (const [setting, value] of found) {
      reply.bulk(setting);
      reply.bulk(value);
    }
  } else throw new CommandError(`ERR Unknown CONFIG subcommand or wrong number of arguments for '${name}'`);
}

/** Name -> fewest arguments, most arguments, handler. @type {Map<string, readonly [number, number, Handler]>} */
const table = new Map(
  Object.entries({
    PING: [0, 1, ([text], reply) => (text === undefined ? reply.simple('PONG') : reply.bulk(text))],
    ECHO: [1, 1, ([text], reply) => reply.bulk(text)],
    QUIT: [
      0,
      0,
      (_, reply, session) => {
        reply.simple('OK');
        session.close();
      },
    ],
    SELECT: [
      1,
      1,
      ([index], reply) => {
        if (integerOf(index) !== 0n) throw new CommandError('ERR DB index is out of range');
        reply.simple('OK');
      },
    ],
    SET: [2, Infinity, setString],
    SETNX: [
      2,
      2,
      ([key, value], reply, { store }) => {
        const fresh = !store.has(keyOf(key));
        if (fresh) store.set(keyOf(key), keep(value));
        reply.integer(fresh ? 1 : 0);
      },
    ],
    SETEX: [
      3,
      3,
      ([key, time, value], reply, session) =>
        setString([key, value, Buffer.from('EX'), time], reply, session),
    ],
    GET: [1, 1, ([key], reply, { store }) => reply.bulk(stringAt(store, keyOf(key)))],
    MGET: [
      1,
      Infinity,
      (keys, reply, { store }) => {
        reply.array(keys.length);
        for (const key of keys) {
          const value = store.get(keyOf(key));
          reply.bulk(value instanceof Deque ? null : value);
        }
      },
    ],
    MSET: [
      2,
      Infinity,
      (pairs, reply, { store }) => {
        if (pairs.length % 2 !== 0)
          throw new CommandError("ERR wrong number of arguments for 'mset' command");
        for (let at = 0; at < pairs.length; at += 2) {
          store.set(keyOf(/** @type {Buffer} */ (pairs[at])), keep(/** @type {Buffer} */ (pairs[at + 1])));
        }
        reply.simple('OK');
      },
    ],
    DEL: [
      1,
      Infinity,
      (keys, reply, { store }) => reply.integer(keys.filter((key) => store.delete(keyOf(key))).length),
    ],
    EXISTS: [
      1,
      Infinity,
      (keys, reply, { store }) => reply.integer(keys.filter((key) => store.has(keyOf(key))).length),
    ],
    TYPE: [
      1,
      1,
      ([key], reply, { store }) => {
        const value = store.get(keyOf(key));
        reply.simple(value === null ? 'none' : value instanceof Deque ? 'list' : 'string');
      },
    ],
    KEYS: [
      1,
      1,
      ([glob], reply, { store }) => {
        const pattern = toPattern(keyOf(glob));
        const found = [...store.keys()].filter((key) => pattern.test(key));
        reply.array(found.length);
        for (const key of found) reply.bulk(Buffer.from(key, 'latin1'));
      },
    ],
    INCR: [1, 1, adder(1n)],
    DECR: [1, 1, adder(-1n)],
    INCRBY: [2, 2, adder(0n)],
    DECRBY: [2, 2, adder(0n, (by) => -by)],
    EXPIRE: [2, 2, expirer(1)],
    PEXPIRE: [2, 2, expirer(0.001)],
    TTL: [1, 1, ttl(1)],
    PTTL: [1, 1, ttl(0.001)],
    PERSIST: [1, 1, ([key], reply, { store }) => reply.integer(store.persist(keyOf(key)) ? 1 : 0)],
    LPUSH: [2, Infinity, pusher('unshift')],
    RPUSH: [2, Infinity, pusher('push')],
    LPOP: [1, 2, popper('shift')],
    RPOP: [1, 2, popper('pop')],
    LLEN: [1, 1, ([key], reply, { store }) => reply.integer(listAt(store, keyOf(key))?.length ?? 0)],
    LRANGE: [3, 3, lrange],
    DBSIZE: [0, 0, (_, reply, { store }) => reply.integer(store.size)],
    FLUSHALL: [
      0,
      1,
      (_, reply, { store }) => {
        store.clear();
        reply.simple('OK');
      },
    ],
    FLUSHDB: [
      0,
      1,
      (_, reply, { store }) => {
        store.clear();
        reply.simple('OK');
      },
    ],
    CONFIG: [1, Infinity, config],
    COMMAND: [
      0,
      Infinity,
      ([verb], reply) => {
        if (verb?.latin1Slice().toUpperCase() === 'COUNT') reply.integer(table.size);
        else reply.array(0);
      },
    ],
    CLIENT: [1, Infinity, (_, reply) => reply.simple('OK')],
    INFO: [0, Infinity, (_, reply) => reply.bulk('# Server\r\nredis_version:0.0.0-miolo-example\r\n')],
    SHUTDOWN: [0, 1, (_, _reply, session) => session.shutdown()],
  }),
);

/**
 * Answers one request.
 *
 * @param {Buffer[]} request name and arguments @param {Reply} reply @param {Session} session
 */
export function execute(request, reply, session) {
  const [name, ...args] = request;
  const text = /** @type {Buffer} */ (name).latin1Slice();
  const command = table.get(text) ?? table.get(text.toUpperCase());
  if (command === undefined) {
    reply.error(`ERR unknown command '${text.slice(0, 128)}', with args beginning with: `);
    return;
  }
  const [fewest, most, handler] = command;
  if (args.length < fewest || args.length > most) {
    reply.error(`ERR wrong number of arguments for '${text.toLowerCase()}' command`);
    return;
  }
  try {
    handler(args, reply, session);
  } catch (error) {
    // Handlers throw before they reply. Anything else is a mistake of ours and ends the connection.
    if (!(error instanceof CommandError)) throw error;
    reply.error(error.message);
  }
}
