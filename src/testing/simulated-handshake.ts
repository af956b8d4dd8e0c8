import { osErrorFromCode } from '../base/index.ts';
import type { OSError } from '../base/index.ts';
import type { HostLife } from './simulated-host.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { type HostAddress, StreamEnd } from './simulated-stream.ts';

/** Bytes of each packet of a handshake. */
const PACKET = 60;

/** Seconds after which a greeting without an answer is sent again; doubled each time. */
const FIRST_RETRY = 1;

/**
 * Tries to connect until there is an answer or the network's `timeout` has passed.
 *
 * @param done called once, by a timer: with the connection's near end, or with what went wrong
 * @returns gives up; `done` is not called then
 */
export function dial(
  network: SimulatedNetwork,
  from: HostLife,
  local: HostAddress,
  remote: HostAddress,
  done: (result: StreamEnd | OSError) => void,
): () => void {
  const target = network._hostAt(remote[0], from.host);
  let open = true;
  const settle = (result: StreamEnd | string): void => {
    if (!open) return;
    open = false;
    deadline.cancel();
    if (!(result instanceof StreamEnd)) {
      network._record(result, from.host.name, target?.name ?? remote[0], remote[1]);
      done(osErrorFromCode(result, 'connect', { address: remote[0], port: remote[1] }));
    } else done(result);
  };
  const deadline = network._at(network.loop.time() + network.timeout, () => settle('ETIMEDOUT'));
  if (target === null) {
    network._at(network._arrival(from.host, from.host, PACKET, true), () => settle('EHOSTUNREACH'));
    return () => void (open = false);
  }

  const answered = (): void => {
    if (!open || !from.alive || !network._reaches(target, from.host)) return;
    const to = target._life;
    // Between its answer and now it has gone down: whoever sends will hear of it.
    if (to === null) return;
    const [near, far] = StreamEnd.pair(network, from, local, to, remote);
    far.onOpen = () => {
      const listener = to.streams.get(remote[1]);
      if (listener?.isListening !== true || !listener._incoming(far)) far.reset();
    };
    network._record('connect', from.host.name, target.name, remote[1]);
    near.open();
    settle(near);
  };

  const greeted = (): void => {
    if (!open || !network._reaches(from.host, target)) return;
    const listener = target._life?.streams.get(remote[1]);
    const back = network._arrival(target, from.host, PACKET, true);
    if (listener?.isListening === true) network._at(back, answered);
    else {
      network._at(back, () => {
        if (network._reaches(target, from.host)) settle('ECONNREFUSED');
      });
    }
  };

  const greet = (wait: number): void => {
    if (!open || !from.alive) return;
    network._at(network._arrival(from.host, target, PACKET, false), greeted);
    const again = network.loop.time() + wait;
    if (again < deadline.when()) network._at(again, () => greet(2 * wait));
  };
  greet(FIRST_RETRY);
  return () => {
    open = false;
    deadline.cancel();
  };
}
