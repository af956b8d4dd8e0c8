import { isMainThread, threadId } from 'node:worker_threads';
import {
  reportAllUnretrieved,
  setByteAllocator,
  setCoroutineLocator,
  setDefaultExecutorFactory,
  setDefaultHost,
  setDefaultLoopFactory,
  setFileAccess,
  setFunctionLocator,
  setInterruptSource,
  setThread,
  setWarningSink,
} from './base/index.ts';
import { MioEventLoop } from './native/index.ts';
import { keptMemory } from './native/kept-memory.ts';
import { adaptToPlatform } from './native/platform.ts';
import { fileAccess } from './native/send-file.ts';
import {
  NodeHost,
  ThreadPoolExecutor,
  emitProcessWarning,
  interruptSource,
  locateCoroutines,
  locateFunction,
} from './node/index.ts';

export * from './base/index.ts';
export * from './native/index.ts';
export * from './node/index.ts';

declare module './base/bytes.js' {
  interface ByteKinds {
    readonly received: Buffer;
  }
}

/** The loop of this installation. asyncio: `EventLoop`. */
export const EventLoop: typeof MioEventLoop = MioEventLoop;

adaptToPlatform();
// What readers return is a Buffer, as everything is that Node's own streams read.
setByteAllocator(keptMemory);
setFileAccess(fileAccess);
setDefaultHost(() => new NodeHost());
setDefaultExecutorFactory(() => new ThreadPoolExecutor({ threadNamePrefix: 'asyncio' }));
setInterruptSource(interruptSource);
setDefaultLoopFactory(() => new MioEventLoop());
setCoroutineLocator(locateCoroutines);
setFunctionLocator(locateFunction);
setThread(threadId, isMainThread ? 'MainThread' : `Worker-${threadId}`);
setWarningSink(emitProcessWarning);
// A program need not close its loop: what nobody asked for is told at the latest now.
process.on('exit', reportAllUnretrieved);
