import { allTasks } from './lifetime.ts';
import type { Loop } from './loop.ts';

/** Names each pending task of a loop and what it waits for, a line each. */
export function describePending(loop: Loop): string {
  const lines = [...allTasks(loop)].map((task) => {
    const name = task.getName?.() ?? String(task);
    const waiter = (task as { _futWaiter?: unknown })._futWaiter;
    return `  ${name}: ${waiter == null ? 'is ready to run' : `waits for ${describeWait(waiter)}`}`;
  });
  return lines.length === 0 ? '  (no tasks)' : lines.join('\n');
}

function describeWait(waiter: unknown): string {
  const named = waiter as { getName?: () => string };
  return typeof named.getName === 'function' ? `task ${named.getName()}` : String(waiter);
}
