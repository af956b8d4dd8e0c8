import { setDefaultHost, setDefaultLoopFactory } from './base/index.ts';
import { MioEventLoop } from './native/index.ts';
import { NodeHost } from './node/index.ts';

export * from './base/index.ts';
export * from './native/index.ts';
export * from './node/index.ts';

/** The loop of this installation. asyncio: `EventLoop`. */
export const EventLoop: typeof MioEventLoop = MioEventLoop;

setDefaultHost(() => new NodeHost());
setDefaultLoopFactory(() => new MioEventLoop());
