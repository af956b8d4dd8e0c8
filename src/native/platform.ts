import { constants } from 'node:os';
import { _errnoTable, setErrnoTable, setSocketConstants } from '../base/index.ts';
import { addon } from './addon.ts';

/** Gives base the platform's numbers where they are not Linux's, which base has. */
export function adaptToPlatform(): void {
  if (process.platform === 'linux') return;
  setErrnoTable(translateErrnos(constants.errno));
  try {
    setSocketConstants(addon().socketConstants());
  } catch (error) {
    // Without a binary nothing needs the numbers; the first loop says what is missing.
    if ((error as { code?: unknown }).code !== 'ERR_MIOLO_NATIVE_BINARY') throw error;
  }
}

/** Base's table under a platform's numbers. */
export function translateErrnos(numbers: Readonly<Record<string, number>>): ReturnType<typeof _errnoTable> {
  const entries = [..._errnoTable().values()].flatMap((entry) => {
    const number = numbers[entry[0]];
    return number === undefined ? [] : [[number, entry] as const];
  });
  return new Map(entries);
}
