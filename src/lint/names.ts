/**
 * What the rule knows about the package. Kept by hand, so that a linter need not load an event loop; a test compares
 * it with what the package exports.
 */

/** Exported functions whose call makes a coroutine. */
export const COROUTINE_FUNCTIONS: ReadonlySet<string> = new Set([
  '_cancelAndWait',
  'asyncWith',
  'displayAwaitedByTasksTable',
  'displayAwaitedByTasksTree',
  'getAllAwaitedBy',
  'openConnection',
  'openUnixConnection',
  'sleep',
  'staggeredRace',
  'startServer',
  'startUnixServer',
  'toThread',
  'wait',
  'waitFor',
]);

/** The methods of loops that make a coroutine. */
const ABSTRACT_LOOP: readonly string[] = [
  'connectAcceptedSocket',
  'connectReadPipe',
  'connectWritePipe',
  'createConnection',
  'createDatagramEndpoint',
  'createServer',
  'createUnixConnection',
  'createUnixServer',
  'getaddrinfo',
  'getnameinfo',
  'sendfile',
  'shutdownAsyncgens',
  'shutdownDefaultExecutor',
  'sockAccept',
  'sockConnect',
  'sockRecv',
  'sockRecvInto',
  'sockRecvfrom',
  'sockRecvfromInto',
  'sockSendall',
  'sockSendfile',
  'sockSendto',
  'startTls',
];

const LOOP: readonly string[] = [
  '_connectSock',
  '_createServerGetaddrinfo',
  '_ensureResolved',
  '_makeSubprocessTransport',
  '_sendfileFallback',
  '_sendfileNative',
  '_sockSendfileFallback',
  '_sockSendfileNative',
  ...ABSTRACT_LOOP,
];

const SCOPE: readonly string[] = ['aenter', 'aexit', 'run'];
const SERVER: readonly string[] = ['aenter', 'aexit', 'serveForever', 'startServing', 'waitClosed'];
const QUEUE: readonly string[] = ['get', 'join', 'put'];
const SEMAPHORE: readonly string[] = ['acquire', ...SCOPE];

/** Methods whose call makes a coroutine, inherited ones too, by exported class. */
export const COROUTINE_METHODS: Readonly<Record<string, readonly string[]>> = {
  AbstractEventLoop: ABSTRACT_LOOP,
  AbstractServer: SERVER,
  Acquirable: SEMAPHORE,
  AsCompletedIterator: ['anext'],
  Barrier: ['abort', 'reset', 'wait', ...SCOPE],
  BaseEventLoop: LOOP,
  BoundedSemaphore: SEMAPHORE,
  BrowserEventLoop: LOOP,
  Condition: ['wait', 'waitFor', ...SEMAPHORE],
  Event: ['wait'],
  EventLoop: LOOP,
  FlowControlMixin: ['_drainHelper'],
  LifoQueue: QUEUE,
  Lock: SEMAPHORE,
  MioEventLoop: LOOP,
  NetworkLoop: LOOP,
  PriorityQueue: QUEUE,
  Queue: QUEUE,
  // Its methods return promises; what they take is what matters.
  Runner: [],
  Semaphore: SEMAPHORE,
  Server: SERVER,
  StreamReader: ['_waitForData', 'anext', 'read', 'readexactly', 'readline', 'readuntil'],
  StreamReaderProtocol: ['_drainHelper'],
  StreamWriter: ['drain', 'startTls', 'waitClosed'],
  TaskGroup: SCOPE,
  Timeout: SCOPE,
  SimulatedLoop: LOOP,
  VirtualClockLoop: LOOP,
};

/** What calls of exported functions return, where that is a class above. */
export const RETURNED_CLASSES: Readonly<Record<string, string>> = {
  asCompleted: 'AsCompletedIterator',
  getEventLoop: 'BaseEventLoop',
  getRunningLoop: 'BaseEventLoop',
  newEventLoop: 'BaseEventLoop',
  timeout: 'Timeout',
  timeoutAt: 'Timeout',
};

/** What waiting for exported coroutine functions gives: a class, or a tuple of them. */
export const AWAITED_CLASSES: Readonly<Record<string, string | readonly string[]>> = {
  openConnection: ['StreamReader', 'StreamWriter'],
  openUnixConnection: ['StreamReader', 'StreamWriter'],
  startServer: 'Server',
  startUnixServer: 'Server',
};

/** Exported functions that take a coroutine as their first argument, and refuse a function. */
export const COROUTINE_TAKERS: ReadonlySet<string> = new Set([
  'createTask',
  'ensureFuture',
  'run',
  'runSync',
  'shield',
  'waitFor',
]);

/** Methods of that kind, of loops and groups; no other library's have these names. */
export const COROUTINE_TAKING_METHODS: ReadonlySet<string> = new Set([
  'createTask',
  'runUntilComplete',
  'runUntilCompleteSync',
]);

/** Methods that are nobody else's, whatever the receiver, in files that import the package. */
export const UNMISTAKABLE_METHODS: ReadonlySet<string> = new Set([
  'readexactly',
  'readuntil',
  'serveForever',
  'startServing',
  'waitClosed',
]);

/** In such files also methods of receivers with a telling name: `writer.drain()`, `this.clientReader.readline()`. */
export const METHODS_BY_RECEIVER: readonly (readonly [receiver: RegExp, methods: readonly string[]])[] = [
  [/writer$/i, ['drain']],
  [/reader$/i, ['readline']],
];
