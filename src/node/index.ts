export { NodeHost } from './node-host.ts';
