/** What text is written to: Node's streams are, and anything else with such a method. */
export interface WritableLike {
  write(text: string): unknown;
}

/** Writes a line to `file`, or by `fallback` if there is none. */
export function writeLine(
  file: WritableLike | null | undefined,
  text: string,
  fallback: (text: string) => void,
): void {
  if (file === null || file === undefined) fallback(text);
  else file.write(`${text}\n`);
}
