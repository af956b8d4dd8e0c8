// @ts-check
/** What the servers are compared in. */

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {number} size bytes a message
 * @property {number} connections
 * @property {number} pipeline messages in flight a connection
 * @property {boolean} [connect] whether each message is a connection of its own
 * @property {number} [pieces] writes by which the server answers a message: servers of their own, started for it
 * @property {boolean} [apart] whether the client has a core to itself
 */

/** @type {readonly Scenario[]} */
export const CORE = [
  { name: '64 B, 128 connections', size: 64, connections: 128, pipeline: 1 },
  { name: '1 KiB, 128 connections, 16 in flight', size: 1024, connections: 128, pipeline: 16 },
  { name: '16 KiB, 128 connections', size: 16384, connections: 128, pipeline: 1 },
  { name: '64 B, 1 connection', size: 64, connections: 1, pipeline: 1 },
  { name: 'connect, echo 64 B, close', size: 64, connections: 32, pipeline: 1, connect: true },
  {
    name: '64 B answered by four writes, 128 connections',
    size: 64,
    connections: 128,
    pipeline: 1,
    pieces: 4,
  },
  { name: '64 B, 1 connection, client and server apart', size: 64, connections: 1, pipeline: 1, apart: true },
];

const text = (/** @type {number} */ bytes) =>
  bytes >= 1 << 20 ? `${bytes >> 20} MiB` : bytes >= 1024 ? `${bytes >> 10} KiB` : `${bytes} B`;

/** How the cost of a message grows with the number of connections. @type {readonly Scenario[]} */
export const BY_CONNECTIONS = [1, 10, 100, 1000, 10_000].map((connections) => ({
  name: `64 B, ${connections.toLocaleString('en')} connections`,
  size: 64,
  connections,
  pipeline: 1,
}));

/** How the cost of a message grows with its size. @type {readonly Scenario[]} */
export const BY_SIZE = [64, 1024, 16_384, 131_072, 1 << 20].map((size) => ({
  name: `${text(size)}, 16 connections`,
  size,
  connections: 16,
  pipeline: 1,
}));
