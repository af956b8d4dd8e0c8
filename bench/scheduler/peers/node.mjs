// @ts-check
/** What Node has by itself. A body is a function of the number of operations that may return a promise. */
export const open = async () => ({ api: {}, start: (body, n) => body(n) });
