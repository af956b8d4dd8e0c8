// @ts-check
/**
 * A name server: answers questions for IPv4 addresses from a table, over UDP.
 *
 * `node examples/dns-server/server.mjs --port 5353 --host example.test=192.0.2.1`, then
 * `dig @127.0.0.1 -p 5353 example.test`.
 */
import { DatagramProtocol, getRunningLoop, run } from 'miolo';
import { parseArgs } from 'node:util';

const HEADER_BYTES = 12;
const TYPE_A = 1;
const CLASS_IN = 1;
const TIME_TO_LIVE = 60;

/** The question of a message: its name, type, class and end; null if the message is malformed. */
function readQuestion(message) {
  const labels = [];
  let at = HEADER_BYTES;
  for (let length = message[at++]; length !== 0; length = message[at++]) {
    // Undefined beyond the end; above 63 it would be a pointer, which a question does not have.
    if (length === undefined || length > 63 || at + length > message.length) return null;
    labels.push(message.toString('latin1', at, at + length));
    at += length;
  }
  if (at + 4 > message.length) return null;
  const name = labels.join('.').toLowerCase();
  return { name, type: message.readUInt16BE(at), class: message.readUInt16BE(at + 2), end: at + 4 };
}

/** The answer to a message, null if there is none to give. */
export function answer(message, table) {
  if (message.length < HEADER_BYTES || (message[2] & 0x80) !== 0 || message.readUInt16BE(4) !== 1)
    return null;
  const question = readQuestion(message);
  if (question === null) return null;
  const address = table.get(question.name);
  const found = address !== undefined && question.type === TYPE_A && question.class === CLASS_IN;

  const reply = Buffer.alloc(question.end + (found ? 16 : 0));
  message.copy(reply, 0, 0, question.end);
  // An authoritative response; recursion only if it was asked for; 3: no such name.
  reply[2] = 0x84 | (message[2] & 0x01);
  reply[3] = address === undefined ? 3 : 0;
  reply.writeUInt16BE(found ? 1 : 0, 6);
  reply.fill(0, 8, HEADER_BYTES);
  if (found) {
    // The name is where the question has it.
    reply.writeUInt16BE(0xc000 | HEADER_BYTES, question.end);
    reply.writeUInt16BE(TYPE_A, question.end + 2);
    reply.writeUInt16BE(CLASS_IN, question.end + 4);
    reply.writeUInt32BE(TIME_TO_LIVE, question.end + 6);
    reply.writeUInt16BE(4, question.end + 10);
    reply.set(address.split('.').map(Number), question.end + 12);
  }
  return reply;
}

class NameServer extends DatagramProtocol {
  #table;

  constructor(table) {
    super();
    this.#table = table;
  }

  connectionMade(transport) {
    this.transport = transport;
  }

  datagramReceived(data, address) {
    const reply = answer(data, this.#table);
    if (reply !== null) this.transport.sendto(reply, address);
  }

  errorReceived(error) {
    // A client that is gone; the others go on.
    console.error(`${error.message}`);
  }
}

function* main() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      host: { type: 'string', multiple: true, default: [] },
    },
  });
  const table = new Map(values.host.map((entry) => entry.split('=')));
  const loop = getRunningLoop();
  const local = ['127.0.0.1', Number(values.port)];
  const [transport] = yield* loop.createDatagramEndpoint(() => new NameServer(table), local);
  console.log(`ready ${transport.getExtraInfo('sockname')[1]}`);
  yield* loop.createFuture();
}

await run(main());
