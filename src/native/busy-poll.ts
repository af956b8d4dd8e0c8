import { ValueError } from '../base/index.ts';

/** Seconds; the core allows no more either. Whoever gives milliseconds or microseconds by mistake is told. */
const LARGEST = 0.01;

/**
 * The seconds of busy polling that were asked for.
 *
 * @throws TypeError for what is no number; ValueError for one that is not from 0 to 0.01
 */
export function checkBusyPoll(seconds: number): number {
  if (typeof seconds !== 'number')
    throw new TypeError(`busyPoll: must be a number of seconds, not ${typeof seconds}`);
  if (seconds >= 0 && seconds <= LARGEST) return seconds;
  throw new ValueError(`busyPoll: must be from 0 to ${LARGEST} seconds, not ${seconds}`);
}
