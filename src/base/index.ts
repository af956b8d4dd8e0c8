/** asyncio's model in pure TypeScript: runs wherever JavaScript does. */
export { Acquirable, Acquirable as _ContextManagerMixin } from './acquirable.ts';
export { AbstractEventLoop } from './abstract-event-loop.ts';
export { AbstractServer } from './abstract-server.ts';
export {
  AsCompletedIterator,
  AsCompletedIterator as _AsCompletedIterator,
  asCompleted,
} from './as-completed.ts';
export { asyncWith } from './async-with.ts';
export type { AsyncContextManager, ScopeBody } from './async-with.ts';
export { awaitersOf, futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.ts';
export { Barrier } from './barrier.ts';
export * from './base-event-loop.ts';
export { BaseStreamTransport } from './base-stream-transport.ts';
export type { StreamTransportOptions } from './base-stream-transport.ts';
export { setByteAllocator } from './bytes.ts';
export { _checkSslSocket } from './check-socket.ts';
export type { ByteAllocator, ByteKinds, Bytes } from './bytes.ts';
export { _buildGraphForFuture, captureCallGraph, formatCallGraph, printCallGraph } from './call-graph.ts';
export type { CallGraphOptions, FrameCallGraphEntry, FutureCallGraph } from './call-graph.ts';
export { Condition } from './condition.ts';
export {
  ConcurrentCancelledError,
  ConcurrentFuture,
  ConcurrentInvalidStateError,
} from './concurrent-future.ts';
export type { ConcurrentFutureState } from './concurrent-future.ts';
export { ACCEPT_RETRY_DELAY, LOG_THRESHOLD_FOR_CONNLOST_WRITES } from './constants.ts';
export { Context, ContextVar, Token, copyContext } from './contextvars.ts';
export {
  _isCoroutine,
  closeCoroutine,
  coroutine,
  coroutineMethods,
  isCoroutine,
  isCoroutineFunction,
} from './coroutine.ts';
export type { AwaitableCoroutine, Coroutine } from './coroutine.ts';
export type { PipeLike } from './connect-pipe.ts';
export type { CreateConnectionOptions, TransportOptions } from './create-connection.ts';
export type { CreateDatagramEndpointOptions } from './create-datagram-endpoint.ts';
export type { CreateServerOptions } from './create-server.ts';
export type {
  CreateUnixConnectionOptions,
  CreateUnixServerOptions,
  PathLike,
} from './create-unix-connection.ts';
export { DEBUG_STACK_DEPTH, _isDebugMode } from './debug.ts';
export type { FdLike } from './descriptor-loop.ts';
export { createEagerTaskFactory, eagerTaskFactory } from './eager.ts';
export { createTask, ensureFuture } from './ensure-future.ts';
export type { Awaitable } from './ensure-future.ts';
export { Event } from './event.ts';
export * from './exceptions.ts';
export { THREAD_JOIN_TIMEOUT, setDefaultExecutorFactory } from './executor.ts';
export type { Executor, RunInExecutorOptions } from './executor.ts';
export { FlowControlMixin } from './flow-control-mixin.ts';
export { DatagramFlowControlTransport, FlowControlTransport, _FlowControlMixin } from './flow-control.ts';
export {
  DelimitedProtocol,
  FixedSizeProtocol,
  FrameError,
  FrameProtocol,
  FrameTooLargeError,
  FrameTruncatedError,
  HeaderProtocol,
  LengthPrefixedProtocol,
} from './framing.ts';
export { _formatCallbackSource, extractStack, setFunctionLocator } from './format-helpers.ts';
export type { FunctionLocation, FunctionLocator } from './format-helpers.ts';
export { _getLoop, isFuture } from './future-like.ts';
export type { FutureLike, Yieldable } from './future-like.ts';
export { Future, _setResultUnlessCancelled } from './future.ts';
export type { FutureState } from './future.ts';
export { _GatheringFuture, gather } from './gather.ts';
export type { GatherOptions, Results, ResultsOrErrors } from './gather.ts';
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
export { LifoQueue } from './lifo-queue.ts';
export { Lock } from './lock.ts';
export { LoopBound, _LoopBoundMixin } from './loop-bound.ts';
export { logger } from './logger.ts';
export type { LogLevel, LogSink, Logger } from './logger.ts';
export type {
  CallOptions,
  CurrentLoop,
  ExceptionContext,
  ExceptionHandler,
  Loop,
  TaskFactory,
} from './loop.ts';
export { NetworkLoop } from './network-loop.ts';
export type { ResolveOptions, StartTlsOptions } from './network-loop.ts';
export * from './os-error.ts';
export {
  AbstractEventLoopPolicy,
  AbstractEventLoopPolicy as _AbstractEventLoopPolicy,
  DefaultEventLoopPolicy,
  _BaseDefaultEventLoopPolicy,
  _getEventLoopPolicy,
  _setEventLoopPolicy,
  getEventLoopPolicy,
  setEventLoopPolicy,
} from './policies.ts';
export { PriorityQueue } from './priority-queue.ts';
export type { Compare } from './priority-queue.ts';
export { fromPromise } from './promise.ts';
export {
  BaseProtocol,
  BufferedProtocol,
  DatagramProtocol,
  Protocol,
  SubprocessProtocol,
  _feedDataToBufferedProto,
  isBufferedProtocol,
} from './protocols.ts';
export type { ProtocolFactory } from './protocols.ts';
export { Queue } from './queue.ts';
export type { QueueStore } from './queue.ts';
export { Runner, _cancelAllTasks, _cancelAllTasksSync, run, runSync, setInterruptSource } from './runner.ts';
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
export { BoundedSemaphore, Semaphore } from './semaphore.ts';
export {
  SENDFILE_FALLBACK_READBUFFER_SIZE,
  _SendfileFallbackProtocol,
  _SendfileMode,
  setFileAccess,
} from './sendfile.ts';
export type { FileAccess, FileLike } from './sendfile.ts';
export type { SendfileOptions } from './sendfile-loop.ts';
export { Server } from './server.ts';
export { shield } from './shield.ts';
export { sleep } from './sleep.ts';
export * from './socket-constants.ts';
export type { AddrInfo, Address, RawSocketLike, SocketLike } from './socket-like.ts';
export { _setNodelay, _setReuseport } from './socket-setup.ts';
export type { StackEntry } from './stack-entry.ts';
export { staggeredRace } from './staggered.ts';
export { describePending } from './stalled.ts';
export { StreamReader, _DEFAULT_LIMIT } from './stream-reader.ts';
export { StreamReaderProtocol } from './stream-reader-protocol.ts';
export type { ClientConnectedCb } from './stream-reader-protocol.ts';
export { StreamWriter } from './stream-writer.ts';
export type { DrainProtocol } from './stream-writer.ts';
export { openConnection, openUnixConnection, startServer, startUnixServer } from './streams.ts';
export type { StreamOptions } from './streams.ts';
export { setCoroutineLocator } from './suspension.ts';
export type { CoroutineLocator, FrameInfo } from './suspension.ts';
export { TaskGroup } from './task-group.ts';
export { snapshotTasks } from './task-snapshot.ts';
export { printTaskStack, taskStack } from './task-stack.ts';
export { Task } from './task.ts';
export type { TaskOptions } from './task.ts';
export { setThread } from './thread.ts';
export { TransportSocket } from './transport-socket.ts';
export {
  BaseTransport,
  DatagramTransport,
  ReadTransport,
  SubprocessTransport,
  Transport,
  WriteTransport,
} from './transports.ts';
export type { ExtraInfo } from './transports.ts';
export { runCoroutineThreadsafe, toThread } from './threads.ts';
export { Timeout, _TimeoutState, timeout, timeoutAt } from './timeout.ts';
export type { TimeoutState } from './timeout.ts';
export { CycleFoundException, buildAsyncTree, buildTaskTable } from './tools.ts';
export type { CoroInfo, RemoteFrame, TaskInfo, ThreadTasks } from './tools.ts';
export { reportAllUnretrieved } from './unretrieved.ts';
export { ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, wait } from './wait.ts';
export type { ReturnWhen, WaitOptions } from './wait.ts';
export { _cancelAndWait, waitFor } from './wait-for.ts';
export { setWarningSink, warn } from './warnings.ts';
export type { WarningCategory, WarningSink } from './warnings.ts';
export type { WritableLike } from './writable.ts';
export {
  _chainFuture,
  _convertFutureExc,
  _copyFutureState,
  _setConcurrentFutureState,
  wrapFuture,
} from './wrap-future.ts';
export type { AnyFuture } from './wrap-future.ts';
