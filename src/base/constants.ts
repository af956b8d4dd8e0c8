/** Seconds for which a listener that ran out of descriptors or memory does not accept. asyncio: `constants`. */
export const ACCEPT_RETRY_DELAY = 1;

/** From this many writes on that a lost connection dropped, each one logs a warning. asyncio: `constants`. */
export const LOG_THRESHOLD_FOR_CONNLOST_WRITES = 5;
