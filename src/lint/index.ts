/**
 * A plugin for ESLint (9 and later) and oxlint that reports forgotten `yield*`. Loads nothing of the event loop.
 *
 * @example
 * ```js
 * // eslint.config.js
 * import miolo from 'miolo/lint';
 *
 * export default [miolo.configs.recommended];
 * ```
 */
import type { Rule } from './ast.ts';
import { noFloatingCoroutine } from './no-floating-coroutine.ts';

export type { Rule } from './ast.ts';
export type { Options as NoFloatingCoroutineOptions } from './no-floating-coroutine.ts';

/** What linters load. */
export interface LintPlugin {
  readonly meta: { readonly name: string };
  readonly rules: { readonly 'no-floating-coroutine': Rule };
  readonly configs: {
    /** For ESLint: the plugin, with its rule as an error. */
    readonly recommended: {
      readonly name: string;
      readonly plugins: { readonly miolo: LintPlugin };
      readonly rules: { readonly 'miolo/no-floating-coroutine': 'error' };
    };
  };
}

const plugin: LintPlugin = {
  meta: { name: 'miolo' },
  rules: { 'no-floating-coroutine': noFloatingCoroutine },
  configs: {
    recommended: {
      name: 'miolo/recommended',
      plugins: {
        // A getter: the plugin is not there yet.
        get miolo(): LintPlugin {
          return plugin;
        },
      },
      rules: { 'miolo/no-floating-coroutine': 'error' },
    },
  },
};

export default plugin;
