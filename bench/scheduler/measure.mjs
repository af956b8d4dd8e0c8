// @ts-check
/** One round: batches of one shape of work until the round is long enough. */

/** Seconds that a batch should take: long against starting a run, short against a round. */
const BATCH_SECONDS = 0.01;

/**
 * Measures `run`, which does a number of operations.
 *
 * @param {(operations: number) => unknown} run returns a promise if the work is not done when it returns
 * @param {{ fixed?: number }} shape `fixed`: operations of every batch, for work whose cost depends on how much there is
 */
export function measurer(run, { fixed } = {}) {
  let batch = fixed ?? 1000;
  /** @param {number} seconds that the round takes at least, and that it works: waiting for a busy machine is no work */
  return async function round(seconds) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    let operations = 0;
    let elapsed = 0;
    let used = 0;
    do {
      const before = elapsed;
      await run(batch);
      operations += batch;
      elapsed = (performance.now() - start) / 1000;
      if (fixed === undefined && elapsed - before < BATCH_SECONDS / 2) batch *= 2;
      const { user, system } = process.cpuUsage(cpu);
      used = (user + system) / 1e6;
    } while (Math.min(elapsed, used) < seconds);
    return { wall: (elapsed * 1e9) / operations, cpu: (used * 1e9) / operations, operations };
  };
}
