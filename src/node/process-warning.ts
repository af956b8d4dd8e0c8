import type { WarningCategory } from '../base/index.ts';

/** Gives a warning the way Node does: `--no-deprecation`, `--trace-warnings`, and `process.on('warning')` apply. */
export function emitProcessWarning(message: string, category: WarningCategory): void {
  process.emitWarning(message, { type: category });
}
