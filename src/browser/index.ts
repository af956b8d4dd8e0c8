/** The loop of pages and Web Workers, with connections over `MessagePort`s. Imports `miolo/base` and nothing of Node's. */
export { BrowserEventLoop } from './browser-event-loop.ts';
export { PageHost } from './page-host.ts';
export type { PortLike } from './port-end.ts';
export { PortListener } from './port-listener.ts';
export type { PortListenerOptions, PortSource } from './port-listener.ts';
export { PortProtocolError } from './port-messages.ts';
export { PortSocket, connectPort } from './port-socket.ts';
export type { ConnectPortOptions, PortTarget } from './port-socket.ts';
export { PortTransport } from './port-transport.ts';
