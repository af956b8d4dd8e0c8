// @ts-check
/** Figures and their spread. */

/** @param {readonly number[]} numbers */
export const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? NaN;

/** How a ratio is written, or nanoseconds of which there may be few. @param {number} number */
const hundredths = (number) => (number < 100 ? number.toFixed(2) : whole(number));

/** How microseconds are written. @param {number} number */
export const tenths = (number) => (number < 100 ? number.toFixed(1) : whole(number));

/** @param {number} number */
export const whole = (number) => Math.round(number).toLocaleString('en');

/**
 * The median with the smallest and the largest.
 *
 * @param {readonly number[]} numbers
 * @param {(number: number) => string} write how each is written
 */
export const spread = (numbers, write = hundredths) =>
  `${write(median(numbers))} (${write(Math.min(...numbers))}-${write(Math.max(...numbers))})`;
