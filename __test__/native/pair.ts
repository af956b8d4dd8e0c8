/** Both ends of real connections in one loop, so that the same test runs hosted and blocking. */
import type { TestFn, ExecutionContext } from 'ava';
import { readdirSync } from 'node:fs';
import { MioEventLoop, Server, run, runSync, sleep } from 'miolo';
import type { Coroutine, ExceptionContext, Transport } from 'miolo';
import { Recorder, portOf, serve, theLoop } from '../helpers.js';

/** Registers a test for each drive. The loop is of `Loop`'s class. */
export function inBothDrives(
  test: TestFn,
  title: string,
  body: (t: ExecutionContext) => Coroutine<void>,
  Loop: new () => MioEventLoop = MioEventLoop,
): void {
  const options = { loopFactory: () => new Loop() };
  test.serial(`hosted: ${title}`, (t) => run(body(t), options));
  test.serial(`blocking: ${title}`, (t) => runSync(body(t), options));
}

/** Lets the loop turn until `condition` holds. */
export function* until(condition: () => boolean): Coroutine<void> {
  while (!condition()) yield* sleep(0.001);
}

/** So many turns, of which each polls: what has arrived is delivered then. */
export function* turns(count: number): Coroutine<void> {
  for (let turn = 0; turn < count; turn++) yield;
}

/** A connection: `near` is the server's end, `far` the client's. */
export interface Pair<N extends Recorder, F extends Recorder> {
  readonly server: Server;
  readonly near: N;
  readonly far: F;
}

/** Connects a client to a server of its own. */
export function* pair<N extends Recorder, F extends Recorder>(
  makeNear: () => N,
  makeFar: () => F,
): Coroutine<Pair<N, F>> {
  let near: N | null = null;
  const server = yield* serve(() => (near = makeNear()));
  const [, far] = yield* theLoop().createConnection(makeFar, '127.0.0.1', portOf(server));
  yield* until(() => near !== null);
  yield* near!.made;
  return { server, near: near!, far };
}

/** Ends what {@link pair} made. */
export function* end({ server, near, far }: Pair<Recorder, Recorder>): Coroutine<void> {
  near.transport.abort();
  far.transport.abort();
  server.close();
  yield* server.waitClosed();
  yield* far.lost;
}

/** A Recorder that does not read until it is told to. */
export class Deaf extends Recorder {
  override connectionMade(transport: Transport): void {
    super.connectionMade(transport);
    transport.pauseReading();
  }
}

/** More than the kernel takes for a peer that does not read. */
export const PLENTY: number = 16 << 20;

/** What the exception handler is told from now on. */
export function reportsOf(loop: MioEventLoop): ExceptionContext[] {
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_loop, context) => void reports.push(context));
  return reports;
}

/** Descriptors that this process has open. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
