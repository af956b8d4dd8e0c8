import { logger } from './logger.ts';

/** Kinds of warnings, as Python names their classes. */
export type WarningCategory = 'DeprecationWarning' | 'ResourceWarning' | 'RuntimeWarning' | 'UserWarning';

/** Where warnings go. */
export interface WarningSink {
  (message: string, category: WarningCategory): void;
}

const toLog: WarningSink = (message, category) => logger.warning(`${category}: ${message}`);

let sink: WarningSink = toLog;

/**
 * Warns the user of something that works, but should not be done so. Python: `warnings.warn`.
 *
 * @param category what kind of warning it is
 */
export function warn(message: string, category: WarningCategory): void {
  sink(message, category);
}

/** Replaces where warnings go and returns what it was; null restores the default, the package's log. */
export function setWarningSink(next: WarningSink | null): WarningSink {
  const former = sink;
  sink = next ?? toLog;
  return former;
}
