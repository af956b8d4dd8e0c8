import test from 'ava';
import { Linter } from 'eslint';
import plugin, { type NoFloatingCoroutineOptions } from 'miolo/lint';
import { CASES } from './cases.ts';

/** What the rule reports: where, what, and the text after its suggestion. */
interface Found {
  readonly line: number;
  readonly messageId: string | undefined;
  readonly fixed: string | null;
}

function lint(code: string, options: NoFloatingCoroutineOptions = {}): Found[] {
  const messages = new Linter().verify(code, {
    languageOptions: { globals: { fetch: 'readonly' } },
    plugins: { miolo: plugin },
    rules: { 'miolo/no-floating-coroutine': ['error', options] },
  });
  return messages.map(({ line, messageId, message, suggestions, ruleId }) => {
    if (ruleId === null) throw new Error(message);
    const fix = suggestions?.[0]?.fix;
    const fixed =
      fix === undefined ? null : code.slice(0, fix.range[0]) + fix.text + code.slice(fix.range[1]);
    return { line, messageId, fixed };
  });
}

for (const { title, code, messageId, fixed, options } of CASES) {
  test(`${messageId === null ? 'accepts' : 'reports'}: ${title}`, (t) => {
    const found = lint(code, options);
    t.deepEqual(
      found.map((problem) => problem.messageId),
      messageId === null ? [] : [messageId],
    );
    t.is(found[0]?.fixed ?? null, fixed);
    // Accepted, nothing is left to say.
    if (fixed !== null) t.deepEqual(lint(fixed, options), []);
  });
}
