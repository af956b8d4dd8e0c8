// @ts-check
/** UDP echo servers: `node bench/udp-server.mjs miolo-hosted|miolo-blocking|dgram`. Prints `ready PORT`. */
import dgram from 'node:dgram';
import { DatagramProtocol, getRunningLoop, run, runSync } from 'miolo';

class Echo extends DatagramProtocol {
  connectionMade(transport) {
    this.transport = transport;
  }

  datagramReceived(data, address) {
    this.transport.sendto(data, address);
  }
}

function* main() {
  const loop = getRunningLoop();
  const [transport] = yield* loop.createDatagramEndpoint(() => new Echo(), ['127.0.0.1', 0]);
  console.log(`ready ${transport.getExtraInfo('sockname')[1]}`);
  yield* loop.createFuture();
}

const kind = process.argv[2];
if (kind === 'miolo-hosted') await run(main());
else if (kind === 'miolo-blocking') runSync(main());
else if (kind === 'dgram') {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (data, { port, address }) => socket.send(data, port, address));
  socket.bind(0, '127.0.0.1', () => console.log(`ready ${socket.address().port}`));
} else throw new Error('the kind of server is missing');
