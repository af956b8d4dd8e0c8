/**
 * Type tests: `*.types.ts` are compiled with the tests and never run. What must not compile stands behind
 * `@ts-expect-error` with the reason; what must compile has its type asserted.
 */

/** Whether two types are the same: neither only assignable, nor any. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles for `expectType<Equal<A, B>>()` if they are. */
export function expectType<_T extends true>(): void {}
