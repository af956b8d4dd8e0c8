export { MioEventLoop } from './mio-event-loop.ts';
export { MioSelector, Completions } from './selector.ts';
export type { Completion } from './selector.ts';
export { Socket } from './socket.ts';
export { StreamTransport } from './stream-transport.ts';
