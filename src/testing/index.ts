export { VirtualClockLoop } from './virtual-clock-loop.ts';
