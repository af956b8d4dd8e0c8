/** asyncio's model in pure TypeScript: runs wherever JavaScript does. */
export { AbstractEventLoop } from './abstract-event-loop.ts';
export type { Executor } from './abstract-event-loop.ts';
export { awaitersOf, futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.ts';
export * from './base-event-loop.ts';
export { Context, ContextVar, Token, copyContext } from './contextvars.ts';
export {
  closeCoroutine,
  coroutine,
  coroutineMethods,
  isCoroutine,
  isCoroutineFunction,
} from './coroutine.ts';
export type { AwaitableCoroutine, Coroutine } from './coroutine.ts';
export type { CreateConnectionOptions, TransportOptions } from './create-connection.ts';
export type { CreateServerOptions } from './create-server.ts';
export { createEagerTaskFactory, eagerTaskFactory } from './eager.ts';
export { createTask, ensureFuture } from './ensure-future.ts';
export type { Awaitable } from './ensure-future.ts';
export * from './exceptions.ts';
export { FlowControlTransport, _FlowControlMixin } from './flow-control.ts';
export { _getLoop, isfuture } from './future-like.ts';
export type { FutureLike, Yieldable } from './future-like.ts';
export { Future, setResultUnlessCancelled } from './future.ts';
export type { FutureState } from './future.ts';
export { gather } from './gather.ts';
export type { GatherOptions, Results } from './gather.ts';
export { Handle, TimerHandle } from './handle.ts';
export type { Callback } from './handle.ts';
export { defaultHost, setDefaultHost } from './host.ts';
export type { Host } from './host.ts';
export { HostedDrive } from './hosted-drive.ts';
export { _interleaveAddrinfos, _ipaddrInfo } from './ip-address.ts';
export {
  _enterTask,
  _leaveTask,
  _registerEagerTask,
  _registerTask,
  _swapCurrentTask,
  _unregisterEagerTask,
  _unregisterTask,
  allTasks,
  currentTask,
} from './lifetime.ts';
export type { TaskLike } from './lifetime.ts';
export { logger } from './logger.ts';
export type { LogLevel, LogSink, Logger } from './logger.ts';
export type { CallOptions, ExceptionContext, ExceptionHandler, Loop, TaskFactory } from './loop.ts';
export { NetworkLoop } from './network-loop.ts';
export type { ResolveOptions } from './network-loop.ts';
export * from './os-error.ts';
export { fromPromise } from './promise.ts';
export {
  BaseProtocol,
  BufferedProtocol,
  DatagramProtocol,
  Protocol,
  SubprocessProtocol,
  isBufferedProtocol,
} from './protocols.ts';
export type { ProtocolFactory } from './protocols.ts';
export { Runner, run, runSync, setInterruptSource } from './runner.ts';
export type { InterruptSource, RunnerOptions } from './runner.ts';
export {
  _getRunningLoop,
  _setRunningLoop,
  getEventLoop,
  getRunningLoop,
  newEventLoop,
  setDefaultLoopFactory,
  setEventLoop,
} from './running-loop.ts';
export type { Selector } from './selector.ts';
export { Server } from './server.ts';
export { sleep } from './sleep.ts';
export * from './socket-constants.ts';
export type { AddrInfo, Address, SocketLike } from './socket-like.ts';
export { staggeredRace } from './staggered.ts';
export { describePending } from './stalled.ts';
export { Task } from './task.ts';
export type { TaskOptions } from './task.ts';
export {
  BaseTransport,
  DatagramTransport,
  ReadTransport,
  SubprocessTransport,
  Transport,
  WriteTransport,
} from './transports.ts';
export type { ExtraInfo } from './transports.ts';
