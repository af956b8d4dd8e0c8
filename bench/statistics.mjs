// @ts-check
/** Figures and their spread. */

/** @param {readonly number[]} numbers */
export const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? NaN;

/** @param {number} number */
const round = (number) => (number < 100 ? number.toFixed(2) : Math.round(number).toLocaleString('en'));

/** The median with the smallest and the largest. @param {readonly number[]} numbers */
export const spread = (numbers) =>
  `${round(median(numbers))} (${round(Math.min(...numbers))}-${round(Math.max(...numbers))})`;

/** @param {number} number */
export const whole = (number) => Math.round(number).toLocaleString('en');
