import type { Linter } from 'eslint';
import { defineConfig } from 'eslint/config';
import plugin, { type NoFloatingCoroutineOptions } from 'miolo/lint';

export const asIs: Linter.Config[] = [plugin.configs.recommended];

export const defined: Linter.Config[] = defineConfig([
  plugin.configs.recommended,
  {
    plugins: { miolo: plugin },
    rules: {
      'miolo/no-floating-coroutine': [
        'error',
        { functions: ['ask'], methods: ['query'] } satisfies NoFloatingCoroutineOptions,
      ],
    },
  },
]);

// @ts-expect-error -- there is no such option
export const misspelt: NoFloatingCoroutineOptions = { function: ['ask'] };

// @ts-expect-error -- names are strings
export const mistyped: NoFloatingCoroutineOptions = { methods: [/query/] };
